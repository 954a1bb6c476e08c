"""The whole city, period by period: totals of the forecast beside what happened."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import PERIOD_STEP, round_totals
from cityai.card.draft.withheld import Withheld, take_latest
from cityai.card.record.measured import SeriesPoint
from cityai.columns import (
    BASELINE,
    ENTITY,
    FOLD,
    PERIOD_START,
    STEP,
    TOTAL_HIGH,
    TOTAL_LOW,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
    Y_TRUE,
)

_MOST_HIDDEN: Final = 0.1
"""Share of the totals that may be too small to show: what is left of more were the high ones."""


def draft_series(facts: CardFacts, withheld: Withheld, practice: str) -> tuple[SeriesPoint, ...]:
    """Draft the totals of each period, where predictions are about periods.

    There are none where more than a few are too small to show: the rest would be the periods in
    which most came, and tell otherwise than all do.
    """
    table, least = facts.predictions.table, facts.spec.policy.small_cell
    if PERIOD_START not in table:
        return ()
    step = PERIOD_STEP if withheld.coarse else 0
    columns = [Y_TRUE, Y_PRED, *([f"{BASELINE}{practice}"] if practice else [])]
    latest = take_latest(table)
    gone = [fold for fold in latest[FOLD].unique() if withheld.hides(FOLD, str(fold))]
    lost = set(latest.loc[latest[FOLD].isin(gone), PERIOD_START])
    by_period = latest.groupby(PERIOD_START, sort=True)
    sums = by_period[columns].sum(min_count=1, skipna=False).join(_range_periods(latest))
    points, hidden = [], 0
    for start, (_, row) in zip(pd.DatetimeIndex(sums.index), sums.iterrows(), strict=True):
        few = facts.subject.counts and row[Y_TRUE] < least
        hidden += bool(few)
        shown = (
            dict.fromkeys(sums.columns)
            if few or start in lost
            else round_totals({c: float(row[c]) for c in sums.columns}, step)
        )
        points.append(
            SeriesPoint(
                period_start=start.date(),
                actual=shown[Y_TRUE],
                forecast=shown[Y_PRED],
                low=shown[Y_LOW],
                high=shown[Y_HIGH],
                practice=shown[columns[2]] if practice else None,
            )
        )
    return () if hidden > _MOST_HIDDEN * len(points) else tuple(points)


def _range_periods(latest: pd.DataFrame) -> pd.DataFrame:
    """Range the total of each period: of one entity its own range, of several that of their sum."""
    ends = [Y_LOW, Y_HIGH] if latest[ENTITY].nunique() == 1 else [TOTAL_LOW, TOTAL_HIGH]
    by_period = latest.groupby(PERIOD_START, sort=True)
    found = by_period[[c for c in ends if c in latest]].first().reindex(columns=ends)
    one_time = (by_period[[FOLD, STEP]].nunique() == 1).all(axis=1)
    return found.where(one_time, math.nan).set_axis([Y_LOW, Y_HIGH], axis=1)
