"""Areas that fell silent for longer than their own habit explains."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD
from cityai.data.features.as_of_join import find_positions
from cityai.records.events import Events

LEAST_PERIODS: Final = 8
"""With fewer periods, an area or entity has no habit to fall silent from."""
CHANCE: Final = 0.01
"""Silences that habit alone may be expected to give, over all areas of a report."""
_FACTOR: Final = 2
"""A silence no longer than that many times the area's next longest is its way, as in a season."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Silence:
    """Areas without a row for the same periods, against their habit.

    Attributes
    ----------
    first, end : int
        The periods, half-open.
    areas : tuple[str, ...]
        Ids, sorted.
    """

    first: int
    end: int
    areas: tuple[str, ...]


def find_areas(snapshot: Events) -> pd.Series:
    """Return each entity's latest area, by entity."""
    if AREA not in snapshot.attributes.columns:
        return pd.Series(dtype="str")
    ordered = snapshot.attributes.sort_values([ENTITY, KNOWN])
    return ordered.dropna(subset=AREA).groupby(ENTITY)[AREA].last()


def mark_reports(snapshot: Events) -> pd.DataFrame:
    """Mark the periods in which any entity of an area has a row, or a declared outage.

    Returns
    -------
    pandas.DataFrame
        Areas of the area table that ever report (sorted) x periods, bool.
    """
    areas = find_areas(snapshot)
    entity = find_positions(snapshot.table[ENTITY], list(areas.index))
    reports = np.zeros(len(areas) + 1, dtype=np.bool_)
    reports[entity] = True  # the last stands for those without an area
    seen = set(areas[reports[:-1]])
    known = [] if snapshot.areas is None else sorted(seen & set(snapshot.areas.index))
    index = pd.Index(known, dtype="str", name=AREA)
    marks = np.zeros((len(known), snapshot.periods.count), dtype=np.bool_)
    row = np.append(index.get_indexer(pd.Index(areas)), -1)[entity]
    marks[row[row >= 0], snapshot.table[PERIOD].to_numpy(np.int64)[row >= 0]] = True
    return pd.DataFrame(marks, index=index)


def find_silences(reports: pd.DataFrame) -> tuple[Silence, ...]:
    """Find silences that an area's own habit does not explain.

    A silence of L periods is no habit when it is more than twice as long as the area's next longest
    (so that a season is one), and when, were the area's k reports spread over its n periods by
    chance, fewer than `CHANCE` silences as long were to be expected over all areas. The first
    report begins the n periods, so any of k spacings may be the longest: the chance is at most
    k C(n - 1 - L, k - 1) / C(n - 1, k - 1). Periods in which no area has a row belong to the whole
    city, and are left out.

    Parameters
    ----------
    reports : pandas.DataFrame
        What `mark_reports` made.

    Returns
    -------
    tuple[Silence, ...]
        In order of time; areas that are silent for the same periods together.
    """
    is_open = reports.to_numpy().any(axis=0)
    found: dict[tuple[int, int], list[str]] = {}
    for name, marks in zip(reports.index, reports.to_numpy(), strict=True):
        begun = np.flatnonzero(is_open & (marks.cumsum() > 0))
        for first, last in _judge_silences(marks[begun], CHANCE / len(reports)):
            found.setdefault((int(begun[first]), int(begun[last]) + 1), []).append(str(name))
    return tuple(Silence(*span, tuple(found[span])) for span in sorted(found))


def _judge_silences(marks: Flags, chance: float) -> list[tuple[int, int]]:
    """Return the first and last place of each silence that is no habit."""
    edges = np.flatnonzero(np.diff(np.r_[True, marks, True].astype(np.int8)))
    firsts, lengths = edges[::2], edges[1::2] - edges[::2]
    count, reports = len(marks), int(marks.sum())
    silences = []
    for i, length in enumerate(lengths.tolist()):
        next_longest = int(np.delete(lengths, i).max(initial=0))
        if count - length < LEAST_PERIODS or length <= _FACTOR * next_longest:
            continue
        rare = _count_ways(count - 1 - length, reports - 1) - _count_ways(count - 1, reports - 1)
        if log(reports) + rare < log(chance):
            silences.append((int(firsts[i]), int(firsts[i]) + length - 1))
    return silences


def _count_ways(n: int, k: int) -> float:
    """Logarithm of the number of ways to choose k of n."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
