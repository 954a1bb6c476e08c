"""The tables beside the cases: what happened before, and values by the day."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN_AT, OCCURRED_AT
from cityai.config.load import Project
from cityai.config.project import ColumnSpec, CovariateSpec, KnownSpec
from cityai.config.risk import EventSpec, JoinSpec, RiskSpec
from cityai.data.cases.cases import CATEGORY, DAY, KEY
from cityai.data.side_tables import SideTable, read_side, read_table
from cityai.errors import DataError

AMOUNTS: Final = ("integer", "number", "boolean")
_LAST_MOMENT: Final = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


def read_daily(project: Project[RiskSpec], name: str, spec: CovariateSpec) -> SideTable:
    """Read a covariate by the day.

    Returns
    -------
    SideTable
        Its table: ``key`` (str, "" for the city), ``day``, ``known_at`` (NaT for what is known
        ahead) and the declared columns (float64), one row a key and day, sorted.
    """
    side = read_side(project, name, spec)
    good = side.table
    known = None if spec.known == "ahead" else spec.known
    names = [c for c in spec.columns if c not in (spec.time, spec.key, known and known.column)]
    is_keyed = spec.by != "city" and spec.key is not None
    table = pd.DataFrame(
        {
            KEY: good[spec.key].astype("str") if is_keyed else "",
            DAY: good[spec.time].dt.normalize(),
            KNOWN_AT: pd.NaT if known is None else _find_known(good, spec.time, known, ()),
            **{c: good[c].astype("float64") for c in names},
        }
    ).astype({DAY: "datetime64[us]", KNOWN_AT: "datetime64[us]", KEY: "str"})
    table = table.sort_values([KEY, DAY, KNOWN_AT, *names])
    grouped = table.groupby([KEY, DAY], sort=True)
    values = grouped[names].sum(min_count=1) if spec.combine == "sum" else None
    combined = values if values is not None else grouped[names].agg(spec.combine)
    combined.insert(0, KNOWN_AT, grouped[KNOWN_AT].max())
    return replace(side, table=combined.reset_index())


def _find_known(
    good: pd.DataFrame, time: str, known: KnownSpec, exact: tuple[str, ...]
) -> pd.Series:
    """Return when each row could be seen; a day without an hour counts to its very end."""
    moment = good[known.column] if known.column else good[time]
    if known.lag_days:
        moment = moment + pd.Timedelta(days=known.lag_days)
    return moment if (known.column or time) in exact else moment + _LAST_MOMENT


def read_events(project: Project[RiskSpec], name: str, spec: EventSpec) -> SideTable:
    """Read what happened, and when it could first be seen.

    Returns
    -------
    SideTable
        Its table: ``occurred_at``, ``known_at``, the key of the case that it belongs to, the
        numeric columns or totals (float64) and ``category`` (str); sorted by ``known_at``.

    Raises
    ------
    DataError
        When the table cannot be read, no row is left, or a joined table repeats a row.
    """
    side = read_side(project, name, spec, "events")
    good = side.table
    columns = dict(spec.columns)
    if spec.join is not None:
        good = _join(project, name, spec.join, good)
        columns |= spec.join.columns
    for column, values in spec.where.items():
        good = good[good[column].astype(object).isin(values)]
    if good.empty:
        raise DataError(
            f"no row of the events '{name}' is left",
            where=str(project.find_path(spec.source.path)),
            next_step=f"correct `events.{name}.where`, or the contract",
        )
    places = (spec.time, spec.key, spec.latitude, spec.longitude, spec.known.column)
    is_moment = _list_exact(good, spec)
    table: dict[str, object] = {
        OCCURRED_AT: good[spec.time],
        KNOWN_AT: _find_known(good, spec.time, spec.known, is_moment),
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


def _join(
    project: Project[RiskSpec], name: str, join: JoinSpec, good: pd.DataFrame
) -> pd.DataFrame:
    columns = {join.on: ColumnSpec(type="text"), **join.columns}
    other = read_table(project, name, join.source, columns, [join.on], "events").table
    repeated = other[join.on].duplicated()
    if repeated.any():
        first = other.loc[repeated, join.on].iloc[0]
        raise DataError(
            f"the table joined to the events '{name}' repeats '{first}'",
            where=str(project.find_path(join.source.path)),
            expected=f"one row for each {join.on}",
        )
    return good.merge(other.drop(columns="n"), on=join.on, how="left")
