"""Every route, asked by every role, about own, foreign, unknown and malformed numbers: no foreign customer shows."""

import json
import re
import secrets
from pathlib import Path

import pytest
from fastapi import Response
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from configs.errors import DataError
from configs.published import Exclusion, Manager
from configs.service import ServiceSettings
from serve import access, connect
from serve.access_log import verified
from serve.api import create_app
from serve.audit import entries
from serve.policy import POLICY, PUBLIC, Role
from serve.pseudonyms import Pseudonyms
from serve.scope import Reach
from serve.store import Store

# M1 and M2 are of branch B1, M3 of B2. Each has two customers; one customer of each branch has no manager.
# M1 also keeps a customer of the other branch, and M3 one of B1.
OF = {
    "own-M1-a": ("B1", "M1"),
    "own-M1-b": ("B1", "M1"),
    "far-M1-c": ("B2", "M1"),
    "own-M2-a": ("B1", "M2"),
    "own-M2-b": ("B1", "M2"),
    "own-M3-a": ("B2", "M3"),
    "own-M3-b": ("B2", "M3"),
    "far-M3-c": ("B1", "M3"),
    "own-B1-o": ("B1", None),
    "own-B2-o": ("B2", None),
}
EXCLUDED = "own-XX-e"
CUSTOMER = re.compile(r"(?:own|far)-\w\w-\w")
MANAGERS = {"M1": "B1", "M2": "B1", "M3": "B2"}
BRANCHES = ("B1", "B2")
CLAIMS = {Role.MANAGER: {"manager_id": "M1"}, Role.BRANCH_HEAD: {"branch_id": "B1"}}
IDS = {
    "customer_id": [*OF, EXCLUDED, "unknown", "a%20b", "x" * 65, "%00", "own-M3-a'--"],
    "manager_id": [*MANAGERS, "unknown", "a%20b", "x" * 65, "M3'--"],
    "branch_id": [*BRANCHES, "unknown", "a%20b", "x" * 65, "B2'--"],
}
FOUND = (200, 303)  # an answer, or on to the page that shows what was recorded
ROUTES = sorted(set(POLICY) - PUBLIC)


@pytest.fixture(scope="module")
def world_url(tmp_path_factory, make_run, make_score, make_lists):
    url = f"sqlite:///{tmp_path_factory.mktemp('world')}/store.db"
    scores = tuple(
        make_score(customer, branch_id=branch, manager_id=manager)
        for customer, (branch, manager) in OF.items()
    )
    managers = [Manager(manager, f"name of {manager}", branch, 5) for manager, branch in MANAGERS.items()]
    lists = make_lists(scores, managers)
    with Store(url) as store:
        store.publish(make_run(cohort=len(OF)), scores, (Exclusion(EXCLUDED, "too_new"),), lists)
    return url


@pytest.fixture
def store_url(world_url):
    return world_url


@pytest.fixture
def client(service: ServiceSettings, world_url: str):
    """The world's service, with an access log of its own for each test."""
    Path(world_url.removeprefix("sqlite:///").replace("store.db", "store-access.db")).unlink(missing_ok=True)
    with TestClient(create_app(service), follow_redirects=False) as client:
        yield client


def may_see(role, customer):
    branch, manager = OF.get(customer, (None, None))
    return {
        Role.CRM: True,
        Role.ADMIN: True,
        Role.MANAGER: manager == "M1",
        Role.BRANCH_HEAD: branch == "B1",
        Role.ANALYST: False,  # the number itself; see the tests of pseudonyms
    }[role]


def asked(client, name, headers):
    """The answers of one route for each number its path can hold, by the number."""
    (route,) = (one for one in iter_route_contexts(client.app.routes) if one.name == name)
    (method,) = route.methods
    parts = re.findall(r"{(\w+)}", route.path)
    if not parts:
        return {"": client.request(method, route.path, headers=headers)}
    (part,) = parts
    addresses = {number: route.path.replace(f"{{{part}}}", number) for number in IDS[part]}
    return {number: sent(client, method, path, headers) for number, path in addresses.items()}


def sent(client, method, path, headers):
    form = outcome_form(client, path, headers) if path.endswith("/outcome") else None
    return client.request(method, path, headers=headers, data=form)


def outcome_form(client, path, headers):
    """As a page of this session would send it, each time anew; a manager of the customer's branch called."""
    seal = client.app.state.forms.seal(headers["Cookie"].partition("=")[2])
    branch, _ = OF.get(path.split("/")[2], ("B1", None))
    caller = "M1" if branch == "B1" else "M3"
    return {"seal": seal, "outcome": "no_answer", "caller": caller, "key": secrets.token_urlsafe(16)}


def shape(response):
    """Everything of an answer that a caller can compare; the request's own identifier tells nothing."""
    own = {"x-request-id", "date"}
    headers = sorted((name, value) for name, value in response.headers.items() if name not in own)
    return response.status_code, response.content, headers


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_nobody_meets_a_foreign_customer(client, bearer, name, role):
    for number, response in asked(client, name, bearer(role, **CLAIMS.get(role, {}))).items():
        told = response.text + repr(response.headers)
        seen = set(CUSTOMER.findall(told))
        if number in OF or number == EXCLUDED:
            assert response.status_code in FOUND or number not in told
        assert {one for one in seen if not may_see(role, one)} == set(), (name, number)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_foreign_and_unknown_are_answered_alike(client, bearer, name, role):
    answers = asked(client, name, bearer(role, **CLAIMS.get(role, {})))
    grant = POLICY[name].grants.get(role)
    if grant is None:
        assert {shape(one)[:2] for one in answers.values()} == {shape(next(iter(answers.values())))[:2]}
        assert {one.status_code for one in answers.values()} == {403}
    elif grant.reach is not Reach.NONE and "unknown" in answers:
        unknown = shape(answers["unknown"])
        own = {number for number in OF if may_see(role, number)}
        own |= {Role.MANAGER: {"M1"}, Role.BRANCH_HEAD: {"M1", "M2", "B1"}}.get(role, {*MANAGERS, *BRANCHES})
        # Nobody calls who is excluded, so no outcome is recorded.
        own |= {EXCLUDED} if role in (Role.CRM, Role.ADMIN) and name != "record_outcome" else set()
        for number in (set(OF) | set(MANAGERS) | set(BRANCHES) | {EXCLUDED}) & set(answers):
            assert (answers[number].status_code in FOUND) == (number in own), number
            assert number in own or shape(answers[number]) == unknown, number
    for malformed in set(answers) & {"a%20b", "x" * 65, "%00"}:
        assert answers[malformed].status_code in ((403, 404, 422) if role is Role.ANALYST else (403, 422))


