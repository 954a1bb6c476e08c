"""A list of predictions as CSV for people and as Parquet for machines."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from cityai.card.spreadsheet import write_frame
from cityai.store.files import write_files


def write_list(
    table: pd.DataFrame, folder: Path, name: str, *, replace: bool = True
) -> tuple[Path, ...]:
    """Write a table as ``<name>.csv`` and ``<name>.parquet``, for the owner's eyes only.

    Texts of the CSV that a spreadsheet would run as a formula get a quote before them; numbers
    are as they are. The Parquet file holds the exact values.

    Raises
    ------
    StoreError
        If the folder refuses, or holds such a file that is not to be replaced.
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    files = {f"{name}.csv": write_frame(table), f"{name}.parquet": buffer.getvalue()}
    return write_files(files, folder, replace=replace)
