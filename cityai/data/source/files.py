"""CSV and Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import ROW_NUMBER
from cityai.config.tables import SourceSpec
from cityai.confine.deleted import DELETED
from cityai.confine.tables import quote_name, quote_text
from cityai.data.file_digests import digest_file, list_parts
from cityai.data.source.alike import TellApart, make_raw
from cityai.data.source.engine import (
    REJECT_COLUMNS,
    TIMES,
    Room,
    SourceTable,
    Table,
    check_columns,
    check_size,
    list_none,
    name_columns,
)
from cityai.data.source.plain_text import PlainFile
from cityai.data.versions import TableVersion
from cityai.errors import DataError
from cityai.progress import tell

_TOO_LONG: Final = "LINE SIZE OVER MAXIMUM"
_LOST: Final = (_TOO_LONG, "INVALID STATE", "INVALID ENCODING")
LONGEST_ROW: Final = 2_097_152
"""Bytes of a row: what the engine takes at most."""
_PLACES: Final = {"filename", "file_row_number"}
"""What the engine calls a row's file and its position."""
_CUT_ROW: Final = {
    "TOO MANY COLUMNS": "more cells than the header",
    "MISSING COLUMNS": "fewer cells than the header",
    "UNQUOTED VALUE": "text outside the quotes of a quoted cell",
}


def open_csv(
    room: Room,
    plain: PlainFile,
    source: SourceSpec,
    path: Path,
    wanted: list[str] | None,
    max_rows: int,
    tell_apart: TellApart | None = None,
) -> SourceTable:
    """Divide a plain CSV file into cells of text; rows that cannot be divided are listed."""
    wanted = check_columns(wanted, plain.header, path)
    check_size(plain.records, max_rows, path)
    cells = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(plain.header)))
    place = {name: f"c{plain.header.index(name)}" for name in wanted}
    kept = ", ".join(place[name] for name in wanted)
    # Every option is written out: the engine's guesses may fold a file into one column.
    options = (
        f"auto_detect=false, header=true, delim={quote_text(source.delimiter)}, quote='\"', "
        f"escape='\"', comment='', strict_mode=true, null_padding=false, "
        f"rejects_limit=0, columns={{{cells}}}"
    )
    asked, listing = (
        f"SELECT {kept}, row_number() OVER () AS n "  # noqa: S608
        f"FROM read_csv({quote_text(plain.path.absolute())}, {options}, {others})"
        for others in ("rejects_table='seen', rejects_scan='seen_scans'", "store_rejects=true")
    )
    behind = make_raw(room, asked, place, tell_apart, listing)
    cut_rows = _list_cut_rows(room, path)
    times = f"sum({TIMES})::BIGINT" if behind else "count(*)"
    read = int(room.run(f"SELECT coalesce({times}, 0) FROM raw")[0][0]) + len(cut_rows)  # noqa: S608
    if read != plain.records:
        raise DataError(
            f"the file has {plain.records:,} rows by its line ends and {read:,} by its quotes",
            where=str(path),
            expected='a cell with a quote in it is quoted, and that quote doubled: "5"" pipe"',
            next_step="export the file again as standard CSV, or as Parquet",
        )
    if read == 0:
        raise DataError(
            "the file has a header and no rows",
            where=str(path),
            expected="a row for each event or amount",
            next_step="export it again",
        )
    engine = room.enter()
    opened = SourceTable(
        engine.table("raw"),
        place,
        cut_rows,
        plain.digest,
        str(path),
        True,
        engine,
        behind=behind,
    )
    return _renumber(opened) if len(cut_rows) else opened


def _list_cut_rows(room: Room, path: Path) -> pd.DataFrame:
    # The engine's line counts rows with the header, not the line ends inside quotes.
    found = room.run(
        "SELECT line - 1, error_type::VARCHAR, csv_line FROM reject_errors "
        "QUALIFY row_number() OVER (PARTITION BY line ORDER BY byte_position, error_type) = 1 "
        "ORDER BY line"
    )
    for row, kind, text in found:
        if kind == _TOO_LONG and "\n" not in text.strip("\n"):
            raise DataError(
                f"row {row:,} is longer than {LONGEST_ROW:,} bytes ({text[:80]!r})",
                where=str(path),
                expected="rows that are shorter",
                next_step=f"look at row {row:,} for a cell of very long text, and leave it out",
            )
        if kind in _LOST or "\n" in text.strip("\n"):
            raise DataError(
                f"row {row:,} cannot be told from the rows after it ({text[:80]!r})",
                where=str(path),
                expected="every quote that opens a cell is closed in it",
                next_step=f"look at row {row:,} for a quote that is not closed",
            )
    rows = [
        (int(row), "", text[:200], _CUT_ROW.get(kind, "not a row of this table"))
        for row, kind, text in found
    ]
    return pd.DataFrame(rows, columns=list(REJECT_COLUMNS)).astype({ROW_NUMBER: "int64"})


