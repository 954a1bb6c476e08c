"""The dense panel: what was known when, who is asked about, and when a label is mature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.data.panel import build_panel, count_delay
from cityai.data.periods import Periods
from cityai.errors import DataError, TimeError
from cityai.kinds import open_kind
from cityai.records.events import Events, RowCounts, cut_events

P = 12


def make_snapshot(rows, count=P, freq="week"):
    cells = pd.DataFrame(rows, columns=["entity_id", "period", "known", "value"])
    cells = cells.astype({"entity_id": "str", "value": "float64"})
    cells = cells.groupby(["entity_id", "period", "known"], as_index=False)["value"].sum(
        min_count=1
    )
    cells["n"] = 1
    periods = Periods(freq, pd.Timestamp("2024-01-01"), count)
    return Events(
        table=cells,
        periods=periods,
        until=periods.start(count),
        counts=RowCounts(0, 0, 0, 0),
        rejects=pd.DataFrame(),
        quality_facts=pd.DataFrame(),
        attributes=cells[["entity_id", "known"]].drop_duplicates("entity_id"),
    )


def make_spec(make_project, *, gaps=False, **cohort):
    mode = "missing" if gaps else "zero"
    question = {"missing_periods": mode, "entity": {"cohort": {"min_history": 1, **cohort}}}
    return make_project(question=question).spec


def add_plainly(cells, entity_ids, origin, gaps):
    """Add up what an origin may see, one cell at a time."""
    values = np.full((origin, len(entity_ids)), np.nan)
    for e, name in enumerate(entity_ids):
        own = cells[(cells["entity_id"] == name) & (cells["known"] <= origin)]
        for p in range(origin):
            parts = own[own["period"] == p].sort_values("known")["value"]
            if len(parts):
                filled = parts.dropna()
                values[p, e] = filled.sum() if len(filled) else np.nan
            elif len(own) and not gaps and p > own["period"].min():
                values[p, e] = 0.0
    return values


cell = st.tuples(
    st.sampled_from(["A", "B", "C"]),
    st.integers(0, P - 1),
    st.integers(0, 4),
    st.one_of(st.just(np.nan), st.floats(-9, 99, width=32)),
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(cell, min_size=2, max_size=40), gaps=st.booleans(), origin=st.integers(0, P))
def test_known_at_equals_adding_up_what_was_visible(make_spec_once, rows, gaps, origin):
    rows = [(e, p, p + 1 + late, v) for e, p, late, v in rows]
    rows += [("Z", 0, 1, 1.0), ("Z", 1, 2, 2.0)]
    snapshot = make_snapshot(rows)
    panel = build_panel(snapshot, make_spec_once[gaps])
    expected = add_plainly(snapshot.table, panel.entity_ids, origin, gaps)
    np.testing.assert_allclose(panel.known_at(origin), expected, rtol=1e-12, atol=1e-12)
    # What comes later changes nothing, to the last bit.
    cut = cut_events(snapshot, snapshot.periods.start(origin))
    if origin >= 2 and set(cut.table["entity_id"]) == set(panel.entity_ids):
        past = build_panel(cut, make_spec_once[gaps])
        np.testing.assert_array_equal(panel.known_at(origin), past.known_at(origin))
        np.testing.assert_array_equal(panel.active[origin], past.active[origin])


@pytest.fixture
def make_spec_once(make_project):
    return {gaps: make_spec(make_project, gaps=gaps) for gaps in (False, True)}


def test_a_period_without_a_row(make_project):
    rows = [("A", 2, 3, 5.0), ("A", 4, 5, 1.0), ("B", 0, 1, 2.0), ("B", 1, 2, np.nan)]
    snapshot = make_snapshot(rows, count=6)
    zero = build_panel(snapshot, make_spec(make_project)).final
    np.testing.assert_array_equal(zero[:, 0], [np.nan, np.nan, 5, 0, 1, 0])
    np.testing.assert_array_equal(zero[:, 1], [2, np.nan, 0, 0, 0, 0])
    missing = build_panel(snapshot, make_spec(make_project, gaps=True)).final
    np.testing.assert_array_equal(missing[:, 0], [np.nan, np.nan, 5, np.nan, 1, np.nan])


def test_periods_that_nobody_has_seen_yet_are_not_zero(make_project):
    rows = [("A", p, p + 3, 1.0 + p) for p in range(8)]
    panel = build_panel(make_snapshot(rows, count=8), make_spec(make_project))
    assert panel.blind == 2
    np.testing.assert_array_equal(panel.known_at(6)[:, 0], [1, 2, 3, 4, np.nan, np.nan])


def test_who_is_asked_about(make_project):
    rows = [("A", p, p + 1, 1.0 + p) for p in range(10)]
    rows += [("B", 3, 6, 1.0), ("B", 4, 6, 2.0)]
    panel = build_panel(
        make_snapshot(rows, count=10), make_spec(make_project, min_history=2, idle_after=3)
    )
    asked = [np.flatnonzero(panel.active[:, e]).tolist() for e in range(2)]
    # B's first row is of period 3 and seen at origin 6; its last, of period 4, is idle from 8 on.
    assert asked == [[*range(2, 11)], [6, 7]]


def test_cohorts_fixed_with_hindsight(make_project):
    rows = [("A", p, p + 1, 1.0 + p) for p in range(12)]
    rows += [("B", p, p + 1, 1.0) for p in range(6)]
    rows += [("C", p, p + 1, 1.0) for p in range(6, 12)]
    snapshot = make_snapshot(rows)

    def choose(**rules):
        return build_panel(snapshot, make_spec(make_project, **rules)).entity_ids

    assert choose(first_before="2024-01-02") == ("A", "B")
    assert choose(last_from="2024-02-12") == ("A", "C")
    assert choose(min_rows=7) == ("A",)
    assert choose(min_rows=6, min_rows_since="2024-02-12") == ("A", "C")
    with pytest.raises(DataError, match="cohort"):
        choose(min_rows=99)


@pytest.mark.parametrize(
    ("period", "days", "lag", "delay"),
    [
        *(("day", 0, 0, 0), ("day", 3, 0, 3), ("day", 1, 5, 5)),
        *(("week", 0, 0, 0), ("week", 7, 0, 1), ("week", 8, 0, 2)),
        *(("month", 28, 0, 1), ("month", 30, 0, 2)),
    ],
)
def test_whole_periods_until_a_label_is_mature(make_project, period, days, lag, delay):
    project = make_project(
        question={"period": period},
        data={"reporting_delay_days": days, "known": {"lag_days": lag}},
    )
    assert count_delay(project.spec) == delay


def test_panels_that_cannot_be_asked_about(make_project, monkeypatch):
    spec = make_spec(make_project)
    with pytest.raises(TimeError, match="one complete week"):
        build_panel(make_snapshot([("A", 0, 1, 1.0)], count=1), spec)
    constant = [("A", p, p + 1, 2.0) for p in range(5)]
    with pytest.raises(TimeError, match="the target is 2 calls in every period"):
        build_panel(make_snapshot(constant, count=5), spec)
    with pytest.raises(DataError, match="no value"):
        build_panel(make_snapshot([("A", p, p + 1, np.nan) for p in range(5)], 5), spec)
    monkeypatch.setattr("cityai.data.panel.MAX_CELLS", 10)
    with pytest.raises(DataError, match="too many"):
        build_panel(make_snapshot([*constant, ("B", 1, 2, 3.0)], count=6), spec)


def test_from_file_to_panel(make_project):
    frame = pd.DataFrame(
        {"place": ["A", "A", "B"], "day": ["2024-01-01", "2024-01-03", "2024-01-14"]}
    )
    spec = make_project(frame)
    panel = build_panel(open_kind(spec).read(), spec.spec)
    assert panel.entity_ids == ("A", "B")
    np.testing.assert_array_equal(panel.final, [[2, np.nan], [0, 1]])
