"""The bank's books: what is on each account and in each product, and the bookings of the week.

Balances are integer cents, (slot, customer). Every booking moves a demand account; a purchase or a
redemption moves the same cents into or out of a product slot, so the books always agree.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import Customers
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.market import (
    DATED_SLOTS,
    DEMAND,
    DOLLAR_SLOTS,
    DOLLAR_TERM,
    DOLLARS,
    INVESTED_SLOTS,
    LIQUIDATION_ORDER,
    LOAN,
    PRICED_SLOTS,
    SHELF,
    SLOTS,
    TERM_WEEKS,
    YEARLY_RATE,
)
from pipeline.demo_bank.raw_tables import DAY, RawWeek, codes, dates, decimals, moments

# The bank's own code of each kind, counterparty and channel; the last kind is one that nobody documented.
KIND_CODES = {
    "salary": "0101", "transfer_in": "0201", "transfer_out": "0202", "card": "0301", "cash_in": "0401",
    "cash_out": "0402", "fee": "0501", "interest": "0601", "buy": "0701", "redeem": "0702", "loan": "0801",
    "other": "0901", "unknown": "9999",
}  # fmt: skip
OTHER_CODES = {
    "none": "00", "own": "01", "same_name_elsewhere": "02", "other_bank": "03", "broker": "04",
    "company": "05", "person": "06",
}  # fmt: skip
CHANNEL_CODES = {"counter": "C", "mobile": "M", "online": "W", "atm": "A", "auto": "S", "pos": "P"}
KIND, OTHER, CHANNEL = (
    {name: place for place, name in enumerate(names)} for names in (KIND_CODES, OTHER_CODES, CHANNEL_CODES)
)
ELSEWHERE = np.array(
    [OTHER[name] for name in ("same_name_elsewhere", "other_bank", "broker", "company", "person")]
)
CURRENCY_CODES = ("156", "840")

# Lanes number the bookings of a customer's week; those of products begin here, each plus the slot.
REDEEM_LANE, MATURE_LANE, YIELD_LANE, BUY_LANE = 64, 80, 96, 112
SMALLEST_PIECE = 3_000_00  # cents; smaller ones stay on the demand account when the books are opened
_PAR = 1_000_000  # the price at which a unit of a slot without a price is one cent


class Ledger:
    """Balances (cents), units (1/10000) and maturities (days since 1970, 0 = none), and the open week.

    Every slot is bought and redeemed in units; those without a price have one of _PAR.
    """

    def __init__(self, product_of: Ints, draws: Draws, prices: Ints, dollar: float) -> None:
        self.balance, self.matures, self.units = np.zeros((3, *product_of.shape), dtype=np.int64)
        self._product_of = product_of
        self._valued = (self.balance.copy(), self.matures.copy(), self.units.copy())
        self.open_week(draws, prices, dollar)

    def open_week(self, draws: Draws, prices: Ints, dollar: float) -> None:
        """Start a week: today's fund prices and dollar rate, no bookings yet."""
        self._draws, self._dollar = draws, dollar
        self._bookings: list[dict[str, Ints]] = []
        self._prices = np.full(SLOTS, _PAR, dtype=np.int64)
        self._prices[PRICED_SLOTS] = prices
        self.balance[PRICED_SLOTS] = value_of(self.units[PRICED_SLOTS], prices[:, None])

    def aum(self, who: Ints | slice = slice(None)) -> Floats:
        """AUM in cents of the base currency: all slots except the loan."""
        total = self.balance[:LOAN, who].sum(axis=0).astype(np.float64)
        foreign = self.balance[list(DOLLAR_SLOTS)][:, who].sum(axis=0)
        return total + foreign * (self._dollar - 1.0)

    def book(
        self, lane: int, who: Ints, cents: Ints, kind: str, *, other: str | Ints = "none",
        channel: str | Ints = "auto", day: int | Ints | None = None, dollars: bool = False,
    ) -> None:  # fmt: skip
        """Move the demand accounts of ``who`` by signed ``cents``; zero amounts are left out.

        ``who`` holds no customer twice. ``day`` is 0 (Monday) to 6, drawn where none is given.
        """
        if day is None:
            day = self._draws.whole(f"day {lane}", who, 0, 7)
        booking: dict[str, Any] = {
            "customer": who,
            "lane": lane,
            "amount": cents,
            "kind": KIND[kind],
            "other": OTHER[other] if isinstance(other, str) else other,
            "channel": CHANNEL[channel] if isinstance(channel, str) else channel,
            "day": day,
            "dollars": int(dollars),
        }
        moved = cents != 0
        self._bookings.append(
            {name: np.broadcast_to(values, who.shape)[moved] for name, values in booking.items()}
        )
        self.balance[DOLLARS if dollars else DEMAND, who] += cents

    def pay(
        self, lane: int, who: Ints, wanted: Floats | Ints, kind: str, *, other: str | Ints = "none",
        channel: str | Ints = "auto", day: int | Ints | None = None, dollars: bool = False,
    ) -> Ints:  # fmt: skip
        """Book an outflow of at most what lies on the demand account; returns the cents that went."""
        available = np.maximum(self.balance[DOLLARS if dollars else DEMAND, who], 0)
        cents = np.minimum(np.rint(wanted).astype(np.int64), available)
        self.book(lane, who, -cents, kind, other=other, channel=channel, day=day, dollars=dollars)
        return cents

    def buy(self, slot: int, who: Ints, cents: Ints, matures: Ints, day: int | Ints | None = None) -> None:
        """From the demand account into a slot, at today's price."""
        self.book(BUY_LANE + slot, who, -cents, "buy", other="own", channel="mobile", day=day)
        self.units[slot, who] += units_for(cents, self._prices[slot])
        self.balance[slot, who] = value_of(self.units[slot, who], self._prices[slot])
        self.matures[slot, who] = matures

    def redeem(self, lane: int, slot: int, who: Ints, cents: Ints, day: int | Ints | None = None) -> Ints:
        """Out of a slot onto the demand account; returns its cents."""
        held, units, price = self.balance[slot, who], self.units[slot, who], self._prices[slot]
        self.units[slot, who] = np.where(cents >= held, 0, np.maximum(units - units_for(cents, price), 0))
        self.balance[slot, who] = value_of(self.units[slot, who], price)
        self.matures[slot, who] = np.where(held > cents, self.matures[slot, who], 0)
        cents = held - self.balance[slot, who]
        self.book(lane, who, cents, "redeem", other="own", channel="mobile", day=day)
        return cents

    def redeem_first(self, lane: int, slots: Sequence[int], who: Ints, cents: Ints) -> None:
        """Redeem up to ``cents`` per customer from the first of ``slots`` that holds anything."""
        first = (self.balance[list(slots)][:, who] > 0).argmax(axis=0)
        for place, slot in enumerate(slots):
            self.redeem(lane, slot, who[first == place], cents[first == place])

    def raise_cash(self, who: Ints, wanted: Floats) -> None:
        """Redeem products, the easiest first, until ``wanted`` cents lie on the account or all is sold."""
        for slot in LIQUIDATION_ORDER:
            lacking = wanted - self.balance[DEMAND, who]
            held = self.balance[slot, who]
            at = np.flatnonzero((lacking > 0) & (held > 0))
            # A few yuan more than needed, since units are sold in whole ten-thousandths.
            cents = np.minimum(held[at], lacking[at] * 1.02 + 10_000).astype(np.int64)
            cents = np.where(cents > 0.9 * held[at], held[at], cents)
            self.redeem(REDEEM_LANE + slot, slot, who[at], cents)

    def close_week(self, raw: RawWeek) -> pa.Table:
        """One row per booking, in order of time: the amount is unsigned, DC_FLAG says where it went."""
        columns = {
            name: np.concatenate([part[name] for part in self._bookings]) for name in self._bookings[0]
        }
        rows = columns["customer"] + (columns["lane"] << 32)
        columns["second"] = columns["day"] * DAY + raw.draws.whole("second", rows, 28_800, 79_200)
        order = np.argsort(columns["second"], kind="stable")
        booked = {name: values[order] for name, values in columns.items()}
        customer, amount, dollars = booked["customer"], booked["amount"], booked["dollars"]
        return pa.table(
            {
                "SERIAL_NO": raw.serials(booked["lane"], customer),
                "CUST_NO": raw.numbers.customer(customer),
                "ACCT_NO": raw.numbers.account(customer, dollars > 0),
                "TXN_TM": moments(raw.monday * DAY + booked["second"]),
                "TXN_AMT": decimals(np.abs(amount), 2),
                "DC_FLAG": codes(amount > 0, ("D", "C")),
                "CCY_CD": codes(dollars, CURRENCY_CODES),
                "TXN_CD": codes(booked["kind"], list(KIND_CODES.values())),
                "CHNL_CD": codes(booked["channel"], list(CHANNEL_CODES.values())),
                "OPP_TYP": codes(booked["other"], list(OTHER_CODES.values())),
                "LOAD_DT": raw.load_dates(
                    "booking", rows[order], raw.monday + booked["day"], p.NEXT_DAY_SHARE
                ),
            }
        )

    def holdings(self, raw: RawWeek, statement: bool, sunday: int) -> pa.Table:
        """One row per customer and slot that changed since it was last valued, valued on ``sunday``.

        With a ``statement`` also those with units. Known the same evening, seldom later.
        """
        balance, matures, units = self._valued
        changed = (self.balance != balance) | (self.matures != matures)
        # A price that moves is no change.
        changed[PRICED_SLOTS] = ((self.units != units) | (statement & (self.units > 0)))[PRICED_SLOTS]
        self._valued = (self.balance.copy(), self.matures.copy(), self.units.copy())
        slots, who = np.nonzero(changed)
        product, priced = self._product_of[slots, who], np.isin(slots, PRICED_SLOTS)
        dollars = np.array([item.currency_code == "840" for item in SHELF])[product]
        day = np.full(len(who), sunday, dtype=np.int64)
        return pa.table(
            {
                "CUST_NO": raw.numbers.customer(who),
                "PROD_CD": codes(product, [item.product_id for item in SHELF]),
                "VAL_DT": dates(day),
                "BAL_AMT": decimals(self.balance[slots, who], 2),
                "CCY_CD": codes(dollars, CURRENCY_CODES),
                "DUE_DT": dates(self.matures[slots, who]),
                "SHARES": decimals(self.units[slots, who], 4, priced),
                "NAV": decimals(self._prices[slots], 4, priced),
                "RATE_PCT": decimals(np.rint(YEARLY_RATE[product] * 1e6).astype(np.int64), 4, ~priced),
                "LOAD_DT": raw.load_dates("holding", who + (product << 32), day),
            }
        )

    def open_books(self, customers: Customers, first_day: int) -> None:
        """Fill the books as of the Sunday before the first week: usual AUM by taste, loans and dollars."""
        who = np.flatnonzero(customers.opened_week < 0)
        anchor, draws = customers.anchor[who], self._draws
        invested = anchor * (1 - customers.cash_share[who])
        self.balance[DEMAND, who] = np.rint(anchor).astype(np.int64)
        for slot in INVESTED_SLOTS:
            cents = round_to(invested * customers.taste[slot, who], 1_000_00).astype(np.int64)
            cents[cents < SMALLEST_PIECE] = 0
            self.units[slot, who] = units_for(cents, self._prices[slot])
            self.balance[slot, who] = value_of(self.units[slot, who], self._prices[slot])
            self.balance[DEMAND, who] -= self.balance[slot, who]
        owes = who[customers.has_loan[who]]
        owed = (customers.anchor[owes] * draws.between("owed", owes, 0.2, 0.9)).astype(np.int64)
        self.balance[LOAN, owes] = np.maximum(owed, 50_000_00)
        holds = who[customers.has_dollars[who]]
        dollars = customers.anchor[holds] * draws.between("dollar part", holds, 0.03, 0.12) / 7.15
        deposit = np.where(draws.chance("dollar deposit", holds, 0.5), dollars * 0.6, 0.0)
        self.balance[DOLLAR_TERM, holds] = round_to(deposit, 100_00).astype(np.int64)
        self.balance[DOLLARS, holds] = np.rint(dollars - deposit).astype(np.int64)
        # Terms began at any time before, so they end at any time within their length; on a working day.
        for slot in (*DATED_SLOTS, DOLLAR_TERM):
            holds = np.flatnonzero(self.balance[slot] > 0)
            weeks = TERM_WEEKS[self._product_of[slot, holds]]
            ahead = np.floor(draws.uniform(f"maturity {slot}", holds) * weeks).astype(np.int64)
            self.matures[slot, holds] = first_day + 7 * ahead + draws.whole(f"due day {slot}", holds, 0, 5)


def value_of(units: Ints, price: Ints | int) -> Ints:
    """Cents for units (1/10000) at a price (1/10000 yuan), rounded half up."""
    return (units * price + 500_000) // 1_000_000


def units_for(cents: Ints, price: int) -> Ints:
    """Units (1/10000) that ``cents`` buy at a price (1/10000 yuan), rounded down."""
    return cents * 1_000_000 // price


def round_to(cents: Floats, step: int) -> Floats:
    """Down to a multiple of ``step`` cents, as people write amounts."""
    return np.floor(cents / step) * step
