"""What a request is: who asks, in which language, for which card, with which form."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException

from cityai.config.release import PHASES, Phase
from cityai.desk.forms import MOST_BYTES, read_fields
from cityai.desk.links import Links
from cityai.desk.open import list_cards
from cityai.desk.pages import View
from cityai.desk.reviewers import Reviewer
from cityai.desk.sessions import Limit, Session, Sessions, SignOn, is_own_form
from cityai.i18n.catalogue import LOCALES
from cityai.i18n.messages import say
from cityai.pipeline.review import Reviewed, read_review
from cityai.store.cards import CARDS

_MINUTE: Final = 60.0


@dataclass
class Desk:
    """A desk that is open."""

    workspace: Path
    """Whose cards are reviewed."""
    address: str
    """Where browsers find it; every request must name it."""
    reviewers: dict[str, Reviewer]
    """Who may sit at it, by key id."""
    links: Links
    """One-time links to sign in by."""
    sign_on: SignOn | None = None
    """The city's single sign-on; then there are no links."""
    sessions: Sessions = field(default_factory=Sessions)
    requests: Limit = field(default_factory=lambda: Limit(600, _MINUTE))
    failures: Limit = field(default_factory=lambda: Limit(20, _MINUTE))
    signatures: Limit = field(default_factory=lambda: Limit(20, _MINUTE))

    @property
    def cookie(self) -> str:
        """The cookie's name; over HTTPS one that no other host and no plain HTTP can set."""
        secure = self.address.startswith("https:")
        return "__Host-desk" if secure else f"desk-{self.address.rpartition(':')[2]}"

    def find_session(self, request: Request) -> Session | None:
        """Return the session of a request; with a single sign-on only that of its user."""
        session = self.sessions.find(request.cookies.get(self.cookie, ""))
        if session and self.sign_on and session.reviewer.user != self.find_user(request):
            return None
        return session

    def name_asker(self, request: Request) -> str:
        """Return whose requests are counted together: those of a session, and all others."""
        session = self.find_session(request)
        return session.form if session else ""

    def find_user(self, request: Request) -> str:
        """Return whom the single sign-on names; empty without one."""
        peer = request.client.host if request.client else ""
        return self.sign_on.find_user(peer, request.headers) if self.sign_on else ""

    def find_reviewer(self, request: Request, secret: str, *, use: bool) -> Reviewer | None:
        """Return who may sign in: whom the single sign-on names, or whom the link is for."""
        if self.sign_on:
            user = self.find_user(request)
            return next((r for r in self.reviewers.values() if user and r.user == user), None)
        keyid = (self.links.use if use else self.links.find)(secret)
        return self.reviewers.get(keyid)


class Refused(Exception):
    """A request that is answered by a page of one sentence."""

    def __init__(self, status: int, title: str, told: str = "", kept: str = "") -> None:
        self.status, self.title, self.told, self.kept = status, title, told, kept
        super().__init__(title)


def make_view(request: Request, desk: Desk, reviewed: Reviewed | None = None) -> View:
    """Return who looks at which page, in the language of its address."""
    first, _, rest = request.url.path.strip("/").partition("/")
    session = desk.find_session(request)
    record = reviewed.record if reviewed else None
    if first in LOCALES:
        return View(first, f"/{rest}", session, record)
    return View(choose_language(request), "/", session, record)


def choose_language(request: Request) -> str:
    """Return the first language that the browser asks for and that there is."""
    asked = re.findall(r"[a-z]{2}", request.headers.get("accept-language", ""))
    return next((code for code in asked if code in LOCALES), "en")


def require_session(request: Request, desk: Desk, kept: str = "") -> Session:
    """Return the session; refuse who has none, and give back what they wrote."""
    session = desk.find_session(request)
    if session is None:
        told = say("A session ends after 20 minutes without a request, and after 8 hours.")
        raise Refused(401, say("Sign in first"), told, kept)
    return session


def require_language(language: str) -> None:
    """Refuse an address in no language."""
    if language not in LOCALES:
        raise HTTPException(404)


def find_phase(phase: str) -> Phase:
    """Return the phase that an address names."""
    found: Phase | None = next((known for known in PHASES if known == phase), None)
    if found is None:
        raise HTTPException(404)
    return found


def require_card(desk: Desk, name: str) -> str:
    """Return the name of a published card; refuse any other, so no path can be made of it."""
    if name not in list_cards(desk.workspace):
        raise HTTPException(404)
    return name


def read_card(desk: Desk, name: str) -> Reviewed:
    """Read a card and its acts; refuse a chain that does not hold."""
    reviewed = read_review(desk.workspace / CARDS / require_card(desk, name))
    reviewed.chain.refuse_faults()
    return reviewed


async def read_form(request: Request, desk: Desk) -> dict[str, str]:
    """Read a form that a page of the desk sent; stop as soon as it is too long."""
    if not is_own_form(request.headers, desk.address):
        raise Refused(403, say("This form was not sent by the desk"))
    body, length = b"", 0
    async for part in request.stream():
        length += len(part)
        body = body + part if length <= MOST_BYTES else b""
        if length > 100 * MOST_BYTES:
            break  # up to here it is heard out, so that a browser shows the answer
    if length > MOST_BYTES:
        told = say("Nothing was signed. Write less, and name where the rest can be read.")
        raise Refused(413, say("The text is too long"), told)
    return read_fields(body)


def require_form(request: Request, desk: Desk, fields: dict[str, str]) -> Session:
    """Return the session that a form belongs to; refuse one without its token."""
    session = require_session(request, desk, fields.get("reason", ""))
    if not secrets.compare_digest(fields.get("form", "").encode(), session.form.encode()):
        raise Refused(403, say("This form was not sent by the desk"))
    return session
