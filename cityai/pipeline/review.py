"""From a published card to its review: the acts on it are read, rules are held against both."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, get_args

from cityai.card.record import CardRecord
from cityai.card.release import PhasePart, ReleasePart, State, find_head
from cityai.card.verify import read_bytes, read_record
from cityai.config.keys import read_keys
from cityai.config.load import ProjectFile, find_named, read_config
from cityai.config.places import CONFIGS
from cityai.config.policy import PolicySpec
from cityai.config.release import PHASES, Phase, write_rules
from cityai.config.validate import validate_spec
from cityai.config.yaml import read_yaml
from cityai.errors import CityaiError, SpecError, UserError
from cityai.i18n.stored import clean_text
from cityai.pipeline.places import PROJECT, CardPlace, read_sealed
from cityai.pipeline.provenance import read_clock
from cityai.review.acts import COMMIT, MODEL, Act, Kind, Seen, make_act
from cityai.review.chain import Chain, Ring, read_chain
from cityai.review.evaluated import Evaluated
from cityai.review.gate import Checked, applies, check_rules
from cityai.review.release import describe_model, describe_release
from cityai.review.standing import POLICY, RULES, Standing
from cityai.store.cards import CARDS, REVIEWS

DRILL: Final = "cityai_drill_"
"""How the id of a card begins that was made for practice: nothing that is signed of it counts."""
PORTFOLIO: Final = "index.json"
"""The list of all cards, for machines."""


@dataclass(frozen=True)
class Reviewed:
    """A published card, what may be signed about it, and who did."""

    name: str
    """The project's."""
    record: CardRecord
    """The card, unchanged since it was published."""
    place: CardPlace
    """Where it lies."""
    subjects: dict[str, str]
    """Digests of the card and of all that it stands on."""
    policy: PolicySpec
    """What must hold, and who may let it be used although it does not."""
    ring: Ring
    """Whose signatures count."""
    chain: Chain
    """The acts."""

    @property
    def folder(self) -> Path:
        """Where its acts lie."""
        return self.place.folder / REVIEWS

    @property
    def policy_file(self) -> str:
        """The policy's file, for messages."""
        name = next(name for name in self.subjects if name.endswith(POLICY))
        return str(self.place.workspace / CONFIGS / name)

    def stand(self, phase: Phase, today: date) -> Standing:
        """Return its review for a phase, as it stands on a day."""
        own = [rule for rule in self.policy.release if phase in rule.phases and rule.evaluation]
        guards = (r.evaluation for r in own if applies(r, self.record))
        guarded = any(told is not None and told.harmful == "refuse" for told in guards)
        evaluated = Evaluated(self.record.impacts, guarded)
        return Standing(self.chain, self.subjects, phase, today, self.policy.override, evaluated)

    def begin_act(self, kind: Kind, phase: Phase | None, reason: str, **more: object) -> Act:
        """Make the act that would follow in the chain; its words are those that a page can show."""
        links, at = self.chain.links, read_clock()
        return make_act(
            act=kind,
            project=self.name,
            phase=phase,
            number=len(links) + 1,
            previous=self.chain.head,
            at=max(at, links[-1].act.at) if links else at,
            reason=clean_text(reason).strip(),
            seen=_describe(self.record),
            **more,
        )


def read_review(path: Path, *anchors: str) -> Reviewed:
    """Read a project's card and the acts on it.

    Parameters
    ----------
    path : Path
        The project, an audit file, or the folder of a published card. Of a card that is no
        project's of this workspace, the policy is the one that its acts are bound to.
    *anchors : str
        Heads of the chain that were written down elsewhere.

    Raises
    ------
    UserError
        When the project cannot be read, or its card was changed after it was published.
    StoreError
        When there is no card.
    """
    place, content, record = read_sealed(path, f"cityai review show {path}")
    given = find_named(path).resolve()
    if place.folder not in (given, given.parent):
        policy = _read_policy(given, place.workspace)
        return _gather(place, content, record, lambda chain: policy, anchors)
    if place.folder.parent != place.workspace / CARDS:
        raise UserError(
            "this card is not where the workspace publishes",
            where=str(place.folder),
            expected=f"a folder of {place.workspace / CARDS}",
            next_step="name the project, the audit file, or the folder there",
        )
    own = place.workspace / "projects" / record.record.id
    if (own / PROJECT).is_file():
        policy = _read_policy(own, place.workspace)
        return _gather(place, content, record, lambda chain: policy, anchors)
    return read_shown(place, content, record, *anchors)


def read_usable(path: Path) -> Reviewed:
    """Read a card and the acts on it, to sign one or to use its model.

    Raises
    ------
    UserError
        When it is a drill's, beside what `read_review` raises.
    """
    reviewed = read_review(path)
    if reviewed.name.startswith(DRILL):
        raise UserError(
            "this card is a drill, with a planted fault: nothing that is signed of it counts",
            where=str(reviewed.place.json),
            next_step="cityai review drill-answer",
        )
    return reviewed


