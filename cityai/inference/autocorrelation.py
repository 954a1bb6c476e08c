"""Standard errors under autocorrelation: Bayesian model average over AR(1) plus white noise.

They are of a mean, or a slope, over a few periods whose resemblance is not known.

How alike neighbouring periods are decides how wide an interval must be, and a few periods hardly
tell it. So no single estimate is taken for the truth: for each kind of resemblance on a grid there
is a variance and a likelihood, and the variance of the interval is the mean of them all, weighted
by how plausible each kind was before (`PRIOR_INDEPENDENT`) and how well it explains the series.
The folds of a replay do not overlap, so nothing else ties neighbours together.

Before looking, gaps are as likely unrelated as not, because shocks that all share cancel in them;
figures and slopes carry such shocks, so they are mostly related, as are comparisons of two
forecasts, which err in different ways in a shock.
Simulations (`benchmarks/audit.md`) show what else was tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from cityai.inference.standard_errors import StandardErrors, find_lopsided, to_correlation

ALIKE = (0.8, 0.9)
"""Resemblance from one period to the next that is allowed for, beside none. However many periods
there are: a kind that enters at some number would widen every interval there."""
RHO_GRID = (0.35, 0.65, 1.0)
"""Part of the variance that carries over; the rest is each period's own noise."""
ALONE_ALIKE = (0.2, 0.4, 0.6, 0.8, 0.9)
"""The same for one comparison alone, which has no other series to learn from."""
PRIOR_ALONE = 1 / 5
"""Chance, before looking, that the periods of a comparison of two forecasts have nothing in
common."""
PRIOR_INDEPENDENT = 1 / 2
"""Chance, before looking, that the periods of a difference have nothing in common."""
MOST_INDEPENDENT = 0.85
"""The most that the gaps of a card, taken together, may make of it."""
UNRELATED_LEVEL = 0.1
"""The same of a figure, or a slope."""
LEAST_PERIODS = 6
"""Fewer give no interval, whatever the policy asks for."""
BATCHES = 104
"""Twice as many periods or more are taken together into this many stretches."""


@dataclass(frozen=True, slots=True)
class CovarianceGrid:
    """K candidate covariance models of n moments, after a fitted constant or line."""

    weights: np.ndarray
    """(n,) of the estimate: ones for a sum, least squares for a slope."""
    residual: np.ndarray
    """(K, n, n): ``x' R x`` is what generalised least squares leaves of a series."""
    stretch: np.ndarray
    """(K,) variance of the estimate when each moment's is 1."""
    log_det: np.ndarray
    """(K,) part of the log likelihood that does not depend on the series."""
    freedom: float
    """Moments less fitted constants."""


@lru_cache(maxsize=64)
def list_covariances(
    moments: tuple[float, ...],
    *,
    line: bool = False,
    alike: tuple[float, ...] = ALIKE,
) -> CovarianceGrid:
    """List candidate covariance models: AR(1) plus white noise.

    Parameters
    ----------
    moments : tuple of float
        When each was, in periods, rising.
    line : bool
        Whether the estimate is the slope of a line rather than a sum.
    alike : tuple of float
        Resemblances, beside none.

    Notes
    -----
    Restricted likelihood: Harville 1974, Biometrika 61(2).
    """
    moment = np.asarray(moments)
    columns = [np.ones(len(moment)), moment - moment.mean()][: 2 if line else 1]
    design = np.column_stack(columns)
    weights = columns[-1] / (columns[-1] ** 2).sum() if line else columns[0]
    apart = np.abs(np.subtract.outer(moment, moment))
    residual, stretch, log_det = [], [], []
    for rho, part in [(0.0, 1.0), *product(alike, RHO_GRID)]:
        covariance = part * rho**apart + (1 - part) * np.eye(len(moment))
        inverse = np.linalg.inv(covariance)
        inner = design.T @ inverse @ design
        residual.append(inverse - inverse @ design @ np.linalg.inv(inner) @ design.T @ inverse)
        stretch.append(weights @ covariance @ weights)
        log_det.append(-0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(inner)[1]))
    freedom = float(len(moment) - design.shape[1])
    return CovarianceGrid(
        weights, np.array(residual), np.array(stretch), np.array(log_det), freedom
    )


def model_averaged_se(
    kinds: CovarianceGrid, series: np.ndarray, unrelated: float, worth: float | None = None
) -> np.ndarray:
    """Find the standard error: the root of the mean variance over all kinds of resemblance.

    Parameters
    ----------
    kinds : CovarianceGrid
        Of n moments.
    series : numpy.ndarray
        (n, C), in order of time; none constant.
    unrelated : float
        Chance, before looking, that moments have nothing in common; the rest is shared evenly.
    worth : float, optional
        As how many independent series the C tell of one resemblance that they share; without it
        each has its own.

    Returns
    -------
    numpy.ndarray
        (C,) of the sum, or slope, of each series.
    """
    weight, variance = _weigh_kinds(kinds, series, unrelated, worth)
    return np.sqrt((weight * variance).sum(axis=0))


