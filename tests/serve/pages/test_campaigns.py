"""The pages of campaigns: from the form to approval by a second person, the list of a manager, the effect."""

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO
from urllib.parse import urlencode

import pytest
from openpyxl import load_workbook
from sqlalchemy import update

from serve.store import audit, campaign_members, campaigns, contacts, tables
from serve.store.contacts import Author
from serve.store.read_session import ReadSession, find
from serve.store.store import Store, keep_figures
from serve.workbooks.campaign import write_campaign
from tests.serve.pages.published_bank import EVIL, EVIL_NUMBER, MONDAY, run
from tests.serve.pages.sent_campaign import CAMPAIGN, KEPT_BACK

PLAN = {"title": "Roll over & win", "stages": ["mature", "growing"], "least_aum": "500,000", "size": "5",
        "channel": "visit", "starts_on": "2026-11-23", "ends_on": "2026-12-21",
        "control_share": "20"}  # fmt: skip
OWN = f"/campaigns/{CAMPAIGN}"


def words(page):
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text.split("<main")[1])).split())


def hidden(page, name):
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', page.text)[1])


def form(client, **changes):
    return client.get(f"/campaigns/new?{urlencode(PLAN | changes, doseq=True)}")


def propose(client, page):
    fields = {name: hidden(page, name) for name in ("seal", "key", "plan")}
    return client.post("/campaigns/new", data=fields)


def decide(client, path, decision, why=""):
    seal = hidden(client.get(path), "seal")
    return client.post(path, data={"seal": seal, "decision": decision, "why": why})


