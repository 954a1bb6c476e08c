"""A feature of our own: it is given what was known when the day began, and nothing later.

`history.asked` holds the cases of the day, `history.cases` earlier cases with their outcome
(`y_true`), `history.events` the tables of events; the answer is one number for each row of
`history.asked`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cityai.data.features.history import CaseHistory

METRES = 111_195.0  # in one degree of latitude
REACH = 200.0


def complaints_since_the_last_visit(history: CaseHistory) -> pd.Series:
    """Complaints within 200 m since the kitchen was last inspected, or in two years."""
    asked, complaints = history.asked, history.events["complaints"]
    last = history.cases.groupby("entity_id")["occurred_at"].max()
    since = last.reindex(asked["entity_id"]).fillna(history.as_of - pd.Timedelta(days=730))
    north = METRES * np.subtract.outer(
        asked["latitude"].to_numpy(), complaints["latitude"].to_numpy()
    )
    width = METRES * np.cos(np.radians(asked["latitude"].to_numpy()))
    east = width[:, None] * np.subtract.outer(
        asked["longitude"].to_numpy(), complaints["longitude"].to_numpy()
    )
    later = complaints["occurred_at"].to_numpy() > since.to_numpy()[:, None]
    return pd.Series((later & (np.hypot(north, east) <= REACH)).sum(axis=1), index=asked.index)
