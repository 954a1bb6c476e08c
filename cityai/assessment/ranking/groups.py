"""Who belongs where, case by case: what an audit of a ranked list needs of the whole history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from cityai.columns import CASE, ENTITY, Y_TRUE
from cityai.data.external_groups import GivenGroups
from cityai.data.groups import Membership
from cityai.findings import Finding

if TYPE_CHECKING:
    from cityai.data.cases import Cases


@dataclass(frozen=True, slots=True)
class CaseGroups:
    """Who belongs where, case by case, in the whole history.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a case: ``case_id``, ``entity_id``, ``unit`` (str: the key of the memberships) and
        ``y_true`` (NaN where the outcome is not known).
    memberships : tuple of Membership
        Indexed by `unit`.
    findings : tuple of Finding
        Areas that the area table does not know.
    """

    table: pd.DataFrame
    memberships: tuple[Membership, ...]
    findings: tuple[Finding, ...]


def collect_groups(cases: Cases, groups: GivenGroups) -> CaseGroups:
    """Put the groups of `divide_cases` beside the cases that they divide."""
    table = cases.table[[CASE, ENTITY, Y_TRUE]].assign(unit=groups.units)
    return CaseGroups(
        table[[CASE, ENTITY, "unit", Y_TRUE]].reset_index(drop=True),
        groups.memberships,
        groups.findings,
    )


def divide_entities(groups: CaseGroups) -> tuple[Membership, ...]:
    """Return the memberships by entity: the mean over its cases."""
    entity, unit = (groups.table[name].to_numpy(object) for name in (ENTITY, "unit"))
    return tuple(
        replace(m, weights=m.weights.reindex(unit).groupby(entity, sort=True).mean())
        for m in groups.memberships
    )
