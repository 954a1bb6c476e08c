"""A city's systems in one list: what each is for, how it stands, when it is to be reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from cityai.card.counts import find_worst, tally_groups, tally_statuses
from cityai.card.record import CardRecord
from cityai.card.record.impact import ImpactPart
from cityai.card.record.part import GradeWord, Part, StatusWord, Text, Unit, index_whole
from cityai.card.release import ReleasePart
from cityai.columns import BASELINE, FORECAST, HEADLINE, LIST_HEADLINE
from cityai.config.words import NotApplicable

SCHEMA_VERSION: Literal["1.0.0"] = "1.0.0"


class WorstGap(Part):
    """The group that is served worst, and by how much."""

    dimension: str
    group: Text
    metric: str
    unit: Unit
    gap: float | None
    between: tuple[float, float] | None = None
    """What the gap lies between where it is not said exactly."""
    limits: float
    """The gap, counted in limits."""
    status: StatusWord
    grade: GradeWord = ""
    """The status, graded where nothing is decided."""


class Tested(Part):
    """What a test of it found, and what the city decided on that."""

    name: str
    """Of the evaluation."""
    sealed_on: date
    known_from: date
    word: Literal["worth it", "not worth it", "cannot tell", "harmful", ""]
    """Empty before the planned analysis."""
    uneven: bool = False
    """Whether more outcomes are missing of one side than chance explains: the word may be of who
    was measured."""
    decision: Literal["scale", "change", "stop", ""]
    """Empty before the city decided."""
    day: date | None = None
    """Of the decision."""


class Entry(Part):
    """One system."""

    id: str
    """Folder of its card."""
    readable: bool
    """False where the card is damaged or of another version; then little else is known."""
    name: str
    city: str = ""
    synthetic: bool = False
    summary: str = ""
    purpose: str | NotApplicable | None = None
    phase: str | None = None
    autonomy: str | None = None
    owner: str = ""
    themes: tuple[str, ...] = ()
    words_language: str = "en"
    languages: tuple[str, ...] = ()
    """Languages of its pages; all that there are, where nothing is said."""
    said: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Its name, and that of the group served worst, as the city says them in other languages."""
    created: date | None = None
    review_due: date | None = None
    overdue: bool | None = None
    """Whether `review_due` is past, on the day that the list was made; nothing without a day."""
    verdict: str = ""
    """The word on its first screen; empty on a card of before there was one."""
    metric: str = ""
    """The figure that says how good it is."""
    value: float | None = None
    practice_value: float | None = None
    """The same of today's practice."""
    worst: WorstGap | None = None
    """The group that is served worst; nothing where none was held against a limit."""
    verdicts: dict[str, int] = Field(default_factory=dict)
    """How many of the groups' figures came out which way, by status; those that are not 0."""
    failed: int = 0
    """Checks that failed, or could not be made."""
    unknown: int = 0
    """Checks that lack evidence."""
    gaps: int = 0
    """Answers that are missing."""
    gaps_required: int = 0
    """Missing answers that release waits for."""
    uncommitted: bool = False
    """Whether the card was made from changes that were not committed."""
    content_digest: str = ""
    release: ReleasePart | None = Field(default=None, exclude_if=lambda release: release is None)
    """What people decided; nothing where nobody signed."""
    tested: tuple[Tested, ...] = Field(default=(), exclude_if=lambda tested: not tested)
    """Whether it changes anything, by each evaluation that was announced, the newest first."""


class Portfolio(Part):
    """All systems of a workspace."""

    schema_version: Literal["1.0.0"] = SCHEMA_VERSION
    city: str
    """Name of the city; empty where the cards name several, or none."""
    made: date
    """The day that the list was made; reviews are overdue as of this day."""
    systems: tuple[Entry, ...]


def build_entry(
    folder: str, record: CardRecord, today: date, release: ReleasePart | None = None
) -> Entry:
    """Build a system's entry from its card."""
    system, due = record.system, record.record.review_due
    groups = tally_groups(record.fairness.results)
    checks = tally_statuses(f.status for f in record.findings)
    unit = record.owner.unit
    metric = LIST_HEADLINE if record.eval.ranked else HEADLINE
    themes = system.themes if isinstance(system.themes, tuple) else ()
    name, worst = system.name or record.record.title, _describe_worst(record)
    told = {name, worst.group if worst else name}
    said = {
        code: {text: given[text] for text in sorted(told & given.keys())}
        for code, given in record.record.translations.items()
    }
    return Entry(
        id=folder,
        readable=True,
        name=name,
        city=system.city,
        synthetic=system.synthetic,
        summary=system.summary_plain or "",
        purpose=system.purpose,
        phase=system.phase,
        autonomy=record.decision.autonomy,
        owner=unit if isinstance(unit, str) else record.owner.city_contact.unit,
        themes=themes,
        words_language=record.record.words_language,
        languages=record.record.languages,
        said={code: texts for code, texts in said.items() if texts},
        created=record.record.created.date(),
        review_due=due,
        overdue=None if due is None else due < today,
        verdict=record.verdict.word if record.verdict else "",
        metric=metric,
        value=_find_figure(record, metric, FORECAST),
        practice_value=_find_figure(record, metric, f"{BASELINE}{record.eval.practice}"),
        worst=worst,
        verdicts=groups.by_status,
        failed=checks.failed,
        unknown=checks.unknown,
        uncommitted=record.provenance.git_dirty,
        gaps=len(record.gaps),
        gaps_required=sum(g.required for g in record.gaps),
        content_digest=record.record.content_digest,
        release=release,
        tested=tuple(_tell_tested(part, release) for part in record.impacts),
    )


def _tell_tested(part: ImpactPart, release: ReleasePart | None) -> Tested:
    found, decisions = part.found, release.decisions if release else ()
    taken = next((d for d in decisions if d.seal == part.seal and not d.outdated), None)
    return Tested(
        name=part.name,
        sealed_on=part.sealed_on,
        known_from=part.mature,
        word=found.judged if found else "",
        uneven=found is not None and found.uneven,
        decision=taken.decision if taken else "",
        day=taken.day if taken else None,
    )


def _find_figure(record: CardRecord, metric: str, model: str) -> float | None:
    """Return a figure of all test periods together."""
    found = index_whole(record.eval.metrics).get((model, metric))
    return found.value if found else None


def _describe_worst(record: CardRecord) -> WorstGap | None:
    found = find_worst(record.fairness.results)
    if found is None:
        return None
    return WorstGap(
        dimension=found.dimension,
        group=found.group,
        metric=found.metric,
        unit=found.unit,
        gap=None if found.gap_between else found.gap,
        between=found.gap_between,
        limits=round(abs(found.middle_gap or 0.0) / (found.limit or 1.0), 2),
        status=found.status,
        grade=found.grade,
    )


def build_portfolio(entries: Iterable[Entry], today: date) -> Portfolio:
    """Put entries in order: reviews that are overdue first, then by name."""
    ordered = sorted(entries, key=lambda e: (not e.overdue, e.name.casefold(), e.id))
    cities = {e.city for e in ordered if e.city}
    return Portfolio(
        city=cities.pop() if len(cities) == 1 else "", made=today, systems=tuple(ordered)
    )


def write_portfolio(portfolio: Portfolio) -> str:
    """Return the portfolio's canonical JSON."""
    facts = portfolio.model_dump(mode="json")
    return json.dumps(facts, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
