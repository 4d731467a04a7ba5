"""What becomes of the judged rows: written, kept for later, noted as superseded, and counted by file."""

import csv
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from configs.errors import DataError
from configs.tables import Table
from pipeline.artefacts import whole_text, write_parquet
from pipeline.ingest.buckets import write_buckets
from pipeline.ingest.checks import checked
from pipeline.ingest.compact import sort_order, year_of
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.incoming import Incoming, Run, quoted
from pipeline.ingest.quarantine import no_formula, one
from pipeline.ingest.sources import Reject
from pipeline.tables import NOTES, UNDATED

BATCH_ROWS = 1_000_000


@dataclass(frozen=True)
class Written:
    """What was written of a table: rows by file, and the earliest day on which one of them was known."""

    rows: dict[str, int]
    known_from: date | None


def judge(run: Run, table: Table, incoming: Incoming) -> dict[str, int]:
    """Make ``checked``: every row with why it is refused; the number of new rows by file."""
    run.con.execute(
        "CREATE OR REPLACE TEMP TABLE checked AS "
        f"{checked(table, incoming.rows, incoming.columns, run.settings.base_currency)}"
    )
    return by_file(run.con, f"SELECT _file FROM ({incoming.new})") if incoming.new else {}


def find_earlier(run: Run, table: Table) -> None:
    """Make ``earlier``: rows of earlier deliveries with the keys of ``good``, each with its part and place there.

    A row taken back is known by its day of that: it is superseded on the day on which it was known.
    """
    parts = run.plan.base.tables.parts(table.name) if run.plan.base and table.by_customer else []
    places = "NULL::VARCHAR AS _part, 0::BIGINT AS _at, NULL::DATE AS _noted"
    content, source, matched = ", ".join(table.names), "good", "WHERE false"
    if parts:
        below = len(str(parts[0].parents[3])) + 2
        places = f"filename[{below}:] AS _part, file_row_number AS _at, superseded_on AS _noted"
        content = ", ".join(name for name in table.names if name != "deleted")
        content += ", coalesce(superseded_on = known_on, false) AS deleted"
        listed = ", ".join(f"'{quoted(path)}'" for path in parts)
        source = (
            f"read_parquet([{listed}], filename = true, file_row_number = true, hive_partitioning = false)"
        )
        matched = f"SEMI JOIN good USING ({', '.join(table.key)})"
    run.con.execute(
        f"CREATE OR REPLACE TEMP TABLE earlier AS SELECT -row_number() OVER () AS _row, {content}, {places} "
        f"FROM {source} {matched}"
    )


KEPT = "FROM good g LEFT JOIN repeated w USING (_row) WHERE coalesce(w.verdict, 'kept') = 'kept'"
# Of a table by customer, as its files hold them, each with its bucket.
KEPT_ROWS = (
    "SELECT g.* EXCLUDE (_row, _file, _line, deleted), "
    f"CASE WHEN g.deleted THEN g.known_on ELSE w.superseded_on END AS superseded_on {KEPT}"
)


def write_kept(run: Run, table: Table) -> Written:
    """Write the kept rows: those of customers by bucket and year."""
    folder = run.draft / table.name
    if not table.by_customer:
        rows = run.con.sql(f"SELECT g.* EXCLUDE (_row, _file, _line) {KEPT} ORDER BY {', '.join(table.key)}")
        write_parquet(rows.to_arrow_table(), folder / f"{UNDATED}.parquet")
        return Written(by_file(run.con, f"SELECT g._file {KEPT}"), None)
    buckets = one(run.con, "SELECT buckets FROM layout")
    rows = run.con.sql(KEPT_ROWS)
    write_buckets(rows.to_arrow_reader(BATCH_ROWS), folder, buckets, sort_order(table), year_of(table))
    return written(run.con)


