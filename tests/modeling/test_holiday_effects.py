from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.data.calendar import code_holidays, share_weekdays
from cityai.data.periods import Periods
from cityai.modeling.forecasters.classical import SHORT_SMOOTHING, SMOOTHING, THETA, forecast_theta
from cityai.modeling.forecasters.seasons import _estimate_effects, adjust_calendar
from cityai.modeling.forecasters.series import SeriesHistory
from tests.modeling.conftest import build_panel, build_spec

DAYS = 1100


def draw_days(effect: float, seed: int = 1) -> SeriesHistory:
    """Three years of days, with two holidays a year."""
    rng = np.random.default_rng(seed)
    day = np.arange(DAYS + 7)
    holidays = np.where(day % 365 == 170, 1, np.where(day % 365 == 300, 2, 0))
    level = 200 * (1 + 0.2 * np.sin(2 * np.pi * day / 7))
    level = level * np.where(holidays == 1, effect, 1.0)
    history = rng.poisson(np.outer(level, [1.0, 0.3])).astype(float)[:DAYS]
    return SeriesHistory(history, 0, 7, 7, 364, holidays)


def estimate_slowly(history: np.ndarray, holidays: np.ndarray) -> dict[int, float]:
    ratios: dict[int, list[float]] = {}
    for t in range(len(history)):
        total = expected = 0.0
        for e in range(history.shape[1]):
            around = [t + k for k in (-14, -7, 7, 14) if 0 <= t + k < len(history)]
            usual = [history[s, e] for s in around if not holidays[s] and history[s, e] >= 0]
            if usual and not np.isnan(history[t, e]):
                total, expected = total + history[t, e], expected + np.mean(usual)
        if expected > 0:
            ratios.setdefault(int(holidays[t]), []).append(total / expected)
    noise = np.var(ratios.pop(0))
    found = {}
    for holiday, seen in ratios.items():
        effect = np.mean(seen) - 1
        found[holiday] = 1 + max(0, 1 - noise / len(seen) / effect**2) * effect
    return found


def test_effects_equal_a_slow_second_implementation() -> None:
    asked = draw_days(0.6)
    history = asked.history.copy()
    history[np.random.default_rng(3).random(history.shape) < 0.1] = np.nan
    found = _estimate_effects(history, asked.holidays[:DAYS])
    assert found == pytest.approx(estimate_slowly(history, asked.holidays[:DAYS]), rel=1e-12)


def test_a_planted_effect_is_found_and_none_is_not() -> None:
    asked = draw_days(0.6)
    found = _estimate_effects(asked.history, asked.holidays[:DAYS])
    assert found[1] == pytest.approx(0.6, abs=0.05)
    assert found[2] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("model", [THETA, SMOOTHING], ids=lambda m: m.name)
def test_a_holiday_ahead_is_forecast_and_one_behind_leaves_no_trace(model) -> None:
    asked = draw_days(0.5)
    cut = 170 + 2 * 365 - 3
    before = replace(asked, history=asked.history[:cut], holidays=asked.holidays[: cut + 7])
    ahead, blind = model.forecast(before), model.forecast(replace(before, holidays=None))
    assert (ahead[3] < 0.65 * blind[3]).all()
    assert ahead[:3] == pytest.approx(blind[:3], rel=0.1)
    plain = draw_days(1.0)
    after = slice(None, 170 + 2 * 365 + 2)
    marked = replace(asked, history=asked.history[after])
    marked = replace(marked, holidays=asked.holidays[: marked.length + 7])
    clean = replace(plain, history=plain.history[after], holidays=None)
    assert model.forecast(marked) == pytest.approx(model.forecast(clean), rel=0.1)


def test_nothing_changes_without_holidays_or_below_zero() -> None:
    asked = draw_days(0.5)
    adjusted = adjust_calendar(forecast_theta)
    without = replace(asked, holidays=np.zeros_like(asked.holidays))
    np.testing.assert_array_equal(adjusted(without), forecast_theta(asked))
    below = replace(asked, history=asked.history - 500)
    np.testing.assert_array_equal(adjusted(below), forecast_theta(below))


def test_an_entity_seen_on_holidays_alone_keeps_its_days() -> None:
    asked = draw_days(0.5)
    history = asked.history.copy()
    history[asked.holidays[:DAYS] == 0, 1] = np.nan
    found = adjust_calendar(forecast_theta)(replace(asked, history=history))
    assert np.isfinite(found).all()


def test_a_holiday_has_one_number_in_every_year() -> None:
    periods = Periods("day", pd.Timestamp("2018-01-01"), 1000)
    codes = code_holidays(periods, 1000, "US")
    starts = periods.starts(1000)
    christmas = codes[(starts.month == 12) & (starts.day == 25)]
    assert len(set(christmas.tolist())) == 1
    assert christmas[0] > 0
    assert codes[(starts.month == 12) & (starts.day == 28)].tolist() == [0, 0]


def test_the_history_of_days_tells_holidays_until_its_last_target() -> None:
    from cityai.modeling.layouts.dense import read_history

    panel = build_panel(np.ones((80, 2)), period="day")
    spec = build_spec(period="day", horizon=3)
    history = read_history(panel, 60, spec)
    assert history.holidays is not None
    assert len(history.holidays) == history.length + history.reach
    assert history.weekdays is None


def test_the_history_of_months_tells_their_weekdays_until_its_last_target() -> None:
    from cityai.modeling.layouts.dense import read_history

    panel, spec = build_panel(np.ones((80, 2)), period="month"), build_spec(period="month")
    history = read_history(panel, 60, spec)
    assert history.holidays is None
    assert len(history.weekdays) == history.until
    blind = spec.model_copy(
        update={"features": spec.features.model_copy(update={"calendar": False})}
    )
    assert read_history(panel, 60, blind).weekdays is None
    weeks = read_history(
        build_panel(np.ones((80, 2)), period="week"), 60, build_spec(period="week")
    )
    assert weeks.holidays is None
    assert weeks.weekdays is None


@pytest.mark.parametrize("model", [THETA, SMOOTHING, SHORT_SMOOTHING], ids=lambda m: m.name)
def test_a_month_with_more_working_days_is_forecast_higher(model) -> None:
    axis = Periods("month", pd.Timestamp("2010-01-01"), 132)
    weekdays = share_weekdays(axis, 132)
    work = weekdays[:, :5].sum(axis=1)
    history = np.outer(work, [100.0, 7.0]) * np.random.default_rng(1).normal(1, 0.01, (132, 2))
    asked = SeriesHistory(history[:120], 0, 12, 12, 12, weekdays=weekdays)
    found, blind = model.forecast(asked), model.forecast(replace(asked, weekdays=None))
    true = np.outer(work, [100.0, 7.0])[120:]
    assert np.abs(found - true).mean() < 0.5 * np.abs(blind - true).mean()
    below = replace(asked, history=history[:120] - 50)
    np.testing.assert_array_equal(
        model.forecast(below), model.forecast(replace(below, weekdays=None))
    )
