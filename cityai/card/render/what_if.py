"""Sensitivity of the verdicts to the limit: how many groups would pass or fail at another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

from cityai.card.counts import list_judged
from cityai.card.numbers import write_count, write_gap
from cityai.card.record import CardRecord
from cityai.card.record.fairness import GroupResult
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import describe_metric, order_metrics
from cityai.findings import Status
from cityai.i18n.messages import say
from cityai.inference.equivalence import decide_equivalence

TIMES: Final = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 2.4, 3.0, 4.0)
"""The limits that are shown, as multiples of the city's own."""
OWN: Final = TIMES.index(1.0)
DECIDED: Final = (Status.PASS, Status.FAIL, Status.NOT_ENOUGH)


@dataclass(frozen=True, slots=True)
class OtherLimits:
    """A figure's verdicts at other limits than the city's."""

    label: str
    """What the figure is called."""
    limit: str
    """The city's own limit."""
    grid: Grid
    """A row for each limit."""
    own: int = OWN
    """Which row is the city's."""


def arrange_other_limits(record: CardRecord) -> tuple[OtherLimits, ...]:
    """Arrange, for each figure with a limit, how the published intervals lie to other limits.

    The groups of single dimensions are counted, without the references and without what is not
    shown. At the city's own limit the verdicts of the record are counted as they stand. A group
    that passed is beyond no other limit: the interval that it prints is its own, and a failure
    needs that of all groups together. So what is counted is never surer than the verdicts, and as
    the limit grows no group within it drops out.
    """
    found = []
    for metric in order_metrics(record.fairness.limits):
        judged = list_judged(record.fairness.results)
        results = [r for r in judged if r.metric == metric and Status(r.status) in DECIDED]
        if results:
            found.append(_arrange_metric(metric, results))
    return tuple(found)


def _arrange_metric(metric: str, results: Sequence[GroupResult]) -> OtherLimits:
    own, unit = results[0].limit or 0.0, results[0].unit
    rows: list[list[str | Cell]] = []
    for times in TIMES:
        limit = write_gap(round(own * times, 6), unit, signed=False)
        counts = Counter(_decide(r, times) for r in results)
        named = say("{limit} (the city’s own)", limit=limit) if times == 1 else limit
        rows.append([named, *(write_count(counts[status]) for status in DECIDED)])
    label = describe_metric(metric).label
    columns = (
        say("If the limit were"),
        say("Groups within it"),
        say("Groups beyond it"),
        say("Cannot be told"),
    )
    caption = say("{label}: what another limit would change", label=label)
    grid = make_grid(caption, columns, rows, (1, 2, 3))
    return OtherLimits(label, write_gap(own, unit, signed=False), grid)


def _decide(result: GroupResult, times: float) -> Status:
    own = Status(result.status)
    # What is within a limit is within a wider one, whether or not its interval is printed.
    kept = (own is Status.PASS and times > 1) or (own is Status.FAIL and times < 1)
    if times == 1 or kept or result.limit is None:
        return own
    gap, low, high = (
        nan if figure is None else figure
        for figure in (result.gap, result.gap_low, result.gap_high)
    )
    status = decide_equivalence(gap, (low, high), (low, high), result.limit * times).status
    # A group that passed prints the interval of its own test, which shows no failure.
    return Status.NOT_ENOUGH if own is Status.PASS and status is Status.FAIL else status
