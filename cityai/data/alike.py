"""What tells the rows of a file apart, for a question by days.

Of a moment its day counts, and whether it could be seen before it happened; of a cell that is in
the row's key alone, whether it is filled, of its type and in one spelling. All other cells tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cityai.config.tables import ColumnSpec
from cityai.data.contract import Contract
from cityai.data.conversion import convert_columns
from cityai.data.source.alike import Apart
from cityai.data.source.engine import Table
from cityai.data.source.functions import has_sign
from cityai.data.source.questions import Grouping
from cityai.data.written_dates import EPOCHS


def tell_rows(grouping: Grouping, contract: Contract, used: frozenset[str]) -> Grouping:
    """Add to a grouping how the rows of a file are told apart."""

    def tell_apart(rows: Table, names: Mapping[str, str]) -> Apart:
        return _tell(rows, names, grouping, contract, used)

    return replace(grouping, tell_apart=tell_apart)


def _tell(
    rows: Table,
    names: Mapping[str, str],
    grouping: Grouping,
    contract: Contract,
    used: frozenset[str],
) -> Apart:
    columns = contract.columns
    moments = [name for name in (grouping.occurred, grouping.known) if name]
    if all(_is_day(rows[names[name]], columns[name]) for name in moments):
        moments = []
    alone = [name for name in grouping.key if name not in used and not _is_limited(columns[name])]
    read = list(dict.fromkeys([*moments, *alone, *grouping.key]))
    part = replace(contract, columns={name: columns[name] for name in read})
    told = convert_columns(rows, names, part, ("n", *names.values()))
    keys: dict[str, Any] = {}
    cells: dict[str, Callable[[Table], Any]] = {}
    for place, (name, cell) in enumerate(names.items()):
        i = read.index(name) if name in read else -1
        if name in moments:
            keys[f"d{place}"] = told[f"v{i}"].cast("date")
            keys[f"w{place}"] = told[f"v{i}"].isnull().ifelse(told[cell], None)
            cells[cell] = _take_last(cell, f"v{i}", f"w{place}")
        elif name in alone:
            keys[f"r{i}"] = told[f"r{i}"]
            keys[f"d{place}"] = told[f"v{i}"].isnull()
            keys |= {n: told[n] for n in (f"s{i}", f"h{i}") if n in told.columns}
            cells[cell] = _take_any(cell)
        else:
            keys[cell] = told[cell]
            if told[cell].type().is_floating():  # 0 and -0 are equal, and not the same text
                keys[f"d{place}"] = has_sign(told[cell])
    if len(moments) == 2:
        occurred, known = (told[f"v{read.index(name)}"] for name in moments)
        keys["early"] = (known < occurred).fill_null(False)
    apart = told.mutate(**{name: key for name, key in keys.items() if name not in told.columns})
    unique = tuple(f"v{read.index(name)}" for name in grouping.key)
    return Apart(apart, tuple(keys), cells, unique)


def _is_day(cell: Any, column: ColumnSpec) -> bool:
    """Tell whether cells hold days without an hour, as far as types and formats tell."""
    if not cell.type().is_string():
        return bool(cell.type().is_date())
    form = column.format or ""
    return column.type == "date" and form not in EPOCHS and not set("HITRXcrs") & set(form)


def _is_limited(column: ColumnSpec) -> bool:
    """Tell whether a column's values are judged one by one."""
    limits = (column.min, column.max, column.allowed, column.pattern)
    return any(limit is not None for limit in limits)


def _take_last(cell: str, moment: str, unread: str) -> Callable[[Table], Any]:
    return lambda rows: rows[cell].argmax(rows[moment]).coalesce(rows[unread].max())


def _take_any(cell: str) -> Callable[[Table], Any]:
    return lambda rows: rows[cell].max()
