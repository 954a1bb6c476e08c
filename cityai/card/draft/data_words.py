"""What the rows that are used lack, in plain sentences: limits on quality, or outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cityai.columns import Y_TRUE
from cityai.findings import Finding, Status
from cityai.i18n.messages import join, say

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts
    from cityai.card.record.measured import QualityMeasure


def tell_limits(facts: CardFacts, measures: Iterable[QualityMeasure]) -> tuple[str, ...]:
    """Say which quality limits were missed, and which checks of the data failed."""
    missed = sorted({m.dimension for m in measures if m.status == "fail"})
    named = {f"quality.{dimension}" for dimension in missed}
    failed = _name_failed(facts.quality.findings, named) if facts.quality else []
    said = []
    if missed:
        said.append(say("Limits missed: {missed}.", missed=join(", ", missed)))
    if failed:
        said.append(say("Checks of the data that failed: {failed}.", failed=join(", ", failed)))
    return tuple(said) or (say("No limit on the quality was missed."),)


def _name_failed(findings: Iterable[Finding], named: set[str]) -> list[str]:
    failed = (f.title for f in findings if f.status is Status.FAIL and f.code not in named)
    return list(dict.fromkeys(failed))


def tell_outcomes(facts: CardFacts, measures: Iterable[QualityMeasure]) -> tuple[str, ...]:
    """Say how many rows have an outcome: of rows that were handed over nothing else is measured."""
    known = facts.predictions.table[Y_TRUE].notna().sum()
    return (say("{known:,} have a known outcome.", known=known),)
