"""What an analysis measures, whatever the design."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypedDict

import numpy as np
import pandas as pd

from cityai.config.evaluation import EvaluationSpec
from cityai.impact.analysis import GroupEffect
from cityai.impact.records import Effect

if TYPE_CHECKING:
    from cityai.impact.group_effects import GroupEffects

APART: Final = "apart"
"""How far a score lies above the cut-off of its list; 0 where it is the cut-off's own."""


class Measured(TypedDict):
    """What was found, as `Analysis` has it."""

    effect: Effect
    treated: Effect
    groups: tuple[GroupEffect, ...]


def list_groups(
    rows: pd.DataFrame, spec: EvaluationSpec, compare: Callable[[np.ndarray], GroupEffects]
) -> tuple[GroupEffect, ...]:
    """List the effect by group of each dimension; what is hidden has none."""
    listed = []
    for name in spec.groups:
        found = compare(rows[name].to_numpy(str))
        for group, effect, few in zip(found.groups, found.effects, found.hidden, strict=True):
            also = tuple(
                own
                for own, other in zip(found.groups, found.counted_with, strict=True)
                if other == group
            )
            listed.append(GroupEffect(name, group, None if few else effect, also))
    return tuple(listed)
