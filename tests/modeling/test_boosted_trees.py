from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError, RunError
from cityai.modeling.forecasters.boosted_trees import BoostedTrees, FittedTrees
from cityai.modeling.forecasters.encoding import list_categories
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.forecasters.protocol import SavedModel

MODEL = BoostedTrees("trees", "trees", rounds=30)
FEATURES = ("place", "lag [1], a", "lag 2")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 1500
    place = rng.integers(0, 4, n)
    return pd.DataFrame(
        {
            "place": pd.Categorical.from_codes(place, ["a", "b", "c", "d"]),
            "lag [1], a": rng.uniform(0, 2, n),
            "lag 2": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(0, 2, n)),
            "level": np.exp(rng.uniform(0, 5, n)),
            "mean": (1 + place * 0.2),
        }
    )


def label(table, seed=1) -> np.ndarray:
    mean = table["mean"] * table["lag [1], a"] * table["level"]
    return np.random.default_rng(seed).poisson(mean).astype(float)


def fit(table, labels=None, **choices):
    return choices.pop("model", MODEL).fit(
        table,
        label(table) if labels is None else labels,
        features=FEATURES,
        categories=list_categories(table, ["place"]),
        seed=7,
        **choices,
    )


def test_it_learns_a_rule_for_entities_of_any_size(table):
    forecast = fit(table).predict(table)
    mean = table["mean"] * table["lag [1], a"] * table["level"]
    assert np.abs(forecast - mean).sum() / mean.sum() < 0.15
    assert forecast.sum() == pytest.approx(label(table).sum(), rel=0.03)


def test_the_same_rows_give_the_same_bytes_for_any_number_of_threads(table):
    model = replace(MODEL, rounds=5)
    texts = {fit(table, model=model, threads=threads).saved.content for threads in (1, 2, 1)}
    plain = {text.split("parameters:")[0] for text in texts}
    assert len(plain) == 1


def read_thresholds(trees: FittedTrees) -> set[float]:
    lines = trees.saved.content.splitlines()
    told = [line.partition("=")[2] for line in lines if line.startswith("threshold=")]
    return {float(word) for line in told for word in line.split()}


def test_splits_at_random_learn_as_much_and_err_otherwise(table):
    random = replace(MODEL, random_splits=True)
    plain, other = fit(table), fit(table, model=random)
    assert other.saved.content == fit(table, model=random).saved.content
    mean = (table["mean"] * table["lag [1], a"] * table["level"]).to_numpy()
    errors = [trees.predict(table) - mean for trees in (plain, other)]
    assert all(np.abs(error).sum() < 0.15 * mean.sum() for error in errors)
    assert np.corrcoef(errors)[0, 1] < 0.9


def test_a_split_lies_at_the_edge_of_a_bin(table):
    few = read_thresholds(fit(table, model=replace(MODEL, bins=8)))
    assert len(few) <= 8 * len(FEATURES) < len(read_thresholds(fit(table)))


def test_the_text_round_trip_is_exact_and_unknown_values_are_missing(table):
    trees = fit(table)
    new = table.assign(place=table["place"].cat.rename_categories({"d": "new"}))
    again = load_learner(trees.saved).predict(table)
    np.testing.assert_array_equal(again, trees.predict(table))
    assert np.isfinite(trees.predict(new)).all()


def test_codes_do_not_depend_on_the_dtype_of_the_frame(table):
    trees = fit(table)
    texts = table.assign(place=table["place"].astype("str"))
    other = table.assign(place=table["place"].cat.reorder_categories(["d", "c", "b", "a"]))
    wanted = trees.predict(table)
    np.testing.assert_array_equal(trees.predict(texts), wanted)
    np.testing.assert_array_equal(trees.predict(other), wanted)
    np.testing.assert_array_equal(trees.predict(table[table.columns[::-1]]), wanted)


@pytest.mark.promise(22)
@pytest.mark.parametrize(
    "columns",
    [("place", "lag 2", "lag [1], a"), FEATURES[:2], (*FEATURES, "level"), ("x", *FEATURES[1:])],
    ids=["swapped", "missing", "extra", "renamed"],
)
def test_trees_of_other_columns_are_refused(observe, table, columns):
    saved = replace(fit(table).saved, features=columns)
    other = FittedTrees(saved)
    for ask in (other.predict, lambda t: other.explain(t, t)):
        with pytest.raises(DataError, match="not those that the trees were trained on"):
            ask(table.assign(x=1.0))
    observe("other columns refused")


def test_a_format_that_nothing_reads_is_refused():
    with pytest.raises(DataError, match="format 'abacus'"):
        load_learner(SavedModel("mine", "abacus", "", (), {}, 0))


def test_contributions_add_up(table):
    trees = fit(table)
    found = trees.explain(table, table)
    total = found.base + found.values.sum(axis=1).to_numpy()
    np.testing.assert_allclose(total, found.raw, rtol=1e-9, atol=1e-9)
    level = table["level"].to_numpy()
    forecast = trees.predict(table)
    np.testing.assert_allclose(level * np.exp(found.raw), forecast, rtol=1e-9)
    in_unit = found.to_unit().sum(axis=1) + level * np.exp(found.base)
    np.testing.assert_allclose(in_unit, forecast, rtol=1e-9)
    assert found.link == "log"
    pd.testing.assert_frame_equal(found.in_unit().values, found.to_unit())
    np.testing.assert_allclose(found.in_unit().raw, forecast, rtol=1e-9)


def test_a_target_below_zero_takes_the_plain_loss(table):
    labels = label(table) - table["level"].to_numpy()
    trees = fit(table, labels)
    forecast = trees.predict(table)
    assert (forecast < 0).any()
    found = trees.explain(table, table)
    assert found.link == "identity"
    level = table["level"].to_numpy()
    total = found.to_unit().sum(axis=1) + level * found.base
    np.testing.assert_allclose(total, forecast, rtol=1e-9, atol=1e-9)


def test_all_zero_labels_forecast_zero(table):
    forecast = fit(table, np.zeros(len(table))).predict(table)
    np.testing.assert_allclose(forecast, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t, y: (t.assign(**{"lag 2": np.inf}), y), DataError, "infinite"),
        (lambda t, y: (t.drop(columns="lag 2"), y), DataError, "missing"),
        (lambda t, y: (t.assign(level=0.0), y), RunError, "level is not above 0"),
        (lambda t, y: (t, np.where(y > 5, np.nan, y)), DataError, "not finite"),
        (lambda t, y: (t, np.where(y > 5, np.inf, y)), DataError, "not finite"),
        (lambda t, y: (t.iloc[:0], y[:0]), DataError, "no rows"),
    ],
)
def test_hostile_rows_are_refused(table, change, error, message):
    rows, labels = change(table, label(table))
    with pytest.raises(error, match=message):
        MODEL.fit(rows, labels, features=FEATURES, categories={"place": tuple("abcd")}, seed=1)
