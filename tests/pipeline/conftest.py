"""A tiny bank in a folder: six customers, a product, a currency, ten good bookings, six holdings."""

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st
from markupsafe import Markup

from configs.bank_folder import load_settings
from configs.settings import Settings
from configs.tables import TABLES
from pipeline.artefacts import Home, fingerprint
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.ingest import ingest
from pipeline.tables import Count, Ingested, read_ingested
from pipeline.weekly import run_ingest
from tests.folders import bytes_below

LAST_MONDAY = date(2026, 11, 16)

BANK_TOML = """
title = "Tiny"
language = "en"
base_currency = "CNY"
customers_per_bucket = 2
quarantine_limit = 1.0
quarantine_rows = 0
tiers = [{ name = "all", name_zh = "全部", min_aum = 0 }]

[sources]
cust = { files = "cust_*.csv" }
prod = { files = "prod.csv" }
fx = { files = "fx.csv" }
txn = { files = "txn_*.csv" }
hold = { files = "hold_*.parquet", format = "parquet" }
"""

SELECTS = {
    "customers": "SELECT CUST AS customer_id, OPENED AS opened_on, LOADED AS known_on, _file, _line FROM "
    "cust",
    "products": "SELECT PROD AS product_id, CLASS AS product_class, NAME AS name, CCY AS currency, _file, "
    "_line "
    "FROM prod",
    "rates": "SELECT CCY AS currency, DAY AS valued_on, RATE AS to_base, _file, _line FROM fx",
    "transactions": "SELECT NO AS transaction_id, CUST AS customer_id, ACCT AS account_id, DONE AS "
    "booked_at,\n"
    "AMT AS amount, CCY AS currency, KIND AS kind, LOADED AS known_on,\n_file, _line FROM txn",
    "holdings": "SELECT CUST AS customer_id, PROD AS product_id, DAY AS valued_on, BAL AS balance,\n"
    "'CNY' AS currency, DAY AS known_on, _file, _line FROM hold",
}

MANAGERS = (
    "SELECT NO AS manager_id, NO AS name, 'B1' AS branch_id, 5 AS weekly_capacity, _file, _line FROM rm"
)
TXN_HEADER = "NO,CUST,ACCT,DONE,AMT,CCY,KIND,LOADED,MEMO\n"


def booking(**changes: str) -> str:
    """One line of a CSV file of bookings, good but for the changes."""
    good = "T99,C1,A1,2024-03-01 10:00:00,1.50,CNY,other,2024-03-01,"
    fields = dict(zip(TXN_HEADER.strip().split(","), good.split(","), strict=True))
    return ",".join((fields | changes).values()) + "\n"


def booking_lines(first: int, last: int) -> st.SearchStrategy[str]:
    """Lines of bookings known on these days of March 2024, good and bad; few numbers, so that many repeat."""
    number, amount, day = st.integers(0, 4), st.integers(1, 2), st.integers(first, last)
    bad = {
        "AMT": ["x", "", "1.001"],
        "CUST": ["C9", ""],
        "KIND": ["?"],
        "LOADED": ["2023-01-01", "soon"],
        "CCY": ["X"],
    }
    good = {"DONE": f"2024-03-{first:02} 10:00:00", "LOADED": f"2024-03-{first:02}"}
    spoiled = [{name: value} for name, values in bad.items() for value in values]
    line = booking(**good)
    return st.one_of(
        st.builds(lambda n, amount: booking(**good, NO=f"N{n}", AMT=f"{amount}.00"), number, amount),
        st.builds(
            lambda n, day: booking(**good | {"NO": f"N{n}", "LOADED": f"2024-03-{day:02}"}), number, day
        ),
        st.sampled_from([booking(**good | change) for change in spoiled]),
        st.sampled_from([line[:-3] + "\n", line[:-1] + ",x\n"]),
        st.sampled_from([booking(**good, MEMO='"'), booking(**good, MEMO='"a\nb"')]),
    )


BOOKINGS = "".join(
    f"T{n},C{1 + n % 6},A{n},2024-03-{n:02} 10:00:00,{n}.50,CNY,other,2024-03-{n:02},\n" for n in range(1, 11)
)
FILES = {
    "cust_1.csv": "CUST,OPENED,LOADED\n" + "".join(f"C{n},2020-01-0{n},2020-01-0{n}\n" for n in range(1, 7)),
    "prod.csv": "PROD,CLASS,NAME,CCY\nP1,demand,活期,CNY\n",
    "fx.csv": "CCY,DAY,RATE\nUSD,2024-03-01,7.10\nUSD,2024-03-08,7.20\n",
    "txn_1.csv": TXN_HEADER + BOOKINGS,
}


