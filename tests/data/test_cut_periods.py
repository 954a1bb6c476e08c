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
