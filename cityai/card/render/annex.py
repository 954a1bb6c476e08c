"""Tables for reviewers: trends over the replays, and what the inputs give away."""

from __future__ import annotations

from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.render.tables import Cell, Grid, make_grid
from cityai.card.words import (
    MISSING,
    Own,
    describe_metric,
    name_verdict,
    write_count,
    write_gap,
    write_interval,
    write_number,
)
from cityai.i18n.messages import join, say

TOGETHER = "all together"
PROXY_VERDICTS = {
    "found": say("Yes, more than by chance"),
    "hardly": say("Hardly"),
    "not shown": say("Not seen"),
    "on the map": say("Not judged: both may follow the map"),
    "unknown": say("No figure"),
}


def arrange_verdicts(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange one row a limit: all groups of a dimension together, and the two farthest apart."""
    rows = [
        (
            describe_metric(v.metric).label,
            Cell(name_verdict(v.status, v.grade)[0], v.status),
            Own(v.worst or MISSING),
            Own(v.best or MISSING),
            write_gap(v.spread, v.unit, signed=False),
            write_interval(v.spread_low, v.spread_high, v.unit, gap=True),
            write_gap(v.limit, v.unit, signed=False),
            v.sentence,
        )
        for v in record.fairness.verdicts
        if v.dimension == dimension.name
    ]
    columns = (
        say("Figure"),
        say("All groups together"),
        say("Farthest apart"),
        say("Beside"),
        say("Between them"),
        say("Interval"),
        say("Limit"),
        say("In words"),
    )
    title = say("{label}: largest gap between two groups", label=dimension.label)
    return make_grid(title, columns, rows, (4, 5, 6))


def arrange_trends(record: CardRecord) -> Grid:
    """Arrange one row a group and figure that can be followed over the replays."""
    labels = {d.name: d.label for d in record.fairness.dimensions}
    rows = [
        (
            join(": ", (labels.get(t.dimension, t.dimension), t.group)),
            describe_metric(t.metric).label,
            write_gap(t.slope, t.unit),
            write_interval(t.low, t.high, t.unit, gap=True),
            write_count(t.folds),
            t.sentence,
        )
        for t in record.fairness.trends
    ]
    columns = (
        say("Group"),
        say("Figure"),
        say("From one replay to the next"),
        say("Interval"),
        say("Replays"),
        say("In words"),
    )
    return make_grid(say("Does it rise or fall?"), columns, rows, (2, 3, 4))


def arrange_proxies(record: CardRecord) -> Grid:
    """Arrange one row a dimension and input, the most telling first, and all inputs together."""
    labels = {d.name: d.label for d in record.fairness.dimensions}
    rows = [
        (
            labels.get(p.dimension, p.dimension),
            say("All inputs together") if p.feature == TOGETHER else p.label,
            write_number(p.recovered, "share"),
            write_interval(p.low, p.high, "share"),
            write_number(p.chance, "share"),
            write_count(p.entities),
            PROXY_VERDICTS.get(p.verdict, p.verdict),
        )
        for p in record.fairness.proxies
    ]
    columns = (
        say("Groups"),
        say("From what"),
        say("Recovered"),
        say("Interval"),
        say("By chance, once in twenty"),
        say("Of"),
        say("Could it guess?"),
    )
    return make_grid(
        say("Could the model guess the group from its inputs?"), columns, rows, range(2, 6)
    )
