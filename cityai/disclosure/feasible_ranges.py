"""How far a line of linked tables is left open by all that is told: by linear programming."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.sparse import csr_array, hstack, kron, vstack

from cityai.disclosure.line_pools import Sparse, sign_atoms
from cityai.disclosure.linear_programme import Programme

SLACK: Final = 1e-6
FEW_AT_FIRST: Final = 20
"""Lines that might be hidden, the cheapest, whose atoms a programme begins with."""
UP: Final = 1.0
DOWN: Final = -1.0
WAYS: Final = (UP, DOWN)


@dataclass(frozen=True)
class Known:
    """What there is to know: of the lines, and what the reader is told of the hidden ones."""

    matrix: Sparse
    """(L, A) parts of the atoms."""
    stacked: Sparse
    """(P L, P A) the same for each part of the amounts, one below the other."""
    amounts: np.ndarray
    """(P A,) what the atoms hold."""
    held: np.ndarray
    need: np.ndarray
    """(L,) what the lines hold in all; how far each must be left open if it is a secret."""
    secret: np.ndarray
    """(L,) bool."""
    told: bool = True
    """Whether the reader is told which hidden lines are hidden for another's sake."""

    @property
    def parts(self) -> int:
        """Parts of the amounts that rates tell apart."""
        return int(len(self.amounts) // self.matrix.shape[1])

    def add_parts(self, point: np.ndarray) -> np.ndarray:
        """Return what the lines hold of all parts together."""
        return self.matrix @ point.reshape(self.parts, -1).sum(axis=0)

    @cached_property
    def total(self) -> Sparse:
        """(L, P A) the lines, all parts together."""
        return csr_array(hstack([self.matrix] * self.parts))

    @cached_property
    def changes(self) -> tuple[Sparse, Sparse]:
        """`stacked` and `total` of what is added to each atom, and of what may be taken from it."""
        some = np.flatnonzero(self.amounts > 0)
        each, total = (hstack([x, -x[:, some]]) for x in (self.stacked, self.total))
        return csr_array(each), csr_array(total)

    @cached_property
    def most(self) -> np.ndarray:
        """How far each column of `changes` may go: nothing is below 0."""
        some = self.amounts[self.amounts > 0]
        return np.concatenate([np.full(len(self.amounts), np.inf), some])

    def find_within(self, lines: np.ndarray) -> np.ndarray:
        """Tell which columns of `changes` are of atoms in some lines, (L,) bool."""
        within = np.tile(lines.astype(np.float64) @ self.matrix > 0, self.parts)
        return np.append(within, within[self.amounts > 0])

    def move(self, change: np.ndarray) -> np.ndarray:
        """Return the point (P A,) that a solution in the columns of `changes` leads to."""
        count = len(self.amounts)
        point: np.ndarray = self.amounts + change[:count]
        point[np.flatnonzero(self.amounts > 0)] -= change[count:]
        np.maximum(point, 0.0, out=point)
        return point

    def list_told(self, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """List what is told of hidden lines: 1 for small, -1 for hidden for another's sake."""
        small = hidden & self.secret & (self.held <= self.need)
        large = hidden & ~self.secret & (self.held >= self.need) & self.told
        told = np.flatnonzero(small | large)
        return told, np.where(small[told], 1.0, -1.0)


def take_signed(lines: Sparse, rows: np.ndarray, sign: np.ndarray) -> Sparse:
    """Take some lines, each with its sign."""
    taken = lines[rows]
    taken.data *= np.repeat(sign, np.diff(taken.indptr))
    return taken


def gather_lines(
    lines: Sparse, amounts: np.ndarray, secret: np.ndarray, least: float, *, told: bool = True
) -> tuple[Known, np.ndarray]:
    """Collapse atoms that no line tells apart; return also which each of (A,) lies in."""
    _, first, code = np.unique(sign_atoms(lines)[0], return_index=True, return_inverse=True)
    matrix = csr_array(lines[:, first])
    parts = np.array([np.bincount(code, part, len(first)) for part in np.atleast_2d(amounts)])
    stacked = csr_array(kron(np.eye(len(parts)), matrix, format="csr"))
    need = least * matrix.max(axis=1).toarray().ravel()
    known = Known(matrix, stacked, parts.ravel(), matrix @ parts.sum(axis=0), need, secret, told)
    return known, code


@dataclass(frozen=True, slots=True)
class End:
    """The largest or smallest amount that agrees with all that is shown.

    `point` is (P A,), None where there is no bound or no solution; `dual_values` is (L,), how much
    each shown line bears on the amount; `solved` is False where the solver could not tell.
    """

    value: float
    point: np.ndarray | None
    dual_values: np.ndarray
    solved: bool = True


def find_end(
    known: Known, hidden: np.ndarray, aim: Sparse, way: float, enough: float = np.inf
) -> End:
    """Find the largest or smallest amount of a line that agrees with all that is told.

    It is solved for what is added to the truth and what is taken from it, so the simplex begins
    there: little of a table moves, first of all atoms of hidden lines. It need not be the end where
    the amount is at least `enough` away from the truth.
    """
    (each, total), dual_values = known.changes, np.zeros(len(hidden))
    whole = hstack([aim] * known.parts).toarray().ravel()
    told, sign = known.list_told(hidden)
    shown = np.flatnonzero(np.tile(~hidden, known.parts))
    solved = Programme(
        cost=-way * np.concatenate([whole, -whole[known.amounts > 0]]),
        same=each[shown],
        sums=np.zeros(len(shown)),
        over=take_signed(total, told, sign),
        limit=sign * (known.need - known.held)[told],
        low=np.zeros_like(known.most),
        most=known.most,
        begin=known.find_within(hidden),
        enough=-enough,
    ).solve()
    if solved.unbounded:
        return End(way * np.inf, None, dual_values)
    if solved.x is None:
        # Not solved: taken as given away, so more is hidden.
        return End(float(whole @ known.amounts), None, (~hidden).astype(np.float64), solved=False)
    point = known.move(solved.x)
    marginals = np.abs(solved.dual_values).reshape(known.parts, -1)
    dual_values[~hidden] = marginals.sum(axis=0)
    return End(float(whole @ point), point, dual_values)


def find_opening(
    known: Known, hidden: np.ndarray, aims: Sparse, values: np.ndarray, cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find what gives some lines other amounts and changes the fewest shown lines, the cheapest.

    Parameters
    ----------
    known, hidden
        As for `find_end`.
    aims : scipy.sparse.csr_array
        (S, A) the lines.
    values : numpy.ndarray
        (S,) the amounts that they are to have, all at once.
    cost : numpy.ndarray
        (L,) what it costs to change a line by one; infinite where it stays shown.

    Returns
    -------
    tuple of numpy.ndarray, or None
        (P A,) a point that agrees with all that is told and with all shown lines but those (L,)
        bool that would have to be hidden; None where there is none.

    Notes
    -----
    Their distance stands for their number: the linear relaxation of cell suppression (Kelly, Golden
    and Assad 1992; Fischetti and Salazar 2000). A line that comes to be hidden is told to be large,
    if it is; so it stays large here. The simplex begins at the truth, where nothing is changed and
    these lines alone have not what they are to have.
    """
    (each, total), size = known.changes, len(known.most)
    shown = np.flatnonzero(np.tile(~hidden, known.parts))
    free = np.flatnonzero(np.isfinite(np.tile(cost, known.parts)[shown]))
    spread = np.tile(cost, known.parts)[shown[free]]
    gap = csr_array((np.ones(len(free)), (free, np.arange(len(free)))), (len(shown), len(free)))
    whole: Sparse = csr_array(hstack([aims] * known.parts))
    own = hstack([whole, -whole[:, known.amounts > 0], csr_array((len(values), 2 * len(free)))])
    told, sign = known.list_told(np.ones_like(hidden))
    cheap = ~hidden & np.isfinite(cost)
    cheap &= cost <= np.sort(cost[cheap])[:FEW_AT_FIRST].max(initial=0.0)
    few = np.tile(cheap, known.parts)[shown[free]]
    most = np.append(known.most, np.full(2 * len(free), np.inf))
    solved = Programme(
        cost=np.concatenate([np.zeros(size), spread, spread]),
        same=vstack([hstack([each[shown], gap, -gap]), own]),
        sums=np.append(np.zeros(len(shown)), values - whole @ known.amounts),
        over=hstack([take_signed(total, told, sign), csr_array((len(told), 2 * len(free)))]),
        limit=sign * (known.need - known.held)[told],
        low=np.zeros_like(most),
        most=most,
        begin=np.concatenate([known.find_within(hidden | cheap), few, few]),
    ).solve()
    if solved.x is None:
        return None
    changed = np.zeros(len(hidden) * known.parts, dtype=bool)
    changed[shown[free]] = solved.x[size:].reshape(2, -1).max(axis=0) > SLACK
    lines: np.ndarray = np.asarray(changed.reshape(known.parts, -1).any(axis=0))
    return known.move(solved.x[:size]), lines
