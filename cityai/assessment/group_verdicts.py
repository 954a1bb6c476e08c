"""Verdicts by group: each figure of a metric, its gap held against the limit, and why."""

from __future__ import annotations

import math
from typing import Any

from cityai.assessment import sentences as say
from cityai.assessment.group_tables import count_under
from cityai.columns import EVERYWHERE
from cityai.config.project import AuditableSpec
from cityai.findings import Status
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import Verdict, foresee_blocks
from cityai.inference.group_gaps import ALONE, OVERALL, Measures
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric


def judge_groups(
    view: GroupTable, metric: Metric, facts: AuditData, measured: Measures, spec: AuditableSpec
) -> list[dict[str, Any]]:
    """List a row of the audit's table for each group of a view, with exact figures."""
    limit = spec.limits.get(metric.name, math.nan)
    sizes = count_under(view, facts, metric.denominator)
    return [
        _judge_group(view, metric, facts, measured, g, limit, float(sizes[g]))
        for g in range(len(view.groups))
    ]


def _judge_group(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    found: Measures,
    g: int,
    limit: float,
    size: float,
) -> dict[str, object]:
    at = int(found.reference[g])
    row: dict[str, object] = {
        "dimension": view.dimension,
        "group": view.groups[g],
        "metric": metric.name,
        **dict.fromkeys(("value", "low", "high"), math.nan),
        "reference": EVERYWHERE if at == OVERALL else view.groups[at],
        **dict.fromkeys(("reference_value", "gap", "gap_low", "gap_high"), math.nan),
        "limit": limit,
        **dict.fromkeys(("n", "amount", "size", "blocks"), math.nan),
        **dict.fromkeys(ALONE, math.nan),
        **{"status": Status.NOT_APPLICABLE.value, "grade": "", "served": ""},
        "reason": say.EMPTY,
        "more_blocks": math.nan,
    }
    if view.hidden[g]:
        return row | {"status": Status.SUPPRESSED.value, "reason": view.tell_hidden(g)}
    row |= {"n": float(view.n[g]), "amount": float(view.amount[g]), "size": size}
    if view.n[g] <= 0:
        return row
    if not math.isfinite(found.value[g]):
        return row | {"reason": mark("No value: {undefined}.", undefined=metric.undefined)}
    row |= {key: float(getattr(found, key)[g]) for key in ("value", "low", "high", "blocks")}
    return row | _compare_group(view, metric, facts, found, g, limit, size)


def _compare_group(
    view: GroupTable,
    metric: Metric,
    facts: AuditData,
    found: Measures,
    g: int,
    limit: float,
    size: float,
) -> dict[str, object]:
    at, value, gap = int(found.reference[g]), float(found.value[g]), float(found.gap[g])
    digits = 1 if not facts.counts or size >= say.FEW_FOR_DECIMALS else 0
    hidden = at != OVERALL and bool(view.hidden[at])
    beside = math.nan if hidden else float(found.reference_value[g])
    itself = at == g or bool((view.weights[:, g] == 1).all())
    group = view.groups[g]
    place = group if view.dimension == EVERYWHERE else join(", ", (view.label, group))
    whole = mark("the city as a whole") if at == OVERALL else view.groups[at]
    told = say.tell_group(
        metric, place, value, whole, math.nan if itself else beside, facts.unit, digits
    )
    compared: dict[str, object] = {"reference_value": beside, "reason": told}
    if itself:
        return compared | {"gap": 0.0, "reason": told + " " + say.IS_REFERENCE}
    if not math.isfinite(beside):
        return compared | {"reason": told + " " + say.NO_REFERENCE.format(reference=whole)}
    ends = ("gap", "gap_low", "gap_high", *ALONE)
    compared |= {key: float(getattr(found, key)[g]) for key in ends}
    if not math.isfinite(limit):
        return compared | {"reason": told + " " + say.NO_LIMIT}
    verdict = found.decide(g, limit)
    more, many = _foresee(facts, found, g, limit, verdict)
    told += " " + say.tell_verdict(
        verdict, metric, gap, limit, more, facts.unit, _excuse(facts, found, g), digits
    )
    return compared | {
        **{"gap_low": verdict.low, "gap_high": verdict.high, "more_blocks": many, "reason": told},
        **{"status": verdict.status.value, "grade": verdict.grade.value},
        "served": find_served(metric, gap),
    }


def find_served(metric: Metric, gap: float) -> str:
    """Find whether a group is worse or better served than what it is compared with."""
    if not (metric.worse and gap):
        return ""
    return "worse" if (gap > 0) == (metric.worse == "high") else "better"


def _excuse(facts: AuditData, found: Measures, g: int) -> str:
    """Say why a gap has no interval."""
    design, word, blocks = facts.design, facts.design.word, float(found.blocks[g])
    if blocks < design.min_blocks:
        return say.TOO_FEW.format(blocks=write(blocks, ".3g"), word=word, least=design.min_blocks)
    return (say.UNVARYING if found.usable[g] else say.UNSURE).format(word=word)


def _foresee(
    facts: AuditData, found: Measures, g: int, limit: float, verdict: Verdict
) -> tuple[str, float]:
    """Say how much more evidence would decide a gap, and how much at most."""
    design, gap, blocks = facts.design, float(found.gap[g]), float(found.blocks[g])
    if verdict.status is not Status.NOT_ENOUGH:
        return "", 0.0
    if blocks < design.min_blocks:
        return "", math.ceil(design.min_blocks - blocks)
    inside = abs(gap) <= limit
    bounds = (found.alone_low, found.alone_high) if inside else (found.gap_low, found.gap_high)
    low, high = (float(x[g]) for x in bounds)
    few, many = foresee_blocks(gap, low, high, limit, blocks, periods=design.blocks == "periods")
    told = say.tell_more(few, many, blocks, design.word, design.days, float(found.members[g]))
    return told, many if many <= say.most_blocks(blocks, design.days) else math.inf
