"""Formats in which a fitted learner is kept, each with its loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cityai.errors import DataError
from cityai.modeling.forecasters.boosted_trees import LIGHTGBM, FittedTrees
from cityai.modeling.forecasters.logistic import LOGISTIC, FittedLogistic
from cityai.modeling.forecasters.protocol import FittedLearner, SavedModel
from cityai.modeling.own.formats import FORMATS as OWN_FORMATS
from cityai.modeling.own.models import FittedOwn

FORMATS: Final[dict[str, Callable[[SavedModel], FittedLearner]]] = {
    LIGHTGBM: FittedTrees,
    LOGISTIC: FittedLogistic,
    **dict.fromkeys(OWN_FORMATS, FittedOwn),
}


def load_learner(saved: SavedModel) -> FittedLearner:
    """Return the fitted learner of a saved model.

    Raises
    ------
    DataError
        When its format is not known.
    """
    if saved.format not in FORMATS:
        raise DataError(
            f"the model is kept in the format '{saved.format}', which nothing reads",
            where=f"candidate '{saved.candidate}'",
            expected=f"one of {', '.join(FORMATS)}",
            next_step="run the project again",
        )
    return FORMATS[saved.format](saved)
