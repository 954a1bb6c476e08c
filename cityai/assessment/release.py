"""Everything that one card shows, taken together: what is hidden must stay hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly, and of each its parts that a shown rate tells apart (what was foreseen, and what
was not); what is printed, rates and rounded shares, tells less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of one table.

    Attributes
    ----------
    table, group : str
        Where it is shown: a dimension, a pair, a fold, an area, an entity, the whole.
    parts : numpy.ndarray
        (A,) the part of each atom in it, from 0 to 1.
    """

    table: str
    group: str
    parts: np.ndarray


@dataclass(frozen=True, slots=True)
class Range:
    """What the shown lines leave open of a hidden one.

    Attributes
    ----------
    low, high : float
        Smallest and largest amount that agrees with all that is shown.
    prices : numpy.ndarray
        (L,) how much each shown line bears on the two ends; 0 for hidden ones.
    """

    low: float
    high: float
    prices: np.ndarray

    @property
    def width(self) -> float:
        """Largest minus smallest feasible amount."""
        return self.high - self.low


def protect_release(
    lines: Sequence[Line],
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    least: float,
) -> np.ndarray:
    """Hide more lines until no secret one can be worked out from all that is shown.

    Parameters
    ----------
    lines : sequence of Line
        L cells of all tables.
    amounts : numpy.ndarray
        (A,) amount of each atom, not negative; or (P, A) parts that add up to it.
    hidden : numpy.ndarray
        (L,) bool: lines that are not shown already.
    secret : numpy.ndarray
        (L,) bool: those that nobody may work out; they are not shown either.
    least : float
        The policy's threshold: what is shown must leave each secret a range this wide.

    Returns
    -------
    numpy.ndarray
        (L,) bool, holding all of `hidden` and `secret`.

    Notes
    -----
    The smallest shown line that bears on the secret (with a price in the linear programme) is
    hidden next. Hiding only widens what is left open, so each secret is settled once. An empty line
    holds nobody and is never hidden.
    """
    known = _gather(lines, amounts)
    hidden = hidden | secret
    for i in np.flatnonzero(secret).tolist():
        while (left := _find_range(known, hidden, i)).width < least - SLACK:
            candidates = (known.held > 0) & ~hidden
            bearing = candidates & (left.prices > SLACK)
            if not bearing.any():
                bearing = candidates & (known.matrix @ known.matrix[i] > 0)
            if not bearing.any():
                break
            hidden[int(np.argmin(np.where(bearing, known.held, np.inf)))] = True
    return hidden


def find_ranges(lines: Sequence[Line], amounts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Find how far each hidden line's amount is left open by the shown ones.

    Returns
    -------
    numpy.ndarray
        (L,) largest minus smallest feasible amount; NaN for shown lines.
    """
    known = _gather(lines, amounts)
    ranges = np.full(len(lines), np.nan)
    for i in np.flatnonzero(hidden).tolist():
        ranges[i] = _find_range(known, hidden, i).width
    return ranges


@dataclass(frozen=True, slots=True)
class _Known:
    """(L, A) parts of the atoms; (P, L) what each line holds of each part; (L,) all together."""

    matrix: np.ndarray
    shares: np.ndarray
    held: np.ndarray


def _gather(lines: Sequence[Line], amounts: np.ndarray) -> _Known:
    """Take atoms together that no line tells apart."""
    whole = np.array([line.parts for line in lines], dtype=np.float64)
    matrix, code = np.unique(whole, axis=1, return_inverse=True)
    summed = np.array(
        [np.bincount(code.ravel(), part, matrix.shape[1]) for part in np.atleast_2d(amounts)]
    )
    shares = summed @ matrix.T
    return _Known(matrix, shares, shares.sum(axis=0))


def _find_range(known: _Known, hidden: np.ndarray, line: int) -> Range:
    """Each part is known for itself, so what is left open of their sum is the sum."""
    found = [_find_part(known, share, hidden, line) for share in known.shares]
    low, high = sum(f.low for f in found), sum(f.high for f in found)
    return Range(low, high, np.sum([f.prices for f in found], axis=0))


def _find_part(known: _Known, held: np.ndarray, hidden: np.ndarray, line: int) -> Range:
    prices = np.zeros(len(hidden))
    shown = np.flatnonzero(~hidden)
    if not len(shown):
        return Range(0.0, np.inf, prices)
    rows, totals = csr_array(known.matrix[shown]), held[shown]
    ends = []
    for sign in (1.0, -1.0):
        aim = sign * known.matrix[line]
        solved = linprog(aim, A_eq=rows, b_eq=totals, bounds=(0, None), method="highs")
        if solved.status == 3:
            ends.append(-sign * np.inf)
        elif solved.x is None:
            # Not solved: taken as given away, so more is hidden.
            ends.append(float(held[line]))
            prices[shown] = 1.0
        else:
            ends.append(float(known.matrix[line] @ solved.x))
            prices[shown] += np.abs(solved.eqlin.marginals)
    return Range(ends[0], ends[1], prices)
