"""Spark, asked through Spark Connect: rows come as columns, and no Java runs here."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pyarrow as pa

from cityai.confine.warehouse import (
    COMPUTING,
    EVERY,
    NONE,
    OTHER,
    PREFIX,
    SEVERAL,
    locate_statement,
    tell_connection,
    tell_statement,
)
from cityai.errors import DataError

_TYPES: Final = {
    **{"tinyint": "int8", "smallint": "int16", "int": "int32", "bigint": "int64"},
    **{"float": "float64", "double": "float64", "boolean": "boolean", "date": "date"},
    **{"timestamp": "timestamp('UTC')", "timestamp_ntz": "timestamp", "string": "string"},
}
_SEVERAL: Final = ("array", "map", "struct", "binary", "variant", "geometry", "geography")
_RETRIES: Final = 3
_UNREACHED: Final = {
    "UNAUTHENTICATED|PERMISSION_DENIED": (
        "the server refuses the token",
        "correct it in the variable: sc://host:15002/;token=...;use_ssl=true",
    ),
    "INVALID_CONNECT_URL|Invalid URL|Port could not": (
        "the address in the variable cannot be read",
        "write it as sc://host:15002/;token=...;use_ssl=true, special characters of a token "
        "as %40 for @",
    ),
    "RETRIES_EXCEEDED|UNAVAILABLE": (
        "the server cannot be reached",
        "check that Spark Connect runs, and that this machine may reach it",
    ),
}
"""Kinds of the client's words for a server that gives no answer."""


class Spark:
    """A session of a Spark Connect server; parameters as in `Postgres`."""

    def __init__(self, address: str, zone: str, seconds: float, where: str) -> None:
        # It would write a statement that failed, and cells of it, to the terminal.
        logging.getLogger("SQLQueryContextLogger").disabled = True
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession

        self.where, self._seconds, self._is_late = where, seconds, False
        self._described: dict[str, list[tuple[str, str]]] = {}
        settings = {
            "spark.sql.session.timeZone": zone,
            # As in the other databases: without a zone unless one is named, errors and not NULL.
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.ansi.enabled": "true",
            "spark.sql.groupByOrdinal": "true",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
        }
        with self._speak():
            self._session = SparkSession(connection=address)
            client = self._session.client
            # It waits, at times for ever, for streams to end; releasing the session ends them.
            client.close = lambda: None
            client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
            for name, value in settings.items():
                self._session.conf.set(name, value)

    def describe(self, statement: str) -> list[tuple[str, str]]:
        """Return the name and type of each column."""
        if statement not in self._described:
            with self._speak(statement):
                fields = self._session.sql(_write(statement, NONE)).schema
            kinds = [(field.name, _name_type(field.dataType.simpleString())) for field in fields]
            self._described[statement] = kinds
        return self._described[statement]

    def is_partial(self, statement: str) -> bool:
        """Tell that nothing is known of it: filters of rows do not show."""
        return False

    def digest(self, statement: str, rows: str = EVERY) -> str:
        """Return the number of rows and the sums of their hashes, added up where they are."""
        cells = ["0"]
        for name, _ in self.describe(statement):
            column = f"kept.`{name.replace('`', '``')}`"
            # A hash skips what is missing, so that it would not tell in which cell it is.
            cells += [f"{column} IS NULL", f"CAST({column} AS STRING)"]
        hashes = [f"xxhash64({seed}, {', '.join(cells)})" for seed in (0, 1)]
        sums = ", ".join(f"sum(CAST({one} AS DECIMAL(20, 0)))" for one in hashes)
        query = f"SELECT concat_ws(' ', count(*), {sums}) AS digest FROM ({rows}) AS kept"  # noqa: S608
        (batch,) = [b for b in self.fetch(statement, query) if b.num_rows]
        return str(batch.column(0)[0].as_py())

    def fetch(self, statement: str, query: str) -> Iterator[pa.RecordBatch]:
        """Ask for a query on the statement's rows."""
        with self._speak(statement):
            frame, client = self._session.sql(_write(statement, query)), self._session.client
            plan = frame._plan
            for part in client.to_table_as_iterator(plan.to_proto(client), plan.observations):
                if isinstance(part, pa.Table):
                    yield from part.to_batches()

    def close(self) -> None:
        """End the session."""
        with suppress(Exception):
            self._session.client.release_session()

    def _end(self) -> None:
        self._is_late = True
        with suppress(Exception):
            self._session.interruptAll()

    @contextmanager
    def _speak(self, statement: str = "") -> Iterator[None]:
        """End what takes too long, and say what went wrong in words of ours."""
        watch = threading.Timer(max(self._seconds * 0.95, 1), self._end)
        watch.start()
        try:
            yield
        except Exception as error:
            if isinstance(error, DataError):
                raise
            raise self._translate(error, statement) from None
        finally:
            watch.cancel()

    def _translate(self, error: Exception, statement: str) -> DataError:
        full = str(error)
        state = "57014" if self._is_late else _find_state(error)
        place = re.search(r"[;(] ?line (\d+),? pos (\d+)", full)
        where = self.where
        if place and statement:
            lines = [*_write(statement, "").split("\n")]
            before = sum(len(line) + 1 for line in lines[: int(place[1]) - 1]) + int(place[2])
            where = locate_statement(where, statement, before - len(PREFIX))
        said = re.sub(r"^\s*\[[A-Z0-9_.]+\] | ?SQLSTATE: .*$", "", full.strip().split("\n")[0])
        return tell_statement(state, said, where, self._seconds) or tell_connection(
            _UNREACHED, full, where, "the connection to the server was lost"
        )


def _write(statement: str, query: str) -> str:
    return f"{PREFIX}{statement}\n) {query}"


def _name_type(native: str) -> str:
    """Return Ibis's name of a type that Spark calls so."""
    if native.startswith(_SEVERAL):
        return SEVERAL
    if native.startswith("decimal"):
        return native.replace(",", ", ")
    return _TYPES.get(native, OTHER)


def _find_state(error: Exception) -> str:
    """Return the SQLSTATE of an error; of one that a function of a row raised, that it did."""
    find = getattr(error, "getSqlState", None)
    state = str((find() if find is not None else None) or "")
    return COMPUTING if state[:2] in ("P0", "38", "39", "KD") else state
