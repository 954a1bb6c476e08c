"""What is kept of an estimator is no pickle, and is loaded by a list of types alone."""

from __future__ import annotations

import io
import pickle
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from sklearn.utils import all_estimators
from sklearn.utils.validation import has_fit_parameter

from cityai.errors import DataError, SpecError
from cityai.modeling.own.explainers import explain_rows
from cityai.modeling.own.formats import (
    CATBOOST,
    LIGHTGBM,
    SKOPS,
    dump_estimator,
    find_types,
    load_estimator,
    predict_estimator,
)
from cityai.modeling.own.models import _arrange_features
from tests.modeling.own.conftest import CATEGORIES, FEATURES, make_table

RAW, Y = make_table()
TABLE = _arrange_features(RAW, FEATURES, CATEGORIES)
YES = (np.median(Y) < Y).astype(np.int64)


def prepare(estimator: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    groups = make_column_selector(dtype_include="category")
    return make_pipeline(
        make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), groups),
        ),
        estimator,
    )


def light(name: str) -> Any:
    import lightgbm

    return getattr(lightgbm, name)(n_estimators=20, verbose=-1, n_jobs=1)


def cat(name: str) -> Any:
    catboost = pytest.importorskip("catboost", reason="the extra `catboost` is not installed")
    return getattr(catboost, name)(
        iterations=20, verbose=0, cat_features=["kind"], allow_writing_files=False
    )


