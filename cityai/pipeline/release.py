"""A reviewed model is put into use, taken back, or out of use: a signed act, then MLflow's alias.

The act comes first: a process that dies between the two leaves an alias that `cityai registry
check` finds and `cityai registry restore` moves to where the chain says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cityai.config.keys import KeySpec
from cityai.config.release import PHASES, Phase
from cityai.errors import TrackingError, UserError
from cityai.pipeline.portfolio import publish_portfolio
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, check_gate, read_review, read_usable
from cityai.pipeline.sign import put_act
from cityai.review.acts import MODEL, REGISTERED, Act, Kind
from cityai.review.chain import Chain, Link
from cityai.review.keys import Private, read_private
from cityai.review.release import list_missing
from cityai.review.standing import Standing
from cityai.track.registry import Registry, open_registry

Moved = Callable[[Reviewed, Standing], tuple[dict[str, str], str]]
"""Finds of what an act is, and which version is in use after it; refuses what may not be."""


def promote_model(path: Path, phase: Phase, *, key: Path, reason: str) -> Link:
    """Put the model of a published card into use.

    Raises
    ------
    UserError
        When no approval of these very bytes counts, and no override: with what is missing.
    """
    reviewed = read_usable(path)
    _require_yes(reviewed, reviewed.stand(phase, read_clock().date()))
    registry = open_registry(reviewed.place.state, reviewed.name)
    version = find_version(reviewed, registry)
    held = registry.digest_version(version)
    if held.model != reviewed.subjects[MODEL]:
        raise UserError(
            f"version {version} is not the model that was reviewed: its files are others",
            where=registry.where,
            next_step="see who changed them; run the project again and review it anew",
        )

    def allow(now: Reviewed, standing: Standing) -> tuple[dict[str, str], str]:
        _require_yes(now, standing)
        return {**now.subjects, REGISTERED: held.whole}, version

    return _move(reviewed, "promote", phase, key, reason, registry, allow)


def roll_back(path: Path, phase: Phase, *, key: Path, reason: str) -> Link:
    """Put the model into use that was before the present one.

    Raises
    ------
    UserError
        When there was none, its approval no longer counts, or its files were changed.
    """
    reviewed = read_usable(path)
    registry = open_registry(reviewed.place.state, reviewed.name)

    def allow(now: Reviewed, standing: Standing) -> tuple[dict[str, str], str]:
        if len(standing.moves) < 2:
            raise UserError(
                f"there is nothing to go back to: nothing was {phase} before",
                next_step="`cityai retire` takes the present one out of use",
            )
        before = standing.moves[-2]
        require_unchanged(before, registry)
        asked = standing.stand_for(before)
        missing = list_missing(now.policy.release, now.record, asked, of_card=False)
        if missing and not asked.overridden:
            raise UserError(
                f"version {before.act.version} may not be used any more: {'; '.join(missing)}",
                next_step="`cityai retire` takes the present one out of use",
            )
        return before.subjects, before.act.version

    return _move(reviewed, "rollback", phase, key, reason, registry, allow)


def retire_model(path: Path, phase: Phase, *, key: Path, reason: str) -> Link:
    """Take what is in use out of use."""
    reviewed = read_usable(path)
    registry = open_registry(reviewed.place.state, reviewed.name)

    def allow(now: Reviewed, standing: Standing) -> tuple[dict[str, str], str]:
        move = standing.in_use
        if move is None:
            raise UserError(f"nothing is in use ({phase})")
        return move.subjects, ""

    return _move(reviewed, "retire", phase, key, reason, registry, allow)


def end_use(
    reviewed: Reviewed,
    private: Private,
    build: Callable[[Chain, KeySpec], tuple[Act, Mapping[str, str]]],
) -> Link:
    """Sign an act after which nothing is in use, and take the aliases away."""
    today = read_clock().date()
    if not any(reviewed.stand(phase, today).moves for phase in PHASES):
        return put_act(reviewed, private, build)
    registry = open_registry(reviewed.place.state, reviewed.name)
    heads = registry.read_heads()

    def follow(link: Link) -> None:
        with _standing(link, registry):
            for phase, version in registry.read_aliases().items():
                if phase in PHASES:
                    registry.move_alias(phase, "")
                    registry.write_head(version, link.digest)

    return put_act(reviewed, private, build, anchors=heads.values(), then=follow)


@contextmanager
def _standing(link: Link, registry: Registry) -> Iterator[None]:
    """Say of what could not be followed by the registry that the act stands."""
    try:
        yield
    except TrackingError as error:
        raise TrackingError(
            f"act {link.act.number} is signed and stands, {error.what}",
            where=error.where,
            next_step=f"cityai registry restore, as soon as {registry.where} answers",
        ) from error


def restore_aliases(path: Path) -> list[str]:
    """Move aliases to where the chain says, and write its head on what is in use; tell each.

    Raises
    ------
    UserError
        When the chain does not hold, or what should be in use was changed or may not be used.
    """
    reviewed = read_usable(path)
    registry = open_registry(reviewed.place.state, reviewed.name)
    reviewed = read_review(path, *registry.read_heads().values())
    reviewed.chain.refuse_faults()
    aliases, told = registry.read_aliases(), []
    for phase in PHASES:
        standing = reviewed.stand(phase, read_clock().date())
        move = standing.in_use
        version = move.act.version if move else ""
        if aliases.get(phase, "") == version:
            continue
        if move is not None:
            require_unchanged(move, registry)
            asked = standing.stand_for(move)
            of_card = standing.is_published(move)
            missing = list_missing(reviewed.policy.release, reviewed.record, asked, of_card=of_card)
            if missing and not asked.overridden:
                raise UserError(
                    f"version {version} may not be used any more: {'; '.join(missing)}",
                    next_step=f"review it, or cityai retire {path} --to {phase}",
                )
        registry.move_alias(phase, version)
        told.append(f"{phase} is version {version}" if version else f"{phase} is no version")
    write_heads(reviewed, registry)
    publish_portfolio(reviewed.place.workspace)
    return told


def write_heads(reviewed: Reviewed, registry: Registry) -> None:
    """Write the head of the chain on every version that is in use."""
    for phase in PHASES:
        if move := reviewed.stand(phase, read_clock().date()).in_use:
            registry.write_head(move.act.version, reviewed.chain.head)


def find_version(reviewed: Reviewed, registry: Registry) -> str:
    """Return the version of the registered model that is the published card's."""
    digest = reviewed.subjects.get(MODEL, "")
    version = registry.find_version(digest) if digest else ""
    if not version:
        raise UserError(
            "the model of this card is not registered"
            if digest
            else "the card names no model that could be put into use",
            where=registry.where,
            expected="a version that the run of this card logged",
            next_step="run the project again with this store, and let the new card be reviewed",
        )
    return version


