from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from cityai.modeling.blend import learn_odds_weights
from cityai.modeling.calibration import (
    calibrate,
    compute_log_loss,
    fit_line,
    learn_calibration,
    to_log_odds,
    to_probability,
)


def draw(n: int, level: float, slope: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1, n)
    truth = (rng.random(n) < to_probability(level + slope * odds)).astype(np.float64)
    return odds, truth, np.arange(n) % 4


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(20, 3000), level=st.floats(-2, 2), slope=st.floats(-1, 3),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_every_map_keeps_the_order(n: int, level: float, slope: float, seed: int):
    odds, truth, fold = draw(n, level, slope, seed)
    chart = learn_calibration(odds, truth, fold)
    grid = np.linspace(-12, 12, 4001)
    assert (np.diff(calibrate(chart, grid)) > 0).all()


def test_probabilities_that_are_too_sure_are_corrected():
    odds, truth, fold = draw(20_000, 0.4, 0.5)
    chart = learn_calibration(odds, truth, fold)
    assert chart.method in ("platt", "isotonic")
    grid = np.linspace(-3, 1, 9)
    assert calibrate(chart, grid) == pytest.approx(0.4 + 0.5 * grid, abs=0.25)
    fresh, outcome, _ = draw(20_000, 0.4, 0.5, seed=1)
    assert compute_log_loss(calibrate(chart, fresh), outcome) < compute_log_loss(fresh, outcome)


def test_steps_are_chosen_where_the_line_is_bent():
    rng = np.random.default_rng(3)
    odds = rng.uniform(-4, 4, 40_000)
    truth = (rng.random(40_000) < np.where(odds > 0, 0.6, 0.1)).astype(np.float64)
    chart = learn_calibration(odds, truth, np.arange(40_000) % 4)
    assert chart.method == "isotonic"
    mapped = to_probability(calibrate(chart, np.array([-2.0, 2.0])))
    assert mapped == pytest.approx([0.1, 0.6], abs=0.03)


def test_too_little_evidence_changes_nothing_and_says_so():
    odds, truth, fold = draw(60, 0, 1)
    chart = learn_calibration(odds, truth, fold)
    assert chart.method == "identity"
    assert "60 earlier outcomes" in chart.reason
    assert calibrate(chart, odds) == pytest.approx(odds)
    nothing = learn_calibration(np.empty(0), np.empty(0), np.empty(0, np.int64))
    assert nothing.rows == 0


def test_the_line_is_that_of_maximum_likelihood():
    odds, truth, _ = draw(50_000, 0.3, 0.8)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(odds[:, None], truth)
    assert fit_line(odds, truth) == pytest.approx(
        (fitted.intercept_[0], fitted.coef_[0, 0]), abs=1e-3
    )


def test_a_score_that_tells_nothing_becomes_the_base_rate():
    rng = np.random.default_rng(5)
    odds, truth = rng.normal(0, 2, 5000), (rng.random(5000) < 0.2).astype(np.float64)
    chart = learn_calibration(-np.abs(odds), truth, np.arange(5000) % 4)
    assert to_probability(calibrate(chart, -np.abs(odds))) == pytest.approx(0.2, abs=0.06)


def test_weights_go_to_the_candidate_that_knows():
    odds, truth, _ = draw(5000, 0, 1)
    noise = np.random.default_rng(1).normal(0, 1, 5000)
    assert learn_odds_weights(np.column_stack([odds, noise]), truth)[0] > 0.9
    assert learn_odds_weights(np.column_stack([odds, odds]), truth) == pytest.approx([0.5, 0.5])
    assert learn_odds_weights(np.empty((0, 3)), np.empty(0)) == pytest.approx([1 / 3] * 3)
    assert learn_odds_weights(odds[:, None], truth) == pytest.approx([1.0])


def test_log_odds_stay_finite():
    assert np.isfinite(to_log_odds(np.array([0.0, 1.0]))).all()
