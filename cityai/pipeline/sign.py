"""People sign what they say of a published card; the card and the portfolio show it at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cityai.config.keys import KeySpec
from cityai.config.release import Phase
from cityai.errors import StoreError, UserError, suggest_name
from cityai.i18n.messages import join, say
from cityai.pipeline.portfolio import publish_portfolio
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, check_gate, list_heads, read_usable
from cityai.review.acts import LASTING, Act, Condition, Said, Section
from cityai.review.chain import Chain, Link, append_act
from cityai.review.envelope import sign_payload, write_envelope
from cityai.review.gate import Checked, tell_stop
from cityai.review.keys import Private, read_private
from cityai.review.standing import Standing
from cityai.review.verification import write_result
from cityai.store.digests import digest_text
from cityai.store.files import PUBLIC_FILE_MODE, write_files


@dataclass(frozen=True)
class Shown:
    """What somebody has before their eyes: the last act of the chain, and the card's bytes."""

    head: str
    subjects: str


def show_bytes(reviewed: Reviewed) -> Shown:
    """Return what a page shows of a review, to be given back when something is signed on it."""
    subjects = json.dumps(sorted(reviewed.subjects.items()))
    return Shown(reviewed.chain.head, digest_text(subjects))


def refuse_unseen(reviewed: Reviewed, seen: Shown | None) -> None:
    """Refuse to sign what somebody has not seen, where it is known what they saw.

    Raises
    ------
    UserError
        When somebody signed or published since.
    """
    if seen is not None and seen != show_bytes(reviewed):
        raise UserError(
            say("somebody signed something, or the card is another, since you looked"),
            next_step=say("look at what is new, then sign again"),
        )


def sign_act(
    path: Path,
    kind: Said,
    *,
    phase: Phase,
    key: Path,
    reason: str,
    conditions: Sequence[Condition] = (),
    valid_until: date | None = None,
    rule: str = "",
    section: Section | None = None,
    evaluations: tuple[str, ...] = (),
    seen: Shown | None = None,
) -> Link:
    """Sign an act on a project's published card, and put it at the end of the chain.

    Parameters
    ----------
    path : Path
        As for `read_review`.
    kind : str
        What is said.
    phase : {"pilot", "operational"}
        Of which use.
    key : Path
        File of the private key.
    reason : str
        Why.
    conditions, valid_until, rule, section, evaluations
        As `Act` has them.
    seen : Shown, optional
        What the signer had before their eyes; it must be the same still.

    Raises
    ------
    UserError
        When the act does not fit, the key is not listed, the gate refuses an approval, or somebody
        signed or published since the signer looked.
    StoreError
        If there is no card, or the disk refuses.
    """
    private = read_private(key)
    reviewed = read_usable(path)
    more = {
        "conditions": tuple(conditions),
        "valid_until": valid_until,
        "rule": rule,
        "section": section,
        "evaluations": evaluations,
    }

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, dict[str, str]]:
        now = replace(reviewed, chain=chain)
        refuse_unseen(now, seen)
        act = now.begin_act(kind, phase, reason, **more)
        return act, _check_act(act, signer, now)

    return put_act(reviewed, private, build)


def put_act(
    reviewed: Reviewed,
    private: Private,
    build: Callable[[Chain, KeySpec], tuple[Act, Mapping[str, str]]],
    *,
    anchors: Iterable[str] = (),
    then: Callable[[Link], None] | None = None,
) -> Link:
    """Put an act at the end of the chain (see `append_act`), and publish what follows from it.

    Raises
    ------
    StoreError
        When the act is signed, and the pages could not be made again.
    """
    place = reviewed.place
    heads = {*anchors, *list_heads(place).values()}
    link = append_act(
        reviewed.folder, place.state, reviewed.ring, private, build, anchors=heads, then=then
    )
    try:
        publish_portfolio(place.workspace)
    except StoreError as error:
        raise StoreError(
            f"act {link.act.number} is signed and stands, the pages do not show it ({error.what})",
            where=error.where,
            next_step="cityai card index",
        ) from error
    return link


