"""From a bank's raw files to its bucketed tables: contract, quarantine, versions, exact reconciliation.

A new set of tables is written beside the old one; the pointer to it moves last, so that a run that fails
or is stopped leaves the previous tables as they were.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from math import log2
from pathlib import Path
from typing import NoReturn

import duckdb

import configs.tables
import pipeline.artefacts
import pipeline.buckets
import pipeline.checks
import pipeline.csv_files
import pipeline.databases
import pipeline.horizon
import pipeline.mending
import pipeline.quarantine
import pipeline.raw_rows
import pipeline.sources
from configs.errors import DataError
from configs.settings import Settings, find_raw, load_select
from configs.tables import TABLES, Table
from pipeline.artefacts import (
    Home,
    copy_text,
    fingerprint,
    keep_only,
    read_json,
    whole_folder,
    write_json,
    write_parquet,
    write_text,
)
from pipeline.buckets import write_buckets
from pipeline.checks import TABLE_KEY, check_columns, checked
from pipeline.databases import fetched
from pipeline.horizon import fix_horizon
from pipeline.mending import note_mended
from pipeline.quarantine import (
    count_by_file,
    find_repeats,
    most_common,
    one,
    open_quarantine,
    refuse,
    write_by_file,
    write_quarantine,
)
from pipeline.raw_rows import keep_raw
from pipeline.sources import Reject, open_sources

# Tables that others refer to come first.
ORDER = ("products", "managers", "rates", "customers", "assignments", "transactions",
         "holdings", "contacts", "events", "surveys")  # fmt: skip
BATCH_ROWS = 1_000_000
# The code that decides what the tables hold: tables made by an older one are made anew.
CODE = (
    configs.tables,
    pipeline.artefacts,
    pipeline.buckets,
    pipeline.checks,
    pipeline.csv_files,
    pipeline.databases,
    pipeline.horizon,
    pipeline.mending,
    pipeline.quarantine,
    pipeline.raw_rows,
    pipeline.sources,
)

# What DuckDB quotes from the rows, from the first quote to the last, and numbers: it may be about a person.
VALUES = r"(?s)(?<!\w)['\"](.*['\"]|.*)|\b\d[\d.:+-]*"


@dataclass(frozen=True)
class Count:
    """What became of one table's rows: rows_in = loaded + quarantined + duplicates, always.

    ``mended`` of the quarantined are no longer open: as many were loaded from files that bring them mended.
    """

    table: str
    rows_in: int
    loaded: int
    quarantined: int
    duplicates: int
    mended: int = 0


@dataclass(frozen=True)
class Ingested:
    """The tables as they stand: where, how many buckets, the first and the last day that happened in them."""

    folder: Path
    buckets: int
    first_day: date
    last_day: date
    counts: tuple[Count, ...]

    @property
    def fingerprint(self) -> str:
        return self.folder.name


def ingest(settings: Settings, raw: Path, home: Home, progress: Callable[[str], None]) -> Ingested:
    """Read every table of the bank; the same files again change nothing.

    Raises DataError for a missing or unreadable file, a broken contract, or more refused rows than
    ``quarantine_limit``; ``quarantine.csv``, one line per refused row, is written first.
    The tables before these stay until the next ingest, for those who are still reading them.
    """
    with fetched(settings, home) as rows:
        name = fingerprint(*_inputs(settings, raw), *rows.values())
        folder = home.root / "tables" / name
        if not (folder / "ingest.json").is_file():
            with _connect(home) as con, whole_folder(folder) as draft:
                unreadable = open_sources(con, settings, raw, rows)
                _ingest_all(con, settings, raw, unreadable, draft, home, progress)
    _point_to(home, name)
    copy_text(folder / "quarantine.csv", home.root / "quarantine.csv")
    return read_ingested(home)


def _point_to(home: Home, name: str) -> None:
    """Move the pointer ``current``, remember in ``previous`` where it pointed, remove all other tables."""
    tables = home.root / "tables"
    current, previous = tables / "current", tables / "previous"
    before = current.read_text("utf-8").strip() if current.is_file() else name
    if before != name:
        write_text(previous, before + "\n")
    write_text(current, name + "\n")
    keep_only(tables, {name, previous.read_text("utf-8").strip() if previous.is_file() else name})


def read_ingested(home: Home) -> Ingested:
    """The current tables. Raises DataError before the first ingest."""
    folder = home.tables
    noted = read_json(folder / "ingest.json")
    return Ingested(
        folder,
        noted["buckets"],
        date.fromisoformat(noted["first_day"]),
        date.fromisoformat(noted["last_day"]),
        tuple(Count(**count) for count in noted["counts"]),
    )


def _inputs(settings: Settings, raw: Path) -> list[str | Path]:
    """Everything the tables depend on: this code, the SELECTs, the settings that matter, the raw files."""
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    layout = settings.model_dump_json(
        include={"base_currency", "sources", "customers_per_bucket", "quarantine_limit"}
    )
    selects = [load_select(settings.bank, table) or "" for table in ORDER]
    files = [path for source in settings.sources for path in find_raw(settings, raw, source)]
    code = [Path(module.__file__) for module in CODE if module.__file__]
    named = [part for path in files for part in (path.relative_to(raw).as_posix(), path)]
    return [*code, Path(__file__), layout, *selects, *named]


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


def _ingest_all(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    raw: Path,
    unreadable: dict[str, list[Reject]],
    draft: Path,
    home: Home,
    progress: Callable[[str], None],
) -> None:
    for other in TABLE_KEY:
        con.execute(f"CREATE TEMP TABLE ref_{other} ({TABLE_KEY[other]} VARCHAR, _bucket SMALLINT)")
    con.execute("CREATE TEMP TABLE ref_rates (currency VARCHAR, day DATE, to_base DECIMAL(18,8))")
    open_quarantine(con)
    _look_ahead(con, settings)
    counts = []
    for name in ORDER:
        progress(name)
        counts.append(_ingest_table(con, settings, TABLES[name], unreadable, draft))
        write_quarantine(con, home.root / "quarantine.csv")  # shown even when the next step stops the run
        _check_limit(con, counts[-1], settings, raw)
    _note(con, draft, [count for count in counts if count is not None])


def _look_ahead(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Find the bank's last bookings: the tables that come before the transactions are held against them."""
    table = TABLES["transactions"]
    select = load_select(settings.bank, table.name) or _lacks(settings, table)
    check_columns(table, settings.bank, _describe(con, settings, table, select))
    with _told(settings, table):
        fix_horizon(con, select)


