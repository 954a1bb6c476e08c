from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cityai.modeling.forecasters import SeriesHistory, classical
from cityai.modeling.forecasters.classical import (
    LEVELS,
    THETA_ALPHAS,
    THETA_POWER,
    THETA_THETAS,
    TRENDS,
    forecast_smoothing,
    forecast_theta,
)
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


def test_entities_do_not_mix_in_theta():
    values = draw_values(60, 150)
    together = forecast_theta(ask(values))
    for e in (0, 127, 128, 149):
        np.testing.assert_allclose(together[:, [e]], forecast_theta(ask(values[:, [e]])), rtol=1e-9)


def try_smoothing_slowly(series: np.ndarray, steps: int) -> list[tuple[float, np.ndarray]]:
    """Damped Holt smoothing in the form of levels and trends: loss and forecast of each pair."""
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
    return found


def forecast_smoothing_slowly(values: np.ndarray, steps: int) -> np.ndarray:
    """Of each entity those of least loss, half its own and half that of all."""
    tried = [try_smoothing_slowly(series, steps) for series in values.T]
    loss = np.array([[pair[0] for pair in own] for own in tried])
    ratios = loss / loss.min(axis=1, keepdims=True) + loss.sum(axis=0) / loss.sum(axis=0).min()
    chosen = zip(tried, ratios.argmin(axis=1), strict=True)
    return np.stack([own[best][1] for own, best in chosen], axis=1)


def test_smoothing_equals_a_slow_second_implementation():
    rng = np.random.default_rng(3)
    values = 50 + np.cumsum(rng.normal(0.2, 2, (60, 6)), axis=0)
    values[:, 3:] *= 40
    found = forecast_smoothing(ask(values, season=1))
    np.testing.assert_allclose(found, forecast_smoothing_slowly(values, 4), rtol=1e-9)


def test_one_entity_is_smoothed_by_its_own_errors_alone():
    series = 50 + np.cumsum(np.random.default_rng(5).normal(0.2, 2, 60))
    best = min(try_smoothing_slowly(series, 4), key=lambda pair: pair[0])[1]
    found = forecast_smoothing(ask(series[:, None], season=1))
    np.testing.assert_allclose(found[:, 0], best, rtol=1e-9)


def test_smoothing_pools_over_all_entities_whatever_the_blocks_and_their_order(monkeypatch):
    values = draw_values(60, 150)
    together = forecast_smoothing(ask(values))
    order = np.random.default_rng(2).permutation(150)
    np.testing.assert_allclose(forecast_smoothing(ask(values[:, order])), together[:, order])
    for size in (1, 7, 1000):
        monkeypatch.setattr(classical, "BLOCK", size)
        np.testing.assert_allclose(forecast_smoothing(ask(values)), together, rtol=1e-12)
    alone = forecast_smoothing(ask(values[:, 128:]))
    assert (alone != together[:, 128:]).any()  # blocks do not keep to themselves


def test_a_noisy_entity_leans_on_what_is_right_for_the_others():
    """Slow levels under much noise: a few counts choose by chance, all of them do not."""
    rng = np.random.default_rng(11)
    rates = np.exp(np.cumsum(rng.normal(0, 0.02, (64, 80)), axis=0))
    counts = rng.poisson(rates).astype(float)
    pooled = forecast_smoothing(ask(counts[:60], season=1))
    alone = np.column_stack(
        [forecast_smoothing(ask(counts[:60, [e]], season=1)) for e in range(80)]
    )
    assert np.square(pooled - rates[60:]).mean() < 0.9 * np.square(alone - rates[60:]).mean()


def test_smoothing_keeps_to_what_fits_an_entity_without_error():
    others = 1000 * draw_values(60, 5)
    for exact, season in ((np.full(64, 4.0), 1), (np.tile([3.0, 9.0], 32), 2)):
        found = forecast_smoothing(ask(np.column_stack([others, exact[:60]]), season=season))
        np.testing.assert_allclose(found[:, 5], exact[60:], rtol=1e-9)


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
