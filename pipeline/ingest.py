"""From a bank's raw files to its bucketed tables: contract, quarantine, versions, exact reconciliation.

An ingest adds a delivery: the rows of the files that are new since the last. Where that cannot give what
reading everything would give, everything is read. The pointer to the tables moves last, so that a run that
fails or is stopped leaves the tables before it as they were.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from math import log2
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

import configs.tables
import pipeline.artefacts
import pipeline.buckets
import pipeline.checks
import pipeline.compact
import pipeline.deliveries
import pipeline.quarantine
import pipeline.selects
import pipeline.sources
import pipeline.tables
from configs.errors import DataError
from configs.settings import Settings, find_raw, load_select
from configs.tables import TABLES, Table
from pipeline.artefacts import (
    Home,
    fingerprint,
    whole_folder,
    write_json,
    write_parquet,
    write_text,
)
from pipeline.buckets import write_buckets
from pipeline.checks import TABLE_KEY, bucket_of, check_columns, checked
from pipeline.compact import compact, sort_order, year_of
from pipeline.deliveries import (
    MOST_DELIVERIES,
    ORDER,
    Base,
    FileCount,
    Plan,
    ReadAllError,
    note_unreadable,
    plan_ingest,
    point_to,
    stands,
)
from pipeline.quarantine import as_csv, find_repeats, most_common, one, refuse
from pipeline.selects import VALUES, describe, said, sources_read
from pipeline.sources import Reject, open_source, open_sources
from pipeline.tables import NOTES, UNDATED, Count, Delivery, Ingested, read_ingested

BATCH_ROWS = 1_000_000
# The code that decides what the tables hold: tables made by an older one are made anew.
CODE = (
    configs.tables,
    pipeline.artefacts,
    pipeline.buckets,
    pipeline.checks,
    pipeline.compact,
    pipeline.deliveries,
    pipeline.quarantine,
    pipeline.selects,
    pipeline.sources,
    pipeline.tables,
)


@dataclass(frozen=True)
class Run:
    """One ingest under way; ``opened`` and ``unreadable`` say what each source holds and what of it is no row."""

    con: duckdb.DuckDBPyConnection
    settings: Settings
    raw: Path
    draft: Path
    plan: Plan
    opened: dict[str, list[Path]] = field(default_factory=dict)
    unreadable: dict[str, list[Reject]] = field(default_factory=dict)


@dataclass(frozen=True)
class Loaded:
    """One table's share of an ingest: what became of each file, the SELECT's columns, how early it was known."""

    counts: list[FileCount]
    columns: dict[str, str]
    known_from: date | None = None

    @property
    def total(self) -> Count:
        numbers = [(one.rows_in, one.loaded, one.quarantined, one.duplicates) for one in self.counts]
        sums = (sum(values) for values in zip(*numbers, strict=True))
        return Count(self.counts[0].table, *sums)


def ingest(settings: Settings, raw: Path, home: Home, progress: Callable[[str], None]) -> Ingested:
    """Add what the raw folder holds that the tables do not; the same files again change nothing.

    Raises DataError for a missing or unreadable file, a broken contract, or more refused rows than
    ``quarantine_limit``; the quarantine (``quarantine.csv``: table, file, line, reason) is written first.
    The tables before these stay until the next ingest, for those who are still reading them.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    plan = plan_ingest(settings, raw, home, _made_by(settings))
    if not stands(home, plan.name):
        try:
            _make(settings, raw, home, plan, progress)
        except ReadAllError as why:
            named = [text for found in plan.raw.values() for pair in found.items() for text in pair]
            plan = Plan(fingerprint(plan.made_by, *named), plan.made_by, plan.raw, why=str(why))
            _make(settings, raw, home, plan, progress)
    point_to(home, plan.name)
    for page in ("quarantine.csv", "files.csv"):
        write_text(home.root / page, (home.tables / page).read_text("utf-8"))
    return read_ingested(home)


def _made_by(settings: Settings) -> str:
    """What the tables depend on besides the raw files: this code, the SELECTs, the settings that matter."""
    layout = settings.model_dump_json(
        include={"base_currency", "sources", "customers_per_bucket", "quarantine_limit"}
    )
    selects = [load_select(settings.bank, table) or "" for table in ORDER]
    code = [Path(module.__file__) for module in CODE if module.__file__]
    return fingerprint(*code, Path(__file__), layout, *selects)


