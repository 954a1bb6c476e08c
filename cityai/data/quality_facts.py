"""What the quality report needs to know of the rows, counted where the table is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

import pandas as pd

from cityai.columns import EVERYWHERE, NOT_RECORDED
from cityai.config.project import BaseProjectSpec
from cityai.data.contract import MISSING, OUT_OF_RANGE, Contract
from cityai.data.periods import Periods, add_days, find_end_column
from cityai.data.row_status import ACCEPTED, OUT_OF_SCOPE, REJECTED
from cityai.data.source.engine import TIMES, Table, count_rows, fetch_frame

UNKNOWN_AREA: Final = "unknown_area"
ONE_VALUE: Final = "one_value"
MONTH: Final = "month"
FACT_COLUMNS: Final = ("fact", "column", "slice_kind", "slice", "good", "total", "figure")
_LISTED_CODES: Final = 100


def collect_facts(
    rows: Table,
    contract: Contract,
    periods: Periods,
    spec: BaseProjectSpec,
    area_ids: Sequence[str] | None,
    *,
    varied: bool = True,
) -> pd.DataFrame:
    """Count what the quality report shows, in total and by area.

    Parameters
    ----------
    rows : ibis.expr.types.Table
        What `judge_rows` made, final status; `repeats` is true for a repeated key.
    contract : Contract
        The contract.
    periods : Periods
        The time axis.
    spec : BaseProjectSpec
        The project.
    area_ids : sequence of str, optional
        Ids of the area table.
    varied : bool, optional
        Whether an entity may have several values of an attribute, or areas.

    Returns
    -------
    pandas.DataFrame
        fact (``filled``, ``valid``, ``in_range``, ``one_spelling`` per column; ``contract``,
        ``unique``, ``known_after``, ``area_known``, ``on_time``, ``median_delay_days`` per row),
        column, slice_kind (``overall``, ``area``, ``period``, ``month``, ``code``), slice, good
        (int64), total (int64), figure (float64, NaN where good / total says it). Areas are those of
        the area table, and ``not recorded``. ``unknown_area`` counts accepted rows and rows
        in scope with another code: all (figure: the number of codes) and, of the most frequent,
        each. ``one_value`` counts, for each attribute and the area of an entity, the entities' days
        with a value, and those with one alone (figure: the entities that have several on one day).
    """
    in_scope = rows.filter(rows["status"] != OUT_OF_SCOPE)
    alike = _count_alike(in_scope, contract, periods, spec)
    pairs = {**_pair_columns(alike, contract, spec), **_pair_rows(alike, contract, spec, area_ids)}
    sums: dict[str, Any] = {}
    for place, (good, total) in enumerate(pairs.values()):
        sums[f"g{place}"] = count_rows(alike, good & total)
        sums[f"t{place}"] = count_rows(alike, total)
    by_area = alike.group_by(slice=_find_slice(alike, area_ids))
    wide = fetch_frame(by_area.agg(**sums)).sort_values("slice", ignore_index=True)
    overall = wide.drop(columns="slice").sum()
    wide = wide.dropna(subset="slice")
    facts = []
    for place, (fact, column) in enumerate(pairs):
        good, total = wide[f"g{place}"], wide[f"t{place}"]
        facts.append(
            (fact, column, "overall", EVERYWHERE, overall[f"g{place}"], overall[f"t{place}"])
        )
        if spec.question.entity.area is not None:
            facts += [
                (fact, column, "area", area, g, t)
                for area, g, t in zip(wide["slice"], good, total, strict=True)
            ]
    shares = pd.DataFrame(facts, columns=list(FACT_COLUMNS[:-1])).assign(figure=float("nan"))
    parts = [
        shares,
        _count_months(in_scope),
        *_count_unknown(in_scope, area_ids),
        *_count_values(rows.filter(rows["status"] == ACCEPTED), contract, spec, varied),
        *_collect_delays(rows, periods, spec, area_ids),
    ]
    return pd.concat(parts, ignore_index=True).astype(
        {"good": "int64", "total": "int64", "figure": "float64"}
    )


def _find_slice(rows: Table, area_ids: Sequence[str] | None) -> Any:
    """Return each row's area, `not recorded` without one, NULL when it is in no area table."""
    area = rows["a"]
    known = area if area_ids is None else area.isin(list(area_ids)).ifelse(area, None)
    return area.isnull().ifelse(NOT_RECORDED, known)


