"""Plain sentences, each made from figures that the record also holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cityai.card.draft.rounding import SMALL_GROUP
from cityai.card.record.measured import (
    Comparison,
    Driver,
    GroupResult,
    PlaceResult,
    QualityMeasure,
    SeriesPoint,
)
from cityai.card.record.part import Number
from cityai.card.words import PAIR, describe_metric, name_one, say_share, write_count, write_number
from cityai.columns import BASELINE
from cityai.findings import Finding, Status
from cityai.spec.project import AskedSpec, JudgedSpec, ProjectSpec

if TYPE_CHECKING:
    from cityai.modeling.split import Folds


def describe_accuracy(
    metrics: Sequence[Number],
    comparisons: Sequence[Comparison],
    practice: str,
    label: str,
    spec: ProjectSpec,
) -> tuple[str, ...]:
    """Say how far off the forecast is, beside today's practice, and how its ranges held."""
    overall = {(m.slice["model"], m.metric): m.value for m in metrics if len(m.slice) == 1}
    one = name_one(spec.question.unit)
    said = []
    error = overall.get(("forecast", "wape"))
    if error is not None:
        said.append(
            f"Added up, the forecasts were off by {write_number(error, 'share')} of what happened: "
            f"{say_share(error, one)}."
        )
    other = overall.get((f"{BASELINE}{practice}", "wape"))
    if error is not None and other is not None:
        word = "less" if error < other else "more" if error > other else "the same"
        than = "as" if word == "the same" else "than"
        told = (
            f"That is {word} {than} {label}, which was off by {write_number(other, 'share')}: "
            f"{say_share(other, one)}."
        )
        status = {c.baseline: c.status for c in comparisons if c.metric == "wape"}.get(practice)
        if status not in {"pass", "fail"} and word != "the same":
            told += " The test cannot say whether this would hold at other times."
        said.append(told)
    missed = overall.get(("forecast", "under_forecast_share"))
    if missed is not None:
        said.append(f"Not foreseen was {say_share(missed, one)} ({write_number(missed, 'share')}).")
    held = overall.get(("forecast", "coverage"))
    if held is not None:
        said.append(
            f"The actual value lay inside the stated range {write_number(held, 'share')} of the "
            f"time; it is meant to be {write_number(spec.models.coverage, 'share')}."
        )
    return tuple(said)


def describe_design(
    spec: ProjectSpec, folds: Folds | None, findings: Iterable[Finding]
) -> tuple[str, ...]:
    """Say how the past was replayed."""
    question = spec.question
    tests = spec.backtest.folds if folds is None else sum(f.role == "test" for f in folds.folds)
    said = [
        f"The past was replayed {tests} times. Each time the forecast used only what the city's "
        f"systems held at that moment, looked {_count(question.horizon, question.period)} ahead, "
        "and was then held against what happened.",
    ]
    if any(f.code == "time.truncation" and f.status is Status.PASS for f in findings):
        said.append(
            "Nothing that became known later was used, late corrections included: the inputs were "
            "made again from data cut at those moments, and were the same to the last bit."
        )
    weighing = 0 if folds is None else sum(f.role != "test" for f in folds.folds)
    if weighing:
        said.append(
            f"{weighing} earlier moments served only to weigh the models against each other and "
            "to set the width of the ranges. No figure on this page comes from them."
        )
    hindsight = [
        name
        for name in ("first_before", "last_from", "min_rows")
        if getattr(question.entity.cohort, name) is not None
    ]
    if hindsight:
        said.append(
            f"Which {question.entity.label_plural} are included was settled with hindsight "
            f"({', '.join(hindsight)}); a forecast made at the time could not have known this."
        )
    return tuple(said)


def describe_series(series: Sequence[SeriesPoint], spec: ProjectSpec) -> str:
    """Say what the band around the city's total is, and how often it held."""
    known = [p for p in series if None not in (p.actual, p.low, p.high)]
    inside = sum(p.low <= p.actual <= p.high for p in known)  # type: ignore[operator]
    return (
        f"The band adds up the ranges of all {spec.question.entity.label_plural}; it is wider than "
        f"a range for the total would be. The actual total lay inside it in {inside} of "
        f"{_count(len(known), spec.question.period)}."
    )


def describe_places(places: Sequence[PlaceResult], spec: ProjectSpec) -> str:
    """Say how many places there are and how many are left out."""
    hidden = sum(all(f.value is None for f in p.figures) for p in places)
    entity = spec.question.entity
    text = _count_named(len(places), entity.label, entity.label_plural)
    if hidden:
        text += f", {hidden} of them with too few {spec.question.unit} to show"
    return (
        f"{text}. Figures of a single place rest on few predictions and are rounded; a difference "
        "between two neighbours in the ranking is mostly chance."
    )


def describe_fairness(results: Sequence[GroupResult]) -> tuple[str, ...]:
    """Say what the audit found over all dimensions."""
    judged = [r for r in results if r.limit is not None and r.status != "not applicable"]
    alone = [r for r in judged if PAIR not in r.dimension]
    paired = [r for r in judged if PAIR in r.dimension]
    if not alone:
        return ("No group was held against a limit.",)
    said = [f"{_tally(alone, 'groups')}."]
    if paired:
        said.append(f"{_tally(paired, 'two groups combined')}.")
    beyond = [r for r in judged if r.status == "fail"]
    named = sorted({f"{r.group} ({describe_metric(r.metric).label.lower()})" for r in beyond})
    if named:
        said.append(f"Beyond the limit: {'; '.join(named)}.")
    return tuple(said)


