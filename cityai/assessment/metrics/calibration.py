"""Calibration: whether probabilities hold; slope, intercept, and bands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.optimize import root
from scipy.special import expit

from cityai.assessment.metrics.ranking import NO_NO, NO_YES, SCORE, ScoredList, measure_ratio
from cityai.i18n.messages import say
from cityai.modeling.calibration import compute_log_loss, to_log_odds
from cityai.records.metric import Estimate, Floats, Metric, Recount, refuse

LEAST_EITHER: Final = 10
"""Fewer cases of either answer give no slope."""
BAND_ROWS: Final = 50
"""Cases that a band has at least."""
BAND_EITHER: Final = 10
"""Cases of the rarer answer that a band has on average at least."""
MOST_BANDS: Final = 10
FEW_EITHER: Final = say(
    "fewer than {least_either} cases of one of the answers", least_either=LEAST_EITHER
)
PARTED: Final = say("the scores part the answers, so no slope can be told")
WORST_CONDITION: Final = 1e12
NO_PROBABILITY: Final = say("the score is an order and no probability")
NO_SCORE: Final = say("no score between 0 and 1 with a known outcome is here")
FEW_BANDS: Final = say("too few cases of either answer for two bands")


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """How outcomes follow the log-odds."""

    slope: Estimate
    """1 when they do; below 1 the probabilities are too sure, above 1 not sure enough."""
    intercept: Estimate
    """0 when there are as many yes as predicted, at slope 1; below 0 the probabilities are too high
    ("calibration in the large")."""


def fit_outcomes(truth: Floats, chance: Floats, weight: Floats | None = None) -> Line:
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
    return Line(fit_slope(truth, chance, weight), fit_intercept(truth, chance, weight))


def _refuse_few(truth: Floats, part: Floats) -> str:
    """Say why nothing can be fitted; usually nothing."""
    yes, no = float((part * truth).sum()), float((part * (1 - truth)).sum())
    if min(yes, no) >= LEAST_EITHER:
        return ""
    return NO_YES if yes == 0 else NO_NO if no == 0 else FEW_EITHER


def fit_intercept(truth: Floats, chance: Floats, weight: Floats | None = None) -> Estimate:
    """Fit calibration in the large: the intercept with the log-odds as an offset."""
    part = np.ones(len(truth)) if weight is None else weight
    if why := _refuse_few(truth, part):
        return refuse(len(truth), why)
    odds = to_log_odds(chance)
    level = 0.0
    for _ in range(60):
        share = expit(level + odds)
        step = float((part * (truth - share)).sum() / (part * share * (1 - share)).sum())
        level += float(np.clip(step, -2, 2))
        if abs(step) < 1e-11:
            break
    share = expit(level + odds)
    return Estimate(level, part * (truth - share) / (part * share * (1 - share)).sum())


def fit_slope(truth: Floats, chance: Floats, weight: Floats | None = None) -> Estimate:
    """Fit the calibration slope: a logistic regression of the outcomes on the log-odds."""
    part = np.ones(len(truth)) if weight is None else weight
    if why := _refuse_few(truth, part):
        return refuse(len(truth), why)
    odds = to_log_odds(chance)
    if np.ptp(odds[part > 0]) < 1e-9:
        return refuse(len(truth), say("all probabilities are the same"))
    return _fit_slope(truth, odds, part)


def _fit_slope(truth: Floats, odds: Floats, part: Floats) -> Estimate:
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


def cut_bands(truth: Floats, chance: Floats, part: Floats) -> tuple[np.ndarray, int]:
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


def measure_clustering(
    truth: Floats, chance: Floats, band: np.ndarray, entity: np.ndarray
) -> float:
    """Measure the design effect: how much alike the cases of one entity are within a band.

    Returns
    -------
    float
        The variance of a band's sum of outcomes where entities are drawn, over that where cases
        are; never below 1, and 1 where each entity has one case a band.
    """
    off = truth - chance
    count = np.bincount(band)
    off = off - (np.bincount(band, weights=off) / np.maximum(count, 1))[band]
    pairs = np.unique(entity * len(count) + band, return_inverse=True)[1]
    alone, together = (off**2).sum(), (np.bincount(pairs, weights=off) ** 2).sum()
    return max(float(together / alone), 1.0) if alone > 0 else 1.0


def measure_distance(
    truth: Floats, chance: Floats, entity: np.ndarray, weight: Floats | None = None
) -> tuple[float, float]:
    """Measure the mean distance of probability and outcome over bands, and what chance alone gives.

    Parameters
    ----------
    truth, chance, weight
        As for `fit_outcomes`.
    entity : numpy.ndarray
        Shape (n,), int64 codes from 0: cases of one entity are alike (`measure_clustering`).

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
    held = part > 0
    noise *= math.sqrt(measure_clustering(*(x[held] for x in (truth, chance, band, entity))))
    total = float(part.sum())
    return float(gap.sum()) / total, float(noise.sum()) * math.sqrt(2 / math.pi) / total


