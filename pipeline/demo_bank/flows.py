"""Ordinary money: salaries, cards, transfers, cash, interest, fees, seasons, and cash swept into products.

Money flows are sized by the customer's usual AUM (``anchor``) and pull the AUM back towards it.
"""

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import People
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.leaving import raise_cash, round_to
from pipeline.demo_bank.ledger import CHANNEL, MATURE_LANE, OTHER, YIELD_LANE, Ledger, yield_of
from pipeline.demo_bank.market import Season
from pipeline.demo_bank.products import (
    BOND,
    DATED_SLOTS,
    DEMAND,
    DOLLAR_TERM,
    DOLLARS,
    EQUITY,
    INVESTED_SLOTS,
    LOAN,
    SHELF,
    WEALTH_LONG,
    WEALTH_SHORT,
)
from pipeline.demo_bank.states import DRAINING, LOOKING, STAYING, Lives

(
    SALARY, IN, SMALL_IN, CASH_IN, INTEREST, CARD, CARD_2, CARD_3, OUT, SMALL_OUT, CASH_OUT, FEE,
    LOAN_PAID, SPENDING, DETOUR_OUT, DETOUR_IN, RUSH_IN, RUSH_OUT, DOLLAR_IN, DOLLAR_OUT, DOLLAR_INTEREST,
    OPENING, TOP_UP,
) = range(23)  # fmt: skip

_OTHERS = np.array(
    [OTHER[name] for name in ("same_name_elsewhere", "other_bank", "broker", "company", "person")]
)
_IN_SHARES, _OUT_SHARES = (0.12, 0.13, 0.05, 0.40, 0.30), (0.10, 0.12, 0.04, 0.40, 0.34)
_BY_HAND = np.array([CHANNEL["counter"], CHANNEL["mobile"], CHANNEL["online"]])