def _count_months(in_scope: Table) -> pd.DataFrame:
    """Count by calendar month how many rows were refused for another reason than a repeated key."""
    refused = (in_scope["status"] == REJECTED) & ~in_scope["repeats"]
    months = in_scope.group_by(slice=in_scope["o"].truncate("M"))
    counted = months.agg(bad=count_rows(in_scope, refused), total=count_rows(in_scope))
    found = fetch_frame(counted).dropna(subset="slice").sort_values("slice", ignore_index=True)
    return pd.DataFrame(
        {
            "fact": "contract",
            "column": "",
            "slice_kind": MONTH,
            "slice": pd.to_datetime(found["slice"]).dt.strftime("%Y-%m"),
            "good": found["total"] - found["bad"],
            "total": found["total"],
            "figure": float("nan"),
        }
    )


def _count_unknown(in_scope: Table, area_ids: Sequence[str] | None) -> list[pd.DataFrame]:
    """Count rows by each code that is in no area table, the most frequent first."""
    if area_ids is None:
        return []
    others = in_scope.filter(_find_slice(in_scope, area_ids).isnull())
    accepted = count_rows(others, others["status"] == ACCEPTED)
    found = fetch_frame(
        others.group_by(slice=others["a"]).agg(good=accepted, total=count_rows(others))
    )
    found = found.sort_values(["total", "slice"], ascending=[False, True], ignore_index=True)
    whole = pd.DataFrame(
        {
            "slice": [EVERYWHERE],
            "good": [found["good"].sum()],
            "total": [found["total"].sum()],
            "figure": [float(len(found))],
        }
    ).assign(slice_kind="overall")
    listed = found.head(_LISTED_CODES).assign(slice_kind="code", figure=float("nan"))
    return [
        part.assign(fact=UNKNOWN_AREA, column="")[list(FACT_COLUMNS)]
        for part in (whole, listed)
        if len(part)
    ]


def _count_values(
    accepted: Table, contract: Contract, spec: BaseProjectSpec, varied: bool
) -> list[pd.DataFrame]:
    """Count the days on which an entity has one value of what describes it, and several."""
    entity = spec.question.entity
    described = dict.fromkeys((*entity.attributes, *([entity.area] if entity.area else [])))
    # A case says itself what describes it; there is nothing to choose between its entity's rows.
    if spec.summed_by is None or not described:
        return []
    cells = {f"c{n}": accepted[f"v{contract.place(name)}"] for n, name in enumerate(described)}
    day = accepted["o"].truncate("D")
    filled = accepted.group_by("e", day=day).agg(**{n: cell.count() for n, cell in cells.items()})
    total = fetch_frame(filled.agg(**{n: (filled[n] > 0).sum() for n in cells})).fillna(0).iloc[0]
    several: dict[Any, Any] = dict.fromkeys([*cells, *(f"who_{n}" for n in cells)], 0)
    if varied:  # only an entity that has several values may have them on one day
        values = _compare_ends(accepted.select("e", **cells).distinct(), ["e"], cells)
        those = values.filter(reduce(or_, (values[n] for n in cells)))
        rows = accepted.select("e", day=day, **cells).semi_join(those, "e")
        days = _compare_ends(rows, ["e", "day"], cells)
        counted = {n: days[n].sum() for n in cells}
        counted |= {f"who_{n}": days["e"].nunique(where=days[n]) for n in cells}
        several = fetch_frame(days.agg(**counted)).fillna(0).iloc[0].to_dict()
    listed = [
        (name, total[n] - several[n], total[n], several[f"who_{n}"])
        for n, name in zip(cells, described, strict=True)
    ]
    frame = pd.DataFrame(listed, columns=["column", "good", "total", "figure"])
    frame = frame.assign(fact=ONE_VALUE, slice_kind="overall", slice=EVERYWHERE)
    return [frame[list(FACT_COLUMNS)]]


def _compare_ends(rows: Table, by: list[str], cells: Iterable[str]) -> Table:
    """Tell of each group of rows in which cells it has several values."""
    return rows.group_by(by).agg(**{n: rows[n].min() != rows[n].max() for n in cells})


