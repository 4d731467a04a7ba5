"""One customer's risk, the question asked most: one ASGI endpoint from the token to the bytes.

FastAPI documents it as any other route. A plain question was answered when the run was published
(serve/api/prepared.py): it takes one row, no thread and no objects. What no row holds (more fields, another
form of money, an older run) is read and written here, for the same caller, with the same headers and entry.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import HTTPException, Query, Request
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from configs.errors import DataError
from configs.published import Score
from serve.api.contacts import ContactSchema
from serve.api.customers import (
    CustomerRisk,
    ExcludedCustomer,
    PastRisk,
    ScoredCustomer,
    excluded_fields,
    fields_of,
)
from serve.api.prepared import answer
from serve.api.requests import (
    NO_CUSTOMER,
    CustomerId,
    MoneyWritten,
    TextLanguage,
    authorized_router,
    exemplified,
)
from serve.auth.access import Access, AuthorizedRoute, Granted, record
from serve.auth.seals import mask
from serve.http import problems
from serve.http.paths import header
from serve.http.problems import documented
from serve.http.request_checks import JSON
from serve.http.responses import ID, ResponseContext, etag, is_held, written_amount
from serve.store import contacts
from serve.store.read_session import Earlier, ReadSession

WEEKS = 52  # of history
CONTACTS = 20
Included = Annotated[
    list[Literal["maturities", "history", "contacts", "person"]],
    Query(
        max_length=10,
        description=f"what falls due, {WEEKS} weeks of earlier runs, the latest {CONTACTS} contacts "
        "with an opt-out, name and telephone",
    ),
]
_PLAIN: Mapping[bytes, dict[str, Any]] = {
    query: {"language": language, "include": [], "money": "number"}
    for query, language in ((b"", "en"), (b"language=en", "en"), (b"language=zh", "zh"))
}
_PATH = re.compile(r"/v1/customers/([^/\s\x00-\x1f\x7f]{1,64})/risk")
_ID = re.compile(ID)
_ACCEPTED = (b"", b"*/*", b"application/json", b"application/json, text/plain, */*")
_FORESEEN = (HTTPException, RequestValidationError, DataError)


class RiskRoute(AuthorizedRoute):
    """The endpoint. ``customer_risk`` below declares its parameters, and answers what was not prepared."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await super().handle(scope, receive, send)
            return
        request = Request(scope)
        try:
            status, headers, body = await self._answer(request)
        except Exception as error:
            await problems.answer_to(request, error)(scope, receive, send)
            if not isinstance(error, _FORESEEN):
                raise  # which is how the server comes to log it
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body, once the entry is in the access log. Raises HTTPException and others."""
        access, scope = await self.access_of(request), request.scope
        try:
            body = await _body(access, await self._asked(request))
        except HTTPException as error:
            await self.record_unknown(scope, access, error)
            raise
        if access.grant.masked:
            body = mask(body, access.grant.masked, access.service.pseudonyms)
        tag = etag(body)
        headers = [(b"cache-control", b"no-store"), (b"etag", tag.encode())]
        if access.warning:
            headers.append((b"attrition-warning", access.warning.encode("latin-1")))
        status = 304 if is_held(header(scope, b"if-none-match"), tag) else 200
        await record(scope, access, self.name, status)
        if status == 304:
            return status, headers, b""
        headers += [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
        return status, headers, body

    async def _asked(self, request: Request) -> dict[str, Any]:
        """The arguments of ``customer_risk``. Raises Refusal 406 or 422, or RequestValidationError."""
        scope, path = request.scope, request.path_params
        plain = _PLAIN.get(scope["query_string"])
        if plain and header(scope, b"accept") in _ACCEPTED and _ID.fullmatch(path["customer_id"]):
            return path | plain
        await self.checks()(request)
        fields = (self.dependant.path_params, path), (self.dependant.query_params, request.query_params)
        (of_path, faults), (of_query, more) = (request_params_to_args(*field) for field in fields)
        if faults or more:
            raise RequestValidationError(faults + more)
        return of_path | of_query


class FastPath:
    """Hands a plain question to its route at once, past what Starlette does for every route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, (self._route,) = app, router.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope.get("method") == "GET" and scope["query_string"] in _PLAIN
        path = _PATH.fullmatch(scope["path"]) if plain else None
        if path is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = self._route, {"customer_id": path[1]}
        await self._route.handle(scope, receive, send)


