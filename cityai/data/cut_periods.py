"""A first or last period that holds far less than those like it: a record that is cut within it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import PERIOD, VALUE
from cityai.config.project import ProjectSpec
from cityai.data.outages import find_touched
from cityai.data.periods import Periods, by_period
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, name_periods, say, write
from cityai.records.events import Events

ALIKE: Final = by_period(day=(7, 13), week=(1, 26), month=(1, 12))
"""Which periods are held beside one: each so many further on, and how many of them at most."""
ENOUGH: Final = 8
"""With fewer of them nothing is said."""
LEAST: Final = 20.0
"""Where the least of them is smaller, chance alone could make the difference."""
CUT: Final = 2 / 3


def find_cut(snapshot: Events, spec: ProjectSpec) -> Iterator[Finding]:
    """Yield a finding where the first or last period is below two thirds of the least like it.

    A day is held beside the same weekday of the 13 weeks next to it, a week beside 26 weeks, a
    month beside 12. Periods of a declared outage are no measure, and a period that is still being
    reported is not the last one.
    """
    periods = snapshot.periods
    totals = _add_up(snapshot, spec)
    until = periods.start(periods.count) - pd.Timedelta(days=spec.data.reporting_delay_days)
    last = min(int(periods.index(pd.DatetimeIndex([until]))[0]), periods.count) - 1
    shares = {i: _compare(totals, i, way, periods) for i, way in ((0, 1), (last, -1)) if i >= 0}
    cut = {i: share for i, share in shares.items() if share is not None and share < CUT}
    if not cut:
        return
    told = join(
        "; ",
        [
            say(
                "{start}: {share:.0%} of the least of those like it",
                start=write(periods.start(i), "%Y-%m-%d"),
                share=share,
            )
            for i, share in cut.items()
        ],
    )
    reason = say(
        "A period at the edge of the data holds far less than all those like it next to it "
        "({told}). If the record begins or ends within it, leave it out by `data.since` or "
        "`data.until`; until then it counts as whole.",
        told=told,
    )
    title = say("Periods that may be cut")
    unit = name_periods(spec.question.period)
    yield Finding(
        "quality.cut_period", Status.NOT_ENOUGH, title, reason, float(len(cut)), 0.0, unit
    )


def _add_up(snapshot: Events, spec: ProjectSpec) -> npt.NDArray[np.float64]:
    """Return the total of each period, NaN where an amount is missing or nobody measured."""
    periods, table = snapshot.periods, snapshot.table
    grouped = table.groupby(PERIOD)[VALUE]
    totals = np.full(periods.count, 0.0 if spec.question.measure == "count" else np.nan)
    sums = grouped.sum().where(grouped.count() == grouped.size())
    inside = sums.index < periods.count
    totals[sums.index[inside].to_numpy(np.int64)] = sums[inside]
    for outage in spec.data.outages:
        totals[find_touched(outage, periods)] = np.nan
    return totals


def _compare(totals: npt.NDArray[np.float64], i: int, way: int, periods: Periods) -> float | None:
    """Return a period's total over the least of those like it; None where that tells nothing."""
    step, most = ALIKE[periods.freq]
    places = i + way * step * np.arange(1, most + 1)
    alike = totals[places[(places >= 0) & (places < len(totals))]]
    alike = alike[~np.isnan(alike)]
    if len(alike) < ENOUGH or np.isnan(totals[i]) or alike.min() < LEAST:
        return None
    return float(totals[i] / alike.min())
