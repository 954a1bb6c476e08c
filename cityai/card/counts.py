"""Counts of outcomes: the page, the list of cards, the terminal, Markdown and MLflow ask here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cityai.card.words import PAIR
from cityai.findings import Status, count_statuses


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
    """How many came out which way.

    Attributes
    ----------
    passed, failed, unknown, hidden, informed : int
        Those that passed; failed, or could not be made; lack evidence; may not be shown; only
        inform. Together they are all.
    """

    passed: int
    failed: int
    unknown: int
    hidden: int
    informed: int

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
