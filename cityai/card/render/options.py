"""The table of what could be done about a gap."""

from __future__ import annotations

from cityai.card.record.options import OptionsPart
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import (
    MISSING,
    VERDICTS,
    Own,
    describe_metric,
    write_gap,
    write_interval,
    write_number,
)
from cityai.i18n.messages import say

OUTCOMES = {
    "as it is": say("As it is"),
    "closed": say("Closed, as far as can be told"),
    "narrowed": say("Narrowed"),
    "not shown": say("Not shown to close anything"),
    "widened": say("Widened"),
    "no interval": say("Cannot be told"),
}


def arrange_options(part: OptionsPart) -> Grid:
    """Arrange one row an option and figure: what it closes, what it costs, what remains."""
    rows = [
        (
            say("{label}, chosen", label=o.label) if o.chosen else o.label,
            describe_metric(o.metric).label,
            Own(o.group),
            write_gap(o.after, o.unit),
            write_interval(o.after_low, o.after_high, o.unit, gap=True),
            write_gap(o.closed, o.unit),
            write_interval(o.closed_low, o.closed_high, o.unit, gap=True),
            say(
                "{label}: {lost}",
                label=describe_metric(o.cost_metric).label,
                lost=write_gap(o.lost, o.unit),
            ),
            write_interval(o.lost_low, o.lost_high, o.unit, gap=True),
            OUTCOMES[o.outcome] if o.closed is not None else say("Not possible here"),
            Cell(VERDICTS[o.status], o.status),
        )
        for o in part.options
    ]
    columns = (
        say("Option"),
        say("Figure"),
        say("Farthest behind"),
        say("Gap that remains"),
        say("Interval"),
        say("Closed"),
        say("Interval of it"),
        say("Cost"),
        say("Interval of the cost"),
        say("Outcome"),
        say("Against the limit"),
    )
    return make_grid(
        say("{label}: what was tried", label=part.label), columns, rows, (3, 4, 5, 6, 8)
    )


def arrange_option_groups(part: OptionsPart) -> Grid:
    """Arrange every group under every option."""
    labels = {o.name: o.label for o in part.options}
    rows = [
        (
            labels[g.option],
            describe_metric(g.metric).label,
            Own(g.group),
            MISSING if g.suppressed else write_number(g.value_before, g.unit),
            MISSING if g.suppressed else write_number(g.value_after, g.unit),
            write_gap(g.after, g.unit),
            write_interval(g.after_low, g.after_high, g.unit, gap=True),
            write_gap(g.closed, g.unit),
            write_interval(g.closed_low, g.closed_high, g.unit, gap=True),
        )
        for g in part.groups
        if g.option != "none"
    ]
    columns = (
        say("Option"),
        say("Figure"),
        say("Group"),
        say("Before"),
        say("After"),
        say("Gap that remains"),
        say("Interval"),
        say("Closed"),
        say("Interval of it"),
    )
    return make_grid(
        say("{label}: every group under every option", label=part.label), columns, rows, range(3, 9)
    )
