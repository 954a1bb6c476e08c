"""Dates that were exported as moments of UTC: by a city's clock they may lie on the day before."""

from __future__ import annotations

from typing import Any, Final

from cityai.config.tables import ColumnSpec
from cityai.data.contract import Contract
from cityai.data.source.engine import FIRST, SourceTable, fetch_frame
from cityai.data.source.functions import ABSOLUTE, match_whole, to_local
from cityai.errors import DataError

_MIDNIGHT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)"
_UNZONED: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00([.]0+)?)?(Z|[+-]00(:?00)?)?)?"
"""The same under `zone: utc`, where what has no offset is a moment of UTC."""
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
