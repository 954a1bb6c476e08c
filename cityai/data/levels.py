"""Whether what came last is of the kind of all that came before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from cityai.config.project import Period
from cityai.data.periods import WEEK, by_period
from cityai.findings import Finding, Status
from cityai.i18n.messages import count_periods, join, say

LEVEL: Final = "quality.level"
STRETCH_DAYS: Final = 28
STRETCH: Final = by_period(day=STRETCH_DAYS, week=4, month=1)
"""Periods that are added up to one stretch."""
LEAST_STRETCHES: Final = 12
_LEAST_TOTAL: Final = 20.0
_LEAST_APART: Final = {"log": 0.25, "share": 0.1}
"""What stretches differ by at least, however alike those before were."""


def find_totals_leap(totals: npt.NDArray[np.float64], freq: Period) -> Iterator[Finding]:
    """Yield a finding where the last total is farther from all before than they lie apart.

    Parameters
    ----------
    totals : numpy.ndarray
        Of each period, oldest first; NaN where it is not known.
    freq : str
        The period.
    """
    width = STRETCH[freq]
    sums = totals[len(totals) % width :].reshape(-1, width).sum(axis=1)
    before = sums[:-1][sums[:-1] >= _LEAST_TOTAL]
    if not len(sums) or not sums[-1] > 0 or not _is_far(np.log(sums[-1]), np.log(before), "log"):
        return
    told = say(
        "The last {span} add up to {share:,.0%} of the mean of the {count:,} stretches of that "
        "length before, farther from all of them than they lie apart.",
        span=count_periods(width, freq),
        share=sums[-1] / before.mean(),
        count=len(before),
    )
    yield _tell_leap(told, float(sums[-1] / before.mean()))


def find_shares_leap(
    yes: npt.NDArray[np.float64], known: npt.NDArray[np.float64], unit: str
) -> Iterator[Finding]:
    """Yield a finding where the last share of yes is farther from all before than they lie apart.

    Parameters
    ----------
    yes, known : numpy.ndarray
        Cases with the outcome, and with a known one, of stretches of four weeks, oldest first.
    unit : str
        What cases are called.
    """
    enough = known >= _LEAST_TOTAL
    if not enough.any() or not enough[-1] or known[-1] < np.median(known[enough]) / 2:
        return
    shares = (yes / np.maximum(known, 1))[enough]
    if not _is_far(shares[-1], shares[:-1], "share"):
        return
    told = say(
        "{share:.0%} of the {unit} of the last {span} whose outcome is known have it, of those of "
        "each of {count:,} stretches of that length before {low:.0%} to {high:.0%}.",
        share=shares[-1],
        unit=unit,
        span=count_periods(4, WEEK),
        count=len(shares) - 1,
        low=shares[:-1].min(),
        high=shares[:-1].max(),
    )
    yield _tell_leap(told, float(shares[-1]))


def _is_far(last: float, before: npt.NDArray[np.float64], scale: str) -> bool:
    if len(before) < LEAST_STRETCHES:
        return False
    low, high = before.min(), before.max()
    return bool(max(last - high, low - last) > max(high - low, _LEAST_APART[scale]))


def _tell_leap(told: str, observed: float) -> Finding:
    next_step = say(
        "If a unit, a code or what the export covers changed, correct it or the project; if it is "
        "real, the tests say less of what comes."
    )
    title = say("The latest data are like those before")
    return Finding(LEVEL, Status.NOT_ENOUGH, title, join(" ", (told, next_step)), observed)
