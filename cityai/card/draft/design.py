"""How it was tested, and what the rows that were used lack, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cityai.columns import DECISION, Y_PRED, Y_TRUE
from cityai.findings import Finding, Status
from cityai.i18n.messages import count_periods, join, say, say_n

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts
    from cityai.card.record.measured import QualityMeasure


def describe_design(facts: CardFacts) -> tuple[str, ...]:
    """Say how it was tested, in the words of its kind."""
    first, *others = facts.subject.tell_design(facts)
    return (first, *_tell_more(facts.fitted.more), *others)


def _count_folds(facts: CardFacts) -> tuple[int, int]:
    """Count the folds that test, and those that only weigh and calibrate."""
    roles = list(facts.fitted.windows.get("role", ()))
    tests = roles.count("test")
    return tests, len(roles) - tests


def tell_ahead(facts: CardFacts) -> tuple[str, ...]:
    """Say how a forecast of coming periods was tested."""
    subject, (tests, weighing) = facts.subject, _count_folds(facts)
    said = [
        say_n("The past was replayed {n} time.", "The past was replayed {n} times.", tests)
        + " "
        + say(
            "Each time the forecast used only what the city's systems held at that "
            "moment, looked {horizon} ahead, and was then compared with what happened.",
            horizon=count_periods(subject.horizon, subject.period),
        ),
    ]
    if _is_proven(facts.findings):
        said.append(
            say(
                "Nothing that became known later was used, late corrections included: the inputs "
                "were made again from data cut at those moments, and were the same to the last bit."
            )
        )
    if weighing:
        said.append(
            say_n(
                "{n} earlier moment served only to weigh the models against each other and "
                "to set the width of the ranges.",
                "{n} earlier moments served only to weigh the models against each other and "
                "to set the width of the ranges.",
                weighing,
            )
            + " "
            + say("No figure on this page comes from them.")
        )
    if subject.hindsight:
        said.append(
            say(
                "Which {entities} are included was settled with hindsight ({hindsight}); a "
                "forecast made at the time could not have known this.",
                entities=subject.entities,
                hindsight=join(", ", subject.hindsight),
            )
        )
    return tuple(said)


def tell_stretches(facts: CardFacts) -> tuple[str, ...]:
    """Say how a list of cases was tested, stretch by stretch."""
    tests, weighing = _count_folds(facts)
    said = [
        say(
            "The past was replayed {tests} times. Each time a model was made from "
            "outcomes that were known before the stretch began, ranked the {unit} of the "
            "stretch, each by what was known before it was asked about, and was then "
            "compared with what happened.",
            tests=tests,
            unit=facts.spec.unit,
        )
    ]
    if _is_proven(facts.findings):
        said.append(
            say(
                "Nothing that became known later was used: the inputs were made again from data "
                "cut at those moments, and were the same to the last bit."
            )
        )
    if weighing:
        said.append(
            say(
                "{weighing} earlier stretches served only to weigh the models against each "
                "other and to set the probabilities. No figure on this page comes from them.",
                weighing=weighing,
            )
        )
    said.append(
        say(
            "Outcomes are known only of cases that took place. What would have been found "
            "elsewhere, nobody knows: every figure is about cases that somebody looked at."
        )
    )
    return tuple(said)


def _tell_more(more: int | None) -> tuple[str, ...]:
    """Say how many more replays the data hold, where they do."""
    if not more:
        return ()
    return (
        say_n(
            "The data reach back far enough for {n} more replay; it was not used.",
            "The data reach back far enough for {n} more replays; they were not used.",
            more,
        ),
    )


def _is_proven(findings: Iterable[Finding]) -> bool:
    return any(f.code == "time.truncation" and f.status is Status.PASS for f in findings)


def tell_handed(facts: CardFacts) -> tuple[str, ...]:
    """Say how predictions that came in a file were judged."""
    made_by, table = facts.subject.made_by or say("somebody else"), facts.predictions.table
    said = [
        say(
            "These predictions were made by {made_by} and judged as they came: no model "
            "was fitted.",
            made_by=made_by,
        )
        + " "
        + say("Whether they were made before the outcome was known cannot be seen from the file.")
    ]
    known, total = int(table[Y_TRUE].notna().sum()), len(table)
    if known < total:
        said.append(
            say(
                "{known:,} of {total:,} rows have a known outcome; every figure that needs "
                "one rests on those alone.",
                known=known,
                total=total,
            )
        )
    column = DECISION if DECISION in table else Y_PRED
    missing = int(table[column].isna().sum())
    if missing:
        said.append(
            say("{missing:,} of {total:,} rows have no decision.", missing=missing, total=total)
            if column == DECISION
            else say(
                "{missing:,} of {total:,} rows have no prediction.", missing=missing, total=total
            )
        )
    return tuple(said)


def tell_limits(facts: CardFacts, measures: Iterable[QualityMeasure]) -> tuple[str, ...]:
    """Say which quality limits were missed, and which checks of the data failed."""
    missed = sorted({m.dimension for m in measures if m.status == "fail"})
    named = {f"quality.{dimension}" for dimension in missed}
    failed = _name_failed(facts.quality.findings, named) if facts.quality else []
    said = []
    if missed:
        said.append(say("Limits missed: {missed}.", missed=join(", ", missed)))
    if failed:
        said.append(say("Checks of the data that failed: {failed}.", failed=join(", ", failed)))
    return tuple(said) or (say("No limit on the quality was missed."),)


def _name_failed(findings: Iterable[Finding], named: set[str]) -> list[str]:
    failed = (f.title for f in findings if f.status is Status.FAIL and f.code not in named)
    return list(dict.fromkeys(failed))


def tell_outcomes(facts: CardFacts, measures: Iterable[QualityMeasure]) -> tuple[str, ...]:
    """Say how many rows have an outcome: of rows that were handed over nothing else is measured."""
    known = facts.predictions.table[Y_TRUE].notna().sum()
    return (say("{known:,} have a known outcome.", known=known),)
