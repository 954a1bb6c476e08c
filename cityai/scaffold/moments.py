"""Time axis of a table: the column of the moment, the range of days, the length of a period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import DAY, MEAN_DAYS, MONTH, PERIODS, WEEK, find_start
from cityai.errors import DataError, suggest_name
from cityai.scaffold.columns import Column, TableProfile
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_later, is_of_people, say_count
from cityai.scaffold.parts_of_time import find_parts_of_time
from cityai.scaffold.proposal import Proposal, offer
from cityai.scaffold.windows import SEASON

_LEAST_A_PERIOD: Final = 3.0
"""Events of one place in a period, on average, that make the period worth predicting."""
_GAPS: Final = 0.02
"""Share of rows without a moment from which a column is not that of every row."""
_FAR: Final = 366
"""Days without a row that part dates far off from the record."""
_FEW: Final = 0.01
"""Share of the rows that may lie far off."""
_FEW_DAYS: Final = 3
"""Different days that are placeholders, such as 1900-01-01, however many rows have them."""
_WHOLE_DAYS: Final = 14
"""Days from which on it can be told when a day of the record begins and ends."""
FAR_OFF: Final = "far off, outside `since` and `until`"
_THIN: Final = 0.05
_DENSE: Final = 1 / 3


def choose_time(look: Proposal) -> str:
    """Return the column with the moment at which something happened.

    Raises
    ------
    DataError
        When no column holds dates, or those of the one that is meant can be read in two ways.
    """
    profile, wished = look.profile, look.said.time
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
            "write the date as ISO 8601, or name the column with --time and say how it is read "
            "with --format, such as %d/%m/%Y",
        )
    time = wished or best.name
    others = [c.name for c in ordered if c.name != time]
    look.choose("time", time, profile.columns[time].tell() + offer("--time", others))
    return time


def choose_day(look: Proposal) -> tuple[str, str]:
    """Return when a case takes place, and when it was booked, where a column says so.

    Raises
    ------
    DataError
        When no column holds the day of each case, or the one that a person names holds none.
    """
    profile, wished = look.profile, look.said.time
    dated = [c.name for c in profile.columns.values() if c.is_moment and _is_of_rows(c)]
    if wished:
        _check_time(profile, wished)
    elif not dated:
        raise profile.refuse(
            "no column holds the day of each case",
            "a column of dates without gaps, such as 2025-03-31",
            "name it with --time, and say how it is read with --format",
        )
    time = wished or max(dated, key=lambda name: (profile.frame[name].median(), name))
    day = profile.frame[time].dt.normalize()
    for name in dated:
        wait = day - profile.frame[name].dt.normalize()
        if name != time and (wait >= pd.Timedelta(0)).mean() > 0.995 and wait.max() > wait.min():
            return time, name
    return time, ""


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


def _ask_reading(column: Column, profile: TableProfile) -> DataError:
    cell = str(profile.frame[column.name].dropna().iloc[0])
    options = []
    for reading in column.readings:
        pattern = reading.format
        read = pd.to_datetime(cell, format=pattern, errors="coerce")
        options.append(f"--format '{pattern}' reads it as {read:%Y-%m-%d}")
    many = len(column.readings) > 1
    return profile.refuse(
        f"the dates of '{column.name}', such as {cell[:40]!r}, "
        + ("can be read in two ways" if many else "do not say their century"),
        "the reading that is meant; or ISO 8601 (2025-03-31)",
        f"--time '{column.name}' and one of: {'; '.join(options)}",
    )


@dataclass(frozen=True, slots=True)
class Ends:
    """Days between which a table lies; dates far off are left out.

    Attributes
    ----------
    first, last : pandas.Timestamp
        First and last day.
    far : int
        Rows that lie far off, and so are left out by `since` and `until`.
    since : pandas.Timestamp, optional
        Day from which the record is dense, where it begins thin.
    ends_cut : bool
        Whether rows follow that are of a part of a day, and so are left out by `until`.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    far: int
    since: pd.Timestamp | None
    ends_cut: bool = False

    @property
    def start(self) -> pd.Timestamp:
        """Day from which the record is used."""
        return self.since or self.first

    def limit(self, period: Period) -> dict[str, date | None]:
        """Return `since` and `until`, where the table's own ends will not do."""
        after = (self.last + pd.Timedelta(days=1)).date()
        if not self.far:
            since = self.since and self.since.date()
            return {"since": since, "until": after if self.ends_cut else None}
        # A period that began before the first row is whole all the same.
        return {"since": find_start(period, self.start).date(), "until": after}