def measure_brier(truth: Floats, chance: Floats) -> Estimate:
    """Measure the mean squared error of a probability (Brier 1950)."""
    return measure_ratio((chance - truth) ** 2, np.ones(len(truth)), say("no case is here"))


def measure_log_loss(truth: Floats, chance: Floats) -> Estimate:
    """Measure the mean negative log-likelihood of the outcomes, in nats."""
    odds = to_log_odds(chance)
    loss = np.logaddexp(0.0, np.where(truth == 1, -odds, odds))
    value = compute_log_loss(odds, truth)
    return Estimate(value, (loss - value) / max(len(truth), 1))


def _measure_bands(ranked: ScoredList, which: int) -> Estimate:
    entity = ranked.calendar.entity
    return _measure_odds(ranked, lambda y, p: measure_distance(y, p, entity)[which])


def _measure_odds(
    ranked: ScoredList, measure: Callable[[Floats, Floats], Estimate | float]
) -> Estimate:
    """Measure a figure of probabilities, where the score is one."""
    if not ranked.probable:
        return refuse(len(ranked.truth), NO_PROBABILITY)
    found = measure(ranked.truth, ranked.score)
    if isinstance(found, Estimate):
        return found
    return Estimate(found, np.zeros(len(ranked.truth)), FEW_BANDS)


def _keep_shares(t: pd.DataFrame) -> pd.DataFrame:
    """Take the rows as they are where all scores lie in 0 to 1, and none where one does not."""
    held = t["y_pred"].dropna()
    return t if len(held) and held.between(0, 1).all() else t.assign(y_pred=np.nan)


def _log_loss(t: pd.DataFrame) -> pd.Series:
    chance = _keep_shares(t)["y_pred"].clip(1e-4, 1 - 1e-4)
    held: pd.Series = chance.where(t["y_true"] == 1, 1 - chance).where(t["y_true"].notna())
    return -held.map(math.log)


def _recount_line(t: pd.DataFrame, *, slope: bool) -> float:
    """Solve the score equations of a logistic regression on the log-odds."""
    chance = _keep_shares(t)["y_pred"].clip(1e-4, 1 - 1e-4).to_numpy()
    truth, odds = t["y_true"].to_numpy(), np.log(chance / (1 - chance))
    if min(truth.sum(), (1 - truth).sum()) < 10 or not np.isfinite(odds).all():
        return math.nan

    def miss(at: np.ndarray) -> list[float]:
        level, rise = (at[0], at[1]) if slope else (at[0], 1.0)
        off = truth - 1 / (1 + np.exp(-(level + rise * odds)))
        return [off.mean(), (off * odds).mean()] if slope else [off.mean()]

    found = root(miss, [0.0, 1.0] if slope else [0.0], tol=1e-12)
    return float(found.x[1] if slope else found.x[0])


