"""The pass over the rows as a query, so that a city's warehouse can do it and only sums travel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cityai.assessment.metrics import BASE_SUMS
from cityai.columns import BASELINE, FOLD, SCALE, STEP, Y_HIGH, Y_LOW, Y_PRED, Y_TRUE
from cityai.data.source.query import query_parquet, quote_name, quote_text
from cityai.inference.ratio_influence import Cells


def write_sums_query(
    columns: Sequence[str], block: str, group: str, source: str, baselines: Sequence[str] = ()
) -> str:
    """Write the query that sums a table of predictions by block and group.

    Parameters
    ----------
    columns : sequence of str
        Columns that the table has.
    block, group : str
        Columns to sum by, such as `as_of` and `entity_id`.
    source : str
        The table, as the engine writes it.
    baselines : sequence of str
        Baselines to pair the forecast with.

    Returns
    -------
    str
        One `SELECT ... GROUP BY` in the SQL of DuckDB; PostgreSQL reads it too. Its columns are
        `block_`, `group_` and the sums of `build_sums` in their order.
    """
    y, p = (f"CAST({quote_name(c)} AS DOUBLE)" for c in (Y_TRUE, Y_PRED))
    cells = {"y_": y, "p_": p}
    for name, column in (("low_", Y_LOW), ("high_", Y_HIGH), ("scale_", SCALE)):
        cells[name] = f"CAST({quote_name(column)} AS DOUBLE)" if column in columns else "NULL"
    cells |= {f"other_{i}": quote_name(f"{BASELINE}{b}") for i, b in enumerate(baselines)}
    taken = ", ".join(f"{_keep_finite(text)} AS {name}" for name, text in cells.items())
    moment = [quote_name(c) for c in (FOLD, STEP) if c in columns]
    window = f"OVER (PARTITION BY {', '.join(moment)})" if moment else "OVER ()"
    sums = dict(zip(BASE_SUMS, _write_sums(), strict=True))
    for i, name in enumerate(baselines):
        both = f"CASE WHEN n_ = 1 AND other_{i} IS NOT NULL THEN"
        sums[f"paired_error.{name}"] = f"{both} abs(p_ - y_) ELSE 0 END"
        sums[f"baseline_error.{name}"] = f"{both} abs(other_{i} - y_) ELSE 0 END"
    added = ", ".join(f"SUM({text}) AS {quote_name(name)}" for name, text in sums.items())
    keys = ", ".join(dict.fromkeys([*moment, quote_name(block), quote_name(group)]))
    return (
        f"WITH a AS (SELECT {keys}, {taken} FROM {source}), "  # noqa: S608
        "b AS (SELECT *, CASE WHEN y_ IS NULL OR p_ IS NULL THEN 0.0 ELSE 1.0 END AS n_ FROM a), "
        "c AS (SELECT *, CASE WHEN n_ = 1 THEN greatest(p_, 0) ELSE 0 END AS wanted_ FROM b), "
        "d AS (SELECT *, CASE WHEN SUM(wanted_) "
        f"{window} > 0 THEN SUM(y_ * n_) {window} * wanted_ / SUM(wanted_) {window} "
        "ELSE 0 END AS allocated_ FROM c) "
        f"SELECT {quote_name(block)} AS block_, {quote_name(group)} AS group_, {added} "
        "FROM d GROUP BY 1, 2 ORDER BY 1, 2"
    )


def _keep_finite(text: str) -> str:
    return f"CASE WHEN abs({text}) < 1e308 THEN {text} END"


def _write_sums() -> list[str]:
    """Terms of `BASE_SUMS`, in order."""

    def scored(text: str) -> str:
        return f"CASE WHEN n_ = 1 THEN {text} ELSE 0 END"

    ranged = "CASE WHEN n_ = 1 AND low_ IS NOT NULL AND high_ IS NOT NULL THEN"
    scaled = "CASE WHEN n_ = 1 AND scale_ > 0 THEN"
    return [
        "n_",
        scored("y_"),
        scored("p_"),
        scored("p_ - y_"),
        scored("abs(p_ - y_)"),
        scored("(p_ - y_) * (p_ - y_)"),
        scored("greatest(y_ - p_, 0)"),
        scored("greatest(p_ - y_, 0)"),
        f"{scaled} 1 ELSE 0 END",
        f"{scaled} abs(p_ - y_) / scale_ ELSE 0 END",
        f"{ranged} 1 ELSE 0 END",
        "CASE WHEN n_ = 1 AND low_ <= y_ AND y_ <= high_ THEN 1 ELSE 0 END",
        f"{ranged} high_ - low_ ELSE 0 END",
        "allocated_",
        f"greatest({scored('y_')} - allocated_, 0)",
        f"greatest(allocated_ - {scored('y_')}, 0)",
    ]


def sum_parquet(path: Path, block: str, group: str, baselines: Sequence[str] = ()) -> Cells:
    """Sum a Parquet file of predictions by block and group inside the engine.

    Parameters
    ----------
    path : Path
        Predictions as `Predictions.table` holds them; they are never read into memory here.
    block, group : str
        Columns to sum by.
    baselines : sequence of str
        Baselines to pair the forecast with.

    Returns
    -------
    Cells
        (B, G, K), blocks and groups in their sorted order: the sums of `build_sums`.
    """
    source = f"read_parquet({quote_text(path)})"
    columns = query_parquet(path, f"DESCRIBE SELECT * FROM {source}")["column_name"]  # noqa: S608
    query = write_sums_query(list(columns), block, group, source, baselines)
    return arrange_sums(query_parquet(path, query))


def arrange_sums(frame: pd.DataFrame) -> Cells:
    """Arrange the answer of the query as cells."""
    names = tuple(str(c) for c in frame.columns[2:])
    blocks, block = np.unique(frame["block_"].to_numpy(), return_inverse=True)
    groups, group = np.unique(frame["group_"].to_numpy(object).astype(str), return_inverse=True)
    values = np.zeros((len(blocks), len(groups), len(names)))
    values[block, group] = frame[list(names)].to_numpy(np.float64)
    return Cells(values, names)
