"""Seasons of many series at once: found by a test, removed, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cityai.data.features.known import mean_known
from cityai.modeling.forecasters.protocol import FloatArray

TEST_POINT: Final = 1.645
"""Point of the normal distribution for the autocorrelation test, 90 % two-sided."""

LEAST_INDEX: Final = 0.01
"""A multiplicative index below this would blow figures up; the season is taken as additive."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """The season of each series.

    Attributes
    ----------
    length : int
        Periods in a season, m.
    factors : numpy.ndarray
        Shape (m, E): what period ``t`` is multiplied by is row ``t % m``; 1 where there is none.
    terms : numpy.ndarray
        Shape (m, E): what is added, in the target's unit; 0 where there is none.
    """

    length: int
    factors: FloatArray
    terms: FloatArray

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
