"""Sessions that end, kept by the desk alone, and a limit on how often anybody may ask."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
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


def _draw() -> str:
    return secrets.token_urlsafe(32)


@dataclass
class Session:
    """Somebody who signed in.

    Attributes
    ----------
    reviewer : Reviewer
        Who: nothing that a browser sends changes it.
    began, seen : float
        When it began, and when it last asked for something.
    idle : float
        Seconds without a request after which it ends.
    form : str
        Stands in every form of its pages; a form without it is none of theirs.
    reading : str
        Part of the address of published cards: it lets one read them and nothing else, since a
        page in a frame without an origin is sent no cookie.
    read : dict of str to str
        By card: the digest of the one that was last opened to be read.
    """

    reviewer: Reviewer
    began: float
    seen: float
    idle: float = IDLE
    form: str = field(default_factory=_draw)
    reading: str = field(default_factory=_draw)
    read: dict[str, str] = field(default_factory=dict)

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
