"""What a design promises, held against what comes to pass in a city whose truth is known."""

from __future__ import annotations

import math
import os

import numpy as np
import pandas as pd
import pytest

from cityai.impact.assignment import read_law
from cityai.impact.difference_in_means import difference_in_means
from cityai.impact.fixed_effects import two_way_fixed_effects
from cityai.impact.power import (
    Placebo,
    compute_power,
    count_periods,
    minimum_detectable_effect,
    placebo_lottery,
    placebo_wedge,
    price_lottery,
    price_probe,
)
from cityai.impact.records import Law, Word
from cityai.impact.verdict import judge_effect

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 0)
ARMS = ("waits", "served")
WEEKS, EDGE, SERVED, RATE, EFFECT = 26, 40, 20, 0.35, -0.08
"""Six months of a lottery among 40 cases a week, half of them served: 8 points fewer."""


def make_law(weeks: int, rng: np.random.Generator) -> Law:
    arm = np.concatenate([rng.permutation(EDGE) < SERVED for _ in range(weeks)])
    table = pd.DataFrame(
        {
            "unit": range(weeks * EDGE),
            "block": np.repeat(np.arange(weeks), EDGE),
            "arm": np.where(arm, "served", "waits"),
            "probability": SERVED / EDGE,
        }
    )
    return read_law(table, "lottery", ARMS)


def draw_outcomes(weeks: int, rng: np.random.Generator) -> np.ndarray:
    """Without treatment: weeks differ, and cases within them."""
    level = np.clip(RATE + 0.05 * rng.normal(size=weeks), 0.05, 0.95)
    return (rng.random(weeks * EDGE) < np.repeat(level, EDGE)).astype(float)


def treat(outcome: np.ndarray, law: Law, effect: float, rng: np.random.Generator) -> np.ndarray:
    spared = rng.random(len(outcome)) < -effect / RATE
    return np.where((law.arm == 1) & spared, 0.0, outcome)


def simulate_city(count: int, effect: float, draws: int) -> list:
    found = []
    for seed in range(count):
        rng = np.random.default_rng(1000 + seed)
        law = make_law(WEEKS, rng)
        outcome = treat(draw_outcomes(WEEKS, rng), law, effect, rng)
        found.append(difference_in_means(outcome, law, ARMS, draws=draws))
    return found


def promise_verdicts(placebo: Placebo, smallest: float) -> dict[str, float]:
    """How often each verdict would be given, as `judge_effect` gives it."""
    low, high = placebo.bound(0.95)
    if smallest < 0:
        low, high = -high, -low
    worth, short = low >= abs(smallest), high < abs(smallest)
    shares = {"worth_it": worth, "not_worth_it": short, "cannot_tell": ~worth & ~short}
    return {name: float(x.mean()) for name, x in {**shares, "harmful": high < 0}.items()}


MANY = pytest.mark.parametrize(
    ("count", "room", "held"),
    [
        pytest.param(300, 0.08, 0.035, id="few"),
        pytest.param(DRAWN or 1500, 0.03, 0.02, id="all", marks=pytest.mark.long),
    ],
)
"""Of 1,500, a power of 0.8 has a standard error of 0.010 and a coverage of 0.95 one of 0.006."""


@MANY
def test_a_lottery_keeps_what_its_design_promised(count, room, held):
    """Designed on a year of the past, then carried out in other half years."""
    rng = np.random.default_rng(1)
    past = draw_outcomes(52, rng)
    promised = placebo_lottery(past, make_law(52, rng), EFFECT, WEEKS, draws=4000)
    effects = simulate_city(count, EFFECT, 0)
    told = np.mean([e.high < 0 for e in effects])
    assert told == pytest.approx(compute_power(promised), abs=room)
    assert np.mean([e.low <= EFFECT <= e.high for e in effects]) == pytest.approx(0.95, abs=held)
    verdicts = promise_verdicts(promised, -0.02)
    words = [judge_effect(e, -0.02).word for e in effects]
    for name, word in (("worth_it", Word.WORTH), ("cannot_tell", Word.CANNOT_TELL)):
        assert np.mean([w is word for w in words]) == pytest.approx(verdicts[name], abs=room)


