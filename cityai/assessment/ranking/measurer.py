"""Figures of a ranked list: what it finds at a capacity, and whether its probabilities hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.measurer import Paired
from cityai.assessment.metrics.calibration import fit_outcomes, measure_distance
from cityai.assessment.ranking.calibration import draw_curve, hide_bands
from cityai.assessment.ranking.capacity_curve import hide_capacities, trace_capacity_curve
from cityai.assessment.ranking.score_metrics import DAYS_SOONER, SCORE_METRICS, ScoreMetrics
from cityai.assessment.ranking.small_list import SmallList, hide_pair
from cityai.assessment.scored import code_people
from cityai.columns import BASELINE, CANDIDATE, DECISION, EVERYWHERE, FOLD, LIST_HEADLINE, Y_PRED
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import is_few
from cityai.findings import SEVERITY, Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import count_points, join, write
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import find_margin_by_day, find_margin_by_entity
from cityai.inference.equivalence import decide_margins
from cityai.inference.standard_errors import find_test_confidence
from cityai.modeling.forecasters.protocol import FloatArray
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


class ListMeasurer:
    """Figures of a ranked list.

    Intervals are about other entities; those of comparisons, paired case by case, about other days,
    or other entities where an order in time is judged.
    """

    headline = LIST_HEADLINE

    def __init__(self, predictions: Predictions, spec: AuditableSpec) -> None:
        self.table, self.spec = predictions.table, spec
        columns = map(str, self.table)
        scores = [c for c in columns if c == Y_PRED or c.startswith((BASELINE, CANDIDATE))]
        self.whole = ScoreMetrics(self.table, spec, scores)
        self.folds = {
            str(fold): ScoreMetrics(part.reset_index(drop=True), spec, scores)
            for fold, part in self.table.groupby(FOLD)
        }
        self.small = SmallList(self.whole)

    def describe(self, column: str) -> pd.DataFrame:
        """Describe one score, whole and by fold."""
        slices = [(EVERYWHERE, EVERYWHERE, self.whole)]
        slices += [(FOLD, name, fold) for name, fold in self.folds.items()]
        rows = [
            {"slice_kind": kind, "slice": name} | row
            for kind, name, part in slices
            for row in part.describe(column)
        ]
        return make_frame(self.small.withhold(column, rows))

    def compare(self, baseline: str) -> Iterator[Paired]:
        """Compare the forecast with a baseline on the cases that both rank."""
        column = f"{BASELINE}{baseline}"
        used = np.isfinite(self.table[column].to_numpy(np.float64))
        if not used.any():
            return
        both = self.whole.keep(used)
        ours, theirs = both.measure(Y_PRED), both.measure(column)
        named = {metric.name: metric for metric in SCORE_METRICS}
        for metric in (named[name] for name in COMPARED):
            pair = _pair(both, baseline, metric, ours, theirs)
            yield hide_pair(pair, both, column, self.small)

    def judge(self, metrics: pd.DataFrame) -> Finding:
        """Judge the level and slope of the probabilities."""
        return _find_calibration(self.whole, self.table[Y_PRED].to_numpy(np.float64), self.spec)

    def tabulate(self, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Return the capacity curve and the calibration curve.

        Lists of other capacities lie inside each other, and bands of the score in them: beside a
        list that is small itself they would narrow its counts, so none is shown.
        """
        whole, chance = self.whole, self.table[Y_PRED].to_numpy(np.float64)
        curve = draw_curve(
            whole.truth, chance, whole.entity, code_people(self.table), self.spec.policy
        )
        at_capacity = trace_capacity_curve(self.table, models, self.spec)
        if self.small.bound(Y_PRED) is not None:
            curve, at_capacity = hide_bands(curve), hide_capacities(at_capacity)
        return {"at_capacity": at_capacity, "curve": curve}


def _pair(
    scores: ScoreMetrics,
    baseline: str,
    metric: Metric,
    all_ours: Mapping[str, Estimate],
    all_theirs: Mapping[str, Estimate],
) -> Paired:
    ours, theirs = all_ours[metric.name], all_theirs[metric.name]
    pair = Paired(metric, ours.value, theirs.value, float(len(scores.table)), "days")
    if scores.few:
        return replace(pair, ours=math.nan, theirs=math.nan, reason=scores.few)
    if not math.isfinite(ours.value - theirs.value):
        return replace(pair, reason=mark("No value: {part}.", part=ours.reason or theirs.reason))
    margin, blocks, block = _find_margin(scores, baseline, metric, all_ours, all_theirs)
    digits = int(scores.truth.sum() >= say.FEW_FOR_DECIMALS)
    pair = replace(pair, margin=margin, blocks=blocks, block=block, digits=digits)
    if metric.name != LIST_HEADLINE:
        return pair
    won, folds = scores.count_wins(Y_PRED, f"{BASELINE}{baseline}")
    return replace(pair, folds_won=won, folds=folds, days=1.0 if block == "days" else math.nan)


