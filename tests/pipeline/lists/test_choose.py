"""Lists by hand, and the law: full to capacity, nobody twice, nobody who may not be called, one
decision each.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from configs.call_lists import Assignment, Week, portfolios
from configs.list_settings import Lists
from configs.published import Manager, Reason, Score
from configs.response import Estimate, Response
from pipeline.lists.decisions import choose, complete_managers
from serve.texts.decisions import decision_in_words
from tests.serve.conftest import a_score, published_run

MONDAY = date(2026, 11, 16)
M1 = Manager("M1", "张伟", "B1", 2)


def settings(**changes):
    usual = {"default_capacity": 2, "capacity_share": 0.0, "reasons": 3, "cool_down_weeks": 4,
             "most_contacts": 6, "contact_weeks": 13, "stay_places": 2,
             "control_group_share": 0.0, "control_group_period": "half_year", "household_cool_down": True,
             "channels": [{"name": "phone", "response": 1.0, "places": 1.0}],
             "salt": "", "min_group": 100, "least_value": 0, "talked": {"phone": ["answered"]},
             "occasions": {"maturing_days": 35, "maturing_share": 0.1, "outflow_share": 0.1,
                           "complaint": True}}  # fmt: skip
    return Lists(**(usual | changes))


def ids(listed):
    return [score.customer_id for score in listed]


def test_fills_to_capacity_by_money_kept_and_never_lists_the_opted_out(scores, make_week):
    managed, own = choose(scores, [M1], settings(), make_week())
    assert ids(managed.listed) == ["c4", "c1"]
    assert ids(own.listed) == ["c5"]
    assert own.manager is None
    assert own.branch_id == "B1"


def test_a_portfolio_counts_everybody_also_those_not_listed(scores, make_week):
    managed, _ = choose(scores, [M1], settings(), make_week())
    assert (managed.customers, managed.high_risk) == (4, 3)
    assert managed.money_at_risk_minor == 300_00 + 900_00 + 100_00 + 500_00


def test_money_that_a_call_seldom_keeps_comes_after_less_money_that_it_often_keeps(make_score):
    """At a risk of one half: 500 of which calls keep 0.1 are worth 25, 200 of which they keep 0.3 are
    worth 30.
    """
    gone = Reason("outflow", "f", None, 1.0, "", "")
    even = {"risk_90d": 0.5}
    scores = [make_score("a", 500_00, reasons=(gone,), **even), make_score("b", 200_00, reasons=(), **even)]
    week = Week(MONDAY, 14, Response(0.3, {("outflow",): Estimate(0.1, 0.0, "reason")}))
    (one,) = choose(scores, [M1], settings(), week)
    assert ids(one.listed) == ["b", "a"]
    assert [decision.expected_value_minor for decision in one.decisions] == [25_00, 30_00]


def test_a_lost_cause_comes_after_less_money_that_can_still_be_kept(make_score):
    """500 as good as gone are worth 0.3 · 0.02 of it, 3; 200 that may well stay are worth 0.3 · 0.9
    of it, 54.
    """
    scores = [make_score("a", 500_00, risk_90d=0.98), make_score("b", 200_00, risk_90d=0.1)]
    (one,) = choose(scores, [M1], settings(), Week(MONDAY, 14, Response(0.3)))
    assert ids(one.listed) == ["b", "a"]
    assert [decision.expected_value_minor for decision in one.decisions] == [3_00, 54_00]


def test_ties_go_to_the_higher_risk_then_to_the_smaller_id(make_score, make_week):
    even = [make_score(name, 100_00, risk_90d=0.5) for name in "ba"]
    tied = [*even, make_score("z", 200_00, risk_90d=0.75)]  # 100 · 0.5 = 200 · 0.25
    (one,) = choose(tied, [Manager("M1", "", "B1", 9)], settings(), make_week())
    assert ids(one.listed) == ["z", "a", "b"]


def test_a_low_band_customer_fills_room_that_is_left(make_score, make_week):
    (one,) = choose([make_score("a", risk_band="low")], [Manager("M1", "", "B1", 9)], settings(), make_week())
    assert ids(one.listed) == ["a"]


def test_a_call_that_does_not_pay_is_no_call(make_score, make_week):
    """A call keeps 0.3 · (1 − risk) of the money at risk."""
    scores = [make_score("a", 100_00, risk_90d=0.5), make_score("b", 99_00, risk_90d=0.5)]
    week = replace(make_week(), least_value_minor=15_00)
    (one,) = choose(scores, [M1], settings(), week)
    assert [(each.decision, each.why, each.rank) for each in one.decisions] == [
        ("listed", "most_to_keep", 1),
        ("not_paying", "keeps_less", None),
    ]


def test_the_urgent_come_first_on_the_list_and_the_others_keep_their_places(make_score, make_week):
    """Low risk and much money still takes a place, below what is urgent."""
    scores = [
        make_score("much", 900_00, risk_90d=0.02, risk_band="low"),
        make_score("urgent", 100_00, risk_90d=0.3, risk_band="high"),
        make_score("little", 50_00, risk_90d=0.3, risk_band="high"),
    ]
    (one,) = choose(scores, [M1], settings(), make_week())
    assert ids(one.listed) == ["urgent", "much"]


def test_what_came_up_after_a_contact_ends_the_cool_down(make_score, make_week):
    reached = date(2026, 11, 4)
    scores = [make_score(name, 100_00) for name in ("a", "b", "c")]
    week = replace(
        make_week(),
        reached=dict.fromkeys(("a", "b", "c"), reached),
        last_occasion={"a": date(2026, 11, 5), "b": reached},
    )
    (one,) = choose(scores, [M1], settings(), week)
    assert [each.decision for each in one.decisions] == ["listed", "cooled_down", "cooled_down"]


def test_a_manager_without_customers_or_time_has_an_empty_list(make_score, make_week):
    away, idle = Manager("M1", "", "B1", 0), Manager("M2", "", "B1", 5)
    lists = choose([make_score("a")], [away, idle], settings(), make_week())
    assert [one.listed for one in lists] == [(), ()]
    assert lists[0].decisions[0].decision == "beyond_capacity"


customers = st.lists(
    st.builds(
        Score,
        customer_id=st.integers(0, 10**6).map(str),
        branch_id=st.sampled_from(["B1", "B2", None]),
        manager_id=st.sampled_from(["M1", "M2", "M3", None]),
        tier=st.just("affluent"),
        lifecycle_stage=st.just("mature"),
        marketing_opt_out=st.booleans(),
        aum_minor=st.just(1),
        risk_90d=st.sampled_from([0.1, 0.5]),
        money_at_risk_minor=st.integers(0, 50),
        risk_band=st.sampled_from(["high", "low"]),
        reasons=st.just(()),
    ),
    unique_by=lambda score: score.customer_id,
    max_size=40,
)


@st.composite
def worlds(draw):
    """Scores, and what earlier weeks left behind about some of them."""
    scores = draw(customers)
    names = [score.customer_id for score in scores]
    some = st.sets(st.sampled_from(names)) if names else st.just(set())
    days = st.integers(1, 60).map(lambda days: MONDAY - timedelta(days=days))
    assignments = st.builds(Assignment, days, st.just(MONDAY + timedelta(weeks=3)), st.booleans())
    week = Week(
        MONDAY,
        14,
        Response(1.0),
        frozenset(draw(some)),
        {name: draw(days) for name in draw(some)},
        frozenset(draw(some)),
        {name: draw(assignments) for name in draw(some)},
        follow_up={name: draw(days) for name in draw(some)},
    )
    return scores, week


@given(worlds(), st.randoms(use_true_random=False), st.integers(0, 6), st.integers(1, 6), st.floats(0, 0.5))
def test_law_of_lists(world, random, capacity, default, share):
    scores, week = world
    managers = [Manager("M1", "a", "B1", capacity), Manager("M2", "b", "B2", 3)]
    lists = settings(default_capacity=default, control_group_share=share)
    chosen = choose(scores, managers, lists, week)
    entries = Counter(score.customer_id for one in chosen for score in one.listed)
    assert all(count == 1 for count in entries.values())
    assert Counter(d.customer_id for one in chosen for d in one.decisions) == Counter(ids(scores))
    for one, part in zip(chosen, portfolios(scores, [x.manager for x in chosen if x.manager]), strict=True):
        room = one.manager.weekly_capacity if one.manager else default
        codes = ("listed", "held_out", "cooled_down", "opted_out", "beyond_capacity")
        by_code = {code: set() for code in codes}
        for decision in one.decisions:
            by_code[decision.decision].add(decision.customer_id)
        barred = by_code["opted_out"] | by_code["cooled_down"] | by_code["held_out"]
        assert set(ids(one.listed)) == by_code["listed"]
        assert not by_code["listed"] & barred
        assert {x.customer_id for x in part.customers if x.marketing_opt_out} <= by_code["opted_out"]
        assert {x.customer_id for x in part.customers} & week.opted_out <= by_code["opted_out"]
        again = {d.customer_id: d for d in one.decisions if d.why == "follow_up"}
        assert (
            again.keys()
            == {x.customer_id for x in part.customers} & week.follow_up.keys() - by_code["opted_out"]
        )
        assert {d.rank for d in again.values()} == set(range(1, len(again) + 1))
        assert not any(d.assigned_on == MONDAY for d in again.values())  # no draw
        for name in by_code["listed"] - again.keys():
            assert week.reached.get(name, date.min) <= MONDAY - timedelta(weeks=4)
            assert name not in week.assignments or not week.assignments[name].control_group
        # Full: nobody who could have been listed is left off while there is room.
        assert len(one.listed) <= max(room, len(again))
        assert len(one.listed) >= room or not by_code["beyond_capacity"]
        ranks = sorted(decision.rank for decision in one.decisions if decision.rank)
        assert ranks == list(range(1, len(one.listed) + 1))
    shuffled = random.sample(scores, len(scores))
    shown = [(x.listed, x.decisions) for x in choose(shuffled, managers[::-1], lists, week)]
    assert shown == [(x.listed, x.decisions) for x in chosen]


@given(st.integers(1, 8), st.integers(9, 20), st.floats(0, 0.5), st.integers(1, 4), st.data())
def test_a_change_by_one_place_at_the_edge_does_not_flip_a_list(room, many, share, places, data):
    """The best customer left off comes to stand one place higher, and back: the list stays as it was."""
    money = data.draw(st.lists(st.integers(1, 10**6), min_size=many, max_size=many, unique=True))
    lists, manager = settings(control_group_share=share, stay_places=places), Manager("M1", "", "B1", room)
    before = _list_of(money, manager, lists, Week(MONDAY, 14, Response(1.0)))
    off = [name for name, decision in before.items() if decision.decision == "beyond_capacity"]
    listed = [name for name, decision in before.items() if decision.decision == "listed"]
    if not off or not listed:
        return
    last = min(listed, key=lambda name: money[int(name)])
    first_off = max(off, key=lambda name: money[int(name)])
    swapped = list(money)
    swapped[int(first_off)], swapped[int(last)] = money[int(last)], money[int(first_off)]
    selected = frozenset(name for name, one in before.items() if one.decision in ("listed", "held_out"))
    assignments = {
        name: Assignment(one.assigned_on, one.until, one.decision == "held_out")
        for name, one in before.items()
        if one.assigned_on
    }
    week = Week(MONDAY + timedelta(weeks=1), 14, Response(1.0), selected=selected, assignments=assignments)
    for amounts in (swapped, money):
        after = _list_of(amounts, manager, lists, week)
        assert {name for name, one in after.items() if one.decision == "listed"} == set(listed)
    assert _list_of(swapped, manager, lists, week)[first_off].why == "edge"


def _list_of(money, manager, lists, week):
    scores = [a_score(str(name), amount, reasons=(), risk_90d=0.0) for name, amount in enumerate(money)]
    (one,) = choose(scores, [manager], lists, week)
    return {decision.customer_id: decision for decision in one.decisions}


@pytest.mark.parametrize("places", [0, 1, 2])
def test_a_challenger_who_is_better_by_more_than_the_margin_gets_the_place(places):
    """Room for two, a and b listed; c was worth least and is now worth most: two places up, b falls one."""
    lists, manager = settings(stay_places=places), Manager("M1", "", "B1", 2)
    week = Week(MONDAY, 14, Response(1.0), selected=frozenset({"0", "1"}))
    after = _list_of([500, 400, 900], manager, lists, week)
    # With a margin of two, c (first) comes after b (third, counts as first, and was there before).
    assert after["2"].decision == ("beyond_capacity" if places == 2 else "listed")
    assert after["1"].why == ("stays" if places == 2 else "less_to_keep")


def test_a_manager_without_customers_has_an_empty_portfolio_and_orphans_one_per_branch(make_score):
    scores = [
        make_score("a"),
        make_score("b", manager_id=None),
        make_score("c", manager_id=None, branch_id="B2"),
    ]
    managers = [Manager("M2", "", "B1", 5), Manager("M1", "", "B1", 5)]
    found = [
        (one.branch_id, one.manager, [who.customer_id for who in one.customers])
        for one in portfolios(scores, managers)
    ]
    assert found == [
        ("B1", managers[1], ["a"]),
        ("B1", managers[0], []),
        ("B1", None, ["b"]),
        ("B2", None, ["c"]),
    ]


def test_customers_of_no_branch_come_last(make_score):
    parts = portfolios(
        [make_score("a", branch_id=None, manager_id=None), make_score("b", manager_id=None)], []
    )
    assert [one.branch_id for one in parts] == ["B1", None]


def test_a_manager_the_bank_did_not_deliver_stands_in_at_the_branch_of_most_of_the_customers(make_score):
    own = [make_score(f"c{k}", manager_id="M9", branch_id="B2" if k else "B1") for k in range(3)]
    lists = settings(default_capacity=7)
    assert complete_managers(own, [], lists) == [Manager("M9", "", "B2", 7)]
    by_share = settings(capacity_share=0.34)
    assert complete_managers(own, [], by_share) == [Manager("M9", "", "B2", 2)]


@pytest.mark.parametrize(("share", "listed"), [(0.0, 2), (0.28, 7), (0.29, 8), (1.0, 25)])
def test_a_list_without_a_manager_holds_a_share_of_its_customers(make_score, make_week, share, listed):
    """0.28 × 25 is a little more than 7 in floats; one common list of 25, of whom nobody is held out."""
    scores = [make_score(f"c{k:02}", branch_id=None, manager_id=None) for k in range(25)]
    lists = settings(default_capacity=2, capacity_share=share, control_group_share=0.0)
    (common,) = choose(scores, [], lists, make_week())
    assert (common.branch_id, common.manager, len(common.listed)) == (None, None, listed)


VALUED = st.fixed_dictionaries(
    {
        "money_at_risk_minor": st.integers(0, 100_000_00),
        "risk_band": st.sampled_from(["high", "medium", "low"]),
        "marketing_opt_out": st.booleans(),
    }
)
IN_ORDER = [{"money_at_risk_minor": money} for money in (400_00, 300_00, 200_00, 100_00)]


@example(customers=IN_ORDER, room=2, least=0, share=0.0, reached=set(), selected={3})
@given(
    customers=st.lists(VALUED, max_size=14),
    room=st.integers(0, 5),
    least=st.integers(0, 20_000_00),
    share=st.sampled_from([0.0, 0.3]),
    reached=st.sets(st.integers(0, 13)),
    selected=st.sets(st.integers(0, 13)),
)
def test_nobody_worth_more_is_off_a_list_without_a_reason(customers, room, least, share, reached, selected):
    """Every listed call pays. Whoever would keep more than the least listed one has a reason of the own."""
    scores = [a_score(f"c{place}", **changes) for place, changes in enumerate(customers)]
    week = Week(
        MONDAY,
        14,
        Response(0.3),
        reached={f"c{place}": MONDAY - timedelta(days=5) for place in reached},
        selected=frozenset(f"c{place}" for place in selected),
        least_value_minor=least,
    )
    lists = choose(scores, [replace(M1, weekly_capacity=room)], settings(control_group_share=share), week)
    for call_list in lists:
        decisions = call_list.decisions
        listed = [one.expected_value_minor for one in decisions if one.rank]
        assert all(value >= least for value in listed)
        for one in decisions:
            if not one.rank and one.expected_value_minor > min(listed, default=10**12):
                assert (one.decision, one.why) not in {
                    ("not_paying", "keeps_less"),
                    ("beyond_capacity", "less_to_keep"),
                }
                sentence = decision_in_words(published_run(), one, "en")
                assert sentence.startswith("Not listed: ")
                assert "keep more money" not in sentence


def test_a_declined_message_keeps_no_maturing_customer_off(make_score):
    """2.49 m fall due in two weeks, and a message was declined a month ago: only an answered call counts."""
    scores = [make_score("maturing", 249_000_000), make_score("other", 1_000_00)]
    (one,) = choose(scores, [M1], settings(), Week(MONDAY, 14, Response(0.3)))
    assert ids(one.listed)[0] == "maturing"
    answered = MONDAY - timedelta(weeks=1)
    talked = Week(MONDAY, 14, Response(0.3), reached={"maturing": answered})
    (one,) = choose(scores, [M1], settings(), talked)
    assert ids(one.listed) == ["other"]
    falls_due = replace(talked, last_occasion={"maturing": MONDAY - timedelta(days=1)})
    (one,) = choose(scores, [M1], settings(), falls_due)
    assert ids(one.listed)[0] == "maturing"
