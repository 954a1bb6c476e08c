"""Features of our own: each looks at what was known, and returns one number a neighbourhood.

`history.values` holds the weekly requests known at the moment of the question, one row a week (the
last is the latest) and one column a neighbourhood; nothing later can be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cityai.data.features.own import History

YEAR = 52


def level_against_the_year(history: History) -> pd.Series:
    """The last four weeks against the weeks of the past year: 1 is the same, 2 twice as many."""
    recent = history.values.iloc[-YEAR:]
    usual = recent.mean()
    return recent.iloc[-4:].mean() / usual.where(usual > 0)


def weeks_since_a_quiet_week(history: History) -> pd.Series:
    """Weeks since the count was last under half of its median over the year, at most a year."""
    recent = history.values.iloc[-YEAR:]
    quiet = recent.lt(recent.median() / 2).to_numpy()
    weeks = np.where(quiet.any(axis=0), quiet[::-1].argmax(axis=0), len(recent))
    return pd.Series(weeks.astype(np.float64), index=recent.columns)
