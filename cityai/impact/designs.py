"""Designs held against a city's own past: which fit, what they can tell, what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import chdtri, ndtri

from cityai.impact.discontinuity import measure_distance, regression_discontinuity
from cityai.impact.past_lists import Past, average_lists, drop_again, list_firsts, make_panel
from cityai.impact.power import (
    WANTED,
    YEAR,
    Placebo,
    compute_power,
    count_periods,
    minimum_detectable_effect,
    placebo_lottery,
    placebo_wedge,
    price_lottery,
    price_probe,
    put_in,
)
from cityai.impact.records import Design, Law
from cityai.impact.synthetic import before_after, interrupted_series, synthetic_did

ARMS: Final = ("not served", "served")
LEAST_BLOCKS: Final = 6
"""Past periods below which nothing is promised."""
LEAST_CLUSTERS: Final = 8
"""Areas below which a stepped wedge's errors are not known."""
HORIZONS: Final = (8, 13, 26, 39, 52)
"""Weeks that a stepped wedge may last."""
GRID: Final = 4000
"""Points of a normal distribution."""
SEED: Final = 20260104
"""Of the order in which those of another are put beside them."""
STRETCHES: Final = 12
"""Stretches of the past, as long as the evaluation, that a discontinuity is tried on."""
LOCAL_RATE: Final = 0.4
"""Power of the rows with which the error at a cut-off shrinks, since its bandwidth does too."""


