"""Power and minimum detectable effect of a design, on the city's own past.

Assignments are drawn by the law a design would have, over outcomes of a time when nothing was
evaluated (placebo assignments), and effects are put into the arm that is treated. What the
analysis then says, thousands of times, is what the design promises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from cityai.impact.difference_in_means import BlockSums
from cityai.impact.fixed_effects import Fit, find_within, redraw_scores
from cityai.impact.records import Law

DRAWS: Final = 2000
"""Placebo assignments."""
SEED: Final = 20260102
WANTED: Final = 0.8
"""Power that a design is to have."""
YEAR: Final = 52
"""Weeks beyond which a capacity cannot answer a question."""


@dataclass(frozen=True, slots=True)
class Placebo:
    """Estimates from placebo assignments with an effect put in.

    Attributes
    ----------
    effect : float
        What was put in.
    periods : float
        How long the evaluation would last.
    estimate, error, freedom : numpy.ndarray
        (n,) estimates, their own standard errors and degrees of freedom; NaN where undefined.
    rate : float
        Power of the periods with which errors shrink: a half, or less of a local fit.
    """

    effect: float
    periods: float
    estimate: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    rate: float = 0.5

    def bound(self, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """(n,) intervals."""
        half = stdtrit(self.freedom, (1 + confidence) / 2) * self.error
        return self.estimate - half, self.estimate + half

    def last(self, periods: float) -> Placebo:
        """Suppose more or fewer periods that tell as much: errors shrink as their power grows."""
        factor = (self.periods / periods) ** self.rate
        return replace(
            self,
            periods=periods,
            estimate=self.effect + (self.estimate - self.effect) * factor,
            error=self.error * factor,
        )

    def put(self, effect: float) -> Placebo:
        """Put in another effect, the same for all: estimates move by it, errors do not."""
        return replace(self, effect=effect, estimate=self.estimate + effect - self.effect)


def placebo_lottery(
    outcome: np.ndarray,
    law: Law,
    effect: float,
    periods: int,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Placebo:
    """Draw placebo lotteries of two arms over past outcomes, a block a period.

    Parameters
    ----------
    outcome : numpy.ndarray
        (rows,) past outcomes, without NaN; of yes and no, 0 and 1.
    law : Law
        Of the past rows: blocks are the periods' lotteries.
    effect : float
        What is put in: of yes and no, so many more (or fewer) of the treated have the outcome, who
        had it not (or had it), by chance.
    periods : int
        How long the evaluation would last: so many blocks are drawn from the past's, each with an
        assignment of its own.
    draws, seed : int
        Of the redraws.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(law.block, kind="stable")
    start = np.flatnonzero(np.diff(law.block[order], prepend=-1))
    y = outcome[order].astype(np.float64)
    parts: list[list[np.ndarray]] = [[], [], []]
    for redrawn in law.redraw_in_parts(rng, draws):
        treated = redrawn[:, order].astype(np.float64)
        moved = inject_effect(y, effect, rng, len(treated))
        for held, power in zip(parts, (0, 1, 2), strict=True):
            first = np.add.reduceat((1 - treated) * y**power, start, axis=1)
            second = np.add.reduceat(treated * moved**power, start, axis=1)
            held.append(np.stack([first, second], axis=1))
    sums = [np.concatenate(held) for held in parts]
    drawn = rng.integers(0, draws, (draws, periods))
    taken = rng.integers(0, len(start), (draws, periods))
    if periods == len(start):
        taken = np.tile(np.arange(periods), (draws, 1))
    picked = [np.moveaxis(held[drawn, :, taken], -1, 1) for held in sums]
    return Placebo(effect, float(periods), *BlockSums(*picked).compare())


def inject_effect(y: np.ndarray, effect: float, rng: np.random.Generator, n: int = 1) -> np.ndarray:
    """(n, rows) outcomes with an effect put in; of yes and no by chance, as far as is possible."""
    if not len(y) or not np.isin(y, (0.0, 1.0)).all():
        return np.tile(y + effect, (n, 1))
    room = y.mean() if effect < 0 else 1 - y.mean()
    chance = min(abs(effect) / room, 1.0) if room > 0 else 0.0
    turned = rng.random((n, len(y))) < chance
    return np.where(turned, 0.0 if effect < 0 else 1.0, y)


def placebo_wedge(
    panel: np.ndarray,
    starts: np.ndarray,
    periods: int,
    *,
    weights: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Placebo:
    """Draw placebo stepped wedges over windows of the past, so that its memory counts.

    Parameters
    ----------
    panel : numpy.ndarray
        (units, T) past outcomes, NaN where there is none.
    starts : numpy.ndarray
        (units,) period from 0 in which each begins; `periods` or later for never. They are dealt
        out anew among all.
    periods : int
        How long it would last, at most T.
    weights : numpy.ndarray, optional
        (units, T) cases behind each.
    draws, seed : int
        Over all windows.

    Raises
    ------
    ValueError
        Where the past is shorter than `periods`.
    """
    units, past = panel.shape
    if periods > past:
        raise ValueError(f"{past} past periods are fewer than {periods}")
    windows = np.unique(np.linspace(0, past - periods, min(past - periods + 1, 24)).astype(int))
    unit, period = (x.ravel() for x in np.indices((units, periods)))
    start = starts[unit].astype(np.int64)
    arm = (period >= start).astype(np.int64)
    none = np.zeros(len(unit), np.int64)
    law = Law("stepped wedge", ("", ""), arm, none, unit, none, unit, period, start)
    found: list[tuple[np.ndarray, ...]] = []
    for i, at in enumerate(windows):
        y = panel[:, at : at + periods].ravel()
        w = np.ones(len(y)) if weights is None else weights[:, at : at + periods].ravel()
        known = np.isfinite(y) & (w > 0)
        within = find_within(unit[known], period[known], w[known])
        fit = Fit(
            within, np.unique(unit[known][within.order], return_inverse=True)[1], "cluster", True
        )
        each = draws // len(windows) + (i < draws % len(windows))
        held = within.project(y[known]), within.project(arm[known])
        slope, error = redraw_scores(fit, law, known, *held, each, seed + i).compare(0.0)
        found.append((slope, error, np.full(each, float(fit.groups - 1))))
    estimate, errors, freedom = (np.concatenate(x) for x in zip(*found, strict=True))
    return Placebo(0.0, float(periods), estimate, errors, freedom)


def compute_power(placebo: Placebo, confidence: float = 0.95) -> float:
    """Compute power: how often an effect of the size put in is told from none, in its direction."""
    low, high = placebo.bound(confidence)
    return float((low > 0 if placebo.effect >= 0 else high < 0).mean())


def minimum_detectable_effect(
    placebo: Placebo, confidence: float = 0.95, wanted: float = WANTED
) -> float:
    """Find the smallest effect that is told from none as often as wanted; NaN if none is."""
    spread = float(np.nanstd(placebo.estimate))
    if not spread > 0:
        return math.nan
    low, high = 0.0, 20 * spread
    if compute_power(placebo.put(high), confidence) < wanted:
        return math.nan
    for _ in range(40):
        middle = (low + high) / 2
        enough = compute_power(placebo.put(middle), confidence) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def count_periods(
    placebo: Placebo, confidence: float = 0.95, wanted: float = WANTED, most: int = YEAR
) -> float:
    """Count the periods after which the effect put in is told from none as often as wanted.

    Returns
    -------
    float
        Infinite where `most` are not enough: this capacity cannot answer the question in a year.
    """
    enough = (n for n in range(1, most + 1) if compute_power(placebo.last(n), confidence) >= wanted)
    return float(next(enough, math.inf))


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
