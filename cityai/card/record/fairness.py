"""The record's part on groups: results, verdicts, trends, proxies, options."""

from __future__ import annotations

from typing import Literal

from cityai.card.record.part import GradeWord, Number, Part, StatusWord, Text, Unit
from cityai.card.record.rows import Rows
from cityai.config.words import FairnessWords


class GroupPart(Part):
    """One group of a dimension."""

    name: Text
    residents_share: float | None
    data_share: float | None
    counted_with: Text = ""
    """Of a group that is too small to show: the group that its rows are counted with."""


class DimensionPart(Part):
    """One way to divide people or places."""

    name: Text
    label: Text
    kind: Text
    infers: str
    block: Text
    caveat: Text
    cuts: tuple[float, ...]
    groups: tuple[GroupPart, ...]
    in_words: tuple[Text, ...]


class GroupResult(Part):
    """One metric of one group held against its reference."""

    dimension: str
    group: Text
    metric: str
    unit: Unit
    value: float | None
    low: float | None
    high: float | None
    reference: Text
    reference_value: float | None
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    limit: float | None
    n: int | None
    """Predictions; where each is a person, rounded to twenties."""
    blocks: int | None
    status: StatusWord
    grade: GradeWord = ""
    """The verdict, graded where nothing is decided; empty without one, and where a range is said
    whose grade would tell more than it."""
    served: Literal["worse", "better", ""] = ""
    """Whether the group is worse or better served than what it is compared with, where the metric
    says which side is worse."""
    sentence: Text
    """The verdict and what it rests on; empty where no limit decides and the figure is shown."""
    more_blocks: int | None
    source: str
    between: tuple[float, float] | None = None
    """What `value` lies between where it is not said exactly: of few people, it is a count."""
    reference_between: tuple[float, float] | None = None

    @property
    def gap_between(self) -> tuple[float, float] | None:
        """What the gap lies between, where the value or the reference is a range."""
        if self.between is None and self.reference_between is None:
            return None
        own = self.between or _repeat(self.value)
        beside = self.reference_between or _repeat(self.reference_value)
        if own is None or beside is None or self.group == self.reference:
            return None
        return own[0] - beside[1], own[1] - beside[0]

    @property
    def middle_gap(self) -> float | None:
        """The gap, or the middle of its range: which way it points."""
        return self.gap if self.gap_between is None else sum(self.gap_between) / 2


class DimensionVerdict(Part):
    """The groups of a dimension together, held against one limit."""

    dimension: str
    metric: str
    unit: Unit
    status: StatusWord
    grade: GradeWord
    worst: Text
    best: Text
    """The two groups that lie farthest apart; the one with the larger figure is `worst` where the
    metric does not say which is worse; empty where one may not be said exactly."""
    spread: float | None
    """The worst's figure less the best's."""
    spread_low: float | None
    spread_high: float | None
    """Ends of one-sided tests, simultaneous over all pairs of groups."""
    limit: float
    sentence: Text


def _repeat(value: float | None) -> tuple[float, float] | None:
    return None if value is None else (value, value)


class TrendPart(Part):
    """Whether a figure of a group rises or falls from replay to replay."""

    dimension: str
    group: Text
    metric: str
    unit: Unit
    folds: int
    slope: float | None
    """Change from one replay to the next."""
    low: float | None
    high: float | None
    sentence: Text


class ProxyPart(Part):
    """How well an input, or all together, tells the groups of a dimension apart."""

    dimension: str
    feature: str
    """``all together``, or the input."""
    label: Text
    recovered: float | None
    """Share of the differences between entities; 0 is no better than the average."""
    low: float | None
    high: float | None
    chance: float | None
    """What the most telling input exceeds by chance once in twenty."""
    verdict: str
    """found, hardly, not shown, on the map or unknown."""
    entities: int
    reason: Text


class Decidable(Part):
    """What a limit could decide in a dimension, whatever the gaps are."""

    dimension: str
    metric: str
    unit: Unit
    limit: float
    least_limit: float | None
    """The least that a gap of 0 would have passed; nothing where no gap has an interval."""
    least_gap: float | None
    """The least that would have been found beyond the limit, nine times in ten."""
    sentence: Text


class FairnessPart(FairnessWords):
    """For whom it works."""

    min_group_size: int
    confidence: float
    """Of the interval of a figure."""
    gap_confidence: float | None = None
    """Of the interval of a gap, whose ends are one-sided tests at half of the rest; nothing on
    older cards, where it is `confidence`."""
    limits: dict[str, float]
    dimensions: tuple[DimensionPart, ...]
    results: Rows[GroupResult]
    verdicts: Rows[DimensionVerdict] = ()
    """One a dimension and limit."""
    by_fold: Rows[Number]
    in_words: tuple[Text, ...]
    trends: Rows[TrendPart] = ()
    """Those that can be told."""
    trends_note: Text = ""
    representation: tuple[Text, ...] = ()
    """A sentence a dimension: who is in the data, beside who lives in the city."""
    proxies: Rows[ProxyPart] = ()
    proxies_in_words: tuple[Text, ...] = ()
    decidable: Rows[Decidable] = ()
    options: OptionsPart | None = None
    """What could be done about a gap; nothing where the project names none."""


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
