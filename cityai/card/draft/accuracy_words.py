"""How good it is, in plain sentences, each made from figures that the record also holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics import find_metrics
from cityai.assessment.sentences import fill_told, tell_value
from cityai.card.numbers import (
    write_brief,
    write_figure,
    write_hundredths,
    write_number,
    write_sure,
)
from cityai.card.record.measured import Comparison
from cityai.card.record.part import Number, index_whole
from cityai.card.record.ranked import RankedPart
from cityai.card.words import name_one, say_share
from cityai.columns import BASELINE, DECISION, EVERYWHERE, FORECAST, HEADLINE, LIST_HEADLINE, Y_TRUE
from cityai.disclosure.small_whole import bound_whole, count_kinds
from cityai.i18n.messages import capitalize, join, name_period, say, write

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts

TOLD: Final = ("selection_rate", "false_negative_rate", "false_positive_rate")
"""What is told of decisions that are not those of a ranked list."""

FEWER: Final = {
    ("none", "selected"): say(
        "Of {n} {unit}, fewer than {most} were selected without having the outcome: less than "
        "{share}."
    ),
    ("outcome", "passed"): say(
        "Of {n} {unit}, fewer than {most} had the outcome and were not selected: less than {share}."
    ),
    ("outcome", "selected"): say(
        "Of {n} {unit}, fewer than {most} had the outcome and were selected: less than {share}."
    ),
    ("none", "passed"): say(
        "Of {n} {unit}, fewer than {most} neither had the outcome nor were selected: less than "
        "{share}."
    ),
    ("selected",): say("Of {n} {unit}, fewer than {most} were selected: less than {share}."),
    ("passed",): say("Of {n} {unit}, fewer than {most} were not selected: less than {share}."),
}
"""What is said of those that are few."""

USUAL: Final = 0.2
"""The probability near which it is said how often it holds."""


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
    at_capacity = _tell_list(metrics, comparisons, ranked) if ranked else ()
    return (*_tell_few(metrics, facts), *amounts, *_tell_answers(metrics, unit), *at_capacity)


def excuse_silence(table: pd.DataFrame, least: int) -> tuple[str, ...]:
    """Say why nothing can be said of how good predictions are."""
    if table[Y_TRUE].isna().all():
        return (say("No outcome is known yet, so nobody can say how good they are."),)
    if DECISION in table and table[DECISION].isna().all():
        return (say("Who is selected is not known, so nobody can say how good the selection is."),)
    known = table[Y_TRUE].dropna()
    if known.isin((0, 1)).all() and len(known) >= least:
        return (
            say(
                "Too few had the outcome, or too few had not, to show how good they are: those "
                "few could be told from the figures."
            ),
        )
    return (say("There are too few rows to show how good they are."),)


def _tell_few(metrics: Iterable[Number], facts: CardFacts) -> tuple[str, ...]:
    """Say of what kind of people there are few: fewer than so many, which is no more than so much.

    That, and the ranges that follow from it, is all that is said of them.
    """
    table = facts.predictions.table
    if DECISION not in table or all(n.between is None for n in metrics):
        return ()
    columns = (table[name].to_numpy(np.float64) for name in (Y_TRUE, DECISION))
    counts = count_kinds(*columns)
    whole = bound_whole(counts, facts.spec.policy.small_cell)
    return tuple(
        FEWER[few.kind].format(
            most=write(few.than, ",.0f"),
            n=write(counts.sum(), ",.0f"),
            unit=facts.spec.unit,
            share=write(math.ceil(1000 * few.than / counts.sum()) / 1000, ".1%"),
        )
        for few in (whole.fewer if whole else ())
    )


def _tell_answers(metrics: Iterable[Number], unit: str) -> tuple[str, ...]:
    known = {metric.name: metric for metric in find_metrics("yes/no")}
    told = ((known[m.metric], m) for m in metrics if m.metric in TOLD)
    said = [
        tell_value(metric, m.value, unit)
        if m.value is not None
        else fill_told(metric, write_figure(None, m.between, m.unit), unit)
        for metric, m in told
        if m.value is not None or m.between is not None
    ]
    return tuple(capitalize(text) + "." for text in said)


def _tell_amounts(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    practice: str,
    label: str,
    unit: str,
    nominal: float,
) -> tuple[str, ...]:
    """Say how far off the forecast is, beside today's practice, and how its ranges held."""
    overall = {key: n.value for key, n in index_whole(metrics).items()}
    one = name_one(unit)
    said = []
    error = overall.get((FORECAST, HEADLINE))
    other = overall.get((f"{BASELINE}{practice}", HEADLINE))
    if error is not None:
        said.append(_tell_error(error, other, label, unit))
    if error is not None and other is not None:
        beside = {c.baseline: c for c in comparisons if c.metric == HEADLINE}.get(practice)
        if beside is not None and beside.folds_won is not None and (beside.folds or 0) > 1:
            won, folds = beside.folds_won, beside.folds
            said.append(
                say("It did better in {won} of {folds} test periods.", won=won, folds=folds)
            )
        if beside is None or beside.status not in {"pass", "fail"}:
            said.append(say("The test cannot say yet which of the two is better at other times."))
    missed = overall.get((FORECAST, "under_forecast_share"))
    if missed is not None:
        share = say_share(missed, one)
        said.append(capitalize(say("{share} came on top of what was planned for.", share=share)))
    held = overall.get((FORECAST, "coverage"))
    if held is not None:
        said.append(
            say(
                "The actual value lay inside the stated range {held} of the time; it is "
                "meant to be {nominal}.",
                held=write_brief(held, "share"),
                nominal=write_number(nominal, "share"),
            )
        )
    return tuple(said)


