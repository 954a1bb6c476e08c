"""The table of what could be done about a gap."""

from __future__ import annotations

from cityai.card.numbers import MISSING, write_gap, write_interval, write_number
from cityai.card.record.fairness import OptionGroup, OptionsPart
from cityai.card.render.tables import Cell, Grid, tabulate
from cityai.card.words import VERDICTS, Own, describe_metric
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
    cost, impossible = describe_metric(options[0].cost_metric), say("Not possible here")
    return tabulate(
        say(
            "{label}: what was tried for “{metric}”",
            label=part.label,
            metric=describe_metric(metric).label.lower(),
        ),
        options,
        (
            (
                say("Option"),
                lambda o: say("{label}, chosen", label=o.label) if o.chosen else o.label,
            ),
            (
                say("Farthest behind, and its gap"),
                lambda o: join(": ", (Own(o.group), _write(o.after, o.after_low, o.after_high))),
            ),
            (say("Closed"), lambda o: _write(o.closed, o.closed_low, o.closed_high)),
            (
                say("Cost: {label}", label=cost.label.lower()),
                lambda o: _write(o.lost, o.lost_low, o.lost_high),
            ),
            (
                say("Outcome"),
                lambda o: OUTCOMES[o.outcome] if o.closed is not None else impossible,
            ),
            (say("Against the limit"), lambda o: Cell(VERDICTS[o.status], o.status)),
        ),
    )


def _write(gap: float | None, low: float | None, high: float | None) -> str:
    """Write a difference of shares and, below it, its interval."""
    if gap is None or low is None or high is None:
        return write_gap(gap, "share")
    told = write_gap(gap, "share")
    return say("{told} ({low})", told=told, low=write_interval(low, high, "share", gap=True))


def arrange_option_groups(part: OptionsPart) -> Grid:
    """Arrange every group under every option."""
    labels = {o.name: o.label for o in part.options}

    def write(group: OptionGroup, value: float | None) -> str:
        return MISSING if group.suppressed else write_number(value, group.unit)

    return tabulate(
        say("{label}: every group under every option", label=part.label),
        [g for g in part.groups if g.option != "none"],
        (
            (say("Option"), lambda g: labels[g.option]),
            (say("Figure"), lambda g: describe_metric(g.metric).label),
            (say("Group"), lambda g: Own(g.group)),
            (say("Before"), lambda g: write(g, g.value_before)),
            (say("After"), lambda g: write(g, g.value_after)),
            (say("Gap that remains"), lambda g: write_gap(g.after, g.unit)),
            (
                say("Interval"),
                lambda g: write_interval(g.after_low, g.after_high, g.unit, gap=True),
            ),
            (say("Closed"), lambda g: write_gap(g.closed, g.unit)),
            (
                say("Interval of it"),
                lambda g: write_interval(g.closed_low, g.closed_high, g.unit, gap=True),
            ),
        ),
        range(3, 9),
    )
