"""From a bank's raw files to its bucketed tables: contract, quarantine, versions, exact reconciliation.

An ingest adds a delivery: the rows of the files that are new since the last. Where that cannot give what
reading everything would give, everything is read. The pointer to the tables moves last, so that a run that
fails or is stopped leaves the tables before it as they were.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from configs.errors import DataError
from configs.files import whole_file, whole_folder, write_manifest
from configs.settings import Settings
from configs.tables import TABLES, Table
from pipeline.artefacts import Home, fingerprint, write_json
from pipeline.ingest import deliveries, history, latest_date, load, quarantine
from pipeline.ingest.accounts import refuse_unnamed_accounts
from pipeline.ingest.attributes import refuse_attributes
from pipeline.ingest.counts import count_files, count_superseded
from pipeline.ingest.databases import fetched
from pipeline.ingest.distributed import distributed_ingest, open_distributed
from pipeline.ingest.findings import rows_of, write_findings
from pipeline.ingest.intake import write_intake
from pipeline.ingest.limits import check_limit, check_moved
from pipeline.ingest.rates import store_fixed_rates
from pipeline.ingest.relations import computing, number, open_relations
from pipeline.ingest.renumbered import follow_numbers
from pipeline.ingest.selects import (
    ORDER,
    computed_columns,
    contract_of,
    explain_sql_errors,
    load_selects,
    refuse_rows_of_one_line,
)
from pipeline.ingest.summaries import write_summaries
from pipeline.ingest.values import check_time_zone
from pipeline.tables import INGEST_VERSION, NOTES, UNDATED, Count, Delivery, Ingested, read_ingested


@dataclass(frozen=True)
class Loaded:
    """One table's share of an ingest: its rows, their counts by file and week, by file, and in all."""

    incoming: load.Incoming
    weeks: load.Weeks
    counts: list[deliveries.FileCount]
    total: Count


