"""The review's acts as in-toto statements (v1): what was decided, by whom, over which bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cityai.config.record import Slug, Text
from cityai.config.release import Phase
from cityai.config.validate import read_message
from cityai.errors import DataError, UserError

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:cityai:predicate:review:1"
"""Type of the predicate; `docs/reviewing.md` and `docs/review.schema.json` describe it."""
COMMIT: Final = "code"
"""The subject that is a git commit; the others are SHA-256 digests."""

MODEL: Final = "model"
"""The subject that is what a promotion puts into use."""

REGISTERED: Final = "registered"
"""The subject of a promotion that is the whole folder of the registered version."""

Said = Literal["open", "comment", "approve", "return", "withdraw", "fulfil", "override"]
"""What people say of a card."""
Governed = Literal["announce", "draw", "decide"]
"""What people sign of an evaluation: that its plan is sealed, the chance that its lots follow from,
and what the city does with what it found."""
Kind = Literal[Said, "promote", "rollback", "retire", Governed]
"""These, and what is then put into use and taken out of it."""
Taken = Literal["scale", "change", "stop"]
"""What a city does with what an evaluation found."""
EVALUATION: Final = "evaluation"
"""The subject that is the seal of an evaluation's plan."""
RESULT: Final = "result"
"""The subject that is what its analysis found."""
Section = Literal[
    "first", "decision", "accuracy", "people", "where", "limits", "data", "risks", "object", "annex"
]
"""A part of the card's page, by its anchor."""
LASTING: Final = ("approve", "override")
"""Acts with a last day."""
GOVERNED: Final[tuple[Governed, ...]] = get_args(Governed)
MOVING: Final = ("promote", "rollback")
"""Acts after which a version of the registered model is in use."""


LONGEST: Final = 2_000
"""Characters of what was drawn."""
_LATER: Final = ("section", "evaluations", "drawn", "decision", "phase")
"""Fields that are written only where they say something: acts of before lack them."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Condition(_Record):
    """What must be done for a yes to stay one."""

    rule: Slug
    """The policy's rule that it makes up for, or a name of the reviewer's own."""
    text: Text
    """What is to be done."""
    due: date
    """The last day for it."""


class Seen(_Record):
    """What the card said when the act was signed."""

    verdict: str
    """The word on its first screen."""
    findings: dict[str, int] = Field(default_factory=dict)
    """Number of findings by status."""
    not_passed: tuple[str, ...] = ()
    """Codes and subjects of the findings that did not pass."""


class Act(_Record):
    """The predicate of a statement: one act of one person."""

    act: Kind
    project: Slug
    phase: Phase | None = None
    """Before which use; an act on an evaluation is of none."""
    number: Annotated[int, Field(ge=1)]
    """Its place in the project's chain, from 1."""
    previous: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    """SHA-256 of the envelope before it; empty for the first."""
    at: datetime
    reason: Text
    conditions: tuple[Condition, ...] = ()
    valid_until: date | None = None
    """Last day of an approval or an override."""
    rule: str = ""
    """The condition that is met (`fulfil`)."""
    section: Section | None = None
    """The part of the card that a comment is on."""
    evaluations: tuple[Slug, ...] = ()
    """The evaluation that it is of; of an override those that found harm, or a stop, and that it
    sets aside."""
    drawn: Annotated[str, Field(max_length=LONGEST)] = ""
    """What the public source of chance gave (`draw`)."""
    decision: Taken | None = None
    """What the city does (`decide`)."""
    version: str = ""
    """Version of the registered model that is in use then (`promote`, `rollback`)."""
    seen: Seen

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.act in LASTING) != (self.valid_until is not None):
            raise ValueError("an approval or an override, and nothing else, has a last day")
        if (self.act in MOVING) != bool(self.version):
            raise ValueError("`promote` and `rollback`, and nothing else, name a version")
        if self.conditions and self.act != "approve":
            raise ValueError("conditions belong to an approval")
        if self.section and self.act != "comment":
            raise ValueError("a section of the card is what a comment is on")
        if (self.act == "fulfil") != bool(self.rule):
            raise ValueError("`fulfil`, and nothing else, names the condition that is met")
        if (self.act in GOVERNED) != (self.phase is None):
            raise ValueError("acts on evaluations, and no others, are of no phase")
        if self.act in GOVERNED and len(self.evaluations) != 1:
            raise ValueError("the act names one evaluation")
        if self.evaluations and self.act not in (*GOVERNED, "override"):
            raise ValueError("evaluations are named by acts on them, and by an override")
        if (self.act == "draw") != bool(self.drawn):
            raise ValueError("`draw`, and nothing else, says what was drawn")
        if (self.act == "decide") != (self.decision is not None):
            raise ValueError("`decide`, and nothing else, says what the city does")
        if self.at.tzinfo is None:
            raise ValueError("the moment has no time zone")
        if self.valid_until is not None and self.valid_until < self.at.date():
            raise ValueError("the last day is over")
        names = [condition.rule for condition in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError("two conditions have one name")
        return self


def make_act(**told: object) -> Act:
    """Make an act of what a person said.

    Raises
    ------
    UserError
        When its parts do not fit.
    """
    try:
        return Act.model_validate(told)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        what = read_message(said)
        where = ".".join(map(str, said["loc"]))
        if said["type"] == "string_too_short":
            raise UserError(
                f"the act has no {where}",
                where=f"--{where}",
                expected="some words: they are signed, and stand in the chain for good",
                next_step="say it in a sentence",
            ) from None
        raise UserError(f"{where}: {what}" if where else what) from None


def write_statement(act: Act, subjects: Mapping[str, str]) -> bytes:
    """Return the JSON of a statement: keys sorted, no space."""
    told = act.model_dump(mode="json", exclude={n for n in _LATER if not getattr(act, n)})
    return write_in_toto(PREDICATE, told, subjects)


def write_in_toto(kind: str, predicate: object, subjects: Mapping[str, str]) -> bytes:
    """Return the JSON of an in-toto statement (v1) with a predicate of any type."""
    told = {
        "_type": STATEMENT,
        "subject": [describe_subject(*subject) for subject in sorted(subjects.items())],
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def describe_subject(name: str, digest: str) -> dict[str, object]:
    """Return the resource descriptor of what an act or a gate looked at."""
    return {"name": name, "digest": {"gitCommit" if name == COMMIT else "sha256": digest}}


def read_statement(payload: bytes, *, where: str) -> tuple[Act, dict[str, str]]:
    """Read a statement: the act, and the digests of its subjects by name.

    Raises
    ------
    DataError
        When it is none, or is written in another way than `write_statement` writes it.
    """
    try:
        told: dict[str, Any] = json.loads(payload)
        if told["_type"] != STATEMENT or told["predicateType"] != PREDICATE:
            raise ValueError("it is of another type")
        act = Act.model_validate(told["predicate"])
        subjects = {str(s["name"]): str(*s["digest"].values()) for s in told["subject"]}
        if act.act in GOVERNED and EVALUATION not in subjects:
            raise ValueError("it is of no evaluation")
        if write_statement(act, subjects) != payload:
            raise ValueError("it is written in another way")
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        raise _refuse(f"{'.'.join(map(str, said['loc']))}: {said['msg']}", where) from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _refuse(str(error), where) from None
    return act, subjects


def _refuse(why: str, where: str) -> DataError:
    return DataError(
        f"the signed text is no act of a review ({why})",
        where=where,
        expected="an in-toto statement as `cityai review` writes it",
    )
