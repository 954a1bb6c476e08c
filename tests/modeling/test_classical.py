from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cityai.modeling.forecasters.classical import (
    LEVELS,
    THETA_ALPHAS,
    THETA_POWER,
    THETA_THETAS,
    TRENDS,
    forecast_smoothing,
    forecast_theta,
)
from cityai.modeling.forecasters.series import SeriesHistory
from tests.modeling.conftest import draw_values

FORECASTS = [forecast_theta, forecast_smoothing]


def ask(values, steps=4, skip=0, season=12) -> SeriesHistory:
    return SeriesHistory(np.asarray(values, dtype=float), skip, steps, season, season)


def forecast_theta_slowly(series: np.ndarray, steps: int) -> np.ndarray:
    """Fiorucci et al., equations 9 to 12, one series and pair at a time; their weighted mean."""
    n = len(series)
    slope, start = np.polyfit(np.arange(1, n + 1), series, 1)
    losses, forecasts = [], []
    for alpha in THETA_ALPHAS:
        for theta in THETA_THETAS:
            level, loss = series[0], 0.0
            for t in range(2, n + 1):
                line = (1 - alpha) ** (t - 1) * start + (1 - (1 - alpha) ** t) / alpha * slope
                error = series[t - 1] - (level + (1 - 1 / theta) * line)
                loss += error**2 if t > 3 else 0.0
                level = alpha * series[t - 1] + (1 - alpha) * level
            losses.append(loss)
            forecasts.append([])
            for t in range(n + 1, n + steps + 1):
                line = (1 - alpha) ** (t - 1) * start + (1 - (1 - alpha) ** t) / alpha * slope
                forecasts[-1].append(level + (1 - 1 / theta) * line)
                level = alpha * forecasts[-1][-1] + (1 - alpha) * level
    likely = np.array(losses) ** -THETA_POWER
    return likely / likely.sum() @ np.array(forecasts)


def test_theta_equals_a_slow_second_implementation():
    rng = np.random.default_rng(1)
    values = 50 + np.cumsum(rng.normal(0.2, 2, (60, 6)), axis=0)
    found = forecast_theta(ask(values, season=1))
    slow = np.stack([forecast_theta_slowly(values[:, e], 4) for e in range(6)], axis=1)
    np.testing.assert_allclose(found, slow, rtol=1e-9)


def forecast_smoothing_slowly(series: np.ndarray, steps: int) -> np.ndarray:
    """Damped Holt smoothing in the form of levels and trends; those of least absolute error."""
    n, found = len(series), []
    for alpha in LEVELS:
        for share, damping in TRENDS:
            level, trend, loss = series[:8].mean(), 0.0, 0.0
            for t, value in enumerate(series):
                expected = level + damping * trend
                loss += abs(value - expected) * 0.5 ** ((n - t) / (n / 2)) * (t >= 8)
                new = alpha * value + (1 - alpha) * expected
                trend = share * (new - level) + (1 - share) * damping * trend
                level = new
            damped = np.cumsum(damping ** np.arange(1, steps + 1))
            found.append((loss, level + damped * trend))
    return min(found, key=lambda tried: tried[0])[1]


def test_smoothing_equals_a_slow_second_implementation():
    rng = np.random.default_rng(3)
    values = 50 + np.cumsum(rng.normal(0.2, 2, (60, 6)), axis=0)
    found = forecast_smoothing(ask(values, season=1))
    slow = np.stack([forecast_smoothing_slowly(values[:, e], 4) for e in range(6)], axis=1)
    np.testing.assert_allclose(found, slow, rtol=1e-9)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_theta_is_as_good_as_a_published_implementation():
    models = pytest.importorskip("statsforecast.models", reason="the oracle is not installed")
    values = draw_values(84, 12, seed=4)
    history, future = values[:80], values[80:]
    ours = forecast_theta(ask(history))
    model = models.OptimizedTheta(season_length=12)
    theirs = np.stack([model.forecast(history[:, e], 4)["mean"] for e in range(12)], axis=1)
    assert np.abs(ours - theirs).sum() / theirs.sum() < 0.02
    assert np.abs(ours - future).sum() < 1.05 * np.abs(theirs - future).sum()


@pytest.mark.parametrize("forecast", FORECASTS)
class TestBoth:
    def test_a_constant_is_continued(self, forecast):
        np.testing.assert_allclose(forecast(ask(np.full((50, 2), 7.0))), 7.0, rtol=1e-6)

    def test_a_pure_season_is_continued(self, forecast):
        season = 100 + 30 * np.sin(2 * np.pi * np.arange(76) / 12)[:, None]
        np.testing.assert_allclose(forecast(ask(season[:72])), season[72:], rtol=0.02)

    def test_zeros_stay_zero(self, forecast):
        assert np.abs(forecast(ask(np.zeros((40, 1))))).max() < 1e-9

    def test_skipping_is_forecasting_further(self, forecast):
        values = draw_values(60, 4)
        far = forecast(ask(values, steps=6))
        np.testing.assert_allclose(forecast(ask(values, steps=3, skip=3)), far[3:], rtol=1e-9)

    def test_entities_do_not_mix(self, forecast):
        values = draw_values(60, 150)
        together = forecast(ask(values))
        for e in (0, 127, 128, 149):
            alone = forecast(ask(values[:, [e]]))
            np.testing.assert_allclose(together[:, [e]], alone, rtol=1e-9)

    def test_the_unit_does_not_matter(self, forecast):
        values = draw_values(60, 5)
        scaled = forecast(ask(values * 1000))
        np.testing.assert_allclose(scaled, 1000 * forecast(ask(values)), rtol=1e-6)

    def test_a_late_start_equals_a_short_history(self, forecast):
        values = draw_values(72, 3)
        late = values.copy()
        late[:24] = np.nan
        np.testing.assert_allclose(forecast(ask(late)), forecast(ask(values[24:])), rtol=0.05)

    def test_gaps_change_little_and_an_unknown_entity_is_nan(self, forecast):
        values = draw_values(72, 6, seed=2) + 50
        gaps = values.copy()
        gaps[np.random.default_rng(0).random(gaps.shape) < 0.05] = np.nan
        np.testing.assert_allclose(forecast(ask(gaps)), forecast(ask(values)), rtol=0.15)
        gaps[:, 2] = np.nan
        assert np.isnan(forecast(ask(gaps))[:, 2]).all()

    def test_targets_below_zero_are_allowed_when_history_has_them(self, forecast):
        falling = np.linspace(-10, -60, 50)[:, None]
        assert (forecast(ask(falling, season=1)) < -50).all()

    @settings(max_examples=30, deadline=None)
    @given(
        values=arrays(
            float,
            st.tuples(st.integers(0, 40), st.integers(1, 3)),
            elements=st.one_of(st.just(np.nan), st.floats(0, 1e6, width=32)),
        ),
        season=st.sampled_from([1, 7, 12]),
        skip=st.integers(0, 3),
    )
    def test_any_history_gives_finite_forecasts_or_nan(self, forecast, values, season, skip):
        found = forecast(ask(values, steps=2, skip=skip, season=season))
        known = (~np.isnan(values)).any(axis=0)
        assert found.shape == (2, values.shape[1])
        assert np.isfinite(found[:, known]).all()
        assert (found[:, known] >= 0).all()
        assert np.isnan(found[:, ~known]).all()
