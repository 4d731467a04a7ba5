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
from pipeline.demo_bank import contacts as talk
from pipeline.demo_bank import hazards, leaving, opening
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank import raw_tables as rows
from pipeline.demo_bank.customers import make_people
from pipeline.demo_bank.draws import Draws, Ints
from pipeline.demo_bank.flows import Flows
from pipeline.demo_bank.hazards import Pressure
from pipeline.demo_bank.ledger import Ledger
from pipeline.demo_bank.managers import NOBODY, Seats
from pipeline.demo_bank.market import EPOCH, Market, Season, day_number
from pipeline.demo_bank.noise import spoil
from pipeline.demo_bank.states import CLOSED, Lives, suffer_shocks
from pipeline.demo_bank.truth import BASE_WEEKS, History, Oracle, Truth, in_band


@dataclass(frozen=True)
class Week:
    """What the systems recorded in the seven days from ``monday``: raw tables by name of the contract."""

    monday: date
    tables: dict[str, pa.Table]


class Bank:
    """A bank of ``customers`` over ``weeks`` weeks that end right before ``last_monday``.

    Banks of one country share the market of ``market_seed``, by default the bank's own.
    """

    def __init__(
        self, customers: int, weeks: int, seed: int, last_monday: date, market_seed: int | None = None
    ) -> None:
        first = check_monday(last_monday) - timedelta(weeks=weeks)
        self.weeks, self.week = weeks, 0
        self._seed, self._first_day = seed, day_number(first)
        self._last_day = day_number(last_monday) - 1
        self.market = Market.over(weeks, seed if market_seed is None else market_seed)
        self.people = make_people(customers, weeks, self._first_day, seed)
        draws = Draws(seed, -1)
        self.lives = Lives.before(self.people, draws)
        self.seats = Seats(self.people, seed)
        self.ledger = Ledger(
            self.people.product_of, draws, self.market.prices[0], float(self.market.dollar[0])
        )
        opening.fill(self.people, self.ledger, draws, self.market.prices[0], self._first_day)
        self._history = History(self.ledger.aum())
        self._oracle = Oracle(may_close=~self.people.has_loan)
        self._cast = rows.Cast.of(self.people)
        self._number = {number: place for place, number in enumerate(self.people.customer_ids)}

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
        who = np.flatnonzero(
            self.lives.here
            & (self.lives.status != CLOSED)
            & in_band(self._history.average(), self._history.last)
        ).astype(np.int64)
        return self._oracle.judge(who, self.lives, self._pressure(who))

    def opening_week(self) -> Week:
        """What the systems hold before the first week: everybody who is here, valued on the Sunday before."""
        desk = self._desk(Draws(self._seed, -1))
        here = np.flatnonzero(self.lives.here).astype(np.int64)
        sunday = self._first_day - 1
        tables = {
            "customers": rows.customers(desk, self.people, self.lives, here, self.people.opened_on[here]),
            "assignments": rows.assignments(desk, self.seats.take_in(here), self.people),
            "holdings": rows.holdings(desk, self.ledger.value(statement=False), sunday),
            "rates": self._rate_row(sunday, 0),
        }
        known = np.full(len(tables["holdings"]), sunday, dtype=np.int64)
        place = tables["holdings"].schema.get_field_index("LOAD_DT")
        tables["holdings"] = tables["holdings"].set_column(place, "LOAD_DT", rows.dates(known))
        return Week(self.monday - timedelta(weeks=1), tables)

    def advance(self, calls: Collection[str] = ()) -> Week:
        """Live one week in which the customers numbered ``calls`` are called; yields what was recorded.

        Raises DataError for a number nobody has, and ConfigError when the last week is over.
        """
        if self.week >= self.weeks:
            raise ConfigError(
                f"the bank ends on {self.monday} after {self.weeks} weeks. Make it with more weeks."
            )
        week, monday = self.week, self._monday
        draws, season = Draws(self._seed, week), Season.of(self.monday)
        self.ledger.open_week(draws, self.market.prices[week + 1], float(self.market.dollar[week + 1]))
        here = np.flatnonzero(self.lives.here).astype(np.int64)
        reassigned = self.seats.live(draws, week, monday, here)
        changed = suffer_shocks(self.people, self.lives, draws)
        called = self._answer(draws, calls)
        self._decide(draws)
        arrived = np.flatnonzero(self.people.opened_week == week).astype(np.int64)
        self.lives.here[arrived] = True
        closed = self._move_money(draws, season, arrived)
        desk = self._desk(draws)
        versions = np.union1d(changed, closed)
        tables = {
            "customers": pa.concat_tables(
                [
                    rows.customers(desk, self.people, self.lives, arrived, self.people.opened_on[arrived]),
                    rows.customers(
                        desk, self.people, self.lives, versions, np.full(len(versions), monday + 6)
                    ),
                ]
            ),
            "assignments": pa.concat_tables(
                [
                    rows.assignments(desk, reassigned, self.people),
                    rows.assignments(desk, self.seats.take_in(arrived), self.people),
                ]
            ),
            "transactions": rows.transactions(desk, self.ledger.close_week()),
            "holdings": rows.holdings(desk, self.ledger.value(season.quarter_ends), monday + 6),
            "events": rows.events(desk, talk.click(self.people, self.lives, draws)),
            "contacts": rows.contacts(desk, talk.contact(self.people, self.lives, self.seats, draws, called)),
            "surveys": rows.surveys(desk, talk.ask(self.people, self.lives, draws)),
            "rates": self._rate_row(monday + 6, week + 1),
        }
        self.lives.fade()
        self._history.add(self.ledger.aum())
        self.week += 1
        return Week(EPOCH + timedelta(days=monday), {n: spoil(n, t, desk) for n, t in tables.items()})

    def _answer(self, draws: Draws, calls: Collection[str]) -> Ints:
        """Customers who are called this week; whoever picks up is under the call's effect from now on."""
        strangers = sorted(set(calls) - self._number.keys())
        if strangers:
            raise DataError(
                f"calls name {len(strangers)} numbers that no customer has, the first is {strangers[0]!r}. "
                "Call customers by their number in cust_info."
            )
        called = np.array(sorted({self._number[one] for one in calls}), dtype=np.int64)
        called = called[self.lives.alive[called]]
        self.lives.called_until[talk.answered(self.lives, draws, called)] = self.week + p.CALL_WEEKS
        return called

    def _decide(self, draws: Draws) -> None:
        who = np.flatnonzero(self.lives.alive & (self.ledger.aum() > 0)).astype(np.int64)
        leaving.decide(self.lives, draws, who, self._pressure(who), self.week, self.ledger.aum(who))

    def _pressure(self, who: Ints) -> Pressure:
        people, lives, ledger = self.people, self.lives, self.ledger
        aum = ledger.aum(who)
        gap = float(self.market.rate_gap[self.week])
        return Pressure(
            maturing=hazards.maturing_shares(ledger, who, aum, self._monday),
            rate_pull=hazards.rate_pull(people, ledger, who, aum, gap),
            manager=self.seats.unrest_of(who),
            has_manager=self.seats.manager_of(who) != NOBODY,
            complaint=lives.complaint[who],
            salary=lives.salary_unrest[who],
            salaried=lives.paid_salary[who],
            sensitivity=people.sensitivity[who],
            multiplier=hazards.multiplier(people, ledger, who),
            call_type=hazards.call_types(people.call_place[who]),
            call_weeks=np.maximum(lives.called_until[who] - self.week, 0),
        )

    def _move_money(self, draws: Draws, season: Season, arrived: Ints) -> Ints:
        """All money of the week, what comes in first; yields whose account was closed."""
        flows = Flows(self.people, self.lives, self.ledger, draws, season, self._monday)
        flows.open_accounts(arrived)
        flows.mature()
        flows.money_in()
        flows.money_out()
        closed = leaving.move_money(self.people, self.lives, self.ledger, draws)
        flows.sweep()
        return closed

    def _desk(self, draws: Draws) -> rows.Desk:
        return rows.Desk(self._cast, draws, self.week, self._monday, self._last_day)

    def _rate_row(self, day: int, row: int) -> pa.Table:
        return pa.table(
            {
                "CCY_CD": pa.array(["840"]),
                "RATE_DT": rows.dates(np.array([day], dtype=np.int64)),
                "MID_RATE": pa.array([f"{self.market.dollar[row]:.4f}"]),
            }
        )
