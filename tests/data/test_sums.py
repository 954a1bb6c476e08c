"""A total among the places, and a running total in time, are told; what only looks so is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.data.sums import find_running, find_sums, find_whole
from cityai.findings import Status
from cityai.kinds import open_kind
from tests.kinds import open_spec

MONTHS = pd.date_range("2019-01-01", periods=60, freq="MS")
PLACES = [*"ABCDEF"]


def draw(seed=0, rows=60, names=PLACES):
    drawn = np.random.default_rng(seed).poisson(40, (rows, len(names)))
    return pd.DataFrame(drawn.astype(float), columns=names)


@given(st.integers(0, 10_000), st.lists(st.sets(st.sampled_from(PLACES), min_size=2, max_size=5),
                                        min_size=0, max_size=3, unique_by=frozenset))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_every_sum_is_found_with_its_parts_and_nothing_else(seed, parts):
    wide = draw(seed)
    for i, of in enumerate(parts):
        wide[f"sum {i}"] = wide[sorted(of)].sum(axis=1)
    wide = wide[list(np.random.default_rng(seed).permutation(wide.columns))]
    found = find_sums(wide)
    # Parts that are themselves a sum may stand for their own parts; each is an exact sum.
    for name, of in found.items():
        assert np.allclose(wide[name], wide[of].sum(axis=1))
        assert len(of) >= 2
    left = wide.drop(columns=list(found))
    assert set(left) <= {*PLACES} or len(left.columns) == len(PLACES)
    assert len(found) == len(parts)


def test_a_whole_may_be_rounded_or_miss_a_few_months_and_a_sum_of_some_may_not():
    wide = draw()
    rounded = wide.assign(city=wide.sum(axis=1) + 0.4)
    assert find_whole(rounded) == "city"
    rounded.loc[[3, 4], "city"] += 50
    assert find_whole(rounded) == "city"
    part = wide.assign(north=wide[["A", "B", "C"]].sum(axis=1))
    assert find_whole(part) is None
    assert find_sums(part) == {"north": ["A", "B", "C"]} or set(find_sums(part)["north"]) == {
        *"ABC"
    }
    part.loc[7, "north"] += 1
    assert not find_sums(part)


def test_a_few_moments_make_no_total_of_a_place_without_such_a_name():
    few = pd.DataFrame({"A": [2.0, 0, 1, 0, 0], "B": [1.0, 0, 1, 0, 0], "C": [1.0, 0, 0, 0, 0]})
    assert find_whole(few) is None
    assert find_whole(few, lambda name: name == "A") == "A"


@pytest.mark.parametrize("seed", range(20))
def test_rare_counts_and_equal_or_steady_amounts_are_no_sums(seed):
    rng = np.random.default_rng(seed)
    rare = pd.DataFrame(rng.poisson(0.05, (60, 12)).astype(float)).set_axis(
        [*"abcdefghijkl"], axis=1
    )
    assert not find_sums(rare)
    steady = pd.DataFrame(np.full((60, 5), [10.0, 20.0, 30.0, 60.0, 5.0])).set_axis(
        [*"vwxyz"], axis=1
    )
    steady["u"] = steady["v"]
    assert not find_sums(steady)
    assert not find_sums(draw(seed, rows=10))


def write_long(wide, when=MONTHS):
    table = wide.set_axis(when[: len(wide)], axis=0).rename_axis("when").reset_index()
    return table.melt("when", var_name="who", value_name="amount")


@pytest.mark.parametrize(
    ("freq", "by", "unit"),
    [("MS", None, "ever"), ("MS", lambda d: d.year, "year"), ("D", lambda d: d.year, "year"),
     ("MS", lambda d: d.year + (d.month >= 7), "year"), ("W-MON", lambda d: d.isocalendar()[0],
     "year"), ("D", lambda d: (d.year, d.month), "month"), ("D", None, "ever")],
)  # fmt: skip
def test_running_totals_are_told_with_when_they_begin_anew(freq, by, unit):
    days = pd.date_range("2019-01-07", periods=900 if freq == "D" else 160, freq=freq)
    came = write_long(draw(1, len(days), [*"AB"]), days)
    weekly = freq == "W-MON"
    assert not find_running(came, weekly)
    keys = came["who"] if by is None else [came["who"], came["when"].map(by)]
    so_far = came.assign(amount=came.groupby(keys)["amount"].cumsum())
    assert find_running(so_far.sample(frac=1, random_state=0), weekly) == unit
    so_far.loc[200, "amount"] -= 1_000
    assert not find_running(so_far, weekly)


def find(make_project, wide, measure=True):
    table = write_long(wide).rename(columns={"when": "day", "who": "district"})
    table["day"] = table["day"].dt.strftime("%Y-%m-%d")
    columns = {"day": {"type": "date"}, "district": {"type": "text"}, "amount": {"type": "number"}}
    project = make_project(
        table,
        question={
            "entity": {"columns": ["district"], "label": "place", "label_plural": "places"},
            "measure": "sum", "value": "amount", "period": "month", "missing_periods": "missing",
        },
        data={"layout": "panel", "known": {"lag_days": 0}, "key": [], "columns": columns},
        audit={},
    )  # fmt: skip
    report = open_spec(project.spec).report(open_kind(project).read())
    codes = ("quality.sums", "quality.running_total")
    return {f.code: f for f in report.findings if f.code in codes}


def test_a_check_says_what_a_first_look_says(make_project):
    wide = draw(3)
    assert not find(make_project, wide)
    found = find(make_project, wide.assign(City=wide.sum(axis=1), North=wide["A"] + wide["B"]))
    assert found.keys() == {"quality.sums"}
    assert found["quality.sums"].status is Status.FAIL
    assert "2 of 8 places are the sum of others in every period: City, North" in (
        found["quality.sums"].reason
    )
    year = MONTHS.year
    running = find(make_project, wide.groupby(year).cumsum())
    assert running.keys() == {"quality.running_total"}
    assert running["quality.running_total"].status is Status.NOT_ENOUGH
    assert "fall only where a year begins" in running["quality.running_total"].reason
