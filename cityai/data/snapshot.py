"""What the city knew, and when: counted cells, attributes, areas and covariates.

The table stays where it is. Only counts come out of it: one cell per entity, period and moment at
which that part of the period's total could first be seen. So twenty million events cost about as
much as the cells that they fall into.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import KNOWN, PERIOD
from cityai.config.load import Project
from cityai.config.project import ProjectSpec
from cityai.data.contract import Contract, build_contract, judge_values
from cityai.data.conversion import convert_cells
from cityai.data.counts import check_names, count_cells, read_attributes, read_city_rule
from cityai.data.outages import mark_outages
from cityai.data.periods import Periods, find_start
from cityai.data.quality_facts import collect_facts
from cityai.data.rejects import (
    count_status,
    find_repeats,
    list_rejects,
    mark_repeats,
    refuse_hopeless,
)
from cityai.data.row_status import (
    ACCEPTED,
    OUT_OF_SCOPE,
    REJECTED,
    judge_rows,
    list_columns,
    list_required,
    place_rows,
)
from cityai.data.side_tables import SideTable, read_areas, read_covariate
from cityai.data.source import SourceTable, open_source
from cityai.data.source.engine import Table, fetch_frame
from cityai.errors import RunError, TimeError

LONGEST_GAP: Final = 5
"""Years without a single row, at most, within a record."""
MOST_FAR: Final = 0.05
"""Share of the rows, at most, that can be placeholders beyond such a gap."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of the main table by what became of them.

    Attributes
    ----------
    read, out_of_scope, rejected, accepted : int
        `read` is the sum of the others.

    Raises
    ------
    RunError
        If it is not.
    """

    read: int
    out_of_scope: int
    rejected: int
    accepted: int

    def __post_init__(self) -> None:
        if self.read != self.out_of_scope + self.rejected + self.accepted:
            raise RunError(
                f"{self.read:,} rows came in, and {self.out_of_scope:,} out of scope, "
                f"{self.rejected:,} rejected and {self.accepted:,} accepted ones went out",
                next_step="report this: rows were lost on the way",
            )


@dataclass(frozen=True)
class Snapshot:
    """What the city knew, and when.

    Attributes
    ----------
    periods : Periods
        The time axis.
    cells : pandas.DataFrame
        entity_id (str), period (int64), known (int64), value (float64, NaN when every amount was
        missing), n (int64 rows), sorted by the first three. `known` is the first origin at which
        this part of the total could be seen: never before the period is over.
    attributes : pandas.DataFrame
        entity_id, known (int64), the attribute columns (str or float64) and, where declared,
        area_id: one row per change, valid from that origin on.
    areas : pandas.DataFrame or None
        Area table indexed by area_id, with `area_name` and `population`.
    covariates : dict[str, pandas.DataFrame]
        By name: key, period, known, columns.
    city_rule : pandas.DataFrame or None
        entity_id, period, value: the city's own forecast of the row's period.
    counts : RowCounts
        Rows of the main table.
    rejects : pandas.DataFrame
        row_number (int64), column, value (as written), reason: one row per refused cell; those of
        a covariate follow, their column after its name (`weather.rain`).
    quality_facts : pandas.DataFrame
        See `collect_facts`.
    digest : str
        SHA-256 of the sources' bytes and of the declarations that they were read by.
    """

    periods: Periods
    cells: pd.DataFrame
    attributes: pd.DataFrame
    areas: pd.DataFrame | None
    covariates: dict[str, pd.DataFrame]
    city_rule: pd.DataFrame | None
    counts: RowCounts
    rejects: pd.DataFrame
    quality_facts: pd.DataFrame
    digest: str


def read_snapshot(project: Project, progress: Callable[[str], None] | None = None) -> Snapshot:
    """Read what the city knew from its tables.

    Parameters
    ----------
    project : Project
        The project.
    progress : callable, optional
        Told, in a few words, what is being done.

    Returns
    -------
    Snapshot
        The same for any order of the source's rows.

    Raises
    ------
    DataError
        If a source cannot be read, or most of its rows break the contract.
    TimeError
        If no period is complete.
    """
    tell = progress or (lambda _: None)
    spec = project.spec
    areas = None
    if spec.areas is not None:
        tell("reading the areas")
        areas = read_areas(project, spec.areas)
    contract = build_contract(
        list_columns(spec),
        list_required(spec),
        zone=spec.city.time_zone,
        is_utc=spec.data.zone == "utc",
        **spec.data.source.marks,
    )
    tell("reading the data")
    path = project.find_path(spec.data.source.path)
    with open_source(
        spec.data.source,
        path,
        list(contract.columns),
        max_rows=spec.data.max_rows,
        unpivot=spec.data.unpivot,
    ) as opened:
        snapshot = _read_main(opened, contract, spec, areas, tell)
        digest = opened.digest
    covariates: dict[str, SideTable] = {}
    for name, covariate in spec.covariates.items():
        tell(f"reading the covariate {name}")
        covariates[name] = read_covariate(project, name, covariate, snapshot.periods)
    sides = [*([areas] if areas else []), *covariates.values()]
    return replace(
        snapshot,
        covariates={name: side.table for name, side in covariates.items()},
        rejects=join_rejects(snapshot.rejects, covariates),
        quality_facts=add_sides(snapshot.quality_facts, covariates),
        digest=_digest(spec, [digest, *(side.digest for side in sides)]),
    )


def _read_main(
    opened: SourceTable,
    contract: Contract,
    spec: ProjectSpec,
    areas: SideTable | None,
    tell: Callable[[str], None],
) -> Snapshot:
    # Judged once and kept, with the cells as written where they are refused.
    rows = opened.save("judged", judge_rows(convert_cells(opened, contract), contract, spec))
    refused = rows.filter(rows["status"] == REJECTED)
    in_scope = rows.filter(rows["status"] != OUT_OF_SCOPE)
    tell("checking the contract")
    judge_values(in_scope, contract, opened.where)
    refuse_hopeless(rows, refused, opened, contract)
    periods = _find_periods(rows, spec, opened.where)
    rows = _close_axis(rows, periods)
    repeats = find_repeats(rows, contract, spec)
    rows = opened.name("marked", mark_repeats(rows, repeats, opened))
    tell("counting")
    counts = count_rows(rows, opened)
    placed = place_rows(rows.filter(rows["status"] == ACCEPTED), periods)
    check_names(placed, contract, spec, opened.where)
    area_ids = None if areas is None else list(areas.table.index)
    attributes = read_attributes(placed, contract, spec)
    return Snapshot(
        periods=periods,
        cells=mark_outages(count_cells(placed, spec), attributes, periods, spec.data.outages),
        attributes=attributes,
        areas=None if areas is None else areas.table,
        covariates={},
        city_rule=read_city_rule(placed, contract, spec),
        counts=counts,
        rejects=list_rejects(refused, opened, contract, repeats),
        quality_facts=collect_facts(rows, contract, periods, spec, area_ids),
        digest="",
    )


def _find_periods(rows: Table, spec: ProjectSpec, where: str) -> Periods:
    """Find the axis: from the first row to the last complete period.

    `until` says that every period before it is over, also one in which nothing happened, and a
    panel's row says so of its own period. Else the last day with an event is taken for over, and a
    period that ends after it is left out.
    """
    freq, data = spec.question.period, spec.data
    refuse_far(rows, where)
    good = rows.filter(rows["status"] == ACCEPTED)
    ends = fetch_frame(good.agg(low=good["o"].min(), high=good["o"].max())).iloc[0]
    first = find_start(freq, pd.Timestamp(ends["low"]))
    if data.since is not None and first < pd.Timestamp(data.since):
        first = Periods(freq, first, 0).start(1)
    day_after = pd.Timestamp(ends["high"]).normalize() + pd.Timedelta(days=1)
    until = day_after if data.until is None else pd.Timestamp(data.until)
    last, over = Periods(freq, first, 0).index(pd.DatetimeIndex([ends["high"], until])).tolist()
    count = over
    if data.layout == "panel":
        count = last + 1 if data.until is None else min(last + 1, over)
    if count < 1:
        raise TimeError(
            f"the data hold no complete {freq} ({ends['low']:%Y-%m-%d} to {ends['high']:%Y-%m-%d})",
            where=where,
            expected="at least two complete periods",
            next_step="choose a shorter `question.period`, or give more data",
        )
    return Periods(freq, first, count)


def refuse_far(rows: Table, where: str) -> None:
    """Refuse a few rows whose years lie far from all others, such as the placeholder 1900-01-01.

    Raises
    ------
    TimeError
        Since the record would be taken for as long as from there, and empty in between.
    """
    good = rows.filter(rows["status"] == ACCEPTED)
    years = fetch_frame(
        good.group_by(year=good["o"].year()).agg(
            rows=good.count(), low=good["o"].min(), high=good["o"].max()
        )
    )
    years = years.sort_values("year", ignore_index=True)
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


def _close_axis(rows: Table, periods: Periods) -> Table:
    first, end = periods.first, periods.start(periods.count)
    is_off = (rows["status"] == ACCEPTED) & ((rows["o"] < first) | (rows["o"] >= end))
    return rows.mutate(status=is_off.ifelse(OUT_OF_SCOPE, rows["status"]).cast("int8"))


def count_rows(rows: Table, opened: SourceTable) -> RowCounts:
    """Count rows by what became of them; those cut out before reading are rejected."""
    found = count_status(rows)
    cut = len(opened.cut_rows)
    return RowCounts(
        read=opened.count_rows() + cut,
        out_of_scope=int(found.get(OUT_OF_SCOPE, 0)),
        rejected=int(found.get(REJECTED, 0)) + cut,
        accepted=int(found.get(ACCEPTED, 0)),
    )


def join_rejects(rejects: pd.DataFrame, covariates: dict[str, SideTable]) -> pd.DataFrame:
    """List the refused cells of the main table and of those beside it."""
    parts = [rejects, *(side.rejects for side in covariates.values())]
    return pd.concat([part for part in parts if len(part)] or [rejects], ignore_index=True)


def add_sides(facts: pd.DataFrame, covariates: dict[str, SideTable]) -> pd.DataFrame:
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
        for name, side in covariates.items()
    ]
    return pd.concat([facts, pd.DataFrame(rows)], ignore_index=True) if rows else facts


def _digest(spec: ProjectSpec, digests: Sequence[str]) -> str:
    declared = {
        "data": spec.data.model_dump(mode="json"),
        "question": spec.question.model_dump(mode="json"),
        "covariates": {n: c.model_dump(mode="json") for n, c in spec.covariates.items()},
        "areas": None if spec.areas is None else spec.areas.model_dump(mode="json"),
        "city_rule": spec.models.city_rule,
        "zone": spec.city.time_zone,
        "sources": list(digests),
    }
    content = json.dumps(declared, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def cut_snapshot(snapshot: Snapshot, origin: int) -> Snapshot:
    """Return what was known just before an origin.

    Parameters
    ----------
    snapshot : Snapshot
        Everything.
    origin : int
        Index of the origin; periods before it are over.

    Returns
    -------
    Snapshot
        The same axis without what came later: cells, attributes and covariates seen
        later, and the city's own forecasts of periods that begin later (they are made before their
        period, so that of the period at the origin stays). Counts, rejects and quality facts
        describe the whole source and stay.
    """

    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[KNOWN] <= origin].reset_index(drop=True)

    rule = snapshot.city_rule
    return replace(
        snapshot,
        cells=cut(snapshot.cells),
        attributes=cut(snapshot.attributes),
        covariates={name: cut(frame) for name, frame in snapshot.covariates.items()},
        city_rule=None if rule is None else rule[rule[PERIOD] <= origin].reset_index(drop=True),
    )
