"""Plain sentences, each made from figures that the record also holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cityai.card.counts import Tally, tally_groups
from cityai.card.draft.rounding import SMALL_GROUP
from cityai.card.numbers import write_count, write_number
from cityai.card.record.fairness import GroupPart, GroupResult
from cityai.card.record.measured import Driver, PlaceResult, SeriesPoint
from cityai.card.words import describe_metric, find_side, name_one, say_share
from cityai.config.project import AuditableSpec, BaseProjectSpec, ProjectSpec
from cityai.i18n.messages import count_periods, join, name_periods, say, say_n, write

if TYPE_CHECKING:
    from cityai.card.draft.subject import Subject


def describe_series(
    series: Sequence[SeriesPoint], lacking: int, step: int, entities: int, subject: Subject
) -> str:
    """Say what the city's totals lack, what the band around them is, and how often it held.

    Rounded totals may lie on the other side of a rounded end: what they would count is not said.
    """
    band = _describe_band(series, step, entities, subject)
    if not lacking:
        return band
    if lacking == len(series):  # why there is no band is said; how the totals are rounded is left
        band = _say_rounded(step) if step else ""
    return join(
        " ",
        (
            say(
                "In {lacking} of {periods} the outcome of some {entities} is not known: these are "
                "in none of the lines, and there is no band.",
                lacking=write_count(lacking),
                periods=count_periods(len(series), subject.period),
                entities=subject.entities,
            ),
            *([band] if band else []),
        ),
    )


def _say_rounded(step: int) -> str:
    return say(
        "Totals are rounded to multiples of {step}: one of them is too small to show.", step=step
    )


def _describe_band(
    series: Sequence[SeriesPoint], step: int, entities: int, subject: Subject
) -> str:
    """Say what the band around the city's total is, and how often it held or how it is rounded."""
    coarse = _say_rounded(step)
    unread = say("How often what came lay inside the band cannot be read off them.")
    rounded = coarse + " " + unread if step else ""
    known = [p for p in series if None not in (p.actual, p.low, p.high)]
    inside = sum(p.low <= p.actual <= p.high for p in known)  # type: ignore[operator]
    held = {"inside": inside, "known": len(known), "periods": name_periods(subject.period)}
    if not known and any(p.actual is not None for p in series):
        return say(
            "There is no band: the ranges of single {entities} do not add up to one for the total.",
            entities=subject.entities,
        ) + (" " + coarse if step else "")
    if entities == 1:
        told = say("What came lay inside the band in {inside} of {known} {periods}.").format(**held)
        return rounded or told
    return (
        say(
            "The band is the range for the total of all {entities}, from how far earlier totals "
            "were off.",
            entities=subject.entities,
        )
        + " "
        + (
            rounded
            or say("The actual total lay inside it in {inside} of {known} {periods}.").format(
                **held
            )
        )
    )


def describe_places(places: Sequence[PlaceResult], subject: Subject, unit: str) -> str:
    """Say how many places there are and how many are left out."""
    hidden = sum(all(f.value is None for f in p.figures) for p in places)
    counted = _count_named(len(places), subject.entity, subject.entities)
    text = counted + "."
    if hidden:
        text = say(
            "{counted}, {hidden} of them with too few {unit} to show.",
            counted=counted,
            hidden=hidden,
            unit=unit,
        )
    return (text + " ") + say(
        "Figures of a single place rest on few predictions and are rounded; a difference between "
        "two neighbours in the ranking is mostly chance."
    )


SIDES: Final = {
    "worse": say("Beyond the limit, worse served: {names}."),
    "better": say("Beyond the limit, better served: {names}."),
    "above": say("Beyond the limit, above its reference: {names}."),
    "below": say("Beyond the limit, below its reference: {names}."),
    "": say("Beyond the limit: {names}."),
}
"""What lies beyond a limit, by the side on which it lies (`find_side`)."""


