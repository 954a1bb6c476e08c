"""Deon's ethics checklist beside what the run found and what people answered.

The lines are those of https://github.com/drivendataorg/deon (deon/assets/checklist.yml, MIT
licence, Copyright DrivenData Inc.), in their order and with their ids, in plain words of ours;
which checks and answers stand beside a line is our choice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from cityai.card.draft.gaps import QUESTIONS
from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart
from cityai.config.words import ChecklistLine
from cityai.i18n.messages import capitalize, say

TITLES: Final[dict[str, str]] = {
    "A": say("Collecting the data"),
    "B": say("Keeping the data"),
    "C": say("The analysis"),
    "D": say("The model"),
    "E": say("In use"),
}
"""The parts of the checklist, by the letter of their lines."""
LINES: Final[dict[str, str]] = {
    "A.1": say(
        "If people are the subject, did they agree, by their own choice and with a clear "
        "understanding of what the data are used for?"
    ),
    "A.2": say("Which bias may the way of collecting bring in, and what was done against it?"),
    "A.3": say(
        "How are details that identify persons kept out, for instance by leaving away what the "
        "analysis does not need?"
    ),
    "A.4": say(
        "Can results be tested for bias later, for instance because it is known to which groups "
        "people belong?"
    ),
    "B.1": say("Is there a plan to protect the data: access, encryption, logs, updates?"),
    "B.2": say("Can somebody ask for their personal details to be removed?"),
    "B.3": say("Is it laid down when data are deleted that are no longer needed?"),
    "C.1": say(
        "Were blind spots looked for together with those whom it concerns and with people who "
        "know the subject?"
    ),
    "C.2": say(
        "Were the data examined for bias: stereotypes, unequal classes, causes that were left out?"
    ),
    "C.3": say("Do pictures, summaries and reports show the data honestly?"),
    "C.4": say("Are details of persons used or shown only where the analysis needs them?"),
    "C.5": say("Is it written down how the analysis was made, and can it be made again?"),
    "D.1": say("Does the model rely on attributes, or stand-ins for them, that discriminate?"),
    "D.2": say("Were results tested for fairness between the groups concerned?"),
    "D.3": say("What does it do to optimize for these metrics, and were others looked at?"),
    "D.4": say("Can a decision be explained in plain terms where somebody asks why?"),
    "D.5": say("Were its limits and weak points told to those concerned, in plain words?"),
    "E.1": say("Is there a plan to watch the model and what it does once it is in use?"),
    "E.2": say("Is there a plan for those whom a result harms, and for mending the model then?"),
    "E.3": say("Can the model be switched off, or the way before it be brought back?"),
    "E.4": say("Was unintended use thought of, prevented where possible, and is it watched?"),
}
"""What each line asks."""
CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "A.2": ("audit.representation", "audit.inspected_more", "audit.selective_labels"),
    "A.4": ("audit.dimensions", "audit.unknown_area", "audit.outcomes"),
    "C.2": ("quality.*", "cases.*"),
    "C.3": ("evaluate.coverage", "evaluate.calibration", "backtest.*"),
    "C.5": ("time.*", "models.*"),
    "D.1": ("audit.proxy", "mitigation.*"),
    "D.2": ("audit.*",),
    "D.3": ("evaluate.*", "worth.*"),
    "D.4": ("explain.*",),
}
"""Codes of the run's checks that speak to a line."""
ANSWERS: Final[dict[str, tuple[str, ...]]] = {
    "A.1": ("data.collection",),
    "A.2": ("data.known_bias", "data.representativeness"),
    "A.3": ("data.personal_data", "data.sensitive"),
    "B.1": ("security.measures", "data.sharing"),
    "B.3": ("data.retention",),
    "C.1": ("oversight.consultation",),
    "C.4": ("data.personal_data",),
    "D.2": ("fairness.why_groups",),
    "D.3": ("model.metric_reason",),
    "D.5": ("use.poor_conditions",),
    "E.1": ("monitoring.plan",),
    "E.2": ("oversight.appeal", "monitoring.incidents"),
    "E.3": ("monitoring.rollback", "oversight.fail_safe"),
    "E.4": ("use.out_of_scope",),
}
"""Questions of the card whose answers do."""
_LABELS: Final = {"data.personal_data": say("Personal data")}
"""What a question is called, where its own text lists the answers."""


@dataclass(frozen=True)
class Answered:
    """A question of the card and its answer: a text, texts, why it does not apply, or nothing."""

    question: str
    answer: Any


@dataclass(frozen=True)
class Line:
    """A line of the checklist, and what there is to it."""

    id: str
    question: str
    """As the list has it."""
    own: ChecklistLine | None
    """What the city answered on its card."""
    counts: dict[str, int]
    """Number of the run's checks by outcome."""
    rest: tuple[FindingPart, ...]
    """Those that did not pass, and do apply."""
    answers: tuple[Answered, ...]
    """What the card says elsewhere."""


def arrange_checklist(record: CardRecord) -> dict[str, list[Line]]:
    """Arrange the checklist of a card, by the titles of its parts."""
    given = record.checklist if isinstance(record.checklist, tuple) else ()
    own = {line.id: line for line in given}
    parts: dict[str, list[Line]] = {title: [] for title in TITLES.values()}
    for name, question in LINES.items():
        codes = CHECKS.get(name, ())
        found = [f for f in record.findings if any(fnmatchcase(f.code, code) for code in codes)]
        parts[TITLES[name[0]]].append(
            Line(
                id=name,
                question=question,
                own=own.get(name),
                counts=dict(Counter(f.status for f in found)),
                rest=tuple(f for f in found if f.status not in ("pass", "not applicable")),
                answers=tuple(_find_answer(record, path) for path in ANSWERS.get(name, ())),
            )
        )
    return parts


def _find_answer(record: CardRecord, path: str) -> Answered:
    part, _, name = path.partition(".")
    held = {"data": record.data[0], "model": record.eval}.get(part) or getattr(record, part)
    answer = getattr(held, name)
    return Answered(_LABELS.get(path) or capitalize(QUESTIONS[path][0]), answer)
