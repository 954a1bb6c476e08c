"""Days sooner: when the true cases would have come up, had cases been taken in another order.

Cases are sorted by their score, the highest first, and given the sorted list of the dates on which
cases really took place; a true case is found sooner by its real date less that one. So said by the
City of Chicago of its food inspections ("Forecasting restaurants with critical violations in
Chicago", 2014). Here each fold is sorted by itself: nothing moves from one fold into another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics.ranking import NO_YES, SCORE, ScoredList, measure_recall
from cityai.columns import CASE, ENTITY, FOLD, OCCURRED_AT, Y_TRUE
from cityai.i18n.messages import say
from cityai.records.metric import Estimate, Floats, Metric, Recount, refuse

DRAWS: Final = 400
"""Resamples of entities behind an interval."""
SEED: Final = 20260102
MICROSECONDS: Final = 86_400_000_000
NO_TIME: Final = say(
    "the project does not say that cases were worked off in the order of their time"
)


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Cases of all folds in the order of a score, beside the dates they would have been given."""

    gain: Floats
    """Shape (n,), days: real date less the one given, for every case."""
    truth: Floats
    """Shape (n,), 1 or 0."""

    @property
    def found(self) -> Floats:
        """Gains of the true cases, in days."""
        return np.asarray(self.gain[self.truth == 1])


class Calendar:
    """The real dates of some cases, fold by fold, that any order can be given."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Read ``fold``, ``case_id``, ``entity_id``, ``occurred_at`` and ``y_true``, n rows."""
        stamp = table[OCCURRED_AT].to_numpy().astype("datetime64[us]").astype(np.int64)
        self.date = (stamp - stamp.min(initial=stamp[0] if len(stamp) else 0)) / MICROSECONDS
        self.truth = table[Y_TRUE].to_numpy(np.float64)
        self.names = table[CASE].to_numpy(object).astype(str)
        self.entity = pd.factorize(table[ENTITY])[0].astype(np.int64)
        fold = table[FOLD].to_numpy()
        self.folds = [np.flatnonzero(fold == f) for f in np.unique(fold)]
        self.by_date = [rows[np.argsort(self.date[rows], kind="stable")] for rows in self.folds]

    def sort(self, score: Floats) -> list[np.ndarray]:
        """Sort each fold's cases by score, the highest first; equal scores by case id."""
        return [rows[np.lexsort((self.names[rows], -score[rows]))] for rows in self.folds]

    def give_dates(self, ordered: list[np.ndarray]) -> Floats:
        """Return the date each case would have been given, shape (n,), in days; from `sort`."""
        given = np.full(len(self.date), np.nan)
        for by_score, by_date in zip(ordered, self.by_date, strict=True):
            given[by_score] = self.date[by_date]
        return given

    def measure(self, score: Floats) -> Order:
        """Measure by how much sooner each case would have come up."""
        return Order(self.date - self.give_dates(self.sort(score)), self.truth)

    def resample(self, *scores: Floats) -> Floats:
        """Mean gain of the true cases by each score, (S, `DRAWS`), in the same resamples.

        Entities are drawn once for all scores: that takes half of the time of a single one.
        """
        rng = np.random.default_rng(SEED)
        entities = int(self.entity.max(initial=-1)) + 1
        even = np.full(entities, 1 / entities)
        orders = [np.stack(each) for each in zip(*map(self.sort, scores), strict=True)]
        means = np.full((len(scores), DRAWS), np.nan)
        for draw in range(DRAWS):
            count = rng.multinomial(entities, even)[self.entity]
            weight = count * self.truth
            if weight.sum() > 0:
                parts = zip(orders, self.by_date, strict=True)
                given = sum(self._sum_given(*part, count, weight) for part in parts)
                means[:, draw] = ((weight * self.date).sum() - given) / weight.sum()
        return means

    def _sum_given(
        self, by_score: np.ndarray, by_date: np.ndarray, count: np.ndarray, weight: Floats
    ) -> Floats:
        """Sum the dates given to a fold's true cases by each score, shape (S,).

        The dates of all draws are in order; the middle of a case's draws falls on one of them.
        """
        drawn = np.repeat(self.date[by_date], count[by_date])
        if not len(drawn):
            return np.zeros(len(by_score))
        middle = (2 * np.cumsum(count[by_score], axis=1) - count[by_score]) // 2
        given = drawn[np.minimum(middle, len(drawn) - 1)]
        return np.asarray((weight[by_score] * given).sum(axis=1))

    def measure_first_days(self, score: Floats) -> Estimate:
        """Measure the share of true cases on the days that hold less than half of all cases.

        In each fold, days are taken from the first on while the cases up to their end are fewer
        than half of the fold's.
        """
        early = np.zeros(len(self.date))
        for by_score, by_date in zip(self.sort(score), self.by_date, strict=True):
            dates = self.date[by_date]
            _, sizes = np.unique(dates, return_counts=True)
            last = np.cumsum(sizes)
            places = int(last[last < len(dates) / 2].max(initial=0))
            early[by_score[:places]] = 1.0
        return measure_recall(self.truth, early)

    def measure_days(self, score: Floats) -> Estimate:
        """Measure the mean gain of the true cases; its influences hold the list's order fixed."""
        order = self.measure(score)
        yes = float(self.truth.sum())
        if not yes:
            return refuse(len(self.truth), NO_YES)
        value = float(order.found.mean())
        return Estimate(value, self.truth * (order.gain - value) / yes)


