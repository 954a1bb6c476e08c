"""Counts that no table of a card holds, and that two of its tables bound together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from cityai.disclosure.feasible_ranges import DOWN, SLACK, UP, Known, gather_lines
from cityai.disclosure.line_pools import Sparse
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
    return some[find_narrow(lines, atoms, hidden, secret, some, least)]


def find_narrow(
    lines: Sparse,
    amounts: np.ndarray,
    hidden: np.ndarray,
    secret: np.ndarray,
    cells: Sparse,
    least: float,
) -> np.ndarray:
    """Find the cells that are not seen to be left open by all that is shown.

    Parameters
    ----------
    lines, amounts, hidden, secret, least
        As for `protect_release`; what is hidden in the end.
    cells : scipy.sparse.csr_array
        (C, A) of 0 and 1: small counts that are told nowhere.

    Returns
    -------
    numpy.ndarray
        (C,) bool. All others may be 0 and may be `least`, or may be as much more than they are.

    Notes
    -----
    One linear programme brings as many cells as it can to a goal at once; those that it leaves are
    tried again, until none gets there. Where the solver fails, all that are left are narrow.
    """
    count, none = len(hidden), np.zeros(cells.shape[0], dtype=bool)
    both, own = csr_array(vstack([lines, cells])), np.concatenate([secret, none])
    known, _ = gather_lines(both, amounts, own, least)
    rows = known.stacked[np.tile(np.concatenate([~hidden, none]), known.parts)]
    within, most = known.bound_hidden(np.concatenate([hidden, none]))
    aims = known.matrix[count + np.arange(cells.shape[0])]

    def reach(which: np.ndarray, goal: np.ndarray, way: float) -> np.ndarray:
        left = np.ones(len(which), dtype=bool)
        while left.any():
            at = which[left]
            there = _move_together(known, rows, (within, most), aims[at], goal[at], way)
            if not there.any():
                break
            left[left] = ~there
        reached: np.ndarray = ~left
        return reached

    some = np.arange(cells.shape[0])
    high, low = np.full(len(some), least), np.zeros(len(some))
    narrow: np.ndarray = ~(reach(some, high, UP) & reach(some, low, DOWN))
    # What cannot be nothing may be as much more.
    narrow[narrow] = ~reach(some[narrow], known.held[count:] + least, UP)
    return narrow


def _move_together(
    known: Known,
    rows: Sparse,
    told: tuple[Any, np.ndarray],
    aims: Sparse,
    goal: np.ndarray,
    way: float,
) -> np.ndarray:
    """Bring cells up to their goals (`UP`) or down to them (`DOWN`); tell which get there."""
    size, count = known.stacked.shape[1], aims.shape[0]
    whole = csr_array(hstack([aims] * known.parts))
    none = csr_array((rows.shape[0], count))
    # Of a cell no more counts than its goal, or no less than what it holds.
    reach: Any = hstack([-way * whole, way * eye_array(count)])
    within, most = told
    over: Any = [hstack([within, csr_array((len(most), count))])] if len(most) else []
    over = csr_array(vstack([*over, reach]))
    same: Any = csr_array(hstack([rows, none]))
    # No two cells weigh the same: one is filled rather than two by half.
    weights = np.linspace(2.0, 1.0, count)
    top = np.append(np.full(size, np.inf), goal if way == UP else np.full(count, np.inf))
    ends: Any = np.column_stack([np.zeros(size + count), top])
    solved = linprog(
        np.concatenate([np.zeros(size), -way * weights]),
        A_ub=over,
        b_ub=np.concatenate([most, np.zeros(count)]),
        A_eq=same,
        b_eq=rows @ known.amounts,
        bounds=ends,
        method="highs-ds",
        options={"presolve": False},  # which costs more than it saves
    )
    if solved.x is None:
        return np.zeros(count, dtype=bool)
    held = whole @ solved.x[:size]
    there: np.ndarray = way * (held - goal) >= -SLACK
    return there
