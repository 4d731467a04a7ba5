"""The customers: their fixed traits, and their states, which change from week to week (money apart)."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Bools, Draws, Floats, Ints
from pipeline.demo_bank.market import (
    CLASSES,
    DATED_SLOTS,
    INVESTED_SLOTS,
    SHELF,
    SLOTS,
    TERM_LONG,
    TERM_SHORT,
    WEALTH_LONG,
    WEALTH_SHORT,
)
from pipeline.demo_bank.raw_tables import RawWeek, codes, dates, numbers

ACTIVE, FROZEN, DECEASED, CLOSED = range(4)
STATUS_CODES = ("01", "02", "03", "09")
STAYING, LOOKING, DRAINING, AWAY = range(4)


class Customers:
    """Fixed traits, one entry per customer in every array. Money in cents; dates in days since 1970.

    ``opened_week`` is −1 for those who are there before the period. ``taste`` and ``product_of`` are
    (slot, customer): weights that add up to 1, and the position on the shelf of the product held in the slot.
    ``call_type`` is (reason, customer): what a call does to who leaves for that reason; 0 nothing, 1 it
    helps, 2 it harms. ``first_day`` is the Monday of week 0. Whoever ``lacks`` holds no wealth products until
    they are offered; ``risk_grade`` is 1 to 5, 0 where it was not assessed.
    """

    def __init__(self, count: int, weeks: int, first_day: int, seed: int) -> None:
        draws, who = Draws(seed, -1), np.arange(count, dtype=np.int64)
        self.count, self.everyone = count, who
        self.customer_ids = numbers(6228, count)
        self.segment = draws.one_of("segment", who, tuple(row[0] for row in p.SEGMENTS))
        new = draws.chance("new", who, p.NEW_SHARE)
        self.opened_week: Ints = np.where(new, draws.whole("opened week", who, 0, weeks), -1)
        before = first_day - 200 - np.floor(6_500 * draws.uniform("tenure", who) ** 1.3).astype(np.int64)
        during = first_day + 7 * self.opened_week + draws.whole("opening day", who, 0, 5)
        self.opened_on: Ints = np.where(new, during, before)
        self.birth_year = np.clip(np.rint(1974 + 13 * draws.normal("age", who)), 1935, 2004).astype(np.int64)
        self.female = draws.chance("female", who, 0.51)
        self.staff = draws.chance("staff", who, p.STAFF_SHARE)
        branches = np.arange(branch_count(count), dtype=np.int64)
        size = np.exp(0.4 * draws.normal("branch size", branches))
        self.branch = draws.one_of("branch", who, size / size.sum())
        self.managed = draws.chance("managed", who, np.array(p.MANAGED_SHARE)[self.segment])
        self.anchor = _balances(draws, who, self.segment)
        self.salary = _salaries(draws, who, self.segment)
        self.payday = draws.whole("payday", who, 5, 26)
        self.card_rate = np.clip(p.CARD_RATE * np.exp(1.0 * draws.normal("card", who) - 0.5), 0, 0.95)
        self.digital = np.clip(p.LOGIN_RATE * 2.2 * draws.uniform("digital", who) ** 1.2, 0.01, 0.9)
        self.sensitivity = np.clip(np.exp(0.6 * draws.normal("sensitivity", who)), 0.2, 4.0)
        self.satisfaction = draws.normal("satisfaction", who)
        self.well_covered = draws.chance("covered", who, 0.45) & self.managed
        often = np.where(self.well_covered, 1.7, 0.4) * p.CONTACT_RATE
        self.contact_rate = np.where(self.managed, often, 0.002)
        self.service = draws.normal("satisfaction service", who)
        self.service += p.BAD_SERVICE * (self.branch == p.BAD_SERVICE_BRANCH)
        self.factors = _factors(draws, who, self.satisfaction, self.service)
        self.answers_surveys = draws.chance("answers surveys", who, _survey_share(self))
        self.call_type = call_types(draws.uniform("call type", who))
        self.cash_share = draws.between("cash share", who, 0.06, 0.28)
        self.has_dollars = draws.chance("dollars", who, p.DOLLAR_SHARE)
        self.has_loan = draws.chance("loan", who, p.LOAN_SHARE)
        self.lacks = (self.branch == p.GAP_BRANCH) & (self.segment == p.GAP_SEGMENT)
        self.taste = _taste(draws, who, self.segment)
        for term, wealth in ((TERM_SHORT, WEALTH_SHORT), (TERM_LONG, WEALTH_LONG)):
            self.taste[term] += np.where(self.lacks, self.taste[wealth], 0.0)
            self.taste[wealth, self.lacks] = 0.0
        assessed = draws.chance("risk assessed", who, p.GRADED_SHARE)
        self.risk_grade = np.where(assessed, 1 + draws.one_of("risk grade", who, p.RISK_GRADES), 0)
        self.product_of = np.stack([_products(draws, who, slot) for slot in range(SLOTS)])


class States:
    """The changing state, one entry per customer in every array, from the Sunday before the first week on.

    ``anchor`` is the AUM in cents to which ordinary money flows return. A drain takes ``depth`` of
    ``start_aum`` in ``length`` weeks, of which ``done`` are behind; ``gone`` cents have left. ``detour``
    cents are at another bank for a while, ``rush`` cents are here for a while. ``taken`` cents are where the
    customer settled ``settled_weeks`` ago, ``left_for`` the place of the reason among hazards.REASONS.
    """

    def __init__(self, customers: Customers, draws: Draws) -> None:
        self.here = customers.opened_week < 0
        self.opted_out = draws.chance("opted out", customers.everyone, p.OPT_OUT_SHARE)
        self.paid_salary = customers.salary > 0
        self.anchor = customers.anchor.copy()
        self.called_until: Ints = np.full(customers.count, -1, dtype=np.int64)
        self.depth = np.ones(customers.count)
        self.start_aum, self.complaint, self.salary_unrest = np.zeros((3, customers.count))
        self.status, self.stage, self.cause = np.zeros((3, customers.count), dtype=np.int64)
        self.length, self.done, self.gone, self.away_weeks = np.zeros((4, customers.count), dtype=np.int64)
        self.detour, self.detour_weeks, self.rush = np.zeros((3, customers.count), dtype=np.int64)
        self.taken, self.settled_weeks, self.left_for = np.zeros((3, customers.count), dtype=np.int64)

    @property
    def alive(self) -> Bools:
        """True for customers whose account moves: here, and neither frozen nor deceased nor closed."""
        return self.here & (self.status == ACTIVE)

    def fade(self) -> None:
        """A week passes: old complaints and a moved salary weigh less."""
        self.complaint *= p.COMPLAINT.decay
        self.salary_unrest *= p.SALARY_STOPS.decay
        self.detour_weeks[self.detour > 0] += 1
        self.away_weeks[self.stage == AWAY] += 1
        self.settled_weeks[self.taken > 0] += 1

    def suffer_shocks(self, customers: Customers, draws: Draws) -> Ints:
        """Complaints, salaries that stop, deaths, freezes, opt-outs; returns whose bank record changed."""
        who = np.flatnonzero(self.alive)
        self.complaint[draws.chosen("complaint", who, p.COMPLAINT.rate)] = 1.0
        stops = draws.chance("salary stops", who, p.SALARY_STOPS.rate) & self.paid_salary[who]
        self.paid_salary[who[stops]] = False
        self.salary_unrest[who[stops]] = 1.0
        starts = draws.chance("salary starts", who, p.SALARY_START_RATE) & (customers.salary[who] > 0)
        self.paid_salary[who[starts & (self.stage[who] == STAYING) & ~stops]] = True
        frozen = draws.chosen("frozen", who, p.FROZEN_RATE)
        deceased = draws.chosen("deceased", who, p.DECEASED_RATE)
        opts = draws.chosen("opts out", who[~self.opted_out[who]], p.OPT_OUT_RATE)
        self.status[frozen], self.status[deceased] = FROZEN, DECEASED
        self.opted_out[opts] = True
        return np.unique(np.concatenate([frozen, deceased, opts]))


def customer_rows(raw: RawWeek, customers: Customers, states: States, who: Ints, known_on: Ints) -> pa.Table:
    """One row per customer of ``who``: a version of the bank's record, known from ``known_on`` on."""
    return pa.table(
        {
            "CUST_NO": raw.numbers.customer(who).dictionary_decode(),
            "OPEN_DT": dates(customers.opened_on[who]).cast(pa.string()),
            "BIRTH_YR": pa.array(customers.birth_year[who]).cast(pa.string()),
            "SEX_CD": codes(customers.female[who], ("1", "2")),
            "STAFF_FLG": codes(customers.staff[who], ("N", "Y")),
            "MKT_REFUSE": codes(states.opted_out[who], ("0", "1")),
            "STAT_CD": codes(states.status[who], STATUS_CODES),
            "RISK_GRD": codes(customers.risk_grade[who], ("", "1", "2", "3", "4", "5")),
            "LOAD_DT": raw.dates_until_end(known_on),
        }
    )


