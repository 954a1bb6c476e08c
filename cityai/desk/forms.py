"""What a reviewer wrote into a form, as an act takes it; what does not fit is said by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl

from pydantic import ValidationError

from cityai.i18n.messages import say
from cityai.i18n.stored import clean_text
from cityai.pipeline.sign import Shown
from cityai.review.acts import Condition, Section, Taken

MOST_BYTES: Final = 100_000
"""Of a form: some thirty pages of text."""
MOST_FIELDS: Final = 200
Here = Literal["comment", "approve", "return", "withdraw", "decide"]
"""What is said at the desk; the other acts are commands."""
HERE: Final[tuple[Here, ...]] = get_args(Here)
EXTRA: Final = "own"
"""The field of a condition that makes up for no rule."""


@dataclass(frozen=True)
class Problem:
    """A field that has to be filled in otherwise."""

    field: str
    told: str


@dataclass
class Told:
    """An act as a form has it."""

    kind: Here | Literal[""]
    """What is said; empty where it is nothing that is said here."""
    given: dict[str, str]
    """The fields as they were sent: they are shown again where something is wrong."""
    reason: str = ""
    section: Section | None = None
    valid_until: date | None = None
    conditions: tuple[Condition, ...] = ()
    evaluation: str = ""
    decision: Taken | None = None
    seen: Shown = field(default_factory=lambda: Shown("", ""))
    problems: list[Problem] = field(default_factory=list)
    """What does not fit."""


def read_fields(body: bytes) -> dict[str, str]:
    """Read the fields of a form; of what is no form, none.

    What no page can show, and what turns the direction of writing, is left out here: a reviewer
    signs what the desk shows them.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        return {}
    return {name: clean_text(text).replace("\r\n", "\n").strip() for name, text in pairs}


def read_act(fields: Mapping[str, str]) -> Told:
    """Read an act from a form's fields."""
    kind = next((kind for kind in HERE if kind == fields.get("act")), None)
    told = Told(kind or "", dict(fields), fields.get("reason", ""))
    told.seen = Shown(fields.get("head", ""), fields.get("subjects", ""))
    if not told.reason:
        own = f"{kind}-{fields.get('evaluation', '')}" if kind == "decide" else kind
        told.problems.append(Problem(f"{own}-reason", say("Write why, in a sentence or more.")))
    if kind == "comment":
        told.section = next((s for s in get_args(Section) if s == fields.get("section")), None)
    if kind == "approve":
        told.valid_until = _read_day(told, "until", say("Write the last day of the approval."))
        told.conditions = tuple(_read_conditions(told))
    if kind == "decide":
        told.evaluation = fields.get("evaluation", "")
        told.decision = next((t for t in get_args(Taken) if t == fields.get("decision")), None)
        if told.decision is None:
            problem = say("Choose what the city does.")
            told.problems.append(Problem(f"decision-{told.evaluation}", problem))
    return told


def _read_conditions(told: Told) -> list[Condition]:
    names = {name.partition("-")[2] for name in told.given if name.startswith("text-")}
    made = []
    for name in sorted(names):
        text, due = told.given[f"text-{name}"], told.given.get(f"due-{name}", "")
        if not text and not due:
            continue
        if not text:
            told.problems.append(Problem(f"text-{name}", say("Write what is to be done.")))
        day = _read_day(told, f"due-{name}", say("Write by which day it is to be done."))
        if text and day:
            made.append(_make_condition(name, text, day))
    return made


def _make_condition(name: str, text: str, due: date) -> Condition:
    try:
        return Condition(rule=name, text=text, due=due)
    except ValidationError:
        return Condition(rule=EXTRA, text=text, due=due)  # a field that no page of ours has


def _read_day(told: Told, name: str, missing: str) -> date | None:
    text = told.given.get(name, "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong = say("“{text}” is no day; write it as 2027-05-31.", text=text[:40])
        told.problems.append(Problem(name, wrong if text else missing))
        return None
