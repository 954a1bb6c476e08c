"""Apply rate rounding to an audit: ranges where a small count would follow from a rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cityai.columns import EVERYWHERE
from cityai.disclosure.rate_rounding import UNSAID, Ranges, choose_steps, find_ranges
from cityai.findings import Status
from cityai.i18n.messages import say as mark
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

FIGURES: Final = ("value", "low", "high", "reference_value", "gap", "gap_low", "gap_high")
COARSE: Final = mark("Not said: beside the other figures it would give a small count away.")
RANGES: Final = ("value_least", "value_most", "reference_least", "reference_most")
"""Columns of the audit's table: NaN where a figure is said exactly."""
Row = dict[str, Any]
Tell = Callable[[Row, GroupTable, Metric, AuditData], str]


@dataclass(frozen=True, slots=True)
class Published:
    """How finely the figures of each group may be said.

    Attributes
    ----------
    steps : dict
        Width of the ranges by dimension and group (`choose_steps`).
    ranges : dict
        The ranges by dimension and group, by metric (`find_ranges`).
    """

    steps: Mapping[tuple[str, str], float]
    ranges: Ranges

    def hide_unsaid(self, view: GroupTable) -> GroupTable:
        """Hide the groups of which no rate is said."""
        steps = (self.steps.get((view.dimension, group), 0.0) for group in view.groups)
        return replace(view, hidden=view.hidden | np.array([step == UNSAID for step in steps]))

    def say_row(
        self, row: Row, view: GroupTable, metric: Metric, facts: AuditData, tell: Tell
    ) -> Row:
        """Say a row as finely as it may be: its sentence, and ranges beside the exact figures.

        The verdict stays that of the exact figures. What may not be said at all is NaN.
        """
        row |= dict.fromkeys(RANGES, math.nan)
        own, at = (row["dimension"], row["group"]), row["reference"]
        beside = (EVERYWHERE if at == EVERYWHERE else row["dimension"], at)
        if row["status"] == Status.SUPPRESSED.value or not math.isfinite(row["value"]):
            return row
        if own in self.steps:
            if metric.name not in self.ranges.get(own, ()):
                nothing = dict.fromkeys((*FIGURES, "blocks", "more_blocks"), math.nan)
                unsaid = dict.fromkeys(("grade", "served"), "")
                row |= nothing | unsaid
                return row | {"status": Status.SUPPRESSED.value, "reason": COARSE}
            row |= zip(RANGES[:2], self.ranges[own][metric.name], strict=True)
        elif beside not in self.steps:
            return row
        if beside in self.steps and own != beside and math.isfinite(row["reference_value"]):
            if metric.name in self.ranges.get(beside, ()):
                row |= zip(RANGES[2:], self.ranges[beside][metric.name], strict=True)
            else:
                row |= dict.fromkeys(FIGURES[3:], math.nan)
                row |= {"status": Status.NOT_APPLICABLE.value, "grade": "", "served": ""}
        if row["status"] != Status.FAIL.value:
            row["served"] = ""
        if row["status"] == Status.NOT_ENOUGH.value:
            # How the exact figure lies within its interval is not told beside a range.
            row["grade"] = ""
        return row | {"reason": tell(row, view, metric, facts)}


def publish_figures(
    rows: Sequence[Row],
    views: Sequence[GroupTable],
    facts: AuditData,
    tell: Tell,
) -> tuple[list[Row], Published]:
    """Say all rows of the audit's table as finely as they may be said together.

    Parameters
    ----------
    rows : sequence of dict
        One a view, metric of `facts` and group, in this order, with exact figures.
    views, facts
        What they are about.
    tell : callable
        From a row, its view, metric and facts to its sentence.
    """
    steps = choose_steps(views, facts, rows)
    published = Published(steps, find_ranges(views, facts, steps))
    about = ((v, m) for v in views for m in facts.metrics for _ in v.groups)
    said = [published.say_row(r, *of, facts, tell) for r, of in zip(rows, about, strict=True)]
    return said, published


def hide_coarse_folds(
    folds: Mapping[str, np.ndarray], views: Sequence[GroupTable], published: Published
) -> dict[str, np.ndarray]:
    """Mark the figures by fold of every group whose rates are said in ranges."""
    marked = {}
    for view in views:
        coarse = np.array([(view.dimension, group) in published.steps for group in view.groups])
        marked[view.dimension] = folds[view.dimension] | coarse
    return marked
