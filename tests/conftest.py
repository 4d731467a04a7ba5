"""Made-up banks as ingest leaves them: rows by hand, or random small worlds with everything that goes wrong.

A bank is a list of rows (dicts) per table. ``as_tables`` fills in what a test does not care about.
"""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties

from configs.bank_folder import load_settings
from configs.settings import Settings
from configs.tables import COUNTERPARTIES, KINDS, PRODUCT_CLASSES, TABLES
from tests.databases import postgres  # noqa: F401 (a fixture)
from tests.mail_server import mail_certificate, mail_server, mailbox, start_mail_server  # noqa: F401
from tests.servers import needed
from tests.webhook_receiver import receiver  # noqa: F401

# As pipeline/__init__.py does, also where a test needs only models.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Whatever the machine's own bank has set is not for tests.
for variable in [name for name in os.environ if name.startswith("ATTRITION_")]:
    del os.environ[variable]

# A run that is told to end by SIGTERM ends what its tests have started, as it does by Ctrl-C.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, signal.default_int_handler)

# No test cuts the power, and waiting for the disk takes longer than most of them; other processes do wait.
os.fsync = lambda _: None

# Laws hold on a slow machine too.
properties.register_profile(
    "any machine", properties(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
properties.load_profile("any machine")

Row = dict[str, Any]
Bank = dict[str, list[Row]]
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)

_ARROW = {
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "DECIMAL(18,4)": pa.decimal128(18, 4),
    "DECIMAL(18,8)": pa.decimal128(18, 8),
}
_DERIVED = {"superseded_on": pa.date32(), "to_base": pa.decimal128(18, 8)}  # fmt: skip
_DEFAULTS: dict[str, Row] = {
    "customers": {"is_staff": False, "marketing_opt_out": False, "status": "active"},
    "assignments": {"manager_id": "M1", "branch_id": "B1"},
    "households": {"household_id": "H1"},
    "products": {"currency": "CNY"},
    "offers": {"currency": "CNY", "least_amount": 0},
    "transactions": {"account_id": "A", "currency": "CNY", "kind": "other", "channel": "mobile",
                     "counterparty": "none"},
    "holdings": {"account_id": "", "currency": "CNY", "share": 1},
    "contacts": {"manager_id": "M1", "channel": "phone", "purpose": "service"},
    "events": {"kind": "login"},
    "surveys": {"item": "service", "score": 5},
    "labels": {"gone": False},
}  # fmt: skip


def as_tables(bank: Bank) -> dict[str, pa.Table]:
    """The bank's rows as Arrow tables: contract columns, money in base currency, superseded_on."""
    return {name: _table(name, rows) for name, rows in bank.items()}


def _table(name: str, rows: list[Row]) -> pa.Table:
    contract = TABLES[name]
    fields = [(column.name, _ARROW[column.type]) for column in contract.columns]
    fields += [(name, _DERIVED.get(name, pa.decimal128(18, 2))) for name in contract.derived]
    return pa.Table.from_pylist(
        [_filled(name, row, number) for number, row in enumerate(rows)], pa.schema(fields)
    )


def _filled(name: str, row: Row, number: int) -> Row:
    """A row with its defaults: known on the day it happened, money already in base currency."""
    contract = TABLES[name]
    full = {contract.key[0]: f"{name}-{number}"} | _DEFAULTS[name] | row
    if contract.happened:
        full.setdefault("known_on", day_of(full[contract.happened]))
    if name == "products":
        full.setdefault("name", full["product_id"])
    for column in contract.columns:
        if column.type.startswith("DECIMAL") and full.get(column.name) is not None:
            cents = Decimal("0.01") if column.type == "DECIMAL(18,2)" else Decimal("0.0001")
            full[column.name] = Decimal(full[column.name]).quantize(cents)
    return {"to_base": Decimal(1)} | {f"{money}_base": full[money] for money in contract.money} | full


def day_of(happened: date | datetime) -> date:
    return happened.date() if isinstance(happened, datetime) else happened


@dataclass(frozen=True)
class Drawn:
    """A random bank, the Mondays to look at it, where its history begins and where it ends."""

    bank: Bank
    snapshots: tuple[date, ...]
    history_from: date
    data_through: date


def draw(seed: int, customers: int = 7) -> Drawn:
    """About 80 weeks of a few customers: late rows, versions, maturities, midnights, zeros and overdrafts."""
    rng = random.Random(seed)
    monday = date(2021, 1, 4) + WEEK * rng.randrange(200)
    drawer = _Drawer(rng, monday, monday + 80 * WEEK)
    names = [f"C{number}" for number in rng.sample(range(100, 999), customers)]
    bank: Bank = {"products": [{"product_id": f"P-{kind}-{k}", "product_class": kind,
                                "months": 3 if kind == "term" else None}
                               for kind in PRODUCT_CLASSES for k in (1, 2)]}  # fmt: skip
    bank["customers"] = drawer.with_versions("customers", [drawer.customer(name) for name in names])
    for table, rows in drawer.rows(names).items():
        bank[table] = drawer.with_versions(table, rows)
    labeller = _Drawer(random.Random(f"labels {seed}"), monday, monday + 80 * WEEK)
    bank["labels"] = labeller.with_versions(
        "labels", [row for name in names for row in labeller.labels(name)]
    )
    mover = _Drawer(random.Random(f"households {seed}"), monday, monday + 80 * WEEK)
    bank["households"] = mover.with_versions(
        "households", [row for name in names for row in mover.households(name)]
    )
    with_offers(bank, _Drawer(random.Random(f"offers {seed}"), monday, monday + 80 * WEEK))
    at = sorted({*rng.sample(range(3, 53), 3), 52, 53, 54, *rng.sample(range(55, 66), 2)})
    return Drawn(bank, tuple(monday + k * WEEK for k in at), monday, monday + 80 * WEEK)


def with_offers(bank: Bank, drawer: "_Drawer") -> None:
    """Adds offers, a third of them with a second version, and the interest of two in three holdings."""
    rng, offers = drawer.rng, list[Row]()
    for number in range(12):
        begins, kind = drawer.day(), rng.choice(("demand", "term", "term", "wealth", "loan"))
        row = {"offer_id": f"O{number}", "product_class": kind, "currency": rng.choice(("CNY", "USD")),
               "interest_rate": Decimal(rng.randrange(9000, 30_000)) / 10_000,
               "months": rng.choice((3, 3, 6)) if kind == "term" else None,
               "least_amount": rng.choice((0, 0, 100_000)), "from_on": begins,
               "to_on": rng.choice((None, begins + DAY * rng.randrange(20, 200))),
               "known_on": begins + drawer.delay() - drawer.delay()}  # fmt: skip
        offers.append(row)
        if rng.random() < 0.3:
            later = {"to_on": begins + DAY * rng.randrange(60), "known_on": row["known_on"] + DAY * 30}
            offers.append(row | later)
    bank["offers"] = offers
    for row in bank["holdings"]:
        row["interest_rate"] = rng.choice((None, *(Decimal(k) / 10_000 for k in (0, 9_500, 17_500, 28_000))))


class _Drawer:
    """Draws rows between a few weeks before ``start`` and ``end``."""

    def __init__(self, rng: random.Random, start: date, end: date) -> None:
        self.rng, self.start, self.end = rng, start, end

    def customer(self, name: str) -> Row:
        midway = self.day() if self.rng.random() < 0.3 else self.start - DAY * self.rng.randrange(1, 4000)
        row = {"customer_id": name, "opened_on": midway, "known_on": midway + self.delay()}
        return row | self.record()

    def record(self) -> Row:
        status = self.rng.choices(("active", "closed", "frozen", "deceased"), (20, 1, 1, 1))[0]
        return {"is_staff": self.rng.random() < 0.05, "marketing_opt_out": self.rng.random() < 0.2,
                "status": status, "name": f"the {status} one"}  # fmt: skip

    def rows(self, names: Iterable[str]) -> Bank:
        bank: Bank = {
            t: [] for t in ("assignments", "transactions", "holdings", "contacts", "events", "surveys")
        }
        for name in names:
            bank["transactions"] += self.many(name, "booked_at", 60, self.booking)
            bank["events"] += self.many(name, "occurred_at", 30, self.event)
            bank["contacts"] += self.many(name, "contacted_at", 10, self.contact)
            bank["surveys"] += self.many(name, "answered_on", 8, self.answer)
            bank["assignments"] += self.assignments(name)
            for product in self.rng.sample(range(18), self.rng.randint(2, 6)):
                bank["holdings"] += self.holding(name, PRODUCT_CLASSES[product // 2], 1 + product % 2)
        for table in ("transactions", "contacts", "surveys"):
            for number, row in enumerate(bank[table]):
                row[TABLES[table].key[0]] = f"{table}-{number}"
        return bank

    def many(self, name: str, happened: str, most: int, content: Callable[[], Row]) -> list[Row]:
        moments = {self.moment() for _ in range(self.rng.randrange(most))}
        exact = happened.endswith("_at")
        rows = ({"customer_id": name, happened: when if exact else when.date()} for when in sorted(moments))
        return [row | {"known_on": day_of(row[happened]) + self.delay()} | content() for row in rows]

    def booking(self) -> Row:
        amount = self.cents(self.rng.choice((900, 40_000, 700_000))) * self.rng.choice((1, -1))
        kind, other = self.rng.choice(KINDS), self.rng.choice(COUNTERPARTIES)
        # Half of the bookings are in another currency: amount and base then differ.
        foreign = {"amount": amount / 7, "currency": "USD"} if self.rng.random() < 0.5 else {"amount": amount}
        channel = self.rng.choice(("counter", "mobile", "online", "atm", "auto"))
        return foreign | {"amount_base": amount, "kind": kind, "counterparty": other, "channel": channel}

    def event(self) -> Row:
        return {"kind": self.rng.choice(("login", "login", "view_rates", "complaint", "chat"))}

    def answer(self) -> Row:
        item = self.rng.choice(("service", "environment", "products", "brand", "manager", "parking"))
        return {"score": self.rng.randint(1, 10), "item": item}

    def contact(self) -> Row:
        return {"outcome": self.rng.choice(("answered", "no_answer", "declined", None))}

    def assignments(self, name: str) -> list[Row]:
        rows = []
        for day in sorted({self.day() for _ in range(self.rng.randrange(4))}):
            row = {"customer_id": name, "from_on": day, "known_on": day + self.delay() - self.delay()}
            rows.append(row | self.post(day))
        return rows

    def post(self, day: date) -> Row:
        manager, branch = self.rng.choice(("M1", "M2", "M3", None)), self.rng.choice(("B1", "B2"))
        ends = day + DAY * self.rng.randrange(1, 300) if self.rng.random() < 0.4 else None
        return {"manager_id": manager, "branch_id": branch, "to_on": ends}

    def households(self, name: str) -> list[Row]:
        days = sorted({self.day() for _ in range(self.rng.randrange(3))})
        return [
            {"customer_id": name, "from_on": day, "known_on": day + self.delay() - self.delay()}
            | self.home(day)
            for day in days
        ]

    def home(self, day: date) -> Row:
        ends = day + DAY * self.rng.randrange(1, 300) if self.rng.random() < 0.4 else None
        return {"household_id": self.rng.choice(("H1", "H2", "H3")), "to_on": ends}

    def labels(self, name: str) -> list[Row]:
        days = sorted({self.day() for _ in range(self.rng.randrange(5))})
        return [
            {"customer_id": name, "day": day, "known_on": day + 97 * DAY + self.delay()} | self.fate()
            for day in days
        ]

    def fate(self) -> Row:
        return {"gone": self.rng.random() < 0.3}

    def holding(self, name: str, kind: str, number: int) -> list[Row]:
        days = sorted({self.day() for _ in range(self.rng.randint(1, 12))})
        base = self.rng.choice((30_000, 400_000, 900_000))
        rows = []
        for k, day in enumerate(days):
            due = days[k + 1] if k + 1 < len(days) and self.rng.random() < 0.3 else None
            row = {"customer_id": name, "product_id": f"P-{kind}-{number}", "valued_on": day}
            rows.append(
                row | {"known_on": day + self.delay()} | self.position(kind, day, base, due, number == 2)
            )
        return rows

    def position(self, kind: str, day: date, base: int, due: date | None, foreign: bool) -> Row:
        balance = self.rng.choices((self.cents(base), Decimal(0), -self.cents(500)), (17, 2, 1))[0]
        row: Row = {"balance": balance}
        if foreign:
            rate = Decimal(self.rng.randrange(6 * 10**8, 8 * 10**8)) / 10**8
            row = {"balance": balance / 7, "currency": "USD", "balance_base": balance, "to_base": rate}
        if kind in ("term", "structured", "wealth", "loan") and self.rng.random() < 0.8:
            row["matures_on"] = due or day + DAY * self.rng.randrange(-10, 130)
        if kind in ("fund", "metal") and self.rng.random() < 0.9:
            row["unit_price"] = Decimal(self.rng.randrange(0, 30_000)) / 10_000
            row["units"] = Decimal(self.rng.randrange(0, 10**9)) / 10_000
        return row

    def with_versions(self, table: str, rows: list[Row]) -> list[Row]:
        """Every tenth row once or twice corrected: the same key, known later, the earlier one superseded."""
        made: list[Row] = []
        for row in rows:
            made.append(row)
            while self.rng.random() < 0.1:
                made.append(self.correction(table, made[-1]))
                made[-2]["superseded_on"] = made[-1]["known_on"]
        self.rng.shuffle(made)
        return made

    def correction(self, table: str, row: Row) -> Row:
        known = row["known_on"] + DAY * self.rng.choice((1, 2, 7, 15, 60))
        new: dict[str, Callable[[], Row]] = {
            "customers": self.record,
            "assignments": lambda: self.post(row["from_on"]),
            "households": lambda: self.home(row["from_on"]),
            "transactions": lambda: (
                self.booking() | {"booked_at": row["booked_at"] - DAY * self.rng.randrange(9)}
            ),
            "holdings": lambda: self.position(
                row["product_id"].split("-")[1], row["valued_on"], 300_000, None, "to_base" in row
            ),
            "contacts": self.contact,
            "events": dict,
            "surveys": lambda: {"score": self.rng.randint(1, 10)},
            "labels": self.fate,
        }
        kept = {
            name: value for name, value in row.items() if name not in ("matures_on", "units", "unit_price")
        }
        return kept | {"superseded_on": None} | new[table]() | {"known_on": known}

    def day(self) -> date:
        day = self.start + DAY * self.rng.randrange(-40, (self.end - self.start).days)
        # Every fifth on a Monday or the Sunday before it.
        return day - DAY * (day.weekday() + self.rng.randrange(2)) if self.rng.random() < 0.2 else day

    def moment(self) -> datetime:
        times = (time(0), time(23, 59, 59), time(23, 59, 59, 999_999), time(self.rng.randrange(24), 30))
        return datetime.combine(self.day(), self.rng.choice(times))

    def delay(self) -> timedelta:
        return DAY * self.rng.choices((0, 1, 3, 7, 8, 20, 60), (60, 20, 4, 3, 3, 3, 2))[0]

    def cents(self, most: int) -> Decimal:
        return Decimal(self.rng.randrange(1, most * 100)) / 100


@pytest.fixture(scope="session")
def tables_of() -> Callable[[Bank], dict[str, pa.Table]]:
    return as_tables


@pytest.fixture(scope="session")
def draw_bank() -> Callable[[int], Drawn]:
    return draw


@pytest.fixture(scope="session")
def bank_settings() -> Settings:
    """Settings pinned for the tests of features, whatever a bank's own say."""
    pinned = {
        "cohort": {"min_aum": 100_000, "max_aum": 1_500_000, "min_tenure_weeks": 26},
        "label": {
            "min_drop": 0.5,
            "lead_days": 7,
            "horizon_days": 90,
            "base_weeks": 13,
            "settle_days": 14,
            "dormant_floor": 50_000,
        },
        "features": {"windows": [4, 13, 26, 52], "large_amount": 500_000},
        "tier_rule": {"kind": "threshold"},
    }
    return load_settings("demo", pinned)


@pytest.fixture(scope="session")
def berka() -> Path:
    """The public ledgers as published: $BERKA, else ../shared/data/berka beside the project."""
    folder = Path(os.environ.get("BERKA") or Path(__file__).parents[2] / "shared" / "data" / "berka")
    missing = f"no Berka ledgers in {folder}; name their folder in the environment variable BERKA"
    needed((folder / "trans.asc").is_file(), missing)
    return folder
