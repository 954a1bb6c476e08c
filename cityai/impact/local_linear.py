"""Local linear regression on both sides of a cut-off: bandwidths, the jump, and its variance.

After Calonico, Cattaneo and Titiunik (2014, Econometrica 82(6)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

MATCHES: Final = 3
"""Nearest neighbours that a residual is taken from."""
EQUAL: Final = float(np.sqrt(np.finfo(np.float64).eps))
"""Part of a distance by which two neighbours may differ and be equally near."""
MASS: Final = 10
"""Different scores that the first width holds, where many rows share one."""


@dataclass(frozen=True, slots=True)
class Side:
    """Rows on one side of the cut-off, in order of their score."""

    score: np.ndarray
    """(n,) less the cut-off."""
    outcome: np.ndarray
    """(n,) float64."""

    def weigh(self, width: float) -> np.ndarray:
        """Triangular kernel weights, (n,)."""
        return np.maximum(1 - np.abs(self.score) / width, 0.0) / width


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """Widths around the cut-off: of the line, and of the curve that corrects it."""

    main: float
    bias: float


def split_sides(outcome: np.ndarray, score: np.ndarray) -> tuple[Side, Side]:
    """Split rows at a score of 0, each side in order of its score."""
    order = np.argsort(score, kind="stable")
    x, y = score[order].astype(np.float64), outcome[order].astype(np.float64)
    return Side(x[x < 0], y[x < 0]), Side(x[x >= 0], y[x >= 0])


def _powers(score: np.ndarray, degree: int) -> np.ndarray:
    return score[:, None] ** np.arange(degree + 1)


def _invert(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.linalg.pinv((design * weights[:, None]).T @ design, hermitian=True)


def _neighbour_residuals(side: Side) -> np.ndarray:
    """Residuals from the mean of the nearest neighbours; ties go in whole (Abadie, Imbens 2008)."""
    x, y = side.score, side.outcome
    first = np.searchsorted(x, x, "left")
    last = np.searchsorted(x, x, "right") - 1
    n = len(x)
    need = min(MATCHES, n - 1)
    low, high = first.copy(), last.copy()
    open_rows = np.flatnonzero(high - low < need)
    while len(open_rows):
        left, right = low[open_rows] - 1, high[open_rows] + 1
        to_left = np.where(left >= 0, x[open_rows] - x[np.maximum(left, 0)], np.inf)
        to_right = np.where(right < n, x[np.minimum(right, n - 1)] - x[open_rows], np.inf)
        room = EQUAL * np.where(np.isfinite(to_left + to_right), np.maximum(to_left, to_right), 0.0)
        down, up = to_left <= to_right + room, to_right <= to_left + room
        low[open_rows[down]] = first[left[down]]
        high[open_rows[up]] = last[right[up]]
        open_rows = open_rows[high[open_rows] - low[open_rows] < need]
    sums = np.concatenate([[0.0], np.cumsum(y)])
    count = high - low
    mean = (sums[high + 1] - sums[low] - y) / count
    return np.sqrt(count / (count + 1)) * (y - mean)


@dataclass(frozen=True, slots=True)
class Level:
    """The level at the cut-off from one side."""

    plain: float
    corrected: float
    """Of the line, and bias-corrected."""
    variance: float
    """Of the latter, robust."""
    rows: float
    """How many rows would tell as much if all counted alike (Kish 1965)."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump at the cut-off: the levels below and above it."""

    below: Level
    above: Level

    @property
    def plain(self) -> float:
        """Of two lines."""
        return self.above.plain - self.below.plain

    @property
    def corrected(self) -> float:
        """Bias-corrected."""
        return self.above.corrected - self.below.corrected

    @property
    def error(self) -> float:
        """Standard error of the latter."""
        return float(np.sqrt(self.below.variance + self.above.variance))


def fit_jump(below: Side, above: Side, h: Bandwidths) -> Jump:
    """Fit the jump between two sides of a cut-off."""
    return Jump(_fit_side(below, h), _fit_side(above, h))


