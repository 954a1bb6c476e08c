"""Boosted trees for a yes or no: log-odds from features, held back for small data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cityai.errors import DataError
from cityai.modeling.classifiers import BoostedClassifier
from cityai.modeling.estimators.booster import encode, load_lightgbm, name_feature, read_booster
from cityai.modeling.estimators.trees import Trees
from cityai.modeling.forecasters import FloatArray


def check_answers(answers: FloatArray) -> None:
    """Refuse answers that nothing can be learnt from.

    Raises
    ------
    DataError
        When there are none, one is neither 0 nor 1, or all are the same.
    """
    if len(answers) and np.isin(answers, (0.0, 1.0)).all() and 0 < answers.sum() < len(answers):
        return
    yes = int((answers == 1).sum())
    raise DataError(
        f"{len(answers):,} answers, {yes:,} of them yes, teach nothing",
        where="training rows",
        expected="both answers, each 0 or 1",
    )


def fit_binary(
    model: BoostedClassifier,
    table: pd.DataFrame,
    answers: FloatArray,
    *,
    features: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
    seed: int,
    threads: int = 1,
) -> Trees:
    """Train trees on cases whose outcome was known.

    Parameters
    ----------
    model : BoostedClassifier
        The settings; the number of trees is fixed beforehand, nothing is stopped by looking.
    table : pandas.DataFrame
        Rows in a fixed order, with `features`.
    answers : numpy.ndarray
        Shape (n,), float64, 1 or 0.
    features : sequence of str
        Columns to learn from.
    categories : mapping of str to tuple of str
        Known values of the categorical ones.
    seed, threads : int
        Seed of the subsamples; threads, on which the result does not depend.

    Raises
    ------
    DataError
        When only one answer is there, or a feature is missing or infinite.
    """
    check_answers(answers)
    lightgbm = load_lightgbm()
    data = lightgbm.Dataset(
        encode(table, features, categories),
        label=answers,
        feature_name=[name_feature(i, name) for i, name in enumerate(features)],
        params={"verbosity": -1},
    )
    parameters = {
        "objective": "binary",
        "learning_rate": model.learning_rate,
        "num_leaves": model.leaves,
        "min_data_in_leaf": model.least_rows,
        "feature_fraction": model.feature_share,
        "bagging_fraction": model.row_share,
        "bagging_freq": 1,
        "lambda_l2": model.ridge,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    booster = lightgbm.train(parameters, data, num_boost_round=model.rounds)
    return Trees(booster.model_to_string(), tuple(features), dict(categories), len(answers))


def predict_binary(trees: Trees, table: pd.DataFrame) -> FloatArray:
    """Return probabilities, shape (n,).

    Raises
    ------
    DataError
        When the columns are not those that the trees were trained on.
    """
    if table.empty:
        return np.empty(0)
    booster = read_booster(trees.booster, trees.features)
    matrix = encode(table, trees.features, trees.categories)
    return np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)
