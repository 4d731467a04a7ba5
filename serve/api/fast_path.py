"""The question asked most, one customer's risk, answered without what only other questions need.

It takes what is plain: a token verified before, a role that sees numbers, a customer whom the served run
knows. All else, every refusal among it, goes the ordinary way (serve/api/customers.py). Both give the same
answer, made by the same functions; here it was made when the run was published (serve/api/prepared.py).
"""

import re

from fastapi import HTTPException
from pydantic_core import to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from configs.published import Language
from serve.api.customers import excluded_fields
from serve.api.prepared import answer
from serve.auth.access import Access, record
from serve.auth.policy import POLICY
from serve.http import problems
from serve.http.responses import etag

ROUTE = "customer_risk"
_PATH = re.compile(r"/v1/customers/([^/\s\x00-\x1f\x7f]{1,64})/risk")
_ACCEPTED = (b"*/*", b"application/json", b"application/json, text/plain, */*")
_LANGUAGES: dict[bytes, Language] = {b"": "en", b"language=en": "en", b"language=zh": "zh"}


class FastPath:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _PATH.fullmatch(scope["path"]) if scope.get("method") == "GET" else None
        language = _LANGUAGES.get(scope["query_string"]) if path else None
        try:
            answered = await _answer(scope, path[1], language) if path and language else None
        except HTTPException as error:
            await problems.answer(error.status_code, error.detail, error.headers)(scope, receive, send)
            return
        if answered is None:
            await self._app(scope, receive, send)
            return
        body, headers = answered
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _answer(
    scope: Scope, customer_id: str, language: Language
) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Body and headers; None where the ordinary way has to answer. Raises HTTPException 429 and 503."""
    state, access = scope["app"].state, await _access(scope)
    row = await state.point_read.find(customer_id, access.scope, language) if access else None
    if access is None or row is None:
        return None
    run, content = row
    access.seen(run)
    access.about(customer_id)
    context = access.context(run, language)
    body = (
        answer(context, content) if isinstance(content, bytes) else to_json(excluded_fields(context, content))
    )
    await record(scope, access, ROUTE, 200)
    return body, _headers(body, access.warning)


async def _access(scope: Scope) -> Access | None:
    """The rights of the caller, whose request is counted; None where the ordinary way must decide."""
    headers, state = dict(scope["headers"]), scope["app"].state
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    caller = state.tokens.remembered(token.decode("latin-1")) if kind.lower() == b"bearer" else None
    if caller is None or b"if-none-match" in headers or headers.get(b"accept", b"*/*") not in _ACCEPTED:
        return None
    await state.rates.count(caller, scope["state"])
    scope["state"]["caller"], scope["state"]["route"] = caller, ROUTE
    grant = POLICY[ROUTE].grants.get(caller.role)
    return Access(state, caller, grant, ROUTE) if grant and not grant.masked else None


def _headers(body: bytes, warning: str | None) -> list[tuple[bytes, bytes]]:
    warned = [(b"attrition-warning", warning.encode("latin-1"))] if warning else []
    return [
        (b"cache-control", b"no-store"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"etag", etag(body).encode()),
        *warned,
    ]
