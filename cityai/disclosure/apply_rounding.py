"""Apply rate rounding to an audit: ranges where a small count would follow from a rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from cityai.columns import EVERYWHERE
from cityai.disclosure.rate_rounding import (
    OVER_NEED,
    UNSAID,
    WHOLE,
    Ranges,
    choose_steps,
    find_ranges,
)
from cityai.findings import Status
from cityai.i18n.messages import say as mark
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

FIGURES: Final = ("value", "low", "high", "reference_value", "gap", "gap_low", "gap_high")
COARSE: Final = mark("Not said: beside the other figures it would give a small count away.")
IN_RANGES: Final = mark(
    "Where an exact figure would give a small count away, the range that it lies in is said."
)
RANGES: Final = ("value_least", "value_most", "reference_least", "reference_most")
"""Columns of the audit's table: NaN where a figure is said exactly."""
Row = dict[str, Any]
Tell = Callable[[Row, GroupTable, Metric, AuditData], str]


@dataclass(frozen=True, slots=True)
class Published:
    """How finely the figures of each group may be said."""

    steps: Mapping[tuple[str, str], float]
    """Width of the ranges by dimension and group (`choose_steps`)."""
    ranges: Ranges
    """The ranges by dimension and group, by metric (`find_ranges`)."""

    def hide_unsaid(self, view: GroupTable) -> GroupTable:
        """Hide the groups of which no rate is said."""
        steps = (self.steps.get((view.dimension, group), 0.0) for group in view.groups)
        return replace(view, hidden=view.hidden | np.array([step == UNSAID for step in steps]))

    def find_range(self, at: tuple[str, str], metric: Metric) -> tuple[float, ...] | None:
        """Find the range that a figure is said in; nothing where it is exact, empty if unsaid."""
        ends = self.ranges.get(WHOLE, {})
        if metric.name in OVER_NEED and WHOLE in self.steps:
            # Beside what is selected and due in a group, its ratio tells those of the whole.
            known = (ends.get(name) for name in ("selection_rate", "base_rate"))
            if any(end is None or end[0] < end[1] for end in known):
                return ()
        if at not in self.steps or (at == WHOLE and not metric.above):
            return None
        found = self.ranges.get(at, {}).get(metric.name, ())
        return None if found and found[0] == found[1] else found

    def say_row(
        self, row: Row, view: GroupTable, metric: Metric, facts: AuditData, tell: Tell
    ) -> Row:
        """Say a row as finely as it may be: its sentence, and ranges beside the exact figures.

        The verdict stays that of the exact figures. What may not be said at all is NaN.
        """
        row |= dict.fromkeys(RANGES, math.nan)
        own, at = (row["dimension"], row["group"]), row["reference"]
        beside = WHOLE if at == EVERYWHERE else (row["dimension"], at)
        if row["status"] == Status.SUPPRESSED.value or not math.isfinite(row["value"]):
            return row
        ends = self.find_range(own, metric)
        others = self.find_range(beside, metric) if own != beside else None
        if ends is None and others is None:
            return row
        if ends == ():
            nothing = dict.fromkeys((*FIGURES, "blocks", "more_blocks"), math.nan)
            unsaid = dict.fromkeys(("grade", "served"), "")
            row |= nothing | unsaid
            return row | {"status": Status.SUPPRESSED.value, "reason": COARSE}
        row |= zip(RANGES[:2], ends or (), strict=False)
        if others == () and math.isfinite(row["reference_value"]):
            row |= dict.fromkeys(FIGURES[3:], math.nan)
            row |= {"status": Status.NOT_APPLICABLE.value, "grade": "", "served": ""}
        elif others and math.isfinite(row["reference_value"]):
            row |= zip(RANGES[2:], others, strict=True)
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
