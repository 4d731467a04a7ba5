"""A text is the value that it means as a whole, or none; values worked out by hand."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError, DataError
from configs.tables import TABLES
from pipeline.ingest.checks import checked
from pipeline.ingest.values import NO_NOTATION, Notation, typed
from tests.pipeline.conftest import TXN_HEADER, booking

SHANGHAI = Notation(time_zone="Asia/Shanghai")
GERMAN = Notation(decimal=",", thousands=".")
POINT = Notation(decimal=".")


@cache
def bank() -> duckdb.DuckDBPyConnection:
    """A bank with customer C1, product P1, manager M1 and some rates."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("CREATE TABLE layout AS SELECT 4 AS buckets")
    con.execute("CREATE TABLE latest_valid_date AS SELECT DATE '2024-04-30' AS day")
    for other, key in (("customers", "C1"), ("products", "P1"), ("managers", "M1")):
        con.execute(f"CREATE TABLE ref_{other} AS SELECT ? AS {other[:-1]}_id, 0::SMALLINT AS _bucket", [key])
    con.execute(
        "CREATE TABLE ref_rates AS SELECT c AS currency, DATE '2024-03-01' AS day, "
        "2::DECIMAL(18,8) AS to_base FROM (VALUES ('JPY'), ('KRW'), ('BHD'), ('USD')) AS t(c)"
    )
    return con


def value(text: str | None, sql_type: str, notation: Notation = NO_NOTATION) -> Any:
    """The value of one text."""
    row = bank().execute(f"SELECT {typed('x', sql_type, 'VARCHAR', notation)} FROM (SELECT ? AS x)", [text])
    return row.fetchall()[0][0]


def reasons(table: str, rows: Sequence[dict[str, Any]], notation: Notation = NO_NOTATION) -> list[str | None]:
    """The reason to refuse each of the rows, which have the same columns of the same types."""
    present = {
        name: "DOUBLE" if isinstance(item, float) else "INTEGER" if isinstance(item, int) else "VARCHAR"
        for name, item in rows[0].items()
    }
    columns = ", ".join(f"?::{present[name]} AS {name}" for name in rows[0])
    raw = " UNION ALL ".join(f"SELECT {columns}, 'f' AS _file, {k} AS _line" for k in range(len(rows)))
    bank().execute(f"CREATE OR REPLACE TABLE raw AS {raw}", [item for row in rows for item in row.values()])
    query = checked(TABLES[table], "SELECT * FROM raw", present, "CNY", notation)
    found = bank().execute(f"SELECT _reason FROM ({query}) ORDER BY _line").fetchall()
    assert len(found) == len(rows)
    return [reason for (reason,) in found]


def reason(table: str, row: dict[str, Any], notation: Notation = NO_NOTATION) -> str | None:
    return reasons(table, [row], notation)[0]


MOMENTS: list[tuple[str, datetime | None]] = [
    ("1993-12-05 11:30:00", datetime(1993, 12, 5, 11, 30)),
    ("1993-12-05", datetime(1993, 12, 5)),
    ("1993-12-05T11:30:00", datetime(1993, 12, 5, 11, 30)),
    ("1993-12-05 11:30", datetime(1993, 12, 5, 11, 30)),
    ("1993-12-05 11:30:00.25", datetime(1993, 12, 5, 11, 30, 0, 250_000)),
    ("1993-12-05 11:30:00.1234560", datetime(1993, 12, 5, 11, 30, 0, 123_456)),  # seven digits of SQL Server
    ("1993/12/05 11:30:00", datetime(1993, 12, 5, 11, 30)),
    ("1993-1-5 1:02:03", datetime(1993, 1, 5, 1, 2, 3)),
    (" 1993-12-05 ", datetime(1993, 12, 5)),
    ("1993-12-05 11:30:00 PM", datetime(1993, 12, 5, 23, 30)),
    ("1993-12-05 11:30 PM", datetime(1993, 12, 5, 23, 30)),
    ("1993-12-05 11:30:00PM", datetime(1993, 12, 5, 23, 30)),
    ("1993-12-05 11:30:00 p.m.", datetime(1993, 12, 5, 23, 30)),
    ("1993-12-05 11:30:00.5 pm", datetime(1993, 12, 5, 23, 30, 0, 500_000)),
    ("1993-12-05 12:30:00 AM", datetime(1993, 12, 5, 0, 30)),
    ("1993-12-05 12:30:00 PM", datetime(1993, 12, 5, 12, 30)),
    ("1993-12-05 11:30:00 AM", datetime(1993, 12, 5, 11, 30)),
    ("1993-12-05 13:30:00 PM", None),  # contradicts itself
    ("1993-12-05 00:30:00 AM", None),
    ("1993-12-05 24:00:00", None),  # the end of this day, or the beginning of the next
    ("1993-12-05 23:59:60", None),
    ("1993-12-05 10:00:00.1234567", None),
    ("1993-12-05 10:00:00 x", None),
    ("1993-12-05 10:00:00 1", None),
    ("1993-12-05 10:", None),
    ("1993-12-05 10:00:00.", None),
    ("1993-12-05 10", None),
    ("1993-12-05 (BC)", None),
    ("1993-02-30", None),
    ("19931205", None),
    ("05.12.1993", None),
    ("epoch", None),
    ("infinity", None),
    ("today", None),
    ("\ufeff1993-12-05", None),
    ("１９９３-12-05", None),
    ("1994-01-02T19:00:00Z", None),
    ("1994-01-02T19:00:00-05:00", None),
    ("1994-01-02 19:00:00 UTC", None),
    ("1994-01-02 19:00:00 CET", None),
    ("1994-01-02 19:00:00 Europe/Berlin", None),
]


