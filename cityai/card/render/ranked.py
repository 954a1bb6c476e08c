"""Tables of ranked lists: what more capacity finds, and what a list does to each group."""

from __future__ import annotations

from cityai.card.figures.capacity_curve import write_capacity
from cityai.card.numbers import (
    MISSING,
    write_count,
    write_even,
    write_figure,
    write_interval,
    write_number,
)
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.record.ranked import CapacityPoint, RankedPart
from cityai.card.render.tables import Grid, make_grid, mark_status, tabulate
from cityai.card.words import describe_metric
from cityai.columns import BASELINE, EVERYWHERE
from cityai.i18n.messages import join, name_period, say

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

    def write_other(p: CapacityPoint, figure: str) -> str:
        other = practice.get(p.capacity)
        return MISSING if other is None else write_number(getattr(other, figure), "share")

    return tabulate(
        say(
            "What would be found with more or less capacity, per {per}. Beside: {theirs}",
            per=name_period(part.per),
            theirs=part.practice_label or say("today's order"),
        ),
        [p for p in part.capacity if p.model == "forecast"],
        (
            (say("Capacity"), write_capacity),
            (say("Selected"), lambda p: write_number(p.share, "share")),
            (say("Hits among those selected"), lambda p: write_number(p.precision, "share")),
            (say("Beside"), lambda p: write_other(p, "precision")),
            (say("Share of all cases found"), lambda p: write_number(p.recall, "share")),
            (say("Interval"), lambda p: write_interval(p.recall_low, p.recall_high, "share")),
            (say("Beside"), lambda p: write_other(p, "recall")),
            (say("Note"), lambda p: p.reason),
        ),
        range(1, 7),
    )


def arrange_reach(record: CardRecord) -> tuple[Grid, ...]:
    """Arrange what is found of each group: a table a dimension, rows as in `arrange_capacity`."""
    part = record.eval.ranked
    if part is None:
        return ()
    points = [p for p in part.capacity if p.model == "forecast"]
    labels = {d.name: d.label for d in record.fairness.dimensions}
    grids = []
    for dimension in dict.fromkeys(told.dimension for told in part.groups):
        own = [told for told in part.groups if told.dimension == dimension]
        groups = list(dict.fromkeys(told.group for told in own))
        found = {(told.group, told.capacity): told.recall for told in own}
        rows = [
            (
                write_capacity(p),
                *(write_number(found.get((group, p.capacity)), "share") for group in groups),
            )
            for p in points
        ]
        caption = say(
            "Share of its own cases found in each group: {label}",
            label=labels.get(dimension, dimension),
        )
        numeric = range(1, len(groups) + 1)
        grids.append(make_grid(caption, (say("Capacity"), *groups), rows, numeric))
    return tuple(grids)


def find_own_capacity(part: RankedPart) -> int:
    """Find which row of `arrange_capacity` is the capacity that the city has."""
    own = [p.declared for p in part.capacity if p.model == "forecast"]
    return own.index(True) if True in own else 0


def tell_rival(part: RankedPart) -> tuple[str, ...]:
    """Say at which capacities the order beside the list is about as good as it, or better."""
    practice = {p.capacity: p for p in part.capacity if p.model == f"{BASELINE}{part.practice}"}
    level = []
    for own in part.capacity:
        other = practice.get(own.capacity)
        if own.model != "forecast" or other is None or own.precision is None:
            continue
        low = own.precision if own.precision_low is None else own.precision_low
        if other.precision is not None and other.precision >= low:
            figures = write_even([p.precision for p in (other, own)], "share")
            level.append(join("", (write_capacity(own), " (", join(", ", figures), ")")))
    if not level:
        return ()
    return (
        say(
            "At these capacities, {practice_label} is about as good as this list, or better "
            "(in brackets its share of hits, and this list's): {level}.",
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
        if any((g.name, m) in own for m in SHOWN)
    ]
    columns = (say("Group"), *(describe_metric(m).label for m in SHOWN))
    caption = say("{label}: what the list does", label=dimension.label)
    return make_grid(caption, columns, rows, range(1, len(columns)))


def arrange_slopes(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange whether the probabilities hold in each group."""
    part, everyone = record.eval.ranked, say("Everyone")
    return tabulate(
        say("{label}: do the probabilities hold?", label=dimension.label),
        [s for s in (part.slopes if part else ()) if s.dimension in {dimension.name, EVERYWHERE}],
        (
            (say("Group"), lambda s: everyone if s.dimension == EVERYWHERE else s.group),
            (say("Cases"), lambda s: write_count(s.n)),
            (say("Slope"), lambda s: write_number(s.slope, "ratio")),
            (say("Interval"), lambda s: write_interval(s.slope_low, s.slope_high, "ratio")),
            (say("Intercept"), lambda s: write_number(s.intercept, "ratio")),
            (
                say("Interval of it"),
                lambda s: write_interval(s.intercept_low, s.intercept_high, "ratio"),
            ),
            (say("Error over bands"), lambda s: write_number(s.error, "share")),
            (say("By chance alone"), lambda s: write_number(s.chance, "share")),
            (say("Note"), lambda s: s.reason),
        ),
        range(1, 8),
    )


def arrange_attention(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange how often each group was looked at."""
    part, unit = record.eval.ranked, record.model.unit.capitalize()
    return tabulate(
        say("{label}: who was looked at", label=dimension.label),
        [a for a in (part.attention if part else ()) if a.dimension == dimension.name],
        (
            ("Group", lambda a: a.group),
            (unit, lambda a: write_count(a.cases)),
            (record.eval.places_label.capitalize(), lambda a: write_count(a.entities)),
            (
                say("{capitalize} each", capitalize=unit),
                lambda a: write_number(a.cases_per_entity, "ratio"),
            ),
            (say("Against everyone"), lambda a: _write_times(a.ratio)),
            (say("Interval"), lambda a: write_interval(a.ratio_low, a.ratio_high, "ratio")),
            (say("Had the outcome"), lambda a: write_number(a.base_rate, "share")),
            (say("Outcome of the check"), lambda a: mark_status(a.status)),
        ),
        range(1, 7),
    )


def _write_times(ratio: float | None) -> str:
    return MISSING if ratio is None else say("{ratio} times", ratio=write_number(ratio, "ratio"))
