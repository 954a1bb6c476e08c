"""Figures of a score as a whole: what the top of a list holds, and how well yes and no part.

Every figure comes with the influence of each case on it, so that its interval follows from sums of
influences over whatever varies together, and that of a difference from differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cityai.i18n.messages import say
from cityai.records.metric import Estimate, Floats, Metric, Recount, Target, refuse

if TYPE_CHECKING:
    from cityai.assessment.metrics.days_earlier import Calendar

SCORE: Final[tuple[Target, ...]] = ("score",)
NO_YES: Final = say("no case here was a yes")
NO_NO: Final = say("every case here was a yes")
NONE_SELECTED: Final = say("no case here was selected")
NO_PAIR: Final = say("no list here holds both a yes and a no")
NO_HALF: Final = say("so many cases share the middle score that no half can be told")
LEAST_HALF: Final = 0.45
"""Share of the cases that lies above the middle score at least, for a half to be told."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredList:
    """Cases and a score of them, n each."""

    truth: Floats
    score: Floats
    decision: Floats
    """Shape (n,): 1 or 0; any order, perhaps probabilities; 1 where selected by the score."""
    lists: np.ndarray
    fold: np.ndarray
    """Shape (n,), int64: the list that each case is ranked in, and its fold."""
    calendar: Calendar
    """The cases' real dates."""
    in_time: bool
    """Whether cases were worked off in the order of their time."""

    @property
    def probable(self) -> bool:
        """Whether the score lies in 0 to 1 throughout."""
        score = self.score
        return bool(len(score) and (score >= 0).all() and (score <= 1).all())


def measure_ratio(top: Floats, bottom: Floats, undefined: str) -> Estimate:
    """Measure ``sum(top) / sum(bottom)``."""
    total = float(bottom.sum())
    if total <= 0:
        return refuse(len(top), undefined)
    value = float(top.sum()) / total
    return Estimate(value, (top - value * bottom) / total)


def measure_precision(truth: Floats, decision: Floats) -> Estimate:
    """Measure the share of selected cases that are true."""
    share = measure_ratio(truth * decision, decision, NONE_SELECTED)
    return replace(share, counted=decision)


def measure_recall(truth: Floats, decision: Floats) -> Estimate:
    """Measure the share of true cases that are selected."""
    return replace(measure_ratio(truth * decision, truth, NO_YES), counted=truth)


def measure_lift(truth: Floats, decision: Floats) -> Estimate:
    """Measure precision over the share of yes among all: what picking at random would find."""
    precision = measure_precision(truth, decision)
    base = measure_ratio(truth, np.ones(len(truth)), NO_YES)
    if not np.isfinite(precision.value) or not base.value > 0:
        return refuse(len(truth), precision.reason or NO_YES)
    value = precision.value / base.value
    return Estimate(value, (precision.influence - value * base.influence) / base.value)


def measure_auc(truth: Floats, score: Floats, lists: np.ndarray | None = None) -> Estimate:
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


def measure_first_half(truth: Floats, score: Floats, fold: np.ndarray) -> Estimate:
    """Measure the share of true cases whose score lies above the median score of their fold.

    Undefined where so many share that score that fewer than `LEAST_HALF` lie above it.
    """
    middle = pd.Series(score).groupby(fold).transform("median").to_numpy(np.float64)
    above = (score > middle).astype(np.float64)
    if above.mean() < LEAST_HALF:
        return refuse(len(truth), NO_HALF)
    return measure_recall(truth, above)


def _recount_lift(t: pd.DataFrame) -> float:
    chosen = t.loc[t["decision"] == 1, "y_true"]
    base = t["y_true"].mean()
    return float(chosen.mean() / base) if len(chosen) and base > 0 else float("nan")


def _recount_pairs(t: pd.DataFrame) -> float:
    """Of pairs of one list with and without the outcome, count those whose first scores more."""
    won = pairs = 0.0
    lists = t.groupby(["fold", "slot"]) if "slot" in t else ((0, t),)
    for _, rows in lists:
        above, below = (rows.loc[rows["y_true"] == side, "y_pred"].to_numpy() for side in (1, 0))
        below = np.sort(below)
        under, upto = (np.searchsorted(below, above, side=side) for side in ("left", "right"))
        won += float((under + upto).sum()) / 2
        pairs += float(len(above) * len(below))
    return won / pairs if pairs else float("nan")


def _recount_half(t: pd.DataFrame) -> float:
    above = t["y_pred"] > t["fold"].map(t.groupby("fold")["y_pred"].median())
    found = above[t["y_true"] == 1]
    return float(found.mean()) if len(found) and above.mean() >= 0.45 else float("nan")


METRICS: Final = (
    Metric(
        *("lift", say("found per selected case, over picking at random"), "", "", "ratio", "high"),
        title=say("Found per selected case"),
        meaning=say("as a multiple of picking at random; 1 is no better"),
        sentence=say("a selected case was {value} times as often a true one as any case"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: measure_lift(ranked.truth, ranked.decision),
        recount=Recount(whole=_recount_lift),
    ),
    Metric(
        *("auc", say("chance that a true case ranks above another of its list"), "", ""),
        *("ratio", "high"),
        title=say("Telling apart"),
        meaning=say("chance that a true case ranks above another of its list; a coin gives 0.5"),
        sentence=say("a true case had the higher score in {value} of all pairs with another"),
        targets=SCORE,
        precision="own",
        most=1.0,
        alone=True,
        estimate=lambda ranked: measure_auc(ranked.truth, ranked.score, ranked.lists),
        recount=Recount(whole=_recount_pairs),
    ),
    Metric(
        *("first_half_share", say("share of all true cases in the first half"), "", ""),
        *("share", "high"),
        title=say("Found in the first half"),
        meaning=say("of all true cases, the share in the first half"),
        sentence=say("{value} of all true cases were in the first half of the list"),
        targets=SCORE,
        precision="amount",
        estimate=lambda ranked: measure_first_half(ranked.truth, ranked.score, ranked.fold),
        recount=Recount(whole=_recount_half),
    ),
)
"""Figures of a list as a whole, in the order shown."""