def write_gate(
    reviewed: Reviewed, found: Sequence[Checked], phase: Phase, *, key: Path, out: Path
) -> None:
    """Write what the gate found as a signed statement that other tools read.

    Raises
    ------
    UserError
        When nobody listed the key for this day.
    StoreError
        When there is such a file, or the disk refuses.
    """
    private, at = read_private(key), read_clock()
    reviewed.ring.find_speaker(private, at.date())
    standing = reviewed.stand(phase, at.date())
    result = write_result(found, reviewed.subjects, standing, at)
    content = write_envelope(sign_payload(result, private))
    write_files({out.name: content}, out.absolute().parent, PUBLIC_FILE_MODE, replace=False)


def _check_act(act: Act, signer: KeySpec, reviewed: Reviewed) -> dict[str, str]:
    """Refuse an act that does not fit; return of what it is."""
    who, phase = signer.name, act.phase
    assert phase is not None  # noqa: S101 - what people say of a card is of a phase
    standing = reviewed.stand(phase, act.at.date())
    if act.act == "fulfil":
        return _find_condition(act.rule, standing)
    made = {d.signer.name for d in (*standing.decisions, *standing.overrides)}
    if act.act == "withdraw" and signer.name not in made:
        told = say("{name} has no decision on the phase {phase} to withdraw", name=who, phase=phase)
        raise UserError(told)
    if act.act in LASTING and signer.name in standing.authors:
        raise UserError(
            say("{name} asked for the review, and does not approve what is their own", name=who),
            next_step=say("let another person of the role review it"),
        )
    link = Link(act, reviewed.subjects, signer, "", "")
    if act.act == "override":
        _refuse_unnamed(act, standing)
    if act.act == "override" and not standing.may_override(link):
        allowed = reviewed.policy.override
        raise UserError(
            f"the policy allows {signer.name} ({signer.role}) no override until {act.valid_until}",
            where=reviewed.policy_file,
            expected=f"{' or '.join(allowed.roles)}, for {allowed.days} days at most"
            if allowed
            else "`override:` with the roles that may, which it does not have",
            next_step="let somebody of such a role sign it, with a day within these"
            if allowed
            else "meet the rules that do not hold: `cityai gate` names them",
        )
    if act.act == "approve":
        _check_approval(act, link, reviewed, standing)
    return reviewed.subjects


def _refuse_unnamed(act: Act, standing: Standing) -> None:
    """Refuse an override that does not say which evaluation it sets aside, or names another."""
    named = set(act.evaluations)
    if standing.set_aside - named:
        told = ", ".join(sorted(standing.set_aside))
        raise UserError(
            f"the override does not name what it sets aside: {told}",
            where="--evaluation",
            expected="each evaluation that found harm, and the one after which it was stopped",
            next_step=" ".join(f"--evaluation {name}" for name in sorted(standing.set_aside)),
        )
    known = {part.name for part in standing.evaluated.parts}
    if named - known - standing.set_aside:
        raise UserError(
            f"the card tells of no evaluation '{min(named - known)}'",
            where="--evaluation",
            expected=suggest_name(min(named - known), known),
        )


def _find_condition(rule: str, standing: Standing) -> dict[str, str]:
    """Find of what the approval with a condition is: the card's, or what is in use."""
    stood = [standing, *map(standing.stand_for, standing.moves[-1:])]
    for asked in stood:
        if rule in {c.rule for c in asked.conditions}:
            return dict(asked.subjects)
    known = ", ".join(c.rule for asked in stood for c in asked.conditions)
    raise UserError(
        f"no approval that counts has the condition '{rule}'",
        expected=known or "an approval on a condition",
    )


def _check_approval(act: Act, link: Link, reviewed: Reviewed, standing: Standing) -> None:
    if standing.stop:
        raise UserError(
            tell_stop(standing.stop),
            expected=say("a later decision on an evaluation that says otherwise"),
            next_step="cityai evaluate decide",
        )
    made = replace(reviewed, chain=Chain((*reviewed.chain.links, link), ()))
    against = [c for c in check_gate(made, standing.phase) if c.outcome == "not met"]
    wrong = [found for found in against if not found.rule.reviewers]
    if wrong:
        told = [join(": ", (found.rule.id, found.observed.rstrip("."))) for found in wrong]
        raise UserError(
            say("the policy allows no approval: {reasons}", reasons=join("; ", told)),
            where=reviewed.policy_file,
            expected=say("every rule met but those on who approves"),
            next_step=join("; ", (join(": ", (f.rule.id, f.next_step)) for f in wrong)),
        )
