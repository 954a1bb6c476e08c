"""What people sign of an evaluation: its plan, the chance that lots follow from, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cityai.card.record.impact import ImpactPart
from cityai.config.evaluation import DrawSpec
from cityai.errors import DataError, TimeError, UserError, suggest_name
from cityai.pipeline.impact.chance import LEAST, find_announcement, find_draw, read_acts
from cityai.pipeline.release import end_use
from cityai.pipeline.review import Reviewed, read_usable
from cityai.pipeline.sign import Shown, put_act, refuse_unseen
from cityai.review.acts import EVALUATION, RESULT, Act, Governed, Taken
from cityai.review.chain import Chain, Link
from cityai.review.keys import read_private

if TYPE_CHECKING:
    from cityai.config.keys import KeySpec
    from cityai.pipeline.impact.plan import Announced


def announce(announced: Announced, key: Path) -> Link:
    """Sign that a plan is sealed.

    Raises
    ------
    UserError
        When the key is not listed, or there is no card to sign on.
    """
    reviewed, private = read_usable(announced.project.folder), read_private(key)
    reason = f"The plan is sealed: {announced.spec.question}"

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, Mapping[str, str]]:
        subjects = {**reviewed.subjects, EVALUATION: announced.plan.seal}
        return _begin(reviewed, chain, "announce", announced.name, reason), subjects

    return put_act(reviewed, private, build)


def is_announced(announced: Announced) -> bool:
    """Tell whether somebody signed that a plan is sealed."""
    return find_announcement(read_acts(announced).links, announced.plan.seal) is not None


def draw_chance(announced: Announced, drawn: str, *, key: Path, reason: str) -> Link:
    """Sign what the public source of chance gave, which lots then follow from.

    Raises
    ------
    DataError
        When the plan names no source, it was said already, or what is said is too short.
    TimeError
        When the source has not spoken yet.
    UserError
        When the signer is of another role than the plan names, or sealed the plan.
    """
    told, drawn = announced.spec.draw, " ".join(drawn.split())
    if told is None:
        raise DataError(
            "the lots of this evaluation follow from its sealed plan alone",
            where=announced.name,
            expected="`draw:` in the evaluation, before it is sealed",
            next_step="go on without: the card says who could have chosen among draws",
        )
    if len(drawn) < LEAST:
        raise DataError(
            f"'{drawn}' is too short: of so few values, a city could have looked at each draw",
            where="--chance",
            expected=f"{LEAST} characters or more, as the source gives them",
        )
    reviewed, private = read_usable(announced.project.folder), read_private(key)
    subjects = {**reviewed.subjects, EVALUATION: announced.plan.seal}

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, Mapping[str, str]]:
        act = _begin(reviewed, chain, "draw", announced.name, reason, drawn=drawn)
        _check_draw(announced, told, Link(act, subjects, signer, "", ""), chain)
        return act, subjects

    return put_act(reviewed, private, build)


def _check_draw(announced: Announced, told: DrawSpec, link: Link, chain: Chain) -> None:
    before = find_draw(chain.links, announced.plan.seal, told)
    if before is not None:
        raise DataError(
            f"it was signed already by {before.signer.name}: {before.act.drawn}",
            where=announced.name,
            expected="one draw of an evaluation",
        )
    if link.act.at.date() < told.on:
        raise TimeError(
            f"the source speaks on {told.on}: {told.source}",
            where="cityai evaluate draw",
            expected=f"a day from {told.on} on; today is {link.act.at.date()}",
            next_step="wait for it",
        )
    sealed = find_announcement(chain.links, announced.plan.seal)
    if find_draw([*chain.links, link], announced.plan.seal, told) is None:
        who = f"{sealed.signer.name} sealed the plan" if sealed else "nobody signed the plan"
        raise UserError(
            f"{link.signer.name} ({link.signer.role}) does not draw for this evaluation: {who}",
            where="--key",
            expected=f"{told.by}, as the plan says, and not who sealed it",
        )


def decide(
    path: Path,
    taken: Taken,
    *,
    key: Path,
    reason: str,
    name: str = "",
    seen: Shown | None = None,
) -> tuple[ImpactPart, Link]:
    """Sign what the city does with what an evaluation found; after `stop` nothing is in use.

    Parameters
    ----------
    path : Path
        As for `read_review`.
    taken : {"scale", "change", "stop"}
        What the city does.
    key : Path
        File of the private key.
    reason : str
        Why.
    name : str
        The evaluation's; the only one that the card tells of without it.
    seen : Shown, optional
        What the signer had before their eyes; it must be the same still.

    Raises
    ------
    DataError
        When the card tells of no result.
    UserError
        When the plan names another role, or the key is not listed.
    TrackingError
        When it is signed, and the aliases could not be moved.
    """
    private, reviewed = read_private(key), read_usable(path)
    part = _find_part(reviewed, name)
    if part.found is None:
        raise DataError(
            f"the card tells of no result of '{part.name}', so there is nothing to decide on",
            where=str(reviewed.place.json),
            expected="the planned analysis, on the published card",
            next_step=f"cityai evaluate analyse {path}, then cityai run {path}",
        )
    subjects = {**reviewed.subjects, EVALUATION: part.seal, RESULT: part.found.digest}

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, Mapping[str, str]]:
        refuse_unseen(replace(reviewed, chain=chain), seen)
        if signer.role.lower() != part.who_decides.lower():
            raise UserError(
                f"{signer.name} ({signer.role}) does not decide on this evaluation",
                where="--key",
                expected=f"{part.who_decides}, as the plan says",
            )
        return _begin(reviewed, chain, "decide", part.name, reason, decision=taken), subjects

    if taken == "stop":
        return part, end_use(reviewed, private, build)
    return part, put_act(reviewed, private, build)


def _find_part(reviewed: Reviewed, name: str) -> ImpactPart:
    """Return what a card tells of an evaluation: the named one, or the only one."""
    parts = {part.name: part for part in reviewed.record.impacts}
    if name in parts or (not name and len(parts) == 1):
        return parts.get(name) or next(iter(parts.values()))
    raise UserError(
        f"the card tells of no evaluation '{name}'"
        if name
        else f"the card tells of {len(parts) or 'no'} evaluations",
        where=str(reviewed.place.json),
        expected=suggest_name(name, parts)
        if name and parts
        else f"--evaluation with one of {', '.join(parts)}"
        if parts
        else "a card that tells what an evaluation found",
        next_step="" if parts else "cityai evaluate analyse, then cityai run, then decide",
    )


def _begin(
    reviewed: Reviewed, chain: Chain, kind: Governed, name: str, reason: str, **more: object
) -> Act:
    now = replace(reviewed, chain=chain)
    return now.begin_act(kind, None, reason, evaluations=(name,), **more)
