"""Equivalence test (two one-sided tests) of a gap, and the sample size that would decide it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import stats

from cityai.findings import Status

WIDER = ((6, 8, 13, 20, 26, 40, 80), (1.84, 1.63, 1.34, 1.19, 1.11, 1.04, 1.0))
"""Periods, and how much wider than plain t the interval of one of four unrelated gaps is, whose
memory is learnt from all four (a test measures it)."""


class Grade(StrEnum):
    """How far the evidence on a gap goes."""

    WITHIN = "within"
    BEYOND = "beyond"
    NOT_SEEN = "no gap seen"
    OPEN = "gap of open size"
    LEANS = "leans beyond"
    TOO_FEW = "too few to say"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gap held against its limit."""

    status: Status
    """`pass`, `fail` or `not enough evidence`."""
    grade: Grade
    """The same, graded where nothing is decided."""
    low: float
    high: float
    """The interval that decided; without a decision that of all gaps together."""


def decide_equivalence(
    gap: float, alone: tuple[float, float], together: tuple[float, float], limit: float
) -> Verdict:
    """Hold a gap against its limit by two one-sided tests (TOST): equivalence, not a threshold.

    Parameters
    ----------
    gap : float
        The estimate.
    alone, together : tuple of float
        The interval of this gap alone, and simultaneous with those it is told with; of one-sided
        tests each (`find_test_confidence`). NaN where unknown.
    limit : float
        Above zero.

    Returns
    -------
    Verdict
        `pass` when the gap's own interval lies within ``+-limit``: that all groups hold is an
        intersection-union test, which asks for no more (Berger 1982, Technometrics 24(4)). `fail`
        when the simultaneous interval lies wholly outside. Else, and without an interval, `not
        enough evidence`.
    """
    if not all(map(math.isfinite, (gap, *alone, *together))):
        return Verdict(Status.NOT_ENOUGH, Grade.TOO_FEW, math.nan, math.nan)
    if max(-alone[0], alone[1]) <= limit:
        return Verdict(Status.PASS, Grade.WITHIN, *alone)
    low, high = together
    if max(low, -high) > limit:
        return Verdict(Status.FAIL, Grade.BEYOND, low, high)
    return Verdict(Status.NOT_ENOUGH, _grade_open(gap, low, high, limit), low, high)


def decide_margins(gap: float, alone: float, together: float, limit: float) -> Verdict:
    """Decide as `decide_equivalence` does, by the half-widths of symmetric intervals."""
    return decide_equivalence(
        gap, (gap - alone, gap + alone), (gap - together, gap + together), limit
    )


WIDE: Final = 2.0
"""Halves of an interval, in limits, beyond which a gap that may be none is too little to go by."""


def _grade_open(gap: float, low: float, high: float, limit: float) -> Grade:
    maybe_none = low <= 0 <= high
    if maybe_none and (high - low) / 2 > WIDE * limit:
        return Grade.TOO_FEW
    if abs(gap) > limit:
        return Grade.LEANS
    return Grade.NOT_SEEN if maybe_none else Grade.OPEN


TESTED: Final = (0.95, 0.985)
"""Quantiles that shrink with more blocks: of a gap alone, and of one of about four together."""
DETECTED: Final = 0.9
"""Halves of a gap's own interval, beside that of all together, from which nine in ten gaps are
found: the ratio of normal quantiles, 1.28 to 1.645, and room for widths that are estimates too."""


def detect_gap(alone: float, together: float, limit: float) -> float:
    """Compute the minimum detectable effect: the gap that is told to be beyond a limit.

    Parameters
    ----------
    alone, together : float
        Half-widths of the intervals of `decide_equivalence`.
    limit : float
        Above zero.

    Returns
    -------
    float
        Nine in ten such gaps are found.
    """
    return limit + together + DETECTED * alone


def count_more_blocks(
    gap: float, low: float, high: float, limit: float, blocks: float, wider: bool = False
) -> float:
    """Estimate how many more blocks would decide a gap that stays as it is.

    Parameters
    ----------
    gap, low, high, limit : float
        The gap, its interval, and its limit.
    blocks : float
        Blocks behind it.
    wider : bool
        Whether the interval also allows for what few periods cannot tell (`WIDER`), which more of
        them do.

    Returns
    -------
    float
        Whole number of further blocks; NaN without an interval; infinity when more than a
        hundred times as many blocks would be needed.

    Notes
    -----
    The interval shrinks as ``t(B - 1) / sqrt(B)``, with the quantile of the test that decides.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or blocks < 2:
        return math.nan
    above, below = max(high - gap, 1e-12), max(gap - low, 1e-12)
    needed = min((limit - gap) / above, (limit + gap) / below)
    if abs(gap) > limit:
        needed = (abs(gap) - limit) / (below if gap > 0 else above)
    sizes, width = _shrink_width(blocks, TESTED[int(abs(gap) > limit)], wider)
    enough = sizes[width <= needed]
    return float(math.ceil(enough[0] - blocks)) if len(enough) else math.inf


@lru_cache(maxsize=256)
def _shrink_width(blocks: float, tested: float, wider: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of blocks up to a hundred times as many, and how wide each leaves an interval."""
    sizes = np.unique(np.ceil(np.geomspace(blocks, 100 * blocks, 400)))
    width = stats.t.ppf(tested, sizes - 1) / np.sqrt(sizes)
    if wider:
        width *= np.interp(sizes, *WIDER)
    return sizes, width / width[0]


def foresee_blocks(
    gap: float, low: float, high: float, limit: float, blocks: float, *, periods: bool
) -> tuple[float, float]:
    """Estimate between how few and how many more blocks would decide a gap.

    Returns
    -------
    tuple of float
        If the true gap lies a third of the interval's half farther from the limit, and a sixteenth
        nearer to it (a quarter, where blocks are others like these: nothing but their number
        narrows the interval); of periods, the first takes them for unrelated, so that more also
        tell so. Of simulated gaps of unrelated periods nine in ten were decided by the second, of
        related ones (AR of 0.5) three in four; both times one in eight before the first. Of others
        like these, whose gap is as found, 85 to 90 of 100 were.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan, math.nan
    away = (high - low) * (1 if abs(gap) > limit else -1)
    size, found = abs(gap), []
    nearer = away / (32 if periods else 8)
    for moved, wider in ((size + away / 6, periods), (size - nearer, False)):
        # Beyond the limit, or back at none, nothing would be decided the same way.
        moved = max(moved, 0.0)
        if (moved > limit) != (size > limit):
            found.append(math.inf)
            continue
        side = math.copysign(moved, gap)
        found.append(
            count_more_blocks(side, side - gap + low, side - gap + high, limit, blocks, wider)
        )
    return max(found[0], 1.0), max(*found, 1.0)
