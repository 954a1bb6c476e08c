"""Matrix of groups and figures: one part a dimension, the worst served first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cityai.card.counts import find_worst, list_judged, name_worst, rank_group
from cityai.card.numbers import (
    MISSING,
    count_decimals,
    find_finest,
    write_brief_gap,
    write_figure,
    write_sure,
    write_to,
)
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart, DimensionVerdict, FairnessPart, GroupResult
from cityai.card.render.tables import Cell
from cityai.card.words import (
    BEYOND,
    PAIR,
    Own,
    describe_metric,
    find_side,
    name_verdict,
    order_metrics,
)
from cityai.columns import EVERYWHERE
from cityai.i18n.messages import say

SIDES = {
    "worse": say("worse"),
    "better": say("better"),
    "above": say("above"),
    "below": say("below"),
}


FEW = 3
"""Dimensions of which two groups each have room on the open page."""
ORDER = ("fail", "error", "not enough evidence", "pass", "not applicable", "suppressed")
"""What decides of several outcomes, first to last."""
GRAVITY = (
    "beyond",
    "leans beyond",
    "gap of open size",
    "too few to say",
    "",
    "no gap seen",
    "within",
)
"""The same of grades."""


@dataclass(frozen=True, slots=True)
class Judged(Cell):
    """A figure with its verdict; `heard` says the verdict to who does not see its sign."""

    mark: str = ""
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """One dimension: its verdict, a row a group, and the figure of the group served worst."""

    label: str
    verdict: Judged
    told: str
    rows: tuple[tuple[Cell, ...], ...]
    worst: GroupResult | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """The table of groups and figures."""

    caption: str
    columns: tuple[str, ...]
    bodies: tuple[Body, ...]


def list_dimensions(record: CardRecord) -> list[DimensionPart]:
    """List the dimensions whose groups are not pairs, that with the worst served group first."""
    judged = list_judged(record.fairness.results)
    alone = [d for d in record.fairness.dimensions if PAIR not in d.name]
    return sorted(
        alone, key=lambda d: rank_group(r for r in judged if r.dimension == d.name), reverse=True
    )


def count_groups(record: CardRecord) -> int:
    """Count the groups of all dimensions."""
    return sum(len(d.groups) for d in record.fairness.dimensions if PAIR not in d.name)


def tell_groups(record: CardRecord) -> tuple[str, ...]:
    """Return what is said of all groups together, and of who was looked at more."""
    ranked = record.eval.ranked
    return (*record.fairness.in_words, *(ranked.in_words if ranked else ()))


def arrange_worst(record: CardRecord) -> Matrix:
    """Arrange the worst served groups of every dimension: two, or one where there are many."""
    return arrange_matrix(record, 2 if len(list_dimensions(record)) <= FEW else 1)


def arrange_matrix(record: CardRecord, most: int | None = None) -> Matrix:
    """Arrange the groups of every dimension by figures that have a limit.

    Parameters
    ----------
    most : int, optional
        Rows a dimension; all by default.
    """
    results = [r for r in record.fairness.results if PAIR not in r.dimension]
    known = {r.metric for r in results if r.limit is not None and _is_told(r)}
    metrics = [m for m in order_metrics(record.fairness.limits) if m in known]
    decimals = {m: _find_decimals(r for r in results if r.metric == m) for m in metrics}
    bodies = [
        body
        for dimension in list_dimensions(record)
        if (body := _arrange_dimension(dimension, decimals, record.fairness, most)).rows
    ]
    if bodies and metrics and (whole := _write_whole(decimals, results)):
        bodies.insert(0, Body("", Judged(""), "", (whole,)))
    columns = (say("Group"), *(describe_metric(m).label for m in metrics))
    caption = name_worst(results) if most else say("All groups ({n})", n=count_groups(record))
    return Matrix(caption, columns, tuple(bodies) if metrics else ())


def _is_told(result: GroupResult) -> bool:
    """Tell whether there is a figure, or one that is hidden; of no range there is none."""
    return result.value is not None or result.status != "not applicable"


def _find_decimals(results: Iterable[GroupResult]) -> int:
    """Return how finely a column writes its figures."""
    return max((find_finest((r.value, r.reference_value), r.unit) for r in results), default=0)


def _write_whole(decimals: Mapping[str, int], results: Sequence[GroupResult]) -> tuple[Cell, ...]:
    """Write what the groups are compared with, where that is everyone."""
    beside = [r for r in results if r.reference == EVERYWHERE and r.limit is not None]
    found = {r.metric: r for r in beside if r.reference_value is not None}
    if not found:
        return ()
    values = [
        write_to(found[m].reference_value, found[m].unit, n) if m in found else MISSING
        for m, n in decimals.items()
    ]
    return (Cell(say("Everyone")), *map(Cell, values))


def _arrange_dimension(
    dimension: DimensionPart,
    decimals: Mapping[str, int],
    fairness: FairnessPart,
    most: int | None,
) -> Body:
    own = [r for r in fairness.results if r.dimension == dimension.name]
    groups = sorted(
        dimension.groups,
        key=lambda g: rank_group(r for r in list_judged(own) if r.group == g.name),
        reverse=True,
    )
    by_key = {(r.group, r.metric): r for r in own}
    rows = tuple(
        (Cell(Own(g.name)), *(_judge(by_key.get((g.name, m)), n) for m, n in decimals.items()))
        for g in groups[:most]
    )
    verdicts = [v for v in fairness.verdicts if v.dimension == dimension.name]
    verdict, told = _tell_dimension(own, verdicts)
    return Body(dimension.label, verdict, told, rows, find_worst(own))


def _judge(result: GroupResult | None, decimals: int) -> Cell:
    if result is None:
        return Cell(MISSING)
    status = result.status
    verdict, mark = name_verdict(status, result.grade)
    if result.value is None and result.between is None:
        return Judged(verdict, status, mark)
    value = write_result(result, decimals)
    if result.group == result.reference:
        return Cell(say("{value}, the reference", value=value))
    side = find_side(result.metric, result.middle_gap)
    if side and result.status == "fail":
        told = say("{value}, {side}", value=value, side=SIDES[side])
        return Judged(told, status, mark, BEYOND[side])
    if side and result.grade == "leans beyond":
        told = say("{value}, leans {side}", value=value, side=SIDES[side])
        return Judged(told, status, mark, verdict)
    return Judged(value, status, mark, verdict)


def write_result(result: GroupResult, decimals: int, *, gap: bool = False) -> str:
    """Write a group's figure, or its gap, as those beside it; no finer than the record has it."""
    unit = result.unit
    between, value = (result.gap_between, result.gap) if gap else (result.between, result.value)
    if between is not None:
        return write_figure(value, between, unit, gap=gap)
    known = (result.value, result.low, result.high, result.gap, result.gap_low, result.gap_high)
    most = max(count_decimals(v, unit) for v in known)
    return write_to(value, unit, min(decimals, most), gap=gap)


