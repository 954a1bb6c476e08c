"""Time axis of a table: the column of the moment, the range of days, the length of a period."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import DAY, MEAN_DAYS, MONTH, PERIODS, WEEK
from cityai.errors import DataError, suggest_name
from cityai.scaffold.columns import Column, TableProfile
from cityai.scaffold.dates import TOO_LONG, parse
from cityai.scaffold.ends import FAR, SEASON, Ends
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_later, is_of_answer, is_of_people, say_count
from cityai.scaffold.parts_of_time import find_parts_of_time
from cityai.scaffold.proposal import Proposal, offer
from cityai.scaffold.split_dates import tell_unjoined

_LEAST_A_PERIOD: Final = 3.0
"""Events of one place in a period, on average, that make the period worth predicting."""
_FILLED: Final = 0.6
_ALIKE: Final = 0.9
NO_CENTURY: Final = "do not say their century"
_MOSTLY: Final = 0.9
"""Share of rows in which a moment lies before another, from which it is asked about."""
_NEARLY_ALL: Final = 0.995
_GAPS: Final = 0.02
"""Share of rows without a moment from which a column is not that of every row."""


def choose_time(look: Proposal) -> str:
    """Return the column with the moment at which something happened.

    Raises
    ------
    DataError
        When no column holds dates, or those of the one that is meant can be read in two ways.
    """
    profile, wished = look.profile, look.wished_time
    columns = profile.columns.values()
    if wished:
        _check_time(profile, wished)
    # What happened comes before what was recorded; a column with gaps is seldom the first.
    ordered = sorted(
        [c for c in columns if c.is_moment],
        key=lambda c: (
            is_of_people(c.name),
            is_later(c.name),
            c.missing > _GAPS,
            profile.frame[c.name].median(),
            bool(c.readings[0].format),
            c.name,
        ),
    )
    unsure = [c for c in columns if c.is_unsure]
    filled = [c for c in unsure if c.missing <= _GAPS and not is_of_people(c.name)]
    best = ordered[0] if ordered else None
    asked = filled if best is None or not _is_of_rows(best) else []
    if not wished and (asked or (best is None and unsure)):
        raise _ask_reading([*asked, *unsure][0], profile)
    if best is None:
        others = [f"'{c.name}' holds {c.other}" for c in columns if c.other]
        others = [*filter(None, [tell_unjoined(profile.frame)]), *others]
        parts = find_parts_of_time(profile.columns, by_year=True)
        if parts:
            raise profile.refuse(
                "; ".join([parts.tell(), *others]),
                "one row a place and period, with a column of dates such as 2025-03-31",
                "turn these columns into rows before it is read, each with the date of its part",
            )
        raise profile.refuse(
            "no column holds dates that can be read without guessing"
            + (f": {'; '.join(others)}" if others else ""),
            "a column of dates such as 2025-03-31, one format in all its rows",
            "take the table by month, week or day: a date such as 2025-03-31 in each row"
            if others and all(TOO_LONG in other for other in others)
            else "write the date as ISO 8601, or name the column with --time and say how it is "
            "read with --format, such as %d/%m/%Y",
        )
    time = wished or best.name
    _refuse_merged(profile, time)
    others = [c.name for c in ordered if c.name != time]
    joined = profile.joined.get(time, ())
    of = f"{' and '.join(joined)} together: " if joined else ""
    look.choose("time", time, of + profile.columns[time].tell() + offer("--time", others))
    return time


def _refuse_merged(profile: TableProfile, time: str) -> None:
    """Refuse a column of moments that is filled in the first of several rows alone."""
    filled = profile.frame[time].notna()
    if filled.mean() >= _FILLED or not filled.iloc[0] or profile.is_cut:
        return
    # The same step from one filled row to the next, or nearly.
    steps = pd.Series(filled[filled].index).diff().dropna()
    if (steps == steps.mode()[0]).mean() < _ALIKE:
        return
    raise profile.refuse(
        f"'{time}' is empty in {(~filled).mean():.0%} of the rows and filled in every "
        f"{steps.mode()[0]:.0f}th, as merged cells of a spreadsheet are",
        "a date in each row",
        "fill each empty cell with the date above it before it is read",
    )


def choose_day(look: Proposal) -> tuple[str, str]:
    """Return when a case takes place, and when it was booked, where a column says so.

    Raises
    ------
    DataError
        When no column holds the day of each case, or the one that a person names holds none.
    """
    profile, wished = look.profile, look.wished_time
    whole = [c.name for c in profile.columns.values() if c.is_moment and _is_of_rows(c)]
    dated = [name for name in whole if not is_of_answer(name)] or whole
    if wished:
        _check_time(profile, wished)
    elif not dated:
        raise _refuse_days(profile)
    time = wished or max(dated, key=lambda name: (profile.frame[name].median(), name))
    day = profile.frame[time].dt.normalize()
    for name in dated:
        wait = day - profile.frame[name].dt.normalize()
        early = (wait >= pd.Timedelta(0)).mean()
        if name == time or wait.max() <= wait.min() or early <= _MOSTLY:
            continue
        if early > _NEARLY_ALL:
            return time, name
        look.leave_open(
            f"whether {name} says when the city first knew of a case: it is before {time} in "
            f"{early:.1%} of the rows. Where it does, `question.asked: {{days_before: 0, "
            f"registered: {name}}}` leaves out who was not known yet, and refuses later ones"
        )
    return time, ""


def _refuse_days(profile: TableProfile) -> DataError:
    """Return the error that says why no column is the day of a case, naming those with dates."""
    told = []
    for c in profile.columns.values():
        moments = f"dates in {1 - c.missing:.0%} of the rows"
        if c.is_moment:
            told.append(f"'{c.name}' holds {moments}")
        elif c.is_unsure:
            told.append(f"'{c.name}' holds {moments}, {c.readings[0].doubt or 'read in two ways'}")
        elif c.other:
            told.append(f"'{c.name}' holds {c.other}")
    return profile.refuse(
        "no column holds the day of each case" + (f": {'; '.join(told[:4])}" if told else ""),
        "a column of dates without gaps, such as 2025-03-31",
        "name it with --time, and say how it is read with --format",
    )


def _is_of_rows(column: Column) -> bool:
    """Whether a column of dates has one for each row, of what the row is about."""
    return not (is_of_people(column.name) or is_later(column.name) or column.missing > _GAPS)


def _check_time(profile: TableProfile, wished: str) -> None:
    """Refuse a column as the moment that holds no dates, or dates that can be read in two ways."""
    column = profile.columns[wished]
    if column.is_unsure:
        raise _ask_reading(column, profile)
    if not column.is_moment:
        dated = [c.name for c in profile.columns.values() if c.is_moment or c.is_unsure]
        raise profile.refuse(
            f"'{wished}' holds {column.other or column.tell()}, no dates that can be read",
            "a column of dates" + (f": {suggest_name('', dated)}" if dated else ""),
            "name another column as --time, or say how it is read with --format",
        )
    if column.mixed:
        pattern, cell = column.mixed
        raise profile.refuse(
            f"'{wished}' is read by {column.readings[0].format} in {1 - column.missing:.1%} of the "
            f"rows; others, such as {cell[:40]!r}, are dates of another format ({pattern}), so "
            "that what both can read may be wrong",
            "dates of one format in all rows, such as 2025-03-31",
            "write all dates in one format before the table is read",
        )


def _ask_reading(column: Column, profile: TableProfile) -> DataError:
    cells = pd.Series(profile.frame[column.name].dropna().unique(), dtype="str")
    read_by = [parse(cells, reading.format) for reading in column.readings]
    differs = read_by[0] != read_by[-1]
    cell = str(cells[differs].iloc[0] if differs.any() else cells.iloc[0])
    options = []
    for reading in column.readings:
        pattern = reading.format
        read = parse(pd.Series([cell]), pattern)[0]
        options.append(f"--format '{pattern}' reads it as {read:%Y-%m-%d}")
    many = len(column.readings) > 1
    return profile.refuse(
        f"the dates of '{column.name}', such as {cell[:40]!r}, "
        + ("can be read in two ways" if many else column.readings[0].doubt or NO_CENTURY),
        "the reading that is meant; or ISO 8601 (2025-03-31)",
        f"--time '{','.join(profile.joined.get(column.name, (column.name,)))}' and one of: "
        + "; ".join(options),
    )


def choose_known(look: Proposal, time: str) -> tuple[str, int]:
    """Return the column that says when a row was recorded, and the delay.

    The delay is the days within which 99 of 100 rows were recorded; a column moves that by its
    name is written again with every edit.
    """
    moved, chosen, delay = [], "", 0
    frame = look.profile.frame
    for column in look.profile.columns.values():
        if not column.is_moment or column.name == time or column.missing > _GAPS:
            continue
        wait = (frame[column.name].dt.normalize() - frame[time].dt.normalize()).dt.days
        if not ((wait >= 0).mean() > 0.999 and wait.max() > 0 and wait.quantile(0.5) <= 31):
            continue
        if is_later(column.name):
            moved.append(column.name)
        elif not chosen:
            chosen, delay = column.name, int(wait.quantile(0.99))
    why = "assumed, no column says when a row was recorded"
    if chosen:
        why = f"never before the time; 99 of 100 rows within {say_count(delay, 'day')}"
    elif moved:
        why = f"assumed; not {', '.join(moved)}: later than the time, but moved again by the name"
    look.choose("known", chosen or "1 day later", why)
    return chosen, delay


def choose_answered(look: Proposal, time: str, answered: pd.Series) -> tuple[str, int]:
    """Return the column with the day on which the outcome of a case was known, and the delay.

    The column is empty without one; the delay is the days within which 99 of 100 were known.

    Parameters
    ----------
    look : Proposal
        The table.
    time : str
        Column with the day of the case.
    answered : pandas.Series
        Whether the outcome of each row is known.
    """
    frame, found, moved = look.profile.frame, [], []
    for column in look.profile.columns.values():
        if not column.is_moment or column.name == time or is_of_people(column.name):
            continue
        day = frame.loc[answered, column.name].dropna()
        wait = (day.dt.normalize() - frame.loc[day.index, time].dt.normalize()).dt.days.dropna()
        if (
            len(wait) < (1 - _GAPS) * answered.sum()
            or (wait >= 0).mean() <= 0.999
            or not wait.max()
        ):
            continue
        if is_later(column.name) and not is_of_answer(column.name):
            moved.append(column.name)
        else:
            found.append((not is_of_answer(column.name), float(wait.median()), column.name, wait))
    if not found:
        why = f"; not {', '.join(moved)}: moved again by the name" if moved else ""
        why = why or ", no column says when an outcome was recorded"
        look.choose("known", "1 day later", f"assumed{why}")
        return "", 0
    _, _, name, wait = min(found, key=lambda one: one[:3])
    delay = int(wait.quantile(0.99))
    late = say_count(delay, "day")
    look.choose("known", name, f"never before {time}; 99 of 100 outcomes within {late}")
    return name, delay


def choose_period(look: Proposal, time: str, grain: Grain, ends: Ends) -> Period:
    """Return the period.

    Raises
    ------
    DataError
        When the period that a person named is finer than the table, or none.
    """
    wished = look.said.period
    named = next((period for period in PERIODS if period == wished), None)
    if wished and named is None:
        raise DataError(
            f"{wished[:40]!r} is no period", expected="day, week or month", where="--period"
        )
    if grain.is_panel:
        period, why = _find_gap(look.profile, time, named)
    else:
        period, why = _find_fine(look.profile, time, grain, ends, named)
    look.choose("period", period, why)
    return period


def _find_gap(profile: TableProfile, time: str, named: Period | None) -> tuple[Period, str]:
    """Return the period by which the rows of a panel lie apart, or the longer one that is named."""
    moments = profile.frame[time].dropna().dt.normalize()
    moments_a_day = profile.frame[time].nunique() / moments.nunique()
    gap = float(pd.Series(moments.unique()).sort_values().diff().dt.days.median())
    gap = 1.0 if np.isnan(gap) else gap
    where = f"{profile.path}, column '{time}'"
    if gap > 45:
        raise DataError(
            f"the rows are {gap:.0f} days apart",
            where=where,
            expected="a row a day, week or month; these are the periods that can be predicted",
        )
    found: Period = DAY if gap < 4 else WEEK if gap < 20 else MONTH
    if named and PERIODS.index(named) < PERIODS.index(found):
        raise DataError(
            f"no {named} can be predicted: the rows are {gap:.0f} days apart",
            where=where,
            expected=f"--period {' or '.join(PERIODS[PERIODS.index(found) :])}",
        )
    if named and named != found:
        return named, f"as you said; {_tell_gap(gap)}, which are added up"
    if moments_a_day > 1.5:
        return found, f"{moments_a_day:.0f} moments a day, which are added up"
    return found, _tell_gap(gap)


def _tell_gap(gap: float) -> str:
    return f"a row every {gap:.0f} days" if gap > 1 else "a row every day"


def _find_fine(
    profile: TableProfile, time: str, grain: Grain, ends: Ends, named: Period | None
) -> tuple[Period, str]:
    """Return the finest period in which places have events enough, or the one that is named."""
    days = (ends.last - ends.start).days + 1
    places = max([1, *(profile.columns[name].distinct for name in grain.places)])
    looked = profile.frame[time].notna().sum() * profile.rows / max(len(profile.frame), 1)
    daily = looked / max(days, 1) / places
    full = [p for p in PERIODS[:2] if daily * MEAN_DAYS[p] >= _LEAST_A_PERIOD]
    long = [p for p in full if days / MEAN_DAYS[p] >= 2.5 * SEASON[p]]
    # A history too short for its seasons is not made longer by coarser periods.
    short = full[:1] if days < FAR else []
    period = named or [*long, *short, PERIODS[-1]][0]
    said = ", as you said" if named else ""
    return period, f"{daily * MEAN_DAYS[period]:.1f} rows a {period} and place{said}"
