"""The project: the question, the data that answer it, and how the answer is judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from cityai.config.city import AreasSpec, CitySpec
from cityai.config.entity import BaseEntitySpec, EntitySpec
from cityai.config.mitigation import MitigationSpec
from cityai.config.policy import Limits, PolicySpec
from cityai.config.record import ProjectName, Share, Slug, SpecRecord, Text
from cityai.config.tables import (
    ColumnSpec,
    ColumnType,
    CovariateSpec,
    DataSpec,
    KnownSpec,
    OutageSpec,
    SourceSpec,
    UnpivotSpec,
)
from cityai.config.words import WordsSpec

if TYPE_CHECKING:
    from cityai.config.risk import EventSpec

Period = Literal["day", "week", "month"]
Location = tuple[str, ...]


class BaseQuestionSpec(SpecRecord):
    """What is asked, whatever the kind of question."""

    unit: Text
    """Unit of what is asked about: `tons`, `requests`, `inspections`."""
    entity: BaseEntitySpec
    """What a prediction is about."""


class QuestionSpec(BaseQuestionSpec):
    """What is asked."""

    measure: Literal["count", "sum"] = "count"
    """Count rows, or sum `value`."""
    value: Text | None = None
    """Column to sum."""
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
        return self


class BaseFeaturesSpec(SpecRecord):
    """What a model may look at, whatever the kind of question."""

    calendar: bool = True
    """Month, week, weekday and public holidays of the day or period asked about."""
    attributes: bool = True
    """The attributes of what is asked about."""
    exclude: tuple[Text, ...] = ()
    """Features not to use."""
    own: tuple[Text, ...] = ()
    """Functions of the project's `features.py`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Words for readers, by feature name."""
    sensitive: dict[Text, Text] = Field(default_factory=dict)
    """Features that stand close to a protected group, each with the reason why it is used."""


class FeaturesSpec(BaseFeaturesSpec):
    """What the model may look at. Sensible lags and windows are chosen by period when omitted."""

    lags: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Periods back from `as_of`."""
    windows: tuple[Annotated[int, Field(ge=2)], ...] | None = None
    """Lengths, in periods, of rolling means, sums and trends."""
    levels: tuple[Literal["entity", "area", "city"], ...] = ("entity", "area", "city")
    """Levels at which windows are taken."""


class BacktestSpec(SpecRecord):
    """How the past is replayed."""

    folds: Annotated[int, Field(ge=2, le=200)] = 8
    """Test folds, walked back from the last mature label."""
    stride: Annotated[int, Field(ge=1)] | None = None
    """Periods between the folds' moments; the horizon when omitted. With fewer, folds overlap: a
    finding says so, and verdicts count those that do as one."""
    calibration: Annotated[int, Field(ge=2, le=200)] = 8
    """Earlier origins that only weigh candidates and calibrate intervals."""
    min_train: Annotated[int, Field(ge=2)] | None = None
    """Least periods of history at the first origin; two seasons when omitted."""


class BaseModelsSpec(SpecRecord):
    """What may predict, whatever the kind of question."""

    candidates: tuple[str, ...] | None = None
    """Names of candidates, the kind's and those of `own`; all of them when omitted."""
    own: tuple[Text, ...] = ()
    """Functions of the project's `models.py`: each returns a model, a candidate of its name."""
    only: Annotated[tuple[Text, ...], Field(max_length=1)] = ()
    """The one candidate that predicts alone: no other is fitted, nothing is blended."""
    seed: Annotated[int, Field(ge=0)] = 20260101
    """Seed of everything random."""
    threads: Annotated[int, Field(ge=1)] = 2
    """Threads; results do not depend on them."""


class ModelsSpec(BaseModelsSpec):
    """What may predict."""

    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Nominal coverage of the interval."""
    city_rule: Text | None = None
    """Column of the data with the city's own forecast of the row's period, made before it."""


class DimensionSpec(SpecRecord):
    """One way to divide people or places into groups."""

    label: Text
    """Its name for readers: `Race and ethnicity of residents`."""
    attribute: Text | None = None
    """Hard groups: an attribute of the entity, or `area`, or `entity`."""
    area_column: Text | None = None
    """Hard groups: a column of the area table with categories, such as a borough."""
    shares: dict[str, tuple[Text, ...]] | None = None
    """Soft groups: for each, the columns of the area table that add up to its residents."""
    per: Literal["count", "percent", "share"] = "count"
    """What the columns of `shares` hold."""
    largest: Annotated[int, Field(ge=2, le=200)] | None = None
    """Groups of an `attribute` or `area_column` to tell apart, those of most entities; `rest` names
    all others."""
    rest: Text | None = None
    """Name of the residents in none of `shares`, or of all values but the `largest`."""
    bands: Text | tuple[Text, ...] | None = None
    """Quantile bands of a numeric column of the area table, or of the sum of several."""
    band_names: tuple[Text, ...] = ("lowest", "lower middle", "upper middle", "highest")
    """Names of the bands, from low to high; their number is the number of bands."""
    cuts: tuple[float, ...] | None = None
    """Bands of a numeric `attribute`: the least value of each `band_names` but the first."""
    population: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """People (or shares of them) in each group, where no area table tells."""
    reference: Text = "overall"
    """Group that each is compared with: `overall`, `best`, or a group's name."""
    protected: bool = False
    """Whether the law protects it (race, ethnicity, sex ...): deciding with it needs review."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        named = self.attribute or self.area_column
        given = (self.attribute, self.area_column, self.shares, self.bands)
        if sum(x is not None for x in given) != 1:
            raise ValueError("give one of `attribute`, `area_column`, `shares` or `bands`")
        if self.largest is not None and (named is None or self.rest is None):
            raise ValueError("`largest` needs an `attribute`, and `rest` to name the others")
        if self.cuts is None:
            return self
        if self.attribute is None or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("`cuts` are increasing values of an `attribute`")
        if len(self.band_names) != len(self.cuts) + 1:
            raise ValueError("`band_names` must be one more than `cuts`")
        return self


class AuditSpec(SpecRecord):
    """For whom the answer must hold."""

    dimensions: dict[Slug, DimensionSpec] = Field(default_factory=dict)
    """Ways to divide residents or places into groups."""
    intersections: bool = False
    """Whether every two dimensions are crossed too. Many small crossings can hide whole groups, so
    that no small count can be worked out from all tables together."""
    infers: Literal["this city", "others like these"] = "this city"
    """What the intervals are about: this city at other times, or other entities like these."""
    limits: Limits = Field(default_factory=dict)
    """Limits of this project, in place of the policy's of the same name."""


