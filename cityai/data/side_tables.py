"""The tables beside the main one: covariates with values in time, and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AREA, CATEGORY, DAY, ENTITY, KNOWN, KNOWN_AT, OCCURRED_AT, PERIOD
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.risk import EventSpec, JoinSpec
from cityai.config.tables import ColumnSpec, CovariateSpec, KnownSpec, SourceSpec
from cityai.data.calendar import refuse_midnights
from cityai.data.contract import Contract, build_contract, judge_values
from cityai.data.conversion import convert_cells
from cityai.data.periods import Periods
from cityai.data.rejects import list_refused, tell_first
from cityai.data.source import SourceTable, open_source
from cityai.data.source.connections import find_place
from cityai.data.source.engine import Left, fetch_frame
from cityai.data.versions import TableVersion
from cityai.errors import DataError

MOST_ROWS: Final = 5_000_000
AMOUNTS: Final = ("integer", "number", "boolean")
LAST_MOMENT: Final = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
"""What is known on a day without an hour counts as known at the very end of that day."""


@dataclass(frozen=True)
class SideTable:
    """One table beside the main one."""

    table: pd.DataFrame
    """See `read_areas`, `read_covariate` and `read_happenings`."""
    read: int
    rejected: int
    """Rows of the source, and those that do not keep the contract."""
    rejects: pd.DataFrame
    """row_number, column (`covariate.column`), value, reason: one row per refused cell."""
    digest: str
    """SHA-256 of the file, and of one that is joined to it."""
    where: str = ""
    """The file, for messages."""
    left: tuple[Left, ...] = ()
    """What left a database for it, and for one that is joined to it."""
    versions: tuple[TableVersion, ...] = ()
    """Which versions of them were read."""


def read_covariate(
    project: Project[BaseProjectSpec], name: str, spec: CovariateSpec, periods: Periods | None
) -> SideTable:
    """Read a covariate, combined to the question's periods, or to days where there are none.

    Returns
    -------
    SideTable
        Its table has the key (`entity_id` or `area_id`; `""` in `entity_id` for the city). By
        period, period (int64) and known follow (int64: first origin at which the period's value is
        complete; 0 for what is known ahead); by day ``day`` and ``known_at`` (datetime64[us]; NaT
        for what is known ahead). The declared columns (float64, NaN when missing) follow; sorted.

    Raises
    ------
    DataError
        If the table cannot be read or most rows break the contract.
    SpecError
        If a key is missing for `by: area` or `by: entity`.
    """
    side = _read_side(project, name, spec, "covariates")
    if periods is None:
        return replace(side, table=_combine_days(side.table, spec))
    return replace(side, table=_combine_periods(side.table, spec, periods))


def read_happenings(project: Project[BaseProjectSpec], name: str, spec: EventSpec) -> SideTable:
    """Read what happened, and when it could first be seen.

    Returns
    -------
    SideTable
        Its table: ``occurred_at``, ``known_at``, the key of the case that it belongs to
        (``entity_id``, ``area_id``, or ``latitude`` and ``longitude``; none for the city), the
        numeric columns or totals (float64) and ``category`` (str); sorted by ``known_at``.

    Raises
    ------
    DataError
        When the table cannot be read, no row is left, or a joined table repeats a row.
    """
    side = _read_side(project, name, spec, "events")
    columns = dict(spec.columns)
    if spec.join is not None:
        side = _join(project, name, spec.join, side)
        columns |= spec.join.columns
    good = side.table
    for column, values in spec.where.items():
        good = good[good[column].astype(object).isin(values)]
    if good.empty:
        raise DataError(
            f"no row of the events '{name}' is left",
            where=side.where,
            next_step=f"correct `events.{name}.where`, or the contract",
        )
    places = (spec.time, spec.key, spec.latitude, spec.longitude, spec.known.column)
    table: dict[str, object] = {
        OCCURRED_AT: good[spec.time],
        KNOWN_AT: _find_known(good, spec.time, spec.known, _list_exact(good, spec)),
    }
    if spec.key is not None:
        table[ENTITY if spec.by == "entity" else AREA] = good[spec.key].astype("str")
    if spec.latitude is not None and spec.longitude is not None:
        table |= {"latitude": good[spec.latitude], "longitude": good[spec.longitude]}
    if spec.categories is not None:
        table[CATEGORY] = good[spec.categories].astype("str")
    summed = {c for parts in spec.totals.values() for c in parts}
    for total, parts in spec.totals.items():
        table[total] = good[list(parts)].astype("float64").sum(axis=1, min_count=1)
    for column, kind in columns.items():
        if kind.type in AMOUNTS and column not in (*places, *summed):
            table[column] = good[column].astype("float64")
    frame = pd.DataFrame(table)
    frame = frame.astype({OCCURRED_AT: "datetime64[us]", KNOWN_AT: "datetime64[us]"})
    order = [KNOWN_AT, *(c for c in frame.columns if c != KNOWN_AT)]
    return replace(side, table=frame.sort_values(order, ignore_index=True))


def _list_exact(good: pd.DataFrame, spec: EventSpec) -> tuple[str, ...]:
    """Return the columns of moments that have an hour: any that is not midnight everywhere."""
    names = [c for c in (spec.time, spec.known.column) if c]
    declared = {c: spec.columns[c].type for c in names if c in spec.columns}
    return tuple(
        c
        for c in names
        if declared.get(c, "datetime") == "datetime"
        and bool((good[c] != good[c].dt.normalize()).any())
    )


def _find_known(
    good: pd.DataFrame, time: str, known: KnownSpec, exact: tuple[str, ...] = ()
) -> pd.Series:
    """Return when each row could be seen; a day without an hour counts to its very end."""
    moment = good[known.column] if known.column else good[time]
    if known.lag_days:
        moment = moment + pd.Timedelta(days=known.lag_days)
    return moment if (known.column or time) in exact else moment + LAST_MOMENT


def _join(
    project: Project[BaseProjectSpec], name: str, join: JoinSpec, side: SideTable
) -> SideTable:
    columns = {join.on: ColumnSpec(type="text"), **join.columns}
    other = read_table(project, name, join.source, columns, [join.on], "events")
    repeated = other.table[join.on].duplicated()
    if repeated.any():
        first = other.table.loc[repeated, join.on].iloc[0]
        raise DataError(
            f"the table joined to the events '{name}' repeats '{first}'",
            where=other.where,
            expected=f"one row for each {join.on}",
        )
    joined = side.table.merge(other.table, on=join.on, how="left")
    return replace(
        side,
        table=joined,
        digest=f"{side.digest} {other.digest}",
        left=(*side.left, *other.left),
        versions=(*side.versions, *other.versions),
    )


def _read_side(
    project: Project[BaseProjectSpec], name: str, spec: CovariateSpec | EventSpec, section: str
) -> SideTable:
    """Read the rows that keep the contract, in the order of the source, by their own names."""
    moment = ColumnSpec(type="date" if isinstance(spec, CovariateSpec) else "datetime")
    columns = {spec.time: moment, **spec.columns}
    required = [spec.time]
    if spec.key is not None and spec.by != "city":
        columns[spec.key] = ColumnSpec(type="text")
        required.append(spec.key)
    known = None if spec.known == "ahead" else spec.known
    if known is not None and known.column is not None:
        columns.setdefault(known.column, ColumnSpec(type="datetime"))
        required.append(known.column)
    if isinstance(spec, EventSpec):
        points = [name for name in (spec.latitude, spec.longitude) if name]
        columns |= {name: ColumnSpec(type="number") for name in points}
        required += points
        if spec.join is not None:
            columns.setdefault(spec.join.on, ColumnSpec(type="text"))
    return read_table(project, name, spec.source, columns, required, section)


def read_table(
    project: Project[BaseProjectSpec],
    name: str,
    source: SourceSpec,
    columns: Mapping[str, ColumnSpec],
    required: Sequence[str],
    section: str,
) -> SideTable:
    """Read the rows of a file that keep its contract; refuse one of which most do not."""
    path = find_place(project, source)
    zone = project.spec.city.time_zone
    contract = build_contract(columns, required, zone=zone, **source.marks)
    with open_source(source, path, list(columns), max_rows=MOST_ROWS) as opened:
        side = read_rows(opened, contract, name)
    if side.rejected * 2 > side.read:
        raise DataError(
            f"{side.rejected:,} of {side.read:,} rows of {_call(section, name)} break its contract",
            where=side.where,
            expected=f"most rows to keep it ({tell_first(side.rejects)})",
            next_step=f"correct the contract under `{section}`, or the file",
        )
    return side


def _call(section: str, name: str) -> str:
    return (
        f"`models.{name}`" if section == "models" else f"the {section.removesuffix('s')} '{name}'"
    )


def read_rows(opened: SourceTable, contract: Contract, name: str = "") -> SideTable:
    """Read the rows of a table that keep its contract, and list what others hold.

    Returns
    -------
    SideTable
        Its table has the contract's columns by their own names, and the row's number as index, in
        the order of the source.
    """
    refuse_midnights(opened, contract)
    converted = opened.save("converted", convert_cells(opened, contract))
    judge_values(converted, contract, opened.where)
    frame = fetch_frame(converted.order_by("n"))
    is_good = ~frame.filter(regex=r"^r\d+$").notna().any(axis=1)
    cut = len(opened.cut_rows)
    named = {f"v{i}": column for i, column in enumerate(contract.columns)}
    return SideTable(
        frame[is_good].set_index("n").rename(columns=named)[list(contract.columns)],
        len(frame) + cut,
        int((~is_good).sum()) + cut,
        list_refused(frame, contract, opened.cut_rows, name),
        opened.digest,
        opened.where,
        () if opened.left is None else (opened.left,),
        () if opened.version is None else (opened.version,),
    )


def _combine_periods(good: pd.DataFrame, spec: CovariateSpec, periods: Periods) -> pd.DataFrame:
    period = periods.index(good[spec.time])
    table = good[list_values(spec)].astype("float64").assign(**{PERIOD: period})
    key = AREA if spec.by == "area" else ENTITY
    table[key], table[DAY] = _write_keys(good, spec), good[spec.time]
    if spec.known == "ahead":
        table[KNOWN] = 0
    else:
        column, lag = spec.known.column, pd.Timedelta(days=spec.known.lag_days or 0)
        moments = good[column] if column else good[spec.time] + lag
        table[KNOWN] = np.maximum(periods.index(moments), period) + 1
    combined = _combine(table[table[PERIOD] >= 0], [key, PERIOD], [DAY], KNOWN, spec)
    return combined.astype({PERIOD: "int64", KNOWN: "int64"})


def _combine_days(good: pd.DataFrame, spec: CovariateSpec) -> pd.DataFrame:
    known = None if spec.known == "ahead" else spec.known
    table = good[list_values(spec)].astype("float64")
    key = AREA if spec.by == "area" else ENTITY
    table[key], table[DAY] = _write_keys(good, spec), good[spec.time].dt.normalize()
    table[KNOWN_AT] = pd.NaT if known is None else _find_known(good, spec.time, known)
    table = table.astype({DAY: "datetime64[us]", KNOWN_AT: "datetime64[us]", key: "str"})
    return _combine(table, [key, DAY], [KNOWN_AT], KNOWN_AT, spec)


def list_values(spec: CovariateSpec) -> list[str]:
    """Return the columns of a covariate that are neither its time nor its key."""
    known = None if spec.known == "ahead" else spec.known.column
    return [name for name in spec.columns if name not in (spec.time, spec.key, known)]


def _write_keys(good: pd.DataFrame, spec: CovariateSpec) -> pd.Series | str:
    return good[spec.key].astype("str") if spec.by != "city" and spec.key else ""


def _combine(
    table: pd.DataFrame, by: list[str], order: list[str], known: str, spec: CovariateSpec
) -> pd.DataFrame:
    """Combine values by key and time; sorted first, so the rows' order in the file is nothing."""
    names = list_values(spec)
    grouped = table.sort_values([*by, *order, *names]).groupby(by, sort=True)
    values = grouped[names]
    how = spec.combine
    combined = values.sum(min_count=1) if how == "sum" else values.agg(how)
    combined.insert(0, known, grouped[known].max())
    return combined.reset_index()[[*by, known, *names]]