@pytest.mark.parametrize(("text", "moment"), MOMENTS)
def test_a_moment_is_the_one_that_the_whole_text_means(text: str, moment: datetime | None) -> None:
    assert value(text, "TIMESTAMP") == moment
    assert value(text, "DATE") == (moment.date() if moment else None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1994-01-02T19:00:00Z", datetime(1994, 1, 3, 3)),
        ("1994-01-02T19:00:00-05:00", datetime(1994, 1, 3, 8)),
        ("1994-01-02 19:00:00 -0500", datetime(1994, 1, 3, 8)),
        ("1994-01-02 19:00:00+08", datetime(1994, 1, 2, 19)),
        ("1994-01-02 19:00:00.5+05:30", datetime(1994, 1, 2, 21, 30, 0, 500_000)),
        ("1994-01-02 07:00:00 PM UTC", datetime(1994, 1, 3, 3)),
        ("1994-01-02 19:00 GMT", datetime(1994, 1, 3, 3)),
        ("1994-01-02 19:00:00", datetime(1994, 1, 2, 19)),  # says no zone: it is local
        ("1994-01-02 19:00:00 CET", None),
        ("1994-01-02 19:00:00 Europe/Berlin", None),
        ("1994-01-02+02:00", None),
        ("1994-01-02 19:00:00+99:00", None),
        ("1994-02-30 19:00:00Z", None),
        ("1994-01-02 24:00:00Z", None),
    ],
)
def test_a_moment_in_a_time_zone_is_the_banks_local_moment(text: str, moment: datetime | None) -> None:
    assert value(text, "TIMESTAMP", SHANGHAI) == moment
    assert value(text, "DATE", SHANGHAI) == (moment.date() if moment else None)


def test_summer_time_is_that_of_the_day() -> None:
    prague = Notation(time_zone="Europe/Prague")
    assert value("2024-03-31T00:30:00Z", "TIMESTAMP", prague) == datetime(2024, 3, 31, 1, 30)
    assert value("2024-03-31T01:30:00Z", "TIMESTAMP", prague) == datetime(2024, 3, 31, 3, 30)
    assert value("2024-10-27T00:30:00Z", "TIMESTAMP", prague) == datetime(2024, 10, 27, 2, 30)
    assert value("2024-10-27T01:30:00Z", "TIMESTAMP", prague) == datetime(2024, 10, 27, 2, 30)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from([" ", "T"]))
