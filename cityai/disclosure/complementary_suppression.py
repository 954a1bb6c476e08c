"""Complementary suppression over all linked tables of a card: what is hidden stays hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly, and of each its parts that a shown rate tells apart (what was foreseen, and what
was not), and of each hidden one whether it is small; what is printed tells less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from cityai.disclosure.feasible_ranges import SLACK, UP, WAYS, End, Known, find_end, gather_lines
from cityai.disclosure.line_pools import Sparse, pool_lines, sign_atoms, sum_rows
from cityai.disclosure.showing_again import show_again

FEW_APART: Final = 4
"""Lines of a pool that are kept apart at first: those that would be hidden next."""
LARGE: Final = 100_000
"""Lines x atoms from which more than one line may be hidden at once."""
FEW_SOLVED: Final = 8
"""Linear programmes that a single secret takes, about."""


def protect_release(
    lines: Sparse,
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    least: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Hide more lines until no secret one can be worked out from all that is shown.

    Parameters
    ----------
    lines : scipy.sparse.csr_array
        (L, A) the part of each atom in each cell of all tables, from 0 to 1.
    amounts : numpy.ndarray
        (A,) amount of each atom, not negative; or (P, A) parts that add up to it.
    hidden : numpy.ndarray
        (L,) bool: lines that are not shown already.
    secret : numpy.ndarray
        (L,) bool: those that nobody may work out; they are not shown either.
    least : float
        The policy's threshold: what is shown must leave each secret a range this wide, times the
        largest part that an atom has in it: of a tenth of each area, that of a tenth as many.

    Returns
    -------
    hidden : numpy.ndarray
        (L,) bool, holding all of `hidden` and `secret`.
    cause : numpy.ndarray
        (L,) int: the secret that a line was hidden for here; -1 for all others.

    Notes
    -----
    The smallest shown line that bears on the secret (with a dual value in the linear programme) is
    hidden next. Hiding only widens what is left open. So what once agreed with all that is shown
    still does, and one solution settles many secrets (`_Seen`); and an end of a range on which the
    line had no dual value stays where it was (its dual solution still holds); it is not solved
    again.
    In large tables twice as many are hidden at once where one more did not widen the range.
    An empty line holds nobody and is never hidden. What was hidden on the way and need not be is
    shown again, the largest lines first (`show_again`).

    Shown lines that only their own table tells apart (a thousand places of one kind) are pooled:
    whatever their sum may be made of, each of them may be made of in proportion, so no range of
    another line changes. The smallest of each pool stay apart, to be hidden; more of them do where
    a pool was hidden whole.
    """
    if not secret.any():
        return hidden.copy(), np.full(len(hidden), -1)
    apart = FEW_APART
    while True:
        pools = pool_lines(lines, np.atleast_2d(amounts).sum(axis=0), hidden | secret, apart)
        first = np.unique(pools, return_index=True)[1]
        known = gather_lines(sum_rows(lines, pools), amounts, secret[first], least)
        found, why = _protect(known, (hidden | secret)[first])
        result = found[pools]
        if apart >= len(pools) or not (result & (np.bincount(pools)[pools] > 1)).any():
            cause = np.where(why < 0, -1, first[why])[pools]
            return result, cause
        apart *= 8


def measure_work(lines: Sparse, hidden: np.ndarray, secret: np.ndarray) -> int:
    """Return how much there is to solve: secret lines x parts of all lines that are not alike."""
    if not secret.any():
        return 0
    alike = sum_rows(lines, pool_lines(lines, np.ones(lines.shape[1]), hidden | secret, FEW_APART))
    _, first = np.unique(sign_atoms(alike)[0], return_index=True)
    return max(int(secret.sum()), FEW_SOLVED) * int(alike[:, first].nnz)


def _protect(known: Known, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fixed, secrets = hidden, np.flatnonzero(known.secret)
    hidden, cause = hidden.copy(), np.full(len(hidden), -1)
    seen = _see_together(known, hidden, secrets)
    large = len(hidden) * known.matrix.shape[1] > LARGE
    for i in secrets.tolist():
        ends: dict[float, End] = {}
        at_once, before, need = 1, -1.0, known.need[i]
        while seen.find_width(i) < need - SLACK:
            for way in WAYS:
                if way not in ends and seen.find_width(i) < need - SLACK:
                    ends[way] = find_end(known, hidden, known.matrix[[i]], way)
                    seen = seen.add_end(known, ends[way], way, i)
            width = seen.find_width(i)
            if width >= need - SLACK:
                break
            stuck, before = large and width <= before + SLACK, width
            at_once = 2 * at_once if stuck else 1
            dual_values = sum((end.dual_values for end in ends.values()), np.zeros(len(hidden)))
            more = _choose_lines(known, hidden, dual_values, i, at_once)
            if not len(more):
                break
            hidden[more], cause[more] = True, i
            ends = {key: end for key, end in ends.items() if (end.dual_values[more] <= 0).all()}
    hidden = show_again(known, hidden, fixed, secrets, seen.points)
    return hidden, np.where(hidden, cause, -1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """(L,) smallest and largest amount of each line in the solutions so far, and these."""

    low: np.ndarray
    high: np.ndarray
    points: tuple[np.ndarray, ...]

    def find_width(self, line: int) -> float:
        """Return how far a line is known to be left open."""
        return float(self.high[line] - self.low[line])

    def add_end(self, known: Known, end: End, way: float, line: int | None) -> _Seen:
        """Add what a solution, or the lack of a bound, tells of the lines."""
        low, high, points = self.low, self.high.copy(), self.points
        if end.point is not None:
            held, points = known.add_parts(end.point), (*points, end.point)
            low, high = np.minimum(low, held), np.maximum(high, held)
        elif line is not None and way == UP:
            high[line] = max(high[line], end.value)
        return _Seen(low, high, points)


def _see_together(known: Known, hidden: np.ndarray, secrets: np.ndarray) -> _Seen:
    """Begin with the truth, and with all secrets as large and as small as they can be together."""
    seen = _Seen(known.held, known.held, (known.amounts,))
    aim = csr_array(known.matrix[secrets].sum(axis=0)[None])
    for way in WAYS:
        seen = seen.add_end(known, find_end(known, hidden, aim, way), way, None)
    return seen


def _choose_lines(
    known: Known, hidden: np.ndarray, dual_values: np.ndarray, secret: int, most: int
) -> np.ndarray:
    candidates = (known.held > 0) & ~hidden
    bearing = candidates & (dual_values > SLACK)
    if not bearing.any():
        beside = known.matrix @ known.matrix[[secret]].T
        bearing = candidates & (beside.toarray().ravel() > 0)
    found = np.flatnonzero(bearing)
    return found[np.argsort(known.held[found], kind="stable")][:most]
