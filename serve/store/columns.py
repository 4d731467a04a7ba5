"""The declarations of every table and column of the score store: its meaning and its sensitivity."""

from typing import Any

import sqlalchemy as sa

from configs.tables import SENSITIVITIES, Sensitivity

PUBLIC, INTERNAL, CONFIDENTIAL, PERSONAL = SENSITIVITIES
metadata = sa.MetaData()
# Compared by code point on both databases, as Python does; pages and deltas rest on that order.
Id = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def table(
    name: str, one_row_per: str, *parts: Any, with_rowid: bool = False, of: sa.MetaData = metadata
) -> sa.Table:
    return sa.Table(name, of, *parts, info={"one_row_per": one_row_per}, sqlite_with_rowid=with_rowid)


def column(name: str, kind: Any, sensitivity: Sensitivity, doc: str, *rest: Any, **options: Any) -> Any:
    options = {"nullable": False} | options
    return sa.Column(name, kind, *rest, doc=doc, info={"sensitivity": sensitivity}, **options)


def customer(**options: Any) -> Any:
    return column("customer_id", Id, PERSONAL, "the bank's number of the customer", **options)


def of_run(*rest: Any) -> Any:
    return column("run_version", sa.Integer, INTERNAL, "the run the row belongs to", *rest, primary_key=True)