def _tell_error(error: float, other: float | None, label: str, unit: str) -> str:
    """Say how far off the forecast is, beside today's practice, out of a hundred."""
    if other is None:
        return say(
            "On average the forecast misses by {error} {unit} in every 100.",
            error=write_hundredths(error)[0],
            unit=unit,
        )
    own, beside = write_hundredths(error, other)
    return say(
        "On average the forecast misses by {error} {unit} in every 100; {label}, by {other}.",
        error=own,
        unit=unit,
        label=label,
        other=beside,
    )


def _tell_list(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    ranked: RankedPart,
) -> tuple[str, ...]:
    """Say what the list finds at its capacity, beside today's order."""
    overall = index_whole(metrics)
    status = {c.metric: c.status for c in comparisons if c.baseline == ranked.practice}
    said = [*_tell_top(ranked), *_tell_recall(ranked, status.get(LIST_HEADLINE, ""))]
    own, other = (
        overall.get((model, "days_sooner")) for model in (FORECAST, f"{BASELINE}city_score")
    )
    if own is not None and own.value is not None:
        told = say(
            "What is found is found {own} sooner than in the order that really happened.",
            own=write_sure(own.value, own.low, own.high, "days"),
        )
        if other is not None and other.value is not None and other.n == own.n:
            score = write_brief(other.value, "days")
            told += " " + say("With the city's own score it would be {score}.", score=score)
        said.append(told)
    bands = [p for p in ranked.curve if p.dimension == EVERYWHERE]
    known = [(p.mean_score, p.outcome_share) for p in bands]
    said += [
        say(
            "Where it says {score}, it happens in {share} of the cases.",
            score=write_brief(score, "share"),
            share=write_brief(share, "share"),
        )
        for score, share in sorted(
            ((s, o) for s, o in known if s is not None and o is not None),
            key=lambda band: abs(band[0] - USUAL),
        )[:1]
    ]
    return tuple(said)


def _tell_top(ranked: RankedPart) -> list[str]:
    own = ranked.find_declared(FORECAST)
    other = ranked.find_declared(f"{BASELINE}{ranked.practice}")
    if own is None or own.precision is None:
        return []
    beside = other.precision if other is not None else None
    figures = write_hundredths(*(s for s in (own.precision, beside) if s is not None))
    told = say(
        "Of 100 {cases} that this list puts first, about {precision} turn out so: {outcome}.",
        cases=ranked.cases,
        precision=figures[0],
        outcome=ranked.outcome,
    )
    if beside is not None:
        told += " " + say(
            "With {practice_label} it is about {precision}.",
            practice_label=ranked.practice_label,
            precision=figures[-1],
        )
    return [told]


def _tell_recall(ranked: RankedPart, status: str) -> list[str]:
    own = ranked.find_declared(FORECAST)
    other = ranked.find_declared(f"{BASELINE}{ranked.practice}")
    if own is None or own.recall is None:
        return []
    beside = other.recall if other is not None else None
    figures = write_hundredths(*(s for s in (own.recall, beside) if s is not None))
    said = [
        say(
            "With {capacity:,} {cases} per {per} it finds {found} of every 100 such cases.",
            capacity=own.capacity,
            cases=ranked.cases,
            per=name_period(ranked.per),
            found=figures[0],
        )
    ]
    if beside is not None:
        said.append(
            say(
                "With {practice_label} it is {found}.",
                practice_label=ranked.practice_label,
                found=figures[-1],
            )
        )
    if other is not None and status not in {"pass", "fail"}:
        said.append(say("The test cannot say yet which of the two is better at other times."))
    return [join(" ", said)]
