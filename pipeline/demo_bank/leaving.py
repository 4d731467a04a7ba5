"""The ways in which customers leave: they look elsewhere, the money drains, and it mostly stays away."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import AWAY, CLOSED, DRAINING, LOOKING, STAYING, Customers, States
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.hazards import LIFE_EVENT, Pressure, share_gone
from pipeline.demo_bank.ledger import ELSEWHERE, REDEEM_LANE, Ledger, round_to
from pipeline.demo_bank.market import DEMAND, DOLLAR_TERM, DOLLARS, LIQUIDATION_ORDER
from pipeline.demo_bank.returning import come_back_chance, former, settled_elsewhere

TEST_LANE, DRAIN_LANE, SECOND_DRAIN_LANE, RETURN_LANE, CLOSE_LANE, CLOSE_DOLLAR_LANE = range(40, 46)
LOOKING_REDEEM_LANE, COME_BACK_LANE = 46, 47
# Where the money goes, by reason (rows follow hazards.REASONS, columns ledger.ELSEWHERE).
_DESTINATIONS = (
    (0.50, 0.25, 0.20, 0.03, 0.02),
    (0.60, 0.22, 0.18, 0.00, 0.00),
    (0.65, 0.25, 0.10, 0.00, 0.00),
    (0.45, 0.50, 0.05, 0.00, 0.00),
    (0.60, 0.35, 0.05, 0.00, 0.00),
    (0.80, 0.15, 0.05, 0.00, 0.00),
    (0.05, 0.10, 0.00, 0.60, 0.25),
)


@dataclass(frozen=True)
class Leaving:
    """One week's decisions, and the money of the customers who look, drain, return or close."""

    customers: Customers
    states: States
    ledger: Ledger
    draws: Draws

    def decide(self, who: Ints, pressure: Pressure, week: int) -> None:
        """The Monday's changes of stage, for living customers ``who``, in whose order ``pressure`` stands."""
        # As it was on the Monday: nobody changes twice in a week.
        stage = self.states.stage[who].copy()
        # After AWAY_WEEKS whoever did not close is a small customer who stays, and may come back later.
        settled = who[(stage == AWAY) & (self.states.away_weeks[who] > p.AWAY_WEEKS)]
        settled_elsewhere(self.states, settled)
        self.states.stage[settled] = STAYING
        self.states.gone[settled] = 0
        self._call_off(who)
        self._go_or_calm(who, week)
        self._start(who, stage, pressure)

    def _call_off(self, who: Ints) -> None:
        """A drain stops half-way, after its first week at the earliest; what is left stays."""
        under_way = who[(self.states.stage[who] == DRAINING) & (self.states.done[who] > 0)]
        stops = self.draws.chosen("drain stops", under_way, p.ABORT_CHANCE)
        self.states.stage[stops] = STAYING
        self.states.anchor[stops] = self.ledger.aum(stops)

    def _go_or_calm(self, who: Ints, week: int) -> None:
        """Customers who look since an earlier week go, or stay after all."""
        looking = who[self.states.stage[who] == LOOKING]
        called = self.states.called_until[looking] > week
        factor = np.array(p.CALL_FACTOR)[self.customers.call_type[self.states.cause[looking], looking]]
        place = self.draws.uniform("go or calm", looking)
        go = place < p.GO_CHANCE * np.where(called, factor, 1.0)
        self.states.stage[looking[place >= 1 - p.CALM_CHANCE]] = STAYING
        self._begin_drain(looking[go], p.DRAIN_WEEKS)
        stops = self.draws.chosen("looking salary", looking, p.LOOKING_SALARY_STOP_CHANCE)
        self.states.paid_salary[stops] = False

    def _start(self, who: Ints, stage: Ints, pressure: Pressure) -> None:
        """Stayers start to look, for one of the reasons; a few leave at once, for a life event."""
        place = self.draws.uniform("start to look", who)
        levels = np.cumsum(pressure.hazards(0, expected=False), axis=0)
        starts = (stage == STAYING) & (place < levels[-1])
        self.states.stage[who[starts]] = LOOKING
        self.states.cause[who[starts]] = (place[starts] >= levels[:, starts]).sum(axis=0)
        sudden = (stage == STAYING) & ~starts & self.draws.chance("life event", who, p.LIFE_EVENT_HAZARD)
        self.states.cause[who[sudden]] = LIFE_EVENT
        self._begin_drain(who[sudden], p.LIFE_EVENT_WEEKS)

    def _begin_drain(self, who: Ints, lengths: tuple[tuple[int, float], ...]) -> None:
        states, draws = self.states, self.draws
        choice = draws.one_of("drain length", who, tuple(share for _, share in lengths))
        states.stage[who] = DRAINING
        states.length[who] = np.array([weeks for weeks, _ in lengths])[choice]
        states.depth[who] = draws.between("drain depth", who, *p.DRAIN_DEPTH)
        states.done[who], states.gone[who], states.away_weeks[who], states.taken[who] = 0, 0, 0, 0
        states.start_aum[who] = self.ledger.aum(who)
        states.anchor[who] = states.start_aum[who] * (1 - states.depth[who])
        states.paid_salary[draws.chosen("salary follows", who, p.SALARY_FOLLOWS_CHANCE)] = False

    def move_money(self, week: int) -> Ints:
        """The week's money of those who look, drain, return or close; returns whose account was closed."""
        self._come_back(former(self.states), week)
        self._test_the_water(self._at(LOOKING))
        self._drain(self._at(DRAINING))
        away = self._at(AWAY)
        self._return(away[self.states.away_weeks[away] > 0])
        away = self._at(AWAY)
        return self._close(away[self.states.away_weeks[away] == p.AWAY_WEEKS])

    def _at(self, stage: int) -> Ints:
        return np.flatnonzero(self.states.alive & (self.states.stage == stage))

    def _destination(self, who: Ints, purpose: str) -> Ints:
        """Counterparty of money that leaves, by the customer's reason; the same in every week."""
        shares = np.cumsum(np.array(_DESTINATIONS), axis=1)[self.states.cause[who]]
        place = (self.draws.uniform(purpose, who)[:, None] >= shares).sum(axis=1)
        return ELSEWHERE[np.minimum(place, len(ELSEWHERE) - 1)]

    def _test_the_water(self, who: Ints) -> None:
        """Small transfers out, and one product turned into cash in some weeks."""
        redeems = self.draws.chosen("looking redeems", who, p.LOOKING_REDEEM_CHANCE)
        slots = LIQUIDATION_ORDER[:4]
        most = self.ledger.balance[list(slots)][:, redeems].sum(axis=0)
        self.ledger.redeem_first(LOOKING_REDEEM_LANE, slots, redeems, most)
        tests = self.draws.chosen("test transfer", who, p.TEST_TRANSFER_CHANCE)
        cents = self.ledger.aum(tests) * self.draws.between("test size", tests, 0.01, 0.05)
        self._send(TEST_LANE, tests, round_to(cents, 100_00), "test destination", "mobile")

    def _send(self, lane: int, who: Ints, cents: Floats, purpose: str, channel: str) -> Ints:
        """Money on its way elsewhere, as far as it is there; returns the cents that went."""
        return self.ledger.pay(
            lane, who, cents, "transfer_out", other=self._destination(who, purpose), channel=channel
        )

    def _drain(self, who: Ints) -> None:
        """One more week of the drain, in two transfers; the last week ends the stage."""
        states = self.states
        before = share_gone(states.depth[who], states.done[who], states.length[who])
        states.done[who] += 1
        after = share_gone(states.depth[who], states.done[who], states.length[who])
        # What ordinary money did meanwhile is made good: the drain aims at a level, not at a flow.
        aim = states.start_aum[who] * (1 - after)
        wanted = np.maximum(self.ledger.aum(who) - aim, states.start_aum[who] * (after - before) * 0.5)
        self.ledger.raise_cash(who, wanted)
        first = round_to(wanted * self.draws.between("first part", who, 0.5, 1.0), 100_00)
        sent = self._send(DRAIN_LANE, who, first, "drain destination", "mobile")
        rest = round_to(wanted - sent, 100)
        sent += self._send(SECOND_DRAIN_LANE, who, rest, "second destination", "counter")
        states.gone[who] += sent
        states.stage[who[states.done[who] >= states.length[who]]] = AWAY

    def _return(self, who: Ints) -> None:
        back = self.draws.chosen("returns", who, p.RETURN_CHANCE)
        self.ledger.book(
            RETURN_LANE,
            back,
            self.states.gone[back],
            "transfer_in",
            other="same_name_elsewhere",
            channel="online",
        )
        self.states.anchor[back] = self.states.start_aum[back]
        self.states.stage[back] = STAYING
        self.states.gone[back] = 0

    def _come_back(self, who: Ints, week: int) -> None:
        """Some who settled elsewhere bring most of it back; they live as before."""
        states, chance = self.states, come_back_chance(self.customers, self.states, who, week)
        back = self.draws.chosen("comes back", who, chance)
        part = self.draws.between("comes back with", back, *p.COME_BACK_PART)
        cents = round_to(states.taken[back] * part, 100_00).astype(np.int64)
        self.ledger.book(
            COME_BACK_LANE, back, cents, "transfer_in", other="same_name_elsewhere", channel="online"
        )
        states.anchor[back] += cents
        states.taken[back] = 0

    def _close(self, settled: Ints) -> Ints:
        """Some of the settled close: every product is redeemed and every account paid out."""
        ledger = self.ledger
        who = self.draws.chosen("closes", settled[~self.customers.has_loan[settled]], p.CLOSE_CHANCE)
        ledger.raise_cash(who, np.full(len(who), np.inf))
        deposit = ledger.balance[DOLLAR_TERM, who]
        ledger.balance[DOLLAR_TERM, who] = 0
        ledger.matures[DOLLAR_TERM, who] = 0
        ledger.book(REDEEM_LANE + DOLLAR_TERM, who, deposit, "redeem", other="own", day=4, dollars=True)
        other = self._destination(who, "close destination")
        for lane, slot in ((CLOSE_LANE, DEMAND), (CLOSE_DOLLAR_LANE, DOLLARS)):
            ledger.book(
                lane,
                who,
                -ledger.balance[slot, who],
                "transfer_out",
                other=other,
                channel="counter",
                day=4,
                dollars=slot == DOLLARS,
            )
        self.states.status[who] = CLOSED
        return who
