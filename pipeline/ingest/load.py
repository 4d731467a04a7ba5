"""The rows of an ingest: those that are to be validated, what they refer to, and what becomes of them.

The rows are those of the bank's SELECTs over the files, and those refused before. They are held against the
customers, products, managers and daily rates of all deliveries, and the latest valid date.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import log2
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from configs.settings import Settings
from configs.tables import Table
from pipeline.artefacts import write_parquet
from pipeline.ingest import relations
from pipeline.ingest.accounts import holders_added, split_shares
from pipeline.ingest.buckets import layout_of, write_buckets
from pipeline.ingest.casts import strict_casts
from pipeline.ingest.checks import bucket_of, check_columns, checked
from pipeline.ingest.deliveries import Base, Plan, ReadAllError
from pipeline.ingest.rates import DAILY, refuse_repeated_rates
from pipeline.ingest.relations import TABLE_KEY, contract_columns, number, sql_text
from pipeline.ingest.renumbered import (
    NUMBERS,
    has_numbers,
    store_numbers,
)
from pipeline.ingest.selects import ORDER, describe, load_selects, sources_read
from pipeline.ingest.sources import Reject, drop_rows, files_of, notation_of, open_source
from pipeline.ingest.values import NO_NOTATION, Notation, typed
from pipeline.snapshots.spark import Cluster
from pipeline.tables import NOTES, UNDATED

BATCH_ROWS = 250_000  # on their way to the buckets at once; several batches are under way
Weeks = Counter[tuple[str, date | None]]  # rows by file and the Monday of the week in which they happened


@dataclass(frozen=True)
class Ingestion:
    """One ingest under way.

    ``opened`` and ``unreadable`` say what each source holds and what of it is no row, ``gone`` which loaded
    rows are in no file any more where that is meant, ``refused_gone`` the sentences where it is not.

    ``read_by`` are by table digests of its SELECT and of how files are read.
    ``fetched`` are the rows of the bank's databases, one Parquet file per source. The tasks of ``cluster``
    read the sources that it names; this process does not hold their rows.
    """

    con: duckdb.DuckDBPyConnection
    settings: Settings
    raw: Path
    draft: Path
    plan: Plan
    fetched: Mapping[str, Path]
    read_by: Mapping[str, str]
    cluster: Cluster | None = None
    opened: dict[str, list[Path]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    refused_gone: list[str] = field(default_factory=list)
    unreadable: dict[str, list[Reject]] = field(default_factory=dict)


@dataclass(frozen=True)
class Incoming:
    """Rows to be checked, as SQL: ``new`` of the bank's SELECT, ``refused`` those of earlier deliveries."""

    new: str | None
    refused: str | None
    columns: dict[str, str]
    sources: list[str]
    notation: Notation = NO_NOTATION

    @property
    def known_on(self) -> str:
        """SQL: the day on which a row was known."""
        return typed("known_on", "DATE", self.columns["known_on"], self.notation)

    @property
    def rows(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        queries = [query for query in (self.new, self.refused) if query]
        return " UNION ALL ".join(f"SELECT {names} FROM ({query})" for query in queries)


def rows_to_validate(state: Ingestion, table: Table, select: str) -> Incoming:
    """The rows of a table that are to be validated. Raises ReadAllError when their columns changed."""
    sources = sources_read(state.con, state.settings, select)
    notation = notation_of(state.settings, table.name, sources)
    base = state.plan.base if table.by_customer else None
    columns_before = base.noted["columns"][table.name] if base else {}
    refused = None
    if base:
        path = base.tables.folder / table.name / "refused.parquet"
        typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns_before.items())
        refused = f"SELECT {typed} FROM read_parquet({sql_text(path)}, hive_partitioning = false)"
        if not any(source in state.plan.fresh for source in sources):
            return Incoming(None, refused, columns_before, sources, notation)
    for source in sources:
        open_files(state, source, only_new=base is not None)
    columns = describe(state.con, state.settings, table, select)
    check_columns(table, state.settings.bank, columns, state.settings.time_zone)
    if base and columns != columns_before:
        raise ReadAllError(f"{table.name} comes with other columns")
    strict = strict_casts(state.con, table, select, notation)
    return Incoming(strict, refused, columns, sources, notation)


def open_headers(state: Ingestion, name: str) -> None:
    """Make a source without its rows, which wait until a SELECT reads them: they take room.

    Raises DataError as ``open_source``, for what the headers of its files show.
    """
    files = planned_files(state, name)
    spec = state.settings.sources[name]
    if spec.format in ("csv", "xlsx"):
        open_source(state.con, name, spec, state.raw, [], files)
    else:
        open_files(state, name)


def open_files(state: Ingestion, name: str, *, only_new: bool = False) -> None:
    """Make a source hold all its files, or with ``only_new`` the new ones where there are any.

    Of a CSV source that the tasks read, this process holds the columns and no row.
    """
    files = planned_files(state, name)
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


