from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from cityai.data.calendar import share_weekdays
from cityai.data.calendar_effects import AROUND, FAR, PRIOR, ROUNDS, estimate_factors
from cityai.data.periods import Periods

MONTHS = Periods("month", pd.Timestamp("2010-01-01"), 120)
WEEKDAY = np.array([1.3, 1.2, 1.1, 1.2, 1.1, 0.8, 0.3])
"""What each weekday brings, from Monday, over a mean day."""


def list_days(periods: Periods, i: int) -> list[dt.date]:
    return [day.date() for day in pd.date_range(periods.start(i), periods.start(i + 1))[:-1]]


def draw_months(
    weekday: np.ndarray = WEEKDAY, noise: float = 0.02
) -> tuple[np.ndarray, np.ndarray]:
    """Return months of four places with a season and a trend, and what the days do to each."""
    rng = np.random.default_rng(4)
    work = np.array(
        [sum(weekday[day.weekday()] for day in list_days(MONTHS, i)) for i in range(MONTHS.count)]
    )
    season = 1 + 0.2 * np.sin(2 * np.pi * np.arange(MONTHS.count) / 12)
    level = np.outer(work * season * 1.002 ** np.arange(MONTHS.count), [5.0, 40.0, 9.0, 2.0])
    shared = np.exp(rng.normal(0, noise, (MONTHS.count, 1)))
    return level * shared * np.exp(rng.normal(0, noise, level.shape)), work


def free_of_season(values: np.ndarray) -> np.ndarray:
    logarithm = np.log(values)
    for phase in range(12):
        logarithm[phase::12] -= logarithm[phase::12].mean()
    return logarithm


def test_the_days_of_months_are_counted() -> None:
    days = share_weekdays(MONTHS, 120)
    for i in (0, 1, 25, 119):
        want = np.bincount([day.weekday() for day in list_days(MONTHS, i)], minlength=7)
        np.testing.assert_allclose(days[i] * 30.4, want)
    assert AROUND.sum() == pytest.approx(1)


def test_what_weekdays_bring_is_found_and_where_all_are_alike_nothing_is() -> None:
    days = share_weekdays(MONTHS, 120)
    history, work = draw_months(noise=0.01)
    found = free_of_season(estimate_factors(history, days))
    want = free_of_season(work)
    assert np.corrcoef(found, want)[0, 1] > 0.97
    assert np.abs(found - want).mean() < 0.3 * np.abs(want).mean()
    alike, _ = draw_months(np.ones(7), 0.01)
    lengths = np.array([len(list_days(MONTHS, i)) for i in range(120)])
    left = estimate_factors(alike, days) / lengths
    assert np.abs(free_of_season(left)).max() < 0.02


def test_months_far_off_hardly_change_what_is_found() -> None:
    days = share_weekdays(MONTHS, 120)
    history, _ = draw_months()
    broken = history.copy()
    broken[[70, 71]] *= 0.4
    before, after = estimate_factors(history, days), estimate_factors(broken, days)
    assert np.abs(np.log(after / before)).max() < 0.03


def estimate_slowly(history: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The same by loops, and ridge regression as least squares with a row for each prior."""
    length, half = len(history), len(AROUND) // 2
    usual = np.nanmean(history, axis=0)
    seen = []
    for t in range(length):
        counted = [e for e in range(history.shape[1]) if not np.isnan(history[t, e])]
        total = sum(history[t, e] for e in counted)
        share = np.log(total / sum(usual[e] for e in counted)) if total > 0 else np.nan
        seen.append(np.array([share, *days[t]]))
    left, phases = [], []
    for t in range(half, length - half):
        around = sum(w * seen[t - half + k] for k, w in enumerate(AROUND))
        if not np.isnan(seen[t] - around).any():
            left.append(seen[t] - around)
            phases.append((t - half) % 12)
    for phase in set(phases):
        mine = [i for i, p in enumerate(phases) if p == phase]
        mean = np.mean([left[i] for i in mine], axis=0)
        for i in mine:
            left[i] = left[i] - mean
    table = np.array(left)
    y, x = table[:, 0], table[:, 1:]
    count, noise = np.ones(len(y)), y.var()
    for _ in range(ROUNDS):
        root = np.sqrt(count)[:, None]
        rows = np.vstack([x * root, np.eye(x.shape[1]) * np.sqrt(noise) / PRIOR])
        weights = np.linalg.lstsq(rows, np.append(y * root[:, 0], np.zeros(x.shape[1])))[0]
        error = y - x @ weights
        noise = np.average(error**2, weights=count)
        count = np.array([min(1.0, FAR * np.sqrt(noise) / abs(e)) for e in error])
    mean = days[:length].mean(axis=0)
    return np.array([np.exp((row - mean) @ weights) for row in days])


def test_factors_equal_a_slow_second_implementation() -> None:
    rng = np.random.default_rng(1)
    history = rng.gamma(20, 1, (120, 5)) * [1, 5, 2, 80, 9]
    history[rng.random(history.shape) < 0.1] = np.nan
    history[:30, 2] = np.nan
    days = share_weekdays(MONTHS, 126)
    np.testing.assert_allclose(
        estimate_factors(history, days), estimate_slowly(history, days), rtol=1e-6
    )


def test_factors_do_not_depend_on_units_or_on_how_far_ahead_is_asked() -> None:
    history, _ = draw_months()
    few, many = share_weekdays(MONTHS, 100), share_weekdays(MONTHS, 120)
    found = estimate_factors(history[:90], many)
    np.testing.assert_array_equal(found[:100], estimate_factors(history[:90], few))
    np.testing.assert_allclose(found, estimate_factors(history[:90] * 1000, many), rtol=1e-9)


@pytest.mark.parametrize(
    "history",
    [np.ones((9, 2)), np.ones((60, 0)), np.full((60, 2), np.nan), np.arange(120.0)[:, None] - 60],
    ids=["short", "nobody", "unknown", "below zero"],
)
def test_where_nothing_can_be_told_nothing_changes(history: np.ndarray) -> None:
    days = share_weekdays(MONTHS, 120)
    assert (estimate_factors(history, days) == 1).all()


@pytest.mark.parametrize("history", [np.ones((60, 2)), np.zeros((60, 2)), np.eye(60)])
def test_factors_are_finite_and_positive(history: np.ndarray) -> None:
    found = estimate_factors(history, share_weekdays(MONTHS, 120))
    assert np.isfinite(found).all()
    assert (found > 0).all()
