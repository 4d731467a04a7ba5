"""The contract as SQL: on the raw columns of one table at a time, against values worked out by hand."""

from functools import cache
from hashlib import md5
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import DataError
from configs.tables import KINDS, TABLES
from pipeline.ingest.checks import bucket_of, check_columns, checked
from pipeline.ingest.relations import FIRST_LOADED
from pipeline.ingest.versions import repeats

SURVEY = {
    "response_id": "R1",
    "customer_id": "C1",
    "answered_on": "2024-03-01",
    "item": "service",
    "score": "7",
    "known_on": "2024-03-02",
}
BOOKING = {
    "transaction_id": "T1",
    "customer_id": "C1",
    "account_id": "A1",
    "booked_at": "2024-03-01 10:00:00",
    "amount": "-5.25",
    "currency": "CNY",
    "kind": "other",
    "known_on": "2024-03-01",
}
# Overdrawn, and due far ahead: both are right.
HOLDING = {
    "customer_id": "C1",
    "product_id": "P1",
    "valued_on": "2024-03-01",
    "balance": "-5.25",
    "currency": "CNY",
    "matures_on": "2054-03-01",
    "units": "0",
    "unit_price": "0",
    "known_on": "2024-03-01",
}
AHEAD = "lies after 2024-04-30, 31 days after the bank's last bookings"
NUMBER = "is not a number of at most 16 digits and 2 decimals"


@cache
def bank() -> duckdb.DuckDBPyConnection:
    """A bank with customer C1 and dollars at 7.10 on 1 March 2024."""
    con = duckdb.connect()
    con.execute("CREATE TABLE layout AS SELECT 4 AS buckets")
    con.execute("CREATE TABLE latest_valid_date AS SELECT DATE '2024-04-30' AS day")
    con.execute("CREATE TABLE ref_customers AS SELECT 'C1' AS customer_id, 3::SMALLINT AS _bucket")
    con.execute("CREATE TABLE ref_products AS SELECT 'P1' AS product_id, 0::SMALLINT AS _bucket")
    con.execute(
        "CREATE TABLE ref_rates AS "
        "SELECT 'USD' AS currency, DATE '2024-03-01' AS day, 7.1::DECIMAL(18,8) AS to_base"
    )
    return con


def check(table: str, row: dict[str, Any], types: dict[str, str] | None = None) -> dict[str, Any]:
    """One row of the bank through the contract."""
    present = {name: (types or {}).get(name, "VARCHAR") for name in row}
    columns = ", ".join(f"?::{present[name]} AS {name}" for name in row)
    raw = f"CREATE OR REPLACE TABLE raw AS SELECT {columns}, 'f' AS _file, 2 AS _line"
    bank().execute(raw, list(row.values()))
    found = bank().execute(checked(TABLES[table], "SELECT * FROM raw", present, "CNY"))
    names = [column[0] for column in found.description]
    return dict(zip(names, found.fetchall()[0], strict=True))


def test_a_good_row_is_typed_and_takes_its_customers_bucket():
    row = check("transactions", BOOKING)
    assert (row["_reason"], row["_bucket"]) == (None, 3)
    assert (str(row["amount"]), str(row["amount_base"])) == ("-5.25", "-5.25")
    assert (row["channel"], row["counterparty"]) == ("other", "none")


def test_money_is_changed_at_the_days_rate_and_rounded_to_cents():
    row = check("transactions", BOOKING | {"currency": "USD", "amount": "-0.05"})
    assert str(row["amount_base"]) == "-0.36"  # 0.05 × 7.10 = 0.355


def test_large_sums_are_changed_without_overflow():
    row = check("transactions", BOOKING | {"currency": "USD", "amount": "1000000000000.00"})
    assert (row["_reason"], str(row["amount_base"])) == (None, "7100000000000.00")


