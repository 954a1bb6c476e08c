"""Table of what more capacity, and less, would find."""

from __future__ import annotations

from cityai.card.figures.capacity_curve import write_capacity
from cityai.card.record import CardRecord
from cityai.card.record.ranked import RankedPart
from cityai.card.render.tables import Grid, make_grid
from cityai.card.words import MISSING, write_interval, write_number
from cityai.columns import BASELINE
from cityai.i18n.messages import join, name_period, say


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
        say("Hits among those selected"),
        say("Beside"),
        say("Share of all cases found"),
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
            "At these capacities, {practice_label} is about as good as this list, or better "
            "(in brackets its share of hits, and this list's): {level}.",
            practice_label=part.practice_label,
            level=join("; ", level),
        ),
    )


def _name(per: str) -> str:
    return name_period(per)
