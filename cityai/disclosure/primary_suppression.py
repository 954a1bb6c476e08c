"""Primary suppression of small cells, and complementary suppression within one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cityai.records.audit_data import People

SMALL_PART: Final = 0.05
"""Rows of groups that are too small, over those of the one that they are counted with, at most."""


def count_behind(amounts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Count how many events are effectively behind a weighted sum.

    Parameters
    ----------
    amounts : numpy.ndarray
        (E,) events of each entity, or (..., E).
    weights : numpy.ndarray
        (E, G) parts.

    Returns
    -------
    numpy.ndarray
        (G,), or (..., G): ``(sum w y)^2 / sum w^2 y`` (Kish 1965, Survey Sampling, 11.7): for hard
        groups the events themselves, for a small part of many events nearly all of them; 0 where
        none.
    """
    top, bottom = amounts @ weights, amounts @ weights**2
    return np.divide(top**2, bottom, out=np.zeros_like(top), where=bottom > 0)


def gather_people(person: np.ndarray, unit: np.ndarray, units: int) -> People:
    """Gather whom rows are about, each once.

    Parameters
    ----------
    person, unit : numpy.ndarray
        (rows,) int64 codes from 0.
    units : int
        How many units there are.
    """
    pairs = np.unique(person * units + unit)
    who, where = np.divmod(pairs, units)
    _, who, held = np.unique(who, return_inverse=True, return_counts=True)
    part: np.ndarray = 1.0 / held[who]
    alone = np.bincount(where[part == 1], minlength=units).astype(np.float64)
    more = part < 1
    found, code = np.unique(who[more], return_inverse=True)
    at = code, where[more]
    return People(alone, csr_array((part[more], at), shape=(len(found), units)))


def count_people(people: People, weights: np.ndarray) -> np.ndarray:
    """Count how many people are effectively behind each group, (G,), as `count_behind` does."""
    parts = people.several @ weights
    top = people.alone @ weights + parts.sum(axis=0)
    bottom = people.alone @ weights**2 + (parts**2).sum(axis=0)
    return np.divide(top**2, bottom, out=np.zeros_like(top), where=bottom > 0)


