"""Parts of a panel's totals, as they became visible one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import ENTITY, KNOWN, PERIOD, VALUE
from cityai.data.features.as_of_join import find_positions
from cityai.data.rows import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Parts of the cohort's cells, those of a cell in the order in which they became visible."""

    entity: Ints
    period: Ints
    known: Ints
    """(n,) int64: the position of the entity, the period, the origin that sees it first; ascending
    in this order."""
    value: Floats
    """(n,) float64."""

    def pick(self, at: slice | Ints | npt.NDArray[np.bool_]) -> Parts:
        """Return some of them."""
        return Parts(self.entity[at], self.period[at], self.known[at], self.value[at])


def place_parts(cells: pd.DataFrame, entity_ids: Sequence[str]) -> Parts:
    """Return the cohort's cells in their order."""
    parts = Parts(
        entity=find_positions(cells[ENTITY], entity_ids),
        period=cells[PERIOD].to_numpy(np.int64),
        known=cells[KNOWN].to_numpy(np.int64),
        value=cells[VALUE].to_numpy(np.float64),
    )
    if (parts.entity < 0).any():
        parts = parts.pick(parts.entity >= 0)
    in_order = np.ones(max(len(parts.entity) - 1, 0), dtype=np.bool_)
    for column in (parts.known, parts.period, parts.entity):  # the first one decides
        before, after = column[:-1], column[1:]
        in_order = (before < after) | ((before == after) & in_order)
    if in_order.all():
        return parts
    return parts.pick(np.lexsort((parts.known, parts.period, parts.entity)))
