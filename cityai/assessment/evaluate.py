"""The evaluation: how good the forecast is, where, and beside what the city could do without it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.blocks import join_overlaps
from cityai.assessment.metrics import build_sums, find_metrics
from cityai.columns import (
    AREA,
    BASELINE,
    CANDIDATE,
    ENTITY,
    EVERYWHERE,
    FOLD,
    HEADLINE,
    STEP,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.policy import PolicySpec
from cityai.config.project import ProjectSpec
from cityai.disclosure.primary_suppression import hide_cells
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import capitalize, write
from cityai.i18n.messages import say as mark
from cityai.inference.autocorrelation import autocorrelated_se
from cityai.inference.equivalence import count_more_blocks
from cityai.inference.rate_intervals import Rates, bound_values, divide_known
from cityai.inference.ratio_influence import compute_influence, compute_ratio, sum_cells
from cityai.inference.standard_errors import compute_margin
from cityai.records.audit_data import SUPPRESSED
from cityai.records.metric import Metric, Sums
from cityai.records.predictions import Predictions

FORECAST = "forecast"
"""The model that is judged; others are `baseline.<name>` and `candidate.<name>`."""
COMPARED = (HEADLINE, "mae", "rmse", "mase")
"""Metrics in which the forecast is compared with each baseline; the first alone decides."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good the forecast is.

    Attributes
    ----------
    metrics : pandas.DataFrame
        One row a `model` ("forecast", "baseline.x", "candidate.y"), `metric`, `slice_kind`
        ("overall", "fold", "step", "area", "entity") and `slice`: `value`, its interval `low` to
        `high` (NaN where there is none), `n` (rows behind it), `left_out` (rows of the slice that
        it could not use), `reason` (why there is no value or no interval).
    comparisons : pandas.DataFrame
        One row a `baseline` and `metric`: `value`, `baseline_value` (on the rows where both exist),
        `difference` (below zero: the forecast is better), `low`, `high`, `n`, `n_blocks`,
        `verdict` (of `HEADLINE` alone: the others stand beside it), `more_blocks`, `sentence`.
    findings : tuple of Finding
        `evaluate.better_than_baselines.<name>` and `evaluate.coverage`.
    """

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    findings: tuple[Finding, ...]


def evaluate_predictions(predictions: Predictions, spec: ProjectSpec) -> Evaluation:
    """Evaluate a forecast, its candidates and its baselines, whole and by slice.

    Intervals are about this city at other times: blocks are the `as_of` periods.
    """
    table = predictions.table
    models = {FORECAST: Y_PRED}
    models |= {c: c for c in table.columns if c.startswith((BASELINE, CANDIDATE))}
    slices = list(_find_slices(table, spec.policy.small_cell))
    metrics = make_frame(
        [
            row
            for model, column in models.items()
            for row in _measure_model(model, build_sums(table, column), table, slices, spec)
        ]
    )
    comparisons = _compare_baselines(predictions, spec)
    findings = [
        find_better(name, comparisons, spec.policy, HEADLINE) for name in predictions.baselines
    ]
    findings.append(_find_coverage(metrics, predictions, spec))
    return Evaluation(metrics, comparisons, sort_findings(findings))


@dataclass(frozen=True, slots=True)
class _Slices:
    kind: str
    labels: tuple[str, ...]
    code: np.ndarray
    hidden: np.ndarray


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


def _measure_model(
    model: str, sums: Sums, table: pd.DataFrame, slices: Sequence[_Slices], spec: ProjectSpec
) -> Iterator[dict[str, object]]:
    moments, moment = np.unique(join_overlaps(table), return_inverse=True)
    for part in slices:
        tensor = sum_cells(sums.values, moment, part.code, len(moments), len(part.labels))
        size = np.bincount(part.code, minlength=len(part.labels))
        for metric in find_metrics("amount"):
            if model != FORECAST and "n_interval" in (metric.denominator, metric.numerator):
                continue
            yield from _measure_slices(model, metric, part, tensor, sums.names, size, spec)


def _measure_slices(
    model: str,
    metric: Metric,
    part: _Slices,
    tensor: np.ndarray,
    names: tuple[str, ...],
    size: np.ndarray,
    spec: ProjectSpec,
) -> Iterator[dict[str, object]]:
    totals = tensor.sum(axis=0)
    value = compute_ratio(totals, names, metric)
    used = totals[:, names.index(_find_counter(metric))]
    present = (tensor[..., names.index(metric.denominator)] > 0).sum(axis=0).astype(np.float64)
    least = spec.policy.min_blocks
    low, high = np.full((2, len(value)), math.nan)
    usable = np.ones(len(value), bool)
    if part.kind != "fold" and len(tensor) > 1:
        spread = autocorrelated_se(compute_influence(tensor, names, metric), present, level=True)
        low, high = bound_values(
            *(value, spread, spec.policy.confidence, least),
            floor=metric.floor,
            part=bool(metric.part),
            rates=_count_rates(value, tensor[..., names.index(metric.denominator)])
            if metric.part == "rows"
            else None,
        )
        usable = spread.usable
    for i, label in enumerate(part.labels):
        row: dict[str, object] = {
            "model": model,
            "metric": metric.name,
            "slice_kind": part.kind,
            "slice": label,
            **dict.fromkeys(("value", "low", "high", "n", "left_out"), math.nan),
        }
        if part.hidden[i]:
            yield row | {"reason": SUPPRESSED.format(least=spec.policy.small_cell)}
            continue
        reason = ""
        if not math.isfinite(value[i]):
            reason = mark("No value: {undefined}.", undefined=metric.undefined)
        elif not math.isfinite(low[i]):
            few = say.TOO_FEW.format(
                blocks=write(present[i], ".0f"), word=mark("test periods"), least=least
            )
            unsure = say.UNVARYING if usable[i] else say.UNSURE
            told = few if present[i] < least else unsure.format(word=mark("test periods"))
            reason = capitalize(told) + "."
        yield row | {
            "value": float(value[i]),
            "low": float(low[i]),
            "high": float(high[i]),
            "n": float(used[i]),
            "left_out": float(size[i] - used[i]),
            "reason": reason,
        }


def _count_rates(value: np.ndarray, counted: np.ndarray) -> Rates:
    """Rates of slices by what they count in each period, (B, C)."""
    rows, alike = counted.sum(axis=0), (counted**2).sum(axis=0)
    return Rates(value, rows, np.maximum(divide_known(alike, rows), 1.0))


def _find_counter(metric: Metric) -> str:
    return metric.denominator if metric.denominator in ("n_scaled", "n_interval") else "n"


def _compare_baselines(predictions: Predictions, spec: ProjectSpec) -> pd.DataFrame:
    rows = []
    compared = [m for name in COMPARED for m in find_metrics("amount") if m.name == name]
    for name in predictions.baselines:
        column = f"{BASELINE}{name}"
        table = predictions.table
        table = table[np.isfinite(table[column].to_numpy(np.float64))]
        rows += [_compare(name, metric, table, predictions.unit, spec) for metric in compared]
    return make_frame(rows, COMPARISON_COLUMNS)


COMPARISON_COLUMNS = [
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
]


def _compare(
    name: str, metric: Metric, table: pd.DataFrame, unit: str, spec: ProjectSpec
) -> dict[str, object]:
    ours, theirs = build_sums(table, Y_PRED), build_sums(table, f"{BASELINE}{name}")
    moments, moment = np.unique(join_overlaps(table), return_inverse=True)
    # The two forecasts stand where two groups stand in the audit: the same rows, paired.
    tensor = np.concatenate(
        [
            sum_cells(s.values, moment, np.zeros_like(moment), len(moments), 1)
            for s in (ours, theirs)
        ],
        axis=1,
    )
    value = compute_ratio(tensor.sum(axis=0), ours.names, metric)
    present = (tensor[:, 0, ours.names.index(metric.denominator)] > 0).sum(keepdims=True)
    margin = math.nan
    if len(moments) > 1 and np.isfinite(value).all():
        influence = compute_influence(tensor, ours.names, metric)
        # Shocks that both forecasts share cancel in the paired difference (Diebold and Mariano
        # 1995, J. Bus. Econ. Stat. 13(3)).
        blocks = present.astype(np.float64)
        spread = autocorrelated_se(influence[:, :1] - influence[:, 1:], blocks)
        margin = float(compute_margin(spread, spec.policy.confidence, spec.policy.min_blocks)[0])
    difference = float(value[0] - value[1])
    status, sentence = _judge(name, metric, value, difference, margin, len(table), unit)
    return {
        "baseline": name,
        "metric": metric.name,
        "value": float(value[0]),
        "baseline_value": float(value[1]),
        "difference": difference,
        "low": difference - margin,
        "high": difference + margin,
        "n": float(tensor[:, 0, 0].sum()),
        "n_blocks": int(present[0]),
        "verdict": status.value,
        "more_blocks": count_more_blocks(
            difference, difference - margin, difference + margin, 0.0, float(present[0])
        )
        if status is Status.NOT_ENOUGH
        else 0.0,
        "sentence": sentence,
    }


def _judge(
    name: str,
    metric: Metric,
    value: np.ndarray,
    difference: float,
    margin: float,
    rows: int,
    unit: str,
) -> tuple[Status, str]:
    if not rows:
        return Status.NOT_APPLICABLE, mark(
            "{replace} made no forecast of these rows.", replace=name.replace("_", " ")
        )
    if not np.isfinite(value).all():
        return Status.NOT_APPLICABLE, mark("No value: {undefined}.", undefined=metric.undefined)
    status = Status.NOT_ENOUGH
    if metric.name != HEADLINE:
        status = Status.NOT_APPLICABLE
    elif math.isfinite(margin) and abs(difference) > margin:
        status = Status.PASS if difference < 0 else Status.FAIL
    ours, theirs = float(value[0]), float(value[1])
    return status, say.tell_comparison(name, metric, ours, theirs, status, unit)


def find_better(name: str, comparisons: pd.DataFrame, policy: PolicySpec, headline: str) -> Finding:
    """Find whether the forecast is better than a baseline, by the figure that decides."""
    code, title = (
        f"evaluate.better_than_baselines.{name}",
        mark("Better than {replace}", replace=name.replace("_", " ")),
    )
    rows = comparisons[(comparisons["baseline"] == name) & (comparisons["metric"] == headline)]
    if rows.empty:
        return Finding(code, Status.NOT_APPLICABLE, title, mark("It ranks none of these cases."))
    row = rows.iloc[0]
    status, reason = Status(str(row["verdict"])), str(row["sentence"])
    if status is Status.FAIL and not policy.better_than_baselines:
        status = Status.NOT_APPLICABLE
        reason = reason + " " + mark("The policy does not ask it to be better.")
    difference = float(row["difference"])
    observed = difference if math.isfinite(difference) else None
    return Finding(code, status, title, reason, observed, 0.0, "share", name)


def _find_coverage(metrics: pd.DataFrame, predictions: Predictions, spec: ProjectSpec) -> Finding:
    row = metrics[
        (metrics["model"] == FORECAST)
        & (metrics["metric"] == "coverage")
        & (metrics["slice_kind"] == EVERYWHERE)
    ].iloc[0]
    value, low, high = (float(row[key]) for key in ("value", "low", "high"))
    tolerance, nominal = spec.policy.coverage_tolerance, predictions.coverage
    told = say.COVERAGE.format(nominal=write(nominal, ".0%"), value=write(value, ".1%"))
    if not math.isfinite(value):
        status, told = Status.NOT_APPLICABLE, str(row["reason"])
    elif not math.isfinite(low):
        status = Status.NOT_ENOUGH
        told = told + " " + str(row["reason"])
    elif nominal - tolerance <= low and high <= nominal + tolerance:
        status = Status.PASS
    elif high < nominal - tolerance or low > nominal + tolerance:
        status = Status.FAIL
    else:
        status = Status.NOT_ENOUGH
    if math.isfinite(low):
        template = say.COVERAGE_VERDICTS[status]
        told += " " + template.format(
            low=write(low, ".1%"), high=write(high, ".1%"), by=write(tolerance, ".0%")
        )
    observed = value if math.isfinite(value) else None
    return Finding(
        "evaluate.coverage",
        status,
        mark("Coverage of the interval"),
        told,
        observed,
        nominal,
        "share",
    )
