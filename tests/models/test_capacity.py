import numpy as np
import pytest
from empulse.metrics import empb_score, empc_score, mpc_score
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Profit
from models.capacity import (
    Teams,
    at_capacity,
    best_cut,
    break_even,
    expected_maximum,
    listed,
    profit_of,
)
from tests.matrices import rows


def teams(team: list[int], capacity: dict[int, int], barred: tuple[int, ...] = ()) -> Teams:
    may = np.array([place not in barred for place in range(len(team))])
    return Teams(np.array(team), np.array([capacity[one] for one in team]), may)


def test_each_team_has_a_list_to_its_own_capacity_on_each_monday():
    matrix = rows([0] * 12, mondays=2)
    by_team = teams([1, 1, 1, 2, 2, 2] * 2, {1: 1, 2: 2})
    worth = np.array([5.0, 4, 3, 9, 8, 7, 1, 2, 3, 1, 2, 3])
    assert np.flatnonzero(listed(matrix, by_team, worth)).tolist() == [0, 3, 4, 8, 10, 11]


def test_who_may_not_be_called_takes_nobodys_place():
    by_team = teams([1, 1, 1, 1], {1: 2}, barred=(0, 2))
    worth = np.array([4.0, 3, 2, 1])
    assert np.flatnonzero(listed(rows([0] * 4), by_team, worth)).tolist() == [1, 3]


def test_ties_go_to_the_second_worth_then_to_the_customer_and_unknown_worth_is_last():
    matrix, by_team = rows([0] * 5), teams([1] * 5, {1: 3})
    money = np.array([7.0, 7.0, 7.0, np.nan, 7.0])
    risk = np.array([0.1, 0.1, 0.3, 0.9, 0.1])
    assert np.flatnonzero(listed(matrix, by_team, money, risk)).tolist() == [0, 1, 2]
    assert np.flatnonzero(listed(matrix, teams([1] * 5, {1: 5}), money, risk)).tolist() == [0, 1, 2, 3, 4]


def test_two_mondays_worked_by_hand():
    # Monday 1: customers 0 and 3 leave with 50 and 150; 0 and 1 are called. Monday 2: only 2 leaves, 50; 2
    # is called.
    matrix = rows([1, 0, 0, 1, 0, 0, 1, 0], mondays=2, aum=[100.0, 100, 100, 300] + [100.0] * 4)
    found = at_capacity(matrix, np.array([1, 1, 0, 0, 0, 0, 1, 0], dtype=bool))
    assert found == pytest.approx(
        {
            "listed": 1.5,
            "recall": (1 / 2 + 1) / 2,
            "precision": (1 / 2 + 1) / 2,
            # Half of the first list against half of all: 1; everybody listed against a quarter of all: 4.
            "lift": (1 + 4) / 2,
            "aum_caught": (50 / 200 + 1) / 2,
        }
    )


def test_a_monday_without_leavers_or_without_a_list_is_left_out_of_the_shares():
    matrix = rows([1, 0, 0, 0, 1, 0], mondays=3)
    found = at_capacity(matrix, np.array([1, 0, 1, 0, 0, 0], dtype=bool))
    # Recall of Mondays 1 and 3, precision of 1 and 2, lift of 1 alone.
    assert found == pytest.approx(
        {"listed": 2 / 3, "recall": 0.5, "precision": 0.5, "lift": 2, "aum_caught": 0.5}
    )
    nobody = at_capacity(rows([0, 0]), np.zeros(2, dtype=bool))
    assert set(nobody.values()) == {0.0}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_law_a_list_is_never_longer_than_capacity_and_nobody_better_is_left_out(drawn):
    team, worth = [one[0] for one in drawn], np.array([float(one[1]) for one in drawn])
    barred = tuple(place for place, one in enumerate(drawn) if one[2])
    capacity = {0: 0, 1: 1, 2: 3, 3: 99}
    by_team = teams(team, capacity, barred)
    called = listed(rows([0] * len(drawn)), by_team, worth)
    for one, most in capacity.items():
        free = (by_team.team == one) & by_team.callable
        assert (called & free).sum() == min(most, free.sum())
        left = worth[free & ~called]
        if most and len(left):
            assert worth[free & called].min() >= left.max()
    assert not called[list(barred)].any()


