import numpy as np
import pytest
from empulse.metrics import empb_score, empc_score, mpc_score
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Profit
from models.profit import best_cut, break_even, expected_maximum, profit_of

TERMS = Profit(call_cost=100, success_rate=0.5, success_evidence=20, margin=0.01)


def test_five_calls_worked_by_hand() -> None:
    # Kept: half of what leaves; earned: a hundredth of it. 60,000 leaving is worth 300, a call costs 100.
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    lost = np.array([60_000.0, 0, 40_000, 0, 0])
    assert profit_of(np.array([1, 1, 0, 0, 0], dtype=bool), lost, TERMS) == pytest.approx(300 - 200)
    # After 0, 1, … 5 calls: 0, 200, 100, 200, 100, 0; of the two best the shorter list.
    cut = best_cut(scores, lost, TERMS)
    assert (cut.calls, cut.threshold, cut.profit) == (1, 0.9, pytest.approx(200))
    assert break_even(TERMS) == pytest.approx(20_000)


def test_equal_scores_are_called_together() -> None:
    cut = best_cut(np.array([0.9, 0.9, 0.1]), np.array([0.0, 60_000, 0]), TERMS)
    assert (cut.calls, cut.profit) == (2, pytest.approx(100))


def test_where_no_call_pays_nobody_is_called() -> None:
    cut = best_cut(np.array([0.9, 0.1]), np.array([10_000.0, 0]), TERMS)
    assert (cut.calls, cut.threshold, cut.profit) == (0, np.inf, 0)
    assert expected_maximum(np.array([0.9, 0.1]), np.zeros(2), TERMS) == 0


def test_a_sure_rate_gives_the_best_cut_and_doubt_is_worth_more() -> None:
    """Who learns γ before cutting cannot do worse than who only knows its mean (Jensen)."""
    random = np.random.default_rng(3)
    scores = random.random(300)
    lost = np.where(random.random(300) < scores, random.uniform(1e4, 1e5, 300), 0)
    best = best_cut(scores, lost, TERMS).profit
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
def test_oracle_money_of_each_customers_own(bank: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    gone, scores, aum = bank
    theirs = empb_score(
        gone, scores, clv=TERMS.margin * aum, alpha=10, beta=10, incentive_fraction=0, contact_cost=100
    )
    assert best_cut(scores, gone * aum, TERMS).profit / len(gone) == pytest.approx(theirs, abs=1e-9)


@given(banks())
def test_oracle_one_value_for_all_with_the_rate_known_and_in_doubt(
    bank: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    gone, scores, _ = bank
    lost = gone * 50_000.0
    known = mpc_score(gone, scores, accept_rate=0.5, clv=500, incentive_cost=0, contact_cost=100)
    doubt = empc_score(gone, scores, alpha=10, beta=10, clv=500, incentive_cost=0, contact_cost=100)
    assert best_cut(scores, lost, TERMS).profit / len(gone) == pytest.approx(known, abs=1e-9)
    assert expected_maximum(scores, lost, TERMS) / len(gone) == pytest.approx(doubt, abs=1e-9)


def test_the_shipped_terms_are_those_of_the_paper() -> None:
    from configs.bank_folder import load_settings

    terms = load_settings("demo").profit
    assert terms.success_rate * terms.success_evidence == pytest.approx(6)
    assert (1 - terms.success_rate) * terms.success_evidence == pytest.approx(14)
