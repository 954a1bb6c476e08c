"""Classical candidates, for a whole panel at once: Theta, and damped exponential smoothing.

Both are recursions over time in which every entity and every value of a small grid of parameters
is one cell of an array, so all parameters of all entities are tried in one pass, without an
optimiser. On the public sets this is as accurate as fitting each series by itself, and hundreds
of times faster (``benchmarks/demand.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from cityai.data.features.known import mean_known
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.seasons import adjust_calendar, find_first_known, find_seasons
from cityai.modeling.forecasters.series import SeriesHistory, SeriesModel

MOST_SEASONS: Final = 260
"""Seasons of history that are looked at: five years of days. Older ones hardly weigh."""

BLOCK: Final = 128
"""Entities treated together; keeps the arrays within a processor's cache."""

LEVELS: Final = (0.03, 0.1, 0.2, 0.35, 0.55, 0.8)
TRENDS: Final = ((0.0, 1.0), (0.05, 0.8), (0.1, 0.9), (0.03, 0.97))
"""Weights of the newest error in the trend, each with the damping."""
SEASONS: Final = ((0.02, 1.0), (0.08, 1.0), (0.2, 1.0), (0.0, 0.0))
"""Weights of the newest error in the season, each with 1 where there is one."""
THETA_ALPHAS: Final = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
THETA_THETAS: Final = np.array([1.0, 1.5, 2.0, 3.0, 5.0, 10.0])
THETA_POWER: Final = 15.0
"""How sharply pairs are told apart; chosen on origins before the tests (`benchmarks/demand.md`)."""


@dataclass(frozen=True, slots=True)
class SmoothingGrid:
    """Parameters of damped additive smoothing, one value a grid point; shape (G,) each."""

    level: FloatArray
    trend: FloatArray
    """Weights of the newest error in the level, and in the trend."""
    damping: FloatArray
    """Factor that the trend keeps from one period to the next."""
    season: FloatArray
    """Weight of the newest error in the season."""
    seasonal: FloatArray
    """0 where the season is left out, else 1."""


def forecast_theta(asked: SeriesHistory) -> FloatArray:
    """Forecast by the optimised Theta method.

    Fiorucci et al. 2016, doi:10.1016/j.ijforecast.2016.02.005, the static optimised model.

    Each series is freed of its season where one is found, then modelled as
    ``y[t] = l[t-1] + (1 - 1/theta) * ((1-a)^(t-1) * A + (1 - (1-a)^t) / a * B)`` with a level ``l``
    smoothed by ``a`` and the least-squares line ``A + B t``. The pairs (a, theta) of a grid are
    averaged, weighed by their squared errors one period ahead; ``theta = 1`` is simple smoothing.

    Parameters
    ----------
    asked : SeriesHistory
        History (T, E) and what is to be forecast.

    Returns
    -------
    numpy.ndarray
        Shape (H, E), in the target's unit, not below 0 unless the history is; NaN for an entity
        without any history.
    """
    return _forecast_blocks(asked, _forecast_theta)


def forecast_smoothing(asked: SeriesHistory) -> FloatArray:
    """Forecast by damped-trend additive Holt-Winters smoothing, with and without a season.

    The parameters with the least absolute error one period ahead, recent errors weighing more, are
    taken from a grid, for each entity. Form of Hyndman & Athanasopoulos, *Forecasting: Principles
    and Practice*, 3rd ed., section 8.4 (``AAdA``), in the error-correction form.

    Parameters and returns as in `forecast_theta`.
    """
    return _forecast_blocks(asked, _forecast_smoothing)


THETA: Final = SeriesModel(
    "theta",
    "Theta method: smoothed level, half of the trend, season",
    adjust_calendar(forecast_theta),
    {
        "alpha": str(THETA_ALPHAS.tolist()),
        "theta": str(THETA_THETAS.tolist()),
        "power": str(THETA_POWER),
    },
)
SMOOTHING: Final = SeriesModel(
    "smoothing",
    "exponential smoothing with a damped trend and season",
    adjust_calendar(forecast_smoothing),
    {"level": str(LEVELS), "trend and damping": str(TRENDS), "season": str(SEASONS)},
)