# Each value with the reason for which it is refused.
@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("transactions", "amount", "abc", f"amount: 'abc' {NUMBER}"),
        ("transactions", "amount", "1,000.00", f"amount: '1,000.00' {NUMBER}"),
        ("transactions", "amount", "1.005", f"amount: '1.005' {NUMBER}"),
        ("transactions", "amount", "0.1000000000000000055", f"amount: '0.1000000000000000055' {NUMBER}"),
        ("transactions", "amount", "NaN", f"amount: 'NaN' {NUMBER}"),
        ("transactions", "amount", "1e17", f"amount: '1e17' {NUMBER}"),
        ("transactions", "amount", "", "amount: is empty"),
        ("transactions", "account_id", "  ", "account_id: is empty"),
        ("transactions", "account_id", "A\x001", "account_id: 'A?1' has a control character"),
        ("transactions", "account_id", "A\n1", "account_id: 'A?1' has a control character"),
        ("transactions", "kind", "crypto", "kind: 'crypto' is unknown"),
        ("transactions", "counterparty", "x'y", "counterparty: 'x'y' is unknown"),
        ("transactions", "customer_id", "C9", "customer_id: 'C9' is not in table customers"),
        ("transactions", "booked_at", "2024-02-30 10:00", "booked_at: '2024-02-30 10:00' is not a date and "
                                                          "time"),
        ("transactions", "booked_at", "1024-03-01", "booked_at: '1024-03-01' does not lie between 1900 and "
                                                    "9999"),
        ("transactions", "booked_at", "99999-03-01",
         "booked_at: '99999-03-01' does not lie between 1900 and 9999"),
        ("transactions", "amount", "inf", f"amount: 'inf' {NUMBER}"),
        ("transactions", "known_on", "infinity", "known_on: 'infinity' does not lie between 1900 and 9999"),
        ("transactions", "known_on", "20240301", "known_on: '20240301' is not a date"),
        ("transactions", "known_on", "2024-02-29", "booked_at: 2024-03-01 lies after known_on 2024-02-29"),
        ("transactions", "account_id", "A\u00851", "account_id: 'A?1' has a control character"),
        ("transactions", "known_on", "2024-05-01", f"known_on: 2024-05-01 {AHEAD}"),
        ("customers", "opened_on", "2024-05-01", f"opened_on: 2024-05-01 {AHEAD}"),
        ("customers", "known_on", "2099-01-01", f"known_on: 2099-01-01 {AHEAD}"),
        ("transactions", "currency", "USDT", "currency: 'USDT' has no rate on 2024-03-01"),
        ("surveys", "score", "7.5", "score: '7.5' is not a whole number"),
        ("surveys", "score", "0", "score: '0' is below 1"),
        ("surveys", "score", "11", "score: '11' is above 10"),
        ("customers", "is_staff", "maybe", "is_staff: 'maybe' is not true or false"),
        ("customers", "gender", "X", "gender: 'X' is unknown"),
        ("customers", "birth_year", "1885", "birth_year: '1885' is below 1900"),
        ("rates", "to_base", "0", "to_base: '0' is below 1e-08"),
        ("holdings", "units", "-0.01", "units: '-0.01' is below 0"),
        ("holdings", "unit_price", "-0.01", "unit_price: '-0.01' is below 0"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_column_and_value(table, column, value, reason):
    good = {
        "transactions": BOOKING,
        "surveys": SURVEY,
        "holdings": HOLDING,
        "customers": {"customer_id": "C1", "opened_on": "2020-01-01", "known_on": "2020-01-01"},
        "rates": {"currency": "USD", "valued_on": "2024-03-01", "to_base": "7.1"},
    }[table]
    assert check(table, good)["_reason"] is None
    assert check(table, good | {column: value})["_reason"] == reason


def test_too_large_in_base_currency():
    row = check("transactions", BOOKING | {"currency": "USD", "amount": "9999999999999999.99"})
    assert row["_reason"] == "amount: 9999999999999999.99 is too large in CNY"


@pytest.mark.parametrize(
    ("found", "value", "taken"),
    [
        ("DOUBLE", 0.1 + 0.2, "0.30"),  # 0.30000000000000004: noise, not decimals
        ("DOUBLE", 1e12 + 0.1, "1000000000000.10"),
        ("DOUBLE", 0.125, None),
        ("DOUBLE", float("nan"), None),
        ("DECIMAL(18,4)", "0.1200", "0.12"),
        ("DECIMAL(18,4)", "0.1250", None),
        ("BIGINT", 12, "12.00"),
    ],
)
def test_numbers_of_parquet_are_never_rounded_silently(found, value, taken):
    row = check("transactions", BOOKING | {"amount": value}, {"amount": found})
    assert (str(row["amount"]) if row["_reason"] is None else None) == taken


def test_blank_text_is_empty_and_takes_the_default():
    row = check("transactions", BOOKING | {"channel": " ", "counterparty": ""})
    assert (row["_reason"], row["channel"], row["counterparty"]) == (None, "other", "none")


def present(table: str, *, without: str = "", also: dict[str, str] | None = None) -> dict[str, str]:
    names = [*TABLES[table].names, "_file", "_line"]
    return {name: "VARCHAR" for name in names if name != without} | (also or {})


def test_missing_and_unknown_columns_are_named_with_the_file_to_mend() -> None:
    surveys = TABLES["surveys"]
    with pytest.raises(DataError, match=r"'surveys' lacks score; it has .*configs/banks/x/surveys\.sql"):
        check_columns(surveys, "x", present("surveys", without="score"))
    with pytest.raises(DataError, match=r"lacks _line; it has"):
        check_columns(surveys, "x", present("surveys", without="_line"))
    with pytest.raises(DataError, match=r"nobody knows: scor\. Did you mean 'score'\?.*surveys\.sql"):
        check_columns(surveys, "x", present("surveys", also={"scor": "VARCHAR"}))


def test_a_moment_in_utc_must_be_told_where_it_is() -> None:
    zoned = present("transactions", without="booked_at", also={"booked_at": "TIMESTAMP WITH TIME ZONE"})
    with pytest.raises(DataError, match=r"booked_at is a moment in UTC.*AT TIME ZONE 'Asia/Shanghai'"):
        check_columns(TABLES["transactions"], "x", zoned)


def test_optional_columns_may_be_left_out() -> None:
    check_columns(TABLES["holdings"], "x", present("holdings", without="units"))


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text), st.sampled_from([1, 2, 8, 64]))
def test_law_buckets_can_be_recomputed_elsewhere(customer_id, buckets):
    found = duckdb.execute(f"SELECT {bucket_of('?', buckets)}", [customer_id]).fetchall()[0]
    assert found == (int.from_bytes(md5(customer_id.encode()).digest()[8:], "little") % buckets,)


