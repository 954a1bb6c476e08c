"""Dirt, planted row by row: each kind's count is exact, and each row is listed in the truth.

Only clean rows in scope are spoilt, each in one way, so every kind takes exactly its number of rows
from what the project counts. Duplicates are added rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.data.sample_city.requests import Requests


@dataclass(frozen=True, slots=True)
class Spoil:
    """One kind of dirt.

    Attributes
    ----------
    kind : str
        Its name.
    column : str
        The column that is spoilt.
    rows : int
        How many rows.
    spoil : callable
        Turns the clean cell of the n-th spoilt row into what is written, None for missing.
    """

    kind: str
    column: str
    rows: int
    spoil: Callable[[str, int], str | None]


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
    Spoil("date in the future", "opened_at", 3, _move_years(40)),
    Spoil("recorded before opened", "recorded_at", 20, _move_years(-8)),
    Spoil("missing recorded date", "recorded_at", 15, lambda cell, n: None),
    Spoil("unknown neighbourhood", "neighbourhood", 60, _pick_from("X9", "N7", "Old Harbour")),
    Spoil("missing neighbourhood", "neighbourhood", 80, lambda cell, n: None),
    Spoil("blank neighbourhood", "neighbourhood", 10, _pick_from("", "   ")),
    Spoil("other case", "neighbourhood", 30, lambda cell, n: cell.lower()),
    Spoil("odd unicode", "neighbourhood", 12, lambda cell, n: _disguise(cell, n)),
    Spoil("negative hours", "crew_hours", 35, lambda cell, n: "-1.50"),
    Spoil("hours not a number", "crew_hours", 20, _pick_from("two", "1,5", "12 h")),
)
"""Dirt that costs the row."""

PADDED_ROWS: Final = 30
"""Rows whose neighbourhood has a blank before or after it: the same place all the same."""
DUPLICATE_ROWS: Final = 150
"""Rows that repeat an earlier row, request_id and all."""


@dataclass(frozen=True, slots=True)
class DirtyRequests:
    """The export as it is written.

    Attributes
    ----------
    table : pandas.DataFrame
        The rows.
    dirt : pandas.DataFrame
        One row a planted fault, by row_number (from 1): row_number, request_id, kind, column.
    kept : numpy.ndarray
        Whether the row ought to be accepted if in scope, bool, one per row of `table`.
    source : numpy.ndarray
        Position of each row in the clean requests, int64.
    """

    table: pd.DataFrame
    dirt: pd.DataFrame
    kept: np.ndarray
    source: np.ndarray


def spoil_requests(requests: Requests, rng: np.random.Generator, dirty: bool) -> DirtyRequests:
    """Spoil rows and repeat some.

    Parameters
    ----------
    requests : Requests
        The clean rows.
    rng : numpy.random.Generator
        Draws the rows.
    dirty : bool
        False leaves every row clean.
    """
    clean = requests.table
    if not dirty:
        nothing = pd.DataFrame(columns=["row_number", "request_id", "kind", "column"])
        everything = np.ones(len(clean), dtype=bool)
        return DirtyRequests(clean, nothing, everything, np.arange(len(clean)))
    filled = requests.in_scope & clean["crew_hours"].notna().to_numpy()
    total = sum(s.rows for s in SPOILS) + PADDED_ROWS + DUPLICATE_ROWS
    drawn = np.sort(rng.choice(np.flatnonzero(filled), total, replace=False))
    drawn = rng.permutation(drawn)
    fault = np.full(len(clean), -1, dtype=np.int64)
    columns = {name: clean[name].to_numpy(dtype=object).copy() for name in _spoilt_columns()}
    begin = 0
    for number, spoil in enumerate(SPOILS):
        rows = drawn[begin : begin + spoil.rows]
        begin += spoil.rows
        fault[rows] = number
        for n, row in enumerate(rows):
            columns[spoil.column][row] = spoil.spoil(columns[spoil.column][row], n)
    for n, row in enumerate(drawn[begin : begin + PADDED_ROWS]):
        cell = columns["neighbourhood"][row]
        columns["neighbourhood"][row] = f" {cell}" if n % 2 else f"{cell}  "
        fault[row] = len(SPOILS)
    repeated = drawn[begin + PADDED_ROWS :]
    table = clean.assign(**{name: pd.Series(c, dtype="str") for name, c in columns.items()})
    return _repeat_rows(table, fault, repeated)


def _spoilt_columns() -> tuple[str, ...]:
    return tuple(sorted({s.column for s in SPOILS} | {"neighbourhood"}))


def _disguise(cell: str, n: int) -> str:
    """Write a code that looks the same: full-width, with a zero-width blank, with a Greek letter."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in cell)
    return (wide, f"{cell}\u200b", cell.replace("N", "\u039d").replace("E", "\u0395") + "\u00a0")[
        n % 3
    ]


def _repeat_rows(table: pd.DataFrame, fault: np.ndarray, repeated: np.ndarray) -> DirtyRequests:
    """Put each copy some rows below its original, as a second export run would."""
    place = np.arange(len(table), dtype=np.float64)
    order = np.argsort(np.concatenate([place, place[repeated] + 40.5]), kind="stable")
    source = np.concatenate([np.arange(len(table)), repeated])[order]
    copy = np.concatenate([np.zeros(len(table), dtype=bool), np.ones(len(repeated), dtype=bool)])
    copy = copy[order]
    written = table.iloc[source].reset_index(drop=True)
    kinds = np.array([*(s.kind for s in SPOILS), "padded neighbourhood", ""], dtype=object)
    named = np.array([*(s.column for s in SPOILS), "neighbourhood", ""], dtype=object)
    kind = np.where(copy, "duplicate", kinds[fault[source]])
    column = np.where(copy, "request_id", named[fault[source]])
    at = np.flatnonzero(kind != "")
    dirt = pd.DataFrame(
        {
            "row_number": at + 1,
            "request_id": written["request_id"].to_numpy()[at],
            "kind": kind[at],
            "column": column[at],
        }
    )
    kept = ~np.isin(kind, [*(s.kind for s in SPOILS), "duplicate"])
    return DirtyRequests(written, dirt, kept, source)
