"""A profile by hand around Monday 2024-03-04, against a naive loop, and blind to the future."""

import random
from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from configs.published import Booking, Maturity, PastContact, Profile
from features.engine.entities import make_entities
from pipeline.scoring import profiles
from pipeline.scoring.profiles import profiles as made
from pipeline.scoring.profiles import profiles_of
from serve.store.rows import packed
from tests.features.conftest import held
from tests.features.test_against_naive import visible
from tests.pipeline.conftest import SELECTS
from tests.test_no_leakage import first_seen, hindsight, middle_of, tomorrow

MONDAY, DAY = date(2024, 3, 4), timedelta(days=1)
NAMES = {"T1": "半年定期", "D1": "活期", "L1": "房贷"}
PRODUCTS = [{"product_id": "T1", "product_class": "term"}, {"product_id": "D1", "product_class": "demand"},
            {"product_id": "L1", "product_class": "loan"}]  # fmt: skip


@pytest.fixture
def profile_of(tables_of: Any) -> Any:
    """The profile of "C1" on the Monday from rows by hand."""

    def look(**tables: list[dict[str, Any]]) -> Profile:
        customer = {"customer_id": "C1", "opened_on": date(2020, 1, 1), "known_on": date(2020, 1, 1)}
        bank = {"customers": [customer], "products": PRODUCTS}
        bank |= {name: [{"customer_id": "C1"} | row for row in rows] for name, rows in tables.items()}
        (found,) = profiles_of(make_entities(tables_of(bank)), MONDAY, ["C1"], NAMES)
        return found

    return look


def booked(day: date, amount: Any, **more: Any) -> dict[str, Any]:
    return {"booked_at": datetime(day.year, day.month, day.day, 9), "amount": amount} | more


def test_aum_is_what_was_held_when_each_week_ended(profile_of: Any) -> None:
    """The last week ends on Sunday 03-03, the one before on 02-25; of 52 the first on 2023-03-12."""
    found = profile_of(
        holdings=[
            held("D1", date(2023, 1, 1), 100), held("D1", date(2023, 3, 12), 70),
            held("D1", date(2023, 3, 13), 50), held("D1", date(2024, 2, 25), "20.01"), held("D1", MONDAY, 9),
            held("T1", date(2024, 3, 3), 30), held("L1", date(2023, 1, 1), 1000),
        ]
    )  # fmt: skip
    demand = (70_00, *[50_00] * 49, 20_01, 20_01)
    assert found.aum_by_class == {"demand": demand, "term": (*[0] * 51, 30_00), "loan": (1000_00,) * 52}
    assert found.aum_by_week == (*demand[:-1], 50_01)


def test_what_falls_due_within_90_days_stands_soonest_first(profile_of: Any) -> None:
    """Day 0 and day 89 count; day 90, yesterday, what is gone and what a loan falls due do not."""
    start, due = date(2024, 1, 1), MONDAY + 89 * DAY
    products = [{"product_id": f"T{k}", "product_class": "term"} for k in range(2, 6)]
    found = profile_of(
        products=[*PRODUCTS, *products],
        holdings=[
            held("T1", start, 30, matures_on=due), held("D1", start, 20, matures_on=MONDAY),
            held("L1", start, 50, matures_on=MONDAY), held("T2", start, 50, matures_on=due + DAY),
            held("T3", start, 50, matures_on=MONDAY - DAY), held("T4", start, 50, matures_on=MONDAY),
            held("T4", date(2024, 3, 1), 0),
        ],
    )  # fmt: skip
    expected = (Maturity("活期", "demand", MONDAY, 20_00), Maturity("半年定期", "term", due, 30_00))
    assert found.maturities == expected