class AuditableSpec(SpecRecord):
    """What is declared of every audited system, whoever made its predictions."""

    name: ProjectName
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
    def entity(self) -> str:
        """What one of those that it is about is called."""
        raise NotImplementedError

    @property
    def entities(self) -> str:
        """What several of those that it is about are called."""
        raise NotImplementedError

    @property
    def capacity(self) -> int | None:
        """How many a slot can be acted on, where that is declared."""
        return None

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


class BaseProjectSpec(AuditableSpec):
    """A whole project, resolved, whatever the kind of its question."""

    kind: str
    """Kind of question."""
    question: BaseQuestionSpec
    """What is asked."""
    data: DataSpec
    """The table that answers it, and its contract."""
    covariates: dict[Slug, CovariateSpec] = Field(default_factory=dict)
    """Other tables with values in time, by name."""
    features: BaseFeaturesSpec = BaseFeaturesSpec()
    """What the model may look at."""
    models: BaseModelsSpec = BaseModelsSpec()
    """What may predict."""

    @property
    def areas(self) -> AreasSpec | None:
        """The area table that the entities lie in."""
        name = self.question.entity.areas
        return None if name is None else self.city.areas[name]

    @property
    def unit(self) -> str:
        """Unit of what is asked about."""
        return self.question.unit

    @property
    def entity(self) -> str:
        """What one entity is called."""
        return self.question.entity.label

    @property
    def entities(self) -> str:
        """What several entities are called."""
        return self.question.entity.label_plural

    @property
    def contract(self) -> dict[str, ColumnSpec]:
        """The contract of the data."""
        return self.data.columns

    @property
    def happenings(self) -> dict[str, EventSpec]:
        """Tables of what happened before, by name, where the question has any."""
        return {}

    @property
    def amount(self) -> str | None:
        """Column that is added up, if any."""
        return None

    @property
    def row_key(self) -> tuple[str, ...]:
        """Columns that identify a row; a repeated key is rejected."""
        return self.data.key

    @property
    def named_columns(self) -> tuple[tuple[Location, str], ...]:
        """Every column of the data that is used, each with the place that names it."""
        entity, data = self.question.entity, self.data
        lists: dict[Location, Iterable[str | None]] = {
            ("question", "entity", "columns"): entity.columns,
            ("question", "entity", "attributes"): entity.attributes,
            ("question", "entity", "area"): [entity.area],
            ("data", "key"): data.key,
            ("data", "where"): data.where,
            ("data", "without"): data.without,
            ("data", "time"): [data.time],
            ("data", "known", "column"): [data.known.column],
        }
        return tuple((at, name) for at, names in lists.items() for name in names if name)


class ProjectSpec(BaseProjectSpec):
    """A forecast of amounts: a whole project, resolved; nothing is looked up after this."""

    kind: Literal["demand"] = "demand"
    """Kind of question."""
    question: QuestionSpec
    """What is asked."""
    features: FeaturesSpec = FeaturesSpec()
    """What the model may look at."""
    backtest: BacktestSpec = BacktestSpec()
    """How the past is replayed."""
    models: ModelsSpec = ModelsSpec()
    """What may predict."""
    mitigation: MitigationSpec | None = None
    """What was done about a gap between groups, and who chose it."""

    @property
    def coverage(self) -> float:
        """Nominal coverage of the interval."""
        return self.models.coverage

    @property
    def amount(self) -> str | None:
        """Column that is added up, if any."""
        return self.question.value

    @property
    def named_columns(self) -> tuple[tuple[Location, str], ...]:
        """Those of every question, the amount and the city's own forecast."""
        own = ((("question", "value"), self.question.value),)
        rule = ((("models", "city_rule"), self.models.city_rule),)
        return (*super().named_columns, *((at, name) for at, name in (*own, *rule) if name))


__all__ = [
    "AuditableSpec",
    "BaseProjectSpec",
    "ColumnSpec",
    "ColumnType",
    "CovariateSpec",
    "DataSpec",
    "KnownSpec",
    "OutageSpec",
    "ProjectSpec",
    "Share",
    "SourceSpec",
    "UnpivotSpec",
]
