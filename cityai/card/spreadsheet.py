"""Rows for a spreadsheet: quoted as RFC 4180 says, and no cell that a program would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cityai.i18n.stored import clean_text

ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "|", "＝", "＋", "－", "＠")
"""Beginnings of a cell that a spreadsheet takes for a formula (OWASP, CSV injection)."""


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as CSV with its header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guard_cell(clean_text(cell)) for cell in row])
    return buffer.getvalue()


def write_frame(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in UTF-8: exact numbers, and no text that a spreadsheet runs."""
    guarded = {guard_cell(str(name)): _guard_column(column) for name, column in table.items()}
    text = pd.DataFrame(guarded, index=table.index).to_csv(
        index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M"
    )
    return text.encode("utf-8")


def guard_cell(text: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe before what looks like a formula."""
    bare = text.lstrip(" \u00a0\u200b\ufeff'\"")
    return f"'{text}" if bare.startswith(ACTIVE) or text.startswith(ACTIVE) else text


def _guard_column(column: pd.Series) -> pd.Series:
    if is_numeric_dtype(column) or column.dtype.kind == "M":
        return column
    return column.map(lambda value: guard_cell(value) if isinstance(value, str) else value)