def _measure_in_time(ranked: ScoredList, *, first: bool) -> Estimate:
    if not ranked.in_time:
        return refuse(len(ranked.truth), NO_TIME)
    measure = ranked.calendar.measure_first_days if first else ranked.calendar.measure_days
    return measure(ranked.score)


def _sort_again(t: pd.DataFrame) -> pd.DataFrame:
    """Put the cases of one fold in the order of their score, equal scores by case id."""
    named = t.assign(name=t["case_id"].astype(str))
    return named.sort_values(["y_pred", "name"], ascending=[False, True], kind="stable")


def _recount_days(t: pd.DataFrame) -> float:
    """Give the sorted dates of each fold to its cases in the order of the score."""
    gains: list[float] = []
    for _, rows in t.groupby("fold"):
        ordered, dates = _sort_again(rows), np.sort(rows["occurred_at"].to_numpy())
        sooner = (ordered["occurred_at"].to_numpy() - dates) / np.timedelta64(1, "D")
        gains += sooner[ordered["y_true"].to_numpy() == 1].tolist()
    return math.fsum(gains) / len(gains) if gains else math.nan


def _recount_first_days(t: pd.DataFrame) -> float:
    """Count the true cases among the first of each fold: as many as came on its first days."""
    found = 0.0
    for _, rows in t.groupby("fold"):
        upto = rows.groupby("occurred_at").size().cumsum()
        places = int(upto[upto < len(rows) / 2].max()) if (upto < len(rows) / 2).any() else 0
        found += float(_sort_again(rows)["y_true"].iloc[:places].sum())
    return found / float(t["y_true"].sum()) if t["y_true"].any() else math.nan


METRICS: Final = (
    Metric(
        *("first_half_share_by_days", say("the same by whole days of the real calendar"), "", ""),
        *("share", "high"),
        title=say("Found in the first half of the days"),
        meaning=say("the same, by whole days"),
        sentence=say("{value} of all true cases would have come up in the first half of the days"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_in_time(ranked, first=True),
        recount=Recount(whole=_recount_first_days),
    ),
    Metric(
        *("days_sooner", say("days by which a true case is found sooner"), "", "", "days", "high"),
        title=say("Days sooner"),
        meaning=say("by which a true case is reached, on average over the true cases"),
        sentence=say("a true case would have come up {value} sooner on average"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_in_time(ranked, first=False),
        recount=Recount(whole=_recount_days),
    ),
)
"""Figures of an order beside the real dates, in the order shown."""
