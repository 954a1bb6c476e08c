"""Sessions that end, kept by the desk alone, and a limit on how often anybody may ask."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cityai.desk.reviewers import Reviewer

IDLE: Final = 20 * 60.0
"""Seconds without a request after which a session ends."""
LONG_IDLE: Final = 10 * IDLE
"""The same for who asks for more time, as WCAG 2.2.1 wants it."""
LONGEST: Final = 8 * 3600.0
"""Seconds after which it ends in any case."""
MOST_KEYS: Final = 1_000
SECRET_HEADER: Final = "x-desk-secret"  # noqa: S105 - a name
"""The header in which a proxy shows that it is the one that was named."""
LEAST_SECRET: Final = 16
"""Characters of that secret."""
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_CARD_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""Of a published card: no script, no form, an origin of its own, and none of the desk's rights."""
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}
CARD_HEADERS: Final = {
    "content-security-policy": _CARD_POLICY,
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}


def _draw() -> str:
    return secrets.token_urlsafe(32)


@dataclass
class Session:
    """Somebody who signed in."""

    reviewer: Reviewer
    """Who: nothing that a browser sends changes it."""
    began: float
    seen: float
    """When it began, and when it last asked for something."""
    idle: float = IDLE
    """Seconds without a request after which it ends."""
    form: str = field(default_factory=_draw)
    """Stands in every form of its pages; a form without it is none of theirs."""
    reading: str = field(default_factory=_draw)
    """Part of the address of published cards: it lets one read them and nothing else, since a page
    in a frame without an origin is sent no cookie."""
    read: dict[str, str] = field(default_factory=dict)
    """By card: the digest of the one that was last opened to be read."""

    def has_read_another(self, name: str, digest: str) -> bool:
        """Tell whether they read a card that has become another since."""
        return self.read.get(name, digest) != digest


class Sessions:
    """All sessions of a desk, in memory: they end with it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def open(self, reviewer: Reviewer, idle: float = IDLE) -> str:
        """Open a session and return the secret of its cookie; only its digest is kept."""
        secret, now = _draw(), self._clock()
        with self._lock:
            self._open[_digest(secret)] = Session(reviewer, now, now, idle)
        return secret

    def find(self, secret: str) -> Session | None:
        """Return a session that has not ended, and count the request as a sign of life."""
        with self._lock:
            self._drop_ended()
            session = self._open.get(_digest(secret))
            if session is not None:
                session.seen = self._clock()
            return session

    def find_reader(self, reading: str) -> Session | None:
        """Return the session that may read cards by this part of their address."""
        with self._lock:
            self._drop_ended()
            found = [s for s in self._open.values() if secrets.compare_digest(s.reading, reading)]
            return found[0] if found else None

    def end(self, secret: str) -> None:
        """End a session: whoever has a copy of its cookie has nothing."""
        with self._lock:
            self._open.pop(_digest(secret), None)

    def _drop_ended(self) -> None:
        now = self._clock()
        self._open = {
            digest: session
            for digest, session in self._open.items()
            if 0 <= now - session.seen < session.idle and 0 <= now - session.began < LONGEST
        }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Limit:
    """A sliding window: so many times in so many seconds, for each key.

    Parameters
    ----------
    times : int
        How often.
    seconds : float
        In how long.
    clock : callable, optional
        Seconds.
    """

    def __init__(
        self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._times, self._seconds, self._clock = times, seconds, clock
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def allow(self, key: str = "") -> bool:
        """Count a request, and tell whether it is within the limit."""
        now = self._clock()
        with self._lock:
            if len(self._seen) > MOST_KEYS:
                self._seen.clear()
            seen = self._seen.setdefault(key, deque())
            while seen and now - seen[0] >= self._seconds:
                seen.popleft()
            if len(seen) >= self._times:
                return False
            seen.append(now)
            return True


@dataclass(frozen=True)
class SignOn:
    """A city's single sign-on, in front of the desk."""

    proxy: str
    """The address from which it asks."""
    header: str
    """The header in which it names the user."""
    secret: str
    """What it shows in `SECRET_HEADER`."""

    def find_user(self, peer: str, headers: Mapping[str, str]) -> str:
        """Return whom the proxy names; empty where it is not the proxy that asks."""
        given = headers.get(SECRET_HEADER, "").encode()
        known = secrets.compare_digest(given, self.secret.encode())
        return headers.get(self.header, "") if known and peer == self.proxy else ""


def is_own_host(headers: Mapping[str, str], address: str) -> bool:
    """Tell whether a request names the desk's own address: one by another name is a rebound one."""
    return headers.get("host", "") == address.partition("://")[2]


def is_own_form(headers: Mapping[str, str], address: str) -> bool:
    """Tell whether a form was sent from a page of the desk, as the browser says it."""
    fetched = headers.get("sec-fetch-site", "same-origin")
    return headers.get("origin") == address and fetched == "same-origin"
