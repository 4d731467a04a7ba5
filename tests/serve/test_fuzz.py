"""Requests made from the API's own document, right and wrong, and some that no document knows: no fault, and
no status that it does not name."""

import re
from collections import Counter

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as some
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serve.app import create_app
from serve.auth.policy import Role
from serve.http.openapi import COMMON

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# What stands in the store, so that not everything is unknown.
KNOWN = {"customer_id": "c1", "manager_id": "M1", "branch_id": "B1", "run_id": "run-1"}


def known(part):
    """A part of a request with numbers that the store knows."""
    return {name: KNOWN.get(name, value) for name, value in part.items()} if isinstance(part, dict) else part


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("requests", [180, pytest.param(10_000, marks=pytest.mark.long)])
def test_made_up_requests_are_answered_as_the_document_says(service, bearer, requests):
    app = create_app(service.model_copy(update={"rate": "1000000/minute", "rate_crm": "1000000/minute"}))
    operations = [
        one.ok() for one in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    heads = [bearer(role, manager_id="M1", branch_id="B1") for role in Role] + [{}]
    sent = dict.fromkeys((one.label for one in operations), 0)
    statuses: Counter[int] = Counter()

    def tried(operation, times, draw):
        ways = some.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @seed(draw)
        @settings(max_examples=times, database=None, suppress_health_check=list(HealthCheck))
        @given(case=ways, head=some.sampled_from(heads), real=some.booleans())
        def answered(case, head, real):
            if real:
                case.path_parameters, case.body = known(case.path_parameters), known(case.body)
            sent[operation.label] += 1
            response = case.call(headers=head)
            statuses[response.status_code] += 1
            named = {*operation.definition.raw["responses"], *COMMON}
            assert str(response.status_code) in named, f"{operation.label}: {response.status_code}"
            case.validate_response(response, checks=CHECKS)

        answered()

    # Of some operations there is little to ask, so that one round falls short.
    for draw in range(20261116, 20261136):
        missing = requests - sum(sent.values())
        for operation in operations if missing > 0 else ():
            tried(operation, -(-missing // len(operations)), draw)
    print(f"{sum(sent.values())} requests to {len(sent)} operations, by status: {sorted(statuses.items())}")
    assert sum(sent.values()) >= requests
    assert min(sent.values()) > 0
    assert {200, 201, 401, 403, 404, 422} <= set(statuses)  # neither all refused nor all good


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "x"]
PARTS = [
    "",
    "c1",
    "M1",
    "latest",
    "risk",
    "list",
    "%2F",
    "%00",
    "%ff",
    "..",
    "a%20b",
    "客户",
    "9" * 70,
    "%31",
    ";",
    "{}",
]
HEADS = {
    "Accept": ["*/*", "text/html", "application/json;q=0", "a/b;q=x,,;", "", "*"],
    "Content-Type": ["application/json", "text/plain", "application/json;charset=x", ";", "", "a/b/c"],
    "If-None-Match": ["*", '"x"', "W/", ""],
    "Idempotency-Key": ["k", "", "é".encode()],
    "Content-Encoding": ["gzip", "identity", ""],
}
QUERIES = [
    "language=zh",
    "language=xx",
    "limit=0",
    "limit=1e9",
    "cursor=%ff",
    "=",
    "%",
    "a=b",
    "include=history",
    "money=text",
]
BODIES = [
    b"",
    b"{",
    b"null",
    b"[[]]",
    b'{"a":NaN}',
    b'{"customer_ids":["c1"]}',
    b"\xff",
    b'{"a":1,"a":2}',
    b"1e999",
]


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("requests", [150, pytest.param(5_000, marks=pytest.mark.long)])
def test_what_no_document_knows_is_refused_as_a_problem(service, bearer, requests):
    heads = [bearer(role, manager_id="M1", branch_id="B1") for role in Role] + [{}]
    free = {"rate": "1000000/minute", "rate_crm": "1000000/minute"}
    statuses: Counter[int] = Counter()
    with TestClient(create_app(service.model_copy(update=free)), raise_server_exceptions=False) as client:
        addresses = [
            *client.get("/openapi.json").json()["paths"],
            "/v1/{part}/{part}",
            "/{part}",
            "/docs/{part}",
        ]

        @seed(20261116)
        @settings(
            max_examples=requests, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(draw=some.data())
        def answered(draw):
            address = draw.draw(some.sampled_from(addresses))
            path = re.sub(r"\{\w+\}", lambda _: draw.draw(some.sampled_from(PARTS)), address)
            query = "&".join(draw.draw(some.lists(some.sampled_from(QUERIES), max_size=3)))
            head = draw.draw(some.sampled_from(heads)) | draw.draw(
                some.fixed_dictionaries({}, optional={name: some.sampled_from(HEADS[name]) for name in HEADS})
            )
            body = draw.draw(some.one_of(some.sampled_from(BODIES), some.binary(max_size=40)))
            method = draw.draw(some.sampled_from(METHODS))
            answer = client.request(method, f"{path}?{query}", headers=head, content=body)
            statuses[answer.status_code] += 1
            assert answer.status_code < 500
            if answer.status_code >= 400 and method != "HEAD" and answer.request.url.path.startswith("/v1/"):
                problem = answer.json()
                assert (problem["status"], problem["type"][:10]) == (answer.status_code, "/problems/")
                assert problem["remedy"]

        answered()
    print(f"{sum(statuses.values())} requests, by status: {sorted(statuses.items())}")
    assert {200, 404, 405, 422} <= set(statuses)