def verdicts(rows: list[tuple[str, str, str, str, int]]) -> list[tuple[Any, ...]]:
    """Line, verdict, superseded_on and the line kept of surveys (response, score, known_on, file, line)."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE good (response_id VARCHAR, score INT, known_on DATE, _file VARCHAR, _line INT)"
        )
        con.executemany("INSERT INTO good VALUES (?, ?, ?, ?, ?)", rows)
        con.execute("ALTER TABLE good ADD COLUMN _row BIGINT")
        con.execute("UPDATE good SET _row = rowid")
        for name in ("customer_id", "answered_on", "item"):
            con.execute(f"ALTER TABLE good ADD COLUMN {name} VARCHAR DEFAULT '2024-02-29'")
        con.execute("ALTER TABLE good ADD COLUMN deleted BOOLEAN DEFAULT false")
        con.execute("ALTER TABLE good ADD COLUMN _renumbered TINYINT DEFAULT 0")
        con.execute(
            "CREATE TABLE earlier AS SELECT *, '' AS _part, 0 AS _at, false AS _standing FROM good "
            "WHERE false"
        )
        FIRST_LOADED.create(con)
        con.execute("CREATE TABLE repeated_keys AS SELECT hash(response_id) AS hash FROM good "
                    "GROUP BY response_id HAVING count(*) > 1")  # fmt: skip
        return con.execute(
            "SELECT _line, verdict, superseded_on::VARCHAR, kept_at "
            f"FROM ({repeats(TABLES['surveys'])}) ORDER BY _line"
        ).fetchall()


def test_a_row_that_comes_once_has_no_verdict():
    assert verdicts([("R1", "7", "2024-03-01", "a", 2), ("R2", "7", "2024-03-01", "a", 3)]) == []


def test_duplicates_conflicts_and_versions_of_one_key():
    found = verdicts(
        [
            ("R1", "7", "2024-03-01", "a", 2),
            ("R1", "7", "2024-03-01", "a", 3),
            ("R1", "5", "2024-03-09", "a", 4),
            ("R1", "6", "2024-03-09", "a", 5),
            ("R1", "6", "2024-03-09", "a", 6),
            ("R1", "7", "2024-03-20", "a", 7),
        ]
    )
    assert found == [
        (2, "kept", "2024-03-09", "a line 2"),
        (3, "duplicate", None, "a line 2"),
        (4, "kept", "2024-03-20", "a line 4"),
        (5, "conflict", None, "a line 4"),
        (6, "duplicate", None, "a line 4"),
        (7, "kept", None, "a line 7"),
    ]


def test_which_of_two_contents_stays_does_not_depend_on_their_order():
    one, other = ("R1", "5"), ("R1", "6")
    for first, second, kept in ((one, other, 2), (other, one, 3)):
        found = verdicts([(*first, "2024-03-01", "a", 2), (*second, "2024-03-01", "a", 3)])
        assert [(row[0], row[1]) for row in found if row[1] == "kept"] == [(kept, "kept")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", ["-5.25", "0.00", "5.25"])
def test_some_kinds_move_money_one_way(kind, amount):
    reason = None
    if kind in ("salary", "transfer_in", "cash_in") and amount == "-5.25":
        reason = f"amount: -5.25 is below 0, but money comes in with kind {kind}"
    elif kind in ("transfer_out", "card", "cash_out", "fee") and amount == "5.25":
        reason = f"amount: 5.25 is above 0, but money goes out with kind {kind}"
    assert check("transactions", BOOKING | {"kind": kind, "amount": amount})["_reason"] == reason
