"""Corrections: shrunk by evidence, blind to the future, never with more capacity than there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.assessment.metrics import build_sums
from cityai.modeling.bounded_loss import Line, bound_losses, build_bound
from cityai.modeling.corrections import (
    apply_correction,
    claim_capacity,
    equalize_groups,
    learn_corrections,
    reallocate_capacity,
    recalibrate_groups,
    share_capacity,
)
from cityai.modeling.options import OPTIONS
from cityai.modeling.ratios import MOST, Past, Ratios, learn_ratios, shrink_distance
from cityai.records.groups import Membership
from cityai.records.predictions import build_predictions
from tests.modeling.conftest import build_panel, draw_values

HARD = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


def make_past(
    ratio: tuple[float, ...] = (1.3, 1.3, 1.0, 1.0),
    origins: int = 10,
    noise: float = 0.02,
    seed: int = 0,
) -> Past:
    rng = np.random.default_rng(seed)
    entities = len(ratio)
    age, entity, step = (
        a.ravel()
        for a in np.meshgrid(np.arange(origins), np.arange(entities), [1, 2], indexing="ij")
    )
    forecast = 50.0 + 10.0 * entity
    truth = forecast * np.asarray(ratio)[entity] * np.exp(rng.normal(0, noise, len(age)))
    ones = np.ones(len(age))
    return Past(entity, age, step, forecast, forecast * 1.5, truth, ones, np.ones(entities))


def test_the_ratio_is_what_came_over_what_was_forecast_recent_moments_first():
    past = make_past(noise=0.3)
    found = learn_ratios(past, HARD)
    for g in (0, 1):
        own = HARD[past.entity, g] * 0.5 ** (past.age / 4)
        assert found.ratio[g] == pytest.approx(
            (own * past.truth).sum() / (own * past.forecast).sum()
        )


def test_clear_evidence_is_kept_and_thin_evidence_is_not():
    clear = recalibrate_groups(make_past(), HARD, "overall").factor
    np.testing.assert_allclose(clear, [1.3, 1.3, 1.0, 1.0], atol=0.02)
    for past in (make_past(origins=2), make_past(origins=1), make_past(origins=0)):
        for option in OPTIONS:
            found = option.fit(past, HARD, "overall")
            np.testing.assert_array_equal(found.factor, 1.0)
            np.testing.assert_array_equal(found.boost, 0.0)


def test_a_group_of_nobody_has_no_evidence():
    nobody = np.column_stack([HARD, np.zeros(4)])
    found = learn_ratios(make_past(), nobody)
    assert np.isnan(found.ratio[2])
    assert found.factor[2] == 1.0
    assert np.isfinite(equalize_groups(make_past(), nobody, "overall").factor).all()


@given(
    distance=st.floats(-3, 3),
    smaller=st.floats(0, 2),
    larger=st.floats(0, 2),
)
def test_more_variance_never_leaves_more(distance, smaller, larger):
    low, high = sorted((smaller, larger))
    kept = shrink_distance(np.array([distance] * 2), np.array([low, high]))
    assert abs(kept[1]) <= abs(kept[0]) <= abs(distance)
    assert (kept * distance >= 0).all()


@given(ratio=st.floats(0, 50) | st.just(float("nan")), variance=st.floats(0, 1e6))
def test_a_factor_stays_within_reason(ratio, variance):
    factor = Ratios(np.array([ratio]), np.array([variance])).factor[0]
    assert 1 / MOST <= factor <= MOST
    assert Ratios(np.array([ratio]), np.array([np.inf])).factor[0] == 1.0


def test_soft_groups_mix_by_residents():
    soft = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9]])
    past = make_past((1.3, 1.2, 1.1, 1.0))
    groups = learn_ratios(past, soft).factor
    np.testing.assert_allclose(recalibrate_groups(past, soft, "best").factor, soft @ groups)


@pytest.mark.parametrize("reference", ["overall", "best", 1])
def test_equalizing_leaves_no_group_missing_more_than_the_reference(reference):
    past = make_past((1.3, 1.3, 1.0, 1.0), noise=0.01, origins=12)
    noisy = np.where(past.entity < 2, np.exp(np.sin(37.0 * np.arange(len(past.age)))), 1.0)
    past = Past(**{f: getattr(past, f) for f in past.__slots__} | {"truth": past.truth * noisy})

    def miss(factor, part):
        gone = np.maximum(past.truth - past.forecast * factor[past.entity], 0) * past.discount
        own = part[past.entity]
        return (gone * own).sum() / (past.truth * past.discount * own).sum()

    level = recalibrate_groups(past, HARD, reference).factor
    raised = equalize_groups(past, HARD, reference).factor
    assert (raised >= level - 1e-12).all()
    assert miss(raised, HARD[:, 0]) < miss(level, HARD[:, 0])
    np.testing.assert_allclose(raised[2:], level[2:])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), boost=st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_capacity_is_never_more_nor_less(seed, boost):
    rng = np.random.default_rng(seed)
    entity, moment = np.tile(np.arange(5), 6), np.repeat(np.arange(6), 5)
    forecast, need = rng.gamma(2, 10, 30), rng.poisson(20, 30).astype(float)
    high = np.where(rng.random(30) < 0.1, np.nan, forecast * 1.7)
    claim = claim_capacity(forecast, high, np.array(boost)[entity])
    given_out = share_capacity(claim, need, moment)
    for m in range(6):
        assert given_out[moment == m].sum() == pytest.approx(need[moment == m].sum())
    table = pd.DataFrame({"fold": moment, "step": 1, "y_true": need, "y_pred": claim})
    sums = build_sums(table)
    np.testing.assert_allclose(sums.values[:, sums.names.index("allocated")], given_out)


def test_capacity_moves_to_those_who_were_left_behind():
    past = make_past((1.5, 1.5, 1.0, 1.0))
    found = reallocate_capacity(past, HARD, 1)
    assert (found.boost[:2] > 0).all()
    np.testing.assert_array_equal(found.boost[2:], 0.0)
    np.testing.assert_array_equal(found.factor, 1.0)
    fair = reallocate_capacity(make_past((1.0,) * 4, noise=0.1), HARD, "overall")
    assert fair.boost.max() <= 0.2


def test_bounded_loss_looks_at_no_group_and_refuses_soft_ones():
    past = make_past()
    assert bound_losses(past, np.full((4, 2), 0.5), "overall") is None
    found = bound_losses(past, HARD, "overall")
    assert len(set(found.factor.tolist())) == 1, "all records are alike, so are the factors"
    again = bound_losses(past, HARD, "overall")
    np.testing.assert_array_equal(found.factor, again.factor)


@pytest.mark.filterwarnings("ignore:Setting a")
def test_weights_that_are_looked_up_are_fairlearn_s_to_the_last_bit():
    from fairlearn.reductions import BoundedGroupLoss, ExponentiatedGradient, SquareLoss

    rng = np.random.default_rng(3)
    group = rng.integers(0, 4, 300)
    x = rng.uniform(0.5, 1.5, (300, 2))
    y = np.clip(x[:, 0] * (1 + 0.2 * group) + rng.normal(0, 0.1, 300), 0, 3)
    slopes = []
    for loss in (build_bound(0.0, 3.0, 0.05), BoundedGroupLoss(SquareLoss(0, 3), upper_bound=0.05)):
        found = ExponentiatedGradient(Line(), loss, max_iter=6)
        found.fit(x, y, sensitive_features=group)
        slopes.append([line.slope for line in found.predictors_])
    assert len(slopes[0]) > 1
    np.testing.assert_array_equal(slopes[0], slopes[1])


def make_replay(panel, first=36, lead=1, bias=None) -> pd.DataFrame:
    """Forecast last year's value at every third origin, as a backtest leaves it."""
    parts = []
    for origin in range(first, panel.periods.count, 3):
        known = panel.known_at(origin)
        for e, name in enumerate(panel.entity_ids):
            for step in (1, 2, 3):
                value = known[origin + step - 13, e]
                parts.append((origin, name, step, origin + step - 1, value, value / 2, value * 2))
    columns = ["origin", "entity_id", "step", "period", "y_pred", "y_low", "y_high"]
    return pd.DataFrame(parts, columns=columns)


