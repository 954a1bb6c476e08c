"""The project: the question, the data that answer it, and how the answer is judged."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cityai.spec.city import AreasSpec, CitySpec
from cityai.spec.mitigation import MitigationSpec
from cityai.spec.policy import PolicySpec
from cityai.spec.record import Share, Slug, SpecRecord, Text
from cityai.spec.words import WordsSpec

Period = Literal["day", "week", "month"]
ColumnType = Literal["text", "integer", "number", "boolean", "date", "datetime"]


class SourceSpec(SpecRecord):
    """Where a table is."""

    path: Text
    """CSV or Parquet file, or DuckDB/SQLite database. Relative to the project's folder, or
    `${CITYAI_DATA}/...`."""
    table: Text | None = None
    """Table or view, for a database."""
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    """Encoding of a CSV file."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Separator of a CSV file."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of a CSV file."""
    missing: tuple[str, ...] = ("",)
    """Texts that stand for a missing value in a CSV file. `NA` is a text unless listed."""


class ColumnSpec(SpecRecord):
    """The contract of one source column."""

    type: ColumnType
    """Type that every filled cell must convert to."""
    required: bool = False
    """Whether an empty cell rejects the row."""
    min: float | None = None
    """Least allowed value."""
    max: float | None = None
    """Largest allowed value."""
    allowed: tuple[str, ...] | None = None
    """The only allowed texts."""
    pattern: str | None = None
    """Regular expression that the whole text must match."""
    format: str | None = None
    """strptime pattern of a date written as text. ISO 8601 without it; nothing is guessed."""
    label: str = ""
    """What it is, in a reader's words."""


class UnpivotSpec(SpecRecord):
    """Turn one column per entity into one row per entity."""

    columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Columns to turn into rows."""
    into: Text = "name"
    """New column with the old column's name."""
    value: Text = "value"
    """New column with its value."""


class KnownSpec(SpecRecord):
    """When the city's systems could first see a row: a column, or a fixed lag."""

    column: Text | None = None
    """Column with the moment."""
    lag_days: Annotated[int, Field(ge=0)] | None = None
    """Days after the event (or after the end of a panel's period)."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.column is None) == (self.lag_days is None):
            raise ValueError("give either `column` or `lag_days`")
        return self


class OutageSpec(SpecRecord):
    """Days on which nobody measured: the system was down, a district was not visited."""

    since: date
    """First day."""
    until: date
    """First day no longer in it (half-open). A period that it touches is missing, not zero."""
    areas: tuple[Text, ...] | None = None
    """Ids of the areas concerned; the whole city when omitted."""
    reason: Text
    """What happened, for the card."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until <= self.since:
            raise ValueError("`until` must be after `since`")
        return self


class DataSpec(SpecRecord):
    """The table that is counted, summed or measured."""

    source: SourceSpec
    """Where it is."""
    layout: Literal["events", "panel"] = "events"
    """`events`: one row an event. `panel`: one row an entity and period, present when reported."""
    unpivot: UnpivotSpec | None = None
    """For a table with one column per entity."""
    time: Text
    """Column with the moment of the event, or the start of the panel's period."""
    zone: Literal["local", "utc"] = "local"
    """Whether moments are written in the city's time or in UTC."""
    known: KnownSpec
    """When a row could first be seen."""
    reporting_delay_days: Annotated[int, Field(ge=0)] = 0
    """Days after a period's end until its total is taken as final (mature)."""
    since: date | None = None
    """First day used. Earlier rows are out of scope."""
    until: date | None = None
    """First day no longer used (half-open)."""
    key: tuple[Text, ...] = ()
    """Columns that identify a row. A repeated key is rejected."""
    columns: Annotated[dict[str, ColumnSpec], Field(min_length=1)]
    """The contract. Columns not listed are not read."""
    where: dict[str, tuple[str | bool | int, ...]] = Field(default_factory=dict)
    """Rows in scope: a column and its values. Others are counted as out of scope."""
    outages: tuple[OutageSpec, ...] = ()
    """Days on which nobody measured. What is not declared here counts as it stands."""
    max_rows: Annotated[int, Field(ge=1)] = 50_000_000
    """Larger tables are refused."""


