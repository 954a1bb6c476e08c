"""What happens in Port Ellery day by day, and what of it is reported.

Need is drawn first and kept apart. A resident reports it with a probability that rises with the
income of the neighbourhood, so requests measure reporting, not need. From `SHIFT_WEEK` on, need in
the lowest third of income grows week after week and becomes erratic (the planted gap, with the
paper forms of `requests.py`): a forecast made from the past comes too low there, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.places import PAIR, PER_DISTRICT, PLACES, THIRD, Places

FIRST_DAY: Final = np.datetime64("2022-01-03", "D")
WEEKS: Final = 208
DAYS: Final = 7 * WEEKS
EXPORTED_AT: Final = FIRST_DAY + DAYS
"""Moment of the export: 2025-12-29, midnight. Nothing recorded later is in the table."""

SHIFT_WEEK: Final = 140
"""Week from which the planted gap opens: 2024-09-09."""
WEEKLY_GROWTH: Final = 0.016
"""Growth of need a week from then on, in the lowest third of income."""
CALM: Final = 90.0
"""Shape of the gamma factor of a neighbourhood's week: a coefficient of variation of 0.11."""
ERRATIC: Final = 10.0
"""The same from the shift on, in the lowest third of income: 0.32."""
STEADY_GROWTH: Final = 0.001
"""Growth a week in four neighbourhoods of the middle third, all four years: easily followed."""

CITY_OUTAGE: Final = (61, 63)
"""Weeks in which the whole city's system stood still, half-open: 2023-03-06 to 2023-03-19."""
DISTRICT_OUTAGE: Final = (91, 95)
"""Weeks without rows from the district South, half-open: 2023-10-02 to 2023-10-29."""
OUTAGE_DISTRICT: Final = "South"

WORKS_AHEAD: Final = 8
"""Weeks after the export for which street works are already planned."""

_PER_RESIDENT = 95 / 14_000  # needs a week
_WEEKDAY = np.array([1.22, 1.12, 1.07, 1.05, 1.04, 0.80, 0.70])
_HOLIDAY = 0.45
_WORKS = 1.07  # for each street work in the week
_SEASONS = ((100, 128, 1.32), (298, 326, 1.28), (355, 367, 0.72))  # first and last day of the year
_HOLIDAYS = np.array(
    [
        f"{year}-{day}"
        for year, movable in (
            (2022, ("05-30", "09-05", "11-24")),
            (2023, ("05-29", "09-04", "11-23")),
            (2024, ("05-27", "09-02", "11-28")),
            (2025, ("05-26", "09-01", "11-27")),
        )
        for day in ("01-01", "07-04", "12-25", *movable)
    ],
    dtype="datetime64[D]",
)


@dataclass(frozen=True, slots=True)
class Need:
    """What happened and what was reported."""

    weather: pd.DataFrame
    """One row a day: day, temperature (degrees Celsius), rain (millimetres)."""
    works: pd.DataFrame
    """One row a neighbourhood and week, to `WORKS_AHEAD` weeks after the export: neighbourhood,
    week_start, works (number of planned street works)."""
    happened: np.ndarray
    """Needs by day and neighbourhood, int64, shape (1456, 24)."""
    reported: np.ndarray
    """Those that residents reported while the system ran, same shape."""
    lost: np.ndarray
    """Those that residents reported during an outage, of which no row exists, same shape."""


def draw_need(places: Places, rng: np.random.Generator, planted_gap: bool) -> Need:
    """Draw weather, street works, need and reports for four years.

    Parameters
    ----------
    places : Places
        The neighbourhoods.
    rng : numpy.random.Generator
        Source of all that is random.
    planted_gap : bool
        Whether need in the lowest third of income grows from `SHIFT_WEEK` on.
    """
    weather = _draw_weather(rng)
    works = rng.poisson(0.5, (WEEKS + WORKS_AHEAD, PLACES))
    per_day = _PER_RESIDENT / 7 * places.areas["residents"].to_numpy()
    per_day = per_day * np.choose(THIRD, [1.2, 1.0, 0.95])
    by_week = _draw_pace(rng, planted_gap) * _WORKS ** works[:WEEKS]
    by_day = _follow_days(weather)
    mean = by_day[:, None] * np.repeat(by_week, 7, axis=0) * per_day[None, :]
    happened = rng.poisson(mean)
    told = rng.binomial(happened, share_reporting(places)[None, :])
    silent = find_outages()
    return Need(
        weather=weather,
        works=_tabulate_works(works, places),
        happened=happened,
        reported=np.where(silent, 0, told),
        lost=np.where(silent, told, 0),
    )


