"""What moved the probability of single cases: both candidates taken apart exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import CANDIDATE
from cityai.modeling.calibration import to_log_odds
from cityai.modeling.case_model import CaseModel, predict_cases
from cityai.modeling.drivers import Drivers
from cityai.modeling.estimators import compute_contributions, read_logistic
from cityai.modeling.estimators.logistic import Logistic, build_design
from cityai.modeling.forecasters import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CaseParts:
    """The blended log-odds of some cases, feature by feature.

    Attributes
    ----------
    values : pandas.DataFrame
        Shape (n, F), float64, in log-odds before calibration, which rises with them.
    base, raw : numpy.ndarray
        Shape (n,): without any feature; and as predicted. ``base + values.sum(axis=1)`` is `raw`.
    """

    values: pd.DataFrame
    base: FloatArray
    raw: FloatArray


def take_apart(model: CaseModel, frame: pd.DataFrame, background: pd.DataFrame) -> CaseParts:
    """Take the blended log-odds of cases apart.

    Parameters
    ----------
    model : CaseModel
        The model.
    frame : pandas.DataFrame
        The model's features, one row a case.
    background : pandas.DataFrame
        The same features of many cases: what is usual, for the linear part.

    Notes
    -----
    Trees: exact TreeSHAP (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9). Logistic
    regression: coefficient times distance from the mean of `background` (Linear SHAP, Lundberg &
    Lee 2017). Shapley values of a weighted sum are the weighted sums of those of its parts.
    """
    names = list(model.feature_names)
    values = pd.DataFrame(0.0, index=frame.index, columns=names)
    base = np.zeros(len(frame))
    for name, weight in model.blend.items():
        if weight == 0:
            continue
        if name == model.trees and model.booster is not None:
            found = compute_contributions(model.booster, frame[names], model.categories)
            values = values + weight * found.values
            base = base + weight * found.base
        elif name == model.linear and model.logistic is not None:
            logistic = read_logistic(model.logistic)
            usual = build_design(logistic, background).mean(axis=0)
            coefficients = np.array(logistic.coefficients)
            moved = (build_design(logistic, frame) - usual) * coefficients
            for place, feature in enumerate(_name_columns(logistic)):
                values[feature] = values[feature] + weight * moved[:, place]
            base = base + weight * (logistic.intercept + float(usual @ coefficients))
    predicted = predict_cases(model, frame)
    odds = [
        weight * to_log_odds(predicted[CANDIDATE + name].to_numpy(np.float64))
        for name, weight in model.blend.items()
    ]
    return CaseParts(values, base, np.sum(odds, axis=0))


def find_drivers(
    model: CaseModel, frame: pd.DataFrame, background: pd.DataFrame, labels: Mapping[str, str]
) -> Drivers:
    """Return what moved each case, for its reasons; rows in the order of `frame`."""
    names = list(model.feature_names)
    parts = take_apart(model, frame, background)
    return Drivers(
        parts.values.reset_index(drop=True),
        frame[names].reset_index(drop=True),
        background[names].reset_index(drop=True),
        dict(labels),
        1.0,
    )


def _name_columns(logistic: Logistic) -> list[str]:
    """Return the feature that each column of the design belongs to."""
    levels = [name for name, values in logistic.levels.items() for _ in values]
    return [*logistic.numbers, *logistic.gaps, *levels]
