"""The project: the question, the data that answer it, and how the answer is judged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from cityai.config.city import AreasSpec, CitySpec
from cityai.config.dimension import DimensionSpec, MitigationSpec
from cityai.config.entity import BaseEntitySpec, EntitySpec
from cityai.config.policy import Limits, PolicySpec
from cityai.config.record import ProjectName, Slug, SpecRecord, Text
from cityai.config.tables import CityTableSpec, ColumnSpec, CovariateSpec, DataSpec
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

    folds: Annotated[int, Field(ge=2, le=200)] | None = None
    """Test folds, walked back from the last mature label. When omitted, as many as the history
    holds: up to 26, up to 52 where a fold lasts a week at most, fewer where they would cost much
    time."""
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


WEIGHT_FILES: Final = ("config.json", "model.safetensors")
"""Settings and weights of a pretrained model, in its folder."""


class PretrainedSpec(SpecRecord):
    """A pretrained forecaster, whose weights the city has on disk."""

    path: Text
    """Folder with ``config.json`` and ``model.safetensors``, as Fracast saves a model."""
    licence: Text
    """Licence of the weights, for the card."""
    name: Text | None = None
    """What it is called; the folder's name when omitted."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of the folder that are read."""
        return tuple(f"{self.path}/{name}" for name in WEIGHT_FILES)


class ModelsSpec(BaseModelsSpec):
    """What may predict."""

    pretrained: PretrainedSpec | None = None
    """A pretrained forecaster as one more candidate, ``pretrained``; nothing is fetched."""

    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Nominal coverage of the interval."""
    city_rule: Text | CityTableSpec | None = None
    """Column of the data with the city's own forecast of the row's period, made before it, or a
    table of its own with a row for each entity and period."""


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
    kind: str
    """Kind of question."""

    @property
    @abstractmethod
    def areas(self) -> AreasSpec | None:
        """The area table that those asked about lie in."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of what is predicted."""

    @property
    @abstractmethod
    def entity(self) -> str:
        """What one of those that it is about is called."""

    @property
    @abstractmethod
    def entities(self) -> str:
        """What several of those that it is about are called."""

    @property
    def capacity(self) -> int | None:
        """How many a slot can be acted on, where that is declared."""
        return None

    @property
    @abstractmethod
    def coverage(self) -> float:
        """What share of outcomes an interval is meant to hold."""

    @property
    @abstractmethod
    def contract(self) -> dict[str, ColumnSpec]:
        """The columns of the data, each with what it must hold."""

    @property
    def limits(self) -> dict[str, float]:
        """Limits of the audit: the policy's, its own in their place."""
        return {**self.policy.limits, **self.audit.limits}


class BaseProjectSpec(AuditableSpec):
    """A whole project, resolved, whatever the kind of its question."""

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
    def summed_by(self) -> Period | None:
        """Period that rows are added up by; None where each row is a case of its own."""
        return None

    @property
    def happenings(self) -> dict[str, EventSpec]:
        """Tables of what happened before, by name, where the question has any."""
        return {}

    @property
    def amount(self) -> str | None:
        """Column that is added up, if any."""
        return None

    @property
    def city_own(self) -> tuple[str, Text | CityTableSpec | None]:
        """The key of `models` with what the city itself says, and the column or table it is in."""
        return "", None

    @property
    def asked_of(self) -> tuple[str, ...]:
        """Columns that identify what is asked about: the entity, or the case."""
        return self.question.entity.columns

    @property
    def city_table(self) -> CityTableSpec | None:
        """The table with what the city itself says, where it has one of its own."""
        own = self.city_own[1]
        return own if isinstance(own, CityTableSpec) else None

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
        key, own = self.city_own
        if isinstance(own, str):
            lists["models", key] = [own]
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
    def summed_by(self) -> Period | None:
        """Period that rows are added up by."""
        return self.question.period

    @property
    def named_columns(self) -> tuple[tuple[Location, str], ...]:
        """Those of every question, and the amount."""
        value = self.question.value
        return (*super().named_columns, *([(("question", "value"), value)] if value else []))

    @property
    def city_own(self) -> tuple[str, Text | CityTableSpec | None]:
        """The city's own forecast."""
        return "city_rule", self.models.city_rule
