"""Spread of a mean over a few periods in order of time, whose resemblance is not known.

How alike neighbouring periods are (their first autocorrelation, rho) decides how wide an interval
must be, and a few periods hardly tell it. So no single estimate is taken for the truth: every rho
on a grid is weighted by how well it explains the series, and the interval is that of the mixture
(a flat prior on rho; given rho, the mean and variance have their reference prior).

Simulations (`benchmarks/audit.md`) show that leaving out intervals where the *estimated* rho is
large makes those that remain worse: the panels that look harmless by chance are kept. What decides
is how much the data can know of rho at all: periods times series that vary on their own.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from scipy.special import stdtr, stdtrit

from cityai.assessment.spread import Spread, correlate

LEAST_KNOWN = 8.0
"""Periods times series that vary on their own: fewer give no interval of a gap."""
WELL_KNOWN = 40.0
"""From here on rho can be told well, and all of the grid is considered."""
LEAST_FOR_LEVEL = 100.0
"""A level carries the shocks that all share: fewer periods give it no interval."""
DRIFTING = 0.5
"""A level whose periods resemble each other more than this gets no interval."""
GRID = np.round(np.arange(-0.9, 0.91, 0.1), 1)
CAUTIOUS = 0.8
"""Largest rho that is considered when there are fewer than `WELL_KNOWN`."""
NEAR, FAR = 0.95, 0.995
STEPS = 7
BATCHES = 26
"""Twice as many periods or more are taken together into this many stretches."""
_FREEDOM = np.concatenate([np.geomspace(0.5, 200, 400), [1e6]])
_RATIO = stdtrit(_FREEDOM, (1 + FAR) / 2) / stdtrit(_FREEDOM, (1 + NEAR) / 2)


def spread_serial(influence: np.ndarray, blocks: np.ndarray, *, level: bool = False) -> Spread:
    """Spread when blocks are periods, in order of time.

    Parameters
    ----------
    influence : numpy.ndarray
        (B, C), each column adding up to zero.
    blocks : numpy.ndarray
        (C,) periods in which each estimate had rows.
    level : bool
        Whether these are levels rather than differences: shocks that all share do not cancel.

    Returns
    -------
    Spread
        `usable` is False where the data know too little of rho.

    Notes
    -----
    Restricted likelihood of a first-order autoregression for each column (Harville 1974,
    Biometrika 61(2)), pooled over the columns, its weight that of as many independent series as
    the columns are worth. The mixture of Student's t is handed on as the one t that has the same
    95 % and 99.5 % limits.
    """
    periods = len(influence)
    if periods >= 2 * BATCHES:
        # What drifts slowly under much noise is seen in means of several periods.
        parts = np.array_split(influence, BATCHES)
        influence = np.stack([part.sum(axis=0) for part in parts])
    n, columns = influence.shape
    live = (influence**2).sum(axis=0) > 1e-24
    error, freedom = np.zeros(columns), np.maximum(blocks - 1.0, 1.0)
    series = 1.0 if level else count_series(influence[:, live])
    known = periods if level else n * series
    usable = np.full(columns, known >= (LEAST_FOR_LEVEL if level else LEAST_KNOWN))
    if live.any() and n > 2 and usable.any():
        grid = GRID if level or n * series >= WELL_KNOWN else GRID[GRID <= CAUTIOUS]
        scale, fit = _weigh_grid(influence[:, live], grid)
        # Each level has a rho of its own; gaps share one, so that few periods tell more of it.
        pooled = fit if level else fit.sum(axis=1, keepdims=True) * series / fit.shape[1]
        weight = np.exp(pooled - pooled.max(axis=0))
        weight = np.broadcast_to(weight / weight.sum(axis=0), scale.shape)
        error[live], freedom[live] = fit_student(scale, weight, n - 1.0)
        usable[live] &= (grid @ weight <= DRIFTING) | (not level)
    usable |= ~live
    count = np.maximum(blocks, 2.0)
    error *= np.sqrt(count / (count - 1) * (n - 1) / n) if n > 1 else 1.0
    return Spread(error, freedom, blocks, correlate(influence.T @ influence, n), usable, level)


def count_series(influence: np.ndarray) -> float:
    """Count columns that vary together as fewer that vary on their own: ``C^2 / |R|^2``.

    The mean squared correlation of columns that have nothing to do with each other is
    ``1 / (B - 1)``; it is taken off.
    """
    n, columns = influence.shape
    if columns < 2 or n < 4:
        return float(min(columns, 1))
    unit = influence / np.sqrt((influence**2).sum(axis=0))
    alike = (unit.T @ unit) ** 2
    alike = np.maximum((alike * (n - 1) - 1) / (n - 2), 0.0)
    np.fill_diagonal(alike, 1.0)
    return float(columns**2 / alike.sum())


def _weigh_grid(influence: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale of the sum under each rho, and the log likelihood of each rho: (K, C) both."""
    n = len(influence)
    first = influence[0]
    own, step = (influence**2).sum(axis=0), (influence[1:] * influence[:-1]).sum(axis=0)
    inner = own - first**2 - influence[-1] ** 2
    rho = grid[:, None]
    # x' V^-1 x, 1' V^-1 x and 1' V^-1 1 of a stationary AR(1) with unit variance.
    quadratic = (own + rho**2 * inner - 2 * rho * step) / (1 - rho**2)
    ends = (influence.sum(axis=0) * (1 - rho) + rho * (first + influence[-1])) / (1 + rho)
    ones = (n - (n - 2) * rho) / (1 + rho)
    residual = np.maximum(quadratic - ends**2 / ones, 1e-300)
    log_det = (n - 1) * np.log(1 - grid**2)
    fit = -0.5 * (log_det + np.log(ones[:, 0]))[:, None] - (n - 1) / 2 * np.log(residual)
    lag = np.arange(1, n)
    stretch = n + 2 * ((n - lag) * grid[:, None] ** lag).sum(axis=1)
    return np.sqrt(residual / (n - 1) * stretch[:, None]), fit


def fit_student(
    scale: np.ndarray, weight: np.ndarray, freedom: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the Student's t with the limits of a mixture of several that differ in scale.

    Parameters
    ----------
    scale, weight : numpy.ndarray
        (K, C) scales, and weights that add up to one over K.
    freedom : float
        Of each part.

    Returns
    -------
    tuple of numpy.ndarray
        (C,) scale and (C,) degrees of freedom.
    """
    near, far = (_find_limit(scale, weight, freedom, c) for c in (NEAR, FAR))
    order = np.argsort(_RATIO)
    fitted = np.interp(far / near, _RATIO[order], _FREEDOM[order])
    return near / stats.t.ppf((1 + NEAR) / 2, fitted), fitted


def _find_limit(
    scale: np.ndarray, weight: np.ndarray, freedom: float, confidence: float
) -> np.ndarray:
    # The tail is convex in the limit: Newton's steps approach it from below.
    limit: np.ndarray = (weight * scale).sum(axis=0) * stdtrit(freedom, (1 + confidence) / 2)
    height = 2 * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    height /= math.sqrt(freedom * math.pi)
    for _ in range(STEPS):
        ratio = limit / scale
        tail = (weight * 2 * stdtr(freedom, -ratio)).sum(axis=0) - (1 - confidence)
        slope = (weight / scale * (1 + ratio**2 / freedom) ** (-(freedom + 1) / 2)).sum(axis=0)
        limit = np.maximum(limit + tail / (height * slope), limit / 4)
    return limit
