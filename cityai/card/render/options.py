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
from cityai.i18n.messages import join, say

OUTCOMES = {
    "as it is": say("As it is"),
    "closed": say("Closed, as far as can be told"),
    "narrowed": say("Narrowed"),
    "not shown": say("Not shown to close anything"),
    "widened": say("Widened"),
    "no interval": say("Cannot be told"),
}


def list_metrics(part: OptionsPart) -> list[str]:
    """List the figures by which options are held, the one that they aim at first."""
    return list(dict.fromkeys((part.metric, *(o.metric for o in part.options))))


def arrange_options(part: OptionsPart, metric: str) -> Grid:
    """Arrange one row an option: what it closes, what it costs, what remains, by one figure."""
    options = [o for o in part.options if o.metric == metric]
    rows = [
        (
            say("{label}, chosen", label=o.label) if o.chosen else o.label,
            join(": ", (Own(o.group), _write_gap(o.after, o.after_low, o.after_high))),
            _write_gap(o.closed, o.closed_low, o.closed_high),
            _write_gap(o.lost, o.lost_low, o.lost_high),
            OUTCOMES[o.outcome] if o.closed is not None else say("Not possible here"),
            Cell(VERDICTS[o.status], o.status),
        )
        for o in options
    ]
    columns = (
        say("Option"),
        say("Farthest behind, and its gap"),
        say("Closed"),
        say("Cost: {label}", label=describe_metric(options[0].cost_metric).label.lower()),
        say("Outcome"),
        say("Against the limit"),
    )
    caption = say(
        "{label}: what was tried for “{metric}”",
        label=part.label,
        metric=describe_metric(metric).label.lower(),
    )
    return make_grid(caption, columns, rows)


def _write_gap(gap: float | None, low: float | None, high: float | None) -> str:
    """Write a difference of shares and, below it, its interval."""
    if gap is None or low is None or high is None:
        return write_gap(gap, "share")
    told = write_gap(gap, "share")
    return say("{told} ({low})", told=told, low=write_interval(low, high, "share", gap=True))


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
