from __future__ import annotations

import numpy as np
import pytest

from cityai.data.features.known import mean_known
from cityai.modeling.forecasters.seasons import _detect_season, find_first_known, find_seasons


def wave(count=80, season=12, level=100.0, height=30.0):
    return (level + height * np.sin(2 * np.pi * np.arange(count) / season))[:, None]


def test_a_season_is_removed_and_put_back():
    values = np.hstack([wave(), wave(level=20.0)])
    seasons = find_seasons(values, 12)
    freed = seasons.remove(values)
    assert freed.std(axis=0)[0] < 0.01 * values.std(axis=0)[0]
    np.testing.assert_allclose(seasons.restore(freed, np.arange(80)), values, rtol=1e-9)


def test_only_positive_series_have_factors():
    values = np.hstack([wave(), wave(level=20.0)])
    seasons = find_seasons(values, 12)
    assert (seasons.factors[:, 0] != 1).any()
    assert (seasons.terms[:, 0] == 0).all()
    assert (seasons.factors[:, 1] == 1).all()
    assert (seasons.terms[:, 1] != 0).any()


@pytest.mark.parametrize("count", [0, 5, 24])
def test_short_histories_have_no_season(count):
    seasons = find_seasons(wave(count), 12)
    assert (seasons.factors == 1).all()
    assert (seasons.terms == 0).all()


def test_noise_is_rarely_taken_for_a_season():
    noise = np.random.default_rng(0).normal(size=(120, 2000))
    share = _detect_season(noise, 12).mean()
    assert 0.05 < share < 0.15


def test_what_is_known():
    values = np.array([[np.nan, 1.0, np.nan], [2.0, 3.0, np.nan]])
    assert find_first_known(values).tolist() == [1, 0, 0]
    np.testing.assert_array_equal(mean_known(values), [2.0, 2.0, np.nan])
