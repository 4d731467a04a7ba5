"""From a bank's raw files to its bucketed tables: contract, quarantine, versions, exact reconciliation.

An ingest adds a delivery: the rows of the files that are new since the last. Where that cannot give what
reading everything would give, everything is read. The pointer to the tables moves last, so that a run that
fails or is stopped leaves the tables before it as they were.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import configs.tables
import pipeline.artefacts
import pipeline.ingest.buckets
import pipeline.ingest.checks
import pipeline.ingest.compact
import pipeline.ingest.compute
import pipeline.ingest.csv_files
import pipeline.ingest.databases
import pipeline.ingest.deliveries
import pipeline.ingest.distributed
import pipeline.ingest.distributed_sources
import pipeline.ingest.distributed_tasks
import pipeline.ingest.incoming
import pipeline.ingest.latest_valid_date
import pipeline.ingest.load
import pipeline.ingest.quarantine
import pipeline.ingest.quarantine_export
import pipeline.ingest.raw_rows
import pipeline.ingest.references
import pipeline.ingest.selects
import pipeline.ingest.sources
import pipeline.tables
from configs.bank_folder import find_raw, load_select
from configs.errors import DataError
from configs.files import whole_folder
from configs.settings import Settings
from configs.tables import TABLES, Table
from pipeline.artefacts import Home, copy_text, fingerprint, write_json
from pipeline.ingest.compact import compact
from pipeline.ingest.compute import computing
from pipeline.ingest.databases import fetched
from pipeline.ingest.deliveries import (
    MOST_DELIVERIES,
    ORDER,
    FileCount,
    Plan,
    ReadAllError,
    note_unreadable,
    plan_ingest,
    point_to,
    read_all,
    stands,
)
from pipeline.ingest.distributed import open_apart
from pipeline.ingest.distributed_sources import spread_out
from pipeline.ingest.incoming import Incoming, Run, lay_out, rows_to_judge
from pipeline.ingest.latest_valid_date import fix_horizon, weekly_bookings
from pipeline.ingest.load import (
    count_files,
    find_earlier,
    judge,
    write_files,
    write_kept,
    write_notes,
    write_refused,
)
from pipeline.ingest.quarantine import (
    find_repeats,
    most_common,
    one,
    open_quarantine,
    refuse,
    write_quarantine,
)
from pipeline.ingest.quarantine_export import note_mended
from pipeline.ingest.raw_rows import RAW_ROWS, keep_raw, write_raw
from pipeline.ingest.references import open_references, remember
from pipeline.ingest.selects import sources_read, told
from pipeline.ingest.sources import list_delivered, open_sources
from pipeline.tables import Count, Delivery, Ingested, read_ingested

# The code that decides what the tables hold: tables made by an older one are made anew.
CODE = (
    configs.tables,
    pipeline.artefacts,
    pipeline.ingest.buckets,
    pipeline.ingest.checks,
    pipeline.ingest.compact,
    pipeline.ingest.compute,
    pipeline.ingest.csv_files,
    pipeline.ingest.databases,
    pipeline.ingest.deliveries,
    pipeline.ingest.latest_valid_date,
    pipeline.ingest.incoming,
    pipeline.ingest.load,
    pipeline.ingest.quarantine_export,
    pipeline.ingest.quarantine,
    pipeline.ingest.raw_rows,
    pipeline.ingest.references,
    pipeline.ingest.selects,
    pipeline.ingest.sources,
    pipeline.ingest.distributed,
    pipeline.ingest.distributed_sources,
    pipeline.ingest.distributed_tasks,
    pipeline.tables,
)


@dataclass(frozen=True)
class Loaded:
    """One table's share of an ingest: what became of each file, the SELECT's columns, how early it was known."""

    counts: list[FileCount]
    columns: dict[str, str]
    known_from: date | None
    mended: int

    @property
    def total(self) -> Count:
        numbers = [(one.rows_in, one.loaded, one.quarantined, one.duplicates) for one in self.counts]
        rows_in, loaded, quarantined, duplicates = (sum(values) for values in zip(*numbers, strict=True))
        return Count(self.counts[0].table, rows_in, loaded, quarantined, duplicates, self.mended)


def ingest(settings: Settings, raw: Path, home: Home, progress: Callable[[str], None]) -> Ingested:
    """Add what the raw folder holds that the tables do not; the same files again change nothing.

    Raises DataError for a missing or unreadable file, a broken contract, or more refused rows than
    ``quarantine_limit``; ``quarantine.csv``, one line per refused row, is written first.
    The tables before these stay until the next ingest, for those who are still reading them.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    with fetched(settings, home) as rows:
        plan = plan_ingest(settings, raw, home, _made_by(settings), rows)
        if not stands(home, plan.name):
            try:
                _make(settings, raw, home, plan, rows, progress)
            except ReadAllError as why:
                plan = read_all(plan, str(why))
                _make(settings, raw, home, plan, rows, progress)
    point_to(home, plan.name)
    for page in ("quarantine.csv", "files.csv"):
        copy_text(home.tables / page, home.root / page)
    return read_ingested(home)


def _made_by(settings: Settings) -> str:
    """What the tables depend on besides the raw files: this code, the SELECTs, the settings that matter."""
    layout = settings.model_dump_json(
        include={"base_currency", "sources", "customers_per_bucket", "quarantine_limit"}
    )
    selects = [load_select(settings.bank, table) or "" for table in ORDER]
    code = [Path(module.__file__) for module in CODE if module.__file__]
    return fingerprint(*code, Path(__file__), layout, *selects)


