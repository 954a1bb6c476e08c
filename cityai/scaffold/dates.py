"""Date formats of a column: every one that its cells allow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.data.conversion import ISO_DATE, ISO_MOMENT
from cityai.data.periods import WEEK
from cityai.data.written_dates import EXCEL, MONTH, MONTH_NAMES, WEEKDAYS, parse_written

_FEW: Final = 0.005
_MOST: Final = 0.9
_SOME: Final = 0.02
"""Share of cells in a second format, from which a column has two."""
_MOST_SHAPES: Final = 50
_SECONDS: Final = (946_684_800, 2_208_988_800)
"""The years 2000 to 2039, in seconds since 1970."""
_SINGLE: Final = 3
"""Cells that may be something else, such as a total below a short table."""
_DAY: Final = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun)"
_CLOCK: Final = re.compile(
    r"(.*?)([T ])\d{1,2}:\d{2}(:\d{2})?(\.\d{1,6})?( ?)([AaPp][Mm])?( ?)(Z|[+-]\d{2}(?::?\d{2})?)?"
)
_NUMBERS: Final = (
    (r"\d{4}([-/. ])\d{1,2}\1\d{1,2}", ("%Y{0}%m{0}%d",)),
    (r"\d{1,2}([-/.])\d{1,2}\1\d{4}", ("%m{0}%d{0}%Y", "%d{0}%m{0}%Y")),
    (r"\d{1,2}([-/.])\d{1,2}\1\d{2}", ("%m{0}%d{0}%y", "%d{0}%m{0}%y", "%y{0}%m{0}%d")),
    (r"(?:19|20)\d{6}", ("%Y%m%d",)),
    (r"\d{4}([-/. ])\d{1,2}", ("%Y{0}%m",)),
    (r"\d{4}([ ](?i:m|month|mes|mês|mois|monat)[ _-]?)\d{1,2}", ("%Y{0}%m",)),
    (r"\d{1,2}([-/.])\d{4}", ("%m{0}%Y",)),
    (r"(?:19|20)\d{4}", ("%Y%m",)),
    (r"\d{4}M\d{1,2}", ("%YM%m",)),
)
_NAMES: Final = (
    (rf"\d{{1,2}}([ /.-]){MONTH}\1\d{{4}}", "%d{0}MON{0}%Y"),
    (rf"\d{{1,2}}([ /.-]){MONTH}\1\d{{2}}", "%d{0}MON{0}%y"),
    (rf"\d{{1,2}}([.]) {MONTH} \d{{4}}", "%d{0} MON %Y"),
    (rf"\d{{1,2}}([ ]de ){MONTH}\1\d{{4}}", "%d{0}MON{0}%Y"),
    (rf"{MONTH} \d{{1,2}}, \d{{4}}", "MON %d, %Y"),
    (rf"{MONTH} \d{{1,2}} \d{{4}}", "MON %d %Y"),
    (rf"{MONTH}([ /.-]| de | del )\d{{4}}", "MON{0}%Y"),
    (rf"\d{{4}}([ /.-]){MONTH}", "%Y{0}MON"),
    (rf"{MONTH}([ /.-])\d{{2}}", "MON{0}%y"),
    (rf"\d{{2}}([ /.-]){MONTH}", "%y{0}MON"),
)
_FULL: Final = frozenset(name for names in MONTH_NAMES[1::2] for name in names.split())
_WEEK_WORD: Final = r"(?:W|WK|week|KW|sem|semana|semaine|woche|EW|SE)"
_WEEKS: Final = (
    rf"(?P<year>(?:19|20)\d{{2}})[- /,_]*{_WEEK_WORD}[ ._-]*(?P<week>\d{{1,2}})",
    rf"{_WEEK_WORD}[ ._-]*(?P<week>\d{{1,2}})(?:[- /,_]*| of | de )(?P<year>(?:19|20)\d{{2}})",
)
_NAMED_WEEKS: Final = (
    r"(?P<year>(?:19|20)\d{2})[- /_]?S?(?P<week>\d{1,2})",
    r"S?(?P<week>\d{1,2})[- /_](?P<year>(?:19|20)\d{2})",
)
"""Numbers of weeks, or an S before them (semaine, semana), where the column is called so."""
_ISO: Final = r"%G-?W%V.*|.*(?:KW|woche).*"
"""Formats by which weeks are those of ISO 8601: its own, and German words, by DIN 1355."""
TIMES_OF_DAY: Final = "times of day without a date"
WRITE_MONDAY: Final = "write the Monday of each as 2025-03-31"
NUMBERED_WEEKS: Final = f"numbered weeks without a year; {WRITE_MONDAY}"
OTHER_WEEKS: Final = (
    "may be weeks of ISO 8601, which begin on Monday, or others, such as those of MMWR from Sunday"
)
TOO_LONG: Final = "the periods are days, weeks and months"
_OTHERS: Final = {
    r"\d{4}[- ]?Q[1-4]|Q[1-4][- /]?\d{4}|[1-4][TQ][- /]?\d{4}": f"quarters; {TOO_LONG}",
    r"Q[1-4]": f"quarters without a year; {TOO_LONG}",
    r"(?:WK|week|KW|semana|semaine|woche)[ ._-]*\d{1,2}": NUMBERED_WEEKS,
    r"(?:FY|SY|AY)[ -]?(?:\d{4}|\d{2})(?:[-/](?:\d{4}|\d{2}))?": f"fiscal years; {TOO_LONG}",
    r"(?:19|20)\d{2}": f"years; {TOO_LONG}",
    r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]\.?m\.?)?": TIMES_OF_DAY,
    MONTH: "months without a year; write 2025-03",
    rf"\d{{1,2}}(?:st|nd|rd|th|er|[.]?[ºª°]) (?:of |de )?{MONTH}.*|"
    rf"{MONTH} \d{{1,2}}(?:st|nd|rd|th).*": "days with an ending, such as 1st; write 2025-03-31",
    rf"(?:{'|'.join(WEEKDAYS)})[.,]? .*\d.*": "dates with the name of a weekday; write 2025-03-31",
    r"\d{1,4}[./-]\d{1,2}[./-](?:\d{2,4})?\s*(?:-|–|to|bis|a|à|al|até)\s*\d{1,4}[./-]\d{1,2}[./-]"
    r"(?:\d{2,4})?": "periods from a day to a day; write the first day of each as 2025-03-31",
    r"\d{1,2}[ .-]+(?:de )?[^\W\d]{3,}\.?(?: de)?[ -]+\d{2,4}": "months in words of "
    "a language that is not read (en, es, fr, pt and de are); write 2025-03-31",
}


@dataclass(frozen=True, slots=True)
class DateFormat:
    """Date format of a column: one way to read it."""

    format: str
    """strptime pattern, `epoch_ms`, `epoch_s` or `excel`; empty for ISO 8601."""
    type: str
    """date or datetime."""
    doubt: str = ""
    """What the cells leave open, though they have one reading; empty where that is nothing."""

    @property
    def is_certain(self) -> bool:
        """Whether there is nothing to ask."""
        return not (self.doubt or "%y" in self.format)


def read_dates(
    values: pd.Series, times: npt.NDArray[Any], is_named: bool, week: str = ""
) -> tuple[DateFormat, ...]:
    """Return every way in which texts can be dates; none when they are something else.

    Parameters
    ----------
    values : pandas.Series
        Different filled cells.
    times : numpy.ndarray
        How often each stands there.
    is_named : bool
        Whether the column's name is that of a moment, so that its whole numbers may count seconds.
    week : str
        The column's name where it is that of a week, so that 202305 is the fifth of 2023.
    """
    if values.empty:
        return ()
    for kind, pattern in (("date", ISO_DATE), ("datetime", ISO_MOMENT)):
        if _fit(values.str.fullmatch(pattern), times):
            return (DateFormat("", kind),) if _fit(parse(values, "").notna(), times) else ()
    counted = _read_serials(values, times, is_named) or _read_weeks(values, times, week)
    if counted:
        return counted
    if week and values.str.fullmatch(r"\d{6}").all():
        return ()
    dates, clock = _cut_clock(values, times)
    found: dict[str, float] = {}
    for pattern in _list_formats(dates, times):
        is_read = parse(values, pattern + clock).notna()
        if _fit(is_read, times):
            found[pattern + clock] = _share(is_read, times)
    # One day above 12 tells the order of all.
    best = [pattern for pattern, share in found.items() if share == max(found.values())]
    kind = "datetime" if clock else "date"
    if clock and "%z" not in clock and best:
        moments = parse(values, best[0]).dropna()
        kind = "date" if (moments == moments.dt.normalize()).all() else kind
    return tuple(DateFormat(pattern, kind) for pattern in best)


def parse(values: pd.Series, pattern: str, zone: str = "UTC") -> pd.Series:
    """Read texts as moments of a zone's clock; what does not fit is missing."""
    if pattern:
        return parse_written(values, pattern, zone)
    moments = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
    zoned = values.str.contains(r":\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$", na=False)
    local = moments.dt.tz_convert(zone).dt.tz_localize(None)
    return pd.Series(local.where(zoned, moments.dt.tz_localize(None)))


