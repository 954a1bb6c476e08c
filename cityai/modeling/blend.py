"""The blend: a convex mix of candidates, weighed by what they did at earlier origins."""

from __future__ import annotations

from typing import Final

import numpy as np

from cityai.modeling.forecasters import FloatArray

SHRINKAGE: Final = 0.01
"""Pull towards equal weights. Small: a candidate that is 5 % worse nearly loses its weight."""

STEPS: Final = 400
"""Steps of the descent; the best point seen is kept."""


def learn_weights(forecasts: FloatArray, truth: FloatArray) -> FloatArray:
    """Find the weights with the least absolute error, pulled towards equal ones.

    Minimises ``sum|F w - y| / min_k sum|F_k - y| + c K |w - 1/K|^2`` over ``w >= 0, sum(w) = 1``
    by exponentiated gradient descent (Kivinen & Warmuth 1997). Dividing by the best candidate's
    error makes the pull the same for a target that is easy and for one that is hard.

    Parameters
    ----------
    forecasts : numpy.ndarray
        Shape (R, K): out-of-sample forecasts of earlier origins whose labels are mature.
    truth : numpy.ndarray
        Shape (R,), what came to pass, in the same unit.

    Returns
    -------
    numpy.ndarray
        Shape (K,), not negative, sum 1. Rows with a gap are left out; without rows, equal weights.
    """
    count = forecasts.shape[1]
    equal = np.full(count, 1.0 / count)
    whole = ~(np.isnan(forecasts).any(axis=1) | np.isnan(truth))
    errors = forecasts[whole] - truth[whole][:, None]
    if count == 1 or len(errors) == 0:
        return equal
    size = np.abs(errors).sum(axis=0).min()
    if size <= 0:
        perfect = np.abs(errors).sum(axis=0) == 0
        return np.asarray(perfect / perfect.sum())
    weights, best, least = equal, equal, np.inf
    for step in range(1, STEPS + 1):
        mixed = errors @ weights
        away = weights - equal
        loss = np.abs(mixed).sum() / size + SHRINKAGE * count * (away**2).sum()
        if loss < least:
            least, best = loss, weights
        slope = np.sign(mixed) @ errors / size + 2.0 * SHRINKAGE * count * away
        slope = slope - slope.mean()
        largest = np.abs(slope).max()
        if largest < 1e-12:
            break
        moved = weights * np.exp(-slope / largest / np.sqrt(step))
        weights = moved / moved.sum()
    return best


def mix_forecasts(forecasts: FloatArray, weights: FloatArray) -> FloatArray:
    """Mix candidates row by row.

    A candidate without a forecast leaves its weight to the others (equally when they have none).

    Parameters
    ----------
    forecasts : numpy.ndarray
        Shape (R, K), NaN where a candidate has no forecast.
    weights : numpy.ndarray
        Shape (K,), not negative, sum 1.

    Returns
    -------
    numpy.ndarray
        Shape (R,); NaN where no candidate has a forecast.
    """
    known = ~np.isnan(forecasts)
    shares = np.where(known, weights, 0.0)
    shares = np.where(shares.sum(axis=1, keepdims=True) > 0, shares, known.astype(np.float64))
    total = shares.sum(axis=1)
    mixed = (np.where(known, forecasts, 0.0) * shares).sum(axis=1)
    return np.asarray(np.where(total > 0, mixed / np.where(total > 0, total, 1.0), np.nan))
