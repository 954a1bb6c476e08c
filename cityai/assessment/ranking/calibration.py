"""Whether probabilities hold: slope and intercept, and the curve by band with its chance level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from cityai.assessment.ranking.metrics import NO_NO, NO_YES, Estimate, refuse
from cityai.disclosure.primary_suppression import hide_cells
from cityai.i18n.messages import say
from cityai.modeling.calibration import to_log_odds
from cityai.modeling.forecasters import FloatArray

LEAST_EITHER: Final = 10
"""Fewer cases of either answer give no slope."""
BAND_ROWS: Final = 50
"""Cases that a band has at least."""
BAND_EITHER: Final = 10
"""Cases of the rarer answer that a band has on average at least."""
MOST_BANDS: Final = 10
FEW_EITHER: Final = say(f"fewer than {LEAST_EITHER} cases of one of the answers")
PARTED: Final = say("the scores part the answers, so no slope can be told")
WORST_CONDITION: Final = 1e12
FEW_BANDS: Final = say("too few cases of either answer for two bands")
SMALL_BAND: Final = say(
    "Not shown: fewer than {least} people or events, or a band that would reveal one."
)

CURVE_COLUMNS: Final = [
    "band",
    "score_low",
    "score_high",
    "n",
    "yes",
    "mean_score",
    "outcome_share",
    "low",
    "high",
    "chance",
    "reason",
]
"""Columns of a calibration curve."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """How outcomes follow the log-odds.

    Attributes
    ----------
    slope : Estimate
        1 when they do; below 1 the probabilities are too sure, above 1 not sure enough.
    intercept : Estimate
        0 when there are as many yes as predicted, at slope 1; below 0 the probabilities are too
        high ("calibration in the large").
    """

    slope: Estimate
    intercept: Estimate


def fit_outcomes(truth: FloatArray, chance: FloatArray, weight: FloatArray | None = None) -> Line:
    """Fit outcomes on the log-odds of their probabilities.

    Parameters
    ----------
    truth, chance : numpy.ndarray
        Shape (n,): 1 or 0; probabilities.
    weight : numpy.ndarray, optional
        Shape (n,): each case's part in a group.

    Notes
    -----
    Cox 1958 (Biometrika 45); Van Calster et al. 2016 (doi:10.1016/j.jclinepi.2015.12.005): the
    slope from a logistic regression on the log-odds, the intercept with the log-odds as an offset.
    Influences are those of an estimating equation (the sandwich).
    """
    part = np.ones(len(truth)) if weight is None else weight
    yes, no = float((part * truth).sum()), float((part * (1 - truth)).sum())
    if min(yes, no) < LEAST_EITHER:
        why = NO_YES if yes == 0 else NO_NO if no == 0 else FEW_EITHER
        return Line(refuse(len(truth), why), refuse(len(truth), why))
    odds = to_log_odds(chance)
    level = 0.0
    for _ in range(60):
        share = expit(level + odds)
        step = float((part * (truth - share)).sum() / (part * share * (1 - share)).sum())
        level += float(np.clip(step, -2, 2))
        if abs(step) < 1e-11:
            break
    share = expit(level + odds)
    own = part * (truth - share) / (part * share * (1 - share)).sum()
    intercept = Estimate(level, own)
    if np.ptp(odds[part > 0]) < 1e-9:
        return Line(refuse(len(truth), say("all probabilities are the same")), intercept)
    return Line(_fit_slope(truth, odds, part), intercept)


def _fit_slope(truth: FloatArray, odds: FloatArray, part: FloatArray) -> Estimate:
    design = np.column_stack([np.ones(len(odds)), odds])
    found = np.array([0.0, 1.0])
    hessian = np.eye(2)
    for _ in range(100):
        share = expit(design @ found)
        hessian = (design * (part * share * (1 - share))[:, None]).T @ design
        if np.linalg.cond(hessian) > WORST_CONDITION:
            return refuse(len(truth), PARTED)
        step = np.linalg.solve(hessian, design.T @ (part * (truth - share)))
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    else:
        return refuse(len(truth), PARTED)
    scores = design * (part * (truth - expit(design @ found)))[:, None]
    return Estimate(float(found[1]), (scores @ np.linalg.inv(hessian))[:, 1])


def draw_curve(
    truth: FloatArray,
    chance: FloatArray,
    least: int,
    confidence: float,
    weight: FloatArray | None = None,
) -> pd.DataFrame:
    """Compare probabilities with outcomes by band of probability, each with as many cases.

    Parameters
    ----------
    truth, chance, weight
        As for `fit_outcomes`.
    least : int
        Bands with fewer yes or no, but some, are not shown.
    confidence : float
        Of the interval of each band's share (Wilson 1927).

    Returns
    -------
    pandas.DataFrame
        `CURVE_COLUMNS`; `chance` is how far the two shares of a band lie apart on average when
        every probability holds exactly. Empty when there are too few cases for two bands.
    """
    part = np.ones(len(truth)) if weight is None else weight
    band, count = cut_bands(truth, chance, part)
    if count < 2:
        return pd.DataFrame(columns=CURVE_COLUMNS)

    def add(values: FloatArray) -> FloatArray:
        return np.bincount(band, weights=part * values, minlength=count).astype(np.float64)

    n, yes = add(np.ones(len(truth))), add(truth)
    mean, share = add(chance) / n, yes / n
    noise = np.sqrt(np.bincount(band, weights=part**2 * chance * (1 - chance), minlength=count))
    low, high = bound_share(share, n, confidence)
    edges = pd.Series(chance).groupby(band)
    small = ((yes > 0) & (yes < least)) | ((n - yes > 0) & (n - yes < least))
    hidden = hide_cells(yes, small, least)
    table = pd.DataFrame(
        {
            "band": np.arange(1, count + 1),
            "score_low": edges.min().to_numpy(),
            "score_high": edges.max().to_numpy(),
            "n": n,
            "yes": yes,
            "mean_score": mean,
            "outcome_share": share,
            "low": low,
            "high": high,
            "chance": noise / n * math.sqrt(2 / math.pi),
            "reason": "",
        }
    )
    table.loc[hidden, ["n", "yes", "outcome_share", "low", "high"]] = np.nan
    table.loc[hidden, "reason"] = SMALL_BAND.format(least=least)
    return table


def cut_bands(truth: FloatArray, chance: FloatArray, part: FloatArray) -> tuple[np.ndarray, int]:
    """Return each case's band, int64 from 0, and how many bands there are."""
    yes = float((part * truth).sum())
    rows, rarer = float(part.sum()), min(yes, float(part.sum()) - yes)
    count = int(min(MOST_BANDS, rows // BAND_ROWS, rarer // BAND_EITHER))
    if count < 2:
        return np.zeros(len(truth), np.int64), count
    order = np.argsort(chance, kind="stable")
    heap = np.cumsum(part[order])
    cuts = chance[order][np.searchsorted(heap, heap[-1] * np.arange(1, count) / count)]
    found = np.searchsorted(np.unique(cuts), chance, side="right")
    filled = np.unique(found[part > 0], return_inverse=False)
    band = np.minimum(np.searchsorted(filled, found), len(filled) - 1)
    return band.astype(np.int64), len(filled)


def measure_distance(
    truth: FloatArray, chance: FloatArray, weight: FloatArray | None = None
) -> tuple[float, float]:
    """Measure the mean distance of probability and outcome over bands, and what chance alone gives.

    Returns
    -------
    tuple of float
        The expected calibration error, and its mean if every probability held exactly: an error no
        larger than that says nothing (Broecker and Smith 2007, doi:10.1175/WAF993.1). NaN without
        two bands.
    """
    part = np.ones(len(truth)) if weight is None else weight
    band, count = cut_bands(truth, chance, part)
    if count < 2:
        return math.nan, math.nan
    gap = np.abs(np.bincount(band, weights=part * (chance - truth), minlength=count))
    noise = np.sqrt(np.bincount(band, weights=part**2 * chance * (1 - chance), minlength=count))
    total = float(part.sum())
    return float(gap.sum()) / total, float(noise.sum()) * math.sqrt(2 / math.pi) / total


def bound_share(
    share: FloatArray, count: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Bound shares by Wilson's interval (1927, doi:10.1080/01621459.1927.10502953)."""
    z = float(norm.ppf((1 + confidence) / 2))
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half
