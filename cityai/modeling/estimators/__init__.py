"""What is fitted, kept as text and figures. The only door to LightGBM and scikit-learn."""

from cityai.modeling.estimators.binary import fit_binary, predict_binary
from cityai.modeling.estimators.booster import (
    Contributions,
    compute_contributions,
    list_categories,
    load_lightgbm,
)
from cityai.modeling.estimators.logistic import (
    Logistic,
    fit_logistic,
    predict_logistic,
    read_logistic,
    write_logistic,
)
from cityai.modeling.estimators.trees import LEVEL, Trees, fit_trees, predict_trees

__all__ = [
    "LEVEL",
    "Contributions",
    "Logistic",
    "Trees",
    "compute_contributions",
    "fit_binary",
    "fit_logistic",
    "fit_trees",
    "list_categories",
    "load_lightgbm",
    "predict_binary",
    "predict_logistic",
    "predict_trees",
    "read_logistic",
    "write_logistic",
]
