"""The inside of the process that reads tables from outside: DuckDB, SQLite, and drivers.

A file may be made to crash its reader, and a view may have no end; here that harms nobody. What was
read lies in a private database afterwards, which the parent opens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

try:  # without its layers of Python, which take a tenth of a second to load
    import _duckdb as duckdb
except ImportError:  # it is no public name
    import duckdb  # type: ignore[no-redef]

from cityai.confine.child import answer_messages, tell_limits
from cityai.errors import DataError

if TYPE_CHECKING:
    import sqlite3

    from cityai.confine.warehouse import Warehouse

MEMORY_LIMIT: Final = "4GB"
THREADS: Final = 2
SETTINGS: Final[dict[str, Any]] = {
    "memory_limit": MEMORY_LIMIT,
    "threads": THREADS,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
_CHUNK: Final = 50_000


def serve(shut: bool) -> None:
    """Answer one message after the other: what to do, with its arguments."""
    desk = _Desk()
    answer_messages(desk.work)


class _Desk:
    """The engine that is open, and what is asked of it."""

    engine: Any = None
    warehouse: Any = None
    sheet: Any = None

    def work(self, parts: list[bytes]) -> list[bytes]:
        work, *told = json.loads(parts[0])
        rows: Sequence[Sequence[object]] = ()
        if work in ("open", "close"):
            self._close()
        if work in (
            "copy",
            "copy_sheet",
            "delete",
            "fetch",
        ):  # tables of Arrow go through its layers of Python
            import_module("duckdb")
        if work == "open":
            self.engine = _open(*told)
        elif work == "run":
            rows = self.engine.execute(*told).fetchall()
        elif work == "sqlite":
            rows = _ask_sqlite(*told)
        elif work == "copy":
            _copy_sqlite(self.engine, *told)
        elif work == "delta":
            from cityai.confine.delta import read_delta

            rows = [read_delta(*told)]
        elif work == "iceberg":
            from cityai.confine.iceberg import read_iceberg

            rows = [read_iceberg(*told)]
        elif work == "head":
            rows = self._open_sheet(*told[:2]).show_rows(told[2])
        elif work == "sheet":
            rows = self._open_sheet(*told[:2]).find_header(told[2])
        elif work == "copy_sheet":
            rows = [[self._copy_sheet(*told)]]
        elif work == "json":
            from cityai.confine.json_parts import look_at_json

            rows = [look_at_json(*told)]
        elif work == "fault":
            from cityai.confine.json_parts import find_fault

            find_fault(*told)
        elif work == "properties":
            from cityai.confine.json_parts import write_properties

            rows = [write_properties(*told)]
        elif work == "delete":
            rows = self._put_deleted(*told)
        elif work == "connect":
            self.warehouse = _connect(*told)
        elif work == "describe":
            rows = self.warehouse.describe(*told)
        elif work == "is_partial":
            rows = [[self.warehouse.is_partial(*told)]]
        elif work == "digest":
            rows = [[self.warehouse.digest(*told)]]
        elif work == "fetch":
            from cityai.confine.warehouse import bring_rows

            rows = [bring_rows(self.engine, self.warehouse, *told)]
        return [json.dumps(rows, default=str).encode()]

    def _put_deleted(self, form: str, *told: str) -> list[list[object]]:
        """Write the deleted rows of a version into the room; return what they are, by file."""
        from cityai.confine import delta, iceberg
        from cityai.confine.deleted import describe_deleted, put_deleted

        module = delta if form == "Delta" else iceberg
        positions = module.find_deleted(*told)
        put_deleted(self.engine, positions)
        return [[file, *found] for file, found in describe_deleted(positions).items()]

    def _open_sheet(self, path: str, name: str | None) -> Any:
        from cityai.confine.workbook import Sheet

        self.sheet = Sheet(path, name)
        return self.sheet

    def _copy_sheet(self, chosen: list[int], decimal: str, max_rows: int, longest: int) -> int:
        """Copy the rows of the sheet that is open; return how many of its rows are hidden."""
        hidden: int = self.sheet.check(chosen)
        rows = self.sheet.list_rows(chosen, decimal, max_rows)
        _put_rows(self.engine, len(chosen), rows, longest, self.sheet.where)
        self.sheet = None
        return hidden

    def _close(self) -> None:
        for opened in (self.engine, self.warehouse):
            if opened is not None:
                opened.close()
        self.engine = self.warehouse = self.sheet = None


def _connect(driver: str, *told: Any) -> Warehouse:
    if driver == "spark":
        from cityai.confine.spark import Spark

        return Spark(*told)
    from cityai.confine.postgres import Postgres

    return Postgres(*told)


def _open(place: str, spill: str, readable: list[str], attach: bool) -> Any:
    engine = duckdb.connect(place, config={**SETTINGS, "temp_directory": spill})
    if attach:
        engine.execute(f"ATTACH {quote_text(readable[0])} AS city (READ_ONLY)")
    elif readable:
        engine.execute(f"SET allowed_paths=[{', '.join(map(quote_text, readable))}]")
    lock_engine(engine)
    return engine


def lock_engine(engine: Any) -> None:
    """Refuse an engine every file that it was not given."""
    engine.execute("SET TimeZone='UTC'")
    engine.execute("SET allowed_directories=[]")
    engine.execute("SET enable_external_access=false")
    engine.execute("SET lock_configuration=true")


def _ask_sqlite(path: str, query: str) -> list[tuple[object, ...]]:
    with closing(_connect_sqlite(path)) as store:
        cursor = store.execute(query)
        return [tuple(name for name, *_ in cursor.description), *cursor.fetchall()]


def _copy_sqlite(engine: Any, path: str, query: str, longest: int) -> None:
    """Copy the rows of a query as text; SQLite cells have types of their own, whatever is said."""
    import sqlite3

    with closing(_connect_sqlite(path)) as store:
        store.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(longest, len(query) + 1_000))
        cursor = store.execute(query)
        rows = enumerate((map(_write_text, row) for row in cursor), 1)
        _put_rows(engine, len(cursor.description), rows, longest, path)


def _put_rows(
    engine: Any, width: int, rows: Iterable[tuple[int, Iterable[Any]]], longest: int, where: str
) -> None:
    """Put numbered rows of text into the engine's table `raw`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [f"c{i}" for i in range(width)]
    engine.execute(f"CREATE TABLE raw (n BIGINT, {', '.join(f'{c} VARCHAR' for c in names)})")
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        numbers, cells = zip(*chunk, strict=True)
        columns = [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]
        for column in columns:
            if (pc.max(pc.binary_length(column)).as_py() or 0) > longest:
                raise DataError(
                    f"a cell has more than {longest:,} bytes",
                    where=where,
                    next_step="leave its column out, or cut its text",
                )
        engine.register("chunk", pa.table([pa.array(numbers), *columns], ["n", *names]))
        engine.execute("INSERT INTO raw SELECT * FROM chunk")
        engine.unregister("chunk")


