"""The final model: all that is needed to predict, and whether it fits the rows that are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from cityai.columns import CANDIDATE, ENTITY, LEVEL, STEP, Y_HIGH, Y_LOW, Y_PRED
from cityai.errors import DataError
from cityai.modeling.blend import mix_forecasts
from cityai.modeling.calibration import (
    CalibrationMap,
    calibrate,
    mix_log_odds,
    to_log_odds,
    to_probability,
)
from cityai.modeling.forecasters.encoding import find_codes
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.forecasters.protocol import FloatArray, SavedModel, list_features
from cityai.modeling.intervals import Intervals, place_bounds
from cityai.modeling.own.formats import FORMATS as OWN_FORMATS
from cityai.modeling.own.formats import list_libraries


@dataclass(frozen=True, slots=True, eq=False)
class AmountCalibration:
    """Conformal intervals around blended amounts."""

    intervals: Intervals
    """Scales and quantiles of earlier errors."""
    entity_ids: tuple[str, ...]
    """The entities, in the order of ``intervals.ratio``."""
    coverage: float
    """Nominal coverage."""
    total: Intervals
    """The same of the sum over all entities."""

    @property
    def nonnegative(self) -> bool:
        """Whether learners' predictions are cut at 0."""
        return self.intervals.nonnegative

    def list_inputs(self, learns: bool) -> dict[str, str]:
        """Return the columns beside the features, with MLflow's names of their types."""
        return {ENTITY: "string", STEP: "long", **({LEVEL: "double"} if learns else {})}

    def list_outputs(self) -> tuple[str, ...]:
        """Return the columns that it makes."""
        return Y_PRED, Y_LOW, Y_HIGH

    def mix(self, parts: FloatArray, weights: FloatArray) -> FloatArray:
        """Mix the candidates' amounts, shape (n, K), linearly."""
        return mix_forecasts(parts, weights)

    def place(self, table: pd.DataFrame, mixed: FloatArray) -> dict[str, FloatArray]:
        """Put intervals around blended amounts.

        Raises
        ------
        DataError
            When a step lies beyond the horizon.
        """
        horizon = len(self.intervals.low)
        step = table[STEP].to_numpy(np.int64)
        if len(step) and (step.min() < 1 or step.max() > horizon):
            raise DataError(
                f"the model forecasts steps 1 to {horizon}",
                where=f"column '{STEP}'",
                expected=f"no step below 1 or above {horizon}",
            )
        entity = find_codes(table[ENTITY], self.entity_ids)
        bounds = place_bounds(self.intervals, entity, step, mixed)
        return {Y_PRED: mixed, Y_LOW: bounds.low, Y_HIGH: bounds.high}


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityCalibration:
    """A rising map on blended log-odds."""

    chart: CalibrationMap
    """From blended log-odds to calibrated ones."""

    @property
    def nonnegative(self) -> bool:
        """Whether learners' predictions are cut at 0: probabilities never lie below."""
        return False

    def list_inputs(self, learns: bool) -> dict[str, str]:
        """Return the columns beside the features: none."""
        return {}

    def list_outputs(self) -> tuple[str, ...]:
        """Return the column that it makes."""
        return (Y_PRED,)

    def mix(self, parts: FloatArray, weights: FloatArray) -> FloatArray:
        """Mix the candidates' probabilities, shape (n, K), on the log-odds."""
        return mix_log_odds(to_log_odds(parts), weights)

    def place(self, table: pd.DataFrame, mixed: FloatArray) -> dict[str, FloatArray]:
        """Return calibrated probabilities."""
        return {Y_PRED: to_probability(calibrate(self.chart, mixed))}


