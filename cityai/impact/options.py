"""What one design can do in a city: its power, its price, or why it does not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri, stdtrit

from cityai.config.evaluation import Design
from cityai.impact.power import (
    LastingReplay,
    Placebo,
    Replay,
    count_periods,
    minimum_detectable_effect,
)

LEAST_BLOCKS: Final = 6
"""Past periods below which nothing is promised."""
GRID: Final = 4000
"""Points of a normal distribution."""
SEED: Final = 20260104
"""Of the order in which those of another are put beside them."""


@dataclass(frozen=True, slots=True)
class Option:
    """What one design can do here."""

    design: Design
    """As an evaluation names it."""
    fits: bool
    """Whether it can answer the question here at all."""
    power: float
    """How often the smallest effect worth having would be told from none, in the weeks planned; as
    often, no effect would be told to be too small. NaN where nothing is promised."""
    detectable: float
    """The smallest effect that four of five such evaluations would tell from none."""
    weeks: float
    """Weeks until four of five tell the smallest effect worth having; infinite: not in a year."""
    price: float
    """Need that a week leaves unserved for its sake, in the outcome's unit; 0 where nobody waits
    for it, NaN where not known."""
    reason: str
    """Why it does not fit, or what is to be known of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of every design."""

    smallest: float
    weeks: int
    confidence: float
    replays: int
    """As for `designs.compare_designs`."""
    told: str
    """What was left out of the past."""
    share: bool = False
    """Whether the outcome is yes or no."""

    def promise(self, design: Design, replay: LastingReplay, price: float) -> Option:
        """Say what replays promise, with the smallest effect put in, a period a week."""
        lasting = replay.last(self.weeks)
        power = lasting.power(self.smallest, self.confidence)
        detectable = minimum_detectable_effect(lasting, self.smallest, self.confidence)
        needed = count_periods(replay, self.smallest, self.confidence)
        told = "this capacity cannot answer the question in a year" * math.isinf(needed)
        reason = (self.told + told).strip()
        return Option(design, True, power, detectable, needed, price, reason)

    def find_lack(self, replay: Replay) -> str:
        """Say that so large an effect cannot be: there are fewer with the answer, or without it."""
        room = replay.find_room(self.smallest)
        if abs(self.smallest) <= room:
            return ""
        which = "have" if self.smallest < 0 else "lack"
        return (
            f"{100 * room:.3g} in 100 {which} the answer: it cannot become "
            f"{100 * abs(self.smallest):.3g} points {'less' if self.smallest < 0 else 'more'}"
        )


def refuse_design(design: Design, reason: str) -> Option:
    """Say why a design does not fit."""
    return Option(design, False, math.nan, math.nan, math.nan, math.nan, reason)


def simulate_estimates(
    error: float | np.ndarray, weeks: float, freedom: float = math.inf
) -> Placebo:
    """Estimates that stray about none, each with an error of those given.

    Where an error was found with some freedom, what comes strays from it as Student's t.
    """
    grid, own = (np.arange(GRID) + 0.5) / GRID, np.resize(error, GRID)
    strayed = ndtri(grid) if math.isinf(freedom) else stdtrit(freedom, grid)
    strayed = own * np.random.default_rng(SEED).permutation(strayed)
    return Placebo(weeks, strayed, own, np.full(GRID, freedom))
