"""Which designs fit a city's past, what they promise there, and what they cost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cityai.impact.designs import compare_designs
from cityai.impact.options import Option
from cityai.impact.past_lists import Past

CASES, CAPACITY = 150, 40
pytestmark = pytest.mark.slow


def draw_past(weeks: int = 60, areas: int = 24, seed: int = 0) -> Past:
    """Lists of 150 cases of whom 40 are served; a good score, and a rate of 3 in 10 at its edge."""
    rng = np.random.default_rng(seed)
    period = np.repeat(np.arange(weeks), CASES)
    score = rng.beta(2, 6, len(period))
    order = np.lexsort((-score, period))
    rank = np.empty(len(period), np.int64)
    rank[order] = np.tile(np.arange(CASES) + 1, weeks)
    outcome = (rng.random(len(period)) < score).astype(float)
    return Past(outcome, rank, score, period, rng.integers(0, areas, len(period)), CAPACITY)


@pytest.fixture(scope="module")
def options() -> dict[str, Option]:
    found = compare_designs(draw_past(), -0.12, 26, edge=(15, 15), replays=200)
    return {option.design: option for option in found}


def test_every_design_is_told_and_before_and_after_alone_cannot_tell(options):
    assert list(options) == [
        *("lottery", "probe", "stepped wedge", "discontinuity", "synthetic", "interrupted"),
        "before after",
    ]
    assert [name for name, option in options.items() if not option.fits] == [
        *("interrupted", "before after")
    ]
    assert "hold 1 separate stretches" in options["interrupted"].reason
    assert options["before after"].reason.startswith("cannot tell: nothing says what would have")
    assert "came by itself in 0 of 9 earlier stretches" in options["before after"].reason
    assert "too few to tell an effect" in options["probe"].reason
    assert math.isnan(options["probe"].power)


def test_the_lottery_promises_what_the_formula_does(options):
    option = options["lottery"]
    rate, n = 0.37, 26 * 15
    error = math.sqrt((rate * (1 - rate) + (rate - 0.12) * (1 - rate + 0.12)) / n)
    assert option.detectable == pytest.approx(2.8 * error, rel=0.1)
    assert option.weeks == pytest.approx(26 * (2.8 * error / 0.12) ** 2, rel=0.25)
    assert 0 < option.power < 1


def test_an_effect_that_cannot_be_is_refused(options):
    past = draw_past()
    rare = replace(past, outcome=np.where(np.arange(len(past.outcome)) % 20 == 0, 1.0, 0.0))
    found = {o.design: o for o in compare_designs(rare, -0.08, 12, edge=(15, 15), replays=100)}
    assert not found["lottery"].fits
    assert not found["stepped wedge"].fits
    assert "5 in 100 have the answer: it cannot become 8 points less" in (
        found["stepped wedge"].reason
    )


def test_the_price_is_the_need_that_waits(options):
    """Those just above the cut have a little more need than those just below."""
    assert 0 < options["lottery"].price < 2
    assert options["probe"].price > 0
    assert options["discontinuity"].price == 0


def test_a_smaller_effect_takes_longer_and_a_tiny_one_more_than_a_year(options):
    found = compare_designs(draw_past(), -0.01, 26, edge=(15, 15), replays=200)
    tiny = {option.design: option for option in found}
    assert tiny["lottery"].weeks == math.inf
    assert "cannot answer the question in a year" in tiny["lottery"].reason
    assert tiny["lottery"].power < options["lottery"].power
    assert tiny["stepped wedge"].weeks == math.inf


def test_a_wider_edge_tells_sooner_and_costs_more(options):
    wide = compare_designs(draw_past(), -0.12, 26, edge=(30, 30), replays=200)[0]
    assert wide.weeks < options["lottery"].weeks
    assert wide.price > options["lottery"].price


def test_what_does_not_fit_says_why():
    short = compare_designs(draw_past(weeks=4, areas=5), -0.1, 26, edge=(15, 15), replays=100)
    told = {option.design: option for option in short}
    assert "4 past lists have cases on both sides" in told["lottery"].reason
    assert "5 areas that could begin" in told["stepped wedge"].reason
    assert "it takes 16" in told["synthetic"].reason
    past = draw_past(weeks=10)
    all_served = compare_designs(
        replace(past, capacity=CASES, area=None), -0.1, 8, edge=(15, 0), replays=100
    )
    assert "nowhere that nobody looks" in all_served[1].reason
    assert "1 areas" in all_served[2].reason


def test_cases_without_an_outcome_are_counted():
    past = draw_past()
    outcome = past.outcome.copy()
    outcome[:300] = np.nan  # two whole lists among them
    found = compare_designs(replace(past, outcome=outcome), -0.1, 26, edge=(15, 15), replays=100)
    assert found[0].reason.startswith("300 of 9,000 past cases without an outcome left out.")


def test_a_long_past_has_stretches_to_hold_an_interrupted_series_against():
    found = compare_designs(draw_past(weeks=60), -0.12, 6, edge=(15, 15), replays=100)
    option = {o.design: o for o in found}["interrupted"]
    assert option.fits
    # Means of 900 cases before and after, and t with eight degrees of freedom.
    assert option.detectable == pytest.approx(3.2 * math.sqrt(2 * 0.25 * 0.75 / 900), rel=0.3)
    assert option.weeks == 6


def test_whoever_comes_again_takes_part_once_in_an_evaluation():
    """Every other list is of the same units as the one before it."""
    past = draw_past()
    same = replace(past, unit=np.arange(len(past.rank)))
    again = replace(past, unit=past.rank + 1000 * (past.period // 2))
    alone, all_new, repeated = (
        compare_designs(p, -0.12, 26, edge=(15, 15), replays=200)[0] for p in (past, same, again)
    )
    assert all_new == alone
    assert repeated.detectable == pytest.approx(math.sqrt(2) * alone.detectable, rel=0.15)


def test_a_cut_off_is_promised_as_it_is_analysed_a_unit_once():
    """Every list is of the same units: after the first, nobody is new."""
    past = draw_past()
    once, whole = (
        {o.design: o for o in compare_designs(p, -0.3, 26, edge=(15, 15), replays=100)}
        for p in (replace(past, unit=past.rank + CASES * (past.period % 13)), past)
    )
    told = [found["discontinuity"].detectable for found in (once, whole)]
    # In 26 weeks a unit is on two lists.
    assert 1.2 < told[0] / told[1] < 1.8  # about 2 to the power of 0.4, and wider ends of few
    short = compare_designs(draw_past(weeks=10), -0.3, 26, edge=(15, 15), replays=100)
    assert "more come again" not in {o.design: o for o in short}["discontinuity"].reason
