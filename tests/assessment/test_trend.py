from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.inference.trend import LEAST_FOLDS, find_trends


def build_table(value: np.ndarray) -> pd.DataFrame:
    folds = np.arange(1, len(value) + 1)
    return pd.DataFrame(
        {"dimension": "zone", "group": "north", "metric": "wape", "fold": folds, "value": value}
    )


def test_a_rise_is_found_and_its_slope_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    value = 0.1 + 0.02 * np.arange(20) + rng.normal(0, 0.01, 20)
    row = find_trends(build_table(value), 0.95).iloc[0]
    assert row.slope == pytest.approx(np.polyfit(np.arange(20), value, 1)[0])
    assert row.low < 0.02 < row.high
    assert row.reason == "It rises from fold to fold."


def test_few_folds_and_hidden_figures_give_no_slope() -> None:
    value = np.full(20, np.nan)
    value[: LEAST_FOLDS - 1] = 1.0
    row = find_trends(build_table(value), 0.95).iloc[0]
    assert np.isnan([row.slope, row.low, row.high]).all()
    assert row.folds == LEAST_FOLDS - 1
    assert f"at least {LEAST_FOLDS}" in row.reason


def test_a_straight_line_without_noise_has_no_interval() -> None:
    row = find_trends(build_table(np.arange(18.0)), 0.95).iloc[0]
    assert row.slope == pytest.approx(1.0)
    assert np.isnan(row.low)


@pytest.mark.long
@pytest.mark.parametrize(
    ("rho", "folds"),
    [
        (0.0, 8),
        (0.5, 8),
        pytest.param(0.8, 8, marks=pytest.mark.xfail(reason="decision 7: about 89 % here")),
        (0.8, 26),
    ],
)
def test_slopes_hold_what_they_promise(rho: float, folds: int) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(600):
        noise = rng.normal(size=folds)
        for t in range(1, folds):
            noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
        row = find_trends(build_table(0.3 * np.arange(folds) + noise), 0.95).iloc[0]
        hits += row.low <= 0.3 <= row.high
    assert hits / 6 >= 93
