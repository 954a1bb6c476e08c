from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.modeling.intervals import (
    KEPT,
    LEAST_TAIL,
    Bounds,
    PastErrors,
    Tails,
    _weigh_origins,
    adapt_tails,
    find_scale,
    fit_intervals,
    place_bounds,
    start_tails,
)


def draw_past(draw, origins=20, entities=30, steps=4, seed=0) -> PastErrors:
    """Forecasts at the true mean of each entity, and outcomes from `draw(rng, mean)`."""
    rng = np.random.default_rng(seed)
    mean = np.exp(np.linspace(-0.5, 6, entities))
    entity = np.tile(np.repeat(np.arange(entities), steps), origins)
    step = np.tile(np.arange(1, steps + 1), origins * entities)
    forecast = mean[entity]
    fold = np.repeat(np.arange(origins), entities * steps)
    return PastErrors(entity, step, fold, forecast, draw(rng, forecast))


def measure_coverage(draw, **sizes) -> np.ndarray:
    """Share inside, by entity, over fresh draws."""
    past = draw_past(draw, seed=1, **sizes)
    entities = int(past.entity.max()) + 1
    intervals = fit_intervals(
        past, start_tails(0.9), entities=entities, steps=int(past.step.max()), nonnegative=True
    )
    fresh = draw_past(draw, seed=2, origins=100)
    bounds = place_bounds(intervals, fresh.entity, fresh.step, fresh.forecast)
    inside = (fresh.truth >= bounds.low) & (fresh.truth <= bounds.high)
    return np.bincount(fresh.entity, inside) / np.bincount(fresh.entity)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, m: rng.poisson(m).astype(float),
        lambda rng, m: rng.poisson(m * rng.gamma(2, 0.5, len(m))).astype(float),
        lambda rng, m: m * np.exp(rng.normal(0, 0.2, len(m))),
        lambda rng, m: np.maximum(m + rng.normal(0, 5, len(m)), 0),
    ],
    ids=["poisson", "bursts", "relative", "absolute"],
)
def test_coverage_is_near_nominal_for_small_and_large_entities(draw):
    covered = measure_coverage(draw)
    assert covered.mean() == pytest.approx(0.9, abs=0.03)
    assert covered[:10].mean() == pytest.approx(0.9, abs=0.07)
    assert covered[-10:].mean() == pytest.approx(0.9, abs=0.07)


def test_both_sides_are_missed_alike():
    def draw(rng, mean):
        return mean * rng.lognormal(0, 0.6, len(mean))

    past = draw_past(draw)
    intervals = fit_intervals(past, start_tails(0.9), entities=30, steps=4, nonnegative=True)
    fresh = draw_past(draw, seed=5, origins=100)
    bounds = place_bounds(intervals, fresh.entity, fresh.step, fresh.forecast)
    assert (fresh.truth < bounds.low).mean() == pytest.approx(0.05, abs=0.015)
    assert (fresh.truth > bounds.high).mean() == pytest.approx(0.05, abs=0.015)


