"""Where a published card lies, and the card itself where nobody changed it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from cityai.card.record import CardRecord
from cityai.card.verify import check_digest, read_bytes, read_record
from cityai.config.load import find_named, load_project
from cityai.config.load_audit import load_audit
from cityai.config.places import find_state, find_workspace
from cityai.errors import StoreError, UserError
from cityai.findings import Finding, Status
from cityai.store.cards import CARDS, JSON, hold_cards

PROJECT: Final = "project.yaml"


@dataclass(frozen=True)
class CardPlace:
    """Where a card is published."""

    folder: Path
    """``model_cards/<name>``."""
    workspace: Path
    """The nearest folder above with a ``configs`` folder."""

    @property
    def state(self) -> Path:
        """The workspace's private folder."""
        return find_state(self.workspace)

    @property
    def json(self) -> Path:
        """The record's file."""
        return self.folder / JSON

    def read_files(self) -> dict[str, bytes]:
        """Read all files that are published, at a moment at which nobody publishes."""
        with hold_cards(self.folder.parent, self.state):
            return {p.name: read_bytes(p) for p in sorted(self.folder.iterdir()) if p.is_file()}


OUTSIDE: Final = (
    f"go into the workspace that published it, and name it there ({CARDS}/NAME): its policy and "
    "predictions are there; `cityai card bundle` makes a folder that can be checked without one"
)
"""What to do with a card that was copied out of its workspace."""


def find_place(path: Path) -> CardPlace:
    """Find the card of a project, of an audit file, or in a folder of its own.

    Parameters
    ----------
    path : Path
        A project's folder, `project.yaml` or bare name, an audit file, a folder with a card, or
        `card.json`.

    Raises
    ------
    StoreError
        When no card is published there.
    UserError
        When a specification cannot be read.
    """
    given = find_named(path).resolve()
    if not given.exists():
        raise UserError(
            "there is no such file or folder",
            where=str(path),
            expected="a project, an audit file, or the folder of a published card",
            next_step=f"check the path; published cards are in {CARDS}",
        )
    if given.is_file() and given.suffix not in {".yaml", ".yml"}:
        given = given.parent
    if (given / JSON).is_file() and not (given / PROJECT).is_file():
        return CardPlace(given, find_workspace(given, "the card", OUTSIDE))
    if given.is_dir() or given.name == PROJECT:
        project = load_project(given)
        name, workspace, again = project.spec.name, project.workspace, f"cityai run {path}"
    else:
        order = load_audit(given)
        name, workspace = order.spec.name, order.workspace
        again = f"cityai audit PREDICTIONS --spec {path}"
    folder = workspace / CARDS / name
    with hold_cards(folder.parent, find_state(workspace)):
        found = (folder / JSON).is_file()
    if not found:
        raise StoreError("no card is published", where=str(folder), next_step=again)
    return CardPlace(folder, workspace)


@lru_cache(maxsize=32)
def _check_seal(content: bytes) -> Finding:
    """Check a record's seal once: a page of all cards reads each of them."""
    return check_digest(read_record(content), content)


def read_sealed(path: Path, then: str) -> tuple[CardPlace, bytes, CardRecord]:
    """Read a published card that was not changed since, to do something with it.

    Raises
    ------
    UserError
        When it was changed.
    StoreError
        When there is no card.
    """
    place = find_place(path)
    content = read_bytes(place.json)
    record = read_record(content, where=str(place.json))
    sealed = _check_seal(content)
    if sealed.status is not Status.PASS:
        raise UserError(
            f"the card was changed after it was published ({sealed.reason})",
            where=str(place.json),
            next_step=f"publish it again, then {then}",
        )
    return place, content, record
