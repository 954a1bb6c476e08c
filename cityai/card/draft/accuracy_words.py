"""How good it is, in plain sentences, each made from figures that the record also holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.assessment.metrics import find_metrics
from cityai.assessment.sentences import tell_value
from cityai.card.record.measured import Comparison
from cityai.card.record.part import Number
from cityai.card.record.ranked import CapacityPoint, RankedPart
from cityai.card.words import name_one, say_share, write_interval, write_number
from cityai.columns import BASELINE, DECISION, HEADLINE, LIST_HEADLINE, Y_TRUE
from cityai.i18n.messages import capitalize, say

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts

TOLD: Final = ("selection_rate", "false_negative_rate", "false_positive_rate")
"""What is told of decisions that are not those of a ranked list."""


def describe_accuracy(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    practice: str,
    label: str,
    ranked: RankedPart | None,
    facts: CardFacts,
) -> tuple[str, ...]:
    """Say how far off amounts are, what a list finds, or who is selected wrongly."""
    unit = facts.spec.unit
    coverage = facts.spec.coverage
    amounts = _tell_amounts(metrics, comparisons, practice, label, unit, coverage)
    at_capacity = _tell_list(metrics, comparisons, ranked, unit) if ranked else ()
    return (*amounts, *_tell_answers(metrics, unit), *at_capacity)


def excuse_silence(table: pd.DataFrame) -> tuple[str, ...]:
    """Say why nothing can be said of how good predictions are."""
    if table[Y_TRUE].isna().all():
        return (say("No outcome is known yet, so nobody can say how good they are."),)
    if DECISION in table and table[DECISION].isna().all():
        return (say("Who is selected is not known, so nobody can say how good the selection is."),)
    return (say("There are too few rows to show how good they are."),)


def _tell_answers(metrics: Iterable[Number], unit: str) -> tuple[str, ...]:
    known = {metric.name: metric for metric in find_metrics("yes/no")}
    return tuple(
        (capitalize(said) + ".")
        for m in metrics
        if m.metric in TOLD and m.value is not None
        for said in [tell_value(known[m.metric], m.value, unit)]
    )


def _tell_amounts(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    practice: str,
    label: str,
    unit: str,
    nominal: float,
) -> tuple[str, ...]:
    """Say how far off the forecast is, beside today's practice, and how its ranges held."""
    overall = {(m.slice["model"], m.metric): m.value for m in metrics if len(m.slice) == 1}
    one = name_one(unit)
    said = []
    error = overall.get(("forecast", HEADLINE))
    if error is not None:
        said.append(
            say(
                "Added up, the forecasts were off by {error} of what happened: {error2}.",
                error=write_number(error, "share"),
                error2=say_share(error, one),
            )
        )
    other = overall.get((f"{BASELINE}{practice}", HEADLINE))
    if error is not None and other is not None:
        off = say(
            "{other}: {other2}", other=write_number(other, "share"), other2=say_share(other, one)
        )
        if error < other:
            told = say("That is less than {label}, which was off by {off}.", label=label, off=off)
        elif error > other:
            told = say("That is more than {label}, which was off by {off}.", label=label, off=off)
        else:
            told = say("That is the same as {label}, which was off by {off}.", label=label, off=off)
        status = {c.baseline: c.status for c in comparisons if c.metric == HEADLINE}.get(practice)
        if status not in {"pass", "fail"} and error != other:
            told += " " + say("The test cannot say whether this would hold at other times.")
        said.append(told)
    missed = overall.get(("forecast", "under_forecast_share"))
    if missed is not None:
        said.append(
            say(
                "Not foreseen was {missed} ({missed2}).",
                missed=say_share(missed, one),
                missed2=write_number(missed, "share"),
            )
        )
    held = overall.get(("forecast", "coverage"))
    if held is not None:
        said.append(
            say(
                "The actual value lay inside the stated range {held} of the time; it is "
                "meant to be {nominal}.",
                held=write_number(held, "share"),
                nominal=write_number(nominal, "share"),
            )
        )
    return tuple(said)


def _tell_list(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    ranked: RankedPart,
    unit: str,
) -> tuple[str, ...]:
    """Say what the list finds at its capacity, beside today's order."""
    overall = {(m.slice["model"], m.metric): m for m in metrics if len(m.slice) == 1}
    status = {c.metric: c.status for c in comparisons if c.baseline == ranked.practice}
    said = [*_tell_top(ranked), *_tell_recall(ranked, status.get(LIST_HEADLINE, ""))]
    own, other = (
        overall.get((model, "days_sooner")) for model in ("forecast", f"{BASELINE}city_score")
    )
    if own is not None and own.value is not None:
        told = say(
            "What is found is found {own} sooner on average than in the order that "
            "really happened.",
            own=_write_sure(own, "days"),
        )
        if other is not None and other.value is not None:
            score = write_number(other.value, "days")
            told += " " + say("With the city's own score it would be {score}.", score=score)
        said.append(told)
    auc = overall.get(("forecast", "auc"))
    if auc is not None and auc.value is not None:
        said.append(
            say(
                "Of two {unit} of the same list, one with the outcome and one without, it "
                "puts the right one first {value:.0f} times in 100; a coin would do so 50 "
                "times.",
                unit=unit,
                value=auc.value * 100,
            )
        )
    slope = overall.get(("forecast", "calibration_slope"))
    if slope is not None and slope.value is not None:
        said.append(
            say(
                "Whether a probability of 20% means 20 in 100: the slope of calibration is "
                "{slope}; 1 is right.",
                slope=_write_sure(slope, "ratio"),
            )
        )
    return tuple(said)


def _tell_top(ranked: RankedPart) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.precision is None:
        return []
    if other is None or other.precision is None:
        return [
            say(
                "Of 100 {cases} that this list selects, in about {precision:.0f} it turned "
                "out that {outcome}.",
                cases=ranked.cases,
                precision=own.precision * 100,
                outcome=ranked.outcome,
            )
        ]
    return [
        say(
            "Of 100 {cases} that this list selects, in about {precision:.0f} it turned "
            "out that {outcome}; with {practice_label}: in about {precision2:.0f}.",
            cases=ranked.cases,
            precision=own.precision * 100,
            outcome=ranked.outcome,
            practice_label=ranked.practice_label,
            precision2=other.precision * 100,
        )
    ]


def _tell_recall(ranked: RankedPart, status: str) -> list[str]:
    own = _pick(ranked, "forecast")
    other = _pick(ranked, f"{BASELINE}{ranked.practice}") if ranked.practice else None
    if own is None or own.recall is None:
        return []
    reached = write_number(own.recall, "share")
    if other is None or other.recall is None:
        told = say(
            "Selecting {rule} reaches {reached} of all the cases in which it did.",
            rule=ranked.rule,
            reached=reached,
        )
    else:
        theirs = write_number(other.recall, "share")
        told = say(
            "Selecting {rule} reaches {reached} of all the cases in which it did, "
            "{practice_label} {theirs}.",
            rule=ranked.rule,
            reached=reached,
            practice_label=ranked.practice_label,
            theirs=theirs,
        )
    if other is not None and status not in {"pass", "fail"}:
        told += " " + say("The test cannot say whether this would hold at other times.")
    return [told]


def _write_sure(number: Number, unit: str) -> str:
    """Write a figure with its interval, where it has one."""
    told = write_number(number.value, unit)
    if number.low is None:
        return told
    return say("{told} ({low})", told=told, low=write_interval(number.low, number.high, unit))


def _pick(ranked: RankedPart, model: str) -> CapacityPoint | None:
    own = [p for p in ranked.capacity if p.model == model and p.declared]
    return own[0] if own else None
