"""One reader for every kind of question: from a city's tables to `Events`.

The table stays where it is. Only what is asked for comes out of it: of a dense panel one cell per
entity, period and moment at which that part of the period's total could first be seen, so twenty
million events cost about as much as the cells that they fall into; of a list its cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final, Protocol, TypeVar

import numpy as np
import pandas as pd

from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.tables import ColumnSpec
from cityai.data.alike import tell_rows
from cityai.data.areas import read_areas
from cityai.data.calendar import refuse_midnights
from cityai.data.city_table import read_city_table
from cityai.data.contract import Contract, build_contract, judge_values
from cityai.data.conversion import convert_cells
from cityai.data.periods import Periods
from cityai.data.quality_facts import collect_facts
from cityai.data.rejects import (
    count_status,
    find_repeats,
    list_rejects,
    mark_repeats,
    refuse_hopeless,
)
from cityai.data.row_status import ACCEPTED, OUT_OF_SCOPE, REJECTED
from cityai.data.side_tables import SideTable, read_covariate, read_happenings
from cityai.data.source import SourceTable, open_source
from cityai.data.source.connections import find_place
from cityai.data.source.engine import Left, Table, count_rows, fetch_frame
from cityai.data.source.questions import Grouping
from cityai.errors import DataError, TimeError
from cityai.progress import tell, warn
from cityai.records.events import (
    Events,
    RowCounts,
    describe_left,
    list_left,
    list_nobody,
    list_versions,
)

LONGEST_GAP: Final = 5
"""Years without a single row, at most, within a record."""
MOST_FAR: Final = 0.05
"""Share of the rows, at most, that can be placeholders beyond such a gap."""
SpecT = TypeVar("SpecT", bound=BaseProjectSpec, contravariant=True)


@dataclass(frozen=True)
class LaidOut:
    """The main table as it is asked for; see `Events`."""

    table: pd.DataFrame
    until: pd.Timestamp
    attributes: pd.DataFrame | None = None
    varied: bool = True
    """Whether an entity may have several values of one of these."""
    city_rule: pd.DataFrame | None = None
    facts: pd.DataFrame | None = None


class Layout(Protocol[SpecT]):
    """What the layout of the main table decides of its reading."""

    by_period: bool
    """Whether the tables beside it are combined to the question's periods."""

    def list_columns(self, spec: SpecT) -> dict[str, ColumnSpec]:
        """Return the contract of every column that is read."""

    def list_required(self, spec: SpecT) -> tuple[str, ...]:
        """Return the columns without which a row cannot be placed."""

    def find_grouping(self, spec: SpecT) -> Grouping | None:
        """Return which rows may be counted in place of read; None where each row is needed."""

    def judge(self, converted: Table, contract: Contract, spec: SpecT) -> Table:
        """Give every row its status, as `judge_rows`."""

    def find_axis(
        self, rows: Table, spec: SpecT, ends: tuple[pd.Timestamp, pd.Timestamp], where: str
    ) -> tuple[Table, Periods]:
        """Return the time axis, and the rows with those beyond it out of scope.

        `ends` are the first and the last moment of accepted rows.
        """

    def lay_out(
        self, accepted: Table, contract: Contract, spec: SpecT, periods: Periods, where: str
    ) -> LaidOut:
        """Bring the accepted rows here as they are asked for."""

    def join_own(
        self, events: Events, own: pd.DataFrame, where: str
    ) -> tuple[Events, pd.DataFrame]:
        """Give what is asked about the city's own scores or forecasts; return facts of it too."""


