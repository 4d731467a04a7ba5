"""Values computed by a SELECT: casts that drop nothing, sums of any width, rows that a join multiplies."""

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from configs.errors import DataError
from configs.tables import TABLES
from pipeline.ingest.casts import strict_casts
from pipeline.ingest.selects import computed_columns
from pipeline.ingest.values import NO_NOTATION, Notation
from tests.pipeline.conftest import TXN_HEADER, booking

DAY, MONEY = "1993-12-05", "12.50"


def computed(expression: str, text: str, notation: Notation = NO_NOTATION) -> str:
    """The value of an expression over X = ``text`` and what of its error is about the cast."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            "CREATE TABLE t AS SELECT ? AS X, DATE '2020-01-01' AS D, 'f' AS _file, 7 AS _line", [text]
        )
        select = f"SELECT {expression}, _file, _line FROM t"
        try:
            ((value, *_),) = con.execute(
                strict_casts(con, TABLES["transactions"], select, notation)
            ).fetchall()
        except duckdb.Error as error:
            return str(error).partition("strict cast: ")[2].partition(" :strict cast")[0]
        return str(value)


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        ("CAST(X AS DATE) AS known_on", DAY, "1993-12-05"),
        ("CAST(X AS DATE) AS known_on", f"{DAY} 11:30:00 PM", "1993-12-05"),
        ("X::TIMESTAMP AS booked_at", f"{DAY} 11:30:00 PM", "1993-12-05 23:30:00"),
        ("D + X::TIME AS booked_at", "11:30:00 PM", "2020-01-01 23:30:00"),
        ("-X::DECIMAL(18,2) AS amount", MONEY, "-12.50"),
        ("-X::DOUBLE AS amount", MONEY, "-12.5"),
        ("X::DECIMAL(18,8) * 2 AS to_base", "7.125", "14.25000000"),
        ("X::INT + 1 AS score", "7", "8"),
        ("TRY_CAST(X AS DATE) AS booked_at", f"{DAY} x", "None"),
        ("TRY_CAST(X AS INT) AS score", "7.5", "None"),
        ("TRY_CAST(X AS DECIMAL(18,2)) AS amount", "12.505", "None"),
        ("CAST(D AS TIMESTAMP) AS booked_at", "", "2020-01-01 00:00:00"),
        ("CAST('2020-01-02 x' AS VARCHAR) || X AS kind", "a", "2020-01-02 xa"),
        ("CASE WHEN TRY_CAST(X[3:4] AS INTEGER) > 50 THEN 'F' ELSE 'M' END AS kind", "7055", "F"),
        ("row_number() OVER (PARTITION BY CAST(X AS INT)) AS kind", "7", "1"),
        ("sum(CAST(X AS DECIMAL(18,2))) OVER () AS amount", MONEY, "12.50"),
    ],
)
def test_a_cast_of_a_whole_text_is_its_value(expression: str, text: str, value: str) -> None:
    assert computed(expression, text) == value


@pytest.mark.parametrize(
    ("expression", "text", "words"),
    [
        ("CAST(X AS DATE) AS known_on", f"{DAY} x", "of f line 7 to DATE: it is not a date"),
        ("CAST(X AS DATE) AS known_on", f"{DAY}T23:00:00Z", "is a moment in a time zone"),
        ("X::TIMESTAMP AS booked_at", f"{DAY} 24:00:00", "is not a date and time"),
        ("X::TIMESTAMP AS booked_at", "epoch", "is not a date and time"),
        ("X::TIMESTAMP_S AS booked_at", f"{DAY} 10:00:00 CEST", "names a time zone otherwise"),
        ("D + X::TIME AS booked_at", "11:30:00Z", "is not a time"),
        ("D + X::TIME AS booked_at", "24:00:00", "is not a time"),
        ("-X::DECIMAL(18,2) AS amount", "12.505", "has more decimals than money"),
        ("-X::DECIMAL(18,2) AS amount", "12.500", "has more decimals than money"),
        ("-X::DOUBLE AS amount", "12.500", "has more decimals than money"),
        ("X::DECIMAL(18,4) * 1 AS balance_amount, X::DECIMAL(18,2) AS amount", "1.23E+5", "has lost digits"),
        *(("-X::DOUBLE AS amount", text, "DOUBLE: it ") for text in ("nan", "inf", "1e+20", "1_0")),
        ("X::INT AS score", "7.5", "is not a whole number"),
        ("X::BIGINT AS score", "0x1F", "is not a whole number"),
        ("X::HUGEINT AS score", "1_000", "is not a whole number"),
        ("sum(X::DECIMAL(18,2)) OVER () AS amount", "12.505", "has more decimals than money"),
    ],
)
def test_a_cast_that_would_drop_round_or_guess_is_an_error(expression: str, text: str, words: str) -> None:
    assert words in computed(expression, text)


def test_the_decimal_mark_of_the_source_holds_in_its_select() -> None:
    assert computed("-X::DECIMAL(18,2) AS amount", "1.234,50", Notation(",", ".")) == "-1234.50"
    assert computed("-X::DECIMAL(18,2) AS amount", "12.500", Notation(".")) == "-12.50"


def change(tiny: Any, old: str, new: str) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    assert old in select
    tiny.select("transactions", select.replace(old, new))


@pytest.mark.parametrize(
    ("column", "cast", "bad", "words"),
    [
        (
            "AMT",
            "-CAST(AMT AS DECIMAL(18,2))",
            {"AMT": "1.505"},
            "'1.505' of txn_2.csv line 2 to DECIMAL(18,2)",
        ),
        (
            "DONE",
            "CAST(DONE AS TIMESTAMP)",
            {"DONE": f"{DAY} 11:30 Z"},
            f"'{DAY} 11:30 Z' of txn_2.csv line 2",
        ),
        ("LOADED", "LOADED::DATE", {"LOADED": "2024-03-01 x"}, "'2024-03-01 x' of txn_2.csv line 2 to DATE"),
        ("CUST", "CUST[2:]::INT", {"CUST": "C7.5"}, "'…' of txn_2.csv line 2 to INTEGER"),  # about a person
    ],
)
def test_the_select_is_named_with_the_row_whose_text_it_casts(
    tiny: Any, column: str, cast: str, bad: dict[str, str], words: str
) -> None:
    change(tiny, f"{column} AS", f"{cast} AS")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N", **bad))
    with pytest.raises(DataError, match=r"banks/tiny/transactions\.sql casts ") as refused:
        tiny.ingest()
    assert words in str(refused.value)
    assert "Leave the cast to the contract" in str(refused.value)


def test_sums_of_money_are_loaded_and_their_refused_rows_kept(tiny: Any) -> None:
    change(tiny, "AMT AS", "sum(CAST(AMT AS DECIMAL(18,2))) AS")
    change(tiny, "FROM txn", "FROM txn GROUP BY ALL")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N", KIND="?"))
    count = tiny.count("transactions")
    assert (count.loaded, count.quarantined) == (10, 1)
    assert sum(row["amount"] for row in tiny.rows("transactions")) == Decimal("60.00")


@pytest.mark.parametrize(
    ("column", "expression", "words"),
    [
        ("ACCT", "[ACCT]", r"account_id is of type VARCHAR\[\], which is no single value"),
        ("ACCT", "{'a': ACCT}", r"account_id is of type STRUCT"),
        ("KIND", "KIND::BLOB", r"kind is of type BLOB"),
        ("ACCT", "CAST(ACCT[2:] AS DOUBLE)", r"account_id comes as DOUBLE"),
    ],
)
def test_a_column_of_an_odd_type_is_one_sentence(tiny: Any, column: str, expression: str, words: str) -> None:
    change(tiny, f"{column} AS", f"{expression} AS")
    with pytest.raises(DataError, match=words):
        tiny.ingest()


@pytest.mark.parametrize("amount", ["hash(AMT) * 0 + 5", "5::HUGEINT", "5::UBIGINT", "5::DECIMAL(38,0)"])
def test_numbers_of_any_type_are_loaded_or_refused_row_by_row(tiny: Any, amount: str) -> None:
    change(tiny, "AMT AS", f"{amount} AS")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N", KIND="?"))
    count = tiny.count("transactions")
    assert count.rows_in == count.loaded + count.quarantined == 11


def test_a_value_that_the_select_computed_is_not_blamed_on_the_file(tiny: Any) -> None:
    change(tiny, "DONE AS", "'19' || DONE AS")
    with pytest.raises(
        DataError, match=r"computed by transactions\.sql\)\. Correct .*transactions\.sql, or have"
    ):
        tiny.ingest(quarantine_limit=0.01)
    assert all(row[3].endswith(" (computed by transactions.sql)") for row in tiny.quarantine())


def test_what_is_computed_and_what_is_delivered() -> None:
    select = (
        "SELECT A AS a, trim(B) AS b, CASE C WHEN '1' THEN 'x' ELSE C END AS c, CAST(D AS DATE) AS d, "
        "t.E AS e, '-' || F AS f, CASE G WHEN '1' THEN 'x' END AS g, 'CNY' AS h, "
        "replace(I, ',', '.') AS i FROM t"
    )
    with duckdb.connect() as con:
        assert computed_columns(con, select) == {"f", "g", "h", "i"}
        assert computed_columns(con, "FROM t") == computed_columns(con, "no SQL") == frozenset()


@pytest.mark.parametrize(
    ("table", "join", "words"),
    [
        ("transactions", "JOIN (VALUES ('A', 'C1'), ('A', 'C2')) AS o(k, CUST_2) ON true", "customer_id"),
        ("transactions", "JOIN (VALUES (1), (2)) AS o(CUST_2) ON true", "account_id"),
        ("customers", "JOIN (VALUES ('2019-01-01'), ('2018-01-01')) AS o(CUST_2) ON true", "opened_on"),
    ],
)
def test_a_join_that_multiplies_rows_is_called_so(tiny: Any, table: str, join: str, words: str) -> None:
    old = {"customer_id": "CUST AS", "account_id": "ACCT AS", "opened_on": "OPENED AS"}[words]
    select = (tiny.folder / f"{table}.sql").read_text("utf-8")
    tiny.select(table, select.replace(old, "CUST_2 AS") + " " + join)
    key = TABLES[table].key[0]
    sentence = (
        rf"{table}\.sql multiplies rows: of \w+_1\.csv line 2 it makes 2 with the same {key}, which differ"
    )
    with pytest.raises(DataError, match=rf"{sentence} in {words}; there are"):
        tiny.ingest()
