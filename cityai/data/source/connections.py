"""Tables that a database is asked for: only what was asked leaves it, and how much is counted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cityai.config.connection import Query, write_query
from cityai.config.load import Project
from cityai.config.project import AuditableSpec
from cityai.config.tables import SourceSpec
from cityai.confine.child import SECONDS, read_limit
from cityai.data.source.arrivals import (
    Arrivals,
    add_arrivals,
    find_arrivals,
    find_day,
    keep_arrivals,
    list_since,
)
from cityai.data.source.engine import (
    FIRST,
    MAX_CELL,
    TIMES,
    Left,
    Room,
    SourceTable,
    check_columns,
    check_size,
    list_none,
    open_room,
)
from cityai.data.source.questions import (
    Grouping,
    ask_earlier,
    ask_groups,
    ask_midnights,
    ask_rows,
    cut_end,
    is_one_part,
    number_behind,
    write_local,
)
from cityai.errors import DataError, SetupError, SpecError
from cityai.progress import warn

_DRIVERS: Final = {
    "postgres": ("adbc_driver_postgresql", "PostgreSQL", ("postgresql://", "postgres://")),
    "spark": ("pyspark", "Spark Connect", ("sc://",)),
}


def find_place(project: Project[AuditableSpec], source: SourceSpec) -> Path | Query:
    """Return where a table is: its file, or what its connection is asked for.

    Raises
    ------
    SpecError
        If the file with the SELECT is missing, or holds something else.
    """
    path = source.path or source.sql or ""
    text, file = "", project.find_path(path)
    if source.connection is None:
        return file
    if source.sql is not None:
        try:
            if file.exists() and not file.is_file():  # a pipe would be waited for without end
                raise IsADirectoryError
            text = file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = "there is no such file" if isinstance(error, FileNotFoundError) else "no text"
            raise SpecError(why, where=str(file), next_step="correct `sql` of the source") from None
    city = project.spec.city
    spec = city.connections[source.connection]
    text = cut_end(spec.driver, text)
    query = write_query(source, spec, city.time_zone, text, str(file))
    data = getattr(project.spec, "data", None)
    if data is None or source is not data.source:
        return query
    return replace(
        query, known=data.known.column, kept=project.state / "arrived" / project.spec.name
    )


def digest_query(query: Query) -> str:
    """Return a SHA-256 of a SELECT and of the rows that it gives now, added up where they are."""
    with open_room() as room:
        _connect(room, query)
        ((found,),) = room.ask("digest", query.statement)
    content = f"{query.driver} {query.zone} {query.statement} {found}"
    return hashlib.sha256(content.encode()).hexdigest()


def open_query(
    room: Room,
    query: Query,
    source: SourceSpec,
    wanted: list[str] | None,
    max_rows: int,
    grouping: Grouping | None = None,
) -> SourceTable:
    """Bring what a SELECT gives into the room, and no more of it than is used.

    Parameters
    ----------
    room : Room
        Where it goes.
    query : Query
        What is asked.
    source : SourceSpec
        How its texts are written.
    wanted : list of str, optional
        Columns; all when None.
    max_rows : int
        More are refused.
    grouping : Grouping, optional
        How rows that are alike are counted there, so that they need not come.

    Raises
    ------
    DataError
        When the database gives no answer, refuses the statement, or a column is missing or holds
        several values.
    """
    if grouping is not None and (grouping.key or grouping.is_utc):
        grouping = None
    kept = find_arrivals(query, wanted, grouping)
    _connect(room, query, *([] if kept is None else [kept.file]))
    types = [(str(name), str(kind)) for name, kind in room.ask("describe", query.statement)]
    ((partial,),) = room.ask("is_partial", query.statement)
    header = [name for name, _ in types]
    place = {n: f"c{i}" for i, n in enumerate(check_columns(wanted, header, query.where))}
    kinds = {name: dict(types)[name] for name in place}
    for name, kind in kinds.items():
        if kind == "several":
            raise DataError(
                f"a cell of the column '{name}' holds a list, a record or bytes",
                where=query.where,
                expected="one value in each cell",
                next_step="write it as one value in the SELECT, or leave the column out",
            )
    midnights = {} if grouping is None else _count_midnights(room, query, kinds, grouping)
    ((digest,),) = room.ask("digest", query.statement)
    kept = _check_arrivals(room, query, kinds, kept)
    since = None if kept is None else list_since(query, kept)
    asked = ask_rows(query.driver, kinds, since)
    if grouping is not None:
        asked = ask_groups(query.driver, kinds, grouping, since)
    ((rows, size),) = room.ask("fetch", query.statement, asked, max_rows, MAX_CELL)
    if kept is not None:
        warn(f"asked only for what was known since {kept.until}: {rows:,} rows ({size:,} bytes)")
        add_arrivals(room, kept)
        rows, size = rows + kept.rows, size + kept.bytes
        check_size(rows, max_rows, query.where)
    if not rows:
        raise DataError(
            "the statement gives no rows",
            where=query.where,
            expected="a row for each event or amount",
            next_step="try the statement in the database itself",
        )
    held = rows
    if grouping is not None:
        ((held,),) = room.run(f"SELECT sum({TIMES})::BIGINT FROM came")  # noqa: S608
        check_size(held, max_rows, query.where)
    new = _digest_arrivals(room, query, kinds, grouping, digest)
    room.run(write_local(kinds, source.decimal, grouped=grouping is not None))
    engine = room.enter()
    if new is not None and (kept is None or kept.until != new.until):
        keep_arrivals(engine, new, query, wanted, grouping)
    content = f"{query.driver} {query.statement} {digest}"
    return SourceTable(
        engine.table("raw"),
        place,
        list_none(),
        hashlib.sha256(content.encode()).hexdigest(),
        query.where,
        False,
        engine,
        Left(query.connection, rows, len(place) + (grouping is not None), size, held, partial),
        behind=None if grouping is None else number_behind,
        midnights=midnights,
    )


def _count_midnights(
    room: Room, query: Query, kinds: Mapping[str, str], grouping: Grouping
) -> dict[str, tuple[int, int, int]]:
    """Count midnights of UTC where the moments are: the groups hold the city's clock alone.

    The first rows are looked at first: most columns hold other moments among them.
    """
    names = [
        name
        for name in dict.fromkeys((grouping.occurred, grouping.known))
        if name is not None and kinds[name].startswith("timestamp(")
    ]
    found: dict[str, tuple[int, int, int]] = {}
    for first in (FIRST, None):
        if not names:
            break
        asked = ask_midnights(query.driver, kinds, names, first)
        room.ask("fetch", query.statement, asked, 1, MAX_CELL)
        (counted,) = room.run("FROM came")
        room.run("DROP TABLE came")
        others, days, moved = (
            [int(number or 0) for number in counted[place::3]] for place in range(3)
        )
        found |= dict(zip(names, zip(others, days, moved, strict=True), strict=True))
        names = [name for name in names if not found[name][0]]
    return found


def _check_arrivals(
    room: Room, query: Query, kinds: dict[str, str], kept: Arrivals | None
) -> Arrivals | None:
    """Return what came before, where the database still says the same of it."""
    if kept is None or kept.kinds != kinds:
        return None
    earlier = ask_earlier(query.driver, kinds, list_since(query, kept))
    ((digest,),) = room.ask("digest", query.statement, earlier)
    if digest == kept.digest:
        return kept
    warn(
        f"rows that were known before {kept.until} came late, were changed or are gone: all rows "
        f"of the connection '{query.connection}' are asked for again"
    )
    return None


def _digest_arrivals(
    room: Room, query: Query, kinds: dict[str, str], grouping: Grouping | None, digest: str
) -> Arrivals | None:
    """Ask what the database says of the rows that are to be kept; None where none can be."""
    until = find_day(room, query, kinds, grouping)
    if until is None:
        return None
    new = Arrivals(Path(), until, "", kinds)
    ((earlier,),) = room.ask(
        "digest", query.statement, ask_earlier(query.driver, kinds, list_since(query, new))
    )
    # Where a session does not see one state, rows may have changed after they came.
    if query.driver != "postgres" and room.ask("digest", query.statement) != [[digest]]:
        return None
    return replace(new, digest=earlier)


def _connect(room: Room, query: Query, *readable: Path) -> None:
    module, name, schemes = _DRIVERS[query.driver]
    if find_spec(module) is None:
        raise SetupError(
            f"the driver for {name} is not installed",
            where=query.where,
            next_step=f"pip install 'cityai[{query.driver}]'",
        )
    address = os.environ.get(query.variable, "").strip()
    if not address:
        raise SetupError(
            f"the environment variable {query.variable} is not set",
            where=f"the connection '{query.connection}'",
            expected=f"the address of the database, {schemes[0]}...",
            next_step=f"export {query.variable}=... in the shell that runs cityai, or let the "
            "vault of the city set it",
        )
    if not address.startswith(schemes):
        raise SetupError(
            f"what {query.variable} holds is no address of {name}",
            where=f"the connection '{query.connection}'",
            expected=f"{schemes[0]}...",
        )
    # A session of Spark can also write: a statement that ended the parentheses around it could.
    if query.driver == "spark" and not is_one_part(query.driver, query.statement):
        raise DataError(
            "this is more than one statement, or a parenthesis or a quote of it is not closed",
            where=query.where,
            expected="one SELECT, and no semicolon within it",
        )
    room.begin(query.where, *readable)
    room.ask("connect", query.driver, address, query.zone, read_limit(SECONDS), query.where)
