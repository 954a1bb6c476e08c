"""A hash chain of signed acts: append-only, tamper-evident.

Each act holds the SHA-256 of the envelope before it, so an act that is edited, removed from the
middle, moved or put in is found from the files alone. Acts cut off at the end, and a chain that
was written anew by who has the keys, are found against the head that stands elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cityai.config.keys import KeySpec, KeysSpec
from cityai.errors import DataError, UserError
from cityai.review.acts import Act, read_statement, write_statement
from cityai.review.envelope import MAX_BYTES, read_envelope, sign_payload, write_envelope
from cityai.review.keys import Private, Public, name_key, read_public
from cityai.store.files import PUBLIC_FILE_MODE, TEMPORARY, hold_lock, write_files

LISTED: Final = "configs/keys.yaml"
SECONDS: Final = 30.0
"""How long one process waits for another that signs."""


@dataclass(frozen=True)
class Link:
    """One act of a chain that holds."""

    act: Act
    """What was done."""
    subjects: dict[str, str]
    """Digests of what it is about."""
    signer: KeySpec
    """Who signed it."""
    keyid: str
    """The signer's key."""
    digest: str
    """SHA-256 of the envelope."""


@dataclass(frozen=True)
class Fault:
    """Where a chain does not hold, and why."""

    where: str
    why: str


@dataclass(frozen=True)
class Chain:
    """All acts on a project's cards, oldest first."""

    links: tuple[Link, ...]
    """Up to the first that does not hold."""
    faults: tuple[Fault, ...]
    """Empty where the whole chain holds."""

    @property
    def head(self) -> str:
        """The digest of the last act; empty without any."""
        return self.links[-1].digest if self.links else ""

    def refuse_faults(self) -> None:
        """Refuse to go on from a chain that does not hold."""
        if self.faults:
            raise UserError(
                f"the chain of reviews does not hold: {self.faults[0].why}",
                where=self.faults[0].where,
                next_step="take the folder from version control as it was, and see who changed it",
            )


class Ring:
    """The public keys of a workspace, by id."""

    def __init__(self, keys: KeysSpec) -> None:
        self._known: dict[str, tuple[KeySpec, Public]] = {}
        for spec in keys.keys:
            public = read_public(spec.public, where=f"configs/keys.yaml, {spec.name}")
            if name_key(public) in self._known:
                raise UserError(
                    f"{spec.name}: this key is listed twice",
                    where=LISTED,
                    expected="one entry for each key; another role needs a key of its own",
                )
            self._known[name_key(public)] = spec, public

    def list_specs(self) -> list[KeySpec]:
        """List who holds which key."""
        return [spec for spec, _ in self._known.values()]

    def find(self, keyid: str) -> tuple[KeySpec, Public] | None:
        """Return who holds a key, and the key."""
        return self._known.get(keyid)

    def find_holder(self, private: Private) -> KeySpec:
        """Return who holds a private key, whether or not it speaks today."""
        known = self.find(name_key(private.public_key()))
        if known is None:
            raise UserError(
                "nobody listed the key",
                where=LISTED,
                expected="the public key of who signs, with a name, a role and its days",
                next_step="let who keeps the list add what `cityai review key` printed",
            )
        return known[0]

    def find_speaker(self, private: Private, day: date) -> KeySpec:
        """Return who holds a private key and may sign by it on a day.

        Raises
        ------
        UserError
            When nobody listed it, or not for this day.
        """
        holder = self.find_holder(private)
        if not holder.speaks_on(day):
            raise UserError(
                f"the key of {holder.name} does not speak on {day}",
                where=LISTED,
                expected=f"a day from {holder.since} on"
                + (f", until {holder.until}" if holder.until else ""),
                next_step="sign with a key that speaks then",
            )
        return holder


