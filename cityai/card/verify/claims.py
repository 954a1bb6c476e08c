"""A printed figure beside what the predictions say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ROUNDING: Final = 1e-12
"""Share of a figure that the order of its sums may change."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One printed figure and what it should be."""

    path: str
    """Where it stands in the record."""
    printed: float | None
    """What the record says."""
    counted: float
    """What the predictions say; NaN when undefined."""
    decimals: int
    """Decimals that it was printed with."""
    reason: str = ""
    """Why it cannot be counted at all, which no honest card gives cause for."""

    @property
    def holds(self) -> bool:
        """Whether both agree to the printed rounding."""
        if self.reason:
            return False
        if self.printed is None:
            return not math.isfinite(self.counted)
        if not math.isfinite(self.counted):
            return False
        if self.counted == 0:
            return abs(self.printed) <= ROUNDING
        half = 0.5 * 10.0**-self.decimals
        return abs(self.counted - self.printed) <= half * (1 + 1e-6) + ROUNDING * abs(self.counted)


def claim_range(path: str, between: tuple[float, float], counted: float) -> Claim:
    """Claim that a figure lies in a range: what is printed is the nearest end, or the figure."""
    return Claim(path, min(max(counted, between[0]), between[1]), counted, 12)


def refuse_claim(path: str, printed: float | None, reason: str) -> Claim:
    """Return the failed claim of a figure that no prediction can bear out."""
    return Claim(path, printed, math.nan, 0, reason)
