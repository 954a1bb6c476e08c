"""Whether it is worth predicting: what each way reaches, rounded, and who explains the gain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cityai.assessment.spending import CHANCE, MORE, PERFECT
from cityai.assessment.worth import TODAY, find_rule
from cityai.card.draft.capacity_curve import list_reach, round_reach
from cityai.card.draft.rounding import round_figure, round_people
from cityai.card.draft.shares import list_shares, name_fact, tell_shares
from cityai.card.draft.values import TOO_FEW, as_number, read_status
from cityai.card.draft.withheld import Withheld
from cityai.card.numbers import write_even
from cityai.card.record.ranked import Role, WorthGroup, WorthPart, WorthWay
from cityai.columns import AREA_AVERAGE, BASELINE, ENTITY, FORECAST
from cityai.data.periods import by_period
from cityai.i18n.messages import capitalize, join, say, write

if TYPE_CHECKING:
    from cityai.card.draft.facts import CardFacts

SOURCE: Final = "evaluation.worth"
DIGITS: Final = 3
"""Significant digits of cases and amounts."""
MOST: Final = 0.5
"""A rule explains most of a gain from this share of it on."""
_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "yes/no": {
        FORECAST: say("this list"),
        CHANCE: say("chance"),
        MORE: say("this list, with a tenth more capacity"),
        PERFECT: say("perfect knowledge"),
    },
    "amount": {
        FORECAST: say("the forecast"),
        CHANCE: say("the same amount everywhere"),
        MORE: say("the forecast, with a tenth more planned"),
        PERFECT: say("perfect knowledge"),
    },
}
_EVERY_TIME: Final = by_period(
    day=say("the same amount every day"),
    week=say("the same amount every week"),
    month=say("the same amount every month"),
)
"""What `CHANCE` is called where there is one series: nothing is everywhere."""
_ROLES: Final[dict[str, Role]] = {
    FORECAST: "forecast",
    CHANCE: "chance",
    MORE: "more",
    PERFECT: "perfect",
}
_GAINS: Final = {
    "pass": say("Beside {way}, this list finds more of the cases in: {groups}."),
    "fail": say("Beside {way}, this list finds fewer of the cases in: {groups}."),
}
_REACHED: Final = {
    "yes/no": say("With the same capacity, {own} reaches {share} of all true cases, {others}."),
    "amount": say("With the same total planned, {own} meets {share} of what came, {others}."),
}


def draft_worth(facts: CardFacts, withheld: Withheld) -> WorthPart | None:
    """Draft what simpler ways of spending the same would do; nothing where no outcome is known."""
    table = facts.evaluation.worth
    if table is None or table.empty or withheld.whole:
        return None
    ways = tuple(_make_way(row, facts, withheld) for row in _order(table.to_dict("records")))
    groups = _list_groups(ways, facts, withheld)
    shares, count = list_shares(ways, facts)
    told, gains = _describe(ways, facts), _tell_groups(groups, ways, facts)
    return WorthPart(
        target=facts.predictions.kind,
        unit=facts.spec.unit,
        currency=facts.spec.words.decision.currency,
        ways=ways,
        in_words=(*told[:1], *tell_shares(shares, count, facts), *told[1:], *gains),
        source=SOURCE,
        groups=groups,
        shares=shares,
        shares_of=count,
    )


def _list_groups(
    ways: Sequence[WorthWay], facts: CardFacts, withheld: Withheld
) -> tuple[WorthGroup, ...]:
    """List what each group gains beside today's way, and beside the best simple rule."""
    shown = [way for way in ways if way.reached is not None]
    today = [way.way for way in shown if way.role == "today"]
    best = [way.way for way in shown if way.role == "rule"][:1]
    rows = list_reach(facts, withheld)
    return tuple(
        WorthGroup(
            way=way,
            dimension=str(row["dimension"]),
            group=row["group"],
            reached=round_reach(row),
            difference=round_figure(row["difference"], "share", row["yes"]),
            low=round_figure(row["low"], "share", row["yes"]),
            high=round_figure(row["high"], "share", row["yes"]),
            more=float(round_people(row["difference"] * row["yes"])),
            status=read_status(row["verdict"]),
        )
        for way in dict.fromkeys((*today, *best))
        for row in rows
        if row["model"] == way and row["yes"]
    )