@pytest.mark.long
@pytest.mark.xfail(reason="promised 0.91, come to pass 0.80; 0.88 by Student's t", strict=True)
def test_of_rare_answers_a_lottery_keeps_what_its_design_promised():
    """Ten in a hundred, of whom eight in ten are helped: 26 lists of 12, of which 4 are served."""
    told, promised = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        law, outcome = draw_rare(26, rng)
        helped = (law.arm == 1) & (rng.random(len(outcome)) < 0.8)
        found = difference_in_means(np.where(helped, 0.0, outcome), law, ARMS, draws=200)
        told.append(found.high < 0)
    for seed in range(12):
        law, past = draw_rare(52, np.random.default_rng(5000 + seed))
        promised.append(compute_power(placebo_lottery(past, law, -0.08, 26, draws=800)))
    assert np.mean(told) == pytest.approx(np.mean(promised), abs=0.05)


def draw_rare(weeks: int, rng: np.random.Generator) -> tuple[Law, np.ndarray]:
    arm = np.concatenate([rng.permutation(12) < 4 for _ in range(weeks)]).astype(np.int64)
    block, unit = np.repeat(np.arange(weeks), 12), np.arange(12 * weeks)
    share = np.where(arm == 1, 1 / 3, 2 / 3)
    law = Law("lottery", ARMS, arm, share, unit, block, unit, block)
    return law, (rng.random(len(arm)) < 0.1).astype(float)


@pytest.mark.parametrize(
    "count", [pytest.param(40, id="few"), pytest.param(300, id="all", marks=pytest.mark.long)]
)
def test_randomisation_intervals_hold_the_truth(count):
    effects = simulate_city(count, EFFECT, 200)
    held = np.mean([e.low <= EFFECT <= e.high for e in effects])
    assert abs(held - 0.95) <= max(0.02, 3 * math.sqrt(0.05 * 0.95 / count))


@MANY
def test_an_instrument_holds_the_effect_on_those_who_follow(count, room, held):
    """Of those served by lot, 15 % are not visited: they are no worse off, and cost power."""
    inside = []
    for seed in range(min(count, 1000)):
        rng = np.random.default_rng(seed)
        law = make_law(WEEKS, rng)
        done = (law.arm == 1) & (rng.random(len(law)) > 0.15)
        spared = rng.random(len(law)) < -EFFECT / RATE
        outcome = np.where(done & spared, 0.0, draw_outcomes(WEEKS, rng))
        found = two_way_fixed_effects(
            *(outcome, law.arm, law.block, np.zeros(len(law), int)),
            **{"arms": ARMS, "received": done.astype(float), "cluster": law.unit},
        )
        inside.append(found.low <= EFFECT <= found.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=held)


PLACES, PERIODS = 24, 12
STARTS = np.repeat([3, 5, 7, 9], 6)


def draw_places(periods: int, rng: np.random.Generator) -> np.ndarray:
    """Places with levels of their own and a memory of .6, and seasons that all share."""
    shock = rng.normal(size=(PLACES, periods + 20))
    for t in range(1, periods + 20):
        shock[:, t] = 0.6 * shock[:, t - 1] + 0.8 * shock[:, t]
    shared = np.sin(np.arange(periods) / 4) + 0.3 * rng.normal(size=periods)
    return 10 + rng.normal(0, 2, (PLACES, 1)) + shared + shock[:, 20:]


