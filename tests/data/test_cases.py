"""Events: read through the door, described by what was known, and divided into groups."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.config.load import load_project
from cityai.data.features.nearby import EARTH_M, HALVINGS
from cityai.data.layouts.listed import _build_case_rows, label_listed, lay_listed
from cityai.data.leaks import check_leaks, plant_leak
from cityai.data.quality_cases import _find_unknown
from cityai.data.truncation import check_permutation, check_truncation, permute_future
from cityai.errors import DataError, SpecError
from cityai.findings import Status
from cityai.kinds import open_kind
from cityai.records.events import cut_events
from tests.kinds import open_spec

DAY = pd.Timedelta(days=1)
PROJECT = {
    "name": "kitchens",
    "title": "Which kitchens to inspect first",
    "kind": "risk",
    "question": {
        "unit": "inspections",
        "case": "id",
        "outcome": {"column": "found", "yes": ["yes"], "no": ["no"], "label": "it was found"},
        "asked": {"days_before": 0},
        "entity": {
            "columns": ["kitchen"],
            "label": "kitchen",
            "label_plural": "kitchens",
            "area": "district",
            "areas": "districts",
            "latitude": "lat",
            "longitude": "lon",
            "attributes": ["kind", "seats"],
        },
        "decision": {"capacity": 2, "per": "week"},
    },
    "data": {
        "source": {"path": "data.csv"},
        "time": "day",
        "known": {"lag_days": 0},
        "columns": {
            "id": {"type": "text"},
            "day": {"type": "date"},
            "kitchen": {"type": "text"},
            "district": {"type": "text"},
            "found": {"type": "text"},
            "kind": {"type": "text"},
            "seats": {"type": "integer"},
            "lat": {"type": "number"},
            "lon": {"type": "number"},
        },
    },
    "events": {
        "calls": {
            "source": {"path": "calls.csv"},
            "time": "at",
            "known": {"lag_days": 1},
            "by": "point",
            "latitude": "lat",
            "longitude": "lon",
        },
        "fines": {
            "source": {"path": "fines.csv"},
            "time": "day",
            "known": {"column": "entered"},
            "by": "entity",
            "key": "kitchen",
            "columns": {
                "day": {"type": "date"},
                "entered": {"type": "datetime"},
                "amount": {"type": "number", "label": "dollars"},
                "why": {"type": "text", "allowed": ["dirt", "pests"]},
            },
            "categories": "why",
        },
    },
    "features": {"windows_days": [10, 365], "decay": {"half_life_days": 20, "reach_m": 900}},
    "audit": {
        "dimensions": {
            "kind": {"label": "Kind", "attribute": "kind"},
            "size": {
                "label": "Size",
                "attribute": "seats",
                "cuts": [20, 50],
                "band_names": ["small", "middle", "large"],
            },
            "income": {"label": "Income", "bands": "income", "band_names": ["low", "high"]},
        }
    },
}
CITY = """\
name: Testville
country: US
time_zone: America/New_York
contact: {unit: Data office, email: data@testville.example}
areas:
  districts: {path: areas.csv, key: id, population: people}
