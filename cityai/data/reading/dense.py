"""Reading for a dense panel: cells, attributes and the city's own forecasts, counted in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, Final

import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD, VALUE
from cityai.config.project import ProjectSpec
from cityai.config.tables import ColumnSpec
from cityai.data.city_table import join_periods
from cityai.data.contract import Contract
from cityai.data.outages import mark_outages
from cityai.data.periods import Periods, find_start
from cityai.data.reading.reader import LaidOut
from cityai.data.row_status import ACCEPTED, OUT_OF_SCOPE, judge_rows, place_rows
from cityai.data.source.engine import TIMES, Table, count_rows, fetch_frame
from cityai.data.source.functions import EXACT, range_of
from cityai.data.source.questions import Grouping
from cityai.errors import TimeError
from cityai.records.events import Events

COUNT: Final = "n"
ENOUGH: Final = 8
"""Periods, at least, that tell when the rows of one begin and end."""
STEADY: Final = 0.9
"""Share of them, at least, in which they do so alike."""


class DensePanel:
    """Amounts of entities by period: rows are counted or added up to cells."""

    by_period = True

    def list_columns(self, spec: ProjectSpec) -> dict[str, ColumnSpec]:
        """Return the contract of every column, those made by `unpivot` included."""
        columns = dict(spec.data.columns)
        unpivot = spec.data.unpivot
        if unpivot is not None:
            columns.setdefault(unpivot.into, ColumnSpec(type="text"))
            columns.setdefault(unpivot.value, ColumnSpec(type="number"))
            for name in unpivot.columns:
                columns.pop(name, None)
        return columns

    def list_required(self, spec: ProjectSpec) -> tuple[str, ...]:
        """Return the columns without which a row cannot be placed: who, when, when known."""
        known = spec.data.known.column
        names = (*spec.question.entity.columns, spec.data.time, *([known] if known else []))
        return tuple(dict.fromkeys(names))

    def find_grouping(self, spec: ProjectSpec) -> Grouping | None:
        """Count alike rows where they are read, but those of a panel: it has one for each cell."""
        data = spec.data
        if data.unpivot is not None or data.source.joined or data.layout == "panel":
            return None
        days = frozenset(name for name, column in data.columns.items() if column.type == "date")
        is_utc = data.zone == "utc"
        return Grouping(data.time, data.known.column, days, spec.row_key, is_utc)

    def judge(self, converted: Table, contract: Contract, spec: ProjectSpec) -> Table:
        """Give every row its status."""
        return judge_rows(converted, contract, spec)

    def find_axis(
        self, rows: Table, spec: ProjectSpec, ends: tuple[pd.Timestamp, pd.Timestamp], where: str
    ) -> tuple[Table, Periods]:
        """Find the periods of the record; rows beyond them are out of scope."""
        periods = _find_periods(ends, spec, where)
        if spec.data.layout == "panel":
            periods = _leave_cut(rows.filter(rows["status"] == ACCEPTED), periods, spec)
        first, end = periods.first, periods.start(periods.count)
        is_off = (rows["status"] == ACCEPTED) & ((rows["o"] < first) | (rows["o"] >= end))
        status = is_off.ifelse(OUT_OF_SCOPE, rows["status"]).cast("int8")
        return rows.mutate(status=status), periods

    def lay_out(
        self, accepted: Table, contract: Contract, spec: ProjectSpec, periods: Periods, where: str
    ) -> LaidOut:
        """Count cells, and read the history of attributes."""
        placed = place_rows(accepted, periods)
        attributes, varied = _read_attributes(placed, contract, spec)
        cells = _count_cells(placed, spec)
        return LaidOut(
            table=mark_outages(cells, attributes, periods, spec.data.outages),
            until=periods.start(periods.count),
            attributes=attributes,
            varied=varied,
            city_rule=_read_city_rule(placed, contract, spec),
        )

    def join_own(
        self, events: Events, own: pd.DataFrame, where: str
    ) -> tuple[Events, pd.DataFrame]:
        """Keep the city's own forecasts, each with the first origin that could see it."""
        entities = events.table[ENTITY].drop_duplicates()
        rule, facts = join_periods(own, entities, events.periods, where)
        return replace(events, city_rule=rule), facts


DENSE_PANEL: Final = DensePanel()


