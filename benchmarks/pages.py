"""Pages of a bank with a million customers: how long the server takes for each, first and again.

    python -m benchmarks.pages --customers 1000000 --rows 500 --work data/bench/pages

A run is drawn by a seed and written straight into the store; every manager's list has ``rows`` customers.
Every page is asked once of a service that has answered nothing before, then again for other managers. Writes
``pages.json``.
"""

import json
import os
import random
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr

from benchmarks.processes import parser
from benchmarks.serve_scores import BRANCHES, VARIANTS, Bank, customer_id, insert_run
from configs.branch_rows import Coverage
from configs.published import Booking, Decision, Manager, Maturity, PastContact, Profile
from configs.service import ServiceSettings
from serve.app import create_app
from serve.auth import tokens
from serve.store import rows, schema, tables
from serve.store.database import connect, write
from serve.store.rows import analyze, bulk_insert, packed

WEEKS = 8
AGAIN = 20  # times that each page is asked for, of one manager after another


def decisions(bank: Bank, listed: int) -> Iterator[Decision]:
    """The first customers of each portfolio are listed, in the order of their numbers."""
    steps = "Talk about rolling over before the money matures", "到期前沟通续接"
    for number in range(bank.customers):
        place = number % bank.portfolio
        customer = customer_id(number), bank.branch(number), bank.manager(number)
        if place < listed:
            yield Decision(*customer, "listed", "most_to_keep", 0, place + 1, None, None, *steps)
        else:
            yield Decision(*customer, "beyond_capacity", "less_to_keep", 0)


def profile(variant: int) -> bytes:
    draw = random.Random(variant)
    held = {
        "demand": tuple(draw.randrange(30_000_000) for _ in range(52)),
        "term": tuple(90_000_000 + draw.randrange(2) * 50_000_000 for _ in range(52)),
        "wealth": tuple(70_000_000 + draw.randrange(9) * 1_000_000 for _ in range(52)),
    }
    maturities = (Maturity("三年期定期存款", "term", date(2027, 1, 22), 90_000_000),)
    bookings = tuple(
        Booking(date(2026, 12, 22), -draw.randrange(30_000_000), "transfer_out", "other_bank", "mobile")
        for _ in range(10)
    )
    contacts = tuple(
        PastContact(date(2026, 8, 15), "RM00001", "phone", "service", "answered") for _ in range(5)
    )
    return packed(Profile("", MappingProxyType(held), maturities, bookings, contacts))


def publish(bank: Bank, listed: int, url: str) -> None:
    """Eight Mondays; those before the last hold the first manager's customers, for their lines of risk."""
    engine, first_manager = connect(url), Bank(bank.portfolio, bank.portfolio)
    with write(engine) as connection:
        schema.prepare(connection)
    profiles = [profile(variant) for variant in range(VARIANTS)]
    for run_version in range(1, WEEKS + 1):
        week = bank if run_version == WEEKS else first_manager
        with write(engine) as connection:
            insert_run(connection, run_version, week)
            managers = [(f"RM{k:05d}", f"B{k % BRANCHES:02d}") for k in range(week.managers)]
            for table, objects in (
                (tables.managers, [Manager(number, "张伟", branch, listed) for number, branch in managers]),
                (tables.decisions, decisions(week, listed)),
                (tables.coverage, [Coverage(branch, number, week.portfolio, 9, 100_000_000, 80, 90)
                                   for number, branch in managers]),
            ):  # fmt: skip
                bulk_insert(connection, table, rows.object_rows(run_version, table, objects))
            bulk_insert(connection, tables.profiles, (
                (run_version, customer_id(number), profiles[number % VARIANTS])
                for number in range(week.customers)
            ))  # fmt: skip
            analyze(connection, tables.OF_A_RUN)
    engine.dispose()


def measure(url: str, pages: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Milliseconds by page: the first of a new service, then the median and the slowest of the others.

    A page has one address for each time that it is asked for.
    """
    service = ServiceSettings(
        store=url,
        demo=True,
        token_key=SecretStr(secrets.token_hex(32)),
        audit_key=SecretStr(secrets.token_hex(32)),
        stale_days=36_500,
        hosts=("testserver",),
    )
    token = tokens.issue(service, {"sub": "bench", "role": "admin"}, 3600)
    measured: dict[str, Any] = {}
    for name, addresses in pages.items():
        with TestClient(create_app(service), cookies={"attrition-session": token}) as client:
            client.get("/style.css")
            asked = [timed(client, address) for address in addresses]
        wall, cpu, sizes = zip(*asked, strict=True)
        measured[name] = {
            "first_ms": wall[0],
            "first_cpu_ms": cpu[0],
            "median_ms": round(statistics.median(wall[1:]), 1),
            "median_cpu_ms": round(statistics.median(cpu[1:]), 1),
            "slowest_ms": max(wall[1:]),
            "bytes": sizes[0],
        }
    return measured


def addresses(bank: Bank) -> dict[str, list[str]]:
    """By page as many customers, lists and branches as it is asked for times."""
    pages: dict[str, Callable[[int], str]] = {
        "list": lambda k: f"/lists/RM{k % bank.managers:05d}",
        "customer": lambda k: f"/customers/{customer_id(k)}",
        "branch": lambda k: f"/branches/B{k % min(BRANCHES, bank.managers):02d}",
        "branches": lambda _: "/branches",
        "model": lambda _: "/model",
    }
    return {name: [path(k) for k in range(AGAIN + 1)] for name, path in pages.items()}


def timed(client: TestClient, path: str) -> tuple[float, float, int]:
    """Milliseconds until the answer, those of the processor, and the size of the answer."""
    begun, worked = time.perf_counter(), time.process_time()
    answer = client.get(path)
    took, cost = time.perf_counter() - begun, time.process_time() - worked
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered with {answer.status_code}")
    return round(1000 * took, 1), round(1000 * cost, 1), len(answer.content)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--rows", type=int, default=500, help="customers on each list")
    options.add_argument("--work", type=Path, default=Path("data/bench/pages"))
    given = options.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    path = given.work / f"store-{given.customers}-{given.rows}.db"
    bank = Bank(given.customers, 2 * given.rows)
    if not path.is_file():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        publish(bank, given.rows, f"sqlite:///{draft}")
        draft.rename(path)
    pages = measure(f"sqlite:///{path}", addresses(bank))
    result = {
        "customers": given.customers,
        "rows": given.rows,
        "store_mb": round(path.stat().st_size / 1e6),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "pages": pages,
        "page_ms": pages["list"]["first_ms"],
    }
    text = json.dumps(result, indent=1)
    (given.work.parent / "pages.json").write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