def make_membership(panel) -> Membership:
    names = list(panel.entity_ids)
    first = np.arange(len(names)) < 6
    weights = pd.DataFrame({"a": first.astype(float), "b": (~first).astype(float)}, index=names)
    return Membership("half", "Half", "hard", ("a", "b"), weights, {}, "overall", (), "")


def test_tripwire_the_future_changes_no_earlier_correction():
    """Shuffle all values from a fold's origin on: what was learnt up to it stays, bit for bit."""
    values, cut = draw_values(), 60
    values[48:, :6] *= np.linspace(1, 2, 24)[:, None]
    shuffled = values.copy()
    shuffled[cut:] = np.random.default_rng(1).permutation(shuffled[cut:].ravel()).reshape(-1, 12)
    origins = {1: 54, 2: 57, 3: 60, 4: 66, 0: 72}
    tables = []
    for v in (values, shuffled):
        panel = build_panel(v, delay=1)
        replay = make_replay(panel)
        tables.append(learn_corrections(replay, panel, make_membership(panel), origins, OPTIONS))
    before, after = tables
    early = before["fold"].isin([1, 2, 3])
    assert set(before["option"]) == {o.name for o in OPTIONS}
    pd.testing.assert_frame_equal(before[early], after[early], check_exact=True)
    assert not before[~early].equals(after[~early])