@dataclass(frozen=True, slots=True, eq=False)
class FinalModel:
    """A blend of candidates as it stood at one moment. No code and no pickle."""

    as_of: pd.Timestamp
    """Everything that it learnt from was known before this moment."""
    models: tuple[SavedModel, ...]
    """The candidates of the blend that learn from rows."""
    blend: dict[str, float]
    """Weight of each candidate, sum 1."""
    calibration: AmountCalibration | ProbabilityCalibration
    """From the blend to what is said: how candidates are mixed, and how sure it is."""
    seed: int
    """Seed of the training."""
    corrections: dict[str, float] = field(default_factory=dict)
    """Factor on the prediction of each entity, where a mitigation was chosen."""
    series: dict[str, dict[str, str]] = field(default_factory=dict)
    """Parameters of the candidates that look at series."""

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """Parameters of each candidate, by its name."""
        return {**self.series, **{model.candidate: model.settings for model in self.models}}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features of the learners, in order."""
        return list_features(self.models)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Known values of the categorical ones."""
        return {name: known for m in self.models for name, known in m.categories.items()}

    def list_inputs(self) -> dict[str, str]:
        """Return the columns that `predict` takes, with MLflow's names of their types."""
        learnt, text = {model.candidate for model in self.models}, self.categories
        return {
            **self.calibration.list_inputs(bool(learnt)),
            **{n: "string" if n in text else "double" for n in self.feature_names},
            **{CANDIDATE + n: "double" for n in self.blend if n not in learnt},
        }

    def list_outputs(self) -> dict[str, str]:
        """Return the columns that `predict` gives."""
        names = (*self.calibration.list_outputs(), *(CANDIDATE + name for name in self.blend))
        return dict.fromkeys(names, "double")

    def list_libraries(self) -> set[str]:
        """Return the libraries that only models of a city's own need."""
        own = (m for m in self.models if m.format in OWN_FORMATS)
        return set().union(*(list_libraries(m.format, m.settings) for m in own))

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict rows.

        Parameters
        ----------
        frame : pandas.DataFrame
            The columns of `list_inputs`: features, what the calibration looks at, and
            ``candidate.<name>`` for every candidate that looks at series.

        Returns
        -------
        pandas.DataFrame
            Index of `frame`; ``y_pred``, for amounts ``y_low`` and ``y_high``, and every
            ``candidate.<name>``.

        Raises
        ------
        DataError
            When a column is missing or infinite, or a step lies beyond the model's horizon.
        """
        learnt = {saved.candidate: saved for saved in self.models}
        parts = {}
        for name in self.blend:
            if name in learnt:
                values = load_learner(learnt[name]).predict(frame)
                parts[name] = np.maximum(values, 0.0) if self.calibration.nonnegative else values
            else:
                parts[name] = _read_candidate(frame, name)
        return self.combine(frame, parts)

    def combine(self, frame: pd.DataFrame, parts: Mapping[str, FloatArray]) -> pd.DataFrame:
        """Return what `predict` does, from what the candidates said already."""
        columns = np.column_stack([parts[name] for name in self.blend])
        mixed = self.calibration.mix(columns, np.array(list(self.blend.values())))
        found = self.calibration.place(frame, mixed)
        if self.corrections:
            entity = frame[ENTITY].astype("str")
            factor = entity.map(self.corrections).fillna(1.0).to_numpy(np.float64)
            found = {name: values * factor for name, values in found.items()}
        candidates = {CANDIDATE + name: values for name, values in parts.items()}
        return pd.DataFrame({**found, **candidates}, index=frame.index)


def _read_candidate(frame: pd.DataFrame, name: str) -> FloatArray:
    column = CANDIDATE + name
    if column not in frame.columns:
        raise DataError(
            f"the forecast of the candidate '{name}' is missing",
            where="rows to predict",
            expected=f"a column '{column}'",
            next_step="compute it with the same method from the history known at the moment",
        )
    return frame[column].to_numpy(np.float64)


def require_features(
    model: FinalModel, features: Sequence[str], categorical: Sequence[str], table: pd.DataFrame
) -> None:
    """Refuse rows whose features are not those that the model learnt from.

    Parameters
    ----------
    model : FinalModel
        The model. One without features of its own takes any rows.
    features, categorical : sequence of str
        Columns that the project makes, and those of them that are categories.
    table : pandas.DataFrame
        The rows.

    Raises
    ------
    DataError
        When a feature is missing, new, of another type, or none of its values is known.
    """
    wanted = model.feature_names
    if not wanted:
        return
    if missing := [name for name in wanted if name not in features]:
        _refuse("the project no longer makes a feature that the model needs", missing[0])
    if new := [name for name in features if name not in wanted]:
        _refuse("the project makes a feature that the model has never seen", new[0])
    for name in wanted:
        text = name in model.categories
        if text != (name in categorical) or text == is_numeric_dtype(table[name]):
            had, has = ("a category", "a number") if text else ("a number", "a category")
            _refuse(f"the model learnt from {had}, the project now makes {has}", name)
        values = set(table[name].dropna().astype("str")) if text else set()
        if values and values.isdisjoint(model.categories[name]):
            _refuse(
                f"the model knows none of its values, such as '{min(values)}'",
                name,
                f"values such as {', '.join(model.categories[name][:3]) or 'none at all'}",
            )


def _refuse(
    what: str, name: str, expected: str = "the features that the model learnt from"
) -> None:
    raise DataError(
        what,
        where=f"feature '{name}'",
        expected=expected,
        next_step="run the project again, so that a model of its present features is logged",
    )
