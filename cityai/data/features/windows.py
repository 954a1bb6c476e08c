"""Sums over windows before many origins: period by period, or as differences of running sums.

Amounts that are whole numbers, none of them missing, have one sum, in whichever order they are
added: then both ways give the same bits, and running sums need no walk through a window.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cityai.data.features.as_of_join import divide
from cityai.data.features.vintages import Flags, Vintages
from cityai.data.rows import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Sums over the same periods before each origin, of what is known."""

    total: Floats
    """(origins, entities) float64."""
    count: Ints
    """How many are known: of the same shape, or one column where that is the same of all entities.
    """

    @property
    def mean(self) -> Floats:
        """(origins, entities) mean of what is known; NaN where nothing is."""
        return divide(self.total, self.count)


class Windows(ABC):
    """Windows of the visible past before some origins."""

    def __init__(self, vintages: Vintages) -> None:
        self._vintages = vintages
        self._added: dict[tuple[int, int], Window] = {}

    def add(self, window: int, skip: int = 0) -> Window:
        """Add up what is known; the latest `skip` periods are left out."""
        if (window, skip) not in self._added:
            self._added[window, skip] = self._add(window, skip)
        return self._added[window, skip]

    @abstractmethod
    def _add(self, window: int, skip: int) -> Window: ...

    @abstractmethod
    def find_slope(self, window: int) -> Floats:
        """Least-squares slope per period; NaN with fewer than three values."""

    @abstractmethod
    def count_some(self, window: int) -> Ints:
        """Count known amounts other than 0."""


def open_windows(vintages: Vintages) -> Windows:
    """Return the windows before some origins."""
    return RunningSums(vintages) if vintages.whole else Walk(vintages)


class Walk(Windows):
    """Windows of any amounts: the period that lies so far back is added for all origins at once.

    Sums run in the order of time, so the same past gives the same bits.
    """

    def _walk(self, window: int, skip: int = 0) -> Iterator[tuple[int, Floats, Flags]]:
        """Yield periods, the oldest first: how far back, amounts, which are known."""
        oldest = min(window + skip, int(self._vintages.origins[-1]))
        for back in range(oldest, max(skip, self._vintages.blind), -1):
            yield back, *self._vintages.look_back(back)

    def _add(self, window: int, skip: int) -> Window:
        total = np.zeros(self._vintages.first.shape)
        count = np.zeros((len(total), 1), dtype=np.int64)
        for _, amount, known in self._walk(window, skip):
            total += amount
            count = count + known
        return Window(total, count)

    def find_slope(self, window: int) -> Floats:
        """Add up distances from the middle of what is known."""
        # Time is counted from the first period of the window that there is.
        length = np.minimum(window, self._vintages.origins)[:, None]
        time, count = np.zeros((2, len(length), 1), dtype=np.int64)
        for back, _, known in self._walk(window):
            time, count = time + (length - back) * known, count + known
        middle = divide(time, count)
        top, bottom = np.zeros(self._vintages.first.shape), np.zeros((len(length), 1))
        for back, amount, known in self._walk(window):
            centred = np.where(known, length - back - middle, 0.0)
            top += centred * amount
            bottom = bottom + centred**2
        return divide(top, np.where(count >= 3, bottom, np.nan))

    def count_some(self, window: int) -> Ints:
        """Count period by period."""
        some = np.zeros(self._vintages.first.shape, dtype=np.min_scalar_type(window))
        for _, amount, _ in self._walk(window):
            some += (amount != 0).view(np.uint8)
        return some.astype(np.int64)


class RunningSums(Windows):
    """Windows of whole amounts: what is known of an entity has no gap from its first period on."""

    def __init__(self, vintages: Vintages) -> None:
        super().__init__(vintages)
        if not vintages.running:
            vintages.running.update(_run(vintages.total))
        self._late: dict[tuple[str, int], Floats] = {}
        # After the last period where an entity has not begun.
        self._begun = np.where(vintages.first < 0, len(vintages.total), vintages.first)
        self._latest = self._begun.max(axis=1, initial=0)

    def _add(self, window: int, skip: int) -> Window:
        begin, stop = self._bound(window, skip)
        return Window(self._sum("total", window, skip), np.maximum(stop - begin, 0))

    def find_slope(self, window: int) -> Floats:
        """Take amounts times their period, less those times the middle one."""
        begin, stop = self._bound(window)
        count = np.maximum(stop - begin, 0)
        middle = (begin + stop - 1) / 2
        top = self._sum("time", window) - middle * self.add(window).total
        # What the squares of distances from the middle add up to.
        bottom = np.where(count >= 3, count * (count**2 - 1) / 12, np.nan)
        return divide(top, bottom)

    def count_some(self, window: int) -> Ints:
        """Count as the difference of two counts."""
        return self._sum("some", window).astype(np.int64)

    def _bound(self, window: int, skip: int = 0) -> tuple[Ints, Ints]:
        """Return the first known period of a window, and the one that follows its last."""
        origins = self._vintages.origins
        start = np.maximum(origins - window - skip, 0)
        stop = np.maximum(origins - max(skip, self._vintages.blind), 0)
        if (self._latest <= np.where(stop > start, start, stop)).all():  # the same of all entities
            return start[:, None], stop[:, None]
        return np.maximum(start[:, None], self._begun), stop[:, None]

    def _sum(self, what: str, window: int, skip: int = 0) -> Floats:
        vintages, running = self._vintages, self._vintages.running[what]
        near = max(skip, vintages.blind)
        far = max(window + skip, near)
        found: Floats = running[vintages.choose(near, 0)] - running[vintages.choose(far, 0)]
        if len(vintages.otherwise.back):
            found += self._change(what, far) - self._change(what, near)
        return found

    def _change(self, what: str, far: int) -> Floats:
        """Return what the latest periods, up to one, held less than the last origin sees there."""
        if (what, far) not in self._late:
            other = self._vintages.otherwise
            before = max((back for of, back in self._late if of == what and back < far), default=0)
            found = (
                self._late[what, before].copy() if before else np.zeros(self._vintages.first.shape)
            )
            mine = other.pick(slice(*np.searchsorted(other.back, (before + 1, far + 1)).tolist()))
            period = self._vintages.origins[mine.origin] - mine.back
            now = self._vintages.total[period, mine.entity]
            change = {
                "total": mine.total - now,
                "time": (mine.total - now) * period,
                "some": (mine.total != 0) * 1.0 - (now != 0),
            }[what]
            np.add.at(found, (mine.origin, mine.entity), change)
            self._late[what, far] = found
        return self._late[what, far]


def _run(total: Floats) -> dict[str, Floats]:
    """Add up the periods before each: amounts, amounts by their period, amounts other than 0."""
    sums = np.zeros((3, *total.shape))
    for period, amount in enumerate(total[:-1]):
        for each, value in zip(sums, (amount, amount * period, amount != 0), strict=True):
            np.add(each[period], value, out=each[period + 1])
    return dict(zip(("total", "time", "some"), sums, strict=True))
