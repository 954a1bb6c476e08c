from __future__ import annotations

import ast
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cityai
from cityai.data.periods import (
    LONGEST_DAYS,
    PERIODS,
    SHORTEST_DAYS,
    WEEK,
    Periods,
    build_periods,
    find_end_column,
    find_start,
    find_starts,
)
from cityai.data.source.engine import fetch_frame

FREQS = ("day", "week", "month")
moments = st.datetimes(pd.Timestamp("1890-01-01"), pd.Timestamp("2160-01-01"))


@pytest.mark.parametrize(
    ("freq", "start", "second"),
    [
        ("day", "2024-02-29", "2024-03-01"),
        ("week", "2024-02-26", "2024-03-04"),
        ("month", "2024-02-01", "2024-03-01"),
    ],
)
def test_a_leap_day_lies_in_its_period(freq, start, second):
    assert find_start(freq, pd.Timestamp("2024-02-29 23:59:59.999999")) == pd.Timestamp(start)
    periods = Periods(freq, pd.Timestamp(start), 3)
    assert periods.start(1) == pd.Timestamp(second)
    assert list(periods.starts(2)) == [pd.Timestamp(start), pd.Timestamp(second)]
    assert len(periods.starts()) == 3


def test_a_moment_at_midnight_belongs_to_the_period_that_begins():
    periods = Periods("day", pd.Timestamp("2024-01-01"), 5)
    moments = pd.DatetimeIndex(["2024-01-01", "2024-01-01 23:59:59", "2024-01-02", "2023-12-31"])
    assert periods.index(moments).tolist() == [0, 0, 1, -1]
    assert periods.index(moments).dtype == np.int64


def test_seasons_keep_the_weekday_where_there_is_one():
    starts = pd.Timestamp("2024-01-01")
    assert [Periods(f, starts, 1).season for f in FREQS] == [7, 52, 12]


def test_indexes_beyond_the_axis_are_its_continuation():
    periods = Periods("month", pd.Timestamp("2024-11-01"), 2)
    assert periods.start(2) == pd.Timestamp("2025-01-01")
    assert periods.start(-1) == pd.Timestamp("2024-10-01")
    assert periods.starts(15)[14] == pd.Timestamp("2026-01-01")


@pytest.mark.parametrize(
    ("freq", "first"),
    [("week", "2024-01-02"), ("month", "2024-01-02"), ("day", "2024-01-01 00:00:01")],
)
def test_an_axis_begins_with_a_whole_period(freq, first):
    with pytest.raises(ValueError, match="is not the local start"):
        Periods(freq, pd.Timestamp(first), 1)


def test_moments_are_local_and_present():
    periods = Periods("day", pd.Timestamp("2024-01-01"), 5)
    with pytest.raises(ValueError, match="without a zone"):
        periods.index(pd.DatetimeIndex(["2024-01-01"], tz="UTC"))
    with pytest.raises(ValueError, match="missing moment"):
        periods.index(pd.Series([pd.NaT], dtype="datetime64[us]"))
    with pytest.raises(ValueError, match="local start"):
        Periods("day", pd.Timestamp("2024-01-01", tz="UTC"), 1)
    with pytest.raises(ValueError, match="cannot have"):
        Periods("day", pd.Timestamp("2024-01-01"), -1)


@given(st.sampled_from(FREQS), moments, moments)
def test_every_moment_lies_in_its_period(freq, one, other):
    early, late = sorted((pd.Timestamp(one), pd.Timestamp(other)))
    periods = build_periods(freq, early, late)
    found = periods.index(pd.Series([early, late]))
    assert found.tolist() == [0, periods.count - 1]
    for moment, i in zip((early, late), found.tolist(), strict=True):
        assert periods.start(i) <= moment < periods.start(i + 1)


@given(st.sampled_from(FREQS), moments, st.integers(1, 300))
def test_starts_agree_with_the_calendar_of_pandas(freq, moment, count):
    first = find_start(freq, pd.Timestamp(moment))
    rule = {"day": "D", "week": "W-MON", "month": "MS"}[freq]
    ours = Periods(freq, first, count).starts()
    assert list(ours) == list(pd.date_range(first, periods=count, freq=rule))
    assert ours.dtype == "datetime64[us]"


def test_a_week_is_known_in_the_room_of_the_calendar_alone():
    """Arithmetic by length of period lives in one place; elsewhere a table names all lengths."""
    package = Path(cityai.__file__).parent
    rooms = ("data/periods.py", "data/calendar.py", "config/project.py", "i18n/")
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in sorted(package.rglob("*.py"))
        if not path.relative_to(package).as_posix().startswith(rooms)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == WEEK
    ]
    assert found == []


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.parametrize("freq", PERIODS)
def test_the_database_counts_as_the_axis_does(freq):
    """Index and end of a period, as an expression over a column, on every day of four years."""
    days = pd.Series(pd.date_range("2023-01-01 13:30", "2027-01-01 13:30", freq="D"))
    axis = build_periods(freq, days.iloc[0], days.iloc[-1])
    engine = ibis.duckdb.connect()
    engine.con.execute(
        "CREATE TABLE days AS SELECT unnest(generate_series(TIMESTAMP '2023-01-01 13:30', "
        "TIMESTAMP '2027-01-01 13:30', INTERVAL 1 DAY)) AS o"
    )
    moment = engine.table("days")["o"]
    end = find_end_column(freq, moment)
    found = engine.table("days").select("o", i=axis.index_column(moment), end=end)
    found = fetch_frame(found).sort_values("o")
    assert found["i"].tolist() == axis.index(days).tolist()
    ends = axis.starts(axis.count + 1)[axis.index(days) + 1]
    assert pd.to_datetime(found["end"]).tolist() == ends.tolist()
    starts = find_starts(freq, days)
    assert starts.tolist() == [find_start(freq, day) for day in days]


@pytest.mark.parametrize("freq", PERIODS)
def test_no_period_is_shorter_or_longer_than_is_said(freq):
    starts = Periods(freq, find_start(freq, pd.Timestamp("2023-01-01")), 0).starts(60)
    length = np.diff(starts.to_numpy()) / np.timedelta64(1, "D")
    assert (length.min(), length.max()) == (SHORTEST_DAYS[freq], LONGEST_DAYS[freq])
