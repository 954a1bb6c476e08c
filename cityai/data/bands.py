"""Bands of a number: ages by decade, amounts by size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def cut_numbers(values: pd.Series, cuts: Sequence[float], names: Sequence[str]) -> pd.Series:
    """Name the band of each number.

    Parameters
    ----------
    values : pandas.Series
        Numbers, or texts of numbers; a missing one, or no number, has no band.
    cuts : sequence of float
        Increasing; a value at a cut belongs to the band above it.
    names : sequence of str
        One more than cuts, from low to high.

    Returns
    -------
    pandas.Series
        Same index, object, None where there is no band.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    code = np.searchsorted(np.asarray(cuts, dtype=np.float64), numbers, side="right")
    named = [
        None if np.isnan(number) else names[i] for i, number in zip(code, numbers, strict=True)
    ]
    return pd.Series(named, index=values.index, dtype=object)
