"""The extracts on disk: the bank's SELECTs read it, the books agree to the cent, and some rows are bad."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.bank_folder import find_raw, load_select, load_settings
from configs.tables import TABLES
from pipeline.demo_bank import write_demo_bank
from tests.folders import bytes_below
from tests.pipeline.demo_bank.conftest import LAST_MONDAY

# This bank has no labels of its own, and renumbers nobody.
DELIVERED = sorted(set(TABLES) - {"labels", "customer_numbers"})


@pytest.fixture(scope="module")
def bank(raw: Path) -> duckdb.DuckDBPyConnection:
    """Every table of the contract as a view, made by the bank's own SELECTs over its raw files."""
    connection = duckdb.connect()
    settings = load_settings("demo")
    for name, source in settings.sources.items():
        files = [str(path) for path in find_raw(settings, raw, name)]
        if source.format == "parquet":
            reader = f"read_parquet({files})"
        else:
            reader = f"read_csv({files}, all_varchar = true, header = true)"
        connection.execute(f"CREATE VIEW {name} AS SELECT *, '' AS _file, 0 AS _line FROM {reader}")
    for name in DELIVERED:
        connection.execute(f"CREATE TABLE {name}_raw AS {load_select('demo', name)}")
    return connection


def scalar(bank: duckdb.DuckDBPyConnection, query: str) -> object:
    return bank.execute(query).fetchone()[0]


def delivered(name: str) -> list[str]:
    """Columns of a table: no row is taken back, nobody has two accounts of a product or a name."""
    absent = {"holdings": {"account_id", "share"}, "customers": {"name", "phone"}}.get(name, set())
    return [column for column in TABLES[name].names if column not in {"deleted", *absent}]


@pytest.mark.parametrize("name", DELIVERED)
def test_each_select_yields_the_contract(bank: duckdb.DuckDBPyConnection, name: str) -> None:
    columns = [row[0] for row in bank.execute(f"DESCRIBE {name}_raw").fetchall()]
    assert columns == [*delivered(name), "_file", "_line"]


@pytest.mark.parametrize("name", DELIVERED)
def test_nearly_all_rows_meet_the_contract(bank: duckdb.DuckDBPyConnection, name: str) -> None:
    """Types, nulls, allowed values and ranges of each column, as ingest will check them."""
    rows = scalar(bank, f"SELECT count(*) FROM {name}_raw")
    for column in (column for column in TABLES[name].columns if column.name in delivered(name)):
        good = f"TRY_CAST({column.name} AS {column.type})"
        tests = [f"{good} IS NOT NULL" + (f" OR {column.name} IS NULL" if column.nullable else "")]
        if column.allowed:
            tests.append(f"{column.name} IS NULL OR {column.name} IN {column.allowed}")
        if column.minimum is not None:
            tests.append(f"{good} IS NULL OR {good} >= {column.minimum}")
        wrong = " OR ".join(f"NOT ({test})" for test in tests)
        bad = scalar(bank, f"SELECT count(*) FROM {name}_raw WHERE {wrong}")
        assert bad <= 0.002 * rows + 12, (name, column.name, bad, rows)


def test_every_demand_balance_changes_by_its_bookings(bank: duckdb.DuckDBPyConnection) -> None:
    """In integer cents: balance of each Sunday = balance of the Sunday before it + bookings in between."""
    query = """
        WITH held AS (
            SELECT DISTINCT customer_id, currency, valued_on, (balance * 100)::BIGINT AS cents
            FROM holdings_raw JOIN products_raw USING (product_id, currency)
            WHERE product_class = 'demand' AND customer_id NOT LIKE '6999%'
        ), booked AS (
            SELECT customer_id, currency, sum((amount * 100)::BIGINT) AS cents,
                -- The Sunday that ends the week of the booking.
                (date_trunc('week', booked_at) + INTERVAL 6 DAY)::DATE AS valued_on
            FROM (SELECT DISTINCT ON (transaction_id) * FROM transactions_raw
                  WHERE kind <> '9999' AND customer_id NOT LIKE '6999%' AND amount IS NOT NULL
                    AND booked_at < DATE '2090-01-01')
            GROUP BY ALL
        ), changes AS (
            SELECT *, cents - lag(cents, 1, 0) OVER (PARTITION BY customer_id, currency ORDER BY valued_on)
                AS change
            FROM held
        )
        SELECT count(*) FILTER (change IS DISTINCT FROM b.cents AND NOT opening), count(*)
        FROM (SELECT *, valued_on = (SELECT min(valued_on) FROM held) AS opening FROM changes) c
        FULL JOIN (SELECT * FROM booked WHERE cents <> 0) b USING (customer_id, currency, valued_on)
    """
    wrong, compared = bank.execute(query).fetchall()[0]
    assert compared > 100_000
    assert wrong == 0


