"""What the acts on a card come to: who approved these bytes, on what conditions, until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cityai.config.release import Phase
from cityai.review.acts import Condition
from cityai.review.chain import Chain, Link

BOUND = ("approve", "return", "withdraw")


@dataclass(frozen=True)
class Standing:
    """The review of a card for a phase, on a day.

    Attributes
    ----------
    chain : Chain
        All acts; those after a fault do not count.
    subjects : mapping of str to str
        Digests of the card as it is now.
    phase : {"pilot", "operational"}
        What is asked for.
    today : date
        The day.
    """

    chain: Chain
    subjects: Mapping[str, str]
    phase: Phase
    today: date

    @cached_property
    def authors(self) -> set[str]:
        """Names of those who asked for a review of the project: they do not review it."""
        return {link.signer.name for link in self.chain.links if link.act.act == "open"}

    @cached_property
    def decisions(self) -> list[Link]:
        """The last decision of each person for the phase, if it was not withdrawn."""
        last = {
            link.signer.name: link
            for link in self.chain.links
            if link.act.act in BOUND and link.act.phase == self.phase
        }
        return [link for link in last.values() if link.act.act != "withdraw"]

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
            return "over"
        if not self.is_of_card(link):
            return "for another card"
        return f"a condition was due on {self.list_late(link)[0].due}"

    def is_of_card(self, link: Link) -> bool:
        """Tell whether an act is about the card as it is now."""
        return link.subjects == dict(self.subjects)

    def is_over(self, link: Link) -> bool:
        """Tell whether an approval is over."""
        return link.act.valid_until is not None and link.act.valid_until < self.today
