"""Event log: what the city knew, and when, whatever is asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd

from cityai.columns import AS_OF, ENTITY, KNOWN, KNOWN_AT, PERIOD, Y_TRUE
from cityai.data.periods import Periods
from cityai.errors import RunError
from cityai.i18n.messages import say


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of the main table by what became of them.

    Raises
    ------
    RunError
        If it is not.
    """

    read: int
    out_of_scope: int
    rejected: int
    accepted: int
    """`read` is the sum of the others."""

    def __post_init__(self) -> None:
        if self.read != self.out_of_scope + self.rejected + self.accepted:
            raise RunError(
                f"{self.read:,} rows came in, and {self.out_of_scope:,} out of scope, "
                f"{self.rejected:,} rejected and {self.accepted:,} accepted ones went out",
                next_step="report this: rows were lost on the way",
            )


ANOTHER: Final = say("repeats the key of another row")


def name_reasons(reasons: pd.Series) -> list[str]:
    """Name why cells were refused, without which row was kept: each repeat has another."""
    return [
        ANOTHER if re.fullmatch(r"repeats the key of row [\d,]+", reason) else reason
        for reason in reasons
    ]


LEFT: Final = ("source", "connection", "rows", "columns", "bytes", "held", "partial")


ROW_SECURITY: Final = "the database keeps rows from it (row-level security)"


def list_left(rows: Iterable[tuple[object, ...]] = ()) -> pd.DataFrame:
    """Tabulate what left databases; nothing where all tables are files."""
    table = pd.DataFrame(list(rows), columns=list(LEFT))
    kinds = {**dict.fromkeys(LEFT[:2], "str"), **dict.fromkeys(LEFT[2:-1], "int64")}
    return table.astype({**kinds, LEFT[-1]: "bool"})


VERSIONS: Final = ("source", "format", "version", "made")


def list_versions(rows: Iterable[tuple[object, ...]] = ()) -> pd.DataFrame:
    """Tabulate which versions of tables were read; nothing where none is kept with versions."""
    return pd.DataFrame(list(rows), columns=list(VERSIONS)).astype("str")


def describe_left(left: pd.DataFrame) -> list[str]:
    """Say for each table how much left its database, for a private terminal and a log."""
    return [
        f"{row['rows']:,} {'groups' if row['held'] > row['rows'] else 'rows'} of "
        f"{row['columns']} columns ({row['bytes']:,} bytes) left the database "
        f"'{row['connection']}' for the table {row['source']}; its SELECT gives "
        f"{row['held']:,} rows there"
        + (f", to this account: {ROW_SECURITY}" if row["partial"] else "")
        for row in left.to_dict("records")
    ]


def list_nobody() -> pd.DataFrame:
    """Return the attributes of no entity."""
    return pd.DataFrame({ENTITY: pd.Series(dtype="str"), KNOWN: pd.Series(dtype="int64")})


