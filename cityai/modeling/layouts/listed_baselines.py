"""Baselines of listed rows: what a city could rank cases by without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, BASELINE, ENTITY, KNOWN_AT, OCCURRED_AT, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.modeling.forecasters import FloatArray, Learner
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION
from cityai.modeling.layouts.source import IntArray

if TYPE_CHECKING:
    from cityai.records.events import Events

WORTH: Final = 5.0
"""Past cases that the base rate counts as, beside an entity's own."""


@dataclass(frozen=True, slots=True, eq=False)
class ListedQuestion:
    """What a baseline of cases is given at a fold.

    Attributes
    ----------
    cases : Events
        All cases.
    tested : numpy.ndarray
        Positions of those that the fold predicts.
    base_rate : float
        Share of yes among the outcomes known at the fold.
    seed : int
        The fold's own.
    learnt : mapping of str to numpy.ndarray
        What learners predict for the tested ones, by name.
    """

    cases: Events
    tested: IntArray
    base_rate: float
    seed: int
    learnt: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class ListedBaseline:
    """One way to rank cases without the forecast.

    Attributes
    ----------
    name, label : str
        Stable name, the end of its column's name; what it is, in a reader's words.
    score : callable
        From `ListedQuestion` to scores of the tested cases; the highest comes first.
    learner : Learner or None
        What it is made of, where it learns.
    has : callable
        ``(cases, spec)``: whether a project has it.
    """

    name: str
    label: str
    score: Callable[[ListedQuestion], FloatArray]
    learner: Learner | None = None
    has: Callable[[Events, RiskSpec], bool] = lambda cases, spec: True


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


def rate_past(cases: Events, base_rate: float) -> FloatArray:
    """Return each case's past rate: of its entity's outcomes known before it is asked about.

    Parameters
    ----------
    cases : Events
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


def _read_score(asked: ListedQuestion) -> FloatArray:
    return asked.cases.table[_GIVEN].to_numpy(np.float64)[asked.tested]


_GIVEN: Final = BASELINE + "city_score"
RANDOM_ORDER: Final = ListedBaseline(
    "random_order", "random order", lambda asked: draw_order(len(asked.tested), asked.seed)
)
ACTUAL_ORDER: Final = ListedBaseline(
    "actual_order",
    "the order that really happened",
    lambda asked: rank_by_time(asked.cases.table[OCCURRED_AT].iloc[asked.tested]),
    has=lambda cases, spec: spec.question.actual_order,
)
PAST_RATE: Final = ListedBaseline(
    "past_rate",
    "the entity's own past rate",
    lambda asked: rate_past(asked.cases, asked.base_rate)[asked.tested],
)
LOGISTIC: Final = ListedBaseline(
    "logistic_regression",
    "logistic regression",
    lambda asked: asked.learnt[LOGISTIC_REGRESSION.name],
    learner=LOGISTIC_REGRESSION,
)
CITY_SCORE: Final = ListedBaseline(
    "city_score",
    "the city's own score",
    _read_score,
    has=lambda cases, spec: _GIVEN in cases.table,
)
RISK_BASELINES: Final = (RANDOM_ORDER, ACTUAL_ORDER, PAST_RATE, LOGISTIC, CITY_SCORE)
"""Baselines of a yes/no question; `ACTUAL_ORDER` and `CITY_SCORE` only where they are known."""
