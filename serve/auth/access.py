"""Rights of one request: every route behind a token passes through here before and after it answers."""

import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from configs.errors import DataError
from configs.published import Language, Run
from configs.service import ServiceSettings
from serve.auth.policy import POLICY, Grant
from serve.auth.pseudonyms import Pseudonyms
from serve.auth.tokens import Caller, RefusedError, Tokens
from serve.http.cursors import Cursors, Position
from serve.http.responses import ResponseContext, stale, unless_held
from serve.store.audit import Entry
from serve.store.contacts import Author
from serve.store.read_session import GoneError, ReadSession
from serve.store.scope import Reach, Scope
from serve.store.store import Store

log = logging.getLogger("serve")

# Only for the API's document: AuthorizedRoute has looked at the token before.
documented_bearer = Security(HTTPBearer(bearerFormat="JWT", auto_error=False))


class Access:
    """A caller's rights on one route, and the subjects that the access log will name."""

    def __init__(self, service: Any, caller: Caller, grant: Grant, place: str) -> None:
        """``service`` is the app's state; ``place`` is the address asked for, to which cursors are bound."""
        self._store: Store = service.store
        self._pseudonyms: Pseudonyms = service.pseudonyms
        self._cursors: Cursors = service.cursors
        self._settings: ServiceSettings = service.settings
        self._place = place
        self.caller = caller
        self.grant = grant
        self.run_id = ""
        self.warning: str | None = None
        self.subjects: tuple[str, ...] = ()
        self.customers: int | None = None

    @property
    def scope(self) -> Scope:
        numbers = {Reach.BRANCH: self.caller.branch_id, Reach.OWN: self.caller.manager_id}
        return Scope(self.grant.reach, numbers.get(self.grant.reach, ""))

    @property
    def author(self) -> Author:
        """In whose name the caller records something."""
        return Author(self.caller.subject, self._settings.audit_secret)

    @contextmanager
    def at_run(self, run_id: str | None = None) -> Iterator[ReadSession]:
        """One run, by default the served one, cut to customers who are the caller's at present."""
        with self._store.at_run(run_id, self.scope.in_the_past() if run_id else self.scope) as read_session:
            self.seen(read_session.run)
            yield read_session

    def seen(self, run: Run) -> None:
        """The answer comes from this run."""
        self.run_id = run.run_id
        self.warning = stale(run.snapshot_date, datetime.now(UTC).date(), self._settings.stale_days)

    @contextmanager
    def paging(self, cursor: str | None) -> Iterator[tuple[ReadSession, int]]:
        """The run that a cursor is bound to and how many rows were given before; the served run from its
        start.

        Raises HTTPException 422 for what is no cursor of this address and role, GoneError where its run is
        gone.
        """
        at = self._cursors.position(cursor, self._bound) if cursor else None
        if cursor and at is None:
            raise HTTPException(422, "query.cursor: this is no cursor of this address")
        with self.at_run(at.run_id if at else None) as read_session:
            if at and at.run_version != read_session.run_version:
                raise GoneError(f"run {at.run_id} was published anew since its first page was read.")
            yield read_session, at.offset if at else 0

    def cursor(self, read_session: ReadSession, offset: int, of: int) -> str | None:
        """Where the next page begins after ``offset`` of ``of`` rows; None after the last."""
        if offset >= of:
            return None
        return self._cursors.text(
            Position(read_session.run.run_id, read_session.run_version, offset), self._bound
        )

    @property
    def _bound(self) -> str:
        return f"{self._place} {self.scope.reach} {self.scope.number}"

    def number(self, shown: str) -> str | None:
        """The customer's number; None where a caller who sees only pseudonyms sends a number in clear."""
        return self._pseudonyms.number(shown) if "customer_id" in self.grant.masked else shown

    def shown(self, customer_id: str) -> str:
        """A customer's number as the caller may see it."""
        return self._pseudonyms.of(customer_id) if "customer_id" in self.grant.masked else customer_id

    def context(self, run: Run, language: Language = "en") -> ResponseContext:
        """Of a response from the run that was read."""
        return ResponseContext(run, language, self.warning)

    def about(self, *subjects: str, customers: int | None = None) -> None:
        """Names the customers or lists that the answer tells of, where the path does not; one entry each.

        ``customers`` says of how many an entry tells that names none of them.
        """
        self.subjects, self.customers = subjects, customers


def granted(request: Request) -> Access:
    access: Access = request.state.access
    return access


Granted = Annotated[Access, Depends(granted)]


class MaskedStream(StreamingResponse):
    """A streamed answer that its maker has masked row by row by ``Access.shown``; later is too late."""


class AuthorizedRoute(APIRoute):
    """A route behind a token and a row of policy.py. Its answer leaves when its entry is logged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def authorized(request: Request) -> Response:
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
            response = unless_held(request, response)
            await record(request.scope, access, self.name, response.status_code)
            return response

        return authorized

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
        access = Access(state, caller, grant, f"{self.name} {request.url.path}")
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
    if access.customers is not None:
        details["customers"] = access.customers if status == 200 else 0
    entries = [
        Entry(at, access.caller.subject, action, subject, details) for subject in access.subjects or ("",)
    ]
    try:
        await scope["app"].state.access_log.write(entries)
    except DataError as error:
        log.error("the access log cannot be written: %s", error)
        raise HTTPException(503, "The access log cannot be written, so nothing is told.") from None


def _take_off_mask(request: Request, name: str) -> None:
    """Puts the number in place of its pseudonym in the path. Raises HTTPException 404 for what is no
    pseudonym."""
    number = request.app.state.pseudonyms.number(request.path_params[name])
    if number is None:
        raise HTTPException(404, "This is no pseudonym of a customer.")
    request.path_params[name] = number


def _masked(response: Response, grant: Grant, pseudonyms: Pseudonyms) -> Response:
    """The answer as the role may see it; an answer that is not JSON cannot be masked, which is an error."""
    if not grant.masked or response.status_code != 200 or isinstance(response, MaskedStream):
        return response
    if not isinstance(response, JSONResponse) and response.media_type != "application/json":
        raise TypeError(
            f"an answer of type {response.media_type} cannot be masked; serve/auth/policy.py must not grant "
            f"it"
        )
    response.body = pseudonyms.mask(bytes(response.body), grant.masked)
    response.headers["Content-Length"] = str(len(response.body))
    return response


async def _caller(request: Request, credentials: str) -> Caller:
    """Who calls, counted once. Only a token that was not seen before is verified, in another thread."""
    if "caller" in request.scope["state"]:  # serve/api/fast_path.py has counted
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