class CohortSpec(SpecRecord):
    """Which entities are asked about. A cohort fixed with hindsight is said on the card."""

    min_history: Annotated[int, Field(ge=1)] = 8
    """Periods since an entity's first row before it is asked about."""
    idle_after: Annotated[int, Field(ge=1)] | None = None
    """An entity with no row in that many last periods is no longer asked about."""
    first_before: date | None = None
    """Hindsight: keep only entities whose first row is before this day."""
    last_from: date | None = None
    """Hindsight: keep only entities whose last row is on or after this day."""
    min_rows: Annotated[int, Field(ge=1)] | None = None
    """Hindsight: keep only entities with at least so many rows in scope (`min_rows_since`)."""
    min_rows_since: date | None = None
    """Count the rows of `min_rows` from this day on."""


class EntitySpec(SpecRecord):
    """What a prediction is about."""

    columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Columns that together name the entity; several are joined with ` / `."""
    label: Text = "entity"
    """What one is called: `community district`."""
    label_plural: Text = "entities"
    """What several are called."""
    area: Text | None = None
    """Column with the area that it lies in."""
    areas: Slug | None = None
    """The city's area table that `area` refers to."""
    attributes: tuple[Text, ...] = ()
    """Columns that describe it: features, and groups of the audit. The value known last counts."""
    cohort: CohortSpec = CohortSpec()
    """Which entities are asked about."""


class QuestionSpec(SpecRecord):
    """What is asked."""

    measure: Literal["count", "sum"] = "count"
    """Count rows, or sum `value`."""
    value: Text | None = None
    """Column to sum."""
    unit: Text
    """Unit of the target: `tons`, `requests`, `people`."""
    missing_periods: Literal["zero", "missing"] = "zero"
    """A period without a row: nothing happened, or nobody measured."""
    period: Period
    """Grain in time, by the city's local calendar. Weeks begin on Monday."""
    horizon: Annotated[int, Field(ge=1, le=400)]
    """Periods ahead to predict, from step 1."""
    lead: Annotated[int, Field(ge=0, le=100)] = 0
    """Whole periods between `as_of` and the first target period."""
    entity: EntitySpec
    """What a prediction is about."""

    @model_validator(mode="after")
    def _sum_has_value(self) -> Self:
        if (self.measure == "sum") != (self.value is not None):
            raise ValueError("`measure: sum` needs `value`, `measure: count` has none")
        if (self.entity.area is None) != (self.entity.areas is None):
            raise ValueError("give `entity.area` and `entity.areas` together")
        return self


class CovariateSpec(SpecRecord):
    """Another table with values in time: weather, announced capacity, planned closures."""

    source: SourceSpec
    """Where it is."""
    time: Text
    """Column with the day (or the start of the period)."""
    by: Literal["city", "area", "entity"] = "city"
    """What one row is about."""
    key: Text | None = None
    """Column with the area's or entity's id."""
    known: KnownSpec | Literal["ahead"]
    """`ahead`: known for the target period when asked. Otherwise only its past is used."""
    columns: Annotated[dict[str, ColumnSpec], Field(min_length=1)]
    """The numeric columns to use, each with its contract."""
    combine: Literal["mean", "sum", "max", "last"] = "mean"
    """How several rows in one period are combined."""


class FeaturesSpec(SpecRecord):
    """What the model may look at. Sensible lags and windows are chosen by period when omitted."""

    lags: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Periods back from `as_of`."""
    windows: tuple[Annotated[int, Field(ge=2)], ...] | None = None
    """Lengths, in periods, of rolling means, sums and trends."""
    levels: tuple[Literal["entity", "area", "city"], ...] = ("entity", "area", "city")
    """Levels at which windows are taken."""
    calendar: bool = True
    """Month, week, weekday, length and public holidays of the target period."""
    attributes: bool = True
    """The entity's attributes and its code."""
    exclude: tuple[Text, ...] = ()
    """Features not to use."""
    own: tuple[Text, ...] = ()
    """Functions of the project's `features.py`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Words for readers, by feature name."""


class BacktestSpec(SpecRecord):
    """How the past is replayed."""

    folds: Annotated[int, Field(ge=2, le=200)] = 8
    """Test folds, walked back from the last mature label."""
    stride: Annotated[int, Field(ge=1)] | None = None
    """Periods between the folds' moments; the horizon when omitted."""
    calibration: Annotated[int, Field(ge=2, le=200)] = 8
    """Earlier origins that only weigh candidates and calibrate intervals."""
    min_train: Annotated[int, Field(ge=2)] | None = None
    """Least periods of history at the first origin; two seasons when omitted."""


