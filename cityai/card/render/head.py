"""The head of the page: the first figures, what failed, what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cityai.card.counts import Tally, tally_groups
from cityai.card.numbers import write_alike, write_brief, write_brief_figure, write_number
from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart
from cityai.card.record.part import Number, index_whole
from cityai.card.words import PAIR, describe_metric, find_side
from cityai.columns import BASELINE, FORECAST, HEADLINE, LIST_HEADLINE
from cityai.i18n.messages import say, say_n

SHOWN = 2
"""Findings of one title that stand at the top; more are one click away."""
_COMPARED: Final[dict[str, str]] = {
    "pass": say("The forecast errs less"),
    "fail": say("The forecast errs more"),
    "not enough evidence": say("We cannot tell"),
    "suppressed": say("Not shown"),
    "not applicable": say("Does not apply"),
    "error": say("Could not be checked"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """One figure for the head of the page, and what stands beside it."""

    label: str
    value: str
    beside: str


def arrange_keys(record: CardRecord) -> tuple[Key, ...]:
    """Arrange the figures that a reader meets first."""
    overall = index_whole(record.eval.metrics)
    practice = f"{BASELINE}{record.eval.practice}"
    keys = []
    for metric in choose_headline(record)[: find_headline(record).keys]:
        own, other = overall.get((FORECAST, metric)), overall.get((practice, metric))
        if own is not None:
            figures = _write_pair(own, other)
            beside = (
                say(
                    "{value} with {practice_label}",
                    value=figures[1],
                    practice_label=record.eval.practice_label,
                )
                if other and (other.between or other.value is not None)
                else ""
            )
            keys.append(Key(describe_metric(metric).label, figures[0], beside))
    held = overall.get((FORECAST, "coverage"))
    if held is not None and held.value is not None:
        meant = say(
            "meant to be {nominal_coverage}",
            nominal_coverage=write_number(record.eval.nominal_coverage, "share"),
        )
        keys.append(Key(describe_metric("coverage").label, write_brief(held.value, "share"), meant))
    groups = tally_groups(record.fairness.results)
    if groups.total:
        told = (
            say_n("{n} of {all} fails", "{n} of {all} fail", groups.failed, all=groups.total)
            if groups.failed
            else say_n("{n} of {all} passes", "{n} of {all} pass", groups.passed, all=groups.total)
        )
        keys.append(Key(say("Fair to all groups?"), told, _tell_checks(groups)))
    return tuple(keys)


def _write_pair(own: Number, other: Number | None) -> list[str]:
    """Write a figure and the one beside it, both as finely; or the ranges that they lie in."""
    pair = [own] if other is None else [own, other]
    if any(n.between for n in pair):
        return [write_brief_figure(n.value, n.between, n.unit) for n in pair]
    return write_alike([n.value for n in pair], own.unit)


def _tell_checks(groups: Tally) -> str:
    """Say how the checks of groups came out."""
    return say(
        "checks: {passed} passed, {failed} failed, {unknown} cannot be told, {hidden} not shown",
        passed=groups.passed,
        failed=groups.failed,
        unknown=groups.unknown,
        hidden=groups.hidden,
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """Findings of one title: what each says, the first ones apart."""

    title: str
    first: tuple[str, ...]
    rest: tuple[str, ...]


SERVED = {
    "worse": say("This group is worse served."),
    "better": say("This group is better served."),
}


def _find_side(finding: FindingPart) -> str:
    about_group = finding.subject and finding.status == "fail"
    return find_side(finding.code.removeprefix("audit."), finding.observed) if about_group else ""


def tell_reason(finding: FindingPart) -> str:
    """Return what a check found, and of a group beyond a limit on which side it lies."""
    return (finding.reason + " " + SERVED.get(_find_side(finding), "")).strip()


def arrange_failed(record: CardRecord) -> tuple[Notice, ...]:
    """Arrange what failed, one notice a check."""
    told: dict[str, list[str]] = {}
    failed = [f for f in record.findings if f.status in {"error", "fail"}]
    for finding in sorted(failed, key=lambda f: _find_side(f) == "better"):
        told.setdefault(finding.title, []).append(tell_reason(finding))
    return tuple(Notice(t, tuple(said[:SHOWN]), tuple(said[SHOWN:])) for t, said in told.items())


def arrange_unsure(record: CardRecord) -> tuple[Notice, ...]:
    """Arrange what cannot be told yet: whom each check is about, or why; pairs are in the annex."""
    told: dict[str, list[str]] = {}
    for finding in record.findings:
        if finding.status == "not enough evidence" and PAIR not in finding.subject:
            group = finding.subject.partition("=")[2]
            told.setdefault(finding.title, []).append(group or finding.reason)
    return tuple(Notice(title, tuple(about), ()) for title, about in told.items())


@dataclass(frozen=True, slots=True)
class _Headline:
    """What is told first of how good predictions are.

    Parameters
    ----------
    decides : str
        The metric that decides the comparison with each baseline.
    metrics : tuple of str
        What is shown, where it is known.
    keys : int
        How many of them stand at the head of the page.
    model : str
        What the model is called.
    verdicts : dict
        Outcomes of the comparison, by status.
    """

    decides: str
    metrics: tuple[str, ...]
    keys: int = 2
    model: str = say("the forecast")
    better: str = say("Which errs less")
    beside: str = say("The forecast beside simpler ways")
    verdicts: dict[str, str] = field(default_factory=lambda: _COMPARED)


HEADLINES: Final = (
    _Headline(
        LIST_HEADLINE,
        ("precision", LIST_HEADLINE, "days_sooner"),
        keys=3,
        model=say("this list"),
        better=say("Which finds more"),
        beside=say("This list beside simpler ways"),
        verdicts={
            **_COMPARED,
            "pass": say("This list finds more"),
            "fail": say("This list finds less"),
        },
    ),
    _Headline("selection_rate", ("selection_rate", "false_negative_rate", "false_positive_rate")),
    _Headline(HEADLINE, (HEADLINE, "under_forecast_share", "bias")),
)
"""By the figure that decides; where none is known, the last."""


def find_headline(record: CardRecord) -> _Headline:
    """Return what is told first, by the figures that the card has."""
    known = {n.metric for n in record.eval.metrics}
    return next((h for h in HEADLINES if h.decides in known), HEADLINES[-1])


def choose_headline(record: CardRecord) -> tuple[str, ...]:
    """Return the metrics that a reader meets first: those that have a value."""
    told = {n.metric for n in record.eval.metrics if n.between or n.value is not None}
    return tuple(m for m in find_headline(record).metrics if m in told)
