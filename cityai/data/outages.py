"""Days on which nobody measured, and areas that fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD, VALUE
from cityai.config.tables import OutageSpec
from cityai.data.features.as_of_join import find_positions
from cityai.data.periods import Periods
from cityai.errors import SpecError, suggest_name
from cityai.records.events import Events

LEAST_PERIODS: Final = 8
"""With fewer periods, an area or entity has no habit to fall silent from."""
CHANCE: Final = 0.01
"""Silences that habit alone may be expected to give, over all areas of a report."""
_FACTOR: Final = 2
"""A silence no longer than that many times the area's next longest is its way, as in a season."""

Flags = npt.NDArray[np.bool_]


def mark_outages(
    cells: pd.DataFrame, attributes: pd.DataFrame, periods: Periods, outages: Sequence[OutageSpec]
) -> pd.DataFrame:
    """Take the value from every cell of a period that an outage touches, and fill its gaps so.

    A cell without a value says that the amount is not known. Entities are concerned from their
    first row on; the area is the one that was known when the period was over.

    Returns
    -------
    pandas.DataFrame
        The same cells, their rows still counted; an entity without a row in a touched period gets
        a cell of no rows.

    Raises
    ------
    SpecError
        When an outage names an area in which no entity lies.
    """
    first = cells.groupby(ENTITY, sort=True)[PERIOD].min()
    lost = [_find_lost(outage, first, attributes, periods) for outage in outages]
    lost = [part for part in lost if len(part)]
    if not lost:
        return cells
    pairs = pd.concat(lost).drop_duplicates()
    cell = pd.MultiIndex.from_frame(cells[[ENTITY, PERIOD]])
    pair = pd.MultiIndex.from_frame(pairs)
    marked = cells.assign(**{VALUE: cells[VALUE].mask(cell.isin(pair))})
    empty = pairs[~pair.isin(cell)].copy()
    empty[KNOWN], empty[VALUE], empty["n"] = empty[PERIOD] + 1, np.nan, 0
    joined = pd.concat([marked, empty[list(cells.columns)].astype(cells.dtypes.to_dict())])
    return joined.sort_values([ENTITY, PERIOD, KNOWN], ignore_index=True)


def find_touched(outage: OutageSpec, periods: Periods) -> npt.NDArray[np.int64]:
    """Return the periods that an outage touches."""
    days = pd.DatetimeIndex([pd.Timestamp(outage.since), pd.Timestamp(outage.until)])
    start, end = periods.index(days - pd.to_timedelta([0, 1], unit="D"))
    return np.arange(max(int(start), 0), min(int(end) + 1, periods.count), dtype=np.int64)


def _find_lost(
    outage: OutageSpec, first: pd.Series, attributes: pd.DataFrame, periods: Periods
) -> pd.DataFrame:
    """Return the (entity, period) pairs that an outage touches."""
    touched = find_touched(outage, periods)
    pairs = pd.DataFrame(
        {
            ENTITY: np.repeat(first.index.to_numpy(), len(touched)),
            PERIOD: np.tile(touched, len(first)),
        }
    )
    pairs = pairs[pairs[PERIOD] >= pairs[ENTITY].map(first)]
    if outage.areas is None:
        return pairs
    known = set(attributes[AREA].dropna()) if AREA in attributes else set()
    for area in outage.areas:
        if area not in known:
            raise SpecError(
                f"an outage names the area '{area}', in which nothing lies",
                where="data.outages",
                expected=suggest_name(area, known),
            )
    asked = pairs.assign(**{KNOWN: pairs[PERIOD].astype("int64") + 1})
    placed = pd.merge_asof(
        asked.sort_values(KNOWN, kind="stable"),
        attributes[[ENTITY, KNOWN, AREA]].sort_values(KNOWN, kind="stable"),
        on=KNOWN,
        by=ENTITY,
    )
    return placed.loc[placed[AREA].isin(outage.areas), [ENTITY, PERIOD]]


@dataclass(frozen=True, slots=True)
class Silence:
    """Areas without a row for the same periods, against their habit."""

    first: int
    end: int
    """The periods, half-open."""
    areas: tuple[str, ...]
    """Ids, sorted."""


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