@dataclass(frozen=True)
class TinyBank:
    """The bank's declarations, its raw files and where its tables go; each may be spoiled by a test."""

    folder: Path
    raw: Path
    home: Home
    ingested: Any = None  # folder of earlier homes, by a digest of all that they were ingested from

    def settings(self, **changes: Any) -> Settings:
        return load_settings("tiny", changes)

    def declare(self, old: str, new: str) -> None:
        """Change bank.toml."""
        text = (self.folder / "bank.toml").read_text("utf-8")
        assert old in text
        (self.folder / "bank.toml").write_text(text.replace(old, new), "utf-8")

    def select(self, table: str, sql: str) -> None:
        (self.folder / f"{table}.sql").write_text(sql, "utf-8")

    def write(self, name: str, text: str, encoding: str = "utf-8") -> None:
        (self.raw / name).parent.mkdir(parents=True, exist_ok=True)
        (self.raw / name).write_bytes(text.encode(encoding))

    def declare_contacts(self, sql: str, managers: str) -> None:
        """Contacts in con_*.csv by this SELECT, and the managers' numbers."""
        self.declare("[sources]", '[sources]\ncon = { files = "con_*.csv" }\nrm = { files = "rm.csv" }')
        self.select("contacts", sql)
        self.select("managers", MANAGERS)
        self.write("rm.csv", "NO\n" + managers)

    def declare_surveys(self, item: str, score: str) -> None:
        """Answers in ask.csv, of which item and score are this SQL."""
        self.declare("[sources]", '[sources]\nask = { files = "ask.csv" }')
        self.select(
            "surveys",
            f"SELECT NO AS response_id, CUST AS customer_id, DAY AS answered_on, {item} AS item, "
            f"{score} AS score, DAY AS known_on, _file, _line FROM ask",
        )

    def write_holdings(self, name: str, **columns: Any) -> None:
        rows: dict[str, Any] = {
            "CUST": [f"C{n}" for n in range(1, 7)],
            "PROD": ["P1"] * 6,
            "DAY": ["2024-03-03"] * 6,
            "BAL": [Decimal(f"{n}000.25") for n in range(1, 7)],
        }
        pq.write_table(pa.table(rows | columns), self.raw / name)

    def ingest(self, rows_gone: str = "", **changes: Any) -> Ingested:
        return ingest(self.settings(**changes), self.raw, self.home, lambda _: None, rows_gone)

    def first_ingest(self) -> Ingested:
        """The tables of ``ingest`` in an empty home: a copy where another test has ingested the same bytes.

        For tests of what comes after it.
        """
        read = bytes_below(self.folder) | bytes_below(self.raw)
        home = self.ingested / fingerprint(*chain.from_iterable(read.items()))
        if not home.exists():
            self.ingest()
            shutil.copytree(self.home.root, home)
        else:
            shutil.copytree(home, self.home.root)
        return read_ingested(self.home)

    def count(self, table: str, **changes: Any) -> Count:
        """The row counts of one table in an ingest."""
        return next(count for count in self.ingest(**changes).counts if count.table == table)

    def quarantine(self) -> list[tuple[str, str, int, str]]:
        """Table, file, line and, in one text, column and reason of each refused row."""
        return [
            (
                row["table"],
                row["file"],
                int(row["line"]),
                (row["column"] + ": " + row["reason"]).removeprefix(": "),
            )
            for row in self.quarantine_rows()
        ]

    def quarantine_rows(self) -> list[dict[str, str]]:
        """Each line of quarantine.csv."""
        with (self.home.root / "quarantine.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The current rows of one table, over all buckets, corrections applied."""
        tables = read_ingested(self.home)
        if not TABLES[table].by_customer:
            return pq.ParquetFile(tables.whole(table)).read().to_pylist()
        read = [tables.read(table, bucket) for bucket in range(tables.buckets)]
        return [row for rows in read if rows is not None for row in rows.to_pylist()]

    def bytes_of_tables(self) -> dict[str, bytes]:
        """The parts of every table, by their path in the delivery."""
        return {
            name: data
            for folder in read_ingested(self.home).folders
            for name, data in bytes_below(folder, "*.parquet").items()
            if not name.endswith(("refused.parquet", "raw_rows.parquet"))
        }


def made_up_bank(data: Path, customers: int, weeks: int, seed: int = 3, **changes: Any) -> Context:
    """A made-up bank that has ended with LAST_MONDAY, ingested; ``changes`` are to the demo's settings."""
    bank = Context(load_settings("demo", changes), data)
    write_demo_bank(bank.home.root / "raw", customers, weeks, seed, LAST_MONDAY)
    run_ingest(bank, bank.home.root / "raw")
    return bank


@contextmanager
def quick_evaluation() -> Iterator[None]:
    """Intervals of few draws and no charts, which take longest; tests of pipeline/evaluation look at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.evaluation.page._svg", lambda *_, **__: Markup("<svg/>"))
        for module in ("evaluation.figures", "training.comparison", "replay.figures"):
            patch.setattr(f"pipeline.{module}.DRAWS", 5)
        yield


def make_tiny(root: Path, ingested: Path) -> TinyBank:
    bank = TinyBank(root / "banks" / "tiny", root / "raw", Home(root / "home"), ingested)
    bank.folder.mkdir(parents=True)
    bank.raw.mkdir()
    (bank.folder / "bank.toml").write_text(BANK_TOML, "utf-8")
    for table, sql in SELECTS.items():
        bank.select(table, sql)
    for name, text in FILES.items():
        bank.write(name, text)
    bank.write_holdings("hold_1.parquet")
    return bank


@pytest.fixture
def tiny(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> TinyBank:
    monkeypatch.setattr("configs.bank_folder.BANKS", tmp_path / "banks")
    return make_tiny(tmp_path, tmp_path_factory.getbasetemp() / "ingested")
