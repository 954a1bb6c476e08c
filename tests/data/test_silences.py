"""Silences of areas: what habit explains, and what it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.data.outages import Silence, find_silences


def draw_reports(share, n_areas=24, n_periods=208, seed=0):
    """Draw areas that report in a given share of the periods, independently."""
    rng = np.random.default_rng(seed)
    marks = rng.random((n_areas, n_periods)) < share
    return pd.DataFrame(marks, index=[f"A{i:02d}" for i in range(n_areas)])


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.9, 0.99, 1.0])
def test_habit_is_no_silence(share):
    """A report of silences where there is only chance comes at most once in a hundred cities."""
    found = [find_silences(draw_reports(share, seed=seed)) for seed in range(50)]
    assert sum(map(len, found)) <= 2


@pytest.mark.parametrize(("share", "length"), [(1.0, 3), (0.99, 5), (0.9, 9), (0.6, 40)])
def test_a_planted_silence_is_found(share, length):
    for seed in range(10):
        reports = draw_reports(share, seed=seed)
        reports.iloc[3:6, 80 : 80 + length] = False
        reports.iloc[3:6, [79, 80 + length]] = True
        assert find_silences(reports) == (Silence(80, 80 + length, ("A03", "A04", "A05")),)


def test_a_season_is_no_silence():
    reports = draw_reports(1.0)
    is_winter = np.arange(208) % 52 < 20
    reports.iloc[:6, is_winter] = False
    reports.iloc[7, 100:104] = False
    assert find_silences(reports) == (Silence(100, 104, ("A07",)),)


def test_what_the_whole_city_missed_is_not_an_area_s():
    reports = draw_reports(1.0)
    reports.iloc[:, 50:60] = False
    assert find_silences(reports) == ()
    reports.iloc[4, 58:64] = False
    assert find_silences(reports) == (Silence(60, 64, ("A04",)),)


def test_before_the_first_row_is_no_silence():
    reports = draw_reports(1.0)
    reports.iloc[2, :150] = False
    assert find_silences(reports) == ()


def test_a_silence_that_lasts_is_found_and_so_is_none_without_a_habit():
    reports = draw_reports(1.0)
    reports.iloc[2, 30:] = False
    reports.iloc[5, 5:] = False
    assert find_silences(reports) == (Silence(30, 208, ("A02",)),)


def test_no_area_and_no_period():
    assert find_silences(pd.DataFrame(np.zeros((0, 10), dtype=bool))) == ()
    assert find_silences(pd.DataFrame(np.zeros((3, 0), dtype=bool))) == ()