def _connect_sqlite(path: str) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)


def _write_text(cell: object) -> str | None:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="backslashreplace")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return None if cell is None else str(cell)


_OTHER_TYPE: Final = re.compile(
    r'file "([^"]+)": failed to cast column "([^"]+)" from type (\w+)\S* to (\w+)'
)
"""What the engine says of a file whose column is of another type: no cell is in it."""


def translate_error(error: duckdb.Error | str, path: Path | str) -> DataError:
    """Say what the engine met in words for the one who gave the file."""
    said = str(error).strip().splitlines()[0]
    if "Conversion Error" in said:  # it would hold a cell
        if found := _OTHER_TYPE.search(said):
            file, column, own, first = found.groups()
            return DataError(
                f"the column '{column}' is {own} in '{Path(file).name}', and {first} in the first "
                "of the table's files",
                where=str(path),
                expected="one type of a column in all files",
                next_step="write that file again as the others are written, or take it out",
            )
        said = "a cell is not of the type of its column"
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in said:
        return DataError(
            f"the table does not fit into {MEMORY_LIMIT} of memory and the disk beside it",
            where=str(path),
            next_step="narrow it with `since`, `until` or fewer columns",
        )
    whole = "the file is complete" if isinstance(path, Path) else "the statement ends"
    return DataError(
        f"cannot be read ({said})",
        where=str(path),
        next_step=f"check that {whole}; {tell_limits()}",
    )


def quote_text(text: object) -> str:
    """Write a text as a literal of the engine's language."""
    return "'" + str(text).replace("'", "''") + "'"


def quote_name(name: str | None) -> str:
    """Write a name as an identifier of the engine's language."""
    return '"' + str(name).replace('"', '""') + '"'