def test_bookings_are_the_largest_of_13_weeks_that_came_went_or_were_traded(profile_of: Any) -> None:
    first = MONDAY - 91 * DAY
    found = profile_of(
        transactions=[
            booked(first, -500, kind="transfer_out", counterparty="broker", channel="mobile"),
            booked(first - DAY, -9000), booked(MONDAY, -9000),
            booked(first, 8000, counterparty="own"), booked(first, 8000, kind="interest"),
            booked(first, 300, kind="redeem", counterparty="own", channel="counter"),
            *[booked(MONDAY - DAY, -k) for k in range(1, 12)],
        ]
    )  # fmt: skip
    assert found.bookings[:2] == (
        Booking(first, -500_00, "transfer_out", "broker", "mobile"),
        Booking(first, 300_00, "redeem", "own", "counter"),
    )
    assert [one.amount_minor for one in found.bookings[2:]] == [-k * 100 for k in range(11, 3, -1)]


def test_contacts_come_newest_first_and_may_be_without_an_outcome(profile_of: Any) -> None:
    found = profile_of(
        contacts=[
            {"contacted_at": datetime(2023, 5, 1, 9), "outcome": "answered", "purpose": "retention"},
            {"contacted_at": datetime(2024, 3, 3, 9), "channel": "visit"},
            {"contacted_at": datetime(2024, 3, 3, 8), "manager_id": "M2", "outcome": "declined"},
            {"contacted_at": datetime(2024, 3, 3, 9), "known_on": MONDAY},
        ]
    )
    assert found.contacts == (
        PastContact(date(2024, 3, 3), "M1", "visit", "service", None),
        PastContact(date(2024, 3, 3), "M2", "phone", "service", "declined"),
        PastContact(date(2023, 5, 1), "M1", "phone", "retention", "answered"),
    )


def test_complaints_of_a_year_are_told_oldest_first(profile_of: Any) -> None:
    """The Monday itself and the day before the 52 weeks do not count, nor what is no complaint."""
    first = MONDAY - 364 * DAY
    days = [(MONDAY, "complaint"), (MONDAY - DAY, "complaint"), (first, "complaint"),
            (first - DAY, "complaint"), (first + DAY, "login")]  # fmt: skip
    events = [
        {"occurred_at": datetime(day.year, day.month, day.day, 9), "kind": kind, "known_on": day}
        for day, kind in days
    ]
    assert profile_of(events=events).complaints == (first, MONDAY - DAY)


def test_a_correction_and_a_row_taken_back_count_from_the_day_they_were_known(profile_of: Any) -> None:
    """Of the balances 10 is corrected to 40 on the Sunday, 60 to 80 on the Monday; the booking of 7 is taken
    back."""
    sunday, week = MONDAY - DAY, date(2024, 2, 27)
    found = profile_of(
        holdings=[
            held("D1", week, 10, superseded_on=sunday), held("D1", week, 40, known_on=sunday),
            held("T1", week, 60, superseded_on=MONDAY), held("T1", week, 80, known_on=MONDAY),
        ],
        transactions=[
            booked(week, -7, superseded_on=sunday, transaction_id="a"),
            booked(week, -7, known_on=sunday, superseded_on=sunday, transaction_id="a"),
        ],
    )  # fmt: skip
    assert found.aum_by_week[-2:] == (0, 100_00)
    assert found.bookings == ()


def test_nobody_but_the_cohort_and_nobody_without_rows_is_left_out(tables_of: Any) -> None:
    customers = [{"customer_id": f"C{k}", "opened_on": MONDAY - DAY, "known_on": MONDAY} for k in (1, 2, 3)]
    entities = make_entities(tables_of({"customers": customers, "products": PRODUCTS}))
    found = list(profiles_of(entities, MONDAY, {"C3", "C1"}, NAMES))
    shown = [(one.customer_id, dict(one.aum_by_class), one.bookings) for one in found]
    assert shown == [("C1", {}, ()), ("C3", {}, ())]


