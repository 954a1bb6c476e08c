"""The audit file: predictions that somebody else made, and how they are judged (`audit.yaml`)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cityai.config.city import AreasSpec
from cityai.config.project import AuditableSpec
from cityai.config.record import Slug, SpecRecord, Text
from cityai.config.tables import ColumnSpec, Encoding, check_marks

Answer = Literal["amount", "yes/no"]
Label = str | bool | int


class TableSpec(SpecRecord):
    """How the file is written: CSV, a workbook, JSON or a database."""

    table: Text | None = None
    """Table or view of a database, or sheet of a workbook."""
    encoding: Encoding = "utf-8"
    """Encoding of a CSV file."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Separator of a CSV file."""
    skip: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Lines above the header of a CSV file, or rows above that of a sheet, such as a title."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers written as text."""
    thousands: Literal["", ",", ".", " ", "'"] = ""
    """Mark between thousands of numbers written as text."""
    beside: tuple[Text, ...] = ()
    """Texts beside a number that are not part of it, such as `%` or `$`."""
    date_format: Text | None = None
    """How days and moments are written, such as `%m/%d/%Y`; ISO 8601 without it."""
    missing: tuple[str, ...] = ("",)
    """Texts that stand for a missing value."""
    max_rows: Annotated[int, Field(ge=1)] = 5_000_000
    """Larger tables are refused."""

    @model_validator(mode="after")
    def _two_marks(self) -> Self:
        check_marks(self.decimal, self.thousands)
        return self


class GivenColumns(SpecRecord):
    """What the columns of the predictions hold."""

    entity: Text | None = None
    """Whom or what a row is about; without it every row is about somebody else."""
    as_of: Text | None = None
    """When the prediction was made; without it all were made in one period."""
    step: Text | None = None
    """Periods ahead, from 1."""
    outcome: Text | None = None
    """What came to pass: an amount, or 0 and 1. Without it, only what needs none is said."""
    outcome_yes: tuple[Label, ...] = ()
    """Values of `outcome` that mean yes, when not 0 and 1: each is in a row. Others mean no."""
    prediction: Text | None = None
    """The forecast (`amount`), or the score: the higher, the likelier (`yes/no`)."""
    low: Text | None = None
    """Low end of the range of an amount."""
    high: Text | None = None
    """High end of the range."""
    decision: Text | None = None
    """What was decided on the prediction: 0 and 1 (`yes/no`)."""
    decision_yes: tuple[Label, ...] = ()
    """Values of `decision` that mean yes, when not 0 and 1: each is in a row. Others mean no."""
    baselines: dict[Slug, Text] = Field(default_factory=dict)
    """Other forecasts of the same amounts, by name: `{last_year: same_month_last_year}`."""
    area: Text | None = None
    """Area that a row lies in, for groups of residents and bands."""

    @property
    def named(self) -> dict[str, str]:
        """Every column that is read, by the key that names it."""
        single = self.model_dump(exclude={"baselines", "outcome_yes", "decision_yes"})
        found = {key: name for key, name in single.items() if name is not None}
        return found | {f"baselines.{key}": name for key, name in self.baselines.items()}


class GivenSpec(SpecRecord):
    """The predictions as they were handed over."""

    kind: Answer
    """`amount`: how much. `yes/no`: will it happen, who is selected."""
    unit: Text
    """What is predicted or judged: `tons`, `requests`; for `yes/no` whom: `defendants`."""
    columns: GivenColumns
    """Which column holds what."""
    threshold: float | None = None
    """A score at or above it is a yes, where no column holds the decision."""
    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """What share of outcomes the range is meant to hold."""
    made_by: str = ""
    """Who made them: `the vendor's model, version 3`."""
    label: Text = "entity"
    """What one entity is called."""
    label_plural: Text = "entities"
    """What several are called."""
    areas: Slug | None = None
    """The city's area table that `columns.area` refers to."""
    file: TableSpec = TableSpec()
    """How the file is written."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        columns = self.columns
        if (columns.area is None) != (self.areas is None):
            raise ValueError("give `columns.area` and `areas` together")
        if (columns.low is None) != (columns.high is None):
            raise ValueError("give `columns.low` and `columns.high` together")
        if columns.step is not None and columns.as_of is None:
            raise ValueError("`columns.step` counts from `columns.as_of`, which is missing")
        self._check_amount() if self.kind == "amount" else self._check_answer()
        return self

    def _check_amount(self) -> None:
        columns = self.columns
        if columns.prediction is None:
            raise ValueError("an `amount` needs `columns.prediction`")
        if columns.decision or columns.outcome_yes or self.threshold is not None:
            raise ValueError(
                "`columns.decision`, `columns.outcome_yes` and `threshold` belong to `yes/no`"
            )

    def _check_answer(self) -> None:
        columns = self.columns
        if columns.low or columns.baselines:
            raise ValueError("a range and `columns.baselines` belong to `amount`")
        if columns.decision is None and columns.prediction is None:
            raise ValueError("`yes/no` needs `columns.decision`, or `columns.prediction`")
        if self.threshold is not None and columns.decision is not None:
            raise ValueError("give either `columns.decision` or `threshold`")
        if self.threshold is not None and columns.prediction is None:
            raise ValueError("`threshold` needs the score, `columns.prediction`")
        if columns.outcome_yes and columns.outcome is None:
            raise ValueError("`columns.outcome_yes` needs `columns.outcome`")
        if columns.decision_yes and columns.decision is None:
            raise ValueError("`columns.decision_yes` needs `columns.decision`")


class MaturitySpec(SpecRecord):
    """How long an outcome takes, so that outcomes that are not final yet are found."""

    asked: Text
    """Column with the day from which the outcome is counted."""
    outcome_days: Annotated[int, Field(ge=1)] | None = None
    """Days until an outcome is final: 730 for "within two years"."""
    data_until: date | None = None
    """Last day on which an outcome could be seen in these data."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.outcome_days is None) != (self.data_until is None):
            raise ValueError("give `outcome_days` and `data_until` together")
        return self


class AuditFileSpec(AuditableSpec):
    """A whole audit of given predictions, resolved: nothing is looked up after this."""

    kind: Literal["external"] = "external"
    """Kind of question: predictions that somebody else made are judged."""
    predictions: GivenSpec
    """What was handed over."""
    maturity: MaturitySpec | None = None
    """When outcomes are final."""

    @property
    def areas(self) -> AreasSpec | None:
        """The area table that rows lie in."""
        name = self.predictions.areas
        return None if name is None else self.city.areas[name]

    @property
    def unit(self) -> str:
        """What is predicted."""
        return self.predictions.unit

    @property
    def entity(self) -> str:
        """What one entity is called."""
        return self.predictions.label

    @property
    def entities(self) -> str:
        """What several entities are called."""
        return self.predictions.label_plural

    @property
    def coverage(self) -> float:
        """Nominal coverage of the range."""
        return self.predictions.coverage

    @property
    def contract(self) -> dict[str, ColumnSpec]:
        """Every column that is read."""
        return {name: ColumnSpec(type="text") for name in sorted(set(self.columns.values()))}

    @property
    def columns(self) -> dict[str, str]:
        """Every column that is read, by the key that names it."""
        found = {f"predictions.columns.{k}": v for k, v in self.predictions.columns.named.items()}
        if self.maturity is not None:
            found["maturity.asked"] = self.maturity.asked
        for name, dimension in self.audit.dimensions.items():
            if dimension.attribute is not None and dimension.attribute not in ("area", "entity"):
                found[f"audit.dimensions.{name}.attribute"] = dimension.attribute
        return found