def _tally(results: Sequence[GroupResult], several: str) -> str:
    counts = Counter(r.status for r in results)
    decided = counts["pass"] + counts["fail"]
    comparisons = _count_named(len(results), "comparison", "comparisons")
    return (
        f"{comparisons} of {several} with their reference: {counts['pass']} within the limit, "
        f"{counts['fail']} beyond it, {len(results) - decided} not known or not shown"
    )


def describe_dimension(
    kind: str, results: Sequence[GroupResult], spec: JudgedSpec
) -> tuple[str, ...]:
    """Say how often a ton (a request) was not foreseen in the outer bands and in the city."""
    one = name_one(spec.unit)
    missed = [r for r in results if r.metric == "under_forecast_share" and r.value is not None]
    if not missed:
        return ()
    shown = missed if len(missed) <= 3 else [missed[0], missed[-1]] if kind == "bands" else []
    coarse = any((r.n or 0) < SMALL_GROUP for r in shown)
    said = [
        f"{say_share(r.value, one, coarse=coarse)} in “{r.group}”"
        for r in shown
        if r.value is not None
    ]
    reference = missed[0].reference_value
    if reference is not None and missed[0].reference == "overall":
        said.append(f"{say_share(reference, one, coarse=coarse)} in the whole city")
    if not shown or not said:
        return ()
    return (f"Not foreseen: {', '.join(said)}.",)


def describe_data(
    read: int, out_of_scope: int, rejected: int, accepted: int, measures: Iterable[QualityMeasure]
) -> tuple[str, ...]:
    """Say how many rows were used, and which quality limits were missed."""
    said = [
        f"{write_count(read)} rows were read: {write_count(accepted)} used, "
        f"{write_count(out_of_scope)} outside the question, {write_count(rejected)} refused."
    ]
    missed = sorted({m.dimension for m in measures if m.status == "fail"})
    said.append(
        f"Limits missed: {', '.join(missed)}." if missed else "No limit on the quality was missed."
    )
    return tuple(said)


def describe_drivers(drivers: Sequence[Driver], weight: float | None) -> tuple[str, ...]:
    """Say what moves the forecasts most."""
    known = [d for d in drivers if d.share is not None]
    if not known:
        return ()
    top = known[:3]
    named = ", ".join(f"{d.label} ({write_number(d.share, 'share')})" for d in top)
    said = [f"What moves the forecasts most: {named}."]
    if weight is not None and weight < 0.999:
        said.append(
            f"This explains {write_number(weight, 'share')} of the forecast, the part made by trees"
            "; the rest continues each series' own level, trend and season."
        )
    return tuple(said)


def describe_limits(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Say where the tests found the forecast wanting."""
    return tuple(f.reason for f in findings if f.status is Status.FAIL)


def describe_scale(n_entities: int, spec: ProjectSpec) -> str:
    """Say how many predictions of what, how far ahead."""
    question = spec.question
    lead = f", beginning {_count(question.lead, question.period)} later" if question.lead else ""
    return (
        f"{question.unit} per {question.entity.label} and {question.period}, for "
        f"{_count_named(n_entities, question.entity.label, question.entity.label_plural)}, "
        f"{_count(question.horizon, question.period)} ahead{lead}"
    )


def describe_grain(spec: ProjectSpec) -> str:
    """Say what one row of the data is."""
    if spec.data.layout == "events":
        return "one row an event"
    return f"one row a {spec.question.entity.label} and {spec.question.period}"


def describe_cleaning(spec: ProjectSpec) -> tuple[str, ...]:
    """Say what was done to the rows before anything was counted."""
    return (
        *describe_scope(spec),
        "A period without a row counts as zero."
        if spec.question.missing_periods == "zero"
        else "A period without a row counts as not measured, never as zero.",
    )


def describe_scope(spec: AskedSpec) -> tuple[str, ...]:
    """Say which rows are in scope, and which are refused."""
    data, said = spec.data, []
    if data.since or data.until:
        span = [
            f"from {data.since}" if data.since else "",
            f"before {data.until}" if data.until else "",
        ]
        said.append(f"Only rows {' and '.join(s for s in span if s)} are in scope.")
    for column, values in data.where.items():
        said.append(
            f"Only rows whose {column} is {' or '.join(str(v) for v in values)} are in scope."
        )
    if data.unpivot:
        said.append("One column per entity was turned into one row per entity.")
    if data.key:
        said.append(f"A row that repeats {', '.join(data.key)} is refused.")
    said.append("A row that breaks the declared contract of a column is refused and counted.")
    return tuple(said)


def describe_known(spec: AskedSpec) -> str:
    """Say when a row could first be seen."""
    known = spec.data.known
    if known.column:
        return f"A row counts as known from the moment in its column {known.column}."
    what = "the event" if spec.data.layout == "events" else "the end of its period"
    return f"A row counts as known {_count(known.lag_days or 0, 'day')} after {what}."


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _count_named(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"
