"""What people decided about a system, as its card and the portfolio show it beside the record."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, Literal

from pydantic import Field

from cityai.card.record.part import Part

State = Literal["approved", "overridden", "suspended", "returned", "not approved"]


BLOCK: Final = re.compile(
    rb'<section id="release".*?</section><!--release-->\n|<!--release-->\n.*?<!--/release-->\n',
    re.DOTALL,
)
"""The block, in a page or in Markdown: no text of a record holds a tag."""
HEAD: Final = re.compile(rb'data-head="([0-9a-f]{64})"')


class PhasePart(Part):
    """Whether a system may be used in a phase, and is."""

    phase: Literal["pilot", "operational"]
    state: State
    """Of what is in use; of the published card where nothing is."""
    until: date | None = None
    """Last day of it; of `suspended` the day on which an approval ended."""
    version: str = ""
    """Version of the registered model that is in use; empty where none is."""
    of_card: bool = True
    """Whether it is the published card's."""


class OverridePart(Part):
    """That somebody let it be used although a rule does not hold."""

    phase: Literal["pilot", "operational"]
    role: str
    reason: str
    until: date


class DecisionPart(Part):
    """What a city does with what an evaluation found."""

    evaluation: str
    """Its name."""
    seal: str
    """SHA-256 of its plan."""
    decision: Literal["scale", "change", "stop"]
    role: str
    day: date
    reason: str
    outdated: bool = False
    """Whether the card tells of another result than the one that was decided on."""


class ReleasePart(Part):
    """The review, as its chain of acts gives it."""

    head: str = ""
    """SHA-256 of the last act; of a broken chain the one that was shown last."""
    acts: int = 0
    broken: bool = False
    """Whether the chain does not hold; then nothing that it says counts."""
    phases: tuple[PhasePart, ...] = ()
    overrides: tuple[OverridePart, ...] = ()
    decisions: tuple[DecisionPart, ...] = Field(default=(), exclude_if=lambda taken: not taken)
    """The last on each evaluation, the newest first."""


def take_out_release(page: bytes) -> bytes:
    """Return a page without the block."""
    return BLOCK.sub(b"", page)


def find_head(page: bytes) -> str:
    """Return the head of the chain that a page names; empty without one."""
    found = HEAD.search(b"".join(BLOCK.findall(page)))
    return found[1].decode() if found else ""
