"""Calibration: a rising map from blended log-odds to probabilities that hold what they say.

The map is learnt from out-of-sample predictions of earlier folds alone. Which kind of map is chosen
by leaving each of those folds out in turn: the one with the least log loss on what it did not see.
Every map rises strictly, so it never changes who comes before whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import expit, log_expit, logit

from cityai.i18n.messages import join, say, write
from cityai.modeling.blend import mix_forecasts
from cityai.modeling.forecasters.protocol import FloatArray

Method = Literal["identity", "platt", "isotonic"]

LEAST_EITHER: Final = 30
"""Fewer out-of-sample outcomes of either answer leave probabilities as they are."""
LEAST_FOR_STEPS: Final = 200
"""Fewer of either answer, and steps (isotonic regression) are not tried: they follow the noise."""
MOST_SURE: Final = 1e-4
"""No probability is taken to be nearer to 0 or 1 than this."""
RIDGE: Final = 1.0
"""Pull of Platt's slope towards 1, in outcomes: keeps it above 0 where a score tells nothing."""
LEAST_SLOPE: Final = 0.02
LEAST_RISE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """A strictly rising, piecewise linear map on the log-odds, so that ranking is kept."""

    method: Method
    """How it was learnt; `identity` when there was too little evidence."""
    given: tuple[float, ...]
    calibrated: tuple[float, ...]
    """Knots: log-odds given, and calibrated ones; straight lines between them."""
    slope: float
    """Of the lines before the first and after the last knot, above 0."""
    rows: int
    yes: int
    """Out-of-sample outcomes that it was learnt from, and how many were yes."""
    reason: str
    """Why this method, in one sentence with the figures."""


def to_log_odds(probability: FloatArray) -> FloatArray:
    """Return log-odds, of probabilities held away from 0 and 1 by `MOST_SURE`."""
    return logit(np.clip(probability, MOST_SURE, 1 - MOST_SURE))


def to_probability(log_odds: FloatArray) -> FloatArray:
    """Return probabilities."""
    return expit(log_odds)


def mix_log_odds(log_odds: FloatArray, weights: FloatArray) -> FloatArray:
    """Mix candidates' log-odds, shape (n, K); one without a prediction leaves its weight."""
    if np.isnan(log_odds).any():
        return mix_forecasts(log_odds, weights)
    return log_odds @ weights


def compute_log_loss(log_odds: FloatArray, truth: FloatArray) -> float:
    """Mean negative log-likelihood, in nats; without rows NaN."""
    if not len(truth):
        return float("nan")
    return float(-np.mean(truth * log_expit(log_odds) + (1 - truth) * log_expit(-log_odds)))


def calibrate(chart: CalibrationMap, log_odds: FloatArray) -> FloatArray:
    """Map log-odds to calibrated log-odds, shape (n,)."""
    given, target = np.array(chart.given), np.array(chart.calibrated)
    inside = np.interp(log_odds, given, target)
    before = np.minimum(log_odds - given[0], 0.0)
    beyond = np.maximum(log_odds - given[-1], 0.0)
    return inside + chart.slope * (before + beyond)


