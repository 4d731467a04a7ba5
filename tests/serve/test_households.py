"""The other members of a household, on the page, the list and in the workbook: never one out of reach."""

import sqlite3

import pytest
from fastapi.testclient import TestClient

from configs.published import Manager, RunExtras
from serve.app import create_app
from serve.store.households import other_members
from serve.store.list_rows import list_rows
from serve.store.scope import EVERYTHING, Reach, Scope
from tests.serve.conftest import a_score, published_run

# c1 has most to keep; c2 has the same manager, c3 another one of the branch, c4 one of another branch.
PLACES = {"c1": ("B1", "M1"), "c2": ("B1", "M1"), "c3": ("B1", "M2"), "c4": ("B2", "M3"), "c5": ("B1", "M1")}
MANAGERS = [Manager("M1", "张伟", "B1", 5), Manager("M2", "", "B1", 5), Manager("M3", "", "B2", 5)]


@pytest.fixture
def published(store, exclusions, make_lists):
    scores = tuple(
        a_score(name, (900 - 100 * place) * 100_00, branch_id=branch, manager_id=manager,
                household_id=None if name == "c5" else "H")
        for place, (name, (branch, manager)) in enumerate(PLACES.items())
    )  # fmt: skip
    store.publish(published_run(), scores, exclusions, make_lists(scores, MANAGERS), RunExtras())
    return store


@pytest.mark.either_store
def test_members_out_of_reach_are_unknown(published):
    def seen(scope):
        with published.at_run(scope=scope) as session:
            scores = session.scores(PLACES)
            members = other_members(session, scores.values())
            return {name: [member.customer_id for member in others] for name, others in members.items()}

    assert seen(EVERYTHING)["c1"] == ["c2", "c3", "c4"]
    assert seen(Scope(Reach.BRANCH, "B1")) == {"c1": ["c2", "c3"], "c2": ["c1", "c3"], "c3": ["c1", "c2"]}
    assert seen(Scope(Reach.OWN, "M1", still=True)) == {"c1": ["c2"], "c2": ["c1"]}
    assert seen(Scope(Reach.OWN, "M3")) == {}
    with published.at_run(scope=Scope(Reach.OWN, "M1")) as session:
        (row, other) = list_rows(session, session.manager_list("M1"))
        assert [member.customer_id for member in row.household] == ["c2"]
        assert row.household_keep_minor == row.household[0].keep_minor > 0
        assert (other.score.customer_id, other.household) == ("c5", ())


def test_pages_show_whom_the_reader_may_see_and_the_log_names_them(
    service,
    bearer,
    published,  # noqa: ARG001
    access_entries,
):
    with TestClient(create_app(service), headers=bearer("manager", manager_id="M1")) as client:
        page, of_list = client.get("/customers/c1").text, client.get("/lists/M1").text
        assert client.get("/customers/c3").status_code == 404
    assert "/customers/c2?" in page
    assert "Not listed: one call per household" in page
    assert not {"/customers/c3?", "/customers/c4?"} & {*page.split('"')}
    assert "c3" not in page + of_list
    assert "c4" not in page + of_list
    assert of_list.count("Household: this call is also about 1 more") == 1
    assert [entry.subject for entry in access_entries()][:2] == ["c1", "c2"]
    with TestClient(create_app(service), headers=bearer("branch_head", branch_id="B1")) as client:
        page = client.get("/customers/c1").text
    assert "/customers/c3?" in page
    assert "c4" not in page


def test_members_are_found_by_key(published):
    query = "EXPLAIN QUERY PLAN SELECT * FROM scores WHERE run_version = 1 AND household_id IN ('H', 'I')"
    with sqlite3.connect(published.engine.url.database) as connection:
        plan = " ".join(row[3] for row in connection.execute(query))
    connection.close()
    assert "scores_of_household" in plan