@pytest.mark.parametrize("role", [Role.CRM, Role.MANAGER, Role.BRANCH_HEAD])
def test_a_managers_list_leaves_out_whom_the_role_may_not_see(client, bearer, role):
    """M1 keeps three customers, of whom the head of B1 sees the two of B1."""
    found = client.get("/v1/managers/M1/list", headers=bearer(role, **CLAIMS.get(role, {}))).json()
    assert len(found["customers"]) == (2 if role is Role.BRANCH_HEAD else 3)
    assert [one["rank"] for one in found["customers"]] == [*range(1, len(found["customers"]) + 1)]


def logged(store_url):
    engine = connect.access_log(store_url)
    try:
        with connect.reading(engine) as connection:
            return entries(connection)
    finally:
        engine.dispose()


def test_each_read_makes_one_entry_and_a_whole_chain(client, bearer, service, store_url):
    head = bearer(Role.MANAGER, manager_id="M1")
    for path in ("customers/own-M1-a/risk", "customers/own-M3-a/risk", "managers/M1/list", "runs/latest"):
        client.get(f"/v1/{path}", headers=head)
    client.get("/v1/customers/own-M1-b/risk", headers=bearer("crm"))
    found = logged(store_url)
    assert [(one.actor, one.action, one.subject, one.details["status"]) for one in found] == [
        ("the manager", "read customer", "own-M1-a", 200),
        ("the manager", "read customer", "own-M3-a", 404),
        ("the manager", "read list", "M1", 200),
        ("the crm", "read customer", "own-M1-b", 200),
    ]
    assert {one.details["run_id"] for one in found} == {"run-1"}
    assert found[0].details["route"] == "customer_risk"
    broken, last = verified(store_url, service.audit_secret)
    assert (broken, last.number) == ([], 4)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_every_route_that_tells_of_customers_leaves_entries_and_without_them_tells_nothing(
    client, bearer, monkeypatch, name, role
):
    """The log fails once for each answer that holds something of a customer."""
    head = bearer(role, **CLAIMS.get(role, {}))
    before = asked(client, name, head)

    async def fails(_entries):
        raise DataError("the disk is full")

    monkeypatch.setattr(client.app.state.access_log, "write", fails)
    for number, response in asked(client, name, head).items():
        told = CUSTOMER.findall(response.text)
        assert told == []
        if POLICY[name].action and before[number].status_code in (*FOUND, 404) and role is not Role.ANALYST:
            assert response.status_code == 503, number
            assert "disk" not in response.text


def test_a_route_that_sees_customers_has_an_action_for_the_log():
    for name, rule in POLICY.items():
        sees = any(grant.reach is not Reach.NONE for grant in rule.grants.values())
        assert bool(rule.action) == sees, name


def test_an_analyst_sees_pseudonyms_and_asks_by_them(client, bearer, store_url):
    head = bearer("analyst")
    listed = client.get("/v1/managers/M1/list", headers=head | {"Accept-Encoding": "identity"})
    assert (listed.json()["name"], listed.json()["manager_id"]) == ("", "M1")
    assert int(listed.headers["content-length"]) == len(listed.content)
    shown = [one["customer_id"] for one in listed.json()["customers"]]
    one = client.get(f"/v1/customers/{shown[0]}/risk", headers=head).json()
    assert (one["customer_id"], one["status"]) == (shown[0], "scored")
    assert logged(store_url)[-1].subject in OF
    crm = client.get("/v1/managers/M1/list", headers=bearer("crm")).json()
    assert [row["risk_90d"] for row in crm["customers"]] == [
        row["risk_90d"] for row in listed.json()["customers"]
    ]


def test_an_answer_that_cannot_be_masked_is_not_given():
    masked = POLICY["customer_risk"].grants[Role.ANALYST]
    with pytest.raises(TypeError, match="text/csv cannot be masked"):
        access._masked(Response("own-M1-a", media_type="text/csv"), masked, Pseudonyms(b"k" * 32))


def fields(value):
    """Every name of an answer, however deep."""
    if isinstance(value, list):
        return set().union(*map(fields, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    return set(value) | fields(list(value.values()))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_no_answer_holds_a_field_outside_of_the_roles(client, bearer, name, role):
    """What is masked shows nothing of the manager's name either."""
    document = client.get("/openapi.json").json()
    declared = set(re.findall(r'"(\w+)": {', json.dumps(document["components"]["schemas"])))
    for response in asked(client, name, bearer(role, **CLAIMS.get(role, {}))).values():
        if response.status_code != 200 or response.headers["content-type"] != "application/json":
            continue  # pages name nothing that is masked
        excluded_codes = {"too_new"}
        assert fields(response.json()) <= declared | excluded_codes
        grant = POLICY[name].grants[role]
        assert "name" not in grant.masked or "name of" not in response.text
