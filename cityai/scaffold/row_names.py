"""Which columns name a row of a table with its moment; wide tables, where a column is a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.errors import DataError
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.parts_of_time import PartsOfTime, find_parts_of_time

_MOST_COLUMNS: Final = 3
"""Columns, at most, that name a row together with its moment."""
_FEW_REPEATS: Final = 0.005
_FILLED: Final = 0.5
"""Share of moments at which a place has a row, from which rows are those of a record kept for
every moment, and not single events."""
_FEWEST_MOMENTS: Final = 8
_ALMOST_ALL: Final = 0.95

Codes = npt.NDArray[np.int64]
LEAST_SPREAD: Final = 3
"""Columns of amounts, at least, of which each may be that of a place."""


@dataclass(frozen=True, slots=True)
class RowNames:
    """Columns that name a row together with its moment."""

    columns: tuple[str, ...]
    """Without the moment; the place first."""
    repeats: int
    """Rows that share their name with an earlier one."""
    is_clock: bool
    """Whether all of these lie in the hour that comes twice in autumn."""
    is_kept: bool
    """Whether there are rows at most moments, as in a record that is kept for every moment."""

    def is_chance(self, *, of_amount: bool) -> bool:
        """Whether numbered rows may be single events that seldom agree in these columns."""
        is_exact = not self.repeats or self.is_clock
        return not is_exact or (len(self.columns) > 1 and not of_amount)


class Rows:
    """The rows of a table by numbers: which moment, which value of each column."""

    def __init__(self, profile: TableProfile, time: str, zone: str) -> None:
        moments = profile.frame[time]
        self.has = moments.notna().to_numpy()
        self.profile, self.zone = profile, zone
        self.moments = moments[self.has]
        self.time, unique = pd.factorize(self.moments)
        self.unique = pd.DatetimeIndex(unique).sort_values()
        whole = self.unique == self.unique.floor("15min")
        self.is_even = bool(whole.all())
        self._codes: dict[str, Codes] = {}
        self._tested: dict[tuple[str, ...], RowNames] = {}

    def number(self, columns: Sequence[str]) -> Codes:
        """Give each row a number by its moment and these columns."""
        number = self.time.astype(np.int64)
        for name in columns:
            if name not in self._codes:
                cells = self.profile.frame[name][self.has]
                self._codes[name] = pd.factorize(cells, use_na_sentinel=False)[0].astype(np.int64)
            code = self._codes[name]
            number = pd.factorize(number * (code.max() + 1) + code)[0].astype(np.int64)
        return number

    def test(self, columns: tuple[str, ...]) -> RowNames:
        """Tell how well these columns name a row."""
        if columns not in self._tested:
            again = pd.Series(self.number(columns)).duplicated().to_numpy()
            repeats, has_hours = int(again.sum()), (self.unique != self.unique.normalize()).any()
            twice = bool(repeats and has_hours) and self._is_twice(again)
            self._tested[columns] = RowNames(columns, repeats, twice, self._is_kept(columns[:1]))
        return self._tested[columns]

    def is_calendar(self, places: Sequence[str]) -> bool:
        """Whether each place has as many rows at every moment, and moments lie evenly."""
        days = self.moments.dt.normalize()
        steps = np.diff(np.unique(days.to_numpy().astype("datetime64[D]").astype(np.int64)))
        if not self.is_even or len(steps) < _FEWEST_MOMENTS:
            return False
        if not self._is_kept(tuple(places[:1])):
            return False
        is_even = (np.abs(steps - np.median(steps)) <= 0.1 * np.median(steps)).mean()
        cells = self.profile.frame.loc[self.has, list(places)].assign(day=days)
        counts = cells.value_counts(dropna=False)
        return bool(min(is_even, (counts == counts.median()).mean()) >= _ALMOST_ALL)

    def _is_twice(self, again: npt.NDArray[np.bool_]) -> bool:
        moments = pd.DatetimeIndex(self.moments[again])
        local = moments.tz_localize(self.zone, ambiguous="NaT", nonexistent="shift_forward")
        return bool(local.isna().all())

    def _is_kept(self, place: tuple[str, ...]) -> bool:
        """Whether each place has rows at most of the moments between its first and its last."""
        days = self.moments.dt.normalize().to_numpy().astype("datetime64[D]").astype(np.int64)
        step = max(int(np.median(np.diff(np.unique(days)))) if np.unique(days).size > 1 else 1, 1)
        places = self.number(()) * 0
        if place:
            self.number(place)
            places = self._codes[place[0]]
        table = pd.DataFrame({"p": places, "d": days}).drop_duplicates()
        spans = table.groupby("p")["d"].agg(["min", "max", "count"])
        expected = (spans["max"] - spans["min"]) / step + 1
        return bool(spans["count"].sum() >= _FILLED * expected.sum())


def find_names(rows: Rows, more: Sequence[str], places: tuple[str, ...]) -> RowNames | None:
    """Find the fewest columns that name a row; the place first among them."""
    if not rows.is_even or not len(rows.unique):
        return None
    tried = [
        (*places, *chosen)
        for count in range(max(_MOST_COLUMNS - len(places), 0) + 1)
        for chosen in combinations(more, count)
    ]
    for most in (0, int(_FEW_REPEATS * len(rows.moments))):
        for columns in tried:
            found = rows.test(columns)
            if (found.repeats <= most or found.is_clock) and (found.is_kept or columns):
                return found
    return None


@dataclass(frozen=True, slots=True)
class Spread:
    """Columns of which each is a place, and what speaks for it."""

    columns: tuple[str, ...]
    why: str


def find_spread(
    profile: TableProfile,
    places: tuple[str, ...],
    amount: str,
    amounts: Sequence[str],
    *,
    repeats: bool,
) -> Spread | None:
    """Find the columns of a table with one column a place.

    A person names them between commas, or they add up to one more column.

    Parameters
    ----------
    profile : TableProfile
        The table.
    places, amount
        What a person named; empty to look.
    amounts : sequence of str
        Columns that may be added up.
    repeats : bool
        Whether several rows have the same moment.

    Raises
    ------
    DataError
        When several columns are named, and rows are told apart by another place.
    """
    named = profile.split(amount) if amount else ()
    if len(named) > 1:
        if places or repeats:
            raise profile.refuse(
                "--amount: several columns are one place each",
                "one row a moment, and no --place beside them",
            )
        parts = find_parts_of_time(named, by_year=False)
        if parts:
            raise ask_parts(profile, parts)
        return Spread(named, "as you said")
    if places or amount or repeats:
        return None
    numbers = {name: profile.read_numbers(name) for name in amounts}
    whole = pd.DataFrame(numbers).fillna(0.0)
    for total in amounts:
        rest = [name for name in amounts if name != total]
        if len(rest) >= LEAST_SPREAD and bool((whole[rest].sum(axis=1) == whole[total]).all()):
            order = list(profile.columns)
            columns = tuple(sorted(rest, key=order.index))
            return Spread(columns, f"{', '.join(columns)} add up to {total}")
    return None


def ask_spread(profile: TableProfile, amounts: Sequence[str]) -> DataError:
    """Return the error that asks which column is meant, or whether each of them is a place."""
    order = list(profile.columns)
    listed = sorted(amounts, key=order.index)
    shown = ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")
    return profile.refuse(
        f"{len(listed)} columns hold amounts, and none holds places: {shown}",
        "the column that is asked about; or all that are, where each is the column of a place",
        f"--amount '{listed[0]}'; or --amount '{','.join(listed[:3])}"
        + (",...'" if len(listed) > 3 else "'"),
    )


def ask_parts(profile: TableProfile, parts: PartsOfTime) -> DataError:
    """Return the error that refuses columns that are parts of time, as amounts and as places."""
    return profile.refuse(
        parts.tell(),
        "one row a place and period with the amount of the whole period, or one row for each part",
        "add them up to one column, or turn them into rows, before it is read; or, for one of them "
        f"alone, --amount '{parts.columns[0]}'",
    )
