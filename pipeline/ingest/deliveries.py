"""The plan of an ingest (nothing, the new files, or everything anew), and the pointer to what it made."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from pydantic import TypeAdapter

from configs.errors import DataError
from configs.files import is_whole
from configs.settings import Settings
from configs.tables import TABLES
from pipeline.artefacts import Home, fingerprint, keep_only, read_json, write_text
from pipeline.ingest.buckets import layout_of, write_parts
from pipeline.ingest.selects import load_selects, message_of, row_by_row, sources_read
from pipeline.ingest.sources import Reject, files_of
from pipeline.tables import NOTES, Ingested, bucket_name, overlay_name, read_delivery

EARLIER_DELIVERIES = "earlier deliveries"  # the _file of rows that stay though no file holds them any more
MOST_DELIVERIES = 8  # a delivery that would rest on more is merged with them: readers open every part


class ReadAllError(Exception):
    """The reason why a delivery cannot build on earlier ones; all files are then read anew."""


@dataclass(frozen=True)
class FileCount:
    """One row per table and file: rows_in = loaded + quarantined + duplicates, always."""

    table: str
    file: str
    rows_in: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class Base:
    """The tables a delivery builds on, or those before a full reread, and what was noted with them."""

    tables: Ingested
    noted: Mapping[str, Any]
    unreadable: Mapping[str, list[Reject]]

    @property
    def loaded(self) -> dict[str, int]:
        """The number of loaded rows of each table that has any."""
        return {count.table: count.loaded for count in self.tables.counts if count.loaded}

    @property
    def keeps(self) -> bool:
        """True where a table has rows that no file holds any more."""
        return any(map(self.stays, self.loaded))

    def stays(self, table: str) -> bool:
        """True where the table has rows that stay though no file holds them any more."""
        files = {(count["table"], count["file"]) for count in self.noted["files"]}
        return (table, EARLIER_DELIVERIES) in files


@dataclass(frozen=True)
class Plan:
    """One ingest: the name of the tables it makes, the digest of every raw file by source and path below raw.

    With ``base`` it adds to those tables what the ``fresh`` files hold; without it reads all files, beside
    the tables that stood ``before``. ``first_loaded`` says by digest with which delivery a file came first,
    from 1. ``gone`` are by source the files that were read before and that nobody delivers any more;
    ``rows_gone`` says why that is meant. ``seen`` are sizes and times of the files before they were read.
    """

    name: str
    made_by: str
    raw: Mapping[str, Mapping[str, str]]
    base: Base | None = None
    fresh: Mapping[str, list[str]] = field(default_factory=dict)
    why: str = ""
    before: Base | None = None
    first_loaded: Mapping[str, int] = field(default_factory=dict)
    rows_gone: str = ""
    seen: Mapping[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def gone(self) -> dict[str, list[str]]:
        present = self._digests
        gone: dict[str, list[str]] = {}
        for source, files in self.before.noted["raw"].items() if self.before else ():
            for name, digest in files.items():
                if digest not in present:
                    what = "has changed" if name in self.raw.get(source, ()) else "is gone"
                    gone.setdefault(source, []).append(f"{name} {what}")
        return gone

    @property
    def delivered(self) -> dict[str, int]:
        """``first_loaded`` after this delivery, to which the files belong that came with no earlier one."""
        new = dict.fromkeys(self._digests, 1 + max(self.first_loaded.values(), default=0))
        return new | dict(self.first_loaded)

    @property
    def _digests(self) -> set[str]:
        return {digest for files in self.raw.values() for digest in files.values()}

    def reads(self, file: str) -> bool:
        """True where rows of this file are new to the tables by customer."""
        return self.base is None or any(file in names for names in self.fresh.values())


def plan_ingest(
    settings: Settings,
    raw: Path,
    home: Home,
    made_by: str,
    fetched: Mapping[str, Path],
    rows_gone: str = "",
) -> Plan:
    """The files that are to be read, and the tables to which they add.

    ``made_by`` stands for the version, the settings and the SELECTs; the rows of databases lie in
    ``fetched``: when they change, everything is read anew.
    """
    paths = {source: files_of(settings, raw, fetched, source) for source in settings.sources}
    seen = {path: _size_and_time(path) for by_label in paths.values() for path in by_label.values()}
    with ThreadPoolExecutor(2) as pool:  # a digest leaves the interpreter to others
        digests = dict(zip(seen, pool.map(_digest, seen), strict=True))
    files = {
        source: {label: digests[path] for label, path in by_label.items()}
        for source, by_label in paths.items()
    }
    whole = read_all(Plan("", made_by, files, rows_gone=rows_gone, seen=seen))
    if not (home.root / "tables" / "current").is_file():
        return whole
    if not _is_base_whole(home):
        return _after_loss(home, whole)
    unreadable = TypeAdapter(dict[str, list[Reject]]).validate_python(
        read_json(home.tables / "unreadable.json")
    )
    base = Base(read_delivery(home.tables), read_json(home.tables / "ingest.json"), unreadable)
    if (base.noted["made_by"], base.noted["raw"]) == (made_by, files):
        return replace(whole, name=base.tables.fingerprint)
    order = base.noted.get("first_loaded") or dict.fromkeys(_all_digests(base.noted["raw"]), 1)
    whole = read_all(replace(whole, before=base, first_loaded=order))
    try:
        fresh = _fresh(settings, base, whole)
    except ReadAllError as why:
        return replace(whole, why=str(why))
    return replace(
        whole, name=fingerprint(base.tables.fingerprint, whole.name), base=base, fresh=fresh, before=None
    )


def refuse_changed(plan: Plan) -> None:
    """Raises DataError for a file that is no longer what it was when its digest was taken."""
    for path, before in plan.seen.items():
        if not path.is_file() or _size_and_time(path) != before:
            raise DataError(
                f"{path} {'changed' if path.is_file() else 'went away'} while it was read. Run this again "
                "when nothing writes there any more; a file that is copied under a hidden name, such as "
                f".{path.name}, and renamed when it is whole, is never read half."
            )


def refuse_broken_parquet(plan: Plan) -> None:
    """Raises DataError for the first Parquet file with values that cannot be read."""
    with duckdb.connect() as con:
        for path in filter(_is_parquet, plan.seen):
            try:
                con.execute("SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet(?)", [str(path)]).fetchall()
            except duckdb.Error as error:
                raise DataError(f"{path} is broken Parquet: {message_of(error)}. Deliver it again.") from None


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def read_all(plan: Plan, why: str = "") -> Plan:
    """The plan that reads the same files and builds on nothing.

    Its name stands for all that it reads, and for what stood before.
    """
    named = [text for digests in plan.raw.values() for pair in digests.items() for text in pair]
    before = plan.before or plan.base
    past = [before.tables.fingerprint] if before else []
    if not before and len(set(plan.first_loaded.values())) > 1:
        past = [f"{digest} {delivery}" for digest, delivery in sorted(plan.first_loaded.items())]
    past += [f"rows gone: {plan.rows_gone}"] if plan.rows_gone else []
    return replace(
        plan, name=fingerprint(plan.made_by, *named, *past), base=None, fresh={}, before=before, why=why
    )


def stands(home: Home, name: str) -> bool:
    """True where these tables are there already, whole."""
    return is_whole(home.root / "tables" / name)


def point_to(home: Home, name: str) -> None:
    """Move the pointer ``current``, keep in ``previous`` where it pointed, remove what neither rests on."""
    tables = home.root / "tables"
    current, previous = tables / "current", tables / "previous"
    before = current.read_text("utf-8").strip() if current.is_file() else name
    if before != name:
        write_text(previous, before + "\n")
    write_text(current, name + "\n")
    kept = {name, previous.read_text("utf-8").strip() if previous.is_file() else name}
    notes = [read_json(tables / delivery / "ingest.json") for delivery in kept if stands(home, delivery)]
    rests_on = {delivery for noted in notes for delivery in noted["builds_on"]}
    keep_only(tables, kept | rests_on | {overlay_name(home)})


def compact(base: Ingested, draft: Path) -> None:
    """Merge the parts that ``base`` rests on into the delivery in ``draft``, in memory a bucket at a time.

    The bytes are those of all raw files read at once, and none is read.
    """
    tables = replace(base, folder=draft, builds_on=(*base.builds_on, base.fingerprint))
    for table in (table for table in TABLES.values() if table.by_customer):
        for bucket in range(base.buckets):
            folder = draft / table.name / bucket_name(bucket)
            rows = tables.read(table.name, bucket)
            if rows is not None:
                write_parts(rows, folder, *layout_of(table))
            (folder / NOTES).unlink(missing_ok=True)


def _is_base_whole(home: Home) -> bool:
    """True where the current tables and all that they rest on are there, whole."""
    return is_whole(home.tables) and all(map(is_whole, read_delivery(home.tables).folders))


def _after_loss(home: Home, whole: Plan) -> Plan:
    """Everything is read anew where files of the tables are lost; of their notes the order of files is kept.

    Raises DataError where rows are lost that no file holds.
    """
    why = "files of the tables are lost"
    try:
        noted = read_json(home.tables / "ingest.json")
    except (OSError, ValueError):
        return replace(
            whole, why=f"{why}, and the order of the deliveries: of two rows their contents decide"
        )
    stayed = sum(count["loaded"] for count in noted["files"] if count["file"] == EARLIER_DELIVERIES)
    if stayed and not whole.rows_gone:
        raise DataError(
            f"{why}, and with them {stayed:,} rows that no file holds any more. Copy {home.root / 'tables'} "
            "back from a backup; or, if the loss is meant, run this again with ROWS_GONE=<why> (--rows-gone)."
        )
    order = noted.get("first_loaded") or dict.fromkeys(_all_digests(noted["raw"]), 1)
    return read_all(replace(whole, first_loaded=order), why)


def _all_digests(raw: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [digest for files in raw.values() for digest in files.values()]


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fresh(settings: Settings, base: Base, plan: Plan) -> dict[str, list[str]]:
    """By source, the files that are not in the tables yet. Raises ReadAllError where they cannot be added."""
    if base.noted["made_by"] != plan.made_by:
        raise ReadAllError("the code, the settings or a SELECT changed")
    with duckdb.connect() as con:
        selects = load_selects(settings)
        by_customer = [name for name in selects if TABLES[name].by_customer]
        sources = {name: sources_read(con, settings, selects[name]) for name in by_customer}
        fresh: dict[str, list[str]] = {}
        for source in {source for read in sources.values() for source in read}:
            before, after = base.noted["raw"].get(source, {}), plan.raw[source]
            for name, digest in before.items():
                if after.get(name) != digest:
                    raise ReadAllError(f"{name} {'has changed' if name in after else 'is gone'}")
            fresh[source] = [name for name in after if name not in before]
        for table, read in sources.items():
            new = [source for source in read if fresh[source]]
            if len(new) > 1:
                raise ReadAllError(f"{table}.sql reads new files of {' and '.join(new)}")
            if new and not row_by_row(con, selects[table], new[0]):
                raise ReadAllError(f"{table}.sql does not read {new[0]} row by row")
    return {source: names for source, names in fresh.items() if names}