def naive(tables: Any, monday: date, name: str) -> Profile:
    """The same, customer by customer and row by row."""
    kinds = {row["product_id"]: row["product_class"] for row in tables["products"].to_pylist()}
    own = {
        table: [
            row
            for row in tables[table].to_pylist()
            if row["customer_id"] == name and visible(table, row, monday)
        ]
        for table in ("holdings", "transactions", "contacts", "events")
    }
    lines: dict[str, list[int]] = {}
    last: dict[str, Any] = {}
    for week in range(52):
        end = monday - 7 * (51 - week) * DAY
        last = {row["product_id"]: row for row in sorted(own["holdings"], key=lambda row: row["valued_on"])
                if row["valued_on"] < end}  # fmt: skip
        for product, row in last.items():
            line = lines.setdefault(kinds[product], [0] * 52)
            line[week] += int(row["balance_base"] * 100)
    due = [
        Maturity(product, kinds[product], row["matures_on"], int(row["balance_base"] * 100))
        for product, row in last.items()
        if row["matures_on"] and monday <= row["matures_on"] < monday + 90 * DAY
        and row["balance_base"] > 0 and kinds[product] != "loan"
    ]  # fmt: skip
    bookings = [
        Booking(row["booked_at"].date(), int(row["amount_base"] * 100),
                row["kind"], row["counterparty"], row["channel"])
        for row in own["transactions"]
        if row["booked_at"].date() >= monday - 91 * DAY
        and (row["kind"] in ("buy", "redeem")
             or (row["counterparty"] != "own" and row["kind"] not in ("fee", "interest", "loan")))
    ]  # fmt: skip
    contacts = [
        PastContact(row["contacted_at"].date(), row["manager_id"], row["channel"], row["purpose"],
        row["outcome"])
        for row in sorted(own["contacts"], key=lambda row: row["contacted_at"], reverse=True)
    ]  # fmt: skip
    complaints = sorted(
        row["occurred_at"].date()
        for row in own["events"]
        if row["kind"] == "complaint" and row["occurred_at"].date() >= monday - 364 * DAY
    )
    return Profile(
        name,
        {kind: tuple(line) for kind, line in lines.items() if any(line)},
        tuple(sorted(due, key=lambda one: (one.matures_on, -one.balance_minor, one.product_name))),
        tuple(sorted(bookings, key=lambda one: (-abs(one.amount_minor), -one.booked_on.toordinal()))[:10]),
        tuple(contacts[:10]),
        tuple(complaints),
    )


def of_drawn(tables: Any, monday: date) -> list[Profile]:
    names = {row["product_id"]: row["product_id"] for row in tables["products"].to_pylist()}
    everyone = tables["customers"]["customer_id"].to_pylist()
    return list(profiles_of(make_entities(tables), monday, everyone, names))


@pytest.mark.parametrize("seed", range(6))
def test_a_profile_equals_a_naive_loop(seed: int, draw_bank: Any, tables_of: Any) -> None:
    drawn = draw_bank(seed)
    tables = tables_of(drawn.bank)
    for monday in drawn.snapshots[2:]:
        found = of_drawn(tables, monday)
        assert found == [naive(tables, monday, one.customer_id) for one in found]
        assert len(found) == 7


def seen_through(drawn: Any, tables_of: Any, times: int) -> str | None:
    """The first perturbation that changed a byte of a known customer's profile of a middle Monday."""
    monday = middle_of(drawn)
    known = {row["customer_id"] for row in drawn.bank["customers"] if row["known_on"] < monday}

    def look(bank: Any) -> list[bytes]:
        try:
            found = of_drawn(tables_of(bank), monday)
        except IndexError:  # a balance of the Monday itself lies in none of the weeks before it
            return []
        return [packed(one) for one in found if one.customer_id in known]

    return first_seen(look, drawn.bank, monday, times)


def test_the_future_changes_no_byte(draw_bank: Any, tables_of: Any) -> None:
    for seed in range(4):
        assert not seen_through(draw_bank(seed), tables_of, 12)