def ingest(
    settings: Settings, raw: Path, home: Home, progress: Callable[[str], None], rows_gone: str = ""
) -> Ingested:
    """Add what the raw folder holds that the tables do not; the same files again change nothing.

    Raises DataError for a missing or unreadable file, a broken contract, more refused rows than
    ``quarantine_limit`` (``quarantine.csv``, one line per refused row, is written first), or loaded rows that
    no file holds any more; ``rows_gone`` says why that is meant.
    The tables before these stay until the next ingest, for those who are still reading them.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    check_time_zone(settings)
    with fetched(settings, home) as rows:
        plan = deliveries.plan_ingest(settings, raw, home, _made_by(settings), rows, rows_gone)
        while not deliveries.stands(home, plan.name):
            try:
                _make(settings, raw, home, plan, rows, progress)
            except deliveries.ReadAllError as why:
                plan = deliveries.read_all(plan, str(why))
            except (OSError, duckdb.Error):
                deliveries.refuse_changed(plan)
                deliveries.refuse_broken_parquet(plan)
                raise
    deliveries.point_to(home, plan.name)
    for page in ("quarantine.csv", "files.csv"):
        with whole_file(home.root / page) as draft:
            shutil.copyfile(home.tables / page, draft)
    return read_ingested(home)


def _made_by(settings: Settings) -> str:
    """A digest of all that the tables depend on besides the raw files: version, settings, SELECTs."""
    limits = f"{settings.customers_per_bucket} {settings.quarantine_limit} {settings.moved_limit}"
    return fingerprint(limits, *(digest for _, digest in sorted(_read_by(settings).items())))


def _read_by(settings: Settings) -> dict[str, str]:
    """By table, a digest of all that says what its rows are: version, SELECT, and how files are read."""
    sources = [
        f"{name} {source.model_dump_json(exclude={'rolling'})}" for name, source in settings.sources.items()
    ]
    common = (str(INGEST_VERSION), settings.base_currency, settings.time_zone, *sources)
    if settings.fixed_rates:
        common = (*common, settings.model_dump_json(include={"fixed_rates"}))
    more = {"customers": settings.features.attribute_names, "surveys": settings.survey.own_scale}
    return {
        table: fingerprint(*common, select, *more.get(table, ()))
        for table, select in load_selects(settings).items()
    }


def _make(
    settings: Settings,
    raw: Path,
    home: Home,
    plan: deliveries.Plan,
    rows: Mapping[str, Path],
    progress: Callable[[str], None],
) -> None:
    """Write the tables of a plan. Raises ReadAllError where the rows show that they cannot be added."""
    if plan.why:
        progress(f"reads all files: {plan.why}")
    with (
        computing(home.drafts) as con,
        whole_folder(home.root / "tables" / plan.name) as draft,
        distributed_ingest(con, settings, home, plan) as cluster,
    ):
        selects = load_selects(settings)
        state = load.Ingestion(con, settings, raw, draft, plan, rows, _read_by(settings), cluster)
        _prepare(state, selects["transactions"])
        history.refuse_lost_tables(state, list(selects))
        loaded: list[Loaded] = []
        for name in ORDER:
            progress(name)
            if name in selects:
                table = contract_of(name, selects, settings)
                loaded.append(_load(state, table, selects[name]))
                # Shown even when the next step stops the run.
                quarantine.write_quarantine(con, home.root / "quarantine.csv")
                check_limit(state, loaded[-1].incoming.sources, loaded[-1].counts, loaded[-1].total)
                check_moved(state, loaded[-1].total)
                history.refuse_gone(state)
                if name == "customers":
                    refuse_attributes(con, settings, _parts(state, name))
        deliveries.refuse_changed(plan)
        _note(state, loaded)


def _prepare(state: load.Ingestion, bookings: str) -> None:
    """The headers of all sources, or what a delivery builds on; and the last of the ``bookings``.

    The tables that come before the transactions are held against those.
    """
    con, settings, base = state.con, state.settings, state.plan.base
    open_relations(con)
    store_fixed_rates(con, settings)
    if base is None:
        for name in settings.sources:
            load.open_headers(state, name)
    else:
        load.store_earlier_customers(state, base)
        state.unreadable.update(base.unreadable)
        raw_rows = base.tables.folder / quarantine.RAW_ROWS
        con.execute("INSERT INTO raw_rows FROM read_parquet(?)", [str(raw_rows)])
    table = TABLES["transactions"]
    incoming = load.rows_to_validate(state, table, bookings)
    earlier = base.tables.parts(table.name) if base else []
    tasks = open_distributed(state, table, incoming)
    with explain_sql_errors(settings, table):
        day = incoming.known_on
        weeks = (
            tasks.weekly_bookings()
            if tasks
            else latest_date.weekly_bookings(con, incoming.rows, earlier, day)
        )
    latest_date.store_latest_date(con, weeks)


def _load(state: load.Ingestion, table: Table, select: str) -> Loaded:
    """One table from its SELECT to its files; each step makes the relations that the next reads."""
    con, settings = state.con, state.settings
    incoming = load.rows_to_validate(state, table, select)
    with explain_sql_errors(settings, table):
        if table.name == "customers":
            load.choose_buckets(state, incoming)
        distributed = open_distributed(state, table, incoming)
        new_rows = distributed.validate() if distributed else load.validate(con, settings, table, incoming)
        load.drop_read(state, table)
        history.store_first_loaded(state, table, incoming)
        if table.name == "customers":
            follow_numbers(con, settings, alone=state.plan.base is None)
        new_rows |= history.keep_rows(state, table, incoming)
        if table.name == "customers":
            follow_numbers(con, settings, alone=state.plan.base is None)
        if not distributed:
            history.note_refused(state, table)
        rejects = [reject for name in incoming.sources for reject in state.unreadable[name]]
        quarantine.refuse(con, table, rejects, computed_columns(con, select))
        load.find_earlier(state, table)
        quarantine.find_repeats(state, table)
        refuse_rows_of_one_line(con, settings, table)
        if table.name == "holdings" and "account_id" not in incoming.columns:
            refuse_unnamed_accounts(con, settings, _parts(state, "transactions"))
        if distributed:
            distributed.keep_raw()
        else:
            quarantine.keep_raw(state, table.name)
        weeks = distributed.write_kept() if distributed else load.write_kept(state, table, incoming.columns)
        moved = number(con, "SELECT count(*) FROM repeated WHERE moved AND NOT _earlier")
        if table.by_customer:
            load.write_refused(state, table, incoming.columns)
            load.write_notes(state, table)
        superseded = count_superseded(state, table) if table.by_customer else 0
        load.store_references(state, table)
        counts = count_files(state, table, new_rows, rejects, weeks)
        corrected = quarantine.note_corrected(con, table.name, counts)
    names = ("rows_in", "loaded", "quarantined", "duplicates")
    totals = {name: sum(getattr(count, name) for count in counts) for name in names}
    before = state.plan.base.tables.count(table.name) if state.plan.base and table.by_customer else None
    if before:
        superseded, moved = before.superseded + superseded, before.moved + moved
    total = Count(table.name, **totals, corrected=corrected, superseded=superseded, moved=moved)
    return Loaded(incoming, weeks, counts, total)


def _note(state: load.Ingestion, loaded: list[Loaded]) -> None:
    """Write what readers and the next delivery need to know, and the two pages for people."""
    plan, before = state.plan, state.plan.base.tables if state.plan.base else None
    known = [day for name in ORDER for day in _over_parts(state, name, "min(known_on)")]
    whole = [before.whole("offers")] if before else []
    known += latest_date.newly_known(state.con, _parts(state, "offers"), whole)
    history = [*(before.history if before else ()), Delivery(plan.name, min(known, default=None))]
    builds_on = (*before.builds_on, before.fingerprint) if before else ()
    days = _days(state)
    columns = {table.total.table: table.incoming.columns for table in loaded}
    rows = rows_of(columns, partial(_parts, state))
    sums = write_summaries(
        state.con, rows, partial(_new_parts, state), before.folder if before else None, state.draft
    )
    write_findings(state.con, state.settings.bank, columns, rows | sums, state.draft)
    write_intake(state, {table.total.table: table.weeks for table in loaded}, sums)
    if before and len(builds_on) > deliveries.MOST_DELIVERIES:
        deliveries.compact(before, state.draft)
        builds_on = ()
    counts = [count for table in loaded for count in table.counts]
    noted = days | {
        "buckets": number(state.con, "SELECT buckets FROM layout"),
        "builds_on": builds_on,
        "history": history,
        "counts": [table.total for table in loaded],
        "files": counts,
        "columns": columns,
        "first_loaded": plan.delivered,
        "rows_gone": {"why": plan.rows_gone, "tables": state.gone} if state.gone else {},
        "read_by": state.read_by,
        "version": INGEST_VERSION,
        "made_by": plan.made_by,
        "raw": plan.raw,
    }
    write_json(state.draft / "ingest.json", noted)
    write_json(state.draft / "unreadable.json", state.unreadable)
    quarantine.write_quarantine(state.con, state.draft / "quarantine.csv")
    quarantine.write_raw(state.con, state.draft / quarantine.RAW_ROWS)
    header = ["table", "file", "rows_in", "loaded", "quarantined", "duplicates"]
    quarantine.write_csv(state.draft / "files.csv", [header, *(asdict(count).values() for count in counts)])
    write_manifest(state.draft)


def _days(state: load.Ingestion) -> dict[str, date | None]:
    """The first and the last day of the history, and the last day on which money was converted."""
    # A booking that was known long after it happened must not move the beginning of the history.
    first = _over_parts(state, "transactions", "min(booked_at) FILTER (known_on <= booked_at::DATE + 7)")
    last = _over_parts(state, "transactions", "max(booked_at)")
    valued = _over_parts(state, "holdings", "min(valued_on) FILTER (known_on <= valued_on + 31)")
    converted = [*last, *_over_parts(state, "holdings", "max(valued_on)")]
    if state.plan.base:
        before = state.plan.base.tables
        noted = state.plan.base.noted
        first, last = [*first, date.fromisoformat(noted["first_booked"])], [*last, before.last_day]
        valued += [date.fromisoformat(noted["first_valued"])] if noted["first_valued"] else []
        converted.append(date.fromisoformat(state.plan.base.noted["money_through"]))
    begins = latest_date.first_days(min(first or last), min(valued, default=None))
    return begins | {"last_day": max(last), "money_through": max(converted)}


def _parts(state: load.Ingestion, table: str) -> list[Path]:
    """The files of a table, those of this ingest and those that it builds on."""
    if not TABLES[table].by_customer:
        return [state.draft / table / f"{UNDATED}.parquet"]
    base = state.plan.base
    return [*(base.tables.parts(table) if base else ()), *_new_parts(state, table)]


def _new_parts(state: load.Ingestion, table: str) -> list[Path]:
    parts = state.draft.glob(f"{table}/bucket=*/*.parquet")
    return sorted(path for path in parts if path.name != NOTES)


def _over_parts(state: load.Ingestion, table: str, aggregate: str) -> list[date]:
    """A day over the rows that this ingest adds to a table by customer; none where it adds none."""
    parts = [str(path) for path in _new_parts(state, table)]
    if not parts:
        return []
    days = state.con.execute(
        f"SELECT ({aggregate})::DATE FROM read_parquet(?, hive_partitioning = false)", [parts]
    ).fetchall()
    return [day for (day,) in days if day]
