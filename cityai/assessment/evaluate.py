"""The evaluation: how good the predictions are, where, and beside what the city could do anyway."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cityai.assessment import sentences as say
from cityai.assessment.amounts import AmountMeasurer
from cityai.assessment.baseline_words import label_baseline
from cityai.assessment.measurer import Measurer, Paired
from cityai.assessment.range_coverage import COVERAGE_OF_OTHERS, judge_coverage
from cityai.assessment.ranking.measurer import ListMeasurer
from cityai.assessment.spending import plan_alike, spend_shares, take_scored
from cityai.assessment.worth import measure_worth
from cityai.columns import (
    BASELINE,
    CANDIDATE,
    CITY_SCORE,
    DECIDING,
    EVERYWHERE,
    FORECAST,
    HEADLINE,
    Y_LOW,
    Y_PRED,
)
from cityai.config.project import AuditableSpec
from cityai.disclosure.apply_rounding import IN_RANGES, RANGES
from cityai.findings import Finding, Status, sort_findings
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import capitalize, write
from cityai.i18n.messages import say as mark
from cityai.inference.equivalence import foresee_blocks
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit

MEASURERS: Final[dict[str, Callable[[Predictions, AuditableSpec], Measurer]]] = {
    "amount": AmountMeasurer,
    "yes/no": ListMeasurer,
}
"""What measures each target."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good the predictions are."""

    metrics: pd.DataFrame
    """One row a `model` ("forecast", "baseline.x", "candidate.y"), `metric`, `slice_kind`
    ("overall", "fold", "step"; "area" and "entity" of the forecast alone) and `slice`: `value`, its
    interval `low` to `high` (NaN where there is none), `n` (rows behind it), `left_out` (rows of
    the slice that it could not use), `reason` (why there is no value or no interval), `size` (what
    a figure is a share of, where the slice does not say it); where the whole has few people of a
    kind (`bound_whole`), `value_least` and `value_most`, the range that is said in place of a
    value."""
    comparisons: pd.DataFrame
    """One row a `baseline` and `metric`: `value`, `baseline_value` (on the rows where both exist),
    `difference`, `low`, `high` (ends of one-sided tests), `n`, `n_blocks`, `verdict` (of the
    headline metric alone: the others stand beside it), `more_blocks`, `sentence`, `unsaid` (whether
    its figures may not be shown), `better` ("high" or "low": which sign of `difference` is the
    better), `block` (what was taken to vary), `folds_won`, `folds`, `places_won`, `places` (in how
    many the forecast was better; 0 of 0 where that is not counted)."""
    findings: tuple[Finding, ...] = ()
    """`evaluate.better_than_baselines.<name>`, and `evaluate.coverage` or `evaluate.calibration`.
    """
    at_capacity: pd.DataFrame | None = None
    """Capacity curve of a list: one row a `model` and `capacity` (cases a slot), `share` of the
    cases that is selected, `selected`, `found`, and `precision`, `recall`, `lift` with `_low` and
    `_high`, `declared` (whether it is the project's own capacity), `reason`."""
    curve: pd.DataFrame | None = None
    """Calibration curve of a list over everyone, one row a score `band` (see `draw_curve`)."""
    worth: pd.DataFrame | None = None
    """What each way of spending the same budget reaches, one row a `way` (see `measure_worth`)."""
    shares: pd.DataFrame | None = None
    """What each way finds at parts of all visits, on the cases that the city's own score answers
    (see `spend_shares`)."""


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
    metrics = _describe_all(measurer, models)
    comparisons = _compare_all(measurer, predictions.baselines, spec)
    worth, judged = judge_worth(predictions, spec, comparisons)
    findings = [
        _find_better(name, comparisons, spec, measurer.headline) for name in predictions.baselines
    ]
    shown = {name: c for name, c in models.items() if not name.startswith(CANDIDATE)}
    return Evaluation(
        metrics,
        comparisons,
        sort_findings([*findings, measurer.judge(metrics), *judged]),
        worth=worth,
        shares=spend_shares(predictions, f"{BASELINE}{CITY_SCORE}"),
        **measurer.tabulate(shown),
    )


def evaluate_audited(predictions: Predictions, audit: Audit, spec: AuditableSpec) -> Evaluation:
    """Evaluate by the audit's own figures over all rows, where outcomes or predictions may lack.

    Forecasts that came beside these are measured and compared on the rows that have an outcome.
    Where ranges came with them, their coverage is held against what it is meant to be.
    """
    whole = audit.table[audit.table["dimension"] == EVERYWHERE]
    known, ranged = np.isfinite(whole["value"]), np.isfinite(whole["value_least"])
    figures = whole[["value", "low", "high"]].mask(ranged)
    metrics = whole[["metric", "size", *RANGES[:2]]].assign(
        **figures,
        n=whole["n"].where(known),
        reason=whole["reason"].where(~known, "").mask(ranged, IN_RANGES),
        model=FORECAST,
        slice_kind=EVERYWHERE,
        slice=EVERYWHERE,
    )
    scored = replace(predictions, table=take_scored(predictions.table))
    ranges = tuple(_judge_range(scored, metrics, whole, spec))
    if not predictions.baselines or scored.table.empty:
        return Evaluation(metrics, pd.DataFrame(), ranges)
    measurer = MEASURERS[predictions.kind](scored, spec)
    names = [f"{BASELINE}{name}" for name in predictions.baselines]
    beside = _describe_all(measurer, dict(zip(names, names, strict=True)))
    comparisons = _compare_all(measurer, predictions.baselines, spec)
    worth, judged = judge_worth(predictions, spec, comparisons)
    found = [
        *ranges,
        *(_find_better(n, comparisons, spec, HEADLINE) for n in predictions.baselines),
        *(f for f in judged if f.status is not Status.NOT_APPLICABLE),
    ]
    sizes = dict(zip(metrics["metric"], metrics["size"], strict=True))
    beside = beside[beside["slice_kind"] == EVERYWHERE]
    known = np.isfinite(beside["value"])
    beside = beside.assign(size=beside["metric"].map(sizes), n=beside["n"].where(known))
    metrics = pd.concat([metrics, beside], ignore_index=True)
    return Evaluation(metrics, comparisons, sort_findings(found), worth=worth)


