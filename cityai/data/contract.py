"""The contract of a table: every cell as text, number, truth value or moment, or a counted reject.

The conversion and the checks run where the table is, as expressions; pandera holds the same
contract and judges what they accepted and what they refused, value by value. Nothing is guessed: a
date is ISO 8601 or of the declared format, a number has the declared decimal mark.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pandera.pandas as pa

from cityai.data.source.engine import SourceTable, fetch_frame
from cityai.data.source.functions import (
    ABSOLUTE,
    compose_text,
    match_whole,
    parse_local,
    parse_zoned,
    to_local,
    trim_text,
)
from cityai.errors import DataError, SpecError
from cityai.spec.project import ColumnSpec, ColumnType

if TYPE_CHECKING:
    import ibis.expr.types as ir

BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Outer characters that are not part of a text: blanks, line ends, invisible marks."""
MISSING: Final = "missing"
EARLIEST: Final = "1900-01-01"
LATEST: Final = "2200-01-01"
LARGEST: Final = 1e18
TRUE: Final = ("true", "t", "yes", "y", "1")
FALSE: Final = ("false", "f", "no", "n", "0")
ISO_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00([.]0+)?)?)?"
ISO_MOMENT: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:[0-9]{2})?)?)?"
)
ISO_OFFSET: Final = r".*[0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}(:[0-9]{2})?)"
WHOLE: Final = r"[+-]?[0-9]+"
NUMBER: Final = {
    ".": r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?",
    ",": r"[+-]?([0-9]+(,[0-9]*)?|,[0-9]+)([eE][+-]?[0-9]+)?",
}
NOT_OF_TYPE: Final[dict[ColumnType, str]] = {
    "text": "not a text",
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "not true or false",
    "date": "not a date",
    "datetime": "not a moment",
}
BELOW: Final = "below the least allowed value"
ABOVE: Final = "above the largest allowed value"
NOT_ALLOWED: Final = "not one of the allowed values"
NO_MATCH: Final = "does not match the pattern"
OUT_OF_RANGE: Final = (BELOW, ABOVE, NOT_ALLOWED, NO_MATCH)
"""Reasons that pandera judges too."""
OUT_OF_YEARS: Final = "outside the years 1900 to 2199"
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
    """What every row of a table must keep.

    Attributes
    ----------
    columns : dict[str, ColumnSpec]
        Contract of each column that is read, in order; `required` is final.
    zone : str
        The city's time zone.
    is_utc : bool
        Whether moments without an offset are written in UTC.
    decimal : str
        Decimal mark of numbers written as text.
    missing : tuple[str, ...]
        Texts that stand for a missing value.
    """

    columns: dict[str, ColumnSpec]
    zone: str
    is_utc: bool
    decimal: str
    missing: tuple[str, ...]

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
) -> Contract:
    """Build a contract, and check that it can be kept.

    Parameters
    ----------
    columns : mapping of str to ColumnSpec
        Declared columns.
    required : iterable of str
        Columns without which a row means nothing, whatever was declared.
    zone, is_utc, decimal, missing
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
    return Contract(final, zone, is_utc, decimal, missing)


def _check_column(name: str, column: ColumnSpec) -> None:
    where = f"data.columns.{name}"
    is_number = column.type in ("integer", "number")
    if not is_number and (column.min is not None or column.max is not None):
        raise SpecError(f"`min` and `max` are for numbers, not for {column.type}", where=where)
    if column.type != "text" and (column.allowed is not None or column.pattern is not None):
        raise SpecError(f"`allowed` and `pattern` are for text, not for {column.type}", where=where)
    if column.type not in ("date", "datetime") and column.format is not None:
        raise SpecError(f"`format` is for dates, not for {column.type}", where=where)
    if column.pattern is not None:
        try:
            re.compile(column.pattern)
        except re.error as error:
            raise SpecError(
                f"the pattern is not a regular expression ({error})", where=where
            ) from None
    if column.format is not None:
        sample = datetime(2001, 2, 1, tzinfo=UTC)
        try:
            back = time.strptime(sample.strftime(column.format), column.format)[:2]
        except ValueError:
            back = ()
        if back != (2001, 2):
            raise SpecError(
                f"'{column.format}' is not a date format with a year and a month",
                where=where,
                expected="a strptime pattern such as '%d/%m/%Y' or '%Y-%m-%dT%H:%M:%S'",
            )


def convert_cells(opened: SourceTable, contract: Contract) -> ir.Table:
    """Convert every cell to its declared type, or say why it cannot be.

    Parameters
    ----------
    opened : SourceTable
        The table.
    contract : Contract
        What its columns must hold.

    Returns
    -------
    ibis.expr.types.Table
        One row per row: `n`; and for the contract's i-th column `v<i>` (the value, NULL when
        missing or not of the type), `r<i>` (why it is refused, NULL when it is not), `x<i>` (the
        cell as written, when refused) and, for a text, `s<i>` (whether it was written differently).
    """
    table = opened.table
    read: dict[str, Any] = {"n": table["n"]}
    for i, name in enumerate(contract.columns):
        cell = table[opened.names[name]]
        read[f"t{i}"] = cell if _is_ready(cell, contract.columns[name]) else _read_text(cell)
        read[f"x{i}"] = cell
    table = table.select(**read)
    cleaned: dict[str, Any] = {}
    for i, column in enumerate(contract.columns.values()):
        cell = table[f"t{i}"]
        if cell.type().is_string():
            text = compose_text(trim_text(cell, BLANKS))
            is_missing = text.isin({"", *contract.missing})
            cleaned[f"t{i}"] = is_missing.ifelse(None, text)
            if column.type == "text":
                cleaned[f"s{i}"] = ((text != cell) & ~is_missing).fill_null(False)
        elif cell.type().is_floating():
            cleaned[f"t{i}"] = cell.isnan().ifelse(None, cell)
    table = table.mutate(**cleaned)
    table = table.mutate(
        **{
            f"v{i}": _convert(table[f"t{i}"], column, contract)
            for i, column in enumerate(contract.columns.values())
        }
    )
    table = table.mutate(
        **{
            f"r{i}": _find_reason(table[f"t{i}"], table[f"v{i}"], column)
            for i, column in enumerate(contract.columns.values())
        }
    )
    result: dict[str, Any] = {"n": table["n"]}
    for i in range(len(contract.columns)):
        refused = table[f"r{i}"].notnull()
        result[f"v{i}"] = table[f"v{i}"]
        result[f"r{i}"] = table[f"r{i}"]
        result[f"x{i}"] = refused.ifelse(table[f"x{i}"].cast("string"), None)
        if f"s{i}" in table.columns:
            result[f"s{i}"] = table[f"s{i}"]
    return table.select(**result)


def _is_ready(cell: Any, column: ColumnSpec) -> bool:
    native = cell.type()
    if column.type == "integer":
        return bool(native.is_integer())
    if column.type == "number":
        return bool(native.is_numeric()) and not native.is_boolean()
    if column.type == "boolean":
        return bool(native.is_boolean())
    if column.type in ("date", "datetime"):
        return bool(native.is_date() or native.is_timestamp())
    return bool(native.is_string())


def _read_text(cell: Any) -> Any:
    native = cell.type()
    if native.is_floating():
        # An identifier that once had a gap is stored as 101.0; it is 101.
        return cell.isnan().ifelse(None, cell.cast("string").re_replace(r"[.]0$", ""))
    if native.is_decimal():
        return cell.cast("string").re_replace(r"[.]0+$", "")
    if native.is_timestamp():
        return cell.cast("string").re_replace(r" 00:00:00$", "")
    return cell.cast("string")


def _convert(cell: Any, column: ColumnSpec, contract: Contract) -> Any:
    native = cell.type()
    if column.type == "text":
        return cell
    if column.type == "integer":
        if native.is_string():
            cell = match_whole(cell, WHOLE).ifelse(cell, None)
        return cell.try_cast("int64")
    if column.type == "number":
        if native.is_string():
            shaped = match_whole(cell, NUMBER[contract.decimal]).ifelse(cell, None)
            cell = shaped.replace(",", ".") if contract.decimal == "," else shaped
        value = cell.try_cast("float64")
        return (value.abs() <= LARGEST).ifelse(value, None)
    if column.type == "boolean":
        if not native.is_string():
            return cell
        lower = cell.lower()
        return lower.isin(TRUE).ifelse(True, lower.isin(FALSE).ifelse(False, None))
    return _convert_moment(cell, column, contract)


def _convert_moment(cell: Any, column: ColumnSpec, contract: Contract) -> Any:
    native = cell.type()
    has_day_only = column.type == "date"
    if native.is_date():
        return cell.cast("timestamp(6)")
    if native.is_timestamp():
        moment = cell
    elif column.format is not None:
        is_zoned = "%z" in column.format
        moment = (parse_zoned if is_zoned else parse_local)(cell, column.format)
    elif has_day_only:
        moment = match_whole(cell, ISO_DATE).ifelse(cell, None).try_cast("timestamp(6)")
    else:
        shaped = match_whole(cell, ISO_MOMENT).ifelse(cell, None)
        absolute = to_local(contract.zone, shaped.try_cast(ABSOLUTE))
        if contract.is_utc:
            return absolute
        return match_whole(shaped, ISO_OFFSET).ifelse(absolute, shaped.try_cast("timestamp(6)"))
    if moment.type().timezone is not None:
        moment = to_local(contract.zone, moment)
    elif contract.is_utc and not has_day_only:
        moment = to_local(contract.zone, moment.cast(ABSOLUTE))
    moment = moment.cast("timestamp(6)")
    return moment.truncate("D") if has_day_only else moment


def _find_reason(cell: Any, value: Any, column: ColumnSpec) -> Any:
    """Return the first reason against a cell, NULL when there is none."""
    # Written from the last to the first, since each earlier reason covers the later ones.
    reason = value.isnull().ifelse(NOT_OF_TYPE[column.type], None)
    if column.pattern is not None:
        reason = match_whole(value, column.pattern).ifelse(reason, NO_MATCH)
    if column.allowed is not None:
        reason = value.isin(column.allowed).ifelse(reason, NOT_ALLOWED)
    if column.max is not None:
        reason = (value > column.max).ifelse(ABOVE, reason)
    if column.min is not None:
        reason = (value < column.min).ifelse(BELOW, reason)
    if column.type in ("date", "datetime"):
        within = (value >= _moment(EARLIEST)) & (value < _moment(LATEST))
        reason = within.ifelse(reason, OUT_OF_YEARS)
    reason = value.isnull().ifelse(NOT_OF_TYPE[column.type], reason)
    return cell.isnull().ifelse(MISSING if column.required else None, reason).cast("string")


def _moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def build_schema(columns: Mapping[str, ColumnSpec]) -> pa.DataFrameSchema:
    """Build pandera's schema of a converted table from the declared columns.

    Parameters
    ----------
    columns : mapping of str to ColumnSpec
        Declared columns.

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


