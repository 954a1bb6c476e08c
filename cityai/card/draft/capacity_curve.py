"""What a card says of a ranked list: its capacity curve, its calibration, and who was looked at."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.draft.values import TOO_FEW, as_count, as_number, as_text
from cityai.card.draft.withheld import Withheld
from cityai.card.numbers import write_interval, write_number
from cityai.card.record.ranked import (
    AttentionResult,
    CapacityPoint,
    CurvePoint,
    GroupReach,
    RankedPart,
    SlopeResult,
)
from cityai.card.words import PAIR
from cityai.columns import EVERYWHERE, FORECAST
from cityai.i18n.messages import say

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts
    from cityai.card.draft.subject import Subject

SOURCE: Final = say(
    "evaluation.at_capacity, evaluation.curve, audit.slopes, audit.curves and audit.attention, "
    "from the saved predictions"
)
WITH_INTERVAL: Final = ("precision", "recall", "lift")
NOTABLE: Final = 1.25
"""Times as often as the average from which on it is said that a group was looked at more."""


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
        _make_attention(row, least, withheld, told) for row in _list_rows(audit.attention)
    )
    return RankedPart(
        cases=facts.spec.unit,
        outcome=subject.outcome,
        rule=subject.rule,
        per=subject.per,
        practice=practice,
        practice_label=label,
        capacity=points,
        curve=tuple(_make_band(row, least, withheld) for row in bands),
        slopes=tuple(_make_slope(row, least, withheld) for row in _list_rows(audit.slopes)),
        attention=attention,
        in_words=_describe_attention(attention, subject, facts.spec.unit, _list_labels(facts)),
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


def _make_band(row: Mapping[Hashable, Any], least: int, withheld: Withheld) -> CurvePoint:
    """Make a band of a calibration curve; where few had the outcome, or did not, it is empty."""
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = withheld.veils(dimension, group, exactly=True) or yes is None or min(yes, n - yes) < least
    names = ("mean_score", "outcome_share", "low", "high")
    figures = {name: None if few else round_figure(row[name], "share", n) for name in names}
    return CurvePoint(
        dimension=dimension,
        group=group,
        band=int(row["band"]),
        n=None if few else round_people(n),
        **figures,
    )


def _make_slope(row: Mapping[Hashable, Any], least: int, withheld: Withheld) -> SlopeResult:
    """Return whether the probabilities hold in one group."""
    dimension, group = str(row["dimension"]), str(row["group"])
    n, yes = as_number(row["n"]) or 0.0, as_number(row["yes"])
    few = withheld.veils(dimension, group) or yes is None or min(yes, n - yes) < least
    names = (
        "slope", "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high",
    )  # fmt: skip
    figures = {name: None if few else round_figure(row[name], "ratio", n) for name in names}
    shares = {
        name: None if few else round_figure(row[name], "share", n) for name in ("error", "chance")
    }
    return SlopeResult(
        dimension=dimension,
        group=group,
        n=None if few else round_people(n),
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
        **shares,
    )


def _make_attention(
    row: Mapping[Hashable, Any],
    least: int,
    withheld: Withheld,
    told: Mapping[str, str],
) -> AttentionResult:
    """Return how often one group was looked at."""
    dimension, group = str(row["dimension"]), str(row["group"])
    cases, entities = as_number(row["cases"]) or 0.0, as_number(row["entities"]) or 0.0
    few = withheld.veils(dimension, group) or entities < least
    base_rate = as_number(row["base_rate"])
    yes = cases * (base_rate or 0.0)
    rare = few or base_rate is None or min(yes, cases - yes) < least
    names = ("cases_per_entity", "ratio", "ratio_low", "ratio_high")
    figures = {name: None if few else round_figure(row[name], "ratio", entities) for name in names}
    status = "suppressed" if few else told.get(f"{dimension}={group}", "not applicable")
    return AttentionResult(
        dimension=dimension,
        group=group,
        cases=None if few else round_people(cases),
        entities=None if few else round_people(entities),
        base_rate=None if rare else round_figure(base_rate, "share", cases),
        status=status,  # type: ignore[arg-type]
        reason=TOO_FEW if few else as_text(row["reason"]),
        **figures,
    )


def _describe_attention(
    results: Sequence[AttentionResult], subject: Subject, unit: str, labels: Mapping[str, str]
) -> tuple[str, ...]:
    """Say which groups were looked at more often, and what that means for what is found."""
    more = [
        r for r in results if r.ratio is not None and r.ratio > NOTABLE and PAIR not in r.dimension
    ]
    if not results:
        return ()
    said = [
        say(
            "What is found depends on who was looked at: the more {unit} in a group of "
            "{entities}, the more is found there, whether or not there is more to find.",
            unit=unit,
            entities=subject.entities,
        )
    ]
    for r in sorted(more, key=lambda r: -(r.ratio or 0))[:3]:
        times = write_number(r.ratio, "ratio")
        if r.ratio_low is not None:
            times = say(
                "{times} times ({ratio_low})",
                times=times,
                ratio_low=write_interval(r.ratio_low, r.ratio_high, "ratio"),
            )
        else:
            times = say("{times} times", times=times)
        said.append(
            say(
                "{label}: “{group}” was looked at {times} as often as the average; there "
                "{base_rate} of the {unit} had the outcome.",
                label=labels.get(r.dimension, r.dimension),
                group=r.group,
                times=times,
                base_rate=write_number(r.base_rate, "share"),
                unit=unit,
            )
        )
    return tuple(said)
