"""What the quiet life says that calls keep, beside a bank that lives those calls."""

import copy

import numpy as np
import pytest

from benchmarks.calls_lives import LAST, columns, truth
from benchmarks.worlds import MARKET, World
from pipeline.demo_bank import Bank
from pipeline.demo_bank import parameters as p

CUSTOMERS, BEFORE, CALLED, AFTER = 2_500, 30, 26, 14  # weeks
A_WEEK, QUIET_WEEKS = 24, 5


@pytest.mark.long
def test_what_calls_keep_by_the_quiet_life_is_what_they_keep_in_a_life_with_calls():
    """Whom a call helps most is called, 24 a week.

    By the truth of the quiet life, by that of the life with calls, and in the bank at its end.
    """
    kept = np.array([_kept(seed) for seed in range(20, 24)]).sum(axis=0)
    assert kept[0] == pytest.approx(kept[1], rel=0.15)
    assert kept[0] == pytest.approx(kept[2], rel=0.25)


def _kept(seed: int) -> tuple[float, float, float]:
    called = Bank(CUSTOMERS, BEFORE + CALLED + AFTER, seed, LAST, MARKET)
    for _ in range(BEFORE):
        called.advance()
    quiet = copy.deepcopy(called)
    nobody = np.zeros(CUSTOMERS, bool)
    works_until, free_from = np.full(CUSTOMERS, -1), np.zeros(CUSTOMERS)
    by_quiet = by_called = 0.0
    for week in range(CALLED):
        gain = _gains(quiet, works_until - week, nobody)
        allowed = np.where(free_from <= week, gain, 0.0)
        who = np.argsort(-allowed)[:A_WEEK]
        who = who[allowed[who] > 0]
        by_quiet += gain[who].sum()
        by_called += _gains(called, called.states.called_until - called.week, nobody)[who].sum()
        called.advance([called.customers.customer_ids[place] for place in who])
        quiet.advance()
        answered = who[called.states.called_until[who] == called.week - 1 + p.CALL_WEEKS]
        free_from[answered], works_until[answered] = week + QUIET_WEEKS, week + p.CALL_WEEKS
    for _ in range(AFTER):
        called.advance()
        quiet.advance()
    return by_quiet, by_called, (called.ledger.aum().sum() - quiet.ledger.aum().sum()) / 100


def _gains(bank: Bank, left: np.ndarray, nobody: np.ndarray) -> np.ndarray:
    """What a call to each customer of the bank is expected to keep, 0 outside of the AUM band."""
    rows = truth(World(1, "quiet", 1, bank), nobody)
    late, place = rows[columns("late")].to_numpy(np.float64), rows["place"].to_numpy()
    now = late[np.arange(len(rows)), np.clip(left[place], 0, p.CALL_WEEKS)]
    gains = np.zeros(CUSTOMERS)
    gains[place] = p.ANSWER_CHANCE * (now - late[:, -1]) * rows["money"].to_numpy()
    return gains
