"""Backtest windows that the history of a table allows: horizon and number of folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cityai.data.periods import LONGEST_DAYS, by_period

HORIZON: Final = by_period(day=14, week=4, month=3)
"""Periods ahead that are written down; the decision needs its own."""
SEASON: Final = by_period(day=28, week=52, month=12)
"""Periods of history that a forecast should have seen before it is first asked."""
_MOST_FOLDS: Final = 8
_FEW_FOLDS: Final = 4
_LEAST_FOLDS: Final = 2
_RIPE: Final = 2
"""Earlier origins with final labels at the first fold; see `cityai.modeling.layouts.dense`."""


@dataclass(frozen=True, slots=True)
class Windows:
    """A backtest that fits a history.

    Attributes
    ----------
    horizon : int
        Periods ahead.
    folds : int
        Moments of the past at which can be asked, at least; as many more only weigh and calibrate.
    least : int
        Periods of history at the first.
    is_whole : bool
        Whether the first has two seasons of history.
    """

    horizon: int
    folds: int
    least: int
    is_whole: bool

    def write_backtest(self) -> dict[str, Any]:
        """Return the section `backtest`, without what goes without saying."""
        return {"calibration": self.folds, **({} if self.is_whole else {"min_train": self.least})}


def fit_windows(period: str, periods: int, delay_days: int) -> Windows:
    """Return the windows nearest to what is usual that a history of so many periods allows.

    Parameters
    ----------
    period : str
        day, week or month.
    periods : int
        From the first row to the last; the last one is taken for unfinished.
    delay_days : int
        Days until a row is known.
    """
    delay = 1 + -(-delay_days // LONGEST_DAYS[period])
    wanted = HORIZON[period]
    for fewest in (_FEW_FOLDS, _LEAST_FOLDS):
        for horizon in range(wanted, 0, -1):
            for least in (2 * SEASON[period], SEASON[period], periods // 2, periods // 3):
                # Folds lie side by side: those that overlap judge the same outcomes again.
                last = periods - 1 - delay - horizon
                fitting = (last - delay - least) // horizon + 1
                unripe = -(-(horizon + delay) // horizon) - 1
                folds = min(_MOST_FOLDS, fitting - _RIPE - unripe, fitting // 2)
                if folds >= fewest and least >= _RIPE:
                    return Windows(horizon, folds, least, least == 2 * SEASON[period])
    return Windows(1, _LEAST_FOLDS, _RIPE, False)