def describe_fairness(results: Sequence[GroupResult]) -> tuple[str, ...]:
    """Say what the audit found over all dimensions."""
    alone, paired = tally_groups(results), tally_groups(results, paired=True)
    if not alone.total:
        return (say("No group was compared with a limit."),)
    said = [_tell_tally(alone, say("groups"))]
    if paired.total:
        said.append(_tell_tally(paired, say("two groups combined")))
    beyond = [r for r in results if r.limit is not None and r.status == "fail"]
    for side, words in SIDES.items():
        named = sorted(
            {name_result(r) for r in beyond if find_side(r.metric, r.middle_gap) == side}
        )
        if named:
            said.append(words.format(names=join("; ", named)))
    return tuple(said)


def name_result(result: GroupResult) -> str:
    """Name a group and what it was checked for."""
    label = describe_metric(result.metric).label.lower()
    return say("{group} ({label})", group=result.group, label=label)


def _tell_tally(tally: Tally, several: str) -> str:
    n, inside, beyond = tally.total, tally.passed, tally.failed
    unknown, hidden = tally.unknown, tally.hidden
    return say_n(
        "{n:,} comparison of {several} with their reference: {inside} within the "
        "limit, {beyond} beyond it, {unknown} cannot be told, {hidden} not shown.",
        "{n:,} comparisons of {several} with their reference: {inside} within the "
        "limit, {beyond} beyond it, {unknown} cannot be told, {hidden} not shown.",
        n,
        several=several,
        inside=inside,
        beyond=beyond,
        unknown=unknown,
        hidden=hidden,
    )


def describe_dimension(
    kind: str, results: Sequence[GroupResult], spec: AuditableSpec
) -> tuple[str, ...]:
    """Say how often a ton (a request) was not foreseen in the outer bands and in the city."""
    one = name_one(spec.unit)
    missed = [r for r in results if r.metric == "under_forecast_share" and r.value is not None]
    if not missed:
        return ()
    shown = missed if len(missed) <= 3 else [missed[0], missed[-1]] if kind == "bands" else []
    coarse = any((r.n or 0) < SMALL_GROUP for r in shown)
    said = [
        say("{value} in “{group}”", value=say_share(r.value, one, coarse=coarse), group=r.group)
        for r in shown
        if r.value is not None
    ]
    reference = missed[0].reference_value
    if reference is not None and missed[0].reference == "overall":
        said.append(
            say("{reference} in the whole city", reference=say_share(reference, one, coarse=coarse))
        )
    if not shown or not said:
        return ()
    return (say("More came than was forecast: {said}.", said=join(", ", said)),)


def describe_small(groups: Sequence[GroupPart], least: int) -> tuple[str, ...]:
    """Say which groups are too small to show, and with which one their rows are counted."""
    joined: dict[str, list[str]] = {}
    for group in groups:
        if group.counted_with:
            joined.setdefault(group.counted_with, []).append(f"“{group.name}”")
    return tuple(
        say(
            "Too few to show (fewer than {least} people or events): {small}. What "
            "belongs there is counted with “{other}”.",
            least=least,
            small=join(", ", small),
            other=other,
        )
        for other, small in joined.items()
    )


def describe_drivers(
    drivers: Sequence[Driver], weight: float | None, own: bool = False
) -> tuple[str, ...]:
    """Say what moves the forecasts most; `own`: a model of the city's own has a part in them."""
    known = [d for d in drivers if d.share is not None]
    if not known:
        return ()
    top = known[:3]
    named = join(
        "; ",
        (
            say("{label} ({share})", label=d.label, share=write_number(d.share, "share"))
            for d in top
        ),
    )
    said = [say("What moves the forecasts most: {named}.", named=named)]
    if weight is not None and weight < 0.999:
        part = write_number(weight, "share")
        said.append(
            say(
                "This explains {weight} of the forecast, the part made by models that can be "
                "explained in this way.",
                weight=part,
            )
            if own
            else say(
                "This explains {weight} of the forecast, the part made by trees; the rest "
                "continues each series' own level, trend and season.",
                weight=part,
            )
        )
    return tuple(said)


