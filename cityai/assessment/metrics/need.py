"""Metrics of a list that hold what a group gets against its true need; over everyone they are 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import DECISION, Y_PRED, Y_TRUE
from cityai.i18n.messages import say
from cityai.modeling.capacity import rank_cases
from cityai.records.metric import Floats, Metric, Recount, Target

LIST: Final[tuple[Target, ...]] = ("list",)
NO_NEED: Final = say(
    "nobody here had the outcome, so there is no true need to hold a share against"
)


def _due(t: pd.DataFrame, part: pd.Series) -> pd.Series:
    return part * t["y_true"].sum() / part.sum()


def _need(t: pd.DataFrame) -> pd.Series:
    return t["y_true"].where(t["decision"].notna())


METRICS: Final = (
    Metric(
        *("selection_for_need", say("share of those selected over share of true need")),
        *("selected_due", "positives"),
        *("ratio", "high"),
        title=say("Selected for its need"),
        meaning=say("share of the selected over share of the true cases"),
        sentence=say("its share of those selected was {value} times its share of true need"),
        targets=LIST,
        needs=("outcome", "decision"),
        undefined=NO_NEED,
        counted="selected",
        precision="own",
        alone=True,
        recount=Recount(lambda t: _due(t, t["decision"]), _need),
    ),
    Metric(
        *("exposure_for_need", say("share of attention by rank over share of true need")),
        *("exposure_due", "positives"),
        *("ratio", "high"),
        title=say("Rank for its need"),
        meaning=say("share of the exposure by rank over share of the true cases"),
        sentence=say("its share of attention by rank was {value} times its share of true need"),
        targets=LIST,
        needs=("outcome", "decision"),
        undefined=NO_NEED,
        precision="own",
        alone=True,
        recount=Recount(lambda t: _due(t, 1 / np.log2(1.0 + t["place"])), _need),
    ),
)
"""Metrics that only a list has."""


def _scale(table: pd.DataFrame, part: Floats) -> Floats:
    """Scale to add up to the number of true cases; the scale is taken as fixed."""
    need = table[Y_TRUE].to_numpy(np.float64).sum()
    return part * need / max(part.sum(), 1e-12)


SUMS: Final[dict[str, Callable[[pd.DataFrame], Floats]]] = {
    "selected_due": lambda table: _scale(table, table[DECISION].to_numpy(np.float64)),
    # The exposure of a rank within its list (Singh and Joachims 2018,
    # doi:10.1145/3219819.3220088).
    "exposure_due": lambda table: _scale(
        table, 1 / np.log2(1.0 + rank_cases(table, table[Y_PRED].to_numpy(np.float64)))
    ),
}
"""Each case's part of what is due to the need."""