def _lacks(settings: Settings, table: Table) -> NoReturn:
    raise DataError(f"table {table.name!r} is needed. Write configs/banks/{settings.bank}/{table.name}.sql.")


def _ingest_table(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    unreadable: dict[str, list[Reject]],
    draft: Path,
) -> Count | None:
    select = load_select(settings.bank, table.name)
    if select is None:
        if table.needed:
            _lacks(settings, table)
        return None
    for column, other in table.references:
        if load_select(settings.bank, other) is None:
            raise DataError(
                f"table {table.name!r} refers to table {other!r} by its {column}. "
                f"Write configs/banks/{settings.bank}/{other}.sql too."
            )
    present = check_columns(table, settings.bank, _describe(con, settings, table, select))
    with _told(settings, table):
        return _load(con, settings, table, select, present, unreadable, draft)


@contextmanager
def _told(settings: Settings, table: Table) -> Iterator[None]:
    """A cast that fails in the bank's SELECT is one sentence without a value."""
    try:
        yield
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
        said = _said(error, hide=VALUES)
        raise DataError(
            f"configs/banks/{settings.bank}/{table.name}.sql fails on the delivered rows: {said}. "
            "Leave casts to the contract, which refuses single rows; or have a broken file delivered again."
        ) from None


def _load(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    table: Table,
    select: str,
    present: dict[str, str],
    unreadable: dict[str, list[Reject]],
    draft: Path,
) -> Count:
    if table.name == "customers":
        _lay_out(con, settings, select)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE checked AS {checked(table, select, present, settings.base_currency)}"
    )
    read = _sources_read(con, settings, select)
    rejects = [reject for name in read for reject in unreadable[name]]
    refused = refuse(con, table, rejects)
    conflicts, duplicates = find_repeats(con, table)
    keep_raw(con, settings, table.name)
    loaded = _write(con, table, draft)
    _remember(con, table)
    selected = one(con, f"SELECT count(*) FROM ({select})")
    mended = note_mended(con, table.name, count_by_file(con, table))
    count = Count(table.name, selected + len(rejects), loaded, refused + conflicts, duplicates, mended)
    if count.rows_in != count.loaded + count.quarantined + count.duplicates:
        raise DataError(
            f"table {table.name!r} does not reconcile: {count}. Look for a join that "
            f"multiplies rows in configs/banks/{settings.bank}/{table.name}.sql."
        )
    return count


def _describe(
    con: duckdb.DuckDBPyConnection, settings: Settings, table: Table, select: str
) -> list[tuple[str, str]]:
    """Name and SQL type of each column that the SELECT yields."""
    file = f"configs/banks/{settings.bank}/{table.name}.sql"
    try:
        return [
            (row[0].lower(), row[1]) for row in con.execute(f"DESCRIBE SELECT * FROM ({select})").fetchall()
        ]
    except duckdb.ParserException as error:
        raise DataError(f"{file} is not SQL: {_said(error)}. Mend the SELECT.") from None
    except duckdb.Error as error:
        read = _sources_read(con, settings, select)
        hold = "; ".join(f"{settings.sources[name].files} holds {_columns(con, name)}" for name in read)
        raise DataError(
            f"{file} does not fit the delivered files: {_said(error)}. "
            f"{hold or 'It names none of the sources ' + ', '.join(settings.sources)}. "
            "Mend the SELECT, or have the missing column delivered."
        ) from None


