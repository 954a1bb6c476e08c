"""Designs of places held against a city's own past: which fit, and what they can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from cityai.config.evaluation import Design
from cityai.impact.lots import LEAST_PLACES, plan_starts
from cityai.impact.options import Option, Rules, refuse_design, simulate_estimates
from cityai.impact.past_lists import PastPlaces
from cityai.impact.power import WANTED, YEAR, minimum_detectable_effect
from cityai.impact.records import LEAST_SEPARATE
from cityai.impact.synthetic import before_after, forecast_level, interrupted_series, synthetic_did
from cityai.impact.wedge_replays import PlaceboWedge
from cityai.progress import counting

HORIZONS: Final = (8, 13, 26, 39, 52)
"""Weeks that a stepped wedge may last."""
STRETCHES: Final = 4
"""Stretches of the past that placebo places are drawn over."""


def compare_places(past: PastPlaces, rules: Rules) -> tuple[Option, ...]:
    """Compare the designs of places on their own past: what begins where, held against what.

    Parameters
    ----------
    past : PastPlaces
        As the places were.
    rules : Rules
        What is asked of every design.
    """
    return tuple(promise(past, rules) for promise in counting(tuple(PROMISES.values())))


def _list_horizons(past: PastPlaces, weeks: int) -> Iterator[tuple[int, int]]:
    """Weeks, and as many periods, that the past is long enough for."""
    for wanted in sorted({*HORIZONS, weeks}):
        periods = round(wanted / past.weeks)
        if 4 <= periods <= past.periods:
            yield wanted, periods


def _try_wedge(past: PastPlaces, rules: Rules) -> Option:
    panel, cases = past.mean, past.cases
    areas = len(panel)
    horizons = dict(_list_horizons(past, rules.weeks))
    if areas < LEAST_PLACES:
        told = f"{areas:,} areas that could begin at different times: fewer than {LEAST_PLACES}"
        return refuse_design("stepped wedge", told)
    if rules.weeks not in horizons:
        told = f"the past's {past.periods:,} lists do not hold {rules.weeks} weeks, or four lists"
        return refuse_design("stepped wedge", told)
    starts = {weeks: plan_starts(areas, n, past.steps) for weeks, n in horizons.items()}
    replays = {
        weeks: PlaceboWedge.draw(
            panel, starts[weeks], n, weights=cases, share=rules.share, replays=rules.replays
        )
        for weeks, n in horizons.items()
    }
    found = replays[rules.weeks]
    if lack := rules.find_lack(found):
        return refuse_design("stepped wedge", lack)
    power = {w: replay.power(rules.smallest, rules.confidence) for w, replay in replays.items()}
    enough = [w for w, p in power.items() if w <= YEAR and p >= WANTED]
    waiting = float((starts[rules.weeks] / horizons[rules.weeks]).mean())
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
        power[rules.weeks],
        minimum_detectable_effect(found, rules.smallest, rules.confidence),
        float(min(enough)) if enough else math.inf,
        math.nan,
        told,
    )


def _try_synthetic(past: PastPlaces, rules: Rules) -> Option:
    """With the places that are named, or any two, over stretches of the past."""
    periods = max(round(rules.weeks / past.weeks), 1)
    back = min(past.before or 2 * periods, past.periods - periods)
    whole = np.isfinite(past.mean).all(axis=1)
    treated = np.zeros(len(whole), bool)
    treated[[0, len(whole) // 2] if past.treated is None else past.treated] = True
    kept = whole & (treated | np.isin(np.arange(len(whole)), _list_others(past, treated)))
    if kept.sum() < 2 * LEAST_PLACES or back < max(periods, 2) or (treated & ~kept).any():
        told = (
            f"{int(kept.sum()):,} areas with an outcome in each of {past.periods:,} lists: it "
            f"takes {2 * LEAST_PLACES}, and a past twice as long as the evaluation"
        )
        return refuse_design("synthetic", told)
    long, errors, freedom = back + periods, [], math.inf
    starts = np.unique(np.linspace(0, past.periods - long, STRETCHES).astype(int))
    draws = max(min(rules.replays, 200) // len(starts), 50)
    for start in starts:
        found = synthetic_did(
            past.mean[kept, start : start + long],
            treated[kept],
            back,
            confidence=rules.confidence,
            draws=draws,
        )
        if found.standard_error is None:
            return refuse_design("synthetic", found.reason)
        errors.append(found.standard_error)
        freedom = found.freedom
    placebo = simulate_estimates(np.array(errors), rules.weeks, freedom)
    option = rules.promise("synthetic", placebo, 0.0)
    told = f"with {int(treated.sum())} areas served; what else changed there is part of the effect"
    return replace(option, reason="; ".join(filter(None, [option.reason, told])))


def _list_others(past: PastPlaces, treated: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~treated) if past.others is None else past.others


def _try_interrupted(past: PastPlaces, rules: Rules) -> Option:
    """Forecast by the mean of as many periods before; replayed at every past start."""
    series, periods = past.average(past.treated), max(round(rules.weeks / past.weeks), 1)
    forecast = forecast_level(series, periods)
    separate = forecast.separate
    if separate < LEAST_SEPARATE:
        told = (
            f"{past.periods:,} past lists hold {max(separate, 0):,} separate stretches of "
            f"{rules.weeks} weeks with as many before: fewer than {LEAST_SEPARATE}"
        )
        return refuse_design("interrupted", told)
    none = np.zeros(periods)
    found = interrupted_series(
        *(none, none, forecast.placebo), confidence=rules.confidence, separate=separate
    )
    if found.standard_error is None:
        return refuse_design("interrupted", found.reason)
    strays = simulate_estimates(found.standard_error, rules.weeks, found.freedom)
    power = strays.power(rules.smallest, rules.confidence)
    detectable = minimum_detectable_effect(strays, rules.smallest, rules.confidence)
    told = f"{rules.told}on the mean of all cases; whatever else changed then is part of the effect"
    # How errors shrink with more weeks is not known: a series has a memory.
    weeks = float(rules.weeks) if power >= WANTED else math.nan
    return Option("interrupted", True, power, detectable, weeks, 0.0, told)


def _refuse_before_after(past: PastPlaces, rules: Rules) -> Option:
    """Say why it tells nothing, and how often so large a change came by itself."""
    none = np.zeros(max(round(rules.weeks / past.weeks), 1))
    found = before_after(none, none + rules.smallest, past.average(past.treated))
    return refuse_design("before after", f"cannot tell: {found.reason}")


PROMISES: Final[dict[Design, Callable[[PastPlaces, Rules], Option]]] = {
    "stepped wedge": _try_wedge,
    "synthetic": _try_synthetic,
    "interrupted": _try_interrupted,
    "before after": _refuse_before_after,
}
"""What each design of places promises."""
