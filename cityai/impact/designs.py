"""Designs of lists held against a city's own past: which fit, what they can tell and cost."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

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
from cityai.impact.place_designs import compare_places
from cityai.impact.power import inject_effect, placebo_lottery, price_lottery, price_probe
from cityai.impact.records import Law

STRETCHES: Final = 12
"""Stretches of the past, as long as the evaluation, that a discontinuity is tried on."""
FEW: Final = 10
"""Served by lot with the rarer answer, below which the power told is known to be too high."""
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
    draws: int = 2000,
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
    draws : int
        Placebo assignments.
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
    rules = Rules(smallest, weeks, confidence, draws, told)
    places = compare_places(make_places(kept), rules)
    wedge, rest = places[:1], places[1:]
    return (
        _try_lottery(kept, edge, rules),
        _try_probe(kept, probe, told),
        *wedge,
        _try_discontinuity(kept, rules),
        *rest,
    )


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
    drawn = max(round(periods * count / lists), 1)
    placebo = placebo_lottery(y, law, rules.smallest, drawn, draws=rules.draws)
    price = price_lottery(y, block, by_rank[rows]) * count / lists / past.weeks
    by_week = replace(placebo, periods=periods * past.weeks)
    treated = y[by_rank[rows]]
    rules = replace(rules, told=rules.told + _tell_few(treated, rules.smallest, drawn / count))
    return rules.promise("lottery", by_week, rules.weeks, price)


def _tell_few(treated: np.ndarray, effect: float, times: float) -> str:
    """Tell that hardly anybody served would have the rarer answer: power is then overstated.

    The analysis draws assignments again, and its interval is lopsided there; the promise is made by
    Student's t, which is not.
    """
    if not np.isin(treated, (0.0, 1.0)).all():
        return ""
    rate = float(np.clip(treated.mean() + effect, 0, 1))
    few = min(rate, 1 - rate) * len(treated) * times
    if few >= FEW:
        return ""
    return (
        f"about {few:.0f} of those served by lot would have the rarer answer: with so few the "
        "power is told some ten points too high. "
    )


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
    errors, reason, rng = [], "no past list has a cut-off", np.random.default_rng(SEED)
    for firsts in list_firsts(past, periods, STRETCHES):
        rows = firsts[np.isfinite(apart[firsts]) & (apart[firsts] != 0)]
        outcome, served = past.outcome[rows], apart[rows] > 0
        outcome[served] = inject_effect(outcome[served], rules.smallest, rng)[0]
        found = regression_discontinuity(outcome, apart[rows], confidence=rules.confidence)
        errors.append(math.nan if found.standard_error is None else found.standard_error)
        reason = found.reason if found.standard_error is None else reason
    if not np.isfinite(errors).any():
        return refuse_design("discontinuity", reason)
    span = min(periods, past.periods) * past.weeks
    placebo = replace(simulate_estimates(rules.smallest, np.array(errors), span), rate=LOCAL_RATE)
    option = rules.promise("discontinuity", placebo, rules.weeks, 0.0)
    told = [
        option.reason,
        "only of those at the cut-off, and only while nobody moves a case across",
    ]
    if periods > past.periods and past.unit is not None:
        told.append("the past is shorter than the evaluation, in which more come again")
    return replace(option, reason="; ".join(filter(None, told)))
