"""A run of the past shows a customer only to whoever has charge of that customer now, in each database."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from configs.published import Exclusion, Manager
from serve.app import create_app
from serve.store.scope import Reach, Scope

pytestmark = pytest.mark.either_store

MANAGERS = [Manager("M1", "张伟", "B1", 4), Manager("M2", "李娜", "B1", 4), Manager("M3", "王芳", "B2", 4)]


@pytest.fixture
def moved_on(published, make_run, make_score, make_lists):
    """run-1, where M1 of branch B1 had c1 to c4; then run-2: c1 is M2's, c3 is of branch B2, c4 is in
    no cohort.
    """
    scores = [
        make_score("c1", manager_id="M2"),
        make_score("c2"),
        make_score("c3", branch_id="B2", manager_id="M3"),
    ]
    out = (Exclusion("c4", "below_bounds"), Exclusion("c5", "below_bounds"), Exclusion("c6", "too_new"))
    excluded = {"below_bounds": 2, "too_new": 1}
    run = make_run("run-2", date(2026, 11, 23), cohort=3, excluded=excluded)
    published.publish(run, scores, out, make_lists(scores, MANAGERS))
    return published


def seen(store, run_id, scope):
    with store.at_run(run_id, scope) as read_session:
        return [one.customer_id for one in read_session.page()]


@pytest.mark.parametrize(
    ("reach", "number", "then", "still"),
    [
        (Reach.OWN, "M1", ["c1", "c2", "c3", "c4"], ["c2"]),
        (Reach.OWN, "M2", [], []),
        (Reach.BRANCH, "B1", ["c1", "c2", "c3", "c4", "c5"], ["c1", "c2"]),
        (Reach.ALL, "", ["c1", "c2", "c3", "c4", "c5"], ["c1", "c2", "c3", "c4", "c5"]),
        (Reach.NONE, "", [], []),
    ],
)
def test_the_served_run_decides(moved_on, reach, number, then, still):
    scope, past = Scope(reach, number), Scope(reach, number, still=True)
    assert seen(moved_on, "run-1", scope) == then
    assert seen(moved_on, "run-1", past) == still
    assert seen(moved_on, "run-2", scope) == seen(moved_on, "run-2", past)


def test_lists_and_single_customers_of_the_past_likewise(moved_on):
    with moved_on.at_run("run-1", Scope(Reach.OWN, "M1", still=True)) as read_session:
        # C4 and c1 were listed
        assert read_session.manager("M1") == Manager("M1", "张伟", "B1", 2)
        assert read_session.manager_list("M1") == ()
        assert [read_session.customer(name) is None for name in ("c1", "c2")] == [True, False]
        assert read_session.history("c1") == ()
        assert list(read_session.profiles(["c1", "c2"])) == ["c2"]
        assert list(read_session.decisions(["c1", "c2"])) == ["c2"]


@pytest.mark.usefixtures("moved_on")
def test_a_former_manager_neither_reads_nor_records_by_an_old_run(service, bearer):
    """c1 is M2's now; that it was M1's gives M1 no page, no list and no contact, M2 no place in the
    old run.
    """
    kept, lost = "/customers/c2?run=run-1", "/customers/c1?run=run-1"
    with TestClient(create_app(service)) as client:
        former, present = (bearer("manager", manager_id=name) for name in ("M1", "M2"))
        assert [client.get(page, headers=former).status_code for page in (kept, lost)] == [200, 404]
        assert client.get(lost, headers=present).status_code == 404
        assert "/customers/c1" not in client.get("/lists/M1?run=run-1", headers=former).text
        sent = {"customer_id": "c1", "outcome": "leaving", "run_id": "run-1"}
        posted = client.post("/v1/contacts", json=sent, headers=former | {"Idempotency-Key": "k"})
        assert posted.status_code == 404
