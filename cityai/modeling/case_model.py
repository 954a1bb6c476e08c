"""The final model of a yes/no question: text, tables and figures that predict any case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.columns import CANDIDATE, Y_PRED
from cityai.modeling.calibration import CalibrationMap, calibrate, to_log_odds, to_probability
from cityai.modeling.estimators import Trees, predict_binary, predict_logistic, read_logistic
from cityai.modeling.forecasters import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CaseModel:
    """What is registered after approval. No code and no pickle: text, tables and figures.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Every outcome that it learnt from was known before this moment.
    booster : str or None
        The trees, as LightGBM's text; None when no candidate is made of trees.
    trees : str
        Name of the candidate that the trees are; empty without one.
    logistic : str or None
        The logistic regression as JSON (see `cityai.modeling.estimators.Logistic`); None without.
    linear : str
        Name of the candidate that it is; empty without one.
    feature_names : tuple of str
        Features, in order.
    categories : dict of str to tuple of str
        Known values of the categorical ones.
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
    booster: str | None
    trees: str
    logistic: str | None
    linear: str
    feature_names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    blend: dict[str, float]
    calibration: CalibrationMap
    base_rate: float
    seed: int
    training_rows: int

    def list_inputs(self) -> dict[str, str]:
        """Return the columns that `predict` takes, with MLflow's names of their types."""
        return {n: "string" if n in self.categories else "double" for n in self.feature_names}

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
    parts: dict[str, FloatArray] = {}
    for name in model.blend:
        if name == model.trees and model.booster is not None:
            trees = Trees(model.booster, model.feature_names, model.categories, model.training_rows)
            parts[CANDIDATE + name] = predict_binary(trees, frame)
        elif name == model.linear and model.logistic is not None:
            parts[CANDIDATE + name] = predict_logistic(read_logistic(model.logistic), frame)
    odds = np.column_stack([to_log_odds(p) for p in parts.values()])
    mixed = odds @ np.array(list(model.blend.values()))
    chance = to_probability(calibrate(model.calibration, mixed))
    return pd.DataFrame({Y_PRED: chance, **parts}, index=frame.index)
