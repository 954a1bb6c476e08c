"""Forecasters of series, and the history that they are given at one origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cityai.data.rows import Floats

if TYPE_CHECKING:
    from cityai.data.panel import Panel


@dataclass(frozen=True, slots=True)
class SeriesHistory:
    """What a forecaster of series is given at one origin."""

    history: Floats
    """Shape (T, E), float64, in the target's unit: the mature totals of periods ``0 .. T - 1`` as
    they were seen at the origin. NaN before an entity's first period and where nothing was
    measured."""
    skip: int
    """Periods between the end of `history` and the first target period (reporting delay + lead)."""
    steps: int
    """Target periods to forecast, H."""
    season: int
    """Periods in a season (7 days, 52 weeks, 12 months)."""
    year: int
    """Periods in a year, whole seasons (364 days, 52 weeks, 12 months)."""
    holidays: npt.NDArray[np.int64] | None = None
    """Of days: shape (T + reach,) int64, which public holiday each day of history is, and each
    after it until the last target; 0 where it is none."""
    weekdays: Floats | None = None
    """Of months: shape (T + reach, 7) float64, how many of each weekday (`share_weekdays`)."""

    @property
    def length(self) -> int:
        """Number of periods of history, T."""
        return int(self.history.shape[0])

    @property
    def reach(self) -> int:
        """Periods from the end of history to the last target period."""
        return self.skip + self.steps

    @property
    def until(self) -> int:
        """Periods from the first of history to the last target."""
        return self.length + self.reach


@dataclass(frozen=True, slots=True)
class SeriesModel:
    """A forecaster that sees each entity's own history."""

    name: str
    label: str
    """Stable name, the end of its column's name; what it is, in a reader's words."""
    forecast: Callable[[SeriesHistory], Floats]
    """From `SeriesHistory` to forecasts of shape (H, E), in the target's unit."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Its parameters, as they are logged."""
    lag: int = 0
    """How many periods back it repeats a value; 0 for one that does something else."""


def cut_history(
    panel: Panel,
    origin: int,
    *,
    horizon: int,
    lead: int,
    holidays: npt.NDArray[np.int64] | None = None,
    weekdays: Floats | None = None,
) -> SeriesHistory:
    """Cut the panel at an origin: only mature totals, as they were seen then.

    Parameters
    ----------
    panel : Panel
        What was known when.
    origin : int
        Index of the moment.
    horizon, lead : int
        Periods to forecast, and periods between the origin and the first of them.
    holidays : numpy.ndarray, optional
        Shape (P,) int64, which holiday each period is, at least until the last target.
    weekdays : numpy.ndarray, optional
        Shape (P, 7) float64, the weekdays of each period, of as many.
    """
    mature = panel.mature_until(origin)
    season = panel.periods.season
    end = origin + lead + horizon
    return SeriesHistory(
        history=np.asarray(panel.known_at(origin)[:mature], dtype=np.float64),
        skip=origin - mature + lead,
        steps=horizon,
        season=season,
        year=panel.periods.year,
        holidays=None if holidays is None else holidays[:end],
        weekdays=None if weekdays is None else weekdays[:end],
    )
