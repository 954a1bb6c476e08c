"""Numbers, shares and dates of an English text, as another language writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final

from babel import Locale
from babel.dates import format_date, format_skeleton

_NUMBER: Final = re.compile(
    r"(?P<sign>[+\-−±]?)(?P<digits>\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)(?P<share> ?%)?"
)
_LONG = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH: Final = rf"(?P<month>{'|'.join([*_LONG, *(m[:3] for m in _LONG)])})"
_DAY: Final = re.compile(rf"(?:(?P<day>\d{{1,2}}) )?{_MONTH}(?: (?P<year>\d{{4}}))?")
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"(?P<date>.+ \d{4}), (?P<time>\d{2}:\d{2}) UTC")
_SPACES: Final = {" ": "\u00a0", "\u202f": "\u00a0"}


@dataclass(frozen=True)
class FigureWriter:
    """Writes figures for one locale, from the separators and patterns that Babel carries.

    Attributes
    ----------
    code : str
        The locale: ``pt_BR``.
    """

    code: str

    @cached_property
    def locale(self) -> Locale:
        """The locale's data."""
        return Locale.parse(self.code)

    def write(self, text: str) -> str | None:
        """Return a number, share or date in the locale; nothing where the text is none of them."""
        if match := _NUMBER.fullmatch(text):
            return self._write_number(match)
        if match := _MOMENT.fullmatch(text):
            day = self.write(match["date"])
            return None if day is None else f"{day}, {match['time']} UTC"
        if _ISO.fullmatch(text):
            try:
                day_of = date.fromisoformat(text)
            except ValueError:
                return None
            return format_date(day_of, "long", locale=self.locale)
        if match := _DAY.fullmatch(text):
            return self._write_day(match)
        return None

    @cached_property
    def _separators(self) -> dict[int, str]:
        symbols = self.locale.number_symbols["latn"]
        group = _SPACES.get(symbols["group"], symbols["group"])
        return str.maketrans({",": group, ".": symbols["decimal"]})

    @cached_property
    def _percent(self) -> str:
        pattern = self.locale.percent_formats[None].pattern
        gap = pattern.removesuffix("%").endswith(("\u00a0", "\u202f", " "))
        return "\u00a0%" if gap else "%"

    def _write_number(self, match: re.Match[str]) -> str:
        sign = match["sign"].replace("-", "−")
        share = self._percent if match["share"] else ""
        return f"{sign}{match['digits'].translate(self._separators)}{share}"

    def _write_day(self, match: re.Match[str]) -> str | None:
        short = match["month"] not in _LONG
        month = [m[:3] for m in _LONG].index(match["month"][:3]) + 1
        width = "MMM" if short else "MMMM"
        try:
            when = datetime(int(match["year"] or 2000), month, int(match["day"] or 1))  # noqa: DTZ001
        except ValueError:
            return None
        if match["day"] and match["year"] and not short:
            return format_date(when, "long", locale=self.locale)
        parts = f"{'y' if match['year'] else ''}{width}{'d' if match['day'] else ''}"
        if parts in {"MMM", "MMMM"}:
            form = self.locale.months["stand-alone"]["wide" if not short else "abbreviated"]
            return str(form[month])
        return str(format_skeleton(parts, when, locale=self.locale))
