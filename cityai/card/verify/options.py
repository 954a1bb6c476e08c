"""The figures of a mitigation's options, counted again with each option's corrections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.card.record import CardRecord
from cityai.card.verify.claims import Claim, Floats, count_group, prepare_table, weigh_groups
from cityai.columns import ENTITY, FOLD, Y_HIGH, Y_PRED
from cityai.modeling.predictions import Predictions
from cityai.records.groups import Membership

SHARED: Final = {"unmet_need", "idle_capacity"}
"""Metrics of a capacity that is shared by the claims."""


def list_option_claims(
    record: CardRecord,
    unchanged: Predictions,
    corrections: pd.DataFrame,
    memberships: Sequence[Membership],
) -> Iterator[Claim]:
    """List each group's figure before and after every option, counted again.

    Parameters
    ----------
    record : CardRecord
        The card.
    unchanged : Predictions
        The forecast as it was before any option.
    corrections : pandas.DataFrame
        `Mitigation.corrections`.
    memberships : sequence of Membership
        Groups of the audit.
    """
    part = record.fairness.options
    if part is None:
        return
    before = prepare_table(unchanged.table)
    weights = weigh_groups(memberships, before, record)[part.dimension]
    tables = {
        pair: prepare_table(_correct(unchanged.table, corrections, *pair))
        for pair in {(g.option, g.metric in SHARED) for g in part.groups}
    }
    for i, group in enumerate(part.groups):
        if group.suppressed:
            continue
        own, path = weights[group.group], f"fairness.options.groups[{i}]"
        after = tables[group.option, group.metric in SHARED]
        for field, table in (("value_before", before), ("value_after", after)):
            printed = getattr(group, field)
            if printed is not None:
                yield count_group(f"{path}.{field}", printed, group.metric, group.unit, table, own)


def _correct(
    table: pd.DataFrame, corrections: pd.DataFrame, name: str, shared: bool
) -> pd.DataFrame:
    """Return the forecast as an option makes it; a claim to capacity also goes up by its boost."""
    own = corrections[corrections["option"] == name]
    if own.empty:
        return table
    keys = pd.MultiIndex.from_arrays([table[FOLD], table[ENTITY]])
    by = own.set_index([FOLD, ENTITY]).reindex(keys)
    changed: Floats = table[Y_PRED].to_numpy(np.float64) * by["factor"].fillna(1.0).to_numpy()
    if shared:
        room = np.nan_to_num((table[Y_HIGH] - table[Y_PRED]).to_numpy(np.float64))
        changed = np.maximum(changed + by["boost"].fillna(0.0).to_numpy() * room, 0.0)
    return table.assign(**{Y_PRED: changed})
