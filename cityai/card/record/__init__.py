"""The card's record: every number and sentence that a page may show.

Human fields are those of `cityai.config.words`: a value, ``{not_applicable: why}``, or nothing,
which
`gaps` then lists. Every number says what it measures, of what, how sure, and where it came from.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any, Final

from pydantic import Field, model_validator

from cityai.card.record.described import (
    ChangesPart,
    DecisionPart,
    EnvironmentPart,
    FindingPart,
    Gap,
    MonitoringPart,
    OwnerPart,
    ProvenancePart,
    PublicationPart,
    RecordPart,
    SystemPart,
    UsePart,
    VerdictPart,
)
from cityai.card.record.fairness import FairnessPart
from cityai.card.record.impact import ImpactPart
from cityai.card.record.measured import DataPart, EvalPart, ModelPart
from cityai.card.record.messages import MessagesPart, join_messages, part_messages
from cityai.card.record.part import Part
from cityai.card.record.rows import PUBLISHED
from cityai.config.words import (
    ChecklistLine,
    LegalWords,
    NotApplicable,
    OversightWords,
    Risk,
    SecurityWords,
)

MARKDOWN, JSON = "card.md", "card.json"
LONG: Final = 1_200
"""Characters from which on a part of the published JSON is written over several lines."""


class CardRecord(Part):
    """A model card: facts for residents, reviewers and registers."""

    record: RecordPart
    system: SystemPart
    owner: OwnerPart
    decision: DecisionPart
    legal: LegalWords
    use: UsePart
    data: tuple[DataPart, ...]
    model: ModelPart
    eval: EvalPart
    fairness: FairnessPart
    risks: tuple[Risk, ...] | NotApplicable | None
    oversight: OversightWords
    monitoring: MonitoringPart
    security: SecurityWords
    environment: EnvironmentPart
    publication: PublicationPart
    checklist: tuple[ChecklistLine, ...] | NotApplicable | None
    findings: tuple[FindingPart, ...]
    gaps: tuple[Gap, ...]
    provenance: ProvenancePart
    registers: dict[str, dict[str, str]] = Field(default_factory=dict)
    """What single registers ask beside all this, as people answered it: by register and field."""
    changes: ChangesPart | None = None
    """What is otherwise than on the last card; nothing where there is none."""
    verdict: VerdictPart | None = None
    """The answer on the first screen; nothing on cards of before there was one."""
    impacts: tuple[ImpactPart, ...] = Field(default=(), exclude_if=lambda parts: not parts)
    """What acting on it changed, the newest evaluation first; nothing where none was announced."""
    messages: MessagesPart | None = None
    """Of the published JSON alone: where it is read, each sentence is a message again."""

    @model_validator(mode="before")
    @classmethod
    def _join(cls, facts: Any) -> Any:
        return join_messages(facts)


def write_canonical(record: CardRecord) -> str:
    """Return the record's canonical JSON: keys sorted, two spaces, no NaN."""
    return dump_facts(_find_listed(record).facts)


def digest_record(record: CardRecord) -> str:
    """Return the SHA-256 of the canonical JSON without ``record.content_digest``."""
    return digest_facts(_find_listed(record).facts)


def digest_facts(facts: dict[str, Any]) -> str:
    """Return the same of a record of any version, as read from its JSON.

    Raises
    ------
    LookupError, TypeError
        When it has no ``record`` with a ``content_digest``.
    """
    head = {k: v for k, v in facts["record"].items() if k != "content_digest"}
    return hashlib.sha256(dump_facts({**facts, "record": head}).encode()).hexdigest()


def seal_record(record: CardRecord) -> CardRecord:
    """Return the record with its own digest in ``record.content_digest``."""
    listed = _find_listed(record)
    if listed.sealed:
        return record
    facts = listed.facts
    digest = digest_facts(facts)
    head = record.record.model_copy(update={"content_digest": digest})
    sealed = record.model_copy(update={"record": head})
    facts = {**facts, "record": {**facts["record"], "content_digest": digest}}
    _last[:] = [_Listed(sealed, facts, sealed=True)]
    return sealed


def write_lines(record: CardRecord) -> str:
    """Return the record's JSON as it is published: the canonical facts, without their indentation.

    A part that is short is on a line of its own, so that two cards can be compared line by line.
    """
    return _find_listed(record).lines


def read_back(record: CardRecord) -> CardRecord:
    """Return the record as it is read from its JSON, with its places as they are.

    There may be thousands of them, of figures that were checked as they were drafted.
    """
    facts, places = _find_listed(record).facts, record.eval.places
    few = {**facts, "eval": {**facts["eval"], "places": []}}
    read = CardRecord.model_validate_json(_write_line(few))
    return read.model_copy(update={"eval": read.eval.model_copy(update={"places": places})})


def is_written_so(content: bytes, facts: dict[str, Any]) -> bool:
    """Tell whether a file is the JSON of its facts: as published now, or indented as before."""
    published = (_write_part(facts) + "\n").encode()
    return content == published or content == dump_facts(facts).encode()


@dataclass(frozen=True)
class _Listed:
    """A record, its facts, and whether they hold its own digest."""

    record: CardRecord
    facts: dict[str, Any]
    sealed: bool = False

    @cached_property
    def lines(self) -> str:
        return _write_part(self.facts) + "\n"


_last: list[_Listed] = []
"""The record that was listed last: a card of many places is long to list."""


def _find_listed(record: CardRecord) -> _Listed:
    kept = _last[:1]  # as one step: another thread may list another record
    if kept and kept[0].record is record:
        return kept[0]
    dumped = record.model_dump(mode="json", exclude_none=True, context=PUBLISHED)
    listed = _Listed(record, part_messages(dumped))
    _last[:] = [listed]
    return listed


def _write_part(part: Any) -> str:
    long: set[int] = set()
    _find_long(part, long)
    return _write_lines(part, long)


def _write_lines(part: Any, long: set[int]) -> str:
    line = "" if id(part) in long else _write_line(part)
    if line and (len(line) < LONG or not isinstance(part, dict | list)):
        return line
    if isinstance(part, dict):
        named = (f"{_write_line(k)}:{_write_lines(part[k], long)}" for k in sorted(part))
        return "{\n" + ",\n".join(named) + "\n}"
    return "[\n" + ",\n".join(_write_lines(child, long) for child in part) + "\n]"


_write_line: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode


def _find_long(part: Any, found: set[int]) -> bool:
    """Find, without writing them, parts that are no short line."""
    if not isinstance(part, dict | list):
        return False
    inside = part.values() if isinstance(part, dict) else part
    long = 2 * len(part) > LONG
    for child in inside:
        if isinstance(child, dict | list) and _find_long(child, found):
            long = True
    if long:
        found.add(id(part))
    return long


def dump_facts(facts: dict[str, Any]) -> str:
    """Return facts as canonical JSON: what `json.dumps` indents, without its cost for each cell."""
    return _indent(facts, "\n") + "\n"


def _indent(part: Any, line: str) -> str:
    kind = type(part)
    if kind is str:
        return encode_basestring(part)
    if kind is float and math.isfinite(part):
        return float.__repr__(part)
    inner = f"{line}  "
    if isinstance(part, (list, tuple)) and part:
        return f"[{inner}{f',{inner}'.join([_indent(child, inner) for child in part])}{line}]"
    if isinstance(part, dict) and part:
        named = [f"{encode_basestring(k)}: {_indent(part[k], inner)}" for k in sorted(part)]
        return f"{{{inner}{f',{inner}'.join(named)}{line}}}"
    return _write_line(part)