def planned_files(state: Ingestion, name: str) -> list[Path]:
    """The files of a source that were there when the ingest began."""
    files = files_of(state.settings, state.raw, state.fetched, name)
    return [path for label, path in files.items() if label in state.plan.raw[name]]


def drop_read(state: Ingestion, table: Table) -> None:
    """Drop the stored rows of sources that no SELECT after this table's reads: they take room."""
    selects = load_selects(state.settings)
    later = [selects[name] for name in ORDER[ORDER.index(table.name) + 1 :] if name in selects]
    needed = {source for select in later for source in sources_read(state.con, state.settings, select)}
    for source in state.opened.keys() - needed:
        drop_rows(state.con, source)


def choose_buckets(state: Ingestion, incoming: Incoming) -> None:
    """Make ``layout``: the power of two of buckets that brings them nearest to customers_per_bucket."""
    base = state.plan.base
    customers = number(
        state.con,
        "SELECT count(DISTINCT customer_id) FROM ("
        "SELECT coalesce(newest, who) AS customer_id FROM "
        f"(SELECT customer_id::VARCHAR AS who FROM ({incoming.rows})) "
        "LEFT JOIN ref_numbers ON old_number = who "
        "UNION ALL SELECT customer_id FROM ref_customers)",
    )
    buckets = 1 << round(log2(max(1.0, customers / state.settings.customers_per_bucket)))
    if base and buckets != base.tables.buckets:
        raise ReadAllError(
            f"{customers} customers lie in {buckets} buckets, no longer in {base.tables.buckets}"
        )
    relations.LAYOUT.create_from(state.con, f"SELECT {buckets}::INTEGER AS buckets")


def store_earlier_customers(state: Ingestion, base: Base) -> None:
    """Put the customers of earlier deliveries into ``ref_customers``."""
    state.con.execute(
        "INSERT INTO ref_customers "
        f"SELECT DISTINCT customer_id, {bucket_of('customer_id', base.tables.buckets)} "
        "FROM read_parquet(?, hive_partitioning = false)",
        [[str(path) for path in base.tables.parts("customers")]],
    )


def store_references(state: Ingestion, table: Table) -> None:
    """Keep what later tables refer to; what earlier deliveries rest on must still be there."""
    base, whole = state.plan.base, state.draft / table.name / f"{UNDATED}.parquet"
    if base and not table.by_customer:
        _compare(state, table, base)
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        state.con.execute(
            f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good "
            f"WHERE {key} NOT IN (SELECT {key} FROM ref_{table.name}) GROUP BY {key}"
        )
    if table.name == "managers":
        # Who is refused for a name is somebody all the same: customers stay in charge of that number.
        state.con.execute(
            "INSERT INTO ref_managers SELECT DISTINCT manager_id, 0 FROM checked WHERE _reason IS NOT NULL "
            "AND NOT starts_with(_reason, 'manager_id:') "
            "AND manager_id NOT IN (SELECT manager_id FROM ref_managers)"
        )
    if table.name == NUMBERS:
        store_numbers(state.con, state.settings)
    if table.name == "rates":
        if state.settings.fixed_rates:
            refuse_repeated_rates(state.con, state.settings, whole)
        state.con.execute(f"INSERT INTO ref_rates {DAILY.format(rates=f'read_parquet({sql_text(whole)})')}")


def _compare(state: Ingestion, table: Table, base: Base) -> None:
    """Raises ReadAllError when rows that earlier deliveries rest on are gone or read otherwise now."""
    daily = f"SELECT * FROM ({DAILY.replace('{rates}', '{0}')}) WHERE day <= '{base.noted['money_through']}'"
    rest_on = {"managers": "SELECT manager_id FROM {0}", "rates": daily}
    before, after = (
        rest_on.get(table.name, "SELECT * FROM {0}").format(f"read_parquet({sql_text(path)})")
        for path in (base.tables.whole(table.name), state.draft / table.name / f"{UNDATED}.parquet")
    )
    if number(state.con, f"SELECT count(*) FROM ({before} EXCEPT {after})"):
        raise ReadAllError(f"{table.name} that were used have changed")
    if table.name == NUMBERS and number(state.con, f"SELECT count(*) FROM ({after} EXCEPT {before})"):
        raise ReadAllError("customers got new numbers")


def validate(
    con: duckdb.DuckDBPyConnection, settings: Settings, table: Table, incoming: Incoming
) -> dict[str, int]:
    """Make ``checked``: every row with why it is refused; the number of new rows by file."""
    query = checked(
        table,
        incoming.rows,
        incoming.columns,
        settings.base_currency,
        incoming.notation,
        renumbered=has_numbers(con),
    )
    relations.CHECKED.create_from(con, query, contract_columns(table))
    return by_file(con, f"SELECT _file FROM ({incoming.new})") if incoming.new else {}