def _find_periods(
    ends: tuple[pd.Timestamp, pd.Timestamp], spec: ProjectSpec, where: str
) -> Periods:
    """Find the axis: from the first row to the last complete period.

    `until` says that every period before it is over, also one in which nothing happened, and a
    panel's row says so of its own period (but see `_leave_cut`). Else the last day with an event is
    taken for over, and a period that ends after it is left out.
    """
    freq, data, (low, high) = spec.question.period, spec.data, ends
    first = find_start(freq, low)
    if data.since is not None and first < pd.Timestamp(data.since):
        first = Periods(freq, first, 0).start(1)
    day_after = high.normalize() + pd.Timedelta(days=1)
    until = day_after if data.until is None else pd.Timestamp(data.until)
    last, over = Periods(freq, first, 0).index(pd.DatetimeIndex([high, until])).tolist()
    count = over
    if data.layout == "panel":
        count = last + 1 if data.until is None else min(last + 1, over)
    if count < 1:
        raise TimeError(
            f"the data hold no complete {freq} ({low:%Y-%m-%d} to {high:%Y-%m-%d})",
            where=where,
            expected="at least two complete periods",
            next_step="choose a shorter `question.period`, or give more data",
        )
    return Periods(freq, first, count)


def _leave_cut(accepted: Table, periods: Periods, spec: ProjectSpec) -> Periods:
    """Leave out the first and the last period of a panel of finer rows where they are not whole.

    A last day whose rows end at 09:00 is not over where those of nearly all other days end at
    23:00. What `since` and `until` say is whole stays.
    """
    if spec.data.since is not None and spec.data.until is not None:
        return periods
    grouped = accepted.group_by(p=periods.index_column(accepted["o"]))
    found = fetch_frame(grouped.agg(low=accepted["o"].min(), high=accepted["o"].max()))
    found = found[found["p"].between(0, periods.count - 1)].sort_values("p", ignore_index=True)
    starts = periods.starts(periods.count + 1)
    begin = found["low"] - starts[found["p"]]
    rest = pd.Series(starts[found["p"] + 1]) - found["high"]
    first, count = periods.first, periods.count
    if spec.data.until is None and _is_cut(rest.iloc[::-1]):
        count -= 1
    if spec.data.since is None and _is_cut(begin):
        first, count = periods.start(1), count - 1
    return Periods(periods.freq, first, count)


def _is_cut(missing: pd.Series) -> bool:
    """Tell whether more is missing of the first of some periods than of nearly all others."""
    others = missing.iloc[1:-1]
    if len(others) < ENOUGH:
        return False
    usual = others.mode()[0]
    return bool(missing.iloc[0] > usual and (others == usual).mean() >= STEADY)


def _count_cells(placed: Table, spec: ProjectSpec) -> pd.DataFrame:
    """Count one cell per entity, period and origin at which that part was first visible."""
    counted: dict[str, Any] = {COUNT: count_rows(placed)}
    if spec.question.measure == "sum":
        total = (placed["y"].cast(EXACT) * placed[TIMES]).sum().cast("float64")
        counted[VALUE] = placed["h"].any().ifelse(None, total)
    cells = placed.group_by(**{ENTITY: placed["e"], PERIOD: placed["p"], KNOWN: placed["i"]}).agg(
        **counted
    )
    frame = fetch_frame(cells)
    if spec.question.measure == "count":
        frame[VALUE] = frame[COUNT]
    frame = frame.sort_values([ENTITY, PERIOD, KNOWN], ignore_index=True)
    return frame[[ENTITY, PERIOD, KNOWN, VALUE, COUNT]].astype(
        {ENTITY: "str", PERIOD: "int64", KNOWN: "int64", VALUE: "float64", COUNT: "int64"}
    )


