"""A list in pages: every page of one run, whatever is published meanwhile; nobody can make a cursor up."""

import pytest

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
