"""How people come and go: links, single sign-on, sign-out."""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cityai.desk.app.asked import (
    Desk,
    Refused,
    choose_language,
    make_view,
    read_form,
    require_form,
    require_language,
)
from cityai.desk.pages import View, render_notice, render_sign_in
from cityai.desk.sessions import IDLE, LONG_IDLE
from cityai.i18n.messages import say


def add_sign_in(app: FastAPI, desk: Desk) -> None:
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
