"""The evaluation of a ranked list: what it finds at a capacity, and whether its odds hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.evaluate import FORECAST, find_better
from cityai.assessment.metrics.calibration import fit_outcomes, measure_distance
from cityai.assessment.ranking.calibration_curve import draw_curve
from cityai.assessment.ranking.capacity_curve import trace_capacity_curve
from cityai.assessment.ranking.score_metrics import DAYS_SOONER, SCORE_METRICS, ScoreMetrics
from cityai.columns import (
    BASELINE,
    CANDIDATE,
    DECISION,
    EVERYWHERE,
    FOLD,
    LIST_HEADLINE,
    Y_PRED,
)
from cityai.config.risk import RiskSpec
from cityai.findings import SEVERITY, Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import join, write
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import find_margin_by_day, find_margin_by_entity
from cityai.inference.equivalence import count_more_blocks, decide_equivalence
from cityai.modeling.forecasters import FloatArray
from cityai.modeling.layouts.listed_baselines import ACTUAL_ORDER
from cityai.records.metric import Estimate, Metric
from cityai.records.predictions import Predictions

COMPARED: Final = (
    "recall",
    "precision",
    "auc",
    "first_half_share",
    "days_sooner",
    "brier",
    "log_loss",
)
"""Figures in which the list is compared with each baseline; `LIST_HEADLINE` alone decides."""
SLOPE_TOLERANCE: Final = 0.25
"""How far the calibration slope may lie from 1."""


@dataclass(frozen=True, slots=True)
class RankingEvaluation:
    """How good a ranked list is.

    Attributes
    ----------
    metrics : pandas.DataFrame
        As `Evaluation.metrics`: one row a `model` ("forecast", "baseline.x", "candidate.y"),
        `metric` (of a `score`), `slice_kind` ("overall", "fold") and `slice`:
        `value`, `low`, `high`, `n`, `left_out`, `reason` (why there is no value or no interval).
        Intervals are about other entities like these in the same test folds.
    comparisons : pandas.DataFrame
        As `Evaluation.comparisons`, and `better` ("high" or "low": which sign of `difference` is
        the better) and `block` (what was taken to vary). Paired case by case; blocks are days,
        and entities where an order in time is judged.
    at_capacity : pandas.DataFrame
        The slider: one row a `model` and `capacity` (cases a slot), `share` of the cases that is
        selected, `selected`, `found`, and `precision`, `recall`, `lift` with `_low` and `_high`,
        `declared` (whether it is the project's own capacity), `reason`.
    curve : pandas.DataFrame
        Calibration over everyone, one row a score `band` (see `draw_curve`).
    findings : tuple of Finding
        `evaluate.better_than_baselines.<name>` and `evaluate.calibration`.
    """

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    at_capacity: pd.DataFrame
    curve: pd.DataFrame
    findings: tuple[Finding, ...]


def evaluate_ranking(predictions: Predictions, spec: RiskSpec) -> RankingEvaluation:
    """Evaluate a ranked list beside its baselines, whole and by fold.

    Parameters
    ----------
    predictions : Predictions
        Of a yes/no question.
    spec : RiskSpec
        Its capacity rule and policy.
    """
    table = predictions.table
    whole = ScoreMetrics(table, spec)
    parts = {str(f): part.reset_index(drop=True) for f, part in table.groupby(FOLD)}
    columns = {FORECAST: Y_PRED}
    columns |= {c: c for c in table.columns if c.startswith((BASELINE, CANDIDATE))}
    slices = [(EVERYWHERE, EVERYWHERE, whole)]
    slices += [(FOLD, name, ScoreMetrics(part, spec)) for name, part in parts.items()]
    metrics = make_frame(
        [
            {"model": model, "slice_kind": kind, "slice": name} | row
            for model, column in columns.items()
            for kind, name, judge in slices
            for row in judge.describe(column)
        ]
    )
    comparisons = make_frame(
        [row for name in predictions.baselines for row in compare_baseline(whole, name)],
        columns=COMPARISON_COLUMNS,
    )
    shown = [c for c in columns if not c.startswith(CANDIDATE)]
    truth, chance = whole.truth, table[Y_PRED].to_numpy(np.float64)
    policy = spec.policy
    findings = [
        find_better(name, comparisons, spec.policy, LIST_HEADLINE) for name in predictions.baselines
    ]
    findings.append(_find_calibration(whole, chance, spec))
    return RankingEvaluation(
        metrics,
        comparisons,
        trace_capacity_curve(table, {c: columns[c] for c in shown}, spec),
        draw_curve(truth, chance, policy.small_cell, policy.confidence),
        sort_findings(findings),
    )


COMPARISON_COLUMNS: Final = [
    "baseline",
    "metric",
    "value",
    "baseline_value",
    "difference",
    "low",
    "high",
    "n",
    "n_blocks",
    "verdict",
    "more_blocks",
    "sentence",
    "better",
    "block",
]


def compare_baseline(judge: ScoreMetrics, name: str) -> Iterator[dict[str, object]]:
    """Compare the forecast with a baseline, figure by figure, on the cases that both rank."""
    column = f"{BASELINE}{name}"
    used = np.isfinite(judge.table[column].to_numpy(np.float64))
    if not used.any():
        return
    both = judge.keep(used)
    ours, theirs = both.measure(Y_PRED), both.measure(column)
    for metric in (m for name in COMPARED for m in SCORE_METRICS if m.name == name):
        yield _compare(both, name, metric, ours, theirs)


def _compare(
    judge: ScoreMetrics,
    name: str,
    metric: Metric,
    all_ours: Mapping[str, Estimate],
    all_theirs: Mapping[str, Estimate],
) -> dict[str, object]:
    ours, theirs = all_ours[metric.name], all_theirs[metric.name]
    difference = ours.value - theirs.value
    values = (math.nan, math.nan) if judge.few else (ours.value, theirs.value)
    row: dict[str, object] = {
        "baseline": name,
        "metric": metric.name,
        "value": values[0],
        "baseline_value": values[1],
        **dict.fromkeys(("difference", "low", "high"), math.nan),
        "n": float(len(judge.table)),
        "n_blocks": 0,
        "verdict": Status.NOT_APPLICABLE.value,
        "more_blocks": 0.0,
        "sentence": judge.few or mark("No value: {part}.", part=ours.reason or theirs.reason),
        "better": metric.better,
        "block": "",
    }
    if judge.few or not math.isfinite(difference):
        return row
    digits = int(judge.truth.sum() >= say.FEW_FOR_DECIMALS)
    margin, blocks, block = _find_margin(judge, name, metric, all_ours, all_theirs)
    gain = -difference if metric.better == "low" else difference
    status = Status.NOT_ENOUGH
    if metric.name != LIST_HEADLINE:
        status = Status.NOT_APPLICABLE
    elif math.isfinite(margin) and abs(gain) > margin:
        status = Status.PASS if gain > 0 else Status.FAIL
    low, high = difference - margin, difference + margin
    more = count_more_blocks(difference, low, high, 0.0, float(blocks))
    return row | {
        "difference": difference,
        "low": low,
        "high": high,
        "n_blocks": blocks,
        "verdict": status.value,
        "more_blocks": more if status is Status.NOT_ENOUGH else 0.0,
        "sentence": say.tell_comparison(name, metric, *values, status, "days", digits),
        "block": block,
    }


def _find_margin(
    judge: ScoreMetrics,
    name: str,
    metric: Metric,
    ours: Mapping[str, Estimate],
    theirs: Mapping[str, Estimate],
) -> tuple[float, int, str]:
    """Half-width of a paired difference, the number of blocks behind it, and what they are.

    At one capacity both lists select as many, so recall and precision are what was found over one
    or another constant: one influence serves the pair. That of recall alone would count it as
    chance that a list selects more on some days than on others.
    """
    policy = judge.spec.policy
    used, scale = metric.name, 1.0
    if metric.name == "recall":
        used = "precision"
        scale = float(judge.table[DECISION].sum()) / float(judge.truth.sum())
    influence = scale * (ours[used].influence - theirs[used].influence)
    entities = int(judge.entity.max(initial=-1)) + 1
    word = judge.spec.question.entity.label_plural
    if metric.name == DAYS_SOONER:
        return judge.bound_days(Y_PRED, f"{BASELINE}{name}"), entities, word
    if metric.name == "first_half_share" or name == ACTUAL_ORDER.name:
        # An order by time is fixed by the day, so days are no draws of it.
        margin = find_margin_by_entity(
            influence, judge.entity, policy.confidence, policy.min_blocks
        )
        return margin, entities, word
    margin = find_margin_by_day(influence, judge.day, policy.confidence, policy.min_blocks)
    return margin, int(judge.day.max(initial=-1)) + 1, "days"


def _find_calibration(judge: ScoreMetrics, chance: FloatArray, spec: RiskSpec) -> Finding:
    """Hold level and slope of the probabilities against what they should be, the level by fold.

    The level is judged in each test fold, simultaneously (Sidak): probabilities too high in one
    and too low in another must not cancel.
    """
    code, title = "evaluate.calibration", mark("Probabilities hold what they say")
    if judge.few:
        return Finding(code, Status.SUPPRESSED, title, judge.few)
    truth, policy = judge.truth, spec.policy
    slope, (error, alone) = fit_outcomes(truth, chance).slope, measure_distance(truth, chance)
    sloped = find_margin_by_entity(
        slope.influence, judge.entity, policy.confidence, policy.min_blocks
    )
    fold = judge.table[FOLD].to_numpy()
    folds = np.unique(fold)
    whole = _Level.measure(judge, chance, np.ones(len(fold), bool), policy.confidence)
    each = policy.confidence ** (1 / len(folds))
    levels = [_Level.measure(judge, chance, fold == k, each) for k in folds]
    verdicts = [
        decide_equivalence(slope.value - 1 - sloped, slope.value - 1 + sloped, SLOPE_TOLERANCE),
        *(x.judge(policy.coverage_tolerance) for x in levels),
    ]
    status = next(s for s in SEVERITY if s in verdicts)
    told = [whole.tell(policy.coverage_tolerance)]
    worst = max(levels, key=lambda x: abs(x.value))
    by_fold = len(levels) > 1 and all(x.told(policy.small_cell) for x in levels)
    if by_fold:
        told.append(
            mark(
                "Farthest off was test fold {folds} of {folds2}: {meant:.1%} meant, "
                "{came:.1%} came.",
                folds=folds[levels.index(worst)],
                folds2=len(folds),
                meant=worst.meant,
                came=worst.came,
            )
        )
    if math.isfinite(slope.value):
        told.append(
            mark(
                "The calibration slope is {value} (1 is right, within {slope_tolerance}).",
                value=_say_bounds(slope.value, sloped),
                slope_tolerance=SLOPE_TOLERANCE,
            )
        )
    if math.isfinite(error):
        told.append(
            mark(
                "By bands they lie {error:.1%} apart on average; "
                "chance alone would give {alone:.1%}.",
                error=error,
                alone=alone,
            )
        )
    observed = worst.value if by_fold else whole.value
    return Finding(
        code, status, title, join(" ", told), observed, policy.coverage_tolerance, "share"
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """Mean probability less the share of yes, of some cases, with half its interval's width."""

    meant: float
    came: float
    yes: float
    count: int
    margin: float

    @classmethod
    def measure(
        cls, judge: ScoreMetrics, chance: FloatArray, held: np.ndarray, confidence: float
    ) -> _Level:
        """Measure the cases held, (n,) bool."""
        truth, own = judge.truth[held], chance[held]
        off = own - truth
        margin = find_margin_by_entity(
            (off - off.mean()) / len(off),
            *(judge.entity[held], confidence, judge.spec.policy.min_blocks),
        )
        return cls(float(own.mean()), float(truth.mean()), float(truth.sum()), len(own), margin)

    @property
    def value(self) -> float:
        return self.meant - self.came

    def judge(self, limit: float) -> Status:
        return decide_equivalence(self.value - self.margin, self.value + self.margin, limit)

    def told(self, least: int) -> bool:
        """Tell whether the share may be said: so many had, and had not, the outcome."""
        return not any(0 < count < least for count in (self.yes, self.count - self.yes))

    def tell(self, limit: float) -> str:
        said, mean, most = write(self.meant, ".1%"), write(self.came, ".1%"), write(limit, ".0%")
        bounds = _say_bounds(abs(self.value), self.margin, 100)
        if self.value < 0:
            return mark(
                "The probabilities average {said}, and {mean} of the cases were yes "
                "({bounds} points too low; at most {most} is allowed).",
                said=said,
                mean=mean,
                bounds=bounds,
                most=most,
            )
        return mark(
            "The probabilities average {said}, and {mean} of the cases were yes "
            "({bounds} points too high; at most {most} is allowed).",
            said=said,
            mean=mean,
            bounds=bounds,
            most=most,
        )


def _say_bounds(value: float, margin: float, scale: float = 1.0) -> str:
    value, margin = scale * value, scale * margin
    if not math.isfinite(margin):
        return write(value, ".2f")
    return mark(
        "{value:.2f}, {value2:.2f} to {value3:.2f}",
        value=value,
        value2=value - margin,
        value3=value + margin,
    )
