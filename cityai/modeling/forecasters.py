"""What can predict: records that the kinds of question choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from cityai.data.panel import Panel

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a forecaster of series is given at one origin.

    Attributes
    ----------
    history : numpy.ndarray
        Shape (T, E), float64, in the target's unit: the mature totals of periods ``0 .. T - 1`` as
        they were seen at the origin. NaN before an entity's first period and where nothing was
        measured.
    skip : int
        Periods between the end of `history` and the first target period (reporting delay + lead).
    steps : int
        Target periods to forecast, H.
    season : int
        Periods in a season (7 days, 52 weeks, 12 months).
    year : int
        Periods in a year, whole seasons (364 days, 52 weeks, 12 months).
    """

    history: FloatArray
    skip: int
    steps: int
    season: int
    year: int

    @property
    def length(self) -> int:
        """Number of periods of history, T."""
        return int(self.history.shape[0])

    @property
    def reach(self) -> int:
        """Periods from the end of history to the last target period."""
        return self.skip + self.steps


Forecast = Callable[[Asked], FloatArray]
"""From what was asked to forecasts of shape (H, E), in the target's unit."""


@dataclass(frozen=True, slots=True)
class SeriesModel:
    """A forecaster that sees each entity's own history.

    Attributes
    ----------
    name : str
        Stable name, the end of its column's name.
    label : str
        What it is, in a reader's words.
    forecast : callable
        From `Asked` to forecasts of shape (H, E).
    """

    name: str
    label: str
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class TreesModel:
    """A forecaster that learns from the rows of all entities together: boosted trees.

    Attributes
    ----------
    name, label : str
        As in `SeriesModel`.
    rounds, leaves, least_rows : int
        Trees; leaves of each; least training rows in a leaf.
    learning_rate, feature_share, row_share, ridge : float
        Shrinkage of each tree; shares of features and rows that each sees; L2 penalty of leaves.
    tweedie_power : float
        Variance power of the Tweedie loss, between 1 (Poisson) and 2 (gamma). Its forecast is a
        mean: sums over a city are not biased as those of medians are.
    most_rows : int
        Training rows at most; older origins are thinned evenly beyond it.
    """

    name: str
    label: str
    rounds: int = 120
    leaves: int = 31
    least_rows: int = 30
    learning_rate: float = 0.08
    feature_share: float = 0.7
    row_share: float = 0.8
    ridge: float = 1.0
    tweedie_power: float = 1.3
    most_rows: int = 30_000


Candidate = SeriesModel | TreesModel


def ask_panel(panel: Panel, origin: int, *, horizon: int, lead: int) -> Asked:
    """Cut the panel at an origin: only mature totals, as they were seen then.

    Parameters
    ----------
    panel : Panel
        What was known when.
    origin : int
        Index of the moment.
    horizon, lead : int
        Periods to forecast, and periods between the origin and the first of them.
    """
    mature = panel.mature_until(origin)
    season = panel.periods.season
    return Asked(
        history=np.asarray(panel.known_at(origin)[:mature], dtype=np.float64),
        skip=origin - mature + lead,
        steps=horizon,
        season=season,
        year=364 if panel.periods.freq == "day" else season,
    )


class Named(Protocol):
    """A candidate of any kind of question."""

    @property
    def name(self) -> str:
        """Stable name."""


NamedT = TypeVar("NamedT", bound=Named)


def choose_candidates(known: Sequence[NamedT], names: Iterable[str] | None) -> tuple[NamedT, ...]:
    """Pick candidates by name, in the kind's order; all of them when no names are given.

    Raises
    ------
    SpecError
        When a name is not known, or none is left.
    """
    if names is None:
        return tuple(known)
    wanted = tuple(names)
    for name in wanted:
        if name not in {c.name for c in known}:
            raise SpecError(
                f"there is no candidate '{name}'",
                where="models.candidates",
                expected=suggest_name(name, (c.name for c in known)),
            )
    if not wanted:
        raise SpecError(
            "no candidate is left",
            where="models.candidates",
            expected=f"at least one of {', '.join(c.name for c in known)}",
        )
    return tuple(c for c in known if c.name in wanted)
