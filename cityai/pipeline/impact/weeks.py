"""How many weeks lists stand for: one count, for the design of an evaluation and its analysis."""

from __future__ import annotations

import pandas as pd

from cityai.config.risk import RiskSpec
from cityai.data.periods import MEAN_DAYS, PERIODS, WEEK


def count_weeks(days: pd.Series, project: RiskSpec) -> float:
    """Count the weeks that lists stand for, by the period that the capacity holds for.

    Parameters
    ----------
    days : pandas.Series
        The first day of each list, once or more.
    project : RiskSpec
        The project of the lists.

    Returns
    -------
    float
        Calendar weeks that have a list, where one stands for a week at most; else as many as a
        month, or a test fold, lasts, each time.
    """
    per, lists = project.question.decision.per, days.drop_duplicates().astype("datetime64[s]")
    lasts = MEAN_DAYS[per] if per in PERIODS else float(project.backtest.stride_days)
    if lasts <= MEAN_DAYS[WEEK]:
        return float(lists.dt.to_period("W").nunique())
    return len(lists) * lasts / MEAN_DAYS[WEEK]
