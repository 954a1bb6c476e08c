"""Connections: where a city's tables are when they are not files, and what is asked there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from cityai.config.record import SpecRecord, walk_records
from cityai.config.tables import SourceSpec
from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from cityai.config.project import BaseProjectSpec
    from cityai.config.yaml import Document

Driver = Literal["postgres", "spark"]
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_BEGINS = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)


def _check_variable(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,99}", value):
        raise ValueError(
            "must be the name of an environment variable, such as WAREHOUSE; the address itself "
            "holds a secret, and stands in no file"
        )
    return value


class ConnectionSpec(SpecRecord):
    """A database that the city's tables are in. Its address is never written here."""

    driver: Driver
    """`postgres`: PostgreSQL, and what speaks as it does. `spark`: Spark 4, through Spark
    Connect."""
    address: Annotated[str, AfterValidator(_check_variable)]
    """Name of the environment variable that holds the address, user and password in one:
    `postgresql://user:password@host:5432/database`, or `sc://host:15002/;token=...`."""


@dataclass(frozen=True)
class Query:
    """A SELECT, and the connection that it is asked through."""

    connection: str
    """The connection's name in the city's file."""
    driver: Driver
    """As in `ConnectionSpec`."""
    variable: str
    """Environment variable with the address."""
    statement: str
    """The SELECT, without a semicolon."""
    zone: str
    """The city's time zone: that of the session."""
    where: str
    """Its file, or the table, for messages."""
    known: str | None = None
    """Column that says when a row could be seen."""
    kept: Path | None = None
    """Private folder in which rows that came are kept."""


def write_query(
    source: SourceSpec, spec: ConnectionSpec, zone: str, text: str, where: str
) -> Query:
    """Write what a source asks its connection for.

    Parameters
    ----------
    source : SourceSpec
        A source with a connection.
    spec : ConnectionSpec
        That connection.
    zone : str
        The city's time zone.
    text : str
        What its file holds, without a semicolon at its end; empty for a table.
    where : str
        The file.

    Raises
    ------
    SpecError
        If the file holds no SELECT.
    """
    if source.table is not None:
        mark = "`" if spec.driver == "spark" else '"'
        parts = source.table.split(".")
        named = ".".join(f"{mark}{part.replace(mark, 2 * mark)}{mark}" for part in parts)
        text = f"SELECT * FROM {named}"  # noqa: S608
        where = f"the table {source.table} of the connection '{source.connection}'"
    if not _BEGINS.match(_COMMENT.sub(" ", text)):
        raise SpecError(
            "this is no SELECT",
            where=where,
            expected="one statement that begins with SELECT or WITH, and changes nothing",
        )
    return Query(str(source.connection), spec.driver, spec.address, text.rstrip(), zone, where)


def check_connections(spec: BaseProjectSpec, document: Document) -> None:
    """Refuse a source whose connection the city does not have."""
    for location, source in walk_records(spec):
        name = source.connection if isinstance(source, SourceSpec) else None
        if name is not None and name not in spec.city.connections:
            raise SpecError(
                f"the city has no connection '{name}'",
                where=document.locate((*location, "connection")),
                expected=suggest_name(name, spec.city.connections),
                next_step="declare it under `connections` of the city's file in `configs/`",
            )


def list_asked(part: object) -> list[SourceSpec]:
    """Return every source of a specification that is asked through a connection."""
    records = (record for _, record in walk_records(part))
    return [r for r in records if isinstance(r, SourceSpec) and r.connection is not None]
