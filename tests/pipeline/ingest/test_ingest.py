"""Every row is loaded, refused with a reason, or a duplicate; a failed run leaves the old tables."""

import os
import shutil
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.bank_folder import load_settings
from configs.errors import DataError
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.ingest import ingest as ingest_module
from pipeline.ingest import load as loading
from pipeline.ingest.ingest import ingest
from pipeline.ingest.selects import load_selects
from pipeline.tables import read_ingested
from tests.pipeline.conftest import TXN_HEADER, booking, booking_lines

NUMBER = "is not a number of at most 16 digits and 2 decimals"


def line(**changes: str) -> str:
    """A booking without the end of its line."""
    return booking(**{"NO": "T1"} | changes).removesuffix("\n")


# Lines of one file with the reason for which each is refused; None where it is loaded, "" for a duplicate.
PLANTED: list[tuple[str, str | None]] = [
    (line(NO="G1"), None),
    (line(NO="B1", DONE="2024-02-30 10:00:00"), "booked_at: '2024-02-30 10:00:00' is not a date and time"),
    (line(NO="B2", AMT="abc"), f"amount: 'abc' {NUMBER}"),
    (line(NO="B3")[:-2], "too few fields: 8, the header has 9"),
    (line(NO="G2", MEMO='"two\nlines"'), None),
    (line(NO="B4", AMT="1.005"), f"amount: '1.005' {NUMBER}"),
    (line(NO="B5", AMT="NaN"), f"amount: 'NaN' {NUMBER}"),
    (line(NO="B6", ACCT=""), "account_id: is empty"),
    (line(NO="B7") + ",x,", "too many fields: 11, the header has 9"),
    (line(NO="B8", KIND="crypto"), "kind: 'crypto' is unknown"),
    (line(NO="B9", CCY="XYZ"), "currency: 'XYZ' has no rate on 2024-03-01"),
    (line(NO="B10", CCY="USD", DONE="2024-02-29"), "currency: 'USD' has no rate on 2024-02-29"),
    (line(NO="B11", CUST="C9"), "customer_id: 'C9' is not in table customers"),
    (line(NO="B12", MEMO='"open'), "a quote is opened and never closed"),
    (line(NO="G1"), ""),
    (line(NO="G3"), None),
    (line(NO="B13", DONE="2024-03-02 00:00:00"), "booked_at: 2024-03-02 lies after known_on 2024-03-01"),
    (line(NO="G3", AMT="9.00"),
     "transaction_id: 'G3' stands with another content in txn_2.csv line 18, which is kept"),
    (line(NO="G1", LOADED="2024-03-20", AMT="2.00"), None),
    (line(NO="G4"), None),
]  # fmt: skip


def lay_out(lines: list[tuple[str, str | None]], end: str = "\n") -> tuple[str, list[tuple[int, str]]]:
    """The text of a file and its refused lines, counted as an editor counts them."""
    text, number, refused = TXN_HEADER, 2, []
    for line, reason in lines:
        if reason:
            refused.append((number, reason))
        text, number = text + line + "\n", number + line.count("\n") + 1
    return text.replace("\n", end), refused


def test_a_good_delivery_is_loaded_whole(tiny):
    done = tiny.ingest()
    assert [(one.table, one.rows_in, one.loaded) for one in done.counts] == [
        ("products", 1, 1), ("rates", 2, 2), ("customers", 6, 6), ("transactions", 10, 10),
        ("holdings", 6, 6),
    ]  # fmt: skip
    assert (done.first_day, done.last_day, tiny.quarantine()) == (date(2024, 3, 1), date(2024, 3, 10), [])
    assert sum(row["amount"] for row in tiny.rows("transactions")) == Decimal("60.00")  # 1.5 + 2.5 + … + 10.5
    assert read_ingested(tiny.home) == done