@dataclass(frozen=True)
class Events:
    """What the city knew, and when."""

    table: pd.DataFrame
    """The main table. Where amounts of a dense panel are asked for, its cells: entity_id (str),
    period (int64), known (int64), value (float64, NaN when every amount was missing), n (int64
    rows), sorted by the first three; `known` is the first origin at which this part of the total
    could be seen, never before the period is over. Where cases are asked about, one row a case,
    sorted by (``as_of``, ``case_id``): ``case_id``, ``entity_id`` (str), ``area_id`` (object, None
    when missing; where declared), ``as_of`` (asked; datetime64[us], local), ``occurred_at`` (takes
    place), ``known_at`` (its outcome could be seen), ``y_true`` (float64: 1, 0, or NaN when it is
    not known), ``slot`` (int64) and ``slot_start`` (datetime64[us]): the period of the capacity, by
    the day on which the case takes place (all 0 for ``per: fold``), ``latitude`` and ``longitude``
    (float64, where declared), the attributes under their own names (str, None when missing, or
    float64), ``baseline.city_score`` (float64, where declared) and ``registered_at`` (where
    declared)."""
    periods: Periods
    """The time axis: the question's periods, or the days of the cases."""
    until: pd.Timestamp
    """End of what is known: a midnight."""
    counts: RowCounts
    """Rows of the main table."""
    rejects: pd.DataFrame
    """row_number (int64), column, value (as written), reason: one row per refused cell; those of a
    table beside the main one follow, their column after its name (`weather.rain`)."""
    quality_facts: pd.DataFrame
    """See `collect_facts`."""
    digest: str = ""
    """SHA-256 over the digests of all sources."""
    areas: pd.DataFrame | None = None
    """Area table indexed by area_id, with `area_name` and `population`."""
    attributes: pd.DataFrame = field(default_factory=list_nobody)
    """entity_id, known (int64), the attribute columns (str or float64) and, where declared,
    area_id: one row per change, valid from that origin on. Nobody where a row of `table` says
    itself what describes it."""
    covariates: dict[str, pd.DataFrame] = field(default_factory=dict)
    events: dict[str, pd.DataFrame] = field(default_factory=dict)
    """The tables beside the main one, as `read_covariate` and `read_happenings` give them."""
    city_rule: pd.DataFrame | None = None
    """entity_id, period, value: the city's own forecast of the row's period. Where it has a table
    of its own also known (int64): the first origin at which the forecast could be seen."""
    left: pd.DataFrame = field(default_factory=list_left)
    """What left databases, one row a table: source (``data``, or the name of what is beside it),
    connection, rows, columns and bytes (as Arrow) of what came, and held: the rows that its SELECT
    gives there. Fewer came than are held where sums came in place of rows."""
    versions: pd.DataFrame = field(default_factory=list_versions)
    """Which versions were read of tables that are kept with versions, one row a table: source (as
    in `left`), format (``Delta``, ``Iceberg``), version (of Iceberg the snapshot), made (when it
    was written: ISO 8601 in UTC, empty where its log does not say), all str."""
    source_digest: str = ""
    """Of the main table's source: SHA-256 of a file's bytes, of a statement and its rows."""

    def call_places(self, ids: Iterable[str]) -> list[str]:
        """Return what readers call areas, with their ids; one of no area, or no name, is its id."""
        named = {} if self.areas is None else self.areas["area_name"].dropna().to_dict()
        return [f"{named[n]} ({n})" if named.get(n, n) != n else n for n in ids]


def cut_events(events: Events, moment: pd.Timestamp) -> Events:
    """Truncate an event log: return what was known strictly before a moment.

    Returns
    -------
    Events
        The same axis without what came later: rows, attributes, covariates and events seen later
        (those known ahead stay), cases asked later, outcomes of the others that were seen later,
        and the city's own forecasts that were made later (by default before their period begins, so
        that of the period at the moment stays). Counts, rejects and quality facts
        describe the whole source and stay.
    """
    origin = int(events.periods.index(pd.DatetimeIndex([moment]))[0])

    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        if KNOWN in frame:
            kept = frame[KNOWN] <= origin
        elif AS_OF in frame:
            seen = frame[Y_TRUE].where(frame[KNOWN_AT] < moment)
            frame, kept = frame.assign(**{Y_TRUE: seen}), frame[AS_OF] <= moment
        else:
            kept = frame[KNOWN_AT].isna() | (frame[KNOWN_AT] < moment)
        return frame[kept].reset_index(drop=True)

    rule = events.city_rule
    if rule is not None:
        made = rule[KNOWN if KNOWN in rule else PERIOD]
        rule = rule[made <= origin].reset_index(drop=True)
    return replace(
        events,
        table=cut(events.table),
        until=min(events.until, moment),
        attributes=cut(events.attributes),
        covariates={name: cut(frame) for name, frame in events.covariates.items()},
        events={name: cut(frame) for name, frame in events.events.items()},
        city_rule=rule,
    )
