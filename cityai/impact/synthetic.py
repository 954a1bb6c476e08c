"""Designs without a draw: synthetic difference-in-differences, interrupted series, before-after.

Nothing was left to chance, so no law says how far an estimate strays without an effect. The city's
own past does: the same estimate where, or when, nothing happened (placebo errors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import nnls

from cityai.impact.difference_in_means import bound_effect
from cityai.impact.lots import ARMS
from cityai.impact.records import LEAST_SEPARATE, Effect, leave_undefined

SYNTHETIC: Final = "synthetic difference-in-differences, placebo errors"
INTERRUPTED: Final = "interrupted series against its own forecast, placebo errors"
BEFORE_AFTER: Final = "before and after"
TREATED: Final = "effect on those treated"
DRAWS: Final = 500
"""Placebo sets of places."""
SEED: Final = 20260103


def synthetic_did(
    panel: np.ndarray,
    treated: np.ndarray,
    begins: int,
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> Effect:
    """Estimate an effect by synthetic difference-in-differences, with placebo errors.

    Parameters
    ----------
    panel : numpy.ndarray
        (units, T) outcomes, none missing.
    treated : numpy.ndarray
        (units,) bool.
    begins : int
        Index of the first period with treatment.
    confidence : float
        Of the interval.
    draws : int
        Placebo sets, as many of the untreated as are treated.

    Returns
    -------
    Effect
        The interval is that of Student's t with one less degree of freedom than there are separate
        placebo sets, and the error the root mean square of placebo effects. Undefined where the
        untreated make fewer than six such sets, or there are fewer than two periods before.

    Notes
    -----
    Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021, Am. Econ. Rev. 111(12)), algorithms 1
    and 4. Their weights are found exactly (`_simplex_weights`). Small places vary more: where those
    treated changed more from one period to the next, before, than placebo sets did, placebo effects
    are as many times as large.
    """
    count, others = int(treated.sum()), int((~treated).sum())
    n = int(panel.size)
    told = ""
    if not np.isfinite(panel).all():
        told = f"{int((~np.isfinite(panel)).sum()):,} of {n:,} outcomes are missing"
    elif begins < 2 or begins >= panel.shape[1] or not count or not others:
        told = "there must be two periods before, one after, and places of both kinds"
    elif others // count - 1 < LEAST_SEPARATE:
        told = (
            f"{others:,} untreated places make fewer than {LEAST_SEPARATE + 1} separate sets of "
            f"{count:,}: too few to know how far such an estimate strays"
        )
    if told:
        return leave_undefined(told, ARMS, SYNTHETIC, TREATED, n)
    estimate = weigh_synthetic(panel, treated, begins)
    rng = np.random.default_rng(SEED)
    control = panel[~treated]
    placebo, restless = np.empty(draws), np.empty(draws)
    for i in range(draws):
        pick = np.zeros(others, bool)
        pick[rng.choice(others, count, replace=False)] = True
        placebo[i] = weigh_synthetic(control, pick, begins)
        restless[i] = _measure_noise(control[pick], begins)
    usual = math.sqrt(float((restless**2).mean()))
    if usual > 0:
        placebo *= max(_measure_noise(panel[treated], begins) / usual, 1.0)
    return _bound_by_placebo(estimate, placebo, others // count - 1, SYNTHETIC, confidence, n)


def _measure_noise(panel: np.ndarray, begins: int) -> float:
    """Measure how much the mean of some places changes from one period to the next, before."""
    return float(np.sqrt((np.diff(panel[:, :begins].mean(axis=0)) ** 2).mean()))


def weigh_synthetic(panel: np.ndarray, treated: np.ndarray, begins: int) -> float:
    """Compute the synthetic difference-in-differences estimate alone."""
    control, own = panel[~treated], panel[treated]
    before, after = control[:, :begins], control[:, begins:]
    noise = float(np.diff(before, axis=1).std(ddof=1)) if begins > 2 else 0.0
    size = own.shape[0] * after.shape[1]
    by_unit = _simplex_weights(before.T, own[:, :begins].mean(axis=0), size**0.25 * noise)
    by_time = _simplex_weights(before, after.mean(axis=1), 1e-6 * noise)
    gone = own[:, begins:].mean() - by_time @ own[:, :begins].mean(axis=0)
    without = by_unit @ (after.mean(axis=1) - before @ by_time)
    return float(gone - without)


def _simplex_weights(columns: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """Find weights of 0 or more that add up to 1, and fit a target but for a constant.

    Of weights that add up to 1, ``|A w - b|^2 = |C w|^2`` with ``C = A - b 1'``. Non-negative least
    squares of ``C`` to 0 and of their sum to 1 is least where that is, up to a factor.
    """
    apart = columns - target[:, None]
    apart = apart - apart.mean(axis=0)
    penalty = ridge * math.sqrt(len(target)) * np.eye(columns.shape[1])
    stacked = np.vstack([apart, penalty])
    scale = float(np.sqrt((stacked**2).sum(axis=0).min())) or 1.0
    system = np.vstack([stacked / scale, np.ones(columns.shape[1])])
    found, _ = nnls(system, np.append(np.zeros(len(stacked)), 1.0))
    return found / found.sum()


@dataclass(frozen=True, slots=True)
class Level:
    """A forecast by the level before, and its errors at every earlier start."""

    level: float
    """Mean of as many periods before as are forecast."""
    placebo: np.ndarray
    """(F, H) errors, observed less forecast; NaN where an outcome is missing."""
    separate: int
    """Starts whose stretches, with as many periods before, do not overlap."""


def forecast_level(before: np.ndarray, periods: int) -> Level:
    """Forecast some periods by the mean of as many before, and replay that at every past start.

    Parameters
    ----------
    before : numpy.ndarray
        (T,) outcomes until the forecast is made, the latest last; NaN where one is missing.
    periods : int
        H, how many are forecast.
    """
    if len(before) < 2 * periods:
        level = float(before[-periods:].mean()) if len(before) >= periods else math.nan
        return Level(level, np.empty((0, periods)), 0)
    windows = np.lib.stride_tricks.sliding_window_view(before, periods)
    placebo = windows[periods:] - windows[:-periods].mean(axis=1, keepdims=True)
    known = np.isfinite(placebo).all(axis=1)
    separate = min(len(before) // periods - 1, int(known.sum()))
    return Level(float(windows[-1].mean()), placebo[known], separate)


def interrupted_series(
    observed: np.ndarray,
    forecast: np.ndarray,
    placebo: np.ndarray,
    *,
    confidence: float = 0.95,
    separate: int | None = None,
) -> Effect:
    """Estimate an effect as what came otherwise than forecast (interrupted time series).

    Parameters
    ----------
    observed, forecast : numpy.ndarray
        (H,) outcomes since it began, and the forecast of them that was made before.
    placebo : numpy.ndarray
        (F, H) errors, observed less forecast, of replays in which nothing began.
    confidence : float
        Of the interval.
    separate : int, optional
        Replays that do not overlap; all without it.

    Notes
    -----
    What else changed at that time is part of the estimate: no interval allows for it.
    """
    errors = placebo.mean(axis=1)
    known = errors[np.isfinite(errors)]
    count = min(len(known), separate or len(known))
    apart = observed - forecast
    if not np.isfinite(apart).all() or count < LEAST_SEPARATE:
        reason = f"{count:,} separate replays are fewer than {LEAST_SEPARATE}"
        if not np.isfinite(apart).all():
            reason = "an outcome or a forecast is missing"
        return leave_undefined(reason, ARMS, INTERRUPTED, TREATED, len(apart))
    return _bound_by_placebo(float(apart.mean()), known, count, INTERRUPTED, confidence, len(apart))


def before_after(before: np.ndarray, after: np.ndarray, past: np.ndarray) -> Effect:
    """Compare before with after, and say why that tells no effect.

    Parameters
    ----------
    before, after : numpy.ndarray
        Outcomes by period.
    past : numpy.ndarray
        (T,) outcomes of periods before all of this, for how often such a change came by itself.
    """
    change = float(np.mean(after) - np.mean(before))
    first, second = len(before), len(after)
    ends = range(first, len(past) - second + 1)
    moves = [past[i : i + second].mean() - past[i - first : i].mean() for i in ends]
    reason = (
        "nothing says what would have come without it: a trend, a season, or a return to the usual "
        "of what was chosen for being unusual look the same"
    )
    if moves:
        larger = int((np.abs(moves) >= abs(change)).sum())
        reason += (
            f"; a change as large came by itself in {larger:,} of {len(moves):,} earlier stretches"
        )
    return leave_undefined(reason, ARMS, BEFORE_AFTER, TREATED, first + second, estimate=change)


def _bound_by_placebo(
    estimate: float,
    placebo: np.ndarray,
    separate: int,
    method: str,
    confidence: float,
    n: int,
) -> Effect:
    """Interval by the root mean square of placebo effects: about none, so bias counts as error."""
    error = math.sqrt(float((placebo**2).mean()))
    if not error > 0:
        lack = "no placebo differs from none"
        return leave_undefined(lack, ARMS, method, TREATED, n, estimate=estimate)
    freedom = float(separate - 1)
    told = (estimate, error, freedom, ARMS, method, TREATED, confidence)
    return bound_effect(*told, n=n, blocks=separate)
