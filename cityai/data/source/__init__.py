"""The door to a city's tables: files, DuckDB and SQLite databases, and connections, through Ibis.

Every table is read by an engine of its own that may see that one file and nothing else, cannot
load extensions, spills into a private folder that is removed afterwards, and is locked before the
first row is read. Columns get neutral names inside, so a hostile header never reaches a query.
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb

from cityai.config.connection import Query
from cityai.config.tables import SourceSpec, UnpivotSpec
from cityai.confine.tables import translate_error
from cityai.data.file_digests import list_parts
from cityai.data.source.alike import TellApart
from cityai.data.source.connections import open_query
from cityai.data.source.databases import is_sqlite, open_database, open_sqlite
from cityai.data.source.engine import REJECT_COLUMNS, Room, SourceTable, open_room
from cityai.data.source.files import open_csv, open_parquet
from cityai.data.source.functions import BLANKS, trim_text, write_text
from cityai.data.source.json_records import open_json
from cityai.data.source.plain_text import write_plain_csv
from cityai.data.source.questions import Grouping
from cityai.data.source.workbooks import open_workbook
from cityai.data.versions import find_version, hold_versions
from cityai.errors import DataError, suggest_name
from cityai.progress import telling_size

FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".geojson": "json",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".duckdb": "database",
    ".ddb": "database",
    ".db": "database",
    ".sqlite": "database",
    ".sqlite3": "database",
}

ADDRESSES: Final = frozenset(
    f"{scheme}:" for scheme in ("http", "https", "ftp", "s3", "gs", "az", "abfs", "abfss", "wasbs")
)
"""What a path begins with that is no path."""

_SAVE_AS = "open it in the spreadsheet, and save it as xlsx, or the sheet as CSV (UTF-8)"
_OTHERS: Final = {
    b"PK\x03\x04": (
        "a spreadsheet (xlsx, ods) or another zip archive",
        f"give it the ending .xlsx, if it is one; or {_SAVE_AS}",
    ),
    b"\xd0\xcf\x11\xe0": (
        "an old spreadsheet (xls), or one that is locked with a password",
        f"{_SAVE_AS}, without a password",
    ),
    b"\x1f\x8b": ("a packed file (gzip)", "unpack it, and name what was in it"),
    b"PAR1": ("a Parquet file", "give it the ending .parquet"),
    b"SQLite format": ("an SQLite database", "give it the ending .sqlite"),
}
_SPREADSHEETS: Final = frozenset((".xls", ".xlsb", ".ods", ".numbers"))


@contextmanager
def open_source(
    source: SourceSpec,
    path: Path | Query,
    columns: Sequence[str] | None,
    *,
    max_rows: int,
    unpivot: UnpivotSpec | None = None,
    grouping: Grouping | None = None,
) -> Iterator[SourceTable]:
    """Open one table behind a locked door.

    Parameters
    ----------
    source : SourceSpec
        How the table is written.
    path : Path or Query
        The file, or what a database is asked for.
    columns : sequence of str, optional
        Columns to read, as the source names them (after `unpivot`); all when None.
    max_rows : int
        Larger tables are refused before they are read.
    unpivot : UnpivotSpec, optional
        Columns to turn into rows.
    grouping : Grouping, optional
        Which rows are alike to all that is asked: they are counted where they are read.

    Yields
    ------
    SourceTable
        Valid inside the ``with`` block alone.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, too large, or lacks a column.
    """
    wanted = _list_wanted(columns, unpivot, source.joined)
    with (
        warnings.catch_warnings(),
        hold_versions(),
        open_room() as room,
        telling_size(room.folder),
    ):
        # Ibis calls the engine by a name that the engine has since replaced.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        try:
            if isinstance(path, Query):
                opened = open_query(room, path, source, wanted, max_rows, grouping)
            else:
                tell_apart = None if grouping is None else grouping.tell_apart
                kind = find_format(path)
                opened = _open(kind, source, path, wanted, max_rows, room, tell_apart)
            opened = opened if unpivot is None else _unpivot(opened, unpivot)
            yield _join(opened, source.joined, columns)
        except duckdb.Error as error:
            where = path.where if isinstance(path, Query) else path
            raise translate_error(error, where) from None


def _open(
    kind: str,
    source: SourceSpec,
    path: Path,
    wanted: list[str] | None,
    max_rows: int,
    room: Room,
    tell_apart: TellApart | None,
) -> SourceTable:
    version = find_version(path)
    path = path.resolve()  # the engine finds nothing behind `..` or a link
    if kind == "csv":
        plain = write_plain_csv(path, source, room.folder)
        room.begin(path, plain.path)
        return open_csv(room, plain, source, path, wanted, max_rows, tell_apart)
    if kind == "workbook":
        return open_workbook(room, path, source, wanted, max_rows)
    if kind == "json":
        return open_json(room, path, source, wanted, max_rows, tell_apart)
    is_store = kind == "database" and is_sqlite(path)
    files = () if is_store else list_parts(path) if version is None else version.parts
    room.begin(path, *files, attach=kind == "database" and not is_store)
    if kind == "parquet":
        return open_parquet(room, path, version, wanted, max_rows, tell_apart)
    return (open_sqlite if is_store else open_database)(room, path, source, wanted, max_rows)


def refuse_address(path: Path) -> None:
    """Refuse an address of the network.

    Raises
    ------
    DataError
        If the path holds a scheme, such as ``https:``.
    """
    if ADDRESSES.intersection(path.parts):
        raise DataError(
            "this is an address, and nothing is fetched from the network",
            where=str(path),
            expected="a file or a folder of this machine",
            next_step="download it and name the file, or name a connection of the workspace",
        )


def _say_nearest(path: Path) -> str:
    """Say what the nearest folder on the way to a file has, where the file is not there."""
    wanted = Path(os.path.normpath(path))
    folder = next((up for up in wanted.parents if up.is_dir()), Path("/"))
    name = wanted.relative_to(folder).parts[0]
    near, beside = [p.name for p in folder.iterdir()], folder == wanted.parent
    if near and (beside or difflib.get_close_matches(name, near, n=1)):
        return f"a {'file' if beside else 'folder'} in {folder}: {suggest_name(name, near)}"
    return f"a folder that exists: {folder} has no '{name}'"


def find_format(path: Path) -> str:
    """Return ``csv``, ``json``, ``workbook``, ``parquet`` or ``database``, or refuse the path.

    Raises
    ------
    DataError
        If nothing is there, it is a folder, it is empty, or its ending is not known.
    """
    if not path.exists():
        refuse_address(path)
        raise DataError(
            "there is no such file",
            where=os.path.normpath(path),
            expected=_say_nearest(path),
            next_step="correct `path` of the source; one that does not begin with / is looked up "
            "from the workspace's folder",
        )
    if find_version(path):
        return "parquet"
    if path.is_dir() and list_parts(path):
        _check_folder(path)
        return "parquet"
    if not path.is_file():
        raise DataError(
            "this is a folder" if path.is_dir() else "this is no file, but a pipe or a device",
            where=str(path),
            expected="a file, or a folder with Parquet files",
            next_step="name one file in it as `path`" if path.is_dir() else "name a file",
        )
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"files ending in '{path.suffix}' are not read",
            where=str(path),
            expected=", ".join(sorted(FORMATS)),
            next_step=_SAVE_AS
            if path.suffix.lower() in _SPREADSHEETS
            else "export the table as CSV (UTF-8) or Parquet, unpacked",
        )
    if path.stat().st_size == 0:
        raise DataError(
            "the file is empty",
            where=str(path),
            expected="a header and rows",
            next_step="export it again",
        )
    if kind in ("csv", "json", "workbook"):
        _check_begin(path, kind)
    return kind


def _check_folder(path: Path) -> None:
    """Refuse a folder whose files are more than its table: that of a table with versions."""
    if (path / ".hoodie").exists():
        raise DataError(
            "this is a Hudi table: its folder also holds rows that are no longer in it",
            where=str(path),
            expected="a folder of Parquet files, each of whose rows counts",
            next_step="write the table as it is now into a folder of Parquet files",
        )


def _check_begin(path: Path, kind: str) -> None:
    """Refuse what is called a text or a workbook and is something else: its first bytes tell."""
    with path.open("rb") as file:
        begin = file.read(16).lstrip()
    is_workbook, wanted = (
        kind == "workbook",
        "a workbook (xlsx)" if kind == "workbook" else "a text",
    )
    if is_workbook and begin.startswith(b"PK"):
        return
    for mark, (said, next_step) in _OTHERS.items():
        if begin.startswith(mark):
            raise DataError(f"this is {said}, not {wanted}", where=str(path), next_step=next_step)
    if is_workbook:
        is_page = begin.startswith(b"<")
        raise DataError(
            f"this is {'a web page or XML' if is_page else 'a text or another file'}, not {wanted}",
            where=str(path),
            next_step=_SAVE_AS
            if is_page
            else "give it the ending .csv, if it is one; or export it again as xlsx",
        )


def _list_wanted(
    columns: Sequence[str] | None,
    unpivot: UnpivotSpec | None,
    joined: Mapping[str, tuple[str, ...]],
) -> list[str] | None:
    """Return the columns of the source from which those that are asked for are made."""
    if columns is None:
        return None
    wanted = [part for name in columns for part in joined.get(name, (name,))]
    if unpivot is not None:
        made = (unpivot.into, unpivot.value)
        wanted = [*(name for name in wanted if name not in made), *unpivot.columns]
    return list(dict.fromkeys(wanted))


def _join(
    opened: SourceTable, joined: Mapping[str, tuple[str, ...]], columns: Sequence[str] | None
) -> SourceTable:
    """Add the columns that are asked for and made of the texts of several."""
    names, cells = dict(opened.names), {}
    for i, (name, parts) in enumerate(joined.items()):
        if columns is not None and name not in columns:
            continue
        first, *others = (_read_part(opened.table[opened.names[part]]) for part in parts)
        cell = first
        for text in others:
            cell = cell.concat(" ", text)
        names[name], cells[f"joined{i}"] = f"joined{i}", cell
    return replace(opened, table=opened.table.mutate(**cells), names=names) if cells else opened


def _read_part(cell: Any) -> Any:
    """Return a part of a joined text, NULL where it is empty; a year beside a gap is no 2023.0."""
    text = trim_text(write_text(cell), BLANKS)
    return text.re_replace(r"^([0-9]+)[.]0$", "\\1").nullif("")


def _unpivot(opened: SourceTable, unpivot: UnpivotSpec) -> SourceTable:
    turned = {opened.names[name]: name for name in unpivot.columns}
    kept = [c for name, c in opened.names.items() if name not in unpivot.columns]
    types = [opened.table[c].type() for c in turned]
    if all(t.is_integer() for t in types):
        common = "int64"
    else:
        common = "float64" if all(t.is_numeric() for t in types) else "string"
    wide = opened.table.mutate(**{c: opened.table[c].cast(common) for c in turned})
    long = wide.pivot_longer(
        list(turned), names_to="into", values_to="value", names_transform=turned.__getitem__
    )
    names = {name: c for name, c in opened.names.items() if c in kept}
    names |= {unpivot.into: "into", unpivot.value: "value"}
    return replace(opened, table=long, names=names)


__all__ = [
    "FORMATS",
    "REJECT_COLUMNS",
    "SourceTable",
    "find_format",
    "open_source",
    "refuse_address",
]
