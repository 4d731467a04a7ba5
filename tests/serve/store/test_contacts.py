"""A contact, its opt-out and its audit entries stand or fall together, and the same key adds nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from configs.errors import DataError
from serve.store import contacts, renumbering
from serve.store.audit import entries, verify
from serve.store.contacts import Author, ConflictError, Contact, ContactError
from serve.store.store import Store

pytestmark = pytest.mark.either_store

AT = datetime(2026, 11, 17, 9, 30, 15, tzinfo=UTC)
CALL = Contact("key-1", "c1", "M1", "run-1", "will_stay", "asked for 定存", AT)
LI = Author("li", b"k" * 32)


def recorded(store, contact, author=LI):
    with store.write() as connection:
        return contacts.record(connection, contact, author)


def audited(store):
    with store.read() as connection:
        assert verify(connection, LI.audit_key) == []
        return [(one.actor, one.action, one.subject, one.details) for one in entries(connection)]


def test_a_contact_its_audit_entry_and_the_same_key_again(published):
    first = recorded(published, CALL)
    assert first == replace(CALL, contact_id=1)
    later = replace(CALL, recorded_at=AT + timedelta(days=1))
    assert recorded(published, later) == first
    with published.read() as connection:
        assert contacts.latest_of(connection, "c1", 5) == (first,)
        assert contacts.opted_out(connection) == frozenset()
    about = {"contact_id": 1, "manager_id": "M1", "run_id": "run-1", "outcome": "will_stay"}
    assert audited(published) == [("li", "record contact", "c1", about)]


@pytest.mark.parametrize(
    "other", [{"customer_id": "c2"}, {"run_id": "run-0"}, {"outcome": "leaving"}, {"note": ""}]
)
def test_the_same_key_with_other_content_is_a_conflict(published, other):
    recorded(published, CALL)
    with pytest.raises(ConflictError, match="key was used for another contact"):
        recorded(published, replace(CALL, **other))
    assert len(audited(published)) == 1


def test_another_manager_may_use_the_same_key(published):
    assert recorded(published, CALL).contact_id == 1
    assert recorded(published, replace(CALL, manager_id="M2")).contact_id == 2


def test_who_said_no_contact_is_opted_out_until_it_is_withdrawn(published):
    no_more = replace(CALL, outcome="no_contact", note="")
    recorded(published, no_more)
    recorded(published, no_more)
    with published.write() as connection:
        assert contacts.opted_out_since(connection, "c1") == date(2026, 11, 17)
        assert contacts.opt_out(connection, "c1", AT + timedelta(days=9), LI) == date(2026, 11, 17)
        assert contacts.opted_out(connection) == {"c1"}
        contacts.withdraw_opt_out(connection, "c1", AT, LI)
        contacts.withdraw_opt_out(connection, "c1", AT, LI)
        assert contacts.opted_out_since(connection, "c1") is None
    assert [
        (action, subject, details.get("contact_id")) for _, action, subject, details in audited(published)
    ] == [("record contact", "c1", 1), ("opt out", "c1", 1), ("withdraw opt-out", "c1", None)]


def test_a_contact_whose_audit_entry_fails_is_not_there(published, monkeypatch):
    def fails(*_):
        raise DataError("the disk is full")

    monkeypatch.setattr(contacts.audit, "append", fails)
    with pytest.raises(DataError, match="disk"):
        recorded(published, replace(CALL, outcome="no_contact"))
    with published.read() as connection:
        assert contacts.latest_of(connection, "c1", 5) == ()
        assert contacts.opted_out(connection) == frozenset()
        assert entries(connection) == ()


def test_the_newest_contacts_come_first_and_keep_the_moment_whatever_its_zone(published):
    shanghai = timezone(timedelta(hours=8))
    for hour in (9, 11, 10):
        at = datetime(2026, 11, 18, hour, tzinfo=shanghai)
        recorded(published, replace(CALL, key=f"at {hour}", recorded_at=at))
    recorded(published, replace(CALL, key="other", customer_id="c2"))
    with published.read() as connection:
        found = contacts.latest_of(connection, "c1", 2)
    assert [one.recorded_at for one in found] == [datetime(2026, 11, 18, hour, tzinfo=UTC) for hour in (3, 2)]


def test_eight_senders_of_one_key_at_once_record_one_contact(published, store_url):
    def send(_number):
        with Store(store_url) as own:
            return recorded(own, CALL)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(8))) == {replace(CALL, contact_id=1)}
    assert len(audited(published)) == 1


def test_what_was_recorded_of_customers_with_a_new_number_follows_them(published):
    """c1 and c2 became c9: their calls are c9's, and the earlier opt-out holds, under all numbers: the run
    that is served has the old ones."""
    recorded(published, CALL)
    recorded(published, replace(CALL, key="key-2", customer_id="c2", outcome="no_contact"))
    recorded(published, replace(CALL, key="key-3", customer_id="c3"))
    with published.write() as connection:
        contacts.opt_out(connection, "c1", AT - timedelta(days=3), LI)
    for moved in (5, 0):  # again it changes nothing
        with published.write() as connection:
            assert renumbering.follow_numbers(connection, {"c1": "c9", "c2": "c9"}) == moved
            assert [call.key for call in contacts.latest_of(connection, "c9", 5)] == ["key-2", "key-1"]
            assert contacts.opted_out(connection) == {"c1", "c2", "c9"}
            for name in ("c1", "c9"):
                assert contacts.opted_out_since(connection, name) == (AT - timedelta(days=3)).date()
            assert contacts.last_reached(connection, date(2026, 12, 1)).keys() == {"c9", "c3"}
    assert len(audited(published)) == 5  # the log keeps the old numbers, and its chain


def test_the_opt_out_of_the_number_that_stays_is_kept_where_it_is_earlier(published):
    with published.write() as connection:
        contacts.opt_out(connection, "c2", AT - timedelta(days=9), LI)
        contacts.opt_out(connection, "c1", AT, LI)
        renumbering.follow_numbers(connection, {"c1": "c2"})
        assert contacts.opted_out(connection) == {"c1", "c2"}
        for name in ("c1", "c2"):
            assert contacts.opted_out_since(connection, name) == (AT - timedelta(days=9)).date()


@pytest.mark.parametrize("under", ["c1", "c9"])
def test_a_withdrawal_under_one_number_ends_the_opt_out_under_all_until_the_next(published, under):
    newest = {"c1": "c9"}
    with published.write() as connection:
        contacts.opt_out(connection, "c1", AT, LI)
        renumbering.follow_numbers(connection, newest)
        contacts.withdraw_opt_out(connection, under, AT + timedelta(days=1), LI)
        assert renumbering.follow_numbers(connection, newest) == 2
        assert contacts.opted_out(connection) == frozenset()
        contacts.opt_out(connection, "c1", AT + timedelta(days=2), LI)  # in the run that is served
        renumbering.follow_numbers(connection, newest)
        assert contacts.opted_out(connection) == {"c1", "c9"}


def test_a_correction_stands_in_the_place_of_an_entry_which_stays_and_counts_no_more(published):
    """Recorded on Tuesday, corrected a week later, withdrawn two weeks later; each Monday as it was known."""
    first = recorded(published, replace(CALL, outcome="no_contact", channel="phone"))
    week = timedelta(weeks=1)
    second = replace(CALL, key="key-2", corrects=1, recorded_at=AT + week, contacted_at=AT)
    for changes, sentence in [
        ({"customer_id": "c2"}, "no entry 1 of this customer"),
        ({"corrects": 9}, "no entry 9 of this customer"),
        ({"manager_id": "M2"}, "entry 1 is another manager's"),
        ({"corrects": None, "outcome": ""}, "Name it in `corrects`"),
    ]:
        with pytest.raises(ContactError, match=sentence):
            recorded(published, replace(second, **changes))
    assert recorded(published, second) == recorded(published, second) == replace(second, contact_id=2)
    with pytest.raises(ContactError, match="was corrected by entry 2"):
        recorded(published, replace(second, key="key-3"))
    with published.read() as connection:
        assert contacts.opted_out(connection) == frozenset()
        assert contacts.latest_of(connection, "c1", 5) == (replace(second, contact_id=2),)
    third = replace(CALL, key="key-3", outcome="", note="", corrects=2, recorded_at=AT + 2 * week)
    recorded(published, third)
    with published.read() as connection:
        assert contacts.latest_of(connection, "c1", 5) == ()
        assert contacts.of_run(connection, "run-1", ["c1"]) == {}
        mondays = [date(2026, 11, 16) + week * number for number in range(4)]
        newest = [contacts.newest_before(connection, ["c1"], monday) for monday in mondays]
        assert [entry.get("c1") for entry in newest] == [None, first, replace(second, contact_id=2), None]
        days = [contacts.last_reached(connection, monday) for monday in mondays]
        assert days == [{}, {"c1": AT.date()}, {"c1": AT.date()}, {}]
        found = contacts.recorded_after(connection, 1, 9, 1)
        assert [entry.contact_id for entry in found] == [2, 3]
    actions = [action for _, action, _, _ in audited(published)]
    corrections = ["correct contact", "withdraw opt-out", "withdraw contact"]
    assert actions == ["record contact", "opt out", *corrections]


def test_an_opt_out_stays_as_long_as_an_entry_that_counts_says_so(published):
    """Said twice: who takes the first entry back leaves the second; who mends its note leaves its day."""
    no_more = replace(CALL, outcome="no_contact")
    recorded(published, no_more)
    later = AT + timedelta(days=2)
    recorded(published, replace(no_more, key="key-2", recorded_at=later))
    recorded(published, replace(no_more, key="key-3", note="mended", corrects=1, recorded_at=later))
    with published.read() as connection:
        assert contacts.opted_out_since(connection, "c1") == AT.date()
    for corrects, since in ((3, later.date()), (2, None)):
        taken_back = replace(no_more, key=f"no {corrects}", outcome="", corrects=corrects, recorded_at=later)
        recorded(published, taken_back)
        with published.read() as connection:
            assert contacts.opted_out_since(connection, "c1") == since


def test_a_message_that_was_declined_reached_nobody_and_a_call_counts_when_it_took_place(published):
    recorded(published, replace(CALL, channel="message", outcome="not_interested"))
    recorded(published, replace(CALL, key="key-2", customer_id="c2", contacted_at=AT - timedelta(days=4)))
    with published.read() as connection:
        assert contacts.last_reached(connection, date(2026, 11, 16)) == {}  # not known yet
        assert contacts.last_reached(connection, date(2026, 11, 23)) == {"c2": date(2026, 11, 13)}
