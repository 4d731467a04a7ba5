"""Who holds an answer gets a 304; whatever changes in it, or in who asks, is sent."""

import pytest
from fastapi import Request, Response

from serve.http.responses import unless_held

RISK = "/v1/customers/c1/risk"


def test_an_answer_that_is_held_is_not_sent_again(client, publish_run):
    first = client.get(RISK)
    held = {"If-None-Match": f'"other", {first.headers["etag"]}'}
    again = client.get(RISK, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["etag"], again.headers["cache-control"]) == (first.headers["etag"], "no-store")
    publish_run("run-2")
    changed = client.get(RISK, headers=held)
    assert (changed.status_code, changed.json()["run_id"]) == (200, "run-2")
    assert changed.headers["etag"] != first.headers["etag"]


def test_what_is_masked_has_a_tag_of_its_own_and_needs_the_role(client, bearer):
    path = "/v1/managers/M1/list"
    held = {"If-None-Match": client.get(path).headers["etag"]}
    assert client.get(path, headers=held | bearer("analyst")).status_code == 200
    assert client.get(path, headers=held | bearer("manager", manager_id="M2")).status_code == 404
    assert client.get(path, headers=held | {"Authorization": ""}).status_code == 401


def answered(response, **headers):
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return unless_held(Request({"type": "http", "method": "GET", "headers": given}), response)


@pytest.mark.parametrize("named", ['"a"', 'W/"a"', ' W/"b" , "a"', "*"])
def test_a_tag_that_the_answer_brings_along_is_compared_weakly(named):
    response = Response("body", media_type="text/csv", headers={"ETag": 'W/"a"'})
    assert answered(response, **{"if-none-match": named}).status_code == 304


@pytest.mark.parametrize("named", ["", "a", '"b"', 'W/"ab"'])
def test_other_tags_change_nothing(named):
    response = Response("body", media_type="text/csv", headers={"ETag": 'W/"a"'})
    assert answered(response, **{"if-none-match": named}) is response


def test_other_media_have_no_tag_unless_they_bring_one():
    page = Response("<p>", media_type="text/html")
    assert "etag" not in answered(page).headers
