"""Profile of a table: the type, format and range of each column, inferred from its cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.config.tables import SourceSpec
from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame
from cityai.errors import DataError, suggest_name
from cityai.scaffold.dates import (
    NUMBERED_WEEKS,
    WRITE_MONDAY,
    DateFormat,
    find_second,
    name_other,
    parse,
    read_dates,
)
from cityai.scaffold.names import (
    is_amount,
    is_code,
    is_later,
    is_moment,
    is_of_people,
    is_rate,
    is_week,
)
from cityai.scaffold.numbers import NumberFormat, read_column, read_numbers
from cityai.scaffold.split_dates import find_parts, join_cells, name_joined
from cityai.scaffold.units import ask_marks
from cityai.scaffold.wide import find_months, name_melted

MOST_LOOKED_AT: Final = 1_000_000
"""Rows that are looked at, drawn from the whole table."""
_ENDS: Final = 100
"""Rows at both ends that are looked at in any case."""
_MOST_ROWS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """Profile of one column."""

    name: str
    """As the table has it."""
    type: str
    """text, integer, number, date or datetime."""
    readings: tuple[DateFormat, ...]
    """Ways to read its dates; with one that is certain, `type` is that of a moment."""
    written: NumberFormat | None
    """How its numbers are written."""
    missing: float
    """Share of cells without a value."""
    distinct: int
    """Different filled cells."""
    low: str
    high: str
    """Least and largest value."""
    negative: int = 0
    """Cells below 0."""
    other: str = ""
    """What else the texts say of time, which cannot be read as a date."""
    is_id: bool = False
    """Whether whole numbers all differ and rise, as numbers that name rows do."""
    mixed: tuple[str, str] | None = None
    """Where a person says the format of dates: a second format that others have, and such a cell.
    """

    @property
    def is_moment(self) -> bool:
        """Whether it holds dates that are read."""
        return self.type in ("date", "datetime")

    @property
    def is_unsure(self) -> bool:
        """Whether its dates can be read in two ways, or in one that wants a word."""
        return bool(self.readings) and not self.is_moment

    @property
    def is_amount(self) -> bool:
        """Whether it may be added up: numbers that are neither codes nor shares."""
        return (
            self.written is not None
            and self.distinct > 1
            and not self.written.is_percent
            and not self.is_id
            and not is_code(self.name)
            and not is_rate(self.name)
        )

    def tell(self) -> str:
        """Say what the column holds."""
        empty = f", {self.missing:.1%} empty" if self.missing else ""
        if self.is_moment:
            how = f" (read by {self.readings[0].format})" if self.readings[0].format else ""
            return f"{self.type}s from {self.low} to {self.high}{how}{empty}"
        if self.written is None or self.type == "text":
            return f"{self.distinct:,} different texts{empty}"
        how = f"; {self.written.tell()}" if self.written.tell() else ""
        what = f"{self.type}s from {self.low} to {self.high}, {self.distinct:,} different"
        return f"{what}{empty}{how}"

    def write_contract(self, required: bool) -> dict[str, Any]:
        """Return the column's entry of `data.columns`."""
        entry: dict[str, Any] = {"type": self.type}
        if self.is_moment and self.readings[0].format:
            entry["format"] = self.readings[0].format
        if required and not self.missing:
            entry["required"] = True
        if self.type in ("integer", "number") and not self.negative:
            entry["min"] = 0
        return entry


