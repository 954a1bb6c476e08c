"""What a project's own functions are given: the past, as it was known at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cityai.config.project import Period

Packed = tuple[dict[str, Any], pd.DataFrame, dict[str, pd.DataFrame]]
"""What is said, the table that is asked about, and tables by name."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What a feature function is given: the past, as it was visible at one moment."""

    as_of: pd.Timestamp
    """The moment at which the question is asked."""
    period: Period
    """Length of a period."""
    values: pd.DataFrame
    """Periods before `as_of` (index: their starts) x entities (columns), float64; NaN where nothing
    was known."""
    entities: pd.DataFrame
    """The entities (index) and their attributes at `as_of`."""

    @property
    def index(self) -> pd.Index:
        """What a function gives one number each for."""
        return self.values.columns

    def pack(self) -> Packed:
        """Take it apart for a message."""
        starts = self.values.index.to_numpy("datetime64[us]").astype(np.int64).tolist()
        values = np.ascontiguousarray(self.values.to_numpy(np.float64)).ravel()
        about = {"period": self.period, "starts": starts}
        return about, self.entities, {"values": pd.DataFrame({"value": values})}

    @classmethod
    def unpack(cls, as_of: pd.Timestamp, packed: Packed) -> History:
        """Put together what `pack` took apart."""
        about, entities, tables = packed
        starts = pd.DatetimeIndex(np.array(about["starts"], dtype="datetime64[us]"))
        values = tables["values"]["value"].to_numpy(np.float64, copy=True)
        shaped = values.reshape(len(starts), len(entities))
        frame = pd.DataFrame(shaped, index=starts, columns=entities.index)
        return cls(as_of, about["period"], frame, entities)

    def tell(self) -> str:
        """Say what it holds, for a message."""
        return f"the history was cut at {self.as_of:%Y-%m-%d}, with {len(self.values)} periods"


@dataclass(frozen=True, slots=True, eq=False)
class CaseHistory:
    """What a feature function of cases is given: the past, as it was known when a day began."""

    as_of: pd.Timestamp
    """Midnight at the beginning of the day on which the cases are asked about."""
    asked: pd.DataFrame
    """The cases asked about on that day, indexed by ``case_id``: ``entity_id``, ``area_id`` (where
    declared), ``as_of``, ``occurred_at``, the point and the attributes."""
    cases: pd.DataFrame
    """Earlier cases whose outcome was known before ``as_of``, in the order in which it became
    known: the same columns, ``case_id``, ``known_at`` and ``y_true`` (1 or 0)."""
    events: dict[str, pd.DataFrame]
    """The project's tables of events, known before ``as_of``, in that order."""

    @property
    def index(self) -> pd.Index:
        """What a function gives one number each for."""
        return self.asked.index

    def pack(self) -> Packed:
        """Take it apart for a message; the cases are the table without a name."""
        return {}, self.asked, {"": self.cases, **self.events}

    @classmethod
    def unpack(cls, as_of: pd.Timestamp, packed: Packed) -> CaseHistory:
        """Put together what `pack` took apart."""
        _, asked, tables = packed
        return cls(as_of, asked, tables[""], {n: t for n, t in tables.items() if n})

    def tell(self) -> str:
        """Say what it holds, for a message."""
        return f"the history was cut at {self.as_of:%Y-%m-%d}, with {len(self.cases):,} cases"
