"""Databases that are asked from inside the process that reads tables: what their doors share.

A session can only read where its database has such sessions, ends at a limit of time, and speaks
the city's time zone. What a driver says may hold an address, a password or a cell: none of it
leaves a door but what a database says of the names and the words of the statement itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from cityai.errors import DataError

PREFIX: Final = "WITH asked AS (\n"
"""Before the city's statement, whatever is then asked of its rows."""
EVERY: Final = "SELECT * FROM asked"
"""All rows of the statement."""
NONE: Final = f"{EVERY} LIMIT 0"
"""Its columns alone."""
COMPUTING: Final = "--"
"""In place of a SQLSTATE: an error in the midst of the rows, of which a driver gives none."""
ENDED: Final = "user request"
"""In place of a database's words: a person there ended the query."""
OTHER: Final = "other"
"""Type of a column that is asked for as text."""
SEVERAL: Final = "several"
"""Type of a column whose cells hold more than one value."""


class Warehouse(Protocol):
    """A session in a database."""

    where: str

    def describe(self, statement: str) -> list[tuple[str, str]]:
        """Return the name and type of each column: Ibis's name of the type, `other`, `several`."""

    def is_partial(self, statement: str) -> bool:
        """Tell whether the database says that it keeps rows of it from this account."""

    def digest(self, statement: str, rows: str = EVERY) -> str:
        """Return a text that changes with some of the rows, whatever their order."""

    def fetch(self, statement: str, query: str) -> Iterator[pa.RecordBatch]:
        """Ask for a query on the statement's rows, called `asked`."""

    def close(self) -> None:
        """End the session."""


def bring_rows(
    engine: Any, warehouse: Warehouse, statement: str, query: str, max_rows: int, longest: int
) -> tuple[int, int]:
    """Write what a query gives into the engine's table `came`; return its rows and its bytes.

    Raises
    ------
    DataError
        When there are more rows than were agreed to, or a text is beyond all measure.
    """
    rows = size = 0
    for batch in warehouse.fetch(statement, query):
        for column in batch.columns:
            length = pc.max(pc.binary_length(column)) if pa.types.is_string(column.type) else None
            if length is not None and (length.as_py() or 0) > longest:
                raise DataError(
                    f"a cell of the statement has more than {longest:,} bytes",
                    where=warehouse.where,
                    next_step="leave it out of the statement, or cut it there",
                )
        engine.register("batch", pa.Table.from_batches([batch]))
        made = "INSERT INTO came" if rows or size else "CREATE TABLE came AS"
        engine.execute(f"{made} SELECT * FROM batch")  # noqa: S608
        engine.unregister("batch")
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > max_rows:
            raise DataError(
                f"the statement gives more than {max_rows:,} rows",
                where=warehouse.where,
                expected=f"at most {max_rows:,}",
                next_step="raise `data.max_rows` if this is right",
            )
    return rows, size


def locate_statement(where: str, statement: str, place: int) -> str:
    """Say at which line and column of its file a place of a statement is."""
    if not 0 <= place <= len(statement):
        return where
    before = statement[:place]
    return f"{where}, line {before.count(chr(10)) + 1}, column {place - before.rfind(chr(10))}"


def tell_statement(state: str, said: str, where: str, seconds: float) -> DataError | None:
    """Say what a database met in a statement, without an address, a secret or a cell.

    Parameters
    ----------
    state : str
        SQLSTATE, or `COMPUTING`.
    said : str
        Its words; shown where they are about the statement's own words alone.
    where : str
        The place in the statement.
    seconds : float
        The limit.

    Returns
    -------
    DataError or None
        None where it is not about the statement.
    """
    if said == 'syntax error at or near ";"':
        return DataError(
            "this is more than one statement",
            where=where,
            expected="one SELECT, and no semicolon within it",
        )
    writes = "data-modifying" in said or "RETURNING" in said
    if state == "25006" or (writes and state == "0A000"):
        return DataError(
            "the statement would change the database",
            where=where,
            expected="a SELECT: the session can only read",
        )
    if state[:2] in ("42", "55"):
        return DataError(
            f"the database refuses the statement: {said}",
            where=where,
            next_step="correct the statement, or ask who runs the database for the right to read",
        )
    if state[:2] in ("53", "54"):
        return DataError(
            f"the database lacks the memory, the disk or another means for this (SQLSTATE {state})",
            where=where,
            next_step="ask who runs the database for the limits of this account, or ask for less",
        )
    if state[:2] == "40":
        return DataError(
            f"the database ended the query, since its data were changed (SQLSTATE {state})",
            where=where,
            next_step="run it again; of a standby, ask who runs it for a longer delay",
        )
    if state == "57014" and said == ENDED:
        return DataError(
            "the query was ended by who runs the database",
            where=where,
            next_step="ask why, or run it again",
        )
    if state == "57014":
        return DataError(
            f"the query was ended after {seconds:,.3g} seconds",
            where=where,
            next_step="let the statement end, or set CITYAI_LIMIT_SECONDS to more; the account may "
            "have a shorter limit of its own",
        )
    if state[:2] in ("21", "22", "23", COMPUTING):
        code = "" if state == COMPUTING else f" (SQLSTATE {state})"
        return DataError(
            f"the database cannot compute the statement{code}",
            where=where,
            next_step="run the statement there, where what it says may be seen",
        )
    return None


def tell_connection(
    kinds: Mapping[str, tuple[str, str]], full: str, where: str, lost: str
) -> DataError:
    """Say why a database gives no answer, by the kind of a driver's words, which are not shown.

    Parameters
    ----------
    kinds : mapping of str to (str, str)
        What went wrong, and what to do next, by a regular expression of the driver's words; the
        first that fits.
    full : str
        Those words.
    where : str
        The place in the statement.
    lost : str
        What went wrong where none fits.
    """
    for pattern, (what, next_step) in kinds.items():
        if re.search(pattern, full, re.IGNORECASE):
            return DataError(what, where=where, next_step=next_step)
    return DataError(
        lost, where=where, next_step="run it again; nothing was kept of what came until then"
    )