def test_what_is_bought_is_held_to_the_cent(bank: duckdb.DuckDBPyConnection) -> None:
    """For customers without funds and gold: product balances change by what was bought less redeemed."""
    query = """
        WITH held AS (
            SELECT DISTINCT customer_id, product_id, valued_on, (balance * 100)::BIGINT AS cents
            FROM holdings_raw JOIN products_raw USING (product_id)
            WHERE product_class NOT IN ('demand', 'loan') AND customer_id NOT LIKE '6999%'
        ), priced AS (
            SELECT DISTINCT customer_id FROM holdings_raw WHERE units IS NOT NULL
        ), first_and_last AS (
            SELECT customer_id, product_id, max_by(cents, valued_on)
                - COALESCE(max(cents) FILTER (valued_on = (SELECT min(valued_on) FROM held)), 0) AS change
            FROM held GROUP BY ALL
        ), bought AS (
            SELECT customer_id, -sum((amount * 100)::BIGINT) AS cents
            FROM (SELECT DISTINCT ON (transaction_id) * FROM transactions_raw
                  WHERE amount IS NOT NULL AND booked_at < DATE '2090-01-01')
            WHERE kind IN ('buy', 'redeem') GROUP BY ALL
        )
        SELECT count(*) FILTER (change <> COALESCE(cents, 0)), count(*)
        FROM (SELECT customer_id, sum(change) AS change FROM first_and_last GROUP BY ALL)
        LEFT JOIN bought USING (customer_id)
        WHERE customer_id NOT IN (SELECT customer_id FROM priced)
    """
    wrong, compared = bank.execute(query).fetchall()[0]
    assert compared > 1_000
    assert wrong == 0


def test_no_account_is_overdrawn(bank: duckdb.DuckDBPyConnection) -> None:
    assert scalar(bank, "SELECT count(*) FROM holdings_raw WHERE balance < 0") == 0


def test_keys_are_unique_but_for_rows_delivered_twice(bank: duckdb.DuckDBPyConnection) -> None:
    for name, table in ((name, TABLES[name]) for name in DELIVERED):
        keys = ", ".join(key for key in (*table.key, "known_on") if key in delivered(name))
        rows = scalar(bank, f"SELECT count(*) FROM {name}_raw")
        distinct = scalar(bank, f"SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {name}_raw)")
        assert rows - distinct <= 0.002 * rows + 12, name


def test_there_are_dirty_rows_but_few(bank: duckdb.DuckDBPyConnection) -> None:
    bookings = scalar(bank, "SELECT count(*) FROM transactions_raw")
    dirty = ("kind = '9999'", "customer_id LIKE '6999%'", "amount IS NULL", "booked_at >= DATE '2090-01-01'")
    for condition in dirty:
        bad = scalar(bank, f"SELECT count(*) FROM transactions_raw WHERE {condition}")
        assert 0 < bad < 0.0003 * bookings, condition
    assert scalar(bank, "SELECT count(*) FROM surveys_raw WHERE score = 'NaN'") != 0
    assert scalar(bank, "SELECT count(*) FROM customers_raw WHERE opened_on = '2024-02-30'") != 0


