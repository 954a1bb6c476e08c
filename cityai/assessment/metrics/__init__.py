"""The registry of metrics: whatever lists them reads it here. A family of metrics is one file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cityai.assessment.metrics import amounts, calibration, confusion, days_earlier, need, ranking
from cityai.columns import SLOT, Y_PRED, Y_TRUE
from cityai.errors import SpecError, suggest_name
from cityai.i18n.messages import say
from cityai.records.metric import Metric, Sums, Target

NOT_YET: Final = say("no outcome is known yet, so nothing can be said about it")

METRICS: Final[tuple[Metric, ...]] = (
    *amounts.METRICS,
    *confusion.METRICS,
    *ranking.METRICS,
    *days_earlier.METRICS,
    *calibration.METRICS,
    *need.METRICS,
)
"""Every metric, in the order shown."""


def _refuse_unfinished(metrics: Iterable[Metric]) -> None:
    """Refuse a metric that lacks words, a recount, a precision or a name of its own."""
    seen: set[str] = set()
    for metric in metrics:
        wanted = ("name", "label", "title", "meaning", "sentence", "targets", "precision")
        lacks = [what for what in wanted if not getattr(metric, what)]
        if metric.recount is None or not (metric.recount.above or metric.recount.whole):
            lacks.append("recount")
        if "score" in metric.targets and metric.estimate is None:
            lacks.append("estimate")
        if {*metric.targets} - {"score"} and not (metric.numerator and metric.denominator):
            lacks.append("numerator and denominator")
        if metric.above and not metric.below:
            lacks.append("below")
        if metric.name in seen:
            lacks.append("a name that no other metric has")
        if lacks:
            raise TypeError(f"the metric '{metric.name}' lacks: {', '.join(lacks)}")
        seen.add(metric.name)


_refuse_unfinished(METRICS)
_BY_NAME: Final = {metric.name: metric for metric in METRICS}


def find_metric(name: str) -> Metric | None:
    """Return the metric of a name, ``error_against_<baseline>`` too; None where there is none."""
    if name.startswith(amounts.AGAINST):
        return amounts.compare_with(name.removeprefix(amounts.AGAINST))
    return _BY_NAME.get(name)


def find_metrics(*targets: Target, baselines: Iterable[str] = ()) -> tuple[Metric, ...]:
    """Return the metrics that are about one of the targets, in the order shown.

    Parameters
    ----------
    *targets : Target
        What they are about.
    baselines : iterable of str
        Each adds a metric of amounts, the error against that baseline's.
    """
    found = tuple(metric for metric in METRICS if {*metric.targets} & {*targets})
    return found + tuple(amounts.compare_with(name) for name in baselines)


def check_limits(limits: dict[str, float], metrics: Iterable[Metric]) -> None:
    """Refuse a limit on a metric that is not audited."""
    known = [metric.name for metric in metrics if metric.limited]
    for name in limits:
        if name not in known:
            raise SpecError(
                f"there is no audited metric '{name}'",
                where=f"limits.{name}, of `audit` or of the policy",
                expected=f"one of {', '.join(sorted(known))}",
                next_step=suggest_name(name, known),
            )


def build_sums(table: pd.DataFrame, column: str = Y_PRED, baselines: Iterable[str] = ()) -> Sums:
    """Turn each row of outcomes and forecasts of amounts into its K sums.

    Parameters
    ----------
    table, column
        As for `amounts.Amounts`.
    baselines : iterable of str
        Names of baselines to pair the forecast with, row by row.

    Returns
    -------
    Sums
        (rows, K) float64.
    """
    rows = amounts.Amounts(table, column)
    sums = {name: make(rows) for name, make in amounts.SUMS.items()}
    for name in baselines:
        sums[f"paired_error.{name}"], sums[f"baseline_error.{name}"] = rows.pair(name)
    return _stack(sums)


def build_answer_sums(table: pd.DataFrame) -> Sums:
    """Turn each row of a yes or no into its K sums; rows of lists also into what is due to need.

    Returns
    -------
    Sums
        (rows, K) float64. `n` counts every row.
    """
    rows = confusion.Decided(table)
    sums = {name: make(rows) for name, make in confusion.SUMS.items()}
    if SLOT in table:
        sums |= {name: scale(table) for name, scale in need.SUMS.items()}
    return _stack(sums)


def score_answers(
    table: pd.DataFrame, baselines: Iterable[str] = ()
) -> tuple[Sums, tuple[Metric, ...]]:
    """Return the sums of a yes or no and what is made of them; baselines are not paired.

    Rows that are ranked in lists have metrics of lists too.
    """
    found = confusion.explain_missing(find_metrics("yes/no"), table)
    return build_answer_sums(table), found + (find_metrics("list") if SLOT in table else ())


def score_amounts(
    table: pd.DataFrame, baselines: tuple[str, ...] = ()
) -> tuple[Sums, tuple[Metric, ...]]:
    """Return the sums of amounts and what is made of them, also where no outcome is known yet."""
    sums = build_sums(table, baselines=baselines)
    metrics = amounts.allow_below_zero(find_metrics("amount", baselines=baselines), table)
    if table[Y_TRUE].notna().any():
        return sums, metrics
    # Without outcomes no row is scored, yet each still sends capacity somewhere.
    forecast = np.nan_to_num(table[Y_PRED].to_numpy(np.float64))
    values = np.column_stack([sums.values, forecast, np.zeros(len(table))])
    values[:, sums.names.index("n")] = 1.0
    return (
        Sums((*sums.names, "forecast", "nothing"), values),
        tuple(replace(m, denominator="nothing", undefined=NOT_YET) for m in metrics),
    )


def _stack(sums: dict[str, np.ndarray]) -> Sums:
    values = [np.asarray(column, dtype=np.float64) for column in sums.values()]
    return Sums(tuple(sums), np.stack(values).T)  # each sum is added up by itself