@pytest.mark.parametrize(
    ("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("gb18030", "\n"), ("utf-16", "\r\n")]
)
def test_each_defect_is_refused_on_its_line_of_the_second_file(tiny, encoding, end):
    text, refused = lay_out(PLANTED, end)
    tiny.write("txn_2.csv", text, encoding)
    tiny.write("txn_1.csv", (tiny.raw / "txn_1.csv").read_text("utf-8"), encoding)
    tiny.declare('"txn_*.csv"', f'"txn_*.csv", encoding = "{encoding.removesuffix("-sig")}"')
    count = tiny.count("transactions")
    assert (count.rows_in, count.loaded, count.quarantined, count.duplicates) == (10 + 20, 10 + 5, 14, 1)
    assert tiny.quarantine() == [("transactions", "txn_2.csv", line, reason) for line, reason in refused]
    assert {row["transaction_id"] for row in tiny.rows("transactions")} >= {"G1", "G2", "G3", "G4"}


def test_the_planted_lines_are_where_an_editor_shows_them():
    """The numbers the other tests rest on, counted by hand: G2 fills lines 6 and 7."""
    _, refused = lay_out(PLANTED)
    assert [line for line, _ in refused] == [3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20]


def test_holdings_of_unknown_products_and_customers_are_refused(tiny):
    tiny.write_holdings("hold_2.parquet", DAY=["2024-03-10"] * 6, PROD=["P1", "P9", "P1", "P1", "P1", ""],
                        CUST=["C1", "C2", "C9", "C4", "", "C6"])  # fmt: skip
    count = tiny.count("holdings")
    assert (count.rows_in, count.loaded, count.quarantined) == (12, 8, 4)
    assert tiny.quarantine() == [
        ("holdings", "hold_2.parquet", 2, "product_id: 'P9' is not in table products"),
        ("holdings", "hold_2.parquet", 3, "customer_id: 'C9' is not in table customers"),
        ("holdings", "hold_2.parquet", 5, "customer_id: is empty"),
        ("holdings", "hold_2.parquet", 6, "product_id: is empty"),
    ]


def test_a_refused_customer_takes_its_rows_along_with_their_own_reasons(tiny):
    tiny.write(
        "cust_1.csv", (tiny.raw / "cust_1.csv").read_text("utf-8").replace("C6,2020-01-06,", "C6,2020-13-06,")
    )
    tiny.ingest()
    assert {(table, reason) for table, _, _, reason in tiny.quarantine()} == {
        ("customers", "opened_on: '2020-13-06' is not a date"),
        ("transactions", "customer_id: 'C6' is not in table customers"),
        ("holdings", "customer_id: 'C6' is not in table customers"),
    }


def test_a_fixed_rate_needs_one_line_and_no_table(tiny):
    """Bookings of 1.50 in HKD at 0.92, long before and after any rate: 1.38 in base currency."""
    (tiny.folder / "rates.sql").unlink()
    tiny.declare("[sources]\nc", "fixed_rates = { HKD = 0.92 }\n[sources]\nc")
    tiny.write(
        "txn_2.csv", TXN_HEADER + booking(NO="H1", CCY="HKD", DONE="2023-01-02 10:00:00", LOADED="2023-01-02")
    )
    tiny.write("txn_3.csv", TXN_HEADER + booking(NO="H2", CCY="HKD") + booking(NO="U1", CCY="USD"))
    tiny.ingest()
    found = {row["transaction_id"]: str(row["amount_base"]) for row in tiny.rows("transactions")}
    assert (found["H1"], found["H2"], found["T1"], "U1" in found) == ("1.38", "1.38", "1.50", False)
    assert [reason for *_, reason in tiny.quarantine()] == ["currency: 'USD' has no rate on 2024-03-01"]
    tiny.declare("0.92", "0.93")  # everything is read again
    tiny.ingest()
    assert {str(row["amount_base"]) for row in tiny.rows("transactions") if row["currency"] == "HKD"} == {
        "1.40"
    }


def test_a_fixed_rate_beside_rows_of_the_same_currency_is_refused(tiny):
    with pytest.raises(
        DataError, match=r"fixed_rates in .*tiny/bank\.toml names USD, and the table rates has"
    ):
        tiny.ingest(fixed_rates={"USD": 7.0})


def test_rates_stand_until_the_next_and_for_31_days_after_the_last(tiny):
    days = {
        "2024-03-01": "7.10",
        "2024-03-07": "7.10",
        "2024-03-08": "7.20",
        "2024-04-07": "7.20",
        "2024-04-08": None,
    }
    lines = [booking(NO=day, AMT="1.00", CCY="USD", DONE=day, LOADED=day) for day in days]
    tiny.write("txn_1.csv", TXN_HEADER + "".join(lines))
    tiny.ingest()
    found = {row["transaction_id"]: str(row["amount_base"]) for row in tiny.rows("transactions")}
    assert found == {day: rate for day, rate in days.items() if rate}
    assert [line for _, _, line, _ in tiny.quarantine()] == [6]


def test_of_two_rates_for_one_day_the_one_kept_is_the_one_used(tiny):
    for order in (["7.30", "7.00"], ["7.00", "7.30"]):
        tiny.write("fx.csv", "CCY,DAY,RATE\n" + "".join(f"USD,2024-03-01,{rate}\n" for rate in order))
        tiny.write("txn_1.csv", TXN_HEADER + booking(CCY="USD", AMT="1.00"))
        tiny.ingest()
        assert [str(row["to_base"]) for row in tiny.rows("rates")] == ["7.00000000"]
        assert [str(row["amount_base"]) for row in tiny.rows("transactions")] == ["7.00"]


def test_lines_of_a_source_count_for_the_tables_that_read_it_and_no_other(tiny):
    """A comment and a text with ``cust`` in the SELECT of products do not make it a reader."""
    tiny.select(
        "products", (tiny.folder / "products.sql").read_text() + " -- not of cust\nWHERE NAME <> 'cust'"
    )
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7\n")
    refused = [(one.table, one.quarantined) for one in tiny.ingest().counts if one.quarantined]
    assert refused == [("customers", 1)]


@pytest.mark.parametrize("source", ["TXN", '"txn"', "txn -- not fx", "txn /* not fx */", "(FROM txn)"])
def test_the_reader_of_a_source_is_known_however_it_writes_it(tiny, source):
    sql(tiny, "FROM txn", f"FROM {source}")
    tiny.write("txn_2.csv", TXN_HEADER + "T1\n")
    tiny.write("fx.csv", (tiny.raw / "fx.csv").read_text("utf-8") + "USD\n")
    found = {one.table: one.quarantined for one in tiny.ingest().counts if one.quarantined}
    assert found == {"rates": 1, "transactions": 1}


def test_several_rows_of_one_line_are_told_apart(tiny):
    """A bank may keep two amounts on one line; its SELECT makes two rows of it."""
    one = "SELECT NO || '{0}' AS transaction_id, CUST AS customer_id, ACCT AS account_id, DONE AS booked_at, "
    one += "AMT AS amount, CCY AS currency, KIND AS kind, LOADED AS known_on, _file, _line FROM txn"
    tiny.select("transactions", one.format("a") + " UNION ALL " + one.format("b"))
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="T1", DONE="2024-03-01 10:00:00") + booking(NO="N"))
    count = tiny.count("transactions")
    # Both halves of the other T1 conflict.
    assert (count.rows_in, count.loaded, count.quarantined) == (24, 22, 2)
    assert len(tiny.rows("transactions")) == 22


