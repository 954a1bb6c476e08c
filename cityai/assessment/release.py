"""Everything that one card shows, taken together: what is hidden must stay hidden.

A card shows several tables of the same amounts: dimensions, pairs of them, folds, areas, single
entities, the whole. Each is a line of sums over the same atoms (entities, or what is left of them),
so whoever reads the card can solve for what is left out. Here the reader is taken to know every
shown sum exactly; what is printed, rates and rounded shares, tells less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

SLACK = 1e-6
MOST_WORK = 4_000_000
"""Hidden lines x lines x atoms beyond which the ranges are not solved one by one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of one table.

    Attributes
    ----------
    table, group : str
        Where it is shown: a dimension, a pair, "fold", "area", "entity", "overall".
    parts : numpy.ndarray
        (A,) the part of each atom in it, from 0 to 1.
    """

    table: str
    group: str
    parts: np.ndarray


def protect_release(
    lines: Sequence[Line], amounts: np.ndarray, hidden: np.ndarray, least: float
) -> np.ndarray:
    """Hide more lines until no hidden one can be worked out from all that is shown.

    Parameters
    ----------
    lines : sequence of Line
        L cells of all tables.
    amounts : numpy.ndarray
        (A,) amount of each atom, not negative.
    hidden : numpy.ndarray
        (L,) bool: lines that may not be shown.
    least : float
        The policy's threshold: what is shown must leave each hidden line a range this wide.

    Returns
    -------
    numpy.ndarray
        (L,) bool, holding all of `hidden`.

    Notes
    -----
    The smallest shown line that bears on the cell (with a price in the linear programme) is hidden
    next. An empty line holds nobody and is never hidden. Where there is too much to solve, every
    table with a hidden line is hidden as a whole.
    """
    matrix, amounts, held = _gather(lines, amounts)
    hidden = hidden.copy()
    while hidden.any():
        if hidden.sum() * matrix.size > MOST_WORK:
            tables = {lines[i].table for i in np.flatnonzero(hidden).tolist()}
            return np.array([line.table in tables for line in lines]) & (held > 0)
        found = _find_open(matrix, amounts, held, hidden, least)
        if found is None:
            return hidden
        hidden[found] = True
    return hidden


def find_ranges(lines: Sequence[Line], amounts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Find how far each hidden line's amount is left open by the shown ones.

    Returns
    -------
    numpy.ndarray
        (L,) largest minus smallest feasible amount; NaN for shown lines.
    """
    matrix, amounts, _ = _gather(lines, amounts)
    ranges = np.full(len(lines), np.nan)
    for i in np.flatnonzero(hidden):
        ends = [_solve(matrix, amounts, hidden, matrix[i], sign)[0] for sign in (1.0, -1.0)]
        ranges[i] = ends[1] - ends[0]
    return ranges


def _gather(
    lines: Sequence[Line], amounts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take atoms together that no line tells apart."""
    whole = np.array([line.parts for line in lines], dtype=np.float64)
    matrix, code = np.unique(whole, axis=1, return_inverse=True)
    summed = np.bincount(code.ravel(), weights=amounts, minlength=matrix.shape[1])
    return matrix, summed, matrix @ summed


def _find_open(
    matrix: np.ndarray, amounts: np.ndarray, held: np.ndarray, hidden: np.ndarray, least: float
) -> int | None:
    for i in np.flatnonzero(hidden):
        low, low_price = _solve(matrix, amounts, hidden, matrix[i], 1.0)
        high, high_price = _solve(matrix, amounts, hidden, matrix[i], -1.0)
        if high - low >= least - SLACK:
            continue
        bears = np.zeros(len(matrix))
        bears[~hidden] = np.abs(low_price) + np.abs(high_price)
        touching = (bears > SLACK) & (held > 0) & ~hidden
        if not touching.any():
            touching = ~hidden & (held > 0) & ((matrix * matrix[i]).sum(axis=1) > 0)
        if touching.any():
            return int(np.argmin(np.where(touching, held, np.inf)))
    return None


def _solve(
    matrix: np.ndarray, amounts: np.ndarray, hidden: np.ndarray, aim: np.ndarray, sign: float
) -> tuple[float, np.ndarray]:
    shown = matrix[~hidden]
    if not len(shown):
        return (0.0 if sign > 0 else np.inf), np.zeros(0)
    # Slack of a rounding error keeps sums of many atoms feasible.
    solved = linprog(sign * aim, A_eq=shown, b_eq=shown @ amounts, bounds=(0, None), method="highs")
    if solved.status == 3:
        return -sign * np.inf, np.zeros(len(shown))
    if solved.x is None:
        return float(aim @ amounts), np.ones(len(shown))
    return float(aim @ solved.x), np.asarray(solved.eqlin.marginals)
