"""A list in pages: every page of one run, whatever is published meanwhile; nobody can make a cursor up."""

from datetime import date
from typing import get_args

import pytest

from configs.codes import DECISIONS
from configs.published import Manager
from serve.api.requests import DecisionCode

LIST = "/v1/managers/M1/list"


def test_the_pages_of_a_list_end_with_its_last_customer(client):
    whole = client.get(LIST).json()
    first = client.get(LIST, params={"limit": 1}).json()
    second = client.get(LIST, params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [one["customers"] for one in (first, second)] == [[one] for one in whole["customers"]]
    assert (whole["next_cursor"], second["next_cursor"]) == (None, None)
    assert whole["listed"] == first["listed"] == 2


def test_a_page_is_of_the_run_of_the_first_one(client, publish_run):
    cursor = client.get(LIST, params={"limit": 1}).json()["next_cursor"]
    publish_run("run-2")
    assert client.get(LIST, params={"cursor": cursor}).json()["run_id"] == "run-1"
    assert client.get(LIST).json()["run_id"] == "run-2"


def test_a_cursor_whose_run_is_gone_or_published_anew_is_410(client, publish_run):
    cursor = client.get(LIST, params={"limit": 1}).json()["next_cursor"]
    publish_run()
    gone = client.get(LIST, params={"cursor": cursor})
    assert (gone.status_code, "without the cursor" in gone.json()["remedy"]) == (410, True)
    assert "run-1" not in gone.text


def test_a_cursor_of_another_role_address_or_making_is_refused(client, bearer):
    cursor = client.get(LIST, params={"limit": 1}).json()["next_cursor"]
    asked = {"cursor": cursor}
    assert client.get(LIST, params=asked, headers=bearer("branch_head", branch_id="B1")).status_code == 422
    assert client.get("/v1/branches/B1/summary", params=asked).status_code == 422
    for wrong in (cursor[:-1], cursor + "A", cursor[::-1], "A" * 40, "a b", "", "=", "x" * 513):
        assert client.get(LIST, params={"cursor": wrong}).status_code in (200, 422), wrong
        assert wrong == "" or client.get(LIST, params={"cursor": wrong}).status_code == 422


@pytest.mark.parametrize("limit", [0, -1, 501, 10**9, "1e9", "many"])
def test_a_page_has_its_limits(client, limit):
    assert client.get(LIST, params={"limit": limit}).status_code == 422


@pytest.fixture
def all_lists(published, make_run, make_score, make_lists):
    """Lists of two managers, one with a customer of another branch, of a branch, and the common one."""
    scores = (
        *(make_score(f"m{place}", 100_00 * place) for place in range(1, 5)),
        make_score("n1", branch_id="B2", risk_band="low", segment="steady"),
        make_score("o1", branch_id="B2", manager_id=None),
        make_score("o2", branch_id=None, manager_id=None),
        make_score("p1", manager_id="M2", marketing_opt_out=True),
    )
    managers = [Manager("M1", "张伟", "B1", 3), Manager("M2", "王芳", "B1", 1), Manager("M3", "", "B2", 1)]
    run = make_run("run-2", date(2026, 11, 23), cohort=len(scores), excluded={})
    published.publish(run, scores, (), make_lists(scores, managers))
    return published


def rows(client, path, key, **asked):
    """All pages of one row each."""
    pages = [client.get(path, params=asked | {"limit": 1}).json()]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(client.get(path, params=asked | {"limit": 1, "cursor": cursor}).json())
    return [row for page in pages for row in page[key]]


def test_every_listed_customer_can_be_had_by_the_lists(client, all_lists):
    managers, branches = rows(client, "/v1/managers", "managers"), rows(client, "/v1/branches", "branches")
    lists = [f"/v1/managers/{row['manager_id']}/list" for row in managers]
    lists += [f"/v1/branches/{row['branch_id']}/list" for row in branches]
    had = [row["customer_id"] for path in (*lists, "/v1/list") for row in rows(client, path, "customers")]
    with all_lists.at_run() as read_session:
        listed = [name for name, one in read_session.decisions().items() if one.rank]
    assert sorted(had) == sorted(listed) == ["m2", "m3", "m4", "o1", "o2"]
    counted = [(row["manager_id"], row["name"], row["customers"], row["listed"]) for row in managers]
    assert counted == [("M1", "张伟", 5, 3), ("M2", "王芳", 1, 0), ("M3", "", 0, 0)]
    assert [(row["branch_id"], row["customers"], row["listed"], row["own_list"]) for row in branches] == [
        ("B1", 5, 3, 0),
        ("B2", 2, 1, 1),
    ]
    assert [row["aum"] for row in branches] == [5 * 1_843_200.5, 2 * 1_843_200.5]
    assert client.get("/v1/branches/B3/list").status_code == 404


@pytest.mark.usefixtures("all_lists")
def test_all_customers_of_a_manager_say_why_not(client):
    path = "/v1/managers/M1/customers"
    found = client.get(path, params={"sort": "money_to_keep"}).json()
    shown = [(row["customer_id"], row["decision"], row["rank"]) for row in found["customers"]]
    listed = [("m4", "listed", 1), ("m3", "listed", 2), ("m2", "listed", 3)]
    assert shown == [*listed, ("m1", "beyond_capacity", None), ("n1", "beyond_capacity", None)]
    assert all(row["decision_text"] for row in found["customers"])
    for asked, names in (
        ({"decision": "beyond_capacity"}, ["m1", "n1"]),
        ({"band": "low", "sort": "aum"}, ["n1"]),
        ({"decision": "listed", "band": "low"}, []),
        ({"segment": "steady"}, ["n1"]),
        ({"segment": "nobody's"}, []),
        ({"sort": "risk"}, ["m1", "m2", "m3", "m4", "n1"]),
    ):
        assert [row["customer_id"] for row in rows(client, path, "customers", **asked)] == names
        assert client.get(path, params=asked).json()["matching"] == len(names)
    cursor = client.get(path, params={"limit": 1}).json()["next_cursor"]
    for other in ({"sort": "aum"}, {"segment": "steady"}):
        assert client.get(path, params={"cursor": cursor} | other).status_code == 422
    assert client.get(path, params={"segment": "\0"}).status_code == 422
    assert client.get(path, params={"decision": "maybe"}).status_code == 422
    assert client.get("/v1/managers/M9/customers").status_code == 404
    assert set(get_args(DecisionCode)) == set(DECISIONS)


@pytest.mark.usefixtures("all_lists")
def test_lists_of_managers_and_branches_keep_within_reach(client, bearer):
    head, manager = bearer("branch_head", branch_id="B2"), bearer("manager", manager_id="M2")
    branches = client.get("/v1/branches", headers=head).json()["branches"]
    assert [(row["branch_id"], row["customers"]) for row in branches] == [("B2", 2)]
    managers = client.get("/v1/managers", headers=manager).json()["managers"]
    assert [(row["manager_id"], row["customers"]) for row in managers] == [("M2", 1)]
    assert client.get("/v1/branches", headers=manager).status_code == 403
    assert client.get("/v1/branches/B1/list", headers=head).status_code == 404
    assert client.get("/v1/managers/M1/customers", headers=manager).status_code == 404
    masked = client.get("/v1/managers", headers=bearer("analyst")).json()["managers"]
    assert {row["name"] for row in masked}.isdisjoint({"张伟", "王芳"})
