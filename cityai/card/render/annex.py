"""Tables for reviewers: trends over the replays, what the inputs give away, rules for the word."""

from __future__ import annotations

from cityai.card.draft.verdict import RULES
from cityai.card.numbers import MISSING, write_count, write_gap, write_interval, write_number
from cityai.card.record import CardRecord
from cityai.card.record.described import VerdictPart
from cityai.card.record.fairness import DimensionPart
from cityai.card.render.tables import Cell, Grid, make_grid, tabulate
from cityai.card.words import VERDICT_WORDS, Code, Own, describe_metric, name_verdict
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
    return tabulate(
        say("{label}: largest gap between two groups", label=dimension.label),
        [v for v in record.fairness.verdicts if v.dimension == dimension.name],
        (
            (say("Figure"), lambda v: describe_metric(v.metric).label),
            (
                say("All groups together"),
                lambda v: Cell(name_verdict(v.status, v.grade)[0], v.status),
            ),
            (say("Farthest apart"), lambda v: Own(v.worst or MISSING)),
            (say("Beside"), lambda v: Own(v.best or MISSING)),
            (say("Between them"), lambda v: write_gap(v.spread, v.unit, signed=False)),
            (
                say("Interval"),
                lambda v: write_interval(v.spread_low, v.spread_high, v.unit, gap=True),
            ),
            (say("Limit"), lambda v: write_gap(v.limit, v.unit, signed=False)),
            (say("In words"), lambda v: v.sentence),
        ),
        (4, 5, 6),
    )


def arrange_trends(record: CardRecord) -> Grid:
    """Arrange one row a group and figure that can be followed over the replays."""
    labels = {d.name: d.label for d in record.fairness.dimensions}
    return tabulate(
        say("Does it rise or fall?"),
        record.fairness.trends,
        (
            (
                say("Group"),
                lambda t: join(": ", (labels.get(t.dimension, t.dimension), t.group)),
            ),
            (say("Figure"), lambda t: describe_metric(t.metric).label),
            (say("From one replay to the next"), lambda t: write_gap(t.slope, t.unit)),
            (say("Interval"), lambda t: write_interval(t.low, t.high, t.unit, gap=True)),
            (say("Replays"), lambda t: write_count(t.folds)),
            (say("In words"), lambda t: t.sentence),
        ),
        (2, 3, 4),
    )


def arrange_proxies(record: CardRecord) -> Grid:
    """Arrange one row a dimension and input, the most telling first, and all inputs together."""
    labels = {d.name: d.label for d in record.fairness.dimensions}
    together = say("All inputs together")
    return tabulate(
        say("Could the model guess the group from its inputs?"),
        record.fairness.proxies,
        (
            (say("Groups"), lambda p: labels.get(p.dimension, p.dimension)),
            (say("From what"), lambda p: together if p.feature == TOGETHER else p.label),
            (say("Recovered"), lambda p: write_number(p.recovered, "share")),
            (say("Interval"), lambda p: write_interval(p.low, p.high, "share")),
            (say("By chance, once in twenty"), lambda p: write_number(p.chance, "share")),
            (say("Of"), lambda p: write_count(p.entities)),
            (say("Could it guess?"), lambda p: PROXY_VERDICTS.get(p.verdict, p.verdict)),
        ),
        range(2, 6),
    )


def arrange_rules(part: VerdictPart) -> Grid:
    """Arrange what each rule of the policy means for a yes."""
    rules = part.rules
    rows = [
        (rule.because, Code(rule.name), VERDICT_WORDS.get(word, word))
        for rule in RULES
        for word in [getattr(rules, rule.name)]
        if isinstance(word, str)
    ]
    rows.insert(0, (RULES[0].because, Code(join(", ", rules.blocking)), VERDICT_WORDS["not ready"]))
    most = say(
        "Checks of groups that may have no answer: up to {share}.",
        share=write_number(rules.most_undecided, "share"),
    )
    rows.append((most, Code("most_undecided"), ""))
    columns = (say("When this holds"), say("In the policy"), say("The word is"))
    return make_grid(say("The city's rules for the word"), columns, rows)
