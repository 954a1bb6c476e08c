"""The target's past as it looked at each origin, as its parts became visible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.data.features.parts import Parts, place_parts
from cityai.data.rows import Floats, Ints

Flags = npt.NDArray[np.bool_]
MOST_LINES: Final = 2_000_000
"""Cells of earlier origins that may look different from those of the last, about, at a time."""
EXACT: Final = 2.0**53
"""Up to here every whole number is a float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Vintages:
    """The target's past, as visible just before each of some origins: real-time vintages.

    All that is visible at the last origin is held once; what an earlier one saw otherwise is held
    beside it.
    """

    origins: Ints
    """(O,) int64, ascending."""
    spacing: int
    """Periods from one to the next; 0 where they are not evenly spaced."""
    total: Floats
    """(P + 1, E) float64 at the last origin, 0 where nothing is known; the last row is empty: it
    stands for what lies before the first period."""
    known: Flags
    """(P + 1, E) bool: False before an entity's first visible row, where every amount is missing
    and, for measurements, where nothing was reported."""
    alike: Flags
    """(P + 1,) bool: periods in which all entities are known, or none is."""
    first: Ints
    """(O, E) int64, period of the first visible row; -1 when there is none."""
    blind: int
    """Latest periods before an origin of which nothing was ever visible."""
    otherwise: Otherwise
    """What earlier origins saw in place of that."""
    whole: bool
    """Whether every sum of amounts, and of amounts times their period, is exact in any order: all
    are whole numbers, and of no period from an entity's first on one is missing."""
    found: dict[int, tuple[Floats, Flags]] = field(default_factory=dict)
    """What `look_back` gave, kept."""
    running: dict[str, Floats] = field(default_factory=dict)
    """Running sums over all periods, kept by those who add up windows."""

    def cut(self, start: int, stop: int) -> Vintages:
        """Return some of the origins."""
        return replace(
            self,
            origins=self.origins[start:stop],
            first=self.first[start:stop],
            otherwise=self.otherwise.cut(start, stop),
            found={},
        )

    def look_back(self, back: int) -> tuple[Floats, Flags]:
        """Return amounts of the period that lay so far back at each origin, and which are known.

        Returns
        -------
        numpy.ndarray
            (O, E) float64, 0 where it is not known; not to be written to.
        numpy.ndarray
            (O, E) bool, or (O, 1) where it is the same of all entities.
        """
        if back not in self.found:
            self.found[back] = self._find(back)
        return self.found[back]

    def choose(self, back: int, none: int) -> slice | Ints:
        """Choose the row that lies so far before each origin, `none` where there is no such row.

        It is a slice where rows are evenly spaced: nothing is copied then.
        """
        start = int(self.origins[0]) - back
        if self.spacing and start >= 0:
            return slice(start, start + self.spacing * len(self.origins), self.spacing)
        rows = self.origins - back
        return np.where(rows < 0, none, rows)

    def _find(self, back: int) -> tuple[Floats, Flags]:
        chosen = self.choose(back, len(self.total) - 1)
        total, known = self.total[chosen], self.known[chosen]
        mine = self.otherwise.find(back)
        if mine.stop > mine.start:
            at = self.otherwise.origin[mine], self.otherwise.entity[mine]
            total, known = total.copy(), known.copy()
            total[at], known[at] = self.otherwise.total[mine], self.otherwise.known[mine]
        elif self.alike[chosen].all():
            known = known[:, :1]
        return total, known

    def take(self, back: int) -> Floats:
        """Return the amounts of the period that lay so far back, (O, E); NaN where not known."""
        total, known = self.look_back(back)
        return np.where(known, total, np.nan)

    def read_past(self, i: int) -> Floats:
        """Return what was visible at one origin: (periods before it, E), NaN where not known."""
        origin, other = int(self.origins[i]), self.otherwise.cut(i, i + 1)
        values = np.where(self.known[:origin], self.total[:origin], np.nan)
        values[origin - other.back, other.entity] = np.where(other.known, other.total, np.nan)
        values[max(origin - self.blind, 0) :] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Otherwise:
    """Cells that looked different at an earlier origin than at the last, one a line."""

    origin: Ints
    """(n,) int64, position of the origin."""
    back: Ints
    """(n,) int64, periods before the origin; ascending within an origin."""
    entity: Ints
    total: Floats
    known: Flags
    """(n,) position of the entity, amount (0 where not known) and whether it was known."""

    def pick(self, at: slice | Ints) -> Otherwise:
        """Return some lines."""
        return Otherwise(
            self.origin[at], self.back[at], self.entity[at], self.total[at], self.known[at]
        )

    def cut(self, start: int, stop: int) -> Otherwise:
        """Return the lines of some origins, in the order of `back`."""
        kept = np.flatnonzero((self.origin >= start) & (self.origin < stop))
        found = self.pick(kept[np.argsort(self.back[kept], kind="stable")])
        return replace(found, origin=found.origin - start)

    def find(self, back: int) -> slice:
        """Return where the lines of a period stand."""
        start, stop = np.searchsorted(self.back, (back, back + 1)).tolist()
        return slice(start, stop)


