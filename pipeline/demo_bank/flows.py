"""Ordinary money: salaries, cards, transfers, cash, interest, fees, seasons, and cash swept into products.

Money flows are sized by the customer's usual AUM (``anchor``) and pull the AUM back towards it.
"""

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import CLOSED, DRAINING, LOOKING, STAYING, Customers, States
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.ledger import CHANNEL, ELSEWHERE, MATURE_LANE, OTHER, YIELD_LANE, Ledger, round_to
from pipeline.demo_bank.market import (
    BOND,
    DATED_SLOTS,
    DEMAND,
    DOLLAR_TERM,
    DOLLARS,
    EQUITY,
    INVESTED_SLOTS,
    LOAN,
    TERM_WEEKS,
    WEALTH_LONG,
    WEALTH_SHORT,
    YEARLY_RATE,
    Season,
)

(
    SALARY, IN, SMALL_IN, CASH_IN, INTEREST, CARD, CARD_2, CARD_3, OUT, SMALL_OUT, CASH_OUT, FEE,
    LOAN_PAID, SPENDING, DETOUR_OUT, DETOUR_IN, RUSH_IN, RUSH_OUT, DOLLAR_IN, DOLLAR_OUT, DOLLAR_INTEREST,
    OPENING, TOP_UP,
) = range(23)  # fmt: skip

_IN_SHARES, _OUT_SHARES = (0.12, 0.13, 0.05, 0.40, 0.30), (0.10, 0.12, 0.04, 0.40, 0.34)
_BY_HAND = np.array([CHANNEL["counter"], CHANNEL["mobile"], CHANNEL["online"]])


