"""The evaluation of a ranked list: what it finds at a capacity, and whether its odds hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import ranking as rank
from cityai.assessment import sentences as say
from cityai.assessment.clusters import find_margin_by_day, find_margin_by_entity
from cityai.assessment.evaluate import FORECAST
from cityai.assessment.odds import draw_curve, fit_outcomes, measure_distance
from cityai.assessment.ranking import Estimate, RankingMetric
from cityai.assessment.ranking_judge import ListJudge
from cityai.assessment.slider import move_slider
from cityai.assessment.verdicts import count_more_blocks, judge_gap
from cityai.columns import (
    BASELINE,
    CANDIDATE,
    EVERYWHERE,
    FOLD,
    LIST_HEADLINE,
    Y_PRED,
)
from cityai.findings import SEVERITY, Finding, Status, sort_findings
from cityai.messages import say as mark
from cityai.modeling.case_baselines import ACTUAL_ORDER
from cityai.modeling.forecasters import FloatArray
from cityai.modeling.predictions import Predictions
from cityai.spec.risk import RiskSpec

COMPARED: Final = (
    rank.RECALL,
    rank.PRECISION,
    rank.AUC,
    rank.FIRST_HALF,
    rank.DAYS_SOONER,
    rank.BRIER,
    rank.LOG_LOSS,
)
"""Figures in which the list is compared with each baseline; `LIST_HEADLINE` alone decides."""
SLOPE_TOLERANCE: Final = 0.25
"""How far the calibration slope may lie from 1."""
NOT_ASKED: Final = mark("The policy does not ask it to be better.")


@dataclass(frozen=True, slots=True)
class RankingEvaluation:
    """How good a ranked list is.

    Attributes
    ----------
    metrics : pandas.DataFrame
        As `Evaluation.metrics`: one row a `model` ("forecast", "baseline.x", "candidate.y"),
        `metric` (a name of `RANKING_METRICS`), `slice_kind` ("overall", "fold") and `slice`:
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
    whole = ListJudge(table, spec)
    parts = {str(f): part.reset_index(drop=True) for f, part in table.groupby(FOLD)}
    columns = {FORECAST: Y_PRED}
    columns |= {c: c for c in table.columns if c.startswith((BASELINE, CANDIDATE))}
    slices = [(EVERYWHERE, EVERYWHERE, whole)]
    slices += [(FOLD, name, ListJudge(part, spec)) for name, part in parts.items()]
    metrics = pd.DataFrame(
        [
            {"model": model, "slice_kind": kind, "slice": name} | row
            for model, column in columns.items()
            for kind, name, judge in slices
            for row in judge.describe(column)
        ]
    )
    comparisons = pd.DataFrame(
        [row for name in predictions.baselines for row in compare_baseline(whole, name)],
        columns=COMPARISON_COLUMNS,
    )
    shown = [c for c in columns if not c.startswith(CANDIDATE)]
    truth, chance = whole.truth, table[Y_PRED].to_numpy(np.float64)
    policy = spec.policy
    findings = [_find_better(name, comparisons, spec) for name in predictions.baselines]
    findings.append(_find_calibration(whole, chance, spec))
    return RankingEvaluation(
        metrics,
        comparisons,
        move_slider(table, {c: columns[c] for c in shown}, spec),
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


def compare_baseline(judge: ListJudge, name: str) -> Iterator[dict[str, object]]:
    """Compare the forecast with a baseline, figure by figure, on the cases that both rank."""
    column = f"{BASELINE}{name}"
    used = np.isfinite(judge.table[column].to_numpy(np.float64))
    if not used.any():
        return
    both = judge.keep(used)
    ours, theirs = both.measure(Y_PRED), both.measure(column)
    for metric in COMPARED:
        yield _compare(both, name, metric, ours[metric.name], theirs[metric.name])


def _compare(
    judge: ListJudge, name: str, metric: RankingMetric, ours: Estimate, theirs: Estimate
) -> dict[str, object]:
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
        "sentence": judge.few or mark(f"No value: {ours.reason or theirs.reason}."),
        "better": metric.better,
        "block": "",
    }
    if judge.few or not math.isfinite(difference):
        return row
    digits = int(judge.truth.sum() >= say.FEW_FOR_DECIMALS)
    margin, blocks, block = _find_margin(judge, name, metric, ours, theirs)
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
    judge: ListJudge, name: str, metric: RankingMetric, ours: Estimate, theirs: Estimate
) -> tuple[float, int, str]:
    """Half-width of a paired difference, the number of blocks behind it, and what they are."""
    policy = judge.spec.policy
    influence = ours.influence - theirs.influence
    entities = int(judge.entity.max(initial=-1)) + 1
    word = judge.spec.question.entity.label_plural
    if metric is rank.DAYS_SOONER:
        return judge.bound_days(Y_PRED, f"{BASELINE}{name}"), entities, word
    if metric is rank.FIRST_HALF or name == ACTUAL_ORDER.name:
        # An order by time is fixed by the day, so days are no draws of it.
        margin = find_margin_by_entity(
            influence, judge.entity, policy.confidence, policy.min_blocks
        )
        return margin, entities, word
    margin = find_margin_by_day(influence, judge.day, policy.confidence, policy.min_blocks)
    return margin, int(judge.day.max(initial=-1)) + 1, "days"


