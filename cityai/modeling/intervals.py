"""Intervals around a forecast: conformal, from the signed errors of earlier origins.

Errors are divided by a scale that grows with the forecast's level (a power law, fitted) and with
the entity's own record, then pooled over entities and neighbouring steps: the quantiles of a place
are those of all, stretched by its own errors, of which the latest count most, and shrunk to those
of all where its own are few. The share of errors left out on each side follows the coverage
measured so far (adaptive conformal inference: Gibbs & Candes 2021, arXiv:2106.00170). No coverage
is promised on a time series: it is measured and reported. What was tried: decision 23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import FOLD, STEP, TOTAL_HIGH, TOTAL_LOW, Y_PRED
from cityai.modeling.forecasters.protocol import FloatArray

IntArray = npt.NDArray[np.int64]

RATE: Final = 0.3
"""How fast the tails follow the measured coverage."""

LEAST_TAIL: Final = 0.25
"""Part of a tail's nominal share below which it never falls: one shock to all places at once would
else put the ends of every range at the farthest error ever seen."""

LEAST_ERRORS: Final = 500
"""Errors behind a quantile; neighbouring steps are pooled until there are as many."""

PRIOR_ROWS: Final = 2.0
"""Rows that an entity's own record must outweigh before it counts for half."""

KEPT_OWN: Final = 0.8
"""Weight of an origin's errors in an entity's own record, against those of the next origin."""

KEPT: Final = 0.97
"""The same among the errors of all: what a drift leaves behind fades."""

ROUNDING: Final = 1e-12
"""Shares that differ by less are the same."""


@dataclass(frozen=True, slots=True)
class PastErrors:
    """Forecasts of earlier origins beside what came to pass; all arrays have shape (R,)."""

    entity: IntArray
    """int64, position of the entity."""
    step: IntArray
    """int64, from 1."""
    fold: IntArray
    """int64, rising from origin to origin."""
    forecast: FloatArray
    truth: FloatArray
    """float64, in the target's unit."""


@dataclass(frozen=True, slots=True)
class Tails:
    """Shares of errors left out below and above, each in (0, 0.5)."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """How to put an interval around a forecast."""

    low: FloatArray
    high: FloatArray
    """Shape (H,): quantiles of the scaled error, by step."""
    factor: float
    exponent: float
    floor: float
    """The scale of a forecast p is ``factor * max(p, floor) ** exponent * ratio``; `floor` and the
    scale are in the target's unit."""
    ratio: FloatArray
    """Shape (E,), the entity's own latest errors relative to its level's."""
    nonnegative: bool
    """Whether bounds are cut at 0."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper ends of intervals, shape (R,) each, in the target's unit."""

    low: FloatArray
    high: FloatArray


def fit_intervals(
    past: PastErrors, tails: Tails, *, entities: int, steps: int, nonnegative: bool
) -> Intervals:
    """Fit scales and quantiles to the errors of earlier origins.

    Parameters
    ----------
    past : PastErrors
        Errors of origins before the one that the intervals are for, labels mature at it.
    tails : Tails
        Shares left out.
    entities, steps : int
        Number of entities (E) and of steps (H).
    nonnegative : bool
        Whether the target cannot be below 0.
    """
    plain = Intervals(
        np.zeros(steps), np.zeros(steps), 1.0, 0.0, 0.0, np.ones(entities), nonnegative
    )
    if len(past.forecast) == 0:
        return plain
    scaled = _fit_scale(past, plain)
    scale = find_scale(scaled, past.entity, past.forecast)
    relative = (past.truth - past.forecast) / scale
    weight = _weigh_origins(past.fold, KEPT)
    order = np.argsort(relative)  # of equal errors any is the quantile
    relative, weight, step = relative[order], weight[order], past.step[order]
    low, high = np.empty(steps), np.empty(steps)
    for place in range(steps):
        near = _pool_steps(step, place + 1)
        low[place], high[place] = _find_quantiles(relative[near], weight[near], tails)
    return replace(scaled, low=low, high=high)


def place_bounds(
    intervals: Intervals, entity: IntArray, step: IntArray, forecast: FloatArray
) -> Bounds:
    """Put intervals around forecasts; the forecast always lies inside.

    Parameters
    ----------
    intervals : Intervals
        Scales and quantiles.
    entity : numpy.ndarray
        Shape (R,), positions of the entities; -1 for one that is not known.
    step : numpy.ndarray
        Shape (R,), from 1.
    forecast : numpy.ndarray
        Shape (R,), in the target's unit.
    """
    scale = find_scale(intervals, entity, forecast)
    low = forecast + intervals.low[step - 1] * scale
    high = forecast + intervals.high[step - 1] * scale
    if intervals.nonnegative:
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
    return Bounds(np.minimum(low, forecast), np.maximum(high, forecast))


