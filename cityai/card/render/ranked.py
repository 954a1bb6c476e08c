"""Tables of a ranked list: the capacity as a slider, odds by group, who is looked at."""

from __future__ import annotations

from cityai.card.record import CardRecord
from cityai.card.record.measured import DimensionPart
from cityai.card.record.ranked import AttentionResult, RankedPart, SlopeResult
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import (
    MISSING,
    STATUS_WORDS,
    describe_metric,
    write_count,
    write_interval,
    write_number,
)
from cityai.columns import BASELINE, EVERYWHERE

SHOWN = (
    "selection_rate",
    "true_positive_rate",
    "precision",
    "false_positive_rate",
    "selection_for_need",
    "exposure_for_need",
    "base_rate",
)
"""Figures of a group that a reader of a list asks for, in this order."""


def arrange_capacity(part: RankedPart) -> Grid:
    """Arrange what this list, and today's order, find at several capacities."""
    practice = {p.capacity: p for p in part.capacity if p.model == f"{BASELINE}{part.practice}"}
    rows = []
    for p in part.capacity:
        if p.model != "forecast":
            continue
        other = practice.get(p.capacity)
        rows.append(
            (
                f"{p.capacity:,}{', the city’s own' if p.declared else ''}",
                write_number(p.share, "share"),
                write_number(p.precision, "share"),
                MISSING if other is None else write_number(other.precision, "share"),
                write_number(p.recall, "share"),
                write_interval(p.recall_low, p.recall_high, "share"),
                MISSING if other is None else write_number(other.recall, "share"),
                p.reason,
            )
        )
    theirs = part.practice_label or "today's order"
    columns = (
        "Capacity", "Selected", "Selected rightly", "Beside", "Found of all", "Interval", "Beside",
        "Note",
    )  # fmt: skip
    caption = (
        f"What would be found with more or less capacity, per {_name(part.per)}. Beside: {theirs}"
    )
    return make_grid(caption, columns, rows, range(1, 7))


def arrange_list_groups(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange what the list does to each group: selected, found, missed, ranked."""
    own = {(r.group, r.metric): r for r in record.fairness.results if r.dimension == dimension.name}
    rows = [
        [
            g.name,
            *(
                write_number(r.value, r.unit) if (r := own.get((g.name, m))) else MISSING
                for m in SHOWN
            ),
        ]
        for g in dimension.groups
    ]
    columns = ("Group", *(describe_metric(m).label for m in SHOWN))
    caption = f"{dimension.label}: what the list does"
    return make_grid(caption, columns, rows, range(1, len(columns)))


def arrange_slopes(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange whether the probabilities hold in each group."""
    part = record.eval.ranked
    own = [s for s in (part.slopes if part else ()) if s.dimension in {dimension.name, EVERYWHERE}]
    rows = [_write_slope(s) for s in own]
    columns = (
        "Group", "Cases", "Slope", "Interval", "Intercept", "Interval of it",
        "Error over bands", "By chance alone", "Note",
    )  # fmt: skip
    return make_grid(f"{dimension.label}: do the probabilities hold?", columns, rows, range(1, 8))


def _write_slope(s: SlopeResult) -> tuple[str, ...]:
    return (
        "Everyone" if s.dimension == EVERYWHERE else s.group,
        write_count(s.n),
        write_number(s.slope, "ratio"),
        write_interval(s.slope_low, s.slope_high, "ratio"),
        write_number(s.intercept, "ratio"),
        write_interval(s.intercept_low, s.intercept_high, "ratio"),
        write_number(s.error, "share"),
        write_number(s.chance, "share"),
        s.reason,
    )


def arrange_attention(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange how often each group was looked at."""
    part = record.eval.ranked
    own = [a for a in (part.attention if part else ()) if a.dimension == dimension.name]
    unit, entities = record.model.unit, record.eval.places_label
    rows = [_write_attention(a) for a in own]
    columns = (
        "Group", unit.capitalize(), entities.capitalize(), f"{unit.capitalize()} each",
        "Against everyone", "Interval", "Had the outcome", "Outcome of the check",
    )  # fmt: skip
    return make_grid(f"{dimension.label}: who was looked at", columns, rows, range(1, 7))


def _write_attention(a: AttentionResult) -> tuple[str | Cell, ...]:
    return (
        a.group,
        write_count(a.cases),
        write_count(a.entities),
        write_number(a.cases_per_entity, "ratio"),
        MISSING if a.ratio is None else f"{write_number(a.ratio, 'ratio')} times",
        write_interval(a.ratio_low, a.ratio_high, "ratio"),
        write_number(a.base_rate, "share"),
        Cell(STATUS_WORDS[a.status], a.status),
    )


def _name(per: str) -> str:
    return "stretch that was tested" if per == "fold" else per
