"""Seasons and calendar effects of many series at once: found, taken out, and put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from cityai.data.calendar_effects import estimate_factors
from cityai.data.features.known import mean_known
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.series import SeriesHistory

TEST_POINT: Final = 1.645
"""Point of the normal distribution for the autocorrelation test, 90 % two-sided."""

LEAST_INDEX: Final = 0.01
"""A multiplicative index below this would blow figures up; the season is taken as additive."""
WEEKS: Final = (-14, -7, 7, 14)
"""Days whose totals a holiday is held against: the same weekday, two weeks around."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """The season of each series."""

    length: int
    """Periods in a season, m."""
    factors: FloatArray
    """Shape (m, E): what period ``t`` is multiplied by is row ``t % m``; 1 where there is none."""
    terms: FloatArray
    """Shape (m, E): what is added, in the target's unit; 0 where there is none."""

    def remove(self, values: FloatArray) -> FloatArray:
        """Return values of periods ``0 .. T - 1``, shape (T, E), freed of their season."""
        phases = np.arange(values.shape[0]) % self.length
        return (values - self.terms[phases]) / self.factors[phases]

    def restore(self, values: FloatArray, periods: npt.NDArray[np.int64]) -> FloatArray:
        """Return values of the given periods, shape (len(periods), E), with their season."""
        phases = periods % self.length
        return values * self.factors[phases] + self.terms[phases]