async def _body(access: Access, asked: dict[str, Any]) -> bytes:
    """The whole answer in JSON. Raises HTTPException 404 for whom nobody knows or the role may not see."""
    customer_id, language, row = asked["customer_id"], asked["language"], None
    if not asked["include"] and asked["money"] == "number":
        row = await access.service.point_read.find(customer_id, access.scope, language)
    if row is None:
        made: ScoredCustomer | ExcludedCustomer
        made = await run_in_threadpool(customer_risk, access=access, **asked)
        return made.model_dump_json().encode()
    run, content = row
    access.seen(run)
    context = access.context(run, language)
    prepared = isinstance(content, bytes)
    return answer(context, content) if prepared else to_json(excluded_fields(context, content))


router = authorized_router("customers", RiskRoute)


@router.get(
    "/v1/customers/{customer_id}/risk",
    responses=exemplified("customer_risk") | documented(e404=NO_CUSTOMER),
)
def customer_risk(
    customer_id: CustomerId,
    access: Granted,
    language: TextLanguage = "en",
    include: Included = [],  # noqa: B006
    money: MoneyWritten = "number",
) -> CustomerRisk:
    """A customer's risk, reasons and decision in the served run, or the code of the exclusion."""
    with access.at_run() as read_session:
        customer = read_session.customer(customer_id)
        if customer is None:
            raise HTTPException(404, NO_CUSTOMER)
        context = access.context(read_session.run, language, money)
        decisions = read_session.decisions([customer_id])
        extras = _extras(context, read_session, customer_id, include)
    fields = fields_of(context, customer, decisions) | extras
    return ScoredCustomer(**fields) if isinstance(customer, Score) else ExcludedCustomer(**fields)


def _extras(
    context: ResponseContext, read_session: ReadSession, customer_id: str, include: list[Any]
) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    profiles = read_session.profiles([customer_id]) if {"maturities", "person"} & {*include} else {}
    profile = profiles.get(customer_id)
    if profile and "person" in include and (profile.name or profile.phone):
        extras["person"] = {"name": profile.name or None, "phone": profile.phone or None}
    if profile and "maturities" in include:
        extras["maturities"] = [
            {
                "product": maturity.product_name,
                "product_class": maturity.product_class,
                "matures_on": maturity.matures_on,
                "balance": written_amount(maturity.balance_minor, context.money),
            }
            for maturity in profile.maturities
        ]
    if "history" in include:
        history = reversed(read_session.history(customer_id))
        earlier = [past for past in history if past.run.run_id != read_session.run.run_id]
        extras["history"] = [_past_risk(context, past) for past in earlier[:WEEKS]]
    if "contacts" in include:
        latest = contacts.latest_of(read_session.connection, customer_id, CONTACTS)
        extras["contacts"] = [
            ContactSchema.model_validate(contact, from_attributes=True) for contact in latest
        ]
        extras["opted_out_since"] = contacts.opted_out_since(read_session.connection, customer_id)
    return extras


def _past_risk(context: ResponseContext, past: Earlier) -> PastRisk:
    earlier = replace(context, run=past.run)
    fields = vars(past.run) | vars(past.score) | {"risk": past.score.risk}
    fields |= {name: earlier.amount(fields[f"{name}_minor"]) for name in ("aum", "money_at_risk")}
    return PastRisk(**{name: fields[name] for name in PastRisk.model_fields})
