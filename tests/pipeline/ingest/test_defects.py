"""All classes of defects, planted by seed in a bank of CSV files: each found, none wrongly, nothing lost.

Thirteen classes are of single rows. Late and out of order are right: they must be loaded, with their dates.
A missing column, an extra one and a wrong encoding are of whole files: they stop the run (test_ingest.py).
``pytest -s`` shows the table of what was planted and what was found.
"""

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import pyarrow.parquet as pq
import pytest

Row = list[str]
BOOKINGS = "NO,CUST,ACCT,DONE,AMT,CCY,KIND,LOADED,MEMO"
HOLDINGS = "CUST,PROD,DAY,BAL,UNITS,PRICE,LOADED"
NO, CUST, ACCT, DONE, AMT, CCY, KIND, LOADED, MEMO = range(9)
UNITS, PRICE = 4, 5
FIRST, DAYS, PER_FILE, CUSTOMERS = date(2024, 1, 1), 728, 10_000, 2_000
KINDS = {"salary": 1, "transfer_in": 1, "cash_in": 1, "transfer_out": -1, "card": -1, "cash_out": -1,
         "fee": -1,
         "interest": 1, "buy": -1, "redeem": 1, "loan": -1, "other": 1}  # fmt: skip
TOML = ('hold = { files = "hold_*.parquet", format = "parquet" }', 'hold = { files = "hold_*.csv" }')
SELECT = """SELECT CUST AS customer_id, PROD AS product_id, DAY AS valued_on, BAL AS balance, 'CNY' AS
currency,
UNITS AS units, PRICE AS unit_price, LOADED AS known_on, _file, _line FROM hold"""


@dataclass(frozen=True)
class Defect:
    """One way to spoil a row: in which table, how, and the column and words with which it must be refused."""

    table: str
    spoil: Callable[[random.Random, Row], None]
    column: str
    words: str


def put(place: int, *values: str) -> Callable[[random.Random, Row], None]:
    def spoil(rng: random.Random, row: Row) -> None:
        row[place] = rng.choice(values)

    return spoil


def far_ahead(rng: random.Random, row: Row) -> None:
    day = str(date(2099, 1, 1) + timedelta(days=rng.randrange(300)))
    row[DONE], row[LOADED] = f"{day} 10:00:00", day


def ring(rng: random.Random, row: Row) -> None:
    at = rng.randrange(1, len(row[ACCT]))
    row[ACCT] = row[ACCT][:at] + rng.choice("\x01\x07\x08\x1b\x7f\x85") + row[ACCT][at:]


def turn(_: random.Random, row: Row) -> None:
    row[KIND] = "card" if row[AMT][0] != "-" else "salary"


DEFECTS = {
    "orphan": Defect("transactions", put(CUST, "C99999", "c00001", "C1"), "customer_id",
                     "is not in table customers"),
    "orphan holding": Defect("holdings", put(1, "P9", "p1"), "product_id", "is not in table products"),
    "negative": Defect("holdings", put(UNITS, "-1", "-0.0001"), "units", "is below 0"),
    "negative price": Defect("holdings", put(PRICE, "-0.5"), "unit_price", "is below 0"),
    "overflow": Defect("transactions", put(AMT, "1e17", "99999999999999999.00", "12345678901234567890"),
                       "amount",
                       "is not a number of at most 16 digits"),
    "NaN": Defect("transactions", put(AMT, "NaN", "nan", "inf", "-Infinity", "#N/A"), "amount",
                  "is not a number"),
    "unknown currency": Defect("transactions", put(CCY, "XYZ", "cny", "RMB"), "currency", "has no rate on"),
    "unknown kind": Defect("transactions", put(KIND, "crypto", "Card", "0"), "kind", "is unknown"),
    "bad date": Defect("transactions", put(DONE, "2024-02-30 10:00:00", "20240101", "01/02/2024",
                       "0000-00-00"),
                       "booked_at", "is not a date and time"),
    "future date": Defect("transactions", far_ahead, "booked_at", "31 days after the bank's last bookings"),
    "control character": Defect("transactions", ring, "account_id", "has a control character"),
    "wrong sign": Defect("transactions", turn, "amount", "with kind"),
}  # fmt: skip
ROWS_THAT_ARE_RIGHT = ("late", "out of order")


