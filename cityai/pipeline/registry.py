"""`cityai registry check`: what is in use, held against what people signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cityai.card.render.release import put_in_release
from cityai.card.verify import read_bytes
from cityai.config.release import PHASES
from cityai.errors import CityaiError
from cityai.findings import Finding, Status
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.release import require_unchanged
from cityai.pipeline.review import Reviewed, describe_review, list_heads, read_review
from cityai.review.chain import Link
from cityai.review.release import list_missing
from cityai.review.standing import Standing
from cityai.store.cards import CARDS, JSON
from cityai.track.registry import Registry, open_registry

CHAIN, SHOWN = "registry.chain", "registry.card"
ALIAS, BYTES = "registry.alias", "registry.model"
APPROVAL, OVERRIDE = "registry.approval", "registry.override"


def check_registry(path: Path, *anchors: str) -> tuple[Finding, ...]:
    """Hold the registered model of a project against the review of its card.

    Returns
    -------
    tuple of Finding
        What is not as it was signed, and what to do.
    """
    reviewed = read_review(path)
    registry = open_registry(reviewed.place.state, reviewed.name)
    heads = {f"version {v} of the registered model": h for v, h in registry.read_heads().items()}
    heads |= list_heads(reviewed.place)
    reviewed = read_review(path)  # after the heads: somebody may be signing
    heads |= {f"the head {head[:12]} that was given": head for head in anchors if head}
    found = [*_check_chain(reviewed, heads)]
    if any(finding.status is Status.FAIL for finding in found):
        return tuple(found)
    found += _check_shown(reviewed)
    aliases = registry.read_aliases()
    for phase in PHASES:
        standing = reviewed.stand(phase, read_clock().date())
        found += _check_phase(reviewed, standing, aliases.get(phase, ""), registry)
    return tuple(found)


def _check_chain(reviewed: Reviewed, heads: dict[str, str]) -> Iterator[Finding]:
    title = "The chain of signed acts is whole"
    chain, known = reviewed.chain, {link.digest for link in reviewed.chain.links}
    for fault in chain.faults:
        do = "Take the folder from version control as it was, and see who changed it."
        yield Finding(CHAIN, Status.FAIL, title, f"{fault.why}. {do}", subject=fault.where)
    for where, head in heads.items() if not chain.faults else ():
        if head not in known:
            why = f"The act {head[:12]} is not in the chain: it was cut or written anew."
            do = "Take the folder from version control as it was then, and see who changed it."
            yield Finding(CHAIN, Status.FAIL, title, f"{why} {do}", subject=where)
    if not chain.faults and known.issuperset(heads.values()):
        told = f"{len(known)} acts; {len(heads)} heads of it that stand elsewhere are in it."
        yield Finding(CHAIN, Status.PASS, title, told)


def _check_shown(reviewed: Reviewed) -> Iterator[Finding]:
    """Hold what the card's pages say of the review against what the chain says today."""
    title, place = "The card shows what was decided", reviewed.place
    content = read_bytes(place.json)
    files = {p.name: read_bytes(p).decode() for p in place.folder.glob("card*.*")}
    release = describe_review(place, content, reviewed.record)
    made = put_in_release(files, reviewed.record, release)
    other = sorted(name for name in made if name != JSON and made[name] != files[name])
    if other:
        do = f"{other[0]} says otherwise than the chain does today. Run cityai card index."
        yield Finding(SHOWN, Status.FAIL, title, do, subject=place.folder.name)
    else:
        told = f"{len(files) - 1} pages in {CARDS}/{place.folder.name}."
        yield Finding(SHOWN, Status.PASS, title, told)


def _check_phase(
    reviewed: Reviewed, standing: Standing, version: str, registry: Registry
) -> Iterator[Finding]:
    phase, move = standing.phase, standing.in_use
    yield _check_alias(phase, move, version)
    for override in standing.overrides:
        who, act = override.signer, override.act
        told = f"{who.name} ({who.role}) until {act.valid_until}: {act.reason}"
        yield Finding(OVERRIDE, Status.NOT_ENOUGH, "An override stands", told, subject=phase)
    if move is None:
        return
    title = "What is in use is what was promoted"
    try:
        require_unchanged(move, registry)
    except CityaiError as error:
        told = f"{error.what}. Retire it: cityai retire --to {phase}."
        yield Finding(BYTES, Status.FAIL, title, told, subject=phase)
    else:
        told = f"All files of version {move.act.version} are as they were."
        yield Finding(BYTES, Status.PASS, title, told, subject=phase)
    yield _check_approval(reviewed, standing, move)


def _check_alias(phase: str, move: Link | None, version: str) -> Finding:
    title, signed = "The alias is where the chain says", move.act.version if move else ""
    if version == signed:
        told = f"{phase} is version {version}." if version else f"Nothing is {phase}."
        return Finding(ALIAS, Status.PASS, title, told, subject=phase)
    seen, right = (f"version {v}" if v else "no version" for v in (version, signed))
    told = (
        f"{phase} is {seen}, signed was {right}: it was moved without an act, or a promotion "
        "broke off. Run cityai registry restore, and see who moved it."
    )
    return Finding(ALIAS, Status.FAIL, title, told, subject=phase)


def _check_approval(reviewed: Reviewed, standing: Standing, move: Link) -> Finding:
    title, asked = "What is in use has an approval that counts", standing.stand_for(move)
    of_card = standing.is_published(move)
    missing = list_missing(reviewed.policy.release, reviewed.record, asked, of_card=of_card)
    if not missing:
        told = f"Version {move.act.version} is approved."
        if not of_card:
            told += " The published card is another's; review it, then cityai promote."
        return Finding(APPROVAL, Status.PASS, title, told, subject=standing.phase)
    if asked.overridden:
        told = f"By an override only: {'; '.join(missing)}."
        return Finding(APPROVAL, Status.NOT_ENOUGH, title, told, subject=standing.phase)
    do = f"Approve it anew, or cityai retire --to {standing.phase}."
    told = f"Suspended. {'; '.join(missing)}. {do}"
    return Finding(APPROVAL, Status.FAIL, title, told, subject=standing.phase)
