"""How finely the rates of counted people may be said, so that no small count follows from them.

A rate beside its number of people is a count: 5 % of 60 are three persons. Counts of fewer than the
policy allows stay unknown by saying the rates in coarser steps, not by saying nothing. Whoever
reads the rates is taken to solve for the counts of all groups together, and to know a rate exactly
where it is not coarsened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cityai.assessment.reader import (
    EXACT,
    NOT_SAID,
    SLACK,
    STEPS,
    Reader,
    Secret,
    list_said,
    snap_rate,
)
from cityai.assessment.views import Facts, View
from cityai.columns import EVERYWHERE

UNSAID: Final = math.inf
OVER_NEED: Final = frozenset({"selection_for_need", "exposure_for_need"})
"""Shares of a list over shares of need: no shares themselves, and may be more than 1."""
SMALL_NUMBER: Final = 200
MOST_UNKNOWNS: Final = 40_000
"""Groups of alike entities x kinds of people beyond which pairs are not said."""


def choose_steps(views: Sequence[View], facts: Facts, least: float) -> dict[tuple[str, str], float]:
    """Choose the steps that the rates of each group are said in.

    Parameters
    ----------
    views : sequence of View
        All that the card shows.
    facts : Facts
        The sums of a yes or no; nothing is chosen for amounts.
    least : float
        The policy's threshold.

    Returns
    -------
    dict
        Step by dimension and group, `UNSAID` for those that cannot be said; the others are absent.

    Notes
    -----
    Each line is coarsened until it does not give a count away by itself; then, of those that bear
    on a small count, the one that opens it most for what is lost, until the linear programme leaves
    the count a range of `least`. Steps do not lie within each other, so a coarser one may close
    what another left open: all counts are gone through again until nothing is coarsened. Last, each
    line is said as finely again as leaves every count open.
    """
    if not facts.events:
        return {}
    said = list_said(views, facts)
    mine = said.level == EXACT
    if said.counts.size > MOST_UNKNOWNS:
        mine &= np.array([" * " not in dimension for dimension, _ in said.keys])
        said.level[~mine] = NOT_SAID
    secrets = said.find_secrets(least)
    for secret in secrets:
        alone, own = said.take_alone(secret)
        while alone.level[0] < NOT_SAID and alone.find_width(own, least)[0] < least - SLACK:
            alone.level[0] += 1
        said.level[secret.line] = alone.level[0]
    before = None
    while before is None or (said.level != before).any():
        before = said.level.copy()
        said.see_together(secrets)
        for secret in secrets:
            while (line := _choose_line(said, secret, least)) is not None:
                said.level[line] += 1
    _refine(said, secrets, np.flatnonzero(mine), least)
    steps = (0.0, *STEPS, UNSAID)
    return {said.keys[i]: steps[said.level[i]] for i in np.flatnonzero((said.level > EXACT) & mine)}


def find_factors(
    views: Sequence[View], facts: Facts, steps: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], dict[str, float]]:
    """Find what a share over a share of need is multiplied by where its rates are said in steps.

    Parameters
    ----------
    views, facts
        As for `choose_steps`.
    steps : mapping of (str, str) to float
        What it returned.

    Returns
    -------
    dict
        By dimension and group, by metric: the figure that follows from what is said of the group,
        over the exact one; infinite where no need is said.
    """
    names, factors = facts.cells.names, {}
    for view in views:
        held = view.weights.T @ facts.cells.values.sum(axis=0)
        for group, sums in zip(view.groups, held, strict=True):
            step = steps.get((view.dimension, group), 0.0)
            if not 0 < step < UNSAID:
                continue
            known = dict(zip(names, sums.tolist(), strict=True))
            need = _divide(known["outcomes"], known["known"])
            chosen = _divide(known["selected"], known["decided"])
            less = _divide(need, snap_rate(need, step))
            more = _divide(snap_rate(chosen, step), chosen) if chosen else 1.0
            factors[view.dimension, group] = {
                "selection_for_need": less * more,
                "exposure_for_need": less,
            }
    return factors


def _divide(above: float, below: float) -> float:
    return above / below if below else math.inf


def _choose_line(said: Reader, secret: Secret, least: float) -> int | None:
    """Choose the line to coarsen next, or none once the count is open, or nothing can open it.

    What is lost grows with the square of the step, and with the people whose rate is blurred: the
    variance of rounding (step^2 / 12) beside that of the rate itself.
    """
    width, bears = said.find_width(secret, least)
    if width >= least - SLACK:
        return None
    steps = np.array([0.0, *STEPS, 2 * STEPS[-1], math.inf])
    now, then = steps[said.level], steps[np.minimum(said.level + 1, NOT_SAID)]
    # The evaluation says the whole exactly.
    several = np.array([key != (EVERYWHERE, EVERYWHERE) for key in said.keys])
    bearing = several & (said.level < NOT_SAID) & (bears > SLACK)
    if not bearing.any():
        return None
    gain = np.minimum(bears * (then - now), least - width)
    lost = np.maximum((then**2 - now**2) * said.people, SLACK)
    return int(np.argmax(np.where(bearing, gain / lost, -1.0)))


def _refine(said: Reader, secrets: Sequence[Secret], lines: np.ndarray, least: float) -> None:
    """Say lines more finely where that leaves open all that is open now, the largest first."""
    if not secrets:
        return
    need = [min(said.find_width(secret, least)[0], least) for secret in secrets]
    for line in lines[np.argsort(-said.people[lines], kind="stable")].tolist():
        while said.level[line] > EXACT:
            said.level[line] -= 1
            widths = (said.find_width(secret, least)[0] for secret in secrets)
            if any(width < asked - SLACK for width, asked in zip(widths, need, strict=True)):
                said.level[line] += 1
                break


def coarsen_figures(
    figures: Mapping[str, float], step: float, reference_step: float
) -> dict[str, float]:
    """Say a group's figures in steps; what follows from others is worked out from what is said.

    Parameters
    ----------
    figures : mapping of str to float
        `value`, `low`, `high`, `reference_value`, `gap`, `gap_low`, `gap_high`.
    step, reference_step : float
        Of the group and of what it is compared with; 0 is exact.

    Returns
    -------
    dict of str to float
        The same. An interval is widened by what rounding may have moved, so that it holds what the
        exact one held.
    """
    value = snap_rate(figures["value"], step)
    beside = snap_rate(figures["reference_value"], reference_step)
    under, over = (
        _widen(side, step)
        for side in (figures["value"] - figures["low"], figures["high"] - figures["value"])
    )
    coarser = max(step, reference_step)
    below, above = (
        _widen(side, coarser)
        for side in (figures["gap"] - figures["gap_low"], figures["gap_high"] - figures["gap"])
    )
    gap = figures["gap"] if not coarser else value - beside
    return {
        "value": value,
        "low": max(value - under, 0.0) if step else figures["low"],
        "high": min(value + over, 1.0) if step else figures["high"],
        "reference_value": beside,
        "gap": gap,
        "gap_low": max(gap - below, -1.0),
        "gap_high": min(gap + above, 1.0),
    }


def follow_figures(
    figures: Mapping[str, float], factor: float, reference_factor: float
) -> dict[str, float]:
    """Say the figures of a share over a share of need as they follow from rates said in steps.

    Parameters
    ----------
    figures : mapping of str to float
        As for `coarsen_figures`.
    factor, reference_factor : float
        From `find_factors`, of the group and of what it is compared with; 1 is exact.

    Returns
    -------
    dict of str to float
        The same; an interval holds what the exact one held. All NaN where a factor is infinite.
    """
    if not math.isfinite(factor * reference_factor):
        return dict.fromkeys(figures, math.nan)
    value = figures["value"] * factor
    beside = figures["reference_value"] * reference_factor
    moved = abs(value - figures["value"])
    margin = _raise(moved + (figures["high"] - figures["low"]) / 2)
    both = moved + abs(beside - figures["reference_value"])
    gap, gap_margin = value - beside, _raise(both + (figures["gap_high"] - figures["gap_low"]) / 2)
    return {
        "value": value,
        "low": max(value - margin, 0.0),
        "high": value + margin,
        "reference_value": beside,
        "gap": gap,
        "gap_low": gap - gap_margin,
        "gap_high": gap + gap_margin,
    }


def _raise(margin: float) -> float:
    """Say a margin in tenths, upwards."""
    return math.ceil(10 * margin - 1e-9) / 10 if math.isfinite(margin) else margin


def _widen(margin: float, step: float) -> float:
    if not step or not math.isfinite(margin):
        return margin
    return math.nan if math.isinf(step) else math.ceil((margin + step / 2) / step - 1e-9) * step


def round_number(n: float, few: int = SMALL_NUMBER) -> int:
    """Round a published number of people: to tens where it is small."""
    return round(n) if n >= few else round(n / 10) * 10
