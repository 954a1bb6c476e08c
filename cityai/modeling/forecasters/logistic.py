"""Ridge-penalised logistic regression, kept as figures: scikit-learn fits, numpy predicts.

Numbers are held inside what most training rows had, standardised, and a gap is the training mean
with a mark of its own; categories become one column each, unknown ones none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit

from cityai.errors import DataError
from cityai.modeling.forecasters.encoding import check_answers, encode
from cityai.modeling.forecasters.loading import load_library
from cityai.modeling.forecasters.protocol import (
    Contributions,
    FittedLearner,
    FloatArray,
    SavedModel,
)

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

LOGISTIC: Final = "logistic"
"""The format: JSON of `Logistic`."""
TAILS: Final = (0.005, 0.995)
"""Quantiles of the training rows that numbers are held inside."""
FEWEST: Final = 20
"""Training rows that a category or a gap needs for a coefficient of its own."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted logistic regression: all that a prediction takes."""

    features: tuple[str, ...]
    """Features, in order."""
    numbers: tuple[str, ...]
    """The numeric ones."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    """For each number: what it is held inside, and its mean and standard deviation there (1 where
    nothing varied)."""
    gaps: tuple[str, ...]
    """Numbers whose gaps have a coefficient."""
    levels: dict[str, tuple[str, ...]]
    """For each category, the values that have a coefficient."""
    coefficients: tuple[float, ...]
    """Of the standardised numbers, of the gaps, then of the levels by name, in log-odds."""
    intercept: float
    """In log-odds."""
    rows: int
    """Training rows."""


@dataclass(frozen=True, slots=True)
class RidgeLogistic:
    """Logistic regression on standardised features, with a ridge penalty."""

    name: str
    label: str
    """Stable name, the end of its column's name; what it is, in a reader's words."""
    inverse_penalty: float = 0.01
    """Inverse strength of the ridge penalty (scikit-learn's C)."""
    most_rows: int | None = None
    least_rows: int = 0
    """As in `Learner`."""

    def fit(
        self,
        table: pd.DataFrame,
        y: FloatArray,
        *,
        features: Sequence[str],
        categories: Mapping[str, tuple[str, ...]],
        seed: int = 0,
        threads: int = 1,
    ) -> FittedLogistic:
        """Fit on cases whose outcome was known; nothing is drawn, so `seed` changes nothing.

        Raises
        ------
        DataError
            When only one answer is there, or a feature is missing or infinite.
        """
        check_answers(y)
        plain = _describe_columns(table, features, categories, len(y))
        fitted = fit_sklearn(self, build_design(plain, table), y)
        whole = replace(
            plain,
            coefficients=tuple(float(c) for c in fitted.coef_[0]),
            intercept=float(fitted.intercept_[0]),
        )
        content = json.dumps(asdict(whole), sort_keys=True)
        settings = {"penalty": "l2", "C": str(self.inverse_penalty)}
        return FittedLogistic(
            SavedModel(
                self.name, LOGISTIC, content, tuple(features), dict(categories), len(y), settings
            )
        )


LOGISTIC_REGRESSION: Final = RidgeLogistic("logistic", "logistic regression")
"""The candidate, and the baseline to beat, of a yes/no question."""


class FittedLogistic(FittedLearner):
    """A fitted logistic regression, as JSON; its figures keep every digit."""

    __slots__ = ()

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return probabilities, shape (n,)."""
        logistic = _read_logistic(self.saved.content)
        design = build_design(logistic, table)
        return expit(design @ np.array(logistic.coefficients) + logistic.intercept)

    def explain(self, table: pd.DataFrame, background: pd.DataFrame) -> Contributions:
        """Compute linear Shapley values: coefficient times distance from the background's mean.

        Lundberg & Lee 2017; features are taken as independent.
        """
        logistic = _read_logistic(self.saved.content)
        coefficients = np.array(logistic.coefficients)
        usual = build_design(logistic, background).mean(axis=0)
        design = build_design(logistic, table)
        moved = (design - usual) * coefficients
        values = pd.DataFrame(0.0, index=table.index, columns=list(self.saved.features))
        levels = [name for name, values in logistic.levels.items() for _ in values]
        for place, feature in enumerate([*logistic.numbers, *logistic.gaps, *levels]):
            values[feature] = values[feature] + moved[:, place]
        base = np.full(len(table), logistic.intercept + float(usual @ coefficients))
        raw = design @ coefficients + logistic.intercept
        return Contributions(values, base, raw, "logit", np.ones(len(table)))


def fit_sklearn(
    model: RidgeLogistic, design: FloatArray, answers: FloatArray
) -> LogisticRegression:
    """Fit scikit-learn's own estimator on a design of shape (n, P)."""
    estimator: LogisticRegression = load_library("sklearn.linear_model").LogisticRegression(
        C=model.inverse_penalty, solver="newton-cholesky", tol=1e-8, max_iter=200
    )
    return estimator.fit(design, answers.astype(np.int64))


def build_design(logistic: Logistic, table: pd.DataFrame) -> FloatArray:
    """Return the columns that have a coefficient, shape (n, P), float64."""
    values = encode(table, logistic.numbers, {})
    gap = np.isnan(values)
    held = np.clip(values, np.array(logistic.low), np.array(logistic.high))
    scaled = (held - np.array(logistic.centre)) / np.array(logistic.spread)
    parts = [np.where(gap, 0.0, scaled)]
    where = {name: i for i, name in enumerate(logistic.numbers)}
    parts += [gap[:, [where[name]]].astype(np.float64) for name in logistic.gaps]
    for name, levels in sorted(logistic.levels.items()):
        if name not in table.columns:
            raise DataError("a feature is missing", where=name, expected=", ".join(levels))
        text = table[name].astype("str").to_numpy(object)
        parts.append(np.column_stack([(text == level).astype(np.float64) for level in levels]))
    return np.column_stack(parts)


@lru_cache(maxsize=64)
def _read_logistic(text: str) -> Logistic:
    """Read the JSON of a fitted logistic regression."""
    try:
        return TypeAdapter(Logistic).validate_json(text)
    except ValidationError as error:
        raise DataError(
            "this is no logistic regression", where="model", expected="the JSON that was saved"
        ) from error


def _describe_columns(
    table: pd.DataFrame,
    features: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
    rows: int,
) -> Logistic:
    numbers = tuple(name for name in features if name not in categories)
    values = encode(table, numbers, {})
    filled = np.where(np.isnan(values).all(axis=0), 0.0, values)
    nothing = np.empty(0)
    low, high = np.nanquantile(filled, TAILS, axis=0) if numbers else (nothing, nothing)
    held = np.clip(filled, low, high)
    spread = np.nanstd(held, axis=0)
    gap = np.isnan(values).sum(axis=0)
    levels = {}
    for name in (n for n in features if n in categories):
        counted = table[name].astype("str").value_counts()
        levels[name] = tuple(v for v in categories[name] if counted.get(v, 0) >= FEWEST)
    marked = (gap >= FEWEST) & (gap <= rows - FEWEST)
    return Logistic(
        features=tuple(features),
        numbers=numbers,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        centre=tuple(np.nanmean(held, axis=0).tolist()),
        spread=tuple(np.where(spread > 1e-12, spread, 1.0).tolist()),
        gaps=tuple(name for name, has in zip(numbers, marked, strict=True) if has),
        levels={name: values for name, values in levels.items() if values},
        coefficients=(),
        intercept=0.0,
        rows=rows,
    )
