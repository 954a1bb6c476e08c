"""Plain sentences about a ranked list, each made from figures that the record also holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from cityai.card.record.measured import Comparison
from cityai.card.record.part import Number
from cityai.card.record.ranked import AttentionResult, CapacityPoint, RankedPart
from cityai.card.words import PAIR, write_interval, write_number
from cityai.columns import BASELINE
from cityai.findings import Finding, Status
from cityai.spec.risk import RiskSpec

if TYPE_CHECKING:
    from cityai.modeling.case_split import CaseFolds

NOTABLE: Final = 1.25
"""Times as often as the average from which on it is said that a group was looked at more."""


def describe_rule(spec: RiskSpec) -> str:
    """Say who is selected."""
    rule = spec.question.decision
    if rule.rule == "threshold":
        return f"all {spec.unit} with a probability of {rule.threshold:.0%} or more"
    stretch = "stretch that was tested" if rule.per == "fold" else rule.per
    return f"the {rule.capacity:,} {spec.unit} with the highest probability in each {stretch}"


def describe_scale(cases: int, entities: int, spec: RiskSpec) -> str:
    """Say how many cases were ranked, and what is asked of each."""
    entity, outcome = spec.question.entity, spec.question.outcome
    return (
        f"{cases:,} {spec.unit} at {entities:,} {entity.label_plural}, each with the probability "
        f"that {outcome.label}; selected are {describe_rule(spec)}"
    )


def describe_design(
    spec: RiskSpec, folds: CaseFolds, findings: Iterable[Finding]
) -> tuple[str, ...]:
    """Say how the past was replayed."""
    said = [
        f"The past was replayed {len(folds.test)} times. Each time a model was made from outcomes "
        f"that were known before the stretch began, ranked the {spec.unit} of the stretch, each "
        "by what was known before it was asked about, and was then held against what happened."
    ]
    if any(f.code == "time.truncation" and f.status is Status.PASS for f in findings):
        said.append(
            "Nothing that became known later was used: the inputs were made again from data cut at "
            "those moments, and were the same to the last bit."
        )
    if folds.calibration:
        said.append(
            f"{len(folds.calibration)} earlier stretches served only to weigh the models against "
            "each other and to set the probabilities. No figure on this page comes from them."
        )
    said.append(
        "Outcomes are known only of cases that took place. What would have been found elsewhere, "
        "nobody knows: every figure is about cases that somebody looked at."
    )
    return tuple(said)


def describe_finding(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    ranked: RankedPart,
    spec: RiskSpec,
) -> tuple[str, ...]:
    """Say what the list finds at its capacity, beside today's order."""
    overall = {(m.slice["model"], m.metric): m for m in metrics if len(m.slice) == 1}
    status = {c.metric: c.status for c in comparisons if c.baseline == ranked.practice}
    said = [*_tell_top(ranked, spec), *_tell_recall(ranked, status.get("recall", ""))]
    own, other = (
        overall.get((model, "days_sooner")) for model in ("forecast", f"{BASELINE}city_score")
    )
    if own is not None and own.value is not None:
        told = f"What is found is found {write_number(own.value, 'days')} sooner on average"
        if own.low is not None:
            told += f" ({write_interval(own.low, own.high, 'days')})"
        told += " than in the order that really happened."
        if other is not None and other.value is not None:
            told += f" With the city's own score it would be {write_number(other.value, 'days')}."
        said.append(told)
    auc = overall.get(("forecast", "auc"))
    if auc is not None and auc.value is not None:
        said.append(
            f"Of two {spec.unit}, one with the outcome and one without, the list puts the right "
            f"one first {auc.value * 100:.0f} times in 100; a coin would do so 50 times."
        )
    slope = overall.get(("forecast", "calibration_slope"))
    if slope is not None and slope.value is not None:
        said.append(
            f"Whether a probability of 20% means 20 in 100: the slope of calibration is "
            f"{write_number(slope.value, 'ratio')}"
            + (
                f" ({write_interval(slope.low, slope.high, 'ratio')})"
                if slope.low is not None
                else ""
            )
            + "; 1 is right."
        )
    return tuple(said)


def _tell_top(ranked: RankedPart, spec: RiskSpec) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.precision is None:
        return []
    outcome = spec.question.outcome.label
    told = (
        f"Of 100 {spec.unit} that this list selects, in about {own.precision * 100:.0f} "
        f"it turned out that {outcome}"
    )
    if other is not None and other.precision is not None:
        told += f"; with {ranked.practice_label}: in about {other.precision * 100:.0f}"
    return [f"{told}."]


def _tell_recall(ranked: RankedPart, status: str) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.recall is None:
        return []
    told = (
        f"Selecting {ranked.rule} reaches {write_number(own.recall, 'share')} of all the cases in "
        "which it did"
    )
    if other is not None and other.recall is not None:
        told += f", {ranked.practice_label} {write_number(other.recall, 'share')}"
    told += "."
    if other is not None and status not in {"pass", "fail"}:
        told += " The test cannot say whether this would hold at other times."
    return [told]


def describe_attention(results: Sequence[AttentionResult], spec: RiskSpec) -> tuple[str, ...]:
    """Say which groups were looked at more often, and what that means for what is found."""
    more = [
        r for r in results if r.ratio is not None and r.ratio > NOTABLE and PAIR not in r.dimension
    ]
    if not results:
        return ()
    entities = spec.question.entity.label_plural
    said = [
        f"What is found depends on who was looked at: the more {spec.unit} in a group of "
        f"{entities}, the more is found there, whether or not there is more to find."
    ]
    for r in sorted(more, key=lambda r: -(r.ratio or 0))[:3]:
        sure = ""
        if r.ratio_low is not None:
            sure = f" ({write_interval(r.ratio_low, r.ratio_high, 'ratio')})"
        said.append(
            f"“{r.group}” was looked at {write_number(r.ratio, 'ratio')} times as often as the "
            f"average{sure}; there {write_number(r.base_rate, 'share')} of the {spec.unit} had the "
            "outcome."
        )
    return tuple(said)


def _pick(ranked: RankedPart, model: str) -> CapacityPoint | None:
    own = [p for p in ranked.capacity if p.model == model and p.declared]
    return own[0] if own else None
