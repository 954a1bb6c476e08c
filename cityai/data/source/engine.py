"""The engine behind the door: it may see one file, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import ibis
import numpy as np
import pandas as pd

from cityai.columns import ROW_NUMBER
from cityai.confine.reader import ask_reader, is_reading
from cityai.confine.tables import SETTINGS, lock_engine, quote_name, quote_text
from cityai.data.versions import TableVersion
from cityai.errors import DataError, suggest_name
from cityai.scratch import open_scratch

MAX_COLUMNS: Final = 10_000
MAX_CELL: Final = 1_000_000
ibis.options.sql.fuse_selects = False
"""Engines fuse selects themselves; Ibis takes half of its time for it."""
Table: TypeAlias = Any
"""An Ibis table expression: a table behind the door, not yet read."""
REJECT_COLUMNS: Final = (ROW_NUMBER, "column", "value", "reason")
FIRST: Final = 1_000
"""Rows that are looked at first."""
TIMES: Final = "times"
"""How many rows of the source a row stands for."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left a database for one table."""

    connection: str
    """Which database."""
    rows: int
    columns: int
    bytes: int
    """Of what came, as Arrow."""
    held: int
    """Rows that the SELECT gives there."""
    partial: bool
    """Whether the database keeps rows of it from this account."""


@dataclass(frozen=True)
class SourceTable:
    """A table as its source holds it, opened and not yet read."""

    table: Table
    """Column `n` (int64, row of the source from 1) and one neutral column per asked one. Where rows
    are alike to all that is asked, one of them stands for all: `n` is below 0, and `times` says how
    many they are."""
    names: dict[str, str]
    """The source's name of each asked column to the neutral one."""
    cut_rows: pd.DataFrame
    """Rows that could not be divided into cells: row_number, column, value, reason."""
    digest: str
    """SHA-256 of the file's bytes."""
    where: str
    """The file, for messages."""
    is_text: bool
    """Whether cells are text that was never typed (CSV, SQLite)."""
    engine: Any
    left: Left | None = None
    """What left a database; none where it is a file."""
    version: TableVersion | None = None
    """Of a table that is kept with versions, the one that was read."""
    behind: Callable[[Table], Table] | None = None
    """From some rows of `table` to those behind them, each with its own `n`."""
    midnights: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """What a database counted of columns of moments that it gave as the city's clock: how many are
    no midnight of UTC, on how many days they lie, and how many on another one in the city."""

    @property
    def weighted(self) -> Table:
        """The table with `times`, whether rows stand for several or not."""
        return self.table if self.behind else self.table.mutate(**{TIMES: 1})

    def count_rows(self) -> int:
        """Count the rows that were divided into cells."""
        rows = self.weighted
        return int(fetch_frame(rows.agg(rows=count_rows(rows)))["rows"].iloc[0])

    def find_rows(self, rows: Table) -> SourceTable:
        """Return the rows of the source behind some of these, each by itself."""
        if self.behind is None:
            return replace(self, table=self.table.semi_join(rows, "n"))
        return replace(self, table=self.behind(self.table.semi_join(rows, "n")), behind=None)

    def save(self, name: str, expression: Table) -> Table:
        """Keep the rows of an expression in the engine's private store, and read on from there.

        In memory, and beside the store where there is too little of it: nothing is packed. Groups
        are few, and must outlive a way back to the file (`Room.go_back`).
        """
        kind = "TABLE" if self.behind else "TEMP TABLE"
        self.engine.con.execute(f"CREATE OR REPLACE {kind} {name} AS {expression.compile()}")
        return self.engine.table(name)

    def name(self, name: str, expression: Table) -> Table:
        """Give an expression a name, so that what is built on it is not written out each time."""
        self.engine.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {expression.compile()}")
        return self.engine.table(name)

    def put(self, name: str, frame: pd.DataFrame) -> Table:
        """Put a table of ours beside the source's."""
        self.engine.con.register(f"{name}_frame", frame)
        self.engine.con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name}_frame")  # noqa: S608
        self.engine.con.unregister(f"{name}_frame")
        return self.engine.table(name)


def count_rows(rows: Table, only: Any = None) -> Any:
    """Return the expression of how many rows of the source some rows stand for."""
    times = rows[TIMES] if only is None else only.ifelse(rows[TIMES], 0)
    return times.sum()


def fetch_frame(expression: Table) -> pd.DataFrame:
    """Bring the rows of an expression here; texts as `str`, moments in microseconds."""
    con, query, schema = expression.get_backend().con, expression.compile(), expression.schema()
    if all(_is_plain(kind) for _, kind in schema.items()):
        # Texts stay as they are: the engine's own frames make an object of each.
        table = con.sql(query).to_arrow_table()
        return pd.DataFrame({name: _read_column(table.column(name)) for name in table.column_names})
    frame: pd.DataFrame = con.execute(query).df()
    # A column without a single text comes as objects.
    empty = frame.columns[[dtype == "object" for dtype in frame.dtypes]]
    # A sum of whole numbers, which may be larger than any of them, comes as floating point.
    whole = [n for n, k in schema.items() if k.is_integer() and frame[n].dtype.kind == "f"]
    sums = [name for name in whole if frame[name].notna().all()]
    return frame.astype({**dict.fromkeys(empty, "str"), **dict.fromkeys(sums, "int64")})


def _is_plain(kind: Any) -> bool:
    is_local = kind.is_timestamp() and kind.timezone is None
    return bool(kind.is_string() or kind.is_integer() or kind.is_floating() or is_local)