def test_rows_are_known_the_same_or_the_next_day_and_some_late(bank: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT avg((known_on - booked_at::DATE <= 1)::INT), avg((known_on - booked_at::DATE > 2)::INT)
        FROM transactions_raw WHERE booked_at < DATE '2026-10-01'
    """
    prompt, late = bank.execute(query).fetchall()[0]
    assert prompt == pytest.approx(0.99, abs=0.002)
    assert late == pytest.approx(0.01, abs=0.002)
    assert scalar(bank, "SELECT max(known_on) FROM transactions_raw") == LAST_MONDAY - timedelta(days=1)


def test_assignments_are_closed_before_the_next_begins(bank: duckdb.DuckDBPyConnection) -> None:
    """The last known version of each period: each but the last has an end, and the next begins on it."""
    query = """
        WITH latest AS (
            SELECT customer_id, from_on::DATE AS from_on, arg_max(COALESCE(to_on, ''), known_on) AS to_on
            FROM assignments_raw GROUP BY ALL
        ), next AS (
            SELECT *, lead(from_on) OVER (PARTITION BY customer_id ORDER BY from_on) AS following FROM latest
        )
        SELECT count(*) FILTER (following IS NOT NULL AND to_on <> following::VARCHAR),
            count(*) FILTER (following IS NULL AND to_on <> ''), count(*) FILTER (following IS NOT NULL)
        FROM next
    """
    assert bank.execute(query).fetchall()[0][:2] == (0, 0)
    assert bank.execute(query).fetchall()[0][2] > 100


def test_couples_are_two_of_one_branch_and_some_part(bank: duckdb.DuckDBPyConnection) -> None:
    query = """
        WITH newest AS (
            FROM households_raw
            QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY known_on DESC) = 1
        ), seats AS (
            SELECT customer_id, arg_max(branch_id, known_on) AS branch,
                arg_max(manager_id, from_on) AS manager
            FROM assignments_raw GROUP BY ALL
        )
        SELECT household_id, count(*) AS members, count(DISTINCT branch) AS branches,
            count(DISTINCT manager) AS managers, count(to_on) AS ends
        FROM newest JOIN seats USING (customer_id) GROUP BY ALL
    """
    couples = scalar(bank, f"SELECT count(*) FROM ({query})")
    assert 200 < couples < 300  # of 3,000 customers a fifth live in couples
    assert scalar(bank, f"SELECT count(*) FROM ({query}) WHERE (members, branches) <> (2, 1)") == 0
    assert scalar(bank, f"SELECT count(*) FROM ({query}) WHERE ends NOT IN (0, 2)") == 0
    assert 0 < scalar(bank, f"SELECT count(*) FROM ({query}) WHERE ends = 2") < 0.1 * couples
    assert 10 < scalar(bank, f"SELECT count(*) FROM ({query}) WHERE managers = 2") < couples / 2


def test_same_seed_same_bytes_and_another_seed_differs(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_demo_bank(tmp_path / name, 300, 16, seed, LAST_MONDAY)
    first, again, other = (bytes_below(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    same = {name for name in first if first[name] == other[name]}
    # In 16 weeks nobody has settled elsewhere yet.
    assert same == {"prod_info.csv", "truth/returns.parquet"}


def test_the_last_weeks_come_in_files_of_their_own(tmp_path: Path) -> None:
    """Rows and their order stay, the cuts lie at other Sundays."""
    rows = {}
    for name, weekly in (("quarters", 0), ("weeks", 2)):
        write_demo_bank(tmp_path / name, 300, 16, 3, LAST_MONDAY, weekly=weekly)
        files = sorted((tmp_path / name).glob("txn_*.parquet"))
        rows[name] = [path.name[4:12] for path in files], pa.concat_tables(map(pq.read_table, files))
    assert rows["quarters"][0] == ["20261025", "20261115"]
    assert rows["weeks"][0] == ["20261025", "20261101", "20261108", "20261115"]
    assert rows["weeks"][1].equals(rows["quarters"][1])
