"""A city's systems in one list: what each is for, how it stands, when it is to be reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field

from cityai.card.counts import tally_groups, tally_statuses
from cityai.card.record import CardRecord
from cityai.card.record.part import Part
from cityai.config.words import NotApplicable

SCHEMA_VERSION: Literal["1.0.0"] = "1.0.0"


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
    created: date | None = None
    review_due: date | None = None
    overdue: bool | None = None
    """Whether `review_due` is past, on the day that the list was made; nothing without a day."""
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


class Portfolio(Part):
    """All systems of a workspace."""

    schema_version: Literal["1.0.0"] = SCHEMA_VERSION
    city: str
    """Name of the city; empty where the cards name several, or none."""
    made: date
    """The day that the list was made; reviews are overdue as of this day."""
    systems: tuple[Entry, ...]


def build_entry(folder: str, record: CardRecord, today: date) -> Entry:
    """Build a system's entry from its card.

    Parameters
    ----------
    folder : str
        Name of the card's folder.
    record : CardRecord
        Its card.
    today : date
        The day that reviews are held against.
    """
    system, due = record.system, record.record.review_due
    groups = tally_groups(record.fairness.results)
    checks = tally_statuses(f.status for f in record.findings)
    unit = record.owner.unit
    themes = system.themes if isinstance(system.themes, tuple) else ()
    return Entry(
        id=folder,
        readable=True,
        name=system.name or record.record.title,
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
        created=record.record.created.date(),
        review_due=due,
        overdue=None if due is None else due < today,
        verdicts=groups.by_status,
        failed=checks.failed,
        unknown=checks.unknown,
        uncommitted=record.provenance.git_dirty,
        gaps=len(record.gaps),
        gaps_required=sum(g.required for g in record.gaps),
        content_digest=record.record.content_digest,
    )


def build_portfolio(entries: Iterable[Entry], today: date) -> Portfolio:
    """Put entries in order: reviews that are overdue first, then by name.

    Parameters
    ----------
    entries : iterable of Entry
        From `build_entry`.
    today : date
        The day that the list is made.
    """
    ordered = sorted(entries, key=lambda e: (not e.overdue, e.name.casefold(), e.id))
    cities = {e.city for e in ordered if e.city}
    return Portfolio(
        city=cities.pop() if len(cities) == 1 else "", made=today, systems=tuple(ordered)
    )


def write_portfolio(portfolio: Portfolio) -> str:
    """Return the portfolio's canonical JSON."""
    facts = portfolio.model_dump(mode="json")
    return json.dumps(facts, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
