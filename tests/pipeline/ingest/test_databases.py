"""A table of a real PostgreSQL server as a source, which tests/databases.py starts."""

import os
from decimal import Decimal
from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest

from configs.errors import DataError
from pipeline.ingest import databases
from pipeline.ingest.quarantine import export_refused
from pipeline.tables import read_ingested
from tests.databases import PASSWORD, REMEDY
from tests.servers import needed

SOURCE = 'txn = { format = "postgres", table = "core.txn", dsn_env = "BANK_DSN" }'
TABLE = """CREATE SCHEMA IF NOT EXISTS core;
DROP TABLE IF EXISTS core.txn;
CREATE TABLE core.txn ("NO" text, "CUST" varchar(20), "ACCT" text, "DONE" timestamp, "AMT" numeric(18,2),
"CCY" char(3),
"KIND" text, "LOADED" date, "MEMO" text);
INSERT INTO core.txn SELECT 'T' || n, 'C' || 1 + n % 6, 'A' || n, timestamp '2024-03-01 10:00' + n *
interval '1 hour',
n + 0.01, 'CNY', 'other', date '2024-03-04', 'Zürich 活期' FROM generate_series(1, 10) AS n;"""


@pytest.fixture(scope="module")
def database(postgres):
    """Runs SQL on a new server; the connection string stands in BANK_DSN."""
    needed(find_spec("adbc_driver_postgresql"), f"no PostgreSQL driver: {REMEDY}")
    os.environ["BANK_DSN"] = f"{postgres.dsn} password={PASSWORD}"
    yield postgres.sql
    del os.environ["BANK_DSN"]


@pytest.fixture
def bank(tiny, database):
    """The tiny bank, its bookings in the database."""
    database(TABLE)
    tiny.declare('txn = { files = "txn_*.csv" }', SOURCE)
    (tiny.raw / "txn_1.csv").unlink()
    return tiny


def test_rows_of_the_database_are_loaded_exactly(bank):
    count = bank.count("transactions")
    rows = bank.rows("transactions")
    assert sorted(row["amount"] for row in rows) == [Decimal(n) + Decimal("0.01") for n in range(1, 11)]
    assert {str(row["booked_at"]) for row in rows} >= {"2024-03-01 11:00:00", "2024-03-01 20:00:00"}
    assert (count.rows_in, count.loaded, count.quarantined) == (10, 10, 0)
    assert not (bank.home.root / ".fetched").exists()


def test_large_and_odd_numbers_keep_every_digit(bank, database):
    database("""ALTER TABLE core.txn ALTER "AMT" TYPE numeric;
        UPDATE core.txn SET "AMT" = 9007199254740993.01 WHERE "NO" = 'T1';
        UPDATE core.txn SET "AMT" = 'NaN' WHERE "NO" = 'T2'; UPDATE core.txn SET "AMT" = 1.005 WHERE "NO" =
        'T3'""")
    bank.ingest()
    assert max(row["amount"] for row in bank.rows("transactions")) == Decimal("9007199254740993.01")
    assert [(row["file"], row["column"], row["reason"][:12]) for row in bank.quarantine_rows()] == [
        ("postgres:txn", "amount", "'nan' is not"),
        ("postgres:txn", "amount", "'1.005' is n"),
    ]
    assert '"NO": "T2"' in bank.quarantine_rows()[0]["raw"]
    (exported,) = export_refused(bank.settings(), bank.raw, bank.home, bank.raw.parent / "out")
    assert exported.rows == 2
    assert exported.target is None
    assert exported.advice == "rows of a database are corrected there"


def test_the_same_rows_in_another_order_are_the_same_tables(bank, database):
    first = bank.ingest()
    database('CREATE TABLE core.other AS SELECT * FROM core.txn ORDER BY "NO" DESC; DROP TABLE core.txn; '
             "ALTER TABLE core.other RENAME TO txn")  # fmt: skip
    assert bank.ingest() == first
    database('UPDATE core.txn SET "AMT" = 77 WHERE "NO" = \'T1\'')
    with pytest.raises(DataError, match=r"transactions: 1 rows .* with other contents; postgres:txn has"):
        bank.ingest()
    assert bank.ingest(rows_gone="corrected in place").folder != first.folder


