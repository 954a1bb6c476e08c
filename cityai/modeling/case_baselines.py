"""Scores to beat: what a city could rank by without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ENTITY, KNOWN_AT, Y_TRUE
from cityai.modeling.forecasters import FloatArray

if TYPE_CHECKING:
    from cityai.data.cases import Cases

WORTH: Final = 5.0
"""Past cases that the base rate counts as, beside an entity's own."""


@dataclass(frozen=True, slots=True)
class RiskBaseline:
    """One way to rank cases without the forecast.

    Attributes
    ----------
    name, label : str
        Stable name, the end of its column's name; what it is, in a reader's words.
    probability : bool
        Whether its score is a probability, or only an order.
    """

    name: str
    label: str
    probability: bool


RANDOM_ORDER: Final = RiskBaseline("random_order", "random order", False)
ACTUAL_ORDER: Final = RiskBaseline("actual_order", "the order that really happened", False)
PAST_RATE: Final = RiskBaseline("past_rate", "the entity's own past rate", True)
LOGISTIC: Final = RiskBaseline("logistic_regression", "logistic regression", True)
CITY_SCORE: Final = RiskBaseline("city_score", "the city's own score", False)

RISK_BASELINES: Final = (RANDOM_ORDER, ACTUAL_ORDER, PAST_RATE, LOGISTIC, CITY_SCORE)
"""Baselines of a yes/no question; `ACTUAL_ORDER` and `CITY_SCORE` only where they are known."""


def draw_order(count: int, seed: int) -> FloatArray:
    """Return a random order as percentiles above 0 up to 100, shape (count,)."""
    ranks = np.random.default_rng(seed).permutation(count).astype(np.float64) + 1.0
    return 100.0 * ranks / max(count, 1)


def rank_by_time(occurred_at: pd.Series) -> FloatArray:
    """Return the order that really happened as percentiles: the earlier, the higher, up to 100.

    Cases of one moment share a score.
    """
    ranks = occurred_at.rank(method="dense", ascending=False).to_numpy(np.float64)
    return np.asarray(100.0 * ranks / max(ranks.max(initial=1.0), 1.0))


def rate_past(cases: Cases, base_rate: float) -> FloatArray:
    """Return each case's past rate: of its entity's outcomes known before it is asked about.

    Parameters
    ----------
    cases : Cases
        N cases.
    base_rate : float
        Share of yes that an entity is pulled to, as if by `WORTH` cases.

    Returns
    -------
    numpy.ndarray
        Shape (N,), probabilities: ``(yes + WORTH * base_rate) / (cases + WORTH)``.
    """
    table = cases.table
    entity = table[ENTITY].factorize()[0]
    known = table[Y_TRUE].notna().to_numpy()
    seen = table[KNOWN_AT].to_numpy().astype("datetime64[us]").astype(np.int64)
    asked = table[AS_OF].to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((seen[known], entity[known]))
    owner, moment = entity[known][order], seen[known][order]
    yes = np.concatenate([[0.0], np.cumsum(table[Y_TRUE].to_numpy(np.float64)[known][order])])
    # Moments are ranked so that entity and moment make one rising key.
    moments = np.unique(np.concatenate([moment, asked]))
    span = len(moments) + 1
    key = owner * span + np.searchsorted(moments, moment)
    last = np.searchsorted(key, entity * span + np.searchsorted(moments, asked), side="left")
    first = np.searchsorted(key, entity * span, side="left")
    rate = (yes[last] - yes[first] + WORTH * base_rate) / (last - first + WORTH)
    return np.asarray(rate, dtype=np.float64)
