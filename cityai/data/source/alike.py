"""Rows of a file that nothing later tells apart: one stands for all, and how many they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final, TypeAlias

from ibis import table as describe_table
from ibis.backends.sql.datatypes import DuckDBType

from cityai.data.source.engine import TIMES, Room, Table
from cityai.data.source.questions import write_sql

LOOKED_AT: Final = 100_000
"""Rows at the beginning that tell whether many are alike."""
LEAST: Final = 2
"""Rows of a group, on average, from which counting them is worth it."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What tells rows apart."""

    rows: Table
    """The rows, with the columns that tell them apart."""
    keys: tuple[str, ...]
    """Those columns."""
    cells: Mapping[str, Callable[[Table], Any]]
    """For each neutral column that is none of them, the cell that stands for a group's."""
    unique: tuple[str, ...] = ()
    """Columns that hold the row's key: those of a repeated one stay apart."""


TellApart: TypeAlias = Callable[[Table, Mapping[str, str]], Apart]
"""From rows, and the neutral name of each column, to what tells them apart."""


def make_raw(
    room: Room, asked: str, names: Mapping[str, str], tell: TellApart | None, listing: str = ""
) -> Callable[[Table], Table] | None:
    """Make `raw` of a file's rows: alike ones counted where that is worth it, else each.

    Its parameters, and what it returns, are those of `count_alike`; without `tell` nothing is
    counted.
    """
    behind = None if tell is None else count_alike(room, asked, names, tell, listing)
    if behind is None:
        room.run(f"CREATE TABLE raw AS {listing or asked}")
    return behind


def count_alike(
    room: Room, asked: str, names: Mapping[str, str], tell: TellApart, counted: str = ""
) -> Callable[[Table], Table] | None:
    """Count alike rows of a file into `raw`, where many are.

    Parameters
    ----------
    room : Room
        Where the reading process has the file.
    asked : str
        SELECT of its rows: `n`, and the cells by neutral names.
    names : mapping of str to str
        The neutral name of each column.
    tell : callable
        What tells rows apart.
    counted : str, optional
        The same SELECT, where reading all rows has another one.

    Returns
    -------
    callable or None
        As `SourceTable.behind`; None where too few are alike, and nothing was made.
    """
    view = "CREATE OR REPLACE VIEW asked AS "
    room.run(view + asked)
    types = {str(row[0]): DuckDBType.from_string(str(row[1])) for row in room.run("DESCRIBE asked")}
    rows_asked = describe_table(types, name="asked")
    some = tell(rows_asked.limit(LOOKED_AT), names)
    distinct = write_sql("duckdb", some.rows.select(*some.keys).distinct())
    ((rows, groups),) = room.run(
        f"SELECT (SELECT count(*) FROM (FROM asked LIMIT {LOOKED_AT})), "  # noqa: S608
        f"(SELECT count(*) FROM ({distinct}))"
    )
    if groups * LEAST > rows:
        return None
    apart = _keep_repeated(room, tell(rows_asked, names))
    keyed = apart.rows
    cells = {cell: stands(keyed) for cell, stands in apart.cells.items()}
    grouped = keyed.group_by(list(apart.keys)).agg(**cells, **{TIMES: keyed.count()})
    room.run(view + (counted or asked))
    number = f"-row_number() OVER () AS {'m' if apart.unique else 'n'}"
    numbered = "coalesce(alone, m) AS n, " if apart.unique else ""
    room.run(
        f"CREATE TABLE raw AS SELECT {numbered}* FROM "  # noqa: S608
        f"(SELECT {number}, * FROM ({write_sql('duckdb', grouped)}))"
    )
    room.run(view + asked)
    return lambda groups: _find_behind(room, names, apart, groups)


def _keep_repeated(room: Room, apart: Apart) -> Apart:
    """Tell rows apart of which others have the key: by their numbers."""
    if not apart.unique:
        return apart
    filled = reduce(lambda rows, name: rows.filter(rows[name].notnull()), apart.unique, apart.rows)
    twice = filled.group_by(list(apart.unique)).having(filled.count() > 1)
    twice = twice.agg(**{TIMES: filled.count()}).select(*apart.unique)
    ((count,),) = room.run(f"CREATE TABLE repeated AS {write_sql('duckdb', twice)}")
    if not count:
        return replace(apart, unique=())
    types = {name: apart.rows[name].type() for name in apart.unique}
    repeated = describe_table(types, name="repeated").mutate(is_repeated=True)
    joined = apart.rows.left_join(repeated, list(apart.unique), rname="{name}_again")
    alone = joined["is_repeated"].ifelse(joined["n"], None)
    return Apart(joined.mutate(alone=alone), (*apart.keys, "alone"), apart.cells, apart.unique)


def _find_behind(room: Room, names: Mapping[str, str], apart: Apart, groups: Table) -> Table:
    """Find the rows behind groups, once more in the file."""
    engine, chosen = groups.get_backend(), groups.select(*apart.keys)
    engine.con.execute(f"CREATE OR REPLACE TABLE chosen AS {chosen.compile()}")
    marked = describe_table(engine.table("chosen").schema(), name="chosen")
    same = [apart.rows[key].identical_to(marked[key]) for key in apart.keys]
    found = apart.rows.semi_join(marked, same).select("n", *names.values())
    room.go_back(f"CREATE OR REPLACE TABLE single AS {write_sql('duckdb', found)}")
    return engine.table("single")
