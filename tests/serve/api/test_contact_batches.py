"""Contacts with time, follow-up and correction, in batches, and read since a cursor."""

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.app import create_app
from serve.client import Client
from serve.store import contacts
from serve.store.store import Store

pytestmark = pytest.mark.either_store
CALL = {"customer_id": "c1", "manager_id": "M1", "outcome": "undecided"}


def entry(number, **changes):
    return CALL | {"key": f"k{number}"} | changes


def batch(client, *entries):
    answer = client.post("/v1/contacts/batch", json={"contacts": list(entries)})
    assert answer.status_code == 200, answer.text
    return answer.json()["answers"]


def page(client, cursor=None, **more):
    asked = more | ({"cursor": cursor} if cursor else {})
    answer = client.get("/v1/contacts", params=asked).json()
    return [one["contact_id"] for one in answer["contacts"]], answer["next_cursor"]


def day(days):
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


FAULTY = {
    "future": ({"contacted_at": day(1 / 24)}, 422, "#/contacted_at"),
    "long ago": ({"contacted_at": day(-400)}, 422, "#/contacted_at"),
    "before all time": ({"contacted_at": "0001-01-01T00:00:00+14:00"}, 422, "#/contacted_at"),
    "no zone": ({"contacted_at": "2026-11-20T10:00:00"}, 422, "#/contacted_at"),
    "follow-up in the past": ({"follow_up_on": day(-1)[:10]}, 422, "#/follow_up_on"),
    "follow-up on the day": (
        {"contacted_at": day(-3), "follow_up_on": day(-3)[:10]}, 422, "#/follow_up_on",
    ),
    "follow-up in two years": ({"follow_up_on": day(800)[:10]}, 422, "#/follow_up_on"),
    "nothing to withdraw": ({"outcome": None}, 422, "#/outcome"),
    "corrects nothing": ({"corrects": 77}, 422, "#/corrects"),
    "corrects another customer's": ({"customer_id": "c3", "corrects": 1}, 422, "#/corrects"),
    "no such run": ({"run_id": "run-0"}, 410, None),
    "no such customer": ({"customer_id": "c99"}, 404, None),
    "no such manager": ({"manager_id": "M9"}, 404, None),
    "unknown key": ({"contact": 1}, 422, "#/contact"),
    "no key": ({"key": None}, 422, "#/key"),
    "unknown channel": ({"channel": "pigeon"}, 422, "#/channel"),
    "same key": ({"key": "first", "note": "another"}, 409, None),
}  # fmt: skip


def test_a_bad_entry_of_a_batch_is_named_and_does_not_hold_up_the_others(client):
    entries = [entry(name.replace(" ", "-"), **changes) for name, (changes, _, _) in FAULTY.items()]
    answers = batch(client, entry(0, key="first"), "no object", *entries, entry("last"), entry("last"))
    assert [one["status"] for one in answers] == ["recorded", *["refused"] * (len(FAULTY) + 1)] + [
        "recorded"
    ] * 2
    assert answers[-1] == answers[-2]  # the same key and content twice is one contact
    for (name, (_, status, pointer)), answer in zip(FAULTY.items(), answers[2:-2], strict=True):
        problem = answer["problem"]
        assert problem["status"] == status, (name, problem)
        assert not pointer or pointer in {fault["pointer"] for fault in problem["errors"]}, (name, problem)
        assert problem["type"].startswith("/problems/")
    assert page(client)[0] == [1, 2]
    single = client.post("/v1/contacts", json=CALL | {"corrects": 77}, headers={"Idempotency-Key": "s"})
    assert (single.status_code, single.json()["errors"][0]["pointer"]) == (422, "#/corrects")
    most = [entry(number) for number in range(501)]
    assert client.post("/v1/contacts/batch", json={"contacts": most}).status_code == 422
    assert client.post("/v1/contacts/batch", json={"contacts": []}).status_code == 422
    assert page(client)[0] == [1, 2]


