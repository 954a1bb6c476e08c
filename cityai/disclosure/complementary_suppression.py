"""Complementary suppression over all linked tables of a card: what is hidden stays hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly, and of each its parts that a shown rate tells apart (what was foreseen, and what
was not), and of each hidden one whether it is small; what is printed tells less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, kron

Sparse: TypeAlias = Any
"""A `scipy.sparse.csr_array`, whose stubs tell no shape."""
SLACK = 1e-6
FEW_APART: Final = 4
"""Lines of a pool that are kept apart at first: those that would be hidden next."""
LARGE: Final = 100_000
"""Lines x atoms from which more than one line may be hidden at once."""
MOST_SOLVED: Final = 300
"""Linear programmes that are spent on showing lines again."""
FEW_SOLVED: Final = 8
"""Linear programmes that a single secret takes, about."""
UP: Final = 1.0
DOWN: Final = -1.0
WAYS: Final = (UP, DOWN)


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
    shown again, the largest lines first (`_show_again`).

    Shown lines that only their own table tells apart (a thousand places of one kind) are pooled:
    whatever their sum may be made of, each of them may be made of in proportion, so no range of
    another line changes. The smallest of each pool stay apart, to be hidden; more of them do where
    a pool was hidden whole.
    """
    if not secret.any():
        return hidden.copy(), np.full(len(hidden), -1)
    apart = FEW_APART
    while True:
        pools = _pool_lines(lines, np.atleast_2d(amounts).sum(axis=0), hidden | secret, apart)
        first = np.unique(pools, return_index=True)[1]
        known = gather_lines(_sum_rows(lines, pools), amounts, secret[first], least)
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
    alike = _sum_rows(
        lines, _pool_lines(lines, np.ones(lines.shape[1]), hidden | secret, FEW_APART)
    )
    _, first = np.unique(_sign_atoms(alike)[0], return_index=True)
    return max(int(secret.sum()), FEW_SOLVED) * int(alike[:, first].nnz)


