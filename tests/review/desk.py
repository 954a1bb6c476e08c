"""A desk that is open in a thread of the tests, and somebody who asks it by hand."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import uvicorn

from cityai.desk.app import SETTINGS, Desk, make_app
from cityai.desk.links import HOST, Links
from cityai.desk.open import bind_port
from cityai.desk.reviewers import Reviewer, read_reviewers
from cityai.desk.sessions import Sessions, SignOn
from cityai.pipeline.provenance import read_clock
from tests.review.conftest import NAME, Place

REVIEW = f"/en/review/{NAME}/pilot"


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Opened:
    """The desk, its clock, and how one signs in."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk, self.clock = desk, clock

    def find(self, name: str) -> Reviewer:
        return next(r for r in self.desk.reviewers.values() if r.name == name)

    def link(self, name: str) -> str:
        return self.desk.links.make(self.find(name).keyid)

    def visit(self, name: str = "") -> Visitor:
        """Somebody new, who signed in where a name is given."""
        visitor = Visitor(self.desk.address)
        if name:
            status, _, _ = visitor.enter(self.link(name))
            assert status == 303
        return visitor


class Visitor:
    """A client that keeps its cookie, and sends of a form what the page has."""

    def __init__(self, address: str) -> None:
        self.address, self.cookie, self.page = address, "", ""

    def ask(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, dict[str, str], str]:
        given = {"Cookie": self.cookie} if self.cookie else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection(self.address.partition("://")[2], timeout=120)
        connection.request(method, path, body or None, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        told = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        if "set-cookie" in told:
            self.cookie = told["set-cookie"].partition(";")[0]
        return answer.status, told, text

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        status, told, self.page = self.ask("GET", path, **headers)
        return status, told, self.page

    def post(
        self, path: str, fields: dict[str, str], **headers: str
    ) -> tuple[int, dict[str, str], str]:
        sent = {"Origin": self.address, "Sec_Fetch_Site": "same-origin"} | headers
        sent = {name: value for name, value in sent.items() if value}
        return self.ask("POST", path, urlencode(fields), **sent)

    def enter(self, link: str) -> tuple[int, dict[str, str], str]:
        secret = link.partition("link=")[2]
        return self.post("/en/sign-in", {"link": secret})

    def read_hidden(self) -> dict[str, str]:
        """What every form of the page that was read last carries."""
        pattern = r'name="(form|head|subjects)" value="([^"]*)"'
        return dict(re.findall(pattern, self.page))

    def sign(self, act: str, reason: str = "I looked.", **fields: str) -> tuple[int, str]:
        """Open the review and sign: the answer's status and page."""
        self.get(REVIEW)
        told = {"act": act, "reason": reason}
        status, _, text = self.post(REVIEW, self.read_hidden() | told | fields)
        return status, text


@contextmanager
def open_desk(
    place: Place, *names: str, sign_on: SignOn | None = None, **limits: Any
) -> Iterator[Opened]:
    """Open a desk for some of the four people."""
    clock = Clock()
    today = read_clock().date()
    named = [
        f"{name}@city={place.key(name)}" if sign_on else str(place.key(name)) for name in names
    ]
    reviewers = read_reviewers(place.folder, named, today, with_users=sign_on is not None)
    at = bind_port(0)
    port = int(at.getsockname()[1])
    links = Links(place.folder / ".cityai", port, clock)
    address = f"http://{HOST}:{port}"
    links.begin(address, {r.keyid: (r.name, r.role) for r in reviewers.values()})
    desk = Desk(place.folder, address, reviewers, links, sign_on, Sessions(clock), **limits)
    server = uvicorn.Server(uvicorn.Config(make_app(desk), **SETTINGS))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [at]})
    thread.start()
    try:
        yield Opened(desk, clock)
    finally:
        server.should_exit = True
        thread.join()
        at.close()
