"""The fast path's answer is that of the ordinary way, byte for byte and entry for entry, on both
databases."""

import json

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from configs.published import RunExtras
from serve.api import fast_path
from serve.api.customers import ExcludedCustomer, ScoredCustomer
from serve.api.prepared import prepared_answers
from serve.app import create_app
from serve.store import tables

pytestmark = pytest.mark.either_store

PEOPLE = {"crm": {}, "manager": {"manager_id": "M1"}, "branch_head": {"branch_id": "B1"}, "analyst": {}}
ASKED = ["c1", "c2?language=zh", "c3?language=en", "c4", "c5", "c6", "c6?language=zh", "none", "c1%2F", "a b"]


@pytest.fixture
def client(service, published):  # noqa: ARG001 (published for its rows)
    with TestClient(create_app(service)) as client:
        yield client


def told(answer):
    """What a caller can compare; the order of headers, what varies by request, and Vary say nothing."""
    passing = {"x-request-id", "date", "vary", "ratelimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status_code, answer.content, headers


def asked(client, bearer):
    for role, claims in PEOPLE.items():
        head = bearer(role, **claims)
        client.get("/v1/runs/latest", headers=head)  # from now on the token is known
        for one in ASKED:
            customer, _, query = one.partition("?")
            yield role, one, client.get(f"/v1/customers/{customer}/risk?{query}", headers=head)


@pytest.fixture
def logged(access_entries):
    """The access log without what varies by request."""
    return lambda: [
        (entry.actor, entry.action, entry.subject, dict(entry.details) | {"request_id": ""})
        for entry in access_entries()
    ]


@pytest.fixture
def ask(client, bearer):
    """The CRM's question about a customer, whose token is known."""
    head = bearer("crm")
    client.get("/v1/runs/latest", headers=head)
    return lambda customer="c1": client.get(f"/v1/customers/{customer}/risk", headers=head)


@pytest.fixture
def taken(monkeypatch):
    """Grows with each request by whether the fast path answered it."""
    taken = []
    real = fast_path._answer

    async def counted(*given):
        answer = await real(*given)
        taken.append(answer is not None)
        return answer

    monkeypatch.setattr(fast_path, "_answer", counted)
    return taken


def test_both_ways_answer_alike_and_leave_the_same_entries(client, bearer, logged, monkeypatch, taken):
    short = {(role, one): told(answer) for role, one, answer in asked(client, bearer)}
    by_fast_path = logged()

    async def nothing(*_):
        return None

    monkeypatch.setattr(fast_path, "_answer", nothing)
    ordinary = {(role, one): told(answer) for role, one, answer in asked(client, bearer)}
    assert short == ordinary
    assert logged()[len(by_fast_path) :] == by_fast_path
    # The CRM's seven known questions, the manager's four own customers, the branch head's five.
    assert sum(taken) == 7 + 4 + 5


def test_what_another_release_prepared_is_not_told(ask, published, taken):
    before = told(ask())
    with published.write() as connection:
        connection.execute(update(tables.prepared_answers).values(form="older", en=b"not this"))
    assert told(ask()) == before
    assert taken == [True, False]


def test_a_run_without_prepared_answers_is_answered_the_ordinary_way(
    ask, taken, publish_run, make_run, scores, lists
):
    before = told(ask())
    publish_run()
    assert told(ask()) == before
    publish_run(extras=RunExtras(prepared_answers=prepared_answers(make_run(), scores, lists)))
    assert told(ask()) == before
    assert taken == [True, False, True]


def test_the_answer_is_that_of_the_model(ask):
    for customer, model in (("c1", ScoredCustomer), ("c6", ExcludedCustomer)):
        body = ask(customer).content
        assert model(**json.loads(body)).model_dump_json().encode() == body


def test_a_new_run_is_seen_at_once(ask, published, publish_run):
    assert ask().json()["run_id"] == "run-1"
    publish_run("run-2")
    assert ask().json()["run_id"] == "run-2"
    published.rollback()
    assert ask().json()["run_id"] == "run-1"
