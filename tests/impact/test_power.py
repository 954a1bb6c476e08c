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
from cityai.impact.lots import plan_starts
from cityai.impact.power import (
    Placebo,
    count_periods,
    minimum_detectable_effect,
    price_lottery,
    price_probe,
)
from cityai.impact.records import Law
from cityai.impact.replays import PlaceboLottery, inject_effect
from cityai.impact.synthetic import synthetic_did
from cityai.impact.wedge_replays import PlaceboWedge

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


MANY = pytest.mark.parametrize(
    ("count", "room", "held"),
    [
        pytest.param(300, 0.08, 0.035, id="few"),
        pytest.param(DRAWN or 1500, 0.05, 0.02, id="all", marks=pytest.mark.long),
    ],
)
"""Of 1,500, a power of 0.8 has a standard error of 0.010 and a coverage of 0.95 one of 0.006."""


@MANY
def test_a_lottery_keeps_what_its_design_promised(count, room, held):
    """Designed on a year of the past, then carried out in other half years."""
    rng = np.random.default_rng(1)
    past = draw_outcomes(52, rng)
    promised = PlaceboLottery.draw(past, make_law(52, rng), WEEKS).power(EFFECT, 0.95)
    effects = simulate_city(count, EFFECT, 0)
    told = np.mean([e.high < 0 for e in effects])
    assert told == pytest.approx(promised, abs=room)
    assert np.mean([e.low <= EFFECT <= e.high for e in effects]) == pytest.approx(0.95, abs=held)


RARE = pytest.mark.parametrize(
    ("rate", "helped", "size", "served", "weeks", "room"),
    [
        pytest.param(0.1, 0.8, 12, 4, 26, 0.05, id="ten in a hundred"),
        pytest.param(0.05, 0.9, 40, 20, 16, 0.05, id="five in a hundred"),
        pytest.param(0.002, 1.0, 600, 300, 12, 0.05, id="two in a thousand"),
        pytest.param(0.3, 0.6, 10, 1, 26, 0.05, id="one is served"),
        pytest.param(0.4, 0.6, 2, 1, 60, 0.05, id="pairs"),
        pytest.param(0.35, 0.4, 60, 30, 6, 0.05, id="few lists"),
    ],
)


@pytest.mark.long
@RARE
def test_of_rare_answers_a_lottery_keeps_what_its_design_promised(
    rate, helped, size, served, weeks, room
):
    """Held against analyses as they are made, by assignments drawn again."""
    told, held, promised = [], [], []
    for seed in range(DRAWN or 300):
        rng = np.random.default_rng(seed)
        law, outcome = draw_rare(weeks, rng, rate, size, served)
        spared = (law.arm == 1) & (rng.random(len(outcome)) < helped)
        found = difference_in_means(np.where(spared, 0.0, outcome), law, ARMS, draws=200)
        told.append(found.known and found.high < 0)
        held.append(not found.known or found.low <= -rate * helped <= found.high)
    for seed in range(12):
        law, past = draw_rare(104, np.random.default_rng(5000 + seed), rate, size, served)
        effect = -helped * past.mean()
        promised.append(PlaceboLottery.draw(past, law, weeks).power(effect, 0.95))
    assert np.mean(told) == pytest.approx(np.mean(promised), abs=room)
    # Of hardly any answers, most of them spared, an interval of an effect alike for all is short.
    assert np.mean(held) >= 0.9


def draw_rare(
    weeks: int, rng: np.random.Generator, rate: float = 0.1, size: int = 12, served: int = 4
) -> tuple[Law, np.ndarray]:
    arm = np.concatenate([rng.permutation(size) < served for _ in range(weeks)]).astype(np.int64)
    block, unit = np.repeat(np.arange(weeks), size), np.arange(size * weeks)
    share = np.where(arm == 1, served / size, 1 - served / size)
    law = Law("lottery", ARMS, arm, share, unit, block, unit, block)
    return law, (rng.random(len(arm)) < rate).astype(float)


