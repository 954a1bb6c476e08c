"""Who may sit at a desk: the holders of the keys that it was started with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cityai.config.keys import read_keys
from cityai.errors import UserError
from cityai.review.chain import Ring
from cityai.review.keys import name_key, read_private


@dataclass(frozen=True)
class Reviewer:
    """A person or office of `configs/keys.yaml`, and where their private key lies."""

    name: str
    role: str
    """As the list has them."""
    keyid: str
    """The key's."""
    key: Path
    """The private key's file: it is read at each signature, and kept nowhere else."""
    user: str = ""
    """What a single sign-on calls them; empty without one."""


def read_reviewers(
    workspace: Path, named: Sequence[str], today: date, *, with_users: bool = False
) -> dict[str, Reviewer]:
    """Read the keys that a desk is started with.

    Parameters
    ----------
    workspace : Path
        Its list of keys says who holds which.
    named : sequence of str
        Files of private keys; ``USER=FILE`` with a single sign-on.
    today : date
        The day on which they must speak.
    with_users : bool
        Whether each is named with its user.

    Returns
    -------
    dict of str to Reviewer
        By key id.

    Raises
    ------
    UserError
        When none is named, one cannot be read, is not listed, does not speak, or comes twice.
    """
    if not named:
        raise UserError(
            "no key was named: nobody could sign at this desk",
            expected="--key FILE for each reviewer who will sit at it",
            next_step="make one with `cityai review key`, or set CITYAI_KEY",
        )
    ring = Ring(read_keys(workspace))
    found: dict[str, Reviewer] = {}
    for text in named:
        user, key = _part_user(text) if with_users else ("", Path(text))
        reviewer = _find_reviewer(ring, key, user, today)
        users = {other.user for other in found.values()} if with_users else set()
        if reviewer.keyid in found or user in users:
            raise UserError(
                f"{reviewer.name}: the key or the user is named twice",
                where=text,
                expected="one --key for each reviewer",
            )
        found[reviewer.keyid] = reviewer
    return found


def _part_user(text: str) -> tuple[str, Path]:
    user, equals, file = text.partition("=")
    if not (user and equals and file):
        raise UserError(
            f"'{text}' names no user",
            expected="--key USER=FILE with a single sign-on, the user as its header has it",
        )
    return user, Path(file)


def _find_reviewer(ring: Ring, key: Path, user: str, today: date) -> Reviewer:
    private = read_private(key)
    spec = ring.find_speaker(private, today)
    return Reviewer(spec.name, spec.role, name_key(private.public_key()), key.absolute(), user)
