"""Boosted trees over all entities together, for amounts.

The target is divided by the row's ``level`` and every row weighs as its level, so that entities of
different size teach each other and errors count in the target's unit. Every fit takes one thread:
origins are fitted side by side instead, which is faster on few rows and steady on a busy machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.errors import DataError, RunError
from cityai.modeling.estimators.booster import encode, load_lightgbm, name_feature, read_booster
from cityai.modeling.forecasters import FloatArray, TreesModel

LEVEL = "level"


@dataclass(frozen=True, slots=True)
class Trees:
    """Trained trees, as text.

    Attributes
    ----------
    booster : str
        LightGBM's own text format; its feature names carry a checksum of ours.
    features : tuple of str
        Names of the features, in the booster's order.
    categories : dict of str to tuple of str
        Known values of each categorical feature, in the order of their codes.
    rows : int
        Training rows.
    """

    booster: str
    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    rows: int


def fit_trees(
    model: TreesModel,
    table: pd.DataFrame,
    labels: FloatArray,
    *,
    features: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
    seed: int,
    threads: int = 1,
) -> Trees:
    """Train trees on rows whose labels were mature.

    Parameters
    ----------
    model : TreesModel
        The settings.
    table : pandas.DataFrame
        Rows in a fixed order, with `features` and ``level`` (> 0, in the target's unit).
    labels : numpy.ndarray
        Shape (n,), float64, in the target's unit.
    features : sequence of str
        Columns to learn from.
    categories : mapping of str to tuple of str
        Known values of the categorical ones.
    seed, threads : int
        Seed of the subsamples; threads, on which the result does not depend.

    Raises
    ------
    DataError
        When there are no rows, a label or feature is infinite, or a level is not above 0.
    """
    if len(labels) == 0 or not np.isfinite(labels).all():
        raise DataError(
            "the trees were given no rows" if len(labels) == 0 else "a label is not finite",
            where="training rows",
            expected="at least one row, and a finite label in every row",
        )
    level = _read_level(table)
    matrix = encode(table, features, categories)
    skewed = bool(labels.min() >= 0 and labels.max() > 0)
    parameters = _translate(model, skewed=skewed, seed=seed, threads=threads)
    lightgbm = load_lightgbm()
    data = lightgbm.Dataset(
        matrix,
        label=labels / level,
        weight=level / level.mean(),
        feature_name=[name_feature(i, name) for i, name in enumerate(features)],
        params={"verbosity": -1},
    )
    booster = lightgbm.train(parameters, data, num_boost_round=model.rounds)
    return Trees(booster.model_to_string(), tuple(features), dict(categories), len(labels))


def predict_trees(trees: Trees, table: pd.DataFrame) -> FloatArray:
    """Forecast rows, shape (n,), in the target's unit.

    Raises
    ------
    DataError
        When the columns are not those that the trees were trained on.
    """
    if table.empty:
        return np.empty(0)
    booster = read_booster(trees.booster, trees.features)
    matrix = encode(table, trees.features, trees.categories)
    relative = np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)
    forecast: FloatArray = relative * _read_level(table)
    return forecast


def _translate(
    model: TreesModel, *, skewed: bool, seed: int, threads: int
) -> dict[str, float | int | str | bool]:
    return {
        "objective": "tweedie" if skewed else "regression",
        "tweedie_variance_power": model.tweedie_power,
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


def _read_level(table: pd.DataFrame) -> FloatArray:
    level = table[LEVEL].to_numpy(np.float64)
    if not (np.isfinite(level) & (level > 0)).all():
        raise RunError(
            "a row's level is not above 0",
            where=LEVEL,
            expected="the entity's recent mean, floored above 0",
        )
    return level
