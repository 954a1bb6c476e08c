"""Tables with one column a month, a week or a day, which are turned into rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.data.periods import WEEK
from cityai.errors import DataError
from cityai.scaffold.dates import name_other, parse, read_dates
from cityai.scaffold.parts_of_time import MONTH_OF_YEAR, find_parts_of_time
from cityai.scaffold.split_dates import find_split_date

_WIDE: Final = 4
"""Columns named after months, at least, for a table with one column a month."""


def find_months(cells: pd.DataFrame, path: Path) -> tuple[str, ...]:
    """Return columns that are named after months: a table with one column a month."""
    if months := _find_months_of_years(cells):
        return months
    names = pd.Series([str(name).strip() for name in cells], dtype="str")
    found: dict[str, list[str]] = {}
    for name in names:
        one = pd.Series([name])
        for reading in read_dates(one, np.ones(1), is_named=False):
            # May is a full name and a short one.
            found.setdefault(reading.format.replace("%B", "%b") or "%", []).append(name)
        found.setdefault(name_other(one, np.ones(1)), []).append(name)
    for pattern, listed in found.items():
        if len(listed) < _WIDE or not pattern:
            continue
        if "%" in pattern:
            return tuple(listed)
        raise DataError(
            f"it has one column for each of {len(listed)} parts of time, from {listed[0]} to "
            f"{listed[-1]}: {pattern}",
            where=str(path),
            expected="one row a place and period, with a column of dates such as 2025-03-31; or "
            "one column a month, named 2025-03",
            next_step="turn these columns into rows before it is read",
        )
    return ()


def _find_months_of_years(cells: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns of the twelve months where another holds the year of each row."""
    parts = find_parts_of_time(map(str, cells), by_year=True)
    if parts is None or parts.what != MONTH_OF_YEAR:
        return ()
    one = pd.Series(parts.columns[0], index=cells.index)
    years = cells.drop(columns=list(parts.columns)).assign(month=one)
    return parts.columns if len(find_split_date(years)) > 1 else ()


def name_melted(dates: Sequence[str], kept: Sequence[str]) -> tuple[str, str]:
    """Name what columns of dates become, as no other column of the table is named."""
    values = pd.Series(dates)
    readings, wish = read_dates(values, np.ones(len(values)), is_named=False), "month"
    if readings and "%V" in readings[0].format:
        wish = WEEK
    elif readings and parse(values, readings[0].format).dt.day.nunique() > 1:
        wish = "day"
    taken = {name.lower() for name in kept}
    date, amount = (
        next(name for name in (one, f"{one}_of_row", f"{one}_of_column") if name not in taken)
        for one in (wish, "amount")
    )
    return date, amount
