"""The queue: which systems wait for a decision, what the card says, and what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cityai.card.record import CardRecord
from cityai.card.release import PhasePart
from cityai.card.render.own_words import open_translator
from cityai.config.release import PHASES, Phase
from cityai.desk.open import list_cards
from cityai.errors import CityaiError
from cityai.i18n.stored import clean_text
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, read_review
from cityai.review.chain import Link
from cityai.review.release import describe_phase
from cityai.store.cards import CARDS


@dataclass(frozen=True)
class Asked:
    """A phase of a system, and how its review stands."""

    part: PhasePart
    """Whether it may be used so."""
    request: Link | None
    """The last act that asked for a review."""
    of_card: bool
    """Whether that was of the card as it is now."""

    @property
    def waits(self) -> bool:
        """Whether somebody asked, and there is no yes and no no."""
        return self.request is not None and self.part.state in ("not approved", "suspended")


@dataclass(frozen=True)
class System:
    """A system with a published card."""

    name: str
    title: str
    """Its folder, and what residents call it."""
    record: CardRecord | None = None
    """Its card; nothing where it cannot be read."""
    phases: tuple[Asked, ...] = ()
    """Pilot, then operational."""
    fault: str = ""
    """Why nothing can be signed on it; empty where it can be."""

    @property
    def waits(self) -> bool:
        """Whether somebody waits for a decision on it."""
        return any(asked.waits for asked in self.phases)


def list_systems(workspace: Path, language: str) -> list[System]:
    """List all systems, those that wait first."""
    found = [_read_system(workspace, name, language) for name in list_cards(workspace)]
    return sorted(found, key=lambda system: not system.waits)


def say_title(record: CardRecord, language: str) -> str:
    """Return a system's name as its city says it in a language."""
    title = record.system.name or record.record.title
    return clean_text(open_translator(record, language).given.get(title, title))


def _read_system(workspace: Path, name: str, language: str) -> System:
    try:
        reviewed = read_review(workspace / CARDS / name)
        reviewed.chain.refuse_faults()
    except CityaiError as error:
        return System(name, name, fault=error.what)
    title = say_title(reviewed.record, language)
    phases = tuple(_describe(reviewed, phase) for phase in PHASES)
    return System(name, title, reviewed.record, phases)


def _describe(reviewed: Reviewed, phase: Phase) -> Asked:
    standing = reviewed.stand(phase, read_clock().date())
    part = describe_phase(reviewed.policy.release, reviewed.record, standing)
    asked = [li for li in reviewed.chain.links if (li.act.act, li.act.phase) == ("open", phase)]
    request = asked[-1] if asked else None
    return Asked(part, request, request is not None and standing.is_of_card(request))
