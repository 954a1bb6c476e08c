"""Number formats: decimal marks, units beside numbers, and texts that stand for missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.data.conversion import LEADING_DASH, THOUSANDS, TRAILING_MINUS, UNSAID

_HIDDEN: Final = re.compile(
    r"[<≤] ?\d+|\*+|\(?[sxcz]\)?|\[[cxz]\]|suppressed|redacted|masked|\d ?- ?\d|#+"
    r"|(fewer|less) than \w+|menos de \d+|moins de \d+|unter \d+",
    re.IGNORECASE,
)
_SIGNS: Final = (
    r"R\$|US\$|CA\$|C\$|A\$|MX\$|[$€£¥₹]|USD|EUR|GBP|CAD|BRL|MXN|CHF|INR|kr|tons|t|kg|lbs|%"
)
_BESIDE: Final = re.compile(
    rf"^[+-]?({_SIGNS})\s*(?=[\d.,+-])|(?<=[\d.,])\s*({_SIGNS})$", re.IGNORECASE
)
_UNIT: Final = r"[+-]?[\d.,' \u00a0\u2009\u202f\u2019]*\d\s*([^\W\d_][^\s,;]{0,19})"
"""A number with a word behind it."""
_SAME: Final = ({"t", "tons"},)
"""Words for the same unit."""
_READINGS: Final = (
    (".", ""),
    (",", ""),
    (".", ","),
    (",", "."),
    (",", " "),
    (".", " "),
    (".", "'"),
)
_LEAST: Final = 0.4
"""Share of filled cells with a number, for a column of numbers."""
_MOST_TEXTS: Final = 12
_FEW_STRANGE: Final = 0.05


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """Number format of a column."""

    readings: tuple[tuple[str, str], ...]
    """Decimal mark and mark between thousands: every pair that fits. One of plain whole numbers has
    ('.', '') alone."""
    beside: tuple[str, ...]
    missing: tuple[str, ...]
    suppressed: tuple[str, ...]
    """As in `SourceSpec`."""
    strange: tuple[str, ...]
    """Other texts among the numbers."""
    is_whole: bool
    """Whether all are whole numbers."""
    unit: str = ""
    """A word behind all of them, of no list of ours."""

    @property
    def is_percent(self) -> bool:
        """Whether they are percentages, which do not add up."""
        return "%" in self.beside

    @property
    def has_units(self) -> bool:
        """Whether there are several units, such as kg beside t, which do not add up."""
        units = {sign.casefold() for sign in self.beside}
        return len(units) > 1 and not any(units <= same for same in _SAME)

    @property
    def marks(self) -> dict[str, Any]:
        """What the specification must say of them, without what goes without saying."""
        decimal, thousands = self.readings[0]
        found: dict[str, Any] = {"decimal": decimal} if decimal != "." else {}
        found |= {"thousands": thousands} if thousands else {}
        found |= {"beside": list(self.beside)} if self.beside else {}
        found |= {"missing": ["", *self.missing]} if self.missing else {}
        return found | ({"suppressed": list(self.suppressed)} if self.suppressed else {})

    def tell(self) -> str:
        """Say how they are written, where it is not plain."""
        decimal, thousands = self.readings[0]
        parts = [f"decimal mark {decimal!r}"] if decimal != "." else []
        parts += [f"{thousands!r} between thousands"] if thousands else []
        parts += [f"with {', '.join(self.beside)}"] if self.beside else []
        parts += [f"{', '.join(self.missing)} for missing"] if self.missing else []
        parts += (
            [f"{', '.join(self.suppressed)} for hidden amounts, which are unknown, not 0"]
            if self.suppressed
            else []
        )
        return ", ".join(parts)


def read_numbers(
    values: pd.Series,
    times: npt.NDArray[Any],
    delimiter: str,
    decimal: str,
    thousands: str | None,
    *,
    with_unit: bool = False,
) -> NumberFormat | None:
    """Tell how the numbers of a column are written; None when it does not hold numbers.

    Parameters
    ----------
    values : pandas.Series
        Different filled cells, without outer blanks.
    times : numpy.ndarray
        How often each stands there.
    delimiter : str
        Separator of the table: with a comma there, one in a cell stands between thousands.
    decimal, thousands : str
        What a person said; empty, and None, to look.
    with_unit : bool
        Whether any one word that stands behind all numbers is their unit, such as m3.
    """
    values = _write_minus(values)
    unit = _find_unit(values) if with_unit else ""
    if unit:
        found = read_numbers(_take_off(values, unit), times, delimiter, decimal, thousands)
        return found and replace(found, beside=(*found.beside, unit), unit=unit)
    beside = values.str.extract(_BESIDE)
    signs = tuple(sorted({*beside[0].dropna(), *beside[1].dropna()}))
    bare = values.str.replace(_BESIDE, lambda m: m[0][0] if m[0][0] in "+-" else "", regex=True)
    numeric = bare.str.fullmatch(r"[+-]?[\d.,'\u2019 \u00a0\u2009\u202f]*\d(?:[.,]|[eE][+-]?\d+)?")
    is_hidden = values.str.fullmatch(_HIDDEN) & ~numeric
    is_missing = values.str.lower().isin(UNSAID) & ~numeric
    strange = ~(numeric | is_hidden | is_missing)
    total = max(times.sum(), 1)
    texts = is_hidden | is_missing | strange
    if (
        times[numeric.to_numpy(bool)].sum() < _LEAST * total
        or texts.sum() > _MOST_TEXTS
        or times[strange.to_numpy(bool)].sum() > _FEW_STRANGE * total
    ):
        return None
    cells = bare[numeric]
    # A code with a leading zero is a name, not a number.
    if cells.str.fullmatch(r"0\d+").any():
        return None
    readings = tuple(
        pair
        for pair in _READINGS
        if (not decimal or pair[0] == decimal)
        and (thousands is None or pair[1] == thousands)
        and _fits(cells, *pair)
    )
    if not readings:
        return None
    readings = _weigh(cells, readings, delimiter)
    numbers = read_cells(cells, *readings[0])
    return NumberFormat(
        readings,
        signs,
        tuple(sorted(values[is_missing])),
        tuple(sorted(values[is_hidden])),
        tuple(sorted(values[strange])),
        bool((numbers == np.floor(numbers)).all())
        and not cells.str.contains(re.escape(readings[0][0])).any(),
    )


def read_column(cells: pd.Series, written: NumberFormat) -> pd.Series:
    """Return a column of texts as numbers, NaN where it holds none."""
    cells = _write_minus(cells)
    cells = _take_off(cells, written.unit) if written.unit else cells
    bare = cells.str.replace(_BESIDE, lambda m: m[0][0] if m[0][0] in "+-" else "", regex=True)
    return read_cells(bare, *written.readings[0])


def _write_minus(cells: pd.Series) -> pd.Series:
    """Write a minus that stands behind, or is a dash of printers, as one before."""
    dashed = cells.str.replace(LEADING_DASH, r"-\1", regex=True)
    return dashed.str.replace(TRAILING_MINUS, r"-\1", regex=True)


def _find_unit(values: pd.Series) -> str:
    """Return the one word that stands behind almost every number; empty without one."""
    words = values.str.extract(f"^{_UNIT}$")[0]
    counts = words[~words.fillna("").str.fullmatch(_SIGNS, flags=re.IGNORECASE)].value_counts()
    is_one = len(counts) == 1 and counts.iloc[0] >= (1 - _FEW_STRANGE) * len(values)
    return str(counts.index[0]) if is_one else ""


def _take_off(cells: pd.Series, unit: str) -> pd.Series:
    return cells.str.removesuffix(unit).str.rstrip()


def read_cells(cells: pd.Series, decimal: str, thousands: str) -> pd.Series:
    """Return texts as numbers by their marks, NaN where they are none."""
    plain = cells.str.replace(_mark(thousands), "", regex=True) if thousands else cells
    return pd.to_numeric(plain.str.replace(",", ".") if decimal == "," else plain, errors="coerce")


def _mark(thousands: str) -> str:
    return THOUSANDS.get(thousands) or re.escape(thousands)


def _fits(cells: pd.Series, decimal: str, thousands: str) -> bool:
    end = rf"(?:{re.escape(decimal)}\d*)?(?:[eE][+-]?\d+)?"
    plain = rf"[+-]?(?:\d+{end}|{re.escape(decimal)}\d+)"
    if not thousands:
        return bool(cells.str.fullmatch(plain).all())
    mark = _mark(thousands)
    # Lakhs and crores are written 12,34,567.
    grouped = rf"[+-]?(?:\d{{1,3}}(?:{mark}\d{{3}})+|\d{{1,2}}(?:{mark}\d{{2}})+{mark}\d{{3}}){end}"
    is_grouped = cells.str.fullmatch(grouped)
    if not is_grouped.any() or not (is_grouped | cells.str.fullmatch(plain)).all():
        return False
    # Whoever writes 1,234 writes no 1234 beside it.
    return not cells[~is_grouped].str.fullmatch(r"[+-]?\d{4,}.*").any()


def _weigh(
    cells: pd.Series, readings: tuple[tuple[str, str], ...], delimiter: str
) -> tuple[tuple[str, str], ...]:
    """Leave out readings that the cells speak against: both marks of 1,179 are thought of."""
    if (".", "") in readings and not cells.str.contains("[.,]").any():
        return ((".", ""),)
    marked = cells[cells.str.contains(r"[.,]")]
    for mark, other in (".,", ",."):
        as_decimal, as_thousands = (mark, ""), (other, mark)
        if not {as_decimal, as_thousands} <= {*readings}:
            continue
        if marked.str.fullmatch(rf"[+-]?0?{re.escape(mark)}\d+").any():
            return (as_decimal,)
        # Decimals that keep their zeros are as many in every cell, so no whole number is plain.
        if marked.str.endswith("0").any() and len(marked) < len(cells):
            return (as_thousands,)
        # Decimals of which each has three digits, beside whole numbers, are hardly decimals.
        if delimiter == "," and (mark == "," or len(marked) == len(cells)):
            return (as_decimal,) if mark == "." else (as_thousands,)
    first = read_cells(cells, *readings[0])
    others = [pair for pair in readings[1:] if not read_cells(cells, *pair).equals(first)]
    return (readings[0], *others)
