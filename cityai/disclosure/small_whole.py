"""What may be said of a whole that has few people of a kind: the one door of its figures.

A list of 461 people with 9 wrong alarms says these 9 by its rate of false alarms, by its precision
beside the number selected, and by what it found. So nothing of them is said but that they are
fewer than the policy's threshold; every rate is the range that follows from that. How many had
the outcome, and how many were selected, are told elsewhere and are taken as known, unless
they are few themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from scipy.optimize import linprog

from cityai.disclosure.primary_suppression import hide_cells, is_few
from cityai.records.metric import Floats, Metric

TABLE: Final = (
    ("none", "selected"),
    ("outcome", "passed"),
    ("outcome", "selected"),
    ("none", "passed"),
)
"""Wrong alarms, missed, found, and rightly passed over."""
SIDES: Final = (("selected",), ("passed",))
MARGINS: Final = (
    (("outcome", "decided"), ("none", "decided")),
    (("known", "selected"), ("known", "passed")),
)
MOST_TIMES: Final = 3
"""Multiples of the threshold that a count is said to be fewer than; beyond, nothing is said."""
SLACK: Final = 1e-6
Range = tuple[float, float]
KINDS: Final = tuple(product(("outcome", "none", "unknown"), ("selected", "passed", "undecided")))
"""The kinds of people: what came to pass, and what was decided."""
WORDS: Final = {
    "known": ("outcome", "none"),
    "decided": ("selected", "passed"),
}


@dataclass(frozen=True, slots=True)
class Fewer:
    """A count of people of whom it is said alone that they are fewer than some number."""

    kind: tuple[str, ...]
    than: int


@dataclass(frozen=True, slots=True)
class SmallWhole:
    """What is said of a whole with few people of a kind."""

    told: tuple[tuple[Floats, float], ...]
    """(9,) kinds of people, and how many they are together: what is known exactly."""
    fewer: tuple[Fewer, ...]
    """What is said of those that are few; empty where nothing may be said of decisions at all."""

    def find_rate(self, above: Floats, below: Floats) -> Range | None:
        """Find the range of a rate, rounded outwards; nothing where it says nothing.

        Its ends are equal where it follows from what is told exactly.
        """
        if not self.fewer:
            return None
        low, high = (self._reach(sign, above, below) for sign in (1.0, -1.0))
        if high - low < SLACK:
            return low, low
        low, high = math.floor(low * 1000 + SLACK) / 1000, math.ceil(high * 1000 - SLACK) / 1000
        return None if low <= 0 and high >= 1 else (low, high)

    def find_range(self, kinds: Floats) -> Range:
        """Find between which numbers the people of some kinds are."""
        return self._reach(1.0, kinds, None), self._reach(-1.0, kinds, None)

    def _reach(self, sign: float, above: Floats, below: Floats | None) -> float:
        """Find the least (1) or largest (-1) rate or count: Charnes and Cooper (1962).

        The unknowns are the people of each kind, and 1, all over the number below the line.
        """
        same = [np.append(kinds, -total) for kinds, total in self.told]
        over = [np.append(mark_kinds(*f.kind), -f.than) for f in self.fewer]
        one = np.append(np.zeros(len(KINDS)), 1.0) if below is None else np.append(below, 0.0)
        solved = linprog(
            sign * np.append(above, 0.0),
            A_ub=np.array(over) if over else None,
            b_ub=np.zeros(len(over)) if over else None,
            A_eq=np.array([*same, one]),
            b_eq=np.append(np.zeros(len(same)), 1.0),
        )
        # Not solved, or without a bound: nothing is known.
        return float(sign * solved.fun) if solved.status == 0 else -sign * math.inf


def bound_whole(counts: Floats, least: float) -> SmallWhole | None:
    """Decide what is said of a whole; nothing where none of its counts is small.

    Parameters
    ----------
    counts : numpy.ndarray
        (9,) people by kind.
    least : float
        The policy's threshold.

    Notes
    -----
    Each small count is said to be fewer than the threshold, or the least multiple of it that leaves
    all of them a range of the threshold: where as many are selected as have the outcome but for
    five, fewer than eleven missed would be five to ten. That none is of a kind is not told either,
    for the same reason. Rows without an outcome, or a decision, are told exactly: that is no
    secret of anybody's.
    """
    few = [kind for kind in (*TABLE, *SIDES) if is_few(_count(counts, kind), least)]
    if not few:
        return None
    told = tell_margins(counts, least)
    for times in range(1, MOST_TIMES + 1):
        said = SmallWhole(told, tuple(Fewer(kind, math.ceil(times * least)) for kind in few))
        ends = [said.find_range(mark_kinds(*kind)) for kind in few]
        if all(high - low >= least - SLACK for low, high in ends):
            return said
    return SmallWhole(told, ())


def tell_margins(counts: Floats, least: float) -> tuple[tuple[Floats, float], ...]:
    """Tell how many had the outcome, and how many were selected, where that is not small itself."""
    apart = (mark_kinds(*kind) for kind in KINDS if {*kind} & {"unknown", "undecided"})
    known = [mark_kinds("known", "decided")]
    for sides in MARGINS:
        if not is_few(np.array([_count(counts, side) for side in sides]), least).any():
            known.append(mark_kinds(*sides[0]))
    return tuple((kinds, float(counts @ kinds)) for kinds in (*apart, *known))


def _count(counts: Floats, kind: Iterable[str]) -> float:
    return float(counts @ mark_kinds(*kind))


def hide_slices(counts: Floats, least: float, hidden: np.ndarray | None = None) -> np.ndarray:
    """Choose the slices of a whole whose figures are not said, (S,) bool, or (S, G).

    Parameters
    ----------
    counts : numpy.ndarray
        (S, C) people of each kind in each slice; (S, G, C) of each slice and group.
    least : float
        The policy's threshold.
    hidden : numpy.ndarray, optional
        Slices that are not said for another reason.

    Returns
    -------
    numpy.ndarray
        Those with a small count, and those that would give it away beside the whole; of groups,
        beside each group's and each slice's whole. What several tables tell is solved for where
        they are together (`protect_views`).
    """
    found = np.asarray(is_few(counts, least).any(axis=-1)) | (False if hidden is None else hidden)
    before = -1
    while found.sum() != before:
        before = int(found.sum())
        for column in np.moveaxis(counts, -1, 0):
            if column[found].any():
                found = hide_cells(column, found, least, solve=False)
    return found


def leaves_open(own: Range, other: Range, gap: Range, least: float) -> bool:
    """Tell whether a count stays open beside another one when their difference is bounded.

    Parameters
    ----------
    own, other : tuple of float
        Between which numbers each lies.
    gap : tuple of float
        Between which numbers the first less the second lies.
    least : float
        The policy's threshold.
    """
    low, high = max(own[0], other[0] + gap[0]), min(own[1], other[1] + gap[1])
    return high - low >= min(least, own[1] - own[0]) - SLACK


def mark_kinds(*words: str) -> Floats:
    """Mark the kinds of people (9,) that all words agree with."""
    kept = [all({*kind} & {*WORDS.get(word, (word,))} for word in words) for kind in KINDS]
    return np.array(kept, dtype=np.float64)


def mark_rate(metric: Metric) -> tuple[Floats, Floats]:
    """Mark what is above (9,) and below (9,) the line of a rate of counted people."""
    above = np.sum([mark_kinds(*words) for words in metric.above], axis=0)
    return above, mark_kinds(*metric.below)


def count_kinds(truth: Floats, decision: Floats) -> Floats:
    """Count the people of each kind (9,); outcomes and decisions are 1, 0 or NaN."""
    came, chosen = (np.where(np.isnan(x), 2, np.where(x == 1, 0, 1)) for x in (truth, decision))
    return np.bincount(3 * came + chosen, minlength=len(KINDS)).astype(np.float64)
