"""Dates that are divided over several columns: year and month, perhaps a day, or year and week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from cityai.data.periods import WEEK
from cityai.data.written_dates import MONTH
from cityai.errors import DataError
from cityai.scaffold.names import find_part_of_date, say_count

_CELLS: Final = {
    "year": r"(?:19|20)\d{2}",
    "month": rf"(?:(?:m|month|mes|mês|mois|monat)[ _-]?)?(?:0?[1-9]|1[0-2])|{MONTH}",
    WEEK: r"(?:W|KW)?(?:0?[1-9]|[1-4]\d|5[0-3])",
    "day": r"0?[1-9]|[12]\d|3[01]",
}
"""What the cells of a part of a date hold."""
_WHOLE: Final = r"^([0-9]+)[.]0$"
"""Whole numbers beside a gap, as many programs write them."""
_ALMOST_ALL: Final = 0.99
_LAST_DAYS: Final = 28
"""Largest day, at least, of a column of days of the month: one of weekdays ends with 7."""
_OTHER_YEARS: Final = frozenset(["fiscal", "school", "fy", "sy"])


def find_parts(cells: pd.DataFrame, time: str, *, is_dated: bool) -> tuple[str, ...]:
    """Return the columns that together are a row's date; none where one column holds it.

    Parameters
    ----------
    cells : pandas.DataFrame
        The table, as texts.
    time : str
        What a person named: the parts, with commas; a column; or nothing.
    is_dated : bool
        Whether a column holds dates of what the rows are about.
    """
    named = tuple(name.strip() for name in time.split(","))
    if len(named) > 1 and time not in cells and {*named} <= {*cells}:
        return named
    return () if time or is_dated else find_split_date(cells)


def find_split_date(cells: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that together are a date; none where there is no year among them."""
    found: dict[str, str] = {}
    for name in map(str, cells):
        part = find_part_of_date(name)
        if part and part not in found and _holds(cells[name], part):
            found[part] = name
    if "year" not in found or _is_of_other_year(found["year"]):
        return ()
    if "month" in found:
        return tuple(found[part] for part in ("year", "month", "day") if part in found)
    return (found["year"], found[WEEK]) if WEEK in found else ()


def tell_unjoined(cells: pd.DataFrame) -> str:
    """Say why parts of a date beside one another are no date; empty where there are none."""
    names = list(map(str, cells))
    years = [name for name in names if find_part_of_date(name) == "year"]
    parts = [name for name in names if find_part_of_date(name) in ("month", WEEK)]
    if not years or not parts:
        return ""
    if _is_of_other_year(years[0]):
        return (
            f"'{parts[0]}' beside '{years[0]}' is a part of a year that does not begin in January; "
            "write the calendar's year and month as 2025-03"
        )
    for name in (years[0], parts[0]):
        part = find_part_of_date(name)
        cell = cells[name].dropna().astype("str").str.replace(_WHOLE, r"\1", regex=True)
        odd = cell[~cell.str.fullmatch(_CELLS[part], case=False)]
        if 0 < len(odd) < len(cell) / 2:
            return (
                f"'{name}' holds {str(odd.iloc[0])[:20]!r} in {say_count(len(odd), 'row')}, which "
                f"is no {part}, as where sums stand among their parts; take them out"
            )
    return ""


def join_cells(cells: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return the texts of several columns with a blank between them, missing without one."""
    texts = [cells[name].str.replace(_WHOLE, r"\1", regex=True) for name in names]
    return texts[0].str.cat(pd.concat(texts[1:], axis=1), sep=" ")


def name_joined(names: Sequence[str], taken: Sequence[str], refuse: str) -> str:
    """Name what several columns become, as no other column of the table is named.

    Raises
    ------
    DataError
        When the table has such a column.
    """
    name = "_".join("_".join(names).split())
    if name in taken:
        raise DataError(
            f"there is a column '{name}' beside {', '.join(names)}, which would be joined to it",
            where=refuse,
            next_step="rename the column",
        )
    return name


def _holds(cells: pd.Series, part: str) -> bool:
    filled = cells.dropna().astype("str").str.replace(_WHOLE, r"\1", regex=True)
    if not len(filled) or filled.str.fullmatch(_CELLS[part], case=False).mean() < _ALMOST_ALL:
        return False
    numbers = pd.to_numeric(filled, errors="coerce")
    return part != "day" or bool(numbers.max() >= _LAST_DAYS)


def _is_of_other_year(name: str) -> bool:
    return not _OTHER_YEARS.isdisjoint(name.lower().replace("_", " ").split())