def test_contacts_are_read_since_a_cursor_with_their_corrections_and_by_who_may(
    client, bearer, access_entries
):
    friday = day(-3)
    answers = batch(
        client,
        entry(1, contacted_at=friday, channel="visit", follow_up_on=day(9)[:10]),
        entry(2, customer_id="c5", outcome="no_answer"),
        entry(3, corrects=1, outcome="no_contact"),
        entry(4, corrects=3, outcome=None, note="was somebody else"),
    )
    assert [one["status"] for one in answers] == ["recorded"] * 4
    first, cursor = page(client, limit=3)
    assert first == [1, 2, 3]
    following, last = page(client, cursor)
    assert (following, page(client, last)) == ([4], ([], last))
    told = client.get("/v1/contacts").json()["contacts"]
    assert told[0]["contacted_at"] == datetime.fromisoformat(friday).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [one["corrects"] for one in told] == [None, None, 1, 3]
    assert [one["outcome"] for one in told] == ["undecided", "no_answer", "no_contact", None]
    shown = client.get("/v1/customers/c1/risk?include=contacts").json()
    assert (shown["contacts"], shown["opted_out_since"]) == ([], None)
    manager = client.get("/v1/contacts", headers=bearer("manager", manager_id="M1"))
    assert {one["customer_id"] for one in manager.json()["contacts"]} == {"c1"}
    foreign = client.get("/v1/contacts", headers=bearer("branch_head", branch_id="B9")).json()
    assert foreign["contacts"] == []
    analyst = client.get("/v1/contacts", headers=bearer("analyst")).json()["contacts"]
    assert {one["note"] for one in analyst} == {""}
    assert not {"c1", "c5"} & {one["customer_id"] for one in analyst}
    bound = client.get(f"/v1/contacts?cursor={cursor}", headers=bearer("manager", manager_id="M1"))
    assert bound.status_code == 422
    reads = {(one.action, one.subject) for one in access_entries() if one.action == "read contacts"}
    assert {("read contacts", "c1"), ("read contacts", "c5")} <= reads


def test_a_reader_loses_nothing_while_two_write_at_once(client, store_url):
    """The first writer has its number and is slow to commit; the second has to wait, so that nobody's number
    is seen before a smaller one."""
    wrote, go = Event(), Event()
    call = contacts.Contact("slow", "c1", "M1", "run-1", "undecided", "", datetime.now(UTC))
    author = contacts.Author("li", b"k" * 32)

    def slow():
        with Store(store_url) as own, own.append() as connection:
            contacts.record(connection, call, author)
            wrote.set()
            go.wait(10)

    answers = []
    writers = [Thread(target=slow), Thread(target=lambda: answers.extend(batch(client, entry(1))))]
    writers[0].start()
    assert wrote.wait(10)
    writers[1].start()
    writers[1].join(0.3)
    seen, cursor = page(client)
    go.set()
    for writer in writers:
        writer.join(10)
    assert answers[0]["status"] == "recorded"
    assert seen + page(client, cursor)[0] == [1, 2]


def test_the_client_sends_in_batches_and_reads_since_a_cursor(client, monkeypatch):
    monkeypatch.setattr("serve.client.MOST", 2)
    api = Client("http://testserver", str)

    def opened(request):
        data = {"content": request.data} if request.data else {}
        headers = {"Content-Type": "application/json"}
        return _Opened(client.request(request.method, request.full_url, headers=headers, **data))

    monkeypatch.setattr(api, "_opened", opened)
    answers = list(api.record_contacts(entry(number) for number in range(3)))
    assert [one.contact.contact_id for one in answers] == [1, 2, 3]
    pages = list(api.contacts_since())
    assert [len(one.contacts) for one in pages] == [2, 1]
    assert list(api.contacts_since(pages[-1].next_cursor)) == []


class _Opened:
    """A response of the test client, as urlopen gives it."""

    def __init__(self, response):
        assert response.status_code < 300, response.text
        self.headers, self.read = {}, lambda: response.content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["c1", "c3", "c4"]), st.sampled_from(["will_stay", "no_contact", None]),
                  st.integers(0, 40)),
        max_size=12,
    )
)  # fmt: skip
def test_law_of_corrections(service, bearer, published, calls):  # noqa: ARG001
    """What counts is what nobody corrected and says something, whatever was sent; opted out is who says so
    in an entry that counts."""
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        start = page(client, limit=500)[1]
        before = len(client.get("/v1/contacts?limit=500").json()["contacts"])
        sent = [
            entry(f"{before}-{place}", customer_id=customer, outcome=outcome)
            | ({"corrects": corrects} if corrects else {})
            for place, (customer, outcome, corrects) in enumerate(calls)
        ]
        if sent:
            batch(client, *sent)
        entries = client.get("/v1/contacts?limit=500").json()["contacts"]
        corrected = [one["corrects"] for one in entries if one["corrects"]]
        assert len(corrected) == len(set(corrected))
        standing = [one for one in entries if one["outcome"] and one["contact_id"] not in corrected]
        for name in ("c1", "c3", "c4"):
            shown = client.get(f"/v1/customers/{name}/risk?include=contacts").json()
            own = [one["contact_id"] for one in standing if one["customer_id"] == name]
            assert sorted(one["contact_id"] for one in shown["contacts"]) == sorted(own)[-20:]
            says = {one["outcome"] for one in standing if one["customer_id"] == name}
            assert bool(shown["opted_out_since"]) == ("no_contact" in says)
        assert start is None or page(client, start)[0] == [
            one["contact_id"] for one in entries if one["contact_id"] > before
        ]
