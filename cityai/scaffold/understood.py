"""How a table can be read, and what a person said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import find_start
from cityai.scaffold.grain import Grain
from cityai.scaffold.windows import Windows, fit_windows

CODE: Final = {"day": "D", "week": "W", "month": "M"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says, so that it is not looked for; what is empty or None was not said.

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


NOTHING_SAID: Final = Wishes()


@dataclass(frozen=True, slots=True)
class Understood:
    """How a table can be read.

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
        code = CODE[self.period]
        first = self.since or self.first
        return int((self.last.to_period(code) - first.to_period(code)).n) + 1

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
