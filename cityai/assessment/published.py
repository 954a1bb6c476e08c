"""What may be said of the exact figures: rates in coarse steps where a small count would follow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.coarsening import OVER_NEED, UNSAID, coarsen_figures, follow_figures
from cityai.assessment.gaps import OVERALL, Measures
from cityai.assessment.metrics import Metric
from cityai.assessment.views import View
from cityai.columns import EVERYWHERE
from cityai.findings import Status
from cityai.messages import say

SCORES: Final = frozenset({"calibration", "brier", "mean_score"})
"""Figures of scores, that are not said beside rates in steps."""
ALONE: Final = SCORES | OVER_NEED | {"auc"}
"""Figures that are said, or not, without the others of their group."""
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
    factors : dict
        By dimension and group, by metric (`find_factors`).
    """

    steps: Mapping[tuple[str, str], float]
    people: bool
    whole: bool
    factors: Mapping[tuple[str, str], Mapping[str, float]]

    def find_step(self, view: View, at: int) -> float:
        """Return a group's step: 0 for exactly, NaN where figures count no people."""
        return self.steps.get(_name_line(view, at), 0.0) if self.people else math.nan

    def find_factor(self, view: View, at: int, metric: str) -> float:
        """Return what a share over a share of need is multiplied by; NaN for other figures."""
        if metric not in OVER_NEED:
            return math.nan
        return self.factors.get(_name_line(view, at), {}).get(metric, 1.0)

    def say_measures(self, found: Measures, view: View, metric: str) -> Measures:
        """Return the measures as they are said: sentences and verdicts follow from these."""
        whole = (found.reference == OVERALL) & (not self.whole)
        found = replace(found, reference_value=np.where(whole, math.nan, found.reference_value))
        if not self.steps:
            return found
        rows = []
        for g in range(len(view.groups)):
            how = self._describe_saying(found, view, g, metric)
            rows.append(say_figures(list_figures(found, g), how))
        said = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        return replace(found, **said)

    def complete_row(
        self, row: dict[str, object], found: Measures, view: View, metric: Metric, g: int
    ) -> dict[str, object]:
        """Put the exact figures beside the verdict, and the steps that they may be said in."""
        row = row | self._describe_saying(found, view, g, metric.name)
        step = self.find_step(view, g)
        unsaid = step == UNSAID or math.isinf(self.find_factor(view, g, metric.name))
        if not self.steps or row["status"] == Status.SUPPRESSED.value or view.n[g] <= 0:
            return row
        if unsaid or (step > 0 and metric.name in SCORES):
            nothing = dict.fromkeys((*FIGURES, "blocks", "more_blocks"), math.nan)
            return row | nothing | {"status": Status.SUPPRESSED.value, "reason": COARSE}
        exact = list_figures(found, g)
        return row | {
            key: exact[key]
            for key in FIGURES
            if math.isfinite(row[key]) and (row["gap"] or not key.startswith("gap"))  # type: ignore[arg-type]
        }

    def _describe_saying(
        self, found: Measures, view: View, g: int, metric: str
    ) -> dict[str, float]:
        beside = int(found.reference[g])
        return {
            "step": self.find_step(view, g),
            "reference_step": self.find_step(view, beside),
            "factor": self.find_factor(view, g, metric),
            "reference_factor": self.find_factor(view, beside, metric),
        }


def _name_line(view: View, at: int) -> tuple[str, str]:
    return (EVERYWHERE, EVERYWHERE) if at == OVERALL else (view.dimension, view.groups[at])


def find_hidden(table: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """List the groups of an audit's table that may not be shown anywhere."""
    columns = [table[name].astype(str) for name in ("dimension", "group", "metric", "status")]
    return list_hidden(zip(*columns, strict=True))


def list_hidden(rows: Iterable[tuple[str, str, str, str]]) -> frozenset[tuple[str, str]]:
    """List the groups that may not be shown anywhere, not those of which one figure is not said.

    Parameters
    ----------
    rows : iterable of tuple of str
        Dimension, group, metric and status of figures.
    """
    kept = {True: set(), False: set()}  # type: dict[bool, set[tuple[str, str]]]
    for dimension, group, metric, status in rows:
        if metric not in ALONE:
            kept[status == Status.SUPPRESSED.value].add((dimension, group))
    return frozenset(kept[True] - kept[False])


def say_figures(figures: Mapping[str, float], how: Mapping[str, float]) -> Mapping[str, float]:
    """Say a group's exact figures as finely as they may be said.

    Parameters
    ----------
    figures : mapping of str to float
        `FIGURES` by name.
    how : mapping of str to float
        `step`, `reference_step`, `factor` and `reference_factor`, as a row of the audit has them.
    """
    step, beside = how["step"] or 0.0, how["reference_step"] or 0.0
    if not step > 0 and not beside > 0:
        return figures
    if not math.isnan(how["factor"]):
        return follow_figures(figures, how["factor"], how["reference_factor"])
    return coarsen_figures(figures, step, beside)


def list_figures(found: Measures, g: int) -> dict[str, float]:
    """List a group's figures by name."""
    return {key: float(getattr(found, key)[g]) for key in FIGURES}


def hide_coarse_folds(
    folds: Mapping[str, np.ndarray], views: list[View], published: Published
) -> dict[str, np.ndarray]:
    """Mark the figures by fold of every group whose rates are said in steps."""
    marked = {}
    for view in views:
        coarse = np.array([(view.dimension, group) in published.steps for group in view.groups])
        marked[view.dimension] = folds[view.dimension] | coarse
    return marked
