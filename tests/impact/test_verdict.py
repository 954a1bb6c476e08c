"""Verdicts against the smallest effect worth having, effects by group, and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.impact.assignment import read_law
from cityai.impact.difference_in_means import difference_in_means
from cityai.impact.group_effects import compare_arms, compare_groups
from cityai.impact.records import Direction, Effect, Law, Word, leave_undefined
from cityai.impact.synthetic import before_after, interrupted_series
from cityai.impact.verdict import judge_effect

ARMS = ("waits", "served")


def make_effect(low: float, high: float) -> Effect:
    middle = (low + high) / 2
    return Effect(middle, (high - low) / 3.92, low, high, None, 100, ARMS, "", "")


@pytest.mark.parametrize(
    ("low", "high", "word", "direction"),
    [
        (0.06, 0.20, Word.WORTH, Direction.HELPS),
        (0.01, 0.04, Word.NOT_WORTH, Direction.HELPS),
        (-0.02, 0.04, Word.NOT_WORTH, Direction.OPEN),
        (-0.09, -0.01, Word.NOT_WORTH, Direction.HARMS),
        (0.01, 0.20, Word.CANNOT_TELL, Direction.HELPS),
        (-0.02, 0.20, Word.CANNOT_TELL, Direction.OPEN),
    ],
)
def test_verdicts_follow_the_whole_interval_whichever_way_is_better(low, high, word, direction):
    verdict = judge_effect(make_effect(low, high), 0.05, 10)
    assert (verdict.word, verdict.direction) == (word, direction)
    turned = judge_effect(make_effect(-high, -low), -0.05, 10)
    assert (turned.word, turned.direction) == (word, direction)
    assert turned.more_periods == pytest.approx(verdict.more_periods, nan_ok=True)


def test_what_is_undefined_cannot_be_told_and_says_why():
    verdict = judge_effect(leave_undefined("nobody came", ARMS, "", ""), 0.05, 10)
    assert (verdict.word, verdict.reason) == (Word.CANNOT_TELL, "nobody came")
    assert math.isnan(verdict.more_periods)
    with pytest.raises(ValueError, match="not 0"):
        judge_effect(make_effect(0, 1), 0.0)


def test_further_weeks_settle_four_of_five_cases():
    effect = make_effect(0.01, 0.15)
    more = judge_effect(effect, 0.05, 10).more_periods
    rng = np.random.default_rng(0)
    error, part = effect.standard_error, 10 / (10 + more)
    later = 0.08 + error * np.sqrt(part * (1 - part)) * rng.normal(size=20_000)
    half = 1.96 * error * np.sqrt(part)
    assert np.mean(np.abs(later - 0.05) > half) == pytest.approx(0.8, abs=0.02)


@given(st.floats(0.001, 0.05), st.floats(1.05, 3))
def test_a_wider_interval_never_asks_for_fewer_weeks(half, factor):
    narrow, wide = (make_effect(0.06 - h, 0.06 + h) for h in (half, half * factor))
    few, many = (judge_effect(e, 0.05, 8).more_periods for e in (narrow, wide))
    assert many >= few


def make_law(arm: np.ndarray, block: np.ndarray) -> Law:
    table = pd.DataFrame(
        {"unit": range(len(arm)), "block": block, "arm": np.asarray(ARMS)[arm.astype(int)]}
    )
    share = table.groupby("block")["arm"].value_counts(normalize=True)
    keys = pd.MultiIndex.from_frame(table[["block", "arm"]])
    return read_law(table.assign(probability=share.reindex(keys).to_numpy()), "lottery", ARMS)


def test_blocks_count_by_their_rows_whatever_their_odds():
    """Served more often where the outcome is rare: raw means would see an effect that is none."""
    arm = np.array([1] * 30 + [0] * 10 + [1] * 10 + [0] * 30)
    outcome = np.array([1, 0, 0, 0, 0] * 8 + [1, 1, 1, 1, 0] * 8, float)
    law = make_law(arm, np.repeat(["a", "b"], 40))
    assert difference_in_means(outcome, law, ARMS).estimate == pytest.approx(0)
    assert outcome[arm == 1].mean() - outcome[arm == 0].mean() < -0.2


def test_outcomes_that_are_not_known_are_counted_by_arm():
    rng = np.random.default_rng(0)
    law = make_law(rng.permutation(40) < 20, np.zeros(40))
    outcome = rng.normal(size=40)
    outcome[np.flatnonzero(law.arm == 1)[:3]] = np.nan
    found = difference_in_means(outcome, law, ARMS)
    assert found.n == 37
    assert found.reason == "without an outcome: 0 of 'waits', 3 of 'served'"
    outcome[np.flatnonzero(law.arm == 1)[:8]] = np.nan
    unequal = difference_in_means(outcome, law, ARMS)
    assert "the arms differ in this, so the effect may be of who is measured" in unequal.reason
    outcome[:] = np.nan
    assert "no block has outcomes in both arms" in difference_in_means(outcome, law, ARMS).reason


def test_outcomes_that_do_not_vary_have_no_interval_but_shares_have():
    law = make_law(np.arange(40) % 2, np.zeros(40))
    still = difference_in_means(np.full(40, 3.0), law, ARMS)
    assert (still.estimate, still.low) == (0.0, None)
    none = compare_arms(np.zeros(40), law, ARMS)
    assert none.estimate == 0
    assert none.low < -0.1 < 0.1 < none.high


def test_one_row_of_an_arm_in_a_block_takes_the_spread_of_other_blocks():
    rng = np.random.default_rng(1)
    arm = np.array([1, 0, 0, 0, 0, 0] * 8 + [1, 1, 1, 0, 0, 0])
    law = make_law(arm, np.repeat(np.arange(9), 6))
    found = difference_in_means(rng.normal(size=54), law, ARMS, draws=500)
    assert found.low < found.estimate < found.high


def test_the_interval_and_the_p_value_never_disagree():
    for seed in range(25):
        rng = np.random.default_rng(seed)
        law = make_law(rng.permutation(30) < 12, np.zeros(30))
        outcome = rng.exponential(size=30) - 0.6 * (law.arm == 1)
        found = difference_in_means(outcome, law, ARMS, draws=500)
        assert (found.p_value <= 0.05) == (not found.low <= 0 <= found.high)
        assert found.low <= found.estimate <= found.high


def test_too_few_redraws_give_no_interval():
    law = make_law(np.arange(40) % 2, np.zeros(40))
    found = difference_in_means(np.random.default_rng(0).normal(size=40), law, ARMS, draws=50)
    assert found.low is None
    assert found.reason == "50 redraws cannot tell an interval of 95.0%"


def test_the_same_seed_gives_the_same_interval_and_the_scale_scales_it():
    rng = np.random.default_rng(0)
    law = make_law(rng.permutation(60) < 30, np.repeat([0, 1, 2], 20))
    outcome = rng.normal(size=60)
    first = difference_in_means(outcome, law, ARMS, draws=500)
    assert difference_in_means(outcome, law, ARMS, draws=500) == first
    scaled = difference_in_means(1000 * outcome + 7e5, law, ARMS, draws=500)
    assert scaled.low == pytest.approx(1000 * first.low, rel=1e-6)


def test_groups_hold_together_and_a_small_one_is_hidden():
    rng = np.random.default_rng(0)
    law = make_law(rng.permutation(400) < 200, np.zeros(400))
    outcome = (rng.random(400) < 0.4).astype(float)
    group = np.array(["north", "south", "not recorded"])[rng.integers(0, 3, 400)]
    group[:5] = "island"
    found = compare_groups(outcome, law, group, ARMS)
    by = dict(zip(found.groups, found.effects, strict=True))
    assert by["island"].estimate is None
    assert found.counted_with[found.groups.index("island")]
    assert found.counts.to_numpy().sum() == 400
    shown = [e for e in found.effects if e.known]
    assert len(shown) == 3
    assert sum(e.n for e in shown) == 400
    whole = compare_arms(outcome, law, ARMS)
    assert all(e.high - e.low > whole.high - whole.low for e in shown)


def test_before_and_after_cannot_tell():
    rng = np.random.default_rng(0)
    past = rng.normal(size=60).cumsum()
    found = before_after(past[-8:], past[-8:] + 0.1, past[:-8])
    assert found.estimate == pytest.approx(0.1)
    assert found.low is None
    assert "a trend, a season" in found.reason
    assert " earlier stretches" in found.reason
    assert judge_effect(found, 0.05).word is Word.CANNOT_TELL


def test_an_interrupted_series_is_held_against_its_own_replays():
    rng = np.random.default_rng(0)
    placebo = rng.normal(0, 1, (20, 6))
    found = interrupted_series(np.full(6, 12.0), np.full(6, 10.0), placebo)
    assert found.estimate == 2
    assert found.low > 0
    assert found.freedom == 19
    biased = interrupted_series(np.full(6, 12.0), np.full(6, 10.0), placebo + 2)
    assert biased.low < 0 < biased.high
    few = interrupted_series(np.full(6, 12.0), np.full(6, 10.0), placebo, separate=4)
    assert "4 separate replays are fewer than 6" in few.reason
