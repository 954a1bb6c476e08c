"""Looking back: for many questions at once, what was known strictly before each was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cityai.columns import AREA, ENTITY, KNOWN
from cityai.data.rows import Floats, Ints

DAY_US: Final = 86_400_000_000
NOTHING: Final = np.iinfo(np.int64).min
"""A moment that is missing, as `read_moments` gives it."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What happened, in the order in which it became known, group by group."""

    order: Ints
    """(events,) int64 positions in the table that it was made from: by group, then by when known,
    ties as they stand in the table. Events without a group or a moment are left out."""
    group: Ints
    """(events,) int64 group of each, in that order."""
    known: Ints
    """(distinct moments,) int64 microseconds, sorted."""
    keys: Ints
    """(events,) int64: group and moment as one sorted number."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What each question could see: events ``start .. stop`` of a `Past`."""

    start: Ints
    stop: Ints
    """(questions,) int64, half-open; equal where nothing was known."""
    has_group: npt.NDArray[np.bool_]
    """(questions,) bool: False where the question belongs to no group."""

    @property
    def count(self) -> Floats:
        """(questions,) float64: how many events; NaN without a group."""
        return np.where(self.has_group, (self.stop - self.start).astype(np.float64), np.nan)


def read_moments(column: pd.Series) -> Ints:
    """Return moments as int64 microseconds; a missing one is the least number there is."""
    return column.to_numpy().astype("datetime64[us]").astype(np.int64)


def find_groups(known: pd.Series, asked: pd.Series) -> tuple[Ints, Ints]:
    """Number the groups of events and of questions alike; -1 where there is none."""
    events, questions = known.to_numpy(object), asked.to_numpy(object)
    codes = pd.factorize(np.concatenate([events, questions]), use_na_sentinel=True)[0]
    return codes[: len(events)].astype(np.int64), codes[len(events) :].astype(np.int64)


def join_by(by: str, known: pd.DataFrame, asked: pd.DataFrame) -> tuple[Ints, Ints]:
    """Number groups by ``entity`` or ``area``; otherwise the whole city is one."""
    column = {"entity": ENTITY, "area": AREA}.get(by)
    if column is None:
        return np.zeros(len(known), dtype=np.int64), np.zeros(len(asked), dtype=np.int64)
    return find_groups(known[column], asked[column])


def order_past(group: Ints, known: Ints, occurred: Ints | None = None) -> Past:
    """Put events in the order in which they became known.

    Parameters
    ----------
    group, known : numpy.ndarray
        (events,) int64; a group of -1, or a missing moment, leaves the event out.
    occurred : numpy.ndarray, optional
        Breaks ties.
    """
    kept = np.flatnonzero((group >= 0) & (known != NOTHING))
    ties = known if occurred is None else occurred
    order = kept[np.lexsort((kept, ties[kept], known[kept], group[kept]))]
    moments = np.unique(known[kept])
    keys = group[order] * (moments.size + 1) + np.searchsorted(moments, known[order])
    return Past(order, group[order], moments, keys)


def look_back(past: Past, group: Ints, asked: Ints, since: Ints | None = None) -> Seen:
    """Find what became known before each question, and not before `since` where it is given.

    Parameters
    ----------
    past : Past
        What happened.
    group, asked : numpy.ndarray
        (questions,) int64 group (-1 for none) and moment of each question, microseconds.
    since : numpy.ndarray, optional
        (questions,) int64: first moment that counts.
    """
    width = past.known.size + 1
    base = group * width
    start = np.searchsorted(past.keys, base)
    if since is not None:
        start = np.searchsorted(past.keys, base + np.searchsorted(past.known, since))
    stop = np.searchsorted(past.keys, base + np.searchsorted(past.known, asked))
    has_group = group >= 0
    start, stop = np.where(has_group, start, 0), np.where(has_group, stop, 0)
    return Seen(start, np.maximum(start, stop), has_group)


def sum_seen(past: Past, seen: Seen, whole: Seen, amount: Floats) -> Floats:
    """Add up an amount over what each question could see.

    Parameters
    ----------
    past : Past
        What happened.
    seen : Seen
        What counts.
    whole : Seen
        The same without a first moment: a group's sums run from its own first event, so nothing
        that became known later, or elsewhere, touches their last digit.
    amount : numpy.ndarray
        (table rows,) float64; a missing one adds nothing.

    Returns
    -------
    numpy.ndarray
        (questions,) float64; 0 where nothing was known, NaN without a group.
    """
    values = np.nan_to_num(amount[past.order], nan=0.0)
    running = pd.Series(values).groupby(past.group, sort=False).cumsum().to_numpy(np.float64)

    def total(end: Ints) -> Floats:
        some = end > whole.start
        return np.where(some, running[np.where(some, end - 1, 0)] if running.size else 0.0, 0.0)

    return np.where(seen.has_group, total(seen.stop) - total(seen.start), np.nan)