def _said(error: duckdb.Error, hide: str = "") -> str:
    """DuckDB's message as one line, with the line of the SELECT, without the picture below it."""
    text, _, picture = str(error).partition("\nLINE ")
    text = (re.sub(hide, "…", text) if hide else text).partition("\n")[0]
    text = re.sub(r"^[A-Z]\w*( \w+)? Error: |Did you mean .\w+.\?|Candidate bindings:[^\n]*", "", text)
    text = re.sub(r"\s+", " ", text).strip(" .!")
    line = picture.partition(":")[0]
    return text + (f" (line {line})" if line.isdigit() else "")


def _lay_out(con: duckdb.DuckDBPyConnection, settings: Settings, select: str) -> None:
    """Decide the number of buckets: the power of two that brings them nearest to customers_per_bucket."""
    customers = one(con, f"SELECT count(DISTINCT customer_id) FROM ({select})")
    share = max(1.0, customers / settings.customers_per_bucket)
    buckets = 1 << round(log2(share))
    con.execute("CREATE TEMP TABLE layout AS SELECT ?::INTEGER AS buckets", [buckets])


KEPT = "FROM good g LEFT JOIN repeated w USING (_row) WHERE coalesce(w.verdict, 'kept') = 'kept'"


def _write(con: duckdb.DuckDBPyConnection, table: Table, draft: Path) -> int:
    """Write the kept rows, sorted by bucket, customer, day and key; their number."""
    until = ", w.superseded_on" if "known_on" in table.names else ""
    first = ["_bucket", "customer_id"] if table.by_customer else []
    order = dict.fromkeys([*first, *([table.happened] if table.happened else []), *table.names])
    buckets = one(con, "SELECT buckets FROM layout") if table.by_customer else 0
    reader = con.sql(
        f"SELECT g.* EXCLUDE (_row, _file, _line){until} {KEPT} ORDER BY {', '.join(order)}"
    ).to_arrow_reader(BATCH_ROWS)
    folder = draft / table.name
    if not table.by_customer:
        whole = reader.read_all()
        write_parquet(whole, folder / "part.parquet")
        return int(whole.num_rows)
    return write_buckets(reader, folder, buckets)


def _remember(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Keep what later tables refer to."""
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        con.execute(f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good GROUP BY {key}")
    if table.name == "rates":
        con.execute(
            "INSERT INTO ref_rates SELECT currency, day::DATE, to_base FROM ("
            "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
            "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on " + KEPT + "), "
            "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
        )


def _check_limit(con: duckdb.DuckDBPyConnection, count: Count | None, settings: Settings, raw: Path) -> None:
    if count is None:
        return
    where = f"configs/banks/{settings.bank}"
    if count.rows_in == 0 and TABLES[count.table].needed:
        select = load_select(settings.bank, count.table) or ""
        files = [
            path for name in _sources_read(con, settings, select) for path in find_raw(settings, raw, name)
        ]
        searched = ", ".join(str(path) for path in files) or "the database"
        raise DataError(
            f"table {count.table!r} is needed, but there is not one row for it in {searched}. "
            f"Deliver the rows, or mend {where}/{count.table}.sql."
        )
    still_open = count.quarantined - count.mended
    share = still_open / count.rows_in if count.rows_in else 0.0
    if share > settings.quarantine_limit or (count.loaded == 0 and TABLES[count.table].needed):
        raise DataError(
            f"table {count.table!r}: {still_open} of {count.rows_in} rows refused, above the limit of "
            f"{settings.quarantine_limit:.1%}{most_common(con, count.table)}. Have the file mended (all refused "
            f"lines stand in quarantine.csv), or raise quarantine_limit in {where}/bank.toml."
        )


def _note(con: duckdb.DuckDBPyConnection, draft: Path, counts: list[Count]) -> None:
    """Write ingest.json and the quarantine beside the tables."""
    # A booking that was known long after it happened must not move the beginning of the history.
    ((first, last),) = con.execute(
        "SELECT (min(booked_at) FILTER (known_on <= booked_at::DATE + 7))::DATE, max(booked_at)::DATE "
        "FROM read_parquet(?)",
        [str(draft / "transactions" / "*" / "part.parquet")],
    ).fetchall()
    noted = {
        "buckets": one(con, "SELECT buckets FROM layout"),
        "first_day": first,
        "last_day": last,
        "counts": [asdict(count) for count in counts],
    }
    write_json(draft / "ingest.json", noted)
    write_quarantine(con, draft / "quarantine.csv")
    write_by_file(con, draft / "by_file.csv")


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> str:
    found = con.execute(f'DESCRIBE "{source}"').fetchall()
    return ", ".join(row[0] for row in found if row[0] not in ("_file", "_line"))


def _sources_read(con: duckdb.DuckDBPyConnection, settings: Settings, select: str) -> list[str]:
    """The sources that a SELECT reads, in whatever case it writes them; comments and texts do not count."""
    ((parsed,),) = con.execute("SELECT json_serialize_sql(?)", [f"SELECT * FROM ({select})"]).fetchall()
    tables = {name.lower() for name in re.findall(r'"table_name":"([^"]*)"', parsed)}
    return [name for name in settings.sources if name.lower() in tables]