def read_events(project: Project[SpecT], layout: Layout[SpecT]) -> Events:
    """Read what the city knew from its tables.

    Returns
    -------
    Events
        The same for any order of the source's rows.

    Raises
    ------
    DataError
        If a source cannot be read, most of its rows break the contract, nothing is in scope, a yes
        or no cannot be told, or all known outcomes are alike.
    TimeError
        If no period is complete.
    """
    spec = project.spec
    areas = None
    if spec.areas is not None:
        tell("reading the areas")
        areas = read_areas(project, spec.areas)
    contract = build_contract(
        layout.list_columns(spec),
        layout.list_required(spec),
        zone=spec.city.time_zone,
        is_utc=spec.data.zone == "utc",
        **spec.data.source.marks,
    )
    grouping = layout.find_grouping(spec)
    if grouping is not None:
        named = {name for at, name in spec.named_columns if at != ("data", "key")}
        grouping = tell_rows(grouping, contract, frozenset({*named, spec.amount or ""}))
    tell("reading the data")
    with open_source(
        spec.data.source,
        find_place(project, spec.data.source),
        list(contract.columns),
        max_rows=spec.data.max_rows,
        unpivot=spec.data.unpivot,
        grouping=grouping,
    ) as opened:
        known = None if areas is None else areas.table
        events = _read_main(opened, contract, spec, known, layout)
        digest, left, version = opened.digest, opened.left, opened.version
    covariates: dict[str, SideTable] = {}
    for name, covariate in spec.covariates.items():
        tell(f"reading the covariate {name}")
        axis = events.periods if layout.by_period else None
        covariates[name] = read_covariate(project, name, covariate, axis)
    happened: dict[str, SideTable] = {}
    for name, event in spec.happenings.items():
        tell(f"reading the events {name}")
        happened[name] = read_happenings(project, name, event)
    sides = [*covariates.items(), *happened.items()]
    if spec.city_table is not None:
        tell("reading the city's own scores")
        own = read_city_table(project, spec.city_table)
        events, facts = layout.join_own(events, own.table, own.where)
        events = replace(events, quality_facts=pd.concat([events.quality_facts, facts]))
        sides.append((spec.city_own[0], own))
    versions = [("data", (version,)), *((name, side.versions) for name, side in sides)]
    digests = [digest, *([areas.digest] if areas else []), *(side.digest for _, side in sides)]
    return replace(
        events,
        covariates={name: side.table for name, side in covariates.items()},
        events={name: side.table for name, side in happened.items()},
        rejects=_join_rejects(events.rejects, [side for _, side in sides]),
        quality_facts=_add_sides(events.quality_facts, sides),
        digest=hashlib.sha256(" ".join(digests).encode()).hexdigest(),
        source_digest=digest,
        left=_list_left([("data", left), *((n, part) for n, side in sides for part in side.left)]),
        versions=list_versions(
            part.list_row(name) for name, parts in versions for part in parts if part is not None
        ),
    )


def _list_left(tables: Sequence[tuple[str, Left | None]]) -> pd.DataFrame:
    """Tabulate what left databases for each table, and tell it."""
    found = list_left((name, *astuple(left)) for name, left in tables if left is not None)
    for said in describe_left(found):
        warn(said)
    return found


def _read_main(
    opened: SourceTable,
    contract: Contract,
    spec: SpecT,
    areas: pd.DataFrame | None,
    layout: Layout[SpecT],
) -> Events:
    refuse_midnights(opened, contract)
    # Judged once and kept, with the cells as written where they are refused.
    rows = opened.save("judged", layout.judge(convert_cells(opened, contract), contract, spec))
    refused = rows.filter(rows["status"] == REJECTED)
    if opened.behind is not None and (counted := count_status(refused)):
        single = opened.find_rows(refused)
        judged = layout.judge(convert_cells(single, contract), contract, spec)
        refused = single.save("refused", judged)
        if count_status(refused) != counted:
            raise DataError(
                "the file changed while it was read",
                where=opened.where,
                next_step="run it again when nothing writes to it",
            )
    tell("checking the contract")
    judge_values(rows.filter(rows["status"] != OUT_OF_SCOPE), contract, opened.where)
    years = count_years(rows)
    refuse_hopeless(years, refused, opened, contract)
    accepted_years = years[years["status"] == ACCEPTED]
    _refuse_far(accepted_years, opened.where)
    ends = accepted_years["low"].min(), accepted_years["high"].max()
    rows, periods = layout.find_axis(rows, spec, ends, opened.where)
    repeats = find_repeats(rows, contract, spec)
    rows = opened.name("marked", mark_repeats(rows, repeats, opened))
    tell("counting")
    accepted = rows.filter(rows["status"] == ACCEPTED)
    check_names(accepted, contract, spec, opened.where)
    laid = layout.lay_out(accepted, contract, spec, periods, opened.where)
    area_ids = None if areas is None else list(areas.index)
    facts = collect_facts(rows, contract, periods, spec, area_ids, varied=laid.varied)
    return Events(
        table=laid.table,
        periods=periods,
        until=laid.until,
        counts=_count_rows(rows, opened),
        rejects=list_rejects(refused, opened, contract, repeats),
        quality_facts=facts if laid.facts is None else pd.concat([facts, laid.facts]),
        areas=areas,
        attributes=list_nobody() if laid.attributes is None else laid.attributes,
        city_rule=laid.city_rule,
    )