"""


def draw_tables(rng: np.random.Generator, n: int = 60) -> dict[str, pd.DataFrame]:
    """Draw a small city: several cases of a kitchen, two of them on one day now and then."""
    start = pd.Timestamp("2024-01-01")
    kitchen = rng.integers(0, 8, n)
    day = start + pd.to_timedelta(rng.integers(0, 90, n), unit="D")
    spot = rng.uniform(0, 0.02, (8, 2))
    kinds = np.array(["cafe", "shop"])
    data = pd.DataFrame(
        {
            "id": [f"C{i:03d}" for i in range(n)],
            "day": day.strftime("%Y-%m-%d"),
            "kitchen": [f"K{k}" for k in kitchen],
            "district": [f"D{k % 4}" for k in kitchen],
            "found": np.where(rng.random(n) < 0.35, "yes", "no"),
            "kind": kinds[kitchen % 2],
            "seats": kitchen * 10,
            "lat": 40 + spot[kitchen, 0],
            "lon": -74 + spot[kitchen, 1],
        }
    )
    hours = pd.to_timedelta(rng.integers(0, 95 * 24 * 60, 2 * n), unit="min")
    calls = pd.DataFrame(
        {
            "at": (start - 5 * DAY + hours).strftime("%Y-%m-%dT%H:%M:%S"),
            "lat": 40 + rng.uniform(0, 0.02, 2 * n),
            "lon": -74 + rng.uniform(0, 0.02, 2 * n),
        }
    )
    fined = start + pd.to_timedelta(rng.integers(-30, 90, n), unit="D")
    late = pd.to_timedelta(rng.integers(0, 40 * 24, n), unit="h")
    fines = pd.DataFrame(
        {
            "kitchen": [f"K{k}" for k in rng.integers(0, 9, n)],
            "day": fined.strftime("%Y-%m-%d"),
            "entered": (fined + late).strftime("%Y-%m-%dT%H:%M:%S"),
            "amount": rng.integers(1, 500, n).astype(float),
            "why": np.where(rng.random(n) < 0.5, "dirt", "pests"),
        }
    )
    areas = pd.DataFrame(
        {"id": ["D0", "D1", "D2", "D3"], "people": [10, 20, 30, 40], "income": [1, 2, 3, 4]}
    )
    return {"data": data, "calls": calls, "fines": fines, "areas": areas}


def write_workspace(folder: Path, tables: dict[str, pd.DataFrame], **changes: object) -> Path:
    project = folder / "projects" / "kitchens"
    project.mkdir(parents=True, exist_ok=True)
    (folder / "configs").mkdir(exist_ok=True)
    (folder / "configs" / "city.yaml").write_text(CITY)
    (folder / "configs" / "policy.yaml").write_text("small_cell: 11\n")
    spec = json.loads(json.dumps(PROJECT))
    for key, value in changes.items():
        at = spec
        *parents, last = key.split("__")
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
        if value is None:
            del at[last]
    (project / "project.yaml").write_text(json.dumps(spec))
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return project


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return draw_tables(np.random.default_rng(3))


def build(project: Path):
    loaded = load_project(project)
    cases = open_kind(loaded).read()
    return loaded, cases, _build_case_rows(cases, loaded)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The city as it is drawn, read once: project, events, rows."""
    tables = draw_tables(np.random.default_rng(3))
    return build(write_workspace(tmp_path_factory.mktemp("kitchens"), tables))


def prove(cases, loaded, rows_at=None):
    moments = pd.DatetimeIndex(cases.table["as_of"].unique())
    return check_truncation(rows_at or lay_listed(cases, loaded), moments, loaded)


def search(rows, cases, loaded):
    return check_leaks(rows, label_listed(rows, cases), loaded.spec.policy)


def measure_metres(a: pd.Series, b: pd.Series) -> float:
    """Great circle by the haversine formula: not how the module does it."""
    lat, lon = np.radians([a["latitude"], b["latitude"]]), np.radians([a.longitude, b.longitude])
    h = np.sin((lat[1] - lat[0]) / 2) ** 2
    h += np.cos(lat[0]) * np.cos(lat[1]) * np.sin((lon[1] - lon[0]) / 2) ** 2
    return float(2 * EARTH_M * np.arcsin(np.sqrt(h)))


