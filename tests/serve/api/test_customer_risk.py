"""A customer's risk is the same answer whether it was prepared or is made on request, on both databases."""

import json

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from configs.published import RunExtras
from serve.api import customer_risk
from serve.api.customers import ExcludedCustomer, ScoredCustomer
from serve.api.prepared import prepared_answers
from serve.app import create_app
from serve.store import tables
from serve.texts.wording import Wording

pytestmark = pytest.mark.either_store


@pytest.fixture
def client(service, published):  # noqa: ARG001 (published for its rows)
    with TestClient(create_app(service)) as client:
        yield client


def comparable(answer):
    """The parts of an answer that say something: not the order of headers, Vary, or one request alone."""
    passing = {"x-request-id", "date", "vary", "ratelimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in passing}
    return answer.status_code, answer.content, headers


@pytest.fixture
def ask(client, bearer):
    """Somebody's question about a customer, by default the CRM's."""

    def ask(customer="c1", role="crm", query="", **claims):
        return client.get(f"/v1/customers/{customer}/risk{query}", headers=bearer(role, **claims))

    return ask


@pytest.fixture
def made(monkeypatch):
    """The customers whose answers were made on request."""
    made = []
    real = customer_risk.customer_risk

    def counted(customer_id, **given):
        made.append(customer_id)
        return real(customer_id, **given)

    monkeypatch.setattr(customer_risk, "customer_risk", counted)
    return made


def test_what_was_prepared_is_given_to_each_role_within_its_reach(ask, made):
    """In either language, and however a caller writes what it need not ask for."""
    branch = {"branch_id": "B1"}
    whole = ask()
    assert comparable(ask(query="?language=en&money=number")) == comparable(whole)
    assert ask("c5", "branch_head", **branch).json()["customer_id"] == "c5"
    why = Wording("zh").term("excluded", "too_new")
    assert ask("c6", query="?language=zh").json()["explanation"] == why
    assert ask("c1", query="?language=zh").json()["reasons"] != whole.json()["reasons"]
    shown = ask("c1", "manager", manager_id="M1")
    assert (shown.content, made) == (whole.content, [])
    assert ask("c5", "manager", manager_id="M1").status_code == 404
    assert ask("none").status_code == 404
    assert made == ["c5", "none"]


def test_what_no_row_holds_is_made_on_request(ask, made):
    whole = ask().json()
    minor = {name: round(100 * whole[name]) for name in ("aum", "money_at_risk", "money_to_keep")}
    assert ask(query="?money=minor").json() == whole | minor
    assert ask(query="?include=history").json() == whole | {"history": []}
    assert made == ["c1", "c1"]


def test_a_fault_is_answered_and_logged(service, bearer, published, monkeypatch):  # noqa: ARG001
    app = create_app(service)

    async def broken(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(app.state.point_read, "find", broken)
    with TestClient(app, raise_server_exceptions=False, headers=bearer("crm")) as client:
        answer = client.get("/v1/customers/c1/risk")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert "content-security-policy" in answer.headers
    with TestClient(app, headers=bearer("crm")) as client, pytest.raises(RuntimeError, match="planted"):
        client.get("/v1/customers/c1/risk")


def test_a_refusal_is_answered_and_is_no_fault(ask, client, bearer):
    """A fault of the service would be raised here, as the server logs it."""
    assert ask(query="?x=1").status_code == 422
    assert ask(query="?money=minor&money=number").status_code == 422
    headers = bearer("crm") | {"Accept": "text/html"}
    assert client.get("/v1/customers/c1/risk", headers=headers).status_code == 406


def test_what_another_release_prepared_is_not_told(ask, published, made):
    before = comparable(ask())
    with published.write() as connection:
        connection.execute(update(tables.prepared_answers).values(form="older", en=b"not this"))
    assert comparable(ask()) == before
    assert made == ["c1"]


def test_a_run_without_prepared_answers_is_answered_on_request(
    ask, made, publish_run, make_run, scores, lists
):
    before = comparable(ask())
    publish_run()
    assert comparable(ask()) == before
    publish_run(extras=RunExtras(prepared_answers=prepared_answers(make_run(), scores, lists)))
    assert comparable(ask()) == before
    assert made == ["c1"]


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
