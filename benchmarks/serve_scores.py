"""A published run of any size, drawn by a seed and written straight into the store's tables.

``Store.publish`` takes a run that fits into memory; a benchmark's million customers need not.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, delete, insert, update

from configs.call_lists import CallList
from configs.published import Change, Decision, Reason, Run, Score
from serve.api.prepared import prepared_answers
from serve.store import rows, schema, tables
from serve.store.database import connect, write
from serve.store.rows import analyze, bulk_insert

FIRST_MONDAY = date(2026, 11, 16)
BRANCHES = 40
VARIANTS = 97  # different profiles and reasons, shared among customers
_SMALLEST = 6_228_000_000_000_000_000  # customers' numbers have 19 digits


@dataclass(frozen=True)
class Bank:
    """``customers`` over managers who each have ``portfolio`` of them."""

    customers: int
    portfolio: int = 250

    @property
    def managers(self) -> int:
        return max(1, self.customers // self.portfolio)

    def manager(self, number: int) -> str:
        return f"RM{number // self.portfolio:05d}"

    def branch(self, number: int) -> str:
        return f"B{number // self.portfolio % BRANCHES:02d}"


def customer_id(number: int) -> str:
    return str(_SMALLEST + number * 7_919)


def run(run_version: int, customers: int) -> Run:
    """Named by its publication, so that two of them never pass for one."""
    monday = FIRST_MONDAY + timedelta(weeks=run_version - 1)
    return Run(
        run_id=f"bench-{monday}-{run_version:06d}",
        bank="bench",
        snapshot_date=monday,
        model_id=f"model-{run_version:06d}",
        base_currency="CNY",
        horizon_days=90,
        cohort=customers,
        excluded=MappingProxyType({}),
        manifest=MappingProxyType({"compared_with": str(monday - timedelta(weeks=1))}),
    )


def scores(run_version: int, bank: Bank) -> Iterator[Score]:
    """One row per customer, by customer_id; the tier bears the publication, so that a mixture would show."""
    draw = random.Random(run_version)
    variants = [tuple(_reason(draw, place) for place in range(3)) for _ in range(VARIANTS)]
    for number in range(bank.customers):
        risk = draw.random() ** 4
        yield Score(
            customer_id=customer_id(number),
            branch_id=bank.branch(number),
            manager_id=bank.manager(number),
            tier=f"tier-{run_version:06d}",
            lifecycle_stage="mature",
            marketing_opt_out=False,
            aum_minor=draw.randrange(50_000_000, 500_000_000),
            money_at_risk_minor=draw.randrange(100_000_000),
            risk_band="high" if risk >= 0.2 else "medium" if risk >= 0.08 else "low",
            reasons=variants[number % VARIANTS],
            risk_30d=risk / 3,
            risk_60d=risk / 2,
            risk_90d=risk,
            risk_change=draw.uniform(-0.2, 0.2) * risk,
            changes=(Change("outflow", 0.4, "money moves to other banks", "资金转往他行"),),
        )


def decisions(bank: Bank) -> Iterator[Decision]:
    """One row per customer, none of whom is listed."""
    for number in range(bank.customers):
        yield Decision(customer_id(number), bank.branch(number), None, "beyond_capacity", "less_to_keep", 0)


def _reason(draw: random.Random, place: int) -> Reason:
    amount = draw.randrange(10_000, 900_000)
    return Reason(
        group=("outflow", "rollover", "contact")[place],
        feature="outflow_elsewhere_sum_4w",
        value=float(amount),
        contribution=0.9 - place / 4,
        text_en=f"Moved {amount:,} CNY to other banks in 4 weeks, {amount // 3:,} of it in one payment",
        text_zh=f"近 4 周转往他行 {amount:,} 元，其中单笔最大 {amount // 3:,} 元",
    )


def insert_run(connection: Connection, run_version: int, bank: Bank) -> None:
    """The run with its scores and reasons, and from now on the current one."""
    connection.execute(insert(tables.runs), rows.run_row(run_version, run(run_version, bank.customers)))
    bulk_insert(connection, tables.scores, rows.score_rows(run_version, scores(run_version, bank)))
    bulk_insert(connection, tables.reasons, rows.reason_rows(run_version, scores(run_version, bank)))
    if not connection.execute(update(tables.current_run).values(run_version=run_version)).rowcount:
        connection.execute(insert(tables.current_run).values(slot=1, run_version=run_version))


def publish(url: str, run_version: int, customers: int) -> None:
    """One transaction, as ``Store.publish`` would; the publications before the last one are removed."""
    engine, bank = connect(url), Bank(customers)
    with write(engine) as connection:
        schema.prepare(connection)
    with write(engine) as connection:
        for table in tables.OF_A_RUN:
            connection.execute(delete(table).where(table.c.run_version < run_version - 1))
        insert_run(connection, run_version, bank)
        bulk_insert(
            connection, tables.decisions, rows.object_rows(run_version, tables.decisions, decisions(bank))
        )
        answers = (
            answer
            for score, decision in zip(scores(run_version, bank), decisions(bank), strict=True)
            for answer in prepared_answers(
                run(run_version, customers), [score], [CallList(None, None, (), 1, 0, 0, (decision,))]
            )
        )
        answer_rows = rows.object_rows(run_version, tables.prepared_answers, answers)
        bulk_insert(connection, tables.prepared_answers, answer_rows)
        analyze(connection, tables.OF_A_RUN)
    engine.dispose()
