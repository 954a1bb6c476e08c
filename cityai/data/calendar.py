"""What a calendar on the wall says about each period, past and future."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, Final

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.config.project import Period
from cityai.config.tables import ColumnSpec
from cityai.data.contract import Contract
from cityai.data.periods import MEAN_DAYS, MONTH, Periods
from cityai.data.source.engine import FIRST, SourceTable, fetch_frame
from cityai.data.source.functions import ABSOLUTE, match_whole, to_local
from cityai.errors import DataError, SpecError
from cityai.i18n.messages import say

CALENDAR: Final[dict[Period, dict[str, str]]] = {
    "day": {
        "month": say("month of the year"),
        "week": say("week of the year"),
        "month_day": say("day of the month"),
        "weekday": say("day of the week (0 is Monday)"),
        "working_days": say("a working day (1) or not (0)"),
        "holidays": say("a public holiday (1) or not (0)"),
        "days_to_holiday": say("days to the nearest public holiday (negative: after it)"),
    },
    "week": {
        "month": say("month of the year"),
        "week": say("week of the year"),
        "working_days": say("working days in the week"),
        "holidays": say("public holidays in the week"),
        "days_to_holiday": say("days to the nearest public holiday (negative: after it)"),
    },
    "month": {
        "month": say("month of the year"),
        "days": say("days in the month"),
        "working_days": say("working days in the month"),
        "holidays": say("public holidays in the month"),
    },
}
"""By length of period: the columns that vary, each in a reader's words."""
_MIDNIGHT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)"
_UNZONED: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)?)?"
"""The same under `zone: utc`, where what has no offset is a moment of UTC."""
_LEAST: Final = 3
"""Different days from which on it is hardly by chance that all moments are midnights."""


@lru_cache(maxsize=8)
def build_calendar(
    periods: Periods, n_periods: int, country: str, subdivision: str = ""
) -> pd.DataFrame:
    """Describe periods ``0 .. n_periods - 1`` by the calendar alone.

    Parameters
    ----------
    periods : Periods
        The time axis.
    n_periods : int
        Number of periods to describe, past and future.
    country : str
        ISO 3166 code of the country whose public holidays count.
    subdivision : str, optional
        The part of an ISO 3166-2 code after the country, for regional holidays.

    Returns
    -------
    pandas.DataFrame
        Not to be written to: it is kept. One row per period (the index), int64 columns: `month`
        (1-12) and `week` (ISO, 1-53) of the period's first day, `month_day` (1-31), `weekday`
        (0 Monday - 6), `days` in the period, `working_days` (neither weekend nor public holiday,
        by the country's own weekend), `holidays`, and `days_to_holiday`: 0 with a holiday inside,
        else days from the period's edge to the nearest holiday, negative when it lies before (ties
        count as ahead).

    Raises
    ------
    SpecError
        When the holidays of the country or subdivision are not known.
    """
    starts = periods.starts(n_periods)
    edges = periods.starts(n_periods + 1).to_numpy().astype("datetime64[D]")
    # A margin of a year on both sides, so that the nearest holiday is always inside.
    first, last = edges[0] - 400, edges[-1] + 400
    days = np.arange(first, last)
    dates: list[dt.date] = days.astype("datetime64[D]").tolist()
    known = _open_holidays(range(dates[0].year, dates[-1].year + 1), country, subdivision)
    free = np.array([day in known for day in dates], dtype=np.bool_)
    working = np.array([known.is_working_day(day) for day in dates], dtype=np.bool_)
    low, high = (edges[:-1] - first).astype(np.int64), (edges[1:] - first).astype(np.int64)
    iso = starts.isocalendar()
    inside = _count_between(free, low, high)
    return pd.DataFrame(
        {
            "month": starts.month.to_numpy(np.int64),
            "week": iso["week"].to_numpy(np.int64),
            "month_day": starts.day.to_numpy(np.int64),
            "weekday": starts.day_of_week.to_numpy(np.int64),
            "days": high - low,
            "working_days": _count_between(working, low, high),
            "holidays": inside,
            "days_to_holiday": np.where(inside > 0, 0, _find_distance(free, low, high)),
        },
        index=pd.RangeIndex(n_periods, name="period"),
    )


@lru_cache(maxsize=8)
def code_holidays(
    periods: Periods, n_periods: int, country: str, subdivision: str = ""
) -> npt.NDArray[np.int64]:
    """Tell the public holidays of days apart: the same number in each year, 0 where there is none.

    Returns
    -------
    numpy.ndarray
        Shape (n_periods,), int64.
    """
    days = [start.date() for start in periods.starts(n_periods)]
    known = _open_holidays(range(days[0].year, days[-1].year + 1), country, subdivision)
    names = [known.get(day, "") for day in days]
    numbers = {name: n for n, name in enumerate(sorted({*names} - {""}), start=1)}
    return np.array([numbers.get(name, 0) for name in names], dtype=np.int64)


