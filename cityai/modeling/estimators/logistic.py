"""Logistic regression, kept as figures: fitted by scikit-learn, predicted by numpy.

Numbers are held inside what most training rows had, standardised, and a gap is the training mean
with a mark of its own; categories become one column each, unknown ones none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit

from cityai.errors import DataError
from cityai.modeling.classifiers import LogisticClassifier
from cityai.modeling.estimators.binary import check_answers
from cityai.modeling.estimators.booster import encode
from cityai.modeling.forecasters import FloatArray

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

TAILS: Final = (0.005, 0.995)
"""Quantiles of the training rows that numbers are held inside."""
FEWEST: Final = 20
"""Training rows that a category or a gap needs for a coefficient of its own."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted logistic regression: all that a prediction takes.

    Attributes
    ----------
    features : tuple of str
        Features, in order.
    numbers : tuple of str
        The numeric ones.
    low, high, centre, spread : tuple of float
        For each number: what it is held inside, and its mean and standard deviation there (1 where
        nothing varied).
    gaps : tuple of str
        Numbers whose gaps have a coefficient.
    levels : dict of str to tuple of str
        For each category, the values that have a coefficient.
    coefficients : tuple of float
        Of the standardised numbers, of the gaps, then of the levels by name, in log-odds.
    intercept : float
        In log-odds.
    rows : int
        Training rows.
    """

    features: tuple[str, ...]
    numbers: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    gaps: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    coefficients: tuple[float, ...]
    intercept: float
    rows: int


def fit_logistic(
    model: LogisticClassifier,
    table: pd.DataFrame,
    answers: FloatArray,
    *,
    features: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
) -> Logistic:
    """Fit on cases whose outcome was known.

    Parameters
    ----------
    model : LogisticClassifier
        The settings.
    table : pandas.DataFrame
        Rows with `features`.
    answers : numpy.ndarray
        Shape (n,), float64, 1 or 0.
    features : sequence of str
        Columns to learn from.
    categories : mapping of str to tuple of str
        Known values of the categorical ones.

    Raises
    ------
    DataError
        When only one answer is there, or a feature is missing or infinite.
    """
    check_answers(answers)
    plain = _describe_columns(table, features, categories, len(answers))
    fitted = fit_sklearn(model, build_design(plain, table), answers)
    return replace(
        plain,
        coefficients=tuple(float(c) for c in fitted.coef_[0]),
        intercept=float(fitted.intercept_[0]),
    )


def fit_sklearn(
    model: LogisticClassifier, design: FloatArray, answers: FloatArray
) -> LogisticRegression:
    """Fit scikit-learn's own estimator on a design of shape (n, P)."""
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(
        C=model.inverse_penalty, solver="newton-cholesky", tol=1e-8, max_iter=200
    )
    return estimator.fit(design, answers.astype(np.int64))


def predict_logistic(logistic: Logistic, table: pd.DataFrame) -> FloatArray:
    """Return probabilities, shape (n,).

    Raises
    ------
    DataError
        When a feature is missing or infinite.
    """
    design = build_design(logistic, table)
    share: FloatArray = expit(design @ np.array(logistic.coefficients) + logistic.intercept)
    return share


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


def write_logistic(logistic: Logistic) -> str:
    """Return it as JSON; figures keep every digit."""
    return json.dumps(asdict(logistic), sort_keys=True)


def read_logistic(text: str) -> Logistic:
    """Read what `write_logistic` wrote.

    Raises
    ------
    DataError
        When it is something else.
    """
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
