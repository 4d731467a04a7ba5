"""The rows that an ingest has to validate: of the bank's SELECT over the files, and those refused before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from configs.settings import Settings
from configs.tables import Table
from pipeline.ingest.checks import check_columns
from pipeline.ingest.deliveries import Plan, ReadAllError
from pipeline.ingest.relations import LAYOUT, number, sql_text
from pipeline.ingest.selects import describe, sources_read
from pipeline.ingest.sources import Reject, files_of, open_source

if TYPE_CHECKING:
    from pipeline.ingest.distributed import Cluster


@dataclass(frozen=True)
class Ingestion:
    """One ingest under way.

    ``opened`` and ``unreadable`` say what each source holds and what of it is no row.

    ``fetched`` are the rows of the bank's databases, one Parquet file per source. The tasks of ``cluster``
    read the sources that it names; this process does not hold their rows.
    """

    con: duckdb.DuckDBPyConnection
    settings: Settings
    raw: Path
    draft: Path
    plan: Plan
    fetched: Mapping[str, Path]
    cluster: "Cluster | None" = None
    opened: dict[str, list[Path]] = field(default_factory=dict)
    unreadable: dict[str, list[Reject]] = field(default_factory=dict)


@dataclass(frozen=True)
class Incoming:
    """Rows to be checked, as SQL: ``new`` of the bank's SELECT, ``refused`` those of earlier deliveries."""

    new: str | None
    refused: str | None
    columns: dict[str, str]
    sources: list[str]

    @property
    def rows(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        queries = [query for query in (self.new, self.refused) if query]
        return " UNION ALL ".join(f"SELECT {names} FROM ({query})" for query in queries)


def rows_to_validate(state: Ingestion, table: Table, select: str) -> Incoming:
    """The rows of a table that are to be validated. Raises ReadAllError when their columns changed."""
    sources = sources_read(state.con, state.settings, select)
    base = state.plan.base if table.by_customer else None
    columns_before = base.noted["columns"][table.name] if base else {}
    refused = None
    if base:
        path = base.tables.folder / table.name / "refused.parquet"
        typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns_before.items())
        refused = f"SELECT {typed} FROM read_parquet({sql_text(path)}, hive_partitioning = false)"
        if not any(source in state.plan.fresh for source in sources):
            return Incoming(None, refused, columns_before, sources)
    for source in sources:
        open_files(state, source, only_new=base is not None)
    columns = describe(state.con, state.settings, table, select)
    check_columns(table, state.settings.bank, columns)
    if base and columns != columns_before:
        raise ReadAllError(f"{table.name} comes with other columns")
    return Incoming(select, refused, columns, sources)


def open_files(state: Ingestion, name: str, *, only_new: bool = False) -> None:
    """Make a source hold all its files, or with ``only_new`` the new ones where there are any.

    Of a CSV source that the tasks read, this process holds the columns and no row.
    """
    files = list(files_of(state.settings, state.raw, state.fetched, name).values())
    new = [state.raw / file for file in state.plan.fresh.get(name, ())] if only_new else []
    if state.opened.get(name) == (new or files):
        return
    state.opened[name] = new or files
    spec, read, schema_like = state.settings.sources[name], state.opened[name], []
    if new:
        schema_like = [path for path in files if path not in new][:1]
    elif state.cluster and name in state.cluster.sources and spec.format == "csv":
        read, schema_like = [], files
    rejects = open_source(state.con, name, spec, state.raw, read, schema_like)
    before = state.plan.base.unreadable.get(name, []) if new and state.plan.base else []
    state.unreadable[name] = [*before, *rejects]


def choose_buckets(state: Ingestion, incoming: Incoming) -> None:
    """Make ``layout``: the power of two of buckets that brings them nearest to customers_per_bucket."""
    base = state.plan.base
    customers = number(
        state.con,
        "SELECT count(DISTINCT customer_id) FROM ("
        f"SELECT customer_id::VARCHAR AS customer_id FROM ({incoming.rows}) "
        "UNION ALL SELECT customer_id FROM ref_customers)",
    )
    buckets = 1 << round(log2(max(1.0, customers / state.settings.customers_per_bucket)))
    if base and buckets != base.tables.buckets:
        raise ReadAllError(
            f"{customers} customers lie in {buckets} buckets, no longer in {base.tables.buckets}"
        )
    LAYOUT.create_from(state.con, f"SELECT {buckets}::INTEGER AS buckets")
