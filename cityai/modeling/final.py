"""The final model: all that is needed to forecast the next periods, as text and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cityai.columns import CANDIDATE, ENTITY, STEP, Y_HIGH, Y_LOW, Y_PRED
from cityai.errors import DataError
from cityai.modeling.blend import mix_forecasts
from cityai.modeling.forecasters import LEVEL, SavedModel, join_categories, list_features
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.intervals import Intervals, place_bounds

RATIO = "ratio"
LOW = "low"
HIGH = "high"


@dataclass(frozen=True, slots=True, eq=False)
class FinalModel:
    """What is registered after approval. No code and no pickle: text, tables and figures.

    Attributes
    ----------
    origin : int
        Moment that it was fitted at: the end of what is known.
    models : tuple of SavedModel
        The candidates of the blend that learn from rows.
    blend : dict of str to float
        Weight of each candidate, sum 1.
    intervals : pandas.DataFrame
        ``step`` (from 1), ``low``, ``high``: quantiles of the scaled error.
    entities : pandas.DataFrame
        ``entity_id``, ``ratio``: each entity's own error relative to its level's.
    spread : dict of str to float
        ``factor``, ``exponent`` and ``floor`` of the scale of errors.
    nonnegative : bool
        Whether the target cannot be below 0.
    coverage : float
        Nominal coverage of the intervals.
    seed : int
        Seed of the training.
    corrections : dict of str to float
        Factor on the forecast and interval of each entity, where a mitigation was chosen.
    """

    origin: int
    models: tuple[SavedModel, ...]
    blend: dict[str, float]
    intervals: pd.DataFrame
    entities: pd.DataFrame
    spread: dict[str, float]
    nonnegative: bool
    coverage: float
    seed: int
    corrections: dict[str, float] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features of the learners, in order."""
        return list_features(self.models)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Known values of the categorical ones."""
        return join_categories(self.models)

    def list_inputs(self) -> dict[str, str]:
        """Return the columns that `predict` takes, with MLflow's names of their types."""
        learnt, text = {model.candidate for model in self.models}, self.categories
        inputs = {LEVEL: "double"} if self.models else {}
        inputs |= {n: "string" if n in text else "double" for n in self.feature_names}
        others = {CANDIDATE + n: "double" for n in self.blend if n not in learnt}
        return {ENTITY: "string", STEP: "long", **inputs, **others}

    def list_outputs(self) -> dict[str, str]:
        """Return the columns that `predict` gives."""
        names = (Y_PRED, Y_LOW, Y_HIGH, *(CANDIDATE + name for name in self.blend))
        return dict.fromkeys(names, "double")

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Forecast rows, as `predict_rows` does."""
        return predict_rows(self, frame)


def build_final(
    *,
    origin: int,
    models: Sequence[SavedModel],
    blend: dict[str, float],
    intervals: Intervals,
    entity_ids: tuple[str, ...],
    coverage: float,
    seed: int,
) -> FinalModel:
    """Make the record from its parts.

    Parameters
    ----------
    origin : int
        Moment that it was fitted at.
    models : sequence of SavedModel
        The candidates that learn from rows.
    blend : dict of str to float
        Weights by candidate.
    intervals : Intervals
        Fitted on all mature labels.
    entity_ids : tuple of str
        The panel's entities, in the order of ``intervals.ratio``.
    coverage, seed : float, int
        As in `FinalModel`.
    """
    return FinalModel(
        origin=origin,
        models=tuple(models),
        blend=blend,
        intervals=pd.DataFrame(
            {
                STEP: np.arange(1, len(intervals.low) + 1),
                LOW: intervals.low,
                HIGH: intervals.high,
            }
        ),
        entities=pd.DataFrame({ENTITY: list(entity_ids), RATIO: intervals.ratio}),
        spread={
            "factor": intervals.factor,
            "exponent": intervals.exponent,
            "floor": intervals.floor,
        },
        nonnegative=intervals.nonnegative,
        coverage=coverage,
        seed=seed,
    )


def predict_rows(model: FinalModel, frame: pd.DataFrame) -> pd.DataFrame:
    """Forecast rows.

    Parameters
    ----------
    model : FinalModel
        The registered model.
    frame : pandas.DataFrame
        ``entity_id``, ``step``, the learners' features and ``level`` when there are any, and
        ``candidate.<name>`` for every other candidate of the blend.

    Returns
    -------
    pandas.DataFrame
        Index of `frame`; ``y_pred``, ``y_low``, ``y_high`` and every ``candidate.<name>``, in the
        target's unit.

    Raises
    ------
    DataError
        When a column is missing, or a step lies beyond the model's horizon.
    """
    horizon = len(model.intervals)
    step = frame[STEP].to_numpy(np.int64)
    if len(step) and (step.min() < 1 or step.max() > horizon):
        raise DataError(
            f"the model forecasts steps 1 to {horizon}",
            where=f"column '{STEP}'",
            expected=f"no step below 1 or above {horizon}",
        )
    parts = pd.DataFrame(index=frame.index)
    learnt = {saved.candidate: saved for saved in model.models}
    for name in model.blend:
        if name in learnt:
            values = load_learner(learnt[name]).predict(frame)
            parts[CANDIDATE + name] = np.maximum(values, 0.0) if model.nonnegative else values
        else:
            parts[CANDIDATE + name] = _read_candidate(frame, name)
    weights = np.array(list(model.blend.values()))
    forecast = mix_forecasts(parts.to_numpy(np.float64), weights)
    positions = pd.Index(model.entities[ENTITY]).get_indexer(frame[ENTITY].astype("str"))
    bounds = place_bounds(_read_intervals(model), positions.astype(np.int64), step, forecast)
    factor = frame[ENTITY].astype("str").map(model.corrections).fillna(1.0).to_numpy(np.float64)
    found = {Y_PRED: forecast, Y_LOW: bounds.low, Y_HIGH: bounds.high}
    return parts.assign(**{name: values * factor for name, values in found.items()})[
        [Y_PRED, Y_LOW, Y_HIGH, *parts.columns]
    ]


def _read_candidate(frame: pd.DataFrame, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    column = CANDIDATE + name
    if column not in frame.columns:
        raise DataError(
            f"the forecast of the candidate '{name}' is missing",
            where="rows to predict",
            expected=f"a column '{column}'",
            next_step="compute it with the same method from the history known at the moment",
        )
    values: np.ndarray[tuple[int], np.dtype[np.float64]] = frame[column].to_numpy(np.float64)
    return values


def _read_intervals(model: FinalModel) -> Intervals:
    return Intervals(
        low=model.intervals[LOW].to_numpy(np.float64),
        high=model.intervals[HIGH].to_numpy(np.float64),
        factor=model.spread["factor"],
        exponent=model.spread["exponent"],
        floor=model.spread["floor"],
        ratio=model.entities[RATIO].to_numpy(np.float64),
        nonnegative=model.nonnegative,
    )
