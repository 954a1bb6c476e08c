"""Ends of a table: the days between which its rows lie, and what is cut there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import LONGEST_DAYS, MEAN_DAYS, by_period, find_start
from cityai.scaffold.names import say_count
from cityai.scaffold.proposal import Proposal

FAR: Final = 366
"""Days without a row that part dates far off from the record."""
_FEW: Final = 0.01
"""Share of the rows that may lie far off."""
_FEW_DAYS: Final = 3
"""Different days that are placeholders, such as 1900-01-01, however many rows have them."""
_WHOLE_DAYS: Final = 14
"""Days from which on it can be told when a day of the record begins and ends."""
FAR_OFF: Final = "far off, outside `since` and `until`"
_LEAST_MISSING: Final = 2
"""Days without rows before the first one that are more than a holiday."""
_SURELY: Final = 10.0
"""Rows that are missing by more than chance: as many come to none once in twenty thousand."""
_MUCH: Final = 0.1
"""Share of a usual period that may be missing."""
_THIN: Final = 0.05
_DENSE: Final = 1 / 3
HORIZON: Final = by_period(day=14, week=4, month=3)
"""Periods ahead that are written down; the decision needs its own."""
SEASON: Final = by_period(day=28, week=52, month=12)
"""Periods of history that a forecast should have seen before it is first asked."""
_MOST_FOLDS: Final = 8
_FEW_FOLDS: Final = 4
_LEAST_FOLDS: Final = 2
_RIPE: Final = 2
"""Earlier origins with final labels at the first fold; see `cityai.modeling.layouts.dense`."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Days between which a table lies; dates far off are left out."""

    first: pd.Timestamp
    last: pd.Timestamp
    """First and last day."""
    far: int
    """Rows that lie far off, and so are left out by `since` and `until`."""
    since: pd.Timestamp | None
    """Day from which the record is dense, where it begins thin."""
    ends_cut: bool = False
    """Whether rows follow that are of a part of a day, and so are left out by `until`."""

    @property
    def start(self) -> pd.Timestamp:
        """Day from which the record is used."""
        return self.since or self.first

    def limit(self, period: Period) -> dict[str, date | None]:
        """Return `since` and `until`, where the table's own ends will not do."""
        after = (self.last + pd.Timedelta(days=1)).date()
        if not self.far:
            since = self.since and self.since.date()
            return {"since": since, "until": after if self.ends_cut else None}
        # A period that began before the first row is whole all the same.
        return {"since": find_start(period, self.start).date(), "until": after}


def choose_ends(look: Proposal, time: str, is_panel: bool) -> Ends:
    """Return the days between which the table lies.

    Rows lie far off when a year and more without any row parts them from the record, and they are
    few or of a few days alone, as placeholders are (1900-01-01, 2099-12-31).
    """
    days = look.profile.frame[time].dropna().dt.normalize()
    counts = days.value_counts().sort_index()
    index = pd.DatetimeIndex(counts.index)
    apart = np.r_[0, np.cumsum(np.diff(index.to_numpy()) > np.timedelta64(FAR, "D"))]
    rows = counts.groupby(apart).agg(["sum", "size"])
    main = int(rows["sum"].idxmax())
    if rows.loc[main, "size"] <= _FEW_DAYS < rows["size"].max():
        main = int(rows["size"].idxmax())
    stray = (rows["sum"] <= _FEW * len(days)) | (rows["size"] <= _FEW_DAYS)
    near = [part for part in rows.index if part == main or not stray[part]]
    kept = counts[np.isin(apart, near)]
    far = (len(days) - int(kept.sum())) or int(look.hides_far)
    since = None if is_panel else _find_dense(kept)
    if far:
        shown = "some rows" if look.profile.is_cut else say_count(far, "row")
        why = "their dates lie a year and more from all others; `since` and `until` leave them out"
        look.choose("far off", shown, why)
    if since is not None:
        look.choose("since", f"{since:%Y-%m-%d}", "hardly a row before it")
    return Ends(pd.Timestamp(kept.index[0]), pd.Timestamp(kept.index[-1]), far, since)