@settings(max_examples=40)
def test_law_a_moment_written_and_read_is_the_same(moment: datetime, between: str) -> None:
    assert value(moment.isoformat(between), "TIMESTAMP") == moment
    half_day = moment.replace(microsecond=0)
    assert value(half_day.strftime(f"%Y-%m-%d{between}%I:%M:%S %p").rjust(22, "0"), "TIMESTAMP") == half_day


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50", "12.50"),
        ("+12", "12.00"),
        ("-.5", "-0.50"),
        ("12.", "12.00"),
        (" 12.5 ", "12.50"),
        ("12.5000", "12.50"),
        ("1e-2", "0.01"),
        ("1.23457E+03", None),
        ("1.23457000E+05", None),
        ("6.5E-01", "0.65"),
        ("6.5E-02", None),
        ("1.23457E+11", None),
        ("1e3", None),
        ("1_000", None),
        ("0x1F", None),
        ("12.505", None),
        ("0.005", None),
        *((text, None) for text in ("5-", "(5)", "−5", "–5", "－5", "5%", "$5", "5 EUR", "５", "1 000",
                                    "1'000", "1,000.00", "5\u00a0", "\ufeff5", "--5", "NaN", "inf", "", " ",
                                    ".")),
    ],
)  # fmt: skip
def test_a_number_loses_no_digit_and_guesses_none(text: str, number: str | None) -> None:
    assert value(text, "DECIMAL(18,2)") == (Decimal(number) if number else None)


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("7.0", 7), ("7.5", None), ("0x1F", None), ("1e1", None), ("1_0", None)]
)
def test_a_whole_number_is_never_rounded(text: str, number: int | None) -> None:
    assert value(text, "INTEGER") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12,50", "12.50"),
        ("1.234,50", "1234.50"),
        ("-1.234.567,5", "-1234567.50"),
        ("12.500", "12500.00"),
        ("1234,50", "1234.50"),
        ("12", "12.00"),
        (",12", "0.12"),
        (",125", None),
        ("12.5", None),
        ("1.23.456", None),
        ("1,234.50", None),
        ("12,505", None),
        ("1,5,0", None),
    ],
)
def test_marks_of_the_source(text: str, number: str | None) -> None:
    assert value(text, "DECIMAL(18,2)", GERMAN) == (Decimal(number) if number else None)


def test_blanks_between_thousands_and_points_alone() -> None:
    french = Notation(decimal=",", thousands="\u00a0")
    assert value("1\u00a0234,5", "DECIMAL(18,2)", french) == Decimal("1234.50")
    assert value("1 234,5", "DECIMAL(18,2)", french) is None
    assert value("12.500", "DECIMAL(18,2)", Notation(decimal=",")) is None


@given(st.decimals(-(10**9), 10**9, places=2))
@settings(max_examples=40)
def test_law_an_amount_in_any_notation_is_the_same(amount: Decimal) -> None:
    american = f"{amount:,.2f}"
    german = american.translate(str.maketrans(",.", ".,"))
    assert value(f"{amount:f}", "DECIMAL(18,2)") == amount
    assert value(german, "DECIMAL(18,2)", GERMAN) == amount
    assert value(american, "DECIMAL(18,2)", Notation(".", ",")) == amount


BOOKING = {"transaction_id": "T1", "customer_id": "C1", "account_id": "A1", "amount": "-5.25",
           "booked_at": "2024-03-01 10:00:00", "currency": "CNY", "kind": "other",
           "known_on": "2024-03-01"}  # fmt: skip
HOLDING = {"customer_id": "C1", "product_id": "P1", "valued_on": "2024-03-01", "balance": "5.25",
           "currency": "CNY", "known_on": "2024-03-01"}  # fmt: skip
ROWS: dict[str, dict[str, str]] = {
    "customers": {"customer_id": "C1", "opened_on": "2024-03-01", "known_on": "2024-03-01"},
    "assignments": {"customer_id": "C1", "manager_id": "M1", "branch_id": "B1", "from_on": "2024-03-01",
                    "to_on": "2024-03-05", "known_on": "2024-03-01"},
    "households": {"customer_id": "C1", "household_id": "H1", "from_on": "2024-03-01", "to_on": "2024-03-05",
                   "known_on": "2024-03-01"},
    "managers": {"manager_id": "M1", "name": "N", "branch_id": "B1", "weekly_capacity": "5"},
    "offers": {"offer_id": "O1", "product_class": "term", "currency": "CNY", "interest_rate": "1.5",
               "from_on": "2024-03-01", "to_on": "2024-03-05", "known_on": "2024-03-01"},
    "products": {"product_id": "P1", "product_class": "fund", "name": "N", "currency": "CNY"},
    "transactions": BOOKING,
    "holdings": HOLDING | {"account_id": "A1", "matures_on": "2025-03-01"},
    "contacts": {"contact_id": "K1", "customer_id": "C1", "manager_id": "M1", "contacted_at": "2024-03-01",
                 "channel": "phone", "purpose": "service", "outcome": "answered", "known_on": "2024-03-01"},
    "events": {"customer_id": "C1", "occurred_at": "2024-03-01", "kind": "login", "known_on": "2024-03-01"},
    "surveys": {"response_id": "R1", "customer_id": "C1", "answered_on": "2024-03-01", "item": "service",
                "score": "7", "known_on": "2024-03-01"},
    "labels": {"customer_id": "C1", "day": "2024-03-01", "gone": "1", "lost": "5.25",
               "known_on": "2024-03-05"},
    "customer_numbers": {"old_number": "C0", "customer_id": "C1", "from_on": "2024-03-01"},
    "rates": {"currency": "USD", "valued_on": "2024-03-01", "to_base": "7.1"},
}  # fmt: skip
DATED = {name: [column.name for column in table.columns if column.type in ("DATE", "TIMESTAMP")]
         for name, table in TABLES.items()}  # fmt: skip
