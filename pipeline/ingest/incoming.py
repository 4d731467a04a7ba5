"""The rows that an ingest has to judge: of the bank's SELECT over the files, and those refused before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from pathlib import Path

import duckdb

from configs.bank_folder import find_raw
from configs.settings import Settings
from configs.tables import Table
from pipeline.ingest.checks import check_columns
from pipeline.ingest.deliveries import Plan, ReadAllError
from pipeline.ingest.distributed_sources import Spread
from pipeline.ingest.quarantine import one
from pipeline.ingest.selects import describe, sources_read
from pipeline.ingest.sources import Reject, open_fetched, open_source


@dataclass(frozen=True)
class Run:
    """One ingest under way; ``opened`` and ``unreadable`` say what each source holds and what of it is no row.

    ``fetched`` are the rows of the bank's databases, one Parquet file per source. ``spread`` says which sources
    are read by other processes; this one does not hold their rows.
    """

    con: duckdb.DuckDBPyConnection
    settings: Settings
    raw: Path
    draft: Path
    plan: Plan
    fetched: Mapping[str, Path]
    spread: Spread | None = None
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
        return " UNION ALL ".join(f"SELECT {names} FROM ({one})" for one in (self.new, self.refused) if one)


def rows_to_judge(run: Run, table: Table, select: str) -> Incoming:
    """The rows of a table that this ingest has to judge. Raises ReadAllError when their columns changed."""
    read = sources_read(run.con, run.settings, select)
    base = run.plan.base if table.by_customer else None
    known = base.noted["columns"][table.name] if base else {}
    refused = None
    if base:
        path = base.tables.folder / table.name / "refused.parquet"
        typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in known.items())
        refused = f"SELECT {typed} FROM read_parquet('{quoted(path)}', hive_partitioning = false)"
        if not any(source in run.plan.fresh for source in read):
            return Incoming(None, refused, known, read)
    _open(run, read, base is not None)
    columns = check_columns(table, run.settings.bank, describe(run.con, run.settings, table, select))
    if base and columns != known:
        raise ReadAllError(f"{table.name} comes with other columns")
    return Incoming(select, refused, columns, read)


def _open(run: Run, sources: list[str], fresh: bool) -> None:
    """Make the sources hold all their files, or with ``fresh`` the new ones where there are any."""
    for name in sources:
        if name in run.fetched:
            _open_database(run, name)
            continue
        files = find_raw(run.settings, run.raw, name)
        new = [run.raw / one for one in run.plan.fresh.get(name, ())] if fresh else []
        if run.opened.get(name) == (new or files):
            continue
        spec = run.settings.sources[name]
        if name in run.opened:
            run.con.execute(f'DROP {"VIEW" if spec.format == "parquet" else "TABLE"} "{name}"')
        like = [path for path in files if path not in new][:1] if new else []
        found = open_source(run.con, name, spec, run.raw, new or files, like)
        before = run.plan.base.unreadable.get(name, []) if new and run.plan.base else []
        run.opened[name], run.unreadable[name] = new or files, [*before, *found]


def _open_database(run: Run, name: str) -> None:
    if name not in run.opened:
        open_fetched(run.con, name, run.fetched[name])
        run.opened[name], run.unreadable[name] = [run.fetched[name]], []


def lay_out(run: Run, incoming: Incoming) -> None:
    """Decide the number of buckets: the power of two that brings them nearest to customers_per_bucket."""
    every = f"SELECT customer_id::VARCHAR AS customer_id FROM ({incoming.rows})"
    base = run.plan.base
    customers = one(
        run.con,
        f"SELECT count(DISTINCT customer_id) FROM ({every} UNION ALL SELECT customer_id FROM ref_customers)",
    )
    buckets = 1 << round(log2(max(1.0, customers / run.settings.customers_per_bucket)))
    if base and buckets != base.tables.buckets:
        raise ReadAllError(
            f"{customers} customers lie in {buckets} buckets, no longer in {base.tables.buckets}"
        )
    run.con.execute("CREATE TEMP TABLE layout AS SELECT ?::INTEGER AS buckets", [buckets])


def quoted(path: Path) -> str:
    return str(path).replace("'", "''")
