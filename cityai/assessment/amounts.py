"""Figures of forecast amounts, by ratios of sums, whole and by slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.blocks import join_overlaps
from cityai.assessment.measurer import FORECAST, Paired, Row
from cityai.assessment.metrics import build_sums, find_metrics
from cityai.columns import (
    AREA,
    BASELINE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    HEADLINE,
    STEP,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.primary_suppression import hide_cells
from cityai.findings import Finding, Status
from cityai.i18n.messages import capitalize, write
from cityai.i18n.messages import say as mark
from cityai.inference.autocorrelation import autocorrelated_se
from cityai.inference.equivalence import decide_equivalence
from cityai.inference.rate_intervals import Rates, bound_values, divide_known
from cityai.inference.ratio_influence import compute_influence, compute_ratio, sum_cells
from cityai.inference.standard_errors import compute_margin
from cityai.records.audit_data import SUPPRESSED
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

FIGURES: Final = ("value", "low", "high", "n", "left_out")
COMPARED: Final = (HEADLINE, "mae", "rmse", "mase")
"""Metrics in which the forecast is compared with each baseline; the first alone decides."""


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
        self.slices = list(_find_slices(self.table, spec.policy.small_cell))

    def describe(self, column: str) -> Iterator[Row]:
        """Describe one model's column in every slice."""
        sums = build_sums(self.table, column)
        blocks = len(self.moments)
        for part in self.slices:
            tensor = sum_cells(sums.values, self.moment, part.code, blocks, len(part.labels))
            for metric in find_metrics("amount"):
                # No model but the forecast has a range.
                if column == Y_PRED or "n_interval" not in (metric.denominator, metric.numerator):
                    yield from self._measure_slices(metric, part, tensor, sums.names)

    def _measure_slices(
        self, metric: Metric, part: _Slices, tensor: np.ndarray, names: tuple[str, ...]
    ) -> Iterator[Row]:
        policy, totals = self.spec.policy, tensor.sum(axis=0)
        value = compute_ratio(totals, names, metric)
        used = totals[:, names.index(_find_counter(metric))]
        size = np.bincount(part.code, minlength=len(part.labels))
        counted = tensor[..., names.index(metric.denominator)]
        present = (counted > 0).sum(axis=0).astype(np.float64)
        low, high = np.full((2, len(value)), math.nan)
        usable = np.ones(len(value), bool)
        if part.kind != "fold" and len(tensor) > 1:
            influence = compute_influence(tensor, names, metric)
            spread = autocorrelated_se(influence, present, level=True)
            low, high = bound_values(
                *(value, spread, policy.confidence, self.least),
                floor=metric.floor,
                part=bool(metric.part),
                rates=_count_rates(value, counted) if metric.part == "rows" else None,
            )
            usable = spread.usable
        for i, label in enumerate(part.labels):
            row: Row = {"metric": metric.name, "slice_kind": part.kind, "slice": label}
            if part.hidden[i]:
                hidden = SUPPRESSED.format(least=policy.small_cell)
                yield row | dict.fromkeys(FIGURES, math.nan) | {"reason": hidden}
                continue
            reason = ""
            if not math.isfinite(value[i]):
                reason = mark("No value: {undefined}.", undefined=metric.undefined)
            elif not math.isfinite(low[i]):
                reason = self._excuse(float(present[i]), varied=bool(usable[i]))
            figures = (value[i], low[i], high[i], used[i], size[i] - used[i])
            yield row | dict(zip(FIGURES, map(float, figures), strict=True)) | {"reason": reason}

    def _excuse(self, blocks: float, *, varied: bool) -> str:
        """Say why a value has no interval."""
        word = mark("test periods")
        few = say.TOO_FEW.format(blocks=write(blocks, ".0f"), word=word, least=self.least)
        unsure = say.UNVARYING if varied else say.UNSURE
        return capitalize(few if blocks < self.least else unsure.format(word=word)) + "."

    def compare(self, baseline: str) -> Iterator[Paired]:
        """Compare the forecast with a baseline on the rows that both answer."""
        column = f"{BASELINE}{baseline}"
        table = self.table[np.isfinite(self.table[column].to_numpy(np.float64))]
        ours, theirs = build_sums(table, Y_PRED), build_sums(table, column)
        moments, moment = np.unique(join_overlaps(table), return_inverse=True)
        # The two forecasts stand where two groups stand in the audit: the same rows, paired.
        one = np.zeros_like(moment)
        sums = [sum_cells(s.values, moment, one, len(moments), 1) for s in (ours, theirs)]
        tensor = np.concatenate(sums, axis=1)
        named = {metric.name: metric for metric in find_metrics("amount")}
        for metric in (named[name] for name in COMPARED):
            pair = self._pair(metric, tensor, ours.names)
            if not len(table):
                told = mark(
                    "{replace} made no forecast of these rows.", replace=baseline.replace("_", " ")
                )
                pair = replace(pair, reason=told)
            yield pair

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
        spread = autocorrelated_se(influence[:, :1] - influence[:, 1:], present.astype(np.float64))
        margin = compute_margin(spread, self.spec.policy.confidence, self.least)
        return replace(pair, margin=float(margin[0]))

    def judge(self, metrics: pd.DataFrame) -> Finding:
        """Judge the coverage of the range over everyone."""
        whole = metrics[(metrics["model"] == FORECAST) & (metrics["slice_kind"] == EVERYWHERE)]
        row = whole[whole["metric"] == "coverage"].iloc[0]
        value, low, high = (float(row[key]) for key in ("value", "low", "high"))
        tolerance, nominal = self.spec.policy.coverage_tolerance, self.nominal
        told = say.COVERAGE.format(nominal=write(nominal, ".0%"), value=write(value, ".1%"))
        code, title = "evaluate.coverage", mark("Coverage of the interval")
        if not math.isfinite(value):
            return Finding(
                *(code, Status.NOT_APPLICABLE, title, str(row["reason"]), None, nominal, "share")
            )
        status = decide_equivalence(low - nominal, high - nominal, tolerance)
        if math.isfinite(low):
            ends = (write(low, ".1%"), write(high, ".1%"))
            template = say.COVERAGE_VERDICTS[status]
            more = template.format(low=ends[0], high=ends[1], by=write(tolerance, ".0%"))
        else:
            more = str(row["reason"])
        return Finding(code, status, title, told + " " + more, value, nominal, "share")

    def tabulate(self, models: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Return no table more."""
        return {}


def _find_slices(table: pd.DataFrame, least: int) -> Iterator[_Slices]:
    yield _Slices(EVERYWHERE, (EVERYWHERE,), np.zeros(len(table), np.int64), np.zeros(1, bool))
    outcome = table[Y_TRUE].to_numpy(np.float64)
    counts = bool((outcome == np.floor(outcome)).all())
    for kind, column in (("fold", FOLD), ("step", STEP), ("area", AREA), ("entity", ENTITY)):
        if column not in table:
            continue
        labels, code = np.unique(table[column].to_numpy(object).astype(str), return_inverse=True)
        if kind in ("fold", "step"):
            labels, code = np.unique(table[column].to_numpy(), return_inverse=True)
        amount = np.bincount(code, weights=outcome, minlength=len(labels))
        small = (amount < least) if counts else np.zeros(len(labels), bool)
        yield _Slices(kind, tuple(map(str, labels)), code, hide_cells(amount, small, least))


def _count_rates(value: np.ndarray, counted: np.ndarray) -> Rates:
    """Rates of slices by what they count in each period, (B, C)."""
    rows, alike = counted.sum(axis=0), (counted**2).sum(axis=0)
    return Rates(value, rows, np.maximum(divide_known(alike, rows), 1.0))


def _find_counter(metric: Metric) -> str:
    return metric.denominator if metric.denominator in ("n_scaled", "n_interval") else "n"
