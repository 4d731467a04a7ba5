"""The structure of a Monday equals plain loops over rows; its bridges explain AUM to the minor unit."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import pytest

from features.engine.entities import make_entities
from features.structure import BRIDGE_WEEKS, PARTS, VALUED_WITHIN, bridge_column, build_structure_of
from tests.features.conftest import HISTORY, held
from tests.features.test_against_naive import (
    DAY,
    Customer,
    Row,
    excluded,
    expected_cohort,
    filled,
    minor,
    money_in,
    moves,
    revalued,
)

MONDAY = date(2024, 3, 4)
SUNDAY = MONDAY - DAY


def is_flow(row: Row) -> bool:
    return moves(row) or row["kind"] in ("fee", "interest", "loan")


class Moves:
    """What moved one customer's AUM, by day, straight from the rows seen."""

    def __init__(self, one: Customer) -> None:
        self.one, self.parts = one, Counter[tuple[str, date]]()
        left, slack = Counter[date](), Counter[date]()
        for row in one.rows["transactions"]:
            day, amount = row["booked_at"].date(), minor(row["amount_base"])
            if is_flow(row):
                name = "bank" if not moves(row) else "inflow" if money_in(row) else "outflow"
                self.parts[name, day] += abs(amount) if name != "bank" else amount
                settled = self.settled(day)
                by_rate = self.by_rate(row, settled)
                self.parts["exchange", settled] += by_rate
                slack[settled] += 2 * (row["amount"] != row["amount_base"])
                left[settled] -= amount + by_rate
                self.parts["waiting", day] -= amount
                self.parts["waiting", settled] += amount
        for holding in one.own:
            before: Row | None = None
            for row in holding.rows:
                old = minor(before["balance_base"]) if before else 0
                price, rate = old, old
                if before:
                    if (before["units"] or 0) > 0:
                        price = revalued(old, before["unit_price"], row["unit_price"])
                    rate = revalued(price, before["to_base"], row["to_base"])
                    self.parts["market", row["valued_on"]] += price - old
                    self.parts["exchange", row["valued_on"]] += rate - price
                left[row["valued_on"]] += minor(row["balance_base"]) - rate
                priced = (row["units"] or 0) > 0
                slack[row["valued_on"]] += 2 * (priced or row["to_base"] != 1 or rate != old)
                # A ten-thousandth of a unit in cents, rounded up; no price is one of nothing.
                slack[row["valued_on"]] += ceil((row["unit_price"] or 0) / 100) if priced else 0
                before = row
        for day, amount in left.items():
            name = "market" if abs(amount) <= slack[day] else "unexplained"
            self.parts[name, day] += amount

    def by_rate(self, booking: Row, settled: date) -> int:
        """By what the rate of its valuation differs from the booking's own, in another currency."""
        rates = [
            row["to_base"]
            for own in self.one.own
            for row in own.rows
            if row["valued_on"] == settled and row["to_base"] != 1
        ]
        if not rates or booking["amount"] == booking["amount_base"]:
            return 0
        moved = [
            round(float(100 * booking["amount"] * rate)) - minor(booking["amount_base"]) for rate in rates
        ]
        return min(moved, key=abs)

    def settled(self, day: date) -> date:
        following = [row["valued_on"] for own in self.one.own for row in own.rows if row["valued_on"] >= day]
        return min([*following, day + VALUED_WITHIN * DAY])

    def total(self, name: str, start: date) -> int:
        return sum(
            v for (part, day), v in self.parts.items() if part == name and start <= day < self.one.monday
        )


def expected(one: Customer, settings: Any) -> Row:
    cohort, record, flow = expected_cohort(one, settings), one.record() or {}, Moves(one)
    found: Row = {name: cohort[name] for name in ("tier", "lifecycle_stage", "branch_id", "manager_id")}
    found |= {
        "present": record["status"] not in ("closed", "deceased"),
        "exclusion": excluded(one, settings),
        "age_band": None,
        "household_id": (one.assignment("households") or {}).get("household_id"),
        "aum_minor": one.aum(one.yesterday),
        "products": one.products_held(one.yesterday),
    }
    for kind in ("demand", "term", "structured", "wealth", "fund", "insurance", "metal", "trust", "loan"):
        found[f"{kind}_minor"] = one.held(kind, one.yesterday)
    for span in BRIDGE_WEEKS:
        start = max(one.monday - 7 * span * DAY, one.history_from)
        found[bridge_column("opening", span)] = one.aum(start - DAY)
        found |= {bridge_column(part, span): flow.total(part, start) for part in PARTS}
    return found


