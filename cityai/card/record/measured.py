"""The record's parts that hold what was measured: data, model, tests, groups."""

from __future__ import annotations

from datetime import date

from cityai.card.record.options import OptionsPart
from cityai.card.record.part import Number, Part, Sparse, StatusWord, Text, Unit
from cityai.card.record.ranked import RankedPart
from cityai.config.words import DataWords, FairnessWords, NotApplicable


class QualityMeasure(Part):
    """One measured property of the data."""

    dimension: str
    """completeness, accuracy, consistency or timeliness."""
    measure: Text
    slice: Text
    value: float | None
    unit: Unit
    n: int | None
    limit: float | None
    status: StatusWord
    source: str


class QualityPoint(Part):
    """The data of one period."""

    period_start: date
    rows: int | None
    """Nothing when suppressed."""
    reporting: int | None
    median_delay_days: float | None


class Rejected(Part):
    """Why rows were refused, counted."""

    column: str
    reason: Text
    rows: int


class DataPart(DataWords, Sparse):
    """One data set."""

    name: str
    sha256: str
    roles: tuple[str, ...]
    first: date | None
    last: date | None
    """Last day covered; nothing where the rows have no day."""
    grain: Text
    rows_read: int
    rows_out_of_scope: int
    rows_rejected: int
    rows_accepted: int
    columns: tuple[str, ...]
    known_rule: Text
    """When a row could first be seen."""
    cleaning: tuple[Text, ...]
    quality: tuple[QualityMeasure, ...]
    rejected: tuple[Rejected, ...]
    by_period: tuple[QualityPoint, ...]
    in_words: tuple[Text, ...]


class Input(Part):
    """What the model may look at."""

    name: str
    label: Text


class Method(Part):
    """A candidate or a baseline."""

    name: str
    label: Text
    weight: float | None = None
    """Share of the final forecast."""


class Driver(Part):
    """What moves the forecast."""

    feature: str
    label: Text
    members: tuple[str, ...]
    """Features that move together and are taken as one."""
    importance: float | None
    share: float | None
    stability: float | None
    """Standard deviation of the share over folds."""
    folds_in_top: int | None


class GroupDriver(Part):
    """What moves the forecast of a group, mean over its predictions."""

    dimension: str
    group: Text
    feature: str
    mean_effect: float | None
    importance: float | None


class ExplanationPart(Part):
    """What drives the forecasts, over all predictions together."""

    method: Text
    caveat: Text
    weight: float | None
    """Share of the forecast that is explained this way."""
    additivity_error: float | None
    unit: Unit
    drivers: tuple[Driver, ...]
    by_group: tuple[GroupDriver, ...]
    in_words: tuple[Text, ...]


class ModelPart(Part):
    """How the forecast is made."""

    name: str
    version: str
    type: Text
    self_learning: bool
    inputs: tuple[Input, ...]
    output: Text
    horizon: int
    period: str
    unit: Unit
    parameters: dict[str, str]
    candidates: tuple[Method, ...]
    baselines: tuple[Method, ...]
    choice_reason: str | NotApplicable | None
    explanation: ExplanationPart | None


class FoldPart(Part):
    """One replay of the past."""

    number: int
    role: str
    as_of: date
    train_before: date
    """Only totals of periods before this day were used to learn."""
    test_first: date
    test_last: date
    """Last day of the last period forecast."""


class Comparison(Part):
    """The forecast against one baseline."""

    baseline: str
    label: Text
    metric: str
    unit: Unit
    difference: float | None
    low: float | None
    high: float | None
    blocks: int | None
    status: StatusWord
    sentence: Text
    source: str


class SeriesPoint(Part):
    """The whole city in one period."""

    period_start: date
    actual: float | None
    forecast: float | None
    low: float | None
    high: float | None
    practice: float | None
    """The baseline that stands for today's practice."""


class PlaceResult(Part):
    """One area, or one entity where entities have no areas."""

    id: str
    name: str
    area: str
    """Its area on the map; empty where several share one."""
    figures: tuple[Number, ...]


class EvalPart(Part):
    """How well it works."""

    design: tuple[Text, ...]
    folds: tuple[FoldPart, ...]
    metrics: tuple[Number, ...]
    comparisons: tuple[Comparison, ...]
    practice: str
    """Name of the baseline that stands for today's practice."""
    practice_label: Text
    nominal_coverage: float
    coverage_tolerance: float
    confidence: float
    series: tuple[SeriesPoint, ...]
    series_note: Text
    series_step: int = 0
    """Totals of periods are multiples of it, where one is hidden; 0 where none is."""
    places: tuple[PlaceResult, ...]
    places_label: Text
    places_note: Text
    boundaries: str
    """File with the outlines of the areas."""
    boundaries_key: str
    metric_reason: str | NotApplicable | None
    in_words: tuple[Text, ...]
    ranked: RankedPart | None = None
    """What the top of a list holds; nothing where amounts are forecast."""


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


class FairnessPart(FairnessWords):
    """For whom it works."""

    min_group_size: int
    confidence: float
    limits: dict[str, float]
    dimensions: tuple[DimensionPart, ...]
    results: tuple[GroupResult, ...]
    by_fold: tuple[Number, ...]
    in_words: tuple[Text, ...]
    trends: tuple[TrendPart, ...] = ()
    """Those that can be told."""
    trends_note: Text = ""
    representation: tuple[Text, ...] = ()
    """A sentence a dimension: who is in the data, beside who lives in the city."""
    proxies: tuple[ProxyPart, ...] = ()
    proxies_in_words: tuple[Text, ...] = ()
    options: OptionsPart | None = None
    """What could be done about a gap; nothing where the project names none."""
