"""Influence functions of ratio estimators, from sums by block and group.

Let ``T[b, g, k]`` be the k-th sum over the rows of block b, each weighted by its part in group g.
A metric is ``theta = N / D`` with N, D two of the K sums over all blocks. Its influence on block b
is ``u_b = (N_b - theta D_b) / D`` (the linearised ratio: Cochran, Sampling Techniques, 1977, ch.
6), so a gap of two groups has the difference of two such rows, and every interval follows in closed
form (`spread`, `serial`).
"""

from __future__ import annotations

import numpy as np

from cityai.records.metric import Metric


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
    return np.matmul(weights.T, values)


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
    return np.sqrt(value) if metric.root else value


def compute_influence(
    tensor: np.ndarray, names: tuple[str, ...], metric: Metric, totals: np.ndarray | None = None
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
    return (top - np.nan_to_num(ratio) * bottom) * slope
