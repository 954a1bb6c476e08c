"""What may be said of a list that is small itself, or in some replay, by any way of ranking it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from cityai.assessment.measurer import Paired
from cityai.assessment.metrics import find_metric
from cityai.assessment.ranking.score_metrics import ScoreMetrics
from cityai.columns import EVERYWHERE, FOLD, LIST_HEADLINE, Y_PRED
from cityai.disclosure.apply_rounding import COARSE, IN_RANGES, RANGES
from cityai.disclosure.primary_suppression import is_few
from cityai.disclosure.small_whole import (
    KINDS,
    TABLE,
    Range,
    SmallWhole,
    bound_whole,
    hide_slices,
    leaves_open,
    mark_kinds,
    mark_rate,
    tell_margins,
)
from cityai.findings import Status
from cityai.records.metric import Floats

RATES: Final = {LIST_HEADLINE: "true_positive_rate", "precision": "precision"}
"""Rates of a decision, by the name that they have as figures of a list."""
DECIDED: Final = frozenset({*RATES, "lift"})
"""Figures that tell how many of each kind are selected."""
FIRST_HALF: Final = "first_half_share"
FOUND: Final = mark_kinds("outcome", "selected")
Row = dict[str, Any]


class SmallList:
    """The small counts of a list, whole and by replay, as each way of ranking selects.

    Where few of a kind are selected by the forecast, or passed over, its rates are ranges, and no
    other way's are said: the verdict of a comparison stands beside them. By replay no rate is said
    that rests on a small count, nor what would reveal one beside the whole.
    """

    def __init__(self, whole: ScoreMetrics) -> None:
        self.whole, self.least = whole, whole.spec.policy.small_cell
        self.counts: dict[str, dict[str, Floats]] = {}
        self.bounds: dict[str, SmallWhole | None] = {}

    def count(self, column: str) -> dict[str, Floats]:
        """Count the cases by kind, whole and by replay."""
        if column not in self.counts:
            self.counts[column] = self.whole.count_kinds(column)
        return self.counts[column]

    def bound(self, column: str) -> SmallWhole | None:
        """Return what is said of whom this score selects; nothing where none of it is small."""
        if column not in self.bounds:
            counts = self.count(column)[EVERYWHERE]
            self.bounds[column] = None if self.whole.few else bound_whole(counts, self.least)
        return self.bounds[column]

    def withhold(self, column: str, rows: Iterable[Row]) -> list[Row]:
        """Leave out what would give a small count away: rows of one score, by slice and metric."""
        gone = self.find_hidden(column)
        rows = list(rows)
        half = {r["slice"]: r["value"] for r in rows if r["metric"] == FIRST_HALF}
        halves = self.find_hidden_halves(column, half)
        return [self._say_row(column, row, gone, halves) for row in rows]

    def find_hidden(self, column: str) -> frozenset[str]:
        """Find the slices of which no rate of this score is said exactly."""
        named = dict(self.count(column))
        if self.bound(Y_PRED) is not None:
            return frozenset(named)
        whole = {EVERYWHERE} if self.bound(column) is not None else set()
        del named[EVERYWHERE]
        kinds = [KINDS.index((came, chosen)) for came, chosen in TABLE]
        hidden = hide_slices(np.array([*named.values()])[:, kinds], self.least)
        return frozenset(whole | {name for name, hide in zip(named, hidden, strict=True) if hide})

    def find_hidden_halves(self, column: str, half: Mapping[str, float]) -> frozenset[str]:
        """Find the slices of which it is not said how many true cases its first half holds."""
        if self.bound(Y_PRED) is not None:
            return frozenset(half)
        yes = np.array([self.count(column)[name][:2].sum() for name in half])
        share = np.array([*half.values()], dtype=np.float64)
        counts = np.nan_to_num(np.column_stack([share * yes, yes - share * yes])).round(9)
        names = np.array([*half])
        whole = names == EVERYWHERE
        hidden = np.asarray(is_few(counts, self.least).any(axis=1))
        hidden[~whole] = hide_slices(counts[~whole], self.least)
        return frozenset(names[hidden].tolist())

    def _say_row(self, column: str, row: Row, gone: frozenset[str], halves: frozenset[str]) -> Row:
        metric, at = str(row["metric"]), row["slice"]
        hide = (metric in DECIDED and at in gone) or (metric == FIRST_HALF and at in halves)
        if not hide or not math.isfinite(row["value"]):
            return row
        row |= dict.fromkeys(("value", "low", "high"), math.nan)
        said = self.bound(column) if at == EVERYWHERE and row["slice_kind"] != FOLD else None
        ends = None if said is None else find_ends(said, metric)
        if ends is None:
            return row | {"reason": COARSE}
        return row | dict(zip(RANGES, ends, strict=False)) | {"reason": IN_RANGES}


def find_ends(said: SmallWhole, name: str) -> Range | None:
    """Find the range of a figure of a list; nothing where it is not said."""
    metric = find_metric(RATES.get(name, ""))
    return None if metric is None else said.find_rate(*mark_rate(metric))


def hide_pair(pair: Paired, both: ScoreMetrics, column: str, small: SmallList) -> Paired:
    """Leave the figures of a comparison unsaid where a small count would follow from them.

    So is the verdict, where it would narrow the count beside what is said of both: the reader is
    taken to know how far the interval reaches.
    """
    name, least = pair.metric.name, small.least
    if pair.reason or name not in {*DECIDED, FIRST_HALF}:
        return pair
    counts = [both.count_kinds(c)[EVERYWHERE] for c in (Y_PRED, column)]
    said = [bound_whole(each, least) for each in counts]
    whole = small.bound(Y_PRED)
    unsaid = any(each is not None for each in (whole, *said))
    if name == FIRST_HALF:
        yes = both.truth.sum()
        shares = np.array([pair.ours, pair.theirs])
        halves = np.concatenate([shares, 1 - shares]) * yes
        return replace(pair, unsaid=unsaid or bool(is_few(halves.round(9), least).any()))
    if not unsaid:
        return pair
    # Where the forecast's list is small, the other's figures are not said: they may be anything.
    ends = [
        (own or SmallWhole(tell_margins(each, least), ())).find_range(FOUND)
        if own or whole
        else (float(each @ FOUND),) * 2
        for own, each in zip(said, counts, strict=True)
    ]
    margin = float(pair.margin * both.truth.sum())
    silent = _find_silent(ends, [own is not None for own in said], margin, least)
    return replace(pair, unsaid=True, folds=0, silent=tuple(silent))


def _find_silent(
    ends: Sequence[Range], small: Sequence[bool], margin: float, least: float
) -> Iterator[Status]:
    """List the verdicts that would narrow a small count of either list of a comparison."""
    gaps = {
        Status.PASS: (margin, math.inf),
        Status.FAIL: (-math.inf, -margin),
        Status.NOT_ENOUGH: (-margin, margin),
    }
    ours, theirs = ends
    for status, (low, high) in gaps.items():
        told = ((ours, theirs, (low, high)), (theirs, ours, (-high, -low)))
        held = (leaves_open(*each, least) for each, few in zip(told, small, strict=True) if few)
        if math.isfinite(margin) and not all(held):
            yield status
