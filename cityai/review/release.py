"""Whether a system may be used in a phase, until when, and what is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from cityai.card.record import CardRecord
from cityai.card.release import DecisionPart, OverridePart, PhasePart, ReleasePart, State
from cityai.config.release import ReleaseRule
from cityai.i18n.messages import join, say
from cityai.review.acts import EVALUATION, MODEL, RESULT
from cityai.review.chain import Link
from cityai.review.evaluated import last_due
from cityai.review.gate import check_rules, tell_stop
from cityai.review.standing import Standing


def list_missing(
    rules: Sequence[ReleaseRule], record: CardRecord, standing: Standing, *, of_card: bool = True
) -> list[str]:
    """List why what was reviewed has no approval that counts; empty where it has one.

    Parameters
    ----------
    rules : sequence of ReleaseRule
        The policy's.
    record : CardRecord
        The published card.
    standing : Standing
        The review of what is asked about.
    of_card : bool
        Whether that is the published card; of an earlier one only its reviewers can be asked for,
        and what is known of the use itself.
    """
    asked = [rule for rule in rules if of_card or rule.reviewers or rule.evaluation]
    found = [c for c in check_rules(asked, record, standing) if c.outcome == "not met"]
    missing = [tell_stop(standing.stop).rstrip(".")] if standing.stop else []
    missing += [join(": ", (c.rule.id, c.observed.rstrip("."))) for c in found]
    if any(c.rule.reviewers for c in found):
        return missing
    missing += [say("a reviewer returned it")] * bool(standing.returns)
    return missing + [say("nobody approved these very bytes")] * (not standing.counted)


def describe_release(
    rules: Sequence[ReleaseRule], record: CardRecord, standings: Sequence[Standing]
) -> ReleasePart:
    """Describe the review of a published card, for its page and the portfolio. Its chain holds."""
    chain = standings[0].chain
    overrides = [
        OverridePart(
            phase=s.phase,
            role=o.signer.role,
            reason=o.act.reason,
            until=o.act.valid_until or s.today,
        )
        for s in standings
        for o in s.overrides
    ]
    return ReleasePart(
        head=chain.head,
        acts=len(chain.links),
        phases=tuple(describe_phase(rules, record, standing) for standing in standings),
        overrides=tuple(overrides),
        decisions=tuple(_list_decisions(record, standings[0])),
    )


def _list_decisions(record: CardRecord, standing: Standing) -> Iterator[DecisionPart]:
    parts = {part.seal: part for part in record.impacts}
    for link in reversed(standing.decided):
        part = parts.get(link.subjects[EVALUATION])
        found = part.found.digest if part and part.found else ""
        assert link.act.decision is not None  # noqa: S101 - an act is refused without it
        yield DecisionPart(
            evaluation=link.act.evaluations[0],
            seal=link.subjects[EVALUATION],
            decision=link.act.decision,
            role=link.signer.role,
            day=link.act.at.date(),
            reason=link.act.reason,
            outdated=found != link.subjects.get(RESULT),
        )


def describe_phase(
    rules: Sequence[ReleaseRule], record: CardRecord, standing: Standing
) -> PhasePart:
    """Describe whether a system may be used in a phase, and what is in use."""
    move = standing.in_use
    asked = standing.stand_for(move) if move else standing
    of_card = move is None or standing.is_published(move)
    state, until = _judge(rules, record, asked, used=move is not None, of_card=of_card)
    return PhasePart(
        phase=standing.phase,
        state=state,
        until=until,
        version=move.act.version if move else "",
        of_card=of_card,
    )


def _judge(
    rules: Sequence[ReleaseRule], record: CardRecord, asked: Standing, *, used: bool, of_card: bool
) -> tuple[State, date | None]:
    if not list_missing(rules, record, asked, of_card=of_card):
        return "approved", _find_last_day(rules, record, asked, of_card=of_card)
    if asked.overridden:
        own = [o.act.valid_until for o in asked.overrides if asked.is_of_card(o)]
        return "overridden", max(day for day in own if day is not None)
    if asked.returns:
        return ("suspended" if used else "returned"), None
    ended = [_find_end(asked, link) for link in asked.stale if asked.is_of_card(link)]
    if used or ended:
        return "suspended", max(ended, default=None)
    return "not approved", None


def _find_last_day(
    rules: Sequence[ReleaseRule], record: CardRecord, asked: Standing, *, of_card: bool
) -> date | None:
    """Return the last day on which it is approved, if nothing more is signed."""
    made = record.record.updated.date()
    days = {_find_end(asked, link) for link in asked.approvals}
    days |= {made + timedelta(rule.card_days) for rule in rules if rule.card_days and of_card}
    days |= {*_list_due_days(rules, record, asked)}
    days |= {c.due for c in asked.conditions if c.rule not in asked.fulfilled}
    for day in sorted(day for day in days if day >= asked.today):
        later = replace(asked, today=day + timedelta(1))
        if list_missing(rules, record, later, of_card=of_card):
            return day
    return None


def _list_due_days(
    rules: Sequence[ReleaseRule], record: CardRecord, asked: Standing
) -> Iterator[date]:
    """List the days after which a rule on evaluations may not hold any more."""
    for told in (rule.evaluation for rule in rules if rule.evaluation):
        yield from (last_due(part, told.grace_days) for part in record.impacts)
        if asked.used_since and told.required_after_days is not None:
            yield asked.used_since + timedelta(told.required_after_days)


def _find_end(asked: Standing, link: Link) -> date:
    """Return the last day of an approval, or of a condition of it that nobody met."""
    open_ones = [c.due for c in link.act.conditions if c.rule not in asked.fulfilled]
    return min([*open_ones, *([link.act.valid_until] if link.act.valid_until else [])])


def describe_model(
    rules: Sequence[ReleaseRule], record: CardRecord, standing: Standing, digest: str
) -> PhasePart | None:
    """Describe the review of one model for a phase; nothing where nobody signed anything of it."""
    own = [link for link in standing.chain.links if link.subjects.get(MODEL) == digest]
    if not own:
        return None
    asked, of_card = standing.stand_for(own[-1]), standing.is_published(own[-1])
    state, until = _judge(rules, record, asked, used=False, of_card=of_card)
    return PhasePart(phase=asked.phase, state=state, until=until, of_card=of_card)