def read_shown(place: CardPlace, content: bytes, record: CardRecord, *anchors: str) -> Reviewed:
    """Read the acts on a card without its project: the policy is the one that they are bound to."""

    def find_policy(chain: Chain) -> tuple[PolicySpec, Path]:
        named = chain.links[-1].subjects if chain.links else {}
        name = next((name for name in named if name.endswith(POLICY)), f"policy{POLICY}")
        policy = read_yaml(place.workspace / CONFIGS / Path(name).name)
        return validate_spec(PolicySpec, policy.content, policy), policy.path

    return _gather(place, content, record, find_policy, anchors)


def list_heads(place: CardPlace) -> dict[str, str]:
    """List the heads of the chain that the card's pages and the portfolio name, by file."""
    heads = {p.name: find_head(p.read_bytes()) for p in sorted(place.folder.glob("card*.html"))}
    with suppress(OSError, ValueError, LookupError, TypeError):
        systems = json.loads((place.folder.parent / PORTFOLIO).read_bytes())["systems"]
        (listed,) = (system for system in systems if system["id"] == place.folder.name)
        heads[PORTFOLIO] = str(listed["release"]["head"])
    return {name: head for name, head in heads.items() if head}


def _gather(
    place: CardPlace,
    content: bytes,
    record: CardRecord,
    find_policy: Callable[[Chain], tuple[PolicySpec, Path]],
    anchors: Sequence[str] = (),
) -> Reviewed:
    ring = Ring(read_keys(place.workspace))
    chain = read_chain(place.folder / REVIEWS, ring, *list_heads(place).values(), *anchors)
    spec, policy = find_policy(chain)
    made = record.provenance
    subjects = {
        "card.json": hashlib.sha256(content).hexdigest(),
        "data": made.data_digest,
        "specification": made.spec_digest,
        "predictions": made.predictions_digest,
        "results": made.results_digest,
        MODEL: made.model_digest or "",
        policy.name: hashlib.sha256(read_bytes(policy)).hexdigest(),
        RULES: hashlib.sha256(write_rules(spec.release, spec.override)).hexdigest(),
        COMMIT: made.git_commit,
    }
    return Reviewed(
        name=record.record.id,
        record=record,
        place=place,
        subjects={name: digest for name, digest in subjects.items() if digest},
        ring=ring,
        policy=spec,
        chain=chain,
    )


def describe_review(place: CardPlace, content: bytes, record: CardRecord) -> ReleasePart | None:
    """Describe what people decided, as of today; nothing where nobody signed."""
    if not (place.folder / REVIEWS).is_dir():
        return None
    try:
        reviewed, today = read_shown(place, content, record), read_clock().date()
        reviewed.chain.refuse_faults()
    except CityaiError:
        return ReleasePart(broken=True, head=next(iter(list_heads(place).values()), ""))
    standings = [reviewed.stand(phase, today) for phase in PHASES]
    return describe_release(reviewed.policy.release, record, standings)


def find_approval(place: CardPlace, digest: str) -> PhasePart | None:
    """Find how the review of a model stands, of the phases that for which it stands best.

    Raises
    ------
    UserError
        When the chain of acts does not hold.
    """
    if not (place.folder / REVIEWS).is_dir():
        return None
    content = read_bytes(place.json)
    reviewed = read_shown(place, content, read_record(content, where=str(place.json)))
    reviewed.chain.refuse_faults()
    rules, today = reviewed.policy.release, read_clock().date()
    stood = [reviewed.stand(phase, today) for phase in reversed(PHASES)]
    found = [describe_model(rules, reviewed.record, standing, digest) for standing in stood]
    order = get_args(State)
    return min((p for p in found if p), key=lambda p: order.index(p.state), default=None)


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
    standing = reviewed.stand(phase, read_clock().date())
    found = check_rules(reviewed.policy.release, reviewed.record, standing)
    if not found:
        raise SpecError(
            f"the policy has no rule on what must hold before the phase {phase}",
            where=reviewed.policy_file,
            expected="`release:` in the policy, a list of rules with id, sentence and owner",
            next_step="see docs/reviewing.md for a model policy",
        )
    return found


def _describe(record: CardRecord) -> Seen:
    counts = Counter(finding.status for finding in record.findings)
    rest = [f for f in record.findings if f.status not in ("pass", "not applicable")]
    return Seen(
        verdict=record.verdict.word if record.verdict else "",
        findings=dict(sorted(counts.items())),
        not_passed=tuple(dict.fromkeys(f"{f.code}: {f.subject}" for f in rest)),
    )


def _read_policy(path: Path, workspace: Path) -> tuple[PolicySpec, Path]:
    """Read the policy that a project or an audit is held to, and tell its file."""
    given = find_named(path)
    document = read_yaml(given / PROJECT if given.is_dir() else given)
    head = {"policy": document.content.get("policy", "policy")}
    name = validate_spec(ProjectFile, head, document).policy
    policy = read_config(workspace, name, document, "policy")
    return validate_spec(PolicySpec, policy.content, policy), policy.path
