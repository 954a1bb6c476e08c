"""Baselines of listed rows: what a city could rank cases by without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AREA_AVERAGE,
    AS_OF,
    AVERAGE_BY,
    BASELINE,
    KNOWN_AT,
    OCCURRED_AT,
    Y_TRUE,
)
from cityai.config.risk import RiskSpec
from cityai.data.features.as_of_join import (
    NOTHING,
    join_by,
    look_back,
    order_past,
    read_moments,
    sum_seen,
)
from cityai.modeling.forecasters.logistic import LOGISTIC_REGRESSION
from cityai.modeling.forecasters.protocol import FloatArray, Learner
from cityai.modeling.layouts.source import IntArray

if TYPE_CHECKING:
    from cityai.records.events import Events

WORTH: Final = 5.0
"""Past cases that the base rate counts as, beside an entity's own, or a group's."""


@dataclass(frozen=True, slots=True, eq=False)
class ListedQuestion:
    """What a baseline of cases is given at a fold."""

    cases: Events
    """All cases."""
    tested: IntArray
    """Positions of those that the fold predicts."""
    base_rate: float
    """Share of yes among the outcomes known at the fold."""
    known: FloatArray
    """Outcomes of all cases as they were known at the fold, NaN where they were not."""
    seed: int
    """The fold's own."""
    learnt: Mapping[str, FloatArray]
    """What learners predict for the tested ones, by name."""


@dataclass(frozen=True, slots=True)
class ListedBaseline:
    """One way to rank cases without the forecast."""

    name: str
    label: str
    """Stable name, the end of its column's name; what it is, in a reader's words."""
    score: Callable[[ListedQuestion], FloatArray]
    """From `ListedQuestion` to scores of the tested cases; the highest comes first."""
    learner: Learner | None = None
    """What it is made of, where it learns."""
    has: Callable[[Events, RiskSpec], bool] = lambda cases, spec: True
    """``(cases, spec)``: whether a project has it."""


def draw_order(count: int, seed: int) -> FloatArray:
    """Return a random order as percentiles above 0 up to 100, shape (count,)."""
    ranks = np.random.default_rng(seed).permutation(count).astype(np.float64) + 1.0
    return 100.0 * ranks / max(count, 1)


def _rank_by_time(occurred_at: pd.Series) -> FloatArray:
    """Return the order that really happened as percentiles: the earlier, the higher, up to 100.

    Cases of one moment share a score.
    """
    ranks = occurred_at.rank(method="dense", ascending=False).to_numpy(np.float64)
    return np.asarray(100.0 * ranks / max(ranks.max(initial=1.0), 1.0))


def _rate_past(cases: Events, base_rate: float) -> FloatArray:
    """Return each case's past rate: of its entity's outcomes known before it is asked about."""
    table, answers = cases.table, cases.table[Y_TRUE].to_numpy(np.float64)
    entity, asked = join_by("entity", table, table)
    known = np.where(np.isnan(answers), NOTHING, read_moments(table[KNOWN_AT]))
    past = order_past(entity, known)
    seen = look_back(past, asked, read_moments(table[AS_OF]))
    yes = sum_seen(past, seen, seen, answers)
    return (yes + WORTH * base_rate) / (seen.count + WORTH)


def _rate_alike(asked: ListedQuestion, column: str) -> FloatArray:
    """Return each tested case's rate: of the cases with the same value, as known at the fold."""
    code = asked.cases.table[column].factorize(use_na_sentinel=False)[0]
    seen = ~np.isnan(asked.known)
    cases = np.bincount(code[seen], minlength=code.max(initial=-1) + 1)
    yes = np.bincount(code[seen], weights=asked.known[seen], minlength=len(cases))
    rate = (yes + WORTH * asked.base_rate) / (cases + WORTH)
    return np.asarray(rate[code[asked.tested]], dtype=np.float64)


def list_averages(spec: RiskSpec) -> tuple[ListedBaseline, ...]:
    """List the bare averages: one for each text that describes a case, and each declared column."""
    attributes = spec.question.entity.attributes
    texts = [n for n in attributes if spec.data.columns[n].type == "text"]
    columns = {name: name for name in texts}
    columns |= {n: f"{BASELINE}{AVERAGE_BY}{n}" for n in spec.models.averages if n not in columns}
    return tuple(
        ListedBaseline(
            f"{AVERAGE_BY}{name}",
            f"the average by {name}",
            partial(_rate_alike, column=column),
            has=lambda cases, _, column=column: column in cases.table,  # type: ignore[misc]
        )
        for name, column in columns.items()
        if name != spec.question.entity.area
    )


def _read_score(asked: ListedQuestion) -> FloatArray:
    return asked.cases.table[_GIVEN].to_numpy(np.float64)[asked.tested]


_GIVEN: Final = BASELINE + "city_score"
RANDOM_ORDER: Final = ListedBaseline(
    "random_order", "random order", lambda asked: draw_order(len(asked.tested), asked.seed)
)
ACTUAL_ORDER: Final = ListedBaseline(
    "actual_order",
    "the order that really happened",
    lambda asked: _rank_by_time(asked.cases.table[OCCURRED_AT].iloc[asked.tested]),
    has=lambda cases, spec: spec.question.actual_order,
)
PAST_RATE: Final = ListedBaseline(
    "past_rate",
    "the entity's own past rate",
    lambda asked: _rate_past(asked.cases, asked.base_rate)[asked.tested],
)
AREA_RATE: Final = ListedBaseline(
    AREA_AVERAGE,
    "the area's past rate",
    partial(_rate_alike, column=AREA),
    has=lambda cases, spec: AREA in cases.table,
)
LOGISTIC: Final = ListedBaseline(
    "logistic_regression",
    "logistic regression",
    lambda asked: asked.learnt[LOGISTIC_REGRESSION.name],
    learner=LOGISTIC_REGRESSION,
)
CITY_SCORE: Final = ListedBaseline(
    "city_score", "the city's own score", _read_score, has=lambda cases, spec: _GIVEN in cases.table
)
RISK_BASELINES: Final = (RANDOM_ORDER, ACTUAL_ORDER, PAST_RATE, AREA_RATE, LOGISTIC, CITY_SCORE)
"""Baselines of a yes/no question; those by area, in time and of the city only where they are known.
"""
