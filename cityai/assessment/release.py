"""Everything that one card shows, taken together: what is hidden must stay hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly, and of each its parts that a shown rate tells apart (what was foreseen, and what
was not); what is printed, rates and rounded shares, tells less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

SLACK = 1e-6
LARGE: Final = 100_000
"""Lines x atoms from which more than one line may be hidden at once."""
MOST_SOLVED: Final = 600
"""Linear programmes that are spent on showing lines again."""
UP: Final = 1.0
DOWN: Final = -1.0


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
        The policy's threshold: what is shown must leave each secret a range this wide, times the
        largest part that an atom has in it: of a tenth of each area, that of a tenth as many.

    Returns
    -------
    numpy.ndarray
        (L,) bool, holding all of `hidden` and `secret`.

    Notes
    -----
    The smallest shown line that bears on the secret (with a price in the linear programme) is
    hidden next. Hiding only widens what is left open. So what once agreed with all that is shown
    still does, and one solution settles many secrets (`_Seen`); and an end of a range on which the
    line had no price stays where it was (its dual solution still holds), and is not solved again.
    In large tables twice as many are hidden at once where one more did not widen the range.
    An empty line holds nobody and is never hidden. What was hidden on the way and need not be is
    shown again, the largest lines first (`_show_again`).
    """
    known = _gather(lines, amounts)
    fixed = hidden = hidden | secret
    secrets, large = np.flatnonzero(secret), known.matrix.size > LARGE
    hidden = _hide_dependent(known, hidden, secrets)
    seen = _see_together(known, hidden, secrets)
    for i in secrets.tolist():
        ends: dict[tuple[int, float], _End] = {}
        at_once, before, need = 1, -1.0, known.find_need(i, least)
        while seen.find_width(i) < need - SLACK:
            for part, way in product(range(len(known.amounts)), (UP, DOWN)):
                if (part, way) not in ends and seen.find_width(i) < need - SLACK:
                    ends[part, way] = _find_end(known, hidden, known.matrix[i], part, way)
                    seen = seen.add_end(known, ends[part, way], part, way, i)
            width = seen.find_width(i)
            if width >= need - SLACK:
                break
            prices = np.sum([end.prices for end in ends.values()], axis=0)
            stuck, before = large and width <= before + SLACK, width
            at_once = 2 * at_once if stuck else 1
            more = _choose_lines(known, hidden, prices, i, at_once)
            if not len(more):
                break
            hidden[more] = True
            ends = {key: end for key, end in ends.items() if (end.prices[more] <= 0).all()}
    return _show_again(known, hidden, fixed, secrets, least)


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
        ranges[i] = sum(
            way * _find_end(known, hidden, known.matrix[i], part, way).value
            for part, way in product(range(len(known.amounts)), (UP, DOWN))
        )
    return ranges


@dataclass(frozen=True, slots=True)
class _Known:
    """(L, A) parts of the atoms; (P, A) what the atoms hold; (L,) what the lines hold in all."""

    matrix: np.ndarray
    amounts: np.ndarray
    held: np.ndarray

    def find_need(self, line: int, least: float) -> float:
        """Return how far a secret must be left open."""
        return least * float(self.matrix[line].max())


@dataclass(frozen=True, slots=True)
class _End:
    """The largest or smallest amount that agrees with all that is shown.

    `point` is (A,), None where there is no bound or no solution; `prices` is (L,), how much each
    shown line bears on the amount.
    """

    value: float
    point: np.ndarray | None
    prices: np.ndarray


@dataclass(frozen=True, slots=True)
class _Seen:
    """(P, L) smallest and largest amount of each line in the solutions so far."""

    low: np.ndarray
    high: np.ndarray

    def find_width(self, line: int) -> float:
        """Each part is known for itself, so what is left open of their sum is the sum."""
        return float((self.high[:, line] - self.low[:, line]).sum())

    def add_end(self, known: _Known, end: _End, part: int, way: float, line: int | None) -> _Seen:
        """Add what a solution, or the lack of a bound, tells of the lines."""
        low, high = self.low.copy(), self.high.copy()
        if end.point is not None:
            held = known.matrix @ end.point
            low[part], high[part] = np.minimum(low[part], held), np.maximum(high[part], held)
        elif line is not None and way == UP:
            high[part, line] = max(high[part, line], end.value)
        return _Seen(low, high)


def _gather(lines: Sequence[Line], amounts: np.ndarray) -> _Known:
    """Take atoms together that no line tells apart."""
    whole = np.array([line.parts for line in lines], dtype=np.float64)
    matrix, code = np.unique(whole, axis=1, return_inverse=True)
    summed = np.array(
        [np.bincount(code.ravel(), part, matrix.shape[1]) for part in np.atleast_2d(amounts)]
    )
    return _Known(matrix, summed, matrix @ summed.sum(axis=0))


