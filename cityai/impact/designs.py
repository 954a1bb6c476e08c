"""Designs of lists held against a city's own past: which fit, what they can tell and cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from scipy.special import ndtri

from cityai.config.evaluation import Design
from cityai.impact.discontinuity import measure_distance, regression_discontinuity
from cityai.impact.lots import ARMS
from cityai.impact.options import (
    LEAST_BLOCKS,
    SEED,
    Option,
    Rules,
    refuse_design,
    simulate_estimates,
)
from cityai.impact.past_lists import Past, drop_again, list_firsts, make_places
from cityai.impact.place_designs import PROMISES
from cityai.impact.power import price_lottery, price_probe
from cityai.impact.records import Law
from cityai.impact.replays import REPLAYS, PlaceboLottery, find_room, inject_effect
from cityai.progress import counting

STRETCHES: Final = 12
"""Stretches of the past, as long as the evaluation, that a discontinuity is tried on."""
LOCAL_RATE: Final = 0.4
"""Power of the rows with which the error at a cut-off shrinks, since its bandwidth does too."""


def compare_designs(
    past: Past,
    smallest: float,
    weeks: int,
    *,
    edge: tuple[int, int],
    probe: float = 0.03,
    confidence: float = 0.95,
    replays: int = REPLAYS,
) -> tuple[Option, ...]:
    """Compare the designs on the city's own past, of lists and of the areas on them.

    Parameters
    ----------
    past : Past
        As the lists were.
    smallest : float
        The smallest effect worth having, with the sign of what is better.
    weeks : int
        How long the evaluation would last.
    edge : tuple of int
        Places within the capacity, and beyond it, about which chance would decide.
    probe : float
        Share of those not served that would be visited by chance.
    confidence : float
        Of its intervals.
    replays : int
        Evaluations replayed, of each design.
    """
    known = np.isfinite(past.outcome)
    kept = replace(
        past,
        outcome=past.outcome[known],
        rank=past.rank[known],
        score=past.score[known],
        period=past.period[known],
        area=None if past.area is None else past.area[known],
        unit=None if past.unit is None else past.unit[known],
    )
    lost = int((~known).sum())
    told = f"{lost:,} of {len(known):,} past cases without an outcome left out. " * bool(lost)
    share = math.isfinite(find_room(kept.outcome, smallest))
    rules = Rules(smallest, weeks, confidence, replays, told, share)
    places = make_places(kept)
    of_places = {name: partial(promise, places, rules) for name, promise in PROMISES.items()}
    tries: dict[Design, Callable[[], Option]] = {
        "lottery": lambda: _try_lottery(kept, edge, rules),
        "probe": lambda: _try_probe(kept, probe, told),
        "stepped wedge": of_places["stepped wedge"],
        "discontinuity": lambda: _try_discontinuity(kept, rules),
        **of_places,
    }
    return tuple(attempt() for attempt in counting(tuple(tries.values())))


def _try_lottery(past: Past, edge: tuple[int, int], rules: Rules) -> Option:
    above, below = edge
    near = (past.rank > past.capacity - above) & (past.rank <= past.capacity + below)
    periods = max(round(rules.weeks / past.weeks), 1)
    lists = len(np.unique(past.period[near]))
    rows = drop_again(past, np.flatnonzero(near), periods)
    by_rank = past.rank <= past.capacity
    size = np.bincount(past.period[rows], minlength=past.periods)
    served = np.bincount(past.period[rows], weights=by_rank[rows], minlength=past.periods)
    whole = ((served > 0) & (served < size))[past.period[rows]]
    rows = rows[whole]
    count = len(np.unique(past.period[rows]))
    if count < LEAST_BLOCKS:
        told = (
            f"{count:,} past lists have cases on both sides of the edge: fewer than {LEAST_BLOCKS}"
        )
        return refuse_design("lottery", told)
    block = np.unique(past.period[rows], return_inverse=True)[1].astype(np.int64)
    # As many as rank would serve are served by lot; who, is drawn anew each time.
    law = Law(
        "lottery",
        ARMS,
        by_rank[rows].astype(np.int64),
        np.full(len(rows), math.nan),
        np.arange(len(rows)),
        block,
        np.arange(len(rows)),
        block,
    )
    y = past.outcome[rows]
    # Lists on which nothing is left to chance tell nothing, but take their time.
    replay = PlaceboLottery.draw(
        *(y, law, rules.weeks),
        blocks=count / lists / past.weeks,
        replays=rules.replays,
    )
    if lack := rules.find_lack(replay):
        return refuse_design("lottery", f"at the edge {lack}")
    price = price_lottery(y, block, by_rank[rows]) * count / lists / past.weeks
    return rules.promise("lottery", replay, price)


def _try_probe(past: Past, probe: float, told: str) -> Option:
    rest = past.rank > past.capacity
    visits = probe * float(rest.sum()) / max(past.periods, 1)
    if not visits:
        return refuse_design("probe", "all cases are served: there is nowhere that nobody looks")
    last = (past.rank > past.capacity - max(visits, 1)) & ~rest
    price = math.nan
    if last.any():
        chance = np.ones(int(rest.sum()))
        price = price_probe(past.outcome[rest], chance, float(past.outcome[last].mean()), visits)
    reason = (
        f"{told}{visits / past.weeks:.1f} visits a week by chance tell what is there where nobody "
        "looks; they are too few to tell an effect"
    )
    return Option("probe", True, math.nan, math.nan, math.nan, price / past.weeks, reason)


def _try_discontinuity(past: Past, rules: Rules) -> Option:
    """As it is analysed, over stretches of the past: a unit speaks on its first list."""
    apart = measure_distance(past.score, past.rank <= past.capacity, past.period)
    periods = max(round(rules.weeks / past.weeks), 1)
    errors, told, reason = [], [], "no past list has a cut-off"
    rng, quantile = np.random.default_rng(SEED), float(ndtri((1 + rules.confidence) / 2))
    for firsts in list_firsts(past, periods, STRETCHES):
        rows = firsts[np.isfinite(apart[firsts]) & (apart[firsts] != 0)]
        outcome, served = past.outcome[rows], apart[rows] > 0
        outcome[served] = inject_effect(outcome[served], rules.smallest, rng)[0]
        found = regression_discontinuity(outcome, apart[rows], confidence=rules.confidence)
        if (
            found.estimate is None
            or found.standard_error is None
            or found.low is None
            or found.high is None
        ):
            errors.append(math.nan)
            told.append(math.nan)
            reason = found.reason
            continue
        errors.append(found.standard_error)
        ends = found.estimate - found.low, found.high - found.estimate
        told.append(ends[int(rules.smallest < 0)] / quantile)
    if not np.isfinite(errors).any():
        return refuse_design("discontinuity", reason)
    span = min(periods, past.periods) * past.weeks
    placebo = simulate_estimates(np.array(errors), span)
    # Of yes and no the end that faces none may lie farther off than the error says.
    placebo = replace(placebo, rate=LOCAL_RATE, error=np.resize(told, len(placebo.error)))
    option = rules.promise("discontinuity", placebo, 0.0)
    notes = [
        option.reason,
        "only of those at the cut-off, and only while nobody moves a case across",
    ]
    if periods > past.periods and past.unit is not None:
        notes.append("the past is shorter than the evaluation, in which more come again")
    return replace(option, reason="; ".join(filter(None, notes)))
