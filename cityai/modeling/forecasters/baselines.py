"""Baselines: what a city could do without a model. A forecast that does not beat them is no use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from cityai.columns import AREA_AVERAGE, YEAR_AVERAGE
from cityai.config.project import Period
from cityai.data.features.known import find_latest, mean_known
from cityai.data.periods import SEASON, YEAR, by_period
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.series import SeriesHistory, SeriesModel

CITY_RULE: Final = "city_rule"
"""Name of the city's own forecast among the baselines, where its data hold one."""

RECENT_MEAN: Final = "recent_mean"
"""Name of the baseline that stands in where another has nothing to repeat."""

RECENT: Final[dict[int, int]] = {7: 28, 52: 8, 12: 3}
"""Periods in the recent mean, by season: four weeks, eight weeks, three months."""


def _repeat_season(asked: SeriesHistory) -> FloatArray:
    """Repeat the last season that is known: last week's day, last year's week or month.

    A period that is not known in the last season is sought in the season before it, and so on; an
    entity without any falls back on its recent mean, so that a baseline answers every question.
    """
    return _repeat_lag(asked, asked.season)


def repeat_year(asked: SeriesHistory) -> FloatArray:
    """Repeat the same weekday of a year ago (364 days), as `_repeat_season` does a season."""
    return _repeat_lag(asked, asked.year)


def _average_recent(asked: SeriesHistory) -> FloatArray:
    """Repeat the mean of the last periods that are known (`RECENT`)."""
    return np.repeat(_find_recent_mean(asked)[None, :], asked.steps, axis=0)


def _average_areas(asked: SeriesHistory, area: np.ndarray) -> FloatArray:
    """Give each entity the mean of its area's entities over the last year that is known."""
    last = asked.history[max(0, asked.length - asked.year) :]
    known = ~np.isnan(last)
    counts = np.bincount(area, weights=known.sum(axis=0))
    sums = np.bincount(area, weights=np.where(known, last, 0.0).sum(axis=0))
    mean = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return np.repeat(mean[area][None, :], asked.steps, axis=0)


def make_area_average(areas: Sequence[str | None]) -> SeriesModel:
    """Make the baseline that knows an area's average alone; of one series, its own average.

    Parameters
    ----------
    areas : sequence of str or None
        Of each entity, E; one without an area stands for itself.
    """
    keys = [area or f"entity {i}" for i, area in enumerate(areas)]
    code = np.unique(keys, return_inverse=True)[1]
    forecast = partial(_average_areas, area=code.astype(np.int64))
    if len(areas) == 1:
        return SeriesModel(YEAR_AVERAGE, "the average of the last year", forecast)
    return SeriesModel(AREA_AVERAGE, "the area's average over the last year", forecast)


def choose_baselines(freq: Period, length: int | None = None) -> tuple[SeriesModel, ...]:
    """Return the baselines that mean something for a length of period, and for a history.

    For weeks and months a season is a year already, so the year ago is not named twice.

    Parameters
    ----------
    freq : Period
        day, week or month.
    length : int, optional
        Periods before the last test. In a shorter history no place has a last season: each would
        fall back on its recent mean, and the season's name would stand over another rule's figures.
    """
    lag = SEASON[freq]
    season = SeriesModel("seasonal_naive", _SEASON_LABELS[freq], _repeat_season, lag=lag)
    recent = SeriesModel(RECENT_MEAN, f"mean of the last {RECENT[lag]} {freq}s", _average_recent)
    known = [season, recent]
    if YEAR[freq] != lag:
        label = "same weekday a year ago"
        known.append(SeriesModel("same_period_last_year", label, repeat_year, lag=YEAR[freq]))
    return tuple(model for model in known if length is None or model.lag <= length)


_SEASON_LABELS: Final = by_period(
    day="last known same weekday", week="last known same week", month="last known same month"
)


def find_lagged(asked: SeriesHistory, lag: int) -> FloatArray:
    """Return what is known a whole number of lags before each target, the nearest first.

    Returns
    -------
    numpy.ndarray
        Shape (H, E), in the target's unit; NaN where the history has none.
    """
    targets = asked.length + asked.skip + np.arange(asked.steps)
    found = np.full((asked.steps, asked.history.shape[1]), np.nan)
    sources = targets - lag * -(-(targets - asked.length + 1) // lag)
    while (sources >= 0).any():
        usable = sources >= 0
        values = asked.history[sources[usable]]
        found[usable] = np.where(np.isnan(found[usable]), values, found[usable])
        sources = sources - lag
    return found


def _repeat_lag(asked: SeriesHistory, lag: int) -> FloatArray:
    found = find_lagged(asked, lag)
    return np.where(np.isnan(found), _find_recent_mean(asked)[None, :], found)


def _find_recent_mean(asked: SeriesHistory) -> FloatArray:
    """Return the mean of each entity's last known values within the window, else its last value."""
    window = RECENT.get(asked.season, asked.season)
    recent = mean_known(asked.history[max(0, asked.length - window) :])
    return np.where(np.isnan(recent), find_latest(asked.history), recent)