def _renumber(opened: SourceTable) -> SourceTable:
    """Give every row its number in the file, those that were cut counted."""
    order = np.arange(len(opened.cut_rows), dtype=np.int64)
    place = opened.cut_rows[ROW_NUMBER].to_numpy(np.int64) - order
    skips = pd.DataFrame({"place": place, "skip": order + 1}).groupby("place").max()
    opened.put("cut", skips.reset_index())

    def number(rows: Table) -> Table:
        name = rows.get_name()
        opened.engine.con.execute(
            f"CREATE OR REPLACE TABLE numbered_{name} AS "  # noqa: S608
            f"SELECT {name}.* REPLACE ({name}.n + coalesce(cut.skip, 0) AS n) "
            f"FROM {name} ASOF LEFT JOIN cut ON {name}.n >= cut.place"
        )
        return opened.engine.table(f"numbered_{name}")

    behind = opened.behind
    again = None if behind is None else lambda rows: number(behind(rows))
    return replace(opened, table=number(opened.table), behind=again)


def open_parquet(
    room: Room,
    path: Path,
    version: TableVersion | None,
    wanted: list[str] | None,
    max_rows: int,
    tell_apart: TellApart | None = None,
) -> SourceTable:
    """Open a Parquet file, or those of a folder or a version; their rows are looked at first.

    What a folder's name says of its rows (``district=007``) is a column of text. In a version,
    older files may lack a column that was added later: it is missing there.
    """
    where, parts = str(path), list_parts(path) if version is None else list(version.parts)
    if version is not None:
        where = f"{path}, {version.told}"
        tell(f"reading {version.told} of the {version.format} table {path.name}")
    files = f"[{', '.join(quote_text(part.absolute()) for part in parts)}]"
    rows = 0
    if gone := [part for part in parts if not part.is_file()]:
        raise DataError(
            f"{len(gone):,} of the table's files are gone since its log was read",
            where=where,
            next_step="run it again, when nobody cleans the table up",
        )
    if parts:
        ((rows,),) = room.run(f"SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata({files})")  # noqa: S608
    deleted = {} if version is None else version.deleted
    rows = int(rows or 0) - sum(count for count, _ in deleted.values())
    check_size(rows, max_rows, path)
    if rows <= 0:
        raise DataError(
            "the file has no rows" if version is None else "the table has no rows",
            where=where,
            expected="a row for each event or amount",
            next_step="export it again" if version is None else "name another table",
        )
    if version is not None:
        _check_unread(version, wanted, where)
    if version is not None and version.columns is not None:
        _check_numbered(room, version, files, where)
        options = f"hive_partitioning=false, schema={_write_schema(version.columns)}"
    else:
        is_told = path.is_dir() and not (version and version.divided)
        options = f"hive_partitioning={str(is_told).lower()}, hive_types_autocast=false"
        options += f", union_by_name={str(version is not None).lower()}"
    table = placed = f"read_parquet({files}, {options})"
    if version is not None and (deleted or version.divided):
        _check_places(room, table, where)
    if version is not None and version.divided:
        placed = _divide(room, version, table)
        table = f"(SELECT * EXCLUDE (filename, file_row_number) FROM {placed})"  # noqa: S608
    place, cells = name_columns(room, table, wanted, path)
    asked = f"SELECT row_number() OVER () AS n, {cells}"
    if version is not None and deleted:
        _mark_deleted(room, version, where)
        asked = (
            f"SELECT * EXCLUDE (part, position) FROM ({asked}, filename AS part, "  # noqa: S608
            f"file_row_number AS position FROM {placed}) ANTI JOIN {DELETED} USING (part, position)"
        )
    else:
        asked = f"{asked} FROM {table}"
    behind = make_raw(room, asked, place, tell_apart)
    engine = room.enter()
    return SourceTable(
        engine.table("raw"),
        place,
        list_none(),
        digest_file(path),
        where,
        False,
        engine,
        version=version,
        behind=behind,
    )


