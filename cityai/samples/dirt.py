"""Dirt, planted row by row: each kind's count is exact, and each row is listed in the truth.

Only clean rows in scope are spoilt, each in one way, so the fate of every row is known: most kinds
are rejected, some are accepted and must show in the quality report. Duplicates are added rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from cityai.samples.requests import Requests

Fate = Literal["rejected", "out of scope", "accepted"]


@dataclass(frozen=True, slots=True)
class Spoil:
    """One kind of dirt."""

    kind: str
    """Its name."""
    column: str
    """The column that is spoilt."""
    rows: int
    """How many rows."""
    spoil: Callable[[str, int], str | None]
    """Turns the clean cell of the n-th spoilt row into what is written, None for missing."""
    fate: Fate = "rejected"
    """What ought to become of the row."""


def _pick_from(*texts: str) -> Callable[[str, int], str | None]:
    return lambda cell, n: texts[n % len(texts)]


def _move_years(years: int) -> Callable[[str, int], str | None]:
    return lambda cell, n: f"{int(cell[:4]) + years}-06-15{cell[10:]}"


SPOILS: Final = (
    Spoil(
        "unparsable date",
        "opened_at",
        40,
        _pick_from("2024-13-45T10:00:00", "31/02/2024 10:00", "yesterday", "0000-00-00T00:00:00"),
    ),
    Spoil("missing date", "opened_at", 25, lambda cell, n: None),
    Spoil("date in the future", "opened_at", 3, _move_years(40), "out of scope"),
    Spoil("recorded before opened", "recorded_at", 20, _move_years(-8), "accepted"),
    Spoil("missing recorded date", "recorded_at", 15, lambda cell, n: None),
    Spoil("unknown neighbourhood", "neighbourhood", 60, _pick_from("X9", "N7", "Old Harbour")),
    Spoil("missing neighbourhood", "neighbourhood", 80, lambda cell, n: None),
    Spoil("blank neighbourhood", "neighbourhood", 10, _pick_from("", "   ")),
    Spoil("other case", "neighbourhood", 30, lambda cell, n: cell.lower()),
    Spoil("odd unicode", "neighbourhood", 12, lambda cell, n: _disguise(cell, n)),
    Spoil("padded neighbourhood", "neighbourhood", 32, lambda cell, n: _pad(cell, n), "accepted"),
    Spoil("negative hours", "crew_hours", 35, lambda cell, n: "-1.50"),
    Spoil("hours not a number", "crew_hours", 20, _pick_from("two", "1,5", "12 h")),
)
"""Every kind of dirt but the duplicates."""
DUPLICATE_ROWS: Final = 150
"""Rows that repeat an earlier row, request_id and all."""


@dataclass(frozen=True, slots=True)
class DirtyRequests:
    """The export as it is written."""

    table: pd.DataFrame
    """The rows."""
    dirt: pd.DataFrame
    """One row a planted fault, by row_number (from 1): row_number, request_id, kind, column, fate.
    """
    fate: np.ndarray
    """What ought to become of a row of `table` that is in scope as drawn: see `Spoil`."""
    source: np.ndarray
    """Position of each row in the clean requests, int64."""


def spoil_requests(requests: Requests, rng: np.random.Generator, dirty: bool) -> DirtyRequests:
    """Spoil rows and repeat some."""
    clean = requests.table
    fault = np.full(len(clean), -1, dtype=np.int64)
    if not dirty:
        return _repeat_rows(clean, fault, np.empty(0, dtype=np.int64))
    filled = requests.in_scope & clean["crew_hours"].notna().to_numpy()
    total = sum(s.rows for s in SPOILS) + DUPLICATE_ROWS
    drawn = rng.choice(np.flatnonzero(filled), total, replace=False)
    columns = {s.column: clean[s.column].to_numpy(dtype=object).copy() for s in SPOILS}
    begin = 0
    for number, spoil in enumerate(SPOILS):
        rows = drawn[begin : begin + spoil.rows]
        begin += spoil.rows
        fault[rows] = number
        for n, row in enumerate(rows):
            columns[spoil.column][row] = spoil.spoil(columns[spoil.column][row], n)
    spoilt = {name: pd.Series(cells, dtype="str") for name, cells in columns.items()}
    return _repeat_rows(clean.assign(**spoilt), fault, drawn[begin:])


def _pad(cell: str, n: int) -> str:
    """Put a blank before or after a code, visible or not: the same place all the same."""
    return (f" {cell}", f"{cell}  ", f"{cell}\u200b", f"\u00a0{cell}")[n % 4]


def _disguise(cell: str, n: int) -> str:
    """Write a code that looks the same: full-width, or with something invisible inside."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in cell)
    return (wide, "\u200b".join(cell), "\u00ad".join(cell))[n % 3]


def _repeat_rows(table: pd.DataFrame, fault: np.ndarray, repeated: np.ndarray) -> DirtyRequests:
    """Put each copy some rows below its original, as a second export run would."""
    place = np.arange(len(table), dtype=np.float64)
    order = np.argsort(np.concatenate([place, place[repeated] + 40.5]), kind="stable")
    source = np.concatenate([np.arange(len(table)), repeated])[order]
    copy = np.concatenate([np.zeros(len(table), dtype=bool), np.ones(len(repeated), dtype=bool)])
    copy = copy[order]
    written = table.iloc[source].reset_index(drop=True)
    kinds = np.array([*(s.kind for s in SPOILS), ""], dtype=object)
    named = np.array([*(s.column for s in SPOILS), ""], dtype=object)
    fates = np.array([*(s.fate for s in SPOILS), "accepted"], dtype=object)
    kind = np.where(copy, "duplicate", kinds[fault[source]])
    column = np.where(copy, "request_id", named[fault[source]])
    fate = np.where(copy, "rejected", fates[fault[source]])
    at = np.flatnonzero(kind != "")
    dirt = pd.DataFrame(
        {
            "row_number": at + 1,
            "request_id": written["request_id"].to_numpy()[at],
            "kind": kind[at],
            "column": column[at],
            "fate": fate[at],
        }
    )
    return DirtyRequests(written, dirt, fate, source)
