"""Verdicts: an equivalence test on a gap, and how much more evidence would decide it."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from cityai.findings import Status


def judge_gap(gap: float, margin: float, limit: float) -> Status:
    """Hold a gap against its limit: an equivalence test, not a threshold.

    Returns
    -------
    Status
        `pass` when the whole interval lies within ``+-limit``, `fail` when it lies wholly outside,
        `not enough evidence` otherwise, also without an interval.
    """
    if not (math.isfinite(gap) and math.isfinite(margin)):
        return Status.NOT_ENOUGH
    if abs(gap) + margin <= limit:
        return Status.PASS
    return Status.FAIL if abs(gap) - margin > limit else Status.NOT_ENOUGH


def count_more_blocks(gap: float, margin: float, limit: float, blocks: float) -> float:
    """Estimate how many more blocks would decide a gap that stays as it is.

    Returns
    -------
    float
        Whole number of further blocks; NaN without an interval; infinity when more than a
        hundred times as many blocks would be needed.

    Notes
    -----
    The margin shrinks as ``t(B - 1) / sqrt(B)``.
    """
    if not (math.isfinite(gap) and math.isfinite(margin)) or blocks < 2:
        return math.nan
    needed = abs(abs(gap) - limit)
    start = stats.t.ppf(0.975, blocks - 1) / math.sqrt(blocks)
    sizes = np.unique(np.ceil(np.geomspace(blocks, 100 * blocks, 400)))
    margins = margin * stats.t.ppf(0.975, sizes - 1) / np.sqrt(sizes) / start
    enough = sizes[margins <= needed]
    return float(math.ceil(enough[0] - blocks)) if len(enough) else math.inf
