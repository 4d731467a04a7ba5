"""Parts of the score store's tables: each column has a meaning and a sensitivity, each table a grain."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, Float, Integer, MetaData, String, Table

from configs.tables import Sensitivity

PUBLIC, INTERNAL, CONFIDENTIAL, PERSONAL = Sensitivity
metadata = MetaData()
# Compared by code point on both databases, as Python does; pages and deltas rest on that order.
Id = String().with_variant(String(collation="C"), "postgresql")


def table(
    name: str, one_row_per: str, *parts: Any, with_rowid: bool = False, of: MetaData = metadata
) -> Table:
    return Table(name, of, *parts, info={"one_row_per": one_row_per}, sqlite_with_rowid=with_rowid)


def column(name: str, kind: Any, sensitivity: Sensitivity, doc: str, *rest: Any, **options: Any) -> Any:
    options = {"nullable": False} | options
    return Column(name, kind, *rest, doc=doc, info={"sensitivity": sensitivity}, **options)


def of_run(*rest: Any) -> Any:
    return column("run_version", Integer, INTERNAL, "the run the row belongs to", *rest, primary_key=True)


def customer(**options: Any) -> Any:
    return column("customer_id", Id, PERSONAL, "the bank's number of the customer", **options)


def risk(days: int) -> Any:
    doc = f"probability that the money leaves within {days} days; empty where the label does not reach"
    name = f"risk_{days}d"
    check = CheckConstraint(f"{name} BETWEEN 0 AND 1")
    return column(name, Float, CONFIDENTIAL, doc, check, nullable=True)