def test_from_the_form_to_approval_by_a_second_person(signed_in, store_url):
    client = signed_in("branch_head", branch_id="B1")
    assert "/campaigns/new" in client.get("/campaigns").text
    assert 'value="2026-11-23"' in client.get("/campaigns/new").text  # the next Monday is proposed
    page = form(client)
    for text in ("Lifecycle stage Mature; Growing", "AUM of at least 500,000 CNY", "Branch B1", "Left out"):
        assert text in words(page), text
    assert page.text.count("checked") == 3
    answers = [propose(client, page) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    path = answers[0].headers["location"]
    assert answers[1].headers["location"] == path  # however often the button is pressed
    made = client.get(path)
    assert "It waits for approval by somebody else" in words(made)
    assert "You proposed it. Somebody else must approve it." in words(made)
    assert 'value="approve"' not in made.text
    path = path.partition("?")[0]
    refused = decide(client, path, "approve")
    assert (refused.status_code, "you can neither approve nor refuse it" in words(refused)) == (422, True)
    office = signed_in("head_office")
    listed = words(office.get("/campaigns"))
    assert "Waiting for your approval 1 " in listed
    answer = decide(office, path, "approve")
    approved = words(office.get(answer.headers["location"]))
    assert "Approved by the head_office" in approved
    assert "It is sent with the weekly run, from 23 Nov 2026 on." in approved
    assert "Somebody has decided about it meanwhile" in words(decide(office, path, "refuse", "too late"))
    no_reason = decide(office, path, "withdraw")
    assert (no_reason.status_code, "Say why, in 1 to 500 characters." in words(no_reason)) == (422, True)
    assert decide(office, path, "withdraw", f"No {EVIL}").status_code == 303
    assert f"Withdrawn by the head_office, {datetime.now(UTC):%-d %b %Y}" in words(office.get(path))
    assert EVIL not in office.get(path).text
    assert "已撤回" in office.get(path, headers={"Accept-Language": "zh"}).text
    with Store(store_url) as store, store.read() as connection:
        noted = [(one.actor, one.action) for one in audit.entries(connection) if "campaign" in one.action]
    assert noted == [("the branch_head", "create campaign"), ("the head_office", "approve campaign"),
                     ("the head_office", "withdraw campaign")]  # fmt: skip


def test_what_is_typed_wrongly_is_said_in_its_place_and_stays(signed_in):
    client = signed_in("crm")
    for changes, place in (
        ({"title": " "}, "title"), ({"title": "x" * 121}, "title"), ({"channel": "fax"}, "channel"),
        ({"size": "many"}, "size"), ({"size": "0"}, "size"), ({"starts_on": ""}, "starts_on"),
        ({"starts_on": "2026-11-24"}, "starts_on"), ({"ends_on": "2026-11-23"}, "ends_on"),
        ({"starts_on": "2030-01-07", "ends_on": "2030-01-14"}, "starts_on"),
        ({"starts_on": "2026-11-02", "ends_on": "2026-11-16"}, "ends_on"),
        ({"ends_on": "2027-11-22"}, "ends_on"), ({"maturing_days": "91"}, "maturing_days"),
        ({"control_share": "91"}, "control_share"), ({"control_share": "nan"}, "control_share"),
        ({"least_aum": "-1"}, "least_aum"), ({"least_money_at_risk": "inf"}, "least_money_at_risk"),
        ({"stages": "young"}, "rule"), ({"branches": "B9"}, "rule"),
    ):  # fmt: skip
        page = form(client, **changes)
        assert re.findall(r'id="(\w+)-fault"', page.text) == [place], changes
        assert 'name="plan"' not in page.text
        assert 'value="Roll over &amp; win"' in page.text or place == "title"
    assert client.get("/campaigns/new?title=a&stages=%00&stages=mature").status_code == 422
    page = form(client)
    seal, key = hidden(page, "seal"), hidden(page, "key")
    for fields in ({"plan": "{}", "key": key}, {"plan": hidden(page, "plan"), "key": "short"}, {}):
        assert client.post("/campaigns/new", data={"seal": seal} | fields).status_code == 422
    late = hidden(page, "plan").replace("2026-11-23", "2026-10-05").replace("2026-12-21", "2026-11-16")
    over = client.post("/campaigns/new", data={"seal": seal, "key": key, "plan": late})
    assert re.findall(r'id="(\w+)-fault"', over.text) == ["ends_on"]  # by the time it was sent
    seal = hidden(client.get(OWN), "seal")
    assert client.post(OWN, data={"seal": seal, "decision": "send"}).status_code == 422
    assert client.post(OWN, data={"seal": "no", "decision": "withdraw", "why": "x"}).status_code == 403


def test_a_campaign_shows_its_effect_to_all_and_its_customers_to_who_calls(signed_in, store_url, settings):
    with Store(store_url) as store, store.write() as connection:
        named = {"wealth": "金卡客户"}
        terms = replace(settings.list_terms, least_customers=1, tiers=named)  # nothing is rounded
        keep_figures(connection, run(7).run_id, "terms", asdict(terms))
    office = signed_in("head_office")
    page = office.get(OWN)
    for text in ("Too early to tell.", "2 outcomes are known, 2 are not yet.", "Money kept, CNY +810,000",
                 "−400,000 to +1,000,000", "Cost, CNY 150 3 contacts", "Earned less cost, CNY +8,000",
                 "Lasting control group 2",
                 "1 of 1 customers of the control group were reached all the same. That hides",
                 "2 of 3 customers of the campaign",
                 "4 no contact wanted", "In the campaign 1 0.0% 0.0%"):  # fmt: skip
        assert text in words(page), text
    assert "62170000" not in page.text
    assert EVIL not in page.text
    assert f"{OWN}/members" not in page.text
    assert office.get(f"{OWN}/members").status_code == office.get(f"{OWN}/workbook").status_code == 403
    manager = signed_in("manager", manager_id="M1")
    assert "Customers to contact (2)" in words(manager.get(OWN))
    listed = manager.get(f"{OWN}/members")
    assert "6217000000000000103" in listed.text
    for nobody in (KEPT_BACK, "6217000000000000201", EVIL_NUMBER, EVIL):
        assert nobody not in listed.text
    assert "金卡客户" in manager.get(f"{OWN}/members", headers={"Accept-Language": "zh"}).text
    assert "Phone · 16 Nov 2026 to 27 Dec 2026" in words(listed)  # its last day
    book = manager.get(f"{OWN}/workbook")
    assert book.content == manager.get(f"{OWN}/workbook").content
    cells = [[cell.value for cell in row] for row in load_workbook(BytesIO(book.content)).active.iter_rows()]
    assert {"Tier", "Stage"} <= set(cells[4])
    assert [row[1] for row in cells if row[0] in (1, 2)] == [EVIL_NUMBER, "6217000000000000103"]
    assert f"Phone: Roll over {EVIL}" in cells[5]
    with Store(store_url) as store, store.write() as connection:
        at, who = datetime(2026, 11, 17, tzinfo=UTC), Author("M1", b"k" * 32)
        contacts.opt_out(connection, EVIL_NUMBER, at, who)
    assert "Customers to contact (1)" in words(manager.get(OWN))
    assert "contact nobody for it any more" not in words(manager.get(f"{OWN}/members"))
    with Store(store_url) as store, store.write() as connection:
        connection.execute(update(tables.campaigns).values(starts_on=MONDAY - timedelta(7), ends_on=MONDAY))
    assert "Customers of the campaign (1)" in words(manager.get(OWN))
    assert "contact nobody for it any more" in words(manager.get(f"{OWN}/members"))
    other = signed_in("manager", manager_id="M3")
    assert other.get(OWN).status_code == other.get(f"{OWN}/members").status_code == 404
    assert "No campaigns yet." in words(other.get("/campaigns"))


@pytest.mark.parametrize(
    ("difference", "state", "text"),
    [
        ([0.1, 0.01, 0.2], "shown", "It works: fewer of the contacted customers left."),
        ([-0.1, -0.2, -0.01], "shown", "It does harm: more of the contacted customers left."),
        ([-0.1, -0.2, 0.1], "inconclusive", "No clear effect: the difference may be chance."),
    ],
)
def test_the_verdict_on_a_campaign_is_plain(signed_in, store_url, difference, state, text):
    with Store(store_url) as store, store.write() as connection:
        figures = campaign_members.latest_result(connection, CAMPAIGN)
        figures["customers"]["difference"], figures["state"] = difference, state
        campaign_members.write_result(connection, CAMPAIGN, MONDAY, figures)
    client = signed_in("admin")
    assert text in words(client.get(OWN))
    assert text in words(client.get("/campaigns"))


def test_sending_writes_a_workbook_per_manager_and_branch(store_url, tmp_path, settings):
    with Store(store_url) as store, store.read() as connection:
        session = ReadSession(connection, find(connection))
        campaign = campaigns.campaign_of(connection, CAMPAIGN)
        files = write_campaign(tmp_path / "lists", session, campaign, settings.list_terms)
        assert [path.name for path in files] == ["branch_B1.xlsx", "manager_M1.xlsx", "manager_M2.xlsx"]
        whole = load_workbook(files[0]).active
        assert [row[0].value for row in whole.iter_rows()][5:8] == [1, 2, 3]
        before = [path.read_bytes() for path in files]
        write_campaign(tmp_path / "lists", session, campaign, settings.list_terms)
        assert [path.read_bytes() for path in files] == before