def _fit_side(side: Side, h: Bandwidths) -> Level:
    """Level at the cut-off from one side, the same bias-corrected, and its robust variance."""
    narrow, wide = side.weigh(h.main), side.weigh(h.bias)
    kept = (narrow > 0) | (wide > 0)
    x, y, narrow, wide = side.score[kept], side.outcome[kept], narrow[kept], wide[kept]
    residual = _neighbour_residuals(Side(x, y))
    u = x / h.bias
    line, curve = _powers(u, 1), _powers(u, 2)
    inverse = _invert(line, narrow)
    missed = (line * narrow[:, None]).T @ u**2
    # The line's level, less what the curve's second coefficient says it misses.
    own = (inverse @ (line * narrow[:, None]).T)[0]
    bend = (_invert(curve, wide) @ (curve * wide[:, None]).T)[2]
    part = own - float((inverse @ missed)[0]) * bend
    rows = float(part.sum() ** 2 / (part @ part))
    return Level(float(own @ y), float(part @ y), float(part**2 @ residual**2), rows)


def select_bandwidths(below: Side, above: Side) -> Bandwidths:
    """Select the bandwidths that minimise the mean squared error of the difference, in three steps.

    Notes
    -----
    Each width balances a variance against a squared bias, whose curvature a steeper fit in a wider
    window estimates, regularised by the variance of that estimate (Calonico, Cattaneo and Farrell
    2020, Econometrics Journal 23(2)). The first is a rule of thumb: 2.576 times the smaller of the
    standard deviation and the interquartile range over 1.349, times the number of different scores
    to the power of -1/5. Where a fifth of the rows repeat a score, it holds ten different ones.
    Where nothing varies near the cut-off, widths are 0.
    """
    sides = (below, above)
    x = np.concatenate([side.score for side in sides])
    values = [np.unique(np.abs(side.score)) for side in sides]
    high, low = np.quantile(x, [0.75, 0.25], method="averaged_inverted_cdf")
    spread = min(float(x.std(ddof=1)), float(high - low) / 1.349)
    reach = [float(np.abs(side.score).max()) for side in sides]
    most, least = max(reach), 0.0
    if any(len(v) <= 0.8 * len(s.score) for v, s in zip(values, sides, strict=True)):
        least = max(float(v[min(MASS, len(v)) - 1]) for v in values) + 1e-8
    rule = max(min(2.576 * spread * sum(map(len, values)) ** (-1 / 5), most), least)
    steep = [_weigh_bias(s, 3, 3, 4, rule, r) for s, r in zip(sides, reach, strict=True)]
    third = max(min(_balance(steep, 3, penalty=0.0), most), least)
    if not third > 0:
        return Bandwidths(0.0, 0.0)
    bias = min(_balance([_weigh_bias(s, 2, 2, 3, rule, third) for s in sides], 2), most)
    if not bias > 0:
        return Bandwidths(0.0, 0.0)
    main = min(_balance([_weigh_bias(s, 1, 0, 2, rule, bias) for s in sides], 1), most)
    return Bandwidths(main, bias)


def _weigh_bias(
    side: Side, degree: int, order: int, steeper: int, width: float, wider: float
) -> tuple[float, float, float]:
    """Variance, bias and the bias's own variance, of the derivative of an order from one side."""
    design, weights, residual, _ = _window(side, width, degree)
    inverse = _invert(design, weights)
    scored = design * weights[:, None]
    spread = inverse @ (scored.T * residual**2 @ scored) @ inverse
    variance = (2 * order + 1) * width * float(spread[order, order])
    missed = scored.T @ design[:, 1] ** (degree + 1)
    constant = float((inverse @ missed)[order])
    design, weights, residual, outcome = _window(side, wider, steeper)
    inverse, scored = _invert(design, weights), design * weights[:, None]
    at, scale = degree + 1, wider ** -(degree + 1)
    slope = float((inverse @ scored.T @ outcome)[at]) * scale
    spread = inverse @ (scored.T * residual**2 @ scored) @ inverse
    times = 2.0 * (degree + 1 - order)
    unsure = 3 * times * constant**2 * float(spread[at, at]) * scale**2
    return variance, np.sqrt(times) * constant * slope, unsure


def _window(
    side: Side, width: float, degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Powers of the score over the width, weights, residuals and outcomes, where weights are."""
    weights = side.weigh(width)
    kept = weights > 0
    near = Side(side.score[kept], side.outcome[kept])
    return (
        _powers(near.score / width, degree),
        weights[kept],
        _neighbour_residuals(near),
        near.outcome,
    )


def _balance(
    parts: list[tuple[float, float, float]], degree: int, *, penalty: float = 1.0
) -> float:
    (left, left_bias, left_unsure), (right, right_bias, right_unsure) = parts
    under = (right_bias - left_bias) ** 2 + penalty * (left_unsure + right_unsure)
    return float(((left + right) / under) ** (1 / (2 * degree + 3))) if under > 0 else np.inf
