"""Every route, asked by every role, about own, foreign, unknown and malformed numbers: no foreign customer shows."""

import re

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from configs.published import Exclusion, Manager
from configs.service import ServiceSettings
from serve.api import create_app
from serve.lists import choose
from serve.policy import POLICY, PUBLIC, Role
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
CLAIMS = {Role.MANAGER: {"manager_id": "M1"}, Role.BRANCH_HEAD: {"branch_id": "B1"}}
IDS = {
    "customer_id": [*OF, EXCLUDED, "unknown", "a%20b", "x" * 65, "%00", "own-M3-a'--"],
    "manager_id": [*MANAGERS, "unknown", "a%20b", "x" * 65, "M3'--"],
}
ROUTES = sorted(set(POLICY) - PUBLIC)


@pytest.fixture(scope="module")
def world_url(tmp_path_factory, make_run, make_score, settings):
    url = f"sqlite:///{tmp_path_factory.mktemp('world')}/store.db"
    scores = tuple(
        make_score(customer, branch_id=branch, manager_id=manager)
        for customer, (branch, manager) in OF.items()
    )
    managers = [Manager(manager, f"name of {manager}", branch, 5) for manager, branch in MANAGERS.items()]
    lists = choose(scores, managers, settings.lists)
    with Store(url) as store:
        store.publish(make_run(cohort=len(OF)), scores, (Exclusion(EXCLUDED, "too_new"),), lists)
    return url


@pytest.fixture
def store_url(world_url):
    return world_url


@pytest.fixture
def client(service: ServiceSettings):
    with TestClient(create_app(service)) as client:
        yield client


def may_see(role, customer):
    branch, manager = OF.get(customer, (None, None))
    return {
        Role.CRM: True,
        Role.ADMIN: True,
        Role.MANAGER: manager == "M1",
        Role.BRANCH_HEAD: branch == "B1",
        Role.ANALYST: False,
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
    return {number: client.request(method, path, headers=headers) for number, path in addresses.items()}


def shape(response):
    """Everything of an answer that a caller can compare."""
    return response.status_code, response.content, sorted(response.headers.items())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_nobody_meets_a_foreign_customer(client, bearer, name, role):
    for number, response in asked(client, name, bearer(role, **CLAIMS.get(role, {}))).items():
        told = response.text + repr(response.headers)
        seen = set(CUSTOMER.findall(told))
        if number in OF or number == EXCLUDED:
            assert response.status_code == 200 or number not in told
        assert {one for one in seen if not may_see(role, one)} == set(), (name, number)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", ROUTES)
def test_foreign_and_unknown_are_answered_alike(client, bearer, name, role):
    answers = asked(client, name, bearer(role, **CLAIMS.get(role, {})))
    grant = POLICY[name].grants.get(role)
    if grant is None:
        assert {shape(one)[:2] for one in answers.values()} == {shape(next(iter(answers.values())))[:2]}
        assert {one.status_code for one in answers.values()} == {403}
    elif grant.reach is not Reach.NONE:
        unknown = shape(answers["unknown"])
        own = {number for number in OF if may_see(role, number)}
        own |= {Role.MANAGER: {"M1"}, Role.BRANCH_HEAD: {"M1", "M2"}}.get(role, {*MANAGERS, EXCLUDED})
        for number in (set(OF) | set(MANAGERS) | {EXCLUDED}) & set(answers):
            assert (answers[number].status_code == 200) == (number in own), number
            assert number in own or shape(answers[number]) == unknown, number
    for malformed in set(answers) & {"a%20b", "x" * 65, "%00"}:
        assert answers[malformed].status_code in (403, 422)


@pytest.mark.parametrize("role", [Role.CRM, Role.MANAGER, Role.BRANCH_HEAD])
def test_a_managers_list_leaves_out_whom_the_role_may_not_see(client, bearer, role):
    """M1 keeps three customers, of whom the head of B1 sees the two of B1."""
    found = client.get("/v1/managers/M1/list", headers=bearer(role, **CLAIMS.get(role, {}))).json()
    assert len(found["customers"]) == (2 if role is Role.BRANCH_HEAD else 3)
    assert [one["rank"] for one in found["customers"]] == [*range(1, len(found["customers"]) + 1)]