@contextmanager
def _connect(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as compute only: memory bounded, spilling below the bank's own folder, which goes at the end."""
    spill = home.root / ".spill"
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    try:
        with duckdb.connect() as con:
            con.execute(
                "SET TimeZone = 'UTC'; SET memory_limit = '2500MB'; SET preserve_insertion_order = true"
            )
            con.execute("SET temp_directory = ?", [str(spill)])
            yield con
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _make(settings: Settings, raw: Path, home: Home, plan: Plan, progress: Callable[[str], None]) -> None:
    """Write the tables of a plan. Raises ReadAllError where the rows show that they cannot be added."""
    if plan.why:
        progress(f"reads all files: {plan.why}")
    with _connect(home) as con, whole_folder(home.root / "tables" / plan.name) as draft:
        run = Run(con, settings, raw, draft, plan)
        _prepare(run)
        loaded: list[Loaded] = []
        for name in ORDER:
            progress(name)
            found = _ingest_table(run, TABLES[name])
            write_text(
                home.root / "quarantine.csv", as_csv(con)
            )  # shown even when the next step stops the run
            if found:
                _check_limit(run, found)
                loaded.append(found)
        _note(run, loaded)


def _prepare(run: Run) -> None:
    """The empty relations that every table needs; all sources of a whole ingest; the customers of a delivery."""
    if run.plan.base is None:
        run.unreadable.update(open_sources(run.con, run.settings, run.raw))
        run.opened.update({name: find_raw(run.settings, run.raw, name) for name in run.settings.sources})
    for other in TABLE_KEY:
        run.con.execute(f"CREATE TEMP TABLE ref_{other} ({TABLE_KEY[other]} VARCHAR, _bucket SMALLINT)")
    run.con.execute("CREATE TEMP TABLE ref_rates (currency VARCHAR, day DATE, to_base DECIMAL(18,8))")
    run.con.execute(
        "CREATE TEMP TABLE quarantine (table_name VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR)"
    )
    if run.plan.base:
        run.unreadable.update(run.plan.base.unreadable)
        tables = run.plan.base.tables
        run.con.execute(
            f"INSERT INTO ref_customers SELECT DISTINCT customer_id, {bucket_of('customer_id', tables.buckets)} "
            "FROM read_parquet(?, hive_partitioning = false)",
            [[str(path) for path in tables.parts("customers")]],
        )


def _ingest_table(run: Run, table: Table) -> Loaded | None:
    bank = run.settings.bank
    select = load_select(bank, table.name)
    if select is None:
        if table.needed:
            raise DataError(f"table {table.name!r} is needed. Write configs/banks/{bank}/{table.name}.sql.")
        return None
    for column, other in table.references:
        if load_select(bank, other) is None:
            raise DataError(
                f"table {table.name!r} refers to table {other!r} by its {column}. "
                f"Write configs/banks/{bank}/{other}.sql too."
            )
    incoming = _incoming(run, table, select)
    try:
        return _load(run, table, incoming)
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
        raise DataError(
            f"configs/banks/{bank}/{table.name}.sql fails on the delivered rows: {said(error, hide=VALUES)}. "
            "Leave casts to the contract, which refuses single rows; or have a broken file delivered again."
        ) from None


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


def _incoming(run: Run, table: Table, select: str) -> Incoming:
    """The rows of a table that this ingest has to judge. Raises ReadAllError when their columns changed."""
    read = sources_read(run.con, run.settings, select)
    base = run.plan.base if table.by_customer else None
    known = base.noted["columns"][table.name] if base else {}
    refused = None
    if base:
        path = base.tables.folder / table.name / "refused.parquet"
        typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in known.items())
        refused = f"SELECT {typed} FROM read_parquet('{_quoted(path)}', hive_partitioning = false)"
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


def _load(run: Run, table: Table, incoming: Incoming) -> Loaded:
    con, settings = run.con, run.settings
    if table.name == "customers":
        _lay_out(run, incoming)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE checked AS "
        f"{checked(table, incoming.rows, incoming.columns, settings.base_currency)}"
    )
    rejects = [reject for name in incoming.sources for reject in run.unreadable[name]]
    refuse(con, table, rejects)
    _find_earlier(run, table)
    find_repeats(con, table)
    _write(run, table)
    if table.by_customer:
        _write_refused(run, table, incoming.columns)
        _write_notes(run, table)
    _remember(run, table)
    known = con.execute(f"SELECT min(known_on) {KEPT}").fetchall()[0][0] if table.by_customer else None
    return Loaded(_count(run, table, incoming, rejects), incoming.columns, known)


def _lay_out(run: Run, incoming: Incoming) -> None:
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


