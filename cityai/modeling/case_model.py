"""The final model of a yes/no question: text, tables and figures that predict any case."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cityai.modeling.calibration import CalibrationMap


@dataclass(frozen=True, slots=True, eq=False)
class CaseModel:
    """What is registered after approval. No code and no pickle: text, tables and figures.

    Attributes
    ----------
    as_of : pandas.Timestamp
        End of what was known when it was fitted: every outcome was known before it.
    booster : str or None
        The trees, as LightGBM's text; None when no candidate is made of trees.
    trees : str
        Name of the candidate that the trees are; empty without one.
    logistic : str or None
        The logistic regression as JSON (see `cityai.modeling.estimators.Logistic`); None without.
    linear : str
        Name of the candidate that it is; empty without one.
    feature_names : tuple of str
        Features, in order.
    categories : dict of str to tuple of str
        Known values of the categorical ones.
    blend : dict of str to float
        Weight of each candidate on the log-odds, sum 1.
    calibration : CalibrationMap
        From blended log-odds to calibrated ones.
    base_rate : float
        Share of yes among the outcomes that it learnt from.
    seed : int
        Seed of the training.
    training_rows : int
        Outcomes that it learnt from.
    """

    as_of: pd.Timestamp
    booster: str | None
    trees: str
    logistic: str | None
    linear: str
    feature_names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    blend: dict[str, float]
    calibration: CalibrationMap
    base_rate: float
    seed: int
    training_rows: int


def predict_cases(model: CaseModel, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict cases.

    Parameters
    ----------
    model : CaseModel
        The registered model.
    frame : pandas.DataFrame
        The model's features, one row a case.

    Returns
    -------
    pandas.DataFrame
        Index of `frame`; ``y_pred`` (calibrated probability) and ``candidate.<name>``.

    Raises
    ------
    DataError
        When a column is missing or infinite.
    """
    raise NotImplementedError