def _require_yes(reviewed: Reviewed, standing: Standing) -> None:
    """Refuse where the policy says no, and nobody who may has overridden it."""
    found = [c for c in check_gate(reviewed, standing.phase) if c.outcome == "not met"]
    missing = list_missing(reviewed.policy.release, reviewed.record, standing)
    if missing and not standing.overridden:
        asked = f"cityai review approve --phase {standing.phase}, by somebody who did not open it"
        raise UserError(
            f"the policy allows no use ({standing.phase}): {'; '.join(missing)}",
            expected="an approval of these very bytes that counts, and every other rule met",
            next_step="; ".join(f"{c.rule.id}: {c.next_step}" for c in found) or asked,
        )


def require_unchanged(move: Link, registry: Registry) -> None:
    """Refuse a version whose files are not those that were promoted."""
    held = registry.digest_version(move.act.version)
    if (held.model, held.whole) != (move.subjects.get(MODEL), move.subjects.get(REGISTERED)):
        raise UserError(
            f"version {move.act.version} is not what was promoted: its files were changed",
            where=registry.where,
            next_step="see who changed them; promote a version that a run logs anew",
        )


def _move(
    reviewed: Reviewed,
    kind: Kind,
    phase: Phase,
    key: Path,
    reason: str,
    registry: Registry,
    allow: Moved,
) -> Link:
    """Sign an act, and point the alias to where it says, before anybody else signs."""
    private = read_private(key)
    heads = registry.read_heads()

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, dict[str, str]]:
        now = replace(reviewed, chain=chain)
        subjects, version = allow(now, now.stand(phase, read_clock().date()))
        return now.begin_act(kind, phase, reason, version=version), subjects

    def follow(link: Link) -> None:
        with _standing(link, registry):
            version = link.act.version or registry.read_aliases().get(phase, "")
            if version:
                registry.move_alias(phase, link.act.version)
                registry.write_head(version, link.digest)

    return put_act(reviewed, private, build, anchors=heads.values(), then=follow)
