"""Bookings and balances of four customers in cents, worked out by hand."""

from decimal import Decimal

import numpy as np

from pipeline.demo_bank.draws import Draws
from pipeline.demo_bank.ledger import Ledger, units_for, value_of
from pipeline.demo_bank.market import BOND, DEMAND, SLOTS, TERM_SHORT
from pipeline.demo_bank.raw_tables import Numbers, RawWeek

WHO = np.array([0, 1, 2, 3], dtype=np.int64)
PRICES = np.array([13_500, 10_800, 4_800_000], dtype=np.int64)  # 1.35, 1.08 and 480 yuan per unit


RAW = RawWeek(Numbers(["c0", "c1", "c2", "c3"]), Draws(7, 0), 0, 20_000, 20_006)


def booked(ledger: Ledger) -> dict[str, int]:
    """Signed cents of the week's bookings by customer, who has one at most."""
    rows = ledger.close_week(RAW).to_pylist()
    assert all(row["TXN_AMT"] > 0 for row in rows)
    return {row["CUST_NO"]: int(row["TXN_AMT"] * (100 if row["DC_FLAG"] == "C" else -100)) for row in rows}


def valued(ledger: Ledger) -> dict[str, Decimal]:
    return {row["CUST_NO"]: row["BAL_AMT"] for row in ledger.holdings(RAW, False, 20_006).to_pylist()}


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
    assert booked(ledger) == {"c0": -300, "c1": -100, "c3": -900}


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
    cents = ledger.redeem(90, BOND, WHO[:1], ledger.balance[BOND, :1].copy())
    assert cents.tolist() == [110_000]
    assert ledger.units[BOND, 0] == 0
    assert booked(ledger) == {"c0": 110_000}


def test_a_sold_fund_leaves_no_dust() -> None:
    ledger = ledger_with_cash([0, 0, 0, 0])
    # 0.9260 units at 1.08 yuan are 100 cents, which buy no more than 0.9259.
    ledger.units[BOND, 0] = 9_260
    ledger.balance[BOND, 0] = 100
    assert ledger.redeem(90, BOND, WHO[:1], np.array([100])).tolist() == [100]
    assert ledger.units[BOND, 0] == 0


def test_only_what_changed_is_valued() -> None:
    ledger = ledger_with_cash([1_000, 0, 0, 500])
    assert valued(ledger) == {"c0": Decimal("10.00"), "c3": Decimal("5.00")}
    ledger.pay(1, WHO, np.array([0.0, 0.0, 0.0, 500.0]), "card")
    assert valued(ledger) == {"c3": Decimal("0.00")}
