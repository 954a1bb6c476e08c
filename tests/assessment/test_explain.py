from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain, combinations, product
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from cityai.assessment.explain import explain_models, find_families
from cityai.findings import Status
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.forecasters.formats import FORMATS, load_learner
from cityai.modeling.forecasters.protocol import FittedLearner, SavedModel
from tests.assessment.conftest import group

Make = Callable[..., object]
START = pd.Timestamp("2024-01-01")
FEATURES = ("last", "last_twin", "noise", "place")


@pytest.fixture(scope="module")
def case(make_predictions: Make) -> SimpleNamespace:
    predictions = make_predictions(folds=3, entities=20, steps=2)
    rng = np.random.default_rng(0)
    table = predictions.table[["fold", "entity_id", "step", "as_of"]].copy()
    n = len(table)
    table["level"] = rng.uniform(5, 20, n)
    table["last"] = rng.uniform(0, 2, n).astype("float32")
    table["last_twin"] = (table["last"] * 3 + rng.normal(0, 0.01, n)).astype("float32")
    table["noise"] = rng.normal(size=n).astype("float32")
    table["place"] = table.entity_id.str[-1].astype("category")
    table["entity_id"] = table.entity_id.astype("category")
    rows = SimpleNamespace(
        table=table, features=FEATURES, categorical=("place",), labels={"last": "last month"}
    )
    model = BoostedTrees("trees", "Trees", rounds=30, leaf_rows=5)
    categories = list_categories(table, ["place"])
    models = []
    for fold in (1, 2, 3):
        y = (table.level * np.exp(table["last"] + rng.normal(0, 0.1, n))).to_numpy(float)
        trees = model.fit(table, y, features=FEATURES, categories=categories, seed=fold)
        models.append(
            SimpleNamespace(
                as_of=START + pd.Timedelta(days=28 * fold),
                models=(trees.saved,),
                feature_names=FEATURES,
                categories=categories,
                blend={"trees": 0.7 - fold / 10, "naive": 0.3 + fold / 10},
            )
        )
    folds = [
        SimpleNamespace(number=i, as_of=model.as_of) for i, model in enumerate(models, start=1)
    ]
    backtest = SimpleNamespace(
        predictions=predictions, models=tuple(models), folds=SimpleNamespace(test=folds)
    )
    return SimpleNamespace(backtest=backtest, rows=rows)


def change(case: SimpleNamespace, make: Callable[..., dict]) -> SimpleNamespace:
    """Return the backtest with other fields of its models."""
    ours = case.backtest
    models = tuple(SimpleNamespace(**{**vars(m), **make(m)}) for m in ours.models)
    return SimpleNamespace(predictions=ours.predictions, models=models, folds=ours.folds)


@pytest.mark.promise(21)
def test_drivers_are_found_joined_and_add_up(
    observe: Callable[[str], None], case: SimpleNamespace, make_spec: Make
) -> None:
    found = explain_models(case.backtest, case.rows, group([]), make_spec())
    first = found.drivers.iloc[0]
    assert first.feature in ("last", "last_twin")
    assert sorted(first.members) == ["last", "last_twin"]
    assert "with it)" in first.label
    assert found.drivers["share"].sum() == pytest.approx(1)
    assert found.drivers["rank"].tolist() == [1, 2, 3]
    assert first.folds_in_top == 3
    assert first.stability >= 0
    assert found.weight == pytest.approx(0.5)
    assert "50% of the forecast" in found.method
    assert "120 of 120 test rows" in found.method
    assert "not what causes" in found.caveat
    observe(f"relative error {found.additivity_error:.0e}")
    assert found.additivity_error <= 1e-6
    assert [f.status for f in found.findings] == [Status.PASS]


ENTITIES = [f"a{e:02}" for e in range(20)]


def explain_entities(case: SimpleNamespace, make_membership: Make, make_spec: Make):
    """Explain with each entity as a group of its own; its mean parts, by feature."""
    alone = pd.DataFrame(np.eye(20), index=ENTITIES, columns=ENTITIES)
    membership = make_membership(weights=alone, dimension="place")
    found = explain_models(case.backtest, case.rows, group([membership]), make_spec())
    return found, found.by_group.pivot(index="group", columns="feature", values="mean_shap")


def test_parts_in_units_add_up_to_the_forecast(
    case: SimpleNamespace, make_membership: Make, make_spec: Make
) -> None:
    found, parts = explain_entities(case, make_membership, make_spec)
    entity, rows = parts.sum(axis=1, skipna=False), found.rows
    distance = rows.level * (np.exp(rows.raw) - np.exp(rows.base))
    assert entity.to_numpy() == pytest.approx(
        distance.groupby(rows.entity_id).mean().to_numpy(), rel=1e-9
    )


def goes_left(node: dict, x: np.ndarray) -> bool:
    value = x[node["split_feature"]]
    if node["decision_type"] == "==":
        return str(int(value)) in node["threshold"].split("||")
    return bool(value <= node["threshold"])