def judge_values(converted: ir.Table, contract: Contract, where: str) -> None:
    """Let pandera judge the values that the expressions accepted, and those that they refused.

    The checks look at one cell at a time, so the distinct values stand for all rows: at most
    100,000 of each column, and always its smallest and largest.

    Parameters
    ----------
    converted : ibis.expr.types.Table
        What `convert_cells` made, rows in scope.
    contract : Contract
        The contract.
    where : str
        The file, for messages.

    Raises
    ------
    DataError
        If the two disagree about a value; neither is then to be trusted.
    """
    for i, (name, column) in enumerate(contract.columns.items()):
        if not _build_checks(column):
            continue
        schema = build_schema({name: column})
        cells = converted.select(value=converted[f"v{i}"], reason=converted[f"r{i}"])
        accepted = cells.filter(cells["reason"].isnull() & cells["value"].notnull())
        refused = cells.filter(cells["reason"].isin(OUT_OF_RANGE))
        wrong = _find_refused(schema, name, column, _list_values(accepted))
        judged = _list_values(refused)
        missed = judged[~judged.isin(_find_refused(schema, name, column, judged))]
        for value in [*wrong, *missed]:
            raise DataError(
                f"two readings of the contract of '{name}' disagree about {value!r}",
                where=where,
                next_step="write the `pattern` without look-arounds, back references or flags",
            )


def _list_values(cells: ir.Table) -> pd.Series:
    ends = fetch_frame(cells.agg(low=cells["value"].min(), high=cells["value"].max()))
    found = fetch_frame(cells.select("value").distinct().limit(_JUDGED))["value"]
    both = [*ends.iloc[0].dropna().tolist(), *found.tolist()]
    return pd.Series(list(dict.fromkeys(both)), dtype=found.dtype)


def _find_refused(
    schema: pa.DataFrameSchema, name: str, column: ColumnSpec, values: pd.Series
) -> list[Any]:
    frame = pd.DataFrame({name: values.astype(_DTYPES[column.type])})
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        at = errors.failure_cases["index"].dropna().unique()
        return frame[name].iloc[sorted(int(i) for i in at)].tolist()
    return []
