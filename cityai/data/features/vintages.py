"""The past as it looked at each origin: every table is replayed in the order it became visible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.columns import ENTITY, KNOWN, PERIOD, VALUE
from cityai.data.features.as_of_join import find_last, look_back, order_past
from cityai.data.rows import Floats, Ints

POSITION: Final = "entity"
"""Column of an entity's position in the cohort."""


@dataclass(frozen=True, slots=True, eq=False)
class Vintage:
    """The target's past, as visible just before an origin.

    Attributes
    ----------
    origin : int
        Index of the origin.
    values : numpy.ndarray
        (origin, entities) float64; NaN before an entity's first visible row, in the blind periods
        and, for measurements, where nothing was reported.
    first : numpy.ndarray
        (entities,) int64, period of the first visible row; -1 when there is none.
    """

    origin: int
    values: Floats
    first: Ints


def replay_vintages(
    cells: pd.DataFrame,
    entity_ids: Sequence[str],
    n_periods: int,
    origins: Sequence[int],
    *,
    gaps: bool,
    blind: int,
) -> Iterator[Vintage]:
    """Yield what was visible at each origin, the oldest first.

    Parts of a period's total are added in the order in which they became visible, so the total at
    an origin is the same to the last bit whatever came later, and whichever origins are asked for.

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
    parts, shape = place_parts(cells, entity_ids), (n_periods, len(entity_ids))
    for origin, (values, first) in zip(
        origins, add_parts(parts, shape, origins, gaps), strict=True
    ):
        values[max(origin - blind, 0) :] = np.nan
        yield Vintage(origin, values, first)


def place_parts(cells: pd.DataFrame, entity_ids: Sequence[str]) -> pd.DataFrame:
    """Return the cohort's cells with the position of each entity, in the order of becoming known.

    Returns
    -------
    pandas.DataFrame
        ``period``, ``entity`` (position in `entity_ids`), ``known`` (int64) and ``value``.
    """
    parts = pd.DataFrame(
        {
            PERIOD: cells[PERIOD].to_numpy(np.int64),
            POSITION: find_positions(cells[ENTITY], entity_ids),
            KNOWN: cells[KNOWN].to_numpy(np.int64),
            VALUE: cells[VALUE].to_numpy(np.float64),
        }
    )
    parts = parts[parts[POSITION] >= 0]
    return parts.sort_values([KNOWN, POSITION, PERIOD], ignore_index=True)


def add_parts(
    parts: pd.DataFrame, shape: tuple[int, int], origins: Sequence[int], gaps: bool
) -> Iterator[tuple[Floats, Ints]]:
    """Yield the totals visible at each origin, and the period of each entity's first visible row.

    Parameters
    ----------
    parts : pandas.DataFrame
        As `place_parts` gives them. One without a value says that the amount is not known.
    shape : tuple of int
        Periods and entities.
    origins : sequence of int
        Ascending.
    gaps : bool
        Whether a period without a row is missing rather than zero.

    Yields
    ------
    tuple of numpy.ndarray
        (periods before the origin, entities) float64, a copy, and (entities,) int64, -1 for none.
    """
    period, entity = parts[PERIOD].to_numpy(np.int64), parts[POSITION].to_numpy(np.int64)
    known, part = parts[KNOWN].to_numpy(np.int64), parts[VALUE].to_numpy(np.float64)
    has_value, cell = ~np.isnan(part), period * shape[1] + entity
    amount = np.where(has_value, part, 0.0)
    total = np.zeros(shape)
    seen, valued = np.zeros((2, *shape), dtype=np.bool_)
    first = np.full(shape[1], shape[0], dtype=np.int64)
    numbers = np.arange(shape[0])[:, None]
    start = 0
    for origin, stop in zip(origins, np.searchsorted(known, origins, side="right"), strict=True):
        new = slice(start, int(stop))
        np.add.at(total.reshape(-1), cell[new], amount[new])  # one index is quicker than two
        seen.reshape(-1)[cell[new]] = True
        valued.reshape(-1)[cell[new][has_value[new]]] = True
        np.minimum.at(first, entity[new], period[new])
        start = int(stop)
        values = total[:origin].copy()
        unknown = seen[:origin] & ~valued[:origin]
        values[unknown | (~seen[:origin] if gaps else numbers[:origin] < first)] = np.nan
        yield values, np.where(first < shape[0], first, -1)


def find_positions(names: pd.Series, known: Sequence[str]) -> Ints:
    """Return each name's position in `known`, -1 when it is not there; int64."""
    found = pd.Index(known).get_indexer(pd.Index(names))
    return np.asarray(found, dtype=np.int64)


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
        Any order.

    Returns
    -------
    numpy.ndarray
        (origins, entities) int64 positions in `attributes`; -1 when nothing was known yet.
    """
    entity = find_positions(attributes[ENTITY], entity_ids)
    past = order_past(entity, attributes[KNOWN].to_numpy(np.int64))
    shape = (len(origins), len(entity_ids))
    asked = np.broadcast_to(np.asarray(origins, dtype=np.int64)[:, None] + 1, shape)
    group = np.broadcast_to(np.arange(shape[1]), shape)
    return find_last(past, look_back(past, group.ravel(), asked.ravel())).reshape(shape)


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
