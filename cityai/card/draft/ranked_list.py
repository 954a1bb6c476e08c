"""What the top of a list holds: the judged tables, rounded, small cells left out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cityai.card.draft import ranked_words as say
from cityai.card.draft.evaluated import as_number, as_text
from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.record.ranked import (
    AttentionResult,
    CapacityPoint,
    CurvePoint,
    RankedPart,
    SlopeResult,
)
from cityai.columns import EVERYWHERE
from cityai.config.risk import RiskSpec
from cityai.i18n.messages import say as mark

if TYPE_CHECKING:
    from cityai.assessment.ranking.audit import RankingAudit
    from cityai.assessment.ranking.evaluate import RankingEvaluation

SOURCE: Final = mark("evaluation.metrics, from the saved predictions")
LIST_SOURCE: Final = mark(
    "evaluation.at_capacity, evaluation.curve, audit.slopes, audit.curves and audit.attention, "
    "from the saved predictions"
)
TOO_FEW: Final = mark("Not shown: too few.")
WITH_INTERVAL: Final = ("precision", "recall", "lift")


def draft_list(
    spec: RiskSpec,
    evaluation: RankingEvaluation,
    audit: RankingAudit,
    secret: frozenset[tuple[str, str]],
    coarse: frozenset[tuple[str, str]],
    practice: str,
    label: str,
) -> RankedPart:
    """Draft the part on the list itself.

    Parameters
    ----------
    secret : frozenset of (str, str)
        (dimension, group) pairs that may not be shown.
    coarse : frozenset of (str, str)
        Those of whom only ranges are said: their curve would say how many had the outcome.
    practice, label : str
        The order that stands for today's practice, and what it is called.
    """
    least = spec.policy.small_cell
    at_capacity = evaluation.at_capacity.to_dict("records")
    points = tuple(_make_point(row, least, secret) for row in at_capacity)
    by_group = audit.curves[audit.curves["dimension"] != EVERYWHERE]
    curves = [evaluation.curve.assign(dimension=EVERYWHERE, group=EVERYWHERE), by_group]
    told = {
        finding.subject: finding.status.value
        for finding in audit.findings
        if finding.code == "audit.inspected_more"
    }
    attention = tuple(
        _make_attention(row, least, secret, told) for row in audit.attention.to_dict("records")
    )
    return RankedPart(
        cases=spec.unit,
        outcome=spec.question.outcome.label,
        rule=say.describe_rule(spec),
        per=spec.question.decision.per,
        practice=practice,
        practice_label=label,
        capacity=points,
        curve=tuple(
            point
            for table in curves
            for row in table.to_dict("records")
            for point in [_make_band(row, least, secret | coarse)]
        ),
        slopes=tuple(_make_slope(row, least, secret) for row in audit.slopes.to_dict("records")),
        attention=attention,
        in_words=say.describe_attention(attention, spec),
        source=LIST_SOURCE,
    )


def _make_point(
    row: Mapping[Hashable, Any], least: int, secret: frozenset[tuple[str, str]]
) -> CapacityPoint:
    selected, found = as_number(row["selected"]) or 0.0, as_number(row["found"]) or 0.0
    few = min(found, selected - found) < least or (EVERYWHERE, EVERYWHERE) in secret
    recall = as_number(row["recall"])
    size = min(selected, found / recall) if recall else selected
    figures: dict[str, float | None] = {}
    for name in WITH_INTERVAL:
        unit = "ratio" if name == "lift" else "share"
        for end in (name, f"{name}_low", f"{name}_high"):
            figures[end] = None if few else round_figure(row[end], unit, size)
    return CapacityPoint(
        model=str(row["model"]),
        capacity=int(row["capacity"]),
        declared=bool(row["declared"]),
        share=round_figure(row["share"], "share", selected),
        selected=None if few else round(selected),
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
    )


def _make_band(
    row: Mapping[Hashable, Any], least: int, secret: frozenset[tuple[str, str]]
) -> CurvePoint:
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = (dimension, group) in secret or yes is None or min(yes, n - yes) < least
    names = ("mean_score", "outcome_share", "low", "high")
    figures = {name: None if few else round_figure(row[name], "share", n) for name in names}
    return CurvePoint(
        dimension=dimension,
        group=group,
        band=int(row["band"]),
        n=None if few else round_people(n),
        **figures,
    )


def _make_slope(
    row: Mapping[Hashable, Any], least: int, secret: frozenset[tuple[str, str]]
) -> SlopeResult:
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = (dimension, group) in secret or yes is None or min(yes, n - yes) < least
    names = (
        "slope", "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high",
    )  # fmt: skip
    figures = {name: None if few else round_figure(row[name], "ratio", n) for name in names}
    shares = {
        name: None if few else round_figure(row[name], "share", n) for name in ("error", "chance")
    }
    return SlopeResult(
        dimension=dimension,
        group=group,
        n=None if few else round_people(n),
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
        **shares,
    )


def _make_attention(
    row: Mapping[Hashable, Any],
    least: int,
    secret: frozenset[tuple[str, str]],
    told: Mapping[str, str],
) -> AttentionResult:
    dimension, group = str(row["dimension"]), str(row["group"])
    cases, entities = as_number(row["cases"]) or 0.0, as_number(row["entities"]) or 0.0
    few = (dimension, group) in secret or entities < least
    base_rate = as_number(row["base_rate"])
    yes = cases * (base_rate or 0.0)
    rare = few or base_rate is None or min(yes, cases - yes) < least
    names = ("cases_per_entity", "ratio", "ratio_low", "ratio_high")
    figures = {name: None if few else round_figure(row[name], "ratio", entities) for name in names}
    status = "suppressed" if few else told.get(f"{dimension}={group}", "not applicable")
    return AttentionResult(
        dimension=dimension,
        group=group,
        cases=None if few else round_people(cases),
        entities=None if few else round_people(entities),
        base_rate=None if rare else round_figure(base_rate, "share", cases),
        status=status,  # type: ignore[arg-type]
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
    )
