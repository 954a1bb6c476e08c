from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.data.calendar import share_weekdays
from cityai.data.calendar_effects import estimate_factors
from cityai.data.features import vintages
from cityai.data.features.as_of_join import find_states
from cityai.data.features.own import OwnFunctions
from cityai.data.features.parts import place_parts
from cityai.data.features.plan import plan_dense
from cityai.data.features.series import _find_level, describe_series, label_series
from cityai.data.features.vintages import replay_vintages
from cityai.data.features.windows import RunningSums, Walk, open_windows
from cityai.data.layouts.dense import build_rows
from cityai.errors import DataError, SpecError

LENGTHS = {
    "day": {"season": 7, "year": 364, "level": 28, "seasons": 4, "blur": 3, "n": 420},
    "week": {"season": 52, "year": 52, "level": 26, "seasons": 3, "blur": 1, "n": 130},
    "month": {"season": 12, "year": 12, "level": 12, "seasons": 3, "blur": 0, "n": 60},
}


# --- the oracle: one value at a time, in plain Python, from the cells ---------------------------


def see(world, entity: str, origin: int, blind: int, gaps: bool) -> list[float]:
    """Return what an entity's past looked like at an origin, period by period."""
    cells = world.snapshot.table
    mine = cells[(cells["entity_id"] == entity) & (cells["known"] <= origin)]
    begun = mine["period"].min() if len(mine) else 10**9
    past = []
    for p in range(origin):
        parts = mine.loc[mine["period"] == p, "value"].tolist()
        unknown = p >= origin - blind or p < begun or (gaps and not parts)
        past.append(float("nan") if unknown else float(sum(parts)))
    return past


def mean(values) -> float:
    known = [v for v in values if v == v]
    return sum(known) / len(known) if known else float("nan")


def at(past: list[float], p: int) -> float:
    return past[p] if 0 <= p < len(past) else float("nan")


def last(past: list[float], n: int, end: int | None = None) -> list[float]:
    stop = len(past) if end is None else end
    return [past[p] for p in range(max(stop - n, 0), stop)] if stop > 0 else []


def trend(values: list[float], window: int) -> float:
    points = [(t, v) for t, v in enumerate(values) if v == v]
    if len(points) < 3:
        return float("nan")
    return float(np.polyfit(*zip(*points, strict=True), 1)[0]) * window


def go_back(target: int, newest: int, stride: int) -> int:
    back = target - stride
    while back > newest:
        back -= stride
    return back


def describe(world, row, period: str, blind: int, gaps: bool, level: float) -> dict[str, float]:
    """Every feature of one row, the slow way; `level` is that of the row."""
    size = LENGTHS[period]
    past = see(world, row.entity_id, row.origin, blind, gaps)
    newest = row.origin - blind - 1
    back = go_back(row.period, newest, size["season"])
    year = go_back(row.period, newest - size["blur"], size["year"])
    then = last(past, size["level"], row.origin - (row.period - year))
    found = {f"lag_{n}": at(past, row.origin - n) / level for n in (blind + 1, blind + 2, 12)}
    for window in world.windows:
        recent = last(past, window)
        known = [v for v in recent if v == v]
        found[f"sum_{window}"] = sum(known) if known else float("nan")
        found[f"trend_{window}"] = trend(recent, window) / level
        if window != size["level"]:
            found[f"mean_{window}"] = mean(recent) / level
    long = [v for v in last(past, world.windows[-1]) if v == v]
    found["zero_share"] = mean([float(v == 0) for v in long])
    found["season_1"] = at(past, back) / level
    found["season_2"] = at(past, back - size["season"]) / level
    same = [at(past, back - k * size["season"]) for k in range(size["seasons"])]
    found["season_mean"] = mean(same) / level
    around = [at(past, year + k) for k in range(-size["blur"], size["blur"] + 1)]
    base = mean(then)
    found["year_index"] = mean(around) / base if base else float("nan")
    if period == "day":
        found["year_1"] = at(past, go_back(row.period, newest, 364)) / level
    short = world.windows[0]
    before = last(past, short, row.origin - short)
    found["change"] = (mean(last(past, short)) - mean(before)) / level
    if gaps:
        reported = [v for v in past if v == v]
        found["latest"] = reported[-1] / level if reported else float("nan")
    return found


