"""Tables and views of DuckDB and SQLite databases, never written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cityai.config.tables import SourceSpec
from cityai.confine.tables import quote_name
from cityai.data.file_digests import digest_file
from cityai.data.source.engine import (
    MAX_CELL,
    Room,
    SourceTable,
    check_columns,
    copy_columns,
    list_none,
)
from cityai.errors import DataError, suggest_name


def open_database(
    room: Room, path: Path, source: SourceSpec, wanted: list[str] | None, max_rows: int
) -> SourceTable:
    """Open a table or view of the attached database `city`."""
    known = room.run(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'city' "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = 'city' AND NOT internal"
    )
    often = Counter(table for _, table in known)
    # A name that several schemas have is none without its schema.
    places = {table if often[table] == 1 else f"{s}.{table}": (s, table) for s, table in known}
    whole = {f"{schema}.{table}": (schema, table) for schema, table in known}
    if source.table not in whole:
        _check_table(source, list(places), path)
    schema, table = {**whole, **places}[str(source.table)]
    named = f"city.{quote_name(schema)}.{quote_name(table)}"
    # A view may have no end, so no more is counted than may be read.
    rows = room.run(f"SELECT count(*) FROM (SELECT 1 FROM {named} LIMIT {max_rows + 1})")[0][0]  # noqa: S608
    _check_rows(rows, source, path, max_rows)
    place = copy_columns(room, named, wanted, path)
    engine = room.enter()
    return SourceTable(
        engine.table("raw"), place, list_none(), digest_file(path), str(path), False, engine
    )


def open_sqlite(
    room: Room, path: Path, source: SourceSpec, wanted: list[str] | None, max_rows: int
) -> SourceTable:
    """Copy a table or view of an SQLite database into the private room, as text."""

    def ask(query: str) -> list[list[Any]]:
        return room.ask("sqlite", str(path.absolute()), query)

    _, *known = ask("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    _check_table(source, [str(row[0]) for row in known], path)
    named = quote_name(source.table)
    # An unknown quoted name would be read as a text: the header is checked first.
    (header,) = ask(f"SELECT * FROM {named} LIMIT 0")  # noqa: S608
    place = {name: f"c{i}" for i, name in enumerate(check_columns(wanted, header, path))}
    rows = ask(f"SELECT count(*) FROM (SELECT 1 FROM {named} LIMIT {max_rows + 1})")[1][0]  # noqa: S608
    _check_rows(rows, source, path, max_rows)
    chosen = ", ".join(map(quote_name, place))
    room.ask("copy", str(path.absolute()), f"SELECT {chosen} FROM {named}", MAX_CELL)  # noqa: S608
    engine = room.enter()
    return SourceTable(
        engine.table("raw"), place, list_none(), digest_file(path), str(path), True, engine
    )


def _check_rows(rows: int, source: SourceSpec, path: Path, max_rows: int) -> None:
    if rows > max_rows:
        raise DataError(
            f"the table '{source.table}' has more than {max_rows:,} rows",
            where=str(path),
            expected=f"at most {max_rows:,}",
            next_step="raise `data.max_rows` if this is right",
        )
    if not rows:
        raise DataError(
            f"the table '{source.table}' has no rows",
            where=str(path),
            expected="a row for each event or amount",
            next_step="fill it, or correct `table` of the source",
        )


def _check_table(source: SourceSpec, known: Sequence[str], path: Path) -> None:
    if source.table is None or source.table not in known:
        missing = "no table is named" if source.table is None else f"no table '{source.table}'"
        raise DataError(
            f"{missing} in this database",
            where=str(path),
            expected=suggest_name(source.table or "", known),
            next_step="set `table` of the source; with `cityai new --from`, --table",
        )


def is_sqlite(path: Path) -> bool:
    """Tell an SQLite database by its first bytes."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
