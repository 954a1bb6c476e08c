"""The engine behind the door: it may see one file, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb
import ibis
import pandas as pd

from cityai.columns import ROW_NUMBER
from cityai.errors import DataError, suggest_name
from cityai.scratch import open_scratch

MEMORY_LIMIT: Final = "4GB"
THREADS: Final = 2
MAX_COLUMNS: Final = 10_000
Table: TypeAlias = Any
"""An Ibis table expression: a table behind the door, not yet read."""
REJECT_COLUMNS: Final = (ROW_NUMBER, "column", "value", "reason")


@dataclass(frozen=True)
class SourceTable:
    """A table as its source holds it, opened and not yet read.

    Attributes
    ----------
    table : ibis.expr.types.Table
        Column `n` (int64, row of the source from 1) and one neutral column per asked one.
    names : dict[str, str]
        The source's name of each asked column to the neutral one.
    cut_rows : pandas.DataFrame
        Rows that could not be divided into cells: row_number, column, value, reason.
    digest : str
        SHA-256 of the file's bytes.
    where : str
        The file, for messages.
    is_text : bool
        Whether cells are text that was never typed (CSV, SQLite).
    """

    table: Table
    names: dict[str, str]
    cut_rows: pd.DataFrame
    digest: str
    where: str
    is_text: bool
    engine: Any

    def count_rows(self) -> int:
        """Count the rows that were divided into cells."""
        return int(fetch_frame(self.table.agg(rows=self.table.count()))["rows"].iloc[0])

    def save(self, name: str, expression: Table) -> Table:
        """Keep the rows of an expression in the engine's private store, and read on from there."""
        self.engine.con.execute(f"CREATE OR REPLACE TABLE {name} AS {expression.compile()}")
        return self.engine.table(name)

    def name(self, name: str, expression: Table) -> Table:
        """Give an expression a name, so that what is built on it is not written out each time."""
        self.engine.con.execute(f"CREATE OR REPLACE VIEW {name} AS {expression.compile()}")
        return self.engine.table(name)

    def put(self, name: str, frame: pd.DataFrame) -> Table:
        """Put a table of ours beside the source's."""
        self.engine.con.register(f"{name}_frame", frame)
        self.engine.con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name}_frame")  # noqa: S608
        self.engine.con.unregister(f"{name}_frame")
        return self.engine.table(name)


def fetch_frame(expression: Table) -> pd.DataFrame:
    """Bring the rows of an expression here; texts as `str`, moments in microseconds."""
    frame: pd.DataFrame = expression.get_backend().con.execute(expression.compile()).df()
    # A column without a single text comes as objects.
    empty = frame.columns[[dtype == "object" for dtype in frame.dtypes]]
    return frame.astype(dict.fromkeys(empty, "str"))


class Room:
    """A private folder, and the engine that works in it.

    Attributes
    ----------
    folder : Path
        Readable by this account alone; removed with everything in it when the room is left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._engine: Any = None

    def open_engine(self, readable: Path | None, *, attach: bool = False) -> Any:
        """Open a locked engine that may read one file, or none; `attach` reads it as a database."""
        self._engine = engine = ibis.duckdb.connect(
            self.folder / "work.duckdb",
            temp_directory=str(self.folder / "spill"),
            memory_limit=MEMORY_LIMIT,
            threads=THREADS,
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
            allow_community_extensions=False,
            allow_persistent_secrets=False,
        )
        run = engine.con.execute
        if attach:
            run(f"ATTACH {quote_text(readable)} AS city (READ_ONLY)")
        elif readable is not None:
            run(f"SET allowed_paths=[{quote_text(readable)}]")
        run("SET TimeZone='UTC'")
        run("SET allowed_directories=[]")
        run("SET enable_external_access=false")
        run("SET lock_configuration=true")
        return engine

    def close(self) -> None:
        """Close the engine."""
        if self._engine is not None:
            self._engine.disconnect()
            self._engine = None


@contextmanager
def open_room() -> Iterator[Room]:
    """Open a private room and clear it away afterwards, whatever happened in it."""
    with open_scratch() as folder:
        room = Room(folder)
        try:
            yield room
        finally:
            room.close()


def check_columns(wanted: Sequence[str] | None, header: Sequence[str], path: Path) -> list[str]:
    """Return the columns to read, all of them when none is named."""
    if len(header) > MAX_COLUMNS:
        raise DataError(
            f"the table has {len(header):,} columns",
            where=str(path),
            expected=f"at most {MAX_COLUMNS:,}",
        )
    chosen = list(header if wanted is None else wanted)
    for name in chosen:
        if header.count(name) > 1:
            raise DataError(
                f"the column '{name}' appears {header.count(name)} times in the header",
                where=str(path),
                next_step="rename the columns so that each name appears once",
            )
        if name not in header:
            raise DataError(
                f"there is no column '{name}'",
                where=str(path),
                expected=suggest_name(name, header),
                next_step="correct the name in `data`, or the `delimiter` of the source"
                if len(header) == 1
                else "correct the name in the project, or in the file if it was renamed",
            )
    return chosen


def check_size(rows: int, max_rows: int, path: Path) -> None:
    """Refuse a table of more rows than were agreed to."""
    if rows > max_rows:
        raise DataError(
            f"the table has {rows:,} rows",
            where=str(path),
            expected=f"at most {max_rows:,}",
            next_step="raise `data.max_rows` if this is right",
        )


def translate_error(error: duckdb.Error, path: Path) -> Exception:
    """Say what the engine met in words for the one who gave the file; a fault of ours stays one."""
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        return error
    said = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return DataError(
            f"the table does not fit into {MEMORY_LIMIT} of memory and the disk beside it",
            where=str(path),
            next_step="narrow it with `since`, `until` or fewer columns",
        )
    return DataError(
        f"cannot be read ({said})", where=str(path), next_step="check that the file is complete"
    )


def list_none() -> pd.DataFrame:
    """Return an empty list of rejects."""
    return pd.DataFrame(
        {
            ROW_NUMBER: pd.Series(dtype="int64"),
            **{name: pd.Series(dtype="str") for name in REJECT_COLUMNS[1:]},
        }
    )


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, and of rows that a database keeps beside it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    for log in (Path(f"{path}.wal"), Path(f"{path}-wal")):
        if log.is_file():
            digest.update(log.read_bytes())
    return digest.hexdigest()


def quote_text(text: object) -> str:
    """Write a text as a literal of the engine's language."""
    return "'" + str(text).replace("'", "''") + "'"


def quote_name(name: str | None) -> str:
    """Write a name as an identifier of the engine's language."""
    return '"' + str(name).replace('"', '""') + '"'
