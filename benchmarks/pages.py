"""Pages of a bank with a million customers: how long the server takes for each, first and again.

    python -m benchmarks.pages --customers 1000000 --rows 500 --work data/bench/pages

A run is drawn by a seed and written straight into the store; every manager's list has ``rows`` customers.
Every page is asked once of a service that has answered nothing before, then again for other managers. Writes
``pages.json``.
"""

import argparse
import json
import os
import random
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import insert, update

from configs.published import Booking, Change, Coverage, Maturity, PastContact, Profile, Reason, Run, Score
from configs.service import ServiceSettings
from serve.app import create_app
from serve.auth import tokens
from serve.store import rows, schema, tables
from serve.store.database import connect, write
from serve.store.rows import analyze, bulk_insert, packed

MONDAYS = tuple(date(2026, 9, 28) + timedelta(weeks=week) for week in range(8))
BRANCHES = 40
AGAIN = 20  # times that each page is asked for, of one manager after another
VARIANTS = 97  # different profiles and reasons, shared among customers


class Bank:
    """``customers`` over managers who each have ``portfolio`` of them, the first ``listed`` of these on the
    list."""

    def __init__(self, customers: int, portfolio: int, listed: int) -> None:
        self.customers, self.portfolio, self.listed = customers, portfolio, listed
        self.managers = max(1, customers // portfolio)

    def customer(self, number: int) -> str:
        return f"{6_228_000_000_000_000_000 + number * 7_919}"

    def manager(self, number: int) -> str:
        return f"RM{number // self.portfolio:05d}"

    def branch(self, number: int) -> str:
        return f"B{number // self.portfolio % BRANCHES:02d}"


def run(week: int, customers: int) -> Run:
    return Run(
        run_id=f"bench-{MONDAYS[week]}",
        bank="bench",
        snapshot_date=MONDAYS[week],
        model_id="model-1",
        base_currency="CNY",
        horizon_days=90,
        cohort=customers,
        excluded=MappingProxyType({}),
        manifest=MappingProxyType({"compared_with": str(MONDAYS[week] - timedelta(weeks=1))}),
    )


def scores(bank: Bank, week: int) -> Iterator[Score]:
    """One row per customer, by customer_id."""
    draw = random.Random(week)
    variants = [tuple(_reason(draw, place) for place in range(3)) for _ in range(VARIANTS)]
    for number in range(bank.customers):
        risk = draw.random() ** 4
        yield Score(
            customer_id=bank.customer(number),
            branch_id=bank.branch(number),
            manager_id=bank.manager(number),
            tier="affluent",
            lifecycle_stage="mature",
            marketing_opt_out=False,
            aum_minor=draw.randrange(50_000_000, 500_000_000),
            money_at_risk_minor=draw.randrange(100_000_000),
            risk_band="high" if risk >= 0.2 else "medium" if risk >= 0.08 else "low",
            reasons=variants[number % VARIANTS],
            risk_30d=risk / 3,
            risk_60d=risk / 2,
            risk_90d=risk,
            risk_change=0.12 * risk,
            changes=(Change("outflow", 0.4, "money moves to other banks", "资金转往他行"),),
        )


def _reason(draw: random.Random, place: int) -> Reason:
    amount = draw.randrange(10_000, 900_000)
    return Reason(
        ("outflow", "rollover", "contact")[place],
        "outflow_elsewhere_sum_4w",
        float(amount),
        0.9 - place / 4,
        f"Moved {amount:,} CNY to other banks in 4 weeks, {amount // 3:,} of it in one payment",
        f"近 4 周转往他行 {amount:,} 元，其中单笔最大 {amount // 3:,} 元",
    )


def manager_rows(bank: Bank, run_version: int) -> Iterator[tuple[Any, ...]]:
    others = [""] * (len(tables.managers.columns) - 5)
    for k in range(bank.managers):
        yield run_version, f"RM{k:05d}", "张伟", f"B{k % BRANCHES:02d}", bank.listed, *others


def decision_rows(bank: Bank, run_version: int) -> Iterator[tuple[Any, ...]]:
    """The first customers of each portfolio are listed, in the order of their numbers."""
    for number in range(bank.customers):
        place = number % bank.portfolio
        listed = place < bank.listed
        values: dict[str, Any] = dict.fromkeys(column.name for column in tables.decisions.columns)
        values |= {
            "run_version": run_version,
            "customer_id": bank.customer(number),
            "branch_id": bank.branch(number),
            "manager_id": bank.manager(number),
            "decision": "listed" if listed else "beyond_capacity",
            "why": "most_to_keep" if listed else "less_to_keep",
            "worth_minor": 0,
            "rank": place + 1 if listed else None,
            "next_step_en": "Talk about rolling over before the money matures" if listed else None,
            "next_step_zh": "到期前沟通续接" if listed else None,
        }
        yield tuple(values.values())


def profile(variant: int) -> bytes:
    draw = random.Random(variant)
    held = {
        "demand": tuple(draw.randrange(30_000_000) for _ in range(52)),
        "term": tuple(90_000_000 + draw.randrange(2) * 50_000_000 for _ in range(52)),
        "wealth": tuple(70_000_000 + draw.randrange(9) * 1_000_000 for _ in range(52)),
    }
    maturities = (Maturity("三年期定期存款", "term", date(2026, 12, 4), 90_000_000),)
    bookings = tuple(
        Booking(date(2026, 11, 3), -draw.randrange(30_000_000), "transfer_out", "other_bank", "mobile")
        for _ in range(10)
    )
    contacts = tuple(
        PastContact(date(2026, 6, 27), "RM00001", "phone", "service", "answered") for _ in range(5)
    )
    return packed(Profile("", MappingProxyType(held), maturities, bookings, contacts))


def publish(bank: Bank, url: str) -> None:
    """Eight Mondays; of the seven before, scores only of the first manager's customers, for the line of their
    risk."""
    engine, few = connect(url), Bank(bank.portfolio, bank.portfolio, bank.listed)
    with write(engine) as connection:
        schema.prepare(connection)
    profiles = [profile(variant) for variant in range(VARIANTS)]
    for week in range(len(MONDAYS)):
        now = bank if week == len(MONDAYS) - 1 else few
        with write(engine) as connection:
            run_version = week + 1
            connection.execute(insert(tables.runs), rows.run_row(run_version, run(week, now.customers)))
            bulk_insert(connection, tables.managers, manager_rows(now, run_version))
            bulk_insert(connection, tables.scores, rows.score_rows(run_version, scores(now, week)))
            bulk_insert(connection, tables.reasons, rows.reason_rows(run_version, scores(now, week)))
            bulk_insert(connection, tables.decisions, decision_rows(now, run_version))
            bulk_insert(connection, tables.profiles, (
                (run_version, now.customer(number), profiles[number % VARIANTS])
                for number in range(now.customers)
            ))  # fmt: skip
            analyze(connection, tables.OF_A_RUN)
            if not connection.execute(update(tables.current_run).values(run_version=run_version)).rowcount:
                connection.execute(insert(tables.current_run).values(slot=1, run_version=run_version))
            coverage = (
                Coverage(f"B{k % BRANCHES:02d}", f"RM{k:05d}", now.portfolio, 9, 100_000_000, 80)
                for k in range(now.managers)
            )
            coverage_rows = rows.object_rows(run_version, tables.coverage, coverage)
            bulk_insert(connection, tables.coverage, coverage_rows)
    engine.dispose()


def measure(bank: Bank, url: str) -> dict[str, Any]:
    """Milliseconds by page: the first of a new service, then the median and the slowest of others."""
    service = ServiceSettings(
        store=url,
        demo=True,
        token_key=SecretStr(secrets.token_hex(32)),
        audit_key=SecretStr(secrets.token_hex(32)),
        stale_days=36_500,
        hosts=("testserver",),
    )
    token = tokens.issue(service, {"sub": "bench", "role": "admin"}, 3600)
    pages: dict[str, Callable[[int], str]] = {
        "list": lambda k: f"/lists/RM{k % bank.managers:05d}",
        "customer": lambda k: f"/customers/{bank.customer(k)}",
        "branch": lambda k: f"/branches/B{k % min(BRANCHES, bank.managers):02d}",
        "branches": lambda _: "/branches",
        "model": lambda _: "/model",
    }
    found: dict[str, Any] = {}
    for name, path in pages.items():
        with TestClient(create_app(service), cookies={"attrition-session": token}) as client:
            client.get("/style.css")
            asked = [_ask(client, path(k)) for k in range(AGAIN + 1)]
        wall, cpu, sizes = zip(*asked, strict=True)
        found[name] = {
            "first_ms": wall[0],
            "first_cpu_ms": cpu[0],
            "median_ms": round(statistics.median(wall[1:]), 1),
            "median_cpu_ms": round(statistics.median(cpu[1:]), 1),
            "slowest_ms": max(wall[1:]),
            "bytes": sizes[0],
        }
    return found


def _ask(client: TestClient, path: str) -> tuple[float, float, int]:
    """Milliseconds until the answer, those of the processor, and the size of the answer."""
    begun, worked = time.perf_counter(), time.process_time()
    answer = client.get(path)
    took, cost = time.perf_counter() - begun, time.process_time() - worked
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered with {answer.status_code}")
    return round(1000 * took, 1), round(1000 * cost, 1), len(answer.content)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pages", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=500, help="customers on each list")
    parser.add_argument("--work", type=Path, default=Path("data/bench/pages"))
    asked = parser.parse_args(arguments)
    asked.work.mkdir(parents=True, exist_ok=True)
    path = asked.work / f"store-{asked.customers}-{asked.rows}.db"
    bank = Bank(asked.customers, 2 * asked.rows, asked.rows)
    if not path.is_file():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        publish(bank, f"sqlite:///{draft}")
        draft.rename(path)
    result = {
        "customers": asked.customers,
        "rows": asked.rows,
        "store_mb": round(path.stat().st_size / 1e6),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "pages": measure(bank, f"sqlite:///{path}"),
    }
    result["page_ms"] = result["pages"]["list"]["first_ms"]
    out = asked.work.parent / "pages.json"
    out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