def _find_earlier(run: Run, table: Table) -> None:
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
        listed = ", ".join(f"'{_quoted(path)}'" for path in parts)
        source = (
            f"read_parquet([{listed}], filename = true, file_row_number = true, hive_partitioning = false)"
        )
        matched = f"SEMI JOIN good USING ({', '.join(table.key)})"
    run.con.execute(
        f"CREATE OR REPLACE TEMP TABLE earlier AS SELECT -row_number() OVER () AS _row, {content}, {places} "
        f"FROM {source} {matched}"
    )


KEPT = "FROM good g LEFT JOIN repeated w USING (_row) WHERE coalesce(w.verdict, 'kept') = 'kept'"


def _write(run: Run, table: Table) -> None:
    """Write the kept rows: those of customers by bucket and year."""
    folder = run.draft / table.name
    if not table.by_customer:
        rows = run.con.sql(f"SELECT g.* EXCLUDE (_row, _file, _line) {KEPT} ORDER BY {', '.join(table.key)}")
        write_parquet(rows.to_arrow_table(), folder / f"{UNDATED}.parquet")
        return
    until = "CASE WHEN g.deleted THEN g.known_on ELSE w.superseded_on END AS superseded_on"
    buckets = one(run.con, "SELECT buckets FROM layout")
    rows = run.con.sql(f"SELECT g.* EXCLUDE (_row, _file, _line, deleted), {until} {KEPT}")
    write_buckets(rows.to_arrow_reader(BATCH_ROWS), folder, buckets, sort_order(table), year_of(table))


def _write_refused(run: Run, table: Table, columns: dict[str, str]) -> None:
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


def _write_notes(run: Run, table: Table) -> None:
    """Note by bucket which rows of earlier deliveries were superseded, and when."""
    rows = run.con.sql(
        "SELECT _part AS part, _at AS row, w.superseded_on FROM repeated w JOIN earlier USING (_row) "
        "WHERE NOT deleted AND w.superseded_on IS DISTINCT FROM _noted ORDER BY part, row"
    ).to_arrow_table()
    buckets = pa.array([Path(part).parent.name for part in rows["part"].to_pylist()], pa.string())
    for bucket in sorted(set(buckets.to_pylist())):
        chosen = rows.filter(pc.equal(buckets, bucket))
        write_parquet(chosen, run.draft / table.name / bucket / NOTES)


def _remember(run: Run, table: Table) -> None:
    """Keep what later tables refer to; what earlier deliveries rest on must still be there."""
    con, base = run.con, run.plan.base
    if base and not table.by_customer:
        _compare(run, table, base)
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        con.execute(
            f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good "
            f"WHERE {key} NOT IN (SELECT {key} FROM ref_{table.name}) GROUP BY {key}"
        )
    if table.name == "rates":
        con.execute(f"INSERT INTO ref_rates {DAILY}", [_whole(run, table)])


# Each rate stands until the next, and the last for 31 days.
DAILY = (
    "SELECT currency, day::DATE AS day, to_base FROM ("
    "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
    "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on FROM read_parquet(?)), "
    "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
)


def _compare(run: Run, table: Table, base: Base) -> None:
    """Raises ReadAllError when rows that earlier deliveries rest on are gone or read otherwise now."""
    rest_on = {
        "products": "SELECT * FROM read_parquet(?)",
        "managers": "SELECT manager_id FROM read_parquet(?)",
        "rates": f"SELECT * FROM ({DAILY}) WHERE day <= '{base.noted['money_through']}'",
    }[table.name]
    found = run.con.execute(
        f"SELECT count(*) FROM ({rest_on} EXCEPT {rest_on})",
        [str(base.tables.whole(table.name)), _whole(run, table)],
    ).fetchall()
    if found[0][0]:
        raise ReadAllError(f"{table.name} that were used have changed")


def _whole(run: Run, table: Table) -> str:
    return str(run.draft / table.name / f"{UNDATED}.parquet")


def _count(run: Run, table: Table, incoming: Incoming, rejects: list[Reject]) -> list[FileCount]:
    """What became of each file's rows so far. Raises DataError where a row got lost or came twice."""
    con, base = run.con, run.plan.base if table.by_customer else None
    before = base.counts if base else {}
    new = _by_file(con, f"SELECT _file FROM ({incoming.new})") if incoming.new else {}
    for reject in rejects:
        if base is None or run.plan.reads(reject.file):
            new[reject.file] = new.get(reject.file, 0) + 1
    loaded = _by_file(con, f"SELECT g._file {KEPT}")
    twice = _by_file(con, "SELECT _file FROM repeated WHERE verdict = 'duplicate'")
    refused = _by_file(con, f"SELECT file AS _file FROM quarantine WHERE table_name = '{table.name}'")
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


