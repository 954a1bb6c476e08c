"""Test windows that overlap share outcomes: they are one block, and count as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, PERIOD


def join_overlaps(table: pd.DataFrame) -> np.ndarray:
    """Return the moment that stands for each row's block.

    Parameters
    ----------
    table : pandas.DataFrame
        `Predictions.table`: ``as_of`` and, for amounts, the target ``period``.

    Returns
    -------
    numpy.ndarray
        (rows,) datetime64: ``as_of``, or that of the first window which the row's own overlaps
        with. A block ends with its first window; so with a window of h periods asked every s, a
        block is of h / s moments, rounded up.
    """
    if PERIOD not in table:
        return table[AS_OF].to_numpy()
    windows = table.groupby(AS_OF, sort=True)[PERIOD].agg(["min", "max"])
    first: dict[Any, Any] = {}
    start, until = None, -1
    for as_of, low, high in windows.itertuples():
        if start is None or low > until:
            start, until = as_of, high
        first[as_of] = start
    return table[AS_OF].map(first).astype(table[AS_OF].dtype).to_numpy()