def find_earlier(state: Ingestion, table: Table) -> None:
    """Make ``earlier``: rows of earlier deliveries with the keys of ``good``, and where they lie.

    A row taken back is known by its day of that: it is superseded on the day on which it was known.
    """
    base = state.plan.base if table.by_customer else None
    parts = base.tables.parts(table.name) if base else []
    source = "good LIMIT 0"
    columns = (
        "* EXCLUDE (_row), NULL::VARCHAR AS _part, 0::BIGINT AS _at, NULL::DATE AS _noted, false AS _standing"
    )
    if parts:
        listed = ", ".join(sql_text(path) for path in parts)
        below = len(str(parts[0].parents[3])) + 2
        source = (
            f"read_parquet([{listed}], filename = true, file_row_number = true, hive_partitioning = false) "
            f"SEMI JOIN good USING ({', '.join(table.key)})"
        )
        columns = (
            "*, coalesce(superseded_on = known_on, false) AS deleted, false AS _standing, "
            f"filename[{below}:] AS _part, file_row_number AS _at, superseded_on AS _noted"
        )
    query = f"SELECT {columns}, -row_number() OVER () AS _row FROM {source}"
    relations.EARLIER.create_from(state.con, query, table.names)


KEPT = "FROM good g LEFT JOIN repeated w USING (_row) WHERE coalesce(w.verdict, 'kept') = 'kept'"
# Of a table by customer, as its files hold them, each with its bucket.
KEPT_ROWS = (
    "SELECT g.* EXCLUDE (_row, _file, _line, _renumbered, deleted), "
    f"CASE WHEN g.deleted THEN g.known_on ELSE w.superseded_on END AS superseded_on {KEPT}"
)


def write_kept(state: Ingestion, table: Table, columns: Collection[str] = ()) -> Weeks:
    """Write the kept rows, those of customers by bucket and year; their number by file and week.

    ``columns`` are those that the bank's SELECT yields. Raises ReadAllError where a joint account gets
    further holders.
    """
    con, folder = state.con, state.draft / table.name
    if not table.by_customer:
        rows = con.sql(
            f"SELECT g.* EXCLUDE (_row, _file, _line, _renumbered) {KEPT} ORDER BY {', '.join(table.key)}"
        )
        write_parquet(rows.to_arrow_table(), folder / f"{UNDATED}.parquet")
    else:
        buckets = number(con, "SELECT buckets FROM layout")
        kept, base = KEPT_ROWS, state.plan.base
        if "share" in columns:
            if base and holders_added(con, kept, base.tables.parts(table.name)):
                raise ReadAllError(f"{table.name} of joint accounts come with further holders")
            kept = split_shares(kept)
        reader = con.sql(kept).to_arrow_reader(BATCH_ROWS)
        write_buckets(reader, folder, buckets, *layout_of(table))
    return kept_weeks(con, table)


def write_refused(state: Ingestion, table: Table, columns: dict[str, str]) -> None:
    """Keep refused rows as they were delivered: what they refer to may come with a later delivery."""
    names = [name for name in columns if name not in ("_file", "_line")]
    delivered = ", ".join(f"struct_extract(_given[1], '{name}') AS \"{name}\"" for name in names)
    typed = ", ".join(f'CAST(g."{name}" AS {columns[name]})' for name in names)
    rows = state.con.sql(
        f"SELECT _file, _line, {delivered} FROM checked WHERE _reason IS NOT NULL UNION ALL "
        f"SELECT g._file, g._line, {typed} FROM good g JOIN repeated w USING (_row) "
        "WHERE verdict IN ('conflict', 'recycled') ORDER BY ALL"
    ).to_arrow_table()
    write_parquet(rows, state.draft / table.name / "refused.parquet")


def write_notes(state: Ingestion, table: Table) -> None:
    """Note by bucket which rows of earlier deliveries were superseded, and when."""
    rows = state.con.sql(
        "SELECT _part AS part, _at AS row, w.superseded_on FROM repeated w JOIN earlier USING (_row) "
        "WHERE NOT deleted AND w.superseded_on IS DISTINCT FROM _noted ORDER BY part, row"
    ).to_arrow_table()
    buckets = pa.array([Path(part).parent.name for part in rows["part"].to_pylist()], pa.string())
    for bucket in sorted(set(buckets.to_pylist())):
        write_parquet(rows.filter(pc.equal(buckets, bucket)), state.draft / table.name / bucket / NOTES)


def by_file(con: duckdb.DuckDBPyConnection, rows: str) -> dict[str, int]:
    """The number of rows of each file in a query that yields their ``_file``."""
    return dict(con.execute(f"SELECT coalesce(_file, ''), count(*) FROM ({rows}) GROUP BY 1").fetchall())


def kept_weeks(con: duckdb.DuckDBPyConnection, table: Table) -> Weeks:
    """The number of kept rows by file and week; the week is None where nothing happens."""
    week = f"date_trunc('week', g.{table.happened})::DATE" if table.happened else "NULL"
    query = f"SELECT coalesce(g._file, ''), {week}, count(*) {KEPT} GROUP BY ALL"
    return Counter({(file, monday): rows for file, monday, rows in con.execute(query).fetchall()})
