"""Days on which nobody measured: their periods are missing, not zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AREA, ENTITY, KNOWN, PERIOD, VALUE
from cityai.config.tables import OutageSpec
from cityai.data.periods import Periods
from cityai.errors import SpecError, suggest_name


def mark_outages(
    cells: pd.DataFrame, attributes: pd.DataFrame, periods: Periods, outages: Sequence[OutageSpec]
) -> pd.DataFrame:
    """Take the value from every cell of a period that an outage touches, and fill its gaps so.

    A cell without a value says that the amount is not known. Entities are concerned from their
    first row on; the area is the one that was known when the period was over.

    Parameters
    ----------
    cells, attributes : DataFrame
        As in `Events`.
    periods : Periods
        The time axis.
    outages : sequence of OutageSpec
        As declared.

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