@pytest.mark.parametrize(("size", "served"), [(12, 4), (6, 1), (2, 1), (5, 4)])
@pytest.mark.parametrize("amounts", [False, True])
def test_replays_compare_as_the_analysis_does(size, served, amounts):
    """What blocks say together is what the estimator says of the same rows, drawn again."""
    law, outcome = draw_rare(8, np.random.default_rng(1), 0.4, size, served)
    outcome = outcome + amounts * np.arange(len(outcome)) ** 1.5
    lottery = PlaceboLottery.draw(outcome, law, 8)
    pairs = lottery._pair(0.3, np.random.default_rng(2))
    again = lottery._pair(0.3, np.random.default_rng(2))
    block, own, drawn = (np.random.default_rng(3).integers(0, n, (5, 8)) for n in (8, 200, 200))
    ratio = pairs.compare(block, own[:, None], drawn[None, :1])
    assert np.array_equal(
        ratio, again.compare(block, own[:, None], drawn[None, :1]), equal_nan=True
    )
    rng = np.random.default_rng(2)
    moved = np.where(
        lottery.pool, inject_effect(lottery.outcome, 0.3, rng, len(lottery.pool)), lottery.outcome
    )
    for k in range(5):
        rows = [np.arange(b * size, (b + 1) * size) for b in block[k]]
        y = np.concatenate([moved[o, r] for o, r in zip(own[k], rows, strict=True)])
        z = np.concatenate([lottery.pool[d, r] for d, r in zip(drawn[0], rows, strict=True)])
        law = Law(
            "lottery",
            ARMS,
            z.astype(int),
            z * 0.5,
            *(np.arange(len(y)),),
            np.repeat(np.arange(8), size),
            *(np.arange(len(y)),),
            np.arange(len(y)),
        )
        found = difference_in_means(y, law, ARMS)
        if found.standard_error is None:
            assert not np.isfinite(ratio[k, 0])
        else:
            assert ratio[k, 0] == pytest.approx(found.estimate / found.standard_error)


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
    promised = PlaceboWedge.draw(past, STARTS, PERIODS).power(effect, 0.95)
    unit, period = (x.ravel() for x in np.indices((PLACES, PERIODS)))
    told, inside = [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        assigned = (period >= rng.permutation(STARTS)[unit]).astype(float)
        outcome = draw_places(PERIODS, rng).ravel() + effect * assigned
        found = two_way_fixed_effects(outcome, assigned, unit, period, arms=ARMS)
        told.append(found.low > 0)
        inside.append(found.low <= effect <= found.high)
    assert np.mean(told) == pytest.approx(promised, abs=room)
    assert np.mean(inside) == pytest.approx(0.95, abs=held)


@pytest.mark.long
@pytest.mark.parametrize(
    ("places", "cases", "rate", "helped"),
    [(24, 40, 0.05, 0.5), (24, (5, 80), 0.3, 0.25), (8, 60, 0.3, 0.3), (16, 200, 0.01, 0.6)],
)
def test_a_stepped_wedge_of_rare_answers_keeps_what_its_design_promised(
    places, cases, rate, helped
):
    """Places of unequal size and few of them; analysed by their starts, dealt out again."""
    starts, promised, told, held = plan_starts(places, PERIODS), [], [], []
    unit, period = (x.ravel() for x in np.indices((places, PERIODS)))
    size = np.resize(np.linspace(*np.resize(cases, 2), 4).astype(int), places)
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        many = np.tile(size[:, None], 52)
        mean = rng.binomial(many, rate) / many
        drawn = PlaceboWedge.draw(mean, starts, PERIODS, weights=many, share=True, replays=500)
        promised.append(drawn.power(-rate * helped, 0.95))
    for seed in range(DRAWN or 200):
        rng = np.random.default_rng(seed)
        start = rng.permutation(starts)[unit]
        begun, none = (period >= start).astype(np.int64), np.zeros(len(unit), np.int64)
        law = Law("stepped wedge", ARMS, begun, none, unit, none, unit, period, start)
        mean = rng.binomial(size[unit], np.where(begun == 1, rate * (1 - helped), rate))
        found = two_way_fixed_effects(
            *(mean / size[unit], begun, unit, period),
            **{"arms": ARMS, "weights": size[unit], "law": law, "draws": 400},
        )
        told.append(found.high < 0)
        held.append(found.low <= -rate * helped <= found.high)
    assert np.mean(told) == pytest.approx(np.mean(promised), abs=0.08)
    assert np.mean(held) >= 0.92


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


def make_placebo(error: float = 0.4, n: int = 4000) -> Placebo:
    estimate = error * np.random.default_rng(0).normal(size=n)
    return Placebo(10.0, estimate, np.full(n, error), np.full(n, np.inf))


def test_power_is_that_of_the_formula():
    placebo = make_placebo()
    assert placebo.power(1.0, 0.95) == pytest.approx(0.705, abs=0.02)
    assert placebo.power(0.0, 0.95) == pytest.approx(0.025, abs=0.01)
    assert placebo.power(-1.0, 0.95) == pytest.approx(0.705, abs=0.02)
    assert minimum_detectable_effect(placebo, 1.0) == pytest.approx(2.8 * 0.4, abs=0.03)


def test_weeks_are_counted_and_a_year_may_not_be_enough():
    # Ten weeks detect 1.12; 1.0 takes a quarter more, a tenth of it a hundred times as many.
    assert count_periods(make_placebo(), 1.0) == pytest.approx(12.6, abs=0.7)
    assert count_periods(make_placebo(), 0.1) == math.inf


def test_no_effect_is_detected_that_cannot_be():
    """Five in a hundred have the answer: not even if all were spared it would be told."""
    law, past = draw_rare(52, np.random.default_rng(4), 0.05)
    lottery = PlaceboLottery.draw(past, law, 6)
    assert math.isnan(minimum_detectable_effect(lottery, -0.01))
    assert lottery.find_room(-0.01) == past.mean()
    assert lottery.find_room(0.01) == 1 - past.mean()
    assert minimum_detectable_effect(lottery, 0.01) > 0.1


def test_a_past_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="8 past periods are fewer than 12"):
        PlaceboWedge.draw(np.zeros((4, 8)), np.array([1, 2, 3, 4]), 12)


def test_the_price_of_a_lottery_is_the_need_that_rank_would_have_met():
    need = np.array([1, 1, 0, 0, 1, 0, 1, 0.0])
    served = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)
    # The first week 2 of 2 by rank and 1 by lot; the second as many either way.
    assert price_lottery(need, np.repeat([0, 1], 4), served) == pytest.approx(0.5)
    assert price_probe(np.array([0.1, 0.3]), np.ones(2), 0.5, 10) == pytest.approx(3.0)


def test_synthetic_places_that_are_small_get_the_wider_interval():
    """The two smallest of 24 are served: by placebos of larger ones alone 76 of 100 held none."""
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cases = np.sort(rng.integers(30, 60, 24))
        cases[:2] = 4
        rate = 0.1 * np.exp(0.2 * rng.standard_normal((24, 1)) + 0.1 * rng.standard_normal(32))
        panel = rng.binomial(cases[:, None], rate) / cases[:, None]
        found = synthetic_did(panel, np.arange(24) < 2, 24, draws=40)
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) >= 0.87
