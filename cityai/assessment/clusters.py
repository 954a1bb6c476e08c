"""Intervals from influences: of a level over entities, of a difference over days."""

from __future__ import annotations

import math

import numpy as np

from cityai.assessment.serial import spread_serial
from cityai.assessment.spread import compute_margin, spread_entities
from cityai.modeling.forecasters import FloatArray


def find_margin_by_entity(
    influence: FloatArray, entity: np.ndarray, confidence: float, min_blocks: int
) -> float:
    """Half-width of an interval that holds for other entities like these, at the same times.

    Parameters
    ----------
    influence : numpy.ndarray
        Shape (n,), adds up to 0.
    entity : numpy.ndarray
        Shape (n,), int64 codes from 0: cases of one entity vary together.
    confidence : float
        Of the interval.
    min_blocks : int
        Fewer entities give none.

    Returns
    -------
    float
        NaN where the data cannot tell.

    Notes
    -----
    The clustered form of DeLong's variance (Obuchowski 1997, Biometrics 53(2)) for the area under
    the curve, and the cluster-robust one of any ratio. The degrees of freedom are
    ``(sum u^2)^2 / sum u^4``: as many as entities really decide.
    """
    summed = np.bincount(entity, weights=influence)
    touched = float(np.count_nonzero(np.bincount(entity)))
    squares = summed**2
    total = float(squares.sum())
    if touched < 2 or total <= 0:
        return math.nan
    freedom = total**2 / float((squares**2).sum())
    grown = summed * math.sqrt(touched / (touched - 1))
    spread = spread_entities(grown[:, None], np.array([touched]), np.array([freedom]))
    return float(compute_margin(spread, confidence, min_blocks)[0])


def find_margin_by_day(
    influence: FloatArray, day: np.ndarray, confidence: float, min_blocks: int
) -> float:
    """Half-width of an interval of a paired difference that holds at other times.

    Parameters
    ----------
    influence : numpy.ndarray
        Shape (n,), the difference of two influences of the same cases; adds up to 0.
    day : numpy.ndarray
        Shape (n,), int64 codes from 0 in order of time.
    confidence, min_blocks
        As for `find_margin_by_entity`.
    """
    count = int(day.max(initial=-1)) + 1
    if count < 3:
        return math.nan
    summed = np.bincount(day, weights=influence, minlength=count)[:, None]
    spread = spread_serial(summed, np.array([float(count)]))
    return float(compute_margin(spread, confidence, min_blocks)[0])
