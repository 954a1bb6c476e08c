"""What may be said of the exact figures: rates in coarse steps where a small count would follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cityai.assessment.coarsening import UNSAID, coarsen_figures
from cityai.assessment.gaps import OVERALL, Measures
from cityai.assessment.metrics import Metric
from cityai.assessment.views import View
from cityai.columns import EVERYWHERE
from cityai.findings import Status
from cityai.messages import say

SCORES: Final = frozenset({"calibration", "brier", "mean_score"})
"""Figures of scores, that are not said beside rates in steps."""
FIGURES: Final = ("value", "low", "high", "reference_value", "gap", "gap_low", "gap_high")
COARSE: Final = say("Not said: beside the other figures it would give a small count away.")


@dataclass(frozen=True, slots=True)
class Published:
    """How finely the figures of each group may be said.

    Attributes
    ----------
    steps : dict
        Step by dimension and group (`choose_steps`).
    people : bool
        Whether the rates count people, so that steps matter.
    whole : bool
        Whether the figures of all together may be shown.
    """

    steps: Mapping[tuple[str, str], float]
    people: bool
    whole: bool

    def find_step(self, view: View, at: int) -> float:
        """Return a group's step: 0 for exactly, NaN where figures count no people."""
        key = (EVERYWHERE, EVERYWHERE) if at == OVERALL else (view.dimension, view.groups[at])
        return self.steps.get(key, 0.0) if self.people else math.nan

    def say_measures(self, found: Measures, view: View) -> Measures:
        """Return the measures as they are said: sentences and verdicts follow from these."""
        whole = (found.reference == OVERALL) & (not self.whole)
        found = replace(found, reference_value=np.where(whole, math.nan, found.reference_value))
        if not self.steps:
            return found
        rows = []
        for g in range(len(view.groups)):
            step, beside = self._pair_steps(found, view, g)
            rows.append(coarsen_figures(list_figures(found, g), step, beside))
        said = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        margin = (said.pop("gap_high") - said.pop("gap_low")) / 2
        return replace(found, gap_margin=margin, **said)

    def complete_row(
        self, row: dict[str, object], found: Measures, view: View, metric: Metric, g: int
    ) -> dict[str, object]:
        """Put the exact figures beside the verdict, and the steps that they may be said in."""
        step, beside = self._pair_steps(found, view, g)
        row = row | {"step": step, "reference_step": beside}
        if not self.steps or row["status"] == Status.SUPPRESSED.value or view.n[g] <= 0:
            return row
        if step == UNSAID or (step > 0 and metric.name in SCORES):
            status = Status.SUPPRESSED if step == UNSAID else Status.NOT_APPLICABLE
            nothing = dict.fromkeys((*FIGURES, "blocks", "more_blocks"), math.nan)
            return row | nothing | {"status": status.value, "reason": COARSE}
        exact = list_figures(found, g)
        return row | {
            key: exact[key]
            for key in FIGURES
            if math.isfinite(row[key]) and (row["gap"] or not key.startswith("gap"))  # type: ignore[arg-type]
        }

    def _pair_steps(self, found: Measures, view: View, g: int) -> tuple[float, float]:
        return self.find_step(view, g), self.find_step(view, int(found.reference[g]))


def list_figures(found: Measures, g: int) -> dict[str, float]:
    """List a group's figures by name."""
    gap, margin = float(found.gap[g]), float(found.gap_margin[g])
    return {
        "value": float(found.value[g]),
        "low": float(found.low[g]),
        "high": float(found.high[g]),
        "reference_value": float(found.reference_value[g]),
        "gap": gap,
        "gap_low": gap - margin,
        "gap_high": gap + margin,
    }


def hide_coarse_folds(
    folds: Mapping[str, np.ndarray], views: list[View], published: Published
) -> dict[str, np.ndarray]:
    """Mark the figures by fold of every group whose rates are said in steps."""
    marked = {}
    for view in views:
        coarse = np.array([(view.dimension, group) in published.steps for group in view.groups])
        marked[view.dimension] = folds[view.dimension] | coarse
    return marked
