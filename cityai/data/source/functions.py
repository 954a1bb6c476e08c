"""The engine's own functions that Ibis has no name for, and the types of moments and sums."""

from __future__ import annotations

from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def parse_local(text: str, pattern: str) -> dt.timestamp:
    """Read a moment by a strptime pattern; NULL when it does not fit."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def parse_zoned(text: str, pattern: str) -> dt.Timestamp("UTC"):  # type: ignore
    """Read a moment with an offset by a strptime pattern; NULL when it does not fit."""


@ibis.udf.scalar.builtin(name="strftime")  # type: ignore[untyped-decorator]
def write_moment(moment: dt.timestamp, pattern: str) -> str:  # type: ignore
    """Write a moment by a strftime pattern."""


@ibis.udf.scalar.builtin(name="make_timestamp")  # type: ignore[untyped-decorator]
def read_epoch(microseconds: int) -> dt.timestamp:
    """Return the moment of so many microseconds after 1970, in UTC."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def to_local(zone: str, moment: dt.Timestamp("UTC")) -> dt.timestamp:  # type: ignore
    """Turn an absolute moment into the wall clock of a zone."""


@ibis.udf.scalar.builtin(name="unix_micros")  # type: ignore[untyped-decorator]
def count_microseconds(moment: dt.Timestamp("UTC")) -> int:  # type: ignore
    """Count the microseconds since 1970, in UTC (Spark)."""


@ibis.udf.scalar.builtin(name="date_from_unix_date")  # type: ignore[untyped-decorator]
def find_date(days: int) -> dt.date:
    """Return the day that is so many days after 1970-01-01 (Spark)."""


@ibis.udf.scalar.builtin(name="regexp_full_match")  # type: ignore[untyped-decorator]
def match_whole(text: str, pattern: str) -> bool:  # type: ignore[empty-body]
    """Tell whether a regular expression matches the whole text."""


@ibis.udf.scalar.builtin(name="nfc_normalize")  # type: ignore[untyped-decorator]
def compose_text(text: str) -> str:  # type: ignore[empty-body]
    """Compose a text by Unicode's NFC."""


@ibis.udf.scalar.builtin(name="strlen")  # type: ignore[untyped-decorator]
def count_bytes(text: str) -> int:  # type: ignore[empty-body]
    """Count the bytes of a text."""


@ibis.udf.scalar.builtin(name="array_extract")  # type: ignore[untyped-decorator]
def pick_character(text: str, place: int) -> str:  # type: ignore[empty-body]
    """Return one character; the last is at -1."""


@ibis.udf.scalar.builtin(name="trim")  # type: ignore[untyped-decorator]
def trim_text(text: str, blanks: str) -> str:  # type: ignore[empty-body]
    """Strip characters from both ends."""


@ibis.udf.scalar.builtin(name="signbit")  # type: ignore[untyped-decorator]
def has_sign(number: float) -> bool:  # type: ignore[empty-body]
    """Tell whether a number has a minus, also where it is 0."""


@ibis.udf.scalar.builtin(name="range")  # type: ignore[untyped-decorator]
def range_of(count: int) -> dt.Array(dt.int64):  # type: ignore
    """Return the whole numbers from 0 up to a count."""


BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Outer characters that are not part of a text: blanks, line ends, invisible marks."""
ABSOLUTE: Final = dt.Timestamp("UTC")
"""Type of a moment that knows its zone."""
EXACT: Final = dt.Decimal(38, 9)
"""Sums in this type do not depend on the order of the rows."""


def write_text(cell: Any) -> Any:
    """Return the expression of a cell as text: 101.0 is 101, and midnight has no hour."""
    native = cell.type()
    if native.is_floating():
        # An identifier that once had a gap is stored as 101.0; it is 101.
        return cell.isnan().ifelse(None, cell.cast("string").re_replace(r"[.]0$", ""))
    if native.is_decimal():
        return cell.cast("string").re_replace(r"[.]0+$", "")
    if native.is_timestamp():
        return cell.cast("string").re_replace(r" 00:00:00$", "")
    return cell.cast("string")