@dataclass(frozen=True, slots=True)
class Option:
    """What one design can do here.

    Attributes
    ----------
    design : str
        A name of `records.Design`.
    fits : bool
        Whether it can answer the question here at all.
    power : float
        How often the smallest effect worth having would be told from none, in the weeks planned;
        as often, no effect would be told to be too small. NaN where nothing is promised.
    detectable : float
        The smallest effect that four of five such evaluations would tell from none.
    weeks : float
        Weeks until four of five tell the smallest effect worth having; infinite: not in a year.
    price : float
        Need that a week leaves unserved for its sake, in the outcome's unit; 0 where nobody waits
        for it, NaN where not known.
    reason : str
        Why it does not fit, or what is to be known of it.
    """

    design: Design
    fits: bool
    power: float
    detectable: float
    weeks: float
    price: float
    reason: str


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
    """Compare the designs on the city's own past.

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
    rules = _Rules(smallest, weeks, confidence, draws, told)
    return (
        _try_lottery(kept, edge, rules),
        _try_probe(kept, probe, told),
        _try_wedge(kept, rules),
        _try_discontinuity(kept, rules),
        _try_synthetic(kept, rules),
        _try_interrupted(kept, rules),
        _refuse_before_after(kept, rules),
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    smallest: float
    weeks: int
    confidence: float
    draws: int
    told: str

    def promise(self, design: Design, placebo: Placebo, weeks: float, price: float) -> Option:
        """Say what placebo estimates promise, with the smallest effect put in, a period a week."""
        power = compute_power(placebo.last(weeks), self.confidence)
        detectable = minimum_detectable_effect(placebo.last(weeks), self.confidence)
        needed = count_periods(placebo, self.confidence)
        told = "this capacity cannot answer the question in a year" * math.isinf(needed)
        reason = (self.told + told).strip()
        return Option(design, True, power, detectable, needed, price, reason)


def _refuse(design: Design, reason: str) -> Option:
    return Option(design, False, math.nan, math.nan, math.nan, math.nan, reason)


def _spread(
    effect: float, error: float | np.ndarray, weeks: float, freedom: float = math.inf
) -> Placebo:
    """Estimates that stray normally, each with an error of those given, found with some freedom."""
    grid, rng = (np.arange(GRID) + 0.5) / GRID, np.random.default_rng(SEED)
    own = np.resize(error, GRID)
    strayed = effect + own * rng.permutation(ndtri(grid))
    if math.isfinite(freedom):
        own = own * np.sqrt(chdtri(freedom, rng.permutation(grid)) / freedom)
    return Placebo(effect, weeks, strayed, own, np.full(GRID, freedom))


def _try_lottery(past: Past, edge: tuple[int, int], rules: _Rules) -> Option:
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
        return _refuse("lottery", told)
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
    return rules.promise("lottery", by_week, rules.weeks, price)


def _try_probe(past: Past, probe: float, told: str) -> Option:
    rest = past.rank > past.capacity
    visits = probe * float(rest.sum()) / max(past.periods, 1)
    if not visits:
        return _refuse("probe", "all cases are served: there is nowhere that nobody looks")
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


def _list_horizons(past: Past, weeks: int) -> Iterator[tuple[int, int]]:
    """Weeks, and as many periods, that the past is long enough for."""
    for wanted in sorted({*HORIZONS, weeks}):
        periods = round(wanted / past.weeks)
        if 4 <= periods <= past.periods:
            yield wanted, periods


def _try_wedge(past: Past, rules: _Rules) -> Option:
    panel, cases = make_panel(past)
    areas = len(panel)
    horizons = dict(_list_horizons(past, rules.weeks))
    if areas < LEAST_CLUSTERS:
        told = f"{areas:,} areas that could begin at different times: fewer than {LEAST_CLUSTERS}"
        return _refuse("stepped wedge", told)
    if rules.weeks not in horizons:
        told = f"the past's {past.periods:,} lists do not hold {rules.weeks} weeks, or four lists"
        return _refuse("stepped wedge", told)
    placebos = {
        weeks: placebo_wedge(
            panel, _plan_starts(areas, periods), periods, weights=cases, draws=rules.draws
        ).put(rules.smallest)
        for weeks, periods in horizons.items()
    }
    enough = [
        w for w, p in placebos.items() if w <= YEAR and compute_power(p, rules.confidence) >= WANTED
    ]
    found = placebos[rules.weeks]
    waiting = float((_plan_starts(areas, horizons[rules.weeks]) / horizons[rules.weeks]).mean())
    told = (
        f"{rules.told}an effect on the mean of an area's cases; areas wait {waiting:.0%} of the "
        "time for their turn"
    )
    if not enough:
        told += "; this city's areas cannot answer the question in a year"
        told += " that its past is long enough to judge" * (max(horizons) < YEAR)
    return Option(
        "stepped wedge",
        True,
        compute_power(found, rules.confidence),
        minimum_detectable_effect(found, rules.confidence),
        float(min(enough)) if enough else math.inf,
        math.nan,
        told,
    )


def _plan_starts(areas: int, periods: int) -> np.ndarray:
    """Starts spread evenly from the second period to the last."""
    spread: np.ndarray = 1 + np.arange(areas) * (periods - 1) // areas
    return spread


def _try_discontinuity(past: Past, rules: _Rules) -> Option:
    """As it is analysed, over stretches of the past: a unit speaks on its first list."""
    apart = measure_distance(past.score, past.rank <= past.capacity, past.period)
    periods = max(round(rules.weeks / past.weeks), 1)
    errors, reason, rng = [], "no past list has a cut-off", np.random.default_rng(SEED)
    for firsts in list_firsts(past, periods, STRETCHES):
        rows = firsts[np.isfinite(apart[firsts]) & (apart[firsts] != 0)]
        outcome, served = past.outcome[rows], apart[rows] > 0
        outcome[served] = put_in(outcome[served], rules.smallest, rng)[0]
        found = regression_discontinuity(
            outcome, apart[rows], 0.0, arms=ARMS, confidence=rules.confidence
        )
        errors.append(math.nan if found.standard_error is None else found.standard_error)
        reason = found.reason if found.standard_error is None else reason
    if not np.isfinite(errors).any():
        return _refuse("discontinuity", reason)
    span = min(periods, past.periods) * past.weeks
    placebo = replace(_spread(rules.smallest, np.array(errors), span), rate=LOCAL_RATE)
    option = rules.promise("discontinuity", placebo, rules.weeks, 0.0)
    told = [
        option.reason,
        "only of those at the cut-off, and only while nobody moves a case across",
    ]
    if periods > past.periods and past.unit is not None:
        told.append("the past is shorter than the evaluation, in which more come again")
    return replace(option, reason="; ".join(filter(None, told)))


def _try_synthetic(past: Past, rules: _Rules) -> Option:
    panel, _ = make_panel(past)
    whole = panel[np.isfinite(panel).all(axis=1)] if panel.size else panel
    periods = round(rules.weeks / past.weeks)
    if len(whole) < 2 * LEAST_CLUSTERS or past.periods < 2 * periods:
        told = (
            f"{len(whole):,} areas with an outcome in each of {past.periods:,} lists: it takes "
            f"{2 * LEAST_CLUSTERS}, and a past twice as long as the evaluation"
        )
        return _refuse("synthetic", told)
    treated = np.zeros(len(whole), bool)
    treated[[0, len(whole) // 2]] = True
    begins = past.periods - periods
    found = synthetic_did(
        whole, treated, begins, arms=ARMS, confidence=rules.confidence, draws=min(rules.draws, 200)
    )
    if found.standard_error is None:
        return _refuse("synthetic", found.reason)
    placebo = _spread(rules.smallest, found.standard_error, rules.weeks, found.freedom)
    option = rules.promise("synthetic", placebo, rules.weeks, 0.0)
    told = f"with {int(treated.sum())} areas served; what else changed there is part of the effect"
    return replace(option, reason="; ".join(filter(None, [option.reason, told])))


def _try_interrupted(past: Past, rules: _Rules) -> Option:
    """Forecast by the mean of as many periods before; replayed at every past start."""
    series, periods = average_lists(past), max(round(rules.weeks / past.weeks), 1)
    separate = past.periods // periods - 1
    if separate < LEAST_BLOCKS:
        told = (
            f"{past.periods:,} past lists hold {max(separate, 0):,} separate stretches of "
            f"{rules.weeks} weeks with as many before: fewer than {LEAST_BLOCKS}"
        )
        return _refuse("interrupted", told)
    windows = np.lib.stride_tricks.sliding_window_view(series, periods)
    placebo = windows[periods:] - windows[:-periods].mean(axis=1, keepdims=True)
    none = np.zeros(periods)
    found = interrupted_series(
        *(none, none, placebo), arms=ARMS, confidence=rules.confidence, separate=separate
    )
    if found.standard_error is None:
        return _refuse("interrupted", found.reason)
    strays = _spread(rules.smallest, found.standard_error, rules.weeks, found.freedom)
    power = compute_power(strays, rules.confidence)
    detectable = minimum_detectable_effect(strays, rules.confidence)
    told = f"{rules.told}on the mean of all cases; whatever else changed then is part of the effect"
    # How errors shrink with more weeks is not known: a series has a memory.
    weeks = float(rules.weeks) if power >= WANTED else math.nan
    return Option("interrupted", True, power, detectable, weeks, 0.0, told)


def _refuse_before_after(past: Past, rules: _Rules) -> Option:
    """Say why it tells nothing, and how often so large a change came by itself."""
    none = np.zeros(max(round(rules.weeks / past.weeks), 1))
    found = before_after(none, none + rules.smallest, average_lists(past), arms=ARMS)
    return _refuse("before after", f"cannot tell: {found.reason}")
