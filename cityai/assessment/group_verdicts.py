"""Verdicts by group: each figure of a metric, its gap held against the limit, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.group_tables import count_under
from cityai.assessment.more_words import most_blocks, tell_more
from cityai.columns import EVERYWHERE
from cityai.config.project import AuditableSpec
from cityai.findings import Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import Grade, Verdict, foresee_blocks
from cityai.inference.group_gaps import ALONE, OVERALL, Measures, WidestGap
from cityai.records.audit_data import AuditData, GroupTable
from cityai.records.metric import Metric

COLUMNS: Final = [
    *("dimension", "metric", "status", "grade", "worst", "best"),
    *("spread", "spread_low", "spread_high", "size", "limit", "sentence"),
]
WEIGHTIEST: Final = (Grade.BEYOND, Grade.LEANS, Grade.OPEN, Grade.NOT_SEEN, Grade.TOO_FEW)
"""What groups together are told by, the first that one of them has."""
_WIDEST: Final = mark(
    "{label}: the largest gap between two groups is {gap} ({low} to {high}), of {worst} and {best}."
)
_WIDEST_ALONE: Final = mark(
    "{label}: the largest gap between two groups is {gap}, of {worst} and {best}."
)
_TOLD: Final[dict[str, str]] = {
    Grade.WITHIN: mark("All groups told stay within the limit of {limit}."),
    Grade.BEYOND: mark("At least one group is beyond the limit of {limit}."),
    Grade.LEANS: mark("A group leans beyond the limit of {limit}; more data must tell."),
    Grade.OPEN: mark("There is a gap; whether it stays within the limit of {limit} is open."),
    Grade.NOT_SEEN: mark("No gap is seen; whether all stay within the limit of {limit} is open."),
    Grade.TOO_FEW: mark("There is too little data to hold it against the limit of {limit}."),
}


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
    if _hold_alike(view.weights, g, at):
        return compared | {"gap": 0.0, "reason": told + " " + say.SAME_PARTS}
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


def _hold_alike(weights: np.ndarray, g: int, at: int) -> bool:
    """Tell whether each place holds as large a part of a group as of what it is compared with."""
    own, other = weights[:, g], np.ones(len(weights)) if at == OVERALL else weights[:, at]
    return np.allclose(own * other.sum(), other * own.sum(), rtol=1e-9, atol=0.0)


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
    told = tell_more(few, many, blocks, design.word, design.days, float(found.members[g]))
    return told, many if many <= most_blocks(blocks, design.days) else math.inf


def judge_dimensions(
    table: pd.DataFrame,
    views: Sequence[GroupTable],
    widest: Mapping[tuple[str, str], WidestGap | None],
    metrics: Sequence[Metric],
    facts: AuditData,
) -> pd.DataFrame:
    """Judge each dimension by its groups together, a row a limit.

    Parameters
    ----------
    table : pandas.DataFrame
        The audit's table, as it may be said.
    views : sequence of GroupTable
        Single dimensions.
    widest : mapping
        By dimension and metric: the largest gap between two groups.
    metrics, facts
        As the table was made from.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; `spread` is NaN where one of both groups' figures is not said exactly.
    """
    known, rows = {m.name: m for m in metrics}, []
    for view in views:
        limited = table[(table["dimension"] == view.dimension) & table["limit"].notna()]
        for name, part in limited.groupby("metric", sort=False):
            pair = widest.get((view.dimension, str(name)))
            rows.append(_judge(view, part, known[str(name)], pair, facts))
    return make_frame(rows, columns=COLUMNS)


def _judge(
    view: GroupTable, part: pd.DataFrame, metric: Metric, pair: WidestGap | None, facts: AuditData
) -> dict[str, Any]:
    limit = float(part["limit"].iloc[0])
    judged = part[part["status"].isin([Status.PASS, Status.FAIL, Status.NOT_ENOUGH])]
    grades, statuses = set(judged["grade"]), set(judged["status"])
    grade = next((g for g in WEIGHTIEST if g in grades), None)
    status = Status.NOT_APPLICABLE
    if len(judged):
        undecided = Status.NOT_ENOUGH if Status.NOT_ENOUGH in statuses else Status.PASS
        status = Status.FAIL if Status.FAIL in statuses else undecided
    if status is Status.PASS:
        grade = Grade.WITHIN
    elif status is Status.NOT_ENOUGH and grade is None:
        grade = Grade.TOO_FEW
    words = {"limit": say.say_gap(metric, limit, facts.unit, sign="")}
    told = [_TOLD[grade].format(**words)] if grade is not None and len(judged) else []
    row: dict[str, Any] = dict.fromkeys(("spread", "spread_low", "spread_high", "size"), math.nan)
    row |= {"worst": "", "best": ""}
    held = _find_exact(part, view, pair)
    if pair is not None and held is not None:
        size = float(held["size"].min())
        row = {"spread": pair.gap, "spread_low": pair.low, "spread_high": pair.high, "size": size}
        row |= {"worst": view.groups[pair.worst], "best": view.groups[pair.best]}
        told.insert(0, _tell_widest(row, view, metric, facts))
    return {
        **{"dimension": view.dimension, "metric": metric.name, "status": status.value},
        **{"grade": grade.value if grade else "", **row, "limit": limit},
        "sentence": join(" ", told),
    }


def _find_exact(
    part: pd.DataFrame, view: GroupTable, pair: WidestGap | None
) -> pd.DataFrame | None:
    """Find both rows of a pair where both figures are said, and exactly."""
    if pair is None:
        return None
    held = part[part["group"].isin([view.groups[pair.worst], view.groups[pair.best]])]
    said = held["value"].notna() & held["value_least"].isna()
    return held if len(held) == 2 and bool(said.all()) else None


def _tell_widest(row: dict[str, Any], view: GroupTable, metric: Metric, facts: AuditData) -> str:
    digits = 1 if not facts.counts or row["size"] >= say.FEW_FOR_DECIMALS else 0
    side = math.copysign(1.0, row["spread"])

    def write(name: str) -> str:
        return say.say_gap(metric, side * row[name], facts.unit, digits, sign="")

    words = {
        "label": view.label,
        "gap": write("spread"),
        "worst": row["worst"],
        "best": row["best"],
    }
    if not math.isfinite(row["spread_low"]):
        return _WIDEST_ALONE.format(**words)
    low, high = ("spread_low", "spread_high")[:: int(side)]
    return _WIDEST.format(low=write(low), high=write(high), **words)
