"""Columns of series with gaps: their means, and their latest values."""

from __future__ import annotations

import numpy as np

from cityai.data.features.as_of_join import divide
from cityai.data.rows import Floats


def mean_known(values: Floats) -> Floats:
    """Return the mean over the first axis of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    if len(values) and known.all():
        return values.sum(axis=0) / len(values)
    return divide(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0))


def find_latest(values: Floats) -> Floats:
    """Return the latest known value of each column; NaN where there is none."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    newest = len(values) - 1 - np.argmax(~np.isnan(values)[::-1], axis=0)
    return values[newest, np.arange(values.shape[1])]