def test_a_query_and_many_batches(bank, database, monkeypatch):
    database("""INSERT INTO core.txn SELECT 'N' || n, 'C1', 'A1', timestamp '2024-03-01 10:00', 1, 'CNY',
    'other',
        date '2024-03-04', NULL FROM generate_series(1, 5000) AS n""")
    query = "SELECT * FROM core.txn WHERE \\\"NO\\\" LIKE 'N%'"
    bank.declare('table = "core.txn"', f'query = "{query}"')
    monkeypatch.setattr(databases, "ROWS_PER_GROUP", 1_500)
    with databases.fetched(bank.settings(), bank.home) as files:
        groups = pq.ParquetFile(files["txn"]).metadata
        sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
        assert sizes == [1_500, 1_500, 1_500, 500]
    assert bank.count("transactions").loaded == 5_000


def test_a_moment_with_its_zone_must_be_told_where_it_is(bank, database):
    database('ALTER TABLE core.txn ALTER "DONE" TYPE timestamptz')
    with pytest.raises(DataError, match="booked_at is a moment in UTC"):
        bank.ingest()


# What stands in place of the table, or of the variable, and the sentence.
BROKEN = {
    "unknown table": (
        'table = "core.bookings"',
        'the database says: relation "core.bookings" does not exist',
    ),
    "not set": ('"OTHER_DSN"', "the environment variable OTHER_DSN is not set. Set it, for example to"),
    "not SQL": ('query = "SELEC 1"', 'syntax error at or near "SELEC"'),
    "a value": ("query = \"SELECT 'C6222020200112233'::int AS x\"", "invalid input syntax"),
    "a value below": ('query = "SELECT \\"MEMO\\"::int AS x FROM core.txn"', "invalid input"),
    "money": ('query = "SELECT 1.5::money AS x"', "x is of type money"),
    "a change": ('query = "DELETE FROM core.txn RETURNING *"', "read-only transaction"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_one_sentence(bank, case):
    done, before = bank.ingest(), bank.bytes_of_tables()
    new, sentence = BROKEN[case]
    bank.declare('"BANK_DSN"' if case == "not set" else 'table = "core.txn"', new)
    with pytest.raises(DataError, match="source 'txn'") as raised:
        bank.ingest()
    assert sentence in str(raised.value)
    assert "6222020200112233" not in str(raised.value)
    assert "Zürich" not in str(raised.value)
    assert (read_ingested(bank.home), bank.bytes_of_tables()) == (done, before)
    assert not (bank.home.root / ".fetched").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"host=127.0.0.1 port=1 user=reader password={PASSWORD}", "Connection refused"),
        (f"postgresql://reader:{PASSWORD}@127.0.0.1:1/core", "Connection refused"),
        (f"reader {PASSWORD}", "holds no connection string"),
        (f"postgresql://reader:%zz{PASSWORD}@127.0.0.1:1/core", "holds no connection string"),
        ("", "is not set"),
    ],
)
def test_no_password_is_told(bank, monkeypatch, text, sentence):
    monkeypatch.setenv("BANK_DSN", text)
    with pytest.raises(DataError, match=sentence) as raised:
        bank.ingest()
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_wrong_password_is_told_without_it(bank, monkeypatch):
    monkeypatch.setenv("BANK_DSN", os.environ["BANK_DSN"].replace(PASSWORD, "wrong-one"))
    with pytest.raises(DataError, match='password authentication failed for user "reader"') as raised:
        bank.ingest()
    assert "wrong-one" not in str(raised.value)


def test_columns_of_a_wide_table_become_rows(bank, database):
    database(
        "DROP TABLE IF EXISTS core.wide; CREATE TABLE core.wide AS SELECT 'C' || n AS id, "
        "CASE n WHEN 1 THEN NULL ELSE n + 0.25 END AS bal_202401, n + 0.5 AS bal_202402 "
        "FROM generate_series(1, 2) AS n"
    )
    bank.declare(
        'hold = { files = "hold_*.parquet", format = "parquet" }',
        'hold = { format = "postgres", table = "core.wide", dsn_env = "BANK_DSN", unpivot = '
        '{ columns = ["BAL_*"], header = "month", value = "balance", period = "month" } }',
    )
    bank.select(
        "holdings",
        "SELECT id AS customer_id, 'P1' AS product_id, month AS valued_on, balance, 'CNY' AS currency, "
        "month AS known_on, _file, _line FROM hold",
    )
    assert bank.count("holdings").loaded == 3
    rows = {(row["customer_id"], str(row["valued_on"]), row["balance"]) for row in bank.rows("holdings")}
    assert rows == {
        ("C2", "2024-01-31", Decimal("2.25")),
        ("C1", "2024-02-29", Decimal("1.50")),
        ("C2", "2024-02-29", Decimal("2.50")),
    }
