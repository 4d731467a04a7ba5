"""Rights of one request: every route behind a token passes through here before and after it answers."""

import json
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from configs.errors import DataError
from configs.published import Language, Run
from serve.auth.policy import POLICY, Grant
from serve.auth.seals import Sealer, mask
from serve.auth.tokens import Caller, RefusedError
from serve.http.paths import header, number_in
from serve.http.request_checks import (
    JSON,
    JsonRequest,
    query_parameters,
    require_acceptable,
    require_json,
    require_known,
)
from serve.http.responses import MoneyForm, ResponseContext, stale, unless_held
from serve.store.audit import Entry
from serve.store.contacts import Author
from serve.store.read_session import GoneError, ReadSession
from serve.store.scope import Reach, Scope

log = logging.getLogger("serve")

# Only for the API's document: AuthorizedRoute has looked at the token before.
documented_bearer = Security(HTTPBearer(bearerFormat="JWT", auto_error=False))


@dataclass
class Access:
    """A caller's rights on one route, and the subjects that the access log will name.

    ``service`` is the app's state; ``place`` is the address asked for, to which cursors are bound. ``head``
    says that nobody reads the body of the answer.
    """

    service: Any
    caller: Caller
    grant: Grant
    place: str
    run_id: str = ""
    warning: str | None = None
    subjects: tuple[str, ...] = ()
    customers: int | None = None
    head: bool = False

    @property
    def scope(self) -> Scope:
        numbers = {Reach.BRANCH: self.caller.branch_id, Reach.OWN: self.caller.manager_id}
        return Scope(self.grant.reach, numbers.get(self.grant.reach, ""), rounded=self.grant.rounded)

    @property
    def author(self) -> Author:
        """The name under which the caller records something."""
        return Author(self.caller.subject, self.service.settings.audit_secret)

    @contextmanager
    def at_run(self, run_id: str | None = None) -> Iterator[ReadSession]:
        """One run, by default the served one, cut to customers who are the caller's at present."""
        with self.service.store.at_run(run_id, replace(self.scope, still=bool(run_id))) as read_session:
            self.seen(read_session.run)
            yield read_session

    def seen(self, run: Run) -> None:
        """The answer comes from this run."""
        self.run_id = run.run_id
        self.warning = stale(run.snapshot_date, datetime.now(UTC).date(), self.service.settings.stale_days)

    @contextmanager
    def paging(self, cursor: str | None) -> Iterator[tuple[ReadSession, int]]:
        """The run that a cursor is bound to and the rows given before; by default the served run's first.

        Raises HTTPException 422 for what is no cursor of this address and role, GoneError without its run.
        """
        position = self.opened(cursor) if cursor else "[null, null, 0]"
        run_id, run_version, offset = json.loads(position)
        with self.at_run(run_id) as read_session:
            if run_id and run_version != read_session.run_version:
                raise GoneError(f"run {run_id} was published anew since its first page was read.")
            yield read_session, offset

    def cursor(self, read_session: ReadSession, offset: int, of: int) -> str | None:
        """A text for the next page, which begins after ``offset`` of ``of`` rows; None after the last.

        It tells the run apart from the same run published anew, and holds at this address and scope alone.
        """
        position = json.dumps([read_session.run.run_id, read_session.run_version, offset])
        return self.sealed(position) if offset < of else None

    @contextmanager
    def since(
        self, cursor: str | None, holds: Callable[[Connection, int, str], bool]
    ) -> Iterator[tuple[ReadSession, int]]:
        """The served run, and the number of the last recorded entry given before (0: none) under a cursor.

        ``holds`` finds an entry by number and key. Raises GoneError where it does not: a store put back from
        a backup counts anew.
        """
        number, key = json.loads(self.opened(cursor)) if cursor else (0, None)
        with self.at_run() as read_session:
            if key and not holds(read_session.connection, number, key):
                raise GoneError("the store was put back from a backup since this cursor was given.")
            yield read_session, number

    def after(self, number: int | None, key: str) -> str:
        """A cursor for what is recorded after an entry."""
        return self.sealed(json.dumps([number, key]))

    def sealed(self, position: str) -> str:
        """A cursor that holds at this address and scope alone."""
        cursor: str = self.service.cursors.seal(position, self._bound)
        return cursor

    def opened(self, cursor: str) -> str:
        """The position in a cursor. Raises HTTPException 422 for no cursor of this address and role."""
        position: str | None = self.service.cursors.open(cursor, self._bound)
        if position is None:
            raise HTTPException(422, "query.cursor: this is no cursor of this address")
        return position

    @property
    def _bound(self) -> str:
        return f"{self.place} {self.scope.reach} {self.scope.number}"

    def number(self, shown: str) -> str | None:
        """The customer's number; None where a caller who sees only pseudonyms sends a number in clear."""
        return self.service.pseudonyms.open(shown) if "customer_id" in self.grant.masked else shown

    def shown(self, customer_id: str) -> str:
        """A customer's number as the caller may see it."""
        masked = "customer_id" in self.grant.masked
        return self.service.pseudonyms.seal(customer_id) if masked else customer_id

    def context(self, run: Run, language: Language = "en", money: MoneyForm = "number") -> ResponseContext:
        """The context of a response from the run that was read."""
        return ResponseContext(run, language, self.warning, money)

    def about(self, *subjects: str, customers: int | None = None) -> None:
        """Names the customers or lists that the answer tells of, where the path does not; one entry each.

        ``customers`` says of how many an entry tells that names none of them.
        """
        self.subjects, self.customers = subjects, customers


