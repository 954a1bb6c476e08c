"""What the top of a list holds at several capacities, rounded, small cells left out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cityai.card.draft.calibration import make_band, make_slope
from cityai.card.draft.inspection_rates import describe_attention, make_attention
from cityai.card.draft.rounding import round_figure
from cityai.card.draft.values import TOO_FEW, as_count, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.record.ranked import CapacityPoint, GroupReach, RankedPart
from cityai.columns import EVERYWHERE, FORECAST
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts

SOURCE: Final = say(
    "evaluation.at_capacity, evaluation.curve, audit.slopes, audit.curves and audit.attention, "
    "from the saved predictions"
)
WITH_INTERVAL: Final = ("precision", "recall", "lift")


def draft_ranked(
    facts: CardFacts, withheld: Withheld, practice: str, label: str
) -> RankedPart | None:
    """Draft the part on a list that is worked off from its top, where one was ranked.

    Parameters
    ----------
    practice, label : str
        The order that stands for today's practice, and what it is called.
    """
    evaluation, audit, subject = facts.evaluation, facts.audit, facts.subject
    if evaluation.at_capacity is None:
        return None
    least = facts.spec.policy.small_cell
    points = tuple(
        _make_point(row, least, withheld) for row in evaluation.at_capacity.to_dict("records")
    )
    bands = _list_rows(evaluation.curve, dimension=EVERYWHERE, group=EVERYWHERE)
    bands += [row for row in _list_rows(audit.curves) if row["dimension"] != EVERYWHERE]
    told = {
        finding.subject: finding.status.value
        for finding in facts.audit.findings
        if finding.code == "audit.inspected_more"
    }
    attention = tuple(
        make_attention(row, least, withheld, told) for row in _list_rows(audit.attention)
    )
    return RankedPart(
        cases=facts.spec.unit,
        outcome=subject.outcome,
        rule=subject.rule,
        per=subject.per,
        practice=practice,
        practice_label=label,
        capacity=points,
        curve=tuple(make_band(row, least, withheld) for row in bands),
        slopes=tuple(make_slope(row, least, withheld) for row in _list_rows(audit.slopes)),
        attention=attention,
        in_words=describe_attention(attention, subject, facts.spec.unit, _list_labels(facts)),
        source=SOURCE,
        groups=tuple(
            _make_reach(row) for row in list_reach(facts, withheld) if row["model"] == FORECAST
        ),
    )


def _list_labels(facts: CardFacts) -> dict[str, str]:
    """Return what each dimension is called."""
    named = facts.audit.dimensions
    return dict(zip(named["dimension"], named["label"], strict=True))


def list_reach(facts: CardFacts, withheld: Withheld) -> list[dict[Hashable, Any]]:
    """List the rows of `Audit.reach`, of dimensions in which nothing at all is withheld."""
    gone = {dimension for dimension, _ in withheld.groups | withheld.ranges}
    rows = [] if withheld.whole else _list_rows(facts.audit.reach)
    return [row for row in rows if row["dimension"] not in gone]


def _make_reach(row: Mapping[Hashable, Any]) -> GroupReach:
    return GroupReach(
        dimension=str(row["dimension"]),
        group=row["group"],
        capacity=as_count(row["capacity"]),
        own=bool(row["own"]),
        selected=round_figure(row["selected"] / row["n"], "share", row["selected"]),
        recall=round_reach(row),
    )


def round_reach(row: Mapping[Hashable, Any]) -> float | None:
    """Round the share of a group's true cases that is found; nothing where it has none."""
    size = min(row["selected"], row["yes"])
    return round_figure(row["found"] / row["yes"], "share", size) if row["yes"] else None


def _list_rows(table: pd.DataFrame | None, **columns: str) -> list[dict[Hashable, Any]]:
    return [] if table is None else table.assign(**columns).to_dict("records")


def _make_point(row: Mapping[Hashable, Any], least: int, withheld: Withheld) -> CapacityPoint:
    selected, found = as_number(row["selected"]) or 0.0, as_number(row["found"]) or 0.0
    few = min(found, selected - found) < least or withheld.whole
    recall = as_number(row["recall"])
    size = min(selected, found / recall) if recall else selected
    figures: dict[str, float | None] = {}
    for name in WITH_INTERVAL:
        unit = "ratio" if name == "lift" else "share"
        for end in (name, f"{name}_low", f"{name}_high"):
            figures[end] = None if few else round_figure(row[end], unit, size)
    return CapacityPoint(
        model=str(row["model"]),
        capacity=int(row["capacity"]),
        declared=bool(row["declared"]),
        share=round_figure(row["share"], "share", selected),
        selected=None if few else round(selected),
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
    )