@dataclass
class Planted:
    """The class and raw text of each spoiled row by file and line, and the right ones' dates."""

    rows_in: Counter[str] = field(default_factory=Counter)
    spoiled: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    copies: Counter[str] = field(default_factory=Counter)
    versions: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    planted: Counter[str] = field(default_factory=Counter)


def bookings(rng: random.Random, count: int) -> Iterator[Row]:
    """Good bookings in order of time."""
    for n in range(count):
        day = FIRST + timedelta(days=n * DAYS // count)
        kind = rng.choice(list(KINDS))
        amount = f"{'-' if KINDS[kind] < 0 else ''}{rng.randrange(1, 10**6)}.{rng.randrange(100):02}"
        customer = rng.randrange(CUSTOMERS)
        yield [f"T{n:08}", f"C{customer:05}", f"A{customer:05}", f"{day} {rng.randrange(24):02}:30:00",
               amount, rng.choice(("CNY", "USD")), kind, str(day + timedelta(days=rng.randrange(3))),
               "活期"]  # fmt: skip


def holdings(rng: random.Random, count: int) -> Iterator[Row]:
    for n in range(count):
        day = str(FIRST + timedelta(days=n // CUSTOMERS))
        balance = f"{rng.randrange(-1000, 10**6)}.50"
        yield [f"C{n % CUSTOMERS:05}", "P1", day, balance, f"{rng.randrange(10**6)}.25", "1.0375", day]


def plant(tiny, rows: int, defects: int, seed: int) -> Planted:
    """Write the bank: of ``rows`` an eleventh are holdings; ``defects`` in equal shares of all classes."""
    rng = random.Random(seed)
    planted = Planted()
    tiny.declare(*TOML)
    tiny.declare("customers_per_bucket = 2\n", "customers_per_bucket = 1_000\n")
    tiny.select("holdings", SELECT)
    for old in tiny.raw.iterdir():
        old.unlink()
    tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,fund,货币基金,CNY\n")
    days = (f"USD,{FIRST + timedelta(days=7 * week)},7.{week:03}\n" for week in range(DAYS // 7 + 1))
    tiny.write("fx.csv", "CCY,DAY,RATE\n" + "".join(days))
    cast = "".join(f"C{n:05},2020-01-01,2020-01-01\n" for n in range(CUSTOMERS))
    tiny.write("cust_1.csv", "CUST,OPENED,LOADED\n" + cast)
    share = defects // (len(DEFECTS) + 3)
    classes = {"transactions": ["duplicate", *ROWS_THAT_ARE_RIGHT], "holdings": []}
    for name, defect in DEFECTS.items():
        classes[defect.table].append(name)
    _write(tiny, planted, rng, "transactions", bookings(rng, rows), rows, share, classes)
    _write(tiny, planted, rng, "holdings", holdings(rng, rows // 10), rows // 10, share, classes)
    return planted


def _write(tiny, planted: Planted, rng: random.Random, table: str, good: Iterator[Row], rows: int, share: int,
           classes: dict[str, list[str]]) -> None:  # fmt: skip
    chosen = iter(rng.sample(range(rows), share * len(classes[table])))
    ways = {next(chosen): name for name in classes[table] for _ in range(share)}
    prefix, header = ("txn", BOOKINGS) if table == "transactions" else ("hold", HOLDINGS)
    lines: list[str] = []
    held_back: list[str] = []  # rows out of order: they stand at the end of their file

    def close() -> None:
        lines.extend(held_back)
        file = f"{prefix}_{planted.rows_in.total():09}.csv"
        tiny.write(file, "\n".join([header, *lines, ""]))
        planted.rows_in[file] = len(lines)
        lines.clear()
        held_back.clear()

    for place, row in enumerate(good):
        way = ways.get(place)
        planted.planted.update([way] if way else [])
        file = f"{prefix}_{planted.rows_in.total():09}.csv"
        if way in DEFECTS:
            DEFECTS[way].spoil(rng, row)
            planted.spoiled[file, len(lines) + 2] = (way, ",".join(row))
        if way == "late":  # and corrected later still: the first version holds until then
            row[LOADED] = str(date.fromisoformat(row[DONE][:10]) + timedelta(days=20))
            later = [*row[:LOADED], str(date.fromisoformat(row[LOADED]) + timedelta(days=5)), "berichtigt"]
            later[AMT] = later[AMT][:-1] + ("1" if later[AMT][-1] == "0" else "0")
            lines.append(",".join(later))
            planted.versions[row[NO]] = [(row[LOADED], later[LOADED]), (later[LOADED], None)]
        if way == "out of order":
            held_back.append(",".join(row))
            planted.versions[row[NO]] = [(row[LOADED], None)]
            continue
        lines.append(",".join(row))
        if way == "duplicate":
            lines.append(lines[-1])
            planted.copies[file] += 1
        if len(lines) >= PER_FILE:
            close()
    if lines:
        close()


def reconcile(tiny, planted: Planted, seconds: float) -> list[str]:
    """Compare what was found with what was planted; the table to show."""
    with (tiny.home.tables / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["file"], int(row["line"])): row for row in csv.DictReader(file)}
    right: Counter[str] = Counter()
    for at, (way, raw) in planted.spoiled.items():
        row, defect = found.get(at, {}), DEFECTS[way]
        told = row.get("column") == defect.column and defect.words in row.get("reason", "")
        right[way] += told and row["table"] == defect.table and row["raw"].removeprefix("'") == raw
    with (tiny.home.tables / "files.csv").open(encoding="utf-8", newline="") as file:
        by_file = {
            row["file"]: {name: int(row[name]) for name in list(row)[2:]} for row in csv.DictReader(file)
        }
    right["duplicate"] = sum(min(by_file[file]["duplicates"], n) for file, n in planted.copies.items())
    loaded = loaded_versions(tiny, set(planted.versions))
    for name, versions in planted.versions.items():
        right["late" if len(versions) == 2 else "out of order"] += loaded.get(name) == versions
    wrongly = len(set(found) - set(planted.spoiled))
    lines = [f"{'class':<20}{'planted':>9}{'found':>9}"]
    lines += [f"{way:<20}{count:>9,}{right[way]:>9,}" for way, count in planted.planted.items()]
    lines += [f"{'all':<20}{planted.planted.total():>9,}{right.total():>9,}", f"wrongly refused: {wrongly}"]
    for file, rows in planted.rows_in.items():
        parts = by_file[file]
        assert parts["rows_in"] == rows == parts["loaded"] + parts["quarantined"] + parts["duplicates"], file
    total = {name: sum(by_file[file][name] for file in planted.rows_in) for name in parts}
    lines += [f"{len(planted.rows_in)} files, each: rows_in = loaded + quarantined + duplicates; together "
              f"{total}",
              f"{seconds:.1f} s"]  # fmt: skip
    assert right == planted.planted, "\n".join(lines)
    assert wrongly == 0
    assert sum(one["duplicates"] for one in by_file.values()) == planted.copies.total()
    return lines


def loaded_versions(tiny, names: set[str]) -> dict[str, list[tuple[str, str | None]]]:
    """The days on which each of these bookings was known, and until when that version held."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    columns = ["transaction_id", "known_on", "superseded_on"]
    for part in sorted(Path(tiny.home.tables / "transactions").rglob("*.parquet")):
        for row in pq.ParquetFile(part).read(columns).to_pylist():
            if row["transaction_id"] in names:
                until = row["superseded_on"]
                found.setdefault(row["transaction_id"], []).append(
                    (str(row["known_on"]), str(until) if until else None)
                )
    return {name: sorted(versions) for name, versions in found.items()}


@pytest.mark.parametrize(
    ("rows", "defects"), [(20_000, 400), pytest.param(1_000_000, 10_005, marks=pytest.mark.long)]
)
def test_all_that_is_planted_is_found_and_nothing_else(tiny, rows: int, defects: int) -> None:
    planted = plant(tiny, rows, defects, seed=20240304)
    began = perf_counter()
    tiny.ingest(quarantine_limit=0.05)
    print("", *reconcile(tiny, planted, perf_counter() - began), sep="\n")
    assert planted.planted.total() >= defects - 15


def test_a_planted_defect_that_is_not_found_is_noticed(tiny) -> None:
    planted = plant(tiny, 2_000, 60, seed=1)
    planted.spoiled["txn_000000000.csv", 2] = ("orphan", "not there")
    planted.planted["orphan"] += 1
    tiny.ingest(quarantine_limit=1.0)
    with pytest.raises(AssertionError, match="orphan"):
        reconcile(tiny, planted, 0.0)