def test_an_erratic_entity_gets_wider_intervals():
    def draw(rng, mean):
        wide = np.where(np.arange(len(mean)) // 4 % 30 == 15, 5.0, 1.0)
        return mean + rng.normal(0, wide * np.sqrt(mean))

    past = draw_past(draw)
    intervals = fit_intervals(past, start_tails(0.9), entities=30, steps=4, nonnegative=False)
    assert intervals.ratio[15] > 2.5
    assert np.delete(intervals.ratio, 15).max() < 1.6


def test_a_drift_in_spread_is_followed():
    """Doubling the spread drops plain conformal coverage; the adapted tails bring it back."""
    rng = np.random.default_rng(0)
    tails, inside = start_tails(0.9), []
    errors: list[np.ndarray] = []
    for origin in range(60):
        error = rng.normal(0, 1.0 if origin < 20 else 1.0 + (origin - 20) * 0.1, 100)
        if origin >= 5:
            past = np.concatenate(errors)
            known = PastErrors(
                np.zeros(len(past), int),
                np.ones(len(past), int),
                np.repeat(np.arange(origin), 100),
                np.full(len(past), 50.0),
                50.0 + past,
            )
            fitted = fit_intervals(known, tails, entities=1, steps=1, nonnegative=False)
            bounds = place_bounds(fitted, np.zeros(100, int), np.ones(100, int), np.full(100, 50.0))
            truth = 50.0 + error
            inside.append(((truth >= bounds.low) & (truth <= bounds.high)).mean())
            tails = adapt_tails(tails, bounds, truth, 0.9)
        errors.append(error)
    assert np.mean(inside[15:]) > 0.86


def test_tails_move_against_the_misses_and_stay_inside():
    bounds = Bounds(np.zeros(100), np.ones(100))
    moved = adapt_tails(Tails(0.05, 0.05), bounds, np.full(100, 0.5), 0.9)
    assert moved.low > 0.05
    assert moved.high > 0.05
    tails = Tails(0.05, 0.05)
    for _ in range(50):
        tails = adapt_tails(tails, bounds, np.full(100, 2.0), 0.9)
    assert 0 < tails.high < 0.05 < tails.low <= 0.4
    assert tails.high == pytest.approx(LEAST_TAIL * 0.05)
    assert adapt_tails(tails, Bounds(np.empty(0), np.empty(0)), np.empty(0), 0.9) == tails


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 500), rows=st.integers(0, 60), below=st.booleans())
def test_the_forecast_lies_inside_and_nothing_is_infinite(seed, rows, below):
    rng = np.random.default_rng(seed)
    entity, step, fold = (rng.integers(a, b, rows) for a, b in ((0, 5), (1, 4), (-2, 3)))
    forecast = rng.gamma(0.3, 10, rows) - (20 if below else 0)
    truth = np.round(rng.gamma(0.3, 10, rows)) - (20 if below else 0)
    intervals = fit_intervals(
        PastErrors(entity, step, fold, forecast, truth),
        start_tails(0.8),
        entities=5,
        steps=3,
        nonnegative=not below,
    )
    asked = rng.gamma(1, 10, 30)
    bounds = place_bounds(intervals, rng.integers(-1, 5, 30), rng.integers(1, 4, 30), asked)
    assert (bounds.low <= asked).all()
    assert (asked <= bounds.high).all()
    assert np.isfinite(bounds.low).all()
    assert np.isfinite(bounds.high).all()
    if not below:
        assert (bounds.low >= 0).all()


def test_the_unit_does_not_matter_and_a_stranger_has_no_record_of_its_own():
    past = draw_past(lambda rng, m: rng.poisson(m).astype(float))
    scaled = replace(past, forecast=past.forecast * 1000, truth=past.truth * 1000)
    ends = []
    for known, factor in ((past, 1.0), (scaled, 1000.0)):
        fitted = fit_intervals(known, start_tails(0.9), entities=30, steps=4, nonnegative=True)
        bounds = place_bounds(
            fitted, np.array([3, -1]), np.array([1, 2]), np.array([5.0, 5.0]) * factor
        )
        ends.append(np.array([bounds.low, bounds.high]) / factor)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)
    assert find_scale(fitted, np.array([-1]), np.array([5.0]))[0] > 0


def place_all(past: PastErrors, tails: Tails, entity, asked=20.0) -> Bounds:
    """The ranges of a forecast at each entity, one step ahead."""
    fitted = fit_intervals(past, tails, entities=30, steps=4, nonnegative=True)
    entity = np.asarray(entity)
    return place_bounds(fitted, entity, np.ones(len(entity), int), np.full(len(entity), asked))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 500), spread=st.floats(0.05, 3.0), places=st.floats(0.0, 1.5))
