"""For whom it works: the audit's figures, rounded, with what was suppressed left out."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cityai.card.draft import sentences
from cityai.card.draft.annex import draft_annex
from cityai.card.draft.described import copy_words
from cityai.card.draft.facts import CardFacts
from cityai.card.draft.options import draft_options
from cityai.card.draft.rounding import SMALL_GROUP, find_size, round_figure, round_people
from cityai.card.draft.values import as_count, as_number, as_text, unit_of
from cityai.card.draft.withheld import Withheld, choose_rows
from cityai.card.record.fairness import (
    DimensionPart,
    DimensionVerdict,
    FairnessPart,
    GroupPart,
    GroupResult,
)
from cityai.card.record.part import Number
from cityai.columns import EVERYWHERE
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import FIGURES, IN_RANGES
from cityai.findings import Status
from cityai.i18n.messages import say
from cityai.inference.standard_errors import find_test_confidence

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit

SPREAD = ("spread", "spread_low", "spread_high")
ROUNDED = say("Numbers of people in a group are rounded to twenties.")


def draft_fairness(facts: CardFacts, withheld: Withheld) -> FairnessPart:
    """Draft the section on results by group."""
    spec, audit = facts.spec, facts.audit
    results = list_results(choose_rows(audit, spec), spec)
    words = spec.words.fairness
    plan = facts.subject.plan
    known = set(audit.table["metric"].astype(str))
    return FairnessPart(
        **copy_words(words),
        min_group_size=spec.policy.small_cell,
        confidence=spec.policy.confidence,
        gap_confidence=round(find_test_confidence(spec.policy.confidence), 6),
        limits={name: limit for name, limit in sorted(spec.limits.items()) if name in known},
        dimensions=_list_dimensions(audit.dimensions, results, withheld, spec),
        results=results,
        verdicts=_list_verdicts(audit.verdicts, results, spec),
        by_fold=_list_folds(audit.by_fold, withheld, spec),
        in_words=(*sentences.describe_fairness(results), *_describe_rounding(audit, results)),
        options=draft_options(facts.mitigation, plan, spec, withheld)
        if facts.mitigation and plan
        else None,
        **draft_annex(facts, withheld),
    )


def _describe_rounding(audit: Audit, results: Iterable[GroupResult]) -> tuple[str, ...]:
    people = bool(audit.table["people"].any())
    ranges = any(r.between for r in results)
    return (ROUNDED,) * people + (IN_RANGES,) * ranges


def list_results(table: pd.DataFrame, spec: AuditableSpec) -> tuple[GroupResult, ...]:
    """List the figures of groups, as finely as each may be said."""
    sizes = {
        (row["dimension"], row["group"], row["metric"]): find_size(
            row["metric"], as_number(row["n"]), as_number(row["size"])
        )
        for row in table.to_dict("records")
    }
    return tuple(_make_result(row, sizes, spec) for row in table.to_dict("records"))


def _make_result(
    row: Mapping[Hashable, Any],
    sizes: Mapping[tuple[str, str, str], float | None],
    spec: AuditableSpec,
) -> GroupResult:
    unit = unit_of(row["metric"], spec)
    hide = str(row["status"]) == Status.SUPPRESSED
    n = None if hide else as_number(row["n"])
    own = sizes[row["dimension"], row["group"], row["metric"]]
    reference = as_text(row["reference"])
    size = (
        math.inf
        if reference == EVERYWHERE
        else sizes.get((row["dimension"], reference, row["metric"]))
    )

    between, beside = (
        _take_range(row, f"{name}_least", f"{name}_most") for name in ("value", "reference")
    )
    unsaid = {name for name in FIGURES[:3] if between}
    unsaid |= {name for name in FIGURES[4:] if between or beside}
    unsaid |= {"reference_value"} if beside else set()

    def figure(name: str, count: float | None = own) -> float | None:
        return None if hide or name in unsaid else round_figure(row.get(name), unit, count)

    shown = between is not None or figure("value") is not None
    undecided = row["status"] == Status.NOT_APPLICABLE and shown
    return GroupResult(
        dimension=row["dimension"],
        group=row["group"],
        metric=row["metric"],
        unit=unit,
        value=figure("value"),
        low=figure("low"),
        high=figure("high"),
        reference=reference,
        reference_value=figure("reference_value", size),
        gap=figure("gap"),
        gap_low=figure("gap_low"),
        gap_high=figure("gap_high"),
        limit=as_number(row.get("limit")),
        n=None if n is None else round_people(n) if row["people"] else round(n),
        blocks=None if between else _say_blocks(row, spec),
        status=str(row["status"]),  # type: ignore[arg-type]
        grade=as_text(row.get("grade")),  # type: ignore[arg-type]
        served=as_text(row.get("served")),  # type: ignore[arg-type]
        sentence="" if undecided else as_text(row["reason"]),
        more_blocks=None if between or beside else as_count(row.get("more_blocks")),
        source="audit.table",
        between=None if hide else between,
        reference_between=None if hide else beside,
    )


def _take_range(row: Mapping[Hashable, Any], low: str, high: str) -> tuple[float, float] | None:
    least, most = (as_number(row.get(name)) for name in (low, high))
    return None if least is None or most is None else (round(least, 4), round(most, 4))


def _say_blocks(row: Mapping[Hashable, Any], spec: AuditableSpec) -> int | None:
    blocks = as_count(row.get("blocks"))
    if blocks is None or not row["people"] or spec.audit.infers == "this city":
        return blocks
    return round_people(blocks) or blocks


def _list_dimensions(
    table: pd.DataFrame,
    results: tuple[GroupResult, ...],
    withheld: Withheld,
    spec: AuditableSpec,
) -> tuple[DimensionPart, ...]:
    parts = []
    for row in table.to_dict("records"):
        own = [r for r in results if r.dimension == row["dimension"]]
        named = ("groups", "residents_share", "data_share", "counted_with")
        shares = zip(*(row[name] for name in named), strict=True)
        shown = [
            GroupPart(
                name=group,
                residents_share=None if hide else _round(people),
                data_share=None if hide else _round(amount),
                counted_with=other,
            )
            for group, people, amount, other in shares
            for hide in [withheld.veils(row["dimension"], group)]
        ]
        with_others = sentences.describe_small(shown, spec.policy.small_cell)
        parts.append(
            DimensionPart(
                name=row["dimension"],
                label=row["label"],
                kind=row["kind"],
                infers=as_text(row["infers"]),
                block=as_text(row["block"]),
                caveat=as_text(row["caveat"]),
                cuts=tuple(float(f"{cut:.4g}") for cut in row["cuts"]),
                groups=tuple(shown),
                in_words=(*sentences.describe_dimension(row["kind"], own, spec), *with_others),
            )
        )
    return tuple(parts)


def _list_verdicts(
    table: pd.DataFrame, results: tuple[GroupResult, ...], spec: AuditableSpec
) -> tuple[DimensionVerdict, ...]:
    """List the verdict of each dimension and limit that has figures of groups."""
    told = {(r.dimension, r.metric) for r in results}
    verdicts = []
    for row in table.to_dict("records"):
        unit = unit_of(row["metric"], spec)
        if (row["dimension"], row["metric"]) not in told:
            continue
        kept = {key: row[key] for key in DimensionVerdict.model_fields if key in row}
        kept |= {key: round_figure(row[key], unit, row["size"]) for key in SPREAD}
        verdicts.append(DimensionVerdict(**kept, unit=unit))
    return tuple(verdicts)


def _round(share: Any) -> float | None:
    return round_figure(share, "share", SMALL_GROUP)


def _list_folds(table: pd.DataFrame, withheld: Withheld, spec: AuditableSpec) -> tuple[Number, ...]:
    return tuple(
        Number(
            metric=row["metric"],
            value=round_figure(row["value"], unit_of(row["metric"], spec), None),
            unit=unit_of(row["metric"], spec),
            slice={row["dimension"]: row["group"], "fold": str(as_count(row["fold"]))},
            source="audit.by_fold",
        )
        for row in table.to_dict("records")
        if row["metric"] in spec.limits
        and row["dimension"] != EVERYWHERE
        and not withheld.veils(row["dimension"], row["group"])
    )