def name_other(values: pd.Series, times: npt.NDArray[Any]) -> str:
    """Say what texts are that speak of time and cannot be read as dates; empty otherwise."""
    if values.empty:
        return ""
    for pattern, words in _OTHERS.items():
        if _share(values.str.fullmatch(pattern, flags=re.I), times) >= _MOST:
            return words
    if _are_two_years(values, times):
        return f"fiscal or school years; {TOO_LONG}"
    return _tell_mixed(values, times)


def _are_two_years(values: pd.Series, times: npt.NDArray[Any]) -> bool:
    """Whether texts name a year and the next, such as 2023/24."""
    years = values.str.extract(r"^(\d{4}) ?[-/–] ?(?:\d{2})?(\d{2})$").astype("float64")
    return _share((years[0] + 1) % 100 == years[1], times) >= _MOST


def find_second(
    values: pd.Series, times: npt.NDArray[Any], read: pd.Series
) -> tuple[str, str] | None:
    """Find the format that reads most of the dates that another one did not read.

    Parameters
    ----------
    values : pandas.Series
        Different filled cells.
    times : numpy.ndarray
        How often each stands there.
    read : pandas.Series
        Whether the other format reads each.

    Returns
    -------
    tuple of str, optional
        The format and a cell that it alone reads; None where hardly any cell is left, or the rest
        are no dates.
    """
    rest, of_rest = values[~read], times[~read.to_numpy(bool)]
    if of_rest.sum() <= _SOME * times.sum():
        return None
    found = _rank_formats(rest, of_rest)
    if not found or found[0][0] < _MOST:
        return None
    pattern = found[0][1]
    return pattern, str(rest[_parse_dates(rest, pattern).notna()].iloc[0])


