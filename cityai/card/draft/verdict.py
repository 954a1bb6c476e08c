"""The verdict: one word by the policy's rules, what it rests on, and what a yes would need.

Only the record's other parts and the rules are asked, so whoever has the card can do it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cityai.card.draft import conditions
from cityai.card.draft.grounds import Grounds
from cityai.card.draft.verdict_words import tell_groups, tell_unknown, tell_works
from cityai.card.record import CardRecord
from cityai.card.record.described import Condition, VerdictPart
from cityai.config.policy import VerdictRules
from cityai.config.release import Weighed
from cityai.i18n.messages import say

GRAVITY: Final[tuple[Weighed, ...]] = (
    "not ready",
    "too little data",
    "ready on conditions",
    "ready",
)
"""The words, the gravest first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the policy."""

    name: str
    """Its field of `VerdictRules`."""
    holds: Callable[[Grounds, VerdictRules], bool]
    """Whether it holds."""
    because: str
    """The same in words."""
    ask: Callable[[Grounds], Iterable[Condition]]
    """What a yes would need then."""


def draft_verdict(record: CardRecord, rules: VerdictRules) -> VerdictPart:
    """Draft a card's verdict: the gravest word of all rules that hold, and why."""
    grounds = Grounds(record, rules)
    held = [(rule, _weigh(rule, rules)) for rule in RULES if rule.holds(grounds, rules)]
    held = [(rule, word) for rule, word in held if word != "ready"]
    first = min(held, key=lambda pair: GRAVITY.index(pair[1]), default=None)
    asked = (condition for rule, _ in held for condition in rule.ask(grounds))
    city = record.system.city
    return VerdictPart(
        word=first[1] if first else "ready",
        rule=first[0].name if first else "",
        because=first[0].because if first else MET,
        works=tell_works(grounds),
        not_for_whom=tell_groups(grounds),
        unknown=tell_unknown(grounds),
        conditions=tuple({c.text: c for c in asked}.values()),
        note=say("{city} is an invented city.", city=city) if record.system.synthetic else "",
        rules=rules,
    )


def _weigh(rule: Rule, rules: VerdictRules) -> Weighed:
    return "not ready" if rule.name == "blocking" else getattr(rules, rule.name)


MET: Final = say("Every rule of the city's policy is met.")


def _has_open(grounds: Grounds, rules: VerdictRules) -> bool:
    return bool(grounds.open_checks or grounds.waiting)


def _is_undecided(grounds: Grounds, rules: VerdictRules) -> bool:
    counts = grounds.alone
    return counts.unknown + counts.hidden > rules.most_undecided * counts.total


def _stands(*statuses: str) -> Callable[[Grounds, VerdictRules], bool]:
    """Tell whether the comparison with today's practice came out so (`Grounds.compared`)."""

    def holds(grounds: Grounds, rules: VerdictRules) -> bool:
        return grounds.compared in statuses

    return holds


RULES: Final = (
    Rule(
        "blocking",
        lambda grounds, rules: bool(grounds.blockers),
        say("A check failed without which no figure here can be trusted."),
        conditions.ask_blockers,
    ),
    Rule(
        "beyond_limit",
        lambda grounds, rules: bool(grounds.refused or grounds.unlisted),
        say("A group is beyond a limit that the city wrote down."),
        conditions.ask_gaps,
    ),
    Rule(
        "worse_than_practice",
        _stands("fail"),
        say("It is worse than what is done today."),
        conditions.ask_better_than_today,
    ),
    Rule(
        "nothing_judged",
        lambda grounds, rules: not grounds.has_accuracy,
        say("Nobody knows yet how well it works."),
        conditions.ask_outcomes,
    ),
    Rule(
        "nothing_judged",
        lambda grounds, rules: not grounds.alone.total,
        say("Nobody named a group and a limit to check, so nobody knows for whom it works."),
        conditions.ask_groups,
    ),
    Rule(
        "nothing_judged",
        lambda grounds, rules: not (grounds.alone.passed or grounds.alone.failed),
        say("Nobody knows yet for whom it works."),
        conditions.ask_groups,
    ),
    Rule(
        "not_shown_better",
        _stands("not enough evidence", "suppressed", "not applicable", "error"),
        say("The tests do not show that it beats what is done today."),
        conditions.ask_longer_test,
    ),
    Rule(
        "undecided",
        _is_undecided,
        say("Too many checks of groups have no answer yet."),
        conditions.ask_groups,
    ),
    Rule(
        "accepted",
        lambda grounds, rules: bool(grounds.accepted),
        say("A group is beyond a limit, and this was accepted in writing."),
        conditions.ask_accepted,
    ),
    Rule(
        "missing_answers",
        lambda grounds, rules: any(gap.required for gap in grounds.record.gaps),
        say("Some questions about it have no answer yet."),
        conditions.ask_answers,
    ),
    Rule(
        "not_compared",
        _stands(""),
        say("It was not compared with what is done today."),
        conditions.ask_comparison,
    ),
    Rule(
        "failed_check",
        lambda grounds, rules: bool(grounds.others),
        say("A check failed that must be put right, or explained."),
        conditions.ask_repairs,
    ),
    Rule(
        "better_served",
        lambda grounds, rules: bool(grounds.better),
        say("A group is better served than a limit allows."),
        conditions.ask_reason,
    ),
    Rule(
        "uncommitted",
        lambda grounds, rules: grounds.record.provenance.git_dirty,
        say("Nobody can look up the code that was run."),
        conditions.ask_commit,
    ),
    Rule("open_checks", _has_open, say("Some checks have no answer yet."), conditions.ask_data),
)
"""The policy's rules; of two that give the same word, the first is named."""