SHORT: Final = 208
"""Periods of history at most that `SHORT_SMOOTHING` looks at: four years of weeks."""
SHORT_SMOOTHING: Final = replace(
    SMOOTHING,
    forecast=lambda asked: SMOOTHING.forecast(replace(asked, history=asked.history[-SHORT:])),
)
"""The same on a short history, where time counts for more than the last bit of accuracy."""


def _forecast_blocks(
    asked: SeriesHistory, forecast: Callable[[SeriesHistory], FloatArray]
) -> FloatArray:
    """Forecast block by block of entities, on the recent part of their history."""
    recent = asked.history[-MOST_SEASONS * asked.season :]
    entities = recent.shape[1]
    found = np.full((asked.steps, entities), np.nan)
    begun = np.flatnonzero((~np.isnan(recent)).any(axis=0))
    for at in range(0, len(begun), BLOCK):
        block = begun[at : at + BLOCK]
        part = SeriesHistory(recent[:, block], asked.skip, asked.steps, asked.season, asked.year)
        found[:, block] = forecast(part)
    if recent.size and np.nanmin(recent, initial=0.0) >= 0:
        found = np.maximum(found, 0.0)
    return found


def _forecast_theta(asked: SeriesHistory) -> FloatArray:
    seasons = find_seasons(asked.history, asked.season)
    plain = seasons.remove(asked.history)
    first = find_first_known(plain)
    start, slope = _fit_lines(plain, first)
    keep = 1.0 - THETA_ALPHAS
    pull = 1.0 - 1.0 / THETA_THETAS
    length, entities = plain.shape
    powers = keep ** np.arange(length + asked.reach + 2)[:, None]

    def drift(age: npt.NDArray[np.int64]) -> FloatArray:
        """Return the line's part of the forecast at an age, shape (E, alphas)."""
        kept, next_kept = powers[age], powers[age + 1]
        return kept * start[:, None] + (1.0 - next_kept) / THETA_ALPHAS * slope[:, None]

    level = np.repeat(plain[first, np.arange(entities)][:, None], len(keep), axis=1)
    loss = np.zeros((entities, len(keep), len(pull)))
    for t in range(int(first.min()) + 1, length):
        age = t - first
        live = (age > 0) & ~np.isnan(plain[t])
        value = np.where(live, plain[t], 0.0)[:, None]
        error = value[:, :, None] - (
            level[:, :, None] + pull * drift(np.maximum(age, 0))[:, :, None]
        )
        loss += np.where(live & (age >= 3), 1.0, 0.0)[:, None, None] * error**2
        level = level + THETA_ALPHAS * np.where(live[:, None], value - level, 0.0)
    weights = _weigh_models(loss)
    base, found = np.repeat(level[:, :, None], len(pull), axis=2), np.empty((asked.reach, entities))
    for ahead in range(asked.reach):
        each = base + pull * drift(length + ahead - first)[:, :, None]
        found[ahead] = (weights * each).sum(axis=(1, 2))
        base = base + THETA_ALPHAS[:, None] * (each - base)
    targets = length + np.arange(asked.skip, asked.reach)
    return seasons.restore(found[asked.skip :], targets)


def _weigh_models(loss: FloatArray) -> FloatArray:
    """Weigh an entity's pairs of parameters by their likelihood, tempered; sum 1 an entity.

    ``(least / loss) ** THETA_POWER``: Akaike weights of models with equally many parameters
    (Burnham and Anderson 2002, section 2.9), whose power would be half the length of the series.
    """
    least = loss.min(axis=(1, 2), keepdims=True)
    with np.errstate(invalid="ignore"):
        share = np.where(loss > 0, least / loss, 1.0) ** THETA_POWER
    return np.asarray(share / share.sum(axis=(1, 2), keepdims=True))