def share_people(
    person: np.ndarray, cell: np.ndarray, part: np.ndarray, cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count the people behind the cells of a line, each once however many rows are about them.

    Parameters
    ----------
    person, cell : numpy.ndarray
        (rows,) int64 codes from 0.
    part : numpy.ndarray
        (rows,) how much of a row counts; of somebody's rows in one cell the largest does.
    cells : int
        How many cells there are.

    Returns
    -------
    tuple of numpy.ndarray
        (cells,) people of each cell, and the same with those of several cells divided among them,
        so that cells together have as many as there are.
    """
    rows = part > 0
    pairs, at = np.unique(person[rows] * cells + cell[rows], return_inverse=True)
    largest = np.zeros(len(pairs))
    np.maximum.at(largest, at, part[rows])
    who, where = np.divmod(pairs, cells)
    _, who, held = np.unique(who, return_inverse=True, return_counts=True)
    whole = np.bincount(where, weights=largest, minlength=cells)
    return whole, np.bincount(where, weights=largest / held[who], minlength=cells)


def find_few_people(people: Mapping[str, People], weights: np.ndarray, least: float) -> np.ndarray:
    """Tell of each group, (G,), whether few are behind its rows, or behind some of one answer."""
    found = np.zeros(weights.shape[1], dtype=bool)
    for held in people.values():
        found |= is_few(count_people(held, weights).round(9), least)
    return found


def is_few(held: np.ndarray | float, least: float) -> np.ndarray:
    """Threshold rule: tell counts of people that are some, but fewer than the threshold."""
    count = np.asarray(held)
    return (count > 0) & (count < least)


def join_small(
    weights: np.ndarray, small: np.ndarray, held: Sequence[np.ndarray], least: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Count small groups with the largest one, unless they hide each other, or are no small part.

    Parameters
    ----------
    weights : numpy.ndarray
        (E, G) parts.
    small : numpy.ndarray
        (G,) bool.
    held : sequence of numpy.ndarray
        (G,) how many rows they hold, and then whatever counts people or events.
    least : float
        The policy's threshold.

    Returns
    -------
    tuple
        (E, G) parts, (E, G) those that were moved, and the group that they were added to.
    """
    apart, (n, *counted) = np.zeros_like(weights), held
    largest = int(np.argmax(np.where(small, -1.0, n)))
    alone = small.sum() == 1 or any(0 < v[small].sum() < least for v in counted)
    whole = np.isin(weights[:, small], (0.0, 1.0)).all() and not small.all()
    if not alone or not whole or n[small].sum() > SMALL_PART * n[largest]:
        return weights, apart, largest
    apart[:, small] = weights[:, small]
    moved = np.where(small, 0.0, weights)
    moved[:, largest] += apart.sum(axis=1)
    return moved, apart, largest


def hide_cells(
    amounts: np.ndarray, small: np.ndarray, least: float, *, solve: bool = True
) -> np.ndarray:
    """Extend the hidden cells of a table whose totals are known.

    Parameters
    ----------
    amounts : numpy.ndarray
        (G,) or (G1, G2) amounts, not negative; totals of every line are taken as published.
    small : numpy.ndarray
        Same shape, bool: cells that may not be shown.
    least : float
        The policy's threshold.
    solve : bool
        Whether a table of two dimensions is solved for here; not where it is with others.

    Returns
    -------
    numpy.ndarray
        Same shape, bool. In each line no hidden cell stands alone and the hidden ones add up to
        `least` or more. In two dimensions, if what is shown still pins a hidden cell down to a
        range narrower than `least` (by linear programming), the whole table is hidden.
    """
    hidden = small.copy()
    if amounts.ndim == 1:
        _hide_in_line(amounts, hidden, least)
        return hidden
    before = -1
    while hidden.sum() != before:
        before = int(hidden.sum())
        for row in range(len(amounts)):
            _hide_in_line(amounts[row], hidden[row], least)
        for column in range(amounts.shape[1]):
            _hide_in_line(amounts[:, column], hidden[:, column], least)
    if solve and hidden.any() and _find_narrowest(amounts, hidden) < least:
        hidden[:] = True
    return hidden


def _hide_in_line(amounts: np.ndarray, hidden: np.ndarray, least: float) -> None:
    # `hidden` is a view of the table: marking here marks there.
    while hidden.any() and not hidden.all():
        if hidden.sum() > 1 and amounts[hidden].sum() >= least:
            return
        open_cells = np.flatnonzero(~hidden)
        filled = open_cells[amounts[open_cells] > 0]
        if not len(filled):
            return
        hidden[filled[np.argmin(amounts[filled])]] = True


def _find_narrowest(amounts: np.ndarray, hidden: np.ndarray) -> float:
    """Find the narrowest range that line totals leave for a hidden cell (linear programming)."""
    rows, columns = np.nonzero(hidden)
    if not len(rows):
        return float("inf")
    lines = [rows == i for i in range(len(amounts))]
    lines += [columns == j for j in range(amounts.shape[1])]
    held = amounts[rows, columns]
    matrix = np.array([line for line in lines if line.any()], dtype=np.float64)
    narrowest = float("inf")
    for cell in range(len(rows)):
        aim = np.zeros(len(rows))
        aim[cell] = 1.0
        solved = [
            linprog(sign * aim, A_eq=matrix, b_eq=matrix @ held, bounds=(0, None)).x
            for sign in (1.0, -1.0)
        ]
        if any(x is None for x in solved):
            return 0.0  # not solved: taken as given away
        narrowest = min(narrowest, float(solved[1][cell] - solved[0][cell]))
    return narrowest
