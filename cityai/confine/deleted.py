"""Rows that a table keeps as deleted apart from its files (merge-on-read), by their positions."""

from __future__ import annotations

import hashlib
from typing import Any, Final, TypeAlias

import numpy as np

Positions: TypeAlias = dict[str, np.ndarray]
"""By Parquet file, the positions of its deleted rows: int64, from 0, rising, each once."""
DELETED: Final = "deleted"
"""The table of them in the engine: `part`, and `position`."""


def describe_deleted(positions: Positions) -> dict[str, tuple[int, str]]:
    """Return how many rows of each file are deleted, and the SHA-256 of their positions."""
    return {
        file: (len(rows), hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest())
        for file, rows in positions.items()
        if len(rows)
    }


def put_deleted(engine: Any, positions: Positions) -> None:
    """Write positions into the engine, as a table of the room."""
    import pyarrow as pa

    parts = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(positions)), [len(rows) for rows in positions.values()]),
        pa.array(positions, pa.string()),
    )
    found = np.concatenate([*positions.values(), np.empty(0, np.int64)])
    engine.register("given", pa.table([parts, pa.array(found, pa.int64())], ["part", "position"]))
    engine.execute(
        f"CREATE OR REPLACE TABLE {DELETED} AS "  # noqa: S608
        "SELECT part::VARCHAR AS part, position FROM given"
    )
    engine.unregister("given")
