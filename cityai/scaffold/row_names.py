"""Which columns name a row of a table, together with its moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.scaffold.columns import TableProfile

_MOST_COLUMNS: Final = 3
"""Columns, at most, that name a row together with its moment."""
_FEW_REPEATS: Final = 0.005
_FILLED: Final = 0.5
"""Share of moments at which a place has a row, from which rows are those of a record kept for
every moment, and not single events."""
_FEWEST_MOMENTS: Final = 8
_ALMOST_ALL: Final = 0.95

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowNames:
    """Columns that name a row together with its moment.

    Attributes
    ----------
    columns : tuple of str
        Without the moment; the place first.
    repeats : int
        Rows that share their name with an earlier one.
    is_clock : bool
        Whether all of these lie in the hour that comes twice in autumn.
    is_kept : bool
        Whether there are rows at most moments, as in a record that is kept for every moment.
    """

    columns: tuple[str, ...]
    repeats: int
    is_clock: bool
    is_kept: bool

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