def count_years(rows: Table) -> pd.DataFrame:
    """Count rows by status and year: with the first and the last moment of each."""
    grouped = rows.group_by("status", year=rows["o"].year())
    return fetch_frame(
        grouped.agg(rows=count_rows(rows), low=rows["o"].min(), high=rows["o"].max())
    )


def _refuse_far(years: pd.DataFrame, where: str) -> None:
    """Refuse a few rows whose years lie far from all others, such as the placeholder 1900-01-01."""
    years = years.astype({"year": "int64"}).sort_values("year", ignore_index=True)
    part = (years["year"].diff() > LONGEST_GAP).cumsum()
    is_main = part == years["rows"].groupby(part).sum().idxmax()
    kept, far = years[is_main], years[~is_main]
    if not len(far) or far["rows"].sum() > MOST_FAR * years["rows"].sum():
        return
    first, last = kept["low"].min(), kept["high"].max()
    after = last.normalize() + pd.Timedelta(days=1)
    shown = ", ".join(str(year) for year in far["year"].tolist()[:5])
    raise TimeError(
        f"{far['rows'].sum():,} of {years['rows'].sum():,} rows lie more than {LONGEST_GAP} years "
        f"from all others (in {shown})",
        where=where,
        expected=f"dates of the record, {first:%Y-%m-%d} to {last:%Y-%m-%d}; others are often "
        "placeholders",
        next_step=f"set `data.since: {first:%Y-%m-%d}` and `data.until: {after:%Y-%m-%d}`; rows "
        "beyond them are then out of scope",
    )


def check_names(placed: Table, contract: Contract, spec: BaseProjectSpec, where: str) -> None:
    """Refuse names of several columns that would join into one."""
    names = [f"v{contract.place(name)}" for name in spec.question.entity.columns]
    if len(names) < 2:
        return
    pairs = placed.select("e", *names).distinct()
    twice = pairs.group_by("e").having(pairs.count() > 1).agg(times=pairs.count()).limit(1)
    for name in fetch_frame(twice)["e"]:
        raise DataError(
            f"two entities would both be called '{name}'",
            where=where,
            expected="values of `entity.columns` without ' / '",
            next_step="replace ' / ' in the data",
        )


def _count_rows(rows: Table, opened: SourceTable) -> RowCounts:
    """Count rows by what became of them; those cut out before reading are rejected."""
    found = count_status(rows)
    cut = len(opened.cut_rows)
    return RowCounts(
        read=opened.count_rows() + cut,
        out_of_scope=int(found.get(OUT_OF_SCOPE, 0)),
        rejected=int(found.get(REJECTED, 0)) + cut,
        accepted=int(found.get(ACCEPTED, 0)),
    )


def _join_rejects(rejects: pd.DataFrame, sides: Sequence[SideTable]) -> pd.DataFrame:
    """List the refused cells of the main table and of those beside it."""
    parts = [rejects, *(side.rejects for side in sides)]
    return pd.concat([part for part in parts if len(part)] or [rejects], ignore_index=True)


def _add_sides(facts: pd.DataFrame, sides: Sequence[tuple[str, SideTable]]) -> pd.DataFrame:
    """Add how many rows of the tables beside the main one keep their contracts."""
    rows = [
        {
            "fact": "covariate",
            "column": name,
            "slice_kind": "overall",
            "slice": "overall",
            "good": side.read - side.rejected,
            "total": side.read,
            "figure": np.nan,
        }
        for name, side in sides
    ]
    return pd.concat([facts, pd.DataFrame(rows)], ignore_index=True) if rows else facts
