"""The gate: each rule of the policy held against the card and its review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from cityai.card.impact_words import name_impact
from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart
from cityai.card.record.impact import ImpactPart
from cityai.config.release import EvaluatedSpec, ReleaseRule
from cityai.i18n.messages import join, say, say_n, write
from cityai.review.chain import Link
from cityai.review.evaluated import State, list_lost, list_unsigned, tell_state
from cityai.review.standing import Standing

Outcome = Literal["met", "met on condition", "not met", "does not apply"]
ANYONE: Final = "anyone"
NAMED: Final = 5
"""Checks, questions or people that are named; of more the number is said."""
_WRONG: Final = ("fail", "error")
_OPEN: Final = ("not enough evidence", "suppressed")
LOOK_UP: Final = say("docs/findings.md says by code what to do")
_SAYS_NOTHING: Final = "not applicable"
_NO_GROUPS: Final = "audit.dimensions"
"""The check that says that no group is known; what else passes does not make up for it."""


@dataclass(frozen=True)
class Checked:
    """A rule, and what was found."""

    rule: ReleaseRule
    """As the policy has it."""
    outcome: Outcome
    """Whether it holds."""
    observed: str
    """What was looked at, in a sentence."""
    next_step: str = ""
    """What would meet it; empty where it holds."""
    on_condition: bool = False
    """Whether it does not hold, and an approval on a condition would meet it."""


def check_rules(
    rules: Sequence[ReleaseRule], record: CardRecord, standing: Standing
) -> tuple[Checked, ...]:
    """Hold every rule of the phase against a card."""
    asked = [rule for rule in rules if standing.phase in rule.phases]
    return tuple(_check(rule, record, standing) for rule in asked)


def is_open(checked: Sequence[Checked], standing: Standing) -> bool:
    """Tell whether the system may be used.

    At least one rule applies, each that does holds, and nobody who may decided to stop it.
    """
    applied = [found for found in checked if found.outcome != "does not apply"]
    held = all(found.outcome != "not met" for found in applied)
    return bool(applied) and held and standing.stop is None


def applies(rule: ReleaseRule, record: CardRecord) -> bool:
    """Tell whether a rule is for the level of risk that a card names; without one each is."""
    levels = _list_levels(record)
    return not rule.risk or not levels or bool(set(rule.risk) & levels)


def tell_stop(link: Link) -> str:
    """Say that it was decided to stop it."""
    return say(
        "It was decided to stop it, after the evaluation {name}: {role}, {day}.",
        name=link.act.evaluations[0],
        role=link.signer.role,
        day=write(link.act.at.date(), "%Y-%m-%d"),
    )


def _check(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    if not applies(rule, record):
        named = join(", ", sorted(_list_levels(record)))
        told = say("The card's level of risk is {levels}.", levels=named)
        return Checked(rule, "does not apply", told)
    kind = next(name for name in _CHECKS if getattr(rule, name))
    return _CHECKS[kind](rule, record, standing)


def _list_levels(record: CardRecord) -> set[str]:
    classes = record.legal.risk_class
    return {c.level for c in classes} if isinstance(classes, tuple) else set()


def _check_findings(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    found = [f for f in record.findings if _matches(f.code, rule.findings)]
    judged = [f for f in found if f.status != _SAYS_NOTHING or f.code == _NO_GROUPS]
    if not found:
        told = say("The card holds no such check.")
        do = say("run the project again, or correct `findings`")
        return Checked(rule, "not met", told, do)
    wrong = [f for f in found if f.status in _WRONG]
    if wrong:
        told = say(
            "{some} of {all} failed: {names}.",
            some=len(wrong),
            all=len(judged),
            names=_name(map(_tell_finding, wrong), "; "),
        )
        return Checked(rule, "not met", told, _advise(wrong))
    silent = [f for f in found if f.status == _SAYS_NOTHING]
    unsure = [f for f in found if f.status in _OPEN or (f in silent and f.code == _NO_GROUPS)]
    if len(silent) == len(found):
        told = say(
            "{all} looked at, nothing is known by it: {reasons}",
            all=len(found),
            reasons=_name(f.reason for f in found),
        )
        return _weigh_open(rule, told, say("have it measured ({advice})", advice=LOOK_UP), standing)
    if unsure:
        told = say(
            "{some} of {all} are open: {names}.",
            some=len(unsure),
            all=len(judged),
            names=_name(map(_tell_finding, unsure), "; "),
        )
        return _weigh_open(rule, told, say("bring more data, or form larger groups"), standing)
    told = say("{all} looked at, none failed, none is open.", all=len(found) - len(silent))
    if silent:
        told = say(
            "{all} looked at, none failed, none is open; not applicable: {silent}.",
            all=len(found) - len(silent),
            silent=len(silent),
        )
    return Checked(rule, "met", told)


def _advise(wrong: Sequence[FindingPart]) -> str:
    """Say what would mend checks that failed: a gap of groups one thing, others what they say."""
    others = {f.code: f.reason.rstrip(".") for f in wrong if not f.code.startswith("audit.")}
    gaps = any(f.code not in others for f in wrong)
    steps = [say("close the gap, or change the system")] * gaps
    steps += [join(": ", pair) for pair in others.items()]
    told = _name(steps, "; ")
    return join("", (told, " (", LOOK_UP, ")")) if others else told


def _weigh_open(rule: ReleaseRule, told: str, asked: str, standing: Standing) -> Checked:
    if rule.open == "refuse":
        return Checked(rule, "not met", told, asked)
    if rule.open == "allow":
        return Checked(rule, "met", join(" ", (told, say("The policy allows that."))))
    return _check_condition(rule, told, standing)


def _check_condition(rule: ReleaseRule, told: str, standing: Standing) -> Checked:
    made = [c for c in standing.conditions if c.rule == rule.id]
    if not made:
        asked = say(
            "approve with --condition '{rule}: ...' ({compensation})",
            rule=rule.id,
            compensation=rule.compensation,
        )
        return Checked(rule, "not met", told, asked, on_condition=True)
    done, text = rule.id in standing.fulfilled, made[0].text
    due = write(made[0].due, "%Y-%m-%d")
    said = (
        say("Condition (met): {text}", text=text)
        if done
        else say("Condition (due on {day}): {text}", day=due, text=text)
    )
    told = join(" ", (told, said))
    if done or made[0].due >= standing.today:
        return Checked(rule, "met on condition", told)
    asked = say("meet it, then `cityai review fulfil --rule {rule}`", rule=rule.id)
    return Checked(rule, "not met", told, asked, on_condition=True)


def _check_verdicts(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    word = record.verdict.word if record.verdict else ""
    told = say("The card says: {word}.", word=word) if word else say("The card has no verdict.")
    if word in rule.verdicts:
        return Checked(rule, "met", told)
    do = say("see the card's first screen for what a yes would need")
    return Checked(rule, "not met", told, do)


def _check_answers(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    missing = [gap.path for gap in record.gaps if _matches(gap.path, rule.answers)]
    if not missing:
        return Checked(rule, "met", say("Every question that it names has an answer."))
    told = say("{all} without an answer: {names}.", all=len(missing), names=_name(missing))
    return Checked(rule, "not met", told, say("answer them in `card.yaml`, and run again"))


def _check_age(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    days = (standing.today - record.record.updated.date()).days
    allowed = rule.card_days or 0
    told = say_n(
        "The card is {n:,} day old; {allowed:,} are allowed.",
        "The card is {n:,} days old; {allowed:,} are allowed.",
        days,
        allowed=allowed,
    )
    if days <= allowed:
        return Checked(rule, "met", told)
    return Checked(rule, "not met", told, say("run the project again on the data of today"))


def _check_reviewers(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    short = []
    for role, needed in rule.reviewers.items():
        people = {a.signer.name for a in standing.counted if role in (ANYONE, a.signer.role)}
        if len(people) < needed:
            asked = say("any role") if role == ANYONE else role
            short.append(say("{some} of {role}", some=needed - len(people), role=asked))
    told = _tell_approvals(standing)
    if standing.returns:
        said = say("Returned by {names}.", names=_name(r.signer.name for r in standing.returns))
        do = say("mend what was asked for")
        return Checked(rule, "not met", join(" ", (told, said)), do)
    if short:
        said = say("Missing: {roles}.", roles=join(", ", short))
        do = say("`cityai review approve --phase {phase}`", phase=standing.phase)
        return Checked(rule, "not met", join(" ", (told, said)), do)
    return Checked(rule, "met", told)


def _tell_approvals(standing: Standing) -> str:
    said = [_tell_approval(link, standing) for link in standing.approvals]
    told = (
        say("Approved by {names}.", names=join("; ", said))
        if said
        else say("Nobody approved this card.")
    )
    if not standing.stale:
        return told
    over = [join(", ", (link.signer.name, standing.tell_stale(link))) for link in standing.stale]
    return join(" ", (told, say("No longer counts: {names}.", names=join("; ", over))))


def _tell_approval(link: Link, standing: Standing) -> str:
    who, act = link.signer, link.act
    name, role, day = who.name, who.role, write(act.valid_until or standing.today, "%Y-%m-%d")
    if name not in standing.authors:
        return say("{name} ({role}), until {day}", name=name, role=role, day=day)
    return say(
        "{name} ({role}, who asked for it and does not count), until {day}",
        name=name,
        role=role,
        day=day,
    )


def _check_committed(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    made = record.provenance
    if made.git_commit and not made.git_dirty:
        told = say("The code is commit {commit}.", commit=made.git_commit[:12])
        return Checked(rule, "met", told)
    told = (
        say("The code was changed and not committed.")
        if made.git_commit
        else say("It has no commit.")
    )
    return Checked(rule, "not met", told, say("commit, and run again"))


def _check_evaluation(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    asked, parts = rule.evaluation or EvaluatedSpec(), record.impacts
    today, links = standing.today, standing.chain.links
    harmful, told, steps = standing.evaluated.harmful, [], []
    for part in parts:
        state = tell_state(part, today, asked.grace_days)
        told.append(_tell_evaluation(part, state))
        wrong = state == "dropped" and asked.dropped == "refuse"
        steps += [say("`cityai evaluate analyse`, then run it again")] * wrong
        if part.name in harmful and asked.harmful == "refuse":
            do = say("change it, or sign an override with `--evaluation {name}`", name=part.name)
            steps.append(do)
    for name in list_lost(parts, links, record.record.updated):
        told.append(say("{name}: signed, and the card does not tell of it", name=name))
        back = say("put its plan back, and run it again")
        steps += [back] * (asked.dropped == "refuse")
    for name in list_unsigned(parts, links):
        told.append(say("{name}: nobody signed the chance that its lots follow from", name=name))
        steps.append(say("put the acts back from version control"))
    since, most = standing.used_since, asked.required_after_days
    known = [p for p in parts if tell_state(p, today, asked.grace_days) != "dropped"]
    if since and most is not None and not known and (today - since).days > most:
        told.append(say("in use since {day}, without one", day=write(since, "%Y-%m-%d")))
        steps.append(say("announce one: `cityai evaluate plan`"))
    said = join("", (join("; ", told), ".")) if told else say("No evaluation was announced.")
    if steps:
        return Checked(rule, "not met", said, _name(steps, "; "))
    return Checked(rule, "met", said)


def _tell_evaluation(part: ImpactPart, state: State) -> str:
    day = write(part.mature, "%Y-%m-%d")
    if part.found is not None:
        word = "harmful" if part.found.direction == "harmful" else part.found.word
        told = name_impact(word, uneven=part.found.uneven)
        return say("{name}: {word}", name=part.name, word=told)
    states = {
        "running": say("{name}: announced, known from {day} on", name=part.name, day=day),
        "due": say("{name}: to be analysed since {day}", name=part.name, day=day),
        "dropped": say("{name}: nobody analysed it since {day}", name=part.name, day=day),
    }
    return states[state]


_CHECKS: Final[dict[str, Callable[[ReleaseRule, CardRecord, Standing], Checked]]] = {
    "findings": _check_findings,
    "verdicts": _check_verdicts,
    "answers": _check_answers,
    "card_days": _check_age,
    "reviewers": _check_reviewers,
    "committed": _check_committed,
    "evaluation": _check_evaluation,
}


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _tell_finding(finding: FindingPart) -> str:
    """Say a check as its card does, the group that it is about, and its code."""
    group = finding.subject.partition("=")[2]
    named = join(", ", (finding.title, group)) if group else finding.title
    return join("", (named, " (", finding.code, ")"))


def _name(texts: Iterable[str], between: str = ", ") -> str:
    unique = [*dict.fromkeys(texts)]
    more = len(unique) - NAMED
    named = join(between, unique[:NAMED])
    if more <= 0:
        return named
    return say("{names} and {more:,} more", names=named, more=more)