ROW = booking_lines(1, 9)


@pytest.mark.parametrize("times", [4, pytest.param(60, marks=pytest.mark.long)])
def test_law_rows_in_are_loaded_or_refused_or_duplicates(tiny, times):
    """In any mixture rows_in is what was written, loaded what can be read, quarantined what is shown."""

    @given(st.lists(st.lists(ROW, max_size=12), min_size=1, max_size=3))
    @settings(max_examples=times, suppress_health_check=[HealthCheck.too_slow])
    def law(files):
        check_counts(tiny, files)

    law()


def check_counts(tiny, files):
    for number in range(2, 5):
        (tiny.raw / f"txn_{number}.csv").unlink(missing_ok=True)
    shutil.rmtree(tiny.home.root, ignore_errors=True)
    for number, lines in enumerate(files, start=2):
        tiny.write(f"txn_{number}.csv", TXN_HEADER + "".join(lines))
    count = tiny.count("transactions")
    assert count.rows_in == 10 + sum(len(lines) for lines in files)
    assert count.loaded == len(tiny.rows("transactions"))
    assert count.quarantined == len(tiny.quarantine())
    assert count.rows_in == count.loaded + count.quarantined + count.duplicates


# What is broken, how, and the sentence that tells the bank's engineer.
def txn(tiny) -> str:
    return (tiny.raw / "txn_1.csv").read_text("utf-8")