def _count_alike(rows: Table, contract: Contract, periods: Periods, spec: BaseProjectSpec) -> Table:
    """Count rows that are alike to all that is counted here: there are few kinds of them."""
    keys: dict[str, Any] = {name: rows[name] for name in ("a", "status", "repeats")}
    for i, column in enumerate(contract.columns.values()):
        keys |= {f"r{i}": rows[f"r{i}"], f"f{i}": rows[f"v{i}"].notnull()}
        if column.type == "text":
            keys[f"s{i}"] = rows[f"s{i}"]
    if spec.data.known.column is not None:
        limit = add_days(find_end_column(periods.freq, rows["o"]), spec.data.reporting_delay_days)
        by_day = contract.columns[spec.data.known.column].type == "date"
        begins = rows["o"].truncate("D") if by_day else rows["o"]
        keys |= {"after": rows["k"] >= begins, "on_time": rows["k"] < limit}
    return rows.group_by(**keys).agg(**{TIMES: count_rows(rows)})


def _pair_columns(rows: Table, contract: Contract, spec: BaseProjectSpec) -> dict[Any, Any]:
    pairs: dict[tuple[str, str], tuple[Any, Any]] = {}
    everything = rows[TIMES].notnull()
    for i, (name, column) in enumerate(contract.columns.items()):
        reason = rows[f"r{i}"]
        is_filled = (rows[f"f{i}"] | reason.notnull()) & (reason.isnull() | (reason != MISSING))
        if column.required or name == spec.amount:
            pairs["filled", name] = (is_filled, everything)
        pairs["valid", name] = (reason.isnull(), is_filled)
        if any(x is not None for x in (column.min, column.max, column.allowed, column.pattern)):
            is_out = reason.isin(OUT_OF_RANGE).fill_null(False)
            pairs["in_range", name] = (~is_out, is_filled)
        if column.type == "text":
            pairs["one_spelling", name] = (~rows[f"s{i}"], is_filled)
    return pairs


def _pair_rows(
    rows: Table, contract: Contract, spec: BaseProjectSpec, area_ids: Sequence[str] | None
) -> dict[Any, Any]:
    everything = rows[TIMES].notnull()
    keeps = everything
    for i in range(len(contract.columns)):
        reason = rows[f"r{i}"]
        keeps = keeps & (reason.isnull() | (reason == MISSING))
    pairs: dict[tuple[str, str], tuple[Any, Any]] = {("contract", ""): (keeps, everything)}
    accepted = rows["status"] == ACCEPTED
    if spec.row_key:
        pairs["unique", ""] = (~rows["repeats"], accepted | rows["repeats"])
    if area_ids is not None:
        pairs["area_known", ""] = (rows["a"].isin(list(area_ids)), rows["a"].notnull())
    if spec.data.known.column is not None:
        # Of a case, an empty cell says that it is not known yet.
        seen = accepted & rows["after"].notnull()
        pairs["known_after", ""] = (rows["after"], seen)
        pairs["on_time", ""] = (rows["on_time"], seen)
    return pairs


def _collect_delays(
    rows: Table, periods: Periods, spec: BaseProjectSpec, area_ids: Sequence[str] | None
) -> list[pd.DataFrame]:
    """Return the median days from event to record, where that is a column of the data."""
    if spec.data.known.column is None:
        return []
    accepted = rows.filter(rows["status"] == ACCEPTED)
    accepted = accepted.mutate(
        delay=accepted["k"].delta(accepted["o"], unit="day").cast("float64"),
        p=periods.index_column(accepted["o"]).cast("string"),
        a=_find_slice(accepted, area_ids),
    )
    parts = []
    for kind, by in (("overall", None), ("area", "a"), ("period", "p")):
        if kind == "area" and spec.question.entity.area is None:
            continue
        delays = accepted.group_by("delay", **({"slice": accepted[by]} if by else {}))
        counted = fetch_frame(delays.agg(total=count_rows(accepted)))
        found = _find_medians(counted if by else counted.assign(slice=EVERYWHERE))
        found = found.assign(fact="median_delay_days", column="", slice_kind=kind, good=0)
        parts.append(found[list(FACT_COLUMNS)])
    return parts


def _find_medians(delays: pd.DataFrame) -> pd.DataFrame:
    """Find the median of each slice from how many rows have each delay; between two, their mean."""
    ordered = delays.dropna(subset="slice").sort_values(["slice", "delay"], ignore_index=True)
    by = ordered.groupby("slice")
    upto, total = by["total"].cumsum(), by["total"].transform("sum")
    middle = [
        ordered[upto * 2 >= total + more].groupby("slice")["delay"].first() for more in (0, 1)
    ]
    found = pd.DataFrame({"figure": (middle[0] + middle[1]) / 2, "total": by["total"].sum()})
    return found.rename_axis("slice").reset_index()
