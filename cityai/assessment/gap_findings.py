"""Findings of the audit: one a limit and group, one a limit and pair of dimensions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from cityai.assessment import sentences as say
from cityai.columns import NOT_RECORDED
from cityai.config.project import AuditableSpec
from cityai.findings import SEVERITY, Finding, Status, sort_findings
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.records.audit_data import GroupTable
from cityai.records.metric import Metric


def find_gaps(
    table: pd.DataFrame,
    single: Sequence[GroupTable],
    pairs: Sequence[GroupTable],
    metrics: Sequence[Metric],
    spec: AuditableSpec,
) -> tuple[Finding, ...]:
    """List the findings of an audit's table, the gravest first."""
    if not single:
        reason = mark(
            "The project declares no groups, so nothing is known about who bears the errors."
        )
        return (Finding("audit.dimensions", Status.NOT_APPLICABLE, mark("Groups"), reason),)
    views = {v.dimension: v for v in (*single, *pairs)}
    known = {m.name: m for m in metrics}
    limited = table[table["limit"].notna() & table["dimension"].isin(list(views))]
    limited = limited[~limited["reason"].str.endswith(say.NOT_COMPARED)]
    paired = limited["dimension"].isin([v.dimension for v in pairs])
    findings = [
        _find_group(row, known[row["metric"]], views[row["dimension"]])
        for row in limited[~paired].to_dict("records")
    ]
    for view in pairs:
        for name in spec.limits:
            part = limited[(limited["dimension"] == view.dimension) & (limited["metric"] == name)]
            findings.append(_find_pair(part, known[name], view, spec.limits[name]))
    return sort_findings([*findings, *_find_unrecorded(single)])


def _find_unrecorded(single: Sequence[GroupTable]) -> list[Finding]:
    """Name dimensions of which nobody's group is recorded: no limit can be held against them."""
    reason = mark(
        "The group of nobody is recorded here, so nothing is known about whether it works alike "
        "for all."
    )
    return [
        Finding(
            "audit.recorded",
            Status.FAIL,
            mark("Groups that are recorded: {label}", label=view.label),
            reason,
            subject=view.dimension,
        )
        for view in single
        if view.groups == (NOT_RECORDED,)
    ]


def _title(metric: Metric, view: GroupTable) -> str:
    return mark("{what}: {label}", what=metric.title, label=view.label)


def _find_group(row: dict[Hashable, Any], metric: Metric, view: GroupTable) -> Finding:
    return Finding(
        f"audit.{metric.name}",
        Status(row["status"]),
        _title(metric, view),
        row["reason"],
        float(row["gap"]) if math.isfinite(row["gap"]) else None,
        float(row["limit"]),
        metric.unit,
        f"{view.dimension}={row['group']}",
    )


def _find_pair(part: pd.DataFrame, metric: Metric, view: GroupTable, limit: float) -> Finding:
    counted = Counter(part["status"])
    found = [s for s in SEVERITY if counted.get(s.value)]
    told = join(", ", (join(" ", (write(counted[s.value]), s.value)) for s in found))
    return Finding(
        f"audit.{metric.name}",
        found[0],
        _title(metric, view),
        mark("Of {part} combinations of groups: {told}.", part=len(part), told=told),
        limit=limit,
        unit=metric.unit,
        subject=view.dimension,
    )
