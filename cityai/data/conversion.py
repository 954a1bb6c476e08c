"""Cells converted to their declared types where the table is, or refused with a reason.

Nothing is guessed: a date is ISO 8601 or of the declared format, a number has the declared decimal
mark, and an empty cell stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from cityai.config.tables import ColumnSpec
from cityai.data.contract import (
    ABOVE,
    BELOW,
    MISSING,
    NO_MATCH,
    NOT_ALLOWED,
    NOT_OF_TYPE,
    OUT_OF_YEARS,
    Contract,
)
from cityai.data.source.engine import TIMES, SourceTable, Table
from cityai.data.source.functions import (
    ABSOLUTE,
    BLANKS,
    compose_text,
    count_bytes,
    match_whole,
    pick_character,
    to_local,
    trim_text,
    write_text,
)
from cityai.data.written_dates import convert_written

EARLIEST: Final = "1900-01-01"
LATEST: Final = "2200-01-01"
LARGEST: Final = 1e18
TRUE: Final = (
    *("true", "t", "yes", "y", "1", "sí", "si", "sim", "s", "oui", "o", "vrai", "verdadero"),
    *("ja", "j", "wahr"),
)
FALSE: Final = (
    *("false", "f", "no", "n", "0", "não", "nao", "non", "faux", "falso", "nein", "falsch"),
)
"""Texts with one reading, in lower case, in the languages of the cards and in German."""
UNSAID: Final = frozenset(
    ["n/a", "na", "n.a.", "nan", "null", "none", "nil", "-", "--", "---", ".", "..", "?", "#n/a",
     "missing", "unknown", "not available", "not recorded", "pending", "no data", "n/d", "nd",
     "n.d.", "s/d", "k.a.", "nv"]
)  # fmt: skip
"""Texts, in lower case, that are written where nothing is known."""
ISO_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00([.]0+)?)?)?"
ISO_MOMENT: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:[0-9]{2})?)?)?"
)
ISO_OFFSET: Final = r".*[0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}(:[0-9]{2})?)"
WHOLE: Final = r"[+-]?[0-9]+"
NARROW: Final = " \u00a0\u2009\u202f"
"""Blanks that stand between thousands."""
DASHES: Final = ("\u2212", "\u2013")
LEADING_DASH: Final = f"^[{''.join(DASHES)}] ?([0-9.,])"
TRAILING_MINUS: Final = r"^([0-9.,](?:.*[0-9.,])?) ?-$"
"""Amounts below zero as printers, and SAP, write them."""
THOUSANDS: Final = {" ": f"[{NARROW}]", "'": "['\u2019]"}
"""Marks between thousands that are written in several ways."""
NUMBER: Final = {
    ".": r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?",
    ",": r"[+-]?([0-9]+(,[0-9]*)?|,[0-9]+)([eE][+-]?[0-9]+)?",
}


def convert_cells(opened: SourceTable, contract: Contract) -> Table:
    """Convert every cell to its declared type, or say why it cannot be.

    Returns
    -------
    ibis.expr.types.Table
        One row per row: `n` and `times`; and for the contract's i-th column `v<i>` (the value, NULL
        when missing or not of the type), `r<i>` (why it is refused, NULL when it is not), `x<i>`
        (the cell as written, when refused), for a text `s<i>` (whether it was written differently)
        and, where amounts are suppressed, for a number `h<i>` (whether this one is).
    """
    return convert_columns(opened.weighted, opened.names, contract, ("n", TIMES))


def convert_columns(
    table: Table, names: Mapping[str, str], contract: Contract, beside: tuple[str, ...]
) -> Table:
    """Convert as `convert_cells` does; columns that are named `beside` stay as they are."""
    kept: dict[str, Any] = {name: table[name] for name in beside}
    read: dict[str, Any] = dict(kept)
    for i, name in enumerate(contract.columns):
        cell = table[names[name]]
        read[f"t{i}"] = cell if _is_ready(cell, contract.columns[name]) else write_text(cell)
        read[f"x{i}"] = cell
        if contract.columns[name].type == "integer" and cell.type().is_string():
            # A number as most programs write it needs no other look.
            whole = cell.try_cast("int64")
            if not contract.beside:
                read[f"q{i}"] = (whole.cast("string") == cell).ifelse(whole, None)
    table = table.select(**read)
    cleaned: dict[str, Any] = {}
    for i, column in enumerate(contract.columns.values()):
        cell = table[f"t{i}"]
        if cell.type().is_string():
            # Trimming and composing are slow, and change nothing of most texts.
            text = _is_plain(cell).ifelse(cell, compose_text(trim_text(cell, BLANKS)))
            is_whole = table[f"q{i}"].notnull() if f"q{i}" in table.columns else None
            if is_whole is not None:
                text = is_whole.ifelse(cell, text)
            is_number = column.type in ("integer", "number")
            is_hidden = text.isin(contract.suppressed) if contract.suppressed else None
            is_missing = text.isin({"", *contract.missing})
            if is_number and is_hidden is not None:
                cleaned[f"h{i}"] = is_hidden.fill_null(False)
                is_missing = is_missing | is_hidden
            if column.width is not None:
                is_short = match_whole(text, f"[0-9]{{1,{column.width}}}")
                text = is_short.ifelse(text.lpad(column.width, "0"), text)
            if is_number:
                stripped = _strip_number(text, contract)
                text = stripped if is_whole is None else is_whole.ifelse(text, stripped)
            cleaned[f"t{i}"] = is_missing.ifelse(None, text)
            if column.type == "text":
                cleaned[f"s{i}"] = ((text != cell) & ~is_missing).fill_null(False)
        elif cell.type().is_floating():
            cleaned[f"t{i}"] = cell.isnan().ifelse(None, cell)
    table = table.mutate(**cleaned)
    table = table.mutate(
        **{
            f"v{i}": _convert(table, i, column, contract)
            for i, column in enumerate(contract.columns.values())
        }
    )
    table = table.mutate(
        **{
            f"r{i}": _find_reason(table[f"t{i}"], table[f"v{i}"], column)
            for i, column in enumerate(contract.columns.values())
        }
    )
    result: dict[str, Any] = {name: table[name] for name in kept}
    for i in range(len(contract.columns)):
        refused = table[f"r{i}"].notnull()
        result[f"v{i}"] = table[f"v{i}"]
        result[f"r{i}"] = table[f"r{i}"]
        result[f"x{i}"] = refused.ifelse(table[f"x{i}"].cast("string"), None)
        result |= {name: table[name] for name in (f"s{i}", f"h{i}") if name in table.columns}
    return table.select(**result)


def _is_plain(cell: Any) -> Any:
    """Tell texts of ASCII that neither begin nor end with a blank or a mark: nothing to clean."""
    return (cell.length() == count_bytes(cell)) & (cell >= "!") & (pick_character(cell, -1) > " ")


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


def _strip_number(text: Any, contract: Contract) -> Any:
    """Take off what is not part of a number: texts beside it, and marks between thousands.

    A minus that stands behind, or is a dash of printers, is one before.
    """
    has_dash = text.substr(0, 1).isin(DASHES) | (pick_character(text, -1) == "-")
    dashed = text.re_replace(LEADING_DASH, r"-\1").re_replace(TRAILING_MINUS, r"-\1")
    text = has_dash.ifelse(dashed, text)
    if contract.beside:
        beside = "|".join(map(re.escape, contract.beside))
        blank = f"[{NARROW}]*"
        text = text.re_replace(f"^([+-]?){blank}(?:{beside}){blank}", r"\1")
        text = text.re_replace(f"{blank}(?:{beside})$", "")
    if contract.thousands:
        mark = THOUSANDS.get(contract.thousands, f"[{contract.thousands}]")
        # Lakhs and crores are written 12,34,567.
        whole = f"([0-9]{{1,3}}({mark}[0-9]{{3}})+|[0-9]{{1,2}}({mark}[0-9]{{2}})+{mark}[0-9]{{3}})"
        shape = f"[+-]?{whole}([{contract.decimal}][0-9]*)?"
        text = match_whole(text, shape).ifelse(text.re_replace(mark, ""), text)
    return text


def _convert(table: Table, i: int, column: ColumnSpec, contract: Contract) -> Any:
    cell = table[f"t{i}"]
    native = cell.type()
    if column.type == "text":
        return cell
    if column.type == "integer":
        if native.is_string():
            cell = match_whole(cell, WHOLE).ifelse(cell, None)
        value = cell.try_cast("int64")
        if f"q{i}" not in table.columns:
            return value
        is_whole = table[f"q{i}"].notnull() & table[f"t{i}"].notnull()
        return is_whole.ifelse(table[f"q{i}"], value)
    if column.type == "number":
        if native.is_string():
            shaped = match_whole(cell, NUMBER[contract.decimal]).ifelse(cell, None)
            cell = shaped.replace(",", ".") if contract.decimal == "," else shaped
        value = cell.try_cast("float64")
        return (value.abs() <= LARGEST).ifelse(value, None)
    if column.type == "boolean":
        if not native.is_string():
            return cell
        # Most programs write a column of 0 and 1 with gaps as 0.0 and 1.0.
        lower = cell.lower().re_replace(r"^([01])[.]0*$", "\\1")
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
        moment = convert_written(cell, column.format)
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


def fold_spelling(texts: pd.Series) -> pd.Series:
    """Write texts alike that differ in capitals, spaces or the way accents are written alone."""
    return texts.str.normalize("NFKC").str.casefold().str.split().str.join(" ")
