"""Verdicts: an equivalence test on a gap, and how much more evidence would decide it."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from cityai.findings import Status


def judge_gap(low: float, high: float, limit: float) -> Status:
    """Hold the interval of a gap against its limit: an equivalence test, not a threshold.

    Returns
    -------
    Status
        `pass` when the whole interval lies within ``+-limit``, `fail` when it lies wholly outside,
        `not enough evidence` otherwise, also without an interval.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return Status.NOT_ENOUGH
    if max(-low, high) <= limit:
        return Status.PASS
    return Status.FAIL if max(low, -high) > limit else Status.NOT_ENOUGH


def count_more_blocks(gap: float, low: float, high: float, limit: float, blocks: float) -> float:
    """Estimate how many more blocks would decide a gap that stays as it is.

    Returns
    -------
    float
        Whole number of further blocks; NaN without an interval; infinity when more than a
        hundred times as many blocks would be needed.

    Notes
    -----
    The interval shrinks as ``t(B - 1) / sqrt(B)``.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or blocks < 2:
        return math.nan
    above, below = max(high - gap, 1e-12), max(gap - low, 1e-12)
    needed = min((limit - gap) / above, (limit + gap) / below)
    if abs(gap) > limit:
        needed = (abs(gap) - limit) / (below if gap > 0 else above)
    start = stats.t.ppf(0.975, blocks - 1) / math.sqrt(blocks)
    sizes = np.unique(np.ceil(np.geomspace(blocks, 100 * blocks, 400)))
    shrunk = stats.t.ppf(0.975, sizes - 1) / np.sqrt(sizes) / start
    enough = sizes[shrunk <= needed]
    return float(math.ceil(enough[0] - blocks)) if len(enough) else math.inf
