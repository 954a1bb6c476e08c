from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.errors import DataError, RunError
from cityai.modeling.estimators import (
    compute_contributions,
    fit_trees,
    list_categories,
    predict_trees,
)
from cityai.modeling.forecasters import TreesModel

MODEL = TreesModel("trees", "trees", rounds=30)
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
    return fit_trees(
        choices.pop("model", MODEL),
        table,
        label(table) if labels is None else labels,
        features=FEATURES,
        categories=list_categories(table, ["place"]),
        seed=7,
        **choices,
    )


def test_it_learns_a_rule_for_entities_of_any_size(table):
    forecast = predict_trees(fit(table), table)
    mean = table["mean"] * table["lag [1], a"] * table["level"]
    assert np.abs(forecast - mean).sum() / mean.sum() < 0.15
    assert forecast.sum() == pytest.approx(label(table).sum(), rel=0.03)


def test_the_same_rows_give_the_same_bytes_for_any_number_of_threads(table):
    model = replace(MODEL, rounds=5)
    texts = {fit(table, model=model, threads=threads).booster for threads in (1, 2, 1)}
    plain = {text.split("parameters:")[0] for text in texts}
    assert len(plain) == 1


def test_the_text_round_trip_is_exact_and_unknown_values_are_missing(table):
    trees = fit(table)
    new = table.assign(place=table["place"].cat.rename_categories({"d": "new"}))
    again = predict_trees(replace(trees, rows=0), table)
    np.testing.assert_array_equal(again, predict_trees(trees, table))
    assert np.isfinite(predict_trees(trees, new)).all()


def test_codes_do_not_depend_on_the_dtype_of_the_frame(table):
    trees = fit(table)
    texts = table.assign(place=table["place"].astype("str"))
    other = table.assign(place=table["place"].cat.reorder_categories(["d", "c", "b", "a"]))
    wanted = predict_trees(trees, table)
    np.testing.assert_array_equal(predict_trees(trees, texts), wanted)
    np.testing.assert_array_equal(predict_trees(trees, other), wanted)
    np.testing.assert_array_equal(predict_trees(trees, table[table.columns[::-1]]), wanted)


@pytest.mark.parametrize(
    "columns",
    [("place", "lag 2", "lag [1], a"), FEATURES[:2], (*FEATURES, "level"), ("x", *FEATURES[1:])],
    ids=["swapped", "missing", "extra", "renamed"],
)
def test_contributions_refuse_other_columns(table, columns):
    trees = fit(table)
    frame = table.assign(x=1.0)[list(columns)]
    with pytest.raises(DataError, match="not those that the trees were trained on"):
        compute_contributions(trees.booster, frame, trees.categories)


def test_contributions_add_up(table):
    trees = fit(table)
    found = compute_contributions(trees.booster, table[list(FEATURES)], trees.categories)
    total = found.base + found.values.sum(axis=1).to_numpy()
    np.testing.assert_allclose(total, found.raw, rtol=1e-9, atol=1e-9)
    level = table["level"].to_numpy()
    forecast = predict_trees(trees, table)
    np.testing.assert_allclose(level * np.exp(found.raw), forecast, rtol=1e-9)
    in_unit = found.to_unit(level).sum(axis=1) + level * np.exp(found.base)
    np.testing.assert_allclose(in_unit, forecast, rtol=1e-9)
    assert found.link == "log"
    own = compute_contributions(trees.booster, table[list(FEATURES)])
    pd.testing.assert_frame_equal(own.values, found.values)


def test_a_target_below_zero_takes_the_plain_loss(table):
    labels = label(table) - table["level"].to_numpy()
    trees = fit(table, labels)
    forecast = predict_trees(trees, table)
    assert (forecast < 0).any()
    found = compute_contributions(trees.booster, table[list(FEATURES)], trees.categories)
    assert found.link == "identity"
    level = table["level"].to_numpy()
    total = found.to_unit(level).sum(axis=1) + level * found.base
    np.testing.assert_allclose(total, forecast, rtol=1e-9, atol=1e-9)


def test_all_zero_labels_forecast_zero(table):
    forecast = predict_trees(fit(table, np.zeros(len(table))), table)
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
        fit_trees(
            MODEL, rows, labels, features=FEATURES, categories={"place": tuple("abcd")}, seed=1
        )