def test_random_worlds(draw_bank, tables_of, bank_settings):
    """Every column of every customer, and the unexplained by day; and the parts add up."""
    counted = unexplained = 0
    for seed in range(3):
        drawn = draw_bank(seed)
        tables = tables_of(drawn.bank)
        bookings = tables["transactions"]
        read = tables | {"transactions": bookings.append_column("in_currency", bookings["amount"])}
        bank, entities = filled(tables), make_entities(read)
        names = sorted({row["customer_id"] for row in bank["customers"]})
        made = build_structure_of(entities, drawn.snapshots, drawn.history_from, bank_settings)
        for day, structure, amounts in made:
            ones = {name: Customer(bank, name, day, drawn.history_from, day) for name in names}
            known = {name: one for name, one in ones.items() if one.record()}
            rows = structure.to_pylist()
            assert [row["customer_id"] for row in rows] == [*known]
            for row in rows:
                one = known[row.pop("customer_id")]
                assert row.pop("snapshot_date") == day
                assert row == expected(one, bank_settings), (seed, day)
                for span in BRIDGE_WEEKS:
                    parts = {part: row[bridge_column(part, span)] for part in ("opening", *PARTS)}
                    assert sum(parts.values()) - 2 * parts["outflow"] == row["aum_minor"]
            week = {
                (name, on): amount
                for name, one in known.items()
                for (part, on), amount in Moves(one).parts.items()
                if part == "unexplained" and day - 7 * DAY <= on < day
            }
            assert {(r["customer_id"], r["day"]): r["amount_minor"] for r in amounts.to_pylist()} == week
            counted, unexplained = counted + len(rows), unexplained + len(week)
    assert counted > 100
    assert unexplained > 10


@pytest.fixture
def bridge_of(entities_of, bank_settings):
    """The parts of the bridge of "C1" over a span before MONDAY that are not 0, in units of money."""

    def bridge(span: int, **tables: list[Row]) -> tuple[dict[str, float], dict[date, float]]:
        ((_, structure, days),) = build_structure_of(entities_of(**tables), [MONDAY], HISTORY, bank_settings)
        row = structure.to_pylist()[0]
        parts = {part: row[bridge_column(part, span)] / 100 for part in ("opening", *PARTS)}
        by_day = {day["day"]: day["amount_minor"] / 100 for day in days.to_pylist()}
        return {part: amount for part, amount in parts.items() if amount}, by_day

    return bridge


def booked(days_before: int, amount: float, kind: str = "transfer_in", **more: Any) -> Row:
    when = datetime.combine(MONDAY - days_before * DAY, datetime.min.time()) + timedelta(hours=9)
    return {"booked_at": when, "amount": amount, "kind": kind, "counterparty": "other_bank", **more}


OLD = MONDAY - 40 * DAY


def test_money_in_and_out_and_the_banks_own(bridge_of):
    rows = [booked(3, 500), booked(2, -200, "transfer_out"), booked(2, 7, "interest"), booked(1, -2, "fee")]
    parts, days = bridge_of(
        1, transactions=rows, holdings=[held("demand", OLD, 1000), held("demand", SUNDAY, 1305)]
    )
    assert parts == {"opening": 1000, "inflow": 500, "outflow": 200, "bank": 5}
    assert not days


def test_money_between_products_and_own_accounts_moves_no_aum(bridge_of):
    rows = [
        booked(3, -300, "buy", counterparty="own"),
        booked(3, -100, "transfer_out", counterparty="own"),
        booked(3, 100, "transfer_in", counterparty="own"),
    ]
    # A term of 400 matures without a booking; a fund is bought.
    holdings = [held("demand", OLD, 1000), held("term", OLD, 400)]
    holdings += [held("demand", SUNDAY, 1100), held("term", SUNDAY, 0), held("fund", SUNDAY, 300)]
    assert bridge_of(1, transactions=rows, holdings=holdings) == ({"opening": 1400}, {})


def test_prices_and_rates_are_kept_apart_and_their_rounding_is_no_missing_money(bridge_of):
    price = {"units": 333, "unit_price": 3}
    dollars = {"currency": "USD", "balance_base": Decimal("700.01"), "to_base": 7}
    holdings = [held("fund", OLD, 999, **price), held("demand", OLD, 100, **dollars)]
    # 999 × 3.01 / 3 = 1002.33; 700.01 × 7.1 / 7 = 710.0101, and the bank's own sum says a cent more.
    holdings += [
        held("fund", SUNDAY, Decimal("1002.34"), units=333, unit_price=Decimal("3.01")),
        held(
            "demand", SUNDAY, 100, **dollars | {"balance_base": Decimal("710.02"), "to_base": Decimal("7.1")}
        ),
    ]
    parts, days = bridge_of(1, holdings=holdings)
    assert parts == {"opening": 1699.01, "market": 3.35, "exchange": 10}
    assert not days