def _tell_mixed(values: pd.Series, times: npt.NDArray[Any]) -> str:
    """Say that dates of two formats stand in one column, with a cell of each."""
    for _, pattern in _rank_formats(values, times)[:2]:
        read = _parse_dates(values, pattern).notna()
        if second := find_second(values, times, read):
            alone = read & _parse_dates(values, second[0]).isna()
            first, cell = str(values[alone if alone.any() else read].iloc[0]), second[1]
            return (
                f"dates of two formats, such as {first[:25]!r} and {cell[:25]!r}; write all in one"
            )
    return ""


def _rank_formats(values: pd.Series, times: npt.NDArray[Any]) -> list[tuple[float, str]]:
    """List the formats that read some of these cells, with the share that each reads."""
    dates = values.str.extract(f"^{_CLOCK.pattern}$")[0].fillna(values)
    some = np.ones(1)
    first = dates[~dates.str.replace(r"\d", "9", regex=True).duplicated()].iloc[:_MOST_SHAPES]
    patterns = {
        pattern
        for cell in first[first.str.contains(r"\d")]  # a date without a digit is none
        for pattern in _list_formats(pd.Series([cell]), some)
    }
    shares = [(_share(_parse_dates(values, p).notna(), times), p) for p in sorted(patterns)]
    return sorted([found for found in shares if found[0]], reverse=True)


def _parse_dates(values: pd.Series, pattern: str) -> pd.Series:
    """Read the dates of texts, whatever time of day stands behind them."""
    return parse(values.str.extract(f"^{_CLOCK.pattern}$")[0].fillna(values), pattern)


def _list_formats(dates: pd.Series, times: npt.NDArray[Any]) -> Iterator[str]:
    for shape, patterns in _NUMBERS:
        if _fit(dates.str.fullmatch(shape), times):
            yield from _fill(dates, shape, patterns)
    prefix = dates.str.extract(rf"^({_DAY})(,? )", flags=re.I)
    named = _fit(prefix[0].notna(), times)
    rest = dates.str.replace(rf"^{_DAY},? ", "", regex=True, flags=re.I) if named else dates
    for shape, pattern in _NAMES:
        if _fit(rest.str.fullmatch(shape, flags=re.I), times):
            first = ""
            if named:
                first = "%A" if prefix[0].str.len().max() > 3 else "%a"
                first += str(prefix[1].mode()[0])
            # Either reads full names and short ones; the one that is written is for readers.
            names = rest.str.casefold().str.extract(f"({MONTH})")[0].str.strip(".")
            month = "%B" if names.isin(_FULL).all() else "%b"
            yield from _fill(rest, shape, (first + pattern.replace("MON", month),))


