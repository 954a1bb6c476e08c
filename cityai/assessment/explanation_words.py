"""What is said of an explanation: how it was made, and what it does not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cityai.i18n.messages import say
from cityai.modeling.forecasters.protocol import SavedModel
from cityai.modeling.own.formats import FORMATS

NO_TREES: Final = say(
    "No part of the forecast is made of trees, so there is nothing to take apart."
)
NO_EXPLAINER: Final = say(
    "No explainer fits the models of the forecast, so nothing is said of what they look at."
)
OWN_METHOD: Final = say(
    "Shapley values of each test fold's own models on {rows:,} of {all:,} test rows, the city's "
    "own model among them: shap's explainer of trees or of linear models where it fits and adds "
    "up, else permutation. The models that could be explained make up {weight:.0%} of the "
    "prediction. Features that move together (rank correlation above {alike}) are shown as one."
)
SPACES: Final = {
    "log": say("the logarithm of the forecast relative to the entity's recent level"),
    "identity": say("the forecast relative to the entity's recent level"),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How predictions of one target are explained."""

    most: int
    """Rows explained in each fold; more are sampled, the same ones every time."""
    method: str
    caveat: str
    """How it is made, and what it does not say."""


MANNERS: Final = {
    "amount": Manner(
        400,
        say(
            "Exact TreeSHAP of each test fold's own trees, held against LightGBM's, on {rows:,} of "
            "{all:,} test rows. The parts add up exactly in the trees' own score ({space}); for "
            "the reader each is turned into {unit}, in proportion, so that the parts of a row add "
            "up to the trees' forecast minus their starting point. The trees make up {weight:.0%} "
            "of the forecast. Features that move together (rank correlation above {alike}) are "
            "shown as one."
        ),
        say(
            "These figures say what the model looked at, not what causes demand: changing such a "
            "thing in the world need not change the outcome."
        ),
    ),
    "yes/no": Manner(
        1500,
        say(
            "Exact Shapley values of each test fold's own model on {cases:,} of {all:,} cases: "
            "TreeSHAP for the trees (held against LightGBM's), distance from the mean times "
            "coefficient for the logistic regression, added by their weights in the blend. They "
            "add up in log-odds before calibration, which keeps the order. Features that move "
            "together (rank correlation above {alike}) are shown as one."
        ),
        say(
            "These figures say what the model looked at, not what causes the outcome: changing "
            "such a thing in the world need not change it. What is found also depends on who was "
            "looked at."
        ),
    ),
}
"""By target."""

EARLIER: Final = (
    say(
        "Exact TreeSHAP of each test fold's own trees, computed by LightGBM on {rows:,} of "
        "{all:,} test rows. The parts add up exactly in the trees' own score ({space}); for "
        "the reader each is turned into {unit}, in proportion, so that the parts of a row add "
        "up to the trees' forecast minus their starting point. The trees make up {weight:.0%} "
        "of the forecast. Features that move together (rank correlation above {alike}) are "
        "shown as one."
    ),
    say(
        "Exact Shapley values of each test fold's own model on {cases:,} of {all:,} cases: "
        "TreeSHAP for the trees (computed by LightGBM), distance from the mean times "
        "coefficient for the logistic regression, added by their weights in the blend. They "
        "add up in log-odds before calibration, which keeps the order. Features that move "
        "together (rank correlation above {alike}) are shown as one."
    ),
)
"""What published cards say of an explanation that LightGBM computed: read in every language."""


def has_own(models: Iterable[Iterable[SavedModel]]) -> bool:
    """Tell whether a learner of the city's own is among the models of folds."""
    return any(model.format in FORMATS for fold in models for model in fold)
