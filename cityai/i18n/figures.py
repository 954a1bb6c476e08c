"""Numbers, shares, days and ranges of days as a locale writes them, from their values (Babel)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import format_decimal, get_decimal_symbol

from cityai.i18n.messages import Figure

_SKELETONS: Final = {
    "%B %Y": "yMMMM",
    "%b %Y": "yMMM",
    "%-d %b": "MMMd",
    "%d %b": "MMMd",
    "%-d %B": "MMMMd",
    "%Y": "y",
}
"""By the format in English; any other day is written in full."""
_FIRST: Final = {"fr": "er", "pt": "º"}
_FIRST_DAY: Final = re.compile(r"(?<!\d)1(?=\s+[^\W\d]|–\d+\s)")
_MONTHS: Final = {"%b": "abbreviated", "%B": "wide"}
_SPACES: Final = str.maketrans({" ": "\u00a0", "\u202f": "\u00a0", "-": "−"})


@dataclass(frozen=True)
class FigureWriter:
    """Writes figures for one locale.

    Attributes
    ----------
    code : str
        The locale: ``pt_BR``.
    """

    code: str
    _written: dict[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def locale(self) -> Locale:
        """The locale's data."""
        return Locale.parse(self.code)

    @property
    def decimal(self) -> str:
        """The mark before the decimals."""
        return get_decimal_symbol(self.locale)

    def write(self, figure: Figure) -> str:
        """Return a figure as the locale writes it, with the digits that English has."""
        if self.locale.language == "en":
            return str.__str__(figure)
        key = str.__str__(figure), figure.format
        if key not in self._written:
            self._written[key] = self._write(figure)
        return self._written[key]

    def _write(self, figure: Figure) -> str:
        value = figure.value
        if isinstance(value, tuple):
            said: str = format_interval(*value, skeleton="yMMMMd", locale=self.locale)
            return self._mark_first(said)
        if isinstance(value, date):
            return self._mark_first(self._write_day(value, figure.format))
        return self._write_number(figure)

    def _write_number(self, figure: Figure) -> str:
        text = str.__str__(figure)
        share = text.endswith("%")
        bare = text.rstrip("%").replace(",", "").lstrip("+-−±")
        try:
            number = Decimal(bare)
        except ArithmeticError:
            return text
        exponent = number.as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
        form = "0" if "," not in text and figure.format == "" else "#,##0"
        written: str = format_decimal(
            number, format=f"{form}{'.' if decimals else ''}{'0' * decimals}", locale=self.locale
        )
        sign = text[0] if text[0] in "+-−±" else ""
        return f"{sign}{written}{self._percent if share else ''}".translate(_SPACES)

    @cached_property
    def _percent(self) -> str:
        pattern: str = self.locale.percent_formats[None].pattern
        return pattern[pattern.rindex("0") + 1 :]

    def _mark_first(self, told: str) -> str:
        """Write the first of a month as a speaker does: ``1er juillet``, ``1º de julho``."""
        mark = _FIRST.get(self.locale.language)
        return _FIRST_DAY.sub(f"1{mark}", told) if mark else told

    def _write_day(self, day: date, form: str) -> str:
        if form in _MONTHS:
            return str(self.locale.months["stand-alone"][_MONTHS[form]][day.month])
        if form in _SKELETONS:
            return str(format_skeleton(_SKELETONS[form], day, locale=self.locale))
        return format_date(day, "long", locale=self.locale)
