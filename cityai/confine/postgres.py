"""PostgreSQL, asked through ADBC: rows come as columns, in a session that can only read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from cityai.confine.warehouse import (
    COMPUTING,
    ENDED,
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

_UNREACHED: Final = {
    r"percent-encoded|info string|invalid (port|URI|sslmode)|unexpected (character|spaces)": (
        "the address in the variable cannot be read",
        "write it as postgresql://user:password@host:5432/database, special characters of a "
        "password as %40 for @",
    ),
    r"statement pooling": (
        "a pooler of single statements stands between, and a run needs one transaction",
        "ask who runs the pooler for `pool_mode` transaction or session, or take the address of "
        "the database itself",
    ),
    r"server does not support SSL": (
        "the server speaks no SSL, which the address in the variable requires",
        "ask who runs the database to switch it on, or correct `sslmode` of the address",
    ),
    r"no encryption|SSL off": (
        "the server refuses this user from this machine without SSL",
        "write `?sslmode=verify-full` at the end of the address, or ask who runs the database",
    ),
    r"does not match host name": (
        "the server's certificate is of another host than the address in the variable names (SSL)",
        "write the host as the certificate does, or ask who runs the database",
    ),
    r"certificate|SSL": (
        "the server cannot be trusted as the address in the variable asks for (SSL)",
        "name its authority's certificate: `sslmode=verify-full&sslrootcert=/path/to/root.crt`",
    ),
    r"permission denied for database|is not permitted to log in": (
        "this user may not enter the database",
        "ask who runs the database for the right to connect",
    ),
    r"password|authentication|role .* does not exist|no pg_hba": (
        "the database refuses the user or the password",
        "correct them in the variable; special characters are written as %40 for @",
    ),
    r"database .* does not exist": (
        "the server has no database of that name",
        "correct the last part of the address in the variable",
    ),
    r"connection slots|too many (clients|connections)|starting up|shutting down": (
        "the database takes no connection now",
        "run it again later",
    ),
    r"Failed to connect": (
        "the database cannot be reached",
        "check that it runs, and that this machine may reach it",
    ),
}
"""Kinds of the driver's words for a database that gives no answer."""

_LIMIT: Final = (
    "SELECT limited, set_config(name, limited::text, true) FROM (SELECT name, "
    "least(nullif(setting::bigint, 0), {limit}) AS limited FROM pg_settings "
    "WHERE name = 'statement_timeout') AS own"
)
"""Sets the limit of time, in milliseconds, where the account has no shorter one."""
_NOTICE: Final = (
    "SELECT set_config(name, '2s', true) FROM pg_settings "
    "WHERE name = 'client_connection_check_interval' AND version() LIKE '%linux%'"
)
"""Lets the server see that nobody waits any more, and end the query (PostgreSQL 14 and newer)."""


