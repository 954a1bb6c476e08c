"""Columns of which each is a part of time: an hour of the day, a month, a day of the week."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cityai.data.written_dates import MONTH_NAMES, WEEKDAY_NAMES, drop_accents

MONTH_OF_YEAR: Final = "month of the year"
_NUMBERED: Final = (
    ("hour of the day", range(24), r"(?:h|hr|hour|hora|heure|stunde)?", r"(?::?00|h|hr|hs|uhr)?"),
    ("hour of the day", range(1, 25), r"(?:h|hr|hour|hora|heure|stunde)", r""),
    (MONTH_OF_YEAR, range(1, 13), r"(?:m|month|mes|mês|mois|monat)", r""),
    ("quarter of the year", range(1, 5), r"(?:q|quarter|trim|trimestre|quartal)", r""),
    ("week of the year", range(1, 53), r"(?:w|wk|week|semana|sem|semaine|kw|woche)", r""),
    ("day of the month", range(1, 32), r"(?:day|dia|día|jour|tag)", r""),
)


@dataclass(frozen=True, slots=True)
class PartsOfTime:
    """Columns of which each is a part of time, such as an hour, in the table's order."""

    columns: tuple[str, ...]
    what: str

    def tell(self) -> str:
        """Say what the columns are."""
        first, last = self.columns[0], self.columns[-1]
        return f"{len(self.columns)} columns, {first} to {last}, are one {self.what} each"


def find_parts_of_time(names: Iterable[str], *, by_year: bool) -> PartsOfTime | None:
    """Find columns that are named after all parts of a day, a week or a year.

    Parameters
    ----------
    names : iterable of str
        Columns of the table.
    by_year : bool
        Whether rows are dated by their year alone, so that columns 1 to 12 are its months.
    """
    listed = list(names)
    for lists, what in ((MONTH_NAMES, MONTH_OF_YEAR), (WEEKDAY_NAMES, "day of the week")):
        for words in lists:
            named = {_fold(word): "" for word in words.split()}
            for name in listed:
                if _fold(name) in named:
                    named[_fold(name)] = name
            if all(named.values()):
                return PartsOfTime(tuple(name for name in listed if name in named.values()), what)
    for what, numbers, before, after in _NUMBERED:
        optional = "?" if by_year and what == MONTH_OF_YEAR else ""
        pattern = re.compile(rf"{before}{optional}[ _-]?(\d{{1,2}}){after}", re.IGNORECASE)
        matched = {name: found for name in listed if (found := pattern.fullmatch(name.strip()))}
        if sorted(int(found[1]) for found in matched.values()) == [*numbers]:
            return PartsOfTime(tuple(matched), what)
    return None


def _fold(name: str) -> str:
    """Return a name without capitals, accents and a point at its end."""
    return drop_accents(name.strip().strip(".").casefold())
