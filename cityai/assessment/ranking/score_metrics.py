"""The figures of any score of the same cases, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.ranking import metrics as rank
from cityai.assessment.ranking.calibration import FEW_BANDS, fit_outcomes, measure_distance
from cityai.assessment.ranking.days_earlier import Calendar
from cityai.assessment.ranking.metrics import Estimate, RankingMetric, refuse
from cityai.columns import DECISION, ENTITY, FOLD, OCCURRED_AT, SLOT, Y_PRED, Y_TRUE
from cityai.config.risk import RiskSpec
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import bound_by_entity
from cityai.modeling.capacity import find_lists, rank_cases
from cityai.modeling.forecasters import FloatArray

NO_TIME: Final = mark(
    "the project does not say that cases were worked off in the order of their time"
)


class ScoreMetrics:
    """The figures of any score of the same cases."""

    def __init__(self, table: pd.DataFrame, spec: RiskSpec) -> None:
        self.table, self.spec = table, spec
        self.truth = table[Y_TRUE].to_numpy(np.float64)
        self.entity = pd.factorize(table[ENTITY])[0].astype(np.int64)
        self.day = np.unique(table[OCCURRED_AT].dt.normalize(), return_inverse=True)[1]
        self.fold = pd.factorize(table[FOLD])[0].astype(np.int64)
        self.calendar = Calendar(table)
        self.drawn: dict[str, FloatArray] = {}
        self.few = self.fewest()

    def fewest(self) -> str:
        """Why nothing at all may be said about these cases; usually nothing."""
        least = self.spec.policy.small_cell
        yes = int(self.truth.sum())
        for count in (yes, len(self.truth) - yes):
            if 0 < count < least:
                return say.SUPPRESSED.format(least=least)
        return ""

    def decide(self, score: FloatArray) -> FloatArray:
        """Select by this score as many of each slot as the forecast selects there."""
        own = self.table[DECISION].to_numpy(np.float64)
        place = self.table.groupby([FOLD, SLOT])[DECISION].transform("sum").to_numpy(np.float64)
        if np.array_equal(score, self.table[Y_PRED].to_numpy(np.float64)):
            return own
        return (rank_cases(self.table, score) <= place).astype(np.float64)

    def keep(self, used: np.ndarray) -> ScoreMetrics:
        """Judge only some of the cases, (n,) bool."""
        if used.all():
            return self
        return ScoreMetrics(self.table[used].reset_index(drop=True), self.spec)

    def measure(self, column: str) -> dict[str, Estimate]:
        """Measure every figure of one score, by name."""
        score = self.table[column].to_numpy(np.float64)
        truth, decision = self.truth, self.decide(score)
        found = {
            rank.RECALL.name: rank.measure_recall(truth, decision),
            rank.PRECISION.name: rank.measure_precision(truth, decision),
            rank.LIFT.name: rank.measure_lift(truth, decision),
            rank.AUC.name: rank.measure_auc(truth, score, find_lists(self.table)),
            rank.FIRST_HALF.name: rank.measure_first_half(truth, score, self.fold),
            rank.FIRST_DAYS.name: self.calendar.measure_first_days(score),
            rank.DAYS_SOONER.name: self.calendar.measure_days(score),
        }
        nothing = refuse(len(truth), rank.NO_PROBABILITY)
        if not self.spec.question.actual_order:
            late = refuse(len(truth), NO_TIME)
            found |= {m.name: late for m in (rank.FIRST_DAYS, rank.DAYS_SOONER)}
        odds = {m.name: nothing for m in rank.RANKING_METRICS if m.name not in found}
        if is_probability(score):
            line = fit_outcomes(truth, score)
            error, chance = measure_distance(truth, score)
            odds = {
                rank.BRIER.name: rank.measure_brier(truth, score),
                rank.LOG_LOSS.name: rank.measure_log_loss(truth, score),
                rank.SLOPE.name: line.slope,
                rank.INTERCEPT.name: line.intercept,
                rank.CALIBRATION_ERROR.name: _hold(error, len(truth)),
                rank.CALIBRATION_CHANCE.name: _hold(chance, len(truth)),
            }
        return found | odds

    def describe(self, column: str) -> Iterator[dict[str, object]]:
        """Describe one score: a row a figure, with its interval."""
        score = self.table[column].to_numpy(np.float64)
        used = np.isfinite(score)
        ranked = self.keep(used)
        measured = ranked.measure(column) if used.any() else {}
        for metric in rank.RANKING_METRICS:
            row: dict[str, object] = {
                "metric": metric.name,
                **dict.fromkeys(("value", "low", "high"), math.nan),
                "n": float(used.sum()),
                "left_out": float((~used).sum()),
            }
            if self.few or metric.name not in measured:
                yield row | {"reason": self.few or mark("No case here has a score.")}
                continue
            estimate = measured[metric.name]
            if not math.isfinite(estimate.value):
                yield row | {"reason": mark(f"No value: {estimate.reason}.")}
                continue
            yield row | ranked.bound(metric, estimate, column)

    def bound(self, metric: RankingMetric, estimate: Estimate, column: str) -> dict[str, object]:
        """Return value, interval, and why there is none."""
        policy, value = self.spec.policy, estimate.value
        if metric is rank.DAYS_SOONER:
            margin = self.bound_days(column)
            low, high = value - margin, value + margin
        else:
            low, high = bound_by_entity(
                *(estimate, self.entity, policy.confidence, policy.min_blocks),
                floor=0.0 if metric.better in ("high", "low") else -math.inf,
                part=metric.unit == "share" or metric in (rank.AUC, rank.BRIER),
            )
        if not math.isfinite(low):
            return {"value": value, "reason": self.explain(metric)}
        return {"value": value, "low": low, "high": high, "reason": ""}

    def explain(self, metric: RankingMetric) -> str:
        """Say why a value has no interval."""
        if metric in (rank.CALIBRATION_ERROR, rank.CALIBRATION_CHANCE):
            return mark(
                "Compare the error with what chance alone gives; it has no interval of its own."
            )
        plural = self.spec.question.entity.label_plural
        told = say.UNSURE.format(word=plural)
        return f"{told[:1].upper()}{told[1:]}."

    def resample(self, column: str) -> FloatArray:
        """Mean days sooner in resamples of entities, drawn once for each score."""
        if column not in self.drawn:
            score = self.table[column].to_numpy(np.float64)
            self.drawn[column] = self.calendar.resample(score)
        return self.drawn[column]

    def bound_days(self, column: str, other: str = "") -> float:
        """Half-width for days sooner, or for its difference, from resamples of entities."""
        if self.calendar.entity.max(initial=-1) + 1 < self.spec.policy.min_blocks:
            return math.nan
        means = self.resample(column) - (self.resample(other) if other else 0.0)
        kept = means[np.isfinite(means)]
        low, high = np.quantile(
            kept, [(1 - self.spec.policy.confidence) / 2, (1 + self.spec.policy.confidence) / 2]
        )
        return float(high - low) / 2 if high > low else math.nan


def is_probability(score: FloatArray) -> bool:
    """Tell whether a score lies in 0 to 1 throughout."""
    return bool(len(score) and (score >= 0).all() and (score <= 1).all())


def _hold(value: float, count: int) -> Estimate:
    return Estimate(value, np.zeros(count), FEW_BANDS)
