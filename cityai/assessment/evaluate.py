"""The evaluation: how good the predictions are, where, and beside what the city could do anyway."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.amounts import AmountMeasurer
from cityai.assessment.measurer import FORECAST, Measurer, Paired
from cityai.assessment.ranking.measurer import ListMeasurer
from cityai.columns import BASELINE, CANDIDATE, Y_PRED
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditableSpec
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import count_more_blocks
from cityai.records.predictions import Predictions

MEASURERS: Final[dict[str, Callable[[Predictions, AuditableSpec], Measurer]]] = {
    "amount": AmountMeasurer,
    "yes/no": ListMeasurer,
}
"""What measures each target."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good the predictions are.

    Attributes
    ----------
    metrics : pandas.DataFrame
        One row a `model` ("forecast", "baseline.x", "candidate.y"), `metric`, `slice_kind`
        ("overall", "fold", "step", "area", "entity") and `slice`: `value`, its interval `low` to
        `high` (NaN where there is none), `n` (rows behind it), `left_out` (rows of the slice that
        it could not use), `reason` (why there is no value or no interval).
    comparisons : pandas.DataFrame
        One row a `baseline` and `metric`: `value`, `baseline_value` (on the rows where both exist),
        `difference`, `low`, `high`, `n`, `n_blocks`, `verdict` (of the headline metric alone: the
        others stand beside it), `more_blocks`, `sentence`, `better` ("high" or "low": which sign
        of `difference` is the better), `block` (what was taken to vary).
    findings : tuple of Finding
        `evaluate.better_than_baselines.<name>`, and `evaluate.coverage` or `evaluate.calibration`.
    at_capacity : pandas.DataFrame or None
        Capacity curve of a list: one row a `model` and `capacity` (cases a slot), `share` of the
        cases that is selected, `selected`, `found`, and `precision`, `recall`, `lift` with `_low`
        and `_high`, `declared` (whether it is the project's own capacity), `reason`.
    curve : pandas.DataFrame or None
        Calibration curve of a list over everyone, one row a score `band` (see `draw_curve`).
    """

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    at_capacity: pd.DataFrame | None = None
    curve: pd.DataFrame | None = None


def evaluate_predictions(predictions: Predictions, spec: AuditableSpec) -> Evaluation:
    """Evaluate predictions, their candidates and their baselines, whole and by slice.

    Intervals of amounts are about this city at other times (blocks are the `as_of` periods); those
    of lists about other entities like these in the same test folds, and of their comparisons about
    other days.
    """
    measurer = MEASURERS[predictions.kind](predictions, spec)
    columns = predictions.table.columns
    models = {FORECAST: Y_PRED}
    models |= {c: c for c in columns if c.startswith((BASELINE, CANDIDATE))}
    described = ((model, measurer.describe(column)) for model, column in models.items())
    metrics = make_frame([{"model": model, **row} for model, rows in described for row in rows])
    compared = [
        _compare(name, pair, measurer.headline)
        for name in predictions.baselines
        for pair in measurer.compare(name)
    ]
    comparisons = make_frame(compared, COMPARISON_COLUMNS)
    findings = [
        _find_better(name, comparisons, spec.policy, measurer.headline)
        for name in predictions.baselines
    ]
    shown = {name: c for name, c in models.items() if not name.startswith(CANDIDATE)}
    return Evaluation(
        metrics,
        comparisons,
        sort_findings([*findings, measurer.judge(metrics)]),
        **measurer.tabulate(shown),
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


def _compare(name: str, pair: Paired, headline: str) -> dict[str, object]:
    metric, difference = pair.metric, pair.ours - pair.theirs
    low, high = difference - pair.margin, difference + pair.margin
    status = Status.NOT_APPLICABLE
    if not pair.reason and metric.name == headline:
        status = Status.NOT_ENOUGH
        if abs(difference) > pair.margin:
            better = difference < 0 if metric.better == "low" else difference > 0
            status = Status.PASS if better else Status.FAIL
    more = 0.0
    if status is Status.NOT_ENOUGH:
        more = count_more_blocks(difference, low, high, 0.0, float(pair.blocks))
    told = pair.reason or say.tell_comparison(
        name, metric, pair.ours, pair.theirs, status, pair.unit, pair.digits
    )
    return {
        "baseline": name,
        "metric": metric.name,
        "value": pair.ours,
        "baseline_value": pair.theirs,
        "difference": difference,
        "low": low,
        "high": high,
        "n": pair.n,
        "n_blocks": pair.blocks,
        "verdict": status.value,
        "more_blocks": more,
        "sentence": told,
        "better": metric.better,
        "block": pair.block,
    }


def _find_better(
    name: str, comparisons: pd.DataFrame, policy: PolicySpec, headline: str
) -> Finding:
    """Find whether the forecast is better than a baseline, by the figure that decides."""
    code = f"evaluate.better_than_baselines.{name}"
    title = mark("Better than {replace}", replace=name.replace("_", " "))
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
