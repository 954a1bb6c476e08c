"""Score intervals of proportions (Wilson) and of their differences (MOVER), design-adjusted.

A share of few people, or of people of whom none was found, is too lopsided for a t interval: at
none nothing varies. Wilson's interval (1927, doi:10.1080/01621459.1927.10502953) inverts the score
test, so it exists there, lies within 0 and 1, and is the t interval where rates are moderate. A
difference takes the distances of two such intervals from their rates (MOVER: Newcombe 1998,
Statistics in Medicine 17, method 10). Where rows of one person resemble each other, or shocks are
shared, the number of rows is divided by a design effect (Korn and Graubard 1998, Survey Methodology
24), so that at moderate rates the width is that of the cluster-robust error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtr

from cityai.inference.standard_errors import StandardErrors, find_quantile

NEARLY_ONE = 1.001
"""Rows a block below which nothing shows how alike the rows of one block are."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of C groups, and what they rest on."""

    value: np.ndarray
    """(C,) NaN where undefined."""
    rows: np.ndarray
    """(C,) rows, unequal weights counted as fewer equal ones (Kish 1965)."""
    alike: np.ndarray
    """(C,) the design effect if all rows of one block gave the same answer."""

    @property
    def variance(self) -> np.ndarray:
        """(C,) variance if every row were drawn by itself; 0 at none and at all."""
        return self.value * (1 - self.value) / np.maximum(self.rows, 1e-12)