def sql(tiny, old: str, new: str) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    assert old in select
    tiny.select("transactions", select.replace(old, new))


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "no raw folder": (
        lambda tiny: tiny.raw.rename(tiny.raw.with_name("elsewhere")),
        "there is no raw folder RAW. Name the bank's extracts with RAW=<folder>.",
    ),
    "no file": (
        lambda tiny: (tiny.raw / "txn_1.csv").unlink(),
        "source 'txn' has no file: nothing matches 'txn_*.csv' in RAW. "
        "Deliver it there, or mend [sources.txn] in configs/banks/tiny/bank.toml.",
    ),
    "an empty folder for a file": (
        lambda tiny: to_folder(tiny.raw / "txn_1.csv"),
        "source 'txn' has no file: 'txn_*.csv' leads to RAW/txn_1.csv, but the folder is empty. "
        "Deliver it there, or mend [sources.txn] in configs/banks/tiny/bank.toml.",
    ),
    "empty file": (
        lambda tiny: tiny.write("txn_1.csv", ""),
        "RAW/txn_1.csv is empty: it has not even a header. Deliver it again.",
    ),
    "header only": (
        lambda tiny: tiny.write("txn_1.csv", TXN_HEADER),
        "table 'transactions' is needed, but there is not one row for it in RAW/txn_1.csv. "
        "Deliver the rows, or mend configs/banks/tiny/transactions.sql.",
    ),
    "missing column": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny).replace("AMT", "AMOUNT")),
        "configs/banks/tiny/transactions.sql does not fit the delivered files: "
        'Referenced column "AMT" not found in FROM clause (line 2). '
        "txn_*.csv holds NO, CUST, ACCT, DONE, AMOUNT, CCY, KIND, LOADED, MEMO. "
        "Correct the SELECT, or have the missing column delivered.",
    ),
    "column not selected": (
        lambda tiny: sql(tiny, "AMT AS amount, ", ""),
        "table 'transactions' lacks amount; it has transaction_id, customer_id, account_id, booked_at, "
        "currency, "
        "kind, known_on, _file, _line. Select them in configs/banks/tiny/transactions.sql.",
    ),
    "unknown column": (
        lambda tiny: sql(tiny, "AMT AS amount", "AMT AS amount, MEMO AS chanel"),
        "table 'transactions' has columns that nobody knows: chanel. Did you mean 'channel'? "
        "Rename or leave out in configs/banks/tiny/transactions.sql.",
    ),
    "text in a number": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny).replace("3.50", "3x50")),
        "table 'transactions': 1 of 10 rows refused, above the limit of 2.0%; most often, first in txn_1.csv "
        "line 4: "
        f"amount: '3x50' {NUMBER}. Have the file corrected (all refused lines stand in quarantine.csv), "
        "or raise quarantine_limit in configs/banks/tiny/bank.toml.",
    ),
    "header repeated": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny) + TXN_HEADER + booking(NO="N")),
        "RAW/txn_1.csv repeats its header in line 12, as if two files had been joined. "
        "Deliver each as a file of its own, or without the second header.",
    ),
    "column named twice": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny).replace("MEMO", "CUST")),
        "RAW/txn_1.csv names the column CUST twice in its header "
        "(NO, CUST, ACCT, DONE, AMT, CCY, KIND, LOADED, CUST). Deliver it with one name per column.",
    ),
    "wrong encoding": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny).replace("2024-03-04,", "2024-03-04,转账"), "gb18030"),
        "table 'transactions': 1 of 10 rows refused, above the limit of 2.0%; most often, first in txn_1.csv "
        "line 5: cannot be read as utf-8: \\xd5 is no character; where all files of its source are so, set "
        "its encoding in bank.toml, for example gb18030 or cp1252. Have the file corrected (all refused "
        "lines stand in quarantine.csv), or raise quarantine_limit in configs/banks/tiny/bank.toml.",
    ),
    "header in another encoding": (
        lambda tiny: tiny.write("txn_1.csv", txn(tiny).replace("MEMO", "转账"), "gb18030"),
        "RAW/txn_1.csv is not utf-8: its header (NO, CUST, ACCT, DONE, AMT, CCY, KIND, LOADED, "
        "ת\\xd5\\xcb) cannot be read. Deliver it as utf-8, or set its encoding (for example "
        '"gb18030") in [sources.txn] of bank.toml.',
    ),
    "headers differ": (
        lambda tiny: tiny.write("txn_2.csv", txn(tiny).replace("MEMO", "NOTE")),
        "the files of source 'txn' differ: txn_2.csv has the columns "
        "(NO, CUST, ACCT, DONE, AMT, CCY, KIND, LOADED, NOTE), but txn_1.csv has "
        "(NO, CUST, ACCT, DONE, AMT, CCY, KIND, LOADED, MEMO). "
        "Deliver them alike, or declare one source for each layout in bank.toml.",
    ),
    "Parquet columns differ": (
        lambda tiny: tiny.write_holdings("hold_2.parquet", EXTRA=[1] * 6),
        "the files of source 'hold' differ: hold_2.parquet has the columns (BAL, CUST, DAY, EXTRA, PROD), "
        "but "
        "hold_1.parquet has (BAL, CUST, DAY, PROD). "
        "Deliver them alike, or declare one source for each layout in bank.toml.",
    ),
    "Parquet cut off": (
        lambda tiny: os.truncate(tiny.raw / "hold_1.parquet", 500),
        "RAW/hold_1.parquet is cut off, or no Parquet at all. Deliver it again.",
    ),
    "Parquet of no bytes": (
        lambda tiny: os.truncate(tiny.raw / "hold_1.parquet", 0),
        "RAW/hold_1.parquet is empty. Deliver it again.",
    ),
    "Parquet of no rows": (
        lambda tiny: tiny.write_holdings("hold_1.parquet", CUST=[], PROD=[], DAY=[], BAL=[]),
        "table 'holdings' is needed, but there is not one row for it in RAW/hold_1.parquet. "
        "Deliver the rows, or mend configs/banks/tiny/holdings.sql.",
    ),
    "two statements": (
        lambda tiny: sql(tiny, "FROM txn", "FROM txn; SELECT 1"),
        "configs/banks/tiny/transactions.sql is not SQL: "
        'syntax error at or near ";" (line 3). Correct the SELECT.',
    ),
    "broken SELECT": (
        lambda tiny: sql(tiny, "FROM txn", "FORM txn"),
        "configs/banks/tiny/transactions.sql is not SQL: "
        'syntax error at or near "txn" (line 3). Correct the SELECT.',
    ),
    "unknown source": (
        lambda tiny: sql(tiny, "FROM txn", "FROM bookings"),
        "configs/banks/tiny/transactions.sql does not fit the delivered files: Table with name bookings does "
        "not "
        'exist (line 3). It names none of the sources cust, prod, fx, txn, hold. '
        "Correct the SELECT, or have the missing column delivered.",
    ),
    "cast in the SELECT": (
        lambda tiny: (
            sql(tiny, "AMT AS", "CAST(AMT AS INTEGER) AS"),
            tiny.write("txn_1.csv", txn(tiny).replace("3.50", "abc")),
        ),
        "configs/banks/tiny/transactions.sql casts '1.50' of txn_1.csv line 2 to INTEGER: it is not a whole "
        "number. Leave the cast to the contract, which refuses single rows; or have the file corrected.",
    ),
    "needed table": (
        lambda tiny: (tiny.folder / "holdings.sql").unlink(),
        "table 'holdings' is needed. Write configs/banks/tiny/holdings.sql; or, where the bank has no "
        "balances, set counts = 'customers' in configs/banks/tiny/bank.toml: lists then rank customers by "
        "their risk.",
    ),
    "table referred to": (
        lambda tiny: (tiny.folder / "products.sql").unlink(),
        "table 'holdings' refers to table 'products' by its product_id. Write "
        "configs/banks/tiny/products.sql too.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_inputs_are_one_sentence_and_leave_the_old_tables(tiny, case):
    spoil, sentence = BROKEN[case]
    done, before = tiny.first_ingest(), tiny.bytes_of_tables()
    spoil(tiny)
    with pytest.raises(DataError) as raised:
        tiny.ingest(quarantine_limit=0.02)
    assert str(raised.value).replace(str(tiny.raw), "RAW") == sentence
    assert (read_ingested(tiny.home), tiny.bytes_of_tables()) == (done, before)
    assert left_over(tiny.home) == []


def test_balances_that_nothing_looks_at_are_refused(tiny):
    settings = tiny.settings().model_copy(update={"counts": "customers"})
    for table in ("products", "holdings"):
        with pytest.raises(DataError, match=rf"{table}\.sql is there, but .* Set counts = 'money' in"):
            load_selects(settings)
        (tiny.folder / f"{table}.sql").unlink()
    assert {"customers", "transactions"} <= set(load_selects(settings))
    with pytest.raises(DataError, match="'holdings' is needed"):
        load_selects(tiny.settings())


def left_over(home: Home) -> list[str]:
    """Whatever lies in the home besides the tables, their pointers and the pages for people."""
    known = {"current", "previous", "quarantine.csv", "files.csv", "tables"}
    below = [*home.root.iterdir(), *(home.root / "tables").iterdir()]
    return [path.name for path in below if path.name not in known and not (path / "ingest.json").is_file()]


def test_an_error_about_a_person_does_not_name_the_person(tiny):
    tiny.write("txn_1.csv", txn(tiny).replace("C3", "6222020200112233"))
    with pytest.raises(DataError, match=r"line 3: customer_id: '…' is not in table customers") as raised:
        tiny.ingest(quarantine_limit=0.02)
    assert "6222020200112233" not in str(raised.value)
    assert "6222020200112233" in tiny.quarantine()[0][3]


@pytest.mark.parametrize(
    "cast",
    [
        "CAST(CUST AS INTEGER)",
        "CAST(MEMO AS INTEGER)",
        "CAST(CAST(CUST AS BIGINT) AS INTEGER)",
        "strptime(CUST, '%Y-%m-%d')",
        "CAST(CUST AS DATE)",
    ],
)
def test_a_cast_that_fails_does_not_name_the_person(tiny, cast):
    memo = '"O\'Neill\n6222020200112233"'
    tiny.write("txn_1.csv", TXN_HEADER + booking(CUST="6222020200112233", MEMO=memo))
    sql(tiny, "CUST AS", f"{cast} AS")
    with pytest.raises(DataError, match=r"transactions\.sql (fails|casts) .*…") as raised:
        tiny.ingest()
    assert "6222020200112233" not in str(raised.value)
    assert "Neill" not in str(raised.value)


def test_the_limit_itself_is_still_allowed(tiny):
    tiny.write("txn_1.csv", txn(tiny).replace("3.50", "3x50"))
    assert tiny.count("transactions", quarantine_limit=0.1).quarantined == 1
    with pytest.raises(DataError, match=r"1 of 10 rows refused, above the limit of 9\.9%"):
        tiny.ingest(quarantine_limit=0.099)


def test_a_full_disk_is_told_as_it_is_and_leaves_the_old_tables(tiny, monkeypatch):
    done, before = tiny.first_ingest(), tiny.bytes_of_tables()
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(loading, "write_parquet", full)
        with pytest.raises(OSError, match="No space left on device"):
            tiny.ingest()
    assert (read_ingested(tiny.home), tiny.bytes_of_tables(), left_over(tiny.home)) == (done, before, [])
    assert tiny.count("transactions").loaded == 11


def test_a_semicolon_or_a_comment_may_end_a_select(tiny):
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    for end in (";", ";\n\n", " -- all bookings", "; -- all bookings\n", " -- all;\n;\n-- of them\n--"):
        tiny.select("transactions", select + end)
        assert tiny.count("transactions").loaded == 10


def test_each_row_is_checked_once(tiny, monkeypatch):
    """The one relation ``checked`` is what all later steps read."""
    made, original = [], loading.checked

    def counted(table: Any, *rest: Any, **named: Any) -> str:
        made.append(table.name)
        return original(table, *rest, **named)

    monkeypatch.setattr(loading, "checked", counted)
    assert [one.table for one in tiny.ingest().counts] == made


def test_a_moment_in_utc_is_refused_with_its_remedy(tiny):
    moments = pa.array([datetime(2024, 3, 3, 20)] * 6, pa.timestamp("us", "UTC"))
    tiny.write_holdings("hold_1.parquet", DAY=moments)
    with pytest.raises(DataError, match=r"holdings\.sql, for example valued_on AT TIME ZONE 'Asia/Shanghai'"):
        tiny.ingest()


def test_the_same_delivery_again_changes_nothing(tiny, monkeypatch):
    first, before = tiny.first_ingest(), tiny.bytes_of_tables()
    monkeypatch.setattr(ingest_module, "_make", None)  # it is not even called
    assert (tiny.ingest(), tiny.bytes_of_tables()) == (first, before)


def test_tables_of_another_version_are_made_anew(tiny, monkeypatch):
    first = tiny.first_ingest()
    monkeypatch.setattr(ingest_module, "INGEST_VERSION", 0)
    assert tiny.ingest().folder != first.folder


def test_commands_refuse_tables_of_another_version(tiny, monkeypatch):
    monkeypatch.setattr(ingest_module, "INGEST_VERSION", 4)
    data = tiny.ingest().folder.parents[2]
    (data / "tiny").symlink_to(tiny.home.root)
    with pytest.raises(DataError, match=r"by another version of this software .* make ingest BANK=tiny"):
        _ = Context(tiny.settings(), data).tables


def test_the_same_rows_in_other_files_and_another_order_are_the_same_bytes(tiny):
    text, refused = lay_out(PLANTED)
    tiny.write("txn_2.csv", text)
    first, before = tiny.ingest(), tiny.bytes_of_tables()
    lines = [*txn(tiny).splitlines()[1:], *(line for line, _ in PLANTED)]
    for number in range(3):
        part = "".join(line + "\n" for line in lines[number::3][::-1])
        tiny.write(f"txn_{number + 1}.csv", TXN_HEADER + part)
    second = tiny.ingest()
    assert second.folder != first.folder
    assert tiny.bytes_of_tables() == before
    assert len(tiny.quarantine()) == len(refused)


def test_one_and_two_threads_write_the_same_bytes(tiny, monkeypatch):
    text, _ = lay_out(PLANTED)
    tiny.write("txn_2.csv", text)
    connect, found = duckdb.connect, []
    for threads in (1, 2):
        monkeypatch.setattr(duckdb, "connect", lambda threads=threads: connect(config={"threads": threads}))
        home = Home(tiny.home.root / str(threads))
        done = ingest(tiny.settings(), tiny.raw, home, lambda _: None)
        files = sorted(path for path in done.folder.rglob("*") if path.is_file())
        found.append({path.relative_to(done.folder): path.read_bytes() for path in files})
    assert len(found[0]) > 5
    assert found[0] == found[1]


def test_every_customer_lies_in_the_one_bucket_of_its_md5(tiny):
    done = tiny.ingest()
    # Six customers at two per bucket make three, and the nearest power of two is four.
    assert done.buckets == 4
    for table in ("customers", "transactions", "holdings"):
        for number in range(done.buckets):
            rows = done.read(table, number)
            for one in rows["customer_id"].to_pylist() if rows else []:
                assert int.from_bytes(md5(one.encode()).digest()[8:], "little") % done.buckets == number
    known = [row["customer_id"] for row in tiny.rows("customers")]
    assert sorted(known) == ["C1", "C2", "C3", "C4", "C5", "C6"]


def test_the_tables_before_stay_until_the_next_ingest(tiny):
    folders = []
    for number in range(4):
        tiny.write("txn_2.csv", TXN_HEADER + booking(NO=f"N{number}"))
        folders.append(tiny.ingest(rows_gone="as it was meant").folder)
        tiny.ingest()  # again: nothing more goes
        assert {path for path in (tiny.home.root / "tables").iterdir() if path.is_dir()} == set(folders[-2:])
        assert len(tiny.rows("transactions")) == 11


@pytest.mark.parametrize("lost", ["holdings", "products", "ingest.json", "transactions", ""])
def test_tables_that_lost_a_file_are_made_anew(tiny, lost):
    done, before = tiny.first_ingest(), tiny.bytes_of_tables()
    path = done.folder / lost
    path.unlink() if path.is_file() else shutil.rmtree(path)
    assert tiny.ingest() == done
    assert tiny.bytes_of_tables() == before


def test_tables_that_rest_on_a_lost_delivery_are_made_anew(tiny):
    first = tiny.first_ingest()
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N"))
    assert tiny.ingest().builds_on == (first.fingerprint,)
    shutil.rmtree(first.folder / "holdings")
    assert tiny.ingest().builds_on == ()
    assert tiny.count("transactions").loaded == 11


def test_before_the_first_ingest_the_error_says_what_to_run(tiny):
    with pytest.raises(DataError, match=r"holds no tables yet\. Run `make ingest`"):
        read_ingested(tiny.home)


def test_berka_as_published_is_loaded_to_the_last_row(berka, tmp_path):
    home = Home(tmp_path)
    done = ingest(load_settings("berka"), berka, home, lambda _: None)
    found = {one.table: (one.loaded, one.quarantined, one.duplicates) for one in done.counts}
    assert found["customers"] == (4_500, 0, 0)
    assert found["transactions"] == (77_197, 0, 0)
    assert all(quarantined == duplicates == 0 for _, quarantined, duplicates in found.values())
    assert holdings_of(done.folder) == last_balances(berka)


def last_balances(berka: Path) -> dict[tuple[str, date], Decimal]:
    """Owner and day: the balance behind the account's last booking of the day, read without DuckDB."""
    owners = {}
    for line in (berka / "disp.asc").read_text("ascii").replace('"', "").splitlines()[1:]:
        _, client, account, kind = line.split(";")
        if kind == "OWNER":
            owners[account] = client
    balances = {}
    for line in (berka / "trans.asc").read_text("ascii").replace('"', "").splitlines()[1:]:
        _, account, day, _, _, _, balance, *_ = line.split(";")
        when = date(1900 + int(day[:2]), int(day[2:4]), int(day[4:]))
        balances[owners[account], when] = Decimal(balance)
    return balances


def holdings_of(tables: Path) -> dict[tuple[str, date], Decimal]:
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT customer_id, valued_on, balance_base FROM read_parquet(?)",
            [f"{tables}/holdings/bucket=*/*.parquet"],
        ).fetchall()
    return {(customer, day): balance for customer, day, balance in rows}


