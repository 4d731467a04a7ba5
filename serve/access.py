"""What one request may see: every guarded route passes through here before and after it answers."""

import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from configs.errors import DataError
from configs.published import Run
from serve.answers.source import View, stale
from serve.audit import Entry
from serve.etags import unless_known
from serve.policy import POLICY, Grant
from serve.pseudonyms import Pseudonyms
from serve.reading import Reading
from serve.scope import Reach, Scope
from serve.store import Store
from serve.texts import Language
from serve.tokens import Caller, RefusedError, Tokens

log = logging.getLogger("serve")

# Only for the API's document: Guarded has looked at the token before.
documented_bearer = Security(HTTPBearer(bearerFormat="JWT", auto_error=False))


class Access:
    """What a caller may read through one route, and what of it the access log will tell."""

    def __init__(self, store: Store, caller: Caller, grant: Grant, stale_days: int) -> None:
        self._store = store
        self._stale_days = stale_days
        self.caller = caller
        self.grant = grant
        self.run_id = ""
        self.warning: str | None = None
        self.subjects: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        numbers = {Reach.BRANCH: self.caller.branch_id, Reach.OWN: self.caller.manager_id}
        return Scope(self.grant.reach, numbers.get(self.grant.reach, ""))

    @contextmanager
    def reading(self, run_id: str | None = None) -> Iterator[Reading]:
        """One run, by default the served one, of which only the caller's customers are seen."""
        with self._store.pinned(run_id, self.scope) as reading:
            self.seen(reading.run)
            yield reading

    def seen(self, run: Run) -> None:
        """The answer comes from this run."""
        self.run_id = run.run_id
        self.warning = stale(run.snapshot_date, datetime.now(UTC).date(), self._stale_days)

    def view(self, run: Run, language: Language = "en") -> View:
        """How the run that was read is shown."""
        return View(run, language, self.warning)

    def about(self, *subjects: str) -> None:
        """Names the customers or lists that the answer tells of, where the path does not; one entry each."""
        self.subjects = subjects


def granted(request: Request) -> Access:
    access: Access = request.state.access
    return access


Granted = Annotated[Access, Depends(granted)]


class Guarded(APIRoute):
    """A route behind a token and a row of serve/policy.py. Its answer leaves when the access log has its entry."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            access = request.state.access = await self._admit(request)
            try:
                response = await answer(request)
            except HTTPException as error:
                # Somebody asked about whom the role may not see, or nobody knows.
                if error.status_code == 404:
                    await record(request.scope, access, self.name, 404)
                raise
            response = _masked(response, access.grant, request.app.state.pseudonyms)
            if access.warning:
                response.headers["Attrition-Warning"] = access.warning
            response = unless_known(request, response)
            await record(request.scope, access, self.name, response.status_code)
            return response

        return guarded

    def credentials(self, request: Request) -> str:
        """As the header Authorization holds them: ``Bearer <token>``."""
        return request.headers.get("Authorization", "")

    async def _admit(self, request: Request) -> Access:
        """Raises HTTPException: 401 without a good token, 403 where the role may not use the route."""
        state, rule = request.app.state, POLICY[self.name]
        caller = await _caller(request, self.credentials(request))
        grant = rule.grants.get(caller.role)
        if grant is None:
            raise HTTPException(403, "This role may not use this route.")
        access = Access(state.store, caller, grant, state.settings.stale_days)
        if rule.subject:
            if rule.subject in grant.masked:
                _take_off_mask(request, rule.subject)
            access.about(request.path_params[rule.subject])
        return access


async def record(scope: Mapping[str, Any], access: Access, route: str, status: int) -> None:
    """Tells the access log of an answer. Raises HTTPException 503 where it cannot: then nothing is told."""
    action = POLICY[route].action
    if not action:
        return
    at, request_id = datetime.now(UTC), scope["state"].get("request_id", "")
    details = {"route": route, "run_id": access.run_id, "request_id": request_id, "status": status}
    entries = [Entry(at, access.caller.subject, action, one, details) for one in access.subjects or ("",)]
    try:
        await scope["app"].state.access_log.write(entries)
    except DataError as error:
        log.error("the access log cannot be written: %s", error)
        raise HTTPException(503, "The access log cannot be written, so nothing is told.") from None


def _take_off_mask(request: Request, name: str) -> None:
    """Puts the number in place of its pseudonym in the path. Raises HTTPException 404 for what is no pseudonym."""
    number = request.app.state.pseudonyms.number(request.path_params[name])
    if number is None:
        raise HTTPException(404, "This is no pseudonym of a customer.")
    request.path_params[name] = number


def _masked(response: Response, grant: Grant, pseudonyms: Pseudonyms) -> Response:
    """The answer as the role may see it; an answer that is not JSON cannot be masked, which is an error."""
    if not grant.masked or response.status_code != 200:
        return response
    if not isinstance(response, JSONResponse) and response.media_type != "application/json":
        raise TypeError(
            f"an answer of type {response.media_type} cannot be masked; serve/policy.py must not grant it"
        )
    response.body = pseudonyms.mask(bytes(response.body), grant.masked)
    response.headers["Content-Length"] = str(len(response.body))
    return response


async def _caller(request: Request, credentials: str) -> Caller:
    """Who calls, counted once. Only a token that was not seen before is verified, in another thread."""
    if "caller" in request.scope["state"]:  # serve/shortcut.py has counted
        known: Caller = request.state.caller
        return known
    kind, _, token = credentials.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unknown("Bearer")
    tokens: Tokens = request.app.state.tokens
    try:
        caller = tokens.remembered(token)
        if caller is None:
            caller = await run_in_threadpool(tokens.verified, token)
    except RefusedError as error:
        log.warning("a token was refused: %s", error)
        raise _unknown('Bearer error="invalid_token"') from None
    await request.app.state.rates.count(caller)
    return caller


def _unknown(challenge: str) -> HTTPException:
    return HTTPException(401, "The bearer token is missing or not accepted.", {"WWW-Authenticate": challenge})