def test_a_booking_in_dollars_is_worth_what_its_valuation_says(tables_of, bank_settings):
    """100 dollars at 7 are 700; 50 go at 7.2 and are 360; the other 50 are valued at 7.1, which is 355: the
    rate made 15 of it, 10 of the 100 and 5 of the 50."""
    dollars = {"customer_id": "C1", "product_id": "demand", "currency": "USD"}
    bank = {
        "customers": [{"customer_id": "C1", "opened_on": date(2015, 5, 1)}],
        "products": [{"product_id": "demand", "product_class": "demand"}],
        "holdings": [
            dollars | {"valued_on": OLD, "balance": 100, "balance_base": 700, "to_base": 7},
            dollars | {"valued_on": SUNDAY, "balance": 50, "balance_base": 355, "to_base": Decimal("7.1")},
        ],
        "transactions": [
            booked(3, -50, "transfer_out", customer_id="C1", currency="USD", amount_base=-360),
        ],
        "assignments": [],
    }
    tables = tables_of(bank)
    bookings = tables["transactions"]
    tables["transactions"] = bookings.append_column("in_currency", bookings["amount"])
    ((_, structure, days),) = build_structure_of(make_entities(tables), [MONDAY], HISTORY, bank_settings)
    row = structure.to_pylist()[0]
    parts = ("opening_minor", "outflow_minor", "exchange_minor", "unexplained_minor", "aum_minor")
    assert [row[part] / 100 for part in parts] == [700, 360, 15, 0, 355]
    assert not len(days)


def test_a_missing_booking_is_found_on_its_day_to_the_cent(bridge_of):
    holdings = [held("demand", OLD, 1000), held("demand", MONDAY - 4 * DAY, Decimal("1500.01"))]
    parts, days = bridge_of(
        1, holdings=[*holdings, held("demand", SUNDAY, 1490)], transactions=[booked(4, 1)]
    )
    assert parts == {"opening": 1000, "inflow": 1, "unexplained": 489}
    assert days == {MONDAY - 4 * DAY: 499.01, SUNDAY: -10.01}


def test_a_bank_that_values_by_the_month_has_bookings_that_wait(bridge_of):
    month_end = MONDAY - 5 * DAY
    rows = [booked(20, 500), booked(2, 30)]
    holdings = [held("demand", OLD, 1000)]
    waits, _ = bridge_of(1, transactions=rows, holdings=holdings)
    assert waits == {"opening": 1000, "inflow": 30, "waiting": -30}
    valued, days = bridge_of(1, transactions=rows, holdings=[*holdings, held("demand", month_end, 1500)])
    assert valued == {"opening": 1000, "inflow": 30, "waiting": 470}
    assert not days
    month, _ = bridge_of(4, transactions=rows, holdings=[*holdings, held("demand", month_end, 1500)])
    assert month == {"opening": 1000, "inflow": 530, "waiting": -30}


def test_a_booking_that_no_balance_shows_is_unexplained_after_a_quarter(bridge_of):
    holdings = [held("demand", MONDAY - 200 * DAY, 1000)]
    parts, days = bridge_of(1, transactions=[booked(VALUED_WITHIN + 3, 500)], holdings=holdings)
    assert parts == {"opening": 1000, "waiting": 500, "unexplained": -500}
    assert days == {MONDAY - 3 * DAY: -500}


def test_what_is_known_later_changes_the_week_before(entities_of, bank_settings):
    """A balance of last week known this week: then 1000 were seen, and now an opening of 1500."""
    late = held("demand", MONDAY - 8 * DAY, 1500, known_on=MONDAY - 2 * DAY)
    entities = entities_of(holdings=[held("demand", OLD, 1000), late], transactions=[booked(9, 500)])
    made = build_structure_of(entities, [MONDAY - 7 * DAY, MONDAY], HISTORY, bank_settings)
    then, now = (structure.to_pylist()[0] for _, structure, _ in made)
    assert (then["aum_minor"], then["waiting_minor"], then["unexplained_minor"]) == (100_000, -50_000, 0)
    assert (now["opening_minor"], now["aum_minor"], now["unexplained_minor"]) == (150_000, 150_000, 0)


def test_the_age_is_of_the_year_and_only_structure_has_it(entities_of, bank_settings):
    entities = entities_of()
    entities.tables["customers"].columns["born"] = entities.tables["customers"].day * 0 + 1974
    ((_, structure, _),) = build_structure_of(entities, [MONDAY], HISTORY, bank_settings)
    assert structure["age_band"].to_pylist() == ["50–59"]
