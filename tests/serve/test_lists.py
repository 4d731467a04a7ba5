"""Lists by hand, and the law: full to capacity, nobody opted out or twice, nobody worth more left off."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from configs.published import Manager, Score
from configs.settings import Lists
from serve.lists import choose, portfolios, restore

LISTS = Lists(default_capacity=2, reasons=3)


def ids(listed):
    return [score.customer_id for score in listed]


def test_fills_to_capacity_by_money_at_risk_and_never_lists_the_opted_out(scores):
    managed, own = choose(scores, [Manager("M1", "张伟", "B1", 2)], LISTS)
    assert ids(managed.listed) == ["c4", "c1"]
    assert ids(own.listed) == ["c5"]
    assert own.manager is None
    assert own.branch_id == "B1"


def test_a_portfolio_counts_everybody_also_those_not_listed(scores):
    managed, _ = choose(scores, [Manager("M1", "张伟", "B1", 2)], LISTS)
    assert (managed.customers, managed.high_risk) == (4, 3)
    assert managed.money_at_risk_minor == 300_00 + 900_00 + 100_00 + 500_00


def test_ties_go_to_the_higher_risk_then_to_the_smaller_id(make_score):
    tied = [make_score("b"), make_score("a"), make_score("z", risk_90d=0.9)]
    (one,) = choose(tied, [Manager("M1", "", "B1", 9)], LISTS)
    assert ids(one.listed) == ["z", "a", "b"]


def test_a_low_band_customer_fills_room_that_is_left(make_score):
    (one,) = choose([make_score("a", risk_band="low")], [Manager("M1", "", "B1", 9)], LISTS)
    assert ids(one.listed) == ["a"]


def test_a_manager_the_bank_did_not_deliver_stands_in_with_the_default_capacity(make_score):
    own = [make_score(f"c{k}", manager_id="M9", branch_id="B2" if k else "B1") for k in range(3)]
    (one,) = choose(own, [], LISTS)
    assert one.manager == Manager("M9", "", "B2", 2)
    assert len(one.listed) == 2


def test_a_manager_without_customers_or_time_has_an_empty_list(make_score):
    away, idle = Manager("M1", "", "B1", 0), Manager("M2", "", "B1", 5)
    assert [one.listed for one in choose([make_score("a")], [away, idle], LISTS)] == [(), ()]


def test_customers_of_no_branch_come_last(make_score):
    lists = choose([make_score("a", branch_id=None, manager_id=None), make_score("b")], [], LISTS)
    assert [one.branch_id for one in lists] == ["B1", None]


def test_restore_gives_back_what_was_chosen(scores):
    managers = [Manager("M1", "张伟", "B1", 2)]
    chosen = choose(scores, managers, LISTS)
    ranks = {score.customer_id: rank for one in chosen for rank, score in enumerate(one.listed)}
    assert restore(portfolios(scores, managers), ranks) == chosen


world = st.lists(
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
        money_at_risk_minor=st.integers(0, 5),
        risk_band=st.sampled_from(["high", "low"]),
        reasons=st.just(()),
    ),
    unique_by=lambda score: score.customer_id,
    max_size=40,
)


@given(world, st.randoms(use_true_random=False), st.integers(0, 6), st.integers(1, 6))
def test_law_of_lists(scores, random, capacity, default):
    managers = [Manager("M1", "a", "B1", capacity), Manager("M2", "b", "B2", 3)]
    settings = Lists(default_capacity=default, reasons=3)
    chosen = choose(scores, managers, settings)
    entries = Counter(score.customer_id for one in chosen for score in one.listed)
    assert all(count == 1 for count in entries.values())
    assert sum(one.customers for one in chosen) == len(scores)
    for one, part in zip(chosen, portfolios(scores, [x.manager for x in chosen if x.manager]), strict=True):
        room = one.manager.weekly_capacity if one.manager else default
        eligible = [score for score in part.customers if not score.marketing_opt_out]
        assert len(one.listed) == min(room, len(eligible))
        assert set(one.listed) <= set(eligible)
        left_off = set(eligible) - set(one.listed)
        least = min((score.money_at_risk_minor for score in one.listed), default=None)
        assert least is None or all(score.money_at_risk_minor <= least for score in left_off)
    shuffled = random.sample(scores, len(scores))
    assert [one.listed for one in choose(shuffled, managers[::-1], settings)] == [
        one.listed for one in chosen
    ]