def _tell_groups(
    groups: Sequence[WorthGroup], ways: Sequence[WorthWay], facts: CardFacts
) -> list[str]:
    """Say who gains and who loses when the list takes another way's place."""
    labels = {way.way: way.label for way in ways}
    dimensions, said = facts.spec.audit.dimensions, []
    for way in dict.fromkeys(group.way for group in groups):
        own = [group for group in groups if group.way == way]
        for status, told in _GAINS.items():
            named = [
                say("{a}: {b}", a=dimensions[g.dimension].label, b=g.group)
                for g in own
                if g.status == status
            ]
            if named:
                said.append(told.format(way=labels[way], groups=join("; ", named)))
        unsure = sum(group.status == "not enough evidence" for group in own)
        if unsure:
            said.append(
                say(
                    "Beside {way}: for {n} of {of} groups the test cannot tell which finds more.",
                    way=labels[way],
                    n=unsure,
                    of=len(own),
                )
            )
    return said


def round_digits(value: float | None) -> float | None:
    """Round to `DIGITS` significant digits."""
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _order(rows: Sequence[Mapping[Hashable, Any]]) -> list[Mapping[Hashable, Any]]:
    """Put perfect knowledge and more capacity first, then what reaches most; the hidden by name.

    An order by figures that are hidden would tell which of them is larger.
    """
    first = {PERFECT: 0, MORE: 1}
    return sorted(
        rows,
        key=lambda r: (
            first.get(r["way"], 2),
            r["few"],
            0.0 if r["few"] else -r["reached"] / r["need"],
            str(r["way"]),
        ),
    )


def _find_role(way: str) -> Role:
    if way in _ROLES:
        return _ROLES[way]
    if find_rule(way):
        return "rule"
    return "today" if way.removeprefix(BASELINE) in TODAY else "model"


def _make_way(row: Mapping[Hashable, Any], facts: CardFacts, withheld: Withheld) -> WorthWay:
    way, kind = str(row["way"]), facts.predictions.kind
    label = _LABELS[kind].get(way) or facts.name_baseline(way.removeprefix(BASELINE))
    if way == CHANCE and kind == "amount" and facts.predictions.table[ENTITY].nunique() == 1:
        label = _EVERY_TIME.get(facts.subject.period, label)
    role = _find_role(way)
    if row["few"]:
        return WorthWay(way=way, label=label, role=role, status="suppressed", reason=TOO_FEW)
    need, spent, reached = (float(row[key]) for key in ("need", "spent", "reached"))
    size = min(spent, need) if kind == "yes/no" else need
    decision = facts.spec.words.decision
    times = as_number(row["times"])
    # A total beside its shares gives away what came, in a small period too.
    coarse = kind == "amount" and (withheld.cuts or withheld.coarse)
    printed = float(round_people(spent)) if kind == "yes/no" else round_digits(spent)
    more = None if coarse or times is None or way == MORE else (times - 1) * (printed or 0.0)
    rows = len(facts.predictions.table)
    return WorthWay(
        way=way,
        label=label,
        role=role,
        spent=None if coarse else printed,
        reached=round_figure(reached / need, "share", size),
        vain=round_figure((spent - reached) / spent, "share", spent) if spent > 0 else None,
        times=None if way == MORE else round_digits(times),
        more_spent=round_digits(more),
        more_hours=round_digits(_multiply(more, decision.unit_hours)),
        more_cost=round_digits(_multiply(more, decision.unit_cost)),
        answered=round_figure(row["n"] / rows, "share", rows) if row["n"] < rows else None,
        difference=round_figure(row["difference"], "share", size),
        low=round_figure(row["low"], "share", size),
        high=round_figure(row["high"], "share", size),
        status=read_status(row["verdict"]),
    )


