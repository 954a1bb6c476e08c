"""Tables of a ranked list: more capacity and less, odds by group, who is looked at."""

from __future__ import annotations

from cityai.card.figures.ranked import write_capacity
from cityai.card.record import CardRecord
from cityai.card.record.measured import DimensionPart
from cityai.card.record.ranked import AttentionResult, RankedPart, SlopeResult
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import (
    MISSING,
    STATUS_WORDS,
    describe_metric,
    write_count,
    write_figure,
    write_interval,
    write_number,
)
from cityai.columns import BASELINE, EVERYWHERE
from cityai.i18n.messages import join, say

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
                write_capacity(p),
                write_number(p.share, "share"),
                write_number(p.precision, "share"),
                MISSING if other is None else write_number(other.precision, "share"),
                write_number(p.recall, "share"),
                write_interval(p.recall_low, p.recall_high, "share"),
                MISSING if other is None else write_number(other.recall, "share"),
                p.reason,
            )
        )
    theirs = part.practice_label or say("today's order")
    columns = (
        say("Capacity"),
        say("Selected"),
        say("Selected rightly"),
        say("Beside"),
        say("Found of all"),
        say("Interval"),
        say("Beside"),
        say("Note"),
    )
    per = _name(part.per)
    caption = say(
        "What would be found with more or less capacity, per {per}. Beside: {theirs}",
        per=per,
        theirs=theirs,
    )
    return make_grid(caption, columns, rows, range(1, 7))


def tell_rival(part: RankedPart) -> tuple[str, ...]:
    """Say at which capacities the order beside the list is as good: within its interval, or above.

    Returns
    -------
    tuple of str
        One sentence, or none.
    """
    practice = {p.capacity: p for p in part.capacity if p.model == f"{BASELINE}{part.practice}"}
    level = []
    for own in part.capacity:
        other = practice.get(own.capacity)
        if own.model != "forecast" or other is None or own.precision is None:
            continue
        low = own.precision if own.precision_low is None else own.precision_low
        if other.precision is not None and other.precision >= low:
            figures = (write_number(p.precision, "share") for p in (other, own))
            level.append(f"{write_capacity(own)} ({', '.join(figures)})")
    if not level:
        return ()
    return (
        say(
            "At these capacities, {practice_label} selects about as rightly as this "
            "list, or more so (in brackets its share selected rightly, and this list's): "
            "{level}.",
            practice_label=part.practice_label,
            level=join("; ", level),
        ),
    )


def arrange_list_groups(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange what the list does to each group: selected, found, missed, ranked."""
    own = {(r.group, r.metric): r for r in record.fairness.results if r.dimension == dimension.name}
    rows = [
        [
            g.name,
            *(
                write_figure(r.value, r.between, r.unit) if (r := own.get((g.name, m))) else MISSING
                for m in SHOWN
            ),
        ]
        for g in dimension.groups
    ]
    columns = (say("Group"), *(describe_metric(m).label for m in SHOWN))
    caption = say("{label}: what the list does", label=dimension.label)
    return make_grid(caption, columns, rows, range(1, len(columns)))


def arrange_slopes(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange whether the probabilities hold in each group."""
    part = record.eval.ranked
    own = [s for s in (part.slopes if part else ()) if s.dimension in {dimension.name, EVERYWHERE}]
    rows = [_write_slope(s) for s in own]
    columns = (
        say("Group"),
        say("Cases"),
        say("Slope"),
        say("Interval"),
        say("Intercept"),
        say("Interval of it"),
        say("Error over bands"),
        say("By chance alone"),
        say("Note"),
    )
    return make_grid(
        say("{label}: do the probabilities hold?", label=dimension.label),
        columns,
        rows,
        range(1, 8),
    )


def _write_slope(s: SlopeResult) -> tuple[str, ...]:
    return (
        say("Everyone") if s.dimension == EVERYWHERE else s.group,
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
        "Group",
        unit.capitalize(),
        entities.capitalize(),
        say("{capitalize} each", capitalize=unit.capitalize()),
        say("Against everyone"),
        say("Interval"),
        say("Had the outcome"),
        say("Outcome of the check"),
    )
    return make_grid(
        say("{label}: who was looked at", label=dimension.label), columns, rows, range(1, 7)
    )


def _write_attention(a: AttentionResult) -> tuple[str | Cell, ...]:
    return (
        a.group,
        write_count(a.cases),
        write_count(a.entities),
        write_number(a.cases_per_entity, "ratio"),
        MISSING if a.ratio is None else say("{ratio} times", ratio=write_number(a.ratio, "ratio")),
        write_interval(a.ratio_low, a.ratio_high, "ratio"),
        write_number(a.base_rate, "share"),
        Cell(STATUS_WORDS[a.status], a.status),
    )


def _name(per: str) -> str:
    return say("stretch that was tested") if per == "fold" else per
