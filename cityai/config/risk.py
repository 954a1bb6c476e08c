"""A risk question: cases with an outcome of yes or no, of which the city can act on a few."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cityai.config.entity import BaseEntitySpec
from cityai.config.project import (
    AuditSpec,
    BaseFeaturesSpec,
    BaseModelsSpec,
    BaseProjectSpec,
    BaseQuestionSpec,
    Location,
    Period,
)
from cityai.config.record import Slug, SpecRecord, Text
from cityai.config.tables import CityTableSpec, ColumnSpec, KnownSpec, SourceSpec

Days = Annotated[int, Field(ge=1, le=36_500)]


class OutcomeSpec(SpecRecord):
    """What turned out, yes or no."""

    column: Text
    """Column with the outcome; an empty cell is an outcome that is not known."""
    yes: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Values that mean yes."""
    no: tuple[Text, ...] | None = None
    """Values that mean no; when given, any other value rejects the row."""
    at_least: float | None = None
    """In place of `yes`, for a column of numbers: this and more mean yes, less means no."""
    at_most: float | None = None
    """In place of `yes`: this and less mean yes, more means no."""
    label: Text = "the outcome is yes"
    """What yes means, in a reader's words: `a critical violation is found`."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if sum(x is not None for x in (self.yes, self.at_least, self.at_most)) != 1:
            raise ValueError("give one of `yes`, `at_least` or `at_most`")
        if self.no is not None and self.yes is None:
            raise ValueError("`no` belongs to `yes`")
        return self


class AskedAtSpec(SpecRecord):
    """The moment at which a case is asked about."""

    days_before: Annotated[int, Field(ge=0, le=3650)] | None = None
    """Whole days before the case's day; asked at local midnight, when that day begins."""
    column: Text | None = None
    """Column with the moment itself."""
    registered: Text | None = None
    """Column with the moment at which the city first knew of the case (a booking). A case that was
    not known yet when it would be asked about is out of scope."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.days_before is None) == (self.column is None):
            raise ValueError("give either `days_before` or `column`")
        return self


class RiskEntitySpec(BaseEntitySpec):
    """What a case is about. Attributes are cells of the case's own row, known when it is asked."""

    latitude: Text | None = None
    """Column with the latitude of the case, in degrees (WGS 84)."""
    longitude: Text | None = None
    """Column with its longitude."""

    @model_validator(mode="after")
    def _a_point(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give `latitude` and `longitude` together")
        return self


class DecisionSpec(SpecRecord):
    """What the city can do with the answers: act on the first ones, or on those above a limit."""

    rule: Literal["top", "threshold"] = "top"
    """`top`: the highest probabilities, as many as the capacity. `threshold`: all from a limit."""
    capacity: Annotated[int, Field(ge=1)] | None = None
    """Cases that can be acted on in each period (`per`)."""
    per: Literal[Period, "fold"] = "day"
    """Period that the capacity holds for, by the days on which cases take place."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Least probability to act on."""
    action: Text = "acted on first"
    """What happens to a selected case, in a reader's words: `inspected first`."""

    @model_validator(mode="after")
    def _rule_has_its_number(self) -> Self:
        if self.rule == "top" and (self.capacity is None or self.threshold is not None):
            raise ValueError("`rule: top` needs `capacity`, and no `threshold`")
        if self.rule == "threshold" and (self.threshold is None or self.capacity is not None):
            raise ValueError("`rule: threshold` needs `threshold`, and no `capacity`")
        return self


class RiskQuestionSpec(BaseQuestionSpec):
    """What is asked of each case."""

    case: Text | Annotated[tuple[Text, ...], Field(min_length=1)]
    """Column that identifies a case, or several that do together."""
    rows: Literal["one", "several"] = "one"
    """Rows of a case. `one`: a repeated case is rejected. `several`: they are joined. The outcome
    is yes where any of them says yes, else not known where any of them is not; the case takes
    place at the first of its moments, and is known at the last; of an attribute, the first value
    in time is used, and a finding says where they differ."""
    outcome: OutcomeSpec
    """What turned out."""
    asked: AskedAtSpec = AskedAtSpec(days_before=0)
    """When it is asked."""
    entity: RiskEntitySpec
    """What a case is about."""
    decision: DecisionSpec
    """What the city can do with the answers."""
    actual_order: bool = False
    """Whether cases were worked off in the order of their time, so that finding something sooner
    has a meaning."""


class JoinSpec(SpecRecord):
    """A second table with more about the same rows, one row each."""

    source: SourceSpec
    """Where it is."""
    on: Text
    """Column that both tables have, and that identifies a row in this one."""
    columns: Annotated[dict[str, ColumnSpec], Field(min_length=1)]
    """The columns to take over, each with its contract."""


class EventSpec(SpecRecord):
    """A table of things that happened: complaints, calls nearby, what past inspections found."""

    source: SourceSpec
    """Where it is."""
    time: Text
    """Column with the moment or day on which it happened."""
    known: KnownSpec
    """When a row could first be seen. Only rows known before the question are used."""
    by: Literal["entity", "area", "point", "city"] = "entity"
    """Whom it belongs to: the case's entity, its area, what lies near its point, or everyone."""
    key: Text | None = None
    """Column with the entity's or area's id."""
    latitude: Text | None = None
    """Column with the latitude in degrees, for `by: point`."""
    longitude: Text | None = None
    """Column with the longitude."""
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    """Columns to read: the numeric ones are added up, the others serve `where` and `categories`."""
    totals: dict[Slug, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Sums of several numeric columns under one name; they then stand for those columns."""
    categories: Text | None = None
    """Column whose `allowed` values are counted apart."""
    where: dict[str, tuple[str | bool | int, ...]] = Field(default_factory=dict)
    """Rows to use: a column and its values."""
    join: JoinSpec | None = None
    """A second table with more about the same rows."""
    label: Text | None = None
    """What the events are called, in the plural: `sanitation complaints`."""

    @property
    def contract(self) -> dict[str, ColumnSpec]:
        """Its columns, and those of the table that is joined to it."""
        return {**self.columns, **(self.join.columns if self.join else {})}

    @model_validator(mode="after")
    def _place(self) -> Self:
        if (self.by in ("entity", "area")) != (self.key is not None):
            raise ValueError("`by: entity` and `by: area` need `key`, the others have none")
        if (self.by == "point") != (self.latitude is not None and self.longitude is not None):
            raise ValueError("`by: point` needs `latitude` and `longitude`, the others have none")
        return self


class DecaySpec(SpecRecord):
    """How what happened nearby loses weight with time and distance."""

    half_life_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    """Days after which an event counts half; after eight times as many it counts no more."""
    reach_m: Annotated[float, Field(gt=0, le=100_000)] = 800.0
    """Metres at which an event counts no more; the weight falls evenly from the point to there."""


class RiskFeaturesSpec(BaseFeaturesSpec):
    """What the model may look at."""

    windows_days: Annotated[tuple[Days, ...], Field(min_length=1)] = (90, 365, 730)
    """Days before the question over which the past is counted."""
    decay: DecaySpec = DecaySpec()
    """How what happened nearby loses weight."""


class RiskBacktestSpec(SpecRecord):
    """How the past is replayed."""

    folds: Annotated[int, Field(ge=1, le=200)] | None = None
    """Test folds, the last of them the latest. When omitted, as many as the history holds: up to
    26, up to 52 where a fold lasts a week at most, fewer where they would cost much time."""
    first_test: date | None = None
    """First day of the last test fold; earlier folds are counted back from it."""
    stride_days: Annotated[int, Field(ge=1)] = 30
    """Days in a test fold before the last one, which runs to the end of the data."""
    gap_days: Annotated[int, Field(ge=0)] = 0
    """Days before a fold's cutoff whose outcomes are not learnt from."""
    min_train: Annotated[int, Field(ge=50)] = 500
    """Least number of cases with a known outcome to learn from."""


class RiskModelsSpec(BaseModelsSpec):
    """What may predict."""

    city_score: Text | CityTableSpec | None = None
    """Column of the data with the city's own score of the case, made before it, or a table of its
    own with a row for each case; compared with, never learnt from."""
    averages: tuple[Text, ...] = ()
    """Columns of the data, known when the case is asked about, whose bare average is compared with
    and never learnt from: who inspects. Texts among the attributes have theirs anyway."""


class RiskAuditSpec(AuditSpec):
    """For whom the list must hold."""

    infers: Literal["this city", "others like these"] = "others like these"
    """What the intervals are about: other entities like these, or this city at other times."""


class RiskSpec(BaseProjectSpec):
    """A ranking of cases by risk: a whole project, resolved; nothing is looked up after this."""

    kind: Literal["risk"] = "risk"
    """Kind of question."""
    question: RiskQuestionSpec
    """What is asked of each case."""
    events: dict[Slug, EventSpec] = Field(default_factory=dict)
    """Tables of what happened before, by name."""
    audit: RiskAuditSpec = RiskAuditSpec()
    """For whom the list must hold."""
    features: RiskFeaturesSpec = RiskFeaturesSpec()
    """What the model may look at."""
    backtest: RiskBacktestSpec = RiskBacktestSpec()
    """How the past is replayed."""
    models: RiskModelsSpec = RiskModelsSpec()
    """What may predict."""

    @model_validator(mode="after")
    def _not_for_risk(self) -> Self:
        for key, is_given in (
            ("layout", self.data.layout != "events"),
            ("unpivot", self.data.unpivot is not None),
            ("outages", bool(self.data.outages)),
        ):
            if is_given:
                raise ValueError(f"`data.{key}` belongs to `kind: demand`")
        if self.data.key not in ((), self.row_key):
            raise ValueError("the key of a case is `question.case`; leave `data.key` out")
        return self

    @property
    def happenings(self) -> dict[str, EventSpec]:
        """Tables of what happened before, by name."""
        return self.events

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that identify a row, where one row is one case."""
        return self.case_columns if self.question.rows == "one" else ()

    @property
    def city_own(self) -> tuple[str, Text | CityTableSpec | None]:
        """The city's own score."""
        return "city_score", self.models.city_score

    @property
    def asked_of(self) -> tuple[str, ...]:
        """Columns that identify a case."""
        return self.case_columns

    @property
    def case_columns(self) -> tuple[str, ...]:
        """The columns that identify a case."""
        case = self.question.case
        return (case,) if isinstance(case, str) else case

    @property
    def named_columns(self) -> tuple[tuple[Location, str], ...]:
        """Those of every question, the case, its outcome, moments and point."""
        question = self.question
        named: dict[Location, str | None] = {
            ("question", "outcome", "column"): question.outcome.column,
            ("question", "asked", "column"): question.asked.column,
            ("question", "asked", "registered"): question.asked.registered,
            ("question", "entity", "latitude"): question.entity.latitude,
            ("question", "entity", "longitude"): question.entity.longitude,
        }
        cases = ((("question", "case"), name) for name in self.case_columns)
        own = ((at, name) for at, name in named.items() if name)
        averages = ((("models", "averages"), name) for name in self.models.averages)
        return (*super().named_columns, *cases, *own, *averages)

    @property
    def capacity(self) -> int | None:
        """Cases a slot that can be acted on."""
        return self.question.decision.capacity

    @property
    def coverage(self) -> float:
        """Yes and no have no range; the confidence of intervals on statistics stands in."""
        return self.policy.confidence