@lru_cache(maxsize=8)
def share_weekdays(periods: Periods, n_periods: int) -> npt.NDArray[np.float64]:
    """Count the weekdays of months ``0 .. n_periods - 1``, as shares of a month's mean days.

    Returns
    -------
    numpy.ndarray
        Shape (n_periods, 7), from Monday; not to be written to: it is kept.
    """
    edges = periods.starts(n_periods + 1).to_numpy().astype("datetime64[D]")
    days = np.arange(edges[0], edges[-1])
    shares = np.zeros((n_periods, 7))
    month = np.searchsorted(edges, days, side="right") - 1
    np.add.at(shares, (month, (days.astype(np.int64) + 3) % 7), 1.0)
    return shares / MEAN_DAYS[MONTH]


def _open_holidays(years: range, country: str, subdivision: str) -> holidays.HolidayBase:
    try:
        return holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    except NotImplementedError as error:
        raise SpecError(
            f"the public holidays of {country} {subdivision}".rstrip() + " are not known",
            where="city: country, subdivision",
            expected=f"ISO 3166 codes known to the library `holidays` ({error})",
            next_step="correct the codes, leave `subdivision` out, or set `features.calendar: "
            "false` and give the holidays as a covariate that is known ahead",
        ) from None


def _count_between(
    marked: npt.NDArray[np.bool_], low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(marked, dtype=np.int64)])
    return total[high] - total[low]


def _find_distance(
    free: npt.NDArray[np.bool_], low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Signed days from each period's edge to the nearest holiday outside it."""
    where = np.flatnonzero(free)
    if where.size == 0:
        raise SpecError("the country has no public holiday in these years", where="city: country")
    after = where[np.minimum(np.searchsorted(where, high), where.size - 1)] - (high - 1)
    before = low - where[np.maximum(np.searchsorted(where, low) - 1, 0)]
    return np.where(after <= before, after, -before)


def refuse_midnights(opened: SourceTable, contract: Contract) -> None:
    """Refuse columns of which every moment is midnight in UTC, and another day in the city.

    Raises
    ------
    DataError
        Since these are dates, and each would be counted on the day before.
    """
    for name, column in contract.columns.items():
        if column.type not in ("date", "datetime") or column.format is not None:
            continue
        others, days, moved = opened.midnights.get(name) or _count(opened, name, column, contract)
        if others or days < _LEAST or not moved:
            continue
        is_text = opened.table[opened.names[name]].type().is_string()
        declared = "declare it so: `type: date`"
        if not contract.is_utc:
            declared = (
                "read the day as it is written: `type: date` with `format: '%Y-%m-%dT%H:%M:%SZ'`, "
                "as its cells are"
            )
        raise DataError(
            f"every moment is midnight in UTC, which is another day in {contract.zone}: these are "
            "dates that were exported as moments",
            where=f"{opened.where}, column '{name}'",
            expected="dates such as 2025-03-31, or the moments at which it happened",
            next_step="export the column as a date"
            + (f"; or {declared}" if is_text or contract.is_utc else ""),
        )


def _count(
    opened: SourceTable, name: str, column: ColumnSpec, contract: Contract
) -> tuple[int, int, int]:
    """Count moments that are no midnight of UTC, days of UTC, and moments of another day here."""
    moment = _find_moment(opened, name, column, contract)
    if moment is None:
        return 0, 0, 0
    cell, written = opened.table[opened.names[name]], to_local("UTC", moment)
    is_other = cell.notnull() & (written != written.truncate("D")).fill_null(True)
    first = opened.table.select(is_other=is_other).limit(FIRST)
    if fetch_frame(first)["is_other"].any():
        return 1, 0, 0
    found = opened.table.agg(
        others=is_other.sum(),
        days=written.nunique(),
        moved=(to_local(contract.zone, moment).truncate("D") != written.truncate("D")).sum(),
    )
    others, days, moved = fetch_frame(found).iloc[0].fillna(0)
    return int(others), int(days), int(moved)


def _find_moment(opened: SourceTable, name: str, column: ColumnSpec, contract: Contract) -> Any:
    """Return the moments of a column that are read as moments of UTC; None where none is."""
    cell = opened.table[opened.names[name]]
    native, is_utc = cell.type(), contract.is_utc and column.type == "datetime"
    if native.is_timestamp():
        if native.timezone is not None:
            return cell
        return cell.cast(ABSOLUTE) if is_utc else None
    if not native.is_string() or column.type != "datetime":
        return None
    return (
        match_whole(cell, _UNZONED if is_utc else _MIDNIGHT).ifelse(cell, None).try_cast(ABSOLUTE)
    )