def _find_better(name: str, comparisons: pd.DataFrame, spec: RiskSpec) -> Finding:
    code, title = (
        f"evaluate.better_than_baselines.{name}",
        mark(f"Better than {name.replace('_', ' ')}"),
    )
    rows = comparisons[(comparisons["baseline"] == name) & (comparisons["metric"] == LIST_HEADLINE)]
    if rows.empty:
        return Finding(code, Status.NOT_APPLICABLE, title, mark("It ranks none of these cases."))
    row = rows.iloc[0]
    status, reason = Status(str(row["verdict"])), str(row["sentence"])
    if status is Status.FAIL and not spec.policy.better_than_baselines:
        status, reason = Status.NOT_APPLICABLE, f"{reason} {NOT_ASKED}"
    difference = float(row["difference"])
    observed = difference if math.isfinite(difference) else None
    return Finding(code, status, title, reason, observed, 0.0, "share", name)


def _find_calibration(judge: ListJudge, chance: FloatArray, spec: RiskSpec) -> Finding:
    """Hold the level and the slope of the probabilities against what they should be."""
    code, title = "evaluate.calibration", mark("Probabilities hold what they say")
    if judge.few:
        return Finding(code, Status.SUPPRESSED, title, judge.few)
    truth, policy = judge.truth, spec.policy
    level = Estimate(float((chance - truth).mean()), (chance - truth) / len(truth))
    level = Estimate(level.value, level.influence - level.influence.mean())
    slope = fit_outcomes(truth, chance).slope
    margins = [
        find_margin_by_entity(e.influence, judge.entity, policy.confidence, policy.min_blocks)
        for e in (level, slope)
    ]
    verdicts = [
        judge_gap(gap - margin, gap + margin, limit)
        for gap, margin, limit in (
            (level.value, margins[0], policy.coverage_tolerance),
            (slope.value - 1, margins[1], SLOPE_TOLERANCE),
        )
    ]
    error, alone = measure_distance(truth, chance)
    said, most = f"{chance.mean():.1%}", f"{policy.coverage_tolerance:.0%}"
    bounds = _say_bounds(abs(level.value), margins[0], 100)
    if level.value < 0:
        told = mark(
            f"The probabilities average {said}, and {truth.mean():.1%} of the cases were yes "
            f"({bounds} points too low; at most {most} is allowed). "
        )
    else:
        told = mark(
            f"The probabilities average {said}, and {truth.mean():.1%} of the cases were yes "
            f"({bounds} points too high; at most {most} is allowed). "
        )
    if math.isfinite(slope.value):
        told += mark(
            f"The calibration slope is {_say_bounds(slope.value, margins[1])} (1 is right, within "
            f"{SLOPE_TOLERANCE}). "
        )
    if math.isfinite(error):
        told += mark(
            f"By bands they lie {error:.1%} apart on average; chance alone would give {alone:.1%}."
        )
    status = next(s for s in SEVERITY if s in verdicts)
    return Finding(
        code, status, title, told.strip(), level.value, policy.coverage_tolerance, "share"
    )


def _say_bounds(value: float, margin: float, scale: float = 1.0) -> str:
    value, margin = scale * value, scale * margin
    if not math.isfinite(margin):
        return f"{value:.2f}"
    return mark(f"{value:.2f}, {value - margin:.2f} to {value + margin:.2f}")
