"""Numbers as banks have them, on every page and route that names one in its path."""

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from configs.published import Manager
from serve.app import create_app
from serve.http.paths import path_part
from serve.store.store import Store
from tests.serve.conftest import a_score, published_run

NUMBERS = [
    "12/345",
    "/",
    "a/list",
    "A%2F1",
    "x?y=1",
    "n#3",
    "50%",
    "P 1",
    "..x",
    "网点/1",
    "a+b&c",
    "a;b\\c",
    "'\"<i>",
]


@pytest.fixture
def publish(store_url, make_lists):
    """One customer, in the charge of one manager in one branch, all of the same number."""

    def published(number):
        score = a_score(number, manager_id=number, branch_id=number)
        manager = Manager(number, "张伟", number, 2)
        with Store(store_url) as store:
            lists = make_lists([score], [manager])
            store.publish(published_run(cohort=1, excluded={}), (score,), (), lists)

    return published


@pytest.fixture
def client(service):
    with TestClient(create_app(service), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("number", NUMBERS)
def test_every_route_reaches_the_number(client, publish, bearer, number):
    publish(number)
    part, crm = path_part(number), bearer("crm")
    risk = client.get(f"/v1/customers/{part}/risk", headers=crm)
    assert (risk.status_code, risk.json().get("customer_id")) == (200, number)
    listed = client.get(f"/v1/managers/{part}/list", headers=crm).json()
    assert [row["customer_id"] for row in listed["customers"]] == [number]
    assert client.get(f"/v1/branches/{part}/summary", headers=crm).json()["branch_id"] == number
    for method in ("PUT", "DELETE"):
        assert client.request(method, f"/v1/customers/{part}/opt-out", headers=crm).status_code == 200


@pytest.mark.parametrize("number", NUMBERS)
def test_links_of_the_pages_lead_to_the_number(client, publish, token_of, number):
    """From a manager's first page to the list, its customer, and the outcome; from the branch to its list."""
    publish(number)
    client.cookies.set("attrition-session", token_of("manager", manager_id=number), domain="127.0.0.1")
    start = client.get("/")
    page = client.get(start.headers["location"]).text
    assert client.get(address(page, "/customers/")).status_code == 200
    form = re.search(r'action="([^"]+/outcome)"', client.get(address(page, "/customers/")).text)
    assert client.post(unescape(form[1])).status_code == 422  # no form, but the route is found
    client.cookies.set("attrition-session", token_of("branch_head", branch_id=number), domain="127.0.0.1")
    branch = client.get(client.get("/").headers["location"])
    assert branch.status_code == 200
    assert client.get(f"/lists/{path_part(number)}").status_code == 200
    own = client.get(f"/branches/{path_part(number)}/list")
    assert own.status_code == 200
    client.cookies.clear()
    signed_out = client.get(f"/lists/{path_part(number)}")
    assert path_part(path_part(f"/lists/{path_part(number)}")) in path_part(signed_out.headers["location"])


def address(page, begin):
    """The first link of a page that begins so, as a browser asks for it."""
    return unescape(re.search(rf'href="({begin}[^"]*)"', page)[1])
