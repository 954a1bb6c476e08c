"""The desk's server: FastAPI and uvicorn, on loopback, for who signed in."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from cityai.desk.app.asked import Desk, Refused, make_view
from cityai.desk.app.coming import add_sign_in
from cityai.desk.app.reviewing import add_pages
from cityai.desk.guard import HEADERS, is_own_host
from cityai.desk.pages import render_notice
from cityai.desk.queue import list_systems
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
    add_sign_in(app, desk)
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
