"""Rows for a spreadsheet: quoted as RFC 4180 says, and no cell that a program would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from cityai.card.words import clean_text

ACTIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
"""Beginnings of a cell that a spreadsheet takes for a formula (OWASP, CSV injection)."""


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as CSV with its header.

    Parameters
    ----------
    columns : sequence of str
        The header.
    rows : iterable of sequence of str
        The cells.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([guard_cell(cell) for cell in row])
    return buffer.getvalue()


def guard_cell(text: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe before what looks like a formula."""
    kept = clean_text(text)
    bare = kept.lstrip(" \u00a0\u200b\ufeff'\"")
    return f"'{kept}" if bare.startswith(ACTIVE) or kept.startswith(ACTIVE) else kept
