"""Former customers: their page, the sentence on a customer page, workbook and API, of one made-up Monday."""

import re
from dataclasses import asdict
from datetime import date
from html import unescape

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from configs.branch_rows import Coverage, FormerCustomer
from configs.published import Exclusion, Manager, RunExtras
from pipeline.lists.filled_workbooks import lines_of
from serve.app import create_app
from serve.store.store import keep_figures
from serve.texts.wording import Wording
from tests.serve.pages.test_customers import form

LEFT, LATER = date(2026, 6, 1), date(2026, 12, 1)
FORMER = (
    # customer, branch, manager, left on, lost, still here, reason, destination, chance, value, waits until
    FormerCustomer("f1", "B1", "M1", LEFT, 900_000_00, 1_00, "complaint", "broker", 0.1, 90_000_00, None),
    FormerCustomer("f2", "B1", "M1", LEFT, 500_000_00, 2_00, "", "none", 0.2, 100_000_00, None),
    FormerCustomer("f3", "B1", None, LEFT, 800_000_00, 3_00, "salary", "person", 0.1, 80_000_00, None),
    FormerCustomer("f4", "B1", "M1", LEFT, 900_000_00, 4_00, "manager", "company", 0.5, 45_000_000, LATER),
    FormerCustomer("f5", "B2", "M2", LEFT, 700_000_00, 5_00, "", "none", 0.1, 70_000_00, None),
)
GROUP = {"customers": 40, "returned": 3, "brought_minor": 1_200_000_00}
FIGURES = {
    "horizon_weeks": 13,
    "rests_on": "rate",
    "outcome": {"snapshot_date": "2026-06-29", "groups": {"contacted": GROUP}},
}


@pytest.fixture
def client(service, store, settings, make_run, make_score, make_lists):
    scores = tuple(
        make_score(f"c{number}", branch_id=f"B{number}", manager_id=f"M{number}") for number in (1, 2)
    )
    managers = [Manager("M1", "Ma", "B1", 5), Manager("M2", "Mo", "B2", 5)]
    run = make_run("run-1", date(2026, 11, 16), cohort=len(scores))
    excluded = (Exclusion("f1", "too_new"),)
    covered = Coverage("B1", "M1", 1, 1, 5_00, 1, 1)
    extras = RunExtras(former_customers=FORMER, coverage=[covered])
    store.publish(run, scores, excluded, make_lists(scores, managers), extras)
    with store.write() as connection:
        keep_figures(connection, run.run_id, "terms", asdict(settings.list_terms))
        keep_figures(connection, run.run_id, "win_back", FIGURES)
    with TestClient(create_app(service), follow_redirects=False) as client:
        yield client


def numbers(answer):
    return [customer["customer_id"] for customer in answer.json()["customers"]]


def test_most_expected_money_comes_first_and_who_waits_last(client, bearer):
    head = bearer("branch_head", branch_id="B1")
    assert numbers(client.get("/v1/branches/B1/former", headers=head)) == ["f2", "f1", "f3", "f4"]
    manager = bearer("manager", manager_id="M1")
    answer = client.get("/v1/managers/M1/former?limit=2&money=text", headers=manager).json()
    assert answer["customers"][1] == {
        "customer_id": "f1", "manager_id": "M1", "left_on": "2026-06-01", "lost": "900000.00", "aum": "1.00",
        "reason": "complaint", "destination": "broker", "chance": 0.1, "expected": "90000.00",
        "waits_until": None,
    }  # fmt: skip
    page = {"cursor": answer["next_cursor"], "money": "text", "limit": 2}
    assert numbers(client.get("/v1/managers/M1/former", params=page, headers=manager)) == ["f4"]
    client.put("/v1/customers/f1/opt-out", headers=bearer("crm"))
    assert numbers(client.get("/v1/managers/M1/former", headers=manager)) == ["f2", "f4"]
    # Who goes between two pages moves nobody from the second to the first.
    assert numbers(client.get("/v1/managers/M1/former", params=page, headers=manager)) == ["f4"]
    for path in ("/v1/managers/M2/former", "/v1/branches/B2/former", "/lists/M2/former"):
        assert client.get(path, headers=manager).status_code in (403, 404)


def test_the_page_leads_to_the_form_and_a_contact_is_recorded(client, bearer):
    manager, words = bearer("manager", manager_id="M1"), Wording("en")
    page = client.get("/lists/M1/former", headers=manager).text
    assert page.index("/customers/f2?") < page.index("/customers/f1?") < page.index("/customers/f4?")
    assert words("former.rate") in page
    assert words("former.until", day="1 Dec 2026") in page
    came = words("former.outcome.contacted", customers="40", returned="3", amount="1,200,000 CNY")
    assert came in page
    assert f"{words('nav.former')} (3)" in client.get("/lists/M1", headers=manager).text
    client.headers = manager
    shown = client.get("/customers/f1").text
    assert words("former.why", reason=words.group("complaint")) in shown
    assert words("former.chance", chance="10%", weeks=13) in shown
    sent = form(client, "/customers/f1") | {"outcome": "will_stay"}
    assert client.post("/customers/f1/outcome", data=sent).status_code == 303
    assert words.term("outcome", "will_stay") in client.get("/lists/M1/former").text
    assert client.get("/customers/f1", headers=bearer("manager", manager_id="M2")).status_code == 404
    for number, status in (("M1", 201), ("M2", 404)):
        caller = bearer("manager", manager_id=number) | {"Idempotency-Key": number}
        body = {"customer_id": "f1", "outcome": "leaving"}
        assert client.post("/v1/contacts", json=body, headers=caller).status_code == status


def test_a_longer_list_has_pages_of_the_same_run(client, bearer, monkeypatch):
    monkeypatch.setattr("serve.pages.former.ROWS", 2)
    client.headers = bearer("manager", manager_id="M1")
    first = client.get("/lists/M1/former").text
    (onwards,) = re.findall(r'href="(/lists/M1/former\?run=run-1&amp;after=2)"', first)
    last = client.get(unescape(onwards)).text
    assert "/customers/f4?" in last
    assert "/customers/f1?" not in last
    assert 'href="/lists/M1/former?run=run-1"' in last


def test_branch_and_workbook_have_them(client, bearer, tmp_path):
    head, words = bearer("branch_head", branch_id="B1"), Wording("en")
    shown = client.get("/branches/B1", headers=head).text
    assert words("branch.tile.former.what") in shown
    assert "/customers/f3?" in client.get("/branches/B1/former", headers=head).text
    path = tmp_path / "list.xlsx"
    path.write_bytes(client.get("/lists/M1/workbook", headers=bearer("manager", manager_id="M1")).content)
    sheet = load_workbook(path)[words("former.sheet")]
    rows = [[cell.value for cell in row[:1] + row[7:]] for row in sheet.iter_rows(min_row=6)]
    assert rows == [
        ["f2", 0.2, 100_000, words("former.now")],
        ["f1", 0.1, 90_000, words("former.now")],
        ["f4", 0.5, 450_000, words("former.until", day="1 Dec 2026")],
    ]
    assert {line.sheet for line in lines_of(path)} <= {words("list.sheet")}