class Postgres:
    """A session of a PostgreSQL server.

    Parameters
    ----------
    address : str
        What the variable of the connection holds.
    zone, where : str
        As in `Query`.
    seconds : float
        After so many a query is ended.
    """

    def __init__(self, address: str, zone: str, seconds: float, where: str) -> None:
        import adbc_driver_postgresql.dbapi as driver

        self.where, self._seconds, self._length = where, seconds, 0
        if "connect_timeout" not in address:
            address += f"{'&' if '?' in address else '?'}connect_timeout=10"
        with self._speak():
            self._session = driver.connect(address, autocommit=True)
        settings = {
            "TimeZone": zone,
            "DateStyle": "ISO",
            "IntervalStyle": "postgres",
            "extra_float_digits": "3",
            "client_encoding": "UTF8",
            "application_name": "cityai",
        }
        # Settings of the transaction alone: behind a pooler the next one may be another session.
        with self._speak(), self._session.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        chosen = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        self._run(f"SELECT {', '.join(chosen)}")
        ours = int(max(seconds * 0.95, 1) * 1000)
        for limit, _ in self._run(_LIMIT.format(limit=ours)):
            self._seconds = seconds if int(limit) == ours else int(limit) / 1000
        self._run(_NOTICE)

    def describe(self, statement: str) -> list[tuple[str, str]]:
        """Return the name and type of each column."""
        with self._speak(statement), self._session.cursor() as cursor:
            cursor.execute(f"{PREFIX}{statement}\n) {NONE}")
            schema = cursor.fetch_record_batch().schema
        return [(field.name, _name_type(field)) for field in schema]

    def is_partial(self, statement: str) -> bool:
        """Tell whether policies of row-level security keep rows of it from this account.

        Where these may not apply, the server refuses what it would else answer in part.
        Source: https://www.postgresql.org/docs/current/ddl-rowsecurity.html
        """
        with self._speak(statement), self._session.cursor() as cursor:
            cursor.execute("SAVEPOINT policies")
            cursor.execute("SET LOCAL row_security = off")
            try:
                cursor.execute(f"{PREFIX}{statement}\n) {NONE}")
                cursor.fetchall()
            except Exception as error:
                if getattr(error, "sqlstate", "") != "42501":
                    raise
                return True
            finally:
                cursor.execute("ROLLBACK TO policies")
        return False

    def digest(self, statement: str, rows: str = EVERY) -> str:
        """Return the number of rows and the sums of their hashes, added up where they are."""
        hashes = (f"sum(hashtextextended((kept.*)::text, {seed})::numeric)" for seed in (0, 1))
        query = (
            f"SELECT concat_ws(' ', count(*), {', '.join(hashes)}) AS digest FROM ({rows}) AS kept"  # noqa: S608
        )
        (batch,) = [b for b in self.fetch(statement, query) if b.num_rows]
        return str(batch.column(0)[0].as_py())

    def fetch(self, statement: str, query: str) -> Iterator[pa.RecordBatch]:
        """Ask for a query on the statement's rows."""
        with self._speak(statement), self._session.cursor() as cursor:
            cursor.execute(f"{PREFIX}{statement}\n) {query}")
            for batch in cursor.fetch_record_batch():
                yield _take_storage(batch)

    def close(self) -> None:
        """End the session."""
        with suppress(Exception):
            self._session.close()

    def _run(self, query: str) -> list[tuple[str, ...]]:
        with self._speak(), self._session.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextmanager
    def _speak(self, statement: str = "") -> Iterator[None]:
        """Say what went wrong in words of ours."""
        try:
            yield
        except Exception as error:
            if isinstance(error, DataError):
                raise
            details = {k.decode(): v.decode() for k, v in getattr(error, "details", None) or ()}
            state = details.get("PG_DIAG_SQLSTATE", "") or _find_state(str(error))
            place = int(details.get("PG_DIAG_STATEMENT_POSITION", 0)) - 1 - len(PREFIX)
            said = details.get("PG_DIAG_MESSAGE_PRIMARY", "")
            if "user request" in str(error):
                said = ENDED
            where = locate_statement(self.where, statement, place)
            told = tell_statement(state, said, where, self._seconds)
            code = f" (SQLSTATE {state})" if state else ""
            lost, full = f"the connection to the database was lost{code}", str(error)
            kinds = {} if statement else _UNREACHED
            raise told or tell_connection(kinds, full, where, lost) from None


def _name_type(field: pa.Field) -> str:
    """Return Ibis's name of a column's type."""
    meta = field.metadata or {}
    native = meta.get(b"POSTGRESQL:type", b"").decode()
    if native == "numeric":
        size = int(meta.get(b"POSTGRESQL:typmod", b"-1")) - 4
        precision, scale = size >> 16, size & 0x7FF
        fits = size >= 0 and scale <= precision <= 38
        return f"decimal({precision}, {scale})" if fits else "decimal"
    known = {"text": "string", "varchar": "string", "name": "string", "bool": "boolean"}
    known |= {"int2": "int16", "int4": "int32", "int8": "int64", "date": "date"}
    known |= {"float4": "float64", "float8": "float64"}
    known |= {"timestamp": "timestamp", "timestamptz": "timestamp('UTC')"}
    if native.startswith("_") or native in ("bytea", "record") or pa.types.is_nested(field.type):
        return SEVERAL
    return known.get(native, OTHER)


def _take_storage(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose columns of types of the driver's own are what they are kept as."""
    columns = [
        column.storage if isinstance(column, pa.ExtensionArray) else _mend_infinity(column)
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _mend_infinity(column: pa.Array) -> pa.Array:
    """Return moments with the engine's infinity for PostgreSQL's.

    The driver adds the days between 2000 and 1970 to it, and infinity falls below all moments.
    """
    kind, whole = column.type, pa.int64()
    if pa.types.is_timestamp(kind):
        shift, most = 946_684_800_000_000, 2**63 - 1
    elif pa.types.is_date32(kind):
        shift, most, whole = 10_957, 2**31 - 1, pa.int32()
    else:
        return column
    number, least = column.view(whole), pa.scalar(shift - most - 1, whole)
    fallen = pc.less_equal(number, least)
    if not pc.any(fallen).as_py():
        return column
    far = pc.if_else(pc.equal(number, least), pa.scalar(-most, whole), pa.scalar(most, whole))
    return pc.if_else(fallen, far, number).view(kind)


def _find_state(said: str) -> str:
    """Return the SQLSTATE that a driver's words end in; of a stream that broke, by its words."""
    found = re.search(r"SQLSTATE: ([0-9A-Z]{5})", said)
    if found or "canceling statement" in said:
        return found[1] if found else "57014"
    return COMPUTING if "ERROR:" in said else ""
