"""A caller has n requests in a window, and the next one is told when to come again; whatever way it takes."""

import asyncio
import re

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.auth import rates
from serve.auth.policy import Role
from serve.auth.tokens import Caller
from serve.http.problems import Problem


@pytest.fixture
def client(service, published):  # noqa: ARG001 (published for its rows)
    few = service.model_copy(update={"rate": "5/minute", "rate_crm": "7/minute"})
    with TestClient(create_app(few)) as client:
        yield client


@pytest.mark.parametrize(("role", "claims", "n"), [("crm", {}, 7), ("manager", {"manager_id": "M1"}, 5)])
@pytest.mark.parametrize("path", ["/v1/customers/c1/risk", "/v1/customers/none/risk", "/v1/runs/latest"])
def test_exactly_n_are_answered(client, bearer, path, role, claims, n):
    head = bearer(role, **claims)
    answers = [client.get(path, headers=head) for _ in range(n + 3)]
    assert [one.status_code == 429 for one in answers] == [False] * n + [True] * 3
    refused = answers[n]
    assert Problem.model_validate(refused.json()).detail == f"More than {n} requests."
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # What is left is told beforehand, in answers of every status and of both ways.
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {f'"caller";q={n};w=60'}
    left = [re.fullmatch(r'"caller";r=(\d+);t=(\d+)', answer.headers["ratelimit"]) for answer in answers]
    assert [int(match[1]) for match in left] == [*range(n - 1, -1, -1), 0, 0, 0]
    assert all(1 <= int(match[2]) <= 60 for match in left)
    assert left[n][2] == refused.headers["retry-after"]
    assert refused.headers["content-type"] == "application/problem+json"


def test_callers_are_counted_apart_and_who_has_no_token_is_not_counted(client, bearer):
    for _ in range(10):
        refused = client.get("/v1/runs/latest")
        assert (refused.status_code, refused.headers.get("ratelimit")) == (401, None)
    one, other = bearer("manager", manager_id="M1", sub="li"), bearer("manager", manager_id="M1", sub="wu")
    for _ in range(5):
        assert client.get("/v1/runs/latest", headers=one).status_code == 200
    assert client.get("/v1/runs/latest", headers=one).status_code == 429
    assert client.get("/v1/runs/latest", headers=other).status_code == 200


def test_a_window_begins_with_its_first_request(service, monkeypatch):
    """Two a minute, the first at second 100: the window ends at 160."""
    now, state = [100.0], {}
    monkeypatch.setattr("time.time", lambda: now[0])
    counted = rates.Rates(service.model_copy(update={"rate": "2/minute"}))
    li = Caller("li", Role.ADMIN, "", "")

    def asked_at(second):
        now[0] = second
        asyncio.run(counted.count(li, state))
        return state["rate"][1]

    assert asked_at(100.0) == (b"ratelimit", b'"caller";r=1;t=60')
    assert asked_at(159.5) == (b"ratelimit", b'"caller";r=0;t=1')
    with pytest.raises(HTTPException, match="More than 2 requests"):
        asked_at(159.6)
    assert asked_at(160.1) == (b"ratelimit", b'"caller";r=1;t=60')


def test_exports_at_once_are_counted_until_they_end(service, bearer, published):  # noqa: ARG001
    """Two of one caller and three of all; who has ended makes room, however it went."""
    few = service.model_copy(update={"exports": 2, "exports_of_all": 3})
    with TestClient(create_app(few), headers=bearer("crm")) as client:
        exports, path = client.app.state.exports, "/v1/exports/scores"
        for format_asked in ["ndjson", "csv", "xls", "ndjson"]:  # each ends, one of them as a 422
            client.get(path, params={"format": format_asked})
        assert client.get(path, headers={"If-None-Match": "*"}).status_code == 304
        crm, head = Caller("the crm", Role.CRM, "", ""), Caller("wu", Role.ADMIN, "", "")
        exports.begin(crm)
        assert client.get(path).status_code == 200
        exports.begin(crm)
        refused = client.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert refused.json()["detail"] == "Too many exports at once: 2 of this caller are under way."
        assert client.get(path, headers=bearer("admin")).status_code == 200
        exports.begin(head)
        refused = client.get(path, headers=bearer("branch_head", branch_id="B1"))
        assert refused.json()["detail"] == "Too many exports at once: 3 of all callers are under way."
        exports.end(crm)
        assert client.get(path).status_code == 200
