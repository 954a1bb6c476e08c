"""Whole projects with a city's own models: run, logged, explained, verified, asked for a moment."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.delivery.predict import predict_project
from cityai.errors import DataError
from cityai.pipeline.run import run_project
from cityai.track.server import connect_tracking
from tests.conftest import draw_requests, write_workspace
from tests.delivery.conftest import FORECAST, RISK, City, draw_inspections, run_city

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures", "few_trees")]

MODELS = '''
import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

def prepare(model):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        sparse_threshold=0), model)

def line():
    """A line of the statistics office."""
    return prepare(LINE)

def light():
    from lightgbm import LGBMClassifier, LGBMRegressor
    return LGBM(n_estimators=20, verbose=-1)

def cat():
    from catboost import CatBoostClassifier, CatBoostRegressor
    return CATBOOST(iterations=20, verbose=0)

def hist():
    return HIST(max_iter=20, categorical_features="from_dtype")

class Recent:
    def get_params(self):
        return {"periods": 8}

    def forecast(self, asked):
        return np.tile(np.nan_to_num(asked.history[-8:]).mean(axis=0), (asked.steps, 1))

def recent():
    """The mean of eight weeks."""
    return Recent()
'''
AMOUNTS = {
    "LINE": "Ridge(alpha=3.0)",
    "LGBM": "LGBMRegressor",
    "CATBOOST": "CatBoostRegressor",
    "HIST": "HistGradientBoostingRegressor",
}
ANSWERS = {
    "LINE": "LogisticRegression(C=0.1)",
    "LGBM": "LGBMClassifier",
    "CATBOOST": "CatBoostClassifier",
    "HIST": "HistGradientBoostingClassifier",
}
LOGGED = {
    "line": ("estimator", "Pipeline"),
    "light": ("n_estimators", "20"),
    "cat": ("iterations", "20"),
    "hist": ("max_iter", "20"),
    "recent": ("periods", "8"),
    "lightgbm": ("num_leaves", {"demand": "31", "risk": "7"}),
    "random_splits": ("extra_trees", "True"),
    "logistic": ("C", "0.01"),
    "theta": ("theta", "[1.0, 1.5, 2.0, 3.0, 5.0, 10.0]"),
    "smoothing": ("level", "(0.03, 0.1, 0.2, 0.35, 0.55, 0.8)"),
}
"""A parameter of each candidate, as its child run has it."""
NOT_HERE = () if find_spec("catboost") else ("cat",)


def write_city(place: Path, kind: str, own: list[str], only: str = "") -> Path:
    """Write a small city whose project names models of its own."""
    demand = kind == "demand"
    project = (
        FORECAST.replace("folds: 6, calibration: 3", "folds: 2, calibration: 2") if demand else RISK
    )
    data = draw_requests() if demand else draw_inspections()
    alone = f", only: [{only}]" if only else ""
    folder = write_workspace(place, data, f"{project}models: {{own: [{', '.join(own)}]{alone}}}\n")
    code = MODELS
    for name, wanted in (AMOUNTS if demand else ANSWERS).items():
        code = code.replace(f"{name}(" if name != "LINE" else name, wanted + "(" * (name != "LINE"))
    (folder / "models.py").write_text(code)
    return folder


def list_children(city: City) -> dict[str, Any]:
    """Return the child runs of candidates, by name."""
    client = connect_tracking(city.place / ".cityai").client
    experiment = client.get_experiment_by_name("requests").experiment_id
    mine = f"tags.`mlflow.parentRunId` = '{city.result.mlflow_run_id}'"
    runs = client.search_runs([experiment], f"{mine} and tags.`cityai.role` = 'candidate'")
    return {run.data.tags["cityai.model"]: run.data for run in runs}


@pytest.fixture(scope="module", params=["demand", "risk"])
def blended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> City:
    """Every library's models in the blend beside ours."""
    own = [name for name in ("line", "light", "cat", "hist") if name not in NOT_HERE]
    own += ["recent"] if request.param == "demand" else []
    return run_city(write_city(tmp_path_factory.mktemp("own"), request.param, own))