def _judge_range(
    scored: Predictions, metrics: pd.DataFrame, whole: pd.DataFrame, spec: AuditableSpec
) -> Iterator[Finding]:
    """Judge the coverage of given ranges, by what the audit is about."""
    if scored.kind != "amount" or scored.table[Y_LOW].isna().all():
        return
    if spec.audit.infers == "this city":
        yield AmountMeasurer(scored, spec).judge(metrics)
        return
    row = whole[whole["metric"] == "coverage"].iloc[0]
    few, least = float(row["blocks"]), spec.policy.min_blocks
    words = {"word": spec.entities, "blocks": write(few, ".3g"), "least": least}
    why = (say.TOO_FEW if few < least else say.UNSURE).format(**words)
    known = math.isfinite(float(row["value"]))
    yield judge_coverage(
        float(row["value"]),
        (float(row["low"]), float(row["high"])),
        scored.coverage,
        spec.policy.coverage_tolerance,
        capitalize(why) + "." if known else str(row["reason"]),
        COVERAGE_OF_OTHERS,
    )


def _describe_all(measurer: Measurer, models: Mapping[str, str]) -> pd.DataFrame:
    described = [(model, measurer.describe(column)) for model, column in models.items()]
    tables = [pd.concat([make_frame({"model": [m] * len(t)}), t], axis=1) for m, t in described]
    return pd.concat(tables, ignore_index=True)


WON: Final = ("folds_won", "folds", "places_won", "places")
COMPARISON_COLUMNS: Final = [
    *("baseline", "metric", "value", "baseline_value", "difference", "low", "high", "n"),
    *("n_blocks", "verdict", "more_blocks", "sentence", "better", "block", *WON, "unsaid"),
]


def _compare_all(measurer: Measurer, names: Iterable[str], spec: AuditableSpec) -> pd.DataFrame:
    compared = [
        _compare(name, label_baseline(name, spec), pair, measurer.headline)
        for name in names
        for pair in measurer.compare(name)
    ]
    return make_frame(compared, COMPARISON_COLUMNS)


def judge_worth(
    predictions: Predictions, spec: AuditableSpec, comparisons: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Measure what simpler ways of spending the same would do; see `measure_worth`."""
    judge = partial(_judge_budget, predictions, spec, comparisons)
    return measure_worth(predictions, spec, judge)


def _judge_budget(
    predictions: Predictions,
    spec: AuditableSpec,
    comparisons: pd.DataFrame,
    names: Sequence[str],
    confidence: float,
) -> dict[str, dict[str, Any]]:
    """Compare with baselines that spend as much as the forecast; the deciding rows, by name."""
    if not names:
        return {}
    alike = plan_alike(predictions)
    if alike is not predictions or confidence != spec.policy.confidence:
        policy = spec.policy.model_copy(update={"confidence": confidence})
        strict = spec.model_copy(update={"policy": policy})
        comparisons = _compare_all(MEASURERS[predictions.kind](alike, strict), names, spec)
    deciding = comparisons[comparisons["metric"].isin(list(DECIDING))]
    rows = [{str(key): value for key, value in row.items()} for row in deciding.to_dict("records")]
    return {str(row["baseline"]): row for row in rows}


def _compare(name: str, label: str, pair: Paired, headline: str) -> dict[str, object]:
    metric, difference = pair.metric, pair.ours - pair.theirs
    low, high = difference - pair.margin, difference + pair.margin
    status = Status.NOT_APPLICABLE
    if not pair.reason and metric.name == headline:
        status = Status.NOT_ENOUGH
        if abs(difference) > pair.margin:
            better = difference < 0 if metric.better == "low" else difference > 0
            status = Status.PASS if better else Status.FAIL
    status = Status.SUPPRESSED if status in pair.silent else status
    few = many = 0.0
    if status is Status.NOT_ENOUGH:
        few, many = foresee_blocks(difference, low, high, 0.0, pair.blocks, periods=True)
    told = pair.reason or say.tell_comparison(label, pair, status, few, many)
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
        "more_blocks": many,
        "sentence": told,
        "better": metric.better,
        "block": pair.block,
        **{key: getattr(pair, key) for key in WON},
        "unsaid": pair.unsaid,
    }


def _find_better(
    name: str, comparisons: pd.DataFrame, spec: AuditableSpec, headline: str
) -> Finding:
    """Find whether the forecast is better than a baseline, by the figure that decides."""
    code = f"evaluate.better_than_baselines.{name}"
    title = mark("Better than {replace}", replace=label_baseline(name, spec))
    rows = comparisons[(comparisons["baseline"] == name) & (comparisons["metric"] == headline)]
    if rows.empty:
        return Finding(code, Status.NOT_APPLICABLE, title, mark("It ranks none of these cases."))
    row = rows.iloc[0]
    status, reason = Status(str(row["verdict"])), str(row["sentence"])
    if status is Status.FAIL and not spec.policy.better_than_baselines:
        status = Status.NOT_APPLICABLE
        reason = reason + " " + mark("The policy does not ask it to be better.")
    difference = float(row["difference"])
    observed = difference if math.isfinite(difference) and not row["unsaid"] else None
    return Finding(code, status, title, reason, observed, 0.0, "share", name)
