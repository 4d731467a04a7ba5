"""A customer's page, and recording what came of a call."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from fastapi.testclient import TestClient

from serve.app import create_app
from serve.auth.access_log import verified
from serve.store import alert_feedback, contacts
from serve.store import database as connect
from serve.store import store as stores
from serve.store.audit import entries
from serve.store.store import Store
from serve.texts.wording import Wording
from tests.serve.pages import published_bank
from tests.serve.pages.published_bank import EVIL, EVIL_NUMBER, EXCLUDED

FIRST, CALLED, FOREIGN = "6217000000000000101", "6217000000000000102", "6217000000000000301"
NEXT = "6217000000000000103"
PATH = f"/customers/{FIRST}"
TOMORROW = f"{datetime.now(UTC).date() + timedelta(days=1)}"


def form(client, path=PATH):
    page = client.get(path).text
    part = page[page.index('class="outcome"') : page.index("</main>")]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', part))


def sent(client, **fields):
    return client.post(f"{PATH}/outcome", data=form(client) | fields)


def recorded(store_url, customer=FIRST):
    with Store(store_url) as store, store.read() as connection:
        return contacts.latest_of(connection, customer, 10)


def test_a_customers_page_tells_everything(manager):
    page = manager.get(PATH)
    assert page.status_code == 200
    for text in (
        "Customer 6217000000000000101",
        "Affluent · Mature",
        "4,800,000", "68%", "51%", "27%",
        "money moves to other banks",
        "Moved 480,000 CNY to other banks",
        "up 12 points since last week",
        "Discuss renewal",
        "Risk at the longest horizon from 28 Sep 2026 to 16 Nov 2026: first 14%, now 68%",
        "AUM by product class over 52 weeks",
        "Term deposits",
        "−300,000", "+25,000",
        "三年期定期存款",
        "900,000",
        "27 Jun 2026",
        "Listed, no. 1: a call is expected to keep",
        "Risk: how likely the customer is to leave within 90 days.",
        "Contact: 27 Jun 2026",
        "Complaint: 12 Oct 2026",
    ):  # fmt: skip
        assert text in page.text, text


def test_the_charts_have_tables_of_the_same_figures(manager):
    page = manager.get(PATH).text
    history, classes = re.findall(r"<details>.*?</details>", page, re.DOTALL)
    assert [len(re.findall(r"<tr><th scope=\"row\">", part)) for part in (history, classes)] == [8, 52]
    profile = published_bank.profile(0, FIRST)
    newest = re.search(r"<tr><th scope=\"row\">15 Nov 2026</th>.*?</tr>", classes, re.DOTALL)[0]
    figures = re.findall(r">([\d,]+)<", newest)
    last = [weeks[-1] for weeks in profile.aum_by_class.values()]
    assert figures == [f"{minor // 100:,}" for minor in (*last, sum(last))]


def test_an_excluded_customer_is_told_to_those_who_see_all(signed_in):
    page = signed_in("crm").get(f"/customers/{EXCLUDED}")
    assert page.status_code == 200
    assert "Not a customer for long enough" in page.text


def test_a_number_that_is_markup_leads_to_its_page(manager):
    link = re.search(r'href="(/customers/%22[^"]+)"', manager.get("/lists/M1").text)[1]
    page = manager.get(link)
    assert page.status_code == 200
    assert EVIL_NUMBER not in page.text
    assert "<script" not in page.text


def test_recording_an_outcome(manager, store_url):
    answer = sent(manager, outcome="undecided", note="Rate at the other bank\r\nis 0.2 points higher")
    run = published_bank.run(7).run_id
    following = f"/customers/{NEXT}?run={run}&saved=undecided&of={FIRST}"
    assert (answer.status_code, answer.headers["location"]) == (303, following)
    (contact,) = recorded(store_url)
    assert (contact.manager_id, contact.run_id, contact.outcome) == ("M1", run, "undecided")
    assert contact.note == "Rate at the other bank\nis 0.2 points higher"
    page = manager.get(following).text
    assert f"Saved for customer {FIRST}: Undecided, call again." in page
    assert f"Customer {NEXT}" in page
    page = manager.get(PATH).text
    # Newer than the contact that the bank's own systems tell.
    assert page.index("Rate at the other bank") < page.index("<td>27 Jun 2026</td>")
    assert 'class="done"' in re.search(r'<tr id="c-1"[^>]*>', manager.get("/lists/M1").text)[0]
    with connect.read(connect.connect(store_url)) as connection:
        audited = [(entry.actor, entry.action, entry.subject) for entry in entries(connection)]
    assert audited[-1] == ("the manager", "record contact", FIRST)


def test_the_same_form_sent_twice_is_one_outcome(manager, store_url):
    fields = form(manager) | {"outcome": "leaving", "note": ""}
    answers = [manager.post(f"{PATH}/outcome", data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(recorded(store_url)) == 1


def test_the_same_form_with_another_outcome_is_refused(manager, store_url):
    fields = form(manager)
    manager.post(f"{PATH}/outcome", data=fields | {"outcome": "leaving"})
    answer = manager.post(f"{PATH}/outcome", data=fields | {"outcome": "will_stay"})
    assert answer.status_code == 422
    assert "This form was already sent" in answer.text
    assert [contact.outcome for contact in recorded(store_url)] == ["leaving"]


def test_what_cannot_be_recorded_now_stays_in_the_form(manager, store_url, monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    fields = form(manager) | {"outcome": "leaving", "note": "typed before"}
    with Store(store_url) as store, store.write():
        answer = manager.post(f"{PATH}/outcome", data=fields)
    assert answer.status_code == 503
    assert "Nothing was saved" in answer.text
    assert "typed before" in answer.text
    assert 'value="leaving" id="outcome-leaving" checked' in answer.text
    assert fields["key"] in answer.text
    assert recorded(store_url) == ()


@pytest.mark.parametrize(
    ("fields", "place", "text"),
    [
        ({}, "outcome", "Choose the outcome of the call."),
        ({"outcome": "gone fishing"}, "outcome", "Choose the outcome of the call."),
        ({"outcome": "leaving", "key": "short"}, "outcome", "Choose the outcome of the call."),
        ({"note": "x" * 2001, "outcome": "leaving"}, "note", "note has 2001 characters; the limit is 2000."),
        ({"outcome": "leaving", "note": "a\x00b"}, "note", "contains a character that cannot be saved"),
        ({"outcome": "leaving", "channel": "pigeon"}, "channel", "Choose one of the channels"),
        ({"outcome": "leaving", "day": "31 June"}, "day", "This is not a date or a time."),
        ({"outcome": "leaving", "day": "2999-01-01"}, "day", "are in the future"),
        ({"outcome": "leaving", "day": "1999-01-01"}, "day", "more than a year old"),
        ({"outcome": "leaving", "clock": "9 o'clock"}, "day", "This is not a date or a time."),
        ({"outcome": "leaving", "follow_up": "soon"}, "follow_up", "This is not a date."),
        ({"outcome": "leaving", "follow_up": "2020-01-01"}, "follow_up", "after today"),
        ({"outcome": "leaving", "follow_up": "2999-01-01"}, "follow_up", "within a year"),
        ({"outcome": "no_contact", "follow_up": TOMORROW}, "follow_up", "cannot have a follow-up"),
        ({"feedback": "lovely"}, "feedback", "Choose one of the answers offered."),
        ({"feedback": "wrong", "note": "typed"}, "outcome", "or clear what you entered"),
    ],
)
def test_faults_stand_at_the_field_and_nothing_typed_is_lost(manager, store_url, fields, place, text):
    answer = sent(manager, **({"note": "typed before"} | fields))
    assert answer.status_code == 422
    assert text in re.search(rf'<p class="fault" id="{place}-fault">(.*?)</p>', answer.text)[1]
    assert "<title>Error:" in answer.text
    assert fields.get("note", "typed before").replace("\x00", "") in answer.text.replace("\x00", "")
    assert fields.get("outcome") != "leaving" or 'value="leaving" id="outcome-leaving" checked' in answer.text
    assert recorded(store_url) == ()


def test_who_wants_no_more_calls_is_opted_out(manager, store_url):
    assert sent(manager, outcome="no_contact").status_code == 303
    assert "Wants no calls" in manager.get(PATH).text
    with Store(store_url) as store, store.read() as connection:
        assert contacts.opted_out_since(connection, FIRST)


@pytest.mark.parametrize("number", [FOREIGN, "unknown"])
def test_nothing_is_recorded_about_a_foreign_or_unknown_customer(manager, store_url, number):
    answer = manager.post(f"/customers/{number}/outcome", data=form(manager) | {"outcome": "leaving"})
    assert answer.status_code == 404
    assert recorded(store_url, number) == ()


def test_a_note_that_is_markup_stays_text(manager):
    page = manager.get(f"/customers/{CALLED}").text
    assert EVIL not in page
    assert "says &lt;script&gt;" in page


def test_every_read_and_every_outcome_is_in_the_access_log(manager, service, store_url, access_entries):
    sent(manager, outcome="leaving")
    manager.get(f"/customers/{FOREIGN}")
    manager.get("/lists/M1")
    audited = [
        (entry.action, entry.subject, entry.details["status"])
        for entry in access_entries()
        if entry.actor != "service"
    ]
    assert audited == [
        ("read customer", FIRST, 200),
        ("record outcome", FIRST, 303),
        ("read customer", FOREIGN, 404),
        ("read list", "M1", 200),
    ]
    assert verified(store_url, service.audit_secret)[0] == []


def test_a_branch_head_says_who_called(signed_in, store_url):
    """A manager of the own branch; the one in charge is proposed."""
    client = signed_in("branch_head", branch_id="B1")
    page = client.get(PATH).text
    select = re.search(r'<select id="caller".*?</select>', page, re.DOTALL)[0]
    callers = re.findall(r'<option value="(\w*)"( selected)?>', select)
    assert callers == [("", ""), ("M1", " selected"), ("M2", "")]
    for foreign in ("", "M3", "unknown"):
        answer = sent(client, outcome="no_answer", caller=foreign)
        assert answer.status_code == 422
        assert "Choose which manager called." in answer.text
    assert sent(client, outcome="no_answer", caller="M2").status_code == 303
    assert [contact.manager_id for contact in recorded(store_url)] == ["M2"]


def test_a_manager_records_under_the_own_number_whatever_is_sent(manager, store_url):
    assert "Who called" not in manager.get(PATH).text
    assert sent(manager, outcome="no_answer", caller="M2").status_code == 303
    assert [contact.manager_id for contact in recorded(store_url)] == ["M1"]


def test_a_call_has_its_channel_its_time_and_a_follow_up_and_the_alert_its_verdict(manager, store_url):
    """Yesterday at half past nine; the same form again adds neither a contact nor a verdict."""
    now = datetime.now(UTC)
    yesterday, later = (now - timedelta(days=1)).date(), (now + timedelta(days=9)).date()
    fields = form(manager) | {
        "outcome": "undecided", "channel": "visit", "day": f"{yesterday}", "clock": "09:30",
        "follow_up": f"{later}", "feedback": "already_known", "note": "",
    }  # fmt: skip
    for _ in range(2):
        assert manager.post(f"{PATH}/outcome", data=fields).status_code == 303
    (contact,) = recorded(store_url)
    at = datetime.combine(yesterday, time(9, 30), UTC)
    assert (contact.channel, contact.contacted_at, contact.follow_up_on) == ("visit", at, later)
    with Store(store_url) as store, store.read() as connection:
        verdicts = alert_feedback.recorded_after(connection, 0, 9, 1)
    reason = published_bank.score(0, FIRST, 7).reasons[0].group
    assert [(one.feedback, one.reason_group) for one in verdicts] == [("already_known", reason)]
    page = manager.get(PATH).text
    assert Wording("en").day(later) in page
    assert "Feedback given on this alert: I already knew" in page


def test_a_verdict_alone_is_no_contact_and_stays_on_the_page(manager, store_url):
    answer = sent(manager, feedback="purchase")
    assert answer.headers["location"].startswith(f"{PATH}?")
    assert recorded(store_url) == ()
    assert "Your feedback on the alert was saved." in manager.get(answer.headers["location"]).text


def test_a_wrong_entry_is_corrected_and_withdrawn_and_stays_to_be_seen(manager, store_url):
    """By the page's own links and fields; a wish for no more calls goes with its entry."""
    sent(manager, outcome="no_contact", note="misheard")
    for fields in ({"outcome": "will_stay", "note": "stays"}, {"withdraw": "1"}):
        link = re.search(rf'href="({PATH}/correction[^"]+)"', manager.get(PATH).text)[1].replace("&amp;", "&")
        page = manager.get(link).text
        assert "Correct or withdraw an entry" in page
        assert 'value="' + ("no_contact" if "note" in fields else "will_stay") in page
        inputs = form(manager, link)
        assert manager.post(f"{PATH}/outcome", data=inputs | fields).status_code == 303
        assert manager.post(f"{PATH}/outcome", data=inputs | fields).status_code == 303  # sent twice
        again = manager.post(f"{PATH}/outcome", data=inputs | fields | {"key": "k" * 20})
        assert "already been corrected or withdrawn" in again.text
    page = manager.get(PATH).text
    assert "<del>misheard</del>" in page
    assert "<del>stays</del>" in page
    assert "corrected, no longer counts" in page
    assert "withdrawn, no longer counts" in page
    assert "Wants no calls" not in page
    assert recorded(store_url) == ()
    with connect.read(connect.connect(store_url)) as connection:
        actions = [entry.action for entry in entries(connection) if entry.subject == FIRST]
    assert actions[-3:] == ["correct contact", "withdraw opt-out", "withdraw contact"]
    assert manager.get(link).status_code == 200


