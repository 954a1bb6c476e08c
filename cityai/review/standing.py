"""What the acts on a card come to: who approved these bytes, on what conditions, until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from cityai.config.release import OverrideSpec, Phase
from cityai.i18n.messages import say, write
from cityai.review.acts import EVALUATION, MOVING, REGISTERED, RESULT, Condition
from cityai.review.chain import Chain, Link
from cityai.review.evaluated import Evaluated

Bytes = frozenset[tuple[str, str]]
POLICY: Final = ".yaml"
"""How the name of the subject ends that is the policy's file."""
RULES: Final = "rules.json"
"""The subject that is the policy's rules as machines read them."""


@dataclass(frozen=True)
class Standing:
    """The review of a card for a phase, on a day."""

    chain: Chain
    """All acts; those after a fault do not count."""
    subjects: Mapping[str, str]
    """Digests of the card as it is now."""
    phase: Phase
    """What is asked for."""
    today: date
    """The day."""
    policy: OverrideSpec | None = None
    """Whose overrides count."""
    evaluated: Evaluated = field(default_factory=Evaluated)
    """What evaluations of it found, as its card tells."""

    @cached_property
    def authors(self) -> set[str]:
        """Names of those who asked for a review of the project: they do not review it."""
        return {link.signer.name for link in self.chain.links if link.act.act == "open"}

    @cached_property
    def decisions(self) -> list[Link]:
        """Of each person the decision on these very bytes; without one, that on the last others."""
        found: dict[str, dict[Bytes, Link]] = {}
        for link in self._list_links("approve", "return", "withdraw"):
            if link.act.act == "withdraw":
                found.pop(link.signer.name, None)
            else:
                own = found.setdefault(link.signer.name, {})
                own.pop(_list_bytes(link), None)
                own[_list_bytes(link)] = link
        these = frozenset(self.subjects.items())
        return [own.get(these) or [*own.values()][-1] for own in found.values()]

    @cached_property
    def overrides(self) -> list[Link]:
        """Overrides by a role that the policy names, of whatever bytes, until their last day."""
        found: dict[str, Link] = {}
        for link in self._list_links("override", "withdraw", "decide"):
            if link.act.act == "decide":  # what was allowed before a stop is not allowed after it
                found = {} if link.act.decision == "stop" else found
                continue
            found.pop(link.signer.name, None)
            if link.act.act == "override" and self.may_override(link):
                found[link.signer.name] = link
        return [link for link in found.values() if not self.is_over(link)]

    @property
    def overridden(self) -> bool:
        """Whether one of them is of these very bytes."""
        return any(map(self.is_of_card, self.overrides))

    @cached_property
    def decided(self) -> list[Link]:
        """The last decision on each evaluation, in their order, by roles that may decide."""
        found: dict[str, Link] = {}
        for link in self._list_links("decide"):
            if self.evaluated.may_decide(link):
                found.pop(link.subjects[EVALUATION], None)
                found[link.subjects[EVALUATION]] = link
        return [*found.values()]

    @property
    def stop(self) -> Link | None:
        """The decision to stop it, where no later one on an evaluation says otherwise."""
        last = self.decided[-1] if self.decided else None
        return last if last and last.act.decision == "stop" else None

    @property
    def set_aside(self) -> set[str]:
        """Names of evaluations that an override must name: those of harm, and that of a stop."""
        harm = self.evaluated.harmful if self.evaluated.guarded else ()
        return {*harm, *(self.stop.act.evaluations if self.stop else ())}

    @cached_property
    def moves(self) -> list[Link]:
        """The promotions that a rollback could go back to, oldest first; the last is in use."""
        found: list[Link] = []
        for link in self._list_links(*MOVING, "retire", "decide"):
            if link.act.act == "decide" and link.act.decision != "stop":
                continue
            if link.act.act == "promote":
                same = found and found[-1].act.version == link.act.version
                found[len(found) - bool(same) :] = [link]
            elif link.act.act == "rollback":
                del found[-1:]
            else:
                found.clear()
        return found

    @property
    def in_use(self) -> Link | None:
        """The promotion of what is in use; None where nothing is."""
        return self.moves[-1] if self.moves else None

    @property
    def used_since(self) -> date | None:
        """The day since which something is in use without a break; None where nothing is."""
        since = None
        for link in self._list_links(*MOVING, "retire", "decide"):
            if link.act.act in ("retire", "decide"):
                since = None if link.act.decision in (None, "stop") else since
            else:
                since = since or link.act.at.date()
        return since

    def stand_for(self, move: Link) -> Standing:
        """Return the review of what was promoted, under the policy of today."""
        then = {name: sha for name, sha in _list_bytes(move) if not is_policy(name)}
        policy = {name: sha for name, sha in self.subjects.items() if is_policy(name)}
        return replace(self, subjects={**then, **policy})

    def is_published(self, move: Link) -> bool:
        """Tell whether what was promoted is what the published card is about."""
        return self.stand_for(move).subjects == dict(self.subjects)

    def _list_links(self, *kinds: str) -> list[Link]:
        links = self.chain.links
        asked = (self.phase, None)
        return [link for link in links if link.act.phase in asked and link.act.act in kinds]

    def may_override(self, link: Link) -> bool:
        """Tell whether the policy lets who signed an override do so."""
        until, policy = link.act.valid_until, self.policy
        return (
            policy is not None
            and until is not None
            and link.signer.role in policy.roles
            and link.signer.name not in self.authors
            and until <= link.act.at.date() + timedelta(policy.days)
            and self.set_aside <= set(link.act.evaluations)
        )

    @cached_property
    def given(self) -> list[Link]:
        """Approvals of these very bytes that are not over."""
        return [
            link
            for link in self.decisions
            if link.act.act == "approve" and self.is_of_card(link) and not self.is_over(link)
        ]

    @cached_property
    def approvals(self) -> list[Link]:
        """Those of them that count: none of their conditions is late."""
        return [link for link in self.given if not self.list_late(link)]

    @property
    def counted(self) -> list[Link]:
        """Those by people who did not ask for the review."""
        return [link for link in self.approvals if link.signer.name not in self.authors]

    @cached_property
    def returns(self) -> list[Link]:
        """Returns of these very bytes."""
        return [d for d in self.decisions if d.act.act == "return" and self.is_of_card(d)]

    @cached_property
    def stale(self) -> list[Link]:
        """Approvals that do not count, or no longer."""
        return [d for d in self.decisions if d.act.act == "approve" and d not in self.approvals]

    @cached_property
    def conditions(self) -> list[Condition]:
        """Conditions of the approvals, late ones too."""
        return [condition for link in self.given for condition in link.act.conditions]

    @cached_property
    def fulfilled(self) -> set[str]:
        """Names of conditions that somebody signed as met, for these very bytes."""
        return {
            link.act.rule
            for link in self.chain.links
            if link.act.act == "fulfil" and link.act.phase == self.phase and self.is_of_card(link)
        }

    def list_late(self, link: Link) -> list[Condition]:
        """List an approval's conditions whose day is past and that nobody signed as met."""
        made = link.act.conditions
        return [c for c in made if c.due < self.today and c.rule not in self.fulfilled]

    def tell_stale(self, link: Link) -> str:
        """Say why an approval does not count."""
        if self.is_over(link):
            return say("over")
        if not self.is_of_card(link):
            others = _list_bytes(link) ^ frozenset(self.subjects.items())
            only_rules = all(is_policy(name) for name, _ in others)
            return say("under another policy") if only_rules else say("for another card")
        due = write(self.list_late(link)[0].due, "%Y-%m-%d")
        return say("a condition was due on {day}", day=due)

    def is_of_card(self, link: Link) -> bool:
        """Tell whether an act is about the card as it is now."""
        return _list_bytes(link) == frozenset(self.subjects.items())

    def is_over(self, link: Link) -> bool:
        """Tell whether an approval is over."""
        return link.act.valid_until is not None and link.act.valid_until < self.today


def is_policy(subject: str) -> bool:
    """Tell whether a subject says what must hold: it is that of today, whatever is asked about."""
    return subject == RULES or subject.endswith(POLICY)


def _list_bytes(link: Link) -> Bytes:
    """Return of which card an act is: without the folder of its model, and its evaluation."""
    beside = (REGISTERED, EVALUATION, RESULT)
    return frozenset((name, sha) for name, sha in link.subjects.items() if name not in beside)
