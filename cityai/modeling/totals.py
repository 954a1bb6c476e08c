"""Prediction intervals of a total over all entities: conformal, from the errors of earlier totals.

The ends of entities' intervals do not add up to the ends of their total's: errors that differ from
entity to entity cancel in a sum, and shocks that all share do not. So the totals of earlier origins
are held against what came to pass, as one entity is (`cityai.modeling.intervals`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cityai.columns import FOLD, STEP, TOTAL_HIGH, TOTAL_LOW, Y_PRED
from cityai.modeling.intervals import Intervals, PastErrors, place_bounds


def add_entities(past: PastErrors) -> PastErrors:
    """Add the forecasts and outcomes of all entities up, by origin and step."""
    steps = int(past.step.max(initial=0)) + 1
    first = int(past.fold.min(initial=0))
    at = (past.fold - first) * steps + past.step
    key = np.flatnonzero(np.bincount(at))
    forecast = np.bincount(at, past.forecast)[key].astype(np.float64)
    truth = np.bincount(at, past.truth)[key].astype(np.float64)
    return PastErrors(np.zeros_like(key), key % steps, key // steps + first, forecast, truth)


def range_totals(table: pd.DataFrame, intervals: Mapping[int, Intervals]) -> pd.DataFrame:
    """Put prediction intervals around the total of each fold and step.

    Parameters
    ----------
    table : pandas.DataFrame
        ``fold``, ``step`` and ``y_pred``, a row a prediction.
    intervals : mapping of int to Intervals
        Of the total, by fold.

    Returns
    -------
    pandas.DataFrame
        ``total_low`` and ``total_high`` (float64, in the target's unit), with the table's index.
    """
    sums = table.groupby([FOLD, STEP], sort=True)[Y_PRED].sum()
    ends = []
    folds = sums.index.get_level_values(FOLD)
    for fold in folds.unique():
        totals = sums[folds == fold]
        step = totals.index.get_level_values(STEP).to_numpy(np.int64)
        forecast = totals.to_numpy(np.float64)
        bounds = place_bounds(intervals[fold], np.zeros_like(step), step, forecast)
        ends.append(np.column_stack([bounds.low, bounds.high]))
    at = sums.index.get_indexer(pd.MultiIndex.from_frame(table[[FOLD, STEP]]))
    return pd.DataFrame(np.concatenate(ends)[at], table.index, [TOTAL_LOW, TOTAL_HIGH])