def describe_scale(n_entities: int, spec: ProjectSpec) -> str:
    """Say how many predictions of what, how far ahead."""
    question = spec.question
    counted = _count_named(n_entities, question.entity.label, question.entity.label_plural)
    ahead = count_periods(question.horizon, question.period)
    if not question.lead:
        return say(
            "{unit} per {label} and {period}, for {counted}, {ahead} ahead",
            unit=question.unit,
            label=question.entity.label,
            period=question.period,
            counted=counted,
            ahead=ahead,
        )
    return say(
        "{unit} per {label} and {period}, for {counted}, {ahead} ahead, beginning {lead} later",
        unit=question.unit,
        label=question.entity.label,
        period=question.period,
        counted=counted,
        ahead=ahead,
        lead=count_periods(question.lead, question.period),
    )


def describe_grain(spec: ProjectSpec) -> str:
    """Say what one row of the data is."""
    if spec.data.layout == "events":
        return say("one row an event")
    return say(
        "one row a {label} and {period}",
        label=spec.question.entity.label,
        period=spec.question.period,
    )


def describe_cleaning(spec: ProjectSpec) -> tuple[str, ...]:
    """Say what was done to the rows before anything was counted."""
    return (
        *describe_scope(spec),
        say("A period without a row counts as zero.")
        if spec.question.missing_periods == "zero"
        else say("A period without a row counts as not measured, never as zero."),
    )


def describe_scope(spec: BaseProjectSpec) -> tuple[str, ...]:
    """Say which rows are in scope, and which are refused."""
    data, said = spec.data, []
    if data.since or data.until:
        said.append(
            say(
                "Only rows from {since:%-d %B %Y} and before {until:%-d %B %Y} are in scope.",
                since=data.since,
                until=data.until,
            )
            if data.since and data.until
            else say("Only rows from {since:%-d %B %Y} are in scope.", since=data.since)
            if data.since
            else say("Only rows before {until:%-d %B %Y} are in scope.", until=data.until)
        )
    for column, values in data.where.items():
        said.append(
            say(
                "Only rows with one of these values of {column} are in scope: {str}.",
                column=column,
                str=join(", ", map(str, values)),
            )
        )
    for column, values in data.without.items():
        said.append(
            say(
                "Rows with one of these values of {column} are out of scope: {str}.",
                column=column,
                str=join(", ", map(str, values)),
            )
        )
    if data.source.suppressed:
        said.append(
            say("An amount that its owner hides counts as unknown, and so does a sum with one.")
        )
    if data.unpivot and data.unpivot.into in spec.question.entity.columns:
        said.append(say("One column per entity was turned into one row per entity."))
    elif data.unpivot:
        said.append(say("One column per period was turned into one row per period."))
    for name, parts in data.source.joined.items():
        said.append(
            say("{parts} are read together, as {name}.", parts=join(", ", parts), name=name)
        )
    if data.key:
        said.append(say("A row that repeats {key} is refused.", key=join(", ", data.key)))
    said.append(say("A row that breaks the declared contract of a column is refused and counted."))
    return tuple(said)


def describe_known(spec: BaseProjectSpec) -> str:
    """Say when a row could first be seen."""
    known = spec.data.known
    if known.column:
        return say(
            "A row counts as known from the moment in its column {column}.", column=known.column
        )
    what = say("the event") if spec.data.layout == "events" else say("the end of its period")
    return say(
        "A row counts as known {part} after {what}.",
        part=count_periods(known.lag_days or 0, "day"),
        what=what,
    )


def _count_named(n: int, one: str, several: str) -> str:
    return join(" ", (write(n, ","), one if n == 1 else several))
