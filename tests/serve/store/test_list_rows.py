"""What stands in a row of a list is what was known on the Monday, whenever the row is made."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest

from configs.published import PastContact, Profile, RunExtras
from serve.store.contacts import Author, Contact, record
from serve.store.list_rows import last_contact, list_rows

pytestmark = pytest.mark.either_store


def profile(customer_id, *told):
    return Profile(customer_id, MappingProxyType({"demand": (1,) * 52}), contacts=told)


def told_on(day, outcome="answered"):
    return PastContact(day, "M1", "phone", "service", outcome)


def recorded(customer_id, outcome, at, key="k"):
    return Contact(key, customer_id, "M1", "run-0", outcome, "", at)


def test_a_row_is_what_was_known_before_the_monday(store, publish_run, scores):
    """c1 was called on the Sunday, and again on the Monday at midnight UTC; c4 a day before the
    bank's own contact.
    """
    midnight = datetime(2026, 11, 16, tzinfo=UTC)
    contacts = [
        recorded("c1", "leaving", midnight - timedelta(minutes=1), "a"),
        recorded("c1", "undecided", midnight, "b"),
        recorded("c1", "no_answer", midnight - timedelta(days=9), "c"),
        recorded("c4", "will_stay", datetime(2026, 10, 11, tzinfo=UTC), "d"),
    ]
    whole = {one.customer_id: profile(one.customer_id) for one in scores}
    whole |= {"c4": profile("c4", told_on(date(2026, 10, 12)))}
    publish_run(extras=RunExtras(whole.values()))
    with store.write() as connection:
        for contact in contacts:
            record(connection, contact, Author("the manager", None))
    with store.at_run() as read_session:
        fourth, first = list_rows(read_session, [scores[3], scores[0]])
    assert (first.score, first.profile) == (scores[0], whole["c1"])
    assert first.last_contact == PastContact(date(2026, 11, 15), "M1", "", "", "leaving")
    assert fourth.last_contact == told_on(date(2026, 10, 12))


def test_a_run_without_profiles_still_has_rows(store, publish_run, scores):
    publish_run()
    with store.at_run() as read_session:
        (row,) = list_rows(read_session, scores[:1])
        assert list_rows(read_session, ()) == ()
    assert (row.profile.aum_by_week, row.last_contact, row.decision.next_step_en) == ((), None, None)


def test_the_next_step_is_the_one_that_was_published(store, make_run, scores, exclusions, lists):
    step = {"next_step_en": "a", "next_step_zh": "甲"}
    stepped = [
        replace(whole, decisions=tuple(replace(decision, **step) for decision in whole.decisions))
        for whole in lists
    ]
    store.publish(make_run(), scores, exclusions, stepped)
    with store.at_run() as read_session:
        (row,) = list_rows(read_session, scores[:1])
    assert (row.decision.next_step_en, row.decision.next_step_zh) == ("a", "甲")


SUNDAY = date(2026, 11, 15)


@pytest.mark.parametrize(
    ("bank_told", "here", "outcome"),
    [
        ([], None, None),
        ([told_on(SUNDAY), told_on(date(2026, 1, 1), "declined")], None, "answered"),
        ([told_on(SUNDAY, None)], None, None),
        ([], SUNDAY, "leaving"),
        ([told_on(SUNDAY)], SUNDAY, "leaving"),
        ([told_on(SUNDAY)], date(2026, 11, 14), "answered"),
    ],
)
def test_the_newer_contact_counts_and_the_one_recorded_here_on_the_same_day(bank_told, here, outcome):
    contact = here and recorded("c1", "leaving", datetime(here.year, here.month, here.day, 9, tzinfo=UTC))
    found = last_contact(profile("c1", *bank_told), contact)
    assert (found and found.outcome) == outcome
