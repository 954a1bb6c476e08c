"""Sheets of workbooks, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cityai.config.tables import SourceSpec
from cityai.confine.reader import ask_reader
from cityai.data.file_digests import digest_file
from cityai.data.source.engine import MAX_CELL, Room, SourceTable, check_columns, list_none
from cityai.errors import DataError
from cityai.progress import tell

SHOWN: Final = 200
"""Rows at the beginning that are looked at for a header."""


def open_workbook(
    room: Room, path: Path, source: SourceSpec, wanted: list[str] | None, max_rows: int
) -> SourceTable:
    """Open a sheet: the one that `table` names, or the only one with cells.

    Row 1 is the one below the header, empty rows are counted and are none. A number has the
    decimal mark of the source, a date is that of ISO 8601, an error is its text, such as `#N/A`.
    """
    room.begin(path, path)
    (name, above), header = room.ask("sheet", str(path), source.table, source.skip)
    where = f"{path}, sheet '{name}'"
    if wanted is None and header.count("") > 1:
        raise DataError(
            f"{header.count(''):,} columns have no name in row {above:,}",
            where=where,
            expected="one row with a name above each column",
            next_step="set `skip` of the source to the rows above that one, or write the names",
        )
    chosen = check_columns(wanted, header, where)
    place = {column: f"c{i}" for i, column in enumerate(chosen)}
    positions = [header.index(column) for column in chosen]
    ((hidden,),) = room.ask("copy_sheet", positions, source.decimal, max_rows, MAX_CELL)
    if hidden:
        tell(f"hidden rows of the sheet '{name}', read as the others are: {hidden:,}")
    engine = room.enter()
    return SourceTable(
        engine.table("raw"), place, list_none(), digest_file(path), where, True, engine
    )


def show_rows(path: Path, table: str | None) -> list[list[str]]:
    """Return the first rows of a sheet as text, those above its header among them."""
    return ask_reader(path, "head", str(path), table, SHOWN)