def granted(request: Request) -> Access:
    return request.state.access


Granted = Annotated[Access, Depends(granted)]


class MaskedStream(StreamingResponse):
    """A streamed answer that its maker has masked row by row by ``Access.shown``; later is too late."""


class AuthorizedRoute(APIRoute):
    """A route behind a token and a row of policy.py. Its answer leaves when its entry is logged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer, check = super().get_route_handler(), self.checks()

        async def authorized(request: Request) -> Response:
            access = request.state.access = await self.access_of(request)
            try:
                response = await answer(await check(request))
            except HTTPException as error:
                await self.record_unknown(request.scope, access, error)
                raise
            response = _masked(response, access.grant, request.app.state.pseudonyms)
            if access.warning:
                response.headers["Attrition-Warning"] = access.warning
            response = unless_held(request, response)
            await record(request.scope, access, self.name, response.status_code)
            return response

        return authorized

    async def record_unknown(self, scope: Mapping[str, Any], access: Access, error: HTTPException) -> None:
        """Tells the access log that somebody asked about whom the role may not see, or nobody knows."""
        if error.status_code == 404:
            await record(scope, access, self.name, 404)

    def checks(self) -> Callable[[Request], Coroutine[Any, Any, Request]]:
        """The checks of what a program sends, which give the request to answer or raise Refusal."""
        known, offered = query_parameters(self.dependant), self._offered()

        async def checked(request: Request) -> Request:
            require_acceptable(request.headers, offered)
            require_known((name for name, _ in request.query_params.multi_items()), known)
            if self.body_field is None:
                return request
            strict = JsonRequest(request.scope, request.receive)
            require_json(strict.headers, await strict.body())
            return strict

        return checked

    def _offered(self) -> tuple[str, ...]:
        """The content types of a good answer."""
        return tuple(self.responses.get(200, {}).get("content", {})) or (JSON,)

    async def require_session(self, request: Request) -> None:
        """Raises HTTPException 401 where the caller has signed out; only pages have sessions."""

    def credentials(self, request: Request) -> str:
        """The content of the header Authorization: ``Bearer <token>``."""
        return header(request.scope, b"authorization").decode("latin-1")

    async def access_of(self, request: Request) -> Access:
        """Raises HTTPException: 401 without a good token, 403 where the role may not use the route, and 404
        for a number in clear from a caller who sees only pseudonyms.
        """
        rule = POLICY[self.name]
        for name, part in request.path_params.items():
            request.path_params[name] = number_in(part)
        caller = await _caller(request, self.credentials(request))
        await self.require_session(request)
        grant = rule.grants.get(caller.role)
        if grant is None:
            raise HTTPException(403, "This role may not use this route.")
        if rule.action == "export":
            request.app.state.exports.begin(caller)
            request.state.ended = partial(request.app.state.exports.end, caller)
        access = Access(request.app.state, caller, grant, f"{self.name} {request.scope['path']}")
        access.head = request.scope["state"].get("head", False)
        if rule.subject:
            shown = request.path_params[rule.subject]
            number = access.number(shown) if rule.subject in grant.masked else shown
            if number is None:
                raise HTTPException(404, "This is no pseudonym of a customer.")
            request.path_params[rule.subject] = number
            access.about(number)
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
    actor, subjects = access.caller.subject, access.subjects or ("",)
    entries = [Entry(at, actor, action, subject, details) for subject in subjects]
    try:
        await scope["app"].state.access_log.write(entries)
    except DataError as error:
        log.error("the access log cannot be written: %s", error)
        raise HTTPException(503, "The access log cannot be written, so nothing is told.") from None


def _masked(response: Response, grant: Grant, pseudonyms: Sealer) -> Response:
    """The answer as the role may see it; an answer that is not JSON cannot be masked, which is an error."""
    if not grant.masked or response.status_code != 200 or isinstance(response, MaskedStream):
        return response
    if response.media_type != "application/json":
        raise TypeError(
            f"an answer of type {response.media_type} cannot be masked; "
            "serve/auth/policy.py must not grant it"
        )
    response.body = mask(bytes(response.body), grant.masked, pseudonyms)
    response.headers["Content-Length"] = str(len(response.body))
    return response


async def _caller(request: Request, credentials: str) -> Caller:
    """The caller, counted once. Only a token that was not seen before is verified, in another thread."""
    kind, _, token = credentials.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unknown("Bearer")
    state = request.app.state
    try:
        caller = state.tokens.remembered(token) or await run_in_threadpool(state.tokens.verified, token)
    except RefusedError as error:
        log.warning("a token was refused: %s", error)
        raise _unknown('Bearer error="invalid_token"') from None
    await state.rates.count(caller, request.scope["state"])
    return caller


def _unknown(challenge: str) -> HTTPException:
    return HTTPException(401, "The bearer token is missing or not accepted.", {"WWW-Authenticate": challenge})
