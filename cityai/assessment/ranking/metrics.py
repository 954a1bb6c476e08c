"""Figures of a ranked list: what its top holds, how well it tells yes from no, what it costs.

Every figure comes with the influence of each case on it, so that its interval follows from sums of
influences over whatever varies together (`clusters`), and that of a difference from differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cityai.i18n.messages import say
from cityai.modeling.calibration import compute_log_loss, to_log_odds
from cityai.modeling.forecasters import FloatArray

NO_YES: Final = say("no case here was a yes")
NO_NO: Final = say("every case here was a yes")
NONE_SELECTED: Final = say("no case here was selected")
NO_PAIR: Final = say("no list here holds both a yes and a no")
NO_HALF: Final = say("so many cases share the middle score that no half can be told")
LEAST_HALF: Final = 0.45
"""Share of the cases that lies above the middle score at least, for a half to be told."""
NO_PROBABILITY: Final = say("the score is an order and no probability")


@dataclass(frozen=True, slots=True)
class RankingMetric:
    """One figure of a ranked list.

    Attributes
    ----------
    name, label : str
        Stable name, and what it is, in a reader's words.
    unit : {"share", "ratio", "target"}
        Of its values; the `target` of the one that has it are days.
    better : {"low", "high", "one", "zero"}
        Which value is best.
    """

    name: str
    label: str
    unit: Literal["share", "ratio", "target"]
    better: Literal["low", "high", "one", "zero"]


RECALL: Final = RankingMetric("recall", say("share of all true cases found"), "share", "high")
PRECISION: Final = RankingMetric(
    "precision", say("share of selected cases that are true"), "share", "high"
)
LIFT: Final = RankingMetric(
    "lift", say("found per selected case, over picking at random"), "ratio", "high"
)
AUC: Final = RankingMetric(
    "auc", say("chance that a true case ranks above another of its list"), "ratio", "high"
)
FIRST_HALF: Final = RankingMetric(
    "first_half_share", say("share of all true cases in the first half"), "share", "high"
)
FIRST_DAYS: Final = RankingMetric(
    "first_half_share_by_days", say("the same by whole days of the real calendar"), "share", "high"
)
DAYS_SOONER: Final = RankingMetric(
    "days_sooner", say("days by which a true case is found sooner"), "target", "high"
)
BRIER: Final = RankingMetric("brier", say("mean squared error of the probability"), "ratio", "low")
LOG_LOSS: Final = RankingMetric("log_loss", say("surprise at the outcomes"), "ratio", "low")
SLOPE: Final = RankingMetric("calibration_slope", say("calibration slope"), "ratio", "one")
INTERCEPT: Final = RankingMetric(
    "calibration_intercept", say("calibration intercept"), "ratio", "zero"
)
CALIBRATION_ERROR: Final = RankingMetric(
    "calibration_error", say("mean distance of probability and outcome over bands"), "share", "low"
)
CALIBRATION_CHANCE: Final = RankingMetric(
    "calibration_chance", say("the same if every probability held exactly"), "share", "low"
)

RANKING_METRICS: Final = (
    RECALL, PRECISION, LIFT, AUC, FIRST_HALF, FIRST_DAYS, DAYS_SOONER, BRIER, LOG_LOSS, SLOPE,
    INTERCEPT, CALIBRATION_ERROR, CALIBRATION_CHANCE,
)  # fmt: skip
"""Figures of a ranked list, in the order shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A figure, and what each of n cases adds to it.

    Attributes
    ----------
    value : float
        NaN where undefined.
    influence : numpy.ndarray
        Shape (n,), adds up to 0: the figure's first-order change with the case.
    reason : str
        Why there is no value.
    counted : numpy.ndarray, optional
        Shape (n,): what a rate of yes or no is a share of, 1 or 0 a case.
    """

    value: float
    influence: FloatArray
    reason: str = ""
    counted: FloatArray | None = None


def refuse(count: int, reason: str) -> Estimate:
    """Return a figure that is undefined, with its reason."""
    return Estimate(float("nan"), np.zeros(count), reason)


def measure_ratio(top: FloatArray, bottom: FloatArray, undefined: str) -> Estimate:
    """Measure ``sum(top) / sum(bottom)``."""
    total = float(bottom.sum())
    if total <= 0:
        return refuse(len(top), undefined)
    value = float(top.sum()) / total
    return Estimate(value, (top - value * bottom) / total)


def measure_precision(truth: FloatArray, decision: FloatArray) -> Estimate:
    """Measure the share of selected cases that are true."""
    share = measure_ratio(truth * decision, decision, NONE_SELECTED)
    return replace(share, counted=decision)


def measure_recall(truth: FloatArray, decision: FloatArray) -> Estimate:
    """Measure the share of true cases that are selected."""
    return replace(measure_ratio(truth * decision, truth, NO_YES), counted=truth)


def measure_lift(truth: FloatArray, decision: FloatArray) -> Estimate:
    """Measure precision over the share of yes among all: what picking at random would find."""
    precision = measure_precision(truth, decision)
    base = measure_ratio(truth, np.ones(len(truth)), NO_YES)
    if not np.isfinite(precision.value) or not base.value > 0:
        return refuse(len(truth), precision.reason or NO_YES)
    value = precision.value / base.value
    return Estimate(value, (precision.influence - value * base.influence) / base.value)


def measure_auc(truth: FloatArray, score: FloatArray, lists: np.ndarray | None = None) -> Estimate:
    """Measure the chance that a true case ranks above another one of its list, ties counting half.

    Parameters
    ----------
    truth, score : numpy.ndarray
        Shape (n,).
    lists : numpy.ndarray, optional
        Shape (n,), int64: the list that each case is ranked in; without it, all in one. Cases of
        different lists are never chosen between, so their scores are not compared. Lists weigh by
        their pairs.

    Notes
    -----
    The influences are DeLong's placement values (DeLong, DeLong and Clarke-Pearson 1988, Biometrics
    44(3)), by midranks (Sun and Xu 2014, doi:10.1109/LSP.2014.2337313).
    """
    yes = truth == 1
    if yes.all() or not yes.any():
        return refuse(len(truth), NO_NO if len(truth) and yes.all() else NO_YES)
    code = np.zeros(len(truth), np.int64) if lists is None else lists
    order = np.argsort(code, kind="stable")
    won, pairs = np.zeros(len(truth)), np.zeros(len(truth))
    for held in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        own, level = yes[held], rankdata(score[held])
        among = np.empty(len(held))
        for side in (own, ~own):
            among[side] = rankdata(score[held][side]) if side.any() else 0.0
        over = level - among
        won[held] = np.where(own, over, own.sum() - over)
        pairs[held] = np.where(own, (~own).sum(), own.sum())
    total = float(pairs[yes].sum())
    if not total:
        return refuse(len(truth), NO_PAIR)
    value = float(won[yes].sum()) / total
    return Estimate(value, (won - value * pairs) / total)


def measure_brier(truth: FloatArray, chance: FloatArray) -> Estimate:
    """Measure the mean squared error of a probability (Brier 1950)."""
    return measure_ratio((chance - truth) ** 2, np.ones(len(truth)), say("no case is here"))


def measure_log_loss(truth: FloatArray, chance: FloatArray) -> Estimate:
    """Measure the mean negative log-likelihood of the outcomes, in nats."""
    odds = to_log_odds(chance)
    loss = np.logaddexp(0.0, np.where(truth == 1, -odds, odds))
    value = compute_log_loss(odds, truth)
    return Estimate(value, (loss - value) / max(len(truth), 1))


def measure_first_half(truth: FloatArray, score: FloatArray, fold: np.ndarray) -> Estimate:
    """Measure the share of true cases whose score lies above the median score of their fold.

    Undefined where so many share that score that fewer than `LEAST_HALF` lie above it.
    """
    middle = pd.Series(score).groupby(fold).transform("median").to_numpy(np.float64)
    above = (score > middle).astype(np.float64)
    if above.mean() < LEAST_HALF:
        return refuse(len(truth), NO_HALF)
    return measure_recall(truth, above)
