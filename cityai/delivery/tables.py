"""A list of predictions as CSV for people and as Parquet for machines."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cityai.store.files import guard_files, make_folder, make_temporary, write_file

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet take a text for a formula (OWASP ASVS 1.2.10)."""
GUARD = "'"


def write_list(table: pd.DataFrame, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a table as ``<name>.csv`` and ``<name>.parquet``, for the owner's eyes only.

    Texts of the CSV that a spreadsheet would run as a formula get a quote before them; numbers
    are as they are. The Parquet file holds the exact values.

    Raises
    ------
    StoreError
        If the folder refuses.
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    csv = guard_texts(table).to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M")
    return write_files(
        {f"{name}.csv": csv.encode("utf-8"), f"{name}.parquet": buffer.getvalue()}, folder
    )


def write_files(contents: dict[str, bytes], folder: Path) -> tuple[Path, ...]:
    """Write private files into a folder, each whole or not at all; older ones are replaced.

    Raises
    ------
    StoreError
        If the folder refuses.
    """
    with guard_files(folder, "the predictions cannot be written"):
        make_folder(folder)
        with make_temporary(folder / "x") as temporary:
            for name, content in contents.items():
                write_file(temporary / name, content)
                os.replace(temporary / name, folder / name)
    return tuple(folder / name for name in contents)


def guard_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with every text harmless to a spreadsheet, its column names too."""
    guarded = {
        guard_text(str(name)): column if _is_plain(column) else column.map(guard_text)
        for name, column in table.items()
    }
    return pd.DataFrame(guarded, index=table.index)


def guard_text(value: object) -> object:
    """Return a text with a quote before it where it begins as a formula does; else the value."""
    if isinstance(value, str) and value.startswith(TRIGGERS):
        return GUARD + value
    return value


def _is_plain(column: pd.Series) -> bool:
    return is_numeric_dtype(column) or column.dtype.kind == "M"
