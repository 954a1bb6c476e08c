from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.data.layouts.dense import build_rows
from cityai.data.rows import take_rows
from cityai.errors import SpecError

KEYS = ["origin", "entity_id", "step"]
few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def same_bits(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two tables are equal to the last bit, missing values included."""
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    numbers = one.select_dtypes("number").columns
    return all(one[n].to_numpy().tobytes() == other[n].to_numpy().tobytes() for n in numbers)


def test_the_grid_is_complete_and_sorted(make_world):
    world = make_world(horizon=3, lead=2)
    rows = build_rows(*world.parts, [40, 12, 70, 12])
    table, active = rows.table, world.panel.active
    assert len(table) == 3 * sum(int(active[o].sum()) for o in (12, 40, 70))
    assert table[KEYS].equals(table.sort_values(KEYS)[KEYS])
    assert not table.duplicated(KEYS).any()
    assert (table["period"] == table["origin"] + 2 + table["step"] - 1).all()
    assert (table["known_at"] == world.panel.periods.starts(99)[table["period"] + 2]).all()
    starts = world.panel.periods.starts(90)
    assert (table["as_of"] == starts[table["origin"]]).all()
    assert (table["period_start"] == starts[table["period"]]).all()
    assert (table["level"] > 0).all()
    assert table["step"].dtype == np.int16


def test_every_feature_has_its_type_and_its_words(make_world):
    rows = build_rows(*make_world(labels={"lag_1": "tons last week"}).parts, [30, 60])
    assert len(set(rows.features)) == len(rows.features)
    for name in rows.features:
        assert rows.labels[name]
        is_category = isinstance(rows.table[name].dtype, pd.CategoricalDtype)
        assert is_category == (name in rows.categorical)
        assert is_category or rows.table[name].dtype == np.float32
        assert not is_category or rows.table[name].notna().all()
    numbers = rows.table[[n for n in rows.features if n not in rows.categorical]]
    assert not np.isinf(numbers.to_numpy()).any()
    assert rows.labels["lag_1"] == "tons last week"
    assert rows.labels["lag_2"] == "tons 2 weeks ago, as a share of the recent level"
    assert rows.labels["attribute.kind"] == "kind of place"
    assert set(rows.labels) == set(rows.features)


def test_missing_attributes_are_a_group_of_their_own(make_world):
    rows = build_rows(*make_world(seed=3).parts, range(20, 71, 5))
    kinds = rows.table["attribute.kind"]
    assert list(kinds.cat.categories) == ["park", "school", "not recorded"]
    assert (kinds == "not recorded").any()
    assert rows.table["attribute.size"].isna().any()


@pytest.mark.parametrize("where", ["exclude", "labels"])
def test_an_unknown_feature_is_refused_with_the_nearest_name(make_world, where):
    given = {"exclude": ["lag_11"], "labels": {"lag_11": "x"}}[where]
    with pytest.raises(SpecError, match=r"'lag_1'|'lag_13'") as caught:
        build_rows(*make_world(**{where: given}).parts, [30])
    assert caught.value.where == f"features.{where}"


def test_excluded_features_are_gone(make_world):
    rows = build_rows(*make_world(exclude=["lag_1", "entity_id", "month"]).parts, [30])
    assert not {"lag_1", "entity_id", "month"} & set(rows.features)
    assert "lag_1" not in rows.table
    plain = build_rows(*make_world(calendar=False, attributes=False, levels=["city"]).parts, [30])
    assert not any(n.startswith(("area", "mean", "attribute", "week")) for n in plain.features)
    assert "city_mean_4" in plain.features
    assert plain.categorical == ()


def test_origins_off_the_axis_are_refused(make_world):
    world = make_world()
    for origins in ([-1], [71], []):
        with pytest.raises(ValueError, match="between 0 and 70"):
            build_rows(*world.parts, origins)


def test_an_origin_at_which_nobody_is_asked_about_gives_no_rows(make_world):
    rows = build_rows(*make_world().parts, [0])
    assert len(rows.table) == 0
    assert set(rows.features) <= set(rows.table.columns)


@few
@given(st.integers(0, 10**6), st.sets(st.integers(5, 50), min_size=1, max_size=6))
def test_rows_do_not_depend_on_which_other_origins_are_asked_for(make_world, seed, others):
    world = make_world(seed=seed, n_periods=50, gaps=seed % 2 == 0)
    alone = build_rows(*world.parts, [31]).table
    together = build_rows(*world.parts, [*sorted(others, reverse=True), 31]).table
    among = together[together["origin"] == 31].reset_index(drop=True)
    assert same_bits(alone, among)


@few
@given(st.integers(0, 10**6))
def test_rows_do_not_depend_on_the_order_of_the_data(make_world, seed):
    world = make_world(seed=seed, n_periods=50)
    snapshot = world.snapshot
    shuffled = replace(
        snapshot,
        table=snapshot.table.sample(frac=1, random_state=seed),
        attributes=snapshot.attributes.sample(frac=1, random_state=seed),
    )
    one = build_rows(world.panel, snapshot, world.project, [20, 50]).table
    other = build_rows(world.panel, shuffled, world.project, [20, 50]).table
    assert same_bits(one, other)


@few
@given(st.integers(0, 10**6), st.sampled_from(["day", "week", "month"]), st.booleans())
def test_shuffling_the_future_changes_nothing_now(make_world, seed, period, gaps):
    world = make_world(seed=seed, period=period, n_periods=60, gaps=gaps, blind=seed % 3)
    origin, snapshot = 33, world.snapshot
    rng = np.random.default_rng(seed)
    cells = snapshot.table.copy()
    later = (cells["known"] > origin).to_numpy()
    cells.loc[later, "value"] = rng.permutation(cells.loc[later, "value"]) * 7
    cells.loc[later, "entity_id"] = rng.permutation(cells.loc[later, "entity_id"])
    final = world.panel.final.copy()
    final[origin:] = final[origin:][rng.permutation(len(final) - origin)]
    one = build_rows(*world.parts, [12, origin]).table
    other = build_rows(
        replace(world.panel, final=final),
        replace(snapshot, table=cells),
        world.project,
        [12, origin],
    ).table
    assert same_bits(one, other)


def test_the_final_origin_asks_about_the_future(make_world):
    world = make_world(n_periods=70)
    table = build_rows(*world.parts, [70]).table
    assert (table["period"] >= 70).all()
    assert (table["known_at"] > world.panel.periods.start(70)).all()
    assert table["week"].notna().all()


@pytest.mark.parametrize("here", [[2, 3, 4], [4, 3, 2], [0, 2, 2], [3], [], [1, 4, 3, 4]])
def test_rows_are_taken_in_the_order_asked(here: list[int]) -> None:
    table = pd.DataFrame({"a": np.arange(5.0), "b": pd.Categorical(list("xyxyz"))})
    taken = take_rows(table, np.array(here, dtype=np.intp))
    pd.testing.assert_frame_equal(taken, table.iloc[here])
