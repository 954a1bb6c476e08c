"""The figures of an evaluation and an audit as MLflow metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cityai.card.counts import Judged, tally_groups
from cityai.columns import BASELINE, EVERYWHERE
from cityai.findings import Finding, Status, count_statuses
from cityai.track.names import name_count, name_dimension, name_groups, name_metric

if TYPE_CHECKING:
    import pandas as pd

FORECAST = "forecast"
"""What the evaluation calls the project's own forecast, beside ``baseline.<name>`` and others."""

FOLD_SLICE = "fold"
BY_FOLD = "fold"
"""Last part of a metric that has one value a fold (its step is the fold's number)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One value of one MLflow metric."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Measures:
    """What can be logged, and what has no value.

    Attributes
    ----------
    logged : tuple of Measure
        Finite values.
    undefined : tuple of str
        Names of metrics that are not defined (for at least one step).
    """

    logged: tuple[Measure, ...]
    undefined: tuple[str, ...]


def measure_forecast(
    metrics: pd.DataFrame,
    table: pd.DataFrame,
    findings: Iterable[Finding],
    coverage: float,
    results: Iterable[Judged] = (),
) -> Measures:
    """Return the metrics of the run itself.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `Evaluation.metrics`.
    table : pandas.DataFrame
        `Audit.table`.
    findings : iterable of Finding
        All findings of the run, to be counted.
    coverage : float
        Nominal coverage.
    results : iterable of Judged
        The card's figures of groups, to be counted as the card does.

    Returns
    -------
    Measures
        ``wape``, ``coverage_90``, ``wape.fold`` (step = fold), ``wape.baseline.<name>``,
        ``wape.<dimension>.<group>``, ``findings.fail``, ``groups.fail`` and their like.
    """
    counts = {
        "findings": count_statuses(f.status for f in findings),
        "groups": tally_groups(results).by_status,
    }
    return _divide(
        [
            *_measure_model(metrics, FORECAST, coverage),
            *_measure_baselines(metrics, coverage),
            *_measure_groups(table, coverage),
            *(Measure(name_count(s, w), float(n)) for w, c in counts.items() for s, n in c.items()),
        ]
    )


def measure_model(metrics: pd.DataFrame, model: str, coverage: float) -> Measures:
    """Return the metrics of one candidate or baseline, named as the run's own."""
    return _divide(_measure_model(metrics, model, coverage))


def list_models(metrics: pd.DataFrame) -> tuple[str, ...]:
    """Return the candidates and baselines that were evaluated."""
    return tuple(sorted({str(m) for m in metrics["model"]} - {FORECAST}))


def _measure_model(metrics: pd.DataFrame, model: str, coverage: float) -> Iterator[Measure]:
    rows = metrics[metrics["model"] == model]
    for row in _list_rows(rows[rows["slice_kind"] == EVERYWHERE]):
        yield Measure(name_metric(str(row.metric), coverage), float(row.value))
    for row in _list_rows(rows[rows["slice_kind"] == FOLD_SLICE]):
        name = f"{name_metric(str(row.metric), coverage)}.{BY_FOLD}"
        yield Measure(name, float(row.value), int(str(row.slice)))


def _measure_baselines(metrics: pd.DataFrame, coverage: float) -> Iterator[Measure]:
    overall = metrics[metrics["slice_kind"] == EVERYWHERE]
    for row in _list_rows(overall[overall["model"].astype("str").str.startswith(BASELINE)]):
        name = f"{name_metric(str(row.metric), coverage)}.{row.model}"
        yield Measure(name, float(row.value))


def _measure_groups(table: pd.DataFrame, coverage: float) -> Iterator[Measure]:
    """Yield the audited figures; those of a suppressed group are not even undefined."""
    hidden = table["status"].astype("str") == Status.SUPPRESSED.value
    shown = table[~hidden & (table["dimension"].astype("str") != EVERYWHERE)]
    for dimension, rows in shown.groupby("dimension", sort=True, observed=True):
        groups = name_groups(sorted({str(group) for group in rows["group"]}))
        middle = name_dimension(str(dimension))
        for row in _list_rows(rows):
            metric = name_metric(str(row.metric), coverage)
            yield Measure(f"{metric}.{middle}.{groups[str(row.group)]}", float(row.value))


def _list_rows(frame: pd.DataFrame) -> Iterator[Any]:
    yield from frame.itertuples(index=False)


def _divide(measures: Iterable[Measure]) -> Measures:
    """Part the finite from the undefined; the first value of a name and step counts."""
    seen: dict[tuple[str, int], Measure] = {}
    for measure in measures:
        seen.setdefault((measure.name, measure.step), measure)
    defined = tuple(m for m in seen.values() if math.isfinite(m.value))
    undefined = sorted({m.name for m in seen.values() if not math.isfinite(m.value)})
    return Measures(defined, tuple(undefined))
