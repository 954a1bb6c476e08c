"""What each design compares, and how its effect is measured: a table of choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.config.evaluation import Design, EvaluationSpec
from cityai.pipeline.impact.measure_lists import (
    measure_cut,
    measure_lottery,
    measure_nothing,
    take_drawn,
    take_firsts,
)
from cityai.pipeline.impact.measure_places import (
    measure_change,
    measure_interrupted,
    measure_synthetic,
    measure_wedge,
    take_all,
)
from cityai.pipeline.impact.measured import Measured


@dataclass(frozen=True, slots=True)
class Steps:
    """How a design is analysed."""

    compare: Callable[[pd.DataFrame], pd.DataFrame]
    """Of all assignments those that are compared; those of a discontinuity have `APART`."""
    measure: Callable[[pd.DataFrame, EvaluationSpec, int], Measured]
    """The effect, from them with their outcomes, and the smallest group shown."""


STEPS: Final[dict[Design, Steps]] = {
    "lottery": Steps(take_drawn, measure_lottery),
    "probe": Steps(take_drawn, measure_nothing),
    "discontinuity": Steps(take_firsts, measure_cut),
    "stepped wedge": Steps(take_all, measure_wedge),
    "synthetic": Steps(take_all, measure_synthetic),
    "interrupted": Steps(take_all, measure_interrupted),
    "before after": Steps(take_all, measure_change),
}
"""How each design is analysed, from who was assigned and what was measured."""