KEPT = {
    "histogram trees in a pipeline": (
        lambda: prepare(HistGradientBoostingRegressor(loss="poisson", max_iter=20)),
        SKOPS,
        "trees",
    ),
    "histogram trees of yes and no": (
        lambda: prepare(HistGradientBoostingClassifier(max_iter=20)),
        SKOPS,
        "trees",
    ),
    "trees with categories of their own": (
        lambda: HistGradientBoostingRegressor(max_iter=20, categorical_features="from_dtype"),
        SKOPS,
        "permutation",
    ),
    "a forest": (lambda: prepare(RandomForestRegressor(10)), SKOPS, "trees"),
    "a line": (lambda: prepare(Ridge()), SKOPS, "linear"),
    "a line of yes and no": (lambda: prepare(LogisticRegression()), SKOPS, "linear"),
    "LightGBM": (lambda: light("LGBMRegressor"), LIGHTGBM, "trees"),
    "LightGBM of yes and no": (lambda: light("LGBMClassifier"), LIGHTGBM, "trees"),
    "LightGBM in a pipeline": (lambda: prepare(light("LGBMRegressor")), SKOPS, "trees"),
    "CatBoost": (lambda: cat("CatBoostRegressor"), CATBOOST, "trees"),
    "CatBoost of yes and no": (lambda: cat("CatBoostClassifier"), CATBOOST, "trees"),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_estimator_comes_back_as_it_was_and_is_explained(name: str) -> None:
    """Bit for bit; the text holds no clock and no address; the parts add up to the prediction."""
    make, wanted, way = KEPT[name]
    estimator = make()
    probability = hasattr(estimator, "predict_proba")
    estimator.fit(TABLE, YES if probability else Y)
    form, content = dump_estimator(estimator, "here")
    assert form == wanted
    assert dump_estimator(estimator, "here")[1] == content
    loaded = load_estimator(form, content, "here")
    found = loaded.predict(TABLE, probability)
    assert np.array_equal(found, predict_estimator(estimator, TABLE, probability))
    parts = explain_rows(loaded, TABLE[:40], TABLE, probability=probability, seed=1)
    assert parts is not None
    assert parts.way == way
    back = {"identity": lambda s: s, "log": np.exp, "logit": lambda s: 1 / (1 + np.exp(-s))}
    total = back[parts.link](parts.base + parts.values.sum(axis=1))
    assert np.allclose(total, found[:40], rtol=1e-5)


def list_shapes(content: str) -> set[tuple[int, ...]]:
    """Return the shapes of all arrays in a file of skops."""
    with zipfile.ZipFile(io.BytesIO(b64decode(content))) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        return {np.load(io.BytesIO(archive.read(name))).shape for name in names}


def list_saved(rows: int) -> Iterator[tuple[str, str]]:
    """Fit scikit-learn's estimators, weighed where they can be; give the text of what is kept."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    y, weight = table["a"].to_numpy() + rng.uniform(0, 0.1, rows), rng.uniform(1, 2, rows)
    for target, kind in ((y, "regressor"), ((y > 0).astype(int), "classifier")):
        for name, make in all_estimators(kind):
            if "Multi" in name or name == "QuantileRegressor":
                continue
            try:
                estimator = make()
                if "random_state" in estimator.get_params():
                    estimator.set_params(random_state=0)
                if has_fit_parameter(estimator, "sample_weight"):
                    estimator.fit(table, target, sample_weight=weight)
                else:
                    estimator.fit(table, target)
                yield name, dump_estimator(estimator, "here")[1]
            except (SpecError, TypeError, ValueError):
                continue


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_nothing_that_is_kept_has_a_figure_for_each_training_row() -> None:
    kept = dict(list_saved(1009))
    assert {"RandomForestRegressor", "BaggingClassifier", "HuberRegressor", "Ridge"} <= set(kept)
    assert [n for n, text in kept.items() if any(1009 in s for s in list_shapes(text))] == []


def test_a_forest_does_not_keep_the_weights_of_its_rows() -> None:
    forest = prepare(RandomForestRegressor(3))
    forest.fit(TABLE, Y, randomforestregressor__sample_weight=Y)
    assert not any(len(Y) in shape for shape in list_shapes(dump_estimator(forest, "here")[1]))


class Mine(RegressorMixin, BaseEstimator):
    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Mine:
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(X))


def own_loss(y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return raw - y, np.ones_like(y)


REFUSED = {
    "a class of the city": (Mine, r"test_formats\.Mine"),
    "a function of the city": (
        lambda: make_pipeline(FunctionTransformer(own_loss), Ridge()),
        r"own_loss",
    ),
    "neighbours": (lambda: prepare(KNeighborsRegressor()), r"neighbors.*the training rows"),
    "support vectors": (lambda: prepare(SVR()), r"svm.*SVR.*the training rows"),
    "a Gaussian process": (
        lambda: prepare(GaussianProcessRegressor(optimizer=None)),
        r"gaussian_process.*the training rows",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_type_outside_the_list_is_refused_by_name(name: str) -> None:
    make, named = REFUSED[name]
    estimator = make()
    if name != "a function of the city":
        estimator.fit(TABLE, Y)
    with pytest.raises(SpecError, match=named) as caught:
        dump_estimator(estimator, "models.py:3, mine()")
    assert "models.py:3, mine()" in str(caught.value)
    assert "features.py" in str(caught.value)


def test_an_objective_that_is_a_function_is_refused() -> None:
    with pytest.raises(SpecError, match="its objective is a function"):
        dump_estimator(light("LGBMRegressor").set_params(objective=own_loss), "here")


def test_a_forged_file_makes_nothing() -> None:
    """A type put into the archive afterwards is refused before anything of it is made."""
    _, content = dump_estimator(prepare(Ridge()).fit(TABLE, Y), "here")
    raw = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(b64decode(content))) as old, zipfile.ZipFile(raw, "w") as new:
        for name in old.namelist():
            part = old.read(name).replace(b'"Ridge"', b'"Popen"')
            part = part.replace(b'"sklearn.linear_model._ridge"', b'"subprocess"')
            new.writestr(name, part)
    assert "subprocess.Popen" in find_types(raw.getvalue())
    with pytest.raises(SpecError, match="Popen"):
        load_estimator(SKOPS, b64encode(raw.getvalue()).decode(), "here")
    for content in ("", "AAAA", b64encode(pickle.dumps(Ridge())).decode()):
        with pytest.raises(DataError, match="damaged"):
            load_estimator(SKOPS, content, "here")
