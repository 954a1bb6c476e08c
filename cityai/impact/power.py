"""Power and minimum detectable effect of a design, on the city's own past.

Each design is replayed over outcomes of a time when nothing was evaluated, with an effect put into
what is treated. What the analysis then says, many times over, is what the design promises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import pandas as pd
from scipy.special import stdtrit

WANTED: Final = 0.8
"""Power that a design is to have."""
YEAR: Final = 52
"""Weeks beyond which a capacity cannot answer a question."""
NEAR: Final = 0.01
"""How near the smallest effect that is detected is found, as a part of it."""


class Replay(Protocol):
    """Evaluations of a design, replayed."""

    def power(self, effect: float, confidence: float) -> float:
        """Compute power: how often an effect is told from none, in its direction."""
        ...

    def find_room(self, effect: float) -> float:
        """Find the largest effect there can be in the direction of this one; infinite: any."""
        ...

    def find_spread(self) -> float:
        """Find about how far an estimate strays."""
        ...


class LastingReplay(Replay, Protocol):
    """Evaluations that may last longer, or less long."""

    def last(self, periods: float) -> LastingReplay:
        """Suppose that they last so many periods."""
        ...


@dataclass(frozen=True, slots=True)
class Placebo:
    """Estimates where nothing happened, of a design in which nothing is drawn."""

    periods: float
    """How long the evaluation would last."""
    estimate: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    """(n,) estimates, their own standard errors and degrees of freedom; NaN where undefined."""
    rate: float = 0.5
    """Power of the periods with which errors shrink: a half, or less of a local fit."""

    def last(self, periods: float) -> Placebo:
        """Suppose more or fewer periods that tell as much: errors shrink as their power grows."""
        factor = (self.periods / periods) ** self.rate
        return replace(
            self, periods=periods, estimate=self.estimate * factor, error=self.error * factor
        )

    def find_room(self, effect: float) -> float:
        """Find the largest effect there can be: any."""
        return math.inf

    def find_spread(self) -> float:
        """Find how far an estimate strays."""
        return float(np.nanstd(self.estimate))

    def power(self, effect: float, confidence: float) -> float:
        """Compute power: how often an effect, the same for all, is told from none by t."""
        half = stdtrit(self.freedom, (1 + confidence) / 2) * self.error
        side = math.copysign(1.0, effect)
        return float((side * (self.estimate + effect) - half > 0).mean())


def minimum_detectable_effect(
    replay: Replay, effect: float, confidence: float = 0.95, wanted: float = WANTED
) -> float:
    """Find the smallest effect that is told from none as often as wanted.

    Parameters
    ----------
    replay : Replay
        As long as the evaluation.
    effect : float
        Its sign says in which direction.
    confidence, wanted : float
        Of the interval; how often.

    Returns
    -------
    float
        Above 0; NaN where none is, not even the largest there can be.
    """
    side, room = math.copysign(1.0, effect), replay.find_room(effect)
    low, high = 0.0, 2 * replay.find_spread()
    if not high > 0:
        return math.nan
    for _ in range(12):
        high = min(1.5 * high, room)
        if replay.power(side * high, confidence) >= wanted:
            break
        if high == room:
            return math.nan
        low = high
    else:
        return math.nan
    while high - low > NEAR * high:
        middle = (low + high) / 2
        enough = replay.power(side * middle, confidence) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def count_periods(
    replay: LastingReplay,
    effect: float,
    confidence: float = 0.95,
    wanted: float = WANTED,
    most: int = YEAR,
) -> float:
    """Count the periods after which an effect is told from none as often as wanted.

    Returns
    -------
    float
        Infinite where `most` are not enough: this capacity cannot answer the question in a year.
    """
    if replay.last(most).power(effect, confidence) < wanted:
        return math.inf
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        enough = replay.last(middle).power(effect, confidence) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return float(high)


def price_lottery(need: np.ndarray, block: np.ndarray, served: np.ndarray) -> float:
    """Price a lottery at the capacity's edge: need that a block leaves unserved for its sake.

    Parameters
    ----------
    need : numpy.ndarray
        (rows,) what there is to be found or met, of the cases that are drawn for.
    block : numpy.ndarray
        (rows,) codes of the periods.
    served : numpy.ndarray
        (rows,) bool: those who would be served by rank, without a lottery.

    Returns
    -------
    float
        On average a period; below 0 where the ranking did worse at its edge than chance.
    """
    frame = pd.DataFrame({"block": block, "need": need, "held": need * served, "served": served})
    by = frame.groupby("block").agg({"need": "mean", "held": "sum", "served": "sum"})
    return float((by["held"] - by["served"] * by["need"]).mean())


def price_probe(need: np.ndarray, chance: np.ndarray, last: float, visits: float) -> float:
    """Price a random probe: need that visits drawn by chance leave unserved.

    Parameters
    ----------
    need, chance : numpy.ndarray
        (rows,) need of those it is drawn from, and their probability.
    last : float
        Mean need of those last in rank within the capacity, who are not visited for its sake.
    visits : float
        Drawn in a period.
    """
    return float(visits * (last - np.average(need, weights=chance)))
