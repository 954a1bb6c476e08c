"""Records of an impact evaluation: the assignment law, an effect, a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

import numpy as np

UNIT: Final = "unit"
"""What is assigned: a case, a household, a place (text)."""
BLOCK: Final = "block"
"""Within which a lottery was held: so many of each arm are drawn (text)."""
CLUSTER: Final = "cluster"
"""What is assigned together (text)."""
PERIOD: Final = "period"
"""Index of the period in which the outcome falls, from 0."""
ARM: Final = "arm"
"""What a unit was assigned to (text)."""
PROBABILITY: Final = "probability"
"""Probability with which a unit got the arm that it got, between 0 and 1."""
LAW_COLUMNS: Final = (UNIT, BLOCK, CLUSTER, PERIOD, ARM, PROBABILITY)
"""Columns of a table of assignments."""

LawKind = Literal["lottery", "stepped wedge"]
"""How chance decided: so many of each block; when each cluster begins."""

LEAST_SEPARATE: Final = 6
"""Separate placebos below which nothing is said of how far an estimate strays."""
CELLS: Final = 4_000_000
"""Redrawn arms that are held at once."""


@dataclass(frozen=True, slots=True)
class Law:
    """Assignment law (assignment mechanism): what chance decided, and could have decided."""

    kind: LawKind
    """`lottery`: within a block so many clusters get each arm, all draws alike likely. `stepped
    wedge`: the period from which a cluster is treated is shuffled among the clusters of a block."""
    arms: tuple[str, ...]
    """Names; the first is what the others are compared with."""
    arm: np.ndarray
    """(rows,) int64 code of the arm that each row was assigned to."""
    probability: np.ndarray
    """(rows,) probability of that arm."""
    unit: np.ndarray
    block: np.ndarray
    cluster: np.ndarray
    period: np.ndarray
    """(rows,) int64 codes from 0; a unit that is assigned by itself is a cluster of its own."""
    start: np.ndarray | None = None
    """(rows,) int64, of a stepped wedge the period from which the row's cluster is treated."""

    def __len__(self) -> int:
        return len(self.arm)

    def redraw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw assignments anew by the law, (n, rows) int8 codes of arms."""
        first = np.unique(self.cluster, return_index=True)[1]
        dealt = (self.arm if self.start is None else self.start)[first]
        shuffled = np.empty((n, len(first)), dealt.dtype)
        block = self.block[first]
        order = np.argsort(block, kind="stable")
        for held in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
            shuffled[:, held] = rng.permuted(np.tile(dealt[held], (n, 1)), axis=1)
        by_row = shuffled[:, self.cluster]
        if self.start is not None:
            return (self.period >= by_row).astype(np.int8)
        return by_row.astype(np.int8, copy=False)

    def redraw_in_parts(self, rng: np.random.Generator, n: int) -> Iterator[np.ndarray]:
        """Draw `n` assignments in parts that fit in memory, one at least."""
        most = max(CELLS // max(len(self), 1), 1)
        for start in range(0, n, most):
            yield self.redraw(rng, min(most, n - start))

    def keep(self, rows: np.ndarray) -> Law:
        """Keep some rows, as those of one group: what was drawn with them stays in the law."""
        coded = [
            np.unique(codes[rows], return_inverse=True)[1].astype(np.int64)
            for codes in (self.unit, self.block, self.cluster)
        ]
        return replace(
            self,
            arm=self.arm[rows],
            probability=self.probability[rows],
            unit=coded[0],
            block=coded[1],
            cluster=coded[2],
            period=self.period[rows],
            start=None if self.start is None else self.start[rows],
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect of one arm against another, with its uncertainty."""

    estimate: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None
    """In the unit of the outcome; None where undefined, with the `reason`."""
    n: int
    """Rows behind it."""
    arms: tuple[str, str]
    """What it is compared with, and what it is the effect of."""
    method: str
    """Estimator, as a statistician would search for it."""
    estimand: str
    """Whose effect: of being assigned, of being treated among those who follow, at the cut-off."""
    confidence: float = 0.95
    """Of the interval."""
    freedom: float = math.inf
    """Degrees of freedom; infinite of a normal interval."""
    blocks: int = 0
    """What varies independently: units, or clusters."""
    reason: str = ""
    """Why a figure is undefined, and what was left out."""
    widths: tuple[float, ...] = ()
    """Of a discontinuity: bandwidths of the line, and of the curve that corrects it."""

    @property
    def known(self) -> bool:
        """Whether there is an estimate with an interval."""
        return self.estimate is not None and self.low is not None and self.high is not None


def leave_undefined(
    reason: str, arms: tuple[str, str], method: str, estimand: str, n: int = 0, **known: float
) -> Effect:
    """Return an effect that is undefined, and why; an estimate without an interval may be known."""
    estimate = known.get("estimate")
    return Effect(estimate, None, None, None, None, n, arms, method, estimand, reason=reason)


class Word(StrEnum):
    """A verdict against the smallest effect worth having."""

    WORTH = "worth it"
    NOT_WORTH = "not worth it"
    CANNOT_TELL = "cannot tell"


class Direction(StrEnum):
    """What is known of the sign: better, worse, or neither."""

    HELPS = "helps"
    HARMS = "harmful"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A three-valued verdict on an effect."""

    word: Word
    """`worth it` where the whole interval lies at or beyond the smallest effect worth having, `not
    worth it` where all of it lies short of that, else `cannot tell`."""
    direction: Direction
    """`harmful` where the whole interval lies on the wrong side of none."""
    smallest: float
    """The smallest effect worth having; its sign says which direction is better."""
    more_periods: float = math.nan
    """How many more periods would settle it in four of five such evaluations, if the effect is as
    estimated; 0 where it is settled, infinite where a hundred times as many would not, NaN where it
    is not known."""
    reason: str = ""
    """Why nothing can be told."""

    @property
    def harmful(self) -> bool:
        """Whether it is shown to do harm."""
        return self.direction is Direction.HARMS
