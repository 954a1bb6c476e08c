"""One-time links to sign in by: a private file each, whose name is the digest of its secret.

The desk and `cityai review link` share the folder. A link is used by removing its file, which
succeeds once, whoever tries at the same moment.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from cityai.errors import StoreError, UserError, suggest_name
from cityai.store.files import write_files

HOST: Final = "127.0.0.1"
SECONDS: Final = 15 * 60.0
"""How long a link may be used."""
_DESK: Final = "desk.json"


class Links:
    """The links of one desk.

    Parameters
    ----------
    state : Path
        The workspace's private folder.
    port : int
        The desk's.
    clock : callable, optional
        Seconds since 1970.
    """

    def __init__(self, state: Path, port: int, clock: Callable[[], float] = time.time) -> None:
        self.folder = state / "desk" / str(port)
        self._clock = clock

    def begin(self, address: str, people: dict[str, tuple[str, str]]) -> None:
        """Take away what an earlier desk left, and write who may be sent a link to where."""
        self.end()
        told = json.dumps({"address": address, "people": people})
        write_files({_DESK: told.encode()}, self.folder)

    def end(self) -> None:
        """Take all links away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self) -> tuple[str, dict[str, tuple[str, str]]]:
        """Return the desk's address, and names and roles by key id."""
        told = json.loads((self.folder / _DESK).read_text("utf-8"))
        return told["address"], {keyid: tuple(who) for keyid, who in told["people"].items()}

    def make(self, keyid: str) -> str:
        """Make a link for who holds a key, and return its address."""
        secret = secrets.token_urlsafe(32)
        told = json.dumps({"keyid": keyid, "until": self._clock() + SECONDS})
        write_files({_name(secret): told.encode()}, self.folder, replace=False)
        return f"{self.read()[0]}/sign-in?link={secret}"

    def find(self, secret: str) -> str:
        """Return whose key a link is for; empty where it is unknown, used or over."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            told = json.loads((self.folder / _name(secret)).read_text("utf-8"))
            if self._clock() < float(told["until"]):
                return str(told["keyid"])
        return ""

    def use(self, secret: str) -> str:
        """Use a link up: the same as `find`, once."""
        keyid = self.find(secret)
        with suppress(OSError):
            (self.folder / _name(secret)).unlink()
            return keyid
        return ""


def _name(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest() + ".json"


def make_new_link(state: Path, port: int, who: str) -> tuple[str, str]:
    """Make a link for a desk that is open; return its name, and the link.

    Raises
    ------
    UserError
        When no desk is open there, or nobody there is called so.
    """
    links = Links(state, port)
    try:
        socket.create_connection((HOST, port), timeout=2).close()
        _, people = links.read()
    except (OSError, ValueError):
        raise UserError(
            f"no desk of this workspace is open at port {port}",
            expected="a desk that runs, and a shell in its workspace",
            next_step="open one with `cityai review serve`, or name its --port",
        ) from None
    found = [keyid for keyid, told in people.items() if who in told]
    if len(found) != 1:
        known = [text for told in people.values() for text in told]
        raise UserError(
            f"'{who}' is {'several people' if found else 'no name and no role'} at this desk",
            expected="the name or the role of one reviewer whose key it was started with",
            next_step=suggest_name(who, known),
        )
    try:
        return people[found[0]][0], links.make(found[0])
    except OSError as error:
        raise StoreError(f"the link cannot be written ({error})", where=str(links.folder)) from None
