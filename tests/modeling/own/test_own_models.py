"""A city's own models: what works, and everything that may go wrong, each said with its step."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.config.policy import PolicySpec
from cityai.data.leaks import Labels
from cityai.data.rows import Rows
from cityai.errors import DataError, SpecError
from cityai.findings import Status
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.forecasters.protocol import Learner, SeriesForecaster
from cityai.modeling.forecasters.series import SeriesHistory
from cityai.modeling.own import checks
from cityai.modeling.own.checks import judge_negative
from cityai.modeling.own.models import FittedOwn, OwnSeries
from tests.modeling.own.conftest import FEATURES, Load, fit, make_project, make_table

HEAD = """
import os, socket
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

def prepare(model):
    return make_pipeline(make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    ), model)

class Bad(RegressorMixin, BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        self.y_ = y
        return self
    def predict(self, X):
        return np.zeros(len(X))
"""
GOOD = (
    HEAD
    + '''
def mine():
    """Boosting of the depots' office."""
    return prepare(HistGradientBoostingRegressor(max_iter=10))

def forest():
    return prepare(RandomForestRegressor(5))

def weights():
    return prepare(Ridge(alpha=0.0001))

class Last:
    def forecast(self, asked):
        return np.tile(asked.history[-1], (asked.steps, 1))

def last():
    """The last week."""
    return Last()
'''
)


def test_a_model_of_the_city_is_a_candidate_like_any_other(load: Load) -> None:
    """Named by its docstring, fitted on named features, kept as text, loaded, and explained."""
    models = load(GOOD, "mine", "forest", "last")
    assert [m.label for m in models.values()] == [
        "Boosting of the depots' office",
        "forest",
        "The last week",
    ]
    assert isinstance(models["mine"], Learner)
    assert isinstance(models["last"], SeriesForecaster)
    table, amount = make_table()
    for name in ("mine", "forest"):
        fitted = fit(models[name])
        assert fitted.saved.features == FEATURES
        assert fitted.saved.rows == 300
        found = fitted.predict(table)
        assert np.corrcoef(found, amount)[0, 1] > 0.9
        assert np.array_equal(load_learner(fitted.saved).predict(table), found)
        assert fitted.predict(table.iloc[:0]).shape == (0,)
        parts = fitted.explain(table[:20], table)
        assert parts is not None
        assert np.allclose(
            (parts.base + parts.values.sum(axis=1)) * parts.level, found[:20], rtol=1e-5
        )
    assert fit(models["mine"]).saved == fit(models["mine"]).saved, "a fit can be made again"
    settings = fit(models["forest"]).saved.settings
    assert settings["randomforestregressor__random_state"] == "7", "the project's seed"
    assert settings["randomforestregressor__n_estimators"] == "5"
    assert settings["columntransformer__onehotencoder__dtype"] == "float64"
    history = SeriesHistory(np.arange(12.0).reshape(6, 2), 1, 3, 52, 52)
    assert models["last"].forecast(history).tolist() == [[10.0, 11.0]] * 3


def test_an_amount_is_learnt_as_a_share_of_its_level_weighed_by_it(load: Load) -> None:
    """Ten times the level: ten times the forecast; and large rows weigh more than small ones."""
    model = load(GOOD, "weights")["weights"]
    table, _ = make_table()
    table["level"] = np.where(np.arange(300) % 2, 99.0, 1.0)
    amount = table["level"].to_numpy() * np.where(np.arange(300) % 2, 2.0, 1.0)
    found = fit(model).predict(table)
    assert np.allclose(fit(model).predict(table.assign(level=table["level"] * 10)), 10 * found)
    plain = model.fit(table, amount, features=("trend",), categories={}, seed=1)
    assert np.isclose(np.mean(plain.predict(table) / table["level"]), 1.99, atol=0.05)


def test_what_is_missing_or_new_is_a_category(load: Load) -> None:
    model = load(GOOD, "mine")["mine"]
    table, _ = make_table()
    fitted = fit(model)
    gap = fitted.predict(table.assign(kind=pd.Categorical([None] * 300, categories=["bar"])))
    new = fitted.predict(table.assign(kind="harbour"))
    assert np.array_equal(gap, new)


def test_a_number_that_no_training_row_had_stops_no_model(load: Load) -> None:
    """Histogram trees and imputers fail on a column of gaps; later values of it change nothing."""
    code = GOOD + "def bare(): return HistGradientBoostingRegressor(max_iter=5)\n"
    for model in load(code, "mine", "bare", "weights").values():
        table, amount = make_table()
        gaps = {"features": ("lag", "trend"), "categories": {}, "seed": 7}
        fitted = model.fit(table.assign(trend=np.nan), amount, **gaps)
        found = fitted.predict(table)
        assert np.array_equal(found, fitted.predict(table.assign(trend=np.nan)))
        assert np.array_equal(load_learner(fitted.saved).predict(table), found)
        parts = fitted.explain(table[:20], table)
        assert parts is not None
        assert (parts.values["trend"] == 0).all()


def test_probabilities_are_of_a_yes(load: Load) -> None:
    code = HEAD + "def mine(): return prepare(LogisticRegression())\n"
    model = load(code, "mine", probability=True)["mine"]
    table, amount = make_table()
    found = fit(model).predict(table)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.mean(found[amount > np.median(amount)]) > np.mean(found[amount < np.median(amount)])


def test_catboost_is_told_the_categories(load: Load) -> None:
    pytest.importorskip("catboost", reason="the extra `catboost` is not installed")
    code = "def mine():\n    from catboost import CatBoostRegressor\n"
    model = load(code + "    return CatBoostRegressor(iterations=20, verbose=0)\n", "mine")["mine"]
    fitted = fit(model)
    table, amount = make_table()
    assert fitted.saved.format == "catboost"
    assert np.corrcoef(fitted.predict(table), amount)[0, 1] > 0.8


NOT_LOADED = {
    "import no_such_library\n": "cannot be run: ModuleNotFoundError.*no_such_library",
    "def mine(:\n": "cannot be run: SyntaxError",
    "def yours(): pass\n": "'mine', which models.py does not define",
    "def mine(): return 3\n": "returned no estimator, but int",
    "def mine(): pass\n": "returned no estimator, but NoneType",
    "def mine(a): pass\n": "the function failed: TypeError",
    HEAD + "def mine(): return Ridge\n": "returned the class Ridge(?s:.)*return Ridge()",
    HEAD + "def mine(): return LogisticRegression()\n": "LogisticRegression, a classifier, for a",
    "x = open('/etc/hostname').read()\n": "models.py opens /etc/hostname|cannot be run: Permission",
    "x = open('data.csv').read()\ndef mine(): pass\n": "models.py opens data.csv",
}


@pytest.mark.parametrize("code", NOT_LOADED)
def test_a_file_that_gives_no_model_says_so(load: Load, code: str) -> None:
    with pytest.raises((SpecError, DataError), match=NOT_LOADED[code]) as caught:
        load(code, "mine")
    assert "models.py" in str(caught.value)


@pytest.mark.parametrize("name", ["Ridge", "Last"])
def test_a_ranked_list_needs_a_classifier(load: Load, name: str) -> None:
    code = GOOD + f"def it(): return {name}()\n"
    with pytest.raises(SpecError, match=f"returned.*{name}"):
        load(code, "it", probability=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    from cityai.modeling.own.models import load_models

    with pytest.raises(SpecError, match=r"names mine, and there is no models\.py"):
        load_models(make_project(tmp_path, ["mine"]), probability=False)


BAD = {
    "fails": ("def fit(self, X, y, sample_weight=None): raise KeyError('depot')", "fit failed.*de"),
    "gaps": ("def predict(self, X): return np.full(len(X), np.nan)", "no finite number for 300"),
    "length": ("def predict(self, X): return np.zeros(3)", r"the shape \(3,\) for 300 rows"),
    "two": ("def predict(self, X): return np.zeros((len(X), 2))", r"the shape \(300, 2\)"),
    "texts": ("def predict(self, X): return ['a'] * len(X)", "something other than numbers"),
    "kept": ("pass", r"cannot be saved.*models\.kept"),
}
BAD_CODE = HEAD + "".join(
    f"class {name}(Bad):\n    {code}\ndef make_{name}(): return {name}()\n"
    for name, (code, _) in BAD.items()
)


def test_a_model_that_is_wrong_is_refused_in_its_fit(load: Load) -> None:
    models = load(BAD_CODE, *(f"make_{name}" for name in BAD))
    for name, (_, said) in BAD.items():
        with pytest.raises((DataError, SpecError), match=said) as caught:
            fit(models[f"make_{name}"])
        assert "models.py" in str(caught.value)
        assert name == "kept" or "in fit, with rows known until 2020-10-26" in str(caught.value)
        assert f"make_{name}()" in str(caught.value) or "fit()" in str(caught.value)


def test_chances_outside_0_to_1_are_refused(load: Load) -> None:
    code = HEAD + (
        "class Odd(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n        self.classes_ = np.array([0, 1])\n        return self\n"
        "    def predict(self, X): return np.zeros(len(X))\n"
        "    def predict_proba(self, X): return np.full((len(X), 2), 1.5)\n"
        "def odd(): return Odd()\n"
    )
    with pytest.raises(DataError, match=r"chances from 1\.5 to 1\.5"):
        fit(load(code, "odd", probability=True)["odd"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/tmp/secret.csv')", r"models\.py opens /tmp/secret\.csv"),
        ("socket.create_connection(('127.0.0.1', 9))", r"models\.py opens socket"),
        ("os.system('true')", r"models\.py opens os\.system"),
    ],
)
def test_a_model_may_not_reach_outside(load: Load, code: str, said: str) -> None:
    inner = f"    def fit(self, X, y, sample_weight=None):\n        {code}\n"
    models = load(HEAD + f"class Out(Bad):\n{inner}def out(): return Out()\n", "out")
    with pytest.raises(DataError, match=said) as caught:
        fit(models["out"])
    assert "in fit" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "limit", "said"),
    [
        ("while True: pass", ("CITYAI_LIMIT_SECONDS", "15"), "longer than 15 seconds"),
        ("bytearray(9 * 2**30)", ("CITYAI_LIMIT_GB", "8"), "8 GB of memory"),
    ],
)
def test_a_model_without_end_or_bounds_is_ended(
    load: Load, monkeypatch: pytest.MonkeyPatch, code: str, limit: tuple[str, str], said: str
) -> None:
    monkeypatch.setenv(*limit)
    inner = f"    def fit(self, X, y, sample_weight=None):\n        {code}\n"
    models = load(HEAD + f"class Big(Bad):\n{inner}def big(): return Big()\n", "big")
    with pytest.raises(DataError, match=said) as caught:
        fit(models["big"])
    assert limit[0] in str(caught.value)
    assert "in fit" in str(caught.value)


def test_nothing_is_remembered_from_a_later_moment(load: Load) -> None:
    """The same file is asked about a later moment, then an earlier one: a fresh process answers."""
    code = HEAD + (
        "seen = []\nclass Last:\n    def forecast(self, asked):\n"
        "        seen.append(len(asked.history))\n"
        "        return np.full((asked.steps, asked.history.shape[1]), float(max(seen)))\n"
        "def last(): return Last()\n"
    )
    model = load(code, "last")["last"]
    assert isinstance(model, OwnSeries)
    found = [model.forecast(SeriesHistory(np.ones((n, 1)), 0, 1, 52, 52))[0, 0] for n in (5, 9, 3)]
    assert found == [5.0, 9.0, 3.0]


def test_functions_share_the_process_of_a_moment_in_which_each_is_asked_once(load: Load) -> None:
    """To begin one takes seconds; a second answer about a moment may know nothing of the first."""
    code = HEAD + (
        "asked = []\nclass Count:\n    def forecast(self, given):\n        asked.append(1)\n"
        "        return np.full((given.steps, given.history.shape[1]), float(len(asked)))\n"
        "def one(): return Count()\ndef two(): return Count()\n"
    )
    models, given = load(code, "one", "two"), SeriesHistory(np.ones((5, 1)), 0, 1, 52, 52)
    found = [models[name].forecast(given)[0, 0] for name in ("one", "two", "one", "two")]  # type: ignore[union-attr]
    assert found == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("np.ones((1, 1))", r"gave the shape \(1, 1\)"),
        ("np.full((3, 2), np.nan)", "no finite number for 6 of 6"),
        ("1 / 0", "forecast failed: ZeroDivisionError"),
    ],
)
def test_a_forecaster_that_is_wrong_is_refused(load: Load, code: str, said: str) -> None:
    lines = f"class L:\n    def forecast(self, asked): return {code}\ndef last(): return L()\n"
    model = load("import numpy as np\n" + lines, "last")["last"]
    assert isinstance(model, OwnSeries)
    with pytest.raises(DataError, match=said) as caught:
        model.forecast(SeriesHistory(np.ones((4, 2)), 0, 3, 52, 52))
    assert "in forecast, with 4 periods of history" in str(caught.value)


def make_rows(leak: bool = False) -> tuple[Rows, Labels]:
    """Forty moments of eight entities; a feature may be the target itself."""
    rng = np.random.default_rng(1)
    moments = np.repeat(pd.date_range("2020-01-01", periods=80, freq="W").as_unit("us"), 8)
    amount = rng.gamma(2.0, 5.0, len(moments))
    entity = np.tile(np.arange(8), 80)
    table = pd.DataFrame(
        {
            "as_of": moments,
            "entity_id": pd.Categorical([f"e{e}" for e in entity]),
            "step": np.ones(len(moments), dtype=np.int16),
            "level": np.full(len(moments), 10.0),
            "noise": rng.normal(size=len(moments)),
            "told": amount / 10.0 if leak else rng.normal(size=len(moments)),
        }
    )
    usual = rng.gamma(2.0, 5.0, (len(moments), 3))
    names = {name: name for name in ("noise", "told")}
    return Rows(table, tuple(names), (), names), Labels(amount, usual)


def rehearse(load: Load, tmp_path: Path, code: str, *, leak: bool = False) -> dict[str, Status]:
    load(HEAD + code, "mine")
    project = make_project(tmp_path, ["mine"])
    project.spec.policy = PolicySpec()
    rows, labels = make_rows(leak)
    source = SimpleNamespace(
        project=project, searched=None, rows_at=lambda _: rows, label=lambda _: labels
    )
    found = checks.rehearse_models(source)  # type: ignore[arg-type]
    assert all("mine" in str(f.reason) for f in found if f.status is Status.FAIL)
    return {finding.code: finding.status for finding in found}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system's refusal is Linux's")
def test_a_rehearsal_of_a_good_model_passes(load: Load, tmp_path: Path) -> None:
    found = rehearse(load, tmp_path, "def mine(): return make_pipeline(SimpleImputer(), Ridge())\n")
    assert found == {
        "models.closed": Status.PASS,
        "models.repeatable": Status.PASS,
        "models.near_perfect": Status.PASS,
    }


def test_a_model_that_takes_the_target_as_a_feature_is_found(load: Load, tmp_path: Path) -> None:
    code = "def mine(): return make_pipeline(SimpleImputer(), Ridge(alpha=1e-6))\n"
    assert rehearse(load, tmp_path, code, leak=True)["models.near_perfect"] is Status.FAIL


def test_a_model_that_is_another_one_each_time_is_found(load: Load, tmp_path: Path) -> None:
    code = (
        "def mine():\n    seed = int.from_bytes(os.urandom(3), 'little')\n"
        "    return prepare(RandomForestRegressor(5, random_state=seed))\n"
    )
    code = code.replace("prepare(", "make_pipeline(SimpleImputer(), ")
    assert rehearse(load, tmp_path, code)["models.repeatable"] is Status.FAIL


def test_forecasts_below_0_are_counted_with_their_moment() -> None:
    counted = {("mine", "2024-03-04"): 3, ("mine", "2024-04-01"): 9, ("lightgbm", "2024-03-04"): 2}
    (finding,) = judge_negative(counted, ["mine"])
    assert finding.status is Status.FAIL
    assert finding.observed == 12
    assert "mine at 2024-04-01, in predict: 9" in str(finding.reason)
    assert judge_negative({}, ["mine"]) == ()
    assert judge_negative(counted, []) == ()


def test_a_saved_model_that_is_damaged_ends_nothing() -> None:
    from cityai.modeling.forecasters.protocol import SavedModel

    saved = SavedModel("mine", "skops", "AAAA", ("lag",), {}, 9, {"target": "probability"})
    with pytest.raises(DataError, match="damaged"):
        FittedOwn(saved).predict(make_table()[0])
