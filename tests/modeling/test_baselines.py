from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.baseline_words import judge_stand_ins
from cityai.config.project import ModelsSpec
from cityai.data.features.known import find_latest
from cityai.errors import SpecError
from cityai.modeling.forecasters.baselines import (
    _average_recent,
    _repeat_season,
    choose_baselines,
    make_area_average,
    repeat_year,
)
from cityai.modeling.forecasters.classical import SMOOTHING, THETA
from cityai.modeling.forecasters.protocol import choose_candidates
from cityai.modeling.forecasters.series import SeriesHistory
from cityai.modeling.layouts.dense import DenseRows, plan_dense_folds
from cityai.modeling.stand_ins import count_stand_ins
from tests.modeling.conftest import build_panel, build_spec, draw_values, lay_rows


def ask(values, steps=3, skip=0, season=7, year=364) -> SeriesHistory:
    return SeriesHistory(np.asarray(values, dtype=float), skip, steps, season, year)


def test_last_week_is_repeated_day_by_day():
    days = np.arange(21.0)[:, None]
    assert _repeat_season(ask(days, steps=9))[:, 0].tolist() == [*range(14, 21), 14, 15]


def test_a_delay_reaches_further_back():
    days = np.arange(21.0)[:, None]
    # The first target is period 26; the same weekday known last is period 19.
    assert _repeat_season(ask(days, steps=2, skip=5))[:, 0].tolist() == [19.0, 20.0]


def test_the_same_weekday_a_year_ago():
    days = np.arange(400.0)[:, None]
    assert repeat_year(ask(days, steps=2))[:, 0].tolist() == [36.0, 37.0]


def test_a_gap_is_filled_from_the_season_before_then_from_the_mean():
    days = np.arange(21.0)[:, None]
    days[14] = np.nan
    assert _repeat_season(ask(days, steps=1))[0, 0] == 7.0
    young = np.full((21, 1), np.nan)
    young[-2:] = 5.0
    assert _repeat_season(ask(young, steps=3))[:, 0].tolist() == [5.0, 5.0, 5.0]


def test_an_area_average_is_that_of_its_places_over_the_last_year():
    days = np.full((400, 4), np.nan)
    days[:, 0], days[:, 1], days[:, 2] = 2.0, 4.0, 9.0
    days[:36] = 1e6  # more than a year ago
    days[200:, 1] = np.nan
    found = make_area_average(["north", "north", None, "far"]).forecast(ask(days, steps=2))
    known = (2.0 * 364 + 4.0 * 164) / (364 + 164)
    assert found[:, 0].tolist() == found[:, 1].tolist() == pytest.approx([known] * 2)
    assert found[:, 2].tolist() == [9.0, 9.0]
    assert np.isnan(found[:, 3]).all()


def test_one_series_has_no_area_and_is_compared_with_its_own_average():
    average = make_area_average([None])
    assert average.name == "year_average"
    assert average.forecast(ask(np.full((30, 1), 3.0), steps=1)).tolist() == [[3.0]]


def test_recent_mean_takes_what_is_known():
    days = np.full((40, 2), 2.0)
    days[:12] = 100.0
    days[-1, 1] = np.nan
    assert _average_recent(ask(days)).tolist() == [[2.0, 2.0]] * 3
    gone = np.full((60, 1), np.nan)
    gone[3] = 8.0
    assert _average_recent(ask(gone))[0, 0] == 8.0


def test_no_history_gives_nan_and_no_warning():
    empty = np.full((5, 2), np.nan)
    assert np.isnan(_repeat_season(ask(empty))).all()
    assert np.isnan(find_latest(np.empty((0, 2)))).all()


def test_only_days_have_a_year_beside_the_season():
    names = {freq: [b.name for b in choose_baselines(freq)] for freq in ("day", "week", "month")}
    assert names["day"] == ["seasonal_naive", "recent_mean", "same_period_last_year"]
    assert names["week"] == names["month"] == ["seasonal_naive", "recent_mean"]


def test_candidates_are_chosen_by_name():
    known = (THETA, SMOOTHING)
    assert choose_candidates(known, ModelsSpec()) == known
    assert choose_candidates(known, ModelsSpec(candidates=["smoothing"])) == (SMOOTHING,)
    with pytest.raises(SpecError, match="Did you mean 'theta'"):
        choose_candidates(known, ModelsSpec(candidates=["thetta"]))
    with pytest.raises(SpecError, match="no candidate is left"):
        choose_candidates(known, ModelsSpec(candidates=[]))


def test_a_season_that_no_history_holds_is_not_named():
    for freq, lags in (("day", (7, 364)), ("week", (52,)), ("month", (12,))):
        every = [b.name for b in choose_baselines(freq)]
        assert [b.name for b in choose_baselines(freq, max(lags))] == every
        short = [b.name for b in choose_baselines(freq, max(lags) - 1)]
        assert len(short) == len(every) - 1
        assert [b.name for b in choose_baselines(freq, 1)] == ["recent_mean"]


def test_a_place_without_the_season_is_counted_and_told():
    values = draw_values(48, 12)
    values[:31, 0] = np.nan  # of the last tests it has a year, of the first it has not
    spec = build_spec()
    panel = build_panel(values)
    folds = plan_dense_folds(panel, spec)
    source = DenseRows(
        panel, lay_rows(panel, spec), folds, spec, learners=(), baselines=choose_baselines("month")
    )
    rows = [source.rows.table.iloc[source.find_tested(fold)] for fold in folds.test]
    asked = pd.concat(rows).astype({"entity_id": "str"})
    young = (asked["entity_id"] == "E00") & (asked["period"] < 31 + 12)
    counted = count_stand_ins(source, folds.test, asked)
    assert counted == {"seasonal_naive": int(young.sum())}
    assert 0 < counted["seasonal_naive"] < (asked["entity_id"] == "E00").sum()
    assert count_stand_ins(source, folds.test, asked[:0]) == {"seasonal_naive": 0}
    for rows_, status in (
        (counted["seasonal_naive"] * 20, "not enough evidence"),
        (10_000, "pass"),
    ):
        (told,) = judge_stand_ins(counted, rows_, "recent_mean", spec)
        assert (told.status, told.subject) == (status, "seasonal_naive")
        assert told.reason.startswith("The same month last year is not in the history for ")
        assert "the average of the last months stands in" in told.reason
    assert not [*judge_stand_ins({"seasonal_naive": 0}, 100, "recent_mean", spec)]
