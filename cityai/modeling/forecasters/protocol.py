"""The protocol of forecasters: what the backtest asks of anything that can predict.

A learner learns from rows; a forecaster of series looks at the history of the panel. What a learner
has learnt is kept as text in a format that `FORMATS` of `cityai.modeling.forecasters.formats`
loads, never as a pickle.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.errors import SpecError, suggest_name

if TYPE_CHECKING:
    from cityai.config.project import BaseModelsSpec
    from cityai.modeling.forecasters.series import SeriesHistory

FloatArray = npt.NDArray[np.float64]
Link = Literal["log", "identity", "logit"]

MOST_ROWS: Final = 30_000
"""Training rows at most, of a learner that says nothing else."""
LEAST_ROWS: Final = 60
"""Training rows at least, of a learner that says nothing else."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A fitted learner as text: what is logged, reloaded, and explained."""

    candidate: str
    """Name of the candidate that it is."""
    format: str
    """Which loader of `FORMATS` reads `content`."""
    content: str
    """The model in the library's own format; bytes as base64."""
    features: tuple[str, ...]
    """Features, in order."""
    categories: dict[str, tuple[str, ...]]
    """Known values of the categorical ones, in the order of their codes."""
    rows: int
    """Training rows."""
    settings: dict[str, str] = field(default_factory=dict)
    """Its parameters, as they are logged."""


def list_features(models: Iterable[SavedModel]) -> tuple[str, ...]:
    """Return the features of several models, each once, in order."""
    return tuple(dict.fromkeys(name for model in models for name in model.features))


@dataclass(frozen=True, slots=True)
class Contributions:
    """Shapley values of one model for some rows."""

    values: pd.DataFrame
    """Shape (n, F), float64, one column a feature, in the scale of the raw score; index as given.
    """
    base: FloatArray
    """Shape (n,), the raw score without any feature. ``base + values.sum(axis=1)`` is `raw`."""
    raw: FloatArray
    """Shape (n,), the raw score of the prediction."""
    link: Link
    """``log``: the forecast is ``level * exp(raw)``; ``identity``: ``level * raw``; ``logit``: raw
    scores are log-odds."""
    level: FloatArray
    """Shape (n,), what amounts are relative to: the rows' levels, or 1."""
    way: str = "exact"
    """``exact``, or which explainer of shap's was used."""

    def to_unit(self) -> pd.DataFrame:
        """Share each prediction's distance from its base out among the features.

        Returns
        -------
        pandas.DataFrame
            Shape (n, F), in the target's unit. Rows add up to the forecast minus the forecast at
            the base; the shares are those of the raw score. Log-odds stay as they are.
        """
        if self.link == "logit":
            return self.values
        if self.link == "identity":
            return self.values.mul(self.level, axis=0)
        distance = self.raw - self.base
        moved = np.exp(self.base) * np.expm1(distance)
        near = np.abs(distance) < 1e-12
        rate = np.where(near, np.exp(self.base), moved / np.where(near, 1.0, distance))
        return self.values.mul(self.level * rate, axis=0)

    def in_unit(self) -> Contributions:
        """Return the same in the target's unit, where models of other scales can be added."""
        if self.link == "logit":
            return self
        base, raw = (np.exp(s) if self.link == "log" else s for s in (self.base, self.raw))
        ones = np.ones(len(self.level))
        return Contributions(self.to_unit(), self.level * base, self.level * raw, "identity", ones)


