"""Sums by block and group, and what they say about a ratio: its value and its interval.

Let ``T[b, g, k]`` be the k-th sum over the rows of block b, each weighted by its part in group g.
A metric is ``theta = N / D`` with N, D two of the K sums over all blocks. Its influence on block b
is ``u_b = (N_b - theta D_b) / D`` (the linearised ratio: Cochran, Sampling Techniques, 1977, ch.
6), so a gap of two groups has the difference of two such rows, and every interval follows in closed
form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from cityai.assessment.metrics import Metric

Blocks = Literal["periods", "entities", "both"]

DRAWS = 4000
"""Draws of the largest of several correlated deviations."""
SEED = 20260101
COSINES = 2
"""Fewest cosine averages behind the interval of a level (see `spread_level`)."""
PERIODS_A_COSINE = 13
ALIKE = 0.5
"""Autocorrelation of periods for which the interval of a level is designed."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Sums by period and entity: all that the audit needs of the rows.

    Attributes
    ----------
    values : numpy.ndarray
        (B, E, K) float64.
    names : tuple of str
        The K sums.
    """

    values: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far each of C estimates may lie from the truth.

    Attributes
    ----------
    error : numpy.ndarray
        (C,) standard errors; NaN where they cannot be known.
    freedom : numpy.ndarray
        (C,) degrees of freedom of Student's t.
    blocks : numpy.ndarray
        (C,) blocks behind each.
    correlation : numpy.ndarray
        (C, C) between the estimates.
    """

    error: np.ndarray
    freedom: np.ndarray
    blocks: np.ndarray
    correlation: np.ndarray


def sum_cells(
    values: np.ndarray, block: np.ndarray, group: np.ndarray, n_blocks: int, n_groups: int
) -> np.ndarray:
    """Sum rows by block and hard group: one pass, ``T[b, g, k]``.

    Parameters
    ----------
    values : numpy.ndarray
        (rows, K) float64.
    block, group : numpy.ndarray
        (rows,) int64 codes from 0.
    n_blocks, n_groups : int
        Number of each.

    Returns
    -------
    numpy.ndarray
        (n_blocks, n_groups, K) float64.
    """
    code = block.astype(np.int64) * n_groups + group
    size = n_blocks * n_groups
    columns = [
        np.bincount(code, weights=values[:, k], minlength=size) for k in range(values.shape[1])
    ]
    return np.stack(columns, axis=-1).reshape(n_blocks, n_groups, values.shape[1])


