"""Figures of two cards: how each changed, and whether that is more than noise.

Where both cards were tested on the same rows, a change is paired: its value in every replay, after
minus before, and a Student interval of their mean around the change of the whole. It is widened
for all groups of a dimension together (Bonferroni). Elsewhere two intervals that overlap mean that
chance may explain the change; that errs towards "may be chance".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

from cityai.assessment.baseline_words import name_baseline
from cityai.card.numbers import write_gap, write_interval, write_number
from cityai.card.record import CardRecord
from cityai.card.record.described import Basis, Change, Weight
from cityai.card.record.fairness import GroupResult
from cityai.card.record.part import Number, index_whole
from cityai.card.words import PAIR, describe_metric
from cityai.columns import BASELINE, EVERYWHERE, FOLD, FORECAST
from cityai.i18n.messages import join, say

FEWEST: Final = 6
"""Replays below which a paired change has no interval."""
ORDER: Final = ("beyond chance", "cannot be told", "may be chance")
SAID: Final[dict[str, str]] = {
    "beyond chance": say("more than chance explains"),
    "may be chance": say("chance may explain it"),
    "cannot be told": say("whether it is more than chance cannot be told"),
}
Folds = Mapping[str, float]
"""A figure in every replay."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a change is more than noise, by what, and its interval."""

    weight: Weight
    basis: Basis
    low: float | None = None
    high: float | None = None


def have_same_rows(before: CardRecord, after: CardRecord) -> bool:
    """Tell whether two cards were tested on the same rows: moments, periods and what happened."""
    tests = [
        [(f.as_of, f.test_first, f.test_last) for f in card.eval.folds if f.role == "test"]
        for card in (before, after)
    ]
    happened = [[(p.period_start, p.actual) for p in c.eval.series] for c in (before, after)]
    scored = [
        {m: n.n for (model, m), n in index_whole(card.eval.metrics).items() if model == FORECAST}
        for card in (before, after)
    ]
    return (
        bool(tests[0])
        and tests[0] == tests[1]
        and happened[0] == happened[1]
        and (all(scored[0].get(name) == n for name, n in scored[1].items()))
    )


def compare_figures(
    before: CardRecord, after: CardRecord, *, same_rows: bool
) -> tuple[Change, ...]:
    """Compare the figures of the whole, and every group's gap."""
    changes = [
        *_compare_whole(before, after, same_rows),
        *_compare_groups(before, after, same_rows),
    ]
    return tuple(sorted(changes, key=lambda c: ORDER.index(c.weight)))


def _judge_paired(change: float, before: Folds, after: Folds, confidence: float) -> Verdict:
    """Judge a change by its value in every replay of both."""
    shared = sorted(set(before) & set(after))
    if len(shared) < FEWEST or len(shared) < max(len(before), len(after)):
        return Verdict("cannot be told", "no interval")
    moved = np.array([after[f] - before[f] for f in shared])
    margin = float(moved.std(ddof=1) / math.sqrt(len(moved)))
    margin *= float(student.ppf((1 + confidence) / 2, len(moved) - 1))
    low, high = change - margin, change + margin
    weight: Weight = "may be chance" if low <= 0 <= high else "beyond chance"
    return Verdict(weight, "paired by replay", round(low, 4), round(high, 4))


def judge_apart(
    before: tuple[float | None, float | None], after: tuple[float | None, float | None]
) -> Verdict:
    """Judge a change by whether two intervals overlap."""
    if None in before or None in after:
        return Verdict("cannot be told", "no interval")
    overlap = before[0] <= after[1] and after[0] <= before[1]  # type: ignore[operator]
    return Verdict("may be chance" if overlap else "beyond chance", "simultaneous intervals")


def _compare_whole(before: CardRecord, after: CardRecord, same_rows: bool) -> Iterator[Change]:
    old, new = (_index_whole(card) for card in (before, after))
    for (model, metric), (at, number) in new.items():
        other = old.get((model, metric), (0, None))[1]
        if other is None or other.value == number.value or other.unit != number.unit:
            continue
        verdict = Verdict("cannot be told", "no interval")
        if other.value is not None and number.value is not None:
            verdict = judge_apart((other.low, other.high), (number.low, number.high))
            folds = [_follow_whole(card, model, metric) for card in (before, after)]
            if same_rows and all(folds):
                moved = number.value - other.value
                verdict = _judge_paired(moved, folds[0], folds[1], after.eval.confidence)
        yield _tell_change(
            _name_whole(model, metric, after),
            f"eval.metrics[{at}]",
            (write_number(other.value, other.unit), write_number(number.value, number.unit)),
            (other.value, number.value),
            number.unit,
            verdict,
        )