def test_every_candidate_is_a_child_run_with_its_parameters(blended: City) -> None:
    spec, children = blended.result.project.spec, list_children(blended)
    assert set(children) == set(blended.result.backtest.final.blend)
    assert set(spec.models.own) < set(children)
    for name, data in children.items():
        key, wanted = LOGGED[name]
        said = wanted if isinstance(wanted, str) else wanted[spec.kind]
        assert data.params[key] == said, name
        assert data.metrics, name


def test_the_logged_model_names_the_libraries_that_it_needs(blended: City) -> None:
    (needs,) = (blended.place / ".cityai" / "artifacts").rglob("requirements.txt")
    named = {line.split("==")[0] for line in needs.read_text().splitlines()}
    assert named >= {"lightgbm", "scikit-learn", "skops"}
    assert ("catboost" in named) == ("cat" not in NOT_HERE)


def test_a_card_with_own_models_explains_and_verifies(blended: City) -> None:
    explanation = blended.result.card.model.explanation
    assert explanation is not None
    assert "the city's own model among them" in str(blended.result.explanation.method)
    assert "made by trees" not in " ".join(map(str, explanation.in_words))
    assert run_command(["card", "verify", str(blended.folder)]) == 0
    found = {f.code: f.status.value for f in blended.result.findings}
    assert found["models.repeatable"] == found["models.near_perfect"] == "pass"
    assert found["explain.additivity"] == "pass"


def test_the_published_model_is_asked_for_a_moment(blended: City, tmp_path: Path) -> None:
    demand = blended.result.project.spec.kind == "demand"
    moment = pd.Timestamp("2023-07-03" if demand else "2023-11-26")
    made = predict_project(blended.result.project, moment, out=tmp_path / "out", sheets=1)
    table = pd.read_parquet(made.files[1])
    assert np.isfinite(table["y_pred"]).all()
    assert (table["reason_1"] != "").all()
    assert set(table["run_id"]) == {blended.result.mlflow_run_id}


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("demand", "line", "shap's explainer of trees or of linear models"),
        ("demand", "recent", "so there is nothing to take apart"),
        ("risk", "hist", "shap's explainer of trees or of linear models"),
    ],
)
def test_a_model_predicts_alone(kind: str, name: str, said: str, tmp_path: Path) -> None:
    city = run_city(write_city(tmp_path, kind, [name], only=name))
    result = city.result
    assert result.backtest.predictions.chosen == name
    assert set(list_children(city)) == {name}
    assert said in str(result.explanation.method)
    assert run_command(["card", "verify", str(city.folder)]) == 0
    moment = pd.Timestamp("2023-07-03" if kind == "demand" else "2023-11-26")
    made = predict_project(result.project, moment, out=tmp_path / "out")
    assert np.isfinite(made.predicted.table["y_pred"]).all()


def test_a_model_that_fails_late_is_blamed_with_fold_and_step(tmp_path: Path) -> None:
    """It passes the rehearsal on few rows, and earlier results stay as they were."""
    folder = write_city(tmp_path, "demand", ["late"])
    spec = folder / "project.yaml"
    spec.write_text(spec.read_text().replace("folds: 2", "folds: 6"))
    code = (folder / "models.py").read_text()
    late = (
        "\nclass Late(Recent):\n    def forecast(self, asked):\n"
        "        if len(asked.history) > 115: raise ValueError('too long')\n"
        "        return super().forecast(asked)\n\ndef late(): return Late()\n"
    )
    (folder / "models.py").write_text(code + late)
    with pytest.raises(DataError, match=r"Late\.forecast failed: ValueError: too long") as caught:
        run_project(load_project(folder))
    assert "in forecast, with 11" in caught.value.where
    assert "at test fold " in caught.value.where
    assert not list((tmp_path / "model_cards").rglob("card.html"))