def weigh_cells(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum entities into groups by their weights: (B, E, K) and (E, G) give (B, G, K)."""
    groups: np.ndarray = np.matmul(weights.T, values)
    return groups


def compute_ratio(totals: np.ndarray, names: tuple[str, ...], metric: Metric) -> np.ndarray:
    """Compute a metric from sums.

    Parameters
    ----------
    totals : numpy.ndarray
        (..., K) sums.
    names : tuple of str
        The K sums.
    metric : Metric
        What to compute.

    Returns
    -------
    numpy.ndarray
        (...) float64, NaN where the denominator is not above zero.
    """
    top = totals[..., names.index(metric.numerator)]
    bottom = totals[..., names.index(metric.denominator)]
    value = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    result: np.ndarray = np.sqrt(value) if metric.root else value
    return result


def compute_influence(
    tensor: np.ndarray,
    names: tuple[str, ...],
    metric: Metric,
    totals: np.ndarray | None = None,
) -> np.ndarray:
    """Compute each block's influence on each group's metric.

    Parameters
    ----------
    tensor : numpy.ndarray
        (B, G, K) sums.
    names : tuple of str
        The K sums.
    metric : Metric
        What to compute.
    totals : numpy.ndarray, optional
        (G, K) sums over all blocks, when `tensor` holds only some of them.

    Returns
    -------
    numpy.ndarray
        (B, G) float64; sums to zero over blocks; zero where the metric is undefined.
    """
    top = tensor[..., names.index(metric.numerator)]
    bottom = tensor[..., names.index(metric.denominator)]
    totals = tensor.sum(axis=0) if totals is None else totals
    value = compute_ratio(totals, names, metric)
    ratio = value**2 if metric.root else value
    total = totals[..., names.index(metric.denominator)]
    slope = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    if metric.root:
        # d sqrt(r) = dr / (2 sqrt(r)); a root of zero does not vary to first order.
        slope = np.divide(slope, 2 * value, out=np.zeros_like(slope), where=value > 0)
    influence: np.ndarray = (top - np.nan_to_num(ratio) * bottom) * slope
    return influence


def spread_periods(influence: np.ndarray, blocks: np.ndarray) -> Spread:
    """Spread of gaps when blocks are periods, in order of time.

    Parameters
    ----------
    influence : numpy.ndarray
        (B, C).
    blocks : numpy.ndarray
        (C,) periods in which both sides of the gap were present.

    Notes
    -----
    ``B / (B-1) * sum(u_b^2)``, times the factor by which neighbouring periods that resemble each
    other inflate it. Shocks shared by all cancel in a gap, a group's own need not: the first
    autocorrelation is pooled over the C gaps, corrected for its small-sample bias, never taken
    below zero, and the degrees of freedom fall with it.
    """
    squares = (influence**2).sum(axis=0)
    count = np.maximum(blocks, 2.0)
    factor, freedom = _inflate(influence, squares, count)
    error = np.sqrt(count / (count - 1) * squares * factor)
    return Spread(error, freedom, blocks, _correlate(influence.T @ influence, len(influence)))


def _inflate(
    influence: np.ndarray, squares: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    n = len(influence)
    live = squares > 0
    if n < 5 or not live.any():
        return np.ones_like(count), count - 1
    unit = influence[:, live] / np.sqrt(squares[live])
    raw = float((unit[1:] * unit[:-1]).sum(axis=0).mean())
    # E[raw] is about rho - (1 + 4 rho) / n (Kendall 1954, with the mean removed).
    rho = min(max((raw + 1 / n) / (1 - 4 / n), 0.0), 0.9)
    lag = np.arange(1, n)
    stretch = 1 + 2 * float(((1 - lag / n) * rho**lag).sum())
    factor = stretch * (n - 1) / max(n - stretch, 0.5)
    return np.full_like(count, factor), np.maximum(count / stretch - 1, np.minimum(count - 1, 2))


def spread_level(influence: np.ndarray, blocks: np.ndarray) -> Spread:
    """Spread of levels (not gaps) when blocks are periods, in order of time.

    Notes
    -----
    A level carries the shocks that all share, so its periods resemble each other. The long-run
    variance is the mean square of the first few cosine averages, with as many degrees of freedom
    (equal-weighted cosine estimator: Lazarus, Lewis, Stock and Watson 2018, J. Bus. Econ. Stat.
    36(4)), made good for what it misses of an autocorrelation of `ALIKE` with so few periods; the
    interval is never narrower than if periods were independent.
    """
    n = len(influence)
    count = np.maximum(blocks, 2.0)
    squares = (influence**2).sum(axis=0)
    plain = np.sqrt(count / (count - 1) * squares)
    terms = max(COSINES, n // PERIODS_A_COSINE)
    grid = np.pi * np.outer(np.arange(1, terms + 1), np.arange(n) + 0.5) / n
    waves = math.sqrt(2) * np.cos(grid)
    alike = ALIKE ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    missed = alike.sum() / np.einsum("ji,ik,jk->j", waves, alike, waves).mean()
    long_run = np.sqrt(max(missed, n / (n - 1)) * ((waves @ influence) ** 2).mean(axis=0))
    serial = long_run * stats.t.ppf(0.975, terms) > plain * stats.t.ppf(0.975, count - 1)
    return Spread(
        np.where(serial, long_run, plain),
        np.where(serial, float(terms), count - 1),
        blocks,
        _correlate(influence.T @ influence, n),
    )


def spread_entities(influence: np.ndarray, blocks: np.ndarray, effective: np.ndarray) -> Spread:
    """Spread when blocks are entities.

    Parameters
    ----------
    influence : numpy.ndarray
        (E, C).
    blocks : numpy.ndarray
        (C,) entities present.
    effective : numpy.ndarray
        (C,) how many equal entities they are worth (`count_effective`): a few large ones leave few
        degrees of freedom, however many small ones there are.
    """
    worth = np.maximum(effective, 2.0)
    error = np.sqrt(worth / (worth - 1) * (influence**2).sum(axis=0))
    matrix = _correlate(influence.T @ influence, len(influence))
    return Spread(error, worth - 1, blocks, matrix)


def spread_both(by_period: Spread, by_entity: Spread, cell_squares: np.ndarray) -> Spread:
    """Two-way spread: variance by entity + by period - by both, never less than the larger one.

    Parameters
    ----------
    by_period, by_entity : Spread
        The two one-way spreads of the same C estimates.
    cell_squares : numpy.ndarray
        (C,) sum of squared influences of single cells (Cameron, Gelbach and Miller 2011).
    """
    first, second = by_period.error**2, by_entity.error**2
    variance = np.maximum(first + second - cell_squares, np.maximum(first, second))
    larger = (first > second)[:, None] & (first > second)[None, :]
    return Spread(
        np.sqrt(variance),
        np.minimum(by_period.freedom, by_entity.freedom),
        np.minimum(by_period.blocks, by_entity.blocks),
        np.where(larger, by_period.correlation, by_entity.correlation),
    )


def count_effective(size: np.ndarray) -> np.ndarray:
    """Count unequal blocks as equal ones: ``(sum s)^2 / sum s^2`` per column (Kish 1965)."""
    squares = (size**2).sum(axis=0)
    square: np.ndarray = size.sum(axis=0) ** 2
    count: np.ndarray = np.divide(square, squares, out=np.zeros_like(squares), where=squares > 0)
    return count


def _correlate(covariance: np.ndarray, blocks: int) -> np.ndarray:
    # Correlations of many groups from few blocks come out too strong: shrink them.
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    product = np.outer(scale, scale)
    matrix = np.divide(covariance, product, out=np.zeros_like(covariance), where=product > 0)
    matrix *= blocks / (blocks + len(scale))
    np.fill_diagonal(matrix, 1.0)
    clipped: np.ndarray = np.clip(matrix, -1.0, 1.0)
    return clipped


def adjust_confidence(correlation: np.ndarray, confidence: float, pairs: bool = False) -> float:
    """Find the confidence of each interval that makes them hold together.

    Parameters
    ----------
    correlation : numpy.ndarray
        (C, C) between the estimates.
    confidence : float
        Wanted for all together.
    pairs : bool
        Whether the reference is the best of the C, so that all pairs are compared.

    Returns
    -------
    float
        Between `confidence` and Sidak's.

    Notes
    -----
    Max-t: the distribution of the largest of C correlated normal deviations, drawn with a fixed
    seed (the multiplier bootstrap of the influences). With `pairs`, Sidak over all pairs.
    """
    n = len(correlation)
    if pairs:
        return float(confidence ** (1 / max(n * (n + 1) // 2, 1)))
    if n <= 1:
        return confidence
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, n)) @ root.T
    largest = np.abs(draws / np.sqrt((root**2).sum(axis=1))).max(axis=1)
    each = 2 * stats.norm.cdf(float(np.quantile(largest, confidence))) - 1
    return float(min(max(each, confidence), confidence ** (1 / n)))


def compute_margin(spread: Spread, confidence: float, min_blocks: int) -> np.ndarray:
    """Compute half-widths of intervals.

    Returns
    -------
    numpy.ndarray
        (C,) NaN with fewer than `min_blocks` blocks, or where nothing varied between blocks: a
        standard error of zero would claim certainty.
    """
    margin = stats.t.ppf((1 + confidence) / 2, spread.freedom) * spread.error
    usable = (spread.blocks >= min_blocks) & (spread.error > 1e-12)
    return np.where(usable, margin, np.nan)


def resample_sums(tensor: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Bootstrap the tensor: a matrix product.

    Parameters
    ----------
    tensor : numpy.ndarray
        (B, G, K) sums.
    draws : numpy.ndarray
        (R, B) how often each block is drawn in each replicate.

    Returns
    -------
    numpy.ndarray
        (R, G, K) sums of each replicate.
    """
    blocks = tensor.shape[0]
    drawn: np.ndarray = draws @ tensor.reshape(blocks, -1)
    return drawn.reshape(len(draws), *tensor.shape[1:])
