"""The figures of any score of the same cases, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.metrics import find_metrics
from cityai.assessment.metrics.days_earlier import Calendar
from cityai.assessment.metrics.ranking import ScoredList
from cityai.columns import (
    BASELINE,
    DECISION,
    ENTITY,
    EVERYWHERE,
    FOLD,
    OCCURRED_AT,
    SLOT,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import is_few
from cityai.disclosure.small_whole import count_kinds
from cityai.i18n.messages import capitalize
from cityai.i18n.messages import say as mark
from cityai.inference.clustered_intervals import bound_by_entity
from cityai.modeling.capacity import find_lists, rank_cases
from cityai.modeling.forecasters.protocol import FloatArray
from cityai.modeling.layouts.listed_baselines import ACTUAL_ORDER
from cityai.records.audit_data import SUPPRESSED
from cityai.records.metric import Estimate, Metric

SCORE_METRICS: Final = find_metrics("score")
DAYS_SOONER: Final = "days_sooner"
BY_BANDS: Final = ("calibration_error", "calibration_chance")


class ScoreMetrics:
    """The figures of any score of the same cases.

    Parameters
    ----------
    table : pandas.DataFrame
        Cases with outcomes, decisions and scores.
    spec : AuditableSpec
        Its policy.
    columns : sequence of str
        Scores that will all be described: what can be done once for them is.
    """

    def __init__(
        self, table: pd.DataFrame, spec: AuditableSpec, columns: Sequence[str] = ()
    ) -> None:
        self.table, self.spec, self.columns = table, spec, columns
        self.truth = table[Y_TRUE].to_numpy(np.float64)
        self.entity = pd.factorize(table[ENTITY])[0].astype(np.int64)
        self.day = np.unique(table[OCCURRED_AT].dt.normalize(), return_inverse=True)[1]
        self.fold = pd.factorize(table[FOLD])[0].astype(np.int64)
        self.calendar = Calendar(table)
        self.drawn: dict[str, FloatArray] = {}
        self.few = self.fewest()

    def fewest(self) -> str:
        """Why nothing at all may be said about these cases; usually nothing."""
        least, yes = self.spec.policy.small_cell, self.truth.sum()
        few = is_few(np.array([yes, len(self.truth) - yes]), least).any()
        return SUPPRESSED.format(least=least) if few else ""

    def decide(self, score: FloatArray) -> FloatArray:
        """Select by this score as many of each slot as the forecast selects there."""
        own = self.table[DECISION].to_numpy(np.float64)
        place = self.table.groupby([FOLD, SLOT])[DECISION].transform("sum").to_numpy(np.float64)
        if np.array_equal(score, self.table[Y_PRED].to_numpy(np.float64)):
            return own
        return (rank_cases(self.table, score) <= place).astype(np.float64)

    def count_kinds(self, column: str) -> dict[str, FloatArray]:
        """Count, whole and by fold, the ranked cases by outcome and selection by a score, (9,)."""
        used = np.isfinite(self.table[column].to_numpy(np.float64))
        part = self.keep(used)
        score = part.table[column].to_numpy(np.float64)
        chosen = part.decide(score) if used.any() else score
        fold = part.table[FOLD].astype(str).to_numpy()
        found = {EVERYWHERE: count_kinds(part.truth, chosen)}
        for name in np.unique(self.table[FOLD].astype(str)):
            found[str(name)] = count_kinds(part.truth[fold == name], chosen[fold == name])
        return found

    def keep(self, used: np.ndarray) -> ScoreMetrics:
        """Judge only some of the cases, (n,) bool."""
        if used.all():
            return self
        return ScoreMetrics(self.table[used].reset_index(drop=True), self.spec)

    def measure(self, column: str) -> dict[str, Estimate]:
        """Measure every figure of one score, by name."""
        score = self.table[column].to_numpy(np.float64)
        ranked = ScoredList(
            self.truth,
            score,
            self.decide(score),
            find_lists(self.table),
            self.fold,
            self.calendar,
            f"{BASELINE}{ACTUAL_ORDER.name}" in self.table,
        )
        return {m.name: m.estimate(ranked) for m in SCORE_METRICS if m.estimate is not None}

    def describe(self, column: str) -> Iterator[dict[str, object]]:
        """Describe one score: a row a figure, with its interval."""
        score = self.table[column].to_numpy(np.float64)
        used = np.isfinite(score)
        ranked = self.keep(used)
        measured = ranked.measure(column) if used.any() else {}
        for metric in SCORE_METRICS:
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
                yield row | {"reason": mark("No value: {reason}.", reason=estimate.reason)}
                continue
            yield row | ranked.bound(metric, estimate, column)

    def bound(self, metric: Metric, estimate: Estimate, column: str) -> dict[str, object]:
        """Return value, interval, and why there is none."""
        policy, value = self.spec.policy, estimate.value
        if metric.name == DAYS_SOONER:
            margin = self.bound_days(column, policy.confidence)
            low, high = value - margin, value + margin
        else:
            low, high = bound_by_entity(
                *(estimate, self.entity, policy.confidence, policy.min_blocks),
                floor=metric.floor,
                part=metric.unit == "share" or metric.most == 1,
            )
        if not math.isfinite(low):
            return {"value": value, "reason": self.explain(metric)}
        return {"value": value, "low": low, "high": high, "reason": ""}

    def explain(self, metric: Metric) -> str:
        """Say why a value has no interval."""
        if metric.name in BY_BANDS:
            return mark(
                "Compare the error with what chance alone gives; it has no interval of its own."
            )
        plural = self.spec.entities
        told = say.UNSURE.format(word=plural)
        return capitalize(told) + "."

    def resample(self, column: str) -> FloatArray:
        """Mean days sooner in resamples of entities, drawn once for all scores."""
        if column not in self.drawn:
            scores = {
                name: self.table[name].to_numpy(np.float64) for name in (column, *self.columns)
            }
            whole = {name: score for name, score in scores.items() if np.isfinite(score).all()}
            means = self.calendar.resample(*whole.values())
            self.drawn |= zip(whole, means, strict=True)
        return self.drawn[column]

    def count_wins(self, column: str, other: str) -> tuple[int, int]:
        """Count the folds in which one score finds more at the capacity than another, and all."""
        scores = (self.table[name].to_numpy(np.float64) for name in (column, other))
        ours, theirs = (
            np.bincount(self.fold, weights=self.truth * self.decide(score)) for score in scores
        )
        return int((ours > theirs).sum()), len(ours)

    def bound_days(self, column: str, confidence: float, other: str = "") -> float:
        """Half-width for days sooner, or for its difference, from resamples of entities."""
        if self.calendar.entity.max(initial=-1) + 1 < self.spec.policy.min_blocks:
            return math.nan
        means = self.resample(column) - (self.resample(other) if other else 0.0)
        kept = means[np.isfinite(means)]
        low, high = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(high - low) / 2 if high > low else math.nan
