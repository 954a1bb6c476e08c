"""Published cards: what they were drafted from, and how they come out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.card.diff import add_changes, compare_cards
from cityai.card.draft.facts import RunFacts
from cityai.card.figures import Outlines, read_outlines
from cityai.card.pages import Pages, make_pages
from cityai.card.record import CardRecord
from cityai.card.record.described import ChangesPart
from cityai.card.verify import read_bytes, read_record
from cityai.config.project import AuditableSpec
from cityai.data.file_digests import digest_file
from cityai.errors import StoreError
from cityai.pipeline.places import CardPlace, find_place
from cityai.store.cards import EARLIER, hold_cards, publish_files
from cityai.store.digests import digest_text
from cityai.store.records import has_record, load_record, save_record
from cityai.store.stages import Store

if TYPE_CHECKING:
    from cityai.config.load import Project

STAGE = "card"
MADE = ("card*.html", "brief*.pdf")
"""Files beside a record that were made of it: another record's go away."""


@dataclass(frozen=True)
class Drafted:
    """From what a card was drafted, kept privately: enough to draft it again."""

    spec: str
    """The resolved specification, as JSON."""
    facts: RunFacts
    """What the run knew about itself."""
    stages: dict[str, str]
    """The digest under which each stage's record is kept."""
    files: dict[str, str] = field(default_factory=dict)
    """Files that the card is bound to, with the SHA-256 of their bytes: predictions that were
    given. Paths in the workspace are written from there, so that a copy of it reads its own."""
    outlines: str = ""
    outlines_key: str = ""
    """The file with the outlines of areas, and its key; empty without a map."""
    outlines_written: dict[str, str] = field(default_factory=dict)
    """How the data write an area's id that the outlines write otherwise."""
    earlier: str = ""
    """JSON of the record that it is compared with; empty for the first card. It is not published:
    counts of what came between the two would follow from both."""

    def read_outlines(self, workspace: Path) -> Outlines | None:
        """Read the outlines of areas, where the card has a map."""
        if not self.outlines:
            return None
        return read_outlines(workspace / self.outlines, self.outlines_key, self.outlines_written)


@dataclass(frozen=True)
class Published:
    """A card as it comes out: its record, its pages, and the record of the card before."""

    record: CardRecord
    pages: Pages
    earlier: str


def make_card(record: CardRecord, place: CardPlace, drafted: Drafted) -> Published:
    """Make a card: what changed since the last is added, its pages are made; nothing is kept."""
    with hold_cards(place.folder.parent, place.state):
        earlier = _read_earlier(place, record.provenance.run_digest)
    card = add_changes(record, earlier)
    pages = make_pages(card, drafted.read_outlines(place.workspace))
    return Published(card, pages, earlier)


def publish_made(made: Published, place: CardPlace, drafted: Drafted) -> None:
    """Publish a card that was made; the last act of a run.

    What it was drafted from is kept privately first; then the pages, the record and the city's
    portfolio come out together.

    Raises
    ------
    StoreError
        If the disk refuses; what was published before is untouched.
    """
    from cityai.pipeline.portfolio import make_portfolio, show_review

    save_record(replace(drafted, earlier=made.earlier), find_drafted(place, made.record))
    cards, name = place.folder.parent, place.folder.name
    with hold_cards(cards, place.state):
        made_of_old = (p.name for mark in MADE for p in place.folder.glob(mark))
        old = dict.fromkeys((EARLIER, *made_of_old), "")
        files = {**old, **show_review(place.folder, made.pages.files, made.record)}
        beside = make_portfolio(cards, {name: made.record})
        publish_files(cards, {**{f"{name}/{f}": text for f, text in files.items()}, **beside})


def _read_earlier(place: CardPlace, run_digest: str) -> str:
    """Read the record of the last published card that another run made; empty without one.

    A run repeated with the same inputs finds its own card, and so the same earlier one: the same
    inputs give the same card.
    """
    try:
        text = place.json.read_text("utf-8")
        if json.loads(text)["provenance"]["run_digest"] != run_digest:
            return text
        return _load_earlier(place, CardRecord.model_validate_json(text))
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _load_earlier(place: CardPlace, record: CardRecord) -> str:
    folder = find_drafted(place, record)
    return load_record(Drafted, folder).earlier if has_record(folder) else ""


def find_drafted(place: CardPlace, record: CardRecord) -> Path:
    """Return where what a card was drafted from is kept: apart for each time that it was made."""
    own = record.record
    run = record.provenance
    made = digest_text(f"{run.run_digest} {run.results_digest} {own.created.isoformat()}")
    return Store(place.state).find_folder(own.id, STAGE, made)


def describe_run(
    project: Project[AuditableSpec], facts: RunFacts, stages: dict[str, str]
) -> Drafted:
    """Describe from what a run's card was drafted."""
    spec = project.spec
    places = spec.areas.boundaries if spec.areas else None
    return Drafted(
        spec=spec.model_dump_json(),
        facts=facts,
        stages=dict(stages),
        files={write_place(f, project.workspace): digest_file(f) for f in project.files},
        outlines=write_place(project.find_path(places.path), project.workspace) if places else "",
        outlines_key=places.key if places else "",
        outlines_written=dict(spec.areas.written) if spec.areas else {},
    )


def open_outlines(project: Project[AuditableSpec]) -> Outlines | None:
    """Read the outlines of a project's areas, where it names any."""
    areas = project.spec.areas
    places = areas.boundaries if areas else None
    if areas is None or places is None:
        return None
    return read_outlines(project.find_path(places.path), places.key, areas.written)


def write_place(path: Path, workspace: Path) -> str:
    """Write a path from the workspace, where it lies in it."""
    found = path.resolve()
    inside = found.is_relative_to(workspace.resolve())
    return str(found.relative_to(workspace.resolve()) if inside else found)


def compare_published(before: Path, after: Path | None = None) -> ChangesPart:
    """Compare two published cards, or one with the card before it.

    Parameters
    ----------
    before, after : Path
        As for `find_place`; a file is taken as the record itself. Without `after`, `before` is
        compared with the last card of another run, as the private folder keeps it.

    Raises
    ------
    StoreError, UserError
        When there is no card, it is not one, or there is none before it.
    """
    if after is not None:
        return compare_cards(_read_card(before), _read_card(after))
    place = find_place(before)
    card = _read_card(place.json)
    earlier = read_before(place, card)
    if earlier is None:
        raise StoreError(
            "there is no card before this one",
            where=str(place.folder),
            expected="a card that another run published earlier, kept in the private folder",
            next_step="name two cards",
        )
    return compare_cards(earlier, card)


def read_before(place: CardPlace, card: CardRecord) -> CardRecord | None:
    """Read the card that another run published before one, where the private folder keeps it."""
    earlier = _load_earlier(place, card)
    return read_record(earlier.encode(), where=str(place.state)) if earlier else None


def _read_card(path: Path) -> CardRecord:
    file = path if path.is_file() and path.suffix == ".json" else find_place(path).json
    return read_record(read_bytes(file), where=str(file))
