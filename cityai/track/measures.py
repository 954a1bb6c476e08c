"""The figures of a card as MLflow metrics: few, in sections, and none that a card may not show."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cityai.card.counts import Tally, tally_groups, tally_statuses
from cityai.card.record import CardRecord
from cityai.card.record.part import Number, index_whole
from cityai.card.words import PAIR
from cityai.columns import BASELINE, FORECAST, HEADLINE, LIST_HEADLINE
from cityai.track.names import (
    BESIDE,
    CHECKS,
    FOLDS,
    GROUPS,
    WHOLE,
    name_dimension,
    name_groups,
    name_metric,
)

MOST: Final = 25
"""Metrics of a run: as many as a page of charts shows at a glance. All others are in tables."""
MOST_HEADLINES: Final = 8
MOST_BESIDE: Final = 4
WORST: Final = "worst_gap"
"""Largest gap between two groups of a dimension, as a multiple of its limit: 1 is at the limit."""
LONGEST_PARAM: Final = 250
LONGEST_TAG: Final = 5000
"""Characters that every MLflow server takes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One value of one MLflow metric; None where it is undefined, or may not be shown."""

    name: str
    value: float | None
    step: int = 0


@dataclass(frozen=True)
class Measures:
    """What can be logged, and what has no value."""

    logged: tuple[Measure, ...]
    """Finite values of at most `MOST` metrics."""
    undefined: tuple[str, ...]
    """Names of metrics that have none (for at least one step)."""

    @property
    def values(self) -> dict[str, float]:
        """The latest value of each metric, by name."""
        return {m.name: m.value for m in self.logged if m.value is not None}


def measure_card(card: CardRecord) -> Measures:
    """Return the metrics of a run.

    Returns
    -------
    Measures
        ``headline/wape`` and its like (the deciding metric first), ``beside/<baseline>`` (the same
        metric of a baseline), ``beside/periods_won``, ``folds/wape`` (step = fold),
        ``checks/failed``, ``groups/failed``, and ``<dimension>/worst_gap``.
    """
    metrics = list_headlines(card)
    return _divide(
        [
            *_measure_model(card, FORECAST, metrics),
            *_measure_beside(card, metrics[:1]),
            *_count(CHECKS, tally_statuses(finding.status for finding in card.findings)),
            *_count(GROUPS, tally_groups(card.fairness.results)),
            *_measure_gaps(card),
        ]
    )


def measure_model(card: CardRecord, model: str) -> Measures:
    """Return the metrics of one candidate or baseline, named as the run's own."""
    return _divide(_measure_model(card, model, list_headlines(card)))


def list_headlines(card: CardRecord) -> list[str]:
    """List the metrics over all rows that are logged: what decides, what has a limit, the rest."""
    known = [metric for model, metric in index_whole(card.eval.metrics) if model == FORECAST]
    first = (HEADLINE, LIST_HEADLINE, *card.fairness.limits)
    return list(dict.fromkeys((*(m for m in first if m in known), *known)))[:MOST_HEADLINES]


def list_models(card: CardRecord) -> tuple[str, ...]:
    """Return the candidates and baselines that were evaluated."""
    return tuple(sorted({n.slice["model"] for n in card.eval.metrics} - {FORECAST}))


def name_headline(card: CardRecord) -> str:
    """Return the name of the metric that decides."""
    return next((_name(card, WHOLE, metric) for metric in list_headlines(card)), "")


def _measure_model(card: CardRecord, model: str, metrics: Iterable[str]) -> Iterator[Measure]:
    whole = index_whole(card.eval.metrics)
    for i, metric in enumerate(metrics):
        if (model, metric) in whole:
            yield Measure(_name(card, WHOLE, metric), whole[model, metric].value)
        if i == 0:
            own = (n for n in card.eval.metrics if (n.slice["model"], n.metric) == (model, metric))
            yield from (_measure_fold(card, number) for number in own if "fold" in number.slice)