IDS = {name: [column.name for column in table.columns if column.name.endswith("_id")]
       for name, table in TABLES.items()}  # fmt: skip
UNZONED = "is a moment in a time zone, but bank.toml does not say the time_zone of the bank"
DAMAGED = "is an id that a spreadsheet or a float has damaged: deliver it as text"


def test_the_rows_are_good_and_of_every_table_and_column() -> None:
    assert set(ROWS) == set(TABLES)
    assert {table: reason(table, row) for table, row in ROWS.items()} == dict.fromkeys(ROWS)
    assert all({*DATED[table], *IDS[table]} <= {*row} for table, row in ROWS.items())
    assert sum(map(len, DATED.values())) > 20
    assert sum(map(len, IDS.values())) > 20


@pytest.mark.parametrize("table", [table for table, columns in DATED.items() if columns])
def test_every_date_of_every_table_is_read_to_its_end(table: str) -> None:
    row, asked = ROWS[table], list[tuple[str, str, str]]()
    for column in DATED[table]:
        day = row[column][:10]
        for end in (" 10:00:00Z", "T10:00:00-05:00"):
            asked.append((column, f"{day}{end}", f"{column}: '{day}{end}' {UNZONED}"))
        for text in (f"{day} 10:00:00 x", f"{day} 24:00:00", f"{day[2:]}", f"{day} 10:00:00 +1"):
            asked.append((column, text, f"{column}: "))
        asked.append(
            (column, f"{day} 10:00:00 Europe/Berlin", f"{column}: '{day} 10:00:00 Europe/Berlin' names")
        )
    found = reasons(table, [row | {column: text} for column, text, _ in asked])
    assert [one for one, why in zip(asked, found, strict=True) if not str(why).startswith(one[2])] == []
    zoned = [row | {column: f"{row[column][:10]} 10:00:00+08:00"} for column in DATED[table]]
    assert set(reasons(table, zoned, SHANGHAI)) == {None}


@pytest.mark.parametrize("table", [table for table, columns in IDS.items() if columns])
def test_every_id_of_every_table_is_named_where_a_spreadsheet_damaged_it(table: str) -> None:
    damaged = ("12345.0", "12345,0", "1.23457E+11", "1,23457E+11", "1.23457e11", "1E+05")
    hidden = (" C1", "C1 ", "C1\u00a0", "\ufeffC1", "C1\u200b")
    cells = [(column, text) for column in IDS[table] for text in (*damaged, *hidden)]
    found = reasons(table, [ROWS[table] | {column: text} for column, text in cells])
    for (column, text), why in zip(cells, found, strict=True):
        assert why == f"{column}: '{text}' {DAMAGED}" if text in damaged else "a hidden mark" in str(why)


@pytest.mark.parametrize("text", ["A 1", "1E5", "12.345.678", "0012", "A+B", "1,2,3", "0123.4567"])
def test_ids_that_only_look_odd_are_ids(text: str) -> None:
    assert reason("transactions", BOOKING | {"account_id": text}) is None


@pytest.mark.parametrize(("table", "row", "money"), [("transactions", BOOKING, "amount"),
                                                      ("holdings", HOLDING, "balance")])  # fmt: skip
