"""The project's time axis: days, weeks or months of the city's own calendar, numbered from 0.

The same axis is read in two ways. Index ``i`` as a *period* is the half-open interval
``[start(i), start(i + 1))``; as an *origin* it is the moment ``start(i)``, at which everything of
periods ``0 .. i - 1`` lies in the past. Moments are the city's wall clock without a zone, so a day
is a day also when the clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.config.project import Period

DAY: Final[Period] = "day"
WEEK: Final[Period] = "week"
MONTH: Final[Period] = "month"
PERIODS: Final = (DAY, WEEK, MONTH)
"""All lengths of a period, the shortest first."""

T = TypeVar("T")


def by_period(*, day: T, week: T, month: T) -> dict[str, T]:
    """Return a table by length of period: whoever writes one names them all."""
    return {DAY: day, WEEK: week, MONTH: month}


SEASON: Final = by_period(day=7, week=52, month=12)
"""Periods in a season: a week of days, a year of weeks (364 days), a year of months."""
YEAR: Final = by_period(day=364, week=52, month=12)
"""Periods in a year that keep the weekday."""
YEAR_IN_WORDS: Final = by_period(day=(52, WEEK), week=(52, WEEK), month=(12, MONTH))
"""The same as it is said: so many of which period."""
SHORTEST_DAYS: Final = by_period(day=1, week=7, month=28)
LONGEST_DAYS: Final = by_period(day=1, week=7, month=31)
MEAN_DAYS: Final = by_period(day=1.0, week=7.0, month=30.4)
_UNIT: Final = by_period(day="D", week="W", month="M")
"""How the database calls a period that a moment is cut to."""

Moments = pd.Series | pd.DatetimeIndex

_EPOCH_MONDAY: Final = np.datetime64("1970-01-05", "D")


@dataclass(frozen=True, slots=True)
class Periods:
    """A time axis in the city's local calendar.

    Raises
    ------
    ValueError
        When `first` is not the start of a period, or `count` is negative.
    """

    freq: Period
    """Length of a period. Weeks begin on Monday."""
    first: pd.Timestamp
    """Start of period 0: local midnight without a zone, a Monday for weeks, a first for months."""
    count: int
    """Number of periods whose data may be known; index `count` is the first future period."""

    def __post_init__(self) -> None:
        if self.first.tzinfo is not None or self.first != find_start(self.freq, self.first):
            raise ValueError(f"{self.first} is not the local start of a {self.freq}")
        if self.count < 0:
            raise ValueError(f"a time axis cannot have {self.count} periods")

    @property
    def season(self) -> int:
        """Periods in a season: 7 days, 52 weeks (364 days) or 12 months."""
        return SEASON[self.freq]

    @property
    def year(self) -> int:
        """Periods in a year that keep the weekday: 364 days, 52 weeks or 12 months."""
        return YEAR[self.freq]

    def starts(self, n: int | None = None) -> pd.DatetimeIndex:
        """Return the starts of periods ``0 .. n - 1``.

        Parameters
        ----------
        n : int, optional
            Number of periods, `count` when omitted. May go beyond `count`.

        Returns
        -------
        pandas.DatetimeIndex
            Shape (n,), local midnights, resolution microseconds.
        """
        steps = np.arange(self.count if n is None else n, dtype=np.int64)
        return pd.DatetimeIndex(self._start_days(steps).astype("datetime64[us]"))

    def start(self, i: int) -> pd.Timestamp:
        """Return the start of period `i`, which may lie beyond `count` or before 0."""
        return pd.Timestamp(self._start_days(np.array([i], dtype=np.int64))[0]).as_unit("us")

    def index(self, moments: Moments) -> npt.NDArray[np.int64]:
        """Return the index of the period that contains each moment.

        The first origin at which something seen at a moment may be used is this index plus one,
        since it must have been seen strictly before the question is asked.

        Parameters
        ----------
        moments : pandas.Series or pandas.DatetimeIndex
            Local moments without a zone, none missing.

        Returns
        -------
        numpy.ndarray
            int64, same length; negative before period 0, `count` or more in the future.

        Raises
        ------
        ValueError
            When a moment is missing or carries a zone.
        """
        index = pd.DatetimeIndex(moments)
        if index.tz is not None:
            raise ValueError("moments must be local, without a zone")
        if index.hasnans:
            raise ValueError("a missing moment lies in no period")
        return _count_units(self.freq, index) - int(
            _count_units(self.freq, pd.DatetimeIndex([self.first]))[0]
        )

    def index_column(self, moment: Any) -> Any:
        """Return the expression of the index of the period that contains a column's moments."""
        if self.freq == MONTH:
            months = moment.year().cast("int64") * 12 + moment.month().cast("int64")
            return months - (self.first.year * 12 + self.first.month)
        days = moment.delta(self.first, unit="day")
        return (days // SHORTEST_DAYS[self.freq]).cast("int64")

    def _start_days(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
        first = self.first.to_datetime64()
        if self.freq == MONTH:
            months = first.astype("datetime64[M]").astype(np.int64) + steps
            return np.asarray(months.astype("datetime64[M]"), dtype="datetime64[D]")
        days = first.astype("datetime64[D]").astype(np.int64) + steps * SHORTEST_DAYS[self.freq]
        return np.asarray(days, dtype="datetime64[D]")


def build_periods(freq: Period, earliest: pd.Timestamp, latest: pd.Timestamp) -> Periods:
    """Build the shortest axis that holds two moments.

    Parameters
    ----------
    freq : {"day", "week", "month"}
        Length of a period.
    earliest, latest : pandas.Timestamp
        Local moments; period 0 contains `earliest` and the last one contains `latest`.

    Returns
    -------
    Periods
        An axis with at least one period.

    Raises
    ------
    ValueError
        When `latest` lies before `earliest`.
    """
    first = find_start(freq, earliest)
    axis = Periods(freq, first, 0)
    return Periods(freq, first, int(axis.index(pd.DatetimeIndex([latest]))[0]) + 1)


def find_start(freq: Period, moment: pd.Timestamp) -> pd.Timestamp:
    """Return the start of the day, week (Monday) or month that contains a local moment."""
    unit = int(_count_units(freq, pd.DatetimeIndex([moment]))[0])
    if freq == MONTH:
        return pd.Timestamp(np.datetime64(unit, "M").astype("datetime64[D]")).as_unit("us")
    if freq == WEEK:
        return pd.Timestamp(_EPOCH_MONDAY + 7 * unit).as_unit("us")
    return pd.Timestamp(np.datetime64(unit, "D")).as_unit("us")


def find_starts(freq: Period, moments: pd.Series) -> pd.Series:
    """Return the start of the period that contains each local moment, as `find_start` does."""
    axis = build_periods(freq, moments.min(), moments.max())
    return pd.Series(axis.starts()[axis.index(moments)], index=moments.index)


def count_between(freq: Period, earliest: pd.Timestamp, latest: pd.Timestamp) -> int:
    """Count the periods from the one that contains a moment to the one that contains another."""
    return build_periods(freq, earliest, latest).count


def add_days(moment: Any, days: int) -> Any:
    """Return the expression of a column's moments, moved by whole days of the calendar."""
    return moment if days == 0 else moment + pd.Timedelta(days=days).to_pytimedelta()


def find_end_column(freq: Period, moment: Any) -> Any:
    """Return the expression of the end of the period (start of the next) of a column's moments."""
    start = moment.truncate(_UNIT[freq])
    # The first of a month plus 31 days lies in the next one, whatever the month.
    later = add_days(start, LONGEST_DAYS[freq])
    return later.truncate(_UNIT[freq]) if freq == MONTH else later


def _count_units(freq: Period, moments: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Give each moment the number of its day, week or month, counted from a fixed one."""
    days = moments.to_numpy().astype("datetime64[D]")
    if freq == MONTH:
        return days.astype("datetime64[M]").astype(np.int64)
    since_monday = (days - _EPOCH_MONDAY).astype(np.int64)
    if freq == WEEK:
        return since_monday // 7
    return days.astype(np.int64)
