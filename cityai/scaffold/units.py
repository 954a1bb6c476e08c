"""Marks and units of numbers: what would add up amounts that are not alike is asked about."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from cityai.scaffold.names import UNITS

if TYPE_CHECKING:
    from cityai.scaffold.columns import Column, TableProfile

_ONE_UNIT = (
    "amounts of one unit, which can be added up",
    "write all in one unit before it is read",
)


def ask_marks(profile: TableProfile, column: Column) -> None:
    """Refuse numbers of several units, and those whose marks can be read in two ways."""
    if column.written is not None and column.written.has_units:
        cells = profile.frame[column.name].fillna("")
        counts = [
            f"{unit} ({sum(c.startswith(unit) or c.endswith(unit) for c in cells):,} rows)"
            for unit in column.written.beside
        ]
        what = f"the numbers of '{column.name}' have several units: {', '.join(counts)}"
        raise profile.refuse(what, *_ONE_UNIT)
    if column.written is None or len(column.written.readings) == 1:
        return
    cell = next(c for c in profile.frame[column.name].dropna() if "," in c or "." in c)
    options = [
        f"--decimal '{decimal}'" + (f" --thousands '{thousands}'" if thousands else "")
        for decimal, thousands in column.written.readings
    ]
    raise profile.refuse(
        f"the numbers of '{column.name}', such as {cell[:40]!r}, can be read in two ways",
        "which mark stands before decimals, and which between thousands",
        f"one of: {'; '.join(options)}",
    )


def refuse_units(profile: TableProfile, amount: str, told_apart: AbstractSet[str]) -> None:
    """Refuse to add up amounts whose units stand in a column of their own, where they differ.

    Parameters
    ----------
    profile : TableProfile
        The table.
    amount : str
        Column that is added up.
    told_apart : set of str
        Columns by which rows are told apart: each unit is added up by itself.
    """
    for column in profile.columns.values():
        if column.type != "text" or column.name in told_apart:
            continue
        rows = profile.frame[column.name].value_counts()
        units = {str(unit).lower().rstrip(".") for unit in rows.index}
        if len(units) > 1 and units <= UNITS:
            shown = ", ".join(f"{unit} ({n:,} rows)" for unit, n in rows.items())
            what = f"the amounts of '{amount}' have several units by '{column.name}': {shown}"
            raise profile.refuse(what, *_ONE_UNIT)
