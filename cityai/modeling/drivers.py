"""Feature attributions: what moved single predictions, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.modeling.forecasters import Contributions, SavedModel, list_features
from cityai.modeling.forecasters.formats import load_learner


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


def explain_blend(
    models: Sequence[SavedModel],
    weights: Mapping[str, float],
    table: pd.DataFrame,
    background: pd.DataFrame,
) -> tuple[Contributions | None, float]:
    """Explain the learners of a blend together, weighed among each other as the blend weighs them.

    Parameters
    ----------
    models : sequence of SavedModel
        The learners.
    weights : mapping of str to float
        Weight of each candidate in the blend.
    table, background : pandas.DataFrame
        Rows to explain, and rows that tell what is usual; all that the learners predict from.

    Returns
    -------
    Contributions or None
        None when no learner can be explained.
    float
        Weight in the blend of what is explained.

    Notes
    -----
    Shapley values of a weighted sum are the weighted sums of those of its parts. Learners whose raw
    scores are of different scales are added in the target's unit.
    """
    used = [m for m in models if weights.get(m.candidate, 0.0) > 0] or list(models)
    tried = [(m, load_learner(m).explain(table, background)) for m in used]
    found = [(m, part) for m, part in tried if part is not None]
    total = float(sum(weights.get(m.candidate, 0.0) for m, _ in found))
    if len(found) < 2:
        return (found[0][1] if found else None), total
    alike = len({part.link for _, part in found}) == 1 and found[0][1].link != "log"
    parts = [part if alike else part.in_unit() for _, part in found]
    equal = 1.0 / len(found)
    shares = [weights[m.candidate] / total if total else equal for m, _ in found]
    names = list(list_features([m for m, _ in found]))
    pairs = list(zip(parts, shares, strict=True))
    tables = [part.values.reindex(columns=names, fill_value=0.0) * s for part, s in pairs]
    return (
        Contributions(
            values=pd.DataFrame(sum(tables[1:], start=tables[0])),
            base=np.sum([part.base * s for part, s in pairs], axis=0),
            raw=np.sum([part.raw * s for part, s in pairs], axis=0),
            link=parts[0].link,
            level=parts[0].level,
        ),
        total,
    )
