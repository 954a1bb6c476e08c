"""What a plan gathers in its private folder: tables that are written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pandas as pd

from cityai.errors import StoreError
from cityai.impact.lots import COLUMNS
from cityai.store.files import guard_files, write_files

ASSIGNED: Final = "assignments.parquet"
ACTED: Final = "actions.parquet"
DONE: Final = "done"
"""Whether, or how far, it was done: from 0 to 1, or NaN where nobody told of any."""
DONE_ON: Final = "done_on"
"""The day on which it was done, or began."""


def write_gathered(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table for its owner's eyes only; the one that was there is replaced whole."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_files({name: buffer.getvalue()}, folder)


def read_gathered(folder: Path, name: str) -> pd.DataFrame | None:
    """Read a table that was gathered; None where there is none yet.

    Raises
    ------
    StoreError
        When it is damaged.
    """
    path = folder / name
    if not path.exists():
        return None
    with guard_files(path, "what was gathered cannot be read"):
        content = path.read_bytes()
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise StoreError(
            "this is no table any more",
            where=str(path),
            expected="the file as cityai wrote it",
            next_step="put it back from a copy",
        ) from error


def read_assigned(folder: Path) -> pd.DataFrame:
    """Read all assignments so far; without a row where nothing was drawn yet."""
    found = read_gathered(folder, ASSIGNED)
    return pd.DataFrame(columns=list(COLUMNS)) if found is None else found
