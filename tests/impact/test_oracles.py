"""Estimators against other packages on drawn data: `benchmarks/impact_oracles.py` wrote theirs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.impact.discontinuity import fuzzy_discontinuity, regression_discontinuity
from cityai.impact.fixed_effects import two_way_fixed_effects
from cityai.impact.local_linear import select_bandwidths, split_sides
from cityai.impact.synthetic import _simplex_weights, synthetic_did, weigh_synthetic
from tests.impact.drawn import Panel, draw_block, draw_panel, draw_received, draw_scores

ASKED = json.loads((Path(__file__).parent / "oracles.json").read_text())
ARMS = ("before", "after")


def hold_against(found, told, outcome):
    """Hold an effect against rdrobust's; of yes and no the interval holds its, not much wider."""
    for name in ("estimate", "standard_error"):
        assert getattr(found, name) == pytest.approx(told[name], abs=1e-6), name
    if not np.isin(outcome, (0, 1)).all():
        assert (found.low, found.high) == pytest.approx((told["low"], told["high"]), abs=1e-6)
        return
    below, above = told["low"] - found.low, found.high - told["high"]
    assert min(below, above) > -1e-6
    assert max(below, above) < told["standard_error"]


@pytest.mark.parametrize("seed", range(24))
def test_the_discontinuity_is_that_of_rdrobust(seed):
    x, y = draw_scores(seed)
    found = regression_discontinuity(y, x)
    widths = select_bandwidths(*split_sides(y, x))
    told = ASKED["rdrobust"][seed]
    hold_against(found, told, y)
    for name in ("main", "bias"):
        assert getattr(widths, name) == pytest.approx(told[name], rel=1e-6), name


@pytest.mark.parametrize("seed", range(24))
def test_the_fuzzy_discontinuity_is_that_of_rdrobust(seed):
    x, y = draw_scores(seed)
    found = fuzzy_discontinuity(y, x, draw_received(seed))
    told = ASKED["fuzzy"][seed]
    if found.estimate is None:
        assert "followed too little" in found.reason
        return
    hold_against(found, told, y)
    assert found.widths == pytest.approx((told["main"], told["bias"]), rel=1e-6)


def test_a_cut_off_that_all_follow_is_sharp_and_one_that_nobody_follows_tells_nothing():
    x, y = draw_scores(4)
    sharp = regression_discontinuity(y, x)
    fuzzy = fuzzy_discontinuity(y, x, (x >= 0).astype(float))
    assert fuzzy.estimate == pytest.approx(sharp.estimate, abs=1e-9)
    assert fuzzy.standard_error == pytest.approx(sharp.standard_error, abs=1e-9)
    for received in (np.zeros_like(x), (np.arange(len(x)) % 3 == 0).astype(float)):
        none = fuzzy_discontinuity(y, x, received)
        assert none.estimate is None
        assert "followed too little to tell" in none.reason


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("cluster", ["unit", "region"])
@pytest.mark.parametrize("kind", ["plain", "instrument"])
def test_two_way_fixed_effects_are_those_of_pyfixest(seed, cluster, kind):
    panel = draw_panel(seed)
    found = fit(panel, cluster=cluster, received=panel.received if kind == "instrument" else None)
    estimate, error = ASKED["pyfixest"][seed][f"{kind} {cluster}"]
    if found.estimate is None:
        assert "followed too little" in found.reason
        return
    assert found.estimate == pytest.approx(estimate, abs=1e-6)
    assert found.standard_error == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_difference_in_differences_is_that_of_diff_diff(seed):
    outcome, treated, begins = draw_block(seed)
    unit, period = (x.ravel() for x in np.indices(outcome.shape))
    assigned = (treated[unit] & (period >= begins)).astype(float)
    found = two_way_fixed_effects(outcome.ravel(), assigned, unit, period, arms=ARMS)
    assert found.estimate == pytest.approx(ASKED["diff-diff"][seed]["plain"], abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_synthetic_did_is_near_that_of_diff_diff_whose_search_stops_early(seed):
    found = weigh_synthetic(*draw_block(seed))
    assert found == pytest.approx(ASKED["diff-diff"][seed]["synthetic"], abs=0.01)


def fit(panel: Panel, *, cluster: str, received: np.ndarray | None, errors: str = "cluster"):
    return two_way_fixed_effects(
        *(panel.outcome, panel.assigned, panel.unit, panel.period),
        **{"arms": ARMS, "weights": panel.weights, "received": received, "errors": errors},
        cluster=getattr(panel, cluster),
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(100, 10_000))
def test_two_way_fixed_effects_are_least_squares_with_dummies(seed):
    import statsmodels.api as sm

    panel = draw_panel(seed)
    dummies = [np.eye(int(code.max()) + 1)[:, 1:][code] for code in (panel.unit, panel.period)]
    design = np.column_stack([panel.assigned, np.ones(len(panel.unit)), *dummies])
    plain = sm.WLS(panel.outcome, design, weights=panel.weights).fit()
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return
    found = fit(panel, cluster="unit", received=None, errors="iid")
    assert found.estimate == pytest.approx(plain.params[0], abs=1e-8)
    assert found.standard_error == pytest.approx(plain.bse[0], abs=1e-8)
    assert (found.low, found.high) == pytest.approx(plain.conf_int()[0], abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), ridge=st.floats(0.01, 2.0))