def bound_rate(
    rate: np.ndarray, count: np.ndarray, quantile: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Bound shares of `count` draws by Wilson's interval; `quantile` is that of normal or t.

    Of one or two, or all but these, Wilson's nearer end lies too near: one of 99 % holds the truth
    in 90 of 100. So it is no nearer than the exact end that may miss as often as both (Brown, Cai
    and DasGupta 2001, Stat. Sci. 16(2), 4.1.1, with binomial in place of Poisson counts).
    """
    count = np.maximum(count, 1e-12)
    square = np.square(quantile) / count
    middle = (rate + square / 2) / (1 + square)
    half = np.sqrt(square * (rate * (1 - rate) + square / 4)) / (1 + square)
    miss, seen = 2 * ndtr(-np.abs(quantile)), np.clip(rate, 0.0, 1.0) * count
    exact = (_bound_exactly(x, count, miss) for x in (seen, count - seen))
    low, high = np.minimum(middle - half, next(exact)), np.maximum(middle + half, 1 - next(exact))
    # At none and at all the ends are exact but for rounding.
    return np.minimum(np.maximum(low, 0.0), rate), np.maximum(np.minimum(high, 1.0), rate)


def _bound_exactly(seen: np.ndarray, count: np.ndarray, miss: np.ndarray | float) -> np.ndarray:
    """Bound a share from below by Clopper and Pearson (1934); 0 where none was seen."""
    some = np.maximum(seen, 1e-12)
    found: np.ndarray = np.where(seen > 1e-9, betaincinv(some, count - some + 1, miss), 0.0)
    return found


def bound_values(
    value: np.ndarray,
    spread: StandardErrors,
    confidence: float,
    min_blocks: int,
    *,
    floor: float = 0.0,
    part: bool = False,
    rates: Rates | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound figures of any kind; no interval leaves what is possible.

    Parameters
    ----------
    value : numpy.ndarray
        (C,) figures.
    spread : StandardErrors
        Of each.
    confidence, min_blocks
        As the policy has them.
    floor : float
        The least that a figure can be; minus infinity where nothing bounds it.
    part : bool
        Whether figures lie within 0 and 1.
    rates : Rates, optional
        Of each, for rates of yes or no. The last says how alike rows of a block are where another
        is still.
    """
    quantile = find_quantile(spread, confidence)
    if rates is not None:
        low, high = _bound_levels(rates, spread.error, quantile)
    elif part:
        low, high = bound_part(value, spread.error, quantile)
    else:
        margin = quantile * spread.error
        low, high = np.maximum(value - margin, floor), value + margin
    known = spread.tell(min_blocks, still=rates is not None) & np.isfinite(value)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def bound_part(
    value: np.ndarray, error: np.ndarray, quantile: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Bound parts of 1 that are no rates: the score interval of draws that would vary as much."""
    return bound_rate(value, value * (1 - value) / np.maximum(error**2, 1e-300), quantile)


def _bound_levels(
    rates: Rates, error: np.ndarray, quantile: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bound rates whose standard errors are known where they vary."""
    effect = np.maximum(divide_known(error**2, rates.variance), 1.0)
    whole = Rates(*(x[-1:] for x in (rates.value, rates.rows, rates.alike)))
    effect = _allow_still(effect, effect[-1:], rates, whole)
    return bound_rate(rates.value, rates.rows / effect, quantile)


def bound_gaps(
    first: Rates,
    second: Rates,
    scale: np.ndarray,
    overlap: np.ndarray,
    error: np.ndarray,
    quantile: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Bound ``scale * (first - second)``.

    Parameters
    ----------
    first, second : Rates
        Of C pairs of groups.
    scale : numpy.ndarray
        (C,) 1, or 1 less a group's part of the whole: a group is a part of the city that it is
        compared with, and ``p - p_city = (1 - part) (p - p_rest)`` exactly, with two groups that
        have nobody in common.
    overlap : numpy.ndarray
        (C,) least design effect; 1, below 1 where both hold parts of the same rows.
    error : numpy.ndarray
        (C,) standard error of the difference of the scaled pair, with all that is shared.
    quantile : numpy.ndarray
        (C,) of Student's t.
    """
    ratio = divide_known(error**2, scale**2 * (first.variance + second.variance))
    effect = np.maximum(ratio, np.maximum(overlap, 1e-9))
    low, high = bound_rate(
        first.value, first.rows / _allow_still(effect, effect, first, second), quantile
    )
    other_low, other_high = bound_rate(
        second.value, second.rows / _allow_still(effect, effect, second, first), quantile
    )
    gap = first.value - second.value
    below = np.hypot(first.value - low, other_high - second.value)
    above = np.hypot(high - first.value, second.value - other_low)
    return scale * (gap - below), scale * (gap + above)


def bound_counts(
    top: np.ndarray, bottom: np.ndarray, unit: float, error: np.ndarray, quantile: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bound ratios of two counts, also where the upper one is none.

    Parameters
    ----------
    top, bottom : numpy.ndarray
        (C,) both counts, the upper one times `unit`.
    unit : float
        What one row adds to the upper one.
    error : numpy.ndarray
        (C,) standard errors; 0 where nothing varied.
    quantile : numpy.ndarray
        (C,) of Student's t.

    Notes
    -----
    Of rare events of two kinds, the share of the first kind among them is a rate (Przyborowski and
    Wilenski 1940, Biometrika 31): Wilson's interval of it, with the design effect that the error
    says, gives that of the ratio.
    """
    count = top / unit
    draws = count + bottom
    share = divide_known(count, draws)
    apart = error * (1 - share) ** 2 / unit
    effect = divide_known(apart**2, share * (1 - share) / np.maximum(draws, 1e-12))
    low, high = bound_rate(share, draws / np.where(effect > 0, effect, 1.0), quantile)
    return unit * divide_known(low, 1 - low), unit * divide_known(high, 1 - high)


def _allow_still(effect: np.ndarray, known: np.ndarray, rates: Rates, other: Rates) -> np.ndarray:
    """Design effects; of a group where nothing varied, by the intraclass correlation elsewhere."""
    excess = divide_known(known - 1, other.alike - 1)
    tells = (other.variance > 0) & (other.alike > NEARLY_ONE)
    within = np.where(tells, np.clip(excess, 0.0, 1.0), 1.0)
    still = np.maximum(np.where(other.variance > 0, effect, 1.0), 1 + (rates.alike - 1) * within)
    return np.where(rates.variance > 0, effect, still)


def divide_known(top: np.ndarray | float, bottom: np.ndarray) -> np.ndarray:
    """Divide where the bottom is above zero; zero elsewhere."""
    shape = np.broadcast(top, bottom).shape
    return np.divide(top, bottom, out=np.zeros(shape), where=bottom > 0)
