"""What a register is: a card goes in, files and a report of what is missing come out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from cityai.card.record import CardRecord
from cityai.card.release import ReleasePart
from cityai.config.words import NotApplicable

State = Literal["filled", "missing", "invalid", "empty", "not applicable"]
STATES: Final[tuple[State, ...]] = ("filled", "missing", "invalid", "empty", "not applicable")
WRONG: Final = frozenset({"missing", "invalid"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a register, as it came out."""

    name: str
    """As the register calls it."""
    state: State
    """Filled; missing though required; invalid (not as the register asks); empty though not
    required; or not applicable, because of another answer or because a person says why."""
    value: str = ""
    """What was written."""
    source: str = ""
    """Where in the card it comes from, or is to be written."""
    note: str = ""
    """Why it does not apply, or what is wrong with it."""

    def say(self) -> str:
        """Return what is to be done about it."""
        note = self.note or "it is required"
        return f"{note}; write it at {self.source}" if self.source else note


@dataclass(frozen=True, slots=True)
class Export:
    """A card as a register asks for it."""

    title: str
    """The register's name for readers."""
    files: dict[str, str]
    """Text by name of the file."""
    fields: tuple[Field, ...]
    """The report: every field, in the register's order."""

    @property
    def complete(self) -> bool:
        """Whether no required field is missing and none is invalid."""
        return not any(field.state in WRONG for field in self.fields)

    @property
    def counts(self) -> dict[State, int]:
        """How many fields are in each state, every state present."""
        counted = Counter(field.state for field in self.fields)
        return {state: counted.get(state, 0) for state in STATES}


class Writer(Protocol):
    """Writes a card for a register."""

    def __call__(self, record: CardRecord, release: ReleasePart | None = None) -> Export:
        """Write it, with what people decided where they did."""
        ...


@dataclass(frozen=True, slots=True)
class Register:
    """A register."""

    name: str
    title: str
    """For the command line, and for readers."""
    write: Writer
    """From the card, and what people decided of it, to its export."""


def read_answer(answer: Any) -> tuple[str, str]:
    """Return a human answer's text, and why it does not apply where it does not."""
    if isinstance(answer, NotApplicable):
        return "", answer.not_applicable
    if isinstance(answer, tuple):
        return "; ".join(str(part) for part in answer), ""
    return (str(answer) if answer is not None else ""), ""


def fill_field(name: str, answer: Any, source: str, *, required: bool) -> Field:
    """Make a field of a human answer."""
    text, why = read_answer(answer)
    if why:
        return Field(name, "not applicable", "", source, why)
    if not text.strip():
        return Field(name, "missing" if required else "empty", "", source)
    return Field(name, "filled", text, source)


def tell_overrides(release: ReleasePart | None) -> str:
    """Say that somebody let it be used against the rules, or that the chain does not hold."""
    if release is None:
        return ""
    if release.broken:
        return "the chain of signed acts does not hold: nothing that it says counts"
    return "; ".join(
        f"{o.phase}: allowed against the rules until {o.until} by {o.role}: {o.reason}"
        for o in release.overrides
    )