def _fit_lines(values: FloatArray, first: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Fit a least-squares line to each series; time counts 1, 2, ... from its first value."""
    known = ~np.isnan(values)
    time = np.arange(values.shape[0])[:, None] - first + 1.0
    time_mean = mean_known(np.where(known, time, np.nan))
    value_mean = mean_known(values)
    centred = np.where(known, time - time_mean, 0.0)
    spread = (centred**2).sum(axis=0)
    product = (centred * np.where(known, values - value_mean, 0.0)).sum(axis=0)
    slope = np.where(spread > 0, product / np.maximum(spread, 1e-12), 0.0)
    return value_mean - slope * time_mean, slope


def _build_grid(seasonal: bool) -> SmoothingGrid:
    seasons = SEASONS if seasonal else SEASONS[-1:]
    points = np.array([(a, b, d, c, s) for c, s in seasons for a in LEVELS for b, d in TRENDS])
    return SmoothingGrid(points[:, 0], points[:, 1], points[:, 2], points[:, 3], points[:, 4])


def _forecast_smoothing(asked: SeriesHistory) -> FloatArray:
    length, entities = asked.history.shape
    season = asked.season if length >= 2 * asked.season else 1
    grid = _build_grid(season > 1)
    size = np.maximum(mean_known(np.abs(asked.history)), 1e-9)
    values = asked.history / size
    first = find_first_known(values)
    warm = min(length, 2 * season if season > 1 else 8)
    head = _gather_head(values, first, warm)
    level = np.repeat(mean_known(head)[:, None], len(grid.level), axis=1)
    trend = np.zeros_like(level)
    states = _start_season(values, first, season)[:, :, None] * grid.seasonal
    fade = 0.5 ** (1.0 / max(length / 2, 2 * asked.season))
    loss = np.zeros_like(level)
    counted_from = first + np.minimum(warm, (length - first) // 3)
    for t in range(int(first.min()), length):
        live = ~np.isnan(values[t]) & (t >= first)
        moved = grid.damping * trend
        error = values[t][:, None] - (level + moved + states[t % season])
        error = np.where(live[:, None], error, 0.0)
        loss = loss * fade + np.abs(error) * (t >= counted_from)[:, None]
        level = level + moved + grid.level * error
        trend = moved + grid.level * grid.trend * error
        states[t % season] += grid.season * error
    best, rows = loss.argmin(axis=1), np.arange(entities)
    ahead = np.arange(1, asked.reach + 1)[:, None]
    damped = np.cumsum(grid.damping[best] ** ahead, axis=0)[asked.skip :]
    phases = (length + np.arange(asked.skip, asked.reach)) % season
    trended = level[rows, best] + damped * trend[rows, best]
    return (trended + states[phases][:, rows, best]) * size


def _gather_head(values: FloatArray, first: npt.NDArray[np.int64], count: int) -> FloatArray:
    """Return the first `count` values of each series from its own beginning, shape (count, E)."""
    at = first + np.arange(count)[:, None]
    inside = at < values.shape[0]
    picked = np.take_along_axis(values, np.where(inside, at, 0), axis=0)
    return np.where(inside, picked, np.nan)


def _start_season(values: FloatArray, first: npt.NDArray[np.int64], season: int) -> FloatArray:
    """Return the mean departure from the season's mean over the first four seasons, shape (m, E).

    Zero for an entity with less than two seasons.
    """
    length, entities = values.shape
    states = np.zeros((season, entities))
    if season == 1:
        return states
    count = min(length // season, 4)
    head = _gather_head(values, first, count * season).reshape(count, season, entities)
    centre = mean_known(head.transpose(1, 0, 2))
    departure = mean_known(head - centre[:, None, :])
    long_enough = length - first >= 2 * season
    phases = (first + np.arange(season)[:, None]) % season
    np.put_along_axis(states, phases, np.where(long_enough, departure, 0.0), axis=0)
    return np.nan_to_num(states)
