"""What is said of an explanation that a city's own model has a part in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cityai.i18n.messages import say
from cityai.modeling.forecasters import SavedModel
from cityai.modeling.own.formats import FORMATS

NO_EXPLAINER: Final = say(
    "No explainer fits the models of the forecast, so nothing is said of what they look at."
)
OWN_METHOD: Final = say(
    "Shapley values of each test fold's own models on {rows:,} of {all:,} test rows, the city's "
    "own model among them: shap's explainer of trees or of linear models where it fits and adds "
    "up, else permutation. The models that could be explained make up {weight:.0%} of the "
    "prediction. Features that move together (rank correlation above {alike}) are shown as one."
)


def has_own(models: Iterable[Iterable[SavedModel]]) -> bool:
    """Tell whether a learner of the city's own is among the models of folds."""
    return any(model.format in FORMATS for fold in models for model in fold)