def _divide(room: Room, version: TableVersion, table: str) -> str:
    """Put the columns by which a table is divided beside its files; return where they are joined.

    They hold for a file's every row, whatever the file has under their names.
    """
    names = list(next(iter(version.divided.values())))
    rows = (
        ", ".join("NULL" if text is None else quote_text(text) for text in (part, *texts.values()))
        for part, texts in version.divided.items()
    )
    columns = ", ".join(map(quote_name, ("filename", *names)))
    room.run(
        "CREATE OR REPLACE TABLE divided AS "  # noqa: S608
        f"SELECT * FROM (VALUES ({'), ('.join(rows)})) AS t ({columns})"
    )
    kept = ", ".join(quote_text(name.lower()) for name in names)
    own = (
        f"SELECT COLUMNS(lambda c: lower(c) NOT IN ({kept})), filename, file_row_number "  # noqa: S608
        f"FROM {table}"
    )
    return f"(SELECT * FROM ({own}) JOIN divided USING (filename))"  # noqa: S608


def _mark_deleted(room: Room, version: TableVersion, where: str) -> None:
    """Put the rows that a version marks as deleted beside its files.

    The others keep their numbers, in which those that are deleted are counted.
    """
    found = room.ask("delete", version.format, *version.log)
    if {Path(file): (count, digest) for file, count, digest in found} != version.deleted:
        raise DataError(
            "which of the table's rows are deleted is not what it was when its log was read",
            where=where,
            next_step="run it again, when nobody writes or copies the table",
        )


def _check_places(room: Room, table: str, where: str) -> None:
    """Refuse a column of a name by which the engine tells where a row lies."""
    names = {str(row[0]).lower() for row in room.run(f"DESCRIBE SELECT * FROM {table}")}  # noqa: S608
    if taken := sorted(names & _PLACES):
        raise DataError(
            "a table with rows that are marked as deleted, or with mapped columns and partitions, "
            f"has a column '{taken[0]}'",
            where=where,
            expected="another name of that column: by it, rows are found",
            next_step="rename the column, or let the table's owner rewrite its files",
        )


def _check_unread(version: TableVersion, wanted: list[str] | None, where: str) -> None:
    """Refuse a column of a type that has more than one value in a cell, or none that is known."""
    for name in wanted or ():
        if name in version.unread:
            raise DataError(
                f"the column '{name}' is of the type {version.unread[name]}, which is not read",
                where=where,
                expected="one value in each cell: a number, a text, a date, a moment, yes or no",
                next_step="write it as such a column of the table, or leave it out",
            )


def _check_numbered(room: Room, version: TableVersion, files: str, where: str) -> None:
    """Refuse files that do not number their columns, or number others than the table's.

    A column without a number would be taken for an empty one.
    """
    stored = {number: quote_text(name) for number, _, _, name in version.columns or () if name}
    wrong = "field_id IS NULL"
    if stored:
        numbers, names = ", ".join(map(str, stored)), ", ".join(stored.values())
        pairs = ", ".join(f"({number}, {name})" for number, name in stored.items())
        wrong += f" OR (field_id IN ({numbers}) OR name IN ({names}))"
        wrong += f" AND (field_id, name) NOT IN ({pairs})"
    ((count,),) = room.run(
        f"SELECT count(DISTINCT file_name) FROM parquet_schema({files}) "  # noqa: S608
        f"WHERE num_children IS NULL AND ({wrong})"
    )
    if count:
        raise DataError(
            f"{count:,} files of the table do not say which of its columns is which",
            where=where,
            expected="files that the table's own writer wrote, with numbers of their columns",
            next_step="let its owner rewrite the files that are older than the numbers, or were "
            "added as they were (`rewrite_data_files`, `OPTIMIZE FULL`), or ask for the table "
            "through a connection",
        )


def _write_schema(columns: Sequence[tuple[int, str, str, str]]) -> str:
    """Write which number in the files is which column, in the engine's language."""
    told = (
        f"{number}: {{name: {quote_text(name)}, type: {quote_text(kind)}, default_value: NULL}}"
        for number, name, kind, _ in columns
    )
    return f"MAP {{{', '.join(told)}}}"
