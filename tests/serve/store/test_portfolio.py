"""A list and its portfolio, chosen and ordered in SQL."""

from datetime import UTC, datetime

import pytest

from serve.store.contacts import Author, Contact, of_run, record
from serve.store.portfolio import next_to_do
from serve.store.scope import Reach, Scope
from serve.store.store import Store
from tests.serve.pages import published_bank

LISTED = [number for number, (_, manager) in published_bank.OF.items() if manager == "M1"]
OWN = ["6217000000000000901", "6217000000000000902"]
RUN = published_bank.run(7).run_id


@pytest.fixture(scope="module")
def bank(tmp_path_factory, settings):
    """Of M1's list the second and the fourth are done."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('portfolio') / 'store.db'}") as store:
        published_bank.publish(store, settings.lists, b"k" * 32)
        yield store


def record_outcome(store, customer_id, manager_id="M1"):
    contact = Contact(f"k-{customer_id}", customer_id, manager_id, RUN, "will_stay", "", datetime.now(UTC))
    with store.append() as connection:
        record(connection, contact, Author(manager_id, b"k" * 32))


def following(store, customer_id, scope=None):
    with store.at_run(None, scope or Scope(Reach.OWN, "M1")) as session:
        return next_to_do(session, customer_id)


def test_the_next_to_do_skips_who_is_done_and_begins_again_at_the_top(bank):
    with bank.at_run() as session:
        done = of_run(session.connection, RUN, LISTED)
    to_do = [number for number in LISTED if number not in done]
    assert done
    for number in LISTED:
        later = [other for other in to_do if LISTED.index(other) > LISTED.index(number)]
        others = later + [other for other in to_do if other != number and other not in later]
        assert following(bank, number) == others[0]


def test_the_next_to_do_stays_on_the_list_and_within_reach(bank):
    head = Scope(Reach.BRANCH, "B1")
    assert following(bank, OWN[0], head) == OWN[1]
    record_outcome(bank, OWN[1], "B1")
    assert following(bank, OWN[0], head) is None  # nobody else is left; M1's customers are not on this list
    assert following(bank, "6217000000000000201") is None  # M2's, foreign
    assert following(bank, published_bank.EXCLUDED, head) is None
