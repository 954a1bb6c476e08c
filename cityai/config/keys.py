"""Whose signature counts for which role (`configs/keys.yaml`)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final, Self

from pydantic import model_validator

from cityai.config.places import CONFIGS
from cityai.config.record import SpecRecord, Text
from cityai.config.validate import validate_spec
from cityai.config.yaml import read_yaml

KEYS: Final = "keys.yaml"


class KeySpec(SpecRecord):
    """A public key, who holds it, and for which role and days it speaks."""

    name: Text
    """Person or office that holds the private key."""
    role: Text
    """Role that it speaks for, as the policy's rules name it."""
    public: Text
    """The public key in one line, as `cityai review key` prints it, or as OpenSSH writes it."""
    since: date
    """First day on which it speaks."""
    until: date | None = None
    """Last day; no end without it."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"`until` is before `since` ({self.name})")
        return self

    def speaks_on(self, day: date) -> bool:
        """Tell whether it speaks on a day."""
        return self.since <= day and (self.until is None or day <= self.until)


class KeysSpec(SpecRecord):
    """All keys that may sign reviews; one that was withdrawn stays, with its last day."""

    keys: tuple[KeySpec, ...] = ()
    """The keys, each with who holds it."""


def read_keys(workspace: Path) -> KeysSpec:
    """Read the keys of a workspace; none where there is no file."""
    path = workspace / CONFIGS / KEYS
    if not path.exists():
        return KeysSpec()
    document = read_yaml(path)
    return validate_spec(KeysSpec, document.content, document)
