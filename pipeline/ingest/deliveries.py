"""The plan of an ingest (nothing, the new files, or everything anew), and the pointer to what it made."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from pydantic import TypeAdapter

from configs.files import is_whole
from configs.settings import Settings
from configs.tables import TABLES
from pipeline.artefacts import Home, fingerprint, keep_only, read_json, write_text
from pipeline.ingest.buckets import layout_of, write_parts
from pipeline.ingest.selects import load_selects, row_by_row, sources_read
from pipeline.ingest.sources import Reject, files_of
from pipeline.tables import NOTES, Ingested, bucket_name, overlay_name, read_delivery

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
    """The tables a delivery builds on, and what was noted with them."""

    tables: Ingested
    noted: Mapping[str, Any]
    unreadable: Mapping[str, list[Reject]]


@dataclass(frozen=True)
class Plan:
    """One ingest: the name of the tables it makes, the digest of every raw file by source and path below raw.

    With ``base`` it adds to those tables what the ``fresh`` files hold; without it reads all files.
    """

    name: str
    made_by: str
    raw: Mapping[str, Mapping[str, str]]
    base: Base | None = None
    fresh: Mapping[str, list[str]] = field(default_factory=dict)
    why: str = ""

    def reads(self, file: str) -> bool:
        """True where rows of this file are new to the tables by customer."""
        return self.base is None or any(file in names for names in self.fresh.values())


def plan_ingest(settings: Settings, raw: Path, home: Home, made_by: str, fetched: Mapping[str, Path]) -> Plan:
    """The files that are to be read, and the tables to which they add.

    ``made_by`` stands for the version, the settings and the SELECTs; the rows of databases lie in
    ``fetched``: when they change, everything is read anew.
    """
    files = {
        source: {label: _digest(path) for label, path in files_of(settings, raw, fetched, source).items()}
        for source in settings.sources
    }
    whole = read_all(Plan("", made_by, files))
    if stands(home, whole.name) or not (home.root / "tables" / "current").is_file():
        return whole
    if not _is_base_whole(home):
        return replace(whole, why="files of the tables are lost")
    unreadable = TypeAdapter(dict[str, list[Reject]]).validate_python(
        read_json(home.tables / "unreadable.json")
    )
    base = Base(read_delivery(home.tables), read_json(home.tables / "ingest.json"), unreadable)
    if (base.noted["made_by"], base.noted["raw"]) == (made_by, files):
        return replace(whole, name=base.tables.fingerprint)
    try:
        fresh = _fresh(settings, base, whole)
    except ReadAllError as why:
        return replace(whole, why=str(why))
    return replace(whole, name=fingerprint(base.tables.fingerprint, whole.name), base=base, fresh=fresh)


def read_all(plan: Plan, why: str = "") -> Plan:
    """The plan that reads the same files and builds on nothing; its name stands for all that it reads."""
    named = [text for digests in plan.raw.values() for pair in digests.items() for text in pair]
    return Plan(fingerprint(plan.made_by, *named), plan.made_by, plan.raw, why=why)


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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fresh(settings: Settings, base: Base, plan: Plan) -> dict[str, list[str]]:
    """By source, the files that are not in the tables yet. Raises ReadAllError where they cannot be added."""
    if base.noted["made_by"] != plan.made_by:
        raise ReadAllError("the code, the settings or a SELECT changed")
    with duckdb.connect() as con:
        selects = load_selects(settings.bank)
        by_customer = [name for name in selects if TABLES[name].by_customer]
        sources = {name: sources_read(con, settings, selects[name]) for name in by_customer}
        fresh: dict[str, list[str]] = {}
        for source in {source for read in sources.values() for source in read}:
            before, after = base.noted["raw"][source], plan.raw[source]
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
