"""What a database is asked, written by Ibis in its own language, and what is made of the answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import ibis
import sqlglot
from ibis.config import Config
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from cityai.confine.tables import quote_text
from cityai.data.source.engine import TIMES, Table
from cityai.data.source.functions import count_microseconds, find_date, range_of, to_local

if TYPE_CHECKING:
    from cityai.data.source.alike import TellApart

_NOT_BLANK: Final = re.compile(r"\S")
_DAY: Final = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows that a question by days cannot tell apart: they are counted where they are read."""

    occurred: str
    """Column of the moment of an event."""
    known: str | None
    """Column of the moment at which it could be seen, where there is one."""
    days: frozenset[str]
    """Those of them that are read as days, whatever hour they have."""
    key: tuple[str, ...] = ()
    """Columns that identify a row."""
    is_utc: bool = False
    """Whether moments without an offset are written in UTC."""
    tell_apart: TellApart | None = None
    """What tells the rows of a file apart."""


@dataclass(frozen=True, slots=True)
class Since:
    """What divides rows that came before from those that are new."""

    known: str
    """Column of the moment at which a row could be seen."""
    until: date
    """Rows of days before it came before; those without a moment are new."""


class _SparkOptions(Config):  # type: ignore[misc]
    """How Ibis writes Spark's SQL: NaN is a number there, as in every other language."""

    treat_nan_as_null: bool = False


def ask_groups(
    driver: str, kinds: Mapping[str, str], grouping: Grouping, since: Since | None = None
) -> str:
    """Ask how often each combination of cells occurs, moments taken by their days.

    Of the moments of a group the last stand for all: its day, and whether it could be seen before
    it happened, are the same for each row; so are every figure by days and what is latest.
    """
    asked = _open_new(kinds, since)
    keys: dict[str, Any] = {}
    last: dict[str, Any] = {TIMES: asked.count()}
    moments: dict[str, Any] = {}
    for i, (name, kind) in enumerate(kinds.items()):
        if name in (grouping.occurred, grouping.known) and kind.startswith("timestamp"):
            # The session's zone is the city's: this is its clock.
            moment = asked[name].cast("timestamp")
            if name in grouping.days:
                moment = moment.cast("date").cast("timestamp")
            moments[name] = moment
            keys[f"d{i}"] = moments[name].cast("date")
            last[f"c{i}"] = moments[name].max()
        else:
            keys[f"c{i}"] = _select_cell(asked, name, kind)
            if kind == "date":
                moments[name] = asked[name].cast("timestamp")
    occurred, known = moments.get(grouping.occurred), moments.get(grouping.known or "")
    if occurred is not None and known is not None:
        keys["early"] = (known < occurred).fill_null(False)
    grouped = asked.group_by(**keys).agg(**last)
    tree = _write_tree(driver, grouped.select(*(f"c{i}" for i in range(len(kinds))), TIMES))
    texts = {f"c{i}" for i, kind in enumerate(kinds.values()) if kind in ("string", "other")}
    return _write_exact(driver, tree, texts)


