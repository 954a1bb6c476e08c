"""Tables: where they are, what every column must hold, and when a row could be seen."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cityai.config.record import Slug, SpecRecord, Text

ColumnType = Literal["text", "integer", "number", "boolean", "date", "datetime"]
Encoding = Literal["utf-8", "latin-1", "cp1252", "utf-16"]


def check_marks(decimal: str, thousands: str) -> None:
    """Refuse one mark for two things in numbers."""
    if thousands == decimal:
        raise ValueError("`thousands` and `decimal` cannot be the same mark")


class SourceSpec(SpecRecord):
    """Where a table is: a file, or a SELECT that a database is asked for."""

    path: Text | None = None
    """CSV, Parquet, Excel (xlsx) or JSON file (a list of records, one a line, or GeoJSON), a folder
    of Parquet files (also a Delta or Iceberg table), or a DuckDB/SQLite database. Relative to the
    project's folder, or `${CITYAI_DATA}/...`."""
    connection: Slug | None = None
    """In place of `path`: a connection of the city's file, with `sql` or `table`."""
    sql: Text | None = None
    """File with the SELECT that the connection is asked for: a statement that the city owns."""
    table: Text | None = None
    """Table or view of a database, or sheet of a workbook; where a workbook has one with cells, it
    needs no name."""
    encoding: Encoding = "utf-8"
    """Encoding of a CSV file; `cp1252` is that of Excel on Windows."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Separator of a CSV file."""
    skip: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Lines above the header of a CSV file, or rows above that of a sheet, such as a title."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers written as text."""
    thousands: Literal["", ",", ".", " ", "'"] = ""
    """Mark between thousands of numbers written as text."""
    beside: tuple[Text, ...] = ()
    """Texts beside a number that are not part of it, such as `$` or `EUR`."""
    missing: tuple[str, ...] = ("",)
    """Texts that stand for a missing value where cells are texts: in CSV, JSON, sheets and SQLite.
    `NA` is a text unless listed."""
    suppressed: tuple[Text, ...] = ()
    """Texts in columns of numbers for an amount that its owner hides, such as `<5`: unknown, never
    0. A sum with such a part is unknown too."""

    joined: dict[Text, Annotated[tuple[Text, ...], Field(min_length=2)]] = Field(
        default_factory=dict
    )
    """New columns, each of the texts of several with a blank between them: `month: [year, mo]` is
    `2023 5`, a date with `format: '%Y %m'`. Without one of them it is empty."""

    @model_validator(mode="after")
    def _two_marks(self) -> Self:
        check_marks(self.decimal, self.thousands)
        return self

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.connection is None):
            raise ValueError("give either `path` or `connection`")
        if self.connection is None and self.sql is not None:
            raise ValueError("`sql` is for a `connection`")
        if self.connection is not None and (self.sql is None) == (self.table is None):
            raise ValueError("a `connection` needs either `sql` or `table`")
        of_text = {"encoding", "delimiter", "skip"} & self.model_fields_set
        if self.connection is not None and of_text:
            raise ValueError(f"`{min(of_text)}` is for files of text, not for a connection")
        return self

    @property
    def name(self) -> str:
        """What the table is called: itself, or the file that it or its SELECT is in.

        Sheets are called alike everywhere, so theirs is told with the file.
        """
        file = str(self.path or self.sql).rsplit("/", 1)[-1]
        if self.table and file.lower().endswith((".xlsx", ".xlsm")):
            return f"{file}, {self.table}"
        return self.table or file

    @property
    def marks(self) -> dict[str, Any]:
        """How cells are written: what a contract needs to read them."""
        names = ("decimal", "thousands", "beside", "missing", "suppressed")
        return {name: getattr(self, name) for name in names}


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
    """strptime pattern of a date written as text, or `epoch_ms` or `epoch_s` (since 1970, UTC), or
    `excel` (days as spreadsheets count them). `%G-W%V` is the Monday of a week; months may be named
    in English, Spanish, French, Portuguese or German. ISO 8601 without it; nothing is guessed."""
    width: Annotated[int, Field(ge=2, le=40)] | None = None
    """Digits of a code that lost its leading zeros: with 5, the text 2118 is 02118."""
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
    """Days after the event (or after the end of a panel's period). A date without a time counts at
    the end of its day: with 0, what is dated Monday serves a question of Tuesday, with 1 one of
    Wednesday."""

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
    without: dict[str, tuple[str | bool | int, ...]] = Field(default_factory=dict)
    """Rows out of scope: a column and its values, such as a total among the places."""
    outages: tuple[OutageSpec, ...] = ()
    """Days on which nobody measured. What is not declared here counts as it stands."""
    max_rows: Annotated[int, Field(ge=1)] = 20_000_000
    """Larger tables are refused."""


class MadeSpec(SpecRecord):
    """When the city's own scores or forecasts were there: a column, or one day for all."""

    column: Text | None = None
    """Column with the moment at which the row's own was made. A date without a time counts at the
    end of its day."""
    since: date | None = None
    """First day on which all of them could be used: after the last outcome that they were learnt
    from. What is asked about earlier has none, since they may have seen its answer."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.column is None) == (self.since is None):
            raise ValueError("give either `column` or `since`, or write `known: ahead`")
        return self


class CityTableSpec(SpecRecord):
    """A table with the city's own scores or forecasts, one row each."""

    source: SourceSpec
    """Where it is."""
    key: Text | tuple[Text, ...] = ()
    """Column with the id that the main table has too (the case, or the entity), or several that
    are one together, in the same order."""
    time: Text | None = None
    """Column with the start of the period that is forecast; a case has none."""
    value: Text
    """Column with the score or the amount."""
    known: MadeSpec | Literal["ahead"]
    """When a row was there. `ahead`: each before what it is about, by the project's word."""
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    """Contracts of its columns; without one a value is a number, and a moment a datetime."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that are the id."""
        return (self.key,) if isinstance(self.key, str) else self.key


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
