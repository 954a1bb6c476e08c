"""Groups: how much of each unit belongs to which group of residents or places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from cityai.columns import CASE, ENTITY
from cityai.findings import Finding

UNIT = "unit"
"""Column with the key of what is in the same groups: an entity, or a part of one."""
MembershipKind = Literal["hard", "soft", "bands"]


@dataclass(frozen=True, slots=True)
class Membership:
    """Membership matrix of one dimension: the part of each unit in each group."""

    dimension: str
    label: str
    """Its name in the project, and for readers."""
    kind: MembershipKind
    """Categories of entities, shares of an area's residents, or quantile bands of areas."""
    groups: tuple[str, ...]
    """In the order shown; "not recorded" last, when some unit is (partly) unknown."""
    weights: pd.DataFrame
    """Index the units (sorted), columns `groups`, float64 in [0, 1]; each row adds up to 1."""
    residents: dict[str, float]
    """Residents of the whole area table by group, where known."""
    reference: str
    """"overall", "best", or one of `groups`."""
    cuts: tuple[float, ...]
    """Upper bounds of the bands but the last: a value at a cut lies below it."""
    caveat: str
    """What a reader must know, for soft groups."""
    places: bool = False
    """Whether each group is a place, that other tables show by itself too."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Group assignment of rows: who belongs where."""

    memberships: tuple[Membership, ...]
    """Their weights are indexed by the units of `table`."""
    table: pd.DataFrame
    """One row for each that was assigned, in its order: ``entity_id``, ``unit`` (str) and the
    columns that name it. Rows in the same groups share a unit, whoever they are about; a person who
    is 24 in one row and 25 in the next has rows in two. Where entities are assigned as a whole, the
    unit is the entity."""
    findings: tuple[Finding, ...] = ()
    """Areas that the area table does not know."""
    keyed_by: Literal["entity", "case", "row"] = "entity"
    """What was assigned: entities as a whole, cases by their ``case_id``, or rows in their order.
    """

    @property
    def units(self) -> np.ndarray:
        """The unit of each row, (n,) str."""
        return self.table[UNIT].to_numpy(object).astype(str)

    def find_units(self, table: pd.DataFrame) -> np.ndarray | None:
        """Find the key that each row's groups are found by, (rows,) str; None if it is the entity.

        Parameters
        ----------
        table : pandas.DataFrame
            Rows of predictions; where cases were assigned, with their ``case_id``.
        """
        if self.keyed_by == "entity":
            return None
        if self.keyed_by == "row":
            return self.units
        unit = pd.Series(self.units, index=self.table[CASE])
        return unit.reindex(table[CASE]).to_numpy(object).astype(str)

    def list_entities(self) -> tuple[Membership, ...]:
        """Return the memberships by entity: the mean over its rows."""
        entity = self.table[ENTITY].to_numpy(object)
        return tuple(
            replace(m, weights=m.weights.reindex(self.units).groupby(entity, sort=True).mean())
            for m in self.memberships
        )
