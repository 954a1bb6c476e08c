"""The whole city, period by period: totals of the forecast beside what happened."""

from __future__ import annotations

import pandas as pd

from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import PERIOD_STEP, round_totals
from cityai.card.draft.withheld import Withheld, take_latest
from cityai.card.record.measured import SeriesPoint
from cityai.columns import BASELINE, FOLD, PERIOD_START, Y_HIGH, Y_LOW, Y_PRED, Y_TRUE


def draft_series(facts: CardFacts, withheld: Withheld, practice: str) -> tuple[SeriesPoint, ...]:
    """Draft the totals of each period, where predictions are about periods."""
    table, least = facts.predictions.table, facts.spec.policy.small_cell
    if PERIOD_START not in table:
        return ()
    step = PERIOD_STEP if withheld.coarse else 0
    columns = [Y_TRUE, Y_PRED, Y_LOW, Y_HIGH]
    if practice:
        columns.append(f"{BASELINE}{practice}")
    latest = take_latest(table)
    gone = latest[FOLD].astype(str).map(lambda fold: withheld.hides(FOLD, fold))
    lost = set(latest.loc[gone, PERIOD_START])
    sums = latest.groupby(PERIOD_START, sort=True)[columns].sum(min_count=1, skipna=False)
    points = []
    for start, (_, row) in zip(pd.DatetimeIndex(sums.index), sums.iterrows(), strict=True):
        few = start in lost or (facts.subject.counts and row[Y_TRUE] < least)
        shown = (
            dict.fromkeys(columns)
            if few
            else round_totals({c: float(row[c]) for c in columns}, step)
        )
        points.append(
            SeriesPoint(
                period_start=start.date(),
                actual=shown[Y_TRUE],
                forecast=shown[Y_PRED],
                low=shown[Y_LOW],
                high=shown[Y_HIGH],
                practice=shown[columns[4]] if practice else None,
            )
        )
    return tuple(points)
