"""Cluster-robust intervals from influence functions: a level over entities, a gap over days."""

from __future__ import annotations

import math

import numpy as np

from cityai.inference.autocorrelation import mixture_margin
from cityai.inference.rate_intervals import Rates, bound_values, divide_known
from cityai.inference.standard_errors import (
    LEAST_FREEDOM,
    StandardErrors,
    cluster_robust_se,
    compute_margin,
    count_effective,
)
from cityai.records.metric import Estimate, Floats


def find_margin_by_entity(
    influence: Floats, entity: np.ndarray, confidence: float, min_blocks: int
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
    spread = _spread_by_entity(influence, entity)
    return float(compute_margin(spread, confidence, min_blocks)[0])


def bound_by_entity(
    estimate: Estimate,
    entity: np.ndarray,
    confidence: float,
    min_blocks: int,
    *,
    floor: float = 0.0,
    part: bool = False,
) -> tuple[float, float]:
    """Bound a figure for other entities like these, within what is possible.

    Parameters
    ----------
    estimate : Estimate
        The figure; a rate of yes or no says what it counts.
    entity, confidence, min_blocks
        As for `find_margin_by_entity`.
    floor, part
        As for `rates.bound_values`.
    """
    value, rates = np.array([estimate.value]), None
    spread = _spread_by_entity(estimate.influence, entity)
    if estimate.counted is not None:
        size = np.bincount(entity, weights=estimate.counted)[:, None]
        rows = size.sum(axis=0)
        rates = Rates(value, rows, np.maximum(divide_known((size**2).sum(axis=0), rows), 1.0))
        freedom = count_effective(size**2) - 1
        spread = StandardErrors(
            np.sqrt((_sum_by_entity(estimate.influence, entity) ** 2).sum(axis=0)),
            np.maximum(freedom, 1.0),
            (size > 0).sum(axis=0).astype(np.float64),
            np.eye(1),
            freedom >= LEAST_FREEDOM,
        )
    low, high = bound_values(
        value, spread, confidence, min_blocks, floor=floor, part=part, rates=rates
    )
    return float(low[0]), float(high[0])


def _sum_by_entity(influence: Floats, entity: np.ndarray) -> np.ndarray:
    """(E, 1) cluster influences with the small-sample factor ``sqrt(E / (E - 1))``."""
    touched = np.count_nonzero(np.bincount(entity))
    grown = math.sqrt(touched / (touched - 1)) if touched > 1 else 0.0
    return grown * np.bincount(entity, weights=influence)[:, None]


def _spread_by_entity(influence: Floats, entity: np.ndarray) -> StandardErrors:
    summed = _sum_by_entity(influence, entity)
    squares = summed**2
    freedom = divide_known(squares.sum(axis=0) ** 2, (squares**2).sum(axis=0))
    touched = np.array([np.count_nonzero(np.bincount(entity))], np.float64)
    return cluster_robust_se(summed, touched, freedom)


def find_margin_by_day(
    influence: Floats, day: np.ndarray, confidence: float, min_blocks: int
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
    summed = np.bincount(day, weights=influence, minlength=count)
    return mixture_margin(summed, float(count), confidence, min_blocks)
