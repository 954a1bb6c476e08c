"""The record's part on what could be done about a gap, and what a person chose."""

from __future__ import annotations

from cityai.card.record.part import Part, StatusWord, Unit


class OptionResult(Part):
    """One option by one metric: what it does for the group farthest behind, and its cost."""

    name: str
    label: str
    told: str
    """What it does, in a sentence that goes on from its name."""
    chosen: bool
    uses_groups: bool
    """Whether the group is looked at when a forecast is used."""
    metric: str
    cost_metric: str
    unit: Unit
    group: str
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
    outcome: str
    sentence: str


class OptionGroup(Part):
    """One group under one option."""

    option: str
    metric: str
    group: str
    reference: str
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
    label: str
    metric: str
    reference: str
    protected: bool
    """Whether the dimension is declared a protected attribute."""
    choice: str
    reason: str
    decided_by: str
    confidence: float
    options: tuple[OptionResult, ...]
    groups: tuple[OptionGroup, ...]
    in_words: tuple[str, ...]
    source: str
