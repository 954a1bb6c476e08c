"""Counts that no table of a card holds, and that two of its tables bound together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from cityai.disclosure.feasible_ranges import DOWN, SLACK, UP, Known, take_signed
from cityai.disclosure.line_pools import Sparse, sign_atoms
from cityai.disclosure.linear_programme import Programme
from cityai.disclosure.pooled_lines import pool_release
from cityai.disclosure.primary_suppression import is_few


def list_narrow_places(
    lines: Sparse,
    parts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    places: Iterable[np.ndarray],
    least: float,
) -> Sparse:
    """List the places in the last replay of which the tables tell too much: (N, F E) of 0 and 1.

    A forecast of a place may repeat what happened there last, and is hidden where that is small
    (`forecast_places`); so no other table may tell it.

    Parameters
    ----------
    lines, hidden, secret, least
        As for `find_narrow`.
    parts : numpy.ndarray
        (P, F, E) parts of the amounts.
    places : iterable of numpy.ndarray
        (E,) labels of the entities.
    """
    amount, found = parts.sum(axis=0), [csr_array((0, parts[0].size))]
    for labels in places:
        named, code = np.unique(labels.astype(str), return_inverse=True)
        last = parts[0].size - len(code) + np.arange(len(code))
        cells: Sparse = csr_array((np.ones(len(code)), (code, last)), (len(named), parts[0].size))
        found.append(cells[is_few(cells @ amount.ravel(), least)])
    some: Sparse = csr_array(vstack(found))
    if not some.shape[0]:
        return some
    atoms = parts.reshape(len(parts), -1)
    some = some[~find_exchanged(lines, parts, some, least)]
    return some[find_narrow(lines, atoms, hidden, secret, some, least)]


def find_exchanged(lines: Sparse, parts: np.ndarray, cells: Sparse, least: float) -> np.ndarray:
    """Find cells of one place, in the last replay, that an exchange with others leaves open: (C,).

    Two places are of one kind where but for their own totals the same lines hold them, replay by
    replay. What one has more in the last replay and less in another, the others of its kind may
    have less and more, and no line tells. So no linear programme is needed for such a cell.
    """
    replays, places = parts.shape[1:]
    place = np.where(np.diff(cells.indptr) == 1, cells.indices[cells.indptr[:-1]] % places, -1)
    # Own lines hold one place alone, in all replays alike.
    at, row = lines.indices % places, np.repeat(np.arange(lines.shape[0]), np.diff(lines.indptr))
    first, size = np.zeros(lines.shape[0], dtype=int), np.diff(lines.indptr)
    first[row[::-1]] = at[::-1]
    own = (size == replays) & (np.bincount(row[at == first[row]], minlength=len(size)) == size)
    own &= np.bincount(row, lines.data != 1, len(size)) == 0
    signed = sign_atoms(lines[~own])[0].reshape(replays, places)
    kind = np.unique(signed, axis=1, return_inverse=True)[1].ravel()
    rest = np.array([[np.bincount(kind, x)[kind] for x in part] for part in parts]) - parts
    down = (rest[:, :-1].sum(axis=1) >= parts[:, -1]).all(axis=0)
    more = np.minimum(parts[:, :-1].sum(axis=1), rest[:, -1]).sum(axis=0)
    up = parts[:, -1].sum(axis=0) + more >= least
    return (place >= 0) & (down & up)[place]


def find_narrow(
    lines: Sparse,
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    cells: Sparse,
    least: float,
) -> np.ndarray:
    """Find the cells that are not seen to be left open by all that is shown.

    One linear programme brings as many cells as it can to a goal at once; those that it leaves are
    tried again, until none gets there. Where the solver fails, all that are left are narrow.
    """
    more = np.ones(cells.shape[0], dtype=bool)
    both: Sparse = csr_array(vstack([lines, cells]))
    unsaid, own = np.append(hidden, more), np.append(secret, ~more)
    pooled = pool_release(both, amounts, unsaid, own, least)
    known, all_cells = pooled.known, pooled.pools[len(hidden) :]
    told = unsaid[pooled.first]
    shown = ~told
    told[all_cells] = False  # it is neither shown what they hold nor told that they are small

    def reach(which: np.ndarray, goal: np.ndarray, way: float) -> np.ndarray:
        left = np.ones(len(which), dtype=bool)
        while left.any():
            there = _move_together(known, shown, told, which[left], goal[left], way)
            if not there.any():
                break
            left[left] = ~there
        return ~left

    high, low = np.full(len(more), least), np.zeros(len(more))
    narrow: np.ndarray = ~(reach(all_cells, high, UP) & reach(all_cells, low, DOWN))
    # What cannot be nothing may be as much more.
    left = all_cells[narrow]
    narrow[narrow] = ~reach(left, known.held[left] + least, UP)
    return narrow


def _move_together(
    known: Known,
    shown: np.ndarray,
    told: np.ndarray,
    cells: np.ndarray,
    goal: np.ndarray,
    way: float,
) -> np.ndarray:
    """Bring cells up to their goals (`UP`) or down to them (`DOWN`); tell which get there.

    It is solved for what is added to the truth and taken from it, as `find_end` does.
    """
    (each, total), held, count = known.changes, known.held[cells], len(cells)
    size = total.shape[1]
    rows, (among, sign) = np.flatnonzero(np.tile(shown, known.parts)), known.list_told(told)
    # Of a cell no more counts than its goal, or no less than what it holds.
    reach: Sparse = hstack([-way * total[cells], way * eye_array(count)])
    bound: Sparse = hstack([take_signed(total, among, sign), csr_array((len(among), count))])
    # No two cells weigh the same: one is filled rather than two by half.
    weights = np.linspace(2.0, 1.0, count)
    solved = Programme(
        cost=np.concatenate([np.zeros(size), -way * weights]),
        same=hstack([each[rows], csr_array((len(rows), count))]),
        sums=np.zeros(len(rows)),
        over=vstack([bound, reach]),
        limit=np.append(sign * (known.need - known.held)[among], np.zeros(count)),
        low=np.append(np.zeros(size), -held),
        most=np.append(known.most, goal - held if way == UP else np.full(count, np.inf)),
        begin=np.append(known.find_within(~shown), np.ones(count, dtype=bool)),
    ).solve()
    if solved.x is None:
        return np.zeros(count, dtype=bool)
    return way * (held + total[cells] @ solved.x[:size] - goal) >= -SLACK