def _hide_dependent(known: _Known, hidden: np.ndarray, secrets: np.ndarray) -> np.ndarray:
    """Hide the smallest lines of which sums and differences would be a secret.

    Lines are shown from the largest down (Gram and Schmidt), each unless a secret would then lie in
    the span of the shown ones.
    """
    hidden = hidden.copy()
    empty = ~hidden & (known.held <= 0)
    # Whatever an empty line holds is known to be nothing.
    matrix = known.matrix[:, ~(known.matrix[empty] > 0).any(axis=0)]
    basis = np.zeros((0, matrix.shape[1]))
    left = matrix[secrets]
    for line in np.argsort(-known.held, kind="stable").tolist():
        rest = matrix[line]
        size = float(np.linalg.norm(rest))
        if hidden[line] or not size:
            continue
        for _ in range(2):
            rest = rest - (basis @ rest) @ basis
        new = float(np.linalg.norm(rest))
        if new <= SLACK * size:
            continue
        along = rest / new
        after = left - np.outer(left @ along, along)
        if (np.linalg.norm(after, axis=1) <= SLACK * np.linalg.norm(matrix[secrets], axis=1)).any():
            hidden[line] = True
            continue
        basis, left = np.vstack([basis, along]), after
    return hidden


def _see_together(known: _Known, hidden: np.ndarray, secrets: np.ndarray) -> _Seen:
    """Begin with the truth, and with all secrets as large and as small as they can be together."""
    truth = known.amounts @ known.matrix.T
    seen = _Seen(truth, truth)
    if not len(secrets):
        return seen
    aim = known.matrix[secrets].sum(axis=0)
    for part, way in product(range(len(known.amounts)), (UP, DOWN)):
        seen = seen.add_end(known, _find_end(known, hidden, aim, part, way), part, way, None)
    return seen


def _show_again(
    known: _Known, hidden: np.ndarray, fixed: np.ndarray, secrets: np.ndarray, least: float
) -> np.ndarray:
    """Show lines again as long as every secret stays as open as it must be, or as it can be.

    Lines are taken in halves, and halves of these, from the largest lines down. It ends after a
    number of linear programmes; what is hidden by then stays so.
    """
    more = np.flatnonzero(hidden & ~fixed)
    if not len(more) or not len(secrets):
        return hidden
    witnesses = _Witnesses(known, hidden.copy(), secrets, least)
    chunks = [more[np.argsort(-known.held[more], kind="stable")]]
    while chunks and witnesses.solved < MOST_SOLVED:
        chunk = chunks.pop()
        if not witnesses.show(chunk) and len(chunk) > 1:
            middle = (len(chunk) + 1) // 2
            chunks += [chunk[middle:], chunk[:middle]]
    return witnesses.hidden


class _Witnesses:
    """For each secret and part the solutions in which it is largest and smallest."""

    def __init__(self, known: _Known, hidden: np.ndarray, secrets: np.ndarray, least: float):
        self.known, self.hidden, self.solved = known, hidden, 0
        self.truth = known.amounts @ known.matrix.T
        keys = list(product(range(len(known.amounts)), (UP, DOWN)))
        self.ends = {
            i: {key: self._solve(hidden, i, *key) for key in keys} for i in secrets.tolist()
        }
        self.need = {
            i: min(_measure_width(ends), known.find_need(i, least)) for i, ends in self.ends.items()
        }

    def show(self, chunk: np.ndarray) -> bool:
        """Show lines if that leaves every secret open; tell whether it did."""
        trial = self.hidden.copy()
        trial[chunk] = False
        found = {}
        for i, ends in self.ends.items():
            new = {
                key: end if self._agrees(end, chunk, key[0]) else self._solve(trial, i, *key)
                for key, end in ends.items()
            }
            if _measure_width(new) < self.need[i] - SLACK:
                # Asked first next time: what fails once fails often.
                self.ends = {i: ends, **self.ends}
                return False
            found[i] = new
        self.hidden, self.ends = trial, found
        return True

    def _agrees(self, end: _End, chunk: np.ndarray, part: int) -> bool:
        if end.point is None:
            return False
        off = np.abs(self.known.matrix[chunk] @ end.point - self.truth[part, chunk])
        return bool((off <= SLACK * np.maximum(1.0, self.truth[part, chunk])).all())

    def _solve(self, hidden: np.ndarray, line: int, part: int, way: float) -> _End:
        self.solved += 1
        return _find_end(self.known, hidden, self.known.matrix[line], part, way)


def _measure_width(ends: Mapping[tuple[int, float], _End]) -> float:
    return sum(way * end.value for (_, way), end in ends.items())


def _choose_lines(
    known: _Known, hidden: np.ndarray, prices: np.ndarray, secret: int, most: int
) -> np.ndarray:
    candidates = (known.held > 0) & ~hidden
    bearing = candidates & (prices > SLACK)
    if not bearing.any():
        bearing = candidates & (known.matrix @ known.matrix[secret] > 0)
    found = np.flatnonzero(bearing)
    return found[np.argsort(known.held[found], kind="stable")][:most]


def _find_end(known: _Known, hidden: np.ndarray, aim: np.ndarray, part: int, way: float) -> _End:
    prices, truth = np.zeros(len(hidden)), known.amounts[part]
    shown = np.flatnonzero(~hidden)
    if not len(shown):
        return _End(np.inf if way == UP else 0.0, None, prices)
    rows: Any = csr_array(known.matrix[shown])
    solved = linprog(-way * aim, A_eq=rows, b_eq=rows @ truth, bounds=(0, None), method="highs")
    if solved.status == 3:
        return _End(way * np.inf, None, prices)
    if solved.x is None:
        # Not solved: taken as given away, so more is hidden.
        prices[shown] = 1.0
        return _End(float(aim @ truth), None, prices)
    prices[shown] = np.abs(solved.eqlin.marginals)
    return _End(float(aim @ solved.x), np.maximum(solved.x, 0.0), prices)
