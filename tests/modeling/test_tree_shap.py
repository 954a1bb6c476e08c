"""TreeSHAP of many rows at once, held against LightGBM's own."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.modeling.forecasters import boosted_trees
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.tree_shap import MOST_ROWS, TABLED, compute_tree_shap

ROWS, WIDTH = 600, 40


def make_rows(seed: int, width: int = WIDTH) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(ROWS, width)).round(1)
    rows[:, ::3] = np.where(rng.random(rows[:, ::3].shape) < 0.2, np.nan, rows[:, ::3])
    return rows


def train(rows: np.ndarray, rounds: int = 8, **more: object) -> lgb.Booster:
    rng = np.random.default_rng(1)
    y = np.nan_to_num(rows).sum(axis=1) + rng.normal(size=len(rows))
    choices = {"verbose": -1, "min_data_in_leaf": 1, "num_threads": 1, "lambda_l2": 1.0, **more}
    return lgb.train(choices, lgb.Dataset(rows, y), rounds)


def hold_against_lightgbm(booster: lgb.Booster, rows: np.ndarray) -> None:
    found = compute_tree_shap(booster.model_to_string(), rows)
    assert found is not None
    np.testing.assert_allclose(found, booster.predict(rows, pred_contrib=True), rtol=0, atol=1e-11)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 99),
    leaves=st.sampled_from([2, 3, 31, 63]),
    width=st.sampled_from([1, 3, WIDTH]),
    random=st.booleans(),
    share=st.sampled_from([0.3, 1.0]),
)
def test_it_is_lightgbms_own(
    seed: int, leaves: int, width: int, random: bool, share: float
) -> None:
    rows = make_rows(seed, width)
    more = {"num_leaves": leaves, "extra_trees": random, "feature_fraction": share}
    more |= {"bagging_fraction": 0.8, "bagging_freq": 1, "seed": seed}
    odd = np.vstack([make_rows(seed + 1, width)[:60], np.full((1, width), np.nan)])
    hold_against_lightgbm(train(rows, **more), np.vstack([odd, 0 * odd[:1], odd[:2] * 1e300]))


def test_a_path_that_asks_for_many_features_is_lightgbms_too() -> None:
    # Each tree cuts a few rows off again and again, by another feature each time.
    rows = np.eye(200, 24)
    data = lgb.Dataset(rows, np.where(rows.any(axis=1), rows.argmax(axis=1) + 1.0, 0.0) ** 2)
    choices = {"verbose": -1, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0}
    choices |= {"num_leaves": 22, "min_data_in_bin": 1, "feature_pre_filter": False}
    booster = lgb.train(choices | {"enable_bundle": False}, data, 1)
    assert booster.dump_model()["tree_info"][0]["num_leaves"] > TABLED + 5
    hold_against_lightgbm(booster, rows)


def test_more_rows_than_are_taken_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ROWS > 100
    monkeypatch.setattr("cityai.modeling.forecasters.tree_shap.MOST_ROWS", 100)
    rows = make_rows(3)
    hold_against_lightgbm(train(rows), rows)


def test_trees_without_a_split_move_the_base_alone() -> None:
    rows = make_rows(4)
    booster = train(rows, min_data_in_leaf=ROWS)
    assert {tree["num_leaves"] for tree in booster.dump_model()["tree_info"]} == {1}
    hold_against_lightgbm(booster, rows)


def test_trees_of_another_kind_are_left_to_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.abs(make_rows(5)).round()
    y = np.isin(rows[:, 1], [1, 3]) + 0.0
    by_category = lgb.train(
        {"verbose": -1, "min_data_per_group": 1, "cat_smooth": 0.1},
        lgb.Dataset(rows, y, categorical_feature=[1]),
        3,
    )
    assert compute_tree_shap(by_category.model_to_string(), rows) is None
    zero = train(rows, zero_as_missing=True).model_to_string()
    assert compute_tree_shap(zero, rows) is None
    booster = train(rows)
    monkeypatch.setattr("cityai.modeling.forecasters.tree_shap.MOST_ASKED", 2)
    assert compute_tree_shap(booster.model_to_string(), rows) is None


@pytest.mark.parametrize("wrong", ["one part", "the base", "nothing"])
def test_what_differs_from_lightgbm_is_computed_by_it(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    rows = make_rows(6, 3)
    table = pd.DataFrame(rows, columns=["a", "b", "c"]).assign(level=1.0)
    model = BoostedTrees("trees", "trees", rounds=5)
    trees = model.fit(
        table, np.arange(float(ROWS)), features=["a", "b", "c"], categories={}, seed=1
    )
    right = trees.explain(table, table)
    asked: list[bool] = []

    def compute(text: str, matrix: np.ndarray) -> np.ndarray | None:
        asked.append(True)
        found = compute_tree_shap(text, matrix)
        assert found is not None
        found[:, {"one part": 0, "the base": -1, "nothing": 1}[wrong]] += 1e-6
        return None if wrong == "nothing" else found

    monkeypatch.setattr(boosted_trees, "compute_tree_shap", compute)
    again = trees.explain(table, table)
    np.testing.assert_allclose(again.values, right.values, rtol=0, atol=1e-11)
    np.testing.assert_allclose(again.base, right.base, rtol=0, atol=1e-11)
    few = trees.explain(table.head(boosted_trees.HELD), table)
    np.testing.assert_allclose(few.values, right.values.head(len(few.values)), rtol=0, atol=1e-11)
    assert len(asked) == 1