def written(con: duckdb.DuckDBPyConnection) -> Written:
    """What is written of ``good``, for a table by customer."""
    ((known,),) = con.execute(f"SELECT min(known_on) {KEPT}").fetchall()
    return Written(by_file(con, f"SELECT g._file {KEPT}"), known)


def write_refused(run: Run, table: Table, columns: dict[str, str]) -> None:
    """Keep refused rows as they were delivered: what they refer to may come with a later delivery."""
    names = [name for name in columns if name not in ("_file", "_line")]
    given = ", ".join(f"struct_extract(_given, '{name}') AS \"{name}\"" for name in names)
    typed = ", ".join(f'CAST(g."{name}" AS {columns[name]})' for name in names)
    rows = run.con.sql(
        f"SELECT _file, _line, {given} FROM checked WHERE _reason IS NOT NULL UNION ALL "
        f"SELECT g._file, g._line, {typed} FROM good g JOIN repeated w USING (_row) WHERE verdict = 'conflict' "
        "ORDER BY ALL"
    ).to_arrow_table()
    write_parquet(rows, run.draft / table.name / "refused.parquet")


def write_notes(run: Run, table: Table) -> None:
    """Note by bucket which rows of earlier deliveries were superseded, and when."""
    rows = run.con.sql(
        "SELECT _part AS part, _at AS row, w.superseded_on FROM repeated w JOIN earlier USING (_row) "
        "WHERE NOT deleted AND w.superseded_on IS DISTINCT FROM _noted ORDER BY part, row"
    ).to_arrow_table()
    buckets = pa.array([Path(part).parent.name for part in rows["part"].to_pylist()], pa.string())
    for bucket in sorted(set(buckets.to_pylist())):
        chosen = rows.filter(pc.equal(buckets, bucket))
        write_parquet(chosen, run.draft / table.name / bucket / NOTES)


def by_file(con: duckdb.DuckDBPyConnection, rows: str) -> dict[str, int]:
    """How many rows each file has in a query that yields their ``_file``."""
    found = con.execute(f"SELECT coalesce(_file, ''), count(*) FROM ({rows}) GROUP BY 1").fetchall()
    return dict(found)


def count_files(
    run: Run, table: Table, judged: dict[str, int], rejects: list[Reject], loaded: dict[str, int]
) -> list[FileCount]:
    """What became of each file's rows so far; ``judged`` are new, ``loaded`` were written now.

    Raises DataError where a row got lost or came twice.
    """
    con, base = run.con, run.plan.base if table.by_customer else None
    before = base.counts if base else {}
    new = dict(judged)
    for reject in rejects:
        if base is None or run.plan.reads(reject.file):
            new[reject.file] = new.get(reject.file, 0) + 1
    twice = by_file(con, "SELECT _file FROM repeated WHERE verdict = 'duplicate'")
    refused = by_file(con, f"SELECT file AS _file FROM quarantine WHERE table_name = '{table.name}'")
    old = {file for name, file in before if name == table.name}
    counts = []
    for file in sorted(old | new.keys() | loaded.keys() | twice.keys() | refused.keys()) or [""]:
        was = before.get((table.name, file), FileCount(table.name, file))
        counts.append(
            FileCount(
                table.name,
                file,
                was.rows_in + new.get(file, 0),
                was.loaded + loaded.get(file, 0),
                refused.get(file, 0),
                was.duplicates + twice.get(file, 0),
            )
        )
    for count in counts:
        if count.rows_in != count.loaded + count.quarantined + count.duplicates:
            raise DataError(
                f"table {table.name!r} does not reconcile: {count}. Look for a join that "
                f"multiplies rows in configs/banks/{run.settings.bank}/{table.name}.sql."
            )
    return counts


def write_files(counts: list[FileCount], target: Path) -> None:
    """Write what became of each delivered file, table by table, as CSV."""
    names = ["table", "file", "rows_in", "loaded", "quarantined", "duplicates"]
    with whole_text(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([names, *([no_formula(cell) for cell in asdict(one).values()] for one in counts)])
