"""Every error answer names its kind, and the place of each fault, whatever way a request is wrong."""

import re

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.http.problem_kinds import KINDS, kind_of
from serve.http.problems import Problem, pointer

RISKS, CONTACTS = "/v1/customers/risk", "/v1/contacts"
AS_JSON = {"Content-Type": "application/json"}
GOOD = b'{"customer_ids":["c1"]}'


@pytest.fixture
def client(service, published, bearer):  # noqa: ARG001 (published for its rows)
    with TestClient(create_app(service), headers=bearer("crm"), raise_server_exceptions=False) as client:
        yield client


def refused(answer, kind):
    """The Problem of an answer, which has to be of a kind and to have a page of it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = Problem.model_validate(answer.json())
    assert (problem.type, problem.status) == (f"/problems/{kind}", answer.status_code), problem.detail
    assert problem.title == KINDS[kind].title
    return problem


def faults(problem):
    return [(fault.pointer or fault.parameter, fault.detail) for fault in problem.errors or ()]


BODIES = {
    b"": ("malformed-json", "empty"),
    b" \n": ("malformed-json", "empty"),
    b"{": ("malformed-json", r"line 1, column 2"),
    b'{"customer_ids":[NaN]}': ("malformed-json", "NaN is no JSON number"),
    b'{"customer_ids":[-Infinity]}': ("malformed-json", "-Infinity is no JSON number"),
    b'{"customer_ids":["c1"],"customer_ids":["c2"]}': (
        "malformed-json",
        "'customer_ids' stands more than once",
    ),
    b'{"customer_ids":["\xb9\xfa"]}': ("malformed-json", "not UTF-8, at byte 18"),
    b"[" * 100_000: ("malformed-json", "nests too deeply"),
    b'{"customer_ids":[' + b"1" * 5_000 + b"]}": ("malformed-json", "too many digits"),
    '{"customer_ids":["c1"]}'.encode("utf-16"): ("malformed-json", "not UTF-8"),
    b"[]": ("invalid-request", "body"),
    b'{"customer_ids":["\\ud800"]}': ("invalid-request", "customer_ids.0"),
}


def test_a_body_is_json_or_refused_with_the_place(client):
    for body, (kind, said) in BODIES.items():
        problem = refused(client.post(RISKS, content=body, headers=AS_JSON), kind)
        assert re.search(said, problem.detail), problem.detail
        assert problem.status == (400 if kind == "malformed-json" else 422)
    for body in (GOOD, b"\xef\xbb\xbf" + GOOD, b"  " + GOOD + b"\n"):
        assert client.post(RISKS, content=body, headers=AS_JSON).status_code == 200


def test_a_body_of_another_type_is_refused_and_the_right_one_named(client):
    sent = [
        {}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"}, {"Content-Type": "application/json; charset=gbk"},
        {**AS_JSON, "Content-Encoding": "gzip"},
    ]  # fmt: skip
    for head in sent:
        answer = client.post(RISKS, content=GOOD, headers=head)
        refused(answer, "wrong-content-type")
        assert answer.headers.get("accept", "application/json") == "application/json"
    for kind in (
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/vnd.bank+json",
    ):
        assert client.post(RISKS, content=GOOD, headers={"Content-Type": kind}).status_code == 200


def test_each_fault_has_its_place(client):
    wrong = {"customer_id": "c1", "outcome": "gone", "note": 5, "a/b~é": 1}
    key = {"Idempotency-Key": "key-1"}
    problem = refused(client.post(CONTACTS, json=wrong, headers=key), "invalid-request")
    assert {place for place, _ in faults(problem)} == {"#/outcome", "#/note", "#/a~1b~0%C3%A9"}
    problem = refused(
        client.post(CONTACTS, json={"customer_id": "c1", "outcome": "leaving"}), "invalid-request"
    )
    assert [place for place, _ in faults(problem)] == ["Idempotency-Key"]
    many = refused(client.post(RISKS, json={"customer_ids": [""] * 900}), "invalid-request")
    assert len(many.errors) == 50
    assert many.errors[49].pointer == "#/customer_ids/49"
    assert many.detail.endswith("and 898 more")
    problem = refused(client.get("/v1/managers/M1/list?limit=0"), "invalid-request")
    assert [place for place, _ in faults(problem)] == ["limit"]
    problem = refused(client.get("/v1/managers/M1/list?cursor=AAAA"), "invalid-request")
    assert faults(problem) == [("cursor", "this is no cursor of this address")]
    problem = refused(client.get(f"/v1/customers/{'9' * 65}/risk"), "invalid-request")
    assert [place for place, _ in faults(problem)] == ["customer_id"]


def test_an_unknown_query_parameter_is_refused_by_name_on_every_route(client):
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods if path.startswith("/v1/") else ():
            address = re.sub(r"\{\w+\}", "c1", path)
            problem = refused(client.request(method, f"{address}?langage=zh", json={}), "unknown-parameter")
            [(place, detail)] = faults(problem)
            assert place == "langage"
            has = {"$ref": "#/components/parameters/language"} in methods[method].get("parameters", ())
            assert ("did you mean language?" in detail) == has, path
    answer = client.get("/v1/customers/c1/risk?language=en&language=zh&include=history&include=contacts")
    assert faults(refused(answer, "unknown-parameter")) == [
        ("language", "it may be there once, and is there 2 times")
    ]
    for query in ("=1", "Language=zh", "language%20=zh", "include[]=history", "x" * 9_000 + "=1"):
        problem = refused(client.get(f"/v1/customers/c1/risk?{query}"), "unknown-parameter")
        assert len(problem.detail) < 300
    for query in ("", "?", "?&", "?language=zh&"):
        assert client.get(f"/v1/customers/c1/risk{query}").status_code == 200


def test_a_page_is_shown_whatever_its_link_has_beside(client, bearer):
    head = bearer("manager", manager_id="M1")
    assert client.get("/lists/M1?utm_source=mail&order=old", headers=head).status_code == 200


def test_an_accept_that_cannot_be_met_is_told_before_anything_is_done(client):
    customer, scores = "/v1/customers/c1/risk", "/v1/exports/scores"
    for accept in (
        "text/html",
        "application/xml, text/*;q=0.3",
        "application/json;q=0",
        "application/json;q=0,*/*",
    ):
        refused(client.get(customer, headers={"Accept": accept}), "not-acceptable")
    for accept in (
        "",
        "*/*",
        "application/*",
        "text/html, */*;q=0.1",
        "APPLICATION/JSON; q=0.5",
        "json",
        ",",
    ):
        assert client.get(customer, headers={"Accept": accept}).status_code == 200, accept
    assert client.get(f"{scores}?format=csv", headers={"Accept": "text/csv"}).status_code == 200
    refused(client.get(scores, headers={"Accept": "application/json"}), "not-acceptable")
    contact = {"customer_id": "c1", "outcome": "leaving", "manager_id": "M1"}
    head = {"Idempotency-Key": "key-1", "Accept": "text/html"}
    refused(client.post(CONTACTS, json=contact, headers=head), "not-acceptable")
    shown = client.get(f"{customer}?include=contacts").json()
    assert shown["contacts"] == []


def test_a_method_that_an_address_lacks_is_answered_with_those_it_has(client):
    allowed = {
        "/v1/customers/c1/opt-out": "DELETE, OPTIONS, PUT",
        "/v1/customers/c1/risk": "GET, HEAD, OPTIONS",
        CONTACTS: "OPTIONS, POST",
        "/healthz": "GET, HEAD, OPTIONS",
        "/sign-in": "GET, HEAD, OPTIONS, POST",
    }
    for path, methods in allowed.items():
        for method in ("PATCH", "FOO"):
            answer = client.request(method, path)
            refused(answer, "method-not-allowed")
            assert set(methods.split(", ")) <= set(answer.headers["allow"].split(", ")), path
        asked = client.options(path, headers={"Authorization": ""})
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["allow"] == answer.headers["allow"]
    refused(client.options("/v1/nowhere"), "unknown-address")


def test_an_address_that_is_not_there_is_told_from_a_number_that_is_not(client):
    for path in ("/v1/nowhere", "/v1/customers/c1/risk/", "/v1//customers/c1/risk", "/v1/customers/a/b/risk"):
        refused(client.get(path), "unknown-address")
    kinds = {
        "/v1/customers/none/risk": "unknown-customer",
        "/v1/customers/a%2Fb/risk": "unknown-customer",
        "/v1/managers/none/list": "unknown-manager",
        "/v1/branches/none/summary": "unknown-branch",
        "/v1/runs/none": "unknown-run",
        "/v1/runs/latest/model-card": "unknown-card",
        "/v1/exports/changes?since=none": "run-gone",
    }
    for path, kind in kinds.items():
        refused(client.get(path), kind)
    assert client.get("/v1/customers/%63%31/risk").status_code == 200  # c1
    assert refused(client.get("/v1/runs/latest", headers={"Authorization": ""}), "unauthorized").status == 401


def test_each_kind_has_a_page_and_each_documented_error_a_kind(client):
    every = client.get("/problems", headers={"Authorization": ""}).text
    for name, kind in KINDS.items():
        page = client.get(kind.type, headers={"Authorization": ""})
        assert page.headers["content-type"] == "text/plain; charset=utf-8"
        assert kind.cause in page.text
        assert kind.remedy in page.text
        assert page.text in every
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    refused(client.get("/problems/nothing"), "unknown-problem")
    for methods in client.get("/openapi.json").json()["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                name = response.get("$ref", "").rpartition("/")[2]
                if name not in (status, "") and status >= "400":
                    assert KINDS[name].status == int(status)
                    assert name != "unknown-address"


def test_a_pointer_is_escaped_twice_and_a_new_sentence_keeps_its_status():
    assert pointer([]) == "#"
    assert pointer(["a b", "0", "%~/é"]) == "#/a%20b/0/%25~0~1%C3%A9"
    assert kind_of(404, "The run knows no such outbox.").name == "unknown-address"
    assert (kind_of(418, "").status, kind_of(507, "").status) == (422, 500)
