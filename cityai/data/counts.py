"""Cells, attributes and the city's own forecasts, counted where the table is."""

from __future__ import annotations

from functools import reduce
from typing import Any, Final

import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD, VALUE
from cityai.config.project import BaseProjectSpec, ProjectSpec
from cityai.data.contract import Contract
from cityai.data.source.engine import Table, fetch_frame
from cityai.data.source.functions import EXACT
from cityai.errors import DataError

COUNT: Final = "n"


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


def count_cells(placed: Table, spec: ProjectSpec) -> pd.DataFrame:
    """Count one cell per entity, period and origin at which that part was first visible."""
    counted: dict[str, Any] = {COUNT: placed.count()}
    if spec.question.measure == "sum":
        total = placed["y"].cast(EXACT).sum().cast("float64")
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


def read_attributes(placed: Table, contract: Contract, spec: ProjectSpec) -> pd.DataFrame:
    """Read each attribute's history: the value of the latest event among those already seen."""
    entity = spec.question.entity
    sources: dict[str, Any] = {}
    for name in entity.attributes:
        cell = placed[f"v{contract.place(name)}"]
        is_number = contract.columns[name].type in ("integer", "number")
        sources[name] = cell.cast("float64" if is_number else "string")
    if entity.area is not None:
        sources[AREA] = placed["a"]
    histories = [_read_history(placed, name, cell) for name, cell in sources.items()]
    by_entity = placed.group_by(**{ENTITY: placed["e"]})
    first = fetch_frame(by_entity.agg(**{KNOWN: placed["i"].min()}))
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
    return joined


def _read_history(placed: Table, name: str, cell: Any) -> pd.DataFrame:
    filled = placed.mutate(cell=cell).filter(cell.notnull())
    grouped = filled.group_by(**{ENTITY: filled["e"], KNOWN: filled["i"], "cell": filled["cell"]})
    found = fetch_frame(grouped.agg(last=filled["o"].max()))
    found = found.sort_values([ENTITY, KNOWN, "last", "cell"], ignore_index=True)
    newest = found.groupby(ENTITY)["last"].cummax()
    found = found[found["last"] >= newest].drop_duplicates([ENTITY, KNOWN], keep="last")
    return found.rename(columns={"cell": name})[[ENTITY, KNOWN, name]]


def read_city_rule(placed: Table, contract: Contract, spec: ProjectSpec) -> pd.DataFrame | None:
    """Read the city's own forecast: a panel's parts add up, events repeat that of their period."""
    name = spec.models.city_rule
    if name is None:
        return None
    amount = placed[f"v{contract.place(name)}"].cast(EXACT)
    total = amount.sum() if spec.data.layout == "panel" else amount.mean()
    grouped = placed.group_by(**{ENTITY: placed["e"], PERIOD: placed["p"]})
    frame = fetch_frame(grouped.agg(**{VALUE: total.cast("float64")})).dropna()
    frame = frame.sort_values([ENTITY, PERIOD], ignore_index=True)
    return frame.astype({ENTITY: "str", PERIOD: "int64"})