def find_scale(intervals: Intervals, entity: IntArray, forecast: FloatArray) -> FloatArray:
    """Return the size of error to expect of each forecast, shape (R,), in the target's unit."""
    ratio = np.where(entity >= 0, intervals.ratio[entity], 1.0)
    level = np.maximum(np.abs(forecast), intervals.floor)
    scale: FloatArray = intervals.factor * level**intervals.exponent * ratio
    return np.maximum(scale, 1e-12)


def adapt_tails(tails: Tails, bounds: Bounds, truth: FloatArray, coverage: float) -> Tails:
    """Move each tail by how far its misses lay from their nominal share at one origin.

    Parameters
    ----------
    tails : Tails
        Shares so far.
    bounds : Bounds
        Intervals given at that origin, shape (R,).
    truth : numpy.ndarray
        Shape (R,), what came to pass.
    coverage : float
        Nominal coverage.
    """
    if len(truth) == 0:
        return tails
    nominal = (1.0 - coverage) / 2.0
    return Tails(
        _move_tail(tails.low, nominal, float((truth < bounds.low).mean())),
        _move_tail(tails.high, nominal, float((truth > bounds.high).mean())),
    )


def start_tails(coverage: float) -> Tails:
    """Return equal tails of a nominal coverage."""
    return Tails((1.0 - coverage) / 2.0, (1.0 - coverage) / 2.0)


def _move_tail(share: float, nominal: float, missed: float) -> float:
    return float(np.clip(share + RATE * (nominal - missed), LEAST_TAIL * nominal, 0.4))


def _fit_scale(past: PastErrors, plain: Intervals) -> Intervals:
    """Fit the power law of error over level across entities, and each entity's ratio to it."""
    entities = len(plain.ratio)
    counts = np.bincount(past.entity, minlength=entities)
    safe = np.maximum(counts, 1)
    size = np.bincount(past.entity, np.abs(past.truth - past.forecast), entities) / safe
    level = np.bincount(past.entity, np.abs(past.forecast), entities) / safe
    usable = (size > 0) & (level > 0)
    if not usable.any():
        return plain
    x, y = np.log(level[usable]), np.log(size[usable])
    spread = ((x - x.mean()) ** 2).sum()
    wide = usable.sum() >= 8 and x.std() > 0.1
    exponent = float(np.clip((x - x.mean()) @ y / spread, 0.0, 1.0)) if wide else 0.5
    factor = float(np.exp((y - exponent * x).mean()))
    heights = np.abs(past.forecast)
    floor = float(max(np.quantile(heights, 0.02), 0.01 * heights.mean()))
    scaled = replace(plain, factor=factor, exponent=exponent, floor=floor)
    return replace(scaled, ratio=_learn_ratios(past, scaled))


def _learn_ratios(past: PastErrors, scaled: Intervals) -> FloatArray:
    """Return each entity's latest errors over those of all of its level, shrunk to 1."""
    entities = len(scaled.ratio)
    weight = _weigh_origins(past.fold, KEPT_OWN)
    seen, made, due = (
        np.bincount(past.entity, weight * of, entities)
        for of in (
            np.ones(len(weight)),
            np.abs(past.truth - past.forecast),
            find_scale(scaled, past.entity, past.forecast),
        )
    )
    rows = seen / (1.0 + (int(past.step.max()) - 1) * 0.5)
    erring = (made > 0) & (due > 0)
    own = np.divide(made, due, out=np.ones(entities), where=due > 0)
    own[due > 0] /= np.exp(np.log(own[erring]).mean())
    return np.asarray((rows * own + PRIOR_ROWS) / (rows + PRIOR_ROWS))


def _weigh_origins(fold: IntArray, kept: float) -> FloatArray:
    """Weigh each row by its origin: the latest 1, each before it `kept` times the next."""
    number = fold - fold.min(initial=0)
    later = np.flip(np.cumsum(np.flip(np.bincount(number) > 0))) - 1.0
    return np.asarray(kept**later)[number]


def _find_quantiles(errors: FloatArray, weight: FloatArray, tails: Tails) -> tuple[float, float]:
    """Return the ends of rising errors that leave the tails out; one more error is to come."""
    count = len(errors)
    below = np.cumsum(weight)
    below *= count / (count + 1) / below[-1]
    first = int(np.searchsorted(below, tails.low + ROUNDING, side="right")) - 1
    last = int(np.searchsorted(below, 1 - tails.high - ROUNDING))
    return float(errors[max(first, 0)]), float(errors[min(last, count - 1)])


def _pool_steps(step: IntArray, centre: int) -> npt.NDArray[np.bool_]:
    """Return which errors are of a step or its neighbours, widened until there are enough."""
    far = np.abs(step - centre)
    reach = 1
    while (far <= reach).sum() < min(LEAST_ERRORS, len(step)):
        reach += 1
    return np.asarray(far <= reach)


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
