"""What the columns of a table hold, told from its cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import pandas as pd

from cityai.data.source import open_source
from cityai.data.source.engine import fetch_frame
from cityai.errors import DataError
from cityai.spec.project import SourceSpec

MOST_LOOKED_AT: Final = 1_000_000
"""Rows that are looked at, from the first."""
_MOST_ROWS: Final = 1_000_000_000
_INTEGER: Final = r"[-+]?\d{1,15}"
_NUMBER: Final = r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?"
_ISO_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_ISO_MOMENT: Final = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"
_WRITTEN_DAY: Final = r"\d{1,2}([/.-])\d{1,2}\1\d{4}"
_ALIKE: Final = 0.995
"""Share of filled cells that must fit, for a column to be of a kind."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
        As the table has it.
    type : str
        text, integer, number, date or datetime.
    format : str
        strptime pattern of a date that is not ISO 8601; else empty.
    missing : float
        Share of empty cells.
    distinct : int
        Different filled cells.
    low, high : str
        Least and largest value.
    """

    name: str
    type: str
    format: str
    missing: float
    distinct: int
    low: str
    high: str

    def tell(self) -> str:
        """Say what the column holds."""
        empty = f", {self.missing:.1%} empty" if self.missing else ""
        if self.type in ("date", "datetime"):
            return f"{self.type}s from {self.low} to {self.high}{empty}"
        if self.type == "text":
            return f"{self.distinct:,} different texts{empty}"
        return f"{self.type}s from {self.low} to {self.high}, {self.distinct:,} different{empty}"

    def write_contract(self, required: bool) -> dict[str, Any]:
        """Return the column's entry of `data.columns`."""
        entry: dict[str, Any] = {"type": self.type}
        if self.format:
            entry["format"] = self.format
        if required and not self.missing:
            entry["required"] = True
        if self.type in ("integer", "number") and float(self.low) >= 0:
            entry["min"] = 0
        return entry


@dataclass(frozen=True, slots=True)
class Seen:
    """A table as it was seen.

    Attributes
    ----------
    path : Path
        The table.
    frame : pandas.DataFrame
        Its first rows; dates as datetime64, the rest as text.
    columns : dict of str to Column
        In the table's order.
    """

    path: Path
    frame: pd.DataFrame
    columns: dict[str, Column]

    def read_numbers(self, name: str) -> pd.Series:
        """Return a column as numbers, NaN where it holds none."""
        return pd.to_numeric(self.frame[name], errors="coerce")

    def is_measured(self, name: str) -> bool:
        """Tell whether a column looks like an amount: whole numbers with many values."""
        column = self.columns[name]
        return column.type == "integer" and column.distinct > 40


def describe_columns(path: Path, encoding: str, delimiter: str) -> Seen:
    """Describe every column of a table.

    Raises
    ------
    DataError
        When the table cannot be read, or a column of dates can be read in two ways.
    """
    source = SourceSpec.model_validate(
        {"path": str(path), "encoding": encoding, "delimiter": delimiter}
    )
    with open_source(source, path, None, max_rows=_MOST_ROWS) as opened:
        order = {neutral: name for name, neutral in opened.names.items()}
        table = opened.table.order_by("n").limit(MOST_LOOKED_AT)
        frame = fetch_frame(table)[list(order)].rename(columns=order)
    cells = {str(name): _write_cells(frame[name]) for name in frame}
    columns = {name: _describe(name, cell, path) for name, cell in cells.items()}
    read = {name: _read_dates(cells[name], column) for name, column in columns.items()}
    return Seen(path, pd.DataFrame(read), columns)


def _write_cells(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        day = (column.dropna() == column.dropna().dt.normalize()).all()
        return pd.Series(column.dt.strftime("%Y-%m-%d" if day else "%Y-%m-%d %H:%M:%S"))
    text = column.astype("str").str.strip()
    return pd.Series(text.mask(column.isna() | (text == "")))


def _describe(name: str, cells: pd.Series, path: Path) -> Column:
    counts = cells.value_counts()
    values = pd.Series(counts.index, dtype="str")
    kind, pattern = _tell_type(name, values, counts.to_numpy(), path)
    low, high = ("", "") if values.empty else (str(values.min()), str(values.max()))
    if kind in ("integer", "number"):
        numbers = pd.to_numeric(values, errors="coerce")
        low, high = f"{numbers.min():.12g}", f"{numbers.max():.12g}"
    if kind in ("date", "datetime"):
        days = _parse(values, pattern)
        low, high = f"{days.min():%Y-%m-%d}", f"{days.max():%Y-%m-%d}"
    missing = float(cells.isna().mean())
    return Column(name, kind, pattern, missing, len(values), low, high)


def _tell_type(
    name: str, values: pd.Series, times: npt.NDArray[Any], path: Path
) -> tuple[str, str]:
    if values.empty:
        return "text", ""

    def fits(pattern: str) -> bool:
        return bool(times[values.str.fullmatch(pattern)].sum() >= _ALIKE * times.sum())

    if fits(_ISO_DAY):
        return "date", ""
    if fits(_ISO_MOMENT):
        return "datetime", ""
    if fits(_WRITTEN_DAY):
        return "date", _tell_order(name, values, path)
    # A code with a leading zero is a name, not a number.
    if values.str.fullmatch(r"0\d+").any():
        return "text", ""
    if fits(_INTEGER):
        return "integer", ""
    return ("number", "") if fits(_NUMBER) else ("text", "")


def _tell_order(name: str, values: pd.Series, path: Path) -> str:
    parts = values.str.extract(r"^(\d{1,2})([/.-])(\d{1,2})")
    first, mark, second = pd.to_numeric(parts[0]), str(parts[1].mode()[0]), pd.to_numeric(parts[2])
    if first.max() > 12 >= second.max():
        return f"%d{mark}%m{mark}%Y"
    if second.max() > 12 >= first.max():
        return f"%m{mark}%d{mark}%Y"
    raise DataError(
        f"the dates of '{name}' can be read in two ways, such as {values.iloc[0]}",
        where=str(path),
        expected="days above 12 in some row, or ISO 8601 (2025-03-31)",
        next_step="write project.yaml by hand, with the column's `format`: %d/%m/%Y or %m/%d/%Y",
    )


def _parse(filled: pd.Series, pattern: str) -> pd.Series:
    if pattern:
        return pd.to_datetime(filled, format=pattern, errors="coerce")
    moments = pd.to_datetime(filled, format="ISO8601", errors="coerce", utc=True)
    return moments.dt.tz_localize(None)


def _read_dates(cells: pd.Series, column: Column) -> pd.Series:
    if column.type not in ("date", "datetime"):
        return cells
    values = pd.Series(cells.dropna().unique())
    return pd.Series(cells.map(dict(zip(values, _parse(values, column.format), strict=True))))
