"""Findings: one statement each, with a status. Silence never means pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The outcome of one check."""

    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH = "not enough evidence"
    NOT_APPLICABLE = "not applicable"
    SUPPRESSED = "suppressed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement about the data, the model or the audit."""

    code: str
    """Stable dotted code, ``chapter.check`` (``audit.under_forecast_share``)."""
    status: Status
    """The outcome."""
    title: str
    """What was checked, as a noun phrase."""
    reason: str
    """One sentence that a council member understands, with the figures."""
    observed: float | None = None
    """The figure that was held against the limit, in `unit`."""
    limit: float | None = None
    """The limit."""
    unit: str = ""
    """Unit of both."""
    subject: str = ""
    """What it is about: ``dimension=group``, a column, an area; empty for the whole."""


SEVERITY = (
    Status.ERROR,
    Status.FAIL,
    Status.NOT_ENOUGH,
    Status.SUPPRESSED,
    Status.NOT_APPLICABLE,
    Status.PASS,
)
"""Statuses, the gravest first."""


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings gravest first, then by code and subject."""
    rank = {status: i for i, status in enumerate(SEVERITY)}
    return tuple(sorted(findings, key=lambda f: (rank[f.status], f.code, f.subject)))


def count_statuses(statuses: Iterable[str]) -> dict[str, int]:
    """Count outcomes by status, every status present."""
    counted = Counter(map(str, statuses))
    return {status.value: counted[status.value] for status in SEVERITY}
