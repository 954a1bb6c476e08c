"""The contract of a table: every cell as text, number, truth value or moment, or a counted reject.

The conversion and the checks run where the table is (`conversion`); pandera holds the same contract
and judges here what they accepted and what they refused, value by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pandera.pandas as pa

from cityai.config.tables import ColumnSpec, ColumnType
from cityai.data.source.engine import Table, fetch_frame
from cityai.data.written_dates import is_date_format
from cityai.errors import DataError, SpecError
from cityai.i18n.messages import say

MISSING: Final = "missing"
NOT_OF_TYPE: Final[dict[ColumnType, str]] = {
    "text": say("not a text"),
    "integer": say("not a whole number"),
    "number": say("not a number"),
    "boolean": say("not true or false"),
    "date": say("not a date"),
    "datetime": say("not a moment"),
}
BELOW: Final = say("below the least allowed value")
ABOVE: Final = say("above the largest allowed value")
NOT_ALLOWED: Final = say("not one of the allowed values")
NO_MATCH: Final = say("does not match the pattern")
OUT_OF_RANGE: Final = (BELOW, ABOVE, NOT_ALLOWED, NO_MATCH)
"""Reasons that pandera judges too."""
OUT_OF_YEARS: Final = say("outside the years 1900 to 2199")
_DTYPES: Final[dict[ColumnType, str]] = {
    "text": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "datetime64[us]",
    "datetime": "datetime64[us]",
}
_JUDGED: Final = 100_000


@dataclass(frozen=True)
class Contract:
    """What every row of a table must keep."""

    columns: dict[str, ColumnSpec]
    """Contract of each column that is read, in order; `required` is final."""
    zone: str
    """The city's time zone."""
    is_utc: bool
    """Whether moments without an offset are written in UTC."""
    decimal: str
    """Decimal mark of numbers written as text."""
    missing: tuple[str, ...]
    """Texts that stand for a missing value."""
    thousands: str = ""
    """Mark between thousands of numbers written as text; empty without one."""
    beside: tuple[str, ...] = ()
    """Texts beside a number that are not part of it."""
    suppressed: tuple[str, ...] = ()
    """Texts for an amount that its owner hides."""

    def place(self, name: str) -> int:
        """Return the number of a column; its cells are `v`, its reasons `r` with that number."""
        return list(self.columns).index(name)


def build_contract(
    columns: Mapping[str, ColumnSpec],
    required: Iterable[str],
    *,
    zone: str,
    is_utc: bool = False,
    decimal: str = ".",
    missing: tuple[str, ...] = ("",),
    thousands: str = "",
    beside: tuple[str, ...] = (),
    suppressed: tuple[str, ...] = (),
) -> Contract:
    """Build a contract, and check that it can be kept.

    Parameters
    ----------
    columns : mapping of str to ColumnSpec
        Declared columns.
    required : iterable of str
        Columns without which a row means nothing, whatever was declared.
    zone, is_utc, decimal, missing, thousands, beside, suppressed
        See `Contract`.

    Raises
    ------
    SpecError
        If a limit, a pattern or a date format does not fit its column's type.
    """
    for name, column in columns.items():
        _check_column(name, column)
    needed = set(required)
    final = {
        name: column.model_copy(update={"required": True}) if name in needed else column
        for name, column in columns.items()
    }
    return Contract(final, zone, is_utc, decimal, missing, thousands, beside, suppressed)


def _check_column(name: str, column: ColumnSpec) -> None:
    where = f"data.columns.{name}"
    is_number = column.type in ("integer", "number")
    if not is_number and (column.min is not None or column.max is not None):
        raise SpecError(f"`min` and `max` are for numbers, not for {column.type}", where=where)
    of_text = (column.allowed, column.pattern, column.width)
    if column.type != "text" and any(given is not None for given in of_text):
        raise SpecError(
            f"`allowed`, `pattern` and `width` are for text, not for {column.type}", where=where
        )
    if column.type not in ("date", "datetime") and column.format is not None:
        raise SpecError(f"`format` is for dates, not for {column.type}", where=where)
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            raise SpecError(
                f"the pattern is not a regular expression ({error})", where=where
            ) from None
    if column.format is not None and not is_date_format(column.format):
        raise SpecError(
            f"'{column.format}' is not a date format with a year and a month, or a year and a week",
            where=where,
            expected="a strptime pattern such as '%d/%m/%Y', '%Y-%m-%dT%H:%M:%S' or '%G-W%V', or "
            "epoch_ms, epoch_s or excel",
        )


