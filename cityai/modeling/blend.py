"""The blend: a convex mix of candidates, weighed by what they did at earlier origins."""

from __future__ import annotations

from functools import reduce
from typing import Final

import numpy as np
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit, log_expit

from cityai.modeling.forecasters.protocol import FloatArray

SHRINKAGE: Final = 0.01
"""Pull towards equal weights. Small: a candidate that is 5 % worse nearly loses its weight."""

STEPS: Final = 400
"""Steps of the descent; the best point seen is kept."""

WORTH: Final = 2.0
"""Log-likelihood, in nats, that equal weights of yes/no candidates are worth beforehand."""


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
    errors = (forecasts[whole] - truth[whole][:, None]).T
    if count == 1 or errors.size == 0:
        return equal
    sizes = np.abs(errors).sum(axis=1)
    size = sizes.min()
    if size <= 0:
        return np.asarray((sizes == 0) / (sizes == 0).sum())
    # Rows that all candidates miss to one side add the same to every slope: most of them.
    above, below = reduce(np.minimum, errors) >= 0, reduce(np.maximum, errors) <= 0
    fixed = errors[:, above].sum(axis=1) - errors[:, below].sum(axis=1)
    errors = np.ascontiguousarray(errors[:, ~(above | below)])
    weights, best, least = equal, equal, np.inf
    for step in range(1, STEPS + 1):
        away = weights - equal
        # Its product with the weights is the error.
        steep = fixed + errors @ np.sign(weights @ errors)
        loss = steep @ weights / size + SHRINKAGE * count * (away**2).sum()
        if loss < least:
            least, best = loss, weights
        slope = steep / size + 2.0 * SHRINKAGE * count * away
        slope = slope - slope.mean()
        largest = np.abs(slope).max()
        if largest < 1e-12:
            break
        moved = weights * np.exp(-slope / largest / np.sqrt(step))
        weights = moved / moved.sum()
    return best


def learn_odds_weights(log_odds: FloatArray, truth: FloatArray) -> FloatArray:
    """Find the weights of yes/no candidates with the least log loss, pulled towards equal ones.

    Minimises ``-sum log p(y | L w) + WORTH K |w - 1/K|^2`` over ``w >= 0, sum(w) = 1``: a mix on
    the log-odds (a logarithmic pool: Genest and Zidek 1986, doi:10.1214/ss/1177013825).

    Parameters
    ----------
    log_odds : numpy.ndarray
        Shape (R, K): out-of-sample predictions of earlier folds, in log-odds.
    truth : numpy.ndarray
        Shape (R,), 1 or 0.

    Returns
    -------
    numpy.ndarray
        Shape (K,), not negative, sum 1. Rows with a gap are left out; without rows, equal weights.
    """
    count = log_odds.shape[1]
    equal = np.full(count, 1.0 / count)
    whole = ~np.isnan(log_odds).any(axis=1)
    if not whole.all():
        log_odds, truth = log_odds[whole], truth[whole]
    if count == 1 or not len(truth):
        return equal
    pull = WORTH * count / len(truth)

    def measure_loss(weights: FloatArray) -> float:
        mixed, away = log_odds @ weights, weights - equal
        loss = -np.mean(truth * log_expit(mixed) + (1 - truth) * log_expit(-mixed))
        return float(loss + pull * away @ away)

    def find_slope(weights: FloatArray) -> FloatArray:
        error = expit(log_odds @ weights) - truth
        return np.asarray(log_odds.T @ error / len(truth) + 2 * pull * (weights - equal))

    found = minimize(
        measure_loss,
        equal,
        jac=find_slope,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints=LinearConstraint(np.ones((1, count)), 1.0, 1.0),
        options={"ftol": 1e-12, "maxiter": 200},
    )
    weights = np.clip(found.x, 0.0, None)
    return np.asarray(weights / weights.sum())


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