def call_types(place: Floats) -> Ints:
    """(reason, customer): effect of a call; ``place`` runs from the easily helped (0) to the touchy (1)."""
    helps, harms = (np.array(shares)[:, None] for shares in (p.CALL_HELPS, p.CALL_HARMS))
    return np.where(place < helps, 1, np.where(place >= 1 - harms, 2, 0))


def branch_count(customers: int) -> int:
    return max(4, customers // p.CUSTOMERS_PER_BRANCH)


def _factors(draws: Draws, who: Ints, satisfaction: Floats, service: Floats) -> Floats:
    """(factor, customer): satisfaction with each factor, in standard deviations; service comes first."""
    others = [draws.normal(f"satisfaction {factor}", who) for factor in p.FACTORS[1:]]
    common = p.FACTORS_IN_COMMON
    return np.sqrt(common) * satisfaction + np.sqrt(1 - common) * np.stack([service, *others])


def _survey_share(customers: Customers) -> Floats:
    """Probability of being one who answers questionnaires: the wealthy and the old do."""
    born = customers.birth_year
    age = np.where(born > p.YOUNG_BORN_AFTER, 0, np.where(born < p.OLD_BORN_BEFORE, 2, 1))
    return np.array(p.SURVEY_SHARE)[customers.segment] * np.array(p.SURVEY_AGE)[age]


def _balances(draws: Draws, who: Ints, segment: Ints) -> Floats:
    """Usual AUM in cents, log-normal within the bounds of the segment."""
    median, spread, low, high = np.array([row[1:] for row in p.SEGMENTS])[segment].T
    yuan = median * np.exp(spread * draws.normal("wealth", who))
    return np.clip(yuan, low * draws.between("edge", who, 1.0, 1.2), high) * 100.0


def _salaries(draws: Draws, who: Ints, segment: Ints) -> Ints:
    """Monthly salary in cents; 0 where none is paid in here."""
    median = np.array([8_000.0, 17_000.0, 40_000.0])[segment]
    yuan = np.rint(median * np.exp(0.45 * draws.normal("salary", who)) / 10) * 10
    return np.where(draws.chance("has salary", who, p.SALARY_SHARE), yuan * 100, 0).astype(np.int64)


def _taste(draws: Draws, who: Ints, segment: Ints) -> Floats:
    """(slot, customer): weights of the invested slots, 0 where a class does not appeal; columns sum to 1."""
    likes = {1: (0.70, 1.0), 2: (0.62, 1.1), 3: (0.10, 0.6), 4: (0.32, 0.6), 5: (0.16, 0.5), 6: (0.07, 0.3)}
    taste = np.zeros((SLOTS, len(who)))
    for number, (share, weight) in likes.items():
        keen = draws.chance(f"likes {number}", who, np.minimum(0.95, share * (0.7 + 0.2 * segment)))
        for slot in set(CLASSES[number]).intersection(INVESTED_SLOTS):
            taste[slot] = keen * weight * draws.between(f"weight {slot}", who, 0.0, 1.0)
    taste[CLASSES[7][0]] = (segment == 2) * draws.chance("likes trust", who, 0.3) * 0.4
    taste[DATED_SLOTS[0]] += 0.02
    return taste / taste.sum(axis=0)


def _products(draws: Draws, who: Ints, slot: int) -> Ints:
    """Position on the shelf of the product that each customer holds in a slot."""
    fitting = np.array([place for place, product in enumerate(SHELF) if product.slot == slot], dtype=np.int64)
    return fitting[draws.whole(f"product {slot}", who, 0, len(fitting))]
