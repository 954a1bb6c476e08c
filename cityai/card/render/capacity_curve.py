"""Table of what more capacity, and less, would find."""

from __future__ import annotations

from cityai.card.figures.capacity_curve import write_capacity
from cityai.card.record.ranked import RankedPart
from cityai.card.render.tables import Grid, make_grid
from cityai.card.words import (
    MISSING,
    write_interval,
    write_number,
)
from cityai.columns import BASELINE
from cityai.i18n.messages import join, say


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


def _name(per: str) -> str:
    return say("stretch that was tested") if per == "fold" else per
