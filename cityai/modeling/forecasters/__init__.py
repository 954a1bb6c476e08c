"""What can predict: one protocol, and the forecasters that obey it.

A new one costs a file here (or, a city's own, `models.py`), and a loader in `formats` where it
brings a format of its own. The only door to LightGBM and scikit-learn.
"""

from cityai.modeling.forecasters.protocol import (
    Candidate,
    Contributions,
    FittedLearner,
    FloatArray,
    Learner,
    SavedModel,
    SeriesForecaster,
    check_candidates,
    choose_candidates,
    count_candidates,
    list_features,
    list_learners,
    list_series,
)
from cityai.modeling.forecasters.series import SeriesHistory, SeriesModel, cut_history

__all__ = [
    "Candidate",
    "Contributions",
    "FittedLearner",
    "FloatArray",
    "Learner",
    "SavedModel",
    "SeriesForecaster",
    "SeriesHistory",
    "SeriesModel",
    "check_candidates",
    "choose_candidates",
    "count_candidates",
    "cut_history",
    "list_features",
    "list_learners",
    "list_series",
]
