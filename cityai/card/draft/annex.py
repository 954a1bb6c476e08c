"""What the audit adds for reviewers: trends, who is in the data, and what the inputs give away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cityai.assessment.more_words import round_up
from cityai.assessment.proxies import CODE as PROXY
from cityai.assessment.proxies import TOGETHER
from cityai.assessment.shares import CODE as REPRESENTATION
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.rounding import round_figure
from cityai.card.draft.values import as_number, as_text, unit_of
from cityai.card.draft.withheld import Withheld
from cityai.card.record.fairness import Decidable, ProxyPart, TrendPart
from cityai.columns import EVERYWHERE
from cityai.config.project import AuditableSpec
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.assessment.proxies import Proxies
    from cityai.findings import Finding

MOST_PROXIES: Final = 5
"""Inputs shown for each dimension, the most telling first."""


def draft_annex(facts: CardFacts, withheld: Withheld) -> dict[str, Any]:
    """Draft the fields of the section on groups that only reviewers need."""
    audit, proxies, spec = facts.audit, facts.proxies, facts.spec
    followed = audit.trends[audit.trends["metric"].isin(list(spec.limits))]
    trends = tuple(
        _make_trend({str(key): value for key, value in row.items()}, spec)
        for row in followed.to_dict("records")
        if as_number(row["low"]) is not None
        and row["dimension"] != EVERYWHERE
        and not withheld.veils(row["dimension"], row["group"])
    )
    return {
        "trends": trends,
        "trends_note": _note_trends(trends, followed),
        "representation": _tell(facts.findings, REPRESENTATION),
        "proxies": _list_proxies(proxies) if proxies else (),
        "proxies_in_words": _tell(facts.findings, PROXY),
        "decidable": _list_decidable(facts, withheld),
    }


def _list_decidable(facts: CardFacts, withheld: Withheld) -> tuple[Decidable, ...]:
    return tuple(
        Decidable(
            dimension=row["dimension"],
            metric=row["metric"],
            unit=unit_of(row["metric"], facts.spec),
            limit=float(row["limit"]),
            **{name: _round_up(row[name]) for name in ("least_limit", "least_gap")},
            sentence=as_text(row["sentence"]),
        )
        for row in facts.audit.decidable.to_dict("records")
        if not withheld.veils(row["dimension"], row["group"])
    )


def _round_up(size: float) -> float | None:
    return round_up(size) if math.isfinite(size) else None


def _tell(findings: Sequence[Finding], code: str) -> tuple[str, ...]:
    return tuple((f.title + ". " + f.reason) for f in findings if f.code == code)


def _note_trends(trends: Sequence[TrendPart], followed: Any) -> str:
    told = sum(t.low is not None and (t.low > 0 or (t.high or 0.0) < 0) for t in trends)
    if not len(followed):
        return ""
    if not trends:
        return as_text(followed["reason"].iloc[0])
    return say(
        "{trends} figures of groups were followed over the replays; {told} rise or "
        "fall by more than chance explains, each taken alone.",
        trends=len(trends),
        told=told,
    )


def _make_trend(row: dict[str, Any], spec: AuditableSpec) -> TrendPart:
    unit = unit_of(row["metric"], spec)
    figures = {name: round_figure(row[name], unit, None) for name in ("slope", "low", "high")}
    return TrendPart(
        dimension=row["dimension"],
        group=row["group"],
        metric=row["metric"],
        unit=unit,
        folds=int(row["folds"]),
        sentence=as_text(row["reason"]),
        **figures,
    )


def _list_proxies(proxies: Proxies) -> tuple[ProxyPart, ...]:
    kept = []
    for dimension, part in proxies.table.groupby("dimension", sort=False):
        single = part[(part["feature"] != TOGETHER) & part["recovered"].notna()]
        best = single.sort_values(["recovered", "feature"], ascending=[False, True]).head(
            MOST_PROXIES
        )
        for row in (
            *part[part["feature"] == TOGETHER].to_dict("records"),
            *best.to_dict("records"),
        ):
            shown = {
                name: round_figure(row[name], "share", None)
                for name in ("recovered", "low", "high", "chance")
            }
            kept.append(
                ProxyPart(
                    dimension=str(dimension),
                    feature=row["feature"],
                    label=row["label"],
                    verdict=row["verdict"],
                    entities=int(row["entities"]),
                    reason=row["reason"],
                    **shown,
                )
            )
    return tuple(kept)
