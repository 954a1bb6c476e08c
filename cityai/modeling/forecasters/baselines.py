"""Baselines: what a city could do without a model. A forecast that does not beat them is no use."""

from __future__ import annotations

from typing import Final

import numpy as np

from cityai.config.project import Period
from cityai.data.periods import SEASON, YEAR, by_period
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.series import SeriesHistory, SeriesModel

CITY_RULE: Final = "city_rule"
"""Name of the city's own forecast among the baselines, where its data hold one."""

RECENT: Final[dict[int, int]] = {7: 28, 52: 8, 12: 3}
"""Periods in the recent mean, by season: four weeks, eight weeks, three months."""


def repeat_season(asked: SeriesHistory) -> FloatArray:
    """Repeat the last season that is known: last week's day, last year's week or month.

    A period that is not known in the last season is sought in the season before it, and so on; an
    entity without any falls back on its recent mean, so that a baseline answers every question.

    Returns
    -------
    numpy.ndarray
        Shape (H, E), in the target's unit; NaN only for an entity without any history.
    """
    return _repeat_lag(asked, asked.season)


def repeat_year(asked: SeriesHistory) -> FloatArray:
    """Repeat the same weekday of a year ago (364 days), as `repeat_season` does a season."""
    return _repeat_lag(asked, asked.year)


def average_recent(asked: SeriesHistory) -> FloatArray:
    """Repeat the mean of the last periods that are known (`RECENT`).

    Returns
    -------
    numpy.ndarray
        Shape (H, E), in the target's unit; NaN only for an entity without any history.
    """
    return np.repeat(_find_recent_mean(asked)[None, :], asked.steps, axis=0)


def choose_baselines(freq: Period) -> tuple[SeriesModel, ...]:
    """Return the baselines that mean something for a length of period.

    For weeks and months a season is a year already, so the year ago is not named twice.
    """
    season = SeriesModel("seasonal_naive", _SEASON_LABELS[freq], repeat_season)
    recent = SeriesModel(
        "recent_mean", f"mean of the last {RECENT[SEASON[freq]]} {freq}s", average_recent
    )
    if YEAR[freq] != SEASON[freq]:
        return (
            season,
            recent,
            SeriesModel("same_period_last_year", "same weekday a year ago", repeat_year),
        )
    return (season, recent)


_SEASON_LABELS: Final = by_period(
    day="same weekday of last week", week="same week a year ago", month="same month a year ago"
)


def _repeat_lag(asked: SeriesHistory, lag: int) -> FloatArray:
    targets = asked.length + asked.skip + np.arange(asked.steps)
    found = np.full((asked.steps, asked.history.shape[1]), np.nan)
    sources = targets - lag * -(-(targets - asked.length + 1) // lag)
    while (sources >= 0).any():
        usable = sources >= 0
        values = asked.history[sources[usable]]
        found[usable] = np.where(np.isnan(found[usable]), values, found[usable])
        sources = sources - lag
    return np.where(np.isnan(found), _find_recent_mean(asked)[None, :], found)


def _find_recent_mean(asked: SeriesHistory) -> FloatArray:
    """Return the mean of each entity's last known values within the window, else its last value."""
    window = RECENT.get(asked.season, asked.season)
    recent = asked.history[max(0, asked.length - window) :]
    known = ~np.isnan(recent)
    counts = known.sum(axis=0)
    sums = np.where(known, recent, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), find_last_known(asked.history))


def find_last_known(history: FloatArray) -> FloatArray:
    """Return each entity's last known value, NaN when there is none; shape (E,)."""
    known = ~np.isnan(history)
    if history.shape[0] == 0:
        return np.full(history.shape[1], np.nan)
    last = history.shape[0] - 1 - known[::-1].argmax(axis=0)
    values: FloatArray = history[last, np.arange(history.shape[1])]
    return values