def describe_by_hand(cases, case: pd.Series) -> dict[str, float]:
    """One case at a time, one event at a time: slow, and plain."""
    asked = case["as_of"]
    earlier = cases.table[(cases.table["known_at"] < asked) & cases.table["y_true"].notna()]
    mine = earlier[earlier["entity_id"] == case["entity_id"]]
    mine = mine.sort_values(["known_at", "occurred_at", "as_of", "case_id"])
    there = earlier[earlier["area_id"] == case["area_id"]]
    yes = mine[mine["y_true"] == 1]
    nothing = float("nan")
    found = {
        "past_cases": len(mine),
        "past_yes": len(yes),
        "past_rate": len(yes) / len(mine) if len(mine) else nothing,
        "last_outcome": mine["y_true"].iloc[-1] if len(mine) else nothing,
        "days_since_last": (asked - mine["occurred_at"].max()) / DAY,
        "days_since_yes": (asked - yes["occurred_at"].max()) / DAY,
    }
    fines = cases.events["fines"]
    fines = fines[(fines["known_at"] < asked) & (fines["entity_id"] == case["entity_id"])]
    found["fines.count"] = len(fines)
    found["fines.amount_last"] = fines["amount"].iloc[-1] if len(fines) else nothing
    found["fines.amount_mean"] = fines["amount"].mean() if len(fines) else nothing
    found["fines.days_since"] = (asked - fines["occurred_at"].max()) / DAY
    for days in (10, 365):
        since = asked - days * DAY
        recent = mine[mine["known_at"] >= since]
        found[f"past_cases_{days}d"] = len(recent)
        found[f"past_yes_{days}d"] = recent["y_true"].sum()
        for level, rows in (("city", earlier), ("area", there)):
            rows = rows[rows["known_at"] >= since]
            found[f"{level}_rate_{days}d"] = rows["y_true"].mean() if len(rows) else nothing
        new = fines[fines["known_at"] >= since]
        found[f"fines.count_{days}d"] = len(new)
        found[f"fines.amount_{days}d"] = new["amount"].sum()
        for why in ("dirt", "pests"):
            found[f"fines.{why}_{days}d"] = (new["category"] == why).sum()
    found["calls.density"] = sum(w for w, _ in weigh_by_hand(cases.events["calls"], case))
    near = weigh_by_hand(cases.table[cases.table["y_true"].notna()], case)
    total = sum(w for w, _ in near)
    found["nearby_rate"] = (
        sum(w * row["y_true"] for w, row in near) / total if total > 0 else nothing
    )
    return {name: float(value) for name, value in found.items()}


def weigh_by_hand(events: pd.DataFrame, case: pd.Series) -> list[tuple[float, pd.Series]]:
    weighed = []
    for _, event in events.iterrows():
        age = (case["as_of"] - event["known_at"]) / DAY
        near = 1 - measure_metres(case, event) / 900
        if 0 < age <= HALVINGS * 20 and near > 0:
            weighed.append((near * 2 ** (-age / 20), event))
    return weighed


def test_features_are_those_of_a_loop_over_cases(plain):
    """Counts of cases are equal to the last digit, the rest as near as a float goes."""
    _, cases, rows = plain
    whole = [n for n in rows.features if n.startswith(("past_", "fines.")) and n[-1] == "d"]
    assert len(whole) > 8
    for i, case in cases.table.iterrows():
        found = describe_by_hand(cases, case)
        assert [rows.table[n].iloc[i] for n in whole] == [found[n] for n in whole]
        for name, value in found.items():
            assert rows.table[name].iloc[i] == pytest.approx(
                value, rel=1e-4, abs=1e-5, nan_ok=True
            ), f"{name} of {case['case_id']}"


def test_every_feature_has_words(plain):
    _, _, rows = plain
    assert set(rows.features) == set(rows.labels)
    assert rows.labels["past_yes_365d"] == "times that it was found in the last year, same kitchen"
    assert rows.labels["fines.amount_last"].startswith("dollars at the last of the fines")
    assert rows.categorical == ("kind",)
    assert not {"found", "id", "y_true"} & set(rows.features)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.floats(0.1, 0.9))
def test_nothing_known_later_touches_a_feature(plain, seed, at):
    """Whatever is known at or after a moment may be shuffled, altered or taken away."""
    rng = np.random.default_rng(seed)
    loaded, cases, rows = plain
    moment = cases.table["as_of"].quantile(at).normalize()
    before = cases.table["as_of"] <= moment
    later = cases.table["known_at"] >= moment
    outcomes = cases.table["y_true"].mask(later, rng.integers(0, 2, len(cases.table)))
    seats = cases.table["seats"].mask(~before, rng.permutation(cases.table["seats"]))
    events = {}
    for name, table in cases.events.items():
        new = table["known_at"] >= moment
        kept = pd.concat([table[~new], table[new].sample(frac=0.5, random_state=seed)])
        events[name] = kept.reset_index(drop=True)
    changed = cases.__class__(
        **{
            **cases.__dict__,
            "table": cases.table.assign(y_true=outcomes, seats=seats),
            "events": events,
        }
    )
    again = _build_case_rows(changed, loaded)
    names = list(rows.features)
    pd.testing.assert_frame_equal(rows.table.loc[before, names], again.table.loc[before, names])
    cut = _build_case_rows(cut_events(cases, moment), loaded)
    numbers = [n for n in names if n not in rows.categorical]
    whole = rows.table.loc[before, numbers].reset_index(drop=True)
    pd.testing.assert_frame_equal(whole[:], cut.table[numbers])