def _read_column(column: Any) -> Any:
    """Return a column of texts, numbers or moments as the engine's own frames have it."""
    kind, text = str(column.type), cast(Any, pd.StringDtype(na_value=np.nan))
    if kind == "string":
        return text.__from_arrow__(column)
    if kind.startswith("decimal128"):  # a sum of whole numbers, which may be larger than any
        numbers = column.cast("float64").to_numpy()
        return numbers if column.null_count else numbers.astype(np.int64)
    if column.null_count and "int" in kind:
        return pd.array(
            column.to_pylist(), dtype=kind.replace("uint", "UInt").replace("int", "Int")
        )
    return column.to_numpy()


class Room:
    """A private folder, the process that reads a table into it, and the engine that works in it.

    Attributes
    ----------
    folder : Path
        Readable by this account alone; removed with everything in it when the room is left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._engine: Any = None
        self._path: Path | str = folder
        self._begun: tuple[list[str], bool] = ([], False)
        self._reading = False

    def begin(self, path: Path | str, *readable: Path, attach: bool = False) -> None:
        """Let the reading process open the room and files, or none; `attach` one as a database."""
        self._path = path
        self._begun = [str(file.absolute()) for file in readable], attach
        self._begin()

    def _begin(self) -> None:
        self._reading = True
        self.ask("open", str(self._place), str(self._place.with_name("spill")), *self._begun)

    def ask(self, *work: object) -> list[list[Any]]:
        """Let the reading process work (see `ask_reader`)."""
        return ask_reader(self._path, *work)

    def run(self, query: str) -> list[list[Any]]:
        """Run a query in the reading process."""
        return self.ask("run", query)

    def enter(self) -> Any:
        """Leave the reading process, and open what it has read."""
        self._leave()
        spill = str(self.folder / "spill")
        self._engine = engine = ibis.duckdb.connect(self._place, temp_directory=spill, **SETTINGS)
        lock_engine(engine.con)
        return engine

    def go_back(self, *queries: str) -> None:
        """Let the reading process run queries once more, on the files and on what is here."""
        self._engine.con.close()
        self._begin()
        for query in queries:
            self.run(query)
        self._leave()
        self._engine.reconnect()
        lock_engine(self._engine.con)

    def _leave(self) -> None:
        if self._reading and is_reading():
            self.ask("close")
        self._reading = False

    @property
    def _place(self) -> Path:
        return self.folder.absolute() / "work.duckdb"

    def close(self) -> None:
        """Close the engine, and what the reading process has open."""
        with suppress(DataError):
            self._leave()
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


def tell_absent(name: str) -> str:
    """Say that a table lacks a column."""
    return f"there is no column '{name}'"


def check_columns(
    wanted: Sequence[str] | None, header: Sequence[str], path: Path | str
) -> list[str]:
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
                expected="each name once",
                next_step="rename the columns so that each name appears once",
            )
        if name not in header:
            raise DataError(
                tell_absent(name),
                where=str(path),
                expected=suggest_name(name, header),
                next_step="correct the name in `data`, or the `delimiter` of the source"
                if len(header) == 1
                else "correct the name in the project, or in the file if it was renamed",
            )
    return chosen


def check_size(rows: int, max_rows: int, path: Path | str) -> None:
    """Refuse a table of more rows than were agreed to."""
    if rows > max_rows:
        raise DataError(
            f"the table has {rows:,} rows",
            where=str(path),
            expected=f"at most {max_rows:,}",
            next_step="raise `data.max_rows` if this is right",
        )


def name_columns(
    room: Room, table: str, wanted: Sequence[str] | None, path: Path, collation: str = ""
) -> tuple[dict[str, str], str]:
    """Give the columns of a table neutral names, and its texts a collation.

    Returns
    -------
    dict of str to str
        The neutral name of each column.
    str
        The expressions that read them.
    """
    types = {str(row[0]): str(row[1]) for row in room.run(f"DESCRIBE SELECT * FROM {table}")}  # noqa: S608
    place = {name: f"c{i}" for i, name in enumerate(check_columns(wanted, list(types), path))}
    texts = {
        name: check_cells(quote_name(name), name, collation)
        for name in place
        if types[name] == "VARCHAR"
    }
    cells = [f"{texts.get(name, quote_name(name))} AS {neutral}" for name, neutral in place.items()]
    return place, ", ".join(cells)


def copy_columns(
    room: Room, table: str, wanted: Sequence[str] | None, path: Path
) -> dict[str, str]:
    """Copy columns of a table into the room as `raw`, by neutral names and with rows numbered."""
    # A column may have a collation to which "Ana" and "ana" are one; a file has none.
    place, cells = name_columns(room, table, wanted, path, ' COLLATE "C"')
    room.run(f"CREATE TABLE raw AS SELECT row_number() OVER () AS n, {cells} FROM {table}")  # noqa: S608
    return place


def check_cells(cell: str, name: str, collation: str = "") -> str:
    """Return the expression of a cell of text that refuses one beyond all measure."""
    said = quote_text(f"a cell of the column '{name[:100]}' has more than {MAX_CELL:,} bytes")
    return f"CASE WHEN strlen({cell}) > {MAX_CELL} THEN error({said}) ELSE {cell}{collation} END"


def list_none() -> pd.DataFrame:
    """Return an empty list of rejects."""
    return pd.DataFrame(
        {
            ROW_NUMBER: pd.Series(dtype="int64"),
            **{name: pd.Series(dtype="str") for name in REJECT_COLUMNS[1:]},
        }
    )
