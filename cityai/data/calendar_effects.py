"""Calendar effects: what the weekdays that a month holds do to its total."""

from __future__ import annotations

from typing import Final

import numpy as np

from cityai.data.features.known import mean_known
from cityai.data.periods import MONTH, SEASON
from cityai.data.rows import Floats

AROUND: Final = np.array([0.5, *[1.0] * 11, 0.5]) / 12
"""Weights of the months around one, itself in the middle: the centred moving average of a year."""

PRIOR: Final = 0.5
"""How far a day's weight lies from that of a mean day, before anything was seen (one sigma)."""

FAR: Final = 2.0
"""Errors above which a month counts for less (Huber 1964), in their root mean square."""

ROUNDS: Final = 6
"""Rounds of reweighting."""

LEAST_NOISE: Final = 1e-10


def estimate_factors(history: Floats, weekdays: Floats) -> Floats:
    """Estimate what the weekdays of each month do to the city's total, as a factor.

    Trading-day regression (Bell and Hillmer 1983, doi:10.1080/01621459.1983.10478005): the
    logarithm of the total, less the mean of the months around it and the mean of its month of the
    year, on the same of the weekdays. Ridge regression pulls each towards the mean day, by the
    noise that is left; months far off count for less.

    Parameters
    ----------
    history : numpy.ndarray
        Shape (T, E), totals of the first T months, NaN where nothing was measured.
    weekdays : numpy.ndarray
        Shape (n, 7), n >= T, from `share_weekdays`.

    Returns
    -------
    numpy.ndarray
        Shape (n,), about 1 in the mean of the first T; 1 throughout where the history is too short,
        or an amount lies below 0.
    """
    length = len(history)
    plain = np.ones(len(weekdays))
    if length <= len(AROUND) or (history < 0).any():
        return plain
    left = _take_out_usual(np.column_stack([_add_up(history), weekdays[:length]]))
    if not len(left):
        return plain
    weights = _regress(left[:, 0], left[:, 1:])
    centred = weekdays - weekdays[:length].mean(axis=0)
    return np.exp((centred * weights).sum(axis=1))  # the same bits, however many


def _add_up(history: Floats) -> Floats:
    """Return the logarithm of the total over what is usual of those that were measured, (T,).

    So an entity that begins late, or is not measured for a while, is no rise or fall.
    """
    usual = mean_known(history)
    counted = ~np.isnan(history) & (usual > 0)
    total = np.where(counted, history, 0.0).sum(axis=1)
    expected = np.where(counted, usual, 0.0).sum(axis=1)
    some = total > 0
    logarithm = np.log(np.where(some, total, 1.0) / np.where(some, expected, 1.0))
    return np.where(some, logarithm, np.nan)


def _take_out_usual(seen: Floats) -> Floats:
    """Take out the mean of the months around each, then that of its month; whole rows alone."""
    width = len(AROUND)
    windows = np.lib.stride_tricks.sliding_window_view(seen, width, axis=0)
    left = seen[width // 2 : width // 2 + len(windows)] - windows @ AROUND
    whole = ~np.isnan(left).any(axis=1)
    left, month = left[whole], np.arange(len(left))[whole] % SEASON[MONTH]
    for each in np.unique(month):
        left[month == each] -= left[month == each].mean(axis=0)
    return left


def _regress(amount: Floats, shares: Floats) -> Floats:
    """Regress with a ridge of `PRIOR` and Huber's weights; shape (K,)."""
    counts: Floats = np.ones(len(amount))
    noise = max(float(amount.var()), LEAST_NOISE)
    ridge = np.eye(shares.shape[1]) / PRIOR**2
    weights: Floats = np.zeros(shares.shape[1])
    for _ in range(ROUNDS):
        weighed = shares * counts[:, None]
        weights = np.asarray(
            np.linalg.solve(weighed.T @ shares + noise * ridge, weighed.T @ amount)
        )
        error: Floats = amount - shares @ weights
        noise = max(float((counts * error**2).sum() / counts.sum()), LEAST_NOISE)
        counts = np.asarray(np.minimum(1.0, FAR * noise**0.5 / np.maximum(np.abs(error), 1e-12)))
    return weights