def test_the_truncation_check_passes_and_fires(plain):
    loaded, cases, _ = plain
    assert prove(cases, loaded).status is Status.PASS
    rows_at = lay_listed(cases, loaded)

    def peek(moments=None, known_before=None):
        rows = rows_at(moments, known_before)
        if known_before is not None:
            return rows
        return replace(rows, table=rows.table.assign(past_yes=rows.table["past_yes"] + 1))

    found = prove(cases, loaded, peek)
    assert found.status is Status.FAIL
    assert found.subject == "past_yes"


def test_a_feature_that_is_the_answer_is_found(tmp_path, tables, plain):
    data = tables["data"].assign(seats=(tables["data"]["found"] == "yes") * 40 + 5)
    loaded, cases, rows = build(write_workspace(tmp_path, {**tables, "data": data}))
    found = search(rows, cases, loaded)
    assert found.status is Status.FAIL
    assert found.subject == "seats"
    loaded, cases, rows = plain
    assert search(rows, cases, loaded).status is Status.PASS


def test_the_outcome_that_a_test_plants_is_found(plain):
    loaded, cases, rows = plain
    found = search(plant_leak(rows, label_listed(rows, cases)), cases, loaded)
    assert found.status is Status.FAIL
    assert "planted_leak" in found.subject


def test_features_stand_a_permutation_of_the_future(plain):
    loaded, cases, _ = plain
    moments = pd.DatetimeIndex(cases.table["as_of"].unique())
    now, later = moments[: len(moments) // 2], moments[-5:]
    permuted = permute_future(cases, now[-1], 1)
    known = cases.table["known_at"] < now[-1]
    assert permuted.table["y_true"][known].equals(cases.table["y_true"][known])
    assert not permuted.table["y_true"].equals(cases.table["y_true"])
    before, after = lay_listed(cases, loaded), lay_listed(permuted, loaded)
    assert check_permutation(before(now), after(now)).status is Status.PASS
    assert check_permutation(before(later), after(later)).status is Status.FAIL


def test_a_case_sees_the_day_before_and_not_its_own(tmp_path, tables):
    data = (
        tables["data"]
        .head(3)
        .assign(
            kitchen="K1", day=["2024-01-01", "2024-01-02", "2024-01-02"], found=["yes", "no", "yes"]
        )
    )
    loaded, cases, rows = build(write_workspace(tmp_path, {**tables, "data": data}))
    assert rows.table["past_cases"].tolist() == [0, 1, 1]
    assert rows.table["past_yes"].tolist() == [0, 1, 1]
    assert open_spec(loaded.spec).report(cases).findings
    repeated = [f for f in open_spec(loaded.spec).report(cases).findings if "repeated" in f.code]
    assert "2 of 3 inspections" in repeated[0].reason


def test_rows_are_counted_in_and_out(tmp_path, tables):
    data = pd.concat([tables["data"], tables["data"].head(1)]).astype({"found": object})
    data.iloc[4, data.columns.get_loc("found")] = "perhaps"
    data.iloc[5, data.columns.get_loc("day")] = "soon"
    data.iloc[6, data.columns.get_loc("found")] = None
    _, cases, rows = build(write_workspace(tmp_path, {**tables, "data": data}))
    assert (cases.counts.read, cases.counts.rejected, cases.counts.accepted) == (61, 3, 58)
    assert sorted(cases.rejects["reason"]) == sorted(
        ["not one of the allowed values", "not a date", "repeats the key of row 1"]
    )
    assert len(rows.table) == 58
    assert cases.table["y_true"].isna().sum() == 1


def test_another_order_of_the_file_gives_the_same_cases(tmp_path, tables, plain):
    _, first, rows = plain
    shuffled = {n: t.sample(frac=1, random_state=1) for n, t in tables.items()}
    _, second, again = build(write_workspace(tmp_path, shuffled))
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(rows.table, again.table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"found": "no"}, "no row holds yes"),
        ({"found": "yes"}, "all 60 known outcomes are yes"),
        ({"found": None}, "no row holds yes"),
    ],
)
def test_a_single_class_is_refused(tmp_path, tables, change, words):
    project = write_workspace(tmp_path, {**tables, "data": tables["data"].assign(**change)})
    with pytest.raises(DataError, match=words):
        open_kind(load_project(project)).read()