def test_a_range_that_holds_more_holds_the_one_that_holds_less(seed, spread, places):
    def draw(rng, mean):
        own = np.exp(places * rng.normal(0, 1, 30))[np.arange(len(mean)) // 4 % 30]
        return np.maximum(mean * (1 + own * spread * rng.standard_t(3, len(mean))), 0)

    past = draw_past(draw, origins=6, seed=seed)
    everywhere = np.arange(-1, 30)
    ranges = [place_all(past, start_tails(c), everywhere) for c in (0.6, 0.8, 0.9, 0.98)]
    for inner, outer in pairwise(ranges):
        assert (outer.low <= inner.low).all()
        assert (inner.high <= outer.high).all()
    assert (ranges[-1].low >= 0).all()


def test_places_that_do_not_differ_have_the_range_of_all():
    errors = np.random.default_rng(1).normal(0, 0.2, (20, 1, 4))

    truth = 50 * (1 + errors + np.zeros((20, 30, 4))).ravel()
    past = replace(draw_past(lambda rng, m: m), forecast=np.full(len(truth), 50.0), truth=truth)
    bounds = place_all(past, start_tails(0.9), np.arange(-1, 30))
    np.testing.assert_allclose(bounds.low, bounds.low[0], rtol=1e-9)
    np.testing.assert_allclose(bounds.high, bounds.high[0], rtol=1e-9)
    assert bounds.low[0] < 20 < bounds.high[0]


def test_a_place_is_covered_whatever_its_own_errors_are():
    """The truth is known: normal errors, half, once and twice as wide as its level's.

    A range that is the same for all would hold 1.00, 0.94 and 0.65 of their outcomes.
    """
    width = np.tile([0.5, 1.0, 2.0], 10)

    def draw(rng, mean):
        return mean + width[np.arange(len(mean)) // 4 % 30] * rng.normal(0, 0.05 * mean)

    covered = measure_coverage(draw, origins=20)
    for own in np.unique(width):
        assert covered[width == own].mean() == pytest.approx(0.9, abs=0.05)
    bounds = place_all(draw_past(draw), start_tails(0.9), np.arange(30), asked=100.0)
    found = (bounds.high - bounds.low) / (2 * 1.645 * 0.05 * 100.0 * width)
    for own in np.unique(width):
        assert found[width == own].mean() == pytest.approx(1.0, abs=0.25)


def test_the_latest_errors_of_a_place_count_most():
    def draw(rng, mean):
        place, origin = np.arange(len(mean)) // 4 % 30, np.arange(len(mean)) // 120
        late = np.where(origin >= 14, 4.0, 1.0)
        wide = np.where(place == 3, late, np.where(place == 4, 5.0 - late, 2.0))
        return mean + wide * rng.normal(0, 0.05 * mean)

    past = draw_past(draw)
    bounds = place_all(past, start_tails(0.9), [3, 4])
    rising, falling = bounds.high - bounds.low
    assert rising > 1.5 * falling
    back = place_all(replace(past, fold=-past.fold), start_tails(0.9), [3, 4])
    assert (back.high - back.low)[0] < (back.high - back.low)[1]


@given(st.lists(st.integers(-9, 40), min_size=1, max_size=30))
def test_an_origin_weighs_by_how_many_come_after_it(folds):
    fold = np.array(folds)
    after = [sum(number > mine for number in set(folds)) for mine in folds]
    np.testing.assert_array_equal(_weigh_origins(fold, KEPT), KEPT ** np.array(after, float))


def test_equal_errors_may_stand_in_any_order():
    past = draw_past(lambda rng, m: np.rint(m) + rng.integers(-1, 2, len(m)), entities=8)
    past = replace(past, forecast=np.rint(past.forecast))
    order = np.random.default_rng(5).permutation(len(past.fold))
    shuffled = PastErrors(
        *(getattr(past, n)[order] for n in ("entity", "step", "fold", "forecast", "truth"))
    )
    sizes = {"entities": 8, "steps": 4, "nonnegative": True}
    one, other = (fit_intervals(p, start_tails(0.9), **sizes) for p in (past, shuffled))
    np.testing.assert_allclose(one.low, other.low, rtol=1e-9)
    np.testing.assert_allclose(one.high, other.high, rtol=1e-9)
