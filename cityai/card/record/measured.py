"""The record's parts that hold what was measured: data, model, tests."""

from __future__ import annotations

from datetime import date, datetime

from cityai.card.record.part import Number, Part, Sparse, StatusWord, Text, Unit
from cityai.card.record.ranked import CapacityPoint, CurvePoint, RankedPart, WorthPart
from cityai.card.record.rows import Rows
from cityai.config.words import DataWords, NotApplicable


class QualityMeasure(Part):
    """One measured property of the data."""

    dimension: str
    """completeness, accuracy, consistency or timeliness."""
    measure: Text
    slice: Text
    """``overall``, or an area's id."""
    value: float | None
    unit: Unit
    n: int | None
    limit: float | None
    status: StatusWord
    source: str
    name: Text | None = None
    """What the area is called, where that is not its id."""


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


class LeftPart(Part):
    """What left a database for one table."""

    source: str
    """`data`, or the name of the table beside it."""
    connection: str
    rows: int
    """That came, rounded as people are."""
    held: int
    """Rows that stay there, rounded too: more than came where sums came in place of rows."""
    columns: int
    kilobytes: int
    partial: bool | None
    """Whether the database says that it keeps rows of it from the account that asked."""


class VersionPart(Part):
    """Which version was read of a table that is kept with versions."""

    source: str
    """`data`, or the name of the table beside it."""
    format: str
    """`Delta` or `Iceberg`."""
    version: str
    """Of Iceberg the number of the snapshot."""
    made: datetime | None
    """When it was written, in UTC; nothing where its log does not say."""


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
    quality: Rows[QualityMeasure]
    rejected: Rows[Rejected]
    by_period: Rows[QualityPoint]
    left: tuple[LeftPart, ...] | None
    """What left databases; nothing where all tables are files."""
    versions: tuple[VersionPart, ...] | None
    """Which versions were read; nothing where no table is kept with versions."""
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
    drivers: Rows[Driver]
    by_group: Rows[GroupDriver]
    in_words: tuple[Text, ...]


class ModelPart(Part):
    """How the forecast is made."""

    name: str
    version: str
    type: Text
    self_learning: bool
    inputs: Rows[Input]
    output: Text
    horizon: int
    period: str
    unit: Unit
    parameters: dict[str, str]
    candidates: tuple[Method, ...]
    baselines: tuple[Method, ...]
    choice_reason: str | NotApplicable | None
    explanation: ExplanationPart | None

    @property
    def baseline_labels(self) -> dict[str, str]:
        """What each baseline is called, by its name."""
        return {method.name: method.label for method in self.baselines}


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
    """Ends of one-sided tests."""
    blocks: int | None
    folds_won: int | None = None
    """Test folds in which the forecast was better, of `folds`."""
    folds: int | None = None
    places_won: int | None = None
    """Places for which it was better over all folds, of `places`."""
    places: int | None = None
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


class PlaceForecast(Part):
    """What the final model says of the first period after the data, rounded for publication."""

    value: float | None
    low: float | None
    high: float | None
    reason: Text = ""
    """Why there is no value."""


class PlaceGroup(Part):
    """A group of the audit in one place."""

    dimension: str
    group: Text
    share: float | None = None
    """Of its residents; nothing where the place belongs to the group as a whole."""


class PlaceResult(Part):
    """One area, or one entity where entities have no areas."""

    id: str
    name: str
    area: str
    """Its area on the map; empty where several share one."""
    figures: Rows[Number]
    forecast: PlaceForecast | None = None
    """Of the period from `EvalPart.next_period`; nothing where none is forecast."""
    residents: float | None = None
    """People who live there, with two significant digits, where the area table tells."""
    groups: Rows[PlaceGroup] = ()
    """Who lives there: of public tables of areas alone."""


class EvalPart(Part):
    """How well it works."""

    design: tuple[Text, ...]
    folds: Rows[FoldPart]
    metrics: Rows[Number]
    comparisons: Rows[Comparison]
    practice: str
    """Name of the baseline that stands for today's practice."""
    practice_label: Text
    nominal_coverage: float
    coverage_tolerance: float
    confidence: float
    series: Rows[SeriesPoint]
    series_note: Text
    series_step: int = 0
    """Totals of periods are multiples of it, where one is hidden; 0 where none is."""
    places: Rows[PlaceResult]
    places_label: Text
    places_note: Text
    boundaries: str
    """File with the outlines of the areas."""
    boundaries_key: str
    metric_reason: str | NotApplicable | None
    in_words: tuple[Text, ...]
    ranked: RankedPart | None = None
    """What the top of a list holds; nothing where amounts are forecast."""
    more_folds: int | None = None
    """Replays that the data would hold beside those made; None where nothing was replayed."""
    next_period: date | None = None
    """First day of the first period after the data, which places are forecast for."""
    next_step: int = 0
    """Those forecasts are multiples of it, where something small is hidden; 0 where none is."""
    worth: WorthPart | None = None
    """What simpler ways of spending the same would do; nothing where no outcome is known."""

    @property
    def own_words(self) -> tuple[str, ...]:
        """What is ranked, and what it may turn out to be, in the city's words."""
        return (self.ranked.cases, self.ranked.outcome) if self.ranked else ()

    @property
    def capacity(self) -> tuple[CapacityPoint, ...]:
        """What would be found at other capacities."""
        return self.ranked.capacity if self.ranked else ()

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Scores beside what came to pass, band by band."""
        return self.ranked.curve if self.ranked else ()
