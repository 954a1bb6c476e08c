"""The record's part on what could be done about a gap, and what a person chose."""

from __future__ import annotations

from cityai.card.record.part import Part, StatusWord, Text, Unit
from cityai.card.record.rows import Rows


class OptionResult(Part):
    """One option by one metric: what it does for the group farthest behind, and its cost."""

    name: str
    label: Text
    told: Text
    """What it does, in a sentence that goes on from its name."""
    chosen: bool
    uses_groups: bool
    """Whether the group is looked at when a forecast is used."""
    metric: str
    cost_metric: str
    unit: Unit
    group: Text
    before: float | None
    before_low: float | None
    before_high: float | None
    after: float | None
    after_low: float | None
    after_high: float | None
    closed: float | None
    """How far the gap moved towards 0."""
    closed_low: float | None
    closed_high: float | None
    lost: float | None
    """Rise of `cost_metric` for the whole city."""
    lost_low: float | None
    lost_high: float | None
    status: StatusWord
    """Of what remains of the gap, against the limit."""
    outcome: Text
    sentence: Text


class OptionGroup(Part):
    """One group under one option."""

    option: str
    metric: str
    group: Text
    reference: Text
    unit: Unit
    value_before: float | None
    value_after: float | None
    after: float | None
    after_low: float | None
    after_high: float | None
    closed: float | None
    closed_low: float | None
    closed_high: float | None
    suppressed: bool


class OptionsPart(Part):
    """What was tried to close a gap, on the same replays, and what was chosen."""

    dimension: str
    label: Text
    metric: str
    reference: Text
    protected: bool
    """Whether the dimension is declared a protected attribute."""
    choice: str
    reason: Text
    decided_by: str
    confidence: float
    options: Rows[OptionResult]
    groups: Rows[OptionGroup]
    in_words: tuple[Text, ...]
    source: str
