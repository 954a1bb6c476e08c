"""An attribute with two values for one entity at one time is told, or refused: never chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.data.one_value import find_usual
from cityai.errors import DataError
from cityai.findings import Status
from cityai.kinds import open_kind
from tests.kinds import open_spec

DAYS = pd.date_range("2024-01-01", periods=140).strftime("%Y-%m-%d")


def shelters(twice: int) -> pd.DataFrame:
    """A night at two shelters; on the first `twice` nights House has men and women."""
    rows = [
        (d, s, k, n) for d in DAYS for s, k, n in (("House", "men", 300), ("South", "women", 40))
    ]
    rows += [(d, "House", "women", 16) for d in DAYS[:twice]]
    return pd.DataFrame(rows, columns=["day", "district", "kind", "amount"])


def read(make_project, table, audit=None, columns=("district",), area=None, attributes=("kind",)):
    entity = {"columns": list(columns), "label": "shelter", "label_plural": "shelters"}
    entity |= {"attributes": list(attributes), "area": area, "areas": "districts" if area else None}
    project = make_project(
        table,
        question={"entity": entity, "measure": "sum", "value": "amount", "period": "day"},
        data={
            "layout": "panel",
            "known": {"lag_days": 0},
            "key": [],
            "columns": {
                "day": {"type": "date"},
                "district": {"type": "text"},
                "kind": {"type": "text"},
                "amount": {"type": "number"},
            },
        },
        audit=audit or {},
    )
    return open_kind(project).read(), project.spec


def tell(make_project, table, **choices):
    snapshot, spec = read(make_project, table, **choices)
    return [f for f in open_spec(spec).report(snapshot).findings if f.code == "quality.one_value"]


def test_a_shelter_of_men_and_women_is_a_failed_finding(make_project):
    [found] = tell(make_project, shelters(140))
    assert found.status is Status.FAIL
    assert found.observed == pytest.approx(0.5)
    assert "140 of 280 days (shelters concerned: 1)" in found.reason


@pytest.mark.parametrize("seed", range(6))
def test_days_with_one_value_and_several_are_those_of_a_plain_count(make_project, seed):
    """Texts and numbers, missing ones among them; of even seeds no place has two values."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"day": rng.choice(DAYS[:50], 400), "district": rng.choice([*"ABCDE"], 400)}
    )
    place = table["district"].map(ord)
    varied = rng.integers(0, 2 if seed % 2 else 1, 400) * (place < 68)
    table["kind"] = np.where(rng.random(400) < 0.3, None, (place + varied).map(chr))
    table["amount"] = np.where(rng.random(400) < 0.3, np.nan, 2.0**53 + 2 * (place + varied))
    snapshot, _ = read(make_project, table, attributes=("kind", "amount"))
    facts = snapshot.quality_facts
    facts = facts[facts["fact"] == "one_value"].set_index("column")
    for name in ("kind", "amount"):
        values = table.groupby(["district", "day"])[name].nunique()
        several = values[values > 1]
        assert facts.loc[name, "total"] == (values > 0).sum()
        assert facts.loc[name, "good"] == (values == 1).sum()
        assert facts.loc[name, "figure"] == several.reset_index()["district"].nunique()
    assert (facts["figure"] > 0).all() == seed % 2


def test_one_single_day_is_told(make_project):
    [found] = tell(make_project, shelters(1))
    assert found.status is Status.FAIL
    assert "1 of 280 days" in found.reason


def test_a_change_from_one_day_to_the_next_is_no_fault(make_project):
    table = shelters(0)
    table.loc[(table["district"] == "House") & (table["day"] >= "2024-03-01"), "kind"] = "women"
    [found] = tell(make_project, table)
    assert found.status is Status.PASS


def test_groups_by_such_an_attribute_are_refused_and_the_key_is_proposed(make_project):
    audit = {"dimensions": {"who": {"label": "Who", "attribute": "kind"}}}
    snapshot, spec = read(make_project, shelters(140), audit)
    with pytest.raises(DataError, match="several values for one shelter on one day") as error:
        open_spec(spec).assign_groups(snapshot)
    assert "columns: [district, kind]" in (error.value.next_step or "")
    snapshot, spec = read(make_project, shelters(140), audit, columns=("district", "kind"))
    [membership] = open_spec(spec).assign_groups(snapshot).memberships
    assert membership.weights["women"].sum() == 2