def test_a_correction_is_applied_to_forecast_and_interval_and_the_old_one_is_kept():
    table = pd.DataFrame(
        {
            "fold": [1, 2],
            "entity_id": ["a", "a"],
            "as_of": pd.to_datetime(["2024-01-01", "2024-02-01"]),
            "step": 1,
            "period": [1, 2],
            "period_start": pd.to_datetime(["2024-01-01", "2024-02-01"]),
            "y_true": [10.0, 12.0],
            "y_pred": [8.0, 10.0],
            "y_low": [6.0, 8.0],
            "y_high": [9.0, 14.0],
            "scale": 1.0,
        }
    )
    predictions = build_predictions(table, coverage=0.9, unit="tons", chosen="blend")
    learnt = pd.DataFrame(
        {"option": "recalibrate", "fold": [1, 0], "entity_id": "a", "factor": [1.25, 9.0]}
    )
    found = apply_correction(predictions, learnt.assign(boost=0.0), "recalibrate")
    assert found.table["y_pred"].tolist() == [10.0, 10.0]
    assert found.table["y_low"].tolist() == [7.5, 8.0]
    assert found.table["candidate.unmitigated"].tolist() == [8.0, 10.0]
    assert found.chosen == "recalibrate"


def test_the_range_of_the_total_moves_with_the_total():
    table = pd.DataFrame(
        {
            "fold": 1, "entity_id": ["a", "b"], "as_of": pd.Timestamp("2024-01-01"), "step": 1,
            "period": 1, "period_start": pd.Timestamp("2024-01-01"), "y_true": 10.0,
            "y_pred": [8.0, 12.0], "y_low": 5.0, "y_high": 15.0, "scale": 1.0,
            "total_low": 16.0, "total_high": 26.0,
        }
    )  # fmt: skip
    predictions = build_predictions(table, coverage=0.9, unit="calls", chosen="blend")
    learnt = pd.DataFrame(
        {"option": "recalibrate", "fold": 1, "entity_id": ["a"], "factor": [1.25]}
    )
    found = apply_correction(predictions, learnt.assign(boost=0.0), "recalibrate").table
    assert found["y_pred"].sum() == 22.0
    assert found["total_low"].tolist() == pytest.approx([17.6, 17.6])
    assert found["total_high"].tolist() == pytest.approx([28.6, 28.6])