@dataclass(frozen=True, slots=True)
class TableProfile:
    """Profile of a table, with the rows that were looked at."""

    path: Path
    """The table."""
    source: SourceSpec
    """How it is written."""
    frame: pd.DataFrame
    """The rows that were looked at, in order; moments as datetime64 by the city's clock, the rest
    as text."""
    columns: dict[str, Column]
    """In the table's order."""
    rows: int
    """Rows of the whole table."""
    months: tuple[str, ...] = ()
    """Columns that were turned into rows, one a month, week or day."""
    melted: tuple[str, str] = ("", "")
    """What their name and their cell are called then; of others empty."""
    whole: dict[str, int] | None = None
    """Different cells of each column in all rows, where not all were looked at."""
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns that are the texts of several, such as a year and a month."""

    @property
    def is_cut(self) -> bool:
        """Whether some of its rows were not looked at."""
        return self.rows > len(self.frame) and not self.months

    def count_distinct(self, name: str) -> int:
        """Count the different cells of a column in all rows of the table."""
        whole = self.whole or {}
        return whole[name] if name in whole else self.columns[name].distinct

    def refuse(self, what: str, expected: str = "", next_step: str = "") -> DataError:
        """Return the error that refuses the table, or what a person says of it."""
        return DataError(what, where=str(self.path), expected=expected, next_step=next_step)

    def read_numbers(self, name: str) -> pd.Series:
        """Return a column as numbers, NaN where it holds none."""
        written = self.columns[name].written
        cells = self.frame[name]
        return cells.astype("float64") * np.nan if written is None else read_column(cells, written)

    def write_source(self, numbers: Iterable[str]) -> dict[str, Any]:
        """Return `data.source`, with the marks of the columns that are read as numbers.

        Raises
        ------
        DataError
            When the marks of one can be read in two ways: a person must say which.
        """
        source = self.source.model_dump(exclude_defaults=True)
        if self.joined:
            source["joined"] = {name: list(parts) for name, parts in self.joined.items()}
        for name in numbers:
            column = self.columns.get(name)
            if column is not None and column.written is not None:
                ask_marks(self, column)
                source |= column.written.marks
        return source

    def split(self, written: str, option: str = "") -> tuple[str, ...]:
        """Return the columns that a person names, between commas unless one is called so.

        Raises
        ------
        DataError
            When there is no such column.
        """
        if written in self.columns:
            return (written,)
        names = tuple(name.strip() for name in written.split(",") if name.strip())
        for name in names:
            if name not in self.columns:
                what = f"{option}there is no column {name[:60]!r}"
                raise self.refuse(what, suggest_name(name, self.columns))
        return names

    def is_measured(self, name: str) -> bool:
        """Tell whether a column looks like an amount: whole numbers with many values."""
        column = self.columns[name]
        return column.type == "integer" and column.distinct > 40


@dataclass(frozen=True, slots=True)
class Hints:
    """Parsing hints: what a person says of how a table is written."""

    zone: str = "UTC"
    """The city's time zone."""
    decimal: str = ""
    """Decimal mark; empty to look."""
    thousands: str | None = None
    """Mark between thousands; None to look."""
    time: str = ""
    format: str = ""
    """A column of moments, and how it is read; empty to look."""