def _measure_fold(card: CardRecord, number: Number) -> Measure:
    return Measure(_name(card, FOLDS, number.metric), number.value, int(number.slice["fold"]))


def _measure_beside(card: CardRecord, deciding: Iterable[str]) -> Iterator[Measure]:
    """Yield the deciding metric of each baseline, today's practice first."""
    for metric in deciding:
        values = {
            model.removeprefix(BASELINE): n.value
            for (model, measured), n in index_whole(card.eval.metrics).items()
            if measured == metric and model.startswith(BASELINE)
        }
        first = [card.eval.practice, *(m.name for m in card.model.baselines)]
        kept = [name for name in dict.fromkeys((*first, *values)) if name in values]
        names = name_groups(kept)
        for name in kept[:MOST_BESIDE]:
            yield Measure(f"{BESIDE}/{names[name]}", values[name])
        for found in card.eval.comparisons:
            if (found.baseline, found.metric) == (card.eval.practice, metric) and found.folds:
                won = round((found.folds_won or 0) / found.folds, 3)
                yield Measure(f"{BESIDE}/periods_won", won)


def _count(section: str, tally: Tally) -> Iterator[Measure]:
    yield Measure(f"{section}/failed", float(tally.failed))
    yield Measure(f"{section}/undecided", float(tally.unknown))


def _measure_gaps(card: CardRecord) -> Iterator[Measure]:
    """Yield each dimension's largest gap; undefined where one of its gaps may not be said."""
    for dimension in card.fairness.dimensions:
        if PAIR in dimension.name:
            continue
        own = [v for v in card.fairness.verdicts if v.dimension == dimension.name]
        gaps = [None if v.spread is None else abs(v.spread) / v.limit for v in own]
        known = [gap for gap in gaps if gap is not None]
        if own:
            largest = round(max(known), 2) if len(known) == len(own) else None
            yield Measure(f"{name_dimension(dimension.name)}/{WORST}", largest)


def _name(card: CardRecord, section: str, metric: str) -> str:
    return f"{section}/{name_metric(metric, card.eval.nominal_coverage)}"


def _divide(measures: Iterable[Measure]) -> Measures:
    """Part the defined from the undefined; the first `MOST` names count, and of each its first."""
    seen: dict[tuple[str, int], Measure] = {}
    for measure in measures:
        seen.setdefault((measure.name, measure.step), measure)
    kept = list(dict.fromkeys(name for name, _ in seen))[:MOST]
    defined = tuple(m for m in seen.values() if m.name in kept and _is_known(m))
    undefined = sorted({m.name for m in seen.values() if m.name in kept and not _is_known(m)})
    return Measures(defined, tuple(undefined))


def _is_known(measure: Measure) -> bool:
    return measure.value is not None and math.isfinite(measure.value)


def log_batch(
    client: Any,
    run_id: str,
    measures: Iterable[Measure] = (),
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Log all that a run has in one call.

    Call it inside `cityai.track.door.call_mlflow`.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The door to the store.
    run_id : str
        MLflow's name of the run.
    measures : iterable of Measure
        Its metrics.
    params, tags : mapping of str to str, optional
        Its parameters and tags.
    about : mapping of str to str, optional
        ``model_id``, ``dataset_name``, ``dataset_digest``: the model that the metrics over all
        rows are of.
    """
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    whole, fold = about or {}, f"{FOLDS}/"
    client.log_batch(
        run_id,
        metrics=[
            Metric(m.name, m.value, now, m.step, **({} if m.name.startswith(fold) else whole))
            for m in measures
        ],
        params=[Param(k, cut_text(text, LONGEST_PARAM)) for k, text in (params or {}).items()],
        tags=[RunTag(k, cut_text(text, LONGEST_TAG)) for k, text in (tags or {}).items()],
    )


def cut_text(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, its end shown as cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