@pytest.mark.parametrize("leaky", [tomorrow, hindsight])
def test_a_planted_leak_is_noticed(leaky: Any, draw_bank: Any, tables_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(profiles, "seen", leaky)
    assert any(seen_through(draw_bank(seed), tables_of, 10) for seed in range(9))


def test_the_order_of_rows_changes_nothing(draw_bank: Any, tables_of: Any) -> None:
    drawn = draw_bank(3)
    monday, bank = drawn.snapshots[-1], deepcopy(drawn.bank)
    for rows in bank.values():
        random.Random(1).shuffle(rows)
    assert of_drawn(tables_of(bank), monday) == of_drawn(tables_of(drawn.bank), monday)


def test_profiles_come_bucket_by_bucket_with_the_products_names(tiny: Any) -> None:
    """C1 … C6 lie in four buckets, each with 1,000.25 of the product 活期 per number."""
    tables = tiny.ingest()
    found = list(profiles.profiles(tables, date(2024, 3, 11), {"C2", "C5"}))
    assert sorted(one.customer_id for one in found) == ["C2", "C5"]
    (second,) = (one for one in found if one.customer_id == "C2")
    assert second.aum_by_class == {"demand": (*[0] * 50, 2000_25, 2000_25)}
    # Of the bookings T1 … T10 those of C2 are T1 and T7.
    assert [(one.booked_on.day, one.amount_minor) for one in second.bookings] == [(7, 7_50), (1, 1_50)]


def test_maturities_alone_are_those_of_the_profiles(tiny: Any) -> None:
    """On 2024-03-11 the holdings of C1 … C6 fall due on 03-11 … 03-16: of C2 and C5 the second and the
    fifth."""
    due = [f"2024-03-{10 + n}" for n in range(1, 7)]
    tiny.select(
        "holdings", SELECTS["holdings"].replace("DAY AS known_on", "DAY AS known_on, DUE AS matures_on")
    )
    tiny.write_holdings("hold_1.parquet", DUE=due)
    tables, monday = tiny.ingest(), date(2024, 3, 11)
    found = profiles.maturities(tables, monday, ["C2", "C5"])
    due = {name: [one.matures_on.day for one in told] for name, told in found.items()}
    assert due == {"C2": [12], "C5": [15]}
    whole = profiles.profiles(tables, monday, ["C2", "C5"])
    assert {one.customer_id: one.maturities for one in whole} == found
    assert profiles.maturities(tables, date(2024, 3, 18), ["C2"]) == {}


def test_a_name_is_the_newest_known_before_the_monday_and_is_in_no_log(tiny: Any, caplog: Any) -> None:
    """C1 gets a new telephone on the Sunday, C2 one on the Monday; C3 has no name, a C4 is refused."""
    caplog.set_level("DEBUG")
    select = (tiny.folder / "customers.sql").read_text("utf-8")
    tiny.select("customers", select.replace("OPENED AS", "NAME AS name, PHONE AS phone, OPENED AS"))
    rows = [
        *(f"C{n},2020-01-0{n},2020-01-0{n},Quillon {n},+1 {n}" for n in (1, 2, 4, 5, 6)),
        "C3,2020-01-03,2020-01-03,,+1 3",
        "C4,2020-13-04,2024-03-03,Quillon 44,+1 44",
    ]
    tiny.write("cust_1.csv", "\n".join(["CUST,OPENED,LOADED,NAME,PHONE", *rows, ""]))
    tiny.ingest()
    later = ["C1,2020-01-01,2024-03-03,Quillon 1,+1 11", "C2,2020-01-02,2024-03-04,Quillon 2,+1 22"]
    tiny.write("cust_2.csv", "\n".join(["CUST,OPENED,LOADED,NAME,PHONE", *later, ""]))
    tables = tiny.ingest()
    found = {
        one.customer_id: (one.name, one.phone) for one in made(tables, MONDAY, [f"C{n}" for n in range(1, 6)])
    }
    assert found == {
        "C1": ("Quillon 1", "+1 11"), "C2": ("Quillon 2", "+1 2"), "C3": ("", "+1 3"),
        "C4": ("Quillon 4", "+1 4"), "C5": ("Quillon 5", "+1 5"),
    }  # fmt: skip
    assert [row["line"] for row in tiny.quarantine_rows()] == ["8"]
    told = [text for text in tiny.quarantine() if "Quillon" in text[-1]]
    notes = [path for path in tables.folder.glob("*.json") if "Quillon" in path.read_text("utf-8")]
    assert (told, notes, "Quillon" in caplog.text) == ([], [], False)
