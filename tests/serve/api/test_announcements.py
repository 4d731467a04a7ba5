"""The feed of publications and roll-backs: whoever keeps its cursor misses nothing and gets nothing twice."""

import json
from datetime import date

import pytest
from sqlalchemy import text

from serve.api.requests import EXAMPLES

pytestmark = pytest.mark.either_store
NEXT = date(2026, 11, 23)


def told(answer):
    return [(each["type"], each["data"]["run_id"]) for each in answer["announcements"]]


def test_a_poller_follows_publications_reruns_and_rollbacks(client, publish_run, published):
    first = client.get("/v1/publications").json()
    assert told(first) == [("run.published", "run-1")]
    asked = {"cursor": first["next_cursor"]}
    idle = client.get("/v1/publications", params=asked)
    assert (told(idle.json()), idle.json()["next_cursor"]) == ([], first["next_cursor"])
    held = {"If-None-Match": idle.headers["ETag"]}
    assert client.get("/v1/publications", params=asked, headers=held).status_code == 304

    publish_run("run-2", NEXT)
    publish_run("run-2", NEXT)
    published.rollback()
    publish_run("run-0", date(2026, 11, 9))
    assert client.get("/v1/publications", params=asked, headers=held).status_code == 200
    pages = []
    for _ in range(3):
        pages.append(client.get("/v1/publications", params=asked | {"limit": 2}).json())
        asked["cursor"] = pages[-1]["next_cursor"]
    assert [told(page) for page in pages] == [
        [("run.published", "run-2"), ("run.published", "run-2")],
        [("run.rolled_back", "run-1"), ("run.published", "run-0")],
        [],
    ]
    second, again, back, past = (each["data"] for page in pages for each in page["announcements"])
    assert second == {
        "bank": "demo", "run_id": "run-2", "snapshot_date": "2026-11-23", "model_id": "model-1",
        "before": "run-1", "served": True, "republished": False,
        "counts": {"scored": 5, "excluded": 1, "listed": 3}, "changes": "/v1/exports/changes?since=run-1",
    }  # fmt: skip
    assert (again["republished"], again["changes"]) == (True, "/v1/exports/scores")
    assert (back["before"], back["changes"]) == ("run-2", "/v1/exports/changes?since=run-2")
    assert (past["served"], past["changes"]) == (False, None)
    rows = client.get(back["changes"]).text
    assert {json.loads(row)["run_id"] for row in rows.splitlines()} <= {"run-1"}


def test_a_cursor_of_another_address_or_of_a_store_put_back_is_refused(client, publish_run, published):
    first = client.get("/v1/publications").json()["next_cursor"]
    publish_run("run-2", NEXT)
    second = client.get("/v1/publications").json()["next_cursor"]
    assert client.get("/v1/managers/M1/list", params={"cursor": first}).status_code == 422
    assert client.get("/v1/publications", params={"cursor": "MFRGG"}).status_code == 422
    with published.write() as connection:  # as a backup of before has it, and then another run
        connection.execute(text("DELETE FROM announcements WHERE number = 2"))
    publish_run("run-3", NEXT)
    assert client.get("/v1/publications", params={"cursor": second}).status_code == 410
    assert told(client.get("/v1/publications", params={"cursor": first}).json()) == [
        ("run.published", "run-3")
    ]


def test_every_role_may_follow_and_nothing_tells_of_a_customer(client, bearer, access_entries):
    roles = {"manager": {"manager_id": "M1"}, "branch_head": {"branch_id": "B1"}, "analyst": {}, "admin": {}}
    for role, claims in roles.items():
        answer = client.get("/v1/publications", headers=bearer(role, **claims))
        assert told(answer.json()) == [("run.published", "run-1")]
    client.get("/v1/customers/c1/risk")
    assert [entry.action for entry in access_entries()] == ["read customer"]
    shown = EXAMPLES["announcements"]["one"]["value"]["announcements"][0]
    assert shown.keys() == answer.json()["announcements"][0].keys()
    assert shown["data"].keys() == answer.json()["announcements"][0]["data"].keys()
