"""Regression discontinuity, sharp and fuzzy: local linear, robust bias-corrected interval.

After Calonico, Cattaneo and Titiunik (2014, Econometrica 82(6)): a triangular kernel, the bandwidth
that minimises the mean squared error of the difference, and an interval that allows for the
curvature which a straight line leaves out. Of yes and no, each end is at least as far as that of
two score intervals (`bound_levels`): where few near the cut-off have the answer, or nobody has on
one side, residuals hardly vary and would lend a certainty that nobody has.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from cityai.impact.difference_in_means import bound_effect
from cityai.impact.fixed_effects import LEAST_F
from cityai.impact.local_linear import (
    Bandwidths,
    Jump,
    Side,
    fit_jump,
    select_bandwidths,
    split_sides,
)
from cityai.impact.lots import ARMS
from cityai.impact.records import Effect, leave_undefined
from cityai.inference.rate_intervals import bound_rate

METHOD: Final = "regression discontinuity, local linear, robust bias-corrected"
AT_CUT: Final = "effect at the cut-off"
FUZZY: Final = "fuzzy regression discontinuity, local linear, robust bias-corrected"
FOLLOWED_AT_CUT: Final = "effect at the cut-off of being treated, of those who follow (LATE)"
STILL: Final = "the outcome does not vary near the cut-off"
LEAST: Final = 20
"""Rows on either side below which nothing is said."""
LEAST_VALUES: Final = 10
"""Different scores on either side below which a straight line is drawn through steps."""


def regression_discontinuity(
    outcome: np.ndarray,
    score: np.ndarray,
    *,
    confidence: float = 0.95,
) -> Effect:
    """Estimate the effect at a score of 0, of those at or above it against those below.

    Parameters
    ----------
    outcome, score : numpy.ndarray
        (rows,) float64; rows without either are left out, and counted. The score is the distance
        from the cut-off; who is at or above it is treated.
    confidence : float
        Of the robust interval.

    Returns
    -------
    Effect
        The bias-corrected estimate, which the interval lies about. Undefined with fewer than 20
        rows, or 10 different scores, on a side.
    """
    known = np.isfinite(outcome) & np.isfinite(score)
    lost = int((~known).sum())
    told = f"{lost:,} of {len(known):,} rows without a score or an outcome left out" * bool(lost)
    sides = split_sides(outcome[known], score[known])
    if reason := _tell_lack(*sides):
        return leave_undefined(reason, ARMS, METHOD, AT_CUT)
    h = select_bandwidths(*sides)
    if not h.main > 0:
        return leave_undefined(STILL, ARMS, METHOD, AT_CUT)
    fit = fit_jump(*sides, h)
    found = _bound_jump(fit.corrected, fit.error, sides, h, METHOD, AT_CUT, confidence, told)
    return _widen(found, bound_levels(fit, confidence)) if _is_yes_no(sides) else found


def fuzzy_discontinuity(
    outcome: np.ndarray,
    score: np.ndarray,
    received: np.ndarray,
    *,
    confidence: float = 0.95,
) -> Effect:
    """Estimate the effect at a cut-off on those who follow: the side of it is their instrument.

    Parameters
    ----------
    outcome, score, confidence
        As for `regression_discontinuity`.
    received : numpy.ndarray
        (rows,) what was received, a share or yes and no.

    Returns
    -------
    Effect
        The jump of the outcome over that of what was received, bias-corrected. Undefined where
        little jumps (F below 10), and as `regression_discontinuity` is.

    Notes
    -----
    Calonico, Cattaneo and Titiunik (2014), section 4: bias and variance are those of the ratio's
    linear part, ``Y / t - (y / t^2) T`` with the jumps ``y`` and ``t``.
    """
    known = np.isfinite(outcome) & np.isfinite(score) & np.isfinite(received)
    lost = int((~known).sum())
    told = f"{lost:,} of {len(known):,} rows not known left out" * bool(lost)
    of_outcome = split_sides(outcome[known], score[known])
    if reason := _tell_lack(*of_outcome):
        return leave_undefined(reason, ARMS, FUZZY, FOLLOWED_AT_CUT)
    # Both effects are of the same rows: those near enough for the outcome's own jump.
    h = select_bandwidths(*of_outcome)
    if not h.main > 0:
        return leave_undefined(STILL, ARMS, FUZZY, FOLLOWED_AT_CUT)
    of_treated = split_sides(received[known], score[known])
    first, whole = fit_jump(*of_treated, h), fit_jump(*of_outcome, h)
    strength = first.corrected**2 / first.error**2 if first.error > 0 else np.inf
    if not abs(first.plain) > 0 or strength < LEAST_F:
        reason = f"the cut-off was followed too little to tell (F = {strength:.1f})"
        return leave_undefined(reason, ARMS, FUZZY, FOLLOWED_AT_CUT)
    ratio = whole.plain / first.plain
    linear = [
        Side(y.score, (y.outcome - ratio * d.outcome) / first.plain)
        for y, d in zip(of_outcome, of_treated, strict=True)
    ]
    fit = fit_jump(linear[0], linear[1], h)
    estimate, said = ratio + fit.corrected, (FUZZY, FOLLOWED_AT_CUT, confidence, told)
    found = _bound_jump(estimate, fit.error, of_outcome, h, *said)
    if not _is_yes_no(of_outcome):
        return found
    ends = [x / abs(first.plain) for x in bound_levels(whole, confidence)]
    return _widen(found, (ends[0], ends[1]) if first.plain > 0 else (ends[1], ends[0]))


def bound_levels(fit: Jump, confidence: float) -> tuple[float, float]:
    """Bound the jump of a rate by the score intervals of its two levels (MOVER, Newcombe 1998).

    Returns
    -------
    tuple of float
        How far its ends lie below and above the estimate.
    """
    quantile = float(ndtri((1 + confidence) / 2))
    value, variance, rows = (
        np.array([getattr(level, name) for level in (fit.below, fit.above)])
        for name in ("corrected", "variance", "rows")
    )
    rate = np.clip(value, 0.0, 1.0)
    alone = rate * (1 - rate)
    told = np.divide(alone, variance, out=rows.copy(), where=(alone > 0) & (variance > 0))
    low, high = bound_rate(rate, np.minimum(told, rows), quantile)
    (down_below, down_above), (up_below, up_above) = rate - low, high - rate
    return math.hypot(down_above, up_below), math.hypot(up_above, down_below)


def _is_yes_no(sides: tuple[Side, Side]) -> bool:
    return all(np.isin(side.outcome, (0.0, 1.0)).all() for side in sides)


def _widen(effect: Effect, ends: tuple[float, float]) -> Effect:
    """Move the ends of an interval to where others lie farther from the estimate, and p with it."""
    if not effect.known:
        return effect
    estimate, low, high = (float(x or 0.0) for x in (effect.estimate, effect.low, effect.high))
    low, high = min(low, estimate - ends[0]), max(high, estimate + ends[1])
    quantile = float(ndtri((1 + effect.confidence) / 2))
    error = (estimate - low if estimate > 0 else high - estimate) / quantile
    p_value = 2 * float(ndtr(-abs(estimate) / error))
    return replace(effect, low=low, high=high, p_value=p_value)


def _tell_lack(below: Side, above: Side) -> str:
    """Say why nothing can be told; empty where something can."""
    sides = (below, above)
    if min(len(s.score) for s in sides) < LEAST:
        counts = f"{len(below.score):,} rows below the cut-off, {len(above.score):,} above"
        return f"{counts}: fewer than {LEAST}"
    if min(len(np.unique(s.score)) for s in sides) < LEAST_VALUES:
        return f"fewer than {LEAST_VALUES} different scores on a side of the cut-off"
    return "the outcome does not vary" * (max(float(np.ptp(s.outcome)) for s in sides) == 0)


def _bound_jump(
    estimate: float,
    error: float,
    sides: tuple[Side, Side],
    h: Bandwidths,
    method: str,
    estimand: str,
    confidence: float,
    reason: str,
) -> Effect:
    """Give a jump its robust interval, of the rows that lie near enough."""
    n = sum(int((s.weigh(h.main) > 0).sum()) for s in sides)
    if not (error > 0 and np.isfinite(error)):
        lack = "too few rows near the cut-off"
        return leave_undefined(lack, ARMS, method, estimand, n, estimate=estimate)
    method = f"{method} (within {h.main:.3g} of the cut-off)"
    effect = bound_effect(
        *(estimate, error, math.inf, ARMS, method, estimand, confidence), n=n, reason=reason
    )
    return replace(effect, widths=(h.main, h.bias))


def measure_distance(score: np.ndarray, served: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Measure how far scores lie from the cut-off of their list (running variable).

    Parameters
    ----------
    score : numpy.ndarray
        (rows,) what lists are ordered by, the highest first.
    served : numpy.ndarray
        (rows,) bool, whether the capacity reaches them.
    period : numpy.ndarray
        (rows,) int64 codes of lists, from 0.

    Returns
    -------
    numpy.ndarray
        (rows,) above 0 where served. The cut-off lies halfway between the last who is served and
        the first who is not; 0 where both have the same score, and NaN on lists without a cut-off,
        on which all are served or none.
    """
    lists = int(period.max(initial=-1)) + 1
    last, next_one = np.full(lists, np.inf), np.full(lists, -np.inf)
    np.minimum.at(last, period[served], score[served])
    np.maximum.at(next_one, period[~served], score[~served])
    with np.errstate(invalid="ignore"):
        apart: np.ndarray = score - ((last + next_one) / 2)[period]
    apart[~np.isfinite(apart)] = np.nan
    return apart