def _find_margin(
    scores: ScoreMetrics,
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
    policy = scores.spec.policy
    test = find_test_confidence(policy.confidence)
    used, scale = metric.name, 1.0
    if metric.name == "recall":
        used = "precision"
        scale = float(scores.table[DECISION].sum()) / float(scores.truth.sum())
    influence = scale * (ours[used].influence - theirs[used].influence)
    entities = int(scores.entity.max(initial=-1)) + 1
    word = scores.spec.entities
    if metric.name == DAYS_SOONER:
        return scores.bound_days(Y_PRED, test, f"{BASELINE}{name}"), entities, word
    if metric.name == "first_half_share" or name == ACTUAL_ORDER.name:
        # An order by time is fixed by the day, so days are no draws of it.
        margin = find_margin_by_entity(influence, scores.entity, test, policy.min_blocks)
        return margin, entities, word
    margin = find_margin_by_day(influence, scores.day, test, policy.min_blocks)
    return margin, int(scores.day.max(initial=-1)) + 1, "days"


def _find_calibration(judge: ScoreMetrics, chance: FloatArray, spec: AuditableSpec) -> Finding:
    """Hold level and slope of the probabilities against what they should be, the level by fold.

    The level is judged in each test fold, a failure simultaneously (Sidak): probabilities too high
    in one and too low in another must not cancel.
    """
    code, title = "evaluate.calibration", mark("Probabilities hold what they say")
    if judge.few:
        return Finding(code, Status.SUPPRESSED, title, judge.few)
    truth, policy = judge.truth, spec.policy
    slope = fit_outcomes(truth, chance).slope
    error, alone = measure_distance(truth, chance, judge.entity)
    test = find_test_confidence(policy.confidence)
    sloped, tested = (
        find_margin_by_entity(slope.influence, judge.entity, c, policy.min_blocks)
        for c in (policy.confidence, test)
    )
    fold = judge.table[FOLD].to_numpy()
    folds = np.unique(fold)
    whole = _Level.measure(judge, chance, np.ones(len(fold), bool), policy.confidence)
    levels = [_Level.measure(judge, chance, fold == k, test) for k in folds]
    together = [_Level.measure(judge, chance, fold == k, test ** (1 / len(folds))) for k in folds]
    verdicts = [
        decide_margins(slope.value - 1, tested, tested, SLOPE_TOLERANCE).status,
        *(
            decide_margins(x.value, x.margin, y.margin, policy.coverage_tolerance).status
            for x, y in zip(levels, together, strict=True)
        ),
    ]
    status = next(s for s in SEVERITY if s in verdicts)
    told = [whole.tell(policy.coverage_tolerance)]
    if len(levels) > 1:
        told.append(mark("Each test period is held against that by itself."))
    worst = max(levels, key=lambda x: abs(x.value))
    by_fold = len(levels) > 1 and all(x.told(policy.small_cell) for x in levels)
    if by_fold:
        told.append(
            mark(
                "Farthest off was test period {folds} of {folds2}: {meant:.1%} meant, "
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
                "By bands they lie {error} apart on average; chance alone would give {alone:.1f}.",
                error=count_points(write(100 * error, ".1f")),
                alone=100 * alone,
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

    def told(self, least: int) -> bool:
        """Tell whether the share may be said: so many had, and had not, the outcome."""
        return not is_few(np.array([self.yes, self.count - self.yes]), least).any()

    def tell(self, limit: float) -> str:
        said, mean = write(self.meant, ".1%"), write(self.came, ".1%")
        most = count_points(write(100 * limit, ".3g"))
        bounds = _say_bounds(abs(self.value), self.margin, 100)
        if self.value < 0:
            return mark(
                "The probabilities average {said}, and {mean} of the cases had the outcome "
                "({bounds} points too low; the limit is {most}).",
                said=said,
                mean=mean,
                bounds=bounds,
                most=most,
            )
        return mark(
            "The probabilities average {said}, and {mean} of the cases had the outcome "
            "({bounds} points too high; the limit is {most}).",
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
