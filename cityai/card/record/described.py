"""The record's parts that say what the system is and who answers for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from pydantic import Field

from cityai.card.record.part import Part, StatusWord, Text, Unit
from cityai.config.policy import VerdictRules
from cityai.config.record import Slug
from cityai.config.release import Weighed
from cityai.config.words import (
    DecisionWords,
    MonitoringWords,
    OwnerWords,
    PublicationWords,
    SystemWords,
    UseWords,
)

SCHEMA_VERSION: Final = "3.0.0"
"""Since 2.0 a sentence is a message with its arguments, since 3.0 a list of like parts a table."""
ChangeKind = Literal[
    "word",
    "evaluation",
    "figure",
    "verdict",
    "finding",
    "gap",
    "data",
    "model",
    "specification",
    "words",
]
Weight = Literal["beyond chance", "may be chance", "cannot be told", "no figure"]
Basis = Literal["paired by replay", "simultaneous intervals", "no interval", ""]


class Approval(Part):
    """A decision of the review, by role."""

    role: str
    date: date
    decision: str


class RecordPart(Part):
    """The record about itself."""

    schema_version: Literal["1.2.0", "2.0.0", "3.0.0"] = SCHEMA_VERSION
    id: Slug
    """Name of the project; files of an export are named after it."""
    title: Text
    language: str
    """Language of the page's fixed words."""
    words_language: str
    """Language of what people wrote."""
    translations: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By language, what people wrote and how they say it there."""
    languages: tuple[str, ...] = ()
    """Languages that the page is written in; all that there are, where nothing is said."""
    created: datetime
    updated: datetime
    review_due: date | None
    approved_by: tuple[Approval, ...] = ()
    content_digest: str = ""
    """SHA-256 of the canonical JSON of the record without this field."""


class SystemPart(SystemWords):
    """What the system is."""

    kind: Text
    """Kind of question, in words."""
    city: str
    synthetic: bool
    """True for an invented city."""


class Contact(Part):
    """Who answers for the city."""

    unit: str
    email: str
    url: str = ""


class OwnerPart(OwnerWords):
    """Who answers for it."""

    city_contact: Contact


class DecisionPart(DecisionWords):
    """What is decided with it, and by whom."""

    scale: Text
    """How many predictions of what, how far ahead."""


class UsePart(UseWords):
    """What it is for and what it is not for."""

    found_limits: tuple[Text, ...]
    """Conditions that the tests found wanting."""


class MonitoringPart(MonitoringWords):
    """What happens after release."""

    drift: tuple[Text, ...] = ()
    changes: tuple[str, ...] = ()


class EnvironmentPart(Part):
    """What it costs to make."""

    energy_kwh: float | None = None


class PublicationPart(PublicationWords):
    """How predictions are published as data."""

    table_schema: dict[str, Text]


class FindingPart(Part):
    """One statement, as the run made it."""

    code: str
    status: StatusWord
    title: Text
    reason: Text
    observed: float | None
    limit: float | None
    unit: str
    subject: Text


class Gap(Part):
    """A question that only a person can answer, still open."""

    path: str
    what: Text
    """What to write."""
    required: bool
    """Whether release waits for it."""


class ProvenancePart(Part):
    """From what this record was made."""

    run_digest: str
    data_digest: str
    spec_digest: str
    predictions_digest: str
    results_digest: str = ""
    """SHA-256 over all saved results of the run; empty for given predictions."""
    model_digest: str | None = None
    """SHA-256 over the digests of the model's files; nothing for given predictions."""
    git_commit: str
    git_dirty: bool
    versions: dict[str, str]


class Condition(Part):
    """What must be done before a yes, or with it."""

    text: Text
    check: str
    """Where it can be looked up: the code of a check, or a field of this record."""


class VerdictPart(Part):
    """A verdict, from the record's other parts and the city's policy alone."""

    word: Weighed
    rule: str
    """The rule of the policy that decided; empty where none holds."""
    because: Text
    """The same in words."""
    works: Text
    """Does it work?"""
    not_for_whom: Text
    """For whom does it not work?"""
    unknown: Text
    """What is not known."""
    conditions: tuple[Condition, ...]
    """What a yes would need."""
    note: Text = ""
    """What goes before all else: that the city is invented."""
    rules: VerdictRules
    """The policy's rules, as they were when the card was made."""


class Change(Part):
    """One thing that is otherwise."""

    kind: ChangeKind
    subject: Text
    """What changed, in words."""
    path: str
    """Where it stands in the record."""
    before: Text
    """As a reader reads it; empty where there was nothing."""
    after: Text
    value_before: float | None = None
    value_after: float | None = None
    unit: Unit = ""
    weight: Weight = "no figure"
    """Whether a change of a figure is more than noise."""
    basis: Basis = ""
    """What that is judged by."""
    change_low: float | None = None
    change_high: float | None = None
    """Interval of the change, where both were tested on the same rows."""
    sentence: Text


class ChangesPart(Part):
    """What is otherwise than on an earlier card."""

    since: datetime | None
    """When the earlier card was made; nothing where it cannot be read."""
    run_digest: str
    content_digest: str
    """Of the earlier record."""
    same_rows: bool
    """Whether both were tested on the same rows."""
    note: Text
    """How noise was told from change, or why nothing can be compared."""
    items: tuple[Change, ...]
    in_words: tuple[Text, ...]