def _make(
    settings: Settings,
    raw: Path,
    home: Home,
    plan: Plan,
    rows: Mapping[str, Path],
    progress: Callable[[str], None],
) -> None:
    """Write the tables of a plan. Raises ReadAllError where the rows show that they cannot be added."""
    if plan.why:
        progress(f"reads all files: {plan.why}")
    with (
        computing(home.root / ".spill") as con,
        whole_folder(home.root / "tables" / plan.name) as draft,
        spread_out(con, settings, home, plan) as spread,
    ):
        run = Run(con, settings, raw, draft, plan, rows, spread)
        _prepare(run)
        loaded: list[Loaded] = []
        for name in ORDER:
            progress(name)
            found = _ingest_table(run, TABLES[name])
            write_quarantine(con, home.root / "quarantine.csv")  # shown even when the next step stops the run
            if found:
                _check_limit(run, found)
                loaded.append(found)
        _note(run, loaded)


def _prepare(run: Run) -> None:
    """The relations that every table needs; all sources of a whole ingest; what a delivery builds on."""
    con, settings, base = run.con, run.settings, run.plan.base
    open_references(run)
    open_quarantine(con)
    if base is None:
        apart = run.spread.sources if run.spread else ()
        run.unreadable.update(open_sources(con, settings, run.raw, run.fetched, apart))
        run.opened.update({name: find_raw(settings, run.raw, name) for name in settings.sources})
    else:
        list_delivered(con, settings, run.raw, run.fetched)
        run.unreadable.update(base.unreadable)
        con.execute("INSERT INTO raw_rows FROM read_parquet(?)", [str(base.tables.folder / RAW_ROWS)])
    _look_ahead(run)


def _look_ahead(run: Run) -> None:
    """Find the bank's last bookings: the tables that come before the transactions are held against them."""
    table = TABLES["transactions"]
    incoming = rows_to_judge(run, table, _select(run.settings, table))
    earlier = run.plan.base.tables.parts(table.name) if run.plan.base else []
    apart = open_apart(run, table, incoming)
    with told(run.settings, table):
        weeks = apart.weekly_bookings() if apart else weekly_bookings(run.con, incoming.rows, earlier)
    fix_horizon(run.con, weeks)


def _select(settings: Settings, table: Table) -> str:
    select = load_select(settings.bank, table.name)
    if select is None:
        raise DataError(
            f"table {table.name!r} is needed. Write configs/banks/{settings.bank}/{table.name}.sql."
        )
    return select


def _ingest_table(run: Run, table: Table) -> Loaded | None:
    bank = run.settings.bank
    if load_select(bank, table.name) is None and not table.needed:
        return None
    select = _select(run.settings, table)
    for column, other in table.references:
        if load_select(bank, other) is None:
            raise DataError(
                f"table {table.name!r} refers to table {other!r} by its {column}. "
                f"Write configs/banks/{bank}/{other}.sql too."
            )
    incoming = rows_to_judge(run, table, select)
    with told(run.settings, table):
        return _load(run, table, incoming)


def _load(run: Run, table: Table, incoming: Incoming) -> Loaded:
    con, settings = run.con, run.settings
    if table.name == "customers":
        lay_out(run, incoming)
    apart = open_apart(run, table, incoming)
    judged = apart.judge() if apart else judge(run, table, incoming)
    rejects = [reject for name in incoming.sources for reject in run.unreadable[name]]
    refuse(con, table, rejects)
    find_earlier(run, table)
    find_repeats(con, table)
    if apart:
        apart.keep_raw()
    else:
        keep_raw(con, settings, table.name)
    written = apart.write_kept() if apart else write_kept(run, table)
    if table.by_customer:
        write_refused(run, table, incoming.columns)
        write_notes(run, table)
    remember(run, table)
    counts = count_files(run, table, judged, rejects, written.rows)
    mended = note_mended(con, table.name, [(one.file, one.loaded, one.quarantined) for one in counts])
    return Loaded(counts, incoming.columns, written.known_from, mended)


def _check_limit(run: Run, found: Loaded) -> None:
    """Raises DataError when too many of the new rows were refused, or a needed table has none at all."""
    total, settings = found.total, run.settings
    table, where = TABLES[total.table], f"configs/banks/{settings.bank}"
    if total.rows_in == 0 and table.needed:
        read = sources_read(run.con, settings, load_select(settings.bank, table.name) or "")
        files = [path for name in read for path in find_raw(settings, run.raw, name)]
        searched = ", ".join(str(path) for path in files) or "the database"
        raise DataError(
            f"table {table.name!r} is needed, but there is not one row for it in {searched}. "
            f"Deliver the rows, or mend {where}/{table.name}.sql."
        )
    new = [one for one in found.counts if not table.by_customer or run.plan.reads(one.file)]
    refused, rows_in = sum(one.quarantined for one in new), sum(one.rows_in for one in new)
    if run.plan.base is None:
        refused -= found.mended
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
    write_quarantine(run.con, run.draft / "quarantine.csv")
    write_raw(run.con, run.draft / RAW_ROWS)
    write_files(counts, run.draft / "files.csv")


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
    return {"first_day": min(first or last), "last_day": max(last), "money_through": max(converted)}


def _over_parts(run: Run, table: str, aggregate: str) -> list[date]:
    """A day over the rows that this ingest adds to a table; none where it adds none."""
    parts = [str(path) for path in run.draft.glob(f"{table}/bucket=*/[0-9]*.parquet")]
    if not parts:
        return []
    found = run.con.execute(
        f"SELECT ({aggregate})::DATE FROM read_parquet(?, hive_partitioning = false)", [parts]
    ).fetchall()
    return [day for (day,) in found if day]