def expect_output(node: dict, x: np.ndarray, known: tuple[int, ...]) -> float:
    """What a tree gives when only some features are known: the others branch as rows did."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expect_output(left if goes_left(node, x) else right, x, known)
    n, m = (k.get("internal_count", k.get("leaf_count")) for k in (left, right))
    return (n * expect_output(left, x, known) + m * expect_output(right, x, known)) / (n + m)


def test_equal_to_shapley_values_over_all_subsets(case: SimpleNamespace, make_spec: Make) -> None:
    """Shapley's own formula (1953), every subset of the features, tree by tree."""
    found = explain_models(case.backtest, case.rows, group([]), make_spec())
    handed = found.to_shap()
    assert handed.feature_names[0] == "last month"
    rows = case.rows.table
    codes = rows.place.astype(str).map({v: i for i, v in enumerate(sorted(set(rows.place)))})
    matrix = rows.assign(place=codes.astype(float))[list(FEATURES)].to_numpy(np.float64)
    count = len(FEATURES)
    split = set()
    for fold, model in zip(case.backtest.folds.test, case.backtest.models, strict=True):
        trees = lgb.Booster(model_str=model.models[0].content).dump_model()["tree_info"]
        split |= {node["split_feature"] for t in trees for node in list_splits(t["tree_structure"])}
        x = matrix[(rows.as_of == model.as_of).to_numpy()][:4]
        got = handed.values[(found.rows.fold == fold.number).to_numpy()][:4]
        wanted = np.zeros_like(got)
        for tree, i, f in product(trees, range(4), range(count)):
            others = [k for k in range(count) if k != f]
            for known in chain.from_iterable(combinations(others, r) for r in range(count)):
                weight = 1 / (count * math.comb(count - 1, len(known)))
                gain = expect_output(tree["tree_structure"], x[i], (*known, f))
                gain -= expect_output(tree["tree_structure"], x[i], known)
                wanted[i, f] += weight * gain
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-10)
    assert split == set(range(count)), "every feature, also the categorical one, is split on"


def list_splits(node: dict) -> list[dict]:
    if "leaf_value" in node:
        return []
    return [node, *list_splits(node["left_child"]), *list_splits(node["right_child"])]


def test_groups_are_weighted_means_and_small_ones_hidden(
    case: SimpleNamespace, make_membership: Make, make_spec: Make
) -> None:
    weights = pd.DataFrame(
        np.random.default_rng(1).dirichlet([1, 2], 20), index=ENTITIES, columns=["x", "y"]
    )
    membership = make_membership(weights=weights, dimension="origin")
    found = explain_models(case.backtest, case.rows, group([membership]), make_spec())
    _, area = explain_entities(case, make_membership, make_spec)
    wanted = (area.mul(weights.x, axis=0).sum() / weights.x.sum()).to_dict()
    got = found.by_group[found.by_group.group == "x"].set_index("feature").mean_shap.to_dict()
    assert got == pytest.approx(wanted)
    hidden = make_membership(weights=weights, dimension="origin", residents={"x": 3.0})
    found = explain_models(case.backtest, case.rows, group([hidden]), make_spec())
    assert found.by_group.mean_shap.isna().all()


def test_without_trees_it_says_so(case: SimpleNamespace, make_spec: Make) -> None:
    backtest = change(case, lambda model: {"models": ()})
    found = explain_models(backtest, case.rows, group([]), make_spec())
    assert found.findings[0].status is Status.NOT_APPLICABLE
    assert found.weight == 0
    assert found.drivers.empty
    assert math.isnan(found.additivity_error)


def test_same_twice(case: SimpleNamespace, make_spec: Make) -> None:
    one = explain_models(case.backtest, case.rows, group([]), make_spec())
    two = explain_models(case.backtest, case.rows, group([]), make_spec())
    pd.testing.assert_frame_equal(one.drivers, two.drivers)


def test_families_follow_absolute_rank_correlation() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    data = pd.DataFrame({"a": x, "b": -np.exp(x), "c": rng.normal(size=200), "d": "t", "e": 1.0})
    importance = pd.Series({"a": 1.0, "b": 2.0, "c": 0.5, "d": 0.1, "e": 0.0})
    assert find_families(data, importance) == {
        "b": ("b", "a"),
        "c": ("c",),
        "d": ("d",),
        "e": ("e",),
    }


def test_several_learners_are_weighed_as_the_blend_weighs_them(
    case: SimpleNamespace, make_spec: Make
) -> None:
    """Their parts, by weight, add up to the distance of their mix from its base."""
    table = case.rows.table
    categories = list_categories(table, ["place"])
    y = table.level.to_numpy(float)
    plain = BoostedTrees("plain", "Plain", rounds=9, leaf_rows=5)
    second = plain.fit(table, y - 9, features=FEATURES[1:], categories=categories, seed=1).saved
    both = change(
        case,
        lambda model: {
            "models": (*model.models, second),
            "blend": {"trees": 0.6, "plain": 0.2, "naive": 0.2},
        },
    )
    models = both.models
    found = explain_models(both, case.rows, group([]), make_spec())
    assert found.weight == pytest.approx(0.8)
    assert found.additivity_error <= 1e-9
    fold = found.rows[found.rows.fold == 1]
    own = table[table.as_of == models[0].as_of]
    parts = [load_learner(m).predict(own) for m in models[0].models]
    assert fold.raw.to_numpy() == pytest.approx(0.75 * parts[0] + 0.25 * parts[1])
    assert list(found.values.columns) == list(FEATURES)


def test_a_learner_without_an_explainer_is_left_out_and_its_weight_is_not_claimed(
    case: SimpleNamespace, make_spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FittedLearner):
        def predict(self, table: pd.DataFrame) -> np.ndarray:
            return np.zeros(len(table))

        def explain(self, table: pd.DataFrame, background: pd.DataFrame) -> None:
            return None

    monkeypatch.setitem(FORMATS, "silent", Silent)
    silent = SavedModel("silent", "silent", "", FEATURES, {}, 1)
    both = change(
        case, lambda m: {"models": (*m.models, silent), "blend": {"trees": 0.5, "silent": 0.5}}
    )
    found = explain_models(both, case.rows, group([]), make_spec())
    assert found.weight == pytest.approx(0.5)
    none = change(case, lambda m: {"models": (silent,), "blend": {"silent": 1.0}})
    assert explain_models(none, case.rows, group([]), make_spec()).weight == 0
