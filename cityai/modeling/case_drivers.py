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
from cityai.modeling.forecasters import FloatArray
from cityai.modeling.forecasters.formats import load_learner


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
    for saved in model.models:
        weight = model.blend[saved.candidate]
        found = load_learner(saved).explain(frame, background) if weight else None
        if found is not None:
            values = values + weight * found.values
            base = base + weight * found.base
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
