"""Formats in which a fitted learner is kept, each with its loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cityai.errors import DataError, StoreError, UserError
from cityai.modeling.forecasters.boosted_trees import LIGHTGBM, FittedTrees
from cityai.modeling.forecasters.logistic import LOGISTIC, FittedLogistic
from cityai.modeling.forecasters.protocol import FittedLearner, SavedModel
from cityai.modeling.own.formats import FORMATS as OWN_FORMATS
from cityai.modeling.own.formats import LIGHTGBM as OWN_LIGHTGBM
from cityai.modeling.own.models import FittedOwn
from cityai.modeling.own.processes import READER

FORMATS: Final[dict[str, Callable[[SavedModel], FittedLearner]]] = {
    LIGHTGBM: FittedTrees,
    LOGISTIC: FittedLogistic,
    **dict.fromkeys(OWN_FORMATS, FittedOwn),
}


_TRIED: Final = {LIGHTGBM: OWN_LIGHTGBM, **dict(zip(OWN_FORMATS, OWN_FORMATS, strict=True))}
"""Formats that a library of others reads, each as the closed process knows it."""


def try_model(saved: SavedModel, where: str) -> None:
    """Read a model in a closed process, where a damaged one ends nothing else.

    Raises
    ------
    StoreError
        When it cannot be read there.
    """
    if saved.format not in _TRIED:
        return
    try:
        READER.ask(where, {"work": "try", "format": _TRIED[saved.format]}, saved.content.encode())
    except UserError as error:
        raise StoreError(
            f"the model cannot be read: {error.what}",
            where=where,
            expected=error.expected,
            next_step="run the project again",
        ) from None


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