def _fill(dates: pd.Series, shape: str, patterns: tuple[str, ...]) -> Iterator[str]:
    marks = dates.str.extract(shape, flags=re.I)[0].dropna() if "(" + "[" in shape else None
    mark = "" if marks is None else str(marks.mode()[0])
    yield from (pattern.format(mark) for pattern in patterns)


def _cut_clock(values: pd.Series, times: npt.NDArray[Any]) -> tuple[pd.Series, str]:
    """Return the dates without the time of day, and its pattern: the one that most cells have."""
    parts = values.str.extract(f"^{_CLOCK.pattern}$")
    has = parts[1].notna()
    if not _fit(has, times):
        return values, ""

    def usual(name: int) -> bool:
        return _share(parts[name].notna() & (parts[name] != ""), times) > 0.5

    mark = str(parts[1].mode()[0])
    clock = mark + ("%I" if usual(5) else "%H") + ":%M" + (":%S" if usual(2) else "")
    clock += ".%f" if usual(3) else ""
    clock += (" " if usual(4) else "") + "%p" if usual(5) else ""
    if usual(7):
        gap = usual(6) or (usual(4) and not usual(5))
        clock += " %z" if gap else "%z"
    return parts[0].fillna(""), clock


def _read_serials(
    values: pd.Series, times: npt.NDArray[Any], is_named: bool
) -> tuple[DateFormat, ...]:
    """Numbers that count from 1970, or as spreadsheets do, in the years 2000 to 2039."""
    if not is_named:
        return ()
    for pattern, digits in (("epoch_ms", 1_000), ("epoch_s", 1)):
        if not _fit(values.str.fullmatch(r"\d{9,13}"), times):
            continue
        seconds = pd.to_numeric(values, errors="coerce") / digits
        if _fit(seconds.between(*_SECONDS), times):
            return (DateFormat(pattern, "datetime"),)
    days = parse(values, EXCEL)
    if not _fit(
        days.between(pd.Timestamp(_SECONDS[0], unit="s"), pd.Timestamp(_SECONDS[1], unit="s")),
        times,
    ):
        return ()
    kind = "date" if (days.dropna() == days.dropna().dt.normalize()).all() else "datetime"
    return (DateFormat(EXCEL, kind, "may count days as spreadsheets do, or be amounts"),)


def _read_weeks(values: pd.Series, times: npt.NDArray[Any], week: str) -> tuple[DateFormat, ...]:
    """Weeks by their number: certain where their form, or German, says that they are ISO's."""
    is_named = week and not _are_two_years(values, times)
    for shape in (*_WEEKS, *(_NAMED_WEEKS if is_named else ())):
        found = [re.fullmatch(shape, cell, re.IGNORECASE) for cell in values]
        if not _fit(pd.Series([match is not None for match in found]), times):
            continue
        pattern = str(pd.Series([_write_week(match) for match in found if match]).mode()[0])
        if not _fit(parse(values, pattern).notna(), times):
            return ()
        is_iso = re.fullmatch(_ISO, f"{pattern} {week}", re.IGNORECASE)
        is_other = not is_iso or re.search("mmwr|epi", week, re.IGNORECASE)
        return (DateFormat(pattern, "date", OTHER_WEEKS if is_other else ""),)
    return ()


def _write_week(match: re.Match[str]) -> str:
    """Return a text with `%G` in place of its year, and `%V` in place of its week."""
    text = match[0]
    for name, code in sorted((("year", "%G"), (WEEK, "%V")), key=lambda one: -match.start(one[0])):
        text = text[: match.start(name)] + code + text[match.end(name) :]
    return text


def _fit(fits: pd.Series, times: npt.NDArray[Any]) -> bool:
    """Whether almost all cells fit: but for a few of many, or for single ones."""
    total = int(times.sum())
    others = round(total * (1 - _share(fits, times)))
    return others <= max(_FEW * total, min(_SINGLE, total // 20))


def _share(fits: pd.Series, times: npt.NDArray[Any]) -> float:
    return float(times[fits.fillna(False).to_numpy(bool)].sum() / max(times.sum(), 1))