def _multiply(amount: float | None, each: float) -> float | None:
    return None if amount is None or not each else amount * each


def _describe(ways: Sequence[WorthWay], facts: CardFacts) -> tuple[str, ...]:
    """Say what each way reaches, which rule the gain is owed to, and what it would cost."""
    shown = {way.way: way for way in ways if way.reached is not None}
    own = shown.get(FORECAST)
    if own is None or own.reached is None:
        return ()
    rules = [w for w in shown.values() if w.role == "rule"]
    best = max(rules, key=lambda w: (w.reached or 0.0, w.way), default=None)
    beside = [best, shown.get(f"{BASELINE}{AREA_AVERAGE}"), shown.get(CHANCE)]
    told = dict.fromkeys(w.way for w in beside if w is not None)
    first, *figures = write_even([own.reached, *(shown[way].reached for way in told)], "share")
    others = [
        join(" ", (shown[way].label, figure)) for way, figure in zip(told, figures, strict=True)
    ]
    said = [
        _REACHED[facts.predictions.kind].format(
            own=own.label, share=first, others=join(", ", others)
        )
    ]
    chance = shown.get(CHANCE)
    if chance is not None and best is not None:
        said.append(_explain(own, best, chance, name_fact(best.way, facts)))
    if best is not None:
        said += _tell_price(best, own, facts)
    return tuple(said)


def _explain(model: WorthWay, rule: WorthWay, chance: WorthWay, fact: str) -> str:
    """Say how much of what a model gains over chance a single rule gains alone."""
    gain = (model.reached or 0.0) - (chance.reached or 0.0)
    alone = (rule.reached or 0.0) - (chance.reached or 0.0)
    if gain <= 0:
        return say("In this test, {model} gains nothing over chance.", model=model.label)
    if alone >= gain:
        return capitalize(
            say(
                "{rule} alone gains as much over chance as {model}, or more: what a model adds to "
                "it is not seen here.",
                rule=rule.label,
                model=model.label,
            )
        )
    if alone <= 0:
        return say("No single rule gains anything over chance; {model} does.", model=model.label)
    share = write(alone / gain, ".0%")
    if alone >= MOST * gain and fact:
        return say(
            "Most of what {model} gains over chance comes from knowing {fact}: its bare average "
            "alone gives {share} of it.",
            model=model.label,
            fact=fact,
            share=share,
        )
    if alone >= MOST * gain:
        return say(
            "Most of what {model} gains over chance, one simple rule gains too: {rule} alone "
            "gives {share} of it.",
            model=model.label,
            rule=rule.label,
            share=share,
        )
    return say(
        "No single rule gives most of the gain over chance of {model}: the best, {rule}, gives "
        "{share} of it.",
        model=model.label,
        rule=rule.label,
        share=share,
    )


def _tell_price(rule: WorthWay, own: WorthWay, facts: CardFacts) -> list[str]:
    """Say what it takes to reach as much by the best simple rule."""
    more = rule.more_spent
    if more is None or more <= 0 or rule.times is None or rule.times <= 1:
        return []
    amount = join(" ", (write(more, ",.0f"), facts.spec.unit))
    told = say(
        "To reach as much by {rule} would take {amount} more ({times:.0%} more)",
        rule=rule.label,
        amount=amount,
        times=rule.times - 1,
    )
    parts = [told]
    if rule.more_hours is not None:
        parts.append(say("{hours:,.0f} hours", hours=rule.more_hours))
    if rule.more_cost is not None:
        currency = facts.spec.words.decision.currency
        parts.append(join(" ", (write(rule.more_cost, ",.0f"), currency)))
    return [join(", ", parts) + "."]
