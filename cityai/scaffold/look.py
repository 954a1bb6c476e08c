"""A first look at a city's own table: what its columns seem to be, and the specification from it.

Nothing is guessed silently: every choice is told with what speaks for it, and what a table cannot
tell is told too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cityai.errors import DataError, suggest_name
from cityai.scaffold.columns import MOST_LOOKED_AT, Seen, describe_columns
from cityai.scaffold.formats import find_delimiter, find_encoding
from cityai.scaffold.grain import Grain, find_grain
from cityai.scaffold.windows import SEASON, Windows, fit_windows

_CODE: Final = {"day": "D", "week": "W", "month": "M"}
_LEAST_A_PERIOD: Final = 3.0
"""Events of one place in a period, on average, that make the period worth predicting."""
_FAR: Final = pd.Timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Columns that a person names, so that they are not looked for; empty ones are."""

    time: str = ""
    place: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """How a table can be read.

    Attributes
    ----------
    time : str
        Column with the moment.
    first, last : pandas.Timestamp
        Days between which the table lies; single dates far off are left out.
    far : int
        Rows that lie far off, and so are left out by `since` and `until`.
    known : str
        Column with the moment at which a row was recorded; empty without one.
    delay : int
        Days within which 99 of 100 rows were recorded.
    key : tuple of str
        Columns that name a row.
    grain : Grain
        What one row is.
    period : str
        day, week or month.
    why_period : str
        What speaks for it.
    """

    time: str
    first: pd.Timestamp
    last: pd.Timestamp
    far: int
    known: str
    delay: int
    key: tuple[str, ...]
    grain: Grain
    period: str
    why_period: str

    @property
    def periods(self) -> int:
        """Periods from the first row to the last."""
        code = _CODE[self.period]
        return int((self.last.to_period(code) - self.first.to_period(code)).n) + 1

    @property
    def windows(self) -> Windows:
        """A backtest that fits."""
        return fit_windows(self.period, self.periods, self.delay)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was understood of a table, in words and as a specification.

    Attributes
    ----------
    path : Path
        The table.
    rows : int
        Rows looked at.
    choices : tuple of (str, str, str)
        What was asked, what was chosen, what speaks for it.
    unsettled : tuple of str
        What the table cannot tell.
    spec : dict
        The sections of `project.yaml`.
    """

    path: Path
    rows: int
    choices: tuple[tuple[str, str, str], ...]
    unsettled: tuple[str, ...]
    spec: dict[str, Any]

    def tell(self) -> str:
        """Return what was understood, in lines for a terminal."""
        wide = max(len(asked) for asked, _, _ in self.choices)
        lines = [f"{self.path.name}: {self.rows:,} rows looked at", ""]
        lines += [f"{asked:<{wide}}  {chosen}: {why}" for asked, chosen, why in self.choices]
        lines += ["", "The table cannot tell; see to it in project.yaml:"]
        return "\n".join([*lines, *(f"  - {sentence}" for sentence in self.unsettled)])


def look_at_table(path: Path, wishes: Wishes = Wishes()) -> Proposal:
    """Look at a table of events or amounts and propose how to read it.

    Parameters
    ----------
    path : Path
        CSV or Parquet file.
    wishes : Wishes
        Columns that a person names.

    Raises
    ------
    DataError
        When it cannot be read, has no column with dates, its dates can be read in two ways, or a
        column that was named is not there.
    """
    from cityai.scaffold.propose import list_choices, list_unsettled, write_spec

    encoding, delimiter = find_encoding(path), find_delimiter(path)
    seen = describe_columns(path, encoding, delimiter)
    for name in (wishes.time, wishes.place, wishes.amount):
        if name and name not in seen.columns:
            raise DataError(
                f"there is no column {name[:60]!a}",
                where=str(path),
                expected=suggest_name(name, seen.columns),
            )
    found = understand_table(seen, wishes)
    return Proposal(
        path,
        len(seen.frame),
        list_choices(seen, found),
        list_unsettled(seen, found, len(seen.frame) >= MOST_LOOKED_AT),
        write_spec(seen, found, encoding, delimiter),
    )


def understand_table(seen: Seen, wishes: Wishes) -> Understood:
    """Choose how a table is read."""
    time = wishes.time or _choose_time(seen)
    grain = find_grain(seen, time, wishes.place, wishes.amount)
    known, delay = _choose_known(seen, time)
    first, last, far = _find_ends(seen.frame[time].dropna())
    period, why = _choose_period(seen, time, grain, (last - first).days + 1)
    key = _choose_key(seen, time, grain)
    return Understood(time, first, last, far, known, delay, key, grain, period, why)


def _choose_time(seen: Seen) -> str:
    dated = [c for c in seen.columns.values() if c.type in ("date", "datetime")]
    if not dated:
        raise DataError(
            "no column holds dates that can be read without guessing",
            where=str(seen.path),
            expected="a column such as 2025-03-31, or 31/03/2025 with days above 12",
            next_step="write the date as ISO 8601, or write project.yaml by hand with `format`",
        )
    # What happened comes before what was recorded; a column with gaps is seldom the first.
    return min(dated, key=lambda c: (c.missing > 0.02, seen.frame[c.name].median(), c.name)).name


def _find_ends(moments: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp, int]:
    """Return first and last day without single dates that lie a year and more from the rest."""
    ordered = moments.sort_values(ignore_index=True)
    edge = min(max(len(ordered) // 1_000, 1), (len(ordered) - 1) // 2)
    low, high = pd.Timestamp(ordered.iloc[edge]), pd.Timestamp(ordered.iloc[-1 - edge])
    near = moments[(moments > low - _FAR) & (moments < high + _FAR)]
    return near.min().normalize(), near.max().normalize(), len(moments) - len(near)


def _choose_known(seen: Seen, time: str) -> tuple[str, int]:
    for column in seen.columns.values():
        if column.type not in ("date", "datetime") or column.name == time or column.missing > 0.02:
            continue
        wait = (seen.frame[column.name] - seen.frame[time]).dt.days
        if (wait >= 0).mean() > 0.999 and wait.max() > 0 and wait.quantile(0.5) <= 31:
            return column.name, int(wait.quantile(0.99))
    return "", 0


def _choose_key(seen: Seen, time: str, grain: Grain) -> tuple[str, ...]:
    if grain.is_panel:
        return (time, grain.entity)
    whole = [c for c in seen.columns.values() if not c.missing and c.type in ("text", "integer")]
    # A few repeated numbers are the very thing that a key finds.
    unique = [c.name for c in whole if c.distinct >= 0.999 * len(seen.frame)]
    named = [n for n in unique if any(w in n.lower() for w in ("id", "key", "num"))]
    return tuple((named or unique)[:1])


def _choose_period(seen: Seen, time: str, grain: Grain, days: int) -> tuple[str, str]:
    moments = seen.frame[time].dropna().dt.normalize()
    if grain.is_panel:
        moments_a_day = seen.frame[time].nunique() / moments.nunique()
        gap = float(pd.Series(moments.unique()).sort_values().diff().dt.days.median())
        period = "day" if gap < 4 else "week" if gap < 20 else "month"
        if moments_a_day > 1.5:
            return period, f"{moments_a_day:.0f} moments a day, which are added up"
        return period, f"rows are {gap:.0f} days apart"
    places = max(seen.columns[grain.entity].distinct if grain.entity else 1, 1)
    daily = len(moments) / max(days, 1) / places
    full = [(p, n) for p, n in (("day", 1.0), ("week", 7.0)) if daily * n >= _LEAST_A_PERIOD]
    long = [(p, n) for p, n in full if days / n >= 2.5 * SEASON[p]]
    # A history too short for its seasons is not made longer by coarser periods.
    short = full[:1] if days < _FAR.days else []
    period, length = [*long, *short, ("month", 30.4)][0]
    return period, f"{daily * length:.1f} rows a {period} and place"
