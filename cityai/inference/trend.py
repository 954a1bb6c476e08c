"""Trend: the slope of a figure over the folds, with an interval under autocorrelation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from cityai.i18n.frames import choose_texts, make_frame
from cityai.i18n.messages import say as mark
from cityai.i18n.messages import say_n
from cityai.inference.autocorrelation import (
    BATCHES,
    UNRELATED_LEVEL,
    list_covariances,
    model_averaged_se,
)
from cityai.inference.ratio_influence import compute_ratio, weigh_cells
from cityai.records.audit_data import SUPPRESSED, AuditData, GroupTable
from cityai.records.metric import Metric

LEAST_FOLDS = 8
"""Fewer folds with a figure give no interval of a slope."""
COLUMNS = ["dimension", "group", "metric", "folds", "slope", "low", "high", "reason"]
LEVEL = mark("There is not enough evidence that it rises or falls.")
UNVARYING = mark("It does not vary from fold to fold, so no interval can be given.")
RISES = mark("It rises from fold to fold.")
FALLS = mark("It falls from fold to fold.")


def follow_folds(
    view: GroupTable, metrics: Sequence[Metric], facts: AuditData, hidden: np.ndarray
) -> pd.DataFrame:
    """Follow every metric of a view over the folds, what may not be shown left out.

    Parameters
    ----------
    view, metrics, facts
        What is followed.
    hidden : numpy.ndarray
        (F, G) bool: what may not be shown.

    Returns
    -------
    pandas.DataFrame
        `dimension`, `group`, `metric`, `fold`, `value`, `reason` (why there is none).
    """
    tensor = weigh_cells(facts.fold_cells.values, view.weights)
    names, unsaid = facts.fold_cells.names, SUPPRESSED.format(least=facts.least)
    values = [compute_ratio(tensor, names, metric) for metric in metrics]
    reasons = []
    for metric, value in zip(metrics, values, strict=True):
        nothing = mark("No value: {undefined}.", undefined=metric.undefined)
        reason = choose_texts(np.isfinite(value), "", nothing)
        reasons.append(choose_texts(hidden.ravel(), unsaid, reason))
    groups = np.tile(np.array(view.groups, dtype=object), len(tensor))
    folds = np.repeat(np.array(facts.folds), len(view.groups))
    return make_frame(
        {
            "dimension": view.dimension,
            "group": np.tile(groups, len(metrics)),
            "metric": np.repeat(np.array([m.name for m in metrics], dtype=object), len(groups)),
            "fold": np.tile(folds, len(metrics)),
            "value": np.where(hidden, math.nan, values).ravel(),
            "reason": pd.concat(reasons, ignore_index=True),
        }
    )


def leave_overlaps(by_fold: pd.DataFrame, fold: np.ndarray, moment: np.ndarray) -> pd.DataFrame:
    """Return the figures of folds whose windows do not overlap: the first of each block.

    Parameters
    ----------
    by_fold : pandas.DataFrame
        With a column ``fold``.
    fold, moment : numpy.ndarray
        (rows,) of each prediction, as `Scored` has them.
    """
    firsts = pd.Series(fold).groupby(moment).min()
    return by_fold[by_fold["fold"].isin(firsts)]


def find_trends(by_fold: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Fit a linear trend to every figure by fold.

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
        slope, margin, reason = fit_line(fold[known], value[known], confidence)
        rows.append(
            (
                *(dimension, group, metric, int(known.sum())),
                *(slope, slope - margin, slope + margin, reason),
            )
        )
    return make_frame(rows, COLUMNS)


def fit_line(fold: np.ndarray, value: np.ndarray, confidence: float) -> tuple[float, float, str]:
    """Fit a linear trend to a figure by fold.

    Parameters
    ----------
    fold, value : numpy.ndarray
        (n,) when, in rising order, and the figure, none missing.
    confidence : float
        Of the interval.

    Returns
    -------
    tuple of float, float and str
        Slope, half-width of its interval (`serial.model_averaged_se`), and a sentence.
    """
    if len(value) < LEAST_FOLDS:
        few = say_n(
            "{n} replay has a figure; at least {least} are needed to say whether it rises or "
            "falls.",
            "{n} replays have a figure; at least {least} are needed to say whether it rises or "
            "falls.",
            len(value),
            least=LEAST_FOLDS,
        )
        return math.nan, math.nan, few
    if len(value) >= 2 * BATCHES:
        fold, value = (
            np.array([part.mean() for part in np.array_split(x, BATCHES)]) for x in (fold, value)
        )
    kinds = list_covariances(tuple(fold.tolist()), line=True)
    slope = float(kinds.weights @ value)
    if np.ptp(value - np.polyval(np.polyfit(fold, value, 1), fold)) < 1e-9:
        return slope, math.nan, UNVARYING
    error = float(model_averaged_se(kinds, value[:, None], UNRELATED_LEVEL)[0])
    margin = error * float(stdtrit(kinds.freedom, (1 + confidence) / 2))
    if abs(slope) <= margin:
        return slope, margin, LEVEL
    return slope, margin, RISES if slope > 0 else FALLS
