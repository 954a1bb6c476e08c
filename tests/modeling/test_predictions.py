from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError
from cityai.records.predictions import build_predictions


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entity_id": ["B", "A", "B", "A"],
            "as_of": pd.Timestamp("2024-01-01"),
            "step": [2, 1, 1, 2],
            "fold": 1,
            "period": [1, 0, 0, 1],
            "period_start": pd.Timestamp("2024-01-01"),
            "y_true": [4.0, 1.0, 3.0, 2.0],
            "y_pred": 2.5,
            "y_low": 1.0,
            "y_high": 5.0,
            "scale": [1.0, np.nan, 1.0, 1.0],
            "baseline.recent_mean": 1.0,
            "candidate.theta": 2.0,
            "other": "left out",
        }
    )


def build(table):
    return build_predictions(table, coverage=0.9, unit="tons", chosen="blend")


def test_it_is_sorted_typed_and_named(table):
    made = build(table)
    assert made.table["y_true"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert made.baselines == ("recent_mean",)
    assert made.candidates == ("theta",)
    assert "other" not in made.table
    assert made.table["step"].dtype == np.int64


def test_the_order_of_rows_does_not_matter(table):
    pd.testing.assert_frame_equal(build(table).table, build(table.iloc[::-1]).table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="y_low"), "no column 'y_low'"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "occur twice"),
        (lambda t: t.assign(y_pred=[1, np.nan, 2, 3]), "missing or infinite"),
        (lambda t: t.assign(y_true=[1, np.inf, 2, 3]), "missing or infinite"),
        (lambda t: t.assign(y_low=6.0), "end before they begin"),
    ],
)
def test_wrong_tables_are_refused(table, change, message):
    with pytest.raises(DataError, match=message):
        build(change(table))
