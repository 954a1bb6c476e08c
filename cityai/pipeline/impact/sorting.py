"""Who of those that took part belongs to which group of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import AREA, ENTITY, NOT_RECORDED
from cityai.impact.lots import ARMS
from cityai.impact.records import UNIT
from cityai.kinds import open_kind
from cityai.pipeline.impact.plan import Announced

if TYPE_CHECKING:
    from cityai.records.events import Events


def sort_groups(announced: Announced, events: Events, rows: pd.DataFrame) -> pd.DataFrame:
    """Sort assigned cases into groups: a column a dimension, of the same rows."""
    groups = open_kind(announced.project).assign_groups(events)
    units = groups.find_units(rows)
    keys = rows["entity_id"].to_numpy(object) if units is None else units
    found = {
        m.dimension: m.weights.reindex(keys).idxmax(axis=1).to_numpy(object)
        for m in groups.memberships
        if m.dimension in announced.spec.groups
    }
    return pd.DataFrame(found, index=rows.index).astype("str")


def sort_places(announced: Announced, events: Events, rows: pd.DataFrame) -> pd.DataFrame:
    """Sort places into groups, each into that of most of what lies in it."""
    groups, names = open_kind(announced.project).assign_groups(events), rows[UNIT].to_numpy(object)
    lies = None
    if announced.spec.unit == "area":
        table = events.table if AREA in events.table else events.attributes
        lies = table.drop_duplicates(ENTITY, keep="last").set_index(ENTITY)[AREA]
    found = {}
    for m in groups.list_entities():
        if m.dimension in announced.spec.groups:
            by_place = lies.reindex(m.weights.index).to_numpy() if lies is not None else None
            weights = m.weights if by_place is None else m.weights.groupby(by_place).mean()
            most = weights.dropna(how="all").idxmax(axis=1)
            found[m.dimension] = most.reindex(names).fillna(NOT_RECORDED).to_numpy(object)
    return pd.DataFrame(found, index=rows.index).astype("str")


def find_few(
    groups: pd.Series, arm: pd.Series, least: float, cases: pd.Series | None = None
) -> set[str]:
    """Find the groups of a dimension that are too small to be shown, in either arm.

    Complementary suppression follows: what is left out may not follow from the whole.
    """
    from cityai.disclosure.primary_suppression import hide_cells, is_few

    each = pd.Series(1.0, index=arm.index) if cases is None else cases
    counts = pd.crosstab(groups, arm, values=each, aggfunc="sum").fillna(0)
    counts = counts.reindex(columns=list(ARMS), fill_value=0)
    held = counts.to_numpy(np.float64)
    few = np.asarray(is_few(held, least)).any(axis=1)
    hidden = hide_cells(held.sum(axis=1), np.asarray(few), float(least))
    return set(counts.index[hidden])
