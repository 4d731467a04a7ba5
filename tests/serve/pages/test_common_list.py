"""A bank without branches, or without managers too: one list, and no word of what is not there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from configs.branch_rows import Coverage
from configs.published import Manager, RunExtras
from serve.store.contacts import latest_of
from serve.store.store import Store
from tests.serve.conftest import a_score, published_run
from tests.serve.pages.conftest import SignedIn

RUN = "2026-11-16-common"
CALLERS = ("crm", "admin")
ABSENT = ("None", "Branch ", "not known", "Unassigned", "unassigned")


@pytest.fixture
def publish(store_url: str, make_lists: Callable[..., Any]) -> Callable[..., None]:
    """Publish c1 and c2, of nobody or of these managers; no branch."""

    def published(*managers: Manager) -> None:
        owners = [manager.manager_id for manager in managers] or [None]
        scores = [
            replace(a_score(f"c{k}", 100_00 * k), branch_id=None, manager_id=owners[k % len(owners)])
            for k in (1, 2)
        ]
        coverage = [
            Coverage("", owner or "", 2 // len(owners), 1, 100_00, 1, 2 // len(owners)) for owner in owners
        ]
        run = published_run(RUN, cohort=2, excluded={})
        with Store(store_url) as store:
            store.publish(run, scores, [], make_lists(scores, managers), RunExtras(coverage=coverage))

    return published


def no_word_of_absent(text: str) -> None:
    assert [word for word in ABSENT if word in text] == []


@pytest.mark.parametrize("role", CALLERS)
def test_the_overview_leads_to_the_one_list(publish: Any, signed_in: SignedIn, role: str) -> None:
    publish()
    client = signed_in(role)
    assert client.get("/branches").headers["location"] == "/list"
    page = client.get("/list")
    assert page.status_code == 200
    assert page.text.index(">c2</a>") < page.text.index(">c1</a>")  # most money first
    no_word_of_absent(page.text)
    customer = client.get("/customers/c1")
    assert customer.status_code == 200
    no_word_of_absent(customer.text)


@pytest.mark.parametrize(
    ("role", "claims"),
    [("manager", {"manager_id": "M1"}), ("branch_head", {"branch_id": "B1"}), ("analyst", {})],
)
def test_nobody_else_reads_it(publish: Any, signed_in: SignedIn, role: str, claims: dict[str, str]) -> None:
    publish()
    assert signed_in(role, **claims).get("/list").status_code == 403


def test_who_records_an_outcome_has_called(publish: Any, signed_in: SignedIn, store_url: str) -> None:
    publish()
    client = signed_in("crm")
    form = client.get("/customers/c1").text
    assert 'name="caller"' not in form
    fields = {name: form.split(f'name="{name}" value="')[1].split('"')[0] for name in ("seal", "key", "run")}
    answer = client.post("/customers/c1/outcome", data=fields | {"outcome": "no_answer", "note": ""})
    assert answer.status_code == 303
    with Store(store_url) as store, store.read() as connection:
        (contact,) = latest_of(connection, "c1", 5)
    assert contact.manager_id == "the crm"


def test_managers_without_branches_have_one_board(publish: Any, signed_in: SignedIn) -> None:
    publish(Manager("M1", "张伟", "", 5), Manager("M2", "李娜", "", 5))
    page = signed_in("admin").get("/branches")
    assert page.status_code == 200
    assert 'href="/lists/M1?' in page.text
    assert "<h1>By manager</h1>" in page.text
    no_word_of_absent(page.text.replace("Unassigned", "", 1))  # the tile that counts them


def test_the_list_over_the_api(publish: Any, client: TestClient, bearer: Callable[..., Any]) -> None:
    publish()
    first = client.get("/v1/list", params={"limit": 1}, headers=bearer("crm")).json()
    assert (first["listed"], [one["customer_id"] for one in first["customers"]]) == (2, ["c2"])
    more = {"limit": 1, "cursor": first["next_cursor"]}
    second = client.get("/v1/list", params=more, headers=bearer("crm")).json()
    assert [one["customer_id"] for one in second["customers"]] == ["c1"]
    masked = client.get("/v1/list", headers=bearer("analyst")).json()
    assert "c2" not in [one["customer_id"] for one in masked["customers"]]
    assert client.get("/v1/list", headers=bearer("branch_head", branch_id="B1")).status_code == 403


def test_a_contact_over_the_api_names_who_called(
    publish: Any, client: TestClient, bearer: Callable[..., Any]
) -> None:
    publish()
    sent = {"customer_id": "c1", "outcome": "will_stay"}
    headers = bearer("crm") | {"Idempotency-Key": "a" * 32}
    answer = client.post("/v1/contacts", json=sent, headers=headers)
    assert (answer.status_code, answer.json()["contact"]["manager_id"]) == (201, "the crm")
