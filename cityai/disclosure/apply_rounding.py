"""What may be said of the exact figures: ranges where a small count would follow from a rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.group_tables import AuditData, GroupTable
from cityai.assessment.metrics import Metric
from cityai.columns import EVERYWHERE
from cityai.disclosure.rate_rounding import (
    OVER_NEED,
    UNSAID,
    Ranges,
    choose_steps,
    find_ranges,
)
from cityai.findings import Status
from cityai.i18n.messages import say as mark

ALONE: Final = frozenset({"calibration", "brier", "mean_score", "auc"}) | OVER_NEED
"""Figures that are said, or not, without the others of their group."""
FIGURES: Final = ("value", "low", "high", "reference_value", "gap", "gap_low", "gap_high")
COARSE: Final = mark("Not said: beside the other figures it would give a small count away.")
RANGES: Final = ("value_least", "value_most", "reference_least", "reference_most")
"""Columns of the audit's table: NaN where a figure is said exactly."""
Row = dict[str, Any]


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

    def say_row(self, row: Row, view: GroupTable, metric: Metric, facts: AuditData) -> Row:
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
                return row | nothing | {"status": Status.SUPPRESSED.value, "reason": COARSE}
            row |= zip(RANGES[:2], self.ranges[own][metric.name], strict=True)
        elif beside not in self.steps:
            return row
        if beside in self.steps and own != beside and math.isfinite(row["reference_value"]):
            if metric.name in self.ranges.get(beside, ()):
                row |= zip(RANGES[2:], self.ranges[beside][metric.name], strict=True)
            else:
                row |= dict.fromkeys(FIGURES[3:], math.nan)
                row["status"] = Status.NOT_APPLICABLE.value
        return row | {"reason": _tell_row(row, view, metric, facts)}


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


def publish_figures(
    rows: Sequence[Row],
    views: Sequence[GroupTable],
    metrics: Sequence[Metric],
    facts: AuditData,
    least: float,
) -> tuple[list[Row], Published]:
    """Say all rows of the audit's table as finely as they may be said together.

    Parameters
    ----------
    rows : sequence of dict
        One a view, metric and group, in this order, with exact figures.
    views, metrics, facts
        What they are about.
    least : float
        The policy's threshold.
    """
    steps = choose_steps(views, facts, least, rows)
    published = Published(steps, find_ranges(views, facts, steps))
    about = ((v, m) for v in views for m in metrics for _ in v.groups)
    said = [published.say_row(r, *of, facts) for r, of in zip(rows, about, strict=True)]
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


def _tell_row(row: Mapping[str, Any], view: GroupTable, metric: Metric, facts: AuditData) -> str:
    place = f"{view.label}, {row['group']}"
    reference = mark("the city as a whole") if row["reference"] == EVERYWHERE else row["reference"]
    value = _say_figure(metric, row, "value", facts)
    told = mark(f"{place}: {say.fill_told(metric, value, facts.unit)}")
    if row["reason"].endswith(say.IS_REFERENCE):
        return mark(f"{told}.") + f" {say.IS_REFERENCE}"
    if not math.isfinite(row["reference_value"]):
        return mark(f"{told}.") + " " + say.NO_REFERENCE.format(reference=reference)
    told = mark(f"{told}; {reference}: {_say_figure(metric, row, 'reference', facts)}.")
    if not math.isfinite(row["limit"]):
        return f"{told} {say.NO_LIMIT}"
    limit = say.say_gap(metric, row["limit"], facts.unit).removeprefix("+")
    return f"{told} {say.RANGE_VERDICTS[Status(row['status'])].format(limit=limit)}"


def _say_figure(metric: Metric, row: Mapping[str, Any], name: str, facts: AuditData) -> str:
    low, high = row[f"{name}_least"], row[f"{name}_most"]
    if math.isfinite(low):
        return say.say_range(low, high, metric.unit)
    value = row["value" if name == "value" else "reference_value"]
    return say.say_value(metric, value, facts.unit, int(row["size"] >= say.FEW_FOR_DECIMALS))