def tell_weekdays(world, row, blind: int, gaps: bool) -> float:
    """Return what the weekdays of a row's month do to it, by what was mature; 1 elsewhere."""
    axis = world.panel.periods
    if axis.freq != "month":
        return 1.0
    past = [see(world, entity, row.origin, blind, gaps) for entity in world.panel.entity_ids]
    mature = np.array(past).T[: max(row.origin - world.panel.delay, 0)]
    return float(estimate_factors(mature, share_weekdays(axis, row.period + 1))[row.period])


class Seen:
    """A world with the windows that its plan chose."""

    def __init__(self, world, windows):
        self.snapshot, self.windows = world.snapshot, windows


@pytest.mark.parametrize("period", ["day", "week", "month"])
@pytest.mark.parametrize(("gaps", "blind", "lead"), [(False, 0, 0), (True, 2, 1), (False, 1, 2)])
def test_features_of_the_past_agree_with_brute_force(make_world, period, gaps, blind, lead):
    n = LENGTHS[period]["n"]
    world = make_world(
        period=period, n_periods=n, n_entities=3, horizon=4, gaps=gaps, blind=blind, lead=lead
    )
    plan = plan_dense(world.panel, world.snapshot, world.project.spec)
    assert plan.blind == blind
    rows = build_rows(*world.parts, [9, n // 2, n - 1, n])
    seen, checked = Seen(world, plan.windows), 0
    for row in rows.table.iloc[::7].itertuples():
        level = row.level / tell_weekdays(world, row, blind, gaps)
        want = describe(seen, row, period, blind, gaps, level)
        have = rows.table.loc[row.Index]
        for name, value in want.items():
            if name in rows.features:
                np.testing.assert_allclose(have[name], value, rtol=2e-5, atol=1e-5, err_msg=name)
                checked += 1
    assert checked > 80


def test_sums_agree_with_a_database(make_world):
    """The same question in SQL: what was known of the last weeks, at each origin."""
    world = make_world(n_periods=70)
    table = build_rows(*world.parts, [20, 45, 70]).table
    with closing(sqlite3.connect(":memory:")) as base, base:
        world.snapshot.table.to_sql("cells", base, index=False)
        for row in table[table["step"] == 1].itertuples():
            for window in (4, 13):
                found = base.execute(
                    "SELECT SUM(value) FROM cells WHERE entity_id = ? AND known <= ? "
                    "AND period >= ? AND period < ?",
                    (row.entity_id, row.origin, row.origin - window, row.origin),
                ).fetchone()[0]
                have = getattr(row, f"sum_{window}")
                np.testing.assert_allclose(have, found or 0.0, rtol=1e-5, atol=1e-6)


def test_vintages_agree_with_the_panel(make_world):
    for gaps in (False, True):
        world = make_world(seed=5, gaps=gaps)
        panel = world.panel
        (vintages,) = replay_vintages(
            world.snapshot.table, panel.entity_ids, 70, range(1, 71), gaps=gaps, blind=0
        )
        for i, origin in enumerate(vintages.origins.tolist()):
            past = vintages.read_past(i)
            assert past.shape == (origin, 5)
            np.testing.assert_array_equal(past, panel.known_at(origin))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans(), st.integers(0, 2))
def test_vintages_are_sums_of_what_was_known_by_then(data, gaps, blind):
    """Whichever origins are asked together: the same bits as one cell at a time."""
    amount = st.one_of(st.just(np.nan), st.floats(-9, 9), st.just(0.0))
    row = st.tuples(st.integers(0, 2), st.integers(0, 7), st.integers(1, 6), amount)
    drawn = data.draw(st.lists(row, unique_by=lambda r: r[:3], max_size=30))
    rows = [(f"E{e}", p, p + blind + late, value) for e, p, late, value in drawn]
    cells = pd.DataFrame(rows, columns=["entity_id", "period", "known", "value"])
    cells = cells.sort_values(["entity_id", "period", "known"], ignore_index=True)
    cells = cells.astype({"entity_id": "str", "period": int, "known": int, "value": float})
    origins = sorted(data.draw(st.sets(st.integers(0, 8), min_size=1)))
    names = ("E0", "E2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vintages, "MOST_LINES", data.draw(st.sampled_from([1, 5, 9, 10**6])))
        replayed = list(replay_vintages(cells, names, 8, origins, gaps=gaps, blind=blind))
    assert [o for some in replayed for o in some.origins] == origins
    for some in replayed:
        start = data.draw(st.integers(0, len(some.origins) - 1))
        part = some.cut(start, len(some.origins))
        for i, origin in enumerate(some.origins.tolist()):
            first, want = see_cells(cells[cells["known"] <= origin], names, origin, blind, gaps)
            assert some.first[i].tolist() == first
            assert some.read_past(i).tobytes() == want.tobytes()
            for back in range(blind + 1, 10 if i >= start else 0):
                there = want[origin - back] if back <= origin else np.full(len(names), np.nan)
                np.testing.assert_array_equal(part.take(back)[i - start], there)


def see_cells(seen: pd.DataFrame, names, origin: int, blind: int, gaps: bool):
    """Return each entity's first period, and (periods, entities) totals, one cell at a time."""
    firsts, want = [], np.full((origin, len(names)), np.nan)
    for column, name in enumerate(names):
        mine = seen[seen["entity_id"] == name]
        firsts.append(int(mine["period"].min()) if len(mine) else -1)
        for p in range(max(origin - blind, 0)):
            parts = mine[mine["period"] == p].sort_values("known")["value"]
            filled = parts[parts.notna()]
            unbegun = firsts[-1] < 0 or p < firsts[-1]
            if len(filled) or not (gaps or len(parts) or unbegun):
                want[p, column] = sum(filled, 0.0)
    return firsts, want


@given(rows=st.lists(st.tuples(*[st.integers(-3, 70_000)] * 2, st.integers(0, 3)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_parts_of_a_cell_come_in_the_order_in_which_they_became_known(rows):
    """However large, and in whichever order the table has them."""
    names = list("abc")
    known, period, entity = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 3
    )
    cells = pd.DataFrame(
        {
            "known": np.array(known, dtype=np.int64),
            "entity_id": pd.Series([[*names, "other"][i] for i in entity], dtype="str"),
            "period": np.array(period, dtype=np.int64),
            "value": np.arange(len(rows), dtype=np.float64),
        }
    )
    parts = place_parts(cells, names)
    kept = [(e, p, k, i) for i, (k, p, e) in enumerate(rows) if e < len(names)]
    got = zip(parts.entity, parts.period, parts.known, parts.value, strict=True)
    assert [tuple(map(int, row)) for row in got] == sorted(kept)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(0, 2), st.sampled_from([1, 2, 10**6]))
def test_running_sums_of_whole_amounts_have_the_bits_of_a_walk(data, blind, at_once):
    """With parts that come late, entities that begin late, and any origins."""
    row = st.tuples(st.integers(0, 2), st.integers(0, 11), st.integers(1, 5), st.integers(-9, 99))
    drawn = data.draw(st.lists(row, unique_by=lambda r: r[:3], max_size=50))
    rows = [(f"E{e}", p, p + blind + late, value) for e, p, late, value in drawn]
    cells = pd.DataFrame(rows, columns=["entity_id", "period", "known", "value"])
    cells = cells.astype({"entity_id": "str", "period": int, "known": int, "value": float})
    origins = sorted(data.draw(st.sets(st.integers(0, 12), min_size=1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vintages, "MOST_LINES", at_once)
        replayed = list(
            replay_vintages(cells, ("E0", "E1", "E2"), 12, origins, gaps=False, blind=blind)
        )
    for some in replayed:
        part = some.cut(data.draw(st.integers(0, len(some.origins) - 1)), len(some.origins))
        assert isinstance(open_windows(part), RunningSums)
        fast, slow = RunningSums(part), Walk(part)
        for window in (5, 1, 3, 12, 30):
            for skip in (0, 4):
                one, other = fast.add(window, skip), slow.add(window, skip)
                shape = one.total.shape
                assert one.total.tobytes() == other.total.tobytes()
                for name in ("count", "mean"):
                    mine, its = getattr(one, name), getattr(other, name)
                    np.testing.assert_array_equal(
                        np.broadcast_to(mine, shape), np.broadcast_to(its, shape)
                    )
            np.testing.assert_array_equal(fast.find_slope(window), slow.find_slope(window))
            np.testing.assert_array_equal(fast.count_some(window), slow.count_some(window))


@pytest.mark.parametrize(
    ("values", "gaps", "whole"),
    [
        ([3.0, 0.0, -2.0], False, True),
        ([3.0, 0.5, 2.0], False, False),
        ([3.0, np.nan, 2.0], False, False),
        ([3.0, 2.0**50, 2.0], False, False),
        ([3.0, 0.0, 2.0], True, False),
    ],
)
def test_amounts_whose_sums_may_round_are_walked(values, gaps, whole):
    """And what is not whole stays so at every later origin."""
    told = {"entity_id": ["E0"] * 3, "period": [0, 1, 2], "known": [1, 2, 3], "value": values}
    cells = pd.DataFrame(told).astype({"entity_id": "str"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vintages, "MOST_LINES", 1)
        replayed = list(replay_vintages(cells, ("E0",), 4, [1, 2, 3, 4], gaps=gaps, blind=0))
    assert [some.whole for some in replayed] == [not gaps, whole, whole, whole]
    kind = RunningSums if whole else Walk
    assert isinstance(open_windows(replayed[-1]), kind)


def test_a_cell_without_a_value_is_unknown_not_zero(make_world):
    world = make_world(n_entities=1)
    cells = world.snapshot.table.copy()
    cells.loc[cells["period"] == 30, "value"] = np.nan
    (vintages,) = replay_vintages(cells, ("E0",), 70, [60], gaps=False, blind=0)
    seen = bool((cells["period"] == 30).any())
    assert np.isnan(vintages.read_past(0)[30, 0]) == seen


def test_areas_and_the_city_add_up_their_entities(make_world):
    world = make_world(n_entities=6, seed=2)
    rows = build_rows(*world.parts, [50, 70])
    table = rows.table[rows.table["step"] == 1]
    for row in table.itertuples():
        pasts = {e: see(world, e, row.origin, 0, False) for e in world.panel.entity_ids}
        states = find_states(world.snapshot.attributes, world.panel.entity_ids, [row.origin])[0]
        areas = world.snapshot.attributes["area_id"].to_numpy()[states]
        mine = dict(zip(world.panel.entity_ids, areas, strict=True))
        for prefix, members in (
            ("city", list(pasts)),
            ("area", [e for e in pasts if mine[e] == row.area_id]),
        ):
            recent = [mean(last(pasts[e], 4)) for e in members]
            usual = [mean(last(pasts[e], 26)) for e in members]
            want = np.nansum(recent) / np.nansum(usual)
            if prefix == "area" and row.area_id == "not recorded":
                want = np.nan
            np.testing.assert_allclose(getattr(row, f"{prefix}_mean_4"), want, rtol=1e-5)


def test_attributes_are_those_in_force_at_the_origin(make_world):
    world = make_world(seed=4)
    table = build_rows(*world.parts, range(10, 71, 6)).table
    attributes = world.snapshot.attributes
    for row in table[table["step"] == 1].to_dict("records"):
        mine = attributes[attributes["entity_id"] == row["entity_id"]]
        now = mine[mine["known"] <= row["origin"]].iloc[-1]
        assert row["attribute.kind"] == ("not recorded" if pd.isna(now["kind"]) else now["kind"])
        np.testing.assert_equal(row["attribute.size"], np.float32(now["size"]))


# --- the level ----------------------------------------------------------------------------------


def make_plan(world):
    return plan_dense(world.panel, world.snapshot, world.project.spec)


def measure_level(values: np.ndarray, plan) -> np.ndarray:
    """Return the level after (periods, entities) amounts, NaN where nothing was reported."""
    period, entity = np.nonzero(~np.isnan(values))
    told = {"entity_id": [f"E{e}" for e in entity], "period": period, "known": period + 1}
    cells = pd.DataFrame({**told, "value": values[period, entity]}).astype({"entity_id": "str"})
    count, names = len(values), [f"E{e}" for e in range(values.shape[1])]
    (past,) = replay_vintages(cells, names, count, [count], gaps=True, blind=0)
    usual = [mean(last(list(column), plan.level)) for column in values.T]
    return _find_level(past, np.array([usual]), plan)[0]


def test_the_level_is_always_positive(make_world):
    plan = make_plan(make_world())
    nan = np.nan
    values = np.array([[8.0, 0.0, nan, 4.0], [4.0, 0.0, nan, nan], [6.0, 0.0, nan, nan]])
    np.testing.assert_allclose(measure_level(values, plan), [6.0, 0.05, 0.05, 4.0])
    assert measure_level(np.zeros((3, 2)), plan).tolist() == [1.0, 1.0]
    assert measure_level(np.empty((0, 2)), plan).tolist() == [1.0, 1.0]


def test_without_recent_values_the_level_is_that_of_the_whole_past(make_world):
    plan = make_plan(make_world())
    values = np.full((60, 2), np.nan)
    values[0], values[:, 1] = 9.0, 3.0
    np.testing.assert_allclose(measure_level(values, plan), [9.0, 3.0])


def test_every_feature_of_the_past_has_words(make_world):
    for period in LENGTHS:
        for gaps in (True, False):
            world = make_world(period=period, n_periods=80, gaps=gaps)
            plan = make_plan(world)
            (vintages,) = replay_vintages(
                world.snapshot.table, world.panel.entity_ids, 80, [70], gaps=gaps, blind=0
            )
            _, past = describe_series(vintages, np.zeros((1, 5), dtype=np.int64), plan)
            assert {name for name, _ in past} <= set(label_series(plan))


# --- the plan -----------------------------------------------------------------------------------


def test_lags_that_can_never_be_known_are_left_out_or_refused(make_world):
    world = make_world(blind=2)
    assert make_plan(world).lags[:2] == (3, 4)
    with pytest.raises(SpecError, match="of 1, 2 periods back nothing is ever known"):
        make_plan(make_world(blind=2, lags=[1, 2, 3]))


def test_windows_longer_than_the_data_are_left_out(make_world):
    plan = make_plan(make_world(n_periods=20))
    assert plan.windows == (4, 13)
    assert plan.lags == (1, 2, 3, 4, 8, 13)


def test_levels_that_repeat_each_other_are_left_out(make_world):
    assert make_plan(make_world()).levels == ("entity", "area", "city")
    alone = make_world(n_entities=1)
    assert make_plan(alone).levels == ("entity",)
    assert "area_id" not in build_rows(*alone.parts, [50]).features


# --- other tables -------------------------------------------------------------------------------


def make_covariate(by: str, known: object) -> dict[str, object]:
    return {
        "source": {"path": "weather.csv"},
        "time": "day",
        "by": by,
        "key": None if by == "city" else "key",
        "known": known,
        "columns": {"heat": {"type": "number", "label": "heat"}},
    }


def draw_table(by: str, ahead: bool, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    keys = {"city": [""], "area": ["D1", "D2"], "entity": [f"E{i}" for i in range(5)]}[by]
    column = "area_id" if by == "area" else "entity_id"
    rows = [
        (key, p, 0 if ahead else p + 1 + int(rng.integers(0, 3)), rng.normal())
        for key in keys
        for p in range(80)
        if rng.random() > 0.1
    ]
    return pd.DataFrame(rows, columns=[column, "period", "known", "heat"])


@pytest.mark.parametrize("by", ["city", "area", "entity"])
def test_what_is_known_ahead_is_that_of_the_target_period(make_world, by):
    table = draw_table(by, ahead=True)
    world = make_world(covariates={"sky": make_covariate(by, "ahead")}, tables={"sky": table})
    rows = build_rows(*world.parts, [30, 70])
    assert rows.labels["sky.heat"] == "heat in the target period"
    values = table.set_index([table.columns[0], "period"])["heat"]
    for row in rows.table.to_dict("records"):
        key = {"city": "", "area": row["area_id"], "entity": row["entity_id"]}[by]
        want = values.get((key, row["period"]), np.nan)
        np.testing.assert_equal(row["sky.heat"], np.float32(want))


@pytest.mark.parametrize("by", ["city", "area", "entity"])
def test_otherwise_only_its_past_is_used(make_world, by):
    table = draw_table(by, ahead=False)
    covariate = make_covariate(by, {"lag_days": 1})
    world = make_world(covariates={"sky": covariate}, tables={"sky": table})
    rows = build_rows(*world.parts, [2, 30, 70])
    assert "sky.heat_mean_4" in rows.features
    for row in rows.table.to_dict("records"):
        key = {"city": "", "area": row["area_id"], "entity": row["entity_id"]}[by]
        mine = table[(table.iloc[:, 0] == key) & (table["known"] <= row["origin"])]
        latest = mine.sort_values("period")["heat"].iloc[-1] if len(mine) else np.nan
        recent = mine.loc[mine["period"] >= row["origin"] - 4, "heat"].mean()
        np.testing.assert_equal(row["sky.heat"], np.float32(latest))
        np.testing.assert_allclose(row["sky.heat_mean_4"], recent, rtol=1e-5, atol=1e-6)


# --- the project's own functions ----------------------------------------------------------------

OWN = '''
import numpy as np

def spread(history):
    """Spread of the last weeks.

    More words."""
    return history.values.iloc[-8:].std()

def as_array(history):
    return np.arange(history.values.shape[1], dtype=float)

def by_kind(history):
    return (history.entities["kind"] == "park").astype(float)[::-1]

def newest(history):
    assert (history.values.index < history.as_of).all()
    return history.values.index[-1].day_of_year * np.ones(history.values.shape[1])
'''


def test_own_functions_see_the_history_and_nothing_later(make_world, tmp_path):
    (tmp_path / "features.py").write_text(OWN)
    world = make_world(own=["spread", "as_array", "by_kind", "newest"])
    rows = build_rows(*world.parts, [30, 70])
    assert rows.labels["spread"] == "Spread of the last weeks"
    assert rows.labels["as_array"] == "as array"
    for row in rows.table.to_dict("records"):
        past = see(world, row["entity_id"], row["origin"], 0, False)
        assert row["spread"] == pytest.approx(pd.Series(past[-8:]).std(), rel=1e-5)
        assert row["as_array"] == int(row["entity_id"][1:])
        assert row["by_kind"] == float(row["attribute.kind"] == "park")


BAD = {
    "fails": ("    return history.values / {}", "features.py:3, own()"),
    "short": ("    return [1.0]", "shape (1,)"),
    "infinite": (
        "    return history.values.iloc[-1] * 0 + float('inf')",
        "infinite value for 'E0'",
    ),
    "text": ("    return ['x'] * 5", "something other than numbers"),
    "strange index": (
        "    return history.values.iloc[-1].rename(str.lower)",
        "whose index is not the entities",
    ),
    "file": ("    return open('data.csv').read()", "may only use the history"),
    "database": ("    import sqlite3; sqlite3.connect('x.db')", "may only use the history"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_function_is_named_with_its_line(make_world, tmp_path, name):
    body, message = BAD[name]
    (tmp_path / "features.py").write_text(f"\ndef own(history):\n{body}\n")
    with pytest.raises(DataError) as caught:
        build_rows(*make_world(own=["own"]).parts, [30])
    assert message in str(caught.value)
    assert "features.py" in caught.value.where


def test_a_function_may_be_undefined_at_a_moment(make_world, tmp_path):
    (tmp_path / "features.py").write_text(
        "def year_before(history):\n    return history.values.shift(51).iloc[-1]\n"
    )
    world = make_world(own=["year_before"])
    early, late = (build_rows(*world.parts, [origin]).table["year_before"] for origin in (30, 70))
    assert early.isna().all()
    assert late.notna().any()
    assert "year_before" in build_rows(*world.parts, [30]).features


def test_a_file_that_cannot_be_used_is_a_mistake_in_the_project(make_world, tmp_path):
    world = make_world(own=["spread"])
    path = tmp_path / "features.py"
    with pytest.raises(SpecError, match=r"there is no features\.py"):
        build_rows(*world.parts, [30])
    path.write_text("def spraed(history): ...\n")
    with pytest.raises(SpecError, match="Did you mean 'spraed'"):
        build_rows(*world.parts, [30])
    path.write_text("x = (\n")
    with pytest.raises(SpecError, match=r"features\.py:1: the file cannot be run: SyntaxError"):
        OwnFunctions.open(path, ["spread"])
    path.write_text("import pandas as pd\nTABLE = pd.read_csv('data.csv')\n")
    with pytest.raises(DataError, match="may only use the history"):
        OwnFunctions.open(path, ["spread"])


def test_a_name_that_is_taken_is_refused(make_world, tmp_path):
    (tmp_path / "features.py").write_text("def lag_1(history): return history.values.iloc[-1]\n")
    with pytest.raises(SpecError, match="lag_1 is already taken"):
        build_rows(*make_world(own=["lag_1"]).parts, [30])


def test_files_stay_open_to_everybody_else(tmp_path):
    (tmp_path / "x.txt").write_text("x")
    assert (tmp_path / "x.txt").read_text() == "x"