def share_reporting(places: Places) -> np.ndarray:
    """Probability that a need is reported: 0.53 to 0.58 in the lowest third of income, 0.9 at most.

    Returns
    -------
    numpy.ndarray
        Shape (24,).
    """
    income = places.areas["median_income"].to_numpy()
    return np.minimum(0.40 + 5.5 * income / 1e6, 0.90)


def find_outages() -> np.ndarray:
    """Days and neighbourhoods without rows: bool, shape (1456, 24)."""
    silent = np.zeros((WEEKS, PLACES), dtype=bool)
    silent[slice(*CITY_OUTAGE)] = True
    south = np.arange(PLACES) // PER_DISTRICT == 2
    silent[slice(*DISTRICT_OUTAGE), south] = True
    return np.repeat(silent, 7, axis=0)


def list_weeks(count: int = WEEKS) -> np.ndarray:
    """Mondays from the first on, datetime64[D], shape (count,)."""
    return FIRST_DAY + 7 * np.arange(count)


def _draw_weather(rng: np.random.Generator) -> pd.DataFrame:
    days = FIRST_DAY + np.arange(DAYS)
    noise = np.zeros(DAYS)
    shocks = rng.normal(0, 2.2, DAYS)
    for i in range(1, DAYS):
        noise[i] = 0.7 * noise[i - 1] + shocks[i]
    season = np.cos(2 * np.pi * (np.arange(DAYS) - 200) / 365.25)
    rain = np.where(rng.random(DAYS) < 0.3, rng.gamma(0.9, 9.0, DAYS), 0.0)
    return pd.DataFrame(
        {
            "day": np.datetime_as_string(days),
            "temperature": np.round(12.5 + 11 * season + noise, 1),
            "rain": np.round(rain, 1),
        }
    )


def _draw_pace(rng: np.random.Generator, planted_gap: bool) -> np.ndarray:
    """Factor on need by week and neighbourhood: season, shared and own shocks, growth."""
    week = np.arange(WEEKS)
    season = 1 + 0.13 * np.sin(2 * np.pi * (week - 15) / 52.18)
    shared = np.exp(np.convolve(rng.normal(0, 0.04, WEEKS + 3), np.full(4, 0.25), "valid"))
    own = rng.gamma(CALM, 1 / CALM, (WEEKS, PLACES))
    wild = rng.gamma(ERRATIC, 1 / ERRATIC, (WEEKS, PLACES))
    steady = np.where((THIRD == 1) & (PAIR == 1), STEADY_GROWTH, 0.0)
    growth = week[:, None] * steady[None, :]
    if planted_gap:
        since = np.maximum(week - SHIFT_WEEK, 0)
        own = np.where((week[:, None] >= SHIFT_WEEK) & (THIRD[None, :] == 0), wild, own)
        growth = growth + since[:, None] * np.where(THIRD == 0, WEEKLY_GROWTH, 0.0)[None, :]
    return (season * shared)[:, None] * own * np.exp(growth)


def _follow_days(weather: pd.DataFrame) -> np.ndarray:
    days = weather["day"].to_numpy().astype("datetime64[D]")
    weekday = _WEEKDAY[(days - FIRST_DAY).astype(np.int64) % 7]
    holiday = np.where(np.isin(days, _HOLIDAYS), _HOLIDAY, 1.0)
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    season = np.ones(len(days))
    for first, last, busy in _SEASONS:  # spring cleaning, leaves, the end of the year
        season[(day_of_year >= first) & (day_of_year < last)] = busy
    rain = 1 + 0.006 * np.minimum(weather["rain"].to_numpy(), 30)
    heat = 1 + 0.015 * np.maximum(weather["temperature"].to_numpy() - 24, 0)
    return weekday * holiday * season * rain * heat


def _tabulate_works(works: np.ndarray, places: Places) -> pd.DataFrame:
    weeks = np.datetime_as_string(list_weeks(len(works)))
    return pd.DataFrame(
        {
            "neighbourhood": np.tile(places.codes, len(works)),
            "week_start": np.repeat(weeks, PLACES),
            "works": works.ravel(),
        }
    )
