"""Signing in and out, the language, the style sheet, and the start page."""

import secrets
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from serve.auth.access import Granted
from serve.auth.access_log import SIGN_OUT
from serve.auth.tokens import RefusedError
from serve.pages import session
from serve.pages.page import ICON, LANGUAGE_COOKIE, STYLE, Open, Page, go, home, show
from serve.store.audit import Entry

A_YEAR = 365 * 24 * 3600
# What a style sheet is under one address never changes: pages name its version.
FOR_A_YEAR = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}

open_pages = APIRouter(include_in_schema=False, route_class=Open)
start_page = APIRouter(include_in_schema=False, route_class=Page)


@open_pages.get("/sign-in")
def sign_in_page(request: Request, to: str = "/", why: str = "") -> Response:
    """The form that asks for a token; ``why`` says what ended the session before."""
    return _form(request, session.local_path(to), notice=why if why in ("ended", "out") else "")


@open_pages.post("/sign-in")
async def sign_in(request: Request, fields: session.Posted) -> Response:
    """Keeps an accepted token in the browser, out of reach of scripts."""
    token, to = "".join(fields.get("token", "").split()), session.local_path(fields.get("to", "/"))
    problem = "missing" if not token else "long" if len(token) > session.LONGEST_TOKEN else ""
    if not problem:
        try:
            await run_in_threadpool(request.app.state.tokens.verified, token)
        except RefusedError:
            problem = "refused"
    if problem:
        return _form(request, to, problem=problem)
    response = go(to)
    session.keep(request, response, "session", token)
    session.forget(request, response, "visit")
    return response


@open_pages.post("/sign-out")
async def sign_out(request: Request, _fields: session.Posted) -> Response:
    """Ends the session everywhere: the token in the cookie is not accepted again by any worker."""
    token, state = session.kept(request, "session"), request.app.state
    try:
        caller = state.tokens.remembered(token) or await run_in_threadpool(state.tokens.verified, token)
    except RefusedError:
        caller = None  # it has expired or ended before
    if caller:
        ended = state.tokens.session(token)
        await state.access_log.write([Entry(datetime.now(UTC), caller.subject, SIGN_OUT, "", ended)])
        state.tokens.ended |= {ended["token_hash"]}
    response = go("/sign-in?why=out")
    session.forget(request, response, "session")
    return response


@open_pages.post("/language")
def choose_language(fields: session.SentHere) -> Response:
    """Remembers the language and goes back to the page."""
    response = go(session.local_path(fields.get("back", "/")))
    chosen = "zh" if fields.get("language") == "zh" else "en"
    response.set_cookie(LANGUAGE_COOKIE, chosen, A_YEAR, httponly=True, samesite="lax")
    return response


@open_pages.get("/style.css")
def stylesheet() -> Response:
    return Response(STYLE, media_type="text/css", headers=FOR_A_YEAR)


@open_pages.get("/icon.svg")
def icon() -> Response:
    return Response(ICON, media_type="image/svg+xml", headers=FOR_A_YEAR)


@start_page.get("/")
def start(access: Granted) -> Response:
    """On to where the role begins."""
    return go(home(access))


def _form(request: Request, to: str, notice: str = "", problem: str = "") -> Response:
    visit = session.kept(request, "session") or session.kept(request, "visit") or secrets.token_urlsafe(32)
    seal = request.app.state.forms.seal(session.SEALED, visit)
    status = 422 if problem else 200
    response = show(request, "sign_in.html", status, to=to, notice=notice, problem=problem, seal=seal)
    if not session.kept(request, "session"):
        session.keep(request, response, "visit", visit)
    return response
