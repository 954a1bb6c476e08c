"""From a published card to its review: acts are signed, rules are held against it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cityai.card.record import CardRecord
from cityai.card.verify import read_bytes
from cityai.config.keys import KeySpec, read_keys
from cityai.config.load import ProjectFile, find_named, read_config, validate_spec
from cityai.config.places import CONFIGS
from cityai.config.policy import PolicySpec
from cityai.config.release import Phase, ReleaseRule
from cityai.config.yaml import read_yaml
from cityai.errors import SpecError, UserError
from cityai.pipeline.places import PROJECT, CardPlace, read_sealed
from cityai.pipeline.provenance import read_clock
from cityai.review.acts import COMMIT, MODEL, Act, Condition, Kind, Seen, make_act
from cityai.review.chain import REVIEWS, Chain, Link, Ring, append_act, read_chain
from cityai.review.gate import Checked, check_rules
from cityai.review.keys import read_private
from cityai.review.standing import Standing


@dataclass(frozen=True)
class Reviewed:
    """A published card, what may be signed about it, and who did.

    Attributes
    ----------
    name : str
        The project's.
    record : CardRecord
        The card, unchanged since it was published.
    place : CardPlace
        Where it lies.
    subjects : dict of str to str
        Digests of the card and of all that it stands on.
    rules : tuple of ReleaseRule
        The policy's.
    ring : Ring
        Whose signatures count.
    chain : Chain
        The acts.
    """

    name: str
    record: CardRecord
    place: CardPlace
    subjects: dict[str, str]
    rules: tuple[ReleaseRule, ...]
    ring: Ring
    chain: Chain

    @property
    def folder(self) -> Path:
        """Where its acts lie."""
        return self.place.folder / REVIEWS

    def stand(self, phase: Phase, today: date) -> Standing:
        """Return its review for a phase, as it stands on a day."""
        return Standing(self.chain, self.subjects, phase, today)


def read_review(path: Path, anchor: str = "") -> Reviewed:
    """Read a project's card and the acts on it.

    Parameters
    ----------
    path : Path
        The project.
    anchor : str
        A head of the chain that was written down elsewhere.

    Raises
    ------
    UserError
        When the project cannot be read, or its card was changed after it was published.
    StoreError
        When there is no card.
    """
    place, content, record = read_sealed(path, f"cityai review show {path}")
    spec, policy = _read_policy(path, place.workspace)
    made = record.provenance
    subjects = {
        "card.json": hashlib.sha256(content).hexdigest(),
        "data": made.data_digest,
        "specification": made.spec_digest,
        "predictions": made.predictions_digest,
        "results": made.results_digest,
        MODEL: made.model_digest or "",
        policy.name: hashlib.sha256(read_bytes(policy)).hexdigest(),
        COMMIT: made.git_commit,
    }
    ring = Ring(read_keys(place.workspace))
    return Reviewed(
        name=record.record.id,
        record=record,
        place=place,
        subjects={name: digest for name, digest in subjects.items() if digest},
        rules=spec.release,
        ring=ring,
        chain=read_chain(place.folder / REVIEWS, ring, anchor),
    )


def check_gate(reviewed: Reviewed, phase: Phase) -> tuple[Checked, ...]:
    """Hold the policy's rules against a card, as of today.

    Raises
    ------
    SpecError
        When the policy has no rule for the phase.
    UserError
        When the chain of acts does not hold.
    """
    reviewed.chain.refuse_faults()
    found = check_rules(reviewed.rules, reviewed.record, reviewed.stand(phase, read_clock().date()))
    if not found:
        raise SpecError(
            f"the policy has no rule on what must hold before the phase {phase}",
            where=str(reviewed.place.workspace / CONFIGS),
            expected="`release:` in the policy, a list of rules with id, sentence and owner",
            next_step="see docs/reviewing.md for a model policy",
        )
    return found


def sign_act(
    path: Path,
    kind: Kind,
    *,
    phase: Phase,
    key: Path,
    reason: str,
    conditions: Sequence[Condition] = (),
    valid_until: date | None = None,
    rule: str = "",
) -> Link:
    """Sign an act on a project's published card, and put it at the end of the chain.

    Raises
    ------
    UserError
        When the act does not fit, the key is not listed, or the gate refuses an approval.
    StoreError
        If there is no card, or the disk refuses.
    """
    private = read_private(key)
    reviewed = read_review(path)
    at = read_clock()

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, dict[str, str]]:
        act = make_act(
            act=kind,
            project=reviewed.name,
            phase=phase,
            number=len(chain.links) + 1,
            previous=chain.head,
            at=max(at, chain.links[-1].act.at) if chain.links else at,
            reason=reason,
            conditions=tuple(conditions),
            valid_until=valid_until,
            rule=rule,
            seen=_describe(reviewed.record),
        )
        _check_act(act, signer, replace(reviewed, chain=chain))
        return act, reviewed.subjects

    return append_act(reviewed.folder, reviewed.place.state, reviewed.ring, private, build)


def _describe(record: CardRecord) -> Seen:
    counts = Counter(finding.status for finding in record.findings)
    rest = [f for f in record.findings if f.status not in ("pass", "not applicable")]
    return Seen(
        verdict=record.verdict.word if record.verdict else "",
        findings=dict(sorted(counts.items())),
        not_passed=tuple(dict.fromkeys(f"{f.code}: {f.subject}" for f in rest)),
    )


def _check_act(act: Act, signer: KeySpec, reviewed: Reviewed) -> None:
    standing = reviewed.stand(act.phase, act.at.date())
    if act.act == "fulfil" and act.rule not in {c.rule for c in standing.conditions}:
        known = ", ".join(c.rule for c in standing.conditions)
        raise UserError(
            f"no approval that counts has the condition '{act.rule}'",
            expected=known or "an approval on a condition",
        )
    if act.act == "withdraw" and signer.name not in {d.signer.name for d in standing.decisions}:
        raise UserError(f"{signer.name} has no decision on the phase {act.phase} to withdraw")
    if act.act != "approve":
        return
    if signer.name in standing.authors:
        raise UserError(
            f"{signer.name} asked for the review, and does not approve what is their own",
            next_step="let another person of the role review it",
        )
    link = Link(act, reviewed.subjects, signer, "", "")
    made = replace(reviewed, chain=Chain((*reviewed.chain.links, link), ()))
    against = [c for c in check_gate(made, act.phase) if c.outcome == "not met"]
    wrong = [found for found in against if not found.rule.reviewers]
    if wrong:
        told = "; ".join(f"{found.rule.id}: {found.observed}" for found in wrong)
        raise UserError(
            f"the policy allows no approval: {told}",
            next_step="; ".join(f"{found.rule.id}: {found.next_step}" for found in wrong),
        )


def _read_policy(path: Path, workspace: Path) -> tuple[PolicySpec, Path]:
    """Read the policy that a project or an audit is held to, and tell its file."""
    given = find_named(path)
    document = read_yaml(given / PROJECT if given.is_dir() else given)
    head = {"policy": document.content.get("policy", "policy")}
    name = validate_spec(ProjectFile, head, document).policy
    policy = read_config(workspace, name, document, "policy")
    return validate_spec(PolicySpec, policy.content, policy), policy.path
