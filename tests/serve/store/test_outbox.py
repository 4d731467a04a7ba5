"""Each notification is sent by one, once; one left behind is taken over when its lease has run out."""

from datetime import UTC, datetime, timedelta

import pytest

from serve.store import outbox
from serve.store.outbox import Recipient

pytestmark = pytest.mark.either_store

NINE = datetime(2026, 11, 16, 9, tzinfo=UTC)
LEASE = timedelta(minutes=10)
M1, B1 = Recipient("manager", "M1"), Recipient("branch", "M1")  # one number, two lists


@pytest.fixture
def at(published):
    """Claims at so many minutes past nine."""

    def begin(minutes, to=M1, run_id="run-1"):
        with published.write() as connection:
            return outbox.begin(connection, run_id, to, NINE + timedelta(minutes=minutes), LEASE)

    return begin


def states(store, run_id="run-1"):
    with store.read() as connection:
        return outbox.states(connection, run_id)


def test_a_beginning_keeps_others_away_until_its_lease_has_run_out(at):
    assert at(0)
    assert not at(9.9)
    assert at(10)
    assert not at(19.9)  # the lease began anew
    assert at(20)


def test_beginnings_are_per_run_and_list(at):
    assert [at(0), at(0, to=B1), at(0, run_id="run-2")] == [True, True, True]


@pytest.mark.parametrize(("state", "code"), [("sent", None), ("refused", 550)])
def test_what_is_finished_is_never_begun_again(published, at, state, code):
    at(0)
    with published.write() as connection:
        outbox.finish(connection, "run-1", M1, state, NINE, code)
    assert not at(1000)
    assert states(published) == {M1: state}


def test_what_is_given_back_can_be_begun_at_once_and_what_is_finished_is_not_given_back(published, at):
    at(0)
    with published.write() as connection:
        outbox.release(connection, "run-1", M1)
    assert at(0)
    with published.write() as connection:
        outbox.finish(connection, "run-1", M1, "sent", NINE)
        outbox.release(connection, "run-1", M1)
    assert states(published) == {M1: "sent"}


def test_a_run_published_anew_keeps_its_notifications_and_one_that_is_gone_does_not(
    published, at, publish_run
):
    at(0)
    at(0, run_id="run-0")
    publish_run()
    with published.write() as connection:
        outbox.forget(connection)
    assert (states(published), states(published, "run-0")) == ({M1: "sending"}, {})
