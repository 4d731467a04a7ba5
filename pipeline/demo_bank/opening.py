"""What customers hold on the Sunday before the first week."""

import numpy as np

from pipeline.demo_bank.customers import People, weeks_of_term
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.ledger import Ledger, units_for, value_of
from pipeline.demo_bank.products import (
    DATED_SLOTS,
    DEMAND,
    DOLLAR_TERM,
    DOLLARS,
    INVESTED_SLOTS,
    LOAN,
    PRICED_SLOTS,
)

_SMALLEST = 3_000_00  # cents; smaller pieces stay on the demand account


def fill(people: People, ledger: Ledger, draws: Draws, prices: Ints, first_day: int) -> None:
    """Spread the usual AUM of everybody who is here over cash and products, by taste."""
    who = np.flatnonzero(people.opened_week < 0).astype(np.int64)
    anchor = people.anchor[who]
    invested = anchor * (1 - people.cash_share[who])
    ledger.balance[DEMAND, who] = np.rint(anchor).astype(np.int64)
    for slot in INVESTED_SLOTS:
        cents = (np.floor(invested * people.taste[slot, who] / 1_000_00) * 1_000_00).astype(np.int64)
        cents[cents < _SMALLEST] = 0
        _place(ledger, slot, who, cents, prices)
    _lend_and_exchange(people, ledger, draws, who, anchor)
    _set_maturities(people, ledger, draws, first_day)


def _place(ledger: Ledger, slot: int, who: Ints, cents: Ints, prices: Ints) -> None:
    if slot in PRICED_SLOTS:
        price = int(prices[PRICED_SLOTS[slot]])
        ledger.units[slot, who] = units_for(cents, price)
        cents = value_of(ledger.units[slot, who], price)
    ledger.balance[slot, who] = cents
    ledger.balance[DEMAND, who] -= cents


def _set_maturities(people: People, ledger: Ledger, draws: Draws, first_day: int) -> None:
    """Terms began at any time before, so they end at any time within their length; on a working day."""
    weeks = weeks_of_term(people.product_of)
    for slot in (*DATED_SLOTS, DOLLAR_TERM):
        who = np.flatnonzero(ledger.balance[slot] > 0).astype(np.int64)
        ahead = np.floor(draws.uniform(f"maturity {slot}", who) * weeks[slot, who]).astype(np.int64)
        ledger.matures[slot, who] = first_day + 7 * ahead + draws.whole(f"due day {slot}", who, 0, 5)


def _lend_and_exchange(people: People, ledger: Ledger, draws: Draws, who: Ints, anchor: Floats) -> None:
    """Home loans, and the dollar accounts of those who have one (in US cents)."""
    owes = who[people.has_loan[who]]
    owed = (people.anchor[owes] * draws.between("owed", owes, 0.2, 0.9)).astype(np.int64)
    ledger.balance[LOAN, owes] = np.maximum(owed, 50_000_00)
    held = people.has_dollars[who]
    dollars = anchor[held] * draws.between("dollar part", who[held], 0.03, 0.12) / 7.15
    deposit = np.where(draws.chance("dollar deposit", who[held], 0.5), dollars * 0.6, 0.0)
    ledger.balance[DOLLAR_TERM, who[held]] = (np.floor(deposit / 100_00) * 100_00).astype(np.int64)
    ledger.balance[DOLLARS, who[held]] = np.rint(dollars - deposit).astype(np.int64)
