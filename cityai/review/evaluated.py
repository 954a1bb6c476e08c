"""How evaluations stand, by what a card tells of them and what was signed: for gate and use.

`verify.js` holds the same rules for a browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from cityai.card.record.impact import ImpactPart
from cityai.review.acts import EVALUATION
from cityai.review.chain import Link

State = Literal["running", "due", "dropped", "told"]
"""Nothing can be known yet; it can since days that are allowed; it could be for longer, and nobody
looked; it was analysed."""


@dataclass(frozen=True)
class Evaluated:
    """The evaluations of a system."""

    parts: tuple[ImpactPart, ...] = ()
    """As the card tells of them, the newest first."""
    guarded: bool = False
    """Whether a rule of the policy refuses a use that an evaluation found harmful."""

    @property
    def harmful(self) -> tuple[str, ...]:
        """Names of those that found harm, unless a newer one measured the same and found none."""
        found = [part for part in self.parts if part.found is not None]
        return tuple(
            part.name
            for i, part in enumerate(found)
            if part.found is not None
            and part.found.direction == "harmful"
            and part.label not in {newer.label for newer in found[:i]}
        )

    def may_decide(self, link: Link) -> bool:
        """Tell whether a decision is by the role that the plan names; anybody may say stop."""
        roles = {part.seal: part.who_decides.lower() for part in self.parts}
        own = roles.get(link.subjects.get(EVALUATION, ""), "")
        return link.act.decision == "stop" or link.signer.role.lower() == own


def tell_state(part: ImpactPart, today: date, grace_days: int) -> State:
    """Tell how far an evaluation is on a day."""
    if part.found is not None:
        return "told"
    if today < part.mature:
        return "running"
    return "due" if today <= last_due(part, grace_days) else "dropped"


def last_due(part: ImpactPart, grace_days: int) -> date:
    """Return the last day on which an evaluation may still wait for its analysis."""
    return part.mature + timedelta(grace_days)


def list_lost(parts: Sequence[ImpactPart], links: Sequence[Link], made: datetime) -> list[str]:
    """List evaluations that were signed and of which the card does not tell, by their names.

    A card that was `made` before somebody signed cannot tell. One that was only announced, and
    announced anew by a plan of which the card tells, is not lost.
    """
    told = {part.seal for part in parts}
    signed = [li for li in links if EVALUATION in li.subjects and li.act.at < made]
    newest = {li.act.evaluations[0]: li.subjects[EVALUATION] for li in signed if _announces(li)}
    lost = {}
    for seal in {li.subjects[EVALUATION]: None for li in signed}:
        own = [li for li in signed if li.subjects[EVALUATION] == seal]
        name = own[0].act.evaluations[0]
        replaced = all(map(_announces, own)) and newest[name] in told
        if seal not in told and not replaced:
            lost[name] = seal
    return [*lost]


def _announces(link: Link) -> bool:
    return link.act.act == "announce"


def list_unsigned(parts: Sequence[ImpactPart], links: Sequence[Link]) -> list[str]:
    """List evaluations whose lots follow, by the card, from a chance that nobody signed."""
    drawn = {(link.subjects.get(EVALUATION), link.act.drawn) for link in links if link.act.drawn}
    return [part.name for part in parts if part.drawn and (part.seal, part.drawn) not in drawn]