def read_chain(folder: Path, ring: Ring, *anchors: str) -> Chain:
    """Read and check a chain.

    Parameters
    ----------
    folder : Path
        Where its envelopes lie: ``0001.json``, ``0002.json``, ...
    ring : Ring
        Whose signatures count.
    *anchors : str
        Heads that the chain had, as written down elsewhere; they must still be in it.
    """
    links: list[Link] = []
    faults: list[Fault] = []
    for number, path in enumerate(_list_files(folder), 1):
        try:
            before = links[-1] if links else None
            links.append(_read_link(path.read_bytes(), path, number, before, ring))
        except (DataError, OSError) as error:
            why = error.what if isinstance(error, DataError) else "it cannot be read"
            faults.append(Fault(str(path), why))
            break
    lost = {*anchors} - {"", *(link.digest for link in links)}
    for anchor in sorted(lost if not faults else ()):
        why = f"the act with the digest {anchor[:12]}, which was the last once, is not in it"
        faults.append(Fault(str(folder), f"the chain was cut or written anew: {why}"))
    return Chain(tuple(links), tuple(faults))


def _list_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith(TEMPORARY))


def _read_link(content: bytes, path: Path, number: int, before: Link | None, ring: Ring) -> Link:
    if path.name != name_file(number):
        raise DataError(f"here {name_file(number)} was expected")
    envelope = read_envelope(content, where=str(path))
    known = ring.find(envelope.keyid)
    if known is None:
        raise DataError(f"it was signed by a key that nobody listed ({envelope.keyid[:12]})")
    signer, public = known
    if not envelope.is_signed_by(public):
        raise DataError(f"the signature is not that of {signer.name} over this text")
    act, subjects = read_statement(envelope.payload, where=str(path))
    if act.number != number or act.previous != (before.digest if before else ""):
        raise DataError("it does not follow the act before it")
    if before is not None and act.at < before.act.at:
        raise DataError("it is dated before the act before it")
    if not signer.speaks_on(act.at.date()):
        raise DataError(f"the key of {signer.name} does not speak on {act.at.date()}")
    digest = hashlib.sha256(content).hexdigest()
    return Link(act, subjects, signer, envelope.keyid, digest)


def name_file(number: int) -> str:
    """Return the file's name of an act."""
    return f"{number:04d}.json"


def append_act(
    folder: Path,
    state: Path,
    ring: Ring,
    private: Private,
    build: Callable[[Chain, KeySpec], tuple[Act, Mapping[str, str]]],
    *,
    anchors: Iterable[str] = (),
    then: Callable[[Link], None] | None = None,
) -> Link:
    """Sign an act and put it at the end of a chain, while nobody else does.

    Parameters
    ----------
    folder : Path
        The chain's.
    state : Path
        The workspace's private folder, for the lock.
    ring : Ring
        Whose signatures count.
    private : Ed25519PrivateKey or EllipticCurvePrivateKey
        The signer's key.
    build : callable
        Makes the act and its subjects from the chain as it is then, and who signs.
    anchors : iterable of str
        Heads that the chain had.
    then : callable, optional
        What follows from the act, before anybody else signs.

    Raises
    ------
    UserError
        When the chain does not hold, or the key does not speak on this day.
    StoreError
        If the disk refuses; the chain is as before.
    """
    holder = ring.find_holder(private)
    name = f"review-{folder.parent.name}"
    with hold_lock(state, name, doing="signing an act of the review", seconds=SECONDS):
        chain = read_chain(folder, ring, *anchors)
        chain.refuse_faults()
        act, subjects = build(chain, holder)
        ring.find_speaker(private, act.at.date())
        content = write_envelope(sign_payload(write_statement(act, subjects), private))
        if len(content) > MAX_BYTES:
            raise UserError(
                "the text is too long to be signed",
                expected=f"an act of {MAX_BYTES:,} bytes at most, with all that it is about",
                next_step="write less, and name where the rest can be read",
            )
        path = folder / name_file(act.number)
        before = chain.links[-1] if chain.links else None
        # Read back before it is written: what could not be read would break the chain.
        link = _read_link(content, path, act.number, before, ring)
        write_files({path.name: content}, folder, PUBLIC_FILE_MODE, replace=False)
        if then is not None:
            then(link)
    return link
