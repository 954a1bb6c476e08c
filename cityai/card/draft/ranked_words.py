"""Plain sentences about a ranked list, each made from figures that the record also holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from cityai.card.record.measured import Comparison
from cityai.card.record.part import Number
from cityai.card.record.ranked import AttentionResult, CapacityPoint, RankedPart
from cityai.card.words import PAIR, write_interval, write_number
from cityai.columns import BASELINE, LIST_HEADLINE
from cityai.config.risk import RiskSpec
from cityai.findings import Finding, Status
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.modeling.case_split import CaseFolds

NOTABLE: Final = 1.25
"""Times as often as the average from which on it is said that a group was looked at more."""


def describe_rule(spec: RiskSpec) -> str:
    """Say who is selected."""
    rule = spec.question.decision
    if rule.rule == "threshold":
        return say(f"all {spec.unit} with a probability of {rule.threshold:.0%} or more")
    stretch = say("stretch that was tested") if rule.per == "fold" else rule.per
    return say(f"the {rule.capacity:,} {spec.unit} with the highest probability in each {stretch}")


def describe_scale(cases: int, entities: int, spec: RiskSpec) -> str:
    """Say how many cases were ranked, and what is asked of each."""
    entity, outcome = spec.question.entity, spec.question.outcome
    return say(
        f"{cases:,} {spec.unit} at {entities:,} {entity.label_plural}, each with the probability "
        f"that {outcome.label}; selected are {describe_rule(spec)}"
    )


def describe_design(
    spec: RiskSpec, folds: CaseFolds, findings: Iterable[Finding]
) -> tuple[str, ...]:
    """Say how the past was replayed."""
    said = [
        say(
            f"The past was replayed {len(folds.test)} times. Each time a model was made from "
            f"outcomes that were known before the stretch began, ranked the {spec.unit} of the "
            "stretch, each by what was known before it was asked about, and was then held "
            "against what happened."
        )
    ]
    if any(f.code == "time.truncation" and f.status is Status.PASS for f in findings):
        said.append(
            say(
                "Nothing that became known later was used: the inputs were made again from data "
                "cut at those moments, and were the same to the last bit."
            )
        )
    if folds.calibration:
        said.append(
            say(
                f"{len(folds.calibration)} earlier stretches served only to weigh the models "
                "against each other and to set the probabilities. No figure on this page comes "
                "from them."
            )
        )
    said.append(
        say(
            "Outcomes are known only of cases that took place. What would have been found "
            "elsewhere, nobody knows: every figure is about cases that somebody looked at."
        )
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
    said = [*_tell_top(ranked, spec), *_tell_recall(ranked, status.get(LIST_HEADLINE, ""))]
    own, other = (
        overall.get((model, "days_sooner")) for model in ("forecast", f"{BASELINE}city_score")
    )
    if own is not None and own.value is not None:
        told = say(
            f"What is found is found {_write_sure(own, 'days')} sooner on average than in the "
            "order that really happened."
        )
        if other is not None and other.value is not None:
            score = write_number(other.value, "days")
            told += " " + say(f"With the city's own score it would be {score}.")
        said.append(told)
    auc = overall.get(("forecast", "auc"))
    if auc is not None and auc.value is not None:
        said.append(
            say(
                f"Of two {spec.unit} of the same list, one with the outcome and one without, it "
                f"puts the right one first {auc.value * 100:.0f} times in 100; a coin would do so "
                "50 times."
            )
        )
    slope = overall.get(("forecast", "calibration_slope"))
    if slope is not None and slope.value is not None:
        said.append(
            say(
                "Whether a probability of 20% means 20 in 100: the slope of calibration is "
                f"{_write_sure(slope, 'ratio')}; 1 is right."
            )
        )
    return tuple(said)


def _tell_top(ranked: RankedPart, spec: RiskSpec) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.precision is None:
        return []
    outcome = spec.question.outcome.label
    if other is None or other.precision is None:
        return [
            say(
                f"Of 100 {spec.unit} that this list selects, in about {own.precision * 100:.0f} "
                f"it turned out that {outcome}."
            )
        ]
    return [
        say(
            f"Of 100 {spec.unit} that this list selects, in about {own.precision * 100:.0f} "
            f"it turned out that {outcome}; with {ranked.practice_label}: in about "
            f"{other.precision * 100:.0f}."
        )
    ]


def _tell_recall(ranked: RankedPart, status: str) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.recall is None:
        return []
    reached = write_number(own.recall, "share")
    if other is None or other.recall is None:
        told = say(f"Selecting {ranked.rule} reaches {reached} of all the cases in which it did.")
    else:
        theirs = write_number(other.recall, "share")
        told = say(
            f"Selecting {ranked.rule} reaches {reached} of all the cases in which it did, "
            f"{ranked.practice_label} {theirs}."
        )
    if other is not None and status not in {"pass", "fail"}:
        told += say(" The test cannot say whether this would hold at other times.")
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
        say(
            f"What is found depends on who was looked at: the more {spec.unit} in a group of "
            f"{entities}, the more is found there, whether or not there is more to find."
        )
    ]
    for r in sorted(more, key=lambda r: -(r.ratio or 0))[:3]:
        times = write_number(r.ratio, "ratio")
        if r.ratio_low is not None:
            times = say(f"{times} times ({write_interval(r.ratio_low, r.ratio_high, 'ratio')})")
        else:
            times = say(f"{times} times")
        said.append(
            say(
                f"“{r.group}” was looked at {times} as often as the average; there "
                f"{write_number(r.base_rate, 'share')} of the {spec.unit} had the outcome."
            )
        )
    return tuple(said)


def _write_sure(number: Number, unit: str) -> str:
    """Write a figure with its interval, where it has one."""
    told = write_number(number.value, unit)
    if number.low is None:
        return told
    return say(f"{told} ({write_interval(number.low, number.high, unit)})")


def _pick(ranked: RankedPart, model: str) -> CapacityPoint | None:
    own = [p for p in ranked.capacity if p.model == model and p.declared]
    return own[0] if own else None
