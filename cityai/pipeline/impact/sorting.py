"""Who of those that took part belongs to which group of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cityai.columns import CASE
from cityai.impact.lots import ARMS
from cityai.kinds import open_kind
from cityai.pipeline.impact.plan import Announced

if TYPE_CHECKING:
    from cityai.records.events import Events


def sort_groups(announced: Announced, events: Events, rows: pd.DataFrame) -> pd.DataFrame:
    """Sort assigned cases into groups: a column a dimension, in the order of the rows."""
    groups = open_kind(announced.project).assign_groups(events)
    units = groups.find_units(rows)
    keys = rows["entity_id"].to_numpy(object) if units is None else units
    found = {
        m.dimension: m.weights.reindex(keys).idxmax(axis=1).to_numpy(object)
        for m in groups.memberships
        if m.dimension in announced.spec.groups
    }
    return pd.DataFrame({CASE: rows[CASE].to_numpy(), **found}).astype("str")


def find_few(groups: pd.Series, arm: pd.Series, least: int) -> set[str]:
    """Find the groups of a dimension that are too small to be shown, in either arm.

    Complementary suppression follows: what is left out may not follow from the whole.
    """
    from cityai.disclosure.primary_suppression import hide_cells, is_few

    counts = pd.crosstab(groups, arm).reindex(columns=list(ARMS), fill_value=0)
    held = counts.to_numpy(np.float64)
    few = np.asarray(is_few(held, least)).any(axis=1)
    hidden = hide_cells(held.sum(axis=1), np.asarray(few), float(least))
    return set(counts.index[hidden])