def _recount_bands(t: pd.DataFrame, *, chance: bool) -> float:
    """Cut as many cases into each band of score, and add up how far the two sums lie apart."""
    rows = _keep_shares(t)
    yes = float(rows["y_true"].sum())
    count = int(min(10, len(rows) // 50, min(yes, len(rows) - yes) // 10))
    if count < 2 or rows["y_pred"].isna().any():
        return math.nan
    score = np.sort(rows["y_pred"].to_numpy())
    at = [math.ceil(len(rows) * i / count) - 1 for i in range(1, count)]
    band = pd.cut(rows["y_pred"], [-math.inf, *np.unique(score[at]), math.inf], right=False)
    by_band = rows.groupby(band, observed=True)
    if chance:
        noise = (rows["y_pred"] * (1 - rows["y_pred"])).groupby(band, observed=True).sum()
        off = rows["y_true"] - rows["y_pred"]
        off -= off.groupby(band, observed=True).transform("mean")
        own = off.groupby([rows["entity_id"], band], observed=True).sum()
        alike = max(float((own**2).sum() / (off**2).sum()), 1.0)
        return float(np.sqrt(alike * noise).sum() * math.sqrt(2 / math.pi)) / len(rows)
    return float((by_band["y_pred"].sum() - by_band["y_true"].sum()).abs().sum()) / len(rows)


METRICS: Final = (
    Metric(
        *("calibration", say("scores against outcomes"), "score", "score_outcomes"),
        *("ratio", "low"),
        title=say("Scores against outcomes"),
        meaning=say("sum of the scores over the number of outcomes"),
        sentence=say("the scores added up to {value} times the outcomes"),
        targets=("yes/no",),
        needs=("outcome", "probability"),
        undefined=NO_SCORE,
        precision="own",
        alone=True,
        recount=Recount(
            lambda t: _keep_shares(t)["y_pred"].where(t["y_true"].notna()), lambda t: t["y_true"]
        ),
    ),
    Metric(
        *("brier", say("mean squared error of the score"), "squared_error", "scored"),
        *("ratio", "low"),
        title=say("Brier score"),
        meaning=say("mean squared error of the score; low is good"),
        sentence=say("the mean squared error of the score was {value}"),
        targets=("yes/no", "score"),
        needs=("outcome", "probability"),
        undefined=NO_SCORE,
        precision="own",
        most=1.0,
        alone=True,
        estimate=lambda ranked: _measure_odds(ranked, measure_brier),
        recount=Recount(lambda t: (_keep_shares(t)["y_pred"] - t["y_true"]) ** 2),
    ),
    Metric(
        *("mean_score", say("mean score"), "any_score", "with_score", "ratio", "low"),
        title=say("Mean score"),
        meaning=say("average of the score"),
        sentence=say("the mean score was {value}"),
        targets=("yes/no",),
        undefined=say("no score is known here"),
        precision="own",
        alone=True,
        recount=Recount(lambda t: t["y_pred"]),
    ),
    Metric(
        *("log_loss", say("surprise at the outcomes"), "", "", "ratio", "low"),
        title=say("Log loss"),
        meaning=say("surprise at the outcomes; low is good"),
        sentence=say("the surprise at the outcomes was {value} on average"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_odds(ranked, measure_log_loss),
        recount=Recount(_log_loss),
    ),
    Metric(
        *("calibration_slope", say("calibration slope"), "", "", "ratio", "one"),
        title=say("Slope of calibration"),
        meaning=say("1 is right; below 1 the probabilities are too extreme"),
        sentence=say("the slope of calibration was {value}"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_odds(ranked, fit_slope),
        recount=Recount(whole=lambda t: _recount_line(t, slope=True)),
    ),
    Metric(
        *("calibration_intercept", say("calibration intercept"), "", "", "ratio", "zero"),
        title=say("Intercept of calibration"),
        meaning=say("0 is right; above 0 the probabilities are too low"),
        sentence=say("the intercept of calibration was {value}"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_odds(ranked, fit_intercept),
        recount=Recount(whole=lambda t: _recount_line(t, slope=False)),
    ),
    Metric(
        *("calibration_error", say("mean distance of probability and outcome over bands"), "", ""),
        *("share", "low"),
        title=say("Error of calibration"),
        meaning=say("mean distance of probability and outcome over bands"),
        sentence=say("probability and outcome lay {value} apart on average over bands"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_bands(ranked, 0),
        recount=Recount(whole=lambda t: _recount_bands(t, chance=False)),
    ),
    Metric(
        *("calibration_chance", say("the same if every probability held exactly"), "", ""),
        *("share", "low"),
        title=say("The same by chance"),
        meaning=say("if every probability held exactly"),
        sentence=say("by chance alone probability and outcome would lie {value} apart"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: _measure_bands(ranked, 1),
        recount=Recount(whole=lambda t: _recount_bands(t, chance=True)),
    ),
)
"""Figures of scores and probabilities, in the order shown."""
