"""The bank's books: what is on each account and in each product, and the bookings of the week.

Balances are integer cents, (slot, customer). Every booking moves a demand account; a purchase or a
redemption moves the same cents into or out of a product slot, so the books always agree.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank.draws import Bools, Draws, Floats, Ints
from pipeline.demo_bank.products import DEMAND, DOLLAR_SLOTS, DOLLARS, LOAN, PRICED_SLOTS, SHELF, SLOTS

KINDS = (
    "salary", "transfer_in", "transfer_out", "card", "cash_in", "cash_out",
    "fee", "interest", "buy", "redeem", "loan", "other",
)  # fmt: skip
OTHERS = ("none", "own", "same_name_elsewhere", "other_bank", "broker", "company", "person")
CHANNELS = ("counter", "mobile", "online", "atm", "auto", "pos")
KIND = {name: place for place, name in enumerate(KINDS)}
OTHER = {name: place for place, name in enumerate(OTHERS)}
CHANNEL = {name: place for place, name in enumerate(CHANNELS)}

# Lanes number the bookings of a customer's week: at most one booking per customer, week and lane.
LANES = 128
REDEEM_LANE, MATURE_LANE, YIELD_LANE, BUY_LANE = 64, 80, 96, 112  # each plus the slot


@dataclass(frozen=True)
class Booked:
    """The bookings of a week, one entry per booking; ``day`` is 0 (Monday) to 6, ``amount`` signed cents."""

    customer: Ints
    lane: Ints
    amount: Ints
    kind: Ints
    other: Ints
    channel: Ints
    day: Ints
    dollars: Bools


@dataclass(frozen=True)
class Valued:
    """Holdings rows valued on one Sunday, one entry per customer and product whose balance changed."""

    customer: Ints
    product: Ints
    balance: Ints
    matures_on: Ints
    units: Ints
    unit_price: Ints


class Ledger:
    """Balances (cents), units (1/10000) and maturities (days since 1970, 0 = none), and the open week."""

    def __init__(self, product_of: Ints, draws: Draws, prices: Ints, dollar: float) -> None:
        count = product_of.shape[1]
        self.balance = np.zeros((SLOTS, count), dtype=np.int64)
        self.matures = np.zeros((SLOTS, count), dtype=np.int64)
        self.units = np.zeros((SLOTS, count), dtype=np.int64)
        self._product_of = product_of
        self._parts: list[Booked] = []
        self._seen = (self.balance.copy(), self.matures.copy(), self.units.copy())
        self.open_week(draws, prices, dollar)

    def open_week(self, draws: Draws, prices: Ints, dollar: float) -> None:
        """Start a week: today's fund prices and dollar rate, no bookings yet."""
        self._draws, self._prices, self._dollar = draws, prices, dollar
        self._parts = []
        for slot, series in PRICED_SLOTS.items():
            self.balance[slot] = value_of(self.units[slot], int(prices[series]))

    def aum(self, who: Ints | slice = slice(None)) -> Floats:
        """AUM in cents of the base currency: all slots except the loan."""
        total = self.balance[:LOAN, who].sum(axis=0).astype(np.float64)
        foreign = self.balance[list(DOLLAR_SLOTS)][:, who].sum(axis=0)
        in_base: Floats = total + foreign * (self._dollar - 1.0)
        return in_base

    def book(
        self, lane: int, who: Ints, cents: Ints, kind: str, *, other: str | Ints = "none",
        channel: str | Ints = "auto", day: int | Ints | None = None, dollars: bool = False,
    ) -> None:  # fmt: skip
        """Move the demand accounts of ``who`` by signed ``cents``; zero amounts are left out.

        ``who`` holds no customer twice. A day of the week is drawn where none is given.
        """
        size = len(who)
        if day is None:
            day = self._draws.whole(f"day {lane}", who, 0, 7)
        booked = Booked(
            customer=who,
            lane=np.full(size, lane, dtype=np.int64),
            amount=cents,
            kind=np.full(size, KIND[kind], dtype=np.int64),
            other=np.full(size, OTHER[other]) if isinstance(other, str) else other,
            channel=np.full(size, CHANNEL[channel]) if isinstance(channel, str) else channel,
            day=np.full(size, day, dtype=np.int64),
            dollars=np.full(size, dollars),
        )
        self._parts.append(_where(booked, cents != 0))
        self.balance[DOLLARS if dollars else DEMAND, who] += cents

    def pay(
        self, lane: int, who: Ints, wanted: Floats, kind: str, *, other: str | Ints = "none",
        channel: str | Ints = "auto", day: int | Ints | None = None,
    ) -> Ints:  # fmt: skip
        """Book an outflow of at most what lies on the demand account; yields the cents that went."""
        there = np.maximum(self.balance[DEMAND, who], 0)
        cents: Ints = np.minimum(np.rint(wanted).astype(np.int64), there)
        self.book(lane, who, -cents, kind, other=other, channel=channel, day=day)
        return cents

    def buy(self, slot: int, who: Ints, cents: Ints, matures: Ints, day: int | Ints | None = None) -> None:
        """From the demand account into a slot; priced slots get units at today's price."""
        self.book(BUY_LANE + slot, who, -cents, "buy", other="own", channel="mobile", day=day)
        if slot in PRICED_SLOTS:
            price = int(self._prices[PRICED_SLOTS[slot]])
            self.units[slot, who] += units_for(cents, price)
            self.balance[slot, who] = value_of(self.units[slot, who], price)
        else:
            self.balance[slot, who] += cents
            self.matures[slot, who] = matures

    def redeem(self, lane: int, slot: int, who: Ints, cents: Ints, day: int | Ints | None = None) -> Ints:
        """Out of a slot onto the demand account; yields the cents that came."""
        if slot in PRICED_SLOTS:
            price = int(self._prices[PRICED_SLOTS[slot]])
            whole = cents >= self.balance[slot, who]
            held = self.units[slot, who]
            sold = np.where(whole, held, np.minimum(units_for(cents, price), held))
            self.units[slot, who] = held - sold
            left = value_of(held - sold, price)
            cents = self.balance[slot, who] - left
            self.balance[slot, who] = left
        else:
            cents = np.minimum(cents, self.balance[slot, who])
            self.balance[slot, who] -= cents
            self.matures[slot, who] = np.where(self.balance[slot, who] > 0, self.matures[slot, who], 0)
        self.book(lane, who, cents, "redeem", other="own", channel="mobile", day=day)
        return cents

    def close_week(self) -> Booked:
        """All bookings of the week, in the order of lane and customer."""
        return Booked(*(np.concatenate([getattr(part, name) for part in self._parts]) for name in _FIELDS))

    def value(self, statement: bool) -> Valued:
        """Rows for every slot that changed since it was last valued; priced ones also for a ``statement``."""
        parts = [self._changed(slot, statement) for slot in range(SLOTS)]
        self._seen = (self.balance.copy(), self.matures.copy(), self.units.copy())
        slots = np.concatenate([np.full(len(part), slot) for slot, part in enumerate(parts)])
        who = np.concatenate(parts)
        prices = np.full(SLOTS, -1, dtype=np.int64)
        prices[list(PRICED_SLOTS)] = self._prices[list(PRICED_SLOTS.values())]
        return Valued(
            customer=who,
            product=self._product_of[slots, who],
            balance=self.balance[slots, who],
            matures_on=self.matures[slots, who],
            units=self.units[slots, who],
            unit_price=prices[slots],
        )

    def _changed(self, slot: int, statement: bool) -> Ints:
        balance, matures, units = self._seen
        if slot in PRICED_SLOTS:
            changed = (self.units[slot] != units[slot]) | (statement & (self.units[slot] > 0))
        else:
            changed = (self.balance[slot] != balance[slot]) | (self.matures[slot] != matures[slot])
        return np.flatnonzero(changed).astype(np.int64)


_FIELDS = tuple(Booked.__dataclass_fields__)


def _where(booked: Booked, keep: Bools) -> Booked:
    return booked if keep.all() else Booked(*(getattr(booked, name)[keep] for name in _FIELDS))


def value_of(units: Ints, price: int) -> Ints:
    """Cents for units (1/10000) at a price (1/10000 yuan), rounded half up."""
    return (units * price + 500_000) // 1_000_000


def units_for(cents: Ints, price: int) -> Ints:
    """Units (1/10000) that ``cents`` buy at a price (1/10000 yuan), rounded down."""
    return cents * 1_000_000 // price


def yield_of(cents: Ints, product: Ints, weeks: Ints) -> Ints:
    """Cents of interest on a deposit held to the end of its term."""
    rates = np.array([one.yearly_rate for one in SHELF])
    earned: Ints = np.rint(cents * rates[product] * weeks / 52.0).astype(np.int64)
    return earned