def profile_table(path: Path, source: SourceSpec, hints: Hints) -> TableProfile:
    """Profile a table: describe each of its columns."""
    with open_source(source, path, None, max_rows=_MOST_ROWS) as opened:
        order = {neutral: name for name, neutral in opened.names.items()}
        table, rows, whole = opened.table, opened.count_rows(), None
        if rows > MOST_LOOKED_AT:
            counted = fetch_frame(table.agg(**{c: table[c].nunique() for c in order})).iloc[0]
            whole = {name: int(counted[neutral]) for neutral, name in order.items()}
            # Drawn by the row's number, so that rows in any order are seen alike.
            every = -(-rows // MOST_LOOKED_AT)
            ends = (table["n"] <= _ENDS) | (table["n"] > rows - _ENDS)
            table = table.filter((table["n"].hash() % every == 0) | ends)
        frame = fetch_frame(table.order_by("n"))[list(order)].rename(columns=order)
    cells = pd.DataFrame({str(name): _write_cells(frame[name]) for name in frame})
    months, melted = find_months(cells, path), ("", "")
    if months:
        kept = [name for name in cells if name not in months]
        melted = name_melted(months, [str(name) for name in kept])
        cells = cells.melt(kept, list(months), var_name=melted[0], value_name=melted[1])
    columns = {str(name): _describe(str(name), cells[name], source, hints) for name in cells}
    joined: dict[str, tuple[str, ...]] = {}
    dated = (c for c in columns.values() if c.distinct > 1 and (c.is_moment or c.is_unsure))
    is_dated = any(not is_later(c.name) and not is_of_people(c.name) for c in dated)
    if parts := find_parts(cells, hints.time, is_dated=is_dated):
        name = name_joined(parts, list(columns), str(path))
        joined[name] = parts
        cells[name] = join_cells(cells, parts)
        hints = replace(hints, time=name) if hints.format else hints
        columns[name] = _describe(name, cells[name], source, hints)
    read = {name: _read_dates(cells[name], column, hints) for name, column in columns.items()}
    return TableProfile(
        path, source, pd.DataFrame(read), columns, rows, months, melted, whole, joined
    )


def _write_cells(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        day = (column.dropna() == column.dropna().dt.normalize()).all()
        return pd.Series(column.dt.strftime("%Y-%m-%d" if day else "%Y-%m-%d %H:%M:%S%z"))
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype("str").str.strip()
    if pd.api.types.infer_dtype(column) == "boolean":
        text = text.str.lower()  # as they are read for a run
    return pd.Series(text.mask(column.isna() | (text == "")))


def _describe(name: str, cells: pd.Series, source: SourceSpec, hints: Hints) -> Column:
    counts = cells.value_counts()
    values, times = pd.Series(counts.index, dtype="str"), counts.to_numpy()
    missing = float(cells.isna().mean())
    found = Column(name, "text", (), None, missing, len(values), "", "")
    if values.empty:
        return found
    if hints.format and name == hints.time:
        readings: tuple[DateFormat, ...] = (
            DateFormat(hints.format, _tell_grain(values, hints.format)),
        )
        mixed = find_second(values, times, parse(values, hints.format).notna())
        found = replace(found, mixed=mixed)
    elif is_week(name) and values.str.fullmatch(r"0?[1-9]|[1-4]\d|5[0-3]").all():
        return replace(found, other=NUMBERED_WEEKS)
    else:
        # 202401 may be January or the first week: by its name it is a week.
        week = name if is_week(name) else ""
        is_dated = is_moment(name) or name == hints.time
        readings = read_dates(values, times, is_dated and not is_amount(name), week)
        if week and not readings and values.str.fullmatch(r"\d{6}").all():
            return replace(found, other=f"numbered weeks that are not ISO 8601's; {WRITE_MONDAY}")
    if readings:
        certain = len(readings) == 1 and (readings[0].is_certain or bool(hints.format))
        days = parse(values, readings[0].format, hints.zone)
        return replace(
            found,
            readings=readings,
            type=readings[0].type if certain else "text",
            low=f"{days.min():%Y-%m-%d}",
            high=f"{days.max():%Y-%m-%d}",
            missing=float(1 - times[days.notna().to_numpy()].sum() / len(cells)),
        )
    found = replace(found, other=name_other(values, times))
    written = read_numbers(
        values,
        times,
        source.delimiter,
        hints.decimal,
        hints.thousands,
        with_unit=is_amount(name),
    )
    if written is None:
        return found
    numbers = read_column(values, written)
    unknown = times[numbers.isna().to_numpy()].sum()
    ordered = read_column(cells, written) if len(values) == len(cells) else None
    return replace(
        found,
        type="integer" if written.is_whole else "number",
        written=written,
        missing=float((cells.isna().sum() + unknown) / len(cells)),
        low=f"{numbers.min():.12g}",
        high=f"{numbers.max():.12g}",
        negative=int(times[(numbers < 0).to_numpy()].sum()),
        is_id=written.is_whole and ordered is not None and bool(ordered.is_monotonic_increasing),
    )


def _tell_grain(values: pd.Series, pattern: str) -> str:
    moments = parse(values, pattern).dropna()
    return "date" if (moments == moments.dt.normalize()).all() else "datetime"


def _read_dates(cells: pd.Series, column: Column, hints: Hints) -> pd.Series:
    if not column.is_moment:
        return cells
    values = pd.Series(cells.dropna().unique(), dtype="str")
    moments = parse(values, column.readings[0].format, hints.zone)
    return pd.Series(cells.map(dict(zip(values, moments, strict=True))))