def _protect(known: Known, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fixed, secrets = hidden, np.flatnonzero(known.secret)
    hidden, cause = hidden.copy(), np.full(len(hidden), -1)
    seen = _see_together(known, hidden, secrets)
    large = len(hidden) * known.matrix.shape[1] > LARGE
    for i in secrets.tolist():
        ends: dict[float, _End] = {}
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
    hidden = _show_again(known, hidden, fixed, secrets)
    return hidden, np.where(hidden, cause, -1)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to know: of the lines, and what the reader is told of the hidden ones.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        (L, A) parts of the atoms.
    stacked : scipy.sparse.csr_array
        (P L, P A) the same for each part of the amounts, one below the other.
    amounts : numpy.ndarray
        (P A,) what the atoms hold.
    held, need : numpy.ndarray
        (L,) what the lines hold in all; how far each must be left open if it is a secret.
    secret : numpy.ndarray
        (L,) bool.
    """

    matrix: Sparse
    stacked: Sparse
    amounts: np.ndarray
    held: np.ndarray
    need: np.ndarray
    secret: np.ndarray

    @property
    def parts(self) -> int:
        """Parts of the amounts that rates tell apart."""
        return int(len(self.amounts) // self.matrix.shape[1])

    def add_parts(self, point: np.ndarray) -> np.ndarray:
        """Return what the lines hold of all parts together."""
        total: np.ndarray = self.matrix @ point.reshape(self.parts, -1).sum(axis=0)
        return total

    def bound_hidden(self, hidden: np.ndarray) -> tuple[Any, np.ndarray]:
        """Write down what is told of hidden lines: small, or hidden for another's sake."""
        small = hidden & self.secret & (self.held <= self.need)
        large = hidden & ~self.secret & (self.held >= self.need)
        told = np.flatnonzero(small | large)
        sign = np.where(small[told], 1.0, -1.0)
        rows = self.matrix[told].multiply(sign[:, None])
        return csr_array(hstack([rows] * self.parts)), sign * self.need[told]


def gather_lines(lines: Sparse, amounts: np.ndarray, secret: np.ndarray, least: float) -> Known:
    """Collapse atoms that no line tells apart."""
    _, first, code = np.unique(_sign_atoms(lines)[0], return_index=True, return_inverse=True)
    matrix = csr_array(lines[:, first])
    parts = np.array([np.bincount(code, part, len(first)) for part in np.atleast_2d(amounts)])
    stacked = csr_array(kron(np.eye(len(parts)), matrix, format="csr"))
    need = least * matrix.max(axis=1).toarray().ravel()
    return Known(matrix, stacked, parts.ravel(), matrix @ parts.sum(axis=0), need, secret)


@dataclass(frozen=True, slots=True)
class _End:
    """The largest or smallest amount that agrees with all that is shown.

    `point` is (P A,), None where there is no bound or no solution; `dual_values` is (L,), how much
    each shown line bears on the amount.
    """

    value: float
    point: np.ndarray | None
    dual_values: np.ndarray


@dataclass(frozen=True, slots=True)
class _Seen:
    """(L,) smallest and largest amount of each line in the solutions so far."""

    low: np.ndarray
    high: np.ndarray

    def find_width(self, line: int) -> float:
        """Return how far a line is known to be left open."""
        return float(self.high[line] - self.low[line])

    def add_end(self, known: Known, end: _End, way: float, line: int | None) -> _Seen:
        """Add what a solution, or the lack of a bound, tells of the lines."""
        low, high = self.low, self.high.copy()
        if end.point is not None:
            held = known.add_parts(end.point)
            low, high = np.minimum(low, held), np.maximum(high, held)
        elif line is not None and way == UP:
            high[line] = max(high[line], end.value)
        return _Seen(low, high)


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Scatter whole numbers of 64 bits (splitmix64, Steele et al. 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scattered: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return scattered


def _sign_cells(lines: Sparse, row: np.ndarray) -> np.ndarray:
    """Sign each line and part, so that sums of signatures tell sets apart.

    Whole numbers modulo 2^64: adding and taking away leaves no rounding behind.
    """
    return _mix(_mix(row.astype(np.uint64) + np.uint64(1)) + lines.data.view(np.uint64))


def _sign_atoms(lines: Sparse) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sign each atom (A,): equal where no line tells two apart; rows and signatures of cells."""
    row = np.repeat(np.arange(lines.shape[0]), np.diff(lines.indptr))
    cells, signed = _sign_cells(lines, row), np.zeros(lines.shape[1], dtype=np.uint64)
    np.add.at(signed, lines.indices, cells)
    return signed, row, cells


def _pool_lines(lines: Sparse, held: np.ndarray, hidden: np.ndarray, apart: int) -> np.ndarray:
    """Number the lines (L,), those that are shown alike but for the `apart` smallest filled.

    Two lines are alike where they share no atom, and each atom of the one has one in the other
    that, but for these two, lies in the same lines to the same part.
    """
    signed, row, cells = _sign_atoms(lines)
    beside = _mix(signed[lines.indices] - cells + _mix(lines.data.view(np.uint64)))
    # Each kind of atom counts once, however many of it there are.
    once = np.unique(_mix(beside + row.astype(np.uint64)), return_index=True)[1]
    kind = np.zeros(lines.shape[0], dtype=np.uint64)
    np.add.at(kind, row[once], _mix(beside[once]))
    pools, total = np.arange(lines.shape[0]), lines @ held
    shown = np.flatnonzero(~hidden & (kind > 0))
    order = shown[np.lexsort((total[shown], kind[shown]))]
    for pool in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        filled = pool[total[pool] > 0]
        rest = np.setdiff1d(pool, filled[:apart])
        if len(rest) > 1 and _share_nothing(lines[rest]):
            pools[rest] = rest.min()
    return np.unique(pools, return_inverse=True)[1]


def _share_nothing(lines: Sparse) -> bool:
    return bool(len(np.unique(lines.indices)) == lines.nnz)


def _sum_rows(lines: Sparse, pools: np.ndarray) -> Sparse:
    count = len(pools)
    add = csr_array((np.ones(count), (pools, np.arange(count))), shape=(pools.max() + 1, count))
    return csr_array(add @ lines)


def _see_together(known: Known, hidden: np.ndarray, secrets: np.ndarray) -> _Seen:
    """Begin with the truth, and with all secrets as large and as small as they can be together."""
    seen = _Seen(known.held, known.held)
    aim = csr_array(known.matrix[secrets].sum(axis=0)[None])
    for way in WAYS:
        seen = seen.add_end(known, find_end(known, hidden, aim, way), way, None)
    return seen


def _show_again(
    known: Known, hidden: np.ndarray, fixed: np.ndarray, secrets: np.ndarray
) -> np.ndarray:
    """Show lines again as long as every secret stays as open as it must be, or as it can be.

    Lines are taken in halves, and halves of these, from the largest lines down. It ends after a
    number of linear programmes; what is hidden by then stays so.
    """
    more = np.flatnonzero(hidden & ~fixed)
    if not len(more):
        return hidden
    witnesses = _Witnesses(known, hidden.copy(), secrets)
    chunks = [more[np.argsort(-known.held[more], kind="stable")]]
    while chunks and witnesses.solved < MOST_SOLVED:
        chunk = chunks.pop()
        if not witnesses.show(chunk) and len(chunk) > 1:
            middle = (len(chunk) + 1) // 2
            chunks += [chunk[middle:], chunk[:middle]]
    return witnesses.hidden


class _Witnesses:
    """For each secret the solutions in which it is largest and smallest."""

    def __init__(self, known: Known, hidden: np.ndarray, secrets: np.ndarray):
        self.known, self.hidden, self.solved = known, hidden, 0
        self.truth = known.stacked @ known.amounts
        self.ends = {i: {way: self._solve(hidden, i, way) for way in WAYS} for i in secrets}
        self.need = {i: min(_measure_width(e), known.need[i]) for i, e in self.ends.items()}

    def show(self, chunk: np.ndarray) -> bool:
        """Show lines if that leaves every secret open; tell whether it did."""
        trial = self.hidden.copy()
        trial[chunk] = False
        found = {}
        rows = np.add.outer(np.arange(self.known.parts) * len(trial), chunk).ravel()
        for i, ends in self.ends.items():
            new = {
                way: end if self._agrees(end, rows) else self._solve(trial, i, way)
                for way, end in ends.items()
            }
            if _measure_width(new) < self.need[i] - SLACK:
                # Asked first next time: what fails once fails often.
                self.ends = {i: ends, **self.ends}
                return False
            found[i] = new
        self.hidden, self.ends = trial, found
        return True

    def _agrees(self, end: _End, rows: np.ndarray) -> bool:
        if end.point is None:
            return False
        off = np.abs(self.known.stacked[rows] @ end.point - self.truth[rows])
        return bool((off <= SLACK * np.maximum(1.0, self.truth[rows])).all())

    def _solve(self, hidden: np.ndarray, line: int, way: float) -> _End:
        self.solved += 1
        return find_end(self.known, hidden, self.known.matrix[[line]], way)


def _measure_width(ends: dict[float, _End]) -> float:
    return sum(way * end.value for way, end in ends.items())


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


def find_end(known: Known, hidden: np.ndarray, aim: Sparse, way: float) -> _End:
    """Find the largest or smallest amount of a line that agrees with all that is told."""
    dual_values = np.zeros(len(hidden))
    rows = known.stacked[np.tile(~hidden, known.parts)]
    within, most = known.bound_hidden(hidden)
    whole = hstack([aim] * known.parts).toarray().ravel()
    solved = linprog(
        -way * whole,
        A_ub=within if len(most) else None,
        b_ub=most if len(most) else None,
        A_eq=rows,
        b_eq=rows @ known.amounts,
        bounds=(0, None),
        method="highs",
    )
    if solved.status == 3:
        return _End(way * np.inf, None, dual_values)
    if solved.x is None:
        # Not solved: taken as given away, so more is hidden.
        return _End(float(whole @ known.amounts), None, (~hidden).astype(np.float64))
    each = np.abs(solved.eqlin.marginals).reshape(known.parts, -1)
    dual_values[~hidden] = each.sum(axis=0)
    return _End(float(whole @ solved.x), np.maximum(solved.x, 0.0), dual_values)
