"""Calendar effects taken out of series and put back, for forecasters that see no calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from cityai.data.calendar_effects import estimate_factors
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.forecasters.series import SeriesHistory

WEEKS: Final = (-14, -7, 7, 14)
"""Days whose totals a holiday is held against: the same weekday, two weeks around."""


def adjust_calendar(
    forecast: Callable[[SeriesHistory], FloatArray],
) -> Callable[[SeriesHistory], FloatArray]:
    """Wrap a forecaster of series, so that it sees what is left of the calendar's effects.

    Of days, holidays of the past are left out, and those ahead are scaled. Months of the past are
    divided by what their weekdays do to them, and those ahead are multiplied by it.
    Where the history names neither, or an amount lies below 0, nothing changes.

    Parameters
    ----------
    forecast : callable
        From `SeriesHistory` to forecasts of shape (H, E).
    """

    def adjusted(asked: SeriesHistory) -> FloatArray:
        if (asked.history < 0).any():
            return forecast(asked)
        if asked.holidays is not None:
            plain, scale = _leave_holidays(asked, asked.holidays[-asked.until :])
        elif asked.weekdays is not None:
            factors = estimate_factors(asked.history, asked.weekdays[-asked.until :])
            plain = asked.history / factors[: asked.length, None]
            scale = factors[asked.length + asked.skip :]
        else:
            return forecast(asked)
        return np.asarray(forecast(replace(asked, history=plain)) * scale[:, None])

    return adjusted


def _leave_holidays(asked: SeriesHistory, codes: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return the history without its holidays, and the factor of each day ahead."""
    past, ahead = codes[: asked.length], codes[asked.length + asked.skip :]
    effects = _estimate_effects(asked.history, past)
    plain = np.where((past > 0)[:, None], np.nan, asked.history)
    only = np.isnan(plain).all(axis=0)  # seen on holidays alone
    plain[:, only] = asked.history[:, only]
    return plain, np.array([effects.get(int(code), 1.0) for code in ahead])


def _estimate_effects(history: FloatArray, holidays: np.ndarray) -> dict[int, float]:
    """Estimate each holiday's multiplicative effect on the city's total.

    The total of a holiday over that of the same weekday one and two weeks before and after it,
    holidays left out; the mean over its past dates is shrunk towards 1 by how much that ratio
    varies on ordinary days (positive-part James-Stein, Efron and Morris 1973,
    doi:10.1080/01621459.1973.10481350).
    """
    length, free = len(history), holidays > 0
    ordinary = np.where(free[:, None], np.nan, history)
    padded = np.pad(ordinary, ((14, 14), (0, 0)), constant_values=np.nan)
    usual, counted = np.zeros(history.shape), np.zeros(history.shape, dtype=np.int8)
    for days in WEEKS:  # one after another: of a large panel they fill memory together
        beside = padded[14 + days : 14 + days + length]
        known = ~np.isnan(beside)
        counted += known
        usual += np.where(known, beside, 0.0)
    usual /= np.maximum(counted, 1)
    both = (counted > 0) & ~np.isnan(history)
    total = np.where(both, history, 0.0).sum(axis=1)
    expected = np.where(both, usual, 0.0).sum(axis=1)
    told = expected > 0
    ratio = total[told] / expected[told]
    code = holidays[told]
    plain = ratio[code == 0]
    noise = float(plain.var()) if len(plain) else 0.0
    effects = {}
    for holiday in np.unique(code[code > 0]).tolist():
        seen = ratio[code == holiday]
        effect = float(seen.mean()) - 1.0
        kept = 0.0 if effect == 0 else max(0.0, 1.0 - noise / len(seen) / effect**2)
        effects[holiday] = 1.0 + kept * effect
    return effects
