"""A contact posted back: recorded once, answered the same again, refused when it is another."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from configs.published import RunExtras
from serve.app import create_app
from serve.store import store as stores

pytestmark = pytest.mark.either_store

EVIL = (
    "'; DROP TABLE contacts; --",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\r\nSet-Cookie: a=b",
)
SENT = {"customer_id": "c1", "outcome": "leaving", "note": "moves to 招行"}


@pytest.fixture
def client(service, bearer, published):  # noqa: ARG001 (published for its rows)
    with TestClient(create_app(service), headers=bearer("manager", manager_id="M1")) as client:
        yield client


def posted(client, key="k1", **changes):
    return client.post("/v1/contacts", json=SENT | changes, headers={"Idempotency-Key": key})


def test_a_contact_is_recorded_and_the_same_again_gets_the_first_answer(client):
    first = posted(client)
    assert first.status_code == 201
    told = first.json()
    assert (told["run_id"], told["customer_id"]) == ("run-1", "c1")
    contact = told["contact"]
    assert (contact["contact_id"], contact["manager_id"], contact["run_id"]) == (1, "M1", "run-1")
    assert (contact["outcome"], contact["note"]) == ("leaving", "moves to 招行")
    again = posted(client)
    assert (again.status_code, again.content) == (201, first.content)
    shown = client.get("/v1/customers/c1/risk?include=contacts").json()["contacts"]
    assert shown == [contact]


def test_the_same_key_for_another_contact_is_a_conflict(client):
    posted(client)
    refused = posted(client, outcome="will_stay")
    assert refused.status_code == 409
    assert "key of its own" in refused.json()["remedy"]
    assert "k1" not in refused.text
    assert posted(client, key="k2", outcome="will_stay").status_code == 201


def test_a_contact_of_an_earlier_list_belongs_to_its_run(client, publish_run):
    publish_run("run-2", date(2026, 11, 23))
    assert posted(client, run_id="run-1").json()["contact"]["run_id"] == "run-1"
    assert posted(client, key="k2").json()["contact"]["run_id"] == "run-2"
    assert posted(client, key="k3", run_id="run-0").status_code == 410


def test_while_a_run_is_published_contacts_are_recorded_or_refused_at_once_but_never_kept_waiting(
    client, publish_run, store_url, profiles, monkeypatch
):
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    meanwhile = []

    def slowly():
        """Drawn when most of the run is written, and before it is committed."""
        meanwhile.append(posted(client))
        yield from profiles

    publish_run("run-2", date(2026, 11, 23), extras=RunExtras(slowly()))
    (answer,) = meanwhile
    if store_url.startswith("sqlite"):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"].endswith("Nothing was recorded.")
    else:
        assert (answer.status_code, answer.json()["contact"]["run_id"]) == (201, "run-1")
    again = posted(client)  # by now of the next run
    assert (again.status_code, again.json()["contact"]["contact_id"]) == (201, 1)


def test_who_writes_in_the_audit_log_keeps_contacts_waiting_for_a_moment_only(client, published, monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    with published.write():
        assert (posted(client).status_code, client.put("/v1/customers/c1/opt-out").status_code) == (503, 403)
    assert posted(client).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "will_leave"},
        {"note": "x" * 2_001},
        {"note": "a\x00b"},
        {"customer_id": " a"},
        {"customer_id": None},
        {"contact_id": 7},
        {"recorded_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_what_is_no_contact_is_refused(client, changes):
    assert posted(client, **changes).status_code == 422


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "käse".encode()])
def test_a_contact_needs_a_key(client, key):
    assert posted(client, key=key).status_code == 422
    assert client.post("/v1/contacts", json=SENT).status_code == 422


@pytest.mark.parametrize("evil", EVIL)
def test_a_note_is_kept_as_it_is_and_has_no_effect(client, evil):
    found = posted(client, key="evil", note=evil)
    assert found.json()["contact"]["note"] == evil
    assert "set-cookie" not in found.headers
    assert client.get("/v1/customers/c1/risk?include=contacts").json()["contacts"][0]["note"] == evil