TERMS = Profit(call_cost=100, success_rate=0.5, success_evidence=20, margin=0.01)


def test_five_calls_worked_by_hand():
    # Kept: half of what leaves; earned: a hundredth of it. 60,000 leaving is worth 300, a call costs 100.
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    lost = np.array([60_000.0, 0, 40_000, 0, 0])
    assert profit_of(np.array([1, 1, 0, 0, 0], dtype=bool), lost, TERMS) == pytest.approx(300 - 200)
    # After 0, 1, … 5 calls: 0, 200, 100, 200, 100, 0; of the two best the shorter list.
    assert best_cut(scores, lost, TERMS) == (1, pytest.approx(200))
    assert break_even(TERMS) == pytest.approx(20_000)


def test_equal_scores_are_called_together() -> None:
    together = best_cut(np.array([0.9, 0.9, 0.1]), np.array([0.0, 60_000, 0]), TERMS)
    assert together == (2, pytest.approx(100))


def test_where_no_call_pays_nobody_is_called() -> None:
    assert best_cut(np.array([0.9, 0.1]), np.array([10_000.0, 0]), TERMS) == (0, 0)
    assert expected_maximum(np.array([0.9, 0.1]), np.zeros(2), TERMS) == 0


def test_a_sure_rate_gives_the_best_cut_and_doubt_is_worth_more():
    """Who learns γ before cutting cannot do worse than who only knows its mean (Jensen)."""
    random = np.random.default_rng(3)
    scores = random.random(300)
    lost = np.where(random.random(300) < scores, random.uniform(1e4, 1e5, 300), 0)
    best = best_cut(scores, lost, TERMS)[1]
    sure = TERMS.model_copy(update={"success_evidence": 1e8})
    assert expected_maximum(scores, lost, sure) == pytest.approx(best, rel=1e-6)
    assert expected_maximum(scores, lost, TERMS) > best


@st.composite
def banks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores with ties, and what each customer has to lose."""
    rows = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(1, 9)), min_size=4))
    gone, score, aum = (np.array(one) for one in zip(*rows, strict=True))
    gone[:2] = True, False  # the oracle wants both outcomes
    return gone.astype(int), score / 20 + 0.1, aum * 20_000.0


@given(banks())
def test_oracle_money_of_each_customers_own(bank):
    gone, scores, aum = bank
    theirs = empb_score(
        gone, scores, clv=TERMS.margin * aum, alpha=10, beta=10, incentive_fraction=0, contact_cost=100
    )
    assert best_cut(scores, gone * aum, TERMS)[1] / len(gone) == pytest.approx(theirs, abs=1e-9)


@given(banks())
def test_oracle_one_value_for_all_with_the_rate_known_and_in_doubt(bank):
    gone, scores, _ = bank
    lost = gone * 50_000.0
    known = mpc_score(gone, scores, accept_rate=0.5, clv=500, incentive_cost=0, contact_cost=100)
    doubt = empc_score(gone, scores, alpha=10, beta=10, clv=500, incentive_cost=0, contact_cost=100)
    assert best_cut(scores, lost, TERMS)[1] / len(gone) == pytest.approx(known, abs=1e-9)
    assert expected_maximum(scores, lost, TERMS) / len(gone) == pytest.approx(doubt, abs=1e-9)


def test_the_shipped_terms_are_those_of_the_paper():
    from configs.bank_folder import load_settings

    terms = load_settings("demo").profit
    assert terms.success_rate * terms.success_evidence == pytest.approx(6)
    assert (1 - terms.success_rate) * terms.success_evidence == pytest.approx(14)
