"""A city's own models, as the protocol of forecasters has them.

The closed process fits on the rows that it is sent, and what it gives back is text. An amount is
learnt as a share of the row's level, weighed by the level where the estimator takes weights, as
the boosted trees learn it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, LEVEL
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.confine.own_code import write_frame
from cityai.errors import DataError, name_step
from cityai.modeling.forecasters.encoding import check_amounts, check_answers, encode
from cityai.modeling.forecasters.protocol import (
    LEAST_ROWS,
    MOST_ROWS,
    Contributions,
    FittedLearner,
    FloatArray,
    SavedModel,
)
from cityai.modeling.forecasters.series import SeriesHistory
from cityai.modeling.own.processes import READER, Processes

MISSING: Final = "missing"
"""The category of a missing value, and of one that was not known in training."""
AMOUNT, PROBABILITY, TARGET = "amount", "probability", "target"
BLANK: Final = "blank"
"""Setting that lists the numbers of which no training row had one: they are 0 from then on."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnLearner:
    """An estimator of scikit-learn's protocol, from a function of `models.py`."""

    name: str
    label: str
    where: str
    """Name of the function; the first line of its docstring; file and line."""
    processes: Processes
    """What runs it."""
    probability: bool
    """Whether it learns a yes or no."""
    most_rows: int | None = MOST_ROWS
    least_rows: int = LEAST_ROWS
    """As in `Learner`."""

    def fit(
        self,
        table: pd.DataFrame,
        y: FloatArray,
        *,
        features: Sequence[str],
        categories: Mapping[str, tuple[str, ...]],
        seed: int,
        threads: int = 1,
    ) -> FittedLearner:
        """Fit in the closed process, save there, and take the text.

        Raises
        ------
        DataError
            When the rows teach nothing, or the fit fails; it names the moment.
        SpecError
            When the model cannot be saved.
        """
        (check_answers if self.probability else check_amounts)(y)
        moment = table[AS_OF].max() if AS_OF in table else None
        target, weight = y, np.empty(0)
        if not self.probability:
            level = table[LEVEL].to_numpy(np.float64)
            target, weight = y / level, level / level.mean()
        told = {"work": "fit", "name": self.name, "seed": seed, "probability": self.probability}
        step = "in fit" if moment is None else f"in fit, with rows known until {moment:%Y-%m-%d}"
        blank = [n for n in features if n not in categories and table[n].isna().all()]
        frame = write_frame(_arrange_features(table, features, categories, blank))
        with name_step(step):
            head, content = self.processes.ask(
                moment, step, told, frame, target.tobytes(), weight.tobytes()
            )
        found = json.loads(head)
        kept = {TARGET: PROBABILITY if self.probability else AMOUNT}
        if blank:
            kept[BLANK] = json.dumps(blank)
        return FittedOwn(
            SavedModel(
                self.name,
                found["format"],
                content.decode(),
                tuple(features),
                dict(categories),
                len(y),
                {**found["settings"], **kept},
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class OwnSeries:
    """A forecaster of series, from a function of `models.py`."""

    name: str
    label: str
    where: str
    """As in `OwnLearner`."""
    processes: Processes
    """What runs it."""
    seed: int
    """Seed of whatever it draws."""
    settings: dict[str, str]
    """Its parameters, as they are logged."""

    def forecast(self, asked: SeriesHistory, /) -> FloatArray:
        """Ask the closed process, which is sent the history; shape (H, E).

        Raises
        ------
        DataError
            When it fails, or gives something else than a number for each.
        """
        history = np.ascontiguousarray(asked.history, dtype=np.float64)
        told = {
            "work": "forecast",
            "name": self.name,
            "seed": self.seed,
            "shape": history.shape,
            "asked": [asked.skip, asked.steps, asked.season, asked.year],
        }
        step = f"in forecast, with {asked.length} periods of history"
        moment = pd.Timestamp(0) + pd.Timedelta(days=asked.length)
        with name_step(step):
            (found,) = self.processes.ask(moment, step, told, history.tobytes())
        return np.frombuffer(found, dtype=np.float64).copy().reshape(asked.steps, -1)


class FittedOwn(FittedLearner):
    """A city's own estimator after its fit: text, which a closed process reads and asks."""

    __slots__ = ()

    def predict(self, table: pd.DataFrame) -> FloatArray:
        """Return amounts or probabilities, shape (n,).

        Raises
        ------
        DataError
            When a feature is missing, or what is predicted is no finite number for each row.
        """
        if table.empty:
            return np.empty(0)
        (found,) = self._ask("predict", {}, table)
        values = np.frombuffer(found, dtype=np.float64).copy()
        return values if self._probability else values * table[LEVEL].to_numpy(np.float64)

    def explain(self, table: pd.DataFrame, background: pd.DataFrame) -> Contributions | None:
        """Return shap's values by the explainer that fits; None where none does in its budget."""
        if table.empty:
            return None
        try:
            head, *arrays = self._ask("explain", {"seed": 0}, table, background)
        except DataError:
            return None
        told = json.loads(head)
        if told is None:
            return None
        values, base, raw = (np.frombuffer(a, dtype=np.float64).copy() for a in arrays)
        frame = pd.DataFrame(
            values.reshape(len(table), -1), columns=list(self.saved.features), index=table.index
        )
        level = np.ones(len(table)) if self._probability else table[LEVEL].to_numpy(np.float64)
        return Contributions(frame, base, raw, told["link"], level, told["way"])

    @property
    def _probability(self) -> bool:
        return self.saved.settings.get(TARGET) == PROBABILITY

    def _ask(self, work: str, told: dict[str, object], *tables: pd.DataFrame) -> list[bytes]:
        saved = self.saved
        blank = json.loads(saved.settings.get(BLANK, "[]"))
        frames = [_arrange_features(t, saved.features, saved.categories, blank) for t in tables]
        asked = {"work": work, "format": saved.format, "probability": self._probability, **told}
        where = f"models.py, {saved.candidate}(), in predict"
        return READER.ask(where, asked, saved.content.encode(), *map(write_frame, frames))


def load_models(
    project: Project[BaseProjectSpec], *, probability: bool
) -> tuple[OwnLearner | OwnSeries, ...]:
    """Load the functions of a project's `models.py` that ``models.own`` names.

    Raises
    ------
    SpecError
        When the file or a function is missing, the file cannot be run, or a function returns
        something that cannot answer the question.
    DataError
        When the file reaches outside, or does not end.
    """
    processes = begin_models(project, probability=probability)
    if processes is None:
        return ()
    seed = project.spec.models.seed
    return tuple(
        OwnSeries(*named, processes, seed, settings)
        if kind == "series"
        else OwnLearner(*named, processes, probability)
        for named, kind, settings in processes.functions
    )


def begin_models(project: Project[BaseProjectSpec], *, probability: bool) -> Processes | None:
    """Return the processes that run a project's `models.py`; None when it names no function."""
    names, path = project.spec.models.own, project.own_models
    return Processes.open(path, names, work="load", probability=probability)


def _arrange_features(
    table: pd.DataFrame,
    features: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
    blank: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the features by name: numbers as float64, categories as pandas' categories.

    What is missing, or was not known in training, is the category `MISSING`. Numbers in `blank` are
    0: histogram trees and imputers fail on a column of gaps alone.
    """
    numbers = [name for name in features if name not in categories]
    matrix = dict(zip(numbers, encode(table, numbers, {}).T, strict=True))
    made: dict[str, object] = {}
    for name in features:
        if name in categories:
            known = list(dict.fromkeys((*categories[name], MISSING)))
            text = table[name].astype("str")
            made[name] = pd.Categorical(text.where(text.isin(known), MISSING), categories=known)
        else:
            made[name] = np.zeros(len(table)) if name in blank else matrix[name]
    return pd.DataFrame(made)