def _index_whole(card: CardRecord) -> dict[tuple[str, str], tuple[int, Number]]:
    shown = {FORECAST, f"{BASELINE}{card.eval.practice}"}
    return {
        (number.slice["model"], number.metric): (i, number)
        for i, number in enumerate(card.eval.metrics)
        if len(number.slice) == 1 and number.slice.get("model") in shown
    }


def _follow_whole(card: CardRecord, model: str, metric: str) -> Folds:
    return {
        number.slice[FOLD]: number.value
        for number in card.eval.metrics
        if number.metric == metric
        and set(number.slice) == {"model", FOLD}
        and number.slice["model"] == model
        and number.value is not None
    }


def _compare_groups(before: CardRecord, after: CardRecord, same_rows: bool) -> Iterator[Change]:
    old = {(r.dimension, r.group, r.metric, r.reference): r for r in before.fairness.results}
    labels = {d.name: d.label for d in after.fairness.dimensions}
    limited = set(after.fairness.limits) | set(before.fairness.limits)
    kept = [
        (i, r, old[r.dimension, r.group, r.metric, r.reference])
        for i, r in enumerate(after.fairness.results)
        if (r.dimension, r.group, r.metric, r.reference) in old
        and PAIR not in r.dimension
        and r.metric in limited
    ]
    for i, result, other in kept:
        if result.gap is None or other.gap is None or result.gap == other.gap:
            continue
        together = sum(
            r.dimension == result.dimension and r.metric == result.metric for _, r, _ in kept
        )
        verdict = judge_apart((other.gap_low, other.gap_high), (result.gap_low, result.gap_high))
        if same_rows:
            folds = [_follow_gap(card, result) for card in (before, after)]
            if all(folds):
                sure = 1 - (1 - after.fairness.confidence) / together
                verdict = _judge_paired(result.gap - other.gap, folds[0], folds[1], sure)
        words = describe_metric(result.metric).label
        beside = say("the city as a whole") if result.reference == EVERYWHERE else result.reference
        label = labels.get(result.dimension, result.dimension)
        yield _tell_change(
            say(
                "{words}: {group} ({label}) against {beside}",
                words=words,
                group=result.group,
                label=label,
                beside=beside,
            ),
            f"fairness.results[{i}].gap",
            (write_gap(other.gap, other.unit), write_gap(result.gap, result.unit)),
            (other.gap, result.gap),
            result.unit,
            verdict,
        )


def _follow_gap(card: CardRecord, result: GroupResult) -> Folds:
    """Return a group's gap in every replay, where both it and its reference are known there."""
    own = _follow_group(card.fairness.by_fold, result.dimension, result.group, result.metric)
    beside = (
        _follow_whole(card, FORECAST, result.metric)
        if result.reference == EVERYWHERE
        else _follow_group(card.fairness.by_fold, result.dimension, result.reference, result.metric)
    )
    return {fold: own[fold] - beside[fold] for fold in own if fold in beside}


def _follow_group(numbers: Sequence[Number], dimension: str, group: str, metric: str) -> Folds:
    return {
        number.slice[FOLD]: number.value
        for number in numbers
        if number.metric == metric
        and number.slice.get(dimension) == group
        and number.value is not None
    }


def _name_whole(model: str, metric: str, card: CardRecord) -> str:
    words = describe_metric(metric).label
    if model == FORECAST:
        return words
    bare = model.removeprefix(BASELINE)
    name = card.model.baseline_labels.get(bare) or name_baseline(bare, card.model.period)
    return join(", ", (words, name))


def _tell_change(
    subject: str,
    path: str,
    written: tuple[str, str],
    values: tuple[float | None, float | None],
    unit: str,
    verdict: Verdict,
) -> Change:
    said = SAID[verdict.weight]
    if verdict.low is not None:
        change = write_interval(verdict.low, verdict.high, unit, gap=True)
        said = say("{said} (change {change})", said=said, change=change)
    return Change(
        kind="figure",
        subject=subject,
        path=path,
        before=written[0],
        after=written[1],
        value_before=values[0],
        value_after=values[1],
        unit=unit,
        weight=verdict.weight,
        basis=verdict.basis,
        change_low=verdict.low,
        change_high=verdict.high,
        sentence=say(
            "{subject}: {written} before, {written2} now; {said}.",
            subject=subject,
            written=written[0],
            written2=written[1],
            said=said,
        ),
    )
