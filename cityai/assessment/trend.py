"""Whether a figure rises or falls from fold to fold, with an interval, or that nobody can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from cityai.assessment import sentences as say
from cityai.assessment.metrics import Metric
from cityai.assessment.protection import Protection
from cityai.assessment.serial import CAUTIOUS, GRID, fit_student
from cityai.assessment.statistics import compute_ratio, weigh_cells
from cityai.assessment.views import Facts, View
from cityai.messages import say as mark

LEAST_FOLDS = 16
"""Fewer folds with a figure give no interval of a slope."""
COLUMNS = ["dimension", "group", "metric", "folds", "slope", "low", "high", "reason"]
FEW = mark(
    "{folds:.0f} folds have a figure; at least {least} are needed to say whether it rises or falls."
)
LEVEL = mark("There is not enough evidence that it rises or falls.")
UNVARYING = mark("It does not vary from fold to fold, so no interval can be given.")
RISES = mark("It rises from fold to fold.")
FALLS = mark("It falls from fold to fold.")


def follow_folds(
    view: View, metrics: Sequence[Metric], facts: Facts, safe: Protection, least: float
) -> pd.DataFrame:
    """Follow every metric of a view over the folds, what may not be shown left out.

    Returns
    -------
    pandas.DataFrame
        `dimension`, `group`, `metric`, `fold`, `value`, `reason` (why there is none).
    """
    tensor = weigh_cells(facts.fold_cells.values, view.weights)
    names = facts.fold_cells.names
    hidden = view.hidden | safe.folds[view.dimension]
    frames = []
    for metric in metrics:
        value = compute_ratio(tensor, names, metric)
        reason = np.where(np.isfinite(value), "", mark(f"No value: {metric.undefined}."))
        frames.append(
            pd.DataFrame(
                {
                    "dimension": view.dimension,
                    "group": np.tile(np.array(view.groups, dtype=object), len(value)),
                    "metric": metric.name,
                    "fold": np.repeat(np.array(facts.folds), len(view.groups)),
                    "value": np.where(hidden, math.nan, value).ravel(),
                    "reason": np.where(hidden, say.SUPPRESSED.format(least=least), reason).ravel(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def find_trends(by_fold: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Fit a line through every figure by fold.

    Parameters
    ----------
    by_fold : pandas.DataFrame
        `dimension`, `group`, `metric`, `fold`, `value` (NaN where hidden or undefined).
    confidence : float
        Of each interval.

    Returns
    -------
    pandas.DataFrame
        One row a dimension, group and metric: `folds` (with a figure), `slope` (change of the
        metric from one fold to the next), `low`, `high`, `reason` (a sentence). A figure that may
        not be shown has neither slope nor interval.
    """
    rows = []
    for (dimension, group, metric), part in by_fold.groupby(
        ["dimension", "group", "metric"], sort=False
    ):
        ordered = part.sort_values("fold")
        value = ordered["value"].to_numpy(np.float64)
        fold = ordered["fold"].to_numpy(np.float64)
        known = np.isfinite(value)
        slope, margin, reason = _fit_line(fold[known], value[known], confidence)
        rows.append(
            (
                *(dimension, group, metric, int(known.sum())),
                *(slope, slope - margin, slope + margin, reason),
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _fit_line(fold: np.ndarray, value: np.ndarray, confidence: float) -> tuple[float, float, str]:
    if len(value) < LEAST_FOLDS:
        return math.nan, math.nan, FEW.format(folds=len(value), least=LEAST_FOLDS)
    weights, residual, stretch, log_det = _design_line(tuple(fold.tolist()))
    slope = float(weights @ value)
    if np.ptp(value - np.polyval(np.polyfit(fold, value, 1), fold)) < 1e-9:
        return slope, math.nan, UNVARYING
    quadratic = np.einsum("i,kij,j->k", value, residual, value)
    freedom = len(value) - 2.0
    fit = log_det - freedom / 2 * np.log(quadratic)
    weight = np.exp(fit - fit.max())
    scale = np.sqrt(quadratic / freedom * stretch)[:, None]
    error, worth = fit_student(scale, (weight / weight.sum())[:, None], freedom)
    margin = float(error[0] * stats.t.ppf((1 + confidence) / 2, worth[0]))
    if abs(slope) <= margin:
        return slope, margin, LEVEL
    return slope, margin, RISES if slope > 0 else FALLS


@lru_cache(maxsize=64)
def _design_line(
    folds: tuple[float, ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the least-squares slope, and for each rho of an AR(1): what is left of a series.

    The restricted likelihood of a line with AR(1) errors (Harville 1974, Biometrika 61(2)).
    """
    moment = np.asarray(folds)
    line = np.column_stack([np.ones(len(moment)), moment - moment.mean()])
    weights = line[:, 1] / (line[:, 1] ** 2).sum()
    apart = np.abs(np.subtract.outer(moment, moment))
    residual, stretch, log_det = [], [], []
    for rho in GRID[(GRID >= -0.5) & (GRID <= CAUTIOUS)]:
        alike = np.sign(rho) ** apart * np.abs(rho) ** apart if rho else np.eye(len(moment))
        inverse = np.linalg.inv(alike)
        inner = line.T @ inverse @ line
        residual.append(inverse - inverse @ line @ np.linalg.inv(inner) @ line.T @ inverse)
        stretch.append(weights @ alike @ weights)
        log_det.append(-0.5 * (np.linalg.slogdet(alike)[1] + np.linalg.slogdet(inner)[1]))
    return weights, np.array(residual), np.array(stretch), np.array(log_det)
