"""The desk's server: FastAPI and uvicorn, on loopback, for who signed in."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from cityai.desk.app.asked import (
    Desk,
    Refused,
    choose_language,
    make_view,
    read_form,
    require_form,
    require_language,
)
from cityai.desk.app.reviewing import add_pages
from cityai.desk.pages import View, render_notice, render_sign_in
from cityai.desk.queue import list_systems
from cityai.desk.sessions import HEADERS, IDLE, LONG_IDLE, is_own_host
from cityai.errors import CityaiError
from cityai.i18n.messages import say
from cityai.progress import warn

SETTINGS: Final[dict[str, Any]] = {
    "access_log": False,
    "log_config": None,
    "log_level": "critical",
    "server_header": False,
    "proxy_headers": False,
    "lifespan": "off",
    "ws": "none",
    "http": "h11",
    "timeout_keep_alive": 5,
    "limit_concurrency": 100,
    "timeout_graceful_shutdown": 5,
}
"""Of the server: no log of what was asked, no belief in what a proxy says of the peer."""


def make_app(desk: Desk) -> FastAPI:
    """Make the server of a desk."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        if not is_own_host(request.headers, desk.address):
            answer = Response(f"This desk is at {desk.address}\n", 421, media_type="text/plain")
        elif not desk.requests.allow(desk.name_asker(request)):
            answer = Response("Too many requests\n", 429, {"retry-after": "60"}, "text/plain")
        else:
            try:
                answer = await follow(request)
            except Exception as error:  # no traceback: it may hold what somebody wrote
                warn(f"the desk could not answer a request ({type(error).__name__})")
                answer = Response("Something went wrong here.\n", 500, media_type="text/plain")
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        if desk.address.startswith("https:"):
            answer.headers["strict-transport-security"] = "max-age=31536000"
        return answer

    @app.exception_handler(Refused)
    async def refuse(request: Request, refused: Refused) -> Response:
        view = make_view(request, desk)
        page = render_notice(view, refused.title, refused.told, kept=refused.kept)
        return HTMLResponse(page, refused.status)

    @app.exception_handler(CityaiError)
    async def explain(request: Request, error: CityaiError) -> Response:
        page = render_notice(make_view(request, desk), say("This cannot be shown"), error=error)
        return HTMLResponse(page, 409)

    @app.exception_handler(HTTPException)
    async def miss(request: Request, error: HTTPException) -> Response:
        page = render_notice(make_view(request, desk), say("There is no such page"))
        return HTMLResponse(page, error.status_code)

    add_pages(app, desk)
    _add_sign_in(app, desk)
    return app


def serve_desk(desk: Desk, at: socket.socket) -> None:
    """Serve until somebody ends it (Ctrl-C); its links and sessions end with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service is ended by it
    # Cards are parsed once: while somebody opens their link, not while they wait for the queue.
    threading.Thread(target=list_systems, args=(desk.workspace, "en"), daemon=True).start()
    try:
        uvicorn.Server(uvicorn.Config(make_app(desk), **SETTINGS)).run(sockets=[at])
    finally:
        desk.links.end()


__all__ = ["SETTINGS", "Desk", "make_app", "serve_desk"]


def _add_sign_in(app: FastAPI, desk: Desk) -> None:
    """Add how people come and go."""

    @app.get("/sign-in")
    def come(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{choose_language(request)}/sign-in{query}", 303)

    @app.get("/{language}/sign-in")
    def ask(request: Request, language: str) -> Response:
        """Show who would sign in. A link is not used up by looking: programs look at links too."""
        require_language(language)
        secret = request.query_params.get("link", "")
        view = make_view(request, desk)
        view = View(view.language, f"/sign-in?link={secret}" if _is_plain(secret) else view.path,
                    view.session)  # fmt: skip
        reviewer = desk.find_reviewer(request, secret, use=False)
        if reviewer is None:
            return _refuse_link(desk, view, secret)
        if view.session and view.session.reviewer != reviewer:
            raise _refuse_other()
        return HTMLResponse(
            render_sign_in(view, name=reviewer.name, role=reviewer.role, secret=secret)
        )

    @app.post("/{language}/sign-in")
    async def enter(request: Request, language: str) -> Response:
        require_language(language)
        fields = await read_form(request, desk)
        secret = fields.get("link", "")
        session = desk.find_session(request)
        asked = desk.find_reviewer(request, secret, use=False)
        if session and asked and session.reviewer != asked:
            raise _refuse_other()
        reviewer = desk.find_reviewer(request, secret, use=True)
        if reviewer is None:
            return _refuse_link(desk, make_view(request, desk), secret)
        desk.sessions.end(request.cookies.get(desk.cookie, ""))
        answer = RedirectResponse(f"/{language}/", 303)
        answer.set_cookie(
            desk.cookie,
            desk.sessions.open(reviewer, LONG_IDLE if fields.get("slow") else IDLE),
            path="/",
            secure=desk.address.startswith("https:"),
            httponly=True,
            samesite="strict",
        )
        return answer

    @app.post("/{language}/sign-out")
    async def leave(request: Request, language: str) -> Response:
        require_language(language)
        require_form(request, desk, await read_form(request, desk))
        desk.sessions.end(request.cookies.get(desk.cookie, ""))
        title = say("You are signed out")
        told = say("The session has ended at the desk itself: a copy of its cookie opens nothing.")
        answer = HTMLResponse(render_notice(View(language), title, told))
        answer.delete_cookie(desk.cookie, path="/")
        return answer


def _refuse_link(desk: Desk, view: View, secret: str) -> Response:
    if secret and not desk.failures.allow():
        raise Refused(429, say("Too many links that do not count"), say("Wait a minute."))
    return HTMLResponse(render_sign_in(view), 401)


def _refuse_other() -> Refused:
    told = say("Sign out first. The link was not used.")
    return Refused(403, say("You are signed in as somebody else"), told)


def _is_plain(secret: str) -> bool:
    return re.fullmatch(r"[\w-]{1,100}", secret, re.ASCII) is not None