@MANY
def test_a_stepped_wedge_keeps_what_its_design_promised(count, room, held):
    effect = 0.7
    past = np.concatenate([draw_places(104, np.random.default_rng(s)) for s in range(1)])
    promised = placebo_wedge(past, STARTS, PERIODS, draws=4000).put(effect)
    unit, period = (x.ravel() for x in np.indices((PLACES, PERIODS)))
    told, inside = [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        assigned = (period >= rng.permutation(STARTS)[unit]).astype(float)
        outcome = draw_places(PERIODS, rng).ravel() + effect * assigned
        found = two_way_fixed_effects(outcome, assigned, unit, period, arms=ARMS)
        told.append(found.low > 0)
        inside.append(found.low <= effect <= found.high)
    assert np.mean(told) == pytest.approx(compute_power(promised), abs=room)
    assert np.mean(inside) == pytest.approx(0.95, abs=held)


@pytest.mark.parametrize("count", [60, pytest.param(400, marks=pytest.mark.long)])
def test_a_lottery_of_clusters_holds_the_truth_by_its_own_draw(count):
    """Ten of twenty offices of unequal size, drawn within two regions."""
    inside = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        arm = np.concatenate([rng.permutation(10) < 5 for _ in range(2)])
        office = np.repeat(np.arange(20), rng.integers(5, 40, 20))
        table = pd.DataFrame({"unit": range(len(office)), "cluster": office, "probability": 0.5})
        table["block"], table["arm"] = office // 10, np.where(arm[office], *ARMS[::-1])
        law = read_law(table, "lottery", ARMS)
        level = rng.normal(0, 0.5, 20)[office] + rng.normal(0, 1, len(office))
        found = two_way_fixed_effects(
            *(level + 0.4 * law.arm, law.arm, law.block, np.zeros(len(law), int)),
            **{"arms": ARMS, "cluster": law.cluster, "law": law, "draws": 400},
        )
        inside.append(found.low <= 0.4 <= found.high)
        with pytest.raises(ValueError, match="single units"):
            difference_in_means(level, law, ARMS)
    assert abs(np.mean(inside) - 0.95) <= max(0.02, 3 * math.sqrt(0.05 * 0.95 / count))


def make_placebo(effect: float = 1.0, error: float = 0.4, n: int = 4000) -> Placebo:
    estimate = effect + error * np.random.default_rng(0).normal(size=n)
    return Placebo(effect, 10.0, estimate, np.full(n, error), np.full(n, np.inf))


def test_power_is_that_of_the_formula():
    placebo = make_placebo()
    assert compute_power(placebo) == pytest.approx(0.705, abs=0.02)
    assert compute_power(placebo.put(0.0)) == pytest.approx(0.025, abs=0.01)
    assert compute_power(placebo.put(-1.0)) == pytest.approx(0.705, abs=0.02)
    assert minimum_detectable_effect(placebo) == pytest.approx(2.8 * 0.4, abs=0.03)


def test_weeks_are_counted_and_a_year_may_not_be_enough():
    # Ten weeks detect 1.12; 1.0 takes a quarter more, a tenth of it a hundred times as many.
    assert count_periods(make_placebo()) == pytest.approx(12.6, abs=0.7)
    assert count_periods(make_placebo().put(0.1)) == math.inf


def test_a_promise_of_verdicts_adds_up_and_is_the_same_from_none_as_from_twice():
    """None is told from the smallest effect as often as twice the smallest is."""
    placebo = make_placebo(0.0)
    none = promise_verdicts(placebo, 1.0)
    twice = promise_verdicts(placebo.put(2.0), 1.0)
    assert none["worth_it"] + none["not_worth_it"] + none["cannot_tell"] == pytest.approx(1)
    assert none["not_worth_it"] == pytest.approx(twice["worth_it"], abs=0.02)
    assert none["worth_it"] + none["harmful"] <= 0.05
    fewer = promise_verdicts(placebo.put(-2.0), -1.0)
    assert fewer["worth_it"] == pytest.approx(twice["worth_it"], abs=0.02)


def test_a_past_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="8 past periods are fewer than 12"):
        placebo_wedge(np.zeros((4, 8)), np.array([1, 2, 3, 4]), 12)


def test_the_price_of_a_lottery_is_the_need_that_rank_would_have_met():
    need = np.array([1, 1, 0, 0, 1, 0, 1, 0.0])
    served = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)
    # The first week 2 of 2 by rank and 1 by lot; the second as many either way.
    assert price_lottery(need, np.repeat([0, 1], 4), served) == pytest.approx(0.5)
    assert price_probe(np.array([0.1, 0.3]), np.ones(2), 0.5, 10) == pytest.approx(3.0)
