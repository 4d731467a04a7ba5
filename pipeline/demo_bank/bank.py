"""The made-up bank: it lives one week at a time and hands out what its systems recorded.

A call changes only the customer who was called: every draw belongs to one customer, week and purpose.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from configs.dates import monday as check_monday
from configs.errors import ConfigError, DataError
from features.engine.entities import EPOCH, day_number
from pipeline.demo_bank import contacts, hazards
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import CLOSED, Customers, States, customer_rows
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.flows import Flows
from pipeline.demo_bank.hazards import BASE_WEEKS, History, Pressure, Truth, Window, truth_of
from pipeline.demo_bank.households import Households
from pipeline.demo_bank.leaving import Leaving
from pipeline.demo_bank.ledger import Ledger
from pipeline.demo_bank.managers import NOBODY, Managers
from pipeline.demo_bank.market import RATE_SLOTS, Market, Season
from pipeline.demo_bank.noise import spoil
from pipeline.demo_bank.offers import closes_gap_from, offers
from pipeline.demo_bank.raw_tables import Numbers, RawWeek, dates
from pipeline.demo_bank.returning import returns_truth
from pipeline.demo_bank.surveys import surveys


@dataclass(frozen=True)
class Week:
    """The records of the seven days from ``monday``: raw tables by name of the contract."""

    monday: date
    tables: dict[str, pa.Table]


class Bank:
    """A bank of ``customers`` over ``weeks`` weeks that end right before ``last_monday``.

    Banks of one country share the market of ``market_seed``, by default the bank's own.
    """

    def __init__(
        self, customers: int, weeks: int, seed: int, last_monday: date, market_seed: int | None = None
    ) -> None:
        self.weeks, self.week, self._seed = weeks, 0, seed
        self._last_day = day_number(check_monday(last_monday)) - 1
        self._first_day = self._last_day + 1 - 7 * weeks
        self.market = Market(weeks, seed if market_seed is None else market_seed)
        self.customers = Customers(customers, weeks, self._first_day, seed)
        self.states = States(self.customers, Draws(seed, -1))
        self.managers = Managers(self.customers, seed)
        self.households = Households(self.customers, self.managers.portfolio_of, seed)
        self.ledger = Ledger(
            self.customers.product_of, Draws(seed, -1), self.market.prices[0], self.market.dollar[0]
        )
        self.ledger.open_books(self.customers, self._first_day)
        self._history = History(self.ledger.aum())
        self._numbers = Numbers(self.customers.customer_ids)
        self._place = {number: place for place, number in enumerate(self.customers.customer_ids)}

    @property
    def monday(self) -> date:
        """The Monday that begins the next week to live."""
        return EPOCH + timedelta(days=self._monday)

    @property
    def _monday(self) -> int:
        return self._first_day + 7 * self.week

    def truth(self) -> Truth | None:
        """The truth on this Monday, before the week is lived; None while the average AUM is not yet known."""
        if self.week < BASE_WEEKS:
            return None
        states = self.states
        who = np.flatnonzero(states.here & (states.status != CLOSED) & self._history.in_band())
        return truth_of(who, self.customers, states, self._pressure(who))

    def returns_truth(self) -> pa.Table:
        """The truth about who settled elsewhere, on this Monday, before the week is lived."""
        return returns_truth(self.customers, self.states, self._monday, self.week)

    def chances(self, who: Ints, window: Window, harmed: bool = False) -> Floats:
        """``hazards.chances_of`` these customers on this Monday; ``harmed``: as if any call harmed them."""
        pressure = self._pressure(who)
        pressure = pressure.harmed() if harmed else pressure
        return hazards.chances_of(who, self.customers, self.states, pressure, window)

    def opening_week(self) -> Week:
        """The records before the first week: everybody who is here, valued on the Sunday before."""
        raw = self._raw_week(Draws(self._seed, -1))
        here, sunday = np.flatnonzero(self.states.here), self._first_day - 1
        holdings = self.ledger.holdings(raw, False, sunday)
        tables = {
            "customers": self._first_rows(raw, here),
            "assignments": self.managers.first_assignments(raw, here),
            "households": self.households.first_rows(raw, self.states.here, here),
            "holdings": holdings.drop_columns("LOAD_DT").append_column("LOAD_DT", holdings["VAL_DT"]),
            "rates": self._rate_row(sunday, 0),
        }
        return Week(self.monday - timedelta(weeks=1), tables)

    def advance(self, calls: Collection[str] = ()) -> Week:
        """Live one week in which the customers numbered ``calls`` are called; returns what was recorded.

        Raises DataError for a number nobody has, and ConfigError when the last week is over.
        """
        if self.week >= self.weeks:
            raise ConfigError(
                f"the bank ends on {self.monday} after {self.weeks} weeks. Make it with more weeks."
            )
        customers, states, monday = self.customers, self.states, self.monday
        raw, season = self._raw_week(Draws(self._seed, self.week)), Season(monday)
        sunday, row = raw.monday + 6, self.week + 1  # the row of the market at the end of the week
        self.ledger.open_week(raw.draws, self.market.prices[row], self.market.dollar[row])
        reassigned = self.managers.live(raw, np.flatnonzero(states.here))
        parted = self.households.parted(raw, states.here)
        changed = states.suffer_shocks(customers, raw.draws)
        called = self._answer(raw.draws, calls)
        leaving = Leaving(customers, states, self.ledger, raw.draws)
        who = np.flatnonzero(states.alive & (self.ledger.aum() > 0))
        leaving.decide(who, self._pressure(who), self.week)
        arrived = np.flatnonzero(customers.opened_week == self.week)
        states.here[arrived] = True
        versions = np.union1d(changed, self._move_money(leaving, season, arrived))
        known = np.full(len(versions), sunday)
        tables = {
            "customers": pa.concat_tables(
                [self._first_rows(raw, arrived), customer_rows(raw, customers, states, versions, known)]
            ),
            "assignments": pa.concat_tables([reassigned, self.managers.first_assignments(raw, arrived)]),
            "households": pa.concat_tables([parted, self.households.first_rows(raw, states.here, arrived)]),
            "transactions": self.ledger.close_week(raw),
            "holdings": self.ledger.holdings(raw, season.quarter_ends, sunday),
            "events": contacts.events(raw, customers, states),
            "contacts": contacts.contacts(raw, customers, states, self.managers, called),
            "surveys": surveys(raw, customers, states),
            "rates": self._rate_row(sunday, row),
            "offers": offers(raw, self.weeks),
        }
        states.fade()
        self._history.add(self.ledger.aum())
        self.week += 1
        return Week(monday, {name: spoil(name, table, raw) for name, table in tables.items()})

    def _answer(self, draws: Draws, calls: Collection[str]) -> Ints:
        """Customers who are called this week; whoever picks up is under the call's effect from now on."""
        strangers = sorted(set(calls) - self._place.keys())
        if strangers:
            raise DataError(
                f"calls name {len(strangers)} numbers that no customer has, the first is {strangers[0]!r}. "
                "Call customers by their number in cust_info."
            )
        called = np.array(sorted({self._place[number] for number in calls}), dtype=np.int64)
        called = called[self.states.alive[called]]
        answered = called[draws.uniform("answer 1", called) < contacts.answer_chance(self.states, called)]
        self.states.called_until[answered] = self.week + p.CALL_WEEKS
        return called

    def _pressure(self, who: Ints) -> Pressure:
        customers, states, ledger = self.customers, self.states, self.ledger
        aum = np.maximum(ledger.aum(who), 1.0)
        bears_interest = ledger.balance[list(RATE_SLOTS)][:, who].sum(axis=0) / aum
        has_manager = self.managers.manager_of(who) != NOBODY
        return Pressure(
            maturing=hazards.maturing_shares(ledger, who, aum, self._monday),
            rate_pull=self.market.rate_gap[self.week] * customers.sensitivity[who] * bears_interest,
            shocks=(self.managers.unrest_of(who), states.complaint[who], states.salary_unrest[who]),
            may_suffer=(has_manager, np.ones_like(has_manager), states.paid_salary[who]),
            sensitivity=customers.sensitivity[who],
            multiplier=hazards.multiplier(customers, ledger, who),
            call_type=customers.call_type[:, who],
            call_weeks=np.maximum(states.called_until[who] - self.week, 0),
        )

    def _move_money(self, leaving: Leaving, season: Season, arrived: Ints) -> Ints:
        """All money of the week, what comes in first; returns whose account was closed."""
        flows = Flows(self.customers, self.states, self.ledger, leaving.draws, season, self._monday)
        flows.open_accounts(arrived)
        flows.mature()
        flows.money_in()
        flows.money_out()
        closed = leaving.move_money(self.week)
        flows.sweep()
        if self.week >= closes_gap_from(self.weeks):
            flows.take_offer()
        return closed

    def _raw_week(self, draws: Draws) -> RawWeek:
        return RawWeek(self._numbers, draws, self.week, self._monday, self._last_day)

    def _first_rows(self, raw: RawWeek, who: Ints) -> pa.Table:
        return customer_rows(raw, self.customers, self.states, who, self.customers.opened_on[who])

    def _rate_row(self, day: int, row: int) -> pa.Table:
        return pa.table(
            {
                "CCY_CD": pa.array(["840"]),
                "RATE_DT": dates(np.array([day])),
                "MID_RATE": pa.array([f"{self.market.dollar[row]:.4f}"]),
            }
        )