def test_weights_are_the_best_there_are(seed, ridge):
    """The gradient is the same where a weight is above 0, and no smaller elsewhere (KKT)."""
    rng = np.random.default_rng(seed)
    columns, target = rng.normal(size=(12, 8)), rng.normal(size=12)
    weights = _simplex_weights(columns, target, ridge)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    centred, goal = columns - columns.mean(axis=0), target - target.mean()
    slope = centred.T @ (centred @ weights - goal) + ridge**2 * 12 * weights
    used = weights > 1e-9
    assert np.ptp(slope[used]) < 1e-7
    assert slope.min() > slope[used].min() - 1e-7


def test_synthetic_did_finds_what_was_put_in_and_nothing_elsewhere():
    panel, treated, begins = draw_block(1)
    found = synthetic_did(panel, treated, begins, draws=100)
    assert found.low < 1 < found.high
    assert found.low > 0
    before = synthetic_did(panel[:, :begins], treated, begins - 5, draws=100)
    assert before.low < 0 < before.high
    few = synthetic_did(panel[:9], treated[:9], begins)
    assert few.estimate is None
    assert "6 untreated places make fewer than 7 separate sets of 3" in few.reason
    panel[0, 0] = np.nan
    assert "1 of 720 outcomes" in synthetic_did(panel, treated, begins).reason


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (slice(0, 15), "fewer than 20"),
        (slice(0, 0), "0 rows below the cut-off, 0 above"),
    ],
)
def test_a_discontinuity_of_few_is_undefined_with_its_reason(rows, told):
    x, y = draw_scores(4)
    found = regression_discontinuity(y[rows], x[rows])
    assert found.estimate is None
    assert told in found.reason


def test_steps_of_a_score_and_still_outcomes_are_undefined():
    x, y = draw_scores(4)
    assert "different scores" in regression_discontinuity(y, np.round(x)).reason
    still = regression_discontinuity(np.ones_like(y), x)
    assert still.reason == "the outcome does not vary"
    y[3] = np.nan
    assert "1 of " in regression_discontinuity(y, x).reason
    far = (np.abs(x) > np.quantile(np.abs(x), 0.99)).astype(float)
    for found in (
        regression_discontinuity(far, x),
        fuzzy_discontinuity(far, x, (x >= 0).astype(float)),
    ):
        assert (found.low, found.reason) == (None, "the outcome does not vary near the cut-off")
