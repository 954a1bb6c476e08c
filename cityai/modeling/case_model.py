"""The final model of a yes/no question: text, tables and figures that predict any case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import CANDIDATE, Y_PRED
from cityai.modeling.calibration import CalibrationMap, calibrate, to_log_odds, to_probability
from cityai.modeling.forecasters import FloatArray, SavedModel, join_categories, list_features
from cityai.modeling.forecasters.formats import load_learner


@dataclass(frozen=True, slots=True, eq=False)
class CaseModel:
    """What is registered after approval. No code and no pickle: text, tables and figures.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Every outcome that it learnt from was known before this moment.
    models : tuple of SavedModel
        The candidates of the blend.
    blend : dict of str to float
        Weight of each candidate on the log-odds, sum 1.
    calibration : CalibrationMap
        From blended log-odds to calibrated ones.
    base_rate : float
        Share of yes among the outcomes that it learnt from.
    seed : int
        Seed of the training.
    training_rows : int
        Outcomes that it learnt from.
    """

    as_of: pd.Timestamp
    models: tuple[SavedModel, ...]
    blend: dict[str, float]
    calibration: CalibrationMap
    base_rate: float
    seed: int
    training_rows: int

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features, in order."""
        return list_features(self.models)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Known values of the categorical ones."""
        return join_categories(self.models)

    def list_inputs(self) -> dict[str, str]:
        """Return the columns that `predict` takes, with MLflow's names of their types."""
        text = self.categories
        return {n: "string" if n in text else "double" for n in self.feature_names}

    def list_outputs(self) -> dict[str, str]:
        """Return the columns that `predict` gives."""
        return dict.fromkeys((Y_PRED, *(CANDIDATE + name for name in self.blend)), "double")

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict cases, as `predict_cases` does."""
        return predict_cases(self, frame)


def predict_cases(model: CaseModel, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict cases.

    Parameters
    ----------
    model : CaseModel
        The registered model.
    frame : pandas.DataFrame
        The model's features, one row a case.

    Returns
    -------
    pandas.DataFrame
        Index of `frame`; ``y_pred`` (calibrated probability) and ``candidate.<name>``.

    Raises
    ------
    DataError
        When a column is missing or infinite.
    """
    parts: dict[str, FloatArray] = {
        CANDIDATE + saved.candidate: load_learner(saved).predict(frame) for saved in model.models
    }
    odds = np.column_stack([to_log_odds(p) for p in parts.values()])
    mixed = odds @ np.array(list(model.blend.values()))
    chance = to_probability(calibrate(model.calibration, mixed))
    return pd.DataFrame({Y_PRED: chance, **parts}, index=frame.index)
