"""Evaluations replayed on a city's own past: drawn by their law, and analysed as they would be.

Nothing was evaluated then, so an effect is put in, and the test that `evaluate analyse` makes says
whether it is told: the assignment drawn again, studentised (`assignment`). Where answers are
rare, an interval by Student's t would promise more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import bdtr

from cityai.impact.assignment import DRAWS, count_beyond
from cityai.impact.difference_in_means import BlockSums, vary_between
from cityai.impact.records import Law

REPLAYS: Final = 1000
"""Evaluations that a promise rests on."""
SEED: Final = 20260102
POOL: Final = 200
"""Assignments of a list that those of an evaluation are put together from."""
LEAST_POOL: Final = 60
"""Of very many lists: one of them alone can then still be told."""
PAIRS: Final = 20_000_000
"""Pairs of an assignment and one drawn instead, of all lists, that are held at once."""
STAGES: Final = (100, 400, DRAWS - 500)
"""Redraws, and how many more where that does not settle it."""
SETTLED: Final = 1e-3
"""Probability of settling what all redraws would tell otherwise."""
HELD: Final = 1_000_000
"""Redrawn blocks that are held at once."""

Redraw = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
"""Of some replays, by position, how many of so many redraws lie beyond what was seen."""


def tell_by_redraws(
    redraw: Redraw, replays: np.ndarray, confidence: float, rng: np.random.Generator
) -> int:
    """Count the replays of which the randomisation test tells the effect from none.

    Redraws end early where so many lie beyond, or so few, that all of them would hardly say other.
    """
    tail, told = (1 - confidence) / 2, 0
    beyond, drawn = np.zeros(len(replays)), 0
    for more in STAGES:
        beyond, drawn = beyond + redraw(replays, more, rng), drawn + more
        if drawn == DRAWS:
            return told + int(((beyond + 1) / (DRAWS + 1) <= tail).sum())
        surely = bdtr(beyond, drawn, tail) < SETTLED
        never = 1 - bdtr(beyond - 1, drawn, tail) < SETTLED
        told += int(surely.sum())
        replays, beyond = replays[~surely & ~never], beyond[~surely & ~never]
        if not len(replays):
            break
    return told


def find_room(outcome: np.ndarray, effect: float) -> float:
    """Find the largest effect there can be: of yes and no, those who have the answer, or have not.

    Parameters
    ----------
    outcome : numpy.ndarray
        Past outcomes, of yes and no 0 and 1.
    effect : float
        Its sign says which way.
    """
    if not len(outcome) or not np.isin(outcome, (0.0, 1.0)).all():
        return math.inf
    return float(outcome.mean() if effect < 0 else 1 - outcome.mean())


def inject_effect(y: np.ndarray, effect: float, rng: np.random.Generator, n: int = 1) -> np.ndarray:
    """(n, rows) outcomes with an effect put in; of yes and no by chance, as far as is possible."""
    room = find_room(y, effect)
    if math.isinf(room):
        return np.tile(y + effect, (n, 1))
    chance = min(abs(effect) / room, 1.0) if room > 0 else 0.0
    turned = rng.random((n, len(y))) < chance
    moved: np.ndarray = np.where(turned, 0.0 if effect < 0 else 1.0, y)
    return moved


@dataclass(frozen=True)
class PlaceboLottery:
    """Lotteries of two arms over past outcomes, a block a period."""

    outcome: np.ndarray
    """(rows,) by block."""
    start: np.ndarray
    """(B,) first row of each block."""
    pool: np.ndarray
    """(A, rows) bool: assignments drawn by the law, those of a block unrelated to those of another.
    """
    periods: float
    """How long it lasts: so many blocks are drawn from the past's, an assignment each."""
    blocks: float = 1.0
    """Blocks in which chance decides, of a period."""
    replays: int = REPLAYS
    """Evaluations."""

    @classmethod
    def draw(
        cls,
        outcome: np.ndarray,
        law: Law,
        periods: float,
        *,
        blocks: float = 1.0,
        replays: int = REPLAYS,
    ) -> PlaceboLottery:
        """Draw the pool by the law of the past's rows; its blocks are the periods' lotteries."""
        order = np.argsort(law.block, kind="stable")
        start = np.flatnonzero(np.diff(law.block[order], prepend=-1))
        rng = np.random.default_rng(SEED)
        size = min(max(math.isqrt(PAIRS // len(start)), LEAST_POOL), POOL)
        pool = np.concatenate([p == 1 for p in law.redraw_in_parts(rng, size)])[:, order]
        return cls(outcome[order].astype(np.float64), start, pool, periods, blocks, replays)

    def last(self, periods: float) -> PlaceboLottery:
        """Suppose that it lasts longer, or less long."""
        return replace(self, periods=periods)

    def find_room(self, effect: float) -> float:
        """Find the largest effect there can be."""
        return find_room(self.outcome, effect)

    def find_spread(self) -> float:
        """Find about how far an estimate strays."""
        sides = np.stack([~self.pool, self.pool], axis=1)
        count, total = (
            np.add.reduceat(sides * v, self.start, axis=-1) for v in (1.0, self.outcome)
        )
        gap = BlockSums(count, total, total).compare()[0]
        return float(np.std(gap)) * math.sqrt(len(self.start) / self.count)

    @property
    def count(self) -> int:
        """Blocks in which chance decides."""
        return max(round(self.periods * self.blocks), 1)

    def power(self, effect: float, confidence: float) -> float:
        """Compute power: how often the effect is told from none, in its direction."""
        rng = np.random.default_rng(SEED)
        pairs, count = self._pair(effect, rng), self.count
        block = rng.integers(0, len(self.start), (self.replays, count))
        own = rng.integers(0, len(self.pool), (self.replays, count))
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = pairs.compare(block, own[:, None], own[:, None])[:, 0]
        seen = math.copysign(1.0, effect) * seen

        def redraw(which: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
            drawn = rng.integers(0, len(self.pool), (n, count))
            each = max(HELD // (n * count), 1)
            found = [np.zeros(0)]
            for first in range(0, len(which), each):
                part = which[first : first + each]
                ratio = pairs.compare(block[part], own[part][:, None], drawn[None])
                found.append(count_beyond(math.copysign(1.0, effect) * ratio, seen[part]))
            return np.concatenate(found)

        known = np.flatnonzero(np.isfinite(seen))
        return tell_by_redraws(redraw, known, confidence, rng) / self.replays

    def _pair(self, effect: float, rng: np.random.Generator) -> BlockPairs:
        """What each block says of each assignment, drawn again as each."""
        moved = np.where(
            self.pool, inject_effect(self.outcome, effect, rng, len(self.pool)), self.outcome
        )
        ends = np.append(self.start[1:], len(self.outcome))
        treated = np.add.reduceat(self.pool[0].astype(np.int64), self.start)
        rows = ends - self.start
        free = np.stack([rows - treated, treated], axis=1) - 1
        shape = (len(rows), len(self.pool), len(self.pool))
        apart, spread = np.empty(shape), np.empty(shape)
        within = np.zeros((*shape, 2) if (free == 0).any() else (0, 0, 0, 2))
        for b, (first, end) in enumerate(zip(self.start, ends, strict=True)):
            drawn, y = self.pool[:, first:end].astype(np.float64), moved[:, first:end]
            total, square = (_split(value, drawn) for value in (y, y**2))
            mean = total / (free[b] + 1)
            squares = np.maximum(square - total * mean, 0.0)
            each = np.where(free[b] > 0, squares / np.maximum(free[b], 1) / (free[b] + 1), 0.0)
            apart[b] = rows[b] * (mean[..., 1] - mean[..., 0])
            spread[b] = rows[b] ** 2 * each.sum(axis=-1)
            if len(within):
                within[b] = squares
        return BlockPairs(apart, spread, within, rows.astype(np.float64), free)


def _split(value: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(n, n, 2) sums of each of (n, rows) values by arm, of each of (n, rows) assignments."""
    treated = value @ drawn.T
    return np.stack([value.sum(axis=1)[:, None] - treated, treated], axis=-1)


@dataclass(frozen=True, slots=True)
class BlockPairs:
    """What a block adds to an estimate, of each assignment with each that is drawn instead."""

    apart: np.ndarray
    spread: np.ndarray
    """(B, A, A) difference of means times rows; its variance times their square, of the arms that
    have two rows."""
    within: np.ndarray
    """(B, A, A, 2) squares about the mean of each arm; none where all have two rows."""
    rows: np.ndarray
    free: np.ndarray
    """(B,) rows; (B, 2) rows of each arm, less one."""

    def compare(self, block: np.ndarray, own: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """(m, n) studentised differences, as `BlockSums.compare` has them.

        Parameters
        ----------
        block, own, drawn : numpy.ndarray
            (m, P), (m, 1, P), (1 or m, n, P) codes: blocks, their assignment, that drawn instead.
        """
        at = (block[:, None] * len(self.apart[0]) + own) * len(self.apart[0]) + drawn
        apart, rows, free = self.apart.ravel()[at], self.rows[block], self.free[block]
        with np.errstate(divide="ignore", invalid="ignore"):
            if (free.sum(axis=1) == 0).any():
                held = rows[:, None]
                error = vary_between(apart / held, held) * held.sum(axis=-1) ** 2
            else:
                error = self.spread.ravel()[at].sum(axis=-1)
                lone = np.where(free > 0, 0.0, rows[..., None] ** 2).sum(axis=1)
                for arm in np.flatnonzero(lone.any(axis=0)):
                    within = self.within[..., arm].ravel()[at].sum(axis=-1)
                    error += lone[:, None, arm] * within / free.sum(axis=1)[:, None, arm]
            ratio: np.ndarray = apart.sum(axis=-1) / np.sqrt(error)
        return ratio
