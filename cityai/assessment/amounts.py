"""Figures of forecast amounts, by ratios of sums, whole and by slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.measurer import Paired
from cityai.assessment.metrics import build_sums, find_metrics
from cityai.assessment.metrics.amounts import SUMS, allow_below_zero
from cityai.assessment.range_coverage import judge_coverage
from cityai.assessment.scored import join_overlaps
from cityai.columns import (
    AREA,
    BASELINE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    FORECAST,
    HEADLINE,
    STEP,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import hide_cells
from cityai.findings import Finding
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import capitalize, write
from cityai.i18n.messages import say as mark
from cityai.inference.autocorrelation import autocorrelated_se, mixture_margin
from cityai.inference.rate_intervals import Rates, bound_values, divide_known
from cityai.inference.ratio_influence import compute_influence, compute_ratio, sum_cells
from cityai.inference.standard_errors import find_test_confidence
from cityai.records.audit_data import SUPPRESSED
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

FIGURES: Final = ("value", "low", "high", "n", "left_out")
COMPARED: Final = (HEADLINE, "mae", "rmse", "mase")
"""Metrics in which the forecast is compared with each baseline; the first alone decides."""
AT_ONCE: Final = 5_000
"""Slices whose intervals are made together."""
PLACES: Final = ("area", "entity")
"""Slices that are places: there may be thousands, and only the forecast is told by place."""


@dataclass(frozen=True, slots=True)
class _Slices:
    kind: str
    labels: tuple[str, ...]
    code: np.ndarray
    hidden: np.ndarray


class AmountMeasurer:
    """Figures of forecast amounts. Blocks are the `as_of` periods."""

    headline = HEADLINE

    def __init__(self, predictions: Predictions, spec: AuditableSpec) -> None:
        self.table, self.unit = predictions.table, predictions.unit
        self.nominal = predictions.coverage
        self.spec, self.least = spec, spec.policy.min_blocks
        self.moments, self.moment = np.unique(join_overlaps(self.table), return_inverse=True)
        self.whole: dict[str, np.ndarray] = {}

    @cached_property
    def slices(self) -> list[_Slices]:
        """The whole, and all that it is divided into."""
        return list(_find_slices(self.table, self.spec.policy.small_cell))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics of amounts; capacity is shared between places, so one place alone has none."""
        shares = self.table[ENTITY].nunique() > 1
        return tuple(m for m in find_metrics("amount") if shares or "capacity" not in m.needs)

    def describe(self, column: str) -> pd.DataFrame:
        """Describe one model's column in every slice; by place, the forecast's alone."""
        sums = build_sums(self.table, column)
        metrics = allow_below_zero(self.metrics, self.table, column)
        blocks = len(self.moments)
        named, found = [], []
        for i, part in enumerate(self.slices):
            if part.kind in PLACES and column != Y_PRED:
                continue
            tensor = sum_cells(sums.values, self.moment, part.code, blocks, len(part.labels))
            if i == 0:
                self.whole[column] = tensor
            for metric in metrics:
                # No model but the forecast has a range.
                if column == Y_PRED or "n_interval" not in (metric.denominator, metric.numerator):
                    named.append((metric.name, i))
                    found.append(self._measure_slices(metric, part, tensor, sums.names))
        figures = {name: np.concatenate([some[name] for some in found]) for name in found[0]}
        return make_frame({**self._name_figures(named), **figures})

    def _name_figures(self, named: Sequence[tuple[str, int]]) -> dict[str, Any]:
        """Return the texts beside figures of metrics and slices: each is made once, and taken."""
        labels = [label for part in self.slices for label in part.labels]
        ends = np.cumsum([len(part.labels) for part in self.slices])
        spans = np.split(np.arange(len(labels)), ends[:-1])
        kinds, counts = [self.slices[i].kind for _, i in named], [len(spans[i]) for _, i in named]
        return {
            "metric": pd.array([metric for metric, _ in named], "str").repeat(counts),
            "slice_kind": pd.array(kinds, "str").repeat(counts),
            "slice": pd.array(labels, "str").take(np.concatenate([spans[i] for _, i in named])),
        }

    def _measure_slices(
        self, metric: Metric, part: _Slices, tensor: np.ndarray, names: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Measure a metric in all slices of a kind: figures of `Evaluation.metrics`, (C,) each."""
        policy, totals = self.spec.policy, tensor.sum(axis=0)
        value = compute_ratio(totals, names, metric)
        low, high, present, usable = self._bound(metric, part, tensor, names, policy.confidence)
        used = totals[:, names.index(_find_counter(metric))]
        size = np.bincount(part.code, minlength=len(part.labels))
        reason = np.full(len(part.labels), "", dtype=object)
        silent = np.isfinite(value) & ~np.isfinite(low)
        for blocks, varied in {
            *zip(present[silent].tolist(), usable[silent].tolist(), strict=True)
        }:
            excuse = self._excuse(blocks, varied=varied)
            reason[silent & (present == blocks) & (usable == varied)] = excuse
        reason[~np.isfinite(value)] = mark("No value: {undefined}.", undefined=metric.undefined)
        reason[part.hidden] = SUPPRESSED.format(least=policy.small_cell)
        figures = zip(FIGURES, (value, low, high, used, size - used), strict=True)
        return {
            **{name: np.where(part.hidden, math.nan, figure) for name, figure in figures},
            "reason": reason,
        }

    def _bound(
        self,
        metric: Metric,
        part: _Slices,
        tensor: np.ndarray,
        names: tuple[str, ...],
        confidence: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Both ends of the interval of each slice, its periods, and whether they can tell it."""
        if tensor.shape[1] > AT_ONCE:  # no slice depends on another
            parts = (tensor[:, at : at + AT_ONCE] for at in range(0, tensor.shape[1], AT_ONCE))
            found = [self._bound(metric, part, some, names, confidence) for some in parts]
            low, high, present, usable = map(np.concatenate, zip(*found, strict=True))
            return low, high, present, usable
        value = compute_ratio(tensor.sum(axis=0), names, metric)
        counted = tensor[..., names.index(metric.denominator)]
        present = (counted > 0).sum(axis=0).astype(np.float64)
        if part.kind == "fold" or len(tensor) < 2:
            nothing = np.full(len(value), math.nan)
            return nothing, nothing, present, np.ones(len(value), bool)
        influence = compute_influence(tensor, names, metric)
        spread = autocorrelated_se(influence, present, level=True, correlated=False)
        low, high = bound_values(
            *(value, spread, confidence, self.least),
            floor=metric.floor,
            part=bool(metric.part),
            rates=_count_rates(value, counted) if metric.part == "rows" else None,
        )
        return low, high, present, spread.usable

    def _excuse(self, blocks: float, *, varied: bool) -> str:
        """Say why a value has no interval."""
        word = mark("test periods")
        few = say.TOO_FEW.format(blocks=write(blocks, ".0f"), word=word, least=self.least)
        unsure = say.UNVARYING if varied else say.UNSURE
        return capitalize(few if blocks < self.least else unsure.format(word=word)) + "."

    def compare(self, baseline: str) -> Iterator[Paired]:
        """Compare the forecast with a baseline on the rows that both answer."""
        column = f"{BASELINE}{baseline}"
        answered = np.isfinite(self.table[column].to_numpy(np.float64))
        table, moments, moment = self.table, self.moments, self.moment
        if not answered.all():
            table = table[answered]
            moments, moment = np.unique(join_overlaps(table), return_inverse=True)
        # The two forecasts stand where two groups stand in the audit: the same rows, paired.
        tensor = np.concatenate(
            [self._sum_whole(table, c, moment, len(moments)) for c in (Y_PRED, column)], axis=1
        )
        named = {metric.name: metric for metric in find_metrics("amount")}
        for metric in (named[name] for name in COMPARED):
            pair = self._pair(metric, tensor, tuple(SUMS))
            if metric.name == self.headline:
                pair = _add_wins(pair, table, column, moments)
            if not len(table):
                told = mark(
                    "{replace} made no forecast of these rows.", replace=baseline.replace("_", " ")
                )
                pair = replace(pair, reason=told)
            yield pair

    def _sum_whole(
        self, table: pd.DataFrame, column: str, moment: np.ndarray, blocks: int
    ) -> np.ndarray:
        """Sum all rows of a table by period: (B, 1, K); what `describe` summed is at hand."""
        if table is self.table and column in self.whole:
            return self.whole[column]
        values = build_sums(table, column).values
        tensor = sum_cells(values, moment, np.zeros_like(moment), blocks, 1)
        if table is self.table:
            self.whole[column] = tensor
        return tensor

    def _pair(self, metric: Metric, tensor: np.ndarray, names: tuple[str, ...]) -> Paired:
        ours, theirs = compute_ratio(tensor.sum(axis=0), names, metric)
        present = (tensor[:, 0, names.index(metric.denominator)] > 0).sum(keepdims=True)
        pair = Paired(
            metric,
            ours=float(ours),
            theirs=float(theirs),
            n=float(tensor[:, 0, 0].sum()),
            unit=self.unit,
            blocks=int(present[0]),
            block=mark("test periods"),
        )
        if not math.isfinite(ours - theirs):
            told = mark("No value: {undefined}.", undefined=metric.undefined)
            return replace(pair, reason=told)
        if len(tensor) < 2:
            return pair
        influence = compute_influence(tensor, names, metric)
        # Shocks that both forecasts share cancel in the paired difference (Diebold and Mariano
        # 1995, J. Bus. Econ. Stat. 13(3)).
        test = find_test_confidence(self.spec.policy.confidence)
        apart, blocks = influence[:, 0] - influence[:, 1], float(present[0])
        return replace(pair, margin=mixture_margin(apart, blocks, test, self.least))

    def judge(self, metrics: pd.DataFrame) -> Finding:
        """Judge the coverage of the range over everyone, by two one-sided tests."""
        whole = metrics[(metrics["model"] == FORECAST) & (metrics["slice_kind"] == EVERYWHERE)]
        row = whole[whole["metric"] == "coverage"].iloc[0]
        return judge_coverage(
            float(row["value"]),
            self._bound_coverage(),
            self.nominal,
            self.spec.policy.coverage_tolerance,
            str(row["reason"]) or self._excuse(len(self.moments), varied=True),
        )

    def _bound_coverage(self) -> tuple[float, float]:
        """Bound the coverage over everyone, each end by a one-sided test."""
        tensor = self._sum_whole(self.table, Y_PRED, self.moment, len(self.moments))
        metric = next(m for m in find_metrics("amount") if m.name == "coverage")
        test = find_test_confidence(self.spec.policy.confidence)
        low, high, *_ = self._bound(metric, self.slices[0], tensor, tuple(SUMS), test)
        return float(low[0]), float(high[0])

    def tabulate(self, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Return no table more."""
        return {}


def _add_wins(pair: Paired, table: pd.DataFrame, column: str, moments: np.ndarray) -> Paired:
    outcome = table[Y_TRUE]
    saved = (table[column] - outcome).abs() - (table[Y_PRED] - outcome).abs()
    won, folds = _count_wins(saved, table[FOLD])
    places_won, places = _count_wins(saved, table[ENTITY])
    return replace(
        pair,
        days=_find_step(moments),
        folds_won=won,
        folds=folds,
        places_won=places_won,
        places=places,
    )


def _count_wins(saved: pd.Series, by: pd.Series) -> tuple[int, int]:
    """Count the slices in which the sum of `saved` is above zero, and all."""
    sums = saved.groupby(by).sum()
    return int((sums > 0).sum()), len(sums)


def _find_step(moments: np.ndarray) -> float:
    steps = np.diff(moments) / np.timedelta64(1, "D")
    return float(np.median(steps)) if len(steps) else math.nan


def _find_slices(table: pd.DataFrame, least: int) -> Iterator[_Slices]:
    yield _Slices(EVERYWHERE, (EVERYWHERE,), np.zeros(len(table), np.int64), np.zeros(1, bool))
    outcome = table[Y_TRUE].to_numpy(np.float64)
    counts = bool((outcome == np.floor(outcome)).all())
    for kind, column in (("fold", FOLD), ("step", STEP), ("area", AREA), ("entity", ENTITY)):
        if column not in table:
            continue
        texts = kind not in ("fold", "step")
        code, values = pd.factorize(table[column], use_na_sentinel=False)
        kept = np.asarray(values, object).astype(str) if texts else np.asarray(values)
        labels, place = np.unique(kept, return_inverse=True)  # of few, not of every row
        code = place[code]
        amount = np.bincount(code, weights=outcome, minlength=len(labels))
        small = (amount < least) if counts else np.zeros(len(labels), bool)
        yield _Slices(kind, tuple(map(str, labels)), code, hide_cells(amount, small, least))


def _count_rates(value: np.ndarray, counted: np.ndarray) -> Rates:
    """Rates of slices by what they count in each period, (B, C)."""
    rows, alike = counted.sum(axis=0), (counted**2).sum(axis=0)
    return Rates(value, rows, np.maximum(divide_known(alike, rows), 1.0))


def _find_counter(metric: Metric) -> str:
    return metric.denominator if metric.denominator in ("n_scaled", "n_interval") else "n"
