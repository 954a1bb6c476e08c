"""The project's time axis: days, weeks or months of the city's own calendar, numbered from 0.

The same axis is read in two ways. Index ``i`` as a *period* is the half-open interval
``[start(i), start(i + 1))``; as an *origin* it is the moment ``start(i)``, at which everything of
periods ``0 .. i - 1`` lies in the past. Moments are the city's wall clock without a zone, so a day
is a day also when the clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.config.project import Period

SEASON: Final[dict[Period, int]] = {"day": 7, "week": 52, "month": 12}
"""Periods in a season: a week of days, a year of weeks (364 days), a year of months."""

Moments = pd.Series | pd.DatetimeIndex

_EPOCH_MONDAY: Final = np.datetime64("1970-01-05", "D")


@dataclass(frozen=True, slots=True)
class Periods:
    """A time axis in the city's local calendar.

    Attributes
    ----------
    freq : {"day", "week", "month"}
        Length of a period. Weeks begin on Monday.
    first : pandas.Timestamp
        Start of period 0: local midnight without a zone, a Monday for weeks, a first for months.
    count : int
        Number of periods whose data may be known; index `count` is the first future period.

    Raises
    ------
    ValueError
        When `first` is not the start of a period, or `count` is negative.
    """

    freq: Period
    first: pd.Timestamp
    count: int

    def __post_init__(self) -> None:
        if self.first.tzinfo is not None or self.first != find_start(self.freq, self.first):
            raise ValueError(f"{self.first} is not the local start of a {self.freq}")
        if self.count < 0:
            raise ValueError(f"a time axis cannot have {self.count} periods")

    @property
    def season(self) -> int:
        """Periods in a season: 7 days, 52 weeks (364 days) or 12 months."""
        return SEASON[self.freq]

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

    def _start_days(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
        first = self.first.to_datetime64()
        if self.freq == "month":
            months = first.astype("datetime64[M]").astype(np.int64) + steps
            return np.asarray(months.astype("datetime64[M]"), dtype="datetime64[D]")
        stride = 7 if self.freq == "week" else 1
        days = first.astype("datetime64[D]").astype(np.int64) + steps * stride
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
    if freq == "month":
        return pd.Timestamp(np.datetime64(unit, "M").astype("datetime64[D]")).as_unit("us")
    if freq == "week":
        return pd.Timestamp(_EPOCH_MONDAY + 7 * unit).as_unit("us")
    return pd.Timestamp(np.datetime64(unit, "D")).as_unit("us")


def _count_units(freq: Period, moments: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Give each moment the number of its day, week or month, counted from a fixed one."""
    days = moments.to_numpy().astype("datetime64[D]")
    if freq == "month":
        return days.astype("datetime64[M]").astype(np.int64)
    since_monday = (days - _EPOCH_MONDAY).astype(np.int64)
    if freq == "week":
        return since_monday // 7
    return days.astype(np.int64)
