"""Layout of a table as series by entity and period, inferred or as a person says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import count_between, find_start
from cityai.errors import DataError, suggest_name
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.grain import Grain, find_grain
from cityai.scaffold.keys import check_key, choose_key, choose_width
from cityai.scaffold.moments import choose_known, choose_period, choose_time, find_ends
from cityai.scaffold.windows import Windows, fit_windows


@dataclass(frozen=True, slots=True)
class Overrides:
    """Overrides of what is inferred; what is empty or None was not said.

    Attributes
    ----------
    time, place, amount : str
        Columns; several columns of a place stand between commas.
    counts : bool
        Rows are counted, whatever numbers stand beside them.
    key : str
        Columns that name a row, between commas; `none` where rows are not to be told apart.
    period : str
        day, week or month.
    format : str
        strptime pattern of the time.
    encoding, decimal : str
        As in `SourceSpec`.
    thousands : str, optional
        As in `SourceSpec`.
    width : int, optional
        Digits of the place's code with its leading zeros; 0 to leave the codes as they are.
    outcome : str
        Of cases: a column with yes and no, ``score>=28``, or ``result=text,text``.
    """

    time: str = ""
    place: str = ""
    amount: str = ""
    counts: bool = False
    key: str = ""
    period: str = ""
    format: str = ""
    encoding: str = ""
    decimal: str = ""
    thousands: str | None = None
    width: int | None = None
    outcome: str = ""


NO_OVERRIDES: Final = Overrides()
Choices = tuple[tuple[str, str, str], ...]
"""What was asked, what was chosen, what speaks for it."""
ProposalParts = tuple[Choices, tuple[str, ...], dict[str, Any]]
"""Choices, what the table cannot tell, and the sections of `project.yaml`."""


@dataclass(frozen=True, slots=True)
class SeriesLayout:
    """Layout of a table of events or amounts.

    Attributes
    ----------
    time : str
        Column with the moment.
    times : tuple of str
        Other columns with moments that could be meant.
    first, last : pandas.Timestamp
        Days between which the table lies; dates far off are left out.
    far : int
        Rows that lie far off, and so are left out by `since` and `until`.
    since : pandas.Timestamp, optional
        Day from which the record is dense, where it begins thin.
    known : str
        Column with the moment at which a row was recorded; empty without one.
    moved : tuple of str
        Columns that could be it but for their names.
    delay : int
        Days within which 99 of 100 rows were recorded.
    key : tuple of str
        Columns that name a row.
    why_key : str
        What speaks for it.
    grain : Grain
        What one row is.
    period : str
        day, week or month.
    why_period : str
        What speaks for it.
    width : int
        Digits to which the place's codes are filled up; 0 where they are left.
    """

    time: str
    times: tuple[str, ...]
    first: pd.Timestamp
    last: pd.Timestamp
    far: int
    since: pd.Timestamp | None
    known: str
    moved: tuple[str, ...]
    delay: int
    key: tuple[str, ...]
    why_key: str
    grain: Grain
    period: Period
    why_period: str
    width: int = 0

    @property
    def periods(self) -> int:
        """Periods from the first row to the last."""
        return count_between(self.period, self.since or self.first, self.last)

    @property
    def windows(self) -> Windows:
        """A backtest that fits."""
        return fit_windows(self.period, self.periods, self.delay)

    @property
    def ends(self) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """First day used and first day no longer used, where the table's own ends will not do."""
        if not self.far:
            return self.since, None
        # A period that began before the first row is whole all the same.
        first = find_start(self.period, self.since or self.first)
        return first, self.last + pd.Timedelta(days=1)


def read_series_layout(profile: TableProfile, overrides: Overrides, zone: str) -> SeriesLayout:
    """Infer the layout of a table of events or amounts."""
    time, times = choose_time(profile, overrides.time)
    places = profile.split(overrides.place)
    _refuse_useless(profile, time, places, overrides)
    grain = find_grain(profile, time, places, overrides.amount, overrides.counts, zone)
    _ask_marks(profile, grain)
    known, moved, delay = choose_known(profile, time)
    first, last, far, since = find_ends(profile.frame[time].dropna(), grain.is_panel)
    days = (last - (since or first)).days + 1
    period, why = choose_period(profile, time, grain, days, overrides.period)
    if overrides.key and overrides.key != "none":
        key, why_key = check_key(profile, overrides.key)[:2]
    else:
        key, why_key = choose_key(profile, time, grain, is_none=overrides.key == "none")
    return SeriesLayout(
        time, times, first, last, far, since, known, moved, delay, key, why_key, grain, period,
        why, choose_width(profile, grain, overrides.width),
    )  # fmt: skip


def _refuse_useless(
    profile: TableProfile, time: str, places: tuple[str, ...], overrides: Overrides
) -> None:
    """Refuse a wish that cannot serve."""
    amount = profile.columns.get(overrides.amount)
    wrong: list[tuple[str, str, str]] = []
    if amount is not None and overrides.counts:
        wrong.append(("--count", "rows are counted, or an amount is added up", "one of the two"))
    if amount is not None and amount.written is None:
        numbers = [c.name for c in profile.columns.values() if c.is_amount]
        wrong.append((
            "--amount",
            f"'{amount.name}' holds {amount.tell()}, no numbers",
            suggest_name(amount.name, numbers) if numbers else "a column of numbers",
        ))  # fmt: skip
    elif amount is not None and amount.written is not None and amount.written.is_percent:
        wrong.append(("--amount", f"'{amount.name}' holds percentages, which do not add up",
                      "a column of amounts"))  # fmt: skip
    for name in places:
        column = profile.columns[name]
        if name in (time, overrides.amount):
            wrong.append(("--place", f"'{name}' is the time or the amount", "a column of places"))
        elif column.distinct >= max(0.9 * len(profile.frame), 2) or not column.distinct:
            wrong.append((
                "--place",
                f"'{name}' has {column.distinct:,} values in {len(profile.frame):,} rows",
                "a column whose values come again, so that each has a history",
            ))  # fmt: skip
    for option, what, expected in wrong:
        raise DataError(f"{option}: {what}", where=str(profile.path), expected=expected)


def _ask_marks(profile: TableProfile, grain: Grain) -> None:
    column = profile.columns.get(grain.amount)
    if column is None or column.written is None or len(column.written.readings) == 1:
        return
    cell = next(c for c in profile.frame[grain.amount].dropna() if "," in c or "." in c)
    options = [
        f"--decimal '{decimal}'" + (f" --thousands '{thousands}'" if thousands else "")
        for decimal, thousands in column.written.readings
    ]
    raise DataError(
        f"the numbers of '{grain.amount}', such as {cell[:40]!a}, can be read in two ways",
        where=str(profile.path),
        expected="which mark stands before decimals, and which between thousands",
        next_step=f"one of: {'; '.join(options)}",
    )
