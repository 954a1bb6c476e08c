"""Outcomes that are known only of those who were selected: selective labels.

A loan that was not given cannot fail, and a house that was not inspected shows no fault. Rates
that need both sides (found, missed, false alarms) then mean nothing (Lakkaraju et al. 2017).
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from cityai.columns import DECISION, Y_TRUE

FEWEST: Final = 30
"""With fewer rows on either side nothing is said."""
MOST: Final = 0.5
"""The outcome of one side is known at most half as often as that of the other."""


def find_selective(table: pd.DataFrame) -> tuple[float, float] | None:
    """Find the share of outcomes known of those selected, and of the others, where they differ.

    Parameters
    ----------
    table : pandas.DataFrame
        `Predictions.table`, of yes or no.

    Returns
    -------
    tuple of float or None
        None where both are known about as often, or no outcome is.
    """
    known, decision = table[Y_TRUE].notna(), table[DECISION]
    sides = [known[decision == side] for side in (1, 0)]
    if min(len(side) for side in sides) < FEWEST or not known.any():
        return None
    chosen, passed = (float(side.mean()) for side in sides)
    return (chosen, passed) if min(chosen, passed) < MOST * max(chosen, passed) else None


def is_one_sided(table: pd.DataFrame) -> bool:
    """Whether the outcome is known of one side alone."""
    return 0 in (find_selective(table) or (1.0,))
