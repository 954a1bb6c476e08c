"""Tables with one column a month, a week or a day, which are turned into rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.errors import DataError
from cityai.scaffold.dates import name_other, parse, read_dates

_WIDE: Final = 4
"""Columns named after months, at least, for a table with one column a month."""


def find_months(cells: pd.DataFrame, path: Path) -> tuple[str, ...]:
    """Return columns that are named after months: a table with one column a month."""
    names = pd.Series([str(name).strip() for name in cells], dtype="str")
    found: dict[str, list[str]] = {}
    for name in names:
        one = pd.Series([name])
        for reading in read_dates(one, np.ones(1), is_named=False):
            found.setdefault(reading.format or "%", []).append(name)
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


def name_melted(dates: Sequence[str], kept: Sequence[str]) -> tuple[str, str]:
    """Name what columns of dates become, as no other column of the table is named."""
    values = pd.Series(dates)
    pattern = next(iter(read_dates(values, np.ones(len(values)), is_named=False))).format
    days = parse(values, pattern).dt.day
    taken = {name.lower() for name in kept}
    date, amount = (
        next(name for name in (wish, f"{wish}_of_row", f"{wish}_of_column") if name not in taken)
        for wish in ("month" if days.nunique() == 1 else "day", "amount")
    )
    return date, amount