def test_what_means_no_must_be_told(tmp_path, tables):
    data = tables["data"].copy()
    data.loc[data.index[:9], "found"] = "unsure"
    project = write_workspace(tmp_path, {**tables, "data": data}, question__outcome__no=None)
    with pytest.raises(DataError, match="cannot be told from no, unsure"):
        open_kind(load_project(project)).read()


def test_nothing_in_scope_is_said(tmp_path, tables):
    project = write_workspace(tmp_path, tables, data__where={"kind": ["harbour"]})
    with pytest.raises(DataError, match="none of the 60 rows is in scope"):
        open_kind(load_project(project)).read()


def test_events_all_left_out_are_said(tmp_path, tables):
    project = write_workspace(tmp_path, tables, events__fines__where={"why": ["noise"]})
    with pytest.raises(DataError, match="no row of the events 'fines'"):
        open_kind(load_project(project)).read()


def test_a_case_asked_after_it_took_place_is_rejected(tmp_path, tables):
    data = tables["data"].assign(booked=tables["data"]["day"] + "T09:00:00")
    data.loc[0, "booked"] = "2024-12-24T09:00:00"
    columns = {**PROJECT["data"]["columns"], "booked": {"type": "datetime"}}
    asked = {"column": "booked"}
    project = write_workspace(
        tmp_path, {**tables, "data": data}, question__asked=asked, data__columns=columns
    )
    _, cases, rows = build(project)
    assert cases.rejects["reason"].tolist() == ["after the case takes place"]
    assert (cases.table["known_at"] >= cases.table["as_of"]).all()
    assert (rows.table["days_ahead"] == 0).all()


def test_cases_not_known_yet_are_out_of_scope(tmp_path, tables):
    day = pd.to_datetime(tables["data"]["day"])
    data = tables["data"].assign(booked=(day - 3 * DAY).dt.strftime("%Y-%m-%dT10:00:00"))
    data.loc[[0, 1], "booked"] = day.dt.strftime("%Y-%m-%dT00:00:00")[[0, 1]]
    columns = {**PROJECT["data"]["columns"], "booked": {"type": "datetime"}}
    asked = {"days_before": 1, "registered": "booked"}
    project = write_workspace(
        tmp_path, {**tables, "data": data}, question__asked=asked, data__columns=columns
    )
    _, cases, rows = build(project)
    assert cases.counts.out_of_scope == 2
    assert (cases.table["registered_at"] < cases.table["as_of"]).all()
    assert (rows.table["days_since_registered"] == 3).all()


def test_planned_cases_are_asked_about_and_not_judged(tmp_path, tables):
    data = tables["data"].astype({"found": object})
    data.loc[0, ["day", "found"]] = ["2024-06-01", None]
    loaded, cases, rows = build(write_workspace(tmp_path, {**tables, "data": data}))
    assert cases.until < pd.Timestamp("2024-04-01")
    assert np.isnan(cases.table["y_true"].iloc[-1])
    assert rows.table["city_rate_365d"].iloc[-1] > 0
    ahead = [f for f in open_spec(loaded.spec).report(cases).findings if f.code == "cases.ahead"]
    assert ahead[0].status is Status.NOT_APPLICABLE
    assert "1 inspections are asked about" in ahead[0].reason