def learn_calibration(log_odds: FloatArray, truth: FloatArray, fold: np.ndarray) -> CalibrationMap:
    """Learn a map from out-of-sample log-odds to what came to pass.

    Parameters
    ----------
    log_odds, truth : numpy.ndarray
        Shape (R,): predictions of earlier folds, and their outcomes (1 or 0), known by now.
    fold : numpy.ndarray
        Shape (R,) int64: the fold of each, left out one by one to choose the kind of map.

    Notes
    -----
    Platt 1999 (a line on the log-odds, fitted by maximum likelihood, its slope pulled towards 1 by
    `RIDGE`); isotonic regression (Zadrozny and Elkan 2002, doi:10.1145/775047.775151) with
    steps that rise by a trifle and are joined by straight lines, so that cases keep their order.
    """
    rows, yes = len(truth), int(truth.sum())
    either = min(yes, rows - yes)
    if either < LEAST_EITHER or len(np.unique(fold)) < 2:
        reason = say(
            "Probabilities are left as they are: {rows:,} earlier outcomes out of "
            "sample, {yes:,} of them yes, from {fold} folds are too few to correct them.",
            rows=rows,
            yes=yes,
            fold=len(np.unique(fold)),
        )
        return CalibrationMap("identity", (0.0,), (0.0,), 1.0, rows, yes, reason)
    methods: list[Method] = ["identity", "platt"]
    if either >= LEAST_FOR_STEPS:
        methods.append("isotonic")
    loss = {m: _cross_loss(m, log_odds, truth, fold) for m in methods}
    best = min(methods, key=lambda m: loss[m])
    told = join(", ", (join(": ", (m, write(loss[m], ".5f"))) for m in methods))
    reason = say(
        "Chosen by the log loss on folds left out in turn ({told}), from {rows:,} "
        "earlier outcomes, {yes:,} of them yes.",
        told=told,
        rows=rows,
        yes=yes,
    )
    given, target, slope = _fit_map(best, log_odds, truth)
    return CalibrationMap(best, given, target, slope, rows, yes, reason)


_Knots = tuple[tuple[float, ...], tuple[float, ...], float]


def _cross_loss(method: Method, odds: FloatArray, truth: FloatArray, fold: np.ndarray) -> float:
    total = 0.0
    for left_out in np.unique(fold):
        seen, here = fold != left_out, fold == left_out
        given, target, slope = _fit_map(method, odds[seen], truth[seen])
        chart = CalibrationMap(method, given, target, slope, 0, 0, "")
        total += compute_log_loss(calibrate(chart, odds[here]), truth[here]) * here.sum()
    return total / len(truth)


def _fit_map(method: Method, odds: FloatArray, truth: FloatArray) -> _Knots:
    if method == "platt":
        level, slope = fit_line(odds, truth)
        return (0.0,), (level,), slope
    if method == "isotonic":
        return _fit_steps(odds, truth)
    return (0.0,), (0.0,), 1.0


def fit_line(odds: FloatArray, truth: FloatArray) -> tuple[float, float]:
    """Fit level and slope of a line on the log-odds by penalised maximum likelihood (Newton)."""
    level, slope = 0.0, 1.0
    for _ in range(50):
        share = expit(level + slope * odds)
        weight = np.maximum(share * (1 - share), 1e-9)
        gradient = np.array(
            [np.sum(truth - share), np.sum((truth - share) * odds) - RIDGE * (slope - 1.0)]
        )
        cross = np.sum(weight * odds)
        hessian = np.array([[np.sum(weight), cross], [cross, np.sum(weight * odds**2) + RIDGE]])
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        level, slope = level + float(step[0]), slope + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    if slope < LEAST_SLOPE:
        # A score that tells nothing: nearly one probability for all, in the order given.
        share_yes = float(np.clip(truth.mean(), MOST_SURE, 1 - MOST_SURE))
        return float(logit(share_yes)) - LEAST_SLOPE * float(odds.mean()), LEAST_SLOPE
    return level, slope


def _fit_steps(odds: FloatArray, truth: FloatArray) -> _Knots:
    from scipy.optimize import isotonic_regression

    order = np.argsort(odds, kind="stable")
    fitted = isotonic_regression(truth[order])
    starts = np.asarray(fitted.blocks)
    sizes = np.diff(starts).astype(np.float64)
    ends = np.column_stack([odds[order][starts[:-1]], odds[order][starts[1:] - 1]]).ravel()
    # Two outcomes at the mean rate beside every step keep the ends away from 0 and 1.
    level = (np.asarray(fitted.x)[starts[:-1]] * sizes + 2 * float(truth.mean())) / (sizes + 2)
    risen = np.asarray(isotonic_regression(level, weights=sizes + 2).x)
    flat = np.repeat(to_log_odds(risen), 2)
    target = flat + LEAST_RISE * np.arange(len(flat))
    kept = np.concatenate([[True], np.diff(np.maximum.accumulate(ends)) > 1e-9])
    return tuple(ends[kept].tolist()), tuple(target[kept].tolist()), 1.0
