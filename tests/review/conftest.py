"""A workspace with a published card, a policy of its own, and four people who sign."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cityai.card.record import seal_record, write_lines
from cityai.card.verify import read_record
from cityai.cli.main import run_command
from cityai.errors import TrackingError
from cityai.review.keys import make_key
from cityai.track.registry import Held

ROOT = Path(__file__).parents[2]
NAME = "waste_tonnage"
RULES = """
release:
  - {id: time, sentence: Nothing was known too early., owner: data office, findings: [time.*]}
  - id: groups
    sentence: Every group is within the limits, or watched.
    owner: board
    findings: [audit.*]
    open: condition
    compensation: a monitor
  - {id: second, sentence: Another person said yes., owner: officer, reviewers: {anyone: 1}}
  - id: board
    sentence: The board said yes.
    owner: council
    phases: [operational]
    reviewers: {board: 1}
override: {roles: [mayor], days: 30}
"""
PEOPLE = {"ana": "data office", "ben": "officer", "cai": "board", "dee": "mayor"}
MODEL = "ab" * 32
"""The digest of the card's model."""
CONDITION = "groups: a monitor of the open groups runs by 2099-01-31"


@dataclass(frozen=True)
class Place:
    """The workspace, and how a person acts in it."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "projects" / NAME

    @property
    def card(self) -> Path:
        return self.folder / "model_cards" / NAME

    @property
    def policy(self) -> Path:
        return self.folder / "configs" / "policy.yaml"

    @property
    def keys(self) -> Path:
        return self.folder / "configs" / "keys.yaml"

    def key(self, name: str) -> Path:
        return self.folder / "private" / f"{name}.pem"

    def sign(self, act: str, name: str, *more: str, reason: str = "I looked at it.") -> int:
        options = ("--key", str(self.key(name)), "--reason", reason)
        return run_command(["review", act, str(self.project), *options, *more])

    def gate(self, *more: str) -> int:
        return run_command(["gate", str(self.project), *more])

    def write_card(self, digest: str) -> None:
        """Make the card that of another model, and its pages with it."""
        path = self.card / "card.json"
        record = read_record(path.read_bytes())
        made = record.provenance.model_copy(update={"model_digest": digest})
        sealed = seal_record(record.model_copy(update={"provenance": made}))
        path.write_text(write_lines(sealed), "utf-8")
        for page in self.card.glob("card*.[hm]*"):
            before, after = record.record.content_digest, sealed.record.content_digest
            page.write_text(page.read_text("utf-8").replace(before, after), "utf-8")

    def copy(self, folder: Path) -> Place:
        shutil.copytree(self.folder, folder)
        return Place(folder)


@dataclass
class Kept:
    """A registry in memory; version 1 is the card's model."""

    where: str = "a registry in memory"
    versions: dict[str, Held] = field(default_factory=lambda: {"1": Held(MODEL, "w1")})
    logged: dict[str, str] = field(default_factory=lambda: {"1": MODEL})
    aliases: dict[str, str] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    down: bool = False

    def find_version(self, digest: str) -> str:
        return next((v for v in reversed(self.logged) if self.logged[v] == digest), "")

    def read_aliases(self) -> dict[str, str]:
        return dict(self.aliases)

    def read_heads(self) -> dict[str, str]:
        return dict(self.heads)

    def digest_version(self, version: str) -> Held:
        return self.versions[version]

    def move_alias(self, alias: str, version: str) -> None:
        if self.down:
            raise TrackingError("the alias could not be moved: nobody answers")
        if version:
            self.aliases[alias] = version
        else:
            self.aliases.pop(alias, None)

    def write_head(self, version: str, head: str) -> None:
        self.heads[version] = head


def move(place: Place, command: str, to: str = "pilot", by: str = "ana") -> int:
    given = ("--to", to, "--key", str(place.key(by)), "--reason", "For the spring.")
    return run_command([command, str(place.project), *given])


def draw_again(place: Place, kept: Kept, digest: str, version: str) -> None:
    """Publish another card, of another model that is registered too."""
    place.write_card(digest)
    kept.versions[version] = Held(digest, f"w{version}")
    kept.logged[version] = digest


@pytest.fixture(scope="session")
def made_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "projects" / NAME, folder / "projects" / NAME)
    shutil.copytree(ROOT / "model_cards" / NAME, folder / "model_cards" / NAME)
    for words in (folder / "projects" / NAME).glob("card*.yaml"):
        words.unlink()  # not needed to review, and long to read
    Place(folder).write_card(MODEL)
    policy = folder / "configs" / "policy.yaml"
    policy.write_text(policy.read_text("utf-8").split("\nrelease:")[0] + RULES, "utf-8")
    entries = []
    for name, role in PEOPLE.items():
        public = make_key(folder / "private" / f"{name}.pem")
        entries.append(f'  - {{name: {name}, role: {role}, public: "{public}", since: 2020-01-01}}')
    (folder / "configs" / "keys.yaml").write_text("\n".join(["keys:", *entries, ""]), "utf-8")
    return folder


@pytest.fixture
def place(made_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    folder = tmp_path / "city"
    shutil.copytree(made_place, folder)
    monkeypatch.setenv("CITYAI_STATE", str(folder / ".cityai"))
    return Place(folder)


@pytest.fixture
def spoil() -> Callable[[Path, int], None]:
    """Change one byte of a file."""

    def change(path: Path, at: int) -> None:
        content = bytearray(path.read_bytes())
        content[at % len(content)] ^= 1
        mode = path.stat().st_mode
        path.write_bytes(bytes(content))
        os.chmod(path, mode)

    return change


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    registry = Kept()
    for module in ("release", "registry"):
        where = f"cityai.pipeline.{module}.open_registry"
        monkeypatch.setattr(where, lambda state, project: registry)
    return registry
