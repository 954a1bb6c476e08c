"""Rows with a verdict: accepted, rejected or out of scope; who they are about, and when.

All of it is expressions on the table behind the door: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any, Final

import pandas as pd

from cityai.config.project import BaseProjectSpec
from cityai.config.tables import ColumnSpec
from cityai.data.contract import Contract
from cityai.data.periods import Periods, add_days, find_end_column
from cityai.data.source.engine import Table
from cityai.errors import SpecError

ACCEPTED: Final = 0
REJECTED: Final = 1
OUT_OF_SCOPE: Final = 2
JOINT: Final = " / "
"""Between the columns that name an entity."""


def judge_rows(converted: Table, contract: Contract, spec: BaseProjectSpec) -> Table:
    """Give every row its entity, area, moments, amount and status.

    Returns
    -------
    ibis.expr.types.Table
        The same columns and `e` (entity), `a` (area), `o` (occurred, local), `k` (known, local),
        `y` (amount, NULL for counts), `h` (whether its owner hides the amount), `status`. A row
        whose own period cannot be told is rejected, not out of scope.
    """
    entity, data = spec.question.entity, spec.data

    def value(name: str) -> Any:
        return converted[f"v{contract.place(name)}"]

    occurred = value(data.time)
    names = [value(name).cast("string") for name in entity.columns]
    # Without a column all rows are about one thing, called as the project calls it.
    whole_city = occurred.isnull().ifelse(entity.label, entity.label)
    joined = reduce(lambda left, right: left.concat(JOINT, right), names) if names else whole_city
    columns: dict[str, Any] = {
        "e": joined,
        "a": value(entity.area).cast("string") if entity.area else joined.nullif(joined),
        "o": occurred,
        "y": value(spec.amount).cast("float64")
        if spec.amount
        else occurred.isnull().ifelse(None, None).cast("float64"),
    }
    hidden = f"h{contract.place(spec.amount)}" if spec.amount else ""
    columns["h"] = converted[hidden] if hidden in converted.columns else occurred.isnull() & False
    if data.known.column is not None:
        columns["k"] = value(data.known.column)
    else:
        ends = occurred
        if data.layout == "panel" and spec.summed_by is not None:
            ends = add_days(find_end_column(spec.summed_by, occurred), -1)
        columns["k"] = add_days(ends, data.known.lag_days or 0)
    refused = _any(converted[f"r{i}"].notnull() for i in range(len(contract.columns)))
    outside = _is_outside(converted, contract, spec)
    columns["status"] = outside.ifelse(OUT_OF_SCOPE, refused.ifelse(REJECTED, ACCEPTED)).cast(
        "int8"
    )
    return converted.mutate(**columns)


def _is_outside(converted: Table, contract: Contract, spec: BaseProjectSpec) -> Any:
    data = spec.data
    outside = []
    for key, named in (("where", data.where), ("without", data.without)):
        for name, values in named.items():
            i = contract.place(name)
            written = _read_values(f"{key}.{name}", contract.columns[name], values)
            among = converted[f"v{i}"].isin(written).fill_null(False)
            outside.append(converted[f"r{i}"].isnull() & (~among if key == "where" else among))
    i = contract.place(data.time)
    occurred, is_read = converted[f"v{i}"], converted[f"r{i}"].isnull()
    if data.since is not None:
        outside.append(is_read & (occurred < pd.Timestamp(data.since)).fill_null(False))
    if data.until is not None:
        outside.append(is_read & (occurred >= pd.Timestamp(data.until)).fill_null(False))
    return _any(outside) if outside else occurred.isnull() & occurred.notnull()


def _read_values(place: str, column: ColumnSpec, allowed: Iterable[str | bool | int]) -> list[Any]:
    values: list[str | bool | int] = list(allowed)
    wrong: list[str | bool | int]
    if column.type == "text":
        wrong = [v for v in values if isinstance(v, bool)]
        values = [str(v) for v in values]
    elif column.type == "boolean":
        wrong = [v for v in values if not isinstance(v, bool)]
    elif column.type in ("integer", "number"):
        wrong = [v for v in values if isinstance(v, bool | str)]
    else:
        wrong = values
    if wrong:
        raise SpecError(
            f"'{wrong[0]}' cannot be a value of a column of type {column.type}",
            where=f"data.{place}",
            expected="texts for text, true or false for boolean, whole numbers for numbers",
            next_step="use `since` and `until` for time"
            if column.type in ("date", "datetime")
            else "correct the value, or the column's type",
        )
    return values


def _any(conditions: Iterable[Any]) -> Any:
    first, *rest = conditions
    for condition in rest:
        first = first | condition
    return first


def place_rows(accepted: Table, periods: Periods) -> Table:
    """Add the period `p` and the first origin `i` at which a row could be seen.

    A row counts only once its period is over, and is seen strictly before the question is asked.
    """
    period = periods.index_column(accepted["o"])
    seen = periods.index_column(accepted["k"]) + 1
    return accepted.mutate(p=period, i=(seen > period).ifelse(seen, period + 1))
