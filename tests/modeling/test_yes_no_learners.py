from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cityai.errors import DataError
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.forecasters.logistic import (
    RidgeLogistic,
    _read_logistic,
    build_design,
    fit_sklearn,
)
from tests.modeling.test_backtest_listed import HELD_BACK

TREES = BoostedTrees("lightgbm", "trees", **HELD_BACK)
LINE = RidgeLogistic("logistic", "line", inverse_penalty=0.5)
FEATURES = ("amount, [odd] name", "gap", "kind", "colour")
KINDS = {"kind": ("bar", "shop"), "colour": ("blue", "green", "red")}
"""Not in the order of the alphabet: the coefficients must find their columns all the same."""


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 3000
    frame = pd.DataFrame(
        {
            FEATURES[0]: rng.lognormal(0, 1, n),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(0, 1, n)),
            "kind": pd.Categorical(rng.choice(["bar", "shop"], n)),
            "colour": pd.Categorical(rng.choice(["blue", "green", "red"], n)),
        }
    )
    odds = -1 + 0.8 * np.log(frame[FEATURES[0]]) + 0.9 * (frame["kind"] == "bar")
    odds -= 0.7 * (frame["colour"] == "red")
    return frame, (rng.random(n) < expit(odds)).astype(np.float64)


def test_a_logistic_regression_kept_as_figures_is_scikit_learns_own(made):
    frame, answers = made
    fitted = LINE.fit(frame, answers, features=FEATURES, categories=KINDS)
    design = build_design(_read_logistic(fitted.saved.content), frame)
    oracle = fit_sklearn(LINE, design, answers).predict_proba(design)[:, 1]
    again = load_learner(fitted.saved)
    assert np.abs(again.predict(frame) - oracle).max() < 1e-12
    parts = again.explain(frame, frame)
    assert expit(parts.base + parts.values.sum(axis=1).to_numpy()) == pytest.approx(oracle)


def test_unknown_categories_gaps_and_extremes_stay_finite(made):
    frame, answers = made
    fitted = LINE.fit(frame, answers, features=FEATURES, categories=KINDS)
    odd = pd.DataFrame(
        {
            FEATURES[0]: [1e308, np.nan],
            "gap": [np.nan, -1e308],
            "kind": ["new", None],
            "colour": "red",
        }
    )
    found = fitted.predict(odd)
    assert ((found > 0) & (found < 1)).all()
    only = LINE.fit(frame, answers, features=("kind",), categories=KINDS)
    assert len(only.predict(odd)) == 2


def test_trees_are_deterministic_and_explained_on_the_log_odds(made):
    frame, answers = made
    first, second = (
        TREES.fit(frame, answers, features=FEATURES, categories=KINDS, seed=1, threads=t)
        for t in (1, 2)
    )
    chance = first.predict(frame)
    assert (chance == second.predict(frame)).all()
    parts = first.explain(frame, frame)
    assert parts.link == "logit"
    assert expit(parts.base + parts.values.sum(axis=1).to_numpy()) == pytest.approx(chance)


@pytest.mark.parametrize("answers", [np.zeros(0), np.ones(50), np.full(50, 0.5)])
def test_answers_that_teach_nothing_are_refused(answers):
    frame = pd.DataFrame({"x": np.arange(float(len(answers)))})
    with pytest.raises(DataError, match="teach nothing"):
        TREES.fit(frame, answers, features=("x",), categories={}, seed=1)
    with pytest.raises(DataError, match="teach nothing"):
        LINE.fit(frame, answers, features=("x",), categories={})


def test_other_columns_and_infinities_are_refused(made):
    frame, answers = made
    trees = TREES.fit(frame, answers, features=FEATURES, categories=KINDS, seed=1)
    line = LINE.fit(frame, answers, features=FEATURES, categories=KINDS)
    for model in (trees, line):
        with pytest.raises(DataError):
            model.predict(frame.drop(columns="kind"))
        with pytest.raises(DataError, match="infinite"):
            model.predict(frame.assign(gap=np.inf))


def test_another_text_is_no_model():
    with pytest.raises(DataError, match="no logistic regression"):
        _read_logistic('{"features": 3}')
