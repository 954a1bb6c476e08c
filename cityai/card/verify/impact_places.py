"""Effects of designs of places counted again, sharing nothing with the estimators."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.optimize import LinearConstraint, minimize
from scipy.special import stdtrit

NORMAL: Final = 1.96


@dataclass(frozen=True, slots=True)
class Counted:
    """An effect, its standard error, and the rows that it rests on: all, and measured.

    `quantile` is how many errors half an interval of 95 % is.
    """

    effect: float
    error: float
    rows: int
    known: int
    quantile: float = NORMAL


NONE: Final = Counted(math.nan, math.nan, 0, 0)
SETS: Final = 40
"""Placebo sets drawn again: as many as tell their spread to a fifth."""


def count_steps(rows: pd.DataFrame, _widths: tuple[float, ...]) -> Counted:
    """Weighted least squares with a column for each place and each period; errors by place."""
    known = rows[rows["value"].notna() & (rows["cases"] > 0)]
    due, rest, root = _take_away(known, known["arm"] == "served")
    size = float(due @ due)
    if not size > 1e-9 or known["unit"].nunique() < 2:
        return NONE
    y = rest(known["value"])
    effect = float(due @ y) / size
    scores = pd.Series(due * (y - effect * due)).groupby(known["unit"].to_numpy()).sum()
    places = len(scores)
    error = math.sqrt(math.fsum(scores**2) * places / (places - 1)) / size
    return Counted(effect, error, len(root), len(root))


def count_steps_done(rows: pd.DataFrame, _widths: tuple[float, ...]) -> float:
    """Ratio of what the starts moved: outcomes over what was done (two-stage least squares)."""
    known = rows[rows["value"].notna() & (rows["cases"] > 0) & rows["done"].notna()]
    if known.empty:
        return math.nan
    due, rest, _ = _take_away(known, known["arm"] == "served")
    below = float(due @ rest(known["done"]))
    return float(due @ rest(known["value"])) / below if abs(below) > 1e-9 else math.nan


def _take_away(
    known: pd.DataFrame, due: pd.Series
) -> tuple[np.ndarray, Callable[[pd.Series], np.ndarray], np.ndarray]:
    """Take places and periods away from a column, in weighted rows; and how that is done."""
    root = np.sqrt(known["cases"].to_numpy(float))
    columns = [pd.get_dummies(known[name], dtype=float) for name in ("unit", "period")]
    design = pd.concat(columns, axis=1).to_numpy(float) * root[:, None]

    def rest(column: pd.Series) -> np.ndarray:
        own = column.to_numpy(float) * root
        return own - design @ np.linalg.lstsq(design, own, rcond=None)[0]

    return rest(due.astype(float)), rest, root


def count_mixture(rows: pd.DataFrame, _widths: tuple[float, ...]) -> Counted:
    """Places where it began less a mixture of the others, each less a mixture of its own past.

    Weights are found by sequential least squares; the error is that of sets of other places.
    """
    panel = rows.pivot(index="unit", columns="period", values="value")
    before = panel.columns.to_numpy(int) < 0
    known = panel.notna().mean(axis=0).to_numpy()
    kept = np.where(before, known >= 0.5, known > 0)
    panel, before = panel.loc[:, kept], before[kept]
    own = panel.index.isin(rows.loc[rows["arm"] == "served", "unit"])
    whole = panel.notna().all(axis=1).to_numpy()
    count, others = int(own.sum()), panel[whole & ~own].to_numpy(float)
    if not (whole[own].all() and count and len(others) // count > 6 and before.sum() > 1):
        return NONE
    effect = _mix(panel[own].to_numpy(float), others, int(before.sum()))
    rng, strayed, moved = np.random.default_rng(1), [], []
    for _ in range(SETS):
        pick = np.isin(np.arange(len(others)), rng.choice(len(others), count, replace=False))
        strayed.append(_mix(others[pick], others[~pick], int(before.sum())) ** 2)
        moved.append(_move(others[pick], int(before.sum())))
    usual = math.fsum(moved) / SETS
    own_move = _move(panel[own].to_numpy(float), int(before.sum()))
    times = math.sqrt(max(own_move / usual, 1.0)) if usual else 1.0
    quantile = float(stdtrit(len(others) // count - 2, 0.975))
    rows_behind = int(panel[whole | own].size)
    error = times * math.sqrt(math.fsum(strayed) / SETS)
    return Counted(effect, error, rows_behind, rows_behind, quantile)


def _move(own: np.ndarray, begins: int) -> float:
    """Mean square of what the mean of places changes by from one period to the next, before."""
    return float((np.diff(own[:, :begins].mean(axis=0)) ** 2).mean())


def _mix(own: np.ndarray, others: np.ndarray, begins: int) -> float:
    noise = float(np.diff(others[:, :begins], axis=1).std(ddof=1)) if begins > 2 else 0.0
    size = own.shape[0] * (own.shape[1] - begins)
    before, after = others[:, :begins], others[:, begins:].mean(axis=1)
    by_place = _weigh(before.T, own[:, :begins].mean(axis=0), size**0.25 * noise)
    by_time = _weigh(before, after, 1e-6 * noise)
    mixed = by_place @ (after - before @ by_time)
    return float(own[:, begins:].mean() - own[:, :begins].mean(axis=0) @ by_time - mixed)


def _weigh(columns: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """Weights of 0 or more, of sum 1, that fit a target but for a constant."""
    held, goal = columns - columns.mean(axis=0), target - target.mean()
    scale = float((held**2).mean()) or 1.0
    cross, toward = held.T @ held / len(goal) / scale, held.T @ goal / len(goal) / scale
    cross += np.eye(columns.shape[1]) * ridge**2 / scale
    found = minimize(  # type: ignore[call-overload]
        lambda w: w @ cross @ w / 2 - toward @ w,
        np.full(columns.shape[1], 1 / columns.shape[1]),
        jac=lambda w: cross @ w - toward,
        bounds=[(0.0, 1.0)] * columns.shape[1],
        constraints=LinearConstraint(np.ones(columns.shape[1]), 1.0, 1.0),
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-13},
    )
    return found.x


def count_shift(rows: pd.DataFrame, _widths: tuple[float, ...]) -> Counted:
    """Mean of what came less that of as many periods before; and how such shifts stray."""
    before, during = _average(rows)
    count = len(during)
    if not count or len(before) < 2 * count or not np.isfinite(during).all():
        return NONE
    series = pd.Series(before)
    level = series.rolling(count).mean()
    shifts = (level - level.shift(count)).dropna()
    separate = min(len(before) // count - 1, len(shifts))
    if separate < 6:
        return NONE
    error = math.sqrt(math.fsum(shifts**2) / len(shifts))
    effect = math.fsum(during) / count - math.fsum(before[-count:]) / count
    quantile = float(stdtrit(separate - 1, 0.975))
    return Counted(effect, error, max(len(rows), 100), count, quantile)


def count_change(rows: pd.DataFrame, _widths: tuple[float, ...]) -> Counted:
    """Mean of what came less that of as many periods before."""
    before, during = _average(rows)
    count = len(during)
    if not count or len(before) < count:
        return NONE
    effect = math.fsum(during) / count - math.fsum(before[-count:]) / count
    return Counted(effect, math.nan, 2 * count, 2 * count)


def _average(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Mean of all cases by period, before and during; missing where a place has a gap."""
    period, gaps = rows["period"].to_numpy(int), _list_gaps(rows)
    known = period[(rows["cases"] > 0).to_numpy()]
    first, means = min(int(period.min()), 0), []
    for at in range(first, int(period.max()) + 1):
        own = rows[period == at]
        total, cases = math.fsum(own["value"].fillna(0) * own["cases"]), math.fsum(own["cases"])
        means.append(math.nan if at in gaps or not cases else total / cases)
    series = np.array(means)
    last = max(int(known.max()) - first if len(known) else 0, -first)
    return series[:-first] if first else series[:0], series[-first : last + 1]


def _list_gaps(rows: pd.DataFrame) -> set[int]:
    """Periods without a place that has one amount in each, or should have had fourteen cases."""
    single, gaps = bool((rows["cases"] <= 1).all()), set[int]()
    every = range(min(int(rows["period"].min()), 0), int(rows["period"].max()) + 1)
    for _, own in rows.groupby("unit"):
        held = dict(zip(own["period"].astype(int), own["cases"], strict=True))
        begins = min((at for at in every if held.get(at, 0) > 0), default=every.stop)
        usual = math.fsum(held.values()) / max(every.stop - begins, 1)
        run: list[int] = []
        for at in (*(every if single else range(begins, every.stop)), every.stop):
            if at < every.stop and not held.get(at, 0) > 0:
                run.append(at)
                continue
            if single or len(run) * usual >= 14:
                gaps.update(run)
            run = []
    return gaps


def leave_out(_rows: pd.DataFrame, _widths: tuple[float, ...]) -> float:
    """Return nothing, where what is done is not told of those who follow."""
    return math.nan
