"""Bounded group loss: a correction that is learnt with an eye on groups and used without.

fairlearn's reductions (Agarwal, Dudik and Wu 2019, arXiv:1905.12843) handle losses on a bounded
range, hard groups and no weights of our own. So they are given not the count itself but the outcome
relative to the entity's usual level, a linear correction of the forecast with two parameters, and
the squared loss; soft groups they cannot be given.
"""

from __future__ import annotations

import warnings
from threading import Lock
from typing import Final

import numpy as np
import pandas as pd

from cityai.modeling.corrections import Correction
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.ratios import MOST, Past

LEAST_ORIGINS: Final = 4
ROUNDS: Final = 12
_ONE_AT_A_TIME: Final = Lock()
"""Held while warnings are held back: that is the process's matter, not the thread's."""


class Line:
    """Weighted least squares, in the two methods that a reduction calls."""

    def __init__(self) -> None:
        self.slope: FloatArray = np.array([1.0, 0.0])

    def fit(self, x: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Line:
        """Fit the slopes."""
        weight = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight)
        root = np.sqrt(np.maximum(weight, 0.0))
        told = np.linalg.lstsq(np.asarray(x) * root[:, None], np.asarray(y) * root, rcond=None)
        self.slope = np.asarray(told[0])
        return self

    def predict(self, x: FloatArray) -> FloatArray:
        """Return the line's values."""
        return np.asarray(np.asarray(x) @ self.slope)


class LookedUp:
    """fairlearn's losses by group, with the weights of the rows looked up at once, not row by row.

    The figures are the same to the last bit; most of the time of a reduction goes into them.
    """

    tags: pd.DataFrame
    prob_attr: pd.Series

    def signed_weights(self, lambda_vec: pd.Series | None = None) -> pd.Series:
        """Return each row's weight, by its group."""
        shares = self.prob_attr
        adjust = pd.Series(1.0, shares.index) if lambda_vec is None else lambda_vec / shares
        return self.tags["group_id"].map(adjust)


def build_bound(low: float, high: float, bound: float) -> object:
    """Return the constraint that no group's squared loss exceeds a bound."""
    from fairlearn.reductions import BoundedGroupLoss, MeanLoss, SquareLoss

    mean = type("Mean", (LookedUp, MeanLoss), {})
    parts = {"default_objective": lambda own: mean(own.reduction_loss)}
    bounded = type("Bounded", (LookedUp, BoundedGroupLoss), parts)
    return bounded(SquareLoss(low, high), upper_bound=bound)


def bound_losses(past: Past, weights: FloatArray, reference: str | int) -> Correction | None:
    """Correct by each entity's own record, so that no group's loss exceeds the whole's.

    The forecast is multiplied by ``a + b (record - 1)``; no group is named when it is made. The
    bound is the mean loss of the same line fitted without a bound; where it cannot be met, the
    reduction comes as near as it can.
    """
    entities = len(weights)
    if not np.isin(weights, (0.0, 1.0)).all():
        return None
    unchanged = Correction(np.ones(entities), np.zeros(entities))
    # One row an entity and origin: the whole horizon together, less noise and fewer rows.
    cell, at = np.unique(past.age * entities + past.entity, return_inverse=True)
    forecast, truth = (np.bincount(at, v, len(cell)) for v in (past.forecast, past.truth))
    entity, record = cell % entities, np.zeros(len(cell))
    record[at] = past.record
    rows = np.bincount(at, minlength=len(cell))
    level = np.bincount(entity, forecast, entities) / np.maximum(
        np.bincount(entity, rows, entities), 1
    )
    usable = level[entity] > 0
    if len(np.unique(cell[usable] // entities)) < LEAST_ORIGINS:
        return unchanged
    entity = entity[usable]
    scale = level[entity] * rows[usable]
    forecast, truth = forecast[usable] / scale, truth[usable] / scale
    x = np.column_stack([forecast, (record[usable] - 1.0) * forecast])
    slope = _reduce_loss(x, truth, weights.argmax(axis=1)[entity])
    factor = slope[0] + slope[1] * (past.now - 1.0)
    return Correction(np.clip(factor, 1.0 / MOST, MOST), np.zeros(entities))


def _reduce_loss(x: FloatArray, y: FloatArray, group: np.ndarray) -> FloatArray:
    from fairlearn.reductions import ExponentiatedGradient

    plain = Line().fit(x, y)
    range_of = (min(float(y.min()), 0.0), float(y.max()))
    bound = float(((np.clip(plain.predict(x), *range_of) - y) ** 2).mean())
    if len(np.unique(group)) < 2 or bound <= 0 or len(np.unique(y)) < 2:
        return plain.slope
    reduction = ExponentiatedGradient(Line(), build_bound(*range_of, bound), max_iter=ROUNDS)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # fairlearn sets values in ways that pandas will refuse one day.
        warnings.filterwarnings("ignore", "Setting an? (value|item)", DeprecationWarning)
        reduction.fit(x, y, sensitive_features=group)
    # The reduction draws one of its lines at random; their mean is as good for a convex loss.
    share = np.asarray(reduction.weights_, dtype=np.float64)
    lines = [line.slope for line in reduction.predictors_]
    return np.asarray(share @ np.stack(lines))
