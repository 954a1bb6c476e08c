"""The ways to close a gap that are tried, beside doing nothing."""

from __future__ import annotations

from typing import Final

from cityai.i18n.messages import say
from cityai.modeling.bounded_loss import bound_losses
from cityai.modeling.corrections import (
    Option,
    equalize_groups,
    reallocate_capacity,
    recalibrate_groups,
)

NONE: Final = "none"
"""Doing nothing."""

OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        "recalibrate",
        say("Correct each group's level"),
        say(
            "multiplies each group's forecasts by what came to pass over what was forecast at"
            " earlier moments, pulled towards 1 where the evidence is thin"
        ),
        True,
        recalibrate_groups,
    ),
    Option(
        "equalize",
        say("Correct, then raise until equally little is missed"),
        say(
            "corrects each group's level, then raises it until at earlier moments no more "
            "went unforeseen than in the reference; some of it will be foreseen in vain"
        ),
        True,
        equalize_groups,
    ),
    Option(
        "bounded_loss",
        say("Correct by each place's own record, with every group's loss bounded"),
        say(
            "corrects each forecast by the place's own record, learnt so that no group's loss"
            " exceeds the whole's (fairlearn's bounded group loss); no group is looked at in "
            "use"
        ),
        False,
        bound_losses,
    ),
    Option(
        "reallocate",
        say("Share capacity by what might be needed"),
        say(
            "leaves the forecast as it is and shares the same capacity by the upper end of "
            "the range for the groups that were under-served"
        ),
        True,
        reallocate_capacity,
    ),
)