def test_two_areas_on_one_day_are_refused_too(make_project, tmp_path):
    pd.DataFrame({"id": ["men", "women"], "poor": [1, 2]}).to_csv(tmp_path / "areas.csv")
    audit = {"dimensions": {"who": {"label": "Who", "attribute": "area"}}}
    choices = {"area": "kind", "attributes": ()}
    [found] = tell(make_project, shelters(140), **choices)
    assert (found.status, found.subject) == (Status.FAIL, "kind")
    snapshot, spec = read(make_project, shelters(140), audit, **choices)
    with pytest.raises(DataError, match="'kind' has several values"):
        open_spec(spec).assign_groups(snapshot)


def test_an_amount_that_never_varies_fails(make_project):
    table = shelters(0)
    snapshot, spec = read(make_project, table)
    [found] = [f for f in open_spec(spec).report(snapshot).findings if f.code == "quality.constant"]
    assert (found.status, found.observed) == (Status.FAIL, 1.0)
    table["amount"] += table.index % 3
    snapshot, spec = read(make_project, table)
    [found] = [f for f in open_spec(spec).report(snapshot).findings if f.code == "quality.constant"]
    assert found.status is Status.PASS
    # Rare events leave most periods at nothing, and are worth a forecast.
    rare = table[(table.index % 14 == 0) | (table["day"] == DAYS[0])].assign(amount=1)
    snapshot, spec = read(make_project, rare)
    [found] = [f for f in open_spec(spec).report(snapshot).findings if f.code == "quality.constant"]
    assert found.status is Status.PASS


def test_amounts_that_cancel_each_other_are_a_failed_finding(make_project):
    table = shelters(0)
    table["amount"] = np.where(table.index % 2, -39, 40)
    for sign, codes in ((1, ["quality.net"]), (0, [])):
        table["amount"] = table["amount"].where(table["amount"] > 0, -39 * sign)
        snapshot, spec = read(make_project, table)
        found = [f for f in open_spec(spec).report(snapshot).findings if f.code == "quality.net"]
        assert [f.code for f in found] == codes
        assert not found or found[0].observed == pytest.approx(39 / 79)


@pytest.mark.parametrize("last", [139, 60])
def test_of_one_series_nothing_is_said_of_places(make_project, last):
    table = pd.DataFrame({"day": DAYS, "district": "x", "kind": "x", "amount": range(140)})
    snapshot, spec = read(make_project, table[: last + 1], columns=(), attributes=())
    snapshot = replace(snapshot, periods=replace(snapshot.periods, count=140))
    found = {f.code: f.reason for f in open_spec(spec).report(snapshot).findings}
    assert found["quality.constant"] == f"The {spec.question.unit} are not always the same."
    told = "Rows came until the end." if last == 139 else "No row came in the last"
    assert found["quality.silent_entity"].startswith(told)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(nights=st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("xyz"))))
def test_counted_as_by_hand(make_project, nights):
    first = [(d, p, "x") for d in range(6) for p in "ab"]
    rows = [(DAYS[d], p, k, 1) for d, p, k in first + nights]
    rows += [(d, "c", "x", i) for i, d in enumerate(DAYS)]
    table = pd.DataFrame(rows, columns=["day", "district", "kind", "amount"])
    kinds = table.groupby(["district", "day"])["kind"].nunique()
    [found] = tell(make_project, table)
    assert found.observed == pytest.approx((kinds > 1).mean())


@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.5, -1.0, float("nan")]), min_size=6, max_size=6))
)
def test_the_usual_amount_is_the_mode(rows):
    amounts = np.array(rows, dtype=np.float64).reshape(-1, 6)
    want = [pd.Series(row).mode().min() for row in amounts]
    np.testing.assert_array_equal(find_usual(amounts), want)