def build_schema(columns: Mapping[str, ColumnSpec]) -> pa.DataFrameSchema:
    """Build pandera's schema of a converted table from the declared columns.

    Returns
    -------
    pandera.DataFrameSchema
        Types, required cells, ranges, allowed values and patterns. Texts are `str`, numbers
        `float64`, whole numbers `Int64`, truth values `boolean`, moments `datetime64[us]`.
    """
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                _DTYPES[column.type],
                checks=_build_checks(column),
                nullable=not column.required,
                name=name,
            )
            for name, column in columns.items()
        },
        strict=True,
    )


def _build_checks(column: ColumnSpec) -> list[pa.Check]:
    checks = []
    if column.min is not None:
        checks.append(pa.Check.ge(column.min, error=BELOW))
    if column.max is not None:
        checks.append(pa.Check.le(column.max, error=ABOVE))
    if column.allowed is not None:
        checks.append(pa.Check.isin(column.allowed, error=NOT_ALLOWED))
    if column.pattern is not None:
        whole = re.compile(column.pattern, flags=re.ASCII)
        checks.append(
            pa.Check(
                lambda text: whole.fullmatch(text) is not None, element_wise=True, error=NO_MATCH
            )
        )
    return checks


def judge_values(converted: Table, contract: Contract, where: str) -> None:
    """Let pandera judge the values that the expressions accepted, and those that they refused.

    The checks look at one cell at a time, so the distinct values stand for all rows: at most
    100,000 of each column, and always its smallest and largest.

    Raises
    ------
    DataError
        If the two disagree about a value; neither is then to be trusted.
    """
    checked = {
        i: name
        for i, (name, column) in enumerate(contract.columns.items())
        if _build_checks(column)
    }
    if not checked:
        return
    ends = fetch_frame(_find_ends(converted, list(checked)))
    for i, name in checked.items():
        column = contract.columns[name]
        schema = build_schema({name: column})
        accepted, refused = (
            _list_values(converted, i, is_accepted, ends) for is_accepted in (True, False)
        )
        wrong = _find_refused(schema, name, column, accepted)
        missed = refused[~refused.isin(_find_refused(schema, name, column, refused))]
        for value in [*wrong, *missed]:
            raise DataError(
                f"two readings of the contract of '{name}' disagree about '{value}'",
                where=where,
                next_step="write the `pattern` without look-arounds, back references or flags",
            )


def _select_values(converted: Table, i: int, is_accepted: bool) -> Any:
    """Tell which cells of a column were accepted, or refused for a reason that pandera knows."""
    value, reason = converted[f"v{i}"], converted[f"r{i}"]
    return reason.isnull() & value.notnull() if is_accepted else reason.isin(OUT_OF_RANGE)


def _find_ends(converted: Table, places: Iterable[int]) -> Table:
    """Find the smallest and largest value of each column, accepted and refused apart."""
    ends: dict[str, Any] = {}
    for i in places:
        for is_accepted in (True, False):
            chosen = _select_values(converted, i, is_accepted)
            ends[f"low{i}{is_accepted}"] = converted[f"v{i}"].min(where=chosen)
            ends[f"high{i}{is_accepted}"] = converted[f"v{i}"].max(where=chosen)
    return converted.agg(**ends)


def _list_values(converted: Table, i: int, is_accepted: bool, ends: pd.DataFrame) -> pd.Series:
    outer = ends[[f"low{i}{is_accepted}", f"high{i}{is_accepted}"]].iloc[0].dropna().tolist()
    if not outer:
        return ends[f"low{i}{is_accepted}"].iloc[:0]
    cells = converted.filter(_select_values(converted, i, is_accepted))
    found = fetch_frame(cells.select(value=cells[f"v{i}"]).distinct().limit(_JUDGED))["value"]
    return pd.Series(list(dict.fromkeys([*outer, *found.tolist()])), dtype=found.dtype)


def _find_refused(
    schema: pa.DataFrameSchema, name: str, column: ColumnSpec, values: pd.Series
) -> list[Any]:
    if values.empty:
        return []
    frame = pd.DataFrame({name: values}).astype({name: _DTYPES[column.type]})
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        at = errors.failure_cases["index"].dropna().unique()
        return frame[name].iloc[sorted(int(i) for i in at)].tolist()
    return []