def _tell_dimension(
    own: Sequence[GroupResult], verdicts: Iterable[DimensionVerdict]
) -> tuple[Judged, str]:
    """Say the verdict on a dimension, and which two groups lie farthest apart."""
    known = [v for v in verdicts if v.spread is not None and v.worst and v.best]
    status, grade = _choose_verdict(own, known)
    called, mark = name_verdict(status, grade)
    verdict = Judged(called, status, mark)
    if known:
        widest = max(known, key=lambda v: (v.status == status, abs(v.spread or 0.0) / v.limit))
        return verdict, _tell_spread(widest)
    worst = find_worst(own)
    if worst is None:
        return verdict, ""
    told = say(
        "largest gap: “{group}”, {metric}, {gap}",
        group=worst.group,
        metric=describe_metric(worst.metric).label.lower(),
        gap=write_brief_gap(worst.gap, worst.gap_between, worst.unit),
    )
    return verdict, told


def _choose_verdict(
    own: Sequence[GroupResult], verdicts: Sequence[DimensionVerdict]
) -> tuple[str, str]:
    """Choose what decides of a dimension: a group beyond its limit, else the gravest gap."""
    judged = [(r.status, r.grade) for r in list_judged(own)]
    found = [*((v.status, v.grade) for v in verdicts), *judged]
    decided = [f for f in judged if f[0] in {"fail", "error"}]
    ranked = sorted(decided or found, key=lambda f: (_place(f[0], ORDER), _place(f[1], GRAVITY)))
    return ranked[0] if ranked else ("suppressed", "")


def _place(word: str, order: Sequence[str]) -> int:
    """Place of a word in an order; what is not in it comes last."""
    return order.index(word) if word in order else len(order)


def _tell_spread(verdict: DimensionVerdict) -> str:
    """Say how far apart two groups lie."""
    ends = (verdict.spread_low, verdict.spread_high)
    gap = write_sure(verdict.spread, *ends, verdict.unit, gap=True)
    return say(
        "“{worst}” beside “{best}”: {metric}, {gap}",
        worst=verdict.worst,
        best=verdict.best,
        metric=describe_metric(verdict.metric).label.lower(),
        gap=gap,
    )
