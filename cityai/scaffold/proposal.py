"""Proposal in the making: what is chosen of a table and why, what it cannot tell, and the sections.

Every kind of question notes its choices here, so that all are told alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cityai.config.city import CitySpec
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import pluralize, say_count, say_words


@dataclass(frozen=True, slots=True)
class Overrides:
    """Overrides of what is inferred; what is empty or None was not said."""

    time: str = ""
    place: str = ""
    amount: str = ""
    """Columns; several of a place, or of a date that is divided, stand between commas."""
    counts: bool = False
    """Rows are counted, whatever numbers stand beside them."""
    key: str = ""
    """Columns that name a row, between commas; `none` where rows are not to be told apart."""
    period: str = ""
    """day, week or month."""
    format: str = ""
    """strptime pattern of the time."""
    encoding: str = ""
    decimal: str = ""
    """As in `SourceSpec`."""
    thousands: str | None = None
    """As in `SourceSpec`."""
    width: int | None = None
    """Digits of the place's code with its leading zeros; 0 to leave the codes as they are."""
    outcome: str = ""
    """Of cases: a column with yes and no, ``score>=28``, or ``result=text,text``."""
    table: str = ""
    """Table of a database's file."""


@dataclass(slots=True)
class Proposal:
    """What was understood of a table, in words and as a specification."""

    profile: TableProfile
    """The table."""
    said: Overrides
    """What a person says of it."""
    city: CitySpec | None = None
    """The city that asks."""
    hides_far: bool = False
    """Whether rows that were not looked at lie far off from all others."""
    choices: list[tuple[str, str, str]] = field(default_factory=list)
    """What was asked, what was chosen, what speaks for it."""
    unsettled: list[str] = field(default_factory=list)
    """What the table cannot tell."""
    spec: dict[str, Any] = field(default_factory=dict)
    """The sections of `project.yaml`."""

    @property
    def zone(self) -> str:
        """The city's time zone; UTC without a city."""
        return "UTC" if self.city is None else self.city.time_zone

    @property
    def wished_time(self) -> str:
        """The column of the moment that a person names; what several are joined to is one."""
        named = tuple(name.strip() for name in self.said.time.split(","))
        joined = (name for name, parts in self.profile.joined.items() if parts == named)
        return next(joined, self.said.time)

    def choose(self, asked: str, chosen: str, why: str) -> None:
        """Note a choice, and what speaks for it."""
        self.choices.append((asked, chosen, why))

    def choose_file(self) -> None:
        """Note how the file is read, where that does not go without saying."""
        source, months = self.profile.source, self.profile.months
        if source.encoding != "utf-8":
            self.choose("encoding", source.encoding, "the file is no UTF-8; or --encoding")
        if source.skip:
            self.choose("header", f"line {source.skip + 1}", "the lines above it are not read")
        if months:
            shown = f"{months[0]} to {months[-1]}"
            self.choose("rows", say_count(len(months), "column"), f"{shown} are turned into rows")

    def choose_contract(
        self, names: Iterable[str], required: Sequence[str], own: Mapping[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the contract of these columns, some of them with an entry of their own."""
        columns = {
            name: own.get(name) or self.profile.columns[name].write_contract(name in required)
            for name in dict.fromkeys(names)
            if name
        }
        self.choose("contract", say_count(len(columns), "column"), "the others are not read")
        return columns

    def leave_open(self, *sentences: str) -> None:
        """Note what the table cannot tell; empty sentences are left out."""
        self.unsettled += filter(None, sentences)

    def leave_unseen(self) -> None:
        """Note that a part of a large table was not looked at."""
        if self.profile.is_cut:
            self.leave_open(
                f"what stands in rows that were not looked at: {len(self.profile.frame):,} of "
                f"{self.profile.rows:,} were, drawn from the whole table"
            )

    def tell(self) -> str:
        """Return what was understood, in lines for a terminal."""
        wide = max(len(asked) for asked, _, _ in self.choices)
        lines = [f"{self.profile.path.name}: {say_count(self.profile.rows, 'row')}", ""]
        lines += [f"{asked:<{wide}}  {chosen}: {why}" for asked, chosen, why in self.choices]
        lines += ["", "The table cannot tell; see to it in project.yaml:"]
        return "\n".join([*lines, *(f"  - {sentence}" for sentence in self.unsettled)])


def offer(option: str, names: Sequence[str]) -> str:
    """Name other columns that an option could choose."""
    return f"; or {option} {', '.join(names[:4])}" if names else ""


def drop_empty(**written: Any) -> dict[str, Any]:
    """Return a section without the keys that have nothing to say."""
    return {key: value for key, value in written.items() if value is not None}


def name_entity(columns: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return `question.entity`: its columns and the words for readers."""
    words = [say_words(name) for name in columns] or ["city"]
    label, plural = " and ".join(words), pluralize(words[0])
    if len(words) > 1:
        plural = f"combinations of {label}"
    return {"columns": list(columns), "label": label, "label_plural": plural, **more}
