"""What came to pass over what was forecast, by group, and how far it may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.intervals import IntArray

HALF_LIFE: Final = 4.0
"""Origins after which what was seen counts half: a shortfall that grows must not be averaged."""
LEAST_FREEDOM: Final = 2.0
"""Degrees of freedom at or below which a variance says nothing, so the factor stays 1."""
MOST: Final = 2.0
"""A forecast is never more than doubled, nor more than halved."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a correction may learn from at one origin: R rows whose total was mature then."""

    entity: IntArray
    age: IntArray
    step: IntArray
    """(R,) int64: position of the entity, origins back (0 is the newest), step ahead."""
    forecast: FloatArray
    high: FloatArray
    truth: FloatArray
    """(R,) float64 in the target's unit; `high` is NaN where there was no interval."""
    record: FloatArray
    """(R,) the entity's own record (see `Ratios.factor`) as it stood at the row's origin."""
    now: FloatArray
    """(E,) the same at this origin."""

    @property
    def discount(self) -> FloatArray:
        """(R,) how much each row counts."""
        return np.asarray(0.5 ** (self.age / HALF_LIFE))


@dataclass(frozen=True, slots=True)
class Ratios:
    """One ratio of two sums for each group, and how far to believe it."""

    ratio: FloatArray
    """(G,) the ratio; NaN where what it is a share of is not above 0."""
    variance: FloatArray
    """(G,) of the ratio between origins; infinite when there are too few to know it."""

    @property
    def factor(self) -> FloatArray:
        """(G,) the ratio, pulled towards 1; exactly 1 without evidence."""
        away = np.where(np.isfinite(self.ratio), self.ratio - 1.0, 0.0)
        kept = 1.0 + shrink_distance(away, self.variance)
        return np.asarray(np.clip(kept, 1.0 / MOST, MOST))


def shrink_distance(distance: FloatArray, variance: FloatArray) -> FloatArray:
    """Pull distances towards 0 by their variance: ``d * max(0, 1 - v / d^2)``.

    The positive part of James and Stein (1961), each distance by itself: what lies within its own
    noise becomes exactly 0, what lies far beyond it stays nearly as it is.
    """
    square = distance**2
    part = np.divide(variance, square, out=np.full(len(square), np.inf), where=square > 1e-300)
    return np.asarray(distance * np.maximum(0.0, 1.0 - part))


def learn_ratios(past: Past, weights: FloatArray) -> Ratios:
    """Learn what came to pass over what was forecast, by group.

    Parameters
    ----------
    past : Past
        R rows.
    weights : numpy.ndarray
        (E, G) each entity's part in each group.
    """
    return divide_sums(past, past.truth, past.forecast, weights)


def divide_sums(past: Past, top: FloatArray, bottom: FloatArray, weights: FloatArray) -> Ratios:
    """Divide two sums by group, origins being the independent blocks.

    The variance of a ratio in closed form (Cochran, Sampling Techniques, 1977, ch. 6), times
    ``f / (f - 2)``, the variance of Student's t with the f degrees of freedom that the discounted
    origins are worth.
    """
    above, below = (_sum_origins(past, v, weights) for v in (top, bottom))
    total = below.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    ratio = np.where(total > 0, above.sum(axis=0) / safe, np.nan)
    influence = (above - np.nan_to_num(ratio) * below) / safe
    discount = 0.5 ** (np.arange(len(below)) / HALF_LIFE)
    worth = np.where(below > 0, discount[:, None], 0.0)
    squares = (worth**2).sum(axis=0)
    count = np.where(squares > 0, worth.sum(axis=0) ** 2 / np.where(squares > 0, squares, 1.0), 0)
    freedom = count - 1.0
    known = (freedom > LEAST_FREEDOM) & (total > 0)
    roomy = np.where(known, freedom, LEAST_FREEDOM + 1.0)
    spread = (roomy + 1.0) / roomy * (influence**2).sum(axis=0) * roomy / (roomy - LEAST_FREEDOM)
    return Ratios(ratio, np.where(known, spread, np.inf))


def _sum_origins(past: Past, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum rows by origin and group, discounted: (B, G), the newest origin first."""
    count = int(past.age.max(initial=-1)) + 1
    cell = np.bincount(
        past.age * len(weights) + past.entity,
        weights=values * past.discount,
        minlength=count * len(weights),
    )
    return np.asarray(cell.reshape(count, len(weights)) @ weights)