@pytest.mark.parametrize("answer", ["no", "yes"])
def test_a_stretch_of_one_outcome_alone_is_told(tmp_path, tables, answer):
    rng = np.random.default_rng(3)
    days = np.sort(rng.integers(0, 300, 1_500))
    data = pd.DataFrame(
        {
            **{name: tables["data"][name].iloc[0] for name in tables["data"]},
            "id": [f"n{i}" for i in range(1_500)],
            "day": (pd.Timestamp("2023-01-02") + pd.to_timedelta(days, "D")).strftime("%Y-%m-%d"),
            "found": rng.choice(["yes", "no"], 1_500, p=[0.3, 0.7]),
        }
    )
    found = []
    for folder, ends in (("usual", 300), ("cut", 260 if answer == "no" else 280)):
        data.loc[days >= ends, "found"] = answer
        loaded = load_project(write_workspace(tmp_path / folder, {**tables, "data": data}))
        told = open_spec(loaded.spec).report(open_kind(loaded).read()).findings
        found += [finding for finding in told if finding.code == "cases.alike"]
    assert [finding.status for finding in found] == [Status.PASS, Status.FAIL]
    rows = int((days >= 260).sum() if answer == "no" else (days >= 280).sum())
    usual = rows * (data["found"] != answer).mean()
    assert f"{usual:,.0f}" in str(found[1].reason)


def test_a_result_that_is_not_there_yet_is_not_late(tmp_path, tables):
    day = pd.to_datetime(tables["data"]["day"])
    data = tables["data"].assign(result_on=(day + 9 * DAY).dt.strftime("%Y-%m-%d"))
    data.loc[data.index[-20:], ["found", "result_on"]] = None
    columns = {**PROJECT["data"]["columns"], "result_on": {"type": "date"}}
    changes = {"data__known": {"column": "result_on"}, "data__reporting_delay_days": 10}
    loaded = load_project(
        write_workspace(tmp_path, {**tables, "data": data}, data__columns=columns, **changes)
    )
    found = open_spec(loaded.spec).report(open_kind(loaded).read()).measures
    held = found[found["slice"].eq("overall") & found["measure"].str.startswith("rows known")]
    assert held[["value", "n"]].to_numpy().tolist() == [[1.0, len(data) - 20]] * 2


def test_own_functions_see_the_past_alone(tmp_path, tables):
    project = write_workspace(tmp_path, tables, features__own=["earlier"])
    code = "def earlier(history):\n    assert (history.cases.known_at < history.as_of).all()\n"
    code += "    assert 'y_true' not in history.asked\n"
    code += "    return history.asked.entity_id.map(history.cases.groupby('entity_id').size())\n"
    (project / "features.py").write_text(code)
    loaded, cases, rows = build(project)
    known = rows.table["earlier"].fillna(0)
    assert known.tolist() == rows.table["past_cases"].tolist()
    assert prove(cases, loaded).status is Status.PASS


def test_an_own_function_without_a_number_is_named(tmp_path, tables):
    project = write_workspace(tmp_path, tables, features__own=["nothing"])
    (project / "features.py").write_text(
        "def nothing(history):\n    return [None] * len(history.asked)\n"
    )
    loaded, cases, _ = build(project)
    with pytest.raises(DataError, match="nothing gave no number"):
        prove(cases, loaded)


def test_names_of_no_feature_are_refused(tmp_path, tables):
    project = write_workspace(tmp_path, tables, features__exclude=["past_case"])
    with pytest.raises(SpecError, match="Did you mean 'past_cases'"):
        build(project)


def test_groups_of_cases(plain):
    loaded, cases, _ = plain
    groups = open_spec(loaded.spec).assign_groups(cases)
    kind, size, income = groups.memberships
    assert size.groups == ("small", "middle", "large")
    of_case = size.weights.loc[groups.units]
    seats = cases.table["seats"].to_numpy()
    assert (of_case["small"].to_numpy() == (seats < 20)).all()
    assert (of_case["large"].to_numpy() == (seats >= 50)).all()
    assert (
        kind.weights.loc[groups.units, "cafe"].to_numpy() == (cases.table["kind"] == "cafe")
    ).all()
    assert set(income.groups) == {"low", "high"}