def test_an_amount_has_the_decimals_of_its_currency(table: str, row: dict[str, str], money: str) -> None:
    def reasons_of(*amounts: str, currency: str = "CNY", notation: Notation = NO_NOTATION) -> list[str]:
        rows = [row | {money: amount, "currency": currency} for amount in amounts]
        return list(map(str, reasons(table, rows, notation)))

    thousands = ("12.500", "-12.500", "0.000", "1234.5000")
    for amount, found in zip(thousands, reasons_of(*thousands), strict=True):
        assert found.startswith(f"{money}: '{amount}' has more decimals than CNY: a thousand?")
    assert set(reasons_of(*thousands, notation=POINT)) == {"None"}
    assert reasons_of("12.500", notation=GERMAN) == ["None"]
    half, whole, yen = reasons_of("12.50", "12.00", "12.000", currency="JPY")
    assert "has decimals, but JPY has none" in half
    assert "has more decimals than JPY: a thousand?" in yen  # and not twelve
    assert whole == "None"
    assert "has decimals, but KRW has none" in reasons_of("-0.01", currency="KRW", notation=POINT)[0]
    good, more = reasons_of("12.500", "12.505", currency="BHD")
    assert good == "None"
    assert more.startswith(f"{money}: '12.505' has three decimals, as BHD does, but")


def test_numbers_that_are_no_money_keep_their_decimals() -> None:
    assert reason("rates", ROWS["rates"] | {"to_base": "7.125"}) is None
    assert reason("holdings", HOLDING | {"units": "12.500", "unit_price": "1.0375"}) is None


def test_a_number_that_lost_digits_is_told_so() -> None:
    found = reason("transactions", BOOKING | {"amount": "1.23457E+11"})
    assert found == "amount: '1.23457E+11' has lost digits: a spreadsheet or a float wrote it"


@pytest.mark.parametrize(("column", "value"), [("is_staff", 2), ("marketing_opt_out", 0.4), ("deleted", -1)])
def test_a_number_that_is_neither_0_nor_1_is_no_truth(column: str, value: float) -> None:
    assert (
        reason("customers", ROWS["customers"] | {column: value})
        == f"{column}: '{value}' is not true or false"
    )
    assert reason("customers", ROWS["customers"] | {column: 1}) is None


def test_a_delivery_with_clocks_of_all_kinds(tiny: Any) -> None:
    lines = {"A": "2024-03-01 11:30:00 PM", "B": "2024-03-02T19:00:00Z", "C": "2024-03-02T19:00:00-05:00"}
    text = "".join(booking(NO=no, DONE=done, LOADED="2024-03-05") for no, done in lines.items())
    tiny.write("txn_2.csv", TXN_HEADER + text)
    tiny.ingest()
    assert tiny.quarantine() == [
        ("transactions", "txn_2.csv", 3, f"booked_at: '2024-03-02T19:00:00Z' {UNZONED}"),
        ("transactions", "txn_2.csv", 4, f"booked_at: '2024-03-02T19:00:00-05:00' {UNZONED}"),
    ]
    tiny.ingest(time_zone="Asia/Shanghai")
    booked = {row["transaction_id"]: row["booked_at"] for row in tiny.rows("transactions")}
    assert (booked["A"], booked["B"], booked["C"]) == (
        datetime(2024, 3, 1, 23, 30), datetime(2024, 3, 3, 3), datetime(2024, 3, 3, 8)
    )  # fmt: skip


def test_a_time_zone_that_nobody_knows(tiny: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"time_zone 'Asia/Shangai' of bank 'tiny' is none\..*Asia/Shanghai"
    ):
        tiny.ingest(time_zone="Asia/Shangai")


def test_a_typed_moment_in_utc_is_local_where_the_zone_is_said(tiny: Any) -> None:
    zoned = "DAY::TIMESTAMP AT TIME ZONE 'UTC' + INTERVAL 20 HOUR AS valued_on"
    select = (tiny.folder / "holdings.sql").read_text().replace("DAY AS valued_on", zoned)
    tiny.select("holdings", select.replace("DAY AS known_on", "'2024-03-09' AS known_on"))
    with pytest.raises(DataError, match=r"valued_on is a moment in UTC.*Set time_zone"):
        tiny.ingest()
    tiny.ingest(time_zone="Asia/Shanghai")
    assert {row["valued_on"] for row in tiny.rows("holdings")} == {date(2024, 3, 4)}


