"""The gate: each rule of the policy held against the card and its review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from cityai.card.record import CardRecord
from cityai.card.record.described import FindingPart
from cityai.config.release import ReleaseRule
from cityai.review.standing import Standing

Outcome = Literal["met", "met on condition", "not met", "does not apply"]
ANYONE: Final = "anyone"
NAMED: Final = 5
"""Checks, questions or people that are named; of more the number is said."""
_WRONG: Final = ("fail", "error")
_OPEN: Final = ("not enough evidence", "suppressed")
LOOK_UP: Final = "docs/findings.md says by code what to do"
_SAYS_NOTHING: Final = "not applicable"
_NO_GROUPS: Final = "audit.dimensions"
"""The check that says that no group is known; what else passes does not make up for it."""


@dataclass(frozen=True)
class Checked:
    """A rule, and what was found.

    Attributes
    ----------
    rule : ReleaseRule
        As the policy has it.
    outcome : {"met", "met on condition", "not met", "does not apply"}
        Whether it holds.
    observed : str
        What was looked at, in a sentence.
    next_step : str
        What would meet it; empty where it holds.
    """

    rule: ReleaseRule
    outcome: Outcome
    observed: str
    next_step: str = ""


def check_rules(
    rules: Sequence[ReleaseRule], record: CardRecord, standing: Standing
) -> tuple[Checked, ...]:
    """Hold every rule of the phase against a card.

    Parameters
    ----------
    rules : sequence of ReleaseRule
        The policy's.
    record : CardRecord
        The published card, unchanged.
    standing : Standing
        Its review, for the phase.
    """
    asked = [rule for rule in rules if standing.phase in rule.phases]
    return tuple(_check(rule, record, standing) for rule in asked)


def is_open(checked: Sequence[Checked]) -> bool:
    """Tell whether the system may be used: at least one rule applies, and each that does holds."""
    applied = [found for found in checked if found.outcome != "does not apply"]
    return bool(applied) and all(found.outcome != "not met" for found in applied)


def _check(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    levels = _list_levels(record)
    if rule.risk and levels and not set(rule.risk) & levels:
        told = f"The card's level of risk is {', '.join(sorted(levels))}."
        return Checked(rule, "does not apply", told)
    kind = next(name for name in _CHECKS if getattr(rule, name))
    return _CHECKS[kind](rule, record, standing)


def _list_levels(record: CardRecord) -> set[str]:
    classes = record.legal.risk_class
    return {c.level for c in classes} if isinstance(classes, tuple) else set()


def _check_findings(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    found = [f for f in record.findings if _matches(f.code, rule.findings)]
    if not found:
        told = "The card holds no such check."
        return Checked(rule, "not met", told, "run the project again, or correct `findings`")
    wrong = [f for f in found if f.status in _WRONG]
    if wrong:
        told = f"{len(wrong)} of {len(found)} failed: {_name(map(_tell_finding, wrong))}."
        return Checked(rule, "not met", told, _advise(wrong))
    silent = [f for f in found if f.status == _SAYS_NOTHING]
    unsure = [f for f in found if f.status in _OPEN or (f in silent and f.code == _NO_GROUPS)]
    if len(silent) == len(found):
        told = f"{len(found)} looked at, nothing is known by it: {_name(f.reason for f in found)}"
        return _weigh_open(rule, told, f"have it measured ({LOOK_UP})", standing)
    if unsure:
        told = f"{len(unsure)} of {len(found)} are open: {_name(map(_tell_finding, unsure))}."
        return _weigh_open(rule, told, "bring more data, or form larger groups", standing)
    rest = f"; not applicable: {len(silent)}" if silent else ""
    told = f"{len(found) - len(silent)} looked at, none failed, none is open{rest}."
    return Checked(rule, "met", told)


def _advise(wrong: Sequence[FindingPart]) -> str:
    """Say what would mend checks that failed: a gap of groups one thing, others what they say."""
    others = {f.code: f.reason.rstrip(".") for f in wrong if not f.code.startswith("audit.")}
    steps = ["close the gap, or change the system"] * any(f.code not in others for f in wrong)
    steps += [f"{code}: {reason}" for code, reason in others.items()]
    return _name(steps, "; ") + (f" ({LOOK_UP})" if others else "")


def _weigh_open(rule: ReleaseRule, told: str, asked: str, standing: Standing) -> Checked:
    if rule.open == "refuse":
        return Checked(rule, "not met", told, asked)
    if rule.open == "allow":
        return Checked(rule, "met", f"{told} The policy allows that.")
    return _check_condition(rule, told, standing)


def _check_condition(rule: ReleaseRule, told: str, standing: Standing) -> Checked:
    made = [c for c in standing.conditions if c.rule == rule.id]
    if not made:
        asked = f"approve with --condition '{rule.id}: ...' ({rule.compensation})"
        return Checked(rule, "not met", told, asked)
    done = rule.id in standing.fulfilled
    told = f"{told} Condition ({'met' if done else f'due on {made[0].due}'}): {made[0].text}"
    if done or made[0].due >= standing.today:
        return Checked(rule, "met on condition", told)
    asked = f"meet it, then `cityai review fulfil --rule {rule.id}`"
    return Checked(rule, "not met", told, asked)


def _check_verdicts(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    word = record.verdict.word if record.verdict else ""
    told = f"The card says: {word}." if word else "The card has no verdict."
    if word in rule.verdicts:
        return Checked(rule, "met", told)
    return Checked(rule, "not met", told, "see the card's first screen for what a yes would need")


def _check_answers(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    missing = [gap.path for gap in record.gaps if _matches(gap.path, rule.answers)]
    if not missing:
        return Checked(rule, "met", "Every question that it names has an answer.")
    told = f"{len(missing)} without an answer: {_name(missing)}."
    return Checked(rule, "not met", told, "answer them in `card.yaml`, and run again")


def _check_age(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    days = (standing.today - record.record.updated.date()).days
    told = f"The card is {days:,} days old; {rule.card_days:,} are allowed."
    if days <= (rule.card_days or 0):
        return Checked(rule, "met", told)
    return Checked(rule, "not met", told, "run the project again on the data of today")


def _check_reviewers(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    short = []
    for role, needed in rule.reviewers.items():
        people = {a.signer.name for a in standing.counted if role in (ANYONE, a.signer.role)}
        if len(people) < needed:
            short.append(f"{needed - len(people)} of {role}")
    told = _tell_approvals(standing)
    if standing.returns:
        names = _name(r.signer.name for r in standing.returns)
        return Checked(rule, "not met", f"{told} Returned by {names}.", "mend what was asked for")
    if short:
        return Checked(rule, "not met", f"{told} Missing: {', '.join(short)}.",
                       f"`cityai review approve --phase {standing.phase}`")  # fmt: skip
    return Checked(rule, "met", told)


def _tell_approvals(standing: Standing) -> str:
    said = []
    for link in standing.approvals:
        own = ", who asked for it and does not count" * (link.signer.name in standing.authors)
        until = f"until {link.act.valid_until}"
        said.append(f"{link.signer.name} ({link.signer.role}{own}), {until}")
    told = f"Approved by {'; '.join(said)}." if said else "Nobody approved this card."
    if not standing.stale:
        return told
    over = [f"{link.signer.name}, {standing.tell_stale(link)}" for link in standing.stale]
    return f"{told} No longer counts: {'; '.join(over)}."


def _check_committed(rule: ReleaseRule, record: CardRecord, standing: Standing) -> Checked:
    made = record.provenance
    if made.git_commit and not made.git_dirty:
        return Checked(rule, "met", f"The code is commit {made.git_commit[:12]}.")
    told = "The code was changed and not committed." if made.git_commit else "It has no commit."
    return Checked(rule, "not met", told, "commit, and run again")


_CHECKS: Final[dict[str, Callable[[ReleaseRule, CardRecord, Standing], Checked]]] = {
    "findings": _check_findings,
    "verdicts": _check_verdicts,
    "answers": _check_answers,
    "card_days": _check_age,
    "reviewers": _check_reviewers,
    "committed": _check_committed,
}


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _tell_finding(finding: FindingPart) -> str:
    return f"{finding.code} ({finding.subject})" if finding.subject else finding.code


def _name(texts: Iterable[str], between: str = ", ") -> str:
    unique = [*dict.fromkeys(texts)]
    more = len(unique) - NAMED
    return between.join(unique[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
