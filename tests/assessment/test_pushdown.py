from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.metrics import build_sums
from cityai.assessment.pushdown import sum_parquet
from cityai.errors import DataError
from cityai.inference.ratio_influence import sum_cells


def count_here(table: pd.DataFrame, block: str, group: str) -> tuple[np.ndarray, tuple[str, ...]]:
    sums = build_sums(table, baselines=["naive"])
    blocks, b = np.unique(table[block].to_numpy(), return_inverse=True)
    groups, g = np.unique(table[group].to_numpy(object).astype(str), return_inverse=True)
    return sum_cells(sums.values, b, g, len(blocks), len(groups)), sums.names


@pytest.mark.parametrize(("block", "group"), [("as_of", "entity_id"), ("fold", "step")])
def test_the_query_gives_the_same_sums(
    make_predictions: Callable, tmp_path: Path, block: str, group: str
) -> None:
    table = make_predictions(folds=6, entities=12, steps=3).table.copy()
    rng = np.random.default_rng(0)
    for column in ("y_true", "y_pred", "y_low", "y_high", "scale", "baseline.naive"):
        table.loc[rng.random(len(table)) < 0.1, column] = np.nan
    table.loc[rng.random(len(table)) < 0.05, "scale"] = 0.0
    table.loc[table.step == 2, "y_pred"] *= np.where(table.fold[table.step == 2] == 3, -1.0, 1.0)
    path = tmp_path / "it's here.parquet"
    table.to_parquet(path)
    got = sum_parquet(path, block, group, ["naive"])
    expected, names = count_here(table, block, group)
    assert got.names == names
    np.testing.assert_allclose(got.values, expected, rtol=1e-9, atol=1e-9)


def test_a_table_without_intervals_or_scale(make_predictions: Callable, tmp_path: Path) -> None:
    table = make_predictions().table.drop(columns=["y_low", "y_high", "scale", "step"])
    path = tmp_path / "plain.parquet"
    table.to_parquet(path)
    got = sum_parquet(path, "as_of", "entity_id", ["naive"])
    np.testing.assert_allclose(
        got.values, count_here(table, "as_of", "entity_id")[0], rtol=1e-9, atol=1e-9
    )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError):
        sum_parquet(path, "as_of", "entity_id")
