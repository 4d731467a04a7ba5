import numpy as np

from pipeline.demo_bank.draws import Draws
from pipeline.demo_bank.ledger import Ledger, units_for, value_of
from pipeline.demo_bank.products import BOND, DEMAND, SLOTS, TERM_SHORT

WHO = np.array([0, 1, 2, 3], dtype=np.int64)
PRICES = np.array([13_500, 10_800, 4_800_000], dtype=np.int64)  # 1.35, 1.08 and 480 yuan per unit


def ledger_with_cash(cents: list[int]) -> Ledger:
    ledger = Ledger(np.zeros((SLOTS, 4), dtype=np.int64), Draws(7, 0), PRICES, 7.0)
    ledger.balance[DEMAND] = cents
    return ledger


def test_pay_takes_no_more_than_there_is() -> None:
    ledger = ledger_with_cash([500, 100, 0, 900])
    paid = ledger.pay(1, WHO, np.array([300.0, 300.0, 300.0, 900.0]), "card")
    assert paid.tolist() == [300, 100, 0, 900]
    assert ledger.balance[DEMAND].tolist() == [200, 0, 0, 0]
    # Nothing to pay is no booking.
    assert ledger.close_week().amount.tolist() == [-300, -100, -900]


def test_a_term_deposit_moves_cents_and_no_more() -> None:
    ledger = ledger_with_cash([1_000, 1_000, 1_000, 1_000])
    ledger.buy(TERM_SHORT, WHO[:2], np.array([400, 1_000]), np.array([20_000, 20_007]))
    assert ledger.balance[DEMAND].tolist() == [600, 0, 1_000, 1_000]
    assert ledger.balance[TERM_SHORT].tolist() == [400, 1_000, 0, 0]
    ledger.redeem(90, TERM_SHORT, WHO[:2], np.array([100, 5_000]))
    assert ledger.balance[DEMAND].tolist() == [700, 1_000, 1_000, 1_000]
    assert ledger.matures[TERM_SHORT].tolist() == [20_000, 0, 0, 0]


def test_units_times_price_is_the_value() -> None:
    # 1,080 yuan at 1.08 yuan are 1,000 units; at 1.10 they are worth 1,100 yuan.
    units = units_for(np.array([108_000]), 10_800)
    assert units.tolist() == [10_000_000]
    assert value_of(units, 11_000).tolist() == [110_000]


def test_a_sold_fund_leaves_nothing_and_price_changes_are_no_bookings() -> None:
    ledger = ledger_with_cash([200_000, 0, 0, 0])
    ledger.buy(BOND, WHO[:1], np.array([108_000]), np.array([0]))
    ledger.open_week(Draws(7, 1), np.array([13_500, 11_000, 4_800_000]), 7.0)
    assert ledger.aum(WHO).tolist() == [92_000 + 110_000, 0, 0, 0]
    came = ledger.redeem(90, BOND, WHO[:1], ledger.balance[BOND, :1].copy())
    assert came.tolist() == [110_000]
    assert ledger.units[BOND, 0] == 0
    assert ledger.close_week().amount.tolist() == [110_000]


def test_only_what_changed_is_valued() -> None:
    ledger = ledger_with_cash([1_000, 0, 0, 500])
    assert ledger.value(statement=False).customer.tolist() == [0, 3]
    ledger.pay(1, WHO, np.array([0.0, 0.0, 0.0, 500.0]), "card")
    gone = ledger.value(statement=False)
    assert gone.customer.tolist() == [3]
    assert gone.balance.tolist() == [0]
