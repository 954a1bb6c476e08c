from __future__ import annotations

import datetime as dt

import holidays
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.data.calendar import CALENDAR, build_calendar
from cityai.data.periods import Periods, find_start
from cityai.errors import SpecError


def test_christmas_week_of_2023_in_new_york():
    day = Periods("day", pd.Timestamp("2023-12-22"), 1)
    table = build_calendar(day, 6, "US", "NY")
    assert table["weekday"].tolist() == [4, 5, 6, 0, 1, 2]
    assert table["working_days"].tolist() == [1, 0, 0, 0, 1, 1]
    assert table["holidays"].tolist() == [0, 0, 0, 1, 0, 0]
    assert table["days_to_holiday"].tolist() == [3, 2, 1, 0, -1, -2]
    week = build_calendar(Periods("week", pd.Timestamp("2023-12-25"), 1), 1, "US", "NY").iloc[0]
    assert (week["week"], week["working_days"], week["holidays"], week["days"]) == (52, 4, 1, 7)


def test_the_weekend_is_the_country_s_own():
    friday = Periods("day", pd.Timestamp("2023-08-11"), 1)
    table = build_calendar(friday, 3, "EG")
    assert table["working_days"].tolist() == [0, 0, 1]


def test_a_subdivision_has_holidays_of_its_own():
    carnival = Periods("day", pd.Timestamp("2023-06-24"), 1)
    assert build_calendar(carnival, 1, "CA", "QC")["holidays"].tolist() == [1]
    assert build_calendar(carnival, 1, "CA", "ON")["holidays"].tolist() == [0]


@pytest.mark.parametrize(("country", "subdivision"), [("XX", ""), ("US", "QQ")])
def test_an_unknown_place_says_what_to_do(country, subdivision):
    day = Periods("day", pd.Timestamp("2023-12-22"), 1)
    with pytest.raises(SpecError, match="not known") as caught:
        build_calendar(day, 1, country, subdivision)
    assert "features.calendar" in caught.value.next_step


def test_every_feature_of_the_calendar_is_in_the_table():
    for freq, labels in CALENDAR.items():
        start = find_start(freq, pd.Timestamp("2024-05-05"))
        table = build_calendar(Periods(freq, start, 1), 40, "US", "NY")
        assert set(labels) <= set(table.columns)
        assert all(table[name].nunique() > 1 for name in labels)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["day", "week", "month"]),
    st.dates(dt.date(1990, 1, 1), dt.date(2035, 1, 1)),
    st.integers(1, 40),
)
def test_the_calendar_agrees_with_a_walk_through_the_days(freq, first, count):
    periods = Periods(freq, find_start(freq, pd.Timestamp(first)), count)
    table = build_calendar(periods, count, "US", "NY")
    known = holidays.country_holidays("US", subdiv="NY", years=range(1988, 2042))
    free = sorted(known)
    for i, row in enumerate(table.itertuples()):
        days = pd.date_range(periods.start(i), periods.start(i + 1), inclusive="left").date
        assert row.days == len(days)
        assert row.holidays == sum(day in known for day in days)
        assert row.working_days == sum(d not in known and d.weekday() < 5 for d in days)
        after = min((h - days[-1]).days for h in free if h > days[-1])
        before = min((days[0] - h).days for h in free if h < days[0])
        nearest = 0 if row.holidays else (after if after <= before else -before)
        assert row.days_to_holiday == nearest


def test_what_is_asked_later_changes_nothing_earlier():
    periods = Periods("week", pd.Timestamp("2019-12-30"), 1)
    short, long = (build_calendar(periods, n, "US", "NY") for n in (60, 200))
    pd.testing.assert_frame_equal(short, long.iloc[:60])