def _weigh_kinds(
    kinds: CovarianceGrid, series: np.ndarray, unrelated: float, worth: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """(K, C) posterior weight of each kind, and the variance of each estimate by it."""
    left = np.maximum((series * np.matmul(kinds.residual, series)).sum(axis=1), 1e-300)
    fit = kinds.log_det[:, None] - kinds.freedom / 2 * np.log(left)
    if worth is not None:
        fit = fit.mean(axis=1, keepdims=True) * worth
    weight = np.exp(fit - fit.max(axis=0))
    weight[0] *= unrelated
    weight[1:] *= (1 - unrelated) / (len(weight) - 1)
    return weight / weight.sum(axis=0), left / kinds.freedom * kinds.stretch[:, None]


def mixture_margin(influence: np.ndarray, blocks: float, confidence: float, least: int) -> float:
    """Half-width of one comparison's interval: quantile of a mixture of t over kinds of memory.

    Parameters
    ----------
    influence : numpy.ndarray
        (B,) of the difference by period, in order of time; adds up to zero.
    blocks : float
        Periods that have rows.
    confidence : float
        Two-sided.
    least : int
        Fewer periods give no interval.

    Returns
    -------
    float
        NaN with too few periods, or where nothing varied.

    Notes
    -----
    Each kind of memory has Student's t of its own variance; the margin is where their mean
    distribution reaches `confidence`. A root of the mean variance (`model_averaged_se`) is wider,
    for a few unlikely kinds of long memory decide it.
    """
    series = _join_stretches(influence[:, None])
    n = len(series)
    if n < LEAST_PERIODS or blocks < least or (series**2).sum() <= 1e-24:
        return math.nan
    kinds = list_covariances(tuple(range(n)), alike=ALONE_ALIKE)
    weight, variance = (x[:, 0] for x in _weigh_kinds(kinds, series, PRIOR_ALONE, None))
    count = min(max(blocks * n / len(influence), 2.0), n)
    error = np.sqrt(variance * count / (count - 1) * (n - 1) / n)
    freedom = min(float(n - 1), count - 1)

    def short(margin: float) -> float:
        return float(weight @ (2 * stdtr(freedom, margin / error) - 1)) - confidence

    return float(brentq(short, 0.0, float(stdtrit(freedom, (1 + confidence) / 2) * error.max())))


def learn_independence(influence: np.ndarray) -> float:
    """Learn from all gaps of an audit how likely their periods are to have nothing in common.

    An empirical prior: the posterior chance of `PRIOR_INDEPENDENT` after the restricted likelihood
    of all series together, as many as they are worth, at most `MOST_INDEPENDENT`.

    Parameters
    ----------
    influence : numpy.ndarray
        (B, C) of C gaps by period, in order of time; each column adds up to zero.

    Returns
    -------
    float
        `PRIOR_INDEPENDENT` where there are too few periods, or nothing varies.
    """
    series = _join_stretches(influence)
    series = series[:, (series**2).sum(axis=0) > 1e-24]
    if len(series) < LEAST_PERIODS or not series.size:
        return PRIOR_INDEPENDENT
    kinds = list_covariances(tuple(range(len(series))))
    weight, _ = _weigh_kinds(kinds, series, PRIOR_INDEPENDENT, _count_series(series))
    return float(min(weight[0, 0], MOST_INDEPENDENT))


def autocorrelated_se(
    influence: np.ndarray,
    blocks: np.ndarray,
    *,
    level: bool = False,
    unrelated: float = PRIOR_INDEPENDENT,
    correlated: bool = True,
) -> StandardErrors:
    """Spread when blocks are periods, in order of time.

    Parameters
    ----------
    influence : numpy.ndarray
        (B, C), each column adding up to zero.
    blocks : numpy.ndarray
        (C,) periods in which each estimate had rows.
    level : bool
        Whether these are levels rather than differences: each then has a resemblance of its own.
        Differences are taken to share one, so that few periods tell more of it.
    unrelated : float
        Of differences, the chance before looking that periods have nothing in common.
    correlated : bool
        Whether any two estimates are compared, so that their correlations are asked for.

    Returns
    -------
    StandardErrors
        `usable` is False with fewer than `LEAST_PERIODS` periods.
    """
    periods = len(influence)
    influence = _join_stretches(influence)
    n, columns = influence.shape
    live = (influence**2).sum(axis=0) > 1e-24
    error, freedom = np.zeros(columns), np.full(columns, max(n - 1.0, 1.0))
    if live.any() and n >= LEAST_PERIODS:
        series = influence[:, live]
        kinds = list_covariances(tuple(range(n)))
        worth = None if level else _count_series(series)
        error[live] = model_averaged_se(
            kinds, series, UNRELATED_LEVEL if level else unrelated, worth
        )
        # A group without rows in some periods has fewer that vary.
        count = np.clip(blocks * n / periods, 2.0, n)
        error *= np.sqrt(count / (count - 1) * (n - 1) / n)
        freedom = np.minimum(freedom, count - 1)
    usable = np.full(columns, n >= LEAST_PERIODS) | ~live
    correlation = to_correlation(influence.T @ influence, n) if correlated else np.empty((0, 0))
    skew = None if level else np.sqrt(find_lopsided(influence))
    return StandardErrors(error, freedom, blocks, correlation, usable, skew)


def _join_stretches(influence: np.ndarray) -> np.ndarray:
    """Add up stretches of very many periods: what drifts slowly is seen in them as well."""
    if len(influence) < 2 * BATCHES:
        return influence
    return np.stack([part.sum(axis=0) for part in np.array_split(influence, BATCHES)])


def _count_series(influence: np.ndarray) -> float:
    """Count the effective number of independent columns: ``C^2 / |R|^2``.

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
