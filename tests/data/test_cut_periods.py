"""A record that begins or ends within a period: the period counts as whole, and that is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.findings import Status
from cityai.kinds import open_kind
from tests.kinds import open_spec

ENTITY = {"columns": ["district"], "label": "district", "label_plural": "districts"}


def list_rides(cut: int | None, begun: int | None, seed: int = 7, mean: int = 120) -> pd.DataFrame:
    """Rides of 20 weeks, fewer at weekends; only the first `cut` of the last day are there."""
    days = pd.date_range("2024-01-01", periods=140)
    drawn = np.random.default_rng(seed).poisson(np.where(days.day_of_week < 5, mean, mean / 2))
    drawn[-1] = drawn[-1] if cut is None else cut
    drawn[0] = drawn[0] if begun is None else begun
    day = np.repeat(days.strftime("%Y-%m-%d"), drawn)
    return pd.DataFrame({"day": day, "district": "x", "id": np.arange(len(day))})


def find(make_project, table, outages=(), delay=0, since=None):
    project = make_project(
        table,
        question={"measure": "count", "period": "day", "entity": ENTITY},
        data={
            "known": {"lag_days": 0},
            "key": ["id"],
            "outages": list(outages),
            "reporting_delay_days": delay,
            **({"since": since} if since else {}),
            "columns": {
                "day": {"type": "date"},
                "district": {"type": "text"},
                "id": {"type": "integer"},
            },
        },
    )
    snapshot, spec = open_kind(project).read(), project.spec
    found = open_spec(spec).report(snapshot).findings
    return [f for f in found if f.code == "quality.cut_period"]


def test_a_last_day_that_is_cut_is_an_open_finding(make_project):
    assert find(make_project, list_rides(None, None)) == []
    [found] = find(make_project, list_rides(8, None))
    assert (found.status, found.observed) == (Status.NOT_ENOUGH, 1.0)
    least = list_rides(8, None).groupby("day").size()[-8::-7].iloc[:13].min()
    assert f"2024-05-19: {8 / least:.0%} of the least" in found.reason


def test_a_first_day_too_and_both_are_named(make_project):
    [found] = find(make_project, list_rides(8, 5))
    assert found.observed == 2.0
    assert "2024-01-01" in found.reason
    assert "2024-05-19" in found.reason


def test_what_is_declared_is_not_told(make_project):
    table = list_rides(None, 5)
    assert find(make_project, table, since="2024-01-02") == []
    whole = {"since": "2024-01-01", "until": "2024-01-02", "reason": "no bikes"}
    assert find(make_project, table, outages=[whole]) == []
    # A day that is still being reported is not the last one.
    assert find(make_project, list_rides(8, None), delay=1) == []


def test_of_a_few_nothing_is_said(make_project):
    assert find(make_project, list_rides(1, None, mean=12)) == []


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000))
def test_chance_alone_is_seldom_taken_for_a_cut(make_project, seed):
    assert find(make_project, list_rides(None, None, seed)) == []


@pytest.mark.parametrize("kept", [0.3, 0.5])
def test_half_a_last_day_is_seen(make_project, kept):
    whole = list_rides(None, None, mean=400).groupby("day").size().iloc[-1]
    assert len(find(make_project, list_rides(int(whole * kept), None, mean=400))) == 1


def list_hours(begin: str, end: str) -> pd.DataFrame:
    """Readings of two meters, every hour, between two moments."""
    hours = pd.date_range(begin, end, freq="h")
    rows = [pd.DataFrame({"at": hours, "meter": name, "kwh": 1}) for name in ("a", "b")]
    return pd.concat(rows).assign(at=lambda t: t["at"].dt.strftime("%Y-%m-%d %H:%M"))


def read_hours(make_project, table, period="day", **data):
    """Read a panel of hours; return its first day, the day after its last, and its total."""
    entity = {"columns": ["meter"], "label": "meter", "label_plural": "meters"}
    columns = {"at": {"type": "datetime"}, "meter": {"type": "text"}, "kwh": {"type": "number"}}
    known = {"lag_days": 0}
    project = make_project(
        table,
        question={"measure": "sum", "value": "kwh", "period": period, "entity": entity},
        data={"layout": "panel", "time": "at", "known": known, "columns": columns, **data},
    )
    events = open_kind(project).read()
    total = events.table["value"].sum()
    return str(events.periods.first.date()), str(events.until.date()), total


def test_a_panel_of_hours_begins_and_ends_with_a_whole_day(make_project):
    """Without `since` and `until`, wherever the export was cut."""
    whole = list_hours("2024-01-01 00:00", "2024-01-20 23:00")
    assert read_hours(make_project, whole) == ("2024-01-01", "2024-01-21", 20 * 48)
    cut = list_hours("2024-01-01 15:00", "2024-01-20 09:00")
    assert read_hours(make_project, cut) == ("2024-01-02", "2024-01-20", 18 * 48)
    one = list_hours("2024-01-01 00:00", "2024-01-20 22:00")
    assert read_hours(make_project, one) == ("2024-01-01", "2024-01-20", 19 * 48)


def test_what_is_declared_whole_stays_so(make_project):
    cut = list_hours("2024-01-01 15:00", "2024-01-20 09:00")
    kept = {"since": "2024-01-01", "until": "2024-01-21"}
    assert read_hours(make_project, cut, **kept) == ("2024-01-01", "2024-01-21", len(cut))


def test_weeks_of_days_end_whole_and_too_few_periods_tell_nothing(make_project):
    days = list_hours("2024-01-01 00:00", "2024-04-03 23:00").query("at.str.endswith('00:00')")
    found = read_hours(make_project, days, "week")
    assert found == ("2024-01-01", "2024-04-01", 13 * 7 * 2)
    few = list_hours("2024-01-01 00:00", "2024-01-05 09:00")
    assert read_hours(make_project, few)[1] == "2024-01-06"


def test_days_that_end_at_any_hour_are_no_measure(make_project):
    table = list_hours("2024-01-01 00:00", "2024-01-20 09:00")
    drawn = np.random.default_rng(2).random(len(table)) < 0.3
    assert read_hours(make_project, table[drawn])[1] in ("2024-01-20", "2024-01-21")
    assert read_hours(make_project, table[drawn])[2] == drawn.sum()