def _by_file(con: duckdb.DuckDBPyConnection, rows: str) -> dict[str, int]:
    found = con.execute(f"SELECT coalesce(_file, ''), count(*) FROM ({rows}) GROUP BY 1").fetchall()
    return dict(found)


def _check_limit(run: Run, found: Loaded) -> None:
    """Raises DataError when too many of the new rows were refused, or a needed table has none at all."""
    total, settings = found.total, run.settings
    table, where = TABLES[total.table], f"configs/banks/{settings.bank}"
    if total.rows_in == 0 and table.needed:
        read = sources_read(run.con, settings, load_select(settings.bank, table.name) or "")
        files = [path for name in read for path in find_raw(settings, run.raw, name)]
        raise DataError(
            f"table {table.name!r} is needed, but there is not one row for it in "
            f"{', '.join(str(path) for path in files)}. Deliver the rows, or mend {where}/{table.name}.sql."
        )
    new = [one for one in found.counts if not table.by_customer or run.plan.reads(one.file)]
    refused, rows_in = sum(one.quarantined for one in new), sum(one.rows_in for one in new)
    share = refused / rows_in if rows_in else 0.0
    if share > settings.quarantine_limit or (total.loaded == 0 and table.needed):
        raise DataError(
            f"table {table.name!r}: {refused} of {rows_in} rows refused, above the limit of "
            f"{settings.quarantine_limit:.1%}{most_common(run.con, table.name)}. Have the file mended (all refused "
            f"lines stand in quarantine.csv), or raise quarantine_limit in {where}/bank.toml."
        )


def _note(run: Run, loaded: list[Loaded]) -> None:
    """Write what readers and the next delivery need to know, and the two pages for people."""
    plan, base = run.plan, run.plan.base
    before = base.tables if base else None
    delivery = Delivery(plan.name, min((one.known_from for one in loaded if one.known_from), default=None))
    builds_on = (*before.builds_on, before.fingerprint) if before else ()
    days = _days(run)
    if before and len(builds_on) > MOST_DELIVERIES:
        compact(before, run.draft)
        builds_on = ()
    counts = [count for one in loaded for count in one.counts]
    noted = days | {
        "buckets": one(run.con, "SELECT buckets FROM layout"),
        "builds_on": builds_on,
        "history": [asdict(each) for each in (*(before.history if before else ()), delivery)],
        "counts": [asdict(each.total) for each in loaded],
        "files": [asdict(count) for count in counts],
        "columns": {each.counts[0].table: each.columns for each in loaded},
        "made_by": plan.made_by,
        "raw": plan.raw,
    }
    write_json(run.draft / "ingest.json", noted)
    write_json(run.draft / "unreadable.json", note_unreadable(run.unreadable))
    write_text(run.draft / "quarantine.csv", as_csv(run.con))
    lines = [",".join(f'"{value}"' if "," in str(value) else str(value) for value in asdict(count).values())
             for count in counts]  # fmt: skip
    write_text(
        run.draft / "files.csv", "\n".join(["table,file,rows_in,loaded,quarantined,duplicates", *lines, ""])
    )


def _days(run: Run) -> dict[str, date]:
    """The first and the last day with a booking, and the last day on which money was converted."""
    # A booking that was known long after it happened must not move the beginning of the history.
    first = _over_parts(run, "transactions", "min(booked_at) FILTER (known_on <= booked_at::DATE + 7)")
    last = _over_parts(run, "transactions", "max(booked_at)")
    converted = [*last, *_over_parts(run, "holdings", "max(valued_on)")]
    if run.plan.base:
        before = run.plan.base.tables
        first, last = [*first, before.first_day], [*last, before.last_day]
        converted.append(date.fromisoformat(run.plan.base.noted["money_through"]))
    return {"first_day": min(first), "last_day": max(last), "money_through": max(converted)}


def _over_parts(run: Run, table: str, aggregate: str) -> list[date]:
    """A day over the rows that this ingest adds to a table; none where it adds none."""
    parts = [str(path) for path in run.draft.glob(f"{table}/bucket=*/[0-9]*.parquet")]
    if not parts:
        return []
    found = run.con.execute(
        f"SELECT ({aggregate})::DATE FROM read_parquet(?, hive_partitioning = false)", [parts]
    ).fetchall()
    return [day for (day,) in found if day]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