class Flows:
    """One week's ordinary money. ``who`` are the customers alive, ``anchor`` the usual AUM on the Monday."""

    def __init__(
        self, customers: Customers, states: States, ledger: Ledger, draws: Draws, season: Season, monday: int
    ) -> None:
        self.customers, self.states, self.ledger, self.draws = customers, states, ledger, draws
        self.season, self.monday = season, monday
        self.who = np.flatnonzero(states.alive)
        self.anchor = states.anchor.copy()

    def _size(self, purpose: str, who: Ints, median: Floats | float, spread: float, step: int) -> Ints:
        cents = median * np.exp(spread * self.draws.normal(purpose, who))
        return np.maximum(round_to(cents, step), step).astype(np.int64)

    def _by_hand(self, purpose: str, who: Ints) -> Ints:
        return _BY_HAND[self.draws.one_of(purpose, who, (0.15, 0.70, 0.15))]

    def open_accounts(self, who: Ints) -> None:
        """The first money of customers who opened this week: it comes from another bank, some days later."""
        cents = round_to(self.customers.anchor[who], 100_00).astype(np.int64)
        self.ledger.book(
            OPENING, who, cents, "transfer_in", other="same_name_elsewhere", channel="counter", day=6
        )

    def mature(self) -> None:
        """Deposits and wealth products fall due: principal and yield onto the account, most bought again."""
        for slot in DATED_SLOTS:
            due = self._due(slot)
            day = self.ledger.matures[slot, due] - self.monday
            product = self.customers.product_of[slot, due]
            weeks = TERM_WEEKS[product]
            cents = self.ledger.redeem(MATURE_LANE + slot, slot, due, self.ledger.balance[slot, due], day)
            earned = np.rint(cents * YEARLY_RATE[product] * weeks / 52.0).astype(np.int64)
            self.ledger.book(YIELD_LANE + slot, due, earned, "interest", other="own", day=day)
            stays = (self.states.stage[due] == STAYING) & self.states.alive[due]
            again = stays & self.draws.chance(f"roll {slot}", due, p.ROLLOVER_CHANCE) & (cents > 0)
            matures = self.monday + day + 7 * weeks
            self.ledger.buy(slot, due[again], cents[again], matures[again], day[again])

    def _due(self, slot: int) -> Ints:
        ahead = self.ledger.matures[slot] - self.monday
        return np.flatnonzero((ahead >= 0) & (ahead < 7) & self.states.here)

    def money_in(self) -> None:
        """Salaries, transfers, cash, gifts, interest, and what comes back or rushes in."""
        after = self.season.after_new_year
        self._salaries()
        pull = self.anchor[self.who] / np.maximum(self.ledger.aum(self.who), 1.0)
        pull = np.clip(pull, 0.35, 3.0) ** 1.5 * (self.states.stage[self.who] < DRAINING)
        self._transfers(IN, "transfer_in", p.TRANSFER_RATE * pull, _IN_SHARES)
        self._small_transfers(SMALL_IN, "transfer_in", 2.0 if after else 1.0)
        self._cash(CASH_IN, "cash_in", p.CASH_RATE * (2.5 if after else 1.0))
        self._interest()
        self._come_back()
        if self.season.quarter_ends:
            self._rush_in()

    def money_out(self) -> None:
        """Cards, transfers, cash, fees, loans, large expenses, and what leaves for a while."""
        gifts = self.season.before_new_year
        pull = np.maximum(self.ledger.aum(self.who), 1.0) / np.maximum(self.anchor[self.who], 1.0)
        pull = np.where(self.states.stage[self.who] == LOOKING, 1.0, np.clip(pull, 0.35, 3.0) ** 1.5)
        self._cards(1.4 if gifts else 1.0)
        self._transfers(OUT, "transfer_out", p.TRANSFER_RATE * pull, _OUT_SHARES)
        self._small_transfers(SMALL_OUT, "transfer_out", 2.5 if gifts else 1.0)
        self._cash(CASH_OUT, "cash_out", p.CASH_RATE * (3.0 if gifts else 1.0))
        if self.season.quarter_ends:
            self._fees()
        else:
            self._rush_out()
        self._loans()
        self._large_expenses()
        self._dollars()

    def _salaries(self) -> None:
        weekday = self.season.weekday_of(self.customers.payday)
        who = self.who[(weekday >= 0)[self.who] & self.states.paid_salary[self.who]]
        bonus = np.where(self.season.before_new_year & self.draws.chance("bonus", who, 0.5), 2.2, 1.0)
        wobble = 1 + 0.04 * self.draws.normal("salary wobble", who) * self.draws.chance("varies", who, 0.3)
        cents = round_to(self.customers.salary[who] * bonus * wobble, 1_00).astype(np.int64)
        self.ledger.book(SALARY, who, cents, "salary", other="company", day=np.minimum(weekday[who], 4))

    def _transfers(self, lane: int, kind: str, chance: Floats, shares: tuple[float, ...]) -> None:
        who = self.draws.chosen(f"{kind} {lane}", self.who, chance)
        cents = self._size(f"size {lane}", who, self.anchor[who] * p.TRANSFER_SIZE, 0.7, 100_00)
        other = ELSEWHERE[self.draws.one_of(f"other {lane}", who, shares)]
        self._move(lane, who, cents, kind, other, self._by_hand(f"channel {lane}", who))

    def _small_transfers(self, lane: int, kind: str, boost: float) -> None:
        who = self.draws.chosen(f"small {lane}", self.who, p.SMALL_TRANSFER_RATE * boost)
        cents = self._size(f"small size {lane}", who, 1_500_00.0, 0.9, 100_00)
        self._move(lane, who, cents, kind, "person", self._by_hand(f"small channel {lane}", who))

    def _cash(self, lane: int, kind: str, chance: float) -> None:
        who = self.draws.chosen(f"cash {lane}", self.who, chance)
        cents = self._size(f"cash size {lane}", who, 1_000_00 + 0.002 * self.anchor[who], 0.6, 100_00)
        channel = np.where(cents > 20_000_00, CHANNEL["counter"], CHANNEL["atm"])
        self._move(lane, who, cents, kind, "none", channel)

    def _move(self, lane: int, who: Ints, cents: Ints, kind: str, other: str | Ints, channel: Ints) -> None:
        move = self.ledger.book if kind.endswith("_in") else self.ledger.pay
        move(lane, who, cents, kind, other=other, channel=channel)

    def _interest(self) -> None:
        day = self.season.interest_day
        if day is None:
            return
        who = np.flatnonzero(self.states.here & (self.states.status < CLOSED))
        for lane, slot in ((INTEREST, DEMAND), (DOLLAR_INTEREST, DOLLARS)):
            rate = YEARLY_RATE[self.customers.product_of[slot, who]]
            cents = np.rint(self.ledger.balance[slot, who] * rate / 4).astype(np.int64)
            self.ledger.book(lane, who, cents, "interest", day=day, dollars=slot == DOLLARS)

    def _cards(self, season: float) -> None:
        rate = self.customers.card_rate[self.who] * season
        for lane, share in ((CARD, 1.0), (CARD_2, 0.5), (CARD_3, 0.25)):
            who = self.draws.chosen(f"card {lane}", self.who, np.minimum(rate * share, 0.95))
            cents = self._size(f"card size {lane}", who, 180_00 + 0.0001 * self.anchor[who], 0.9, 1)
            self.ledger.pay(lane, who, cents, "card", other="company", channel="pos")

    def _fees(self) -> None:
        who = self.draws.chosen("fee", self.who, 0.3)
        self.ledger.pay(FEE, who, np.where(self.draws.chance("fee size", who, 0.7), 3_00, 10_00), "fee")

    def _loans(self) -> None:
        """The instalment of the month, all of it taken off what is owed."""
        owed, weekday = self.ledger.balance[LOAN], self.season.weekday_of(self.customers.payday + 2)
        who = self.who[(weekday >= 0)[self.who] & (owed[self.who] > 0)]
        wanted = np.minimum(owed[who], 0.002 * self.customers.anchor[who] + 2_000_00)
        owed[who] -= self.ledger.pay(LOAN_PAID, who, round_to(wanted, 1_00), "loan", day=weekday[who])

    def _large_expenses(self) -> None:
        """Houses and schools without leaving, and money that goes elsewhere for some weeks."""
        states = self.states
        calm = self.who[(states.stage[self.who] == STAYING) & (states.detour[self.who] == 0)]
        who = self.draws.chosen("spending", calm, p.SPENDING_RATE)
        wanted = self.ledger.aum(who) * self.draws.between("spending share", who, 0.10, 0.45)
        self._take_out(SPENDING, who, wanted, "company", "counter")
        who = np.setdiff1d(self.draws.chosen("detour", calm, p.DETOUR_RATE), who)
        wanted = self.ledger.aum(who) * self.draws.between("detour share", who, 0.20, 0.45)
        to_broker = self.draws.chance("detour to broker", who, 0.5)
        other = np.where(to_broker, OTHER["broker"], OTHER["same_name_elsewhere"])
        states.detour[who] = self._take_out(DETOUR_OUT, who, wanted, other, "mobile")
        states.detour_weeks[who] = 0

    def _take_out(self, lane: int, who: Ints, wanted: Floats, other: str | Ints, channel: str) -> Ints:
        """A large sum, products turned into cash for it; the usual AUM falls by the cents that went."""
        self.ledger.raise_cash(who, wanted)
        cents = round_to(wanted, 1_000_00)
        paid = self.ledger.pay(lane, who, cents, "transfer_out", other=other, channel=channel)
        self.states.anchor[who] -= paid
        return paid

    def _come_back(self) -> None:
        out = self.who[(self.states.detour[self.who] > 0) & (self.states.detour_weeks[self.who] >= 2)]
        back = self.draws.chosen("detour ends", out, p.DETOUR_RETURN_CHANCE)
        cents = self.states.detour[back]
        self.ledger.book(DETOUR_IN, back, cents, "transfer_in", other="same_name_elsewhere", channel="mobile")
        self.states.anchor[back] += cents
        self.states.detour[back] = 0

    def _rush_in(self) -> None:
        """Money for the quarter-end figures: it comes in the last days and flows back within weeks."""
        rush, stage = self.states.rush, self.states.stage
        # After large detours there may be nothing left to bring.
        able = (stage[self.who] == STAYING) & (rush[self.who] == 0) & (self.anchor[self.who] > 0)
        who = self.who[self.draws.chance("rush", self.who, p.RUSH_SHARE) & able]
        share = self.draws.between("rush size", who, 0.05, 0.15)
        rush[who] = round_to(self.anchor[who] * share, 1_000_00).astype(np.int64)
        self.ledger.book(
            RUSH_IN, who, rush[who], "transfer_in", other="same_name_elsewhere", channel="online"
        )

    def _rush_out(self) -> None:
        rush = self.states.rush
        held = self.who[rush[self.who] > 0]
        goes = self.draws.chosen("rush ends", held, 0.6)
        self.ledger.pay(
            RUSH_OUT, goes, rush[goes], "transfer_out", other="same_name_elsewhere", channel="online"
        )
        rush[goes] = 0

    def _dollars(self) -> None:
        """A little life on the dollar accounts; a matured dollar deposit simply runs on."""
        held = self.who[self.customers.has_dollars[self.who]]
        gets = self.draws.chosen("dollars in", held, 0.03)
        cents = self._size("dollars in size", gets, 2_000_00.0, 0.6, 100_00)
        self.ledger.book(DOLLAR_IN, gets, cents, "transfer_in", other="person", dollars=True)
        gives = self.draws.chosen("dollars out", held, 0.03)
        cents = self._size("dollars out size", gives, 2_000_00.0, 0.6, 100_00)
        self.ledger.pay(DOLLAR_OUT, gives, cents, "transfer_out", other="company", dollars=True)
        due = self._due(DOLLAR_TERM)
        self.ledger.matures[DOLLAR_TERM, due] += 7 * TERM_WEEKS[self.customers.product_of[DOLLAR_TERM, due]]

    def sweep(self) -> None:
        """Surplus cash into products; an empty account is filled from the liquid ones."""
        calm = self.who[self.states.stage[self.who] == STAYING]
        aum = self.ledger.aum(calm)
        cash = self.ledger.balance[DEMAND, calm]
        target = self.customers.cash_share[calm] * aum
        surplus = cash - target
        buys = (surplus > 0.04 * aum) & (surplus > 5_000_00)
        buys &= self.draws.chance("sweep", calm, p.SWEEP_CHANCE)
        self._invest(calm[buys], surplus[buys])
        needs = (cash < 0.3 * target) & self.draws.chance("top up", calm, 0.4)
        liquid = (BOND, EQUITY, WEALTH_SHORT, WEALTH_LONG)
        self.ledger.redeem_first(TOP_UP, liquid, calm[needs], target[needs].astype(np.int64))

    def take_offer(self) -> None:
        """Customers who lacked wealth products, and have none, buy one that is offered to them."""
        held = self.ledger.balance[[WEALTH_SHORT, WEALTH_LONG]][:, self.who].sum(axis=0) > 0
        calm = self.states.stage[self.who] == STAYING
        open_to = self.who[self.customers.lacks[self.who] & calm & ~held]
        buys = self.draws.chosen("takes the offer", open_to, p.GAP_OFFER_CHANCE)
        cents = round_to(p.GAP_OFFER_PART * self.ledger.balance[DEMAND, buys], 1_000_00).astype(np.int64)
        who, cents = buys[cents > 0], cents[cents > 0]
        day = self.draws.whole("offer day", who, 0, 5)
        weeks = TERM_WEEKS[self.customers.product_of[WEALTH_LONG, who]]
        self.ledger.buy(WEALTH_LONG, who, cents, self.monday + day + 7 * weeks, day)

    def _invest(self, who: Ints, surplus: Floats) -> None:
        levels = np.cumsum(self.customers.taste[:, who], axis=0)
        slot_of = (self.draws.uniform("which product", who) >= levels).sum(axis=0)
        part = self.draws.between("how much of it", who, 0.7, 1.0)
        cents = np.maximum(round_to(surplus * part, 1_000_00), 1_000_00).astype(np.int64)
        for slot in INVESTED_SLOTS:
            fits, dated = slot_of == slot, slot in DATED_SLOTS
            if dated:
                fits &= self.ledger.balance[slot, who] == 0
            chosen = who[fits]
            day = self.draws.whole(f"buy day {slot}", chosen, 0, 5)
            matures = (self.monday + day + 7 * TERM_WEEKS[self.customers.product_of[slot, chosen]]) * dated
            self.ledger.buy(slot, chosen, cents[fits], matures, day)
