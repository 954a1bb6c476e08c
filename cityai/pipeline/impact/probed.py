"""The audit of visits drawn by chance: what holds also where nobody would have looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import CASE, ENTITY, EVERYWHERE, Y_PRED, Y_TRUE
from cityai.impact.lots import LOOKED, PART, RANK, SERVED
from cityai.impact.probe import PROBE_COLUMNS, Looks, audit_probe, inverse_probability_weights
from cityai.impact.records import ARM, BLOCK, UNIT

if TYPE_CHECKING:
    from cityai.records.events import Events

NONE: Final = pd.DataFrame(columns=["dimension", *PROBE_COLUMNS])
"""Of an evaluation without a random probe."""


def audit_visits(
    rows: pd.DataFrame,
    events: Events,
    capacity: int,
    dimensions: tuple[str, ...],
    confidence: float,
    small_cell: float,
) -> pd.DataFrame:
    """Audit the ranking for everybody, by those visited with a known probability.

    Parameters
    ----------
    rows : pandas.DataFrame
        All assigned cases, as of `lots.COLUMNS`, with a column for each dimension.
    events : Events
        The project's own data: what a visit finds is what the ranking foretells.
    capacity : int
        Cases that the ranking alone would select.
    dimensions : tuple of str
        Columns of groups.
    confidence, small_cell
        As for `audit_probe`.

    Returns
    -------
    pandas.DataFrame
        ``dimension`` (`EVERYWHERE` for all) and `PROBE_COLUMNS`; no rows without a random probe, as
        the others could never have been looked at, or where no visit's finding is known.

    Notes
    -----
    It is about everybody who was listed, on the first list that they were on: chance decides about
    nobody twice. Visits that found nothing known are taken to be like those of the same part of the
    list (above the edge, at it, of the probe), which speak for them too.
    """
    rows = rows.sort_values(BLOCK, kind="stable").drop_duplicates(UNIT)
    found = events.table.drop_duplicates(CASE).set_index(CASE)[Y_TRUE]
    truth = rows[CASE].map(found).to_numpy(np.float64)
    served = (rows[ARM] == SERVED).to_numpy()
    looked = served & np.isfinite(truth)
    if not (rows[PART] == "probe").any() or not looked.any():
        return NONE
    inverse_probability_weights(rows[LOOKED].to_numpy(np.float64), looked)  # nobody is beyond reach
    reached = pd.Series(looked[served]).groupby(rows.loc[served, PART].to_numpy()).mean()
    chance = rows[LOOKED].to_numpy(np.float64) * rows[PART].map(reached).to_numpy(np.float64)
    weight = inverse_probability_weights(chance[looked], np.ones(int(looked.sum()), bool))
    seen = rows[looked]
    tables = []
    for name in (EVERYWHERE, *dimensions):
        looks = Looks(
            truth[looked],
            seen[Y_PRED].to_numpy(np.float64),
            (seen[RANK] <= capacity).to_numpy(),
            weight,
            np.full(len(seen), EVERYWHERE) if name == EVERYWHERE else seen[name].to_numpy(str),
            pd.factorize(seen[ENTITY])[0].astype(np.int64),
        )
        table = audit_probe(looks, confidence, small_cell=small_cell)
        tables.append(table.assign(dimension=name))
    return pd.concat(tables, ignore_index=True)[list(NONE.columns)]