def choose_ends(look: Proposal, time: str, is_panel: bool) -> Ends:
    """Return the days between which the table lies.

    Rows lie far off when a year and more without any row parts them from the record, and they are
    few or of a few days alone, as placeholders are (1900-01-01, 2099-12-31).
    """
    days = look.profile.frame[time].dropna().dt.normalize()
    counts = days.value_counts().sort_index()
    index = pd.DatetimeIndex(counts.index)
    apart = np.r_[0, np.cumsum(np.diff(index.to_numpy()) > np.timedelta64(_FAR, "D"))]
    rows = counts.groupby(apart).agg(["sum", "size"])
    main = int(rows["sum"].idxmax())
    if rows.loc[main, "size"] <= _FEW_DAYS < rows["size"].max():
        main = int(rows["size"].idxmax())
    stray = (rows["sum"] <= _FEW * len(days)) | (rows["size"] <= _FEW_DAYS)
    near = [part for part in rows.index if part == main or not stray[part]]
    kept = counts[np.isin(apart, near)]
    far = (len(days) - int(kept.sum())) or int(look.hides_far)
    since = None if is_panel else _find_dense(kept)
    if far:
        shown = "some rows" if look.profile.is_cut else say_count(far, "row")
        why = "their dates lie a year and more from all others; `since` and `until` leave them out"
        look.choose("far off", shown, why)
    if since is not None:
        look.choose("since", f"{since:%Y-%m-%d}", "hardly a row before it")
    ends = Ends(pd.Timestamp(kept.index[0]), pd.Timestamp(kept.index[-1]), far, since)
    return _leave_cut(look, time, ends) if is_panel else ends


def _leave_cut(look: Proposal, time: str, ends: Ends) -> Ends:
    """Leave out the first and the last day of a record of hours where they are not whole."""
    moments = look.profile.frame[time].dropna()
    moments = moments[moments.between(ends.first, ends.last + pd.Timedelta(days=1))]
    hours = (moments - moments.dt.normalize()).groupby(moments.dt.normalize()).agg(["min", "max"])
    begin, end = hours["min"].mode()[0], hours["max"].mode()[0]
    if look.profile.is_cut or begin == end or len(hours) < _WHOLE_DAYS:
        return ends
    day, (low, high) = pd.Timedelta(days=1), (hours["min"].iloc[0], hours["max"].iloc[-1])
    if low > begin:
        ends = replace(ends, since=ends.first + day)
        why = f"the first day is cut: it begins at {_tell_hour(low)}, others at {_tell_hour(begin)}"
        look.choose("since", f"{ends.since:%Y-%m-%d}", why)
    if high < end:
        why = f"the last day is cut: it ends at {_tell_hour(high)}, others at {_tell_hour(end)}; "
        look.choose("until", f"{ends.last:%Y-%m-%d}", f"{why}move it on when more rows come")
        ends = replace(ends, last=ends.last - day, ends_cut=True)
    return ends


def _tell_hour(since_midnight: pd.Timedelta) -> str:
    return f"{pd.Timestamp(0) + since_midnight:%H:%M}"


def _find_dense(counts: pd.Series) -> pd.Timestamp | None:
    """Return the month from which events are dense, where hardly any stand before it."""
    months = counts.groupby(pd.DatetimeIndex(counts.index).to_period("M")).sum()
    months = months.reindex(
        pd.period_range(months.index[0], months.index[-1], freq="M"), fill_value=0
    )
    usual = float(months[months > 0].median())
    if len(months) < 12:
        return None
    dense = months >= _DENSE * usual
    begin = int(dense.to_numpy().argmax())
    thin = months.iloc[:begin]
    if begin < 2 or thin.mean() > _THIN * usual:
        return None
    return pd.Timestamp(months.index[begin].start_time)


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
        wait = (frame[column.name] - frame[time]).dt.days
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
    short = full[:1] if days < _FAR else []
    period = named or [*long, *short, PERIODS[-1]][0]
    said = ", as you said" if named else ""
    return period, f"{daily * MEAN_DAYS[period]:.1f} rows a {period} and place{said}"
