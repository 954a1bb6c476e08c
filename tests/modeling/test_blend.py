from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from cityai.modeling.blend import SHRINKAGE, learn_weights, mix_forecasts


def measure_loss(weights, forecasts, truth):
    size = np.abs(forecasts - truth[:, None]).sum(axis=0).min()
    away = weights - 1 / len(weights)
    return np.abs(forecasts @ weights - truth).sum() / size + SHRINKAGE * len(weights) * away @ away


@pytest.mark.parametrize("seed", range(5))
def test_the_descent_reaches_the_optimum_of_a_general_solver(seed):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2, 10, 300)
    forecasts = truth[:, None] + rng.normal(0, [3, 5, 9], (300, 3)) + rng.normal(0, 4, (300, 1))
    ours = measure_loss(learn_weights(forecasts, truth), forecasts, truth)
    corners = [np.eye(3)[k] for k in range(3)] + [np.full(3, 1 / 3)]
    theirs = min(
        minimize(
            measure_loss,
            0.9 * corner + 0.1 / 3,
            args=(forecasts, truth),
            bounds=[(0, 1)] * 3,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            method="SLSQP",
        ).fun
        for corner in corners
    )
    assert ours <= theirs + 2e-3


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1000), rows=st.integers(0, 40), count=st.integers(1, 5), gaps=st.booleans()
)
def test_weights_are_convex_and_the_mix_lies_between(seed, rows, count, gaps):
    rng = np.random.default_rng(seed)
    forecasts, truth = rng.gamma(1, 5, (rows, count)), rng.gamma(1, 5, rows)
    if gaps:
        forecasts[rng.random(forecasts.shape) < 0.3] = np.nan
    weights = learn_weights(forecasts, truth)
    assert weights.shape == (count,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    mixed = mix_forecasts(forecasts, weights)
    known = ~np.isnan(forecasts).all(axis=1)
    assert np.isnan(mixed[~known]).all()
    low, high = (f(forecasts[known], axis=1) for f in (np.nanmin, np.nanmax))
    assert (mixed[known] >= low - 1e-9).all()
    assert (mixed[known] <= high + 1e-9).all()


def test_the_unit_does_not_matter():
    rng = np.random.default_rng(3)
    truth = rng.gamma(2, 10, 200)
    forecasts = truth[:, None] + rng.normal(0, [3, 5], (200, 2))
    weights = learn_weights(forecasts, truth)
    np.testing.assert_allclose(learn_weights(forecasts * 1e4, truth * 1e4), weights, atol=1e-9)


def test_a_perfect_candidate_takes_all_and_equal_ones_share():
    truth = np.arange(1.0, 30)
    assert learn_weights(np.column_stack([truth, truth + 5]), truth)[0] == 1
    np.testing.assert_allclose(learn_weights(np.column_stack([truth + 5] * 2), truth), [0.5, 0.5])


def test_a_clearly_worse_candidate_loses_its_weight():
    rng = np.random.default_rng(0)
    truth = rng.gamma(2, 10, 500)
    forecasts = np.column_stack([truth + rng.normal(0, 1, 500), truth + 20])
    assert learn_weights(forecasts, truth)[0] > 0.95


def test_a_missing_forecast_leaves_its_weight_to_the_others():
    forecasts = np.array([[1.0, 3.0, np.nan], [np.nan, 5.0, 7.0]])
    mixed = mix_forecasts(forecasts, np.array([0.5, 0.5, 0.0]))
    assert mixed.tolist() == [2.0, 5.0]
    assert mix_forecasts(np.array([[np.nan, 4.0]]), np.array([1.0, 0.0])).tolist() == [4.0]
