"""Who the customers are: what never changes about them. One entry per customer in every array."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Bools, Draws, Floats, Ints
from pipeline.demo_bank.products import CLASSES, DATED_SLOTS, INVESTED_SLOTS, SHELF, SLOTS, on_shelf

_ID_STEP, _ID_RANGE = 3_141_592_653_589, 10**13  # coprime, so that every number comes once


@dataclass(frozen=True)
class People:
    """Fixed traits. Money in cents; dates in days since 1970; ``opened_week`` is −1 before the period."""

    customer_ids: list[str]
    segment: Ints
    opened_week: Ints
    opened_on: Ints
    birth_year: Ints
    female: Bools
    staff: Bools
    branch: Ints
    managed: Bools
    anchor: Floats
    salary: Ints
    payday: Ints
    card_rate: Floats
    digital: Floats
    sensitivity: Floats
    satisfaction: Floats
    well_covered: Bools
    contact_rate: Floats
    answers_surveys: Bools
    call_place: Floats
    cash_share: Floats
    has_dollars: Bools
    has_loan: Bools
    taste: Floats
    product_of: Ints

    @property
    def count(self) -> int:
        return len(self.customer_ids)

    @property
    def everyone(self) -> Ints:
        return np.arange(self.count, dtype=np.int64)


def numbers(prefix: int, count: int) -> list[str]:
    """``count`` different numbers of 19 digits that begin with a four-digit prefix and look unordered."""
    row = np.arange(1, count + 1, dtype=np.int64)
    scattered = (row * _ID_STEP) % _ID_RANGE
    return (scattered + prefix * 10**15).astype(str).tolist()


def make_people(count: int, weeks: int, first_day: int, seed: int) -> People:
    """The whole population; ``first_day`` is the Monday of week 0 in days since 1970."""
    draws, who = Draws(seed, -1), np.arange(count, dtype=np.int64)
    segment = draws.one_of("segment", who, tuple(row[0] for row in p.SEGMENTS))
    opened_week = _opened_week(draws, who, weeks)
    before = first_day - 200 - np.floor(6_500 * draws.uniform("tenure", who) ** 1.3).astype(np.int64)
    during = first_day + 7 * opened_week + draws.whole("opening day", who, 0, 5)
    anchor = _wealth(draws, who, segment)
    covered = draws.chance("covered", who, 0.45)
    managed = draws.chance("managed", who, np.array(p.MANAGED_SHARE)[segment])
    return People(
        customer_ids=numbers(6228, count),
        segment=segment,
        opened_week=opened_week,
        opened_on=np.where(opened_week >= 0, during, before),
        birth_year=np.clip(np.rint(1974 + 13 * draws.normal("age", who)), 1935, 2004).astype(np.int64),
        female=draws.chance("female", who, 0.51),
        staff=draws.chance("staff", who, p.STAFF_SHARE),
        branch=_branches(draws, who),
        managed=managed,
        anchor=anchor,
        salary=_salaries(draws, who, segment),
        payday=draws.whole("payday", who, 5, 26),
        card_rate=np.clip(p.CARD_RATE * np.exp(1.0 * draws.normal("card", who) - 0.5), 0, 0.95),
        digital=np.clip(p.LOGIN_RATE * 2.2 * draws.uniform("digital", who) ** 1.2, 0.01, 0.9),
        sensitivity=np.clip(np.exp(0.6 * draws.normal("sensitivity", who)), 0.2, 4.0),
        satisfaction=draws.normal("satisfaction", who),
        well_covered=covered & managed,
        contact_rate=np.where(managed, np.where(covered, 1.7, 0.4) * p.CONTACT_RATE, 0.002),
        answers_surveys=draws.chance("answers surveys", who, p.SURVEY_SHARE),
        call_place=draws.uniform("call type", who),
        cash_share=draws.between("cash share", who, 0.06, 0.28),
        has_dollars=draws.chance("dollars", who, p.DOLLAR_SHARE),
        has_loan=draws.chance("loan", who, p.LOAN_SHARE),
        taste=_taste(draws, who, segment),
        product_of=_products(draws, who),
    )


def _opened_week(draws: Draws, who: Ints, weeks: int) -> Ints:
    new = draws.chance("new", who, p.NEW_SHARE)
    return np.where(new, draws.whole("opened week", who, 0, weeks), -1)


def _wealth(draws: Draws, who: Ints, segment: Ints) -> Floats:
    """Usual AUM in cents, log-normal within the bounds of the segment."""
    table = np.array([row[1:] for row in p.SEGMENTS])[segment]
    yuan = table[:, 0] * np.exp(table[:, 1] * draws.normal("wealth", who))
    lowest = table[:, 2] * draws.between("edge", who, 1.0, 1.2)
    cents: Floats = np.clip(yuan, lowest, table[:, 3]) * 100.0
    return cents


def _salaries(draws: Draws, who: Ints, segment: Ints) -> Ints:
    """Monthly salary in cents; 0 where none is paid in here."""
    median = np.array([8_000.0, 17_000.0, 40_000.0])[segment]
    yuan = np.rint(median * np.exp(0.45 * draws.normal("salary", who)) / 10) * 10
    return np.where(draws.chance("has salary", who, p.SALARY_SHARE), yuan * 100, 0).astype(np.int64)


def _branches(draws: Draws, who: Ints) -> Ints:
    """Branch of each customer; branches differ in size."""
    count = branch_count(len(who))
    size = np.exp(0.4 * draws.normal("branch size", np.arange(count, dtype=np.int64)))
    place = np.searchsorted(np.cumsum(size / size.sum()), draws.uniform("branch", who), side="right")
    return np.minimum(place, count - 1).astype(np.int64)


def branch_count(customers: int) -> int:
    return max(4, customers // p.CUSTOMERS_PER_BRANCH)


def _taste(draws: Draws, who: Ints, segment: Ints) -> Floats:
    """(slot, customer): weights of the invested slots, 0 where a class does not appeal; columns sum to 1."""
    likes = {1: (0.70, 1.0), 2: (0.62, 1.1), 3: (0.10, 0.6), 4: (0.32, 0.6), 5: (0.16, 0.5), 6: (0.07, 0.3)}
    taste = np.zeros((SLOTS, len(who)))
    for number, (share, weight) in likes.items():
        keen = draws.chance(f"likes {number}", who, np.minimum(0.95, share * (0.7 + 0.2 * segment)))
        for slot in CLASSES[number]:
            if slot in INVESTED_SLOTS:
                taste[slot] = keen * weight * draws.between(f"weight {slot}", who, 0.0, 1.0)
    taste[CLASSES[7][0]] = (segment == 2) * draws.chance("likes trust", who, 0.3) * 0.4
    taste[DATED_SLOTS[0]] += 0.02
    shares: Floats = taste / taste.sum(axis=0)
    return shares


def _products(draws: Draws, who: Ints) -> Ints:
    """(slot, customer): position on the shelf of the product this customer holds in each slot."""
    chosen = np.empty((SLOTS, len(who)), dtype=np.int64)
    for slot in range(SLOTS):
        fitting = np.array(on_shelf(slot), dtype=np.int64)
        chosen[slot] = fitting[draws.whole(f"product {slot}", who, 0, len(fitting))]
    return chosen


def weeks_of_term(product_of: Ints) -> Ints:
    """(slot, customer): term in weeks of the product held in each slot; 0 = open."""
    return np.array([product.weeks for product in SHELF], dtype=np.int64)[product_of]
