"""Dates that were exported as moments of UTC: by a city's clock they may lie on the day before."""

from __future__ import annotations

from typing import Final

from cityai.data.contract import Contract
from cityai.data.source.engine import SourceTable, fetch_frame
from cityai.data.source.functions import ABSOLUTE, match_whole, to_local
from cityai.errors import DataError

_MIDNIGHT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)"
_FIRST: Final = 1_000
"""Rows that are looked at first: most columns hold other moments among them."""
_LEAST: Final = 3
"""Different days from which on it is hardly by chance that all moments are midnights."""


def refuse_midnights(opened: SourceTable, contract: Contract) -> None:
    """Refuse columns of which every moment is midnight in UTC, and another day in the city.

    Raises
    ------
    DataError
        Since these are dates, and each would be counted on the day before.
    """
    for name, column in contract.columns.items():
        cell = opened.table[opened.names[name]]
        native = cell.type()
        if column.type not in ("date", "datetime") or column.format is not None:
            continue
        if native.is_timestamp() and native.timezone is not None:
            moment = cell
        elif native.is_string() and column.type == "datetime":
            moment = match_whole(cell, _MIDNIGHT).ifelse(cell, None).try_cast(ABSOLUTE)
        else:
            continue
        written = to_local("UTC", moment)
        is_other = cell.notnull() & (written != written.truncate("D")).fill_null(True)
        first = opened.table.select(is_other=is_other).limit(_FIRST)
        if fetch_frame(first)["is_other"].any():
            continue
        found = opened.table.agg(
            others=is_other.sum(),
            days=written.nunique(),
            moved=(to_local(contract.zone, moment).truncate("D") != written.truncate("D")).sum(),
        )
        others, days, moved = fetch_frame(found).iloc[0].fillna(0)
        if others or days < _LEAST or not moved:
            continue
        raise DataError(
            f"every moment is midnight in UTC, which is another day in {contract.zone}: these are "
            "dates that were exported as moments",
            where=f"{opened.where}, column '{name}'",
            expected="dates such as 2025-03-31, or the moments at which it happened",
            next_step="export the column as a date"
            + ("; or read the day as it is written: `type: date` with `format: "
               "'%Y-%m-%dT%H:%M:%SZ'`, as its cells are" if native.is_string() else ""),
        )  # fmt: skip