def test_a_patient_who_has_a_birthday_is_two_parts_of_one(tmp_path, tables):
    data = tables["data"].assign(kitchen="K0", seats=[19] * 30 + [20] * 30)
    loaded, cases, _ = build(write_workspace(tmp_path, {**tables, "data": data}))
    groups = open_spec(loaded.spec).assign_groups(cases)
    small = groups.memberships[1].weights.loc[groups.units, "small"].to_numpy()
    assert (small == (cases.table["seats"] < 20)).all()


def test_capacity_periods(tmp_path, tables):
    for per, length in (("day", 1), ("week", 7), ("month", 31), ("fold", 400)):
        project = write_workspace(tmp_path, tables, question__decision__per=per)
        table = open_kind(load_project(project)).read().table
        gone = (table["occurred_at"] - table["slot_start"]).dt.days
        assert gone.between(0, length - 1).all()
        assert (table.groupby("slot")["slot_start"].nunique() == 1).all()
        assert table["slot"].nunique() == table["slot_start"].nunique()


def test_a_joined_table_is_added_up(tmp_path, tables):
    fines = tables["fines"].assign(number=[f"F{i}" for i in range(len(tables["fines"]))])
    parts = pd.DataFrame({"number": fines["number"], "roof": 1, "floor": 2, "door": 5})
    event = {
        **PROJECT["events"]["fines"],
        "categories": None,
        "join": {
            "source": {"path": "parts.csv"},
            "on": "number",
            "columns": {c: {"type": "integer"} for c in ("roof", "floor", "door")},
        },
        "totals": {"inside": ["roof", "floor"]},
    }
    project = write_workspace(
        tmp_path, {**tables, "fines": fines, "parts": parts}, events__fines=event
    )
    _, cases, rows = build(project)
    assert (cases.events["fines"]["inside"] == 3).all()
    assert (cases.events["fines"]["door"] == 5).all()
    assert "roof" not in cases.events["fines"]
    count = rows.table["fines.count_365d"]
    assert rows.table["fines.inside_365d"].tolist() == (3 * count).tolist()
    twice = pd.concat([parts, parts.head(1)])
    write_workspace(tmp_path, {**tables, "fines": fines, "parts": twice}, events__fines=event)
    with pytest.raises(DataError, match="repeats 'F0'"):
        build(project)


def test_weather_known_on_the_day_before(tmp_path, tables):
    days = pd.date_range("2023-12-20", "2024-05-01")
    weather = pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "rain": np.arange(len(days))})
    covariate = {
        "source": {"path": "weather.csv"},
        "time": "day",
        "known": {"lag_days": 0},
        "columns": {"rain": {"type": "number"}},
    }
    planned = {**covariate, "known": "ahead"}
    project = write_workspace(
        tmp_path,
        {**tables, "weather": weather},
        covariates={"measured": covariate, "planned": planned},
    )
    loaded, cases, rows = build(project)
    number = (cases.table["as_of"] - days[0]).dt.days
    assert rows.table["planned.rain"].tolist() == number.tolist()
    assert rows.table["measured.rain"].tolist() == (number - 1).tolist()
    assert rows.table["measured.rain_3d"].tolist() == (number - 2).tolist()
    assert prove(cases, loaded).status is Status.PASS


def test_outcomes_that_lack_say_that_the_share_found_is_too_high():
    until = pd.Timestamp("2024-01-01")
    table = pd.DataFrame({"known_at": [pd.Timestamp("2023-01-01")] * 4, "y_true": [1.0, 0, 0, 1]})
    table["occurred_at"] = table["known_at"]
    question = SimpleNamespace(unit="inspections")
    policy = SimpleNamespace(quality=SimpleNamespace(completeness=0.9))
    spec = SimpleNamespace(question=question, policy=policy)
    told = _find_unknown(SimpleNamespace(table=table, until=until), spec)
    assert (told.status, "too high" in told.reason) == (Status.PASS, False)
    table.loc[0, "y_true"] = np.nan
    told = _find_unknown(SimpleNamespace(table=table, until=until), spec)
    assert (told.status, told.observed) == (Status.FAIL, 0.25)
    assert "the share of true cases that it finds is too high" in told.reason
