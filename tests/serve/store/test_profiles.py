"""Profiles come back as they were published, within the scope, of the newest runs only."""

import json
import zlib
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from configs.branch_figures.products import ProductGap
from configs.errors import DataError
from configs.published import Booking, Maturity, PastContact, Profile, RunExtras
from serve.api.prepared import prepared_answers
from serve.store import tables
from serve.store.rows import packed, unpacked
from serve.store.scope import Reach, Scope
from tests.serve.conftest import whole

pytestmark = pytest.mark.either_store

DAY = date(2026, 11, 12)
WHOLE = Profile(
    "c1",
    MappingProxyType({"demand": (500, -20, 0, 10**15), "term": (7, 7, 7, 7), "loan": (1, 2, 3, 4)}),
    (Maturity("半年定期", "term", DAY, 600_000_00),),
    (Booking(DAY, -480_000_00, "transfer_out", "broker", "mobile"),),
    (PastContact(DAY, "M1", "phone", "service", None), PastContact(DAY, "M2", "visit", "sale", "answered")),
)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
days = st.dates(date(1970, 1, 1), date(2100, 1, 1))
money = st.integers(-(10**17), 10**17)


@given(
    st.builds(
        Profile,
        customer_id=st.just("c1"),
        aum_by_class=st.dictionaries(text, st.lists(money, max_size=52).map(tuple)),
        maturities=st.lists(st.builds(Maturity, text, text, days, money), max_size=3).map(tuple),
        bookings=st.lists(st.builds(Booking, days, money, text, text, text), max_size=3).map(tuple),
        contacts=st.lists(st.builds(PastContact, days, text, text, text, st.none() | text), max_size=3).map(
            tuple
        ),
        complaints=st.lists(days, max_size=3).map(tuple),
        phone=text,
        gaps=st.lists(
            st.builds(ProductGap, text, money, money, st.floats(0, 1), st.floats(0, 1)), max_size=2
        ).map(tuple),
    )
)
def test_what_was_packed_comes_out_again(profile):
    found = unpacked("c1", packed(profile))
    assert found == profile
    assert packed(found) == packed(profile)


def test_a_profile_of_an_earlier_release_is_read_without_what_it_did_not_keep():
    four = [{}, [], [], [["2026-11-12", "M1", "phone", "service", None]]]
    earlier = zlib.compress(json.dumps(four).encode())
    assert unpacked("c1", earlier) == Profile("c1", MappingProxyType({}), contacts=WHOLE.contacts[:1])
    named = zlib.compress(json.dumps([*four[:3], [], [], ["Li", "13"]]).encode())
    assert unpacked("c1", named) == Profile("c1", MappingProxyType({}), name="Li", phone="13")


def test_aum_is_all_but_what_the_customer_owes():
    assert WHOLE.aum_by_week == (507, -13, 7, 10**15 + 7)


def test_profiles_are_published_with_their_run(store, publish_run, profiles):
    whole = [WHOLE, *profiles[1:]]
    publish_run(extras=RunExtras(iter(whole)))
    with store.at_run() as run:
        assert run.profiles(["c1"]).get("c1") == WHOLE
        assert run.profiles(["c5", "c6", "c1", "nobody"]) == {"c1": WHOLE, "c5": whole[4]}
        assert run.profiles(["c6"]).get("c6") is None
        assert run.profiles([]) == {}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(Reach.OWN, "M1"), {"c1", "c2", "c3", "c4"}),
        (Scope(Reach.OWN, "M2"), set()),
        (Scope(Reach.BRANCH, "B1"), {"c1", "c2", "c3", "c4", "c5"}),
        (Scope(Reach.BRANCH, "B2"), set()),
        (Scope(Reach.NONE), set()),
    ],
)
def test_nobody_reads_beyond_the_scope(store, publish_run, scores, profiles, scope, found):
    publish_run(extras=RunExtras(profiles))
    with store.at_run(scope=scope) as run:
        assert run.profiles([one.customer_id for one in scores]).keys() == found
        assert (run.profiles(["c5"]).get("c5") is None) == ("c5" not in found)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda all_of: all_of[:-1], "4 profiles came with 5 scores"),
        (lambda all_of: [*all_of, replace(WHOLE, customer_id="c9")], "(?i)foreign key"),
        (lambda all_of: [*all_of[:-1], replace(WHOLE, bookings=(Booking(DAY, object(), "", "", ""),))],
    "object"),
    ],
)  # fmt: skip
def test_profiles_that_do_not_fit_leave_everything_as_it_was(published, publish_run, profiles, spoil, said):
    before = whole(published)
    with pytest.raises(DataError, match=said):
        publish_run(extras=RunExtras(spoil(profiles)))
    assert whole(published) == before


def test_only_the_newest_runs_keep_profiles_and_answers(
    store, publish_run, make_run, scores, lists, profiles
):
    for week in range(4):
        run = f"run-{week}", date(2026, 11, 16) + timedelta(weeks=week)
        publish_run(
            *run, extras=RunExtras(profiles, prepared_answers=prepared_answers(make_run(*run), scores, lists))
        )
    for _ in range(3):
        store.rollback()
    assert store.prune(52, 2, 130) == 0
    with store.at_run("run-1") as run:
        assert (run.profiles(["c1"]).get("c1"), run.customer("c1")) == (None, scores[0])
    with store.read() as connection:
        for table in (tables.profiles, tables.prepared_answers):
            kept = connection.scalars(select(table.c.run_version).distinct().order_by("run_version"))
            assert kept.all() == [1, 3, 4], table.name  # the one served, and the newest two
