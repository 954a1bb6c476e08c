"""Tables and views of DuckDB and SQLite databases, never written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cityai.data.source.engine import (
    SourceTable,
    check_columns,
    check_size,
    digest_file,
    list_none,
    quote_name,
)
from cityai.errors import DataError, suggest_name
from cityai.spec.project import SourceSpec

_CHUNK: Final = 50_000


def open_database(
    engine: Any, path: Path, source: SourceSpec, wanted: list[str] | None, max_rows: int
) -> SourceTable:
    """Open a table or view of the attached database `city`."""
    known = engine.con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'city' "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = 'city' AND NOT internal"
    ).fetchall()
    schema = {table: schema for schema, table in known}
    _check_table(source, list(schema), path)
    named = f"city.{quote_name(schema[source.table])}.{quote_name(source.table)}"
    rows = int(engine.con.execute(f"SELECT count(*) FROM {named}").fetchall()[0][0])  # noqa: S608
    check_size(rows, max_rows, path)
    engine.con.execute(f"CREATE VIEW raw AS SELECT *, row_number() OVER () AS row_n_ FROM {named}")  # noqa: S608
    table = engine.table("raw")
    wanted = check_columns(wanted, [c for c in table.columns if c != "row_n_"], path)
    if not rows:
        raise DataError(f"the table '{source.table}' has no rows", where=str(path))
    place = {name: f"c{i}" for i, name in enumerate(wanted)}
    chosen = table.select(n=table["row_n_"], **{new: table[old] for old, new in place.items()})
    return SourceTable(chosen, place, list_none(), digest_file(path), str(path), False, engine)


def open_sqlite(
    engine: Any, path: Path, source: SourceSpec, wanted: list[str] | None, max_rows: int
) -> SourceTable:
    """Copy a table or view of an SQLite database into the private room, as text."""
    # SQLite cells have types of their own, whatever the column says: they come in as text.
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as store:
            known = [
                name
                for (name,) in store.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                )
            ]
            _check_table(source, known, path)
            named = quote_name(source.table)
            header = [row[0] for row in store.execute(f"SELECT * FROM {named} LIMIT 0").description]  # noqa: S608
            wanted = check_columns(wanted, header, path)
            place = {name: f"c{i}" for i, name in enumerate(wanted)}
            rows = int(store.execute(f"SELECT count(*) FROM {named}").fetchall()[0][0])  # noqa: S608
            check_size(rows, max_rows, path)
            if not rows:
                raise DataError(f"the table '{source.table}' has no rows", where=str(path))
            cells = ", ".join(f"{neutral} VARCHAR" for neutral in place.values())
            engine.con.execute(f"CREATE TABLE raw (n BIGINT, {cells})")
            # An unknown quoted name would be read as a text: the header was checked above.
            cursor = store.execute(f"SELECT {', '.join(map(quote_name, wanted))} FROM {named}")  # noqa: S608
            done = 0
            while chunk := list(islice(cursor, _CHUNK)):
                frame = pd.DataFrame(
                    [[_write_text(cell) for cell in row] for row in chunk],
                    columns=list(place.values()),
                    dtype="str",
                )
                frame.insert(0, "n", range(done + 1, done + len(frame) + 1))
                engine.con.register("chunk", frame)
                engine.con.execute("INSERT INTO raw SELECT * FROM chunk")
                done += len(frame)
    except sqlite3.Error as error:
        raise DataError(
            f"cannot be read as an SQLite database ({error})",
            where=str(path),
            next_step="check that the file is complete",
        ) from error
    table = engine.table("raw")
    return SourceTable(table, place, list_none(), digest_file(path), str(path), True, engine)


def _check_table(source: SourceSpec, known: Sequence[str], path: Path) -> None:
    if source.table is None or source.table not in known:
        missing = "no table is named" if source.table is None else f"no table '{source.table}'"
        raise DataError(
            f"{missing} in this database",
            where=str(path),
            expected=suggest_name(source.table or "", known),
            next_step="set `table` of the source",
        )


def _write_text(cell: object) -> str | None:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="backslashreplace")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return None if cell is None else str(cell)


def is_sqlite(path: Path) -> bool:
    """Tell an SQLite database by its first bytes."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