def test_ids_as_floats_are_told_before_any_row(tiny: Any) -> None:
    tiny.write_holdings("hold_1.parquet", CUST=[float(n) for n in range(6)])
    with pytest.raises(DataError, match=r"customer_id comes as DOUBLE: an id .* a float has damaged"):
        tiny.ingest()


def test_a_decimal_comma_of_a_source(tiny: Any) -> None:
    tiny.declare('"txn_*.csv"', '"txn_*.csv", delimiter = ";", decimal = ",", thousands = "."')
    german = (
        (tiny.raw / "txn_1.csv").read_text().replace(",", ";").replace("1.50", "12.500").replace(".", ",")
    )
    tiny.write("txn_1.csv", german.replace("12,500", "12.500"))
    tiny.ingest()
    assert tiny.quarantine() == []
    assert sum(row["amount"] for row in tiny.rows("transactions")) == Decimal("12558.50")


def test_sources_of_one_select_write_numbers_alike(tiny: Any) -> None:
    tiny.declare('"txn_*.csv"', '"txn_*.csv", decimal = ","')
    tiny.declare('"fx.csv"', '"fx.csv", decimal = "."')
    tiny.select("transactions", (tiny.folder / "transactions.sql").read_text() + " JOIN fx ON CCY = 'x'")
    with pytest.raises(
        ConfigError, match=r"transactions\.sql .* different marks in their numbers: fx and txn"
    ):
        tiny.ingest()


def test_a_thousands_mark_is_not_the_decimal_mark(tiny: Any) -> None:
    tiny.declare('"txn_*.csv"', '"txn_*.csv", thousands = "."')
    with pytest.raises(ConfigError, match=r"thousands '\.' is the decimal mark too"):
        tiny.settings()


def test_thousandths_of_a_currency_are_refused_with_the_way_to_round_them(tiny: Any) -> None:
    tiny.declare('base_currency = "CNY"', 'base_currency = "KWD"')
    tiny.select("holdings", (tiny.folder / "holdings.sql").read_text("utf-8").replace("CNY", "KWD"))
    amounts = ("1.500", "1.505", "12", "x")
    lines = [booking(NO=f"K{k}", CCY="KWD", AMT=amount) for k, amount in enumerate(amounts)]
    tiny.write("txn_1.csv", TXN_HEADER + "".join(lines))
    assert tiny.count("transactions").loaded == 2
    assert [reason for *_, reason in tiny.quarantine()] == [
        "amount: '1.505' has three decimals, as KWD does, but tables hold two. Set decimal of its source, "
        "and let the SELECT round: round(CAST(… AS DECIMAL(18,3)), 2)",
        "amount: 'x' is not a number of at most 16 digits and 2 decimals",
    ]
    with pytest.raises(DataError, match=r"three decimals.* Correct configs/banks/tiny/transactions\.sql"):
        tiny.ingest(rows_gone="again", quarantine_limit=0.3)
    tiny.declare('txn = { files = "txn_*.csv" }', 'txn = { files = "txn_*.csv", decimal = "." }')
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("AMT AS", "round(TRY_CAST(AMT AS DECIMAL(18,3)), 2) AS"))
    assert tiny.count("transactions", rows_gone="rounded").loaded == 3
    assert sorted(str(row["amount"]) for row in tiny.rows("transactions")) == ["1.50", "1.51", "12.00"]


def test_moments_in_a_zone_stop_an_ingest_with_the_setting_that_they_need(tiny: Any) -> None:
    lines = [booking(NO=f"Z{k}", DONE=f"2024-03-01 10:0{k}:00+08:00") for k in range(3)]
    tiny.write("txn_1.csv", TXN_HEADER + "".join(lines))
    with pytest.raises(DataError, match=r"Set time_zone in configs/banks/tiny/bank\.toml, or have the file"):
        tiny.ingest(quarantine_limit=0.3)
    tiny.declare('language = "en"', 'language = "en"\ntime_zone = "Asia/Shanghai"')
    assert tiny.count("transactions", quarantine_limit=0.3).loaded == 3


def test_a_base_currency_that_no_source_has_is_named(tiny: Any) -> None:
    tiny.declare('base_currency = "CNY"', 'base_currency = "EUR"')
    with pytest.raises(
        DataError, match=r"fixed_rates in .*bank\.toml, or correct base_currency = 'EUR' there"
    ):
        tiny.ingest(quarantine_limit=0.02)