def ask_midnights(
    driver: str, kinds: Mapping[str, str], names: Sequence[str], first: int | None = None
) -> str:
    """Ask of moments: how many are no midnight of UTC, on how many days, and on another one here.

    Parameters
    ----------
    driver : str
        Whose language.
    kinds : mapping of str to str
        Name and type of each column.
    names : sequence of str
        Columns of moments with a zone.
    first : int, optional
        Look at so many rows alone.
    """
    asked = open_asked(kinds)
    asked = asked if first is None else asked.limit(first)
    asked = asked.select(*names)
    found: dict[str, Any] = {}
    for i, name in enumerate(names):
        moment = asked[name]
        if driver == "spark":
            since = count_microseconds(moment)
            day = find_date((since // _DAY).cast("int32"))
            is_other = since % _DAY != 0
        else:
            clock = to_local("UTC", moment)
            day = clock.cast("date")
            is_other = clock != day.cast("timestamp")
        # The session's zone is the city's: this is its day.
        moved = moment.cast("timestamp").cast("date") != day
        found |= {f"others{i}": is_other.sum(), f"days{i}": day.nunique(), f"moved{i}": moved.sum()}
    return write_sql(driver, asked.agg(**found))


def ask_rows(driver: str, kinds: Mapping[str, str], since: Since | None = None) -> str:
    """Ask for columns of the rows of `asked`, by neutral names.

    Parameters
    ----------
    driver : str
        Whose language.
    kinds : mapping of str to str
        Name and type of each column.
    since : Since, optional
        Only those that are new.
    """
    asked = _open_new(kinds, since)
    cells = [_select_cell(asked, name, kind) for name, kind in kinds.items()]
    return write_sql(driver, asked.select(**{f"c{i}": cell for i, cell in enumerate(cells)}))


def ask_earlier(driver: str, kinds: Mapping[str, str], since: Since) -> str:
    """Ask for the rows of `asked` that came before, with all of their columns."""
    asked = open_asked(kinds)
    return write_sql(driver, asked.filter(_is_earlier(asked, kinds, since)))


def _open_new(kinds: Mapping[str, str], since: Since | None) -> Table:
    asked = open_asked(kinds)
    return asked if since is None else asked.filter(~_is_earlier(asked, kinds, since))


def _is_earlier(asked: Table, kinds: Mapping[str, str], since: Since) -> Any:
    moment = asked[since.known]
    # The session's zone is the city's: this is its day.
    day = moment if kinds[since.known] == "date" else moment.cast("timestamp").cast("date")
    return (day < since.until).fill_null(False)


def open_asked(kinds: Mapping[str, str]) -> Table:
    """Return the rows of the city's statement as a table that Ibis can ask."""
    # A type that is none of the text's, so that it is written out as a text.
    types = {name: "uuid" if kind == "other" else kind for name, kind in kinds.items()}
    return ibis.table(types, name="asked")


def _select_cell(asked: Table, name: str, kind: str) -> Any:
    return asked[name].cast("string") if kind == "other" else asked[name]


def cut_end(driver: str, text: str) -> str:
    """Return a statement without the semicolons at its end, and what comments follow them.

    Spark's comments become blanks throughout: there one may go on behind the end of its line, so
    what `is_one_part` takes for a parenthesis might be none.
    """
    try:
        words = sqlglot.tokenize(text, read=driver)
    except SqlglotError:
        return text
    last = len(words)
    while last and words[last - 1].token_type == TokenType.SEMICOLON:
        last -= 1
    if last < len(words):
        text = text[: words[last - 1].end + 1] if last else ""
    if driver != "spark":
        return text
    blank, begin = "", 0
    for word in words[:last]:
        blank += _NOT_BLANK.sub(" ", text[begin : word.start]) + text[word.start : word.end + 1]
        begin = word.end + 1
    return blank + _NOT_BLANK.sub(" ", text[begin:])


def is_one_part(driver: str, statement: str) -> bool:
    """Tell whether a statement closes no parenthesis but its own: what is put in stays in."""
    try:
        words = sqlglot.tokenize(statement, read=driver)
    except SqlglotError:
        return False
    kinds = [word.token_type for word in words]
    if TokenType.SEMICOLON in kinds:
        return False
    steps = [int(kind == TokenType.L_PAREN) - int(kind == TokenType.R_PAREN) for kind in kinds]
    depths = list(accumulate(steps, initial=0))
    return min(depths) == depths[-1] == 0


def write_sql(driver: str, expression: Table) -> str:
    """Write an expression in the language of a database; nothing is asked."""
    return _write_exact(driver, _write_tree(driver, expression), frozenset())


def _write_tree(driver: str, expression: Table) -> sqlglot.Expression:
    return _find_compiler(driver).to_sqlglot(expression)


def _write_exact(driver: str, tree: sqlglot.Expression, texts: Collection[str]) -> str:
    """Write a statement in which PostgreSQL tells these texts apart by their bytes.

    A column may have a collation to which "Ana" and "ana" are one; a file has none.
    """
    for named in tree.find_all(exp.Alias) if driver == "postgres" else ():
        if named.alias in texts:
            collation = exp.to_identifier("C", quoted=True)
            named.set("this", exp.Collate(this=named.this, expression=collation))
    return str(tree.sql(dialect=_find_compiler(driver).dialect))


def _find_compiler(driver: str) -> Any:
    if driver == "duckdb":
        from ibis.backends.sql.compilers.duckdb import compiler
    elif driver == "spark":
        from ibis.backends.sql.compilers.pyspark import compiler

        if ibis.options.pyspark is None:  # set by Ibis where it has a session of its own
            ibis.options.pyspark = _SparkOptions()
    else:
        from ibis.backends.sql.compilers.postgres import compiler
    return compiler


def write_local(kinds: Mapping[str, str], decimal: str, *, grouped: bool) -> str:
    """Write the engine's statement that makes numbered rows, in an order of their own, of `came`.

    A database gives its rows in any order; the same rows are numbered alike here. A group has the
    number of its first row, below 0.
    """
    names = [f"c{i}" for i in range(len(kinds))]
    cells = [
        f"{_read_cell(name, kind, decimal)} AS {name}"
        for name, kind in zip(names, kinds.values(), strict=True)
    ]
    order, number = ", ".join(names), "row_number() OVER (ORDER BY {})"
    if grouped:
        cells.append(TIMES)
        number = f"{TIMES} - 1 - sum({TIMES}) OVER (ORDER BY {{}} ROWS UNBOUNDED PRECEDING)"
        number = f"({number})::BIGINT"
    return f"CREATE TABLE raw AS SELECT {number.format(order)} AS n, {', '.join(cells)} FROM came"  # noqa: S608


def number_behind(groups: Table) -> Table:
    """Return the rows behind groups that came from a database: alike, and numbered."""
    rows = groups.mutate(more=range_of(groups[TIMES]).unnest())
    return rows.mutate(n=rows["more"] - rows["n"]).drop("more", TIMES)


def _read_cell(name: str, kind: str, decimal: str) -> str:
    """Return the engine's expression of a cell; a number that came as text becomes one again."""
    if kind.startswith("decimal("):
        return f"TRY_CAST({name} AS {kind})"
    if kind == "decimal":  # of no declared size: as it is written, without zeros at its end
        short = f"regexp_replace(regexp_replace({name}, '([.][0-9]*?)0+$', '\\1'), '[.]$', '')"
        return f"replace(nullif(lower({short}), 'nan'), '.', {quote_text(decimal)})"
    return name