class Flows:
    """One week's ordinary money: who moves, and the calendar. ``who`` are the living customers."""

    def __init__(
        self, people: People, lives: Lives, ledger: Ledger, draws: Draws, season: Season, monday: int
    ) -> None:
        self.people, self.lives, self.ledger, self.draws = people, lives, ledger, draws
        self.season, self.monday = season, monday
        self.who: Ints = np.flatnonzero(lives.alive).astype(np.int64)
        self.anchor: Floats = lives.anchor[self.who]

    def _hit(self, purpose: str, chance: Floats | float) -> Ints:
        """Positions within ``who`` of those to whom it happens this week."""
        return np.flatnonzero(self.draws.chance(purpose, self.who, chance)).astype(np.int64)

    def _size(self, purpose: str, who: Ints, median: Floats, spread: float, step: int) -> Ints:
        cents = median * np.exp(spread * self.draws.normal(purpose, who))
        return np.maximum(round_to(cents, step), step).astype(np.int64)

    def _by_hand(self, purpose: str, who: Ints) -> Ints:
        return _BY_HAND[self.draws.one_of(purpose, who, (0.15, 0.70, 0.15))]

    def open_accounts(self, who: Ints) -> None:
        """The first money of customers who opened this week: it comes from another bank, some days later."""
        cents = round_to(self.people.anchor[who], 100_00).astype(np.int64)
        self.ledger.book(
            OPENING, who, cents, "transfer_in", other="same_name_elsewhere", channel="counter", day=6
        )

    def mature(self) -> None:
        """Deposits and wealth products fall due: principal and yield onto the account, most bought again."""
        for slot in DATED_SLOTS:
            ahead = self.ledger.matures[slot] - self.monday
            due = np.flatnonzero((ahead >= 0) & (ahead < 7) & self.lives.here).astype(np.int64)
            if len(due):
                self._mature_slot(slot, due)

    def _mature_slot(self, slot: int, due: Ints) -> None:
        day = self.ledger.matures[slot, due] - self.monday
        weeks = self.weeks_of_term(slot, due)
        product = self.people.product_of[slot, due]
        cents = self.ledger.redeem(MATURE_LANE + slot, slot, due, self.ledger.balance[slot, due].copy(), day)
        earned = yield_of(cents, product, weeks)
        self.ledger.book(YIELD_LANE + slot, due, earned, "interest", other="own", day=day)
        stays = (self.lives.stage[due] == STAYING) & self.lives.alive[due]
        again = stays & self.draws.chance(f"roll {slot}", due, p.ROLLOVER_CHANCE) & (cents > 0)
        matures = self.monday + day + 7 * weeks
        self.ledger.buy(slot, due[again], cents[again], matures[again], day[again])

    def weeks_of_term(self, slot: int, who: Ints) -> Ints:
        terms = np.array([product.weeks for product in SHELF], dtype=np.int64)
        weeks: Ints = terms[self.people.product_of[slot, who]]
        return weeks

    def money_in(self) -> None:
        """Salaries, transfers, cash, gifts, interest, and what comes back or rushes in."""
        self._salaries()
        pull = np.clip(self.anchor / np.maximum(self.ledger.aum(self.who), 1.0), 0.35, 3.0) ** 1.5
        pull *= self.lives.stage[self.who] < DRAINING
        self._transfers(IN, "transfer_in", p.TRANSFER_RATE * pull, p.TRANSFER_SIZE, _IN_SHARES)
        self._small_transfers(SMALL_IN, "transfer_in", 2.0 if self.season.after_new_year else 1.0)
        cash = p.CASH_RATE * (2.5 if self.season.after_new_year else 1.0)
        self._cash(CASH_IN, "cash_in", cash)
        self._interest()
        self._come_back()
        if self.season.quarter_ends:
            self._rush_in()

    def money_out(self) -> None:
        """Cards, transfers, cash, fees, loans, large expenses, and what leaves for a while."""
        pull = np.clip(np.maximum(self.ledger.aum(self.who), 1.0) / np.maximum(self.anchor, 1.0), 0.35, 3.0)
        pull = np.where(self.lives.stage[self.who] == LOOKING, 1.0, pull**1.5)
        self._cards()
        self._transfers(OUT, "transfer_out", p.TRANSFER_RATE * pull, p.TRANSFER_SIZE, _OUT_SHARES)
        self._small_transfers(SMALL_OUT, "transfer_out", 2.5 if self.season.before_new_year else 1.0)
        self._cash(CASH_OUT, "cash_out", p.CASH_RATE * (3.0 if self.season.before_new_year else 1.0))
        if self.season.quarter_ends:
            self._fees()
        else:
            self._rush_out()
        self._loans()
        self._large_expenses()
        self._dollars()

    def _salaries(self) -> None:
        day = self.season.weekday_of(self.people.payday[self.who])
        at = np.flatnonzero((day >= 0) & self.lives.paid_salary[self.who])
        who = self.who[at]
        bonus = np.where(self.season.before_new_year & self.draws.chance("bonus", who, 0.5), 2.2, 1.0)
        wobble = 1 + 0.04 * self.draws.normal("salary wobble", who) * self.draws.chance("varies", who, 0.3)
        cents = round_to(self.people.salary[who] * bonus * wobble, 1_00).astype(np.int64)
        self.ledger.book(SALARY, who, cents, "salary", other="company", day=np.minimum(day[at], 4))

    def _transfers(
        self, lane: int, kind: str, chance: Floats, size: float, shares: tuple[float, ...]
    ) -> None:
        at = self._hit(f"{kind} {lane}", chance)
        who = self.who[at]
        cents = self._size(f"size {lane}", who, self.anchor[at] * size, 0.7, 100_00)
        other = _OTHERS[self.draws.one_of(f"other {lane}", who, shares)]
        self._move(lane, who, cents, kind, other, self._by_hand(f"channel {lane}", who))

    def _small_transfers(self, lane: int, kind: str, boost: float) -> None:
        at = self._hit(f"small {lane}", p.SMALL_TRANSFER_RATE * boost)
        who = self.who[at]
        cents = self._size(f"small size {lane}", who, np.full(len(who), 1_500_00.0), 0.9, 100_00)
        other = np.full(len(who), OTHER["person"], dtype=np.int64)
        self._move(lane, who, cents, kind, other, self._by_hand(f"small channel {lane}", who))

    def _cash(self, lane: int, kind: str, chance: float) -> None:
        at = self._hit(f"cash {lane}", chance)
        who = self.who[at]
        cents = self._size(f"cash size {lane}", who, 1_000_00 + 0.002 * self.anchor[at], 0.6, 100_00)
        channel = np.where(cents > 20_000_00, CHANNEL["counter"], CHANNEL["atm"])
        self._move(lane, who, cents, kind, np.full(len(who), OTHER["none"]), channel)

    def _move(self, lane: int, who: Ints, cents: Ints, kind: str, other: Ints, channel: Ints) -> None:
        if kind.endswith("_in"):
            self.ledger.book(lane, who, cents, kind, other=other, channel=channel)
        else:
            self.ledger.pay(lane, who, cents.astype(np.float64), kind, other=other, channel=channel)

    def _interest(self) -> None:
        day = self.season.interest_day
        if day is None:
            return
        who = np.flatnonzero(self.lives.here & (self.lives.status < 3)).astype(np.int64)
        for lane, slot in ((INTEREST, DEMAND), (DOLLAR_INTEREST, DOLLARS)):
            rate = next(one.yearly_rate for one in SHELF if one.slot == slot)
            cents = np.rint(self.ledger.balance[slot, who] * rate / 4).astype(np.int64)
            self.ledger.book(lane, who, cents, "interest", day=day, dollars=slot == DOLLARS)

    def _cards(self) -> None:
        rate = self.people.card_rate[self.who] * (1.4 if self.season.before_new_year else 1.0)
        for lane, share in ((CARD, 1.0), (CARD_2, 0.5), (CARD_3, 0.25)):
            at = self._hit(f"card {lane}", np.minimum(rate * share, 0.95))
            who = self.who[at]
            median = 180_00 + 0.0001 * self.anchor[at]
            cents = self._size(f"card size {lane}", who, median, 0.9, 1).astype(np.float64)
            self.ledger.pay(lane, who, cents, "card", other="company", channel="pos")

    def _fees(self) -> None:
        at = self._hit("fee", 0.3)
        cents = np.where(self.draws.chance("fee size", self.who[at], 0.7), 3_00.0, 10_00.0)
        self.ledger.pay(FEE, self.who[at], cents, "fee")

    def _loans(self) -> None:
        """The instalment of the month, all of it taken off what is owed."""
        day = self.season.weekday_of(self.people.payday[self.who] + 2)
        at = np.flatnonzero((day >= 0) & (self.ledger.balance[LOAN, self.who] > 0))
        who = self.who[at]
        wanted = np.minimum(self.ledger.balance[LOAN, who], 0.002 * self.people.anchor[who] + 2_000_00)
        paid = self.ledger.pay(LOAN_PAID, who, round_to(wanted, 1_00), "loan", day=day[at])
        self.ledger.balance[LOAN, who] -= paid

    def _large_expenses(self) -> None:
        """Houses and schools without leaving, and money that goes elsewhere for some weeks."""
        calm = (self.lives.stage[self.who] == STAYING) & (self.lives.detour[self.who] == 0)
        spends = self.draws.chance("spending", self.who, p.SPENDING_RATE) & calm
        strays = self.draws.chance("detour", self.who, p.DETOUR_RATE) & calm & ~spends
        who = self.who[spends]
        wanted = self.ledger.aum(who) * self.draws.between("spending share", who, 0.10, 0.45)
        raise_cash(self.ledger, who, wanted)
        paid = self.ledger.pay(
            SPENDING, who, round_to(wanted, 1_000_00), "transfer_out", other="company", channel="counter"
        )
        self.lives.anchor[who] -= paid
        who = self.who[strays]
        wanted = self.ledger.aum(who) * self.draws.between("detour share", who, 0.20, 0.45)
        raise_cash(self.ledger, who, wanted)
        to_broker = self.draws.chance("detour to broker", who, 0.5)
        other = np.where(to_broker, OTHER["broker"], OTHER["same_name_elsewhere"])
        paid = self.ledger.pay(
            DETOUR_OUT, who, round_to(wanted, 1_000_00), "transfer_out", other=other, channel="mobile"
        )
        self.lives.detour[who], self.lives.detour_weeks[who] = paid, 0
        self.lives.anchor[who] -= paid

    def _come_back(self) -> None:
        out = self.who[(self.lives.detour[self.who] > 0) & (self.lives.detour_weeks[self.who] >= 2)]
        back = out[self.draws.chance("detour ends", out, p.DETOUR_RETURN_CHANCE)]
        cents = self.lives.detour[back]
        self.ledger.book(DETOUR_IN, back, cents, "transfer_in", other="same_name_elsewhere", channel="mobile")
        self.lives.anchor[back] += cents
        self.lives.detour[back] = 0

    def _rush_in(self) -> None:
        """Money for the quarter-end figures: it comes in the last days and flows back within weeks."""
        calm = (self.lives.stage[self.who] == STAYING) & (self.lives.rush[self.who] == 0)
        able = calm & (self.anchor > 0)  # after large detours there may be nothing left to bring
        at = np.flatnonzero(self.draws.chance("rush", self.who, p.RUSH_SHARE) & able)
        who = self.who[at]
        cents = round_to(self.anchor[at] * self.draws.between("rush size", who, 0.05, 0.15), 1_000_00)
        self.lives.rush[who] = cents.astype(np.int64)
        self.ledger.book(
            RUSH_IN, who, cents.astype(np.int64), "transfer_in", other="same_name_elsewhere", channel="online"
        )

    def _rush_out(self) -> None:
        there = self.who[self.lives.rush[self.who] > 0]
        goes = there[self.draws.chance("rush ends", there, 0.6)]
        wanted = self.lives.rush[goes].astype(np.float64)
        self.ledger.pay(RUSH_OUT, goes, wanted, "transfer_out", other="same_name_elsewhere", channel="online")
        self.lives.rush[goes] = 0

    def _dollars(self) -> None:
        """A little life on the dollar accounts; a matured dollar deposit simply runs on."""
        held = self.who[self.people.has_dollars[self.who]]
        gets = held[self.draws.chance("dollars in", held, 0.03)]
        cents = self._size("dollars in size", gets, np.full(len(gets), 2_000_00.0), 0.6, 100_00)
        self.ledger.book(DOLLAR_IN, gets, cents, "transfer_in", other="person", dollars=True)
        gives = held[self.draws.chance("dollars out", held, 0.03)]
        wanted = self._size("dollars out size", gives, np.full(len(gives), 2_000_00.0), 0.6, 100_00)
        cents = np.minimum(wanted, self.ledger.balance[DOLLARS, gives])
        self.ledger.book(DOLLAR_OUT, gives, -cents, "transfer_out", other="company", dollars=True)
        ahead = self.ledger.matures[DOLLAR_TERM] - self.monday
        due = np.flatnonzero((ahead >= 0) & (ahead < 7) & self.lives.here)
        self.ledger.matures[DOLLAR_TERM, due] += 7 * self.weeks_of_term(DOLLAR_TERM, due)

    def sweep(self) -> None:
        """Surplus cash into products; an empty account is filled from the liquid ones."""
        calm = self.who[self.lives.stage[self.who] == STAYING]
        aum = self.ledger.aum(calm)
        cash = self.ledger.balance[DEMAND, calm].astype(np.float64)
        target = self.people.cash_share[calm] * aum
        surplus = cash - target
        buys = (surplus > 0.04 * aum) & (surplus > 5_000_00)
        buys &= self.draws.chance("sweep", calm, p.SWEEP_CHANCE)
        self._invest(calm[buys], surplus[buys])
        needs = (cash < 0.3 * target) & self.draws.chance("top up", calm, 0.4)
        self._top_up(calm[needs], target[needs])

    def _invest(self, who: Ints, surplus: Floats) -> None:
        levels = np.cumsum(self.people.taste[:, who], axis=0)
        slot_of = (self.draws.uniform("which product", who) >= levels).sum(axis=0)
        part = self.draws.between("how much of it", who, 0.7, 1.0)
        cents = np.maximum(round_to(surplus * part, 1_000_00), 1_000_00).astype(np.int64)
        for slot in INVESTED_SLOTS:
            fits = slot_of == slot
            if slot in DATED_SLOTS:
                fits &= self.ledger.balance[slot, who] == 0
            chosen = who[fits]
            day = self.draws.whole(f"buy day {slot}", chosen, 0, 5)
            matures = np.zeros(len(chosen), dtype=np.int64)
            if slot in DATED_SLOTS:
                matures = self.monday + day + 7 * self.weeks_of_term(slot, chosen)
            self.ledger.buy(slot, chosen, cents[fits], matures, day)

    def _top_up(self, who: Ints, target: Floats) -> None:
        slots = np.array((BOND, EQUITY, WEALTH_SHORT, WEALTH_LONG))
        first = (self.ledger.balance[slots][:, who] > 0).argmax(axis=0)
        for place, slot in enumerate(slots):
            chosen = first == place
            self.ledger.redeem(TOP_UP, int(slot), who[chosen], target[chosen].astype(np.int64))
