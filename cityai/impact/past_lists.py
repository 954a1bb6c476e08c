"""Past lists, at a time when nothing was evaluated: what a design is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Past:
    """Past lists: cases with their rank and outcome, at a time when nothing was evaluated."""

    outcome: np.ndarray
    """(rows,) what will be measured, NaN where it is not known."""
    rank: np.ndarray
    """(rows,) int64 place on the period's list, from 1."""
    score: np.ndarray
    """(rows,) what the list is ordered by, the highest first."""
    period: np.ndarray
    """(rows,) int64 codes from 0."""
    area: np.ndarray | None
    """(rows,) int64 codes of areas that could begin at different times."""
    capacity: int
    """Cases served in a period."""
    weeks: float = 1.0
    """Weeks in a period."""
    unit: np.ndarray | None = None
    """(rows,) int64 codes of whom chance decides about once in an evaluation; cases without it."""

    @property
    def periods(self) -> int:
        """Past periods."""
        return int(self.period.max(initial=-1)) + 1


def drop_again(past: Past, rows: np.ndarray, periods: int) -> np.ndarray:
    """Drop rows whose unit would have its arm already, from a list of the same evaluation."""
    if past.unit is None:
        return rows
    rows = rows[np.argsort(past.period[rows], kind="stable")]
    since: dict[int, int] = {}
    kept = []
    for row, unit, period in zip(
        rows.tolist(), past.unit[rows].tolist(), past.period[rows].tolist(), strict=True
    ):
        if period - since.get(unit, -periods) >= periods:
            since[unit] = period
            kept.append(row)
    return np.array(kept, np.int64)


def list_firsts(past: Past, periods: int, most: int) -> list[np.ndarray]:
    """Rows that are their unit's first in an evaluation, of evaluations spread over the past.

    Parameters
    ----------
    past : Past
        All lists: an earlier row counts wherever on a list it stood.
    periods : int
        How long an evaluation lasts; the whole past where that is shorter.
    most : int
        Of evaluations, which overlap where the past is not long enough for so many.
    """
    long = min(periods, past.periods)
    starts = np.unique(np.linspace(0, past.periods - long, most).astype(int))
    order = np.lexsort((past.rank, past.period))
    unit = np.arange(len(order)) if past.unit is None else past.unit[order]
    found = []
    for start in starts:
        within = (past.period[order] >= start) & (past.period[order] < start + long)
        first = np.unique(unit[within], return_index=True)[1]
        found.append(np.sort(order[within][first]))
    return found


@dataclass(frozen=True, slots=True)
class PastPlaces:
    """Past outcomes of places, at a time when nothing was evaluated."""

    mean: np.ndarray
    cases: np.ndarray
    """(places, T) mean outcomes, NaN where there is none, and the cases behind them."""
    weeks: float = 1.0
    """Weeks in a period."""
    treated: np.ndarray | None = None
    others: np.ndarray | None = None
    """int64 positions of the places in which something would begin, and of those that they would be
    held against; some, and all others, where nothing is said."""
    before: int | None = None
    """Periods before in which both are to be alike; the whole past without it."""
    steps: int | None = None
    """Steps in which all would begin; each by itself without it."""

    @property
    def periods(self) -> int:
        """Past periods."""
        return int(self.mean.shape[1])

    def average(self, which: np.ndarray | None = None) -> np.ndarray:
        """(T,) mean outcomes of all cases; missing where a place of one amount is."""
        rows = slice(None) if which is None else which
        mean, cases = self.mean[rows], self.cases[rows]
        total, held = np.nansum(mean * cases, axis=0), cases.sum(axis=0)
        least = len(cases) if (self.cases <= 1).all() else 1
        return np.where(held >= max(least, 1), total / np.maximum(held, 1), np.nan)


def make_places(past: Past) -> PastPlaces:
    """Make places of the areas of past lists; of one where the lists name no area."""
    area = np.zeros_like(past.period) if past.area is None else past.area
    shape = (int(area.max(initial=-1)) + 1, past.periods)
    cases, total = np.zeros(shape), np.zeros(shape)
    np.add.at(cases, (area, past.period), 1.0)
    np.add.at(total, (area, past.period), past.outcome)
    mean = np.divide(total, cases, out=np.full(shape, np.nan), where=cases > 0)
    return PastPlaces(mean, cases, past.weeks)
