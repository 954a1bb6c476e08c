"""Verdicts of a card, counted, and the group that is served worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cityai.assessment.metrics import find_metric
from cityai.card.record.fairness import GroupResult
from cityai.card.words import PAIR, find_side
from cityai.findings import Status, count_statuses
from cityai.i18n.messages import say

Rank = tuple[int, int, float]
"""Greater is worse: whether it is decided, the side that it lies on, then the gap in limits."""


class Judged(Protocol):
    """A figure of a group, held against a limit or not."""

    @property
    def dimension(self) -> str:
        """Its dimension, or two of them."""

    @property
    def limit(self) -> float | None:
        """Its limit."""

    @property
    def status(self) -> str:
        """Its outcome."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many came out which way."""

    passed: int
    failed: int
    unknown: int
    hidden: int
    informed: int
    """Those that passed; failed, or could not be made; lack evidence; may not be shown; only
    inform. Together they are all."""

    @property
    def by_status(self) -> dict[str, int]:
        """The counts that are not 0, by the status that they are of."""
        counts = {
            Status.PASS: self.passed,
            Status.FAIL: self.failed,
            Status.NOT_ENOUGH: self.unknown,
            Status.SUPPRESSED: self.hidden,
            Status.NOT_APPLICABLE: self.informed,
        }
        return {status.value: n for status, n in sorted(counts.items()) if n}

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())


def tally_statuses(statuses: Iterable[str]) -> Tally:
    """Count outcomes, of checks or of groups' figures."""
    counts = count_statuses(statuses)
    return Tally(
        counts[Status.PASS],
        counts[Status.FAIL] + counts[Status.ERROR],
        counts[Status.NOT_ENOUGH],
        counts[Status.SUPPRESSED],
        counts[Status.NOT_APPLICABLE],
    )


def tally_groups(results: Iterable[Judged], *, paired: bool = False) -> Tally:
    """Count the outcomes of groups' figures that a limit applies to; of pairs of groups apart."""
    return tally_statuses(
        r.status
        for r in results
        if r.limit is not None
        and r.status != Status.NOT_APPLICABLE
        and (PAIR in r.dimension) is paired
    )


def rank_result(result: GroupResult) -> Rank:
    """Rank one figure of a group.

    Beyond a limit and not better served comes first, of these who is worse served, then who lies
    away from the metric's best value; then the gap, counted in limits. What is not shown comes
    last.
    """
    gap = result.middle_gap
    if gap is None or not result.limit:
        return (-1, 0, 0.0)
    side = find_side(result.metric, gap)
    size = abs(gap) / result.limit
    if is_beyond(result):
        return (1, _rank_side(result.metric, side), size)
    return (0, 0, -size if side == "better" else size)


def is_beyond(result: GroupResult) -> bool:
    """Tell whether a figure is beyond its limit, and not because the group is better served."""
    return result.status == "fail" and find_side(result.metric, result.middle_gap) != "better"


def _rank_side(metric: str, side: str) -> int:
    known = find_metric(metric)
    away = "above" if known is not None and known.better == "low" else "below"
    return {"worse": 2, away: 1}.get(side, 0)


def rank_group(results: Iterable[GroupResult]) -> Rank:
    """Rank a group, or a dimension, by the worst of its figures."""
    return max((rank_result(r) for r in results), default=(-2, 0, 0.0))


def list_judged(results: Iterable[GroupResult]) -> list[GroupResult]:
    """List the figures of single groups that a limit applies to, the reference's own left out."""
    return [
        r
        for r in results
        if r.limit is not None and PAIR not in r.dimension and r.group != r.reference
    ]


def find_worst(results: Iterable[GroupResult]) -> GroupResult | None:
    """Return the figure of the group that is served worst, where any gap is shown."""
    worst = max(list_judged(results), key=rank_result, default=None)
    return None if worst is None or rank_result(worst)[0] < 0 else worst


def name_worst(results: Iterable[GroupResult]) -> str:
    """Name what the first groups are: served worst only where one is beyond a limit."""
    worst = find_worst(results)
    failed = worst is not None and is_beyond(worst)
    return say("Who is served worst") if failed else say("The largest gaps")
