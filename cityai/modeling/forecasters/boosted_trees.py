"""Gradient-boosted decision trees (LightGBM) over all entities together, for amounts or a yes/no.

An amount is divided by the row's ``level`` and every row weighs as its level, so that entities of
different size teach each other and errors count in the target's unit. Every fit takes one thread:
origins are fitted side by side instead, which is faster on few rows and steady on a busy machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from cityai.columns import LEVEL
from cityai.errors import DataError, RunError, SetupError
from cityai.modeling.forecasters.encoding import check_amounts, check_answers, encode
from cityai.modeling.forecasters.loading import load_library
from cityai.modeling.forecasters.protocol import (
    LEAST_ROWS,
    MOST_ROWS,
    Contributions,
    FittedLearner,
    FloatArray,
    Link,
    SavedModel,
)
from cityai.modeling.forecasters.tree_shap import compute_tree_shap
from cityai.modeling.forecasters.tree_text import read_trees

if TYPE_CHECKING:
    import lightgbm as lgb

LIGHTGBM: Final = "lightgbm"
"""LightGBM's own text format; its feature names carry a checksum of ours."""
HELD: Final = 4
"""Rows of each model whose Shapley values LightGBM computes as well."""
EQUAL: Final = 1e-9
"""Largest difference between raw scores' parts that are the same."""


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Gradient-boosted trees; their number is fixed beforehand, nothing is stopped by looking."""

    name: str
    label: str
    """Stable name, the end of its column's name; what it is, in a reader's words."""
    target: Literal["amount", "probability"] = "amount"
    """What is learnt."""
    rounds: int = 120
    leaves: int = 31
    leaf_rows: int = 30
    """Trees; leaves of each; least training rows in a leaf."""
    learning_rate: float = 0.08
    feature_share: float = 0.7
    row_share: float = 0.8
    ridge: float = 1.0
    """Shrinkage of each tree; shares of features and rows that each sees; L2 penalty of leaves."""
    bins: int = 255
    """Bins of each feature, among whose edges a split is sought; fewer are faster."""
    random_splits: bool = False
    """Whether one edge a feature is drawn at random and tried, not every one: extremely randomised
    trees (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1), whose errors are others."""
    tweedie_power: float = 1.3
    """Variance power of the Tweedie loss of amounts, between 1 (Poisson) and 2 (gamma). Its
    forecast is a mean: sums over a city are not biased as those of medians are."""
    most_rows: int | None = MOST_ROWS
    least_rows: int = LEAST_ROWS
    """As in `Learner`."""

    def fit(
        self,
        table: pd.DataFrame,
        y: FloatArray,
        *,
        features: Sequence[str],
        categories: Mapping[str, tuple[str, ...]],
        seed: int,
        threads: int = 1,
    ) -> FittedTrees:
        """Train trees, as `Learner.fit` says.

        Raises
        ------
        DataError
            When the rows teach nothing, or a label or feature is infinite.
        RunError
            When a level is not above 0.
        """
        label, weight = y, None
        if self.target == "amount":
            check_amounts(y)
            level = _read_level(table)
            label, weight = y / level, level / level.mean()
            loss = "tweedie" if y.min() >= 0 and y.max() > 0 else "regression"
        else:
            check_answers(y)
            loss = "binary"
        lightgbm = _load_lightgbm()
        data = lightgbm.Dataset(
            encode(table, features, categories),
            label=label,
            weight=weight,
            feature_name=[name_feature(i, name) for i, name in enumerate(features)],
            params={"verbosity": -1, "max_bin": self.bins},
        )
        parameters = {
            "objective": loss,
            "tweedie_variance_power": self.tweedie_power,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf_rows,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.ridge,
            "max_bin": self.bins,
            "extra_trees": self.random_splits,
            "seed": seed,
        }
        settings = {**{k: str(v) for k, v in parameters.items()}, "rounds": str(self.rounds)}
        parameters |= {
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        text = lightgbm.train(parameters, data, num_boost_round=self.rounds).model_to_string()
        return FittedTrees(
            SavedModel(
                self.name, LIGHTGBM, text, tuple(features), dict(categories), len(y), settings
            )
        )


class FittedTrees(FittedLearner):
    """Trained trees, as LightGBM's text."""

    __slots__ = ()

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return amounts or probabilities, shape (n,).

        Raises
        ------
        DataError
            When the columns are not those that the trees were trained on.
        """
        if table.empty:
            return np.empty(0)
        booster = _read_booster(self.saved.content, self.saved.features)
        matrix = encode(table, self.saved.features, self.saved.categories)
        found = np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)
        return found if self._link == "logit" else found * _read_level(table)

    def explain(self, table: pd.DataFrame, background: pd.DataFrame) -> Contributions:
        """Compute exact TreeSHAP values (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9).

        Raises
        ------
        DataError
            When a feature is missing or infinite.
        """
        booster = _read_booster(self.saved.content, self.saved.features)
        matrix = encode(table, self.saved.features, self.saved.categories)
        parts = _take_apart(booster, self.saved.content, matrix)
        raw = np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
        values = pd.DataFrame(parts[:, :-1], columns=list(self.saved.features), index=table.index)
        link = self._link
        level = np.ones(len(table)) if link == "logit" else _read_level(table)
        return Contributions(values, parts[:, -1], raw, link, level)

    @property
    def _link(self) -> Link:
        if "objective=tweedie" in self.saved.content:
            return "log"
        return "logit" if "objective=binary" in self.saved.content else "identity"


@cache
def _load_lightgbm() -> ModuleType:
    """Load LightGBM when it is first needed: saved results need none of it."""
    try:
        return load_library("lightgbm")
    except OSError as error:
        raise SetupError(
            f"LightGBM cannot be loaded: {error}",
            where="lightgbm",
            expected="OpenMP's run-time library on this machine",
            next_step="install it: apt-get install libgomp1, dnf install libgomp, "
            "brew install libomp",
        ) from error


def name_feature(place: int, name: str) -> str:
    """Name a column for LightGBM, which refuses some characters and never checks an order."""
    return f"f{place}_{zlib.crc32(name.encode()):08x}"


def _read_booster(text: str, features: Sequence[str]) -> lgb.Booster:
    """Read trained trees."""
    read_trees(text)
    booster = _load_lightgbm().Booster(model_str=text)
    wanted = booster.feature_name()
    given = [name_feature(i, name) for i, name in enumerate(features)]
    if wanted != given:
        place = next(
            (i for i, (a, b) in enumerate(zip(wanted, given, strict=False)) if a != b),
            min(len(wanted), len(given)),
        )
        raise DataError(
            f"the columns are not those that the trees were trained on, from column {place + 1} on",
            where=features[place] if place < len(features) else "features",
            expected=f"{len(wanted)} features, in the order of training",
            next_step="give the columns of the model's own list of features",
        )
    return booster


def _take_apart(booster: lgb.Booster, text: str, matrix: FloatArray) -> FloatArray:
    """Return the Shapley values of each row, and the base, as LightGBM has them.

    It computes few rows itself, which `compute_tree_shap` is held against; all of them, where the
    two differ.
    """
    at = np.unique(np.linspace(0, len(matrix) - 1, HELD).astype(np.int64))
    own = np.asarray(booster.predict(matrix[at], pred_contrib=True, num_threads=1))
    if len(at) == len(matrix):
        return own
    parts = compute_tree_shap(text, matrix)
    if parts is not None and np.allclose(parts[at], own, rtol=0, atol=EQUAL):
        return parts
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1))


def _read_level(table: pd.DataFrame) -> FloatArray:
    level = table[LEVEL].to_numpy(np.float64)
    if not (np.isfinite(level) & (level > 0)).all():
        raise RunError(
            "a row's level is not above 0",
            where=LEVEL,
            expected="the entity's recent mean, floored above 0",
        )
    return level