def find_seasons(values: FloatArray, length: int) -> Seasons:
    """Find the season of each series by classical decomposition, where a test finds one.

    Multiplicative for series without zeros, else additive. The test is that of the Theta method:
    the autocorrelation at the season's lag beyond its 90 % limit (Bartlett's formula).

    Parameters
    ----------
    values : numpy.ndarray
        Shape (T, E), NaN where unknown, each series with at least one value.
    length : int
        Periods in a season, m.
    """
    count, entities = values.shape
    factors, terms = np.ones((length, entities)), np.zeros((length, entities))
    if length == 1 or count < 2 * length + 1:
        return Seasons(length, factors, terms)
    seasonal = _detect_season(values, length)
    positive = np.nanmin(values, axis=0) > 0
    centre = _smooth(values, length)
    inner = values[length // 2 : length // 2 + len(centre)]
    phases = (np.arange(len(centre)) + length // 2) % length
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = _average_phases(np.where(positive, inner / centre, np.nan), phases, length)
    offsets = _average_phases(inner - centre, phases, length)
    complete = ~np.isnan(offsets).any(axis=0) & seasonal
    ratios = ratios / mean_known(ratios)
    offsets = offsets - mean_known(offsets)
    with np.errstate(invalid="ignore"):
        multiply = complete & positive & (ratios > LEAST_INDEX).all(axis=0)
    factors[:, multiply] = ratios[:, multiply]
    add = complete & ~multiply
    terms[:, add] = offsets[:, add]
    return Seasons(length, factors, terms)


def _detect_season(values: FloatArray, length: int) -> npt.NDArray[np.bool_]:
    """Test each series for a season of a length, shape (E,).

    A series needs more than two seasons of known values.
    """
    known = ~np.isnan(values)
    centred = np.where(known, values - mean_known(values), 0.0)
    power = (centred**2).sum(axis=0)
    safe = np.where(power > 0, power, 1.0)
    lags = [(centred[lag:] * centred[:-lag]).sum(axis=0) / safe for lag in range(1, length + 1)]
    counts = known.sum(axis=0)
    limit = TEST_POINT * np.sqrt(
        (1.0 + 2.0 * np.square(lags[:-1]).sum(axis=0)) / np.maximum(counts, 1)
    )
    return (np.abs(lags[-1]) > limit) & (power > 0) & (counts > 2 * length)


def find_first_known(values: FloatArray) -> npt.NDArray[np.int64]:
    """Return the index of each series' first known value, shape (E,)."""
    return (~np.isnan(values)).argmax(axis=0).astype(np.int64)


def _smooth(values: FloatArray, length: int) -> FloatArray:
    """Return the centred moving average over one season; T - 2 (m // 2) rows."""
    kernel = np.ones(length + (length % 2 == 0))
    if length % 2 == 0:
        kernel[[0, -1]] = 0.5
    windows = np.lib.stride_tricks.sliding_window_view(values, len(kernel), axis=0)
    return windows @ (kernel / length)


def _average_phases(values: FloatArray, phases: npt.NDArray[np.int64], length: int) -> FloatArray:
    return np.stack([mean_known(values[phases == phase]) for phase in range(length)])


def adjust_calendar(
    forecast: Callable[[SeriesHistory], FloatArray],
) -> Callable[[SeriesHistory], FloatArray]:
    """Wrap a forecaster of series, so that it sees what is left of the calendar's effects.

    Of days, holidays of the past are left out, and those ahead are scaled. Months of the past are
    divided by what their weekdays do to them, and those ahead are multiplied by it.
    Where the history names neither, or an amount lies below 0, nothing changes.

    Parameters
    ----------
    forecast : callable
        From `SeriesHistory` to forecasts of shape (H, E).
    """

    def adjusted(asked: SeriesHistory) -> FloatArray:
        if (asked.history < 0).any():
            return forecast(asked)
        if asked.holidays is not None:
            plain, scale = _leave_holidays(asked, asked.holidays[-asked.until :])
        elif asked.weekdays is not None:
            factors = estimate_factors(asked.history, asked.weekdays[-asked.until :])
            plain = asked.history / factors[: asked.length, None]
            scale = factors[asked.length + asked.skip :]
        else:
            return forecast(asked)
        return np.asarray(forecast(replace(asked, history=plain)) * scale[:, None])

    return adjusted


def _leave_holidays(asked: SeriesHistory, codes: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return the history without its holidays, and the factor of each day ahead."""
    past, ahead = codes[: asked.length], codes[asked.length + asked.skip :]
    effects = _estimate_effects(asked.history, past)
    plain = np.where((past > 0)[:, None], np.nan, asked.history)
    only = np.isnan(plain).all(axis=0)  # seen on holidays alone
    plain[:, only] = asked.history[:, only]
    return plain, np.array([effects.get(int(code), 1.0) for code in ahead])


def _estimate_effects(history: FloatArray, holidays: np.ndarray) -> dict[int, float]:
    """Estimate each holiday's multiplicative effect on the city's total.

    The total of a holiday over that of the same weekday one and two weeks before and after it,
    holidays left out; the mean over its past dates is shrunk towards 1 by how much that ratio
    varies on ordinary days (positive-part James-Stein, Efron and Morris 1973,
    doi:10.1080/01621459.1973.10481350).
    """
    length, free = len(history), holidays > 0
    ordinary = np.where(free[:, None], np.nan, history)
    padded = np.pad(ordinary, ((14, 14), (0, 0)), constant_values=np.nan)
    usual, counted = np.zeros(history.shape), np.zeros(history.shape, dtype=np.int8)
    for days in WEEKS:  # one after another: of a large panel they fill memory together
        beside = padded[14 + days : 14 + days + length]
        known = ~np.isnan(beside)
        counted += known
        usual += np.where(known, beside, 0.0)
    usual /= np.maximum(counted, 1)
    both = (counted > 0) & ~np.isnan(history)
    total = np.where(both, history, 0.0).sum(axis=1)
    expected = np.where(both, usual, 0.0).sum(axis=1)
    told = expected > 0
    ratio = total[told] / expected[told]
    code = holidays[told]
    plain = ratio[code == 0]
    noise = float(plain.var()) if len(plain) else 0.0
    effects = {}
    for holiday in np.unique(code[code > 0]).tolist():
        seen = ratio[code == holiday]
        effect = float(seen.mean()) - 1.0
        kept = 0.0 if effect == 0 else max(0.0, 1.0 - noise / len(seen) / effect**2)
        effects[holiday] = 1.0 + kept * effect
    return effects
