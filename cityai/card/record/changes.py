"""The record's part on what is otherwise than on the last card."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from cityai.card.record.part import Part, Text, Unit

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