def leave_first(look: Proposal, time: str, ends: Ends, period: Period) -> Ends:
    """Leave out a first period of events of which days are missing that would have rows.

    A record seldom begins on a period's first day; its last period is left out in any case.
    """
    days = look.profile.frame[time].dropna().dt.normalize()
    days = days[days.between(ends.start, ends.last)]
    begins = find_start(period, ends.start)
    missing = pd.date_range(begins, ends.start - pd.Timedelta(days=1))
    if len(missing) < _LEAST_MISSING or look.profile.is_cut:
        return ends
    every = pd.date_range(ends.start, ends.last)
    usual = days.dt.day_of_week.value_counts() / every.day_of_week.value_counts()
    lost = float(usual.reindex(missing.day_of_week).fillna(0).sum())
    if lost < _SURELY or lost < _MUCH * MEAN_DAYS[period] * len(days) / len(every):
        return ends
    following = find_start(period, begins + pd.Timedelta(days=MEAN_DAYS[period] * 1.5))
    why = (
        f"the first {period} is cut: it has no row before {ends.start:%Y-%m-%d}, where about "
        f"{lost:,.0f} would be usual"
    )
    look.choose("since", f"{following:%Y-%m-%d}", why)
    return replace(ends, since=following)


def leave_cut(look: Proposal, time: str, ends: Ends) -> Ends:
    """Leave out the first and the last day of a record of hours where they are not whole."""
    moments = look.profile.frame[time].dropna()
    moments = moments[moments.between(ends.first, ends.last + pd.Timedelta(days=1))]
    hours = (moments - moments.dt.normalize()).groupby(moments.dt.normalize()).agg(["min", "max"])
    begin, end = hours["min"].mode()[0], hours["max"].mode()[0]
    if look.profile.is_cut or begin == end or len(hours) < _WHOLE_DAYS:
        return ends
    day, (low, high) = pd.Timedelta(days=1), (hours["min"].iloc[0], hours["max"].iloc[-1])
    if low > begin:
        ends = replace(ends, since=ends.first + day)
        why = f"the first day is cut: it begins at {_tell_hour(low)}, others at {_tell_hour(begin)}"
        look.choose("since", f"{ends.since:%Y-%m-%d}", why)
    if high < end:
        why = f"the last day is cut: it ends at {_tell_hour(high)}, others at {_tell_hour(end)}; "
        look.choose("until", f"{ends.last:%Y-%m-%d}", f"{why}move it on when more rows come")
        ends = replace(ends, last=ends.last - day, ends_cut=True)
    return ends


def _tell_hour(since_midnight: pd.Timedelta) -> str:
    return f"{pd.Timestamp(0) + since_midnight:%H:%M}"


def _find_dense(counts: pd.Series) -> pd.Timestamp | None:
    """Return the month from which events are dense, where hardly any stand before it."""
    months = counts.groupby(pd.DatetimeIndex(counts.index).to_period("M")).sum()
    months = months.reindex(
        pd.period_range(months.index[0], months.index[-1], freq="M"), fill_value=0
    )
    usual = float(months[months > 0].median())
    if len(months) < 12:
        return None
    dense = months >= _DENSE * usual
    begin = int(dense.to_numpy().argmax())
    thin = months.iloc[:begin]
    if begin < 2 or thin.mean() > _THIN * usual:
        return None
    return pd.Timestamp(months.index[begin].start_time)


@dataclass(frozen=True, slots=True)
class Windows:
    """A backtest that fits a history."""

    horizon: int
    """Periods ahead."""
    folds: int
    """Moments of the past at which can be asked, at least; as many more only weigh and calibrate.
    """
    least: int
    """Periods of history at the first."""
    is_whole: bool
    """Whether the first has two seasons of history."""

    def write_backtest(self) -> dict[str, Any]:
        """Return the section `backtest`, without what goes without saying."""
        return {"calibration": self.folds, **({} if self.is_whole else {"min_train": self.least})}


def fit_windows(period: str, periods: int, delay_days: int) -> Windows:
    """Return the windows nearest to what is usual that a history of so many periods allows.

    Parameters
    ----------
    period : str
        day, week or month.
    periods : int
        From the first row to the last; the last one is taken for unfinished.
    delay_days : int
        Days until a row is known.
    """
    delay = 1 + -(-delay_days // LONGEST_DAYS[period])
    wanted = HORIZON[period]
    for fewest in (_FEW_FOLDS, _LEAST_FOLDS):
        for horizon in range(wanted, 0, -1):
            for least in (2 * SEASON[period], SEASON[period], periods // 2, periods // 3):
                # Folds lie side by side: those that overlap judge the same outcomes again.
                last = periods - 1 - delay - horizon
                fitting = (last - delay - least) // horizon + 1
                unripe = -(-(horizon + delay) // horizon) - 1
                folds = min(_MOST_FOLDS, fitting - _RIPE - unripe, fitting // 2)
                if folds >= fewest and least >= _RIPE:
                    return Windows(horizon, folds, least, least == 2 * SEASON[period])
    return Windows(1, _LEAST_FOLDS, _RIPE, False)
