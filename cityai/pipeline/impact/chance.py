"""What lots follow from: the sealed plan, and public chance after it, as it was signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cityai.config.evaluation import DrawSpec
from cityai.config.evaluations import name_choice
from cityai.errors import DataError
from cityai.store.cards import CARDS, REVIEWS
from cityai.store.digests import digest_text

if TYPE_CHECKING:
    from cityai.pipeline.impact.plan import Announced
    from cityai.review.chain import Chain, Link

LEAST: Final = 6
"""Characters of what a source gave; of fewer, a city could look at every draw that may come."""


def find_seed(announced: Announced) -> str:
    """Return what lots are drawn from.

    Raises
    ------
    DataError
        When the plan names a public source of chance, and nobody signed yet what it gave.
    """
    told = announced.spec.draw
    if told is None:
        return announced.plan.seed
    drawn = find_drawn(announced)
    if not drawn:
        raise DataError(
            f"nobody signed yet what the source of chance gave on {told.on}: {told.source}",
            where=announced.name,
            expected=f"an act of {told.by}, who did not seal the plan",
            next_step=f"cityai evaluate draw {name_choice(announced.project, announced.name)} "
            "--chance TEXT --key FILE",
        )
    return digest_text(f"{announced.plan.seed} {drawn}")


def find_drawn(announced: Announced) -> str:
    """Return what the public source of chance gave; empty without one, and before it was signed."""
    told = announced.spec.draw
    if told is None:
        return ""
    link = find_draw(read_acts(announced).links, announced.plan.seal, told)
    return link.act.drawn if link else ""


def read_acts(announced: Announced) -> Chain:
    """Read the signed acts on the project.

    Raises
    ------
    UserError
        When their chain does not hold.
    """
    from cityai.config.keys import read_keys
    from cityai.review.chain import Ring, read_chain

    project = announced.project
    folder = project.workspace / CARDS / project.spec.name / REVIEWS
    chain = read_chain(folder, Ring(read_keys(project.workspace)))
    chain.refuse_faults()
    return chain


def find_announcement(links: Sequence[Link], seal: str) -> Link | None:
    """Return the act by which a plan was announced; None where nobody signed it."""
    from cityai.review.acts import EVALUATION

    own = [li for li in links if li.subjects.get(EVALUATION) == seal]
    return next((link for link in own if link.act.act == "announce"), None)


def find_draw(links: Sequence[Link], seal: str, told: DrawSpec) -> Link | None:
    """Return the first act on what was drawn that is by the role, and not by who sealed the plan.

    It counts where the plan was announced before the day on which the source speaks, and the act is
    of that day or later.
    """
    from cityai.review.acts import EVALUATION

    announced = find_announcement(links, seal)
    if announced is None or announced.act.at.date() >= told.on:
        return None
    for link in links:
        own = link.act.act == "draw" and link.subjects.get(EVALUATION) == seal
        role = link.signer.role.lower() == told.by.lower()
        other = link.signer.name != announced.signer.name
        if own and role and other and link.act.at.date() >= told.on:
            return link
    return None