@pytest.mark.parametrize(
    ("role", "claims", "entry", "status"),
    [
        ("manager", {"manager_id": "M1"}, 1, 200),
        ("manager", {"manager_id": "M1"}, 99, 404),
        ("manager", {"manager_id": "M2"}, 1, 404),
        ("branch_head", {"branch_id": "B1"}, 1, 200),
        ("branch_head", {"branch_id": "B2"}, 1, 404),
        ("crm", {}, 1, 200),
        ("crm", {}, 3, 404),  # of another customer
        ("analyst", {}, 1, 403),
    ],
)
def test_an_entry_is_corrected_by_its_manager_or_who_leads(signed_in, role, claims, entry, status):
    client = signed_in(role, **claims)
    assert client.get(f"/customers/{CALLED}/correction?contact={entry}").status_code == status


def test_another_managers_entry_about_the_own_customer_is_not_corrected(manager, store_url):
    with Store(store_url) as store, store.write() as connection:
        at = datetime(2026, 11, 17, 5, tzinfo=UTC)
        foreign = contacts.Contact("key-of-m2", FIRST, "M2", published_bank.run(7).run_id, "leaving", "", at)
        number = contacts.record(connection, foreign, contacts.Author("M2", b"k" * 32)).contact_id
    assert f"correction?contact={number}" not in manager.get(PATH).text
    assert sent(manager, corrects=f"{number}", withdraw="1").status_code == 404
    assert [contact.outcome for contact in recorded(store_url)] == ["leaving"]


def test_after_the_last_customer_the_list_is_done(manager):
    """Each form leads to the next customer still to do, and the last one says so."""
    page, seen = PATH, []
    for _ in range(5):
        inputs = form(manager, page)
        number = page.split("?")[0].removeprefix("/customers/")
        seen.append(number)
        answer = manager.post(f"/customers/{number}/outcome", data=inputs | {"outcome": "no_answer"})
        page = answer.headers["location"]
    assert len(set(seen)) == 5
    assert "every customer on this list has an outcome" in manager.get(page).text


def test_the_link_into_the_crm_tells_nobody_the_number(service, token_of):
    linked = service.model_copy(update={"crm_link": "https://crm.bank.example/c?id={customer_id}"})
    with TestClient(create_app(linked), base_url="http://127.0.0.1") as client:
        client.cookies.set("attrition-session", token_of("admin"), domain="127.0.0.1")
        for path, number in ((PATH, FIRST), (f"/customers/{EXCLUDED}", EXCLUDED), ("/lists/M1", FIRST)):
            answer = client.get(path)
            link = f'href="https://crm.bank.example/c?id={number}" target="_blank" rel="noreferrer noopener"'
            assert link in answer.text
            assert answer.headers["referrer-policy"] == "no-referrer"
