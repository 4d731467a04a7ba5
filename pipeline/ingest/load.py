"""What becomes of the validated rows: written, kept for later, noted as superseded, and counted by file."""

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from configs.errors import DataError
from configs.settings import Settings
from configs.tables import Table
from pipeline.artefacts import write_parquet
from pipeline.ingest.buckets import layout_of, write_buckets
from pipeline.ingest.checks import checked
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.incoming import Incoming, Ingestion
from pipeline.ingest.quarantine import write_csv
from pipeline.ingest.relations import CHECKED, EARLIER, contract_columns, number, sql_text
from pipeline.ingest.sources import Reject
from pipeline.tables import NOTES, UNDATED

BATCH_ROWS = 1_000_000


def validate(
    con: duckdb.DuckDBPyConnection, settings: Settings, table: Table, incoming: Incoming
) -> dict[str, int]:
    """Make ``checked``: every row with why it is refused; the number of new rows by file."""
    query = checked(table, incoming.rows, incoming.columns, settings.base_currency)
    CHECKED.create_from(con, query, contract_columns(table))
    return by_file(con, f"SELECT _file FROM ({incoming.new})") if incoming.new else {}


def find_earlier(state: Ingestion, table: Table) -> None:
    """Make ``earlier``: rows of earlier deliveries with the keys of ``good``, and where they lie.

    A row taken back is known by its day of that: it is superseded on the day on which it was known.
    """
    base = state.plan.base if table.by_customer else None
    parts = base.tables.parts(table.name) if base else []
    source = "good LIMIT 0"
    columns = "* EXCLUDE (_row), NULL::VARCHAR AS _part, 0::BIGINT AS _at, NULL::DATE AS _noted"
    if parts:
        listed = ", ".join(sql_text(path) for path in parts)
        below = len(str(parts[0].parents[3])) + 2
        source = (
            f"read_parquet([{listed}], filename = true, file_row_number = true, hive_partitioning = false) "
            f"SEMI JOIN good USING ({', '.join(table.key)})"
        )
        columns = (
            "*, coalesce(superseded_on = known_on, false) AS deleted, "
            f"filename[{below}:] AS _part, file_row_number AS _at, superseded_on AS _noted"
        )
    query = f"SELECT {columns}, -row_number() OVER () AS _row FROM {source}"
    EARLIER.create_from(state.con, query, table.names)


KEPT = "FROM good g LEFT JOIN repeated w USING (_row) WHERE coalesce(w.verdict, 'kept') = 'kept'"
KEPT_FILES = f"SELECT g._file {KEPT}"
# Of a table by customer, as its files hold them, each with its bucket.
KEPT_ROWS = (
    "SELECT g.* EXCLUDE (_row, _file, _line, deleted), "
    f"CASE WHEN g.deleted THEN g.known_on ELSE w.superseded_on END AS superseded_on {KEPT}"
)


def write_kept(state: Ingestion, table: Table) -> dict[str, int]:
    """Write the kept rows, those of customers by bucket and year; their number by file."""
    con, folder = state.con, state.draft / table.name
    if not table.by_customer:
        rows = con.sql(f"SELECT g.* EXCLUDE (_row, _file, _line) {KEPT} ORDER BY {', '.join(table.key)}")
        write_parquet(rows.to_arrow_table(), folder / f"{UNDATED}.parquet")
    else:
        buckets = number(con, "SELECT buckets FROM layout")
        reader = con.sql(KEPT_ROWS).to_arrow_reader(BATCH_ROWS)
        write_buckets(reader, folder, buckets, *layout_of(table))
    return by_file(con, KEPT_FILES)


def write_refused(state: Ingestion, table: Table, columns: dict[str, str]) -> None:
    """Keep refused rows as they were delivered: what they refer to may come with a later delivery."""
    names = [name for name in columns if name not in ("_file", "_line")]
    delivered = ", ".join(f"struct_extract(_given, '{name}') AS \"{name}\"" for name in names)
    typed = ", ".join(f'CAST(g."{name}" AS {columns[name]})' for name in names)
    rows = state.con.sql(
        f"SELECT _file, _line, {delivered} FROM checked WHERE _reason IS NOT NULL UNION ALL "
        f"SELECT g._file, g._line, {typed} FROM good g JOIN repeated w USING (_row) "
        "WHERE verdict = 'conflict' ORDER BY ALL"
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
        chosen = rows.filter(pc.equal(buckets, bucket))
        write_parquet(chosen, state.draft / table.name / bucket / NOTES)


def by_file(con: duckdb.DuckDBPyConnection, rows: str) -> dict[str, int]:
    """How many rows each file has in a query that yields their ``_file``."""
    return dict(con.execute(f"SELECT coalesce(_file, ''), count(*) FROM ({rows}) GROUP BY 1").fetchall())


def count_files(
    state: Ingestion, table: Table, new: dict[str, int], rejects: list[Reject], loaded: dict[str, int]
) -> list[FileCount]:
    """What became of each file's rows so far; ``new`` rows were validated, ``loaded`` were written now.

    Raises DataError where a row got lost or came twice.
    """
    base = state.plan.base if table.by_customer else None
    before = base.counts if base else {}
    rows_in = Counter(new)
    rows_in.update(reject.file for reject in rejects if base is None or state.plan.reads(reject.file))
    duplicates = by_file(state.con, "SELECT _file FROM repeated WHERE verdict = 'duplicate'")
    refused = by_file(state.con, f"SELECT file AS _file FROM quarantine WHERE table_name = '{table.name}'")
    counted = {file for name, file in before if name == table.name}
    counts = []
    for file in sorted(counted | rows_in.keys() | loaded.keys() | duplicates.keys() | refused.keys()) or [""]:
        earlier = before.get((table.name, file), FileCount(table.name, file))
        count = replace(
            earlier,
            rows_in=earlier.rows_in + rows_in[file],
            loaded=earlier.loaded + loaded.get(file, 0),
            quarantined=refused.get(file, 0),
            duplicates=earlier.duplicates + duplicates.get(file, 0),
        )
        counts.append(count)
        if count.rows_in != count.loaded + count.quarantined + count.duplicates:
            raise DataError(
                f"table {table.name!r} does not reconcile: {count}. Look for a join that "
                f"multiplies rows in configs/banks/{state.settings.bank}/{table.name}.sql."
            )
    return counts


def write_files(counts: list[FileCount], target: Path) -> None:
    """Write what became of each delivered file, table by table, as CSV."""
    names = ["table", "file", "rows_in", "loaded", "quarantined", "duplicates"]
    write_csv(target, [names, *(asdict(count).values() for count in counts)])
