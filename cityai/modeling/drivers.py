"""What moved single predictions, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Drivers:
    """What moved each prediction.

    Attributes
    ----------
    parts : pandas.DataFrame
        Shape (n, F): each feature's part of the prediction's distance from its starting point;
        empty when no part of the model can be taken apart.
    data : pandas.DataFrame
        Shape (n, F): the features' values.
    background : pandas.DataFrame
        Values of the same features in other rows, to see which move together.
    labels : dict of str to str
        Words for readers, by feature.
    weight : float
        Share of the prediction that is explained this way.
    """

    parts: pd.DataFrame
    data: pd.DataFrame
    background: pd.DataFrame
    labels: dict[str, str]
    weight: float