def replay_vintages(
    cells: pd.DataFrame,
    entity_ids: Sequence[str],
    n_periods: int,
    origins: Sequence[int],
    *,
    gaps: bool,
    blind: int,
) -> Iterator[Vintages]:
    """Yield what was visible at each origin, the oldest first, many origins at a time.

    Parameters
    ----------
    cells : pandas.DataFrame
        A snapshot's cells.
    entity_ids : sequence of str
        The cohort, in the order of the columns.
    n_periods : int
        Periods on the time axis.
    origins : sequence of int
        Ascending.
    gaps : bool
        Whether a period without a row is missing rather than zero.
    blind : int
        Latest periods of which nothing was ever visible.
    """
    parts = place_parts(cells, entity_ids)
    return add_parts(parts, (n_periods, len(entity_ids)), origins, gaps=gaps, blind=blind)


def add_parts(
    parts: Parts, shape: tuple[int, int], origins: Sequence[int], *, gaps: bool, blind: int
) -> Iterator[Vintages]:
    """Add up what was visible at each origin.

    Parts of a period's total are added in the order in which they became visible, so the total at
    an origin is the same to the last bit whatever came later, and whichever origins are asked for.

    Parameters
    ----------
    parts : Parts
        As `place_parts` gives them. One without a value says that the amount is not known.
    shape : tuple of int
        Periods and entities.
    origins, gaps, blind
        As `replay_vintages` takes them.
    """
    asked = np.asarray(origins, dtype=np.int64)
    late = np.maximum(parts.known - parts.period - 1 - blind, 0).sum() / max(shape[0], 1)
    few = max(int(MOST_LINES / max(shape[1] + late, 1)), 1)
    none = np.zeros((shape[0] + 1, shape[1]), dtype=np.bool_)
    first = np.full(shape[1], shape[0], dtype=np.int64)
    seen = Visible(none.astype(np.float64), none, none, first, 0.0)
    since = np.iinfo(np.int64).min
    for begin in range(0, len(asked), few):
        some = asked[begin : begin + few]
        new = (parts.known >= since) & (parts.known <= some[-1])
        seen, vintages = _add_new(
            seen, parts.pick(slice(None) if new.all() else new), some, gaps, blind
        )
        since = some[-1] + 1
        yield vintages


@dataclass(frozen=True, slots=True, eq=False)
class Visible:
    """What was visible at an origin, cell by cell."""

    total: Floats
    """(P + 1, E) float64."""
    seen: Flags
    valued: Flags
    """(P + 1, E) bool: whether there is a part, and one with a value."""
    first: Ints
    """(E,) int64, period of the first one; P when there is none."""
    size: float
    """What the sizes of all amounts add up to; infinite once one is missing or not a whole number.
    """