OFFERS = "NO,PCT,BEGIN,UNTIL,LOADED\n"


def test_offers_are_seen_from_the_day_they_were_known(tiny: Any) -> None:
    tiny.declare("[sources]", '[sources]\noffer = { files = "offer_*.csv" }')
    tiny.select(
        "offers",
        "SELECT NO AS offer_id, 'term' AS product_class, 'CNY' AS currency, PCT AS interest_rate, "
        "BEGIN AS from_on, UNTIL AS to_on, LOADED AS known_on, _file, _line FROM offer",
    )
    # Announced before it begins; of the second the rate is no percentage.
    tiny.write("offer_1.csv", OFFERS + "O1,1.75,2024-03-05,,2024-03-02\nO2,175,2024-03-05,,2024-03-02\n")
    before = tiny.ingest()
    ((offer, rate),) = [
        (row["offer_id"], row["interest_rate"]) for row in before.offers()["offers"].to_pylist()
    ]
    assert (offer, rate) == ("O1", Decimal("1.7500"))
    tiny.write("offer_2.csv", OFFERS + "O1,1.75,2024-03-05,2024-03-09,2024-03-08\n")
    after = tiny.ingest()
    assert after.builds_on == (before.fingerprint,)
    assert len(after.offers()["offers"]) == 2
    assert [after.as_of(day) == before.as_of(day) for day in (date(2024, 3, 8), date(2024, 3, 9))] == [
        True, False,
    ]  # fmt: skip
    (tiny.raw / "offer_1.csv").unlink()
    with pytest.raises(DataError, match=r"stand in no file any more.*offers"):
        tiny.ingest()
