"""The tier watch: its page, the sentence on a customer's page, and the API, of one made-up Monday."""

import re
from dataclasses import asdict
from datetime import date
from html import unescape

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from configs.branch_rows import TierWatch
from configs.published import Exclusion, Manager, RunExtras
from pipeline.lists.filled_workbooks import lines_of
from serve.app import create_app
from serve.store.store import keep_figures
from serve.texts.wording import Wording
from tests.serve.pages.test_customers import form

SINCE, SOON, JANUARY, FEBRUARY = date(2026, 10, 31), date(2026, 11, 30), date(2027, 1, 31), date(2027, 2, 28)
WATCHES = (
    # customer, branch, manager, tier, falls to, since, on, days, average, needed, saved by
    TierWatch("c1", "B1", "M1", "wealth", "affluent", SINCE, JANUARY, 15, 700_000_00, 300_000_00, 600_000_01),
    TierWatch("c2", "B1", "M1", "wealth", "affluent", SOON, FEBRUARY, 15, 900_000_00, 100_000_00, 200_000_00),
    TierWatch("c3", "B1", None, "wealth", "wealth", SINCE, JANUARY, 15, 800_000_00, 0, 0),
    TierWatch("x4", "B1", "M1", "affluent", "mass", SINCE, JANUARY, 15, 300_000_00, 200_000_00, 400_000_00),
    TierWatch("c5", "B2", "M2", "wealth", "affluent", SINCE, JANUARY, 15, 700_000_00, 1_00, 2_00),
)


@pytest.fixture
def client(service, store, settings, make_run, make_score, make_lists):
    scores = tuple(
        make_score(watch.customer_id, branch_id=watch.branch_id, manager_id=watch.manager_id)
        for watch in WATCHES
        if watch.customer_id != "x4"
    )
    managers = [Manager("M1", "Ma", "B1", 5), Manager("M2", "Mo", "B2", 5)]
    run = make_run("run-1", date(2026, 11, 16), cohort=len(scores))
    excluded = (Exclusion("x4", "too_new"),)
    store.publish(run, scores, excluded, make_lists(scores, managers), RunExtras(tier_watches=WATCHES))
    with store.write() as connection:
        keep_figures(connection, run.run_id, "terms", asdict(settings.list_terms))
    with TestClient(create_app(service), follow_redirects=False) as client:
        yield client


def numbers(answer):
    return [customer["customer_id"] for customer in answer.json()["customers"]]


def test_who_falls_soonest_comes_first_and_then_who_has_most(client, bearer):
    head = bearer("branch_head", branch_id="B1")
    assert numbers(client.get("/v1/branches/B1/watched", headers=head)) == ["c1", "x4", "c2", "c3"]
    manager = bearer("manager", manager_id="M1")
    answer = client.get("/v1/managers/M1/watched?limit=1&money=text", headers=manager).json()
    assert answer["customers"] == [
        {
            "customer_id": "c1", "manager_id": "M1", "tier": "wealth", "falls_to": "affluent",
            "watched_since": "2026-10-31", "falls_on": "2027-01-31", "days": 15,
            "average": "700000.00", "needed": "300000.00", "saved_by": "600000.01",
        }
    ]  # fmt: skip
    more = client.get(
        "/v1/managers/M1/watched",
        params={"cursor": answer["next_cursor"], "money": "text", "limit": 5},
        headers=manager,
    )
    assert numbers(more) == ["x4", "c2"]
    client.put("/v1/customers/c2/opt-out", headers=bearer("crm"))
    assert numbers(client.get("/v1/managers/M1/watched", headers=manager)) == ["c1", "x4"]
    client.put("/v1/customers/c1/opt-out", headers=bearer("crm"))
    page = {"cursor": answer["next_cursor"], "money": "text"}  # nobody on it moved to the first
    assert numbers(client.get("/v1/managers/M1/watched", params=page, headers=manager)) == ["x4"]


def test_the_page_leads_to_the_form_also_of_who_is_outside_the_cohort(client, bearer):
    manager = bearer("manager", manager_id="M1")
    words = Wording("en")
    page = client.get("/lists/M1/watched", headers=manager).text
    assert words("watched.heading") in page
    assert page.index("/customers/c1?") < page.index("/customers/x4?") < page.index("/customers/c2?")
    assert "<b>600,001</b>" in page  # 600,000.01 saves the tier, 600,000 does not
    # What the averages lack: the sums that make up for it grow the nearer the month's end is.
    assert re.search(re.escape(words("watched.tile.missing")) + "</dt><dd><b>600,000</b>", page)
    assert words("watched.from", day=words.day(SOON)) in page
    assert f"{words('nav.watched')} (3)" in client.get("/lists/M1", headers=manager).text
    sentence = words(
        "watched.saved_by", amount="600,001 CNY", monday="16 Nov 2026", end="30 Nov 2026", days=15
    )
    assert sentence in client.get("/customers/c1", headers=manager).text
    kept = words("watched.kept", end="30 Nov 2026")
    assert kept in unescape(client.get("/customers/c3", headers=bearer("crm")).text)
    assert words("watched.unscored") in client.get("/customers/x4", headers=manager).text
    client.headers = manager
    sent = form(client, "/customers/x4") | {"outcome": "will_stay", "feedback": "useful"}
    assert client.post("/customers/x4/outcome", data=sent, headers=manager).status_code == 303
    page = client.get("/lists/M1/watched", headers=manager).text
    assert page.count(words.term("outcome", "will_stay")) == 1
    assert client.get("/customers/x4", headers=bearer("manager", manager_id="M2")).status_code == 404
    sent = {"customer_id": "x4", "outcome": "leaving"}
    for number, status in (("M1", 201), ("M2", 404)):
        caller = bearer("manager", manager_id=number) | {"Idempotency-Key": number}
        assert client.post("/v1/contacts", json=sent, headers=caller).status_code == status
    for number, outcomes in (("M1", ["will_stay", "leaving"]), ("M2", [])):
        recorded = client.get("/v1/contacts", headers=bearer("manager", manager_id=number)).json()["contacts"]
        assert [contact["outcome"] for contact in recorded] == outcomes
        judged = client.get("/v1/alert-feedback", headers=bearer("manager", manager_id=number)).json()
        assert len(judged["alert_feedback"]) == min(len(outcomes), 1)


def test_the_workbook_has_a_sheet_of_them_that_is_not_read_back(client, bearer, tmp_path):
    manager = bearer("manager", manager_id="M1")
    path = tmp_path / "list.xlsx"
    path.write_bytes(client.get("/lists/M1/workbook", headers=manager).content)
    sheet = load_workbook(path)[Wording("en")("watched.sheet")]
    rows = [[cell.value for cell in row[:1] + row[6:]] for row in sheet.iter_rows(min_row=6)]
    assert rows == [
        ["c1", 700_000, 600_000.01, 15],
        ["x4", 300_000, 400_000, 15],
        ["c2", 900_000, 200_000, 15],
    ]
    assert {line.sheet for line in lines_of(path)} == {Wording("en")("list.sheet")}
    head = bearer("branch_head", branch_id="B1")
    path.write_bytes(client.get("/branches/B1/list/workbook", headers=head).content)
    own = [[cell.value for cell in row] for row in load_workbook(path)[Wording("en")("watched.sheet")].rows]
    assert ["c3", "wealth", "–"] in [[row[0], *row[2:4]] for row in own]  # money here keeps the tier
