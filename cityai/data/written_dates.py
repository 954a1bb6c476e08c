"""Dates as cities write them: weeks by their number, names of months in five languages, serials.

One room for both readings: that of a run, where the table is, and that of a first look.
"""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from cityai.data.source.functions import (
    ABSOLUTE,
    match_whole,
    parse_local,
    parse_zoned,
    read_epoch,
    write_moment,
)

EPOCHS: Final = {"epoch_ms": 1_000, "epoch_s": 1_000_000}
"""Formats of a moment that count from 1970, each with the microseconds of its unit."""
EXCEL: Final = "excel"
"""Format of a moment that counts days as spreadsheets do, from 1899-12-30."""
_EXCEL_EPOCH: Final = 25_569
"""Serial of 1970-01-01."""
_LARGEST_SERIAL: Final = 200_000
_LATEST_EPOCH: Final = 8_000_000_000_000_000
"""Microseconds since 1970 that lie beyond the years that are read."""
_SERIAL: Final = r"[0-9]{1,6}([.,][0-9]*)?"
_SECONDS: Final = 86_400
MONTH_NAMES: Final = (
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "january february march april may june july august september october november december",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "januar februar märz april mai juni juli august september oktober november dezember",
)
"""Short and full names of the months in English, Spanish, Portuguese, French and German."""
WEEKDAY_NAMES: Final = (
    "mon tue wed thu fri sat sun",
    "monday tuesday wednesday thursday friday saturday sunday",
    "lun mar mié jue vie sáb dom",
    "lunes martes miércoles jueves viernes sábado domingo",
    "seg ter qua qui sex sáb dom",
    "segunda terça quarta quinta sexta sábado domingo",
    "lun mar mer jeu ven sam dim",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "mo di mi do fr sa so",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
)
"""Short and full names of weekdays in the same languages."""
WEEKDAYS: Final = tuple(name for names in WEEKDAY_NAMES[1::2] for name in names.split())
_MORE_NAMES: Final = {"Jan": "jän jänner", "Feb": "fév", "Mar": "mrz", "Sep": "setiembre"}


def _list_names() -> dict[str, tuple[str, ...]]:
    """List every name of a month by its English short one, the longest first."""
    columns = zip(*(names.split() for names in MONTH_NAMES), strict=True)
    found = {}
    for first, *others in columns:
        english = first.capitalize()
        names = {first, *others, *_MORE_NAMES.get(english, "").split()}
        names |= {drop_accents(name) for name in names}
        found[english] = tuple(sorted(names, key=lambda name: (-len(name), name)))
    return found


def drop_accents(text: str) -> str:
    """Return a text without accents."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


_NAMES: Final = _list_names()
MONTH: Final = "(?:" + "|".join(name for names in _NAMES.values() for name in names) + r")\.?"
"""Pattern of the name of a month, in any of the five languages; no name means two months."""
_LETTER: Final = "a-zà-öø-ÿ"
_ENGLISH: Final = {
    english: rf"(?i)(^|[^{_LETTER}])(?:{'|'.join(names)})\.?([^{_LETTER}]|$)"
    for english, names in _NAMES.items()
}


def is_week_format(pattern: str) -> bool:
    """Tell whether a format names the weeks of ISO 8601, without a day: each is its Monday."""
    return "%G" in pattern and "%V" in pattern and not re.search("%[uaAwdj]", pattern)


def is_date_format(pattern: str) -> bool:
    """Tell whether a format has a year and a month, or a year and a week."""
    if pattern in EPOCHS or pattern == EXCEL:
        return True
    if not re.search("%[YyGcx]", pattern):
        return False
    whole = f"{pattern} %u" if is_week_format(pattern) else pattern
    sample = datetime(2003, 8, 1, tzinfo=UTC)
    try:
        back = time.strptime(sample.strftime(whole), whole)[:2]
    except ValueError:
        return False
    return back == (2003, 8)


def convert_written(cell: Any, pattern: str) -> Any:
    """Return the expression of a text's moment by its format; NULL when it does not fit."""
    if pattern in EPOCHS:
        whole = match_whole(cell, r"[+-]?[0-9]+").ifelse(cell, None).try_cast("int64")
        near = (whole.abs() <= _LATEST_EPOCH // EPOCHS[pattern]).ifelse(whole, None)
        return read_epoch(near * EPOCHS[pattern]).cast(ABSOLUTE)
    if pattern == EXCEL:
        shaped = match_whole(cell, _SERIAL).ifelse(cell, None).replace(",", ".")
        days = shaped.try_cast("float64")
        days = (days <= _LARGEST_SERIAL).ifelse(days, None)
        seconds = ((days - _EXCEL_EPOCH) * _SECONDS).round().cast("int64")
        return read_epoch(seconds * 1_000_000)
    if "%z" in pattern:
        return parse_zoned(cell.re_replace("Z$", "+00"), pattern)
    if is_week_format(pattern):
        monday = parse_local(cell.concat(" 1"), f"{pattern} %u")
        # A 53rd week of a year that has 52 would be the first of the next.
        return cell.contains(write_moment(monday, "%G")).ifelse(monday, None)
    moment = parse_local(cell, pattern)
    if short := _shorten(pattern):
        english = cell
        for name, names in _ENGLISH.items():
            english = english.re_replace(names, rf"\1{name}\2")
        moment = moment.coalesce(parse_local(english, short))
    return moment


def parse_written(values: pd.Series, pattern: str, zone: str) -> pd.Series:
    """Read texts by a format as moments of a zone's clock; what does not fit is missing."""
    if pattern in EPOCHS:
        numbers = pd.to_numeric(values, errors="coerce") * (EPOCHS[pattern] / 1_000_000)
        moments = pd.to_datetime(numbers, unit="s", errors="coerce", utc=True)
    elif pattern == EXCEL:
        shaped = values.where(values.str.fullmatch(_SERIAL)).str.replace(",", ".")
        days = pd.to_numeric(shaped, errors="coerce")
        seconds = ((days.where(days <= _LARGEST_SERIAL) - _EXCEL_EPOCH) * _SECONDS).round()
        return pd.Series(pd.to_datetime(seconds, unit="s", errors="coerce"))
    elif "%z" in pattern:
        moments = pd.to_datetime(values, format=pattern, errors="coerce", utc=True)
    elif is_week_format(pattern):
        return pd.to_datetime(values + " 1", format=f"{pattern} %u", errors="coerce")
    else:
        moments = pd.to_datetime(values, format=pattern, errors="coerce")
        short = _shorten(pattern)
        if short and moments.isna().any():
            english = values[moments.isna()]
            for name, names in _ENGLISH.items():
                english = english.str.replace(names, rf"\1{name}\2", regex=True)
            moments = moments.fillna(pd.to_datetime(english, format=short, errors="coerce"))
        return pd.Series(moments)
    return pd.Series(moments.dt.tz_convert(zone).dt.tz_localize(None))


def _shorten(pattern: str) -> str:
    """Return a format with short names of months; empty of those without a name."""
    return pattern.replace("%B", "%b") if "%b" in pattern or "%B" in pattern else ""