@dataclass(frozen=True, slots=True)
class FittedLearner(ABC):
    """A learner after its fit: its saved text, parsed when it is asked."""

    saved: SavedModel

    @abstractmethod
    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return amounts or probabilities, shape (n,), float64.

        Raises
        ------
        DataError
            When a feature is missing or infinite.
        """

    @abstractmethod
    def explain(self, table: pd.DataFrame, background: pd.DataFrame) -> Contributions | None:
        """Return each feature's part in each prediction; None where no explainer fits.

        Parameters
        ----------
        table, background : pandas.DataFrame
            Rows to explain, and rows that tell what is usual, where the explainer asks for it.
        """


@runtime_checkable
class Learner(Protocol):
    """A candidate that learns from rows: boosted trees, a regression, a city's own estimator."""

    @property
    def name(self) -> str:
        """Stable name, the end of its column's name."""

    @property
    def label(self) -> str:
        """What it is, in a reader's words."""

    @property
    def most_rows(self) -> int | None:
        """Training rows at most, more are drawn at random; None for all (see `MOST_ROWS`)."""

    @property
    def least_rows(self) -> int:
        """Training rows below which it takes no part at a moment (see `LEAST_ROWS`)."""

    def fit(
        self,
        table: pd.DataFrame,
        y: FloatArray,
        *,
        features: Sequence[str],
        categories: Mapping[str, tuple[str, ...]],
        seed: int,
        threads: int,
    ) -> FittedLearner:
        """Learn from rows whose outcomes were known.

        Parameters
        ----------
        table : pandas.DataFrame
            Rows in a fixed order, with `features` and, for amounts, ``level``.
        y : numpy.ndarray
            Shape (n,), float64: amounts, or 1 and 0.
        features : sequence of str
            Columns to learn from.
        categories : mapping of str to tuple of str
            Known values of the categorical ones.
        seed, threads : int
            Seed of whatever is drawn; threads, on which the result does not depend.

        Raises
        ------
        DataError
            When the rows teach nothing, or a feature is missing or infinite.
        """


@runtime_checkable
class SeriesForecaster(Protocol):
    """A candidate or baseline that looks at each entity's own history."""

    @property
    def name(self) -> str:
        """Stable name, the end of its column's name."""

    @property
    def label(self) -> str:
        """What it is, in a reader's words."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Its parameters, as they are logged."""

    def forecast(self, asked: SeriesHistory, /) -> FloatArray:
        """Return forecasts in the target's unit, shape (horizon, entities)."""


Candidate = Learner | SeriesForecaster


def list_learners(candidates: Iterable[Candidate]) -> tuple[Learner, ...]:
    """Return the candidates that learn from rows."""
    return tuple(c for c in candidates if isinstance(c, Learner))


def list_series(candidates: Iterable[Candidate]) -> tuple[SeriesForecaster, ...]:
    """Return the candidates that look at the history of the panel."""
    return tuple(c for c in candidates if isinstance(c, SeriesForecaster))


def check_candidates(known: Sequence[Candidate], models: BaseModelsSpec) -> None:
    """Refuse names of candidates that do not exist, and own ones that the kind has."""
    names = [candidate.name for candidate in known]
    if taken := sorted({*names} & {*models.own}):
        raise SpecError(
            f"the name {', '.join(taken)} is that of a candidate of ours",
            where="models.own",
            next_step="give the function in models.py another name",
        )
    _choose_names([*names, *models.own], models)


def choose_candidates(known: Sequence[Candidate], models: BaseModelsSpec) -> tuple[Candidate, ...]:
    """Pick the candidates that a project names, in the kind's order; all where it names none.

    The one that `models.only` names is picked alone.

    Raises
    ------
    SpecError
        When a name is not known, or none is left.
    """
    wanted = _choose_names([candidate.name for candidate in known], models)
    return tuple(c for c in known if c.name in wanted)


def count_candidates(known: Sequence[Candidate], rules: BaseModelsSpec) -> int:
    """Return how many candidates a project fits, those of its own among them; none is loaded."""
    return len(rules.only or rules.candidates or (*known, *rules.own))


def _choose_names(known: Sequence[str], models: BaseModelsSpec) -> Sequence[str]:
    wanted = models.only or (known if models.candidates is None else models.candidates)
    for name in wanted:
        if name not in known:
            raise SpecError(
                f"there is no candidate '{name}'",
                where="models.only" if models.only else "models.candidates",
                expected=suggest_name(name, known),
                next_step="a function of models.py is named under `models.own` too",
            )
    if not wanted:
        raise SpecError(
            "no candidate is left",
            where="models.candidates",
            expected=f"at least one of {', '.join(known)}",
        )
    return wanted
