"""Rows that were loaded before, where all files are read anew: they stay as they were, or the run stops.

A full reread has the tables before it (``Plan.before``) beside the files. Of contradicting rows the one that
stands there stays. Rows that stand there and in no file any more stop the run, unless their source is a
rolling window, whose old rows stay, or the command says that the loss is meant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from configs.errors import DataError, listed
from configs.tables import TABLES, Table
from pipeline.ingest import relations
from pipeline.ingest.checks import bucket_of
from pipeline.ingest.deliveries import EARLIER_DELIVERIES, Base
from pipeline.ingest.load import Incoming, Ingestion
from pipeline.ingest.relations import contract_columns, number, sql_text
from pipeline.ingest.renumbered import NUMBERS, has_numbers
from pipeline.ingest.versions import key_hash, version_of

ROWS_PER_PART = 10_000_000  # rows compared together; bounds the memory
LEAST_FOUND = 0.5  # share of rows under their old number, below which a changed SELECT has renumbered them


@dataclass(frozen=True)
class Gone:
    """Rows of one table that stood in no file any more: their number, and by month."""

    table: str
    rows: int
    months: Sequence[tuple[date, int]]

    def __str__(self) -> str:
        return f"{self.table}: {self.rows:,} rows ({listed(list(_periods(self.months)), most=5)})"


def store_first_loaded(state: Ingestion, table: Table, incoming: Incoming) -> None:
    """Make ``first_loaded`` where the rows that stand in the tables cannot tell which of two came first.

    That is after a change of the table's SELECT, and where files of the tables are lost.
    """
    relations.FIRST_LOADED.create(state.con)
    plan = state.plan
    if plan.base or not plan.first_loaded or (plan.before and _same_select(state, plan.before, table)):
        return
    refused = _refused_lines(state, plan.before, table) if plan.before else {}
    for source in incoming.sources:
        for file, digest in plan.raw[source].items():
            delivery, lines = plan.first_loaded.get(digest), refused.get(digest, [])
            if delivery is not None:
                state.con.execute("INSERT INTO first_loaded VALUES (?, ?, ?)", [file, delivery, lines])


def find_standing(state: Ingestion, table: Table) -> None:
    """Put the rows of the tables before with a repeated key into ``earlier``, where all files are read.

    Tables that are not by customer are read whole each time.
    """
    before = state.plan.before or (None if table.by_customer else state.plan.base)
    paths = _paths(before, table) if before else []
    if paths and number(state.con, "SELECT count(*) FROM repeated_keys"):
        names = ", ".join(table.names)
        state.con.execute(
            f"INSERT INTO earlier BY NAME SELECT {names}, -row_number() OVER () AS _row, true AS _standing "
            f"FROM ({_stored(state, table, paths)}) "
            f"WHERE {key_hash(table)} IN (SELECT hash FROM repeated_keys)"
        )


def keep_rows(state: Ingestion, table: Table, incoming: Incoming) -> dict[str, int]:
    """Add to ``checked`` the loaded rows that stay though no file holds them; their number as of a file.

    Where loaded rows are gone and neither ``rolling`` nor ``rows_gone`` allows it, ``refuse_gone`` says so.
    """
    plan, before = state.plan, state.plan.before
    if before is None or table.name not in before.loaded:
        return {}
    sources = state.settings.sources
    gone = {
        name: files for name, files in plan.gone.items() if name in incoming.sources or name not in sources
    }
    rolling = [name for name in incoming.sources if sources[name].rolling]
    if not gone and not before.stays(table.name):
        return {}
    strict = [file for name, files in gone.items() if name not in rolling for file in files]
    if not _is_history(table) and (strict or not rolling):
        return {}  # what refers to a row that is gone says so
    _find_lost(state, table, before)
    lost = number(state.con, "SELECT count(*) FROM lost")
    if not lost:
        return {}
    if strict or not rolling:
        _note_gone(state, table, strict or [f"{table.name} reads no rolling source any more"])
        return {}
    where = "true" if _same_select(state, before, table) else _before_window(state, table, before, lost)
    bucket = (
        f"{bucket_of('customer_id', '(SELECT buckets FROM layout)')} AS _bucket, "
        if table.by_customer
        else ""
    )
    ((rows,),) = state.con.execute(
        f"INSERT INTO checked BY NAME SELECT * EXCLUDE (held), {bucket}'{EARLIER_DELIVERIES}' AS _file, "
        f"row_number() OVER () AS _line FROM lost WHERE {where}"
    ).fetchall()
    return {EARLIER_DELIVERIES: int(rows)}


def note_refused(state: Ingestion, table: Table) -> None:
    """Note loaded rows that are refused now, though their files, their SELECT and the settings are as before.

    A rate, product, manager or customer that they refer to is gone.
    """
    before = state.plan.before
    if before is None or table.name not in before.loaded or not _same_select(state, before, table):
        return
    version = f"hash({version_of(table)})"
    stored = _stored(state, table, _paths(before, table))
    refused = (
        f"FROM checked WHERE _reason IS NOT NULL AND {version} IN (SELECT {version} FROM ({stored})) "
        f"AND {version} NOT IN (SELECT {version} FROM checked WHERE _reason IS NULL)"
    )
    if not number(state.con, "SELECT count(*) FROM (FROM checked WHERE _reason IS NOT NULL LIMIT 1)"):
        return
    ((rows, first),) = state.con.execute(f"SELECT count(*), min((_file, _line)) {refused}").fetchall()
    if not rows:
        return
    text = f"{table.name}: {rows:,} rows that were loaded before are refused now, first in {{}} line {{}}"
    if state.plan.rows_gone:
        state.gone.append(text.format(*first))
        return
    state.refused_gone.append(
        f"{text.format(*first)}: what they refer to is gone from the tables before them (quarantine.csv has "
        "the reasons). Deliver that again beside the new rows, with all days and numbers; or, if the loss is "
        "meant, run this again with ROWS_GONE=<why> (--rows-gone)."
    )


def refuse_lost_tables(state: Ingestion, selects: Sequence[str]) -> None:
    """Raises DataError for a table with rows that no SELECT makes any more, where that is not meant."""
    before = state.plan.before
    for name in before.loaded if before else ():
        if before and name not in selects and _is_history(TABLES[name]):
            table = TABLES[name]
            state.con.execute(
                "CREATE OR REPLACE TEMP TABLE lost AS SELECT *, false AS held "
                f"FROM ({_stored(state, table, _paths(before, table))})"
            )
            _note_gone(state, table, [f"{name}.sql is gone"])
    refuse_gone(state)


def _is_history(table: Table) -> bool:
    """True for a table whose rows nothing else misses: those with a day of knowing, and who was who."""
    return "known_on" in table.names or table.name == NUMBERS


def refuse_gone(state: Ingestion) -> None:
    """Raises DataError for the first loaded rows that are gone and that nobody said may be."""
    if state.refused_gone:
        raise DataError(state.refused_gone[0])


def _find_lost(state: Ingestion, table: Table, before: Base) -> None:
    """Make ``lost``: the rows of the tables before whose content, or after a change of the SELECT whose
    version, stands in no file; ``held`` where the version stands there with another content."""
    con, stored = state.con, _stored(state, table, _paths(before, table))
    version = f"hash({version_of(table)})"
    content = f"hash({', '.join(table.names)})"
    compared = content if table.by_customer and _same_select(state, before, table) else version
    parts = 1 + number(con, "SELECT count(*) FROM checked") // ROWS_PER_PART
    con.execute(f"CREATE OR REPLACE TEMP TABLE lost AS SELECT * FROM ({stored}) LIMIT 0")
    for part in range(parts):
        # A line that was refused before does not hold the row that was loaded in its stead.
        files = (
            f"(SELECT {compared} AS hash FROM checked c LEFT JOIN first_loaded o ON o.file = c._file "
            f"WHERE {compared} % {parts} = {part} AND NOT coalesce(list_contains(o.refused, _line), false))"
        )
        con.execute(
            f"INSERT INTO lost SELECT * FROM ({stored}) WHERE {compared} % {parts} = {part} "
            f"AND {compared} NOT IN (SELECT hash FROM {files})"
        )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE lost AS SELECT *, {version} IN "
        f"(SELECT {version} FROM checked SEMI JOIN lost USING ({', '.join(table.key)})) AS held FROM lost"
    )


def _note_gone(state: Ingestion, table: Table, files: Sequence[str]) -> None:
    """Note the number of the ``lost`` rows and their periods, and what to do where that is not meant."""
    gone = _gone(state, table)
    if state.plan.rows_gone:
        state.gone.append(str(gone))
        return
    held = number(state.con, "SELECT count(*) FILTER (WHERE held) FROM lost")
    toml = f"configs/banks/{state.settings.bank}/bank.toml"
    state.refused_gone.append(
        f"rows that were loaded before stand in no file any more. {gone}"
        f"{f', of which {held:,} stand there with other contents' if held else ''}; {listed(files, most=5)}. "
        "Deliver those files again beside the new ones, and a correction as the whole row with the day of "
        f"that as known_on; or, if a source is a window that moves on, set rolling = true there in {toml}, "
        "and its old rows stay; or, if the loss is meant, run this again with ROWS_GONE=<why> (--rows-gone)."
    )


def _before_window(state: Ingestion, table: Table, before: Base, lost: int) -> str:
    """SQL: which of the ``lost`` rows stay after a change of the SELECT. Raises DataError where the SELECT
    gives the rows of the window other numbers, so that they would stand twice."""
    rows = number(state.con, "SELECT count(*) FROM checked")
    if before.loaded[table.name] - lost >= LEAST_FOUND * min(before.loaded[table.name], rows):
        return "true"
    first = f"(SELECT min({table.happened or 'NULL'}) FROM checked WHERE _reason IS NULL)"
    if not state.plan.rows_gone:
        raise DataError(
            f"table {table.name!r}: the SELECT has changed and numbers its rows otherwise, and rows of files "
            "that are gone stay under their old numbers: what both hold would stand twice. Go back to the "
            f"old numbers in configs/banks/{state.settings.bank}/{table.name}.sql; or run this again with "
            "ROWS_GONE=<why> (--rows-gone): then only what lies before the first row of the present files "
            "stays."
        )
    state.gone.append(str(_gone(state, table)))
    return f"{table.happened} < {first}" if table.happened else "false"


def _gone(state: Ingestion, table: Table) -> Gone:
    months = state.con.execute(
        f"SELECT date_trunc('month', {table.happened}::DATE)::DATE AS month, count(*) "
        "FROM lost GROUP BY month ORDER BY month"
    ).fetchall()
    return Gone(table.name, sum(rows for _, rows in months), months)


def _periods(months: Sequence[tuple[date, int]]) -> Iterator[str]:
    """Runs of months that follow each other, each with its number of rows."""
    numbered = ((month.year * 12 + month.month - place, month, rows)
                for place, (month, rows) in enumerate(months))  # fmt: skip
    for _, run in groupby(numbered, key=lambda numbers: numbers[0]):
        rows = list(run)
        first, last = rows[0][1], rows[-1][1]
        until = f" to {last:%Y-%m}" if last != first else ""
        yield f"{sum(count for *_, count in rows):,} of {first:%Y-%m}{until}"


def _same_select(state: Ingestion, before: Base, table: Table) -> bool:
    return bool(before.noted.get("read_by", {}).get(table.name) == state.read_by[table.name])


def _paths(before: Base, table: Table) -> list[Path]:
    whole = before.tables.whole(table.name)
    return before.tables.parts(table.name) if table.by_customer else [whole] if whole.is_file() else []


def _stored(state: Ingestion, table: Table, paths: Sequence[Path]) -> str:
    """SQL: rows as they were loaded, in the columns of ``checked``; one that they lack has its default."""
    rows = (
        f"read_parquet([{', '.join(map(sql_text, paths))}], union_by_name = true, hive_partitioning = false)"
    )
    present = {name for name, *_ in state.con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}
    columns: dict[str, Any] = {
        column.name: f"{column.name if column.name in present else repr(column.default)}::{column.type}"
        if column.name in present or column.default is not None
        else f"NULL::{column.type}"
        for column in table.columns
    }
    if "deleted" in columns:
        columns["deleted"] = "coalesce(superseded_on = known_on, false)"
    derived = (name for name in contract_columns(table) if name not in columns and name != "_bucket")
    columns |= {name: name if name in present else "NULL" for name in derived}
    if "customer_id" in columns and has_numbers(state.con):
        columns["customer_id"] = "coalesce(newest, customer_id)"
        rows = f"{rows} LEFT JOIN ref_numbers ON old_number = customer_id"
    if table.revalued and "share" in present:  # a holder's part is cut from the account's balance again
        whole = "round(balance::DECIMAL(28,2) * to_base, 2)::DECIMAL(18,2)"
        columns["balance_base"] = f"CASE WHEN share < 1 THEN {whole} ELSE balance_base END"
    return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM {rows}"


def _refused_lines(state: Ingestion, before: Base, table: Table) -> dict[str, list[int]]:
    """By digest of a file, its lines that were refused in the tables before."""
    path = before.tables.folder / table.name / "refused.parquet"
    if not path.is_file():
        return {}
    digests = {file: digest for files in before.noted["raw"].values() for file, digest in files.items()}
    rows = state.con.execute(
        "SELECT _file, list(_line) FROM read_parquet(?, hive_partitioning = false) GROUP BY _file",
        [str(path)],
    ).fetchall()
    return {digests[file]: lines for file, lines in rows if file in digests}