def _read_attributes(
    placed: Table, contract: Contract, spec: ProjectSpec
) -> tuple[pd.DataFrame, bool]:
    """Read each attribute's history: the value of the latest event among those already seen.

    Tell whether an entity may have several values: numbers may differ by less than is read here.
    """
    entity, varied = spec.question.entity, False
    sources: dict[str, Any] = {}
    for name in entity.attributes:
        cell = placed[f"v{contract.place(name)}"]
        is_number = contract.columns[name].type in ("integer", "number")
        sources[name] = cell.cast("float64" if is_number else "string")
        varied = varied or is_number
    if entity.area is not None:
        sources[AREA] = placed["a"]
    ends = fetch_frame(_find_ends(placed, sources))
    histories = []
    for n, (name, cell) in enumerate(sources.items()):
        mine = ends[[ENTITY, f"low{n}", f"high{n}", f"from{n}"]].dropna(subset=f"low{n}")
        varied = varied or not mine[f"low{n}"].equals(mine[f"high{n}"])
        histories.append(_read_history(placed, name, cell, mine))
    first = ends[[ENTITY, KNOWN]]
    joined = reduce(
        lambda left, right: left.merge(right, on=[ENTITY, KNOWN], how="outer"), histories, first
    )
    joined = joined.astype({ENTITY: "str", KNOWN: "int64"})
    joined = joined.sort_values([ENTITY, KNOWN], ignore_index=True)
    names = list(sources)
    if names:
        joined[names] = joined.groupby(ENTITY, sort=False)[names].ffill()
        before = joined.groupby(ENTITY, sort=False)[names].shift()
        same = (joined[names] == before) | (joined[names].isna() & before.isna())
        is_first = ~joined[ENTITY].duplicated()
        joined = joined[is_first | ~same.all(axis=1)].reset_index(drop=True)
    return joined, varied


def _find_ends(placed: Table, sources: Mapping[str, Any]) -> Table:
    """Find when each entity is first seen, and the least and largest value of each attribute."""
    cells = {f"c{n}": cell for n, cell in enumerate(sources.values())}
    alike = placed.group_by("e", **cells).agg(i=placed["i"].min())  # most values last
    found = {KNOWN: alike["i"].min()}
    for n in range(len(cells)):
        cell = alike[f"c{n}"]
        found |= {f"low{n}": cell.min(), f"high{n}": cell.max()}
        found[f"from{n}"] = alike["i"].min(where=cell.notnull())
    return alike.group_by(**{ENTITY: alike["e"]}).agg(**found)


def _read_history(placed: Table, name: str, cell: Any, ends: pd.DataFrame) -> pd.DataFrame:
    """Read an attribute's history; where it never changes its first moment is all there is."""
    ends = ends.set_axis([ENTITY, "low", name, KNOWN], axis=1)
    is_one = ends["low"] == ends[name]
    found = ends.loc[is_one, [ENTITY, KNOWN, name]].astype({KNOWN: "int64"})
    return found if is_one.all() else pd.concat([found, _read_changes(placed, name, cell)])


def _read_changes(placed: Table, name: str, cell: Any) -> pd.DataFrame:
    """Read the history of an attribute of the entities that have several values."""
    filled = placed.mutate(cell=cell).filter(cell.notnull())
    by_entity = filled.group_by("e").agg(low=filled["cell"].min(), high=filled["cell"].max())
    filled = filled.semi_join(by_entity.filter(by_entity["low"] != by_entity["high"]), "e")
    grouped = filled.group_by(**{ENTITY: filled["e"], KNOWN: filled["i"], "cell": filled["cell"]})
    found = fetch_frame(grouped.agg(last=filled["o"].max()))
    found = found.sort_values([ENTITY, KNOWN, "last", "cell"], ignore_index=True)
    newest = found.groupby(ENTITY)["last"].cummax()
    found = found[found["last"] >= newest].drop_duplicates([ENTITY, KNOWN], keep="last")
    return found.rename(columns={"cell": name})[[ENTITY, KNOWN, name]]


def _read_city_rule(placed: Table, contract: Contract, spec: ProjectSpec) -> pd.DataFrame | None:
    """Read the city's own forecast: a panel's parts add up, events repeat that of their period."""
    name = spec.models.city_rule
    if not isinstance(name, str):
        return None
    # Each row once more: a mean of sums might differ in its last digit.
    placed = placed.mutate(again=range_of(placed[TIMES]).unnest())
    amount = placed[f"v{contract.place(name)}"].cast(EXACT)
    total = amount.sum() if spec.data.layout == "panel" else amount.mean()
    grouped = placed.group_by(**{ENTITY: placed["e"], PERIOD: placed["p"]})
    frame = fetch_frame(grouped.agg(**{VALUE: total.cast("float64")})).dropna()
    frame = frame.sort_values([ENTITY, PERIOD], ignore_index=True)
    return frame.astype({ENTITY: "str", PERIOD: "int64"})
