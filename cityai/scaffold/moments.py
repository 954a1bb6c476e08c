"""Time axis of a table: the column of the moment, the range of days, the length of a period."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cityai.config.project import Period
from cityai.data.periods import DAY, MEAN_DAYS, MONTH, PERIODS, WEEK
from cityai.errors import DataError, suggest_name
from cityai.scaffold.columns import Column, TableProfile
from cityai.scaffold.grain import Grain
from cityai.scaffold.names import is_later, is_of_people
from cityai.scaffold.windows import SEASON

_LEAST_A_PERIOD: Final = 3.0
"""Events of one place in a period, on average, that make the period worth predicting."""
_FAR: Final = 366
"""Days without a row that part dates far off from the record."""
_FEW: Final = 0.01
"""Share of the rows that may lie far off."""
_FEW_DAYS: Final = 3
"""Different days that are placeholders, such as 1900-01-01, however many rows have them."""
_THIN: Final = 0.05
_DENSE: Final = 1 / 3


def check_time(profile: TableProfile, wished: str) -> None:
    """Refuse a column as the moment that holds no dates, or dates that can be read in two ways.

    Raises
    ------
    DataError
        Naming the columns that hold some.
    """
    column = profile.columns[wished]
    if column.is_unsure:
        raise _ask_reading(column, profile)
    if not column.is_moment:
        raise DataError(
            f"'{wished}' holds {column.other or column.tell()}, no dates that can be read",
            where=str(profile.path),
            expected=_suggest_dates(profile),
            next_step="name another column as --time, or say how it is read with --format",
        )


def choose_time(profile: TableProfile, wished: str) -> tuple[str, tuple[str, ...]]:
    """Return the column with the moment, and the others that could be meant.

    Raises
    ------
    DataError
        When no column holds dates, or those of the one that is meant can be read in two ways.
    """
    columns = profile.columns.values()
    if wished:
        check_time(profile, wished)
    dated = [c for c in columns if c.is_moment]
    # What happened comes before what was recorded; a column with gaps is seldom the first.
    ordered = sorted(
        dated,
        key=lambda c: (
            is_of_people(c.name),
            is_later(c.name),
            c.missing > 0.02,
            profile.frame[c.name].median(),
            bool(c.readings[0].format),
            c.name,
        ),
    )
    unsure = [c for c in columns if c.is_unsure]
    filled = [c for c in unsure if c.missing <= 0.02 and not is_of_people(c.name)]
    best = ordered[0] if ordered else None
    needed = best is None or is_of_people(best.name) or is_later(best.name) or best.missing > 0.02
    if not wished and (filled if needed else best is None):
        raise _ask_reading(filled[0], profile)
    if not wished and best is None and unsure:
        raise _ask_reading(unsure[0], profile)
    if best is None:
        others = [f"'{c.name}' holds {c.other}" for c in columns if c.other]
        raise DataError(
            "no column holds dates that can be read without guessing"
            + (f": {'; '.join(others)}" if others else ""),
            where=str(profile.path),
            expected="a column of dates such as 2025-03-31, one format in all its rows",
            next_step="write the date as ISO 8601, or name the column with --time and say how it "
            "is read with --format, such as %d/%m/%Y",
        )
    chosen = wished or best.name
    return chosen, tuple(c.name for c in ordered if c.name != chosen)


def _suggest_dates(profile: TableProfile) -> str:
    dated = [c.name for c in profile.columns.values() if c.is_moment or c.is_unsure]
    return f"a column of dates: {suggest_name('', dated)}" if dated else "a column of dates"


def _ask_reading(column: Column, profile: TableProfile) -> DataError:
    cell = str(profile.frame[column.name].dropna().iloc[0])
    options = []
    for reading in column.readings:
        pattern = reading.format
        read = pd.to_datetime(cell, format=pattern, errors="coerce")
        options.append(f"--format '{pattern}' reads it as {read:%Y-%m-%d}")
    many = len(column.readings) > 1
    return DataError(
        f"the dates of '{column.name}', such as {cell[:40]!a}, "
        + ("can be read in two ways" if many else "do not say their century"),
        where=str(profile.path),
        expected="the reading that is meant; or ISO 8601 (2025-03-31)",
        next_step=f"--time '{column.name}' and one of: {'; '.join(options)}",
    )


def find_ends(
    moments: pd.Series, is_panel: bool
) -> tuple[pd.Timestamp, pd.Timestamp, int, pd.Timestamp | None]:
    """Return first and last day, the rows far off from all others, and where a thin start ends.

    Rows lie far off when a year and more without any row parts them from the record, and they are
    few or of a few days alone, as placeholders are (1900-01-01, 2099-12-31).
    """
    days = moments.dt.normalize()
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
    first, last = pd.Timestamp(kept.index[0]), pd.Timestamp(kept.index[-1])
    far = len(days) - int(kept.sum())
    return first, last, far, None if is_panel else _find_dense(kept)


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


def choose_known(profile: TableProfile, time: str) -> tuple[str, tuple[str, ...], int]:
    """Return the column that says when a row was recorded, those that move, and the delay.

    The delay is the days within which 99 of 100 rows were recorded; a column moves that by its
    name is written again with every edit.
    """
    moved, chosen, delay = [], "", 0
    for column in profile.columns.values():
        if not column.is_moment or column.name == time or column.missing > 0.02:
            continue
        wait = (profile.frame[column.name] - profile.frame[time]).dt.days
        if not ((wait >= 0).mean() > 0.999 and wait.max() > 0 and wait.quantile(0.5) <= 31):
            continue
        if is_later(column.name):
            moved.append(column.name)
        elif not chosen:
            chosen, delay = column.name, int(wait.quantile(0.99))
    return chosen, tuple(moved), delay


def choose_period(
    profile: TableProfile, time: str, grain: Grain, days: int, wished: str
) -> tuple[Period, str]:
    """Return the period, and what speaks for it.

    Raises
    ------
    DataError
        When the period that a person named is finer than the table, or none.
    """
    named = next((period for period in PERIODS if period == wished), None)
    if wished and named is None:
        raise DataError(
            f"{wished[:40]!a} is no period", expected="day, week or month", where="--period"
        )
    moments = profile.frame[time].dropna().dt.normalize()
    if grain.is_panel:
        moments_a_day = profile.frame[time].nunique() / moments.nunique()
        gap = float(pd.Series(moments.unique()).sort_values().diff().dt.days.median())
        gap = 1.0 if np.isnan(gap) else gap
        if gap > 45:
            raise DataError(
                f"the rows are {gap:.0f} days apart",
                where=f"{profile.path}, column '{time}'",
                expected="a row a day, week or month; these are the periods that can be predicted",
            )
        found: Period = DAY if gap < 4 else WEEK if gap < 20 else MONTH
        if named and PERIODS.index(named) < PERIODS.index(found):
            raise DataError(
                f"no {wished} can be predicted: the rows are {gap:.0f} days apart",
                where=f"{profile.path}, column '{time}'",
                expected=f"--period {' or '.join(PERIODS[PERIODS.index(found) :])}",
            )
        if named and named != found:
            return named, f"as you said; rows are {gap:.0f} days apart, and are added up"
        if moments_a_day > 1.5:
            return found, f"{moments_a_day:.0f} moments a day, which are added up"
        return found, f"rows are {gap:.0f} days apart"
    places = 1
    for name in grain.places:
        places = max(places, profile.columns[name].distinct)
    daily = len(moments) * profile.rows / max(len(profile.frame), 1) / max(days, 1) / places
    full = [p for p in PERIODS[:2] if daily * MEAN_DAYS[p] >= _LEAST_A_PERIOD]
    long = [p for p in full if days / MEAN_DAYS[p] >= 2.5 * SEASON[p]]
    # A history too short for its seasons is not made longer by coarser periods.
    short = full[:1] if days < _FAR else []
    period = named or [*long, *short, PERIODS[-1]][0]
    said = ", as you said" if named else ""
    return period, f"{daily * MEAN_DAYS[period]:.1f} rows a {period} and place{said}"