class ModelsSpec(SpecRecord):
    """What may predict."""

    candidates: tuple[str, ...] | None = None
    """Names of candidates; all of the kind's when omitted."""
    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Nominal coverage of the interval."""
    city_rule: Text | None = None
    """Column of the data with the city's own forecast of the row's period, made before it."""
    seed: Annotated[int, Field(ge=0)] = 20260101
    """Seed of everything random."""
    threads: Annotated[int, Field(ge=1)] = 2
    """Threads; results do not depend on them."""


class DimensionSpec(SpecRecord):
    """One way to divide people or places into groups."""

    label: Text
    """Its name for readers: `Race and ethnicity of residents`."""
    attribute: Text | None = None
    """Hard groups: an attribute of the entity, or `area`, or `entity`."""
    shares: dict[str, tuple[Text, ...]] | None = None
    """Soft groups: for each, the columns of the area table that add up to its residents."""
    per: Literal["count", "percent", "share"] = "count"
    """What the columns of `shares` hold."""
    rest: Text | None = None
    """Name of the group of the residents in none of `shares`."""
    bands: Text | tuple[Text, ...] | None = None
    """Quantile bands of a numeric column of the area table, or of the sum of several."""
    band_names: tuple[Text, ...] = ("lowest", "lower middle", "upper middle", "highest")
    """Names of the bands, from low to high; their number is the number of bands."""
    population: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """People (or shares of them) in each group, where no area table tells."""
    reference: Text = "overall"
    """Group that each is compared with: `overall`, `best`, or a group's name."""
    protected: bool = False
    """Whether the law protects it (race, ethnicity, sex ...): deciding with it needs review."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(x is not None for x in (self.attribute, self.shares, self.bands)) != 1:
            raise ValueError("give one of `attribute`, `shares` or `bands`")
        return self


class AuditSpec(SpecRecord):
    """For whom the answer must hold."""

    dimensions: dict[Slug, DimensionSpec] = Field(default_factory=dict)
    """Ways to divide residents or places into groups."""
    infers: Literal["this city", "others like these"] = "this city"
    """What the intervals are about: this city at other times, or other entities like these."""
    limits: dict[Slug, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Limits of this project, in place of the policy's of the same name."""


class JudgedSpec(SpecRecord):
    """What is declared of every audited system, whoever made its predictions."""

    name: Slug
    """Name of the project and of its folder."""
    title: Text
    """Title for readers."""
    audit: AuditSpec = AuditSpec()
    city: CitySpec
    policy: PolicySpec = PolicySpec()
    words: WordsSpec = WordsSpec()

    @property
    def unit(self) -> str:
        """Unit of what is predicted."""
        raise NotImplementedError

    @property
    def coverage(self) -> float:
        """What share of outcomes an interval is meant to hold."""
        raise NotImplementedError

    @property
    def contract(self) -> dict[str, ColumnSpec]:
        """The columns of the data, each with what it must hold."""
        raise NotImplementedError

    @property
    def limits(self) -> dict[str, float]:
        """Limits of the audit: the policy's, its own in their place."""
        return {**self.policy.limits, **self.audit.limits}


class ProjectSpec(JudgedSpec):
    """A whole project, resolved: nothing is looked up after this."""

    kind: Literal["demand"] = "demand"
    """Kind of question."""
    question: QuestionSpec
    """What is asked."""
    data: DataSpec
    """The table that answers it, and its contract."""
    covariates: dict[Slug, CovariateSpec] = Field(default_factory=dict)
    """Other tables with values in time, by name."""
    features: FeaturesSpec = FeaturesSpec()
    """What the model may look at."""
    backtest: BacktestSpec = BacktestSpec()
    """How the past is replayed."""
    models: ModelsSpec = ModelsSpec()
    """What may predict."""
    mitigation: MitigationSpec | None = None
    """What was done about a gap between groups, and who chose it."""

    @property
    def areas(self) -> AreasSpec | None:
        """The area table that the entities lie in."""
        name = self.question.entity.areas
        return None if name is None else self.city.areas[name]

    @property
    def unit(self) -> str:
        """Unit of the target."""
        return self.question.unit

    @property
    def coverage(self) -> float:
        """Nominal coverage of the interval."""
        return self.models.coverage

    @property
    def contract(self) -> dict[str, ColumnSpec]:
        """The contract of the data."""
        return self.data.columns


__all__ = ["JudgedSpec", "ProjectSpec", "Share"]
