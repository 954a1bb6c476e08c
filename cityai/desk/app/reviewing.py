"""What who signed in may look at and sign."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from cityai.card.render.page import render_html
from cityai.config.release import Phase
from cityai.desk.app.asked import (
    Desk,
    Refused,
    choose_language,
    find_phase,
    make_view,
    read_card,
    read_form,
    require_card,
    require_form,
    require_language,
    require_session,
)
from cityai.desk.forms import Told, read_act
from cityai.desk.pages import READ_ANOTHER, read_style, render_card, render_queue, render_review
from cityai.desk.queue import list_systems
from cityai.desk.sessions import CARD_HEADERS
from cityai.errors import CityaiError, UserError
from cityai.i18n.catalogue import LOCALES
from cityai.i18n.messages import say
from cityai.pipeline.cards import read_before
from cityai.pipeline.review import read_review
from cityai.pipeline.sign import sign_act
from cityai.review.chain import Link
from cityai.store.cards import CARDS

_CARD_PAGE: Final = re.compile(r"card(\.[a-z]{2})?\.html")
_BEFORE: Final = re.compile(r"before\.([a-z]{2})\.html")


def add_pages(app: FastAPI, desk: Desk) -> None:
    """Add what who signed in may look at and sign."""

    @app.get("/")
    def begin(request: Request) -> Response:
        return RedirectResponse(f"/{choose_language(request)}/", 303)

    @app.get("/style.css")
    def style() -> Response:
        return Response(read_style(), media_type="text/css")

    @app.get("/{language}/")
    def queue(request: Request, language: str) -> Response:
        require_language(language)
        require_session(request, desk)
        return HTMLResponse(
            render_queue(make_view(request, desk), list_systems(desk.workspace, language))
        )

    @app.get("/{language}/review/{name}/{phase}")
    def review(request: Request, language: str, name: str, phase: str) -> Response:
        require_language(language)
        require_session(request, desk)
        reviewed = read_card(desk, name)
        signed = request.query_params.get("signed", "")
        return HTMLResponse(
            render_review(
                make_view(request, desk, reviewed),
                reviewed,
                find_phase(phase),
                signed=int(signed) if signed.isdecimal() and len(signed) < 9 else 0,
            )
        )

    @app.post("/{language}/review/{name}/{phase}")
    async def sign(request: Request, language: str, name: str, phase: str) -> Response:
        require_language(language)
        fields = await read_form(request, desk)
        return await run_in_threadpool(_sign, request, desk, name, find_phase(phase), fields)

    @app.get("/{language}/card/{name}")
    def card(request: Request, language: str, name: str) -> Response:
        require_language(language)
        session = require_session(request, desk)
        reviewed = read_card(desk, name)
        session.read[name] = reviewed.subjects["card.json"]
        return HTMLResponse(
            render_card(make_view(request, desk, reviewed), reviewed, session.reading)
        )

    @app.get("/read/{reading}/{name}/{file}")
    def read(reading: str, name: str, file: str) -> Response:
        if desk.sessions.find_reader(reading) is None:
            raise Refused(401, say("Sign in first"))
        return HTMLResponse(_read_card_page(desk, name, file), headers=CARD_HEADERS)


def _sign(
    request: Request, desk: Desk, name: str, phase: Phase, fields: dict[str, str]
) -> Response:
    """Sign what a form says, by the function that `cityai review` calls."""
    session = require_form(request, desk, fields)
    if not desk.signatures.allow(session.reviewer.keyid):
        raise Refused(429, say("Too many signatures in a minute"), say("Wait a minute."))
    told, error = read_act(fields), None
    if told.kind == "":
        raise Refused(400, say("This form was not sent by the desk"))
    if not told.problems:
        try:
            folder = desk.workspace / CARDS / require_card(desk, name)
            if session.has_read_another(name, read_card(desk, name).subjects["card.json"]):
                raise UserError(READ_ANOTHER, next_step=say("read it again, then sign"))
            link = _sign_told(folder, told, phase, session.reviewer.key)
        except CityaiError as refused:
            error = refused
        else:
            return RedirectResponse(f"{request.url.path}?signed={link.act.number}#signed", 303)
    reviewed = read_card(desk, name)
    view = make_view(request, desk, reviewed)
    page = render_review(view, reviewed, phase, told=told, error=error)
    return HTMLResponse(page, 409 if error else 422)


def _sign_told(folder: Path, told: Told, phase: Phase, key: Path) -> Link:
    if told.kind == "decide" and told.decision:
        from cityai.pipeline.impact.govern import decide

        name, seen = told.evaluation, told.seen
        return decide(folder, told.decision, key=key, reason=told.reason, name=name, seen=seen)[1]
    assert told.kind != "" and told.kind != "decide"  # noqa: S101, PT018 - it has a problem
    return sign_act(
        folder,
        told.kind,
        phase=phase,
        key=key,
        reason=told.reason,
        conditions=told.conditions,
        valid_until=told.valid_until,
        section=told.section,
        seen=told.seen,
    )


def _read_card_page(desk: Desk, name: str, file: str) -> bytes:
    """Return a published page of a card, or the card before it, drawn without pictures."""
    folder = desk.workspace / CARDS / require_card(desk, name)
    if _CARD_PAGE.fullmatch(file) and (folder / file).is_file():
        return (folder / file).read_bytes()
    wanted = _BEFORE.fullmatch(file)
    if wanted and wanted[1] in LOCALES:
        reviewed = read_review(folder)
        before = read_before(reviewed.place, reviewed.record)
        if before is not None:
            return render_html(before, (), wanted[1]).encode()
    raise HTTPException(404)