def _add_new(
    before: Visible, new: Parts, origins: Ints, gaps: bool, blind: int
) -> tuple[Visible, Vintages]:
    """Add the parts that became visible since an earlier origin."""
    width = len(before.first)
    cell, has_value = new.period * width + new.entity, ~np.isnan(new.value)
    complete = bool(has_value.all())
    amount = new.value if complete else np.where(has_value, new.value, 0.0)
    first_from = np.searchsorted(origins, np.arange(int(origins[-1]) + 2))  # of each moment
    seen_from = first_from[new.known]
    total, seen, valued = before.total.copy(), before.seen.copy(), before.valued.copy()
    np.add.at(total.reshape(-1), cell, amount)
    seen.reshape(-1)[cell] = True
    valued.reshape(-1)[cell if complete else cell[has_value]] = True
    first = np.repeat(before.first[None], len(origins), axis=0)
    np.minimum.at(first.reshape(-1), seen_from * width + new.entity, new.period)
    np.minimum.accumulate(first, axis=0, out=first)
    known = valued if gaps else (valued | ~seen) & (np.arange(len(total))[:, None] >= first[-1])
    known[-1] = False
    lines = [] if gaps else [_find_unbegun(first, origins, blind, seen)]
    in_time = new.period + blind + 1
    late = np.flatnonzero(new.known > in_time)
    late = late[seen_from[late] > first_from[in_time[late]]]
    if len(late):
        flagged = np.zeros(total.size, dtype=np.bool_)
        flagged[cell[late]] = True
        at = np.flatnonzero(flagged[cell])
        at = at[np.argsort(cell[at], kind="stable")]
        begin = first_from[np.minimum(in_time[at], origins[-1] + 1)]
        seen_from = np.maximum(seen_from[at], begin)
        part = cell[at], seen_from, begin, amount[at], has_value[at]
        lines.insert(0, _find_partial(before, *part, first, origins, gaps))
    held = [np.concatenate(column) for column in zip(*lines, strict=True)] if lines else None
    is_whole = complete and (amount == np.rint(amount)).all()
    size = before.size + float(np.abs(amount).sum()) if is_whole else np.inf
    return Visible(total, seen, valued, first[-1], size), Vintages(
        origins=origins,
        spacing=_find_spacing(origins),
        total=total,
        known=known,
        alike=(known == known[:, :1]).all(axis=1),
        first=np.where(first < len(total) - 1, first, -1),
        blind=blind,
        otherwise=Otherwise(*(held or np.zeros((5, 0), dtype=np.int64))),
        # A half of a period's number times an amount is the finest that is added.
        whole=not gaps and size * 2 * len(total) < EXACT,
    )


def _find_spacing(origins: Ints) -> int:
    """Return the distance from each to the next, 0 where it is not the same."""
    spacing = int(origins[1] - origins[0]) if len(origins) > 1 else 1
    return spacing if (np.diff(origins) == spacing).all() else 0


Lines = tuple[Ints, Ints, Ints, Floats, Flags]
"""The columns of `Otherwise`."""


def _find_unbegun(first: Ints, origins: Ints, blind: int, seen: Flags) -> Lines:
    """List the cells that were not known yet since an entity's first row was seen late.

    Those that have parts are listed with these.
    """
    until = np.minimum(first, origins[:, None] - blind)
    origin, entity = np.nonzero(until > first[-1])
    line, period = _spread(first[-1][entity], until[origin, entity])
    empty = ~seen[period, entity[line]]
    line, period = line[empty], period[empty]
    origin, entity = origin[line], entity[line]
    nothing = np.zeros(len(line))
    return origin, origins[origin] - period, entity, nothing, nothing.astype(np.bool_)


def _find_partial(
    before: Visible,
    cell: Ints,
    seen_from: Ints,
    begin: Ints,
    amount: Floats,
    has_value: Flags,
    first: Ints,
    origins: Ints,
    gaps: bool,
) -> Lines:
    """List what cells looked like before the last of their new parts was seen.

    Parts are given in the order of their cells, those of a cell in the order in which they were
    seen; `begin` is the first origin that looks at the cell.
    """
    is_first = np.append(True, cell[1:] != cell[:-1])
    starts, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
    rank = np.arange(len(cell)) - starts[np.cumsum(is_first) - 1]
    empty, total = before.total.reshape(-1)[cell[starts]], amount.copy()
    valued = has_value.copy()
    total[starts] += empty
    valued[starts] |= before.valued.reshape(-1)[cell[starts]]
    for n in range(1, int(rank.max()) + 1):  # one after the other: the order of a sum is its bits
        now = np.flatnonzero(rank == n)
        total[now] += total[now - 1]
        valued[now] |= valued[now - 1]
    was_known = before.valued.reshape(-1)[cell[starts]]
    if not gaps:
        was_known |= ~before.seen.reshape(-1)[cell[starts]]
    # Before its first part a cell is as it was; after each but the last it holds those so far.
    line, origin = _spread(
        np.concatenate([begin[starts], seen_from[later - 1]]),
        np.concatenate([seen_from[starts], seen_from[later]]),
    )
    period, entity = np.divmod(np.concatenate([cell[starts], cell[later]])[line], len(before.first))
    known = np.concatenate([was_known, valued[later - 1]])[line] & (period >= first[origin, entity])
    there = np.concatenate([empty, total[later - 1]])[line]
    return origin, origins[origin] - period, entity, there, known


def _spread(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """List the whole numbers of each range: which range, and the number."""
    length = np.maximum(stop - start, 0)
    line = np.repeat(np.arange(len(length)), length)
    before = np.cumsum(length) - length
    return line, np.arange(len(line)) - before[line] + start[line]
