"""What one request may see: every guarded route passes through here before and after it answers."""

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from serve.policy import POLICY, Grant
from serve.reading import Reading
from serve.scope import Reach, Scope
from serve.store import Store
from serve.tokens import Caller, RefusedError, Tokens

log = logging.getLogger("serve")

# Only for the API's document: Guarded has looked at the token before.
documented_bearer = Security(HTTPBearer(bearerFormat="JWT", auto_error=False))


class Access:
    """What a caller may read through one route."""

    def __init__(self, store: Store, caller: Caller, grant: Grant) -> None:
        self._store = store
        self.caller = caller
        self.grant = grant

    @property
    def scope(self) -> Scope:
        numbers = {Reach.BRANCH: self.caller.branch_id, Reach.OWN: self.caller.manager_id}
        return Scope(self.grant.reach, numbers.get(self.grant.reach, ""))

    @contextmanager
    def reading(self, run_id: str | None = None) -> Iterator[Reading]:
        """One run, by default the served one, of which only the caller's customers are seen."""
        with self._store.pinned(run_id, self.scope) as reading:
            yield reading


def granted(request: Request) -> Access:
    access: Access = request.state.access
    return access


Granted = Annotated[Access, Depends(granted)]


class Guarded(APIRoute):
    """A route behind a token and a row of serve/policy.py."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.access = await self._admit(request)
            return await answer(request)

        return guarded

    async def _admit(self, request: Request) -> Access:
        """Raises HTTPException: 401 without a good token, 403 where the role may not use the route."""
        state = request.app.state
        caller = await _caller(state.tokens, request.headers.get("Authorization", ""))
        grant = POLICY[self.name].grants.get(caller.role)
        if grant is None:
            raise HTTPException(403, "This role may not use this route.")
        return Access(state.store, caller, grant)


async def _caller(tokens: Tokens, header: str) -> Caller:
    """Only what was not seen before is verified, in another thread."""
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unknown("Bearer")
    try:
        caller = tokens.remembered(token)
        return caller if caller else await run_in_threadpool(tokens.verified, token)
    except RefusedError as error:
        log.warning("a token was refused: %s", error)
        raise _unknown('Bearer error="invalid_token"') from None


def _unknown(challenge: str) -> HTTPException:
    return HTTPException(401, "The bearer token is missing or not accepted.", {"WWW-Authenticate": challenge})
