"""What reviewers said of a drill, and what they missed: told to who made it, and to nobody else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cityai.config.places import find_state, find_workspace
from cityai.drill.faults import FAULTS, Fault, find_fault
from cityai.drill.make import DRILLS, SEALED, Sealed, digest_planted, write_told
from cityai.errors import UserError, suggest_name
from cityai.pipeline.provenance import read_clock
from cityai.store.cards import JSON
from cityai.store.files import write_files

ANSWERS: Final = "answers"
Decision = Literal["approve", "return"]
Outcome = Literal["found", "returned for another reason", "would have approved"]


@dataclass(frozen=True)
class Answer:
    """What one reviewer said."""

    drill: str
    card: str
    """Of which drill, and of which bytes."""
    name: str
    """Who."""
    decision: Decision
    """What they would sign."""
    fault: str
    """The fault that they name; empty without one."""
    reason: str
    """Why, in their words."""
    at: str
    """When."""


@dataclass(frozen=True)
class Told:
    """How one reviewer did."""

    answer: Answer
    """What they said."""
    outcome: Outcome
    """Beside what was planted."""
    late: bool
    """Whether it was said after the result was opened."""


def _read_sealed_drill(folder: Path) -> Sealed:
    """Read a drill whose card is as it was made."""
    try:
        sealed = Sealed(**json.loads((folder / SEALED).read_bytes()))
        card = hashlib.sha256((folder / "card" / JSON).read_bytes()).hexdigest()
    except (OSError, ValueError, TypeError):
        raise UserError(
            "this is no drill", where=str(folder), expected="a folder of `cityai review drill`"
        ) from None
    if card != sealed.card:
        raise UserError("the drill's card was changed", where=str(folder / "card" / JSON))
    return sealed


def answer_drill(
    folder: Path, name: str, decision: Decision, reason: str, *, fault: str = ""
) -> Path:
    """Write what a reviewer would sign, in a private file; once.

    Raises
    ------
    UserError
        When there is no such fault, or the folder is no drill.
    StoreError
        When this reviewer has answered.
    """
    sealed, known = _read_sealed_drill(folder), [f.name for f in FAULTS]
    if fault and fault not in known:
        raise UserError(
            f"there is no fault '{fault}'",
            where="--fault",
            expected=", ".join(known),
            next_step=suggest_name(fault, known),
        )
    at = read_clock().isoformat()
    said = Answer(sealed.drill, sealed.card, name, decision, fault, reason, at)
    file = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'reviewer'}.json"
    (path,) = write_files({file: write_told(asdict(said))}, folder / ANSWERS, replace=False)
    return path


def open_result(folder: Path) -> tuple[Fault, list[Told]]:
    """Open what was planted, and hold every answer against it.

    Raises
    ------
    UserError
        When this workspace did not make the drill, or the seal is broken.
    """
    sealed = _read_sealed_drill(folder)
    private = find_state(find_workspace(Path.cwd())) / DRILLS
    try:
        planted: dict[str, Any] = json.loads((private / f"{sealed.drill}.json").read_bytes())
    except (OSError, ValueError):
        raise UserError(
            "this workspace did not make the drill",
            where=str(private),
            next_step="open the result where `cityai review drill` was called",
        ) from None
    opened = planted.pop("opened", "")
    if digest_planted(planted) != sealed.seal:
        raise UserError("the seal is not that of what was planted", where=str(folder / SEALED))
    fault = find_fault(planted["fault"])
    paths = sorted((folder / ANSWERS).glob("*.json"))
    told = [_judge(_read_answer(path), sealed, fault, opened) for path in paths]
    now = opened or read_clock().isoformat()
    write_files({f"{sealed.drill}.json": write_told(planted | {"opened": now})}, private)
    return fault, told


def _read_answer(path: Path) -> Answer:
    try:
        return Answer(**_check_texts(json.loads(path.read_bytes())))
    except (OSError, ValueError, TypeError):
        raise UserError("this is no answer to a drill", where=str(path)) from None


def _check_texts(told: Mapping[str, Any]) -> dict[str, Any]:
    if not all(isinstance(value, str) for value in told.values()):
        raise TypeError("texts only")
    return dict(told)


def _judge(answer: Answer, sealed: Sealed, fault: Fault, opened: str) -> Told:
    if (answer.drill, answer.card) != (sealed.drill, sealed.card):
        raise UserError(f"the answer of {answer.name} is to another drill")
    late = bool(opened) and answer.at > opened
    if answer.decision == "approve":
        return Told(answer, "would have approved", late)
    found = answer.fault == fault.name
    return Told(answer, "found" if found else "returned for another reason", late)
