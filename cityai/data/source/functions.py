"""The engine's own functions that Ibis has no name for, and the types of moments and sums."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.datatypes as dt


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def parse_local(text: str, pattern: str) -> dt.timestamp:
    """Read a moment by a strptime pattern; NULL when it does not fit."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def parse_zoned(text: str, pattern: str) -> dt.Timestamp("UTC"):  # type: ignore
    """Read a moment with an offset by a strptime pattern; NULL when it does not fit."""


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


ABSOLUTE: Final = dt.Timestamp("UTC")
"""Type of a moment that knows its zone."""
EXACT: Final = dt.Decimal(38, 9)
"""Sums in this type do not depend on the order of the rows."""
