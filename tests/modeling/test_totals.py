"""The range of a total is its own: the ends of entities' ranges do not add up to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.columns import FOLD, STEP, TOTAL_HIGH, TOTAL_LOW, Y_PRED
from cityai.modeling.intervals import (
    Intervals,
    PastErrors,
    add_entities,
    fit_intervals,
    place_bounds,
    range_totals,
    start_tails,
)

ENTITIES, STEPS = 40, 2


def draw_past(shared: float, origins: int, seed: int) -> PastErrors:
    """Forecasts of 50 everywhere; outcomes with noise of each, and shocks that all share."""
    rng = np.random.default_rng(seed)
    shape = (origins, ENTITIES, STEPS)
    fold, entity, step = (a.ravel() for a in np.indices(shape))
    shock = np.broadcast_to(rng.normal(0, shared, (origins, 1, STEPS)), shape)
    truth = 50.0 + rng.normal(0, 5.0, shape) + shock
    return PastErrors(entity, step + 1, fold, np.full(fold.shape, 50.0), truth.ravel())


def fit_total(past: PastErrors) -> Intervals:
    tails = start_tails(0.9)
    return fit_intervals(add_entities(past), tails, entities=1, steps=STEPS, nonnegative=True)


def test_entities_are_added_up_by_origin_and_step():
    past = draw_past(2.0, origins=5, seed=1)
    total = add_entities(past)
    table = pd.DataFrame(
        {"fold": past.fold, "step": past.step, "t": past.truth, "f": past.forecast}
    )
    plain = table.groupby(["fold", "step"]).sum().reset_index()
    assert (total.fold == plain["fold"]).all()
    assert (total.step == plain["step"]).all()
    assert (total.entity == 0).all()
    np.testing.assert_allclose(total.truth, plain["t"])
    np.testing.assert_allclose(total.forecast, plain["f"])
    nothing = add_entities(
        PastErrors(*(x[:0] for x in (past.entity, past.step, past.fold, past.forecast, past.truth)))
    )
    assert len(nothing.truth) == 0


def test_totals_have_the_bits_of_one_row_after_the_other():
    past = draw_past(2.0, origins=5, seed=1)
    mixed = np.random.default_rng(2).permutation(len(past.fold))[:-7]
    fold, step = 3 * (past.fold[mixed] - 3), past.step[mixed]  # calibration folds are below 1
    truth, forecast = past.truth[mixed] / 3, past.truth[mixed] * 0.7
    total = add_entities(PastErrors(past.entity[mixed], step, fold, forecast, truth))
    sums = {key: [0.0, 0.0] for key in sorted(zip(fold.tolist(), step.tolist(), strict=True))}
    for *key, f, t in zip(fold.tolist(), step.tolist(), forecast, truth, strict=True):
        sums[*key][0] += f
        sums[*key][1] += t
    assert [*zip(total.fold.tolist(), total.step.tolist(), strict=True)] == [*sums]
    assert [*zip(total.forecast, total.truth, strict=True)] == [*map(tuple, sums.values())]


@pytest.mark.parametrize("shared", [0.0, 0.5, 5.0])
def test_the_range_holds_the_total_and_is_narrower_than_the_sum_of_ranges(shared: float):
    past, fresh = (draw_past(shared, origins=300, seed=s) for s in (1, 2))
    total = add_entities(fresh)
    bounds = place_bounds(fit_total(past), total.entity, total.step, total.forecast)
    held = (bounds.low <= total.truth) & (total.truth <= bounds.high)
    assert held.mean() == pytest.approx(0.9, abs=0.04)
    each = fit_intervals(past, start_tails(0.9), entities=ENTITIES, steps=STEPS, nonnegative=True)
    one = place_bounds(each, fresh.entity, fresh.step, fresh.forecast)
    added = (one.high - one.low).sum() / len(total.truth)
    width = (bounds.high - bounds.low).mean()
    assert width < 0.9 * added
    if not shared:  # errors that have nothing in common cancel: by the root of their number
        assert width == pytest.approx(added / np.sqrt(ENTITIES), rel=0.15)


def test_every_row_of_a_fold_and_step_has_the_range_of_their_total():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {FOLD: np.repeat([1, 2], 30), STEP: np.tile([1, 2, 2], 20), Y_PRED: rng.gamma(2, 20, 60)},
        index=rng.permutation(60),
    )
    intervals = {n: fit_total(draw_past(1.0, origins=20 + n, seed=n)) for n in (1, 2)}
    found = range_totals(table, intervals)
    assert found.index.equals(table.index)
    for (fold, step), rows in table.groupby([FOLD, STEP]):
        whole = np.array([0])
        bounds = place_bounds(intervals[fold], whole, np.array([step]), [rows[Y_PRED].sum()])
        np.testing.assert_allclose(found.loc[rows.index, TOTAL_LOW], bounds.low[0])
        np.testing.assert_allclose(found.loc[rows.index, TOTAL_HIGH], bounds.high[0])