def find_last(past: Past, seen: Seen) -> Ints:
    """Return the table row of what became known last; -1 where nothing was."""
    if not past.order.size:
        return np.full(seen.stop.shape, -1)
    some = seen.stop > seen.start
    return np.where(some, past.order[np.where(some, seen.stop - 1, 0)], -1)


def take_last(past: Past, seen: Seen, values: Floats) -> Floats:
    """Return the value of what became known last; NaN where nothing was."""
    return np.append(values, np.nan)[find_last(past, seen)]


def look_up(group: Ints, when: Ints, values: Floats, asked: Ints, wanted: Ints) -> Floats:
    """Join exactly: return the value of each question's group and moment.

    Parameters
    ----------
    group, when, values : numpy.ndarray
        (rows,) group (-1 for none), moment and float64 value; the last of several rows counts.
    asked, wanted : numpy.ndarray
        Group and moment of each question, which broadcast together.

    Returns
    -------
    numpy.ndarray
        Float64 in the questions' shape; NaN without a row.
    """
    kept = np.flatnonzero(group >= 0)
    moments = np.unique(when[kept])
    width = moments.size + 1
    order = kept[
        np.argsort(group[kept] * width + np.searchsorted(moments, when[kept]), kind="stable")
    ]
    keys = group[order] * width + np.searchsorted(moments, when[order])
    at = np.searchsorted(moments, wanted)
    known = (at < moments.size) & (np.append(moments, 0)[at] == wanted)
    key = np.where(known, asked * width + at, -1)
    row = np.searchsorted(keys, key, side="right") - 1
    found = (row >= 0) & (np.append(keys, -1)[row] == key)
    return np.where(found, np.append(values, np.nan)[row], np.nan)


def divide(top: npt.NDArray[np.generic], bottom: npt.NDArray[np.generic]) -> Floats:
    """Divide; NaN where the divisor is zero or missing, never infinite."""
    over, under = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    return over / np.where(under == 0, np.nan, under)


def find_latest(past: Past, seen: Seen, moments: Ints) -> Ints:
    """Return the latest of other moments (when it happened) among what was known.

    Where nothing was, it is the least number there is.
    """
    if not past.order.size:
        return np.full(seen.stop.shape, NOTHING)
    ordered = pd.Series(moments[past.order])
    running = ordered.groupby(past.group, sort=False).cummax().to_numpy(np.int64)
    some = seen.stop > seen.start
    return np.where(some, running[np.where(some, seen.stop - 1, 0)], NOTHING)


def find_positions(names: pd.Series, known: Sequence[str]) -> Ints:
    """Return each name's position in `known`, -1 when it is not there; int64."""
    told, wanted = pa.array(names.astype("str")), pa.array(known, pa.large_string())
    found = [np.zeros(0, dtype=np.int64)]
    for chunk in told.chunks if isinstance(told, pa.ChunkedArray) else [told]:
        runs = pc.run_end_encode(chunk)  # in tables that are sorted the same name comes in a row
        positions = pc.fill_null(pc.index_in(runs.values, wanted), -1).to_numpy()
        found.append(np.repeat(positions.astype(np.int64), np.diff(runs.run_ends, prepend=0)))
    return np.concatenate(found)


def find_states(
    attributes: pd.DataFrame, entity_ids: Sequence[str], origins: Sequence[int]
) -> Ints:
    """Find the row of `attributes` that is in force for each entity at each origin.

    Parameters
    ----------
    attributes : pandas.DataFrame
        One row per change; a row holds from its `known` on, until the entity's next one.
    entity_ids : sequence of str
        The cohort.
    origins : sequence of int
        Ascending.

    Returns
    -------
    numpy.ndarray
        (origins, entities) int64 positions in `attributes`; -1 when nothing was known yet.
    """
    entity = find_positions(attributes[ENTITY], entity_ids)
    past = order_past(entity, attributes[KNOWN].to_numpy(np.int64))
    # Rows of an entity follow each other: the latest is found by how many it could see.
    seen = np.zeros((len(origins) + 1, len(entity_ids)), dtype=np.int64)
    known = attributes[KNOWN].to_numpy(np.int64)[past.order]
    np.add.at(seen, (np.searchsorted(np.asarray(origins), known), past.group), 1)
    seen = np.cumsum(seen[:-1], axis=0, out=seen[:-1])
    before = np.searchsorted(past.group, np.arange(len(entity_ids))) - 1
    return np.where(seen > 0, np.append(past.order, -1)[seen + before], -1)


def replay_table(
    key: Ints, period: Ints, known: Ints, value: Floats, shape: tuple[int, int], origins: Ints
) -> Iterator[Floats]:
    """Yield another table's values (periods before the origin, keys) as visible at each origin.

    A later row for the same key and period takes the earlier one's place.
    """
    order = np.lexsort((key, period, known))
    key, period, known, value = key[order], period[order], known[order], value[order]
    state = np.full(shape, np.nan)
    start = 0
    for origin, stop in zip(origins, np.searchsorted(known, origins, side="right"), strict=True):
        new = slice(start, int(stop))
        state[period[new], key[new]] = value[new]
        start = int(stop)
        yield state[:origin]
