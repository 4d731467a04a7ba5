"""The bank's tables as they lie on disk.

Deliveries that rest on each other, their parts, and what superseded a row.

tables/<delivery>/transactions/bucket=03/2024.parquet        the rows it added that happened in 2024
tables/<delivery>/transactions/bucket=03/superseded.parquet  rows of earlier deliveries that it corrected
tables/<delivery>/transactions/refused.parquet               rows that may become good with a later delivery
tables/<delivery>/summaries/transactions_days.parquet        sums of all rows so far, for the next delivery
tables/<delivery>/products/all.parquet                       a table not by customer: whole in each delivery
tables/recorded-<digest>/contacts/bucket=03/2024.parquet     outcomes recorded in the score store
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from configs.tables import TABLES
from pipeline.artefacts import Home, fingerprint, read_json

# Raised when the same files, SELECTs and settings would give other tables. Older ones are then made anew.
INGEST_VERSION = 10
UNDATED = "all"  # the part of a table whose rows are looked up rather than happen
NOTES = "superseded.parquet"
RECORDED = "recorded"  # the pointer to the contacts that were recorded here


@dataclass(frozen=True)
class Count:
    """The row counts of one table: rows_in = loaded + quarantined + duplicates, always.

    ``corrected`` of the quarantined are no longer open: as many were loaded from files with corrections.
    ``superseded`` of the loaded no longer count: a later version corrected them, or they were taken back;
    ``moved`` are versions with another customer, account or day.
    """

    table: str
    rows_in: int
    loaded: int
    quarantined: int
    duplicates: int
    corrected: int = 0
    superseded: int = 0
    moved: int = 0


@dataclass(frozen=True)
class Delivery:
    """One delivery: its name, and the earliest day on which one of its rows was known."""

    name: str
    known_from: date | None


@dataclass(frozen=True)
class ContactOverlay:
    """Contacts from the score store beside the bank's own.

    The folder's name, and by day what was known through it.

    ``digests`` ascend by day; one stands for every row that was known, or superseded, on its day or before.
    """

    name: str
    digests: tuple[tuple[date, str], ...]

    def as_of(self, snapshot_date: date) -> str:
        """Names what a snapshot can see of them; empty for nothing."""
        return next((digest for day, digest in reversed(self.digests) if day < snapshot_date), "")


@dataclass(frozen=True)
class Ingested:
    """The tables as they stand: where, how many buckets, the first and the last day that happened in them.

    ``builds_on`` names the earlier folders whose parts still count, ``history`` every delivery since the last
    one that read all raw files, that one first; ``version`` is the ingest's that made them.
    """

    folder: Path
    builds_on: tuple[str, ...]
    history: tuple[Delivery, ...]
    buckets: int
    first_day: date
    last_day: date
    counts: tuple[Count, ...]
    overlay: ContactOverlay | None = None
    version: int = 0

    @property
    def fingerprint(self) -> str:
        return self.folder.name

    def count(self, table: str) -> Count | None:
        """The row counts of one table; None where the bank has none of that name."""
        return next((count for count in self.counts if count.table == table), None)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders whose parts make up the tables, the oldest first, and what was recorded here last."""
        over = [self.overlay.name] if self.overlay else []
        return tuple(self.folder.parent / name for name in (*self.builds_on, self.folder.name, *over))

    def as_of(self, snapshot_date: date) -> str:
        """Names what a snapshot can see: a delivery all of whose rows were known later changes no byte of it.

        A product, rate or manager that changes makes all tables anew, so that the first name tells.
        """
        first, *later = self.history
        seen = [
            delivery.name for delivery in later if delivery.known_from and delivery.known_from < snapshot_date
        ]
        recorded = self.overlay.as_of(snapshot_date) if self.overlay else ""
        seen += [recorded] if recorded else []
        return fingerprint(first.name, *seen, str(self.buckets), str(self.first_day))

    def whole(self, table: str) -> Path:
        """The file of a table that is not by customer."""
        return self.folder / table / f"{UNDATED}.parquet"

    def products(self) -> dict[str, pa.Table]:
        """The table of products under its name; empty where none was delivered."""
        return self._undated("products")

    def offers(self) -> dict[str, pa.Table]:
        """The table of offers, every version of each, under its name; empty where none was delivered."""
        return self._undated("offers")

    def _undated(self, table: str) -> dict[str, pa.Table]:
        path = self.whole(table)
        return {table: pq.read_table(path)} if path.is_file() else {}

    def parts(
        self, table: str, bucket: int | None = None, since: int = 0, before: int = 10_000
    ) -> list[Path]:
        """The files of a table by customer, by year and delivery; of one bucket, of the years in between."""
        within = "bucket=*" if bucket is None else bucket_name(bucket)
        paths = [
            path for folder in self.folders for path in sorted(folder.glob(f"{table}/{within}/*.parquet"))
            if path.name != NOTES and (path.stem == UNDATED or since <= int(path.stem) < before)
        ]  # fmt: skip
        return sorted(paths, key=lambda path: path.stem)

    def holds(self, table: str, bucket: int, before: int) -> str:
        """Names what the parts of years before ``before`` hold, corrections included."""
        names = [name_of(path) for path in self.parts(table, bucket, before=before)]
        corrected = self._superseded(table, bucket)
        return fingerprint(*names, *(str(corrected[name].to_pylist()) for name in names if name in corrected))

    def read(
        self,
        table: str,
        bucket: int,
        columns: Sequence[str] | None = None,
        since: int = 0,
        before: int = 10_000,
    ) -> pa.Table | None:
        """One bucket of a table by customer, corrections applied; None where it has no row.

        Each part is sorted by customer, day and key; parts follow by year, then by delivery. Text is coded.
        """
        parts = self.parts(table, bucket, since, before)
        corrected = self._superseded(table, bucket)
        rows = [_correct(read_part(path, table, columns), corrected.get(name_of(path))) for path in parts]
        return pa.concat_tables(rows).unify_dictionaries() if rows else None

    def _superseded(self, table: str, bucket: int) -> dict[str, pa.Table]:
        """By part: its rows that later deliveries superseded, the oldest note first."""
        notes = [folder / table / bucket_name(bucket) / NOTES for folder in self.folders]
        noted = [pq.read_table(path, partitioning=None) for path in notes if path.is_file()]
        if not noted:
            return {}
        whole = pa.concat_tables(noted)
        return {
            name: whole.filter(pc.equal(whole["part"], name)) for name in whole["part"].unique().to_pylist()
        }


def bucket_name(bucket: int) -> str:
    return f"bucket={bucket:02d}"


def name_of(part: Path) -> str:
    """A part's path below ``tables``, as corrections name it."""
    return part.relative_to(part.parents[3]).as_posix()


def read_ingested(home: Home) -> Ingested:
    """The current tables, with what was recorded here. Raises DataError before the first ingest."""
    tables = read_delivery(home.tables)
    name = overlay_name(home)
    path = home.root / "tables" / name / "ingest.json"
    noted = read_json(path) if name and path.is_file() else None
    if noted is None or noted["buckets"] != tables.buckets:
        return tables
    return replace(tables, overlay=TypeAdapter(ContactOverlay).validate_python(noted | {"name": name}))


def overlay_name(home: Home) -> str:
    """The folder of recorded contacts that holds now; empty where there is none."""
    pointer = home.root / "tables" / RECORDED
    return pointer.read_text("utf-8").strip() if pointer.is_file() else ""


def read_delivery(folder: Path) -> Ingested:
    """The tables as they stood with this delivery."""
    return TypeAdapter(Ingested).validate_python(read_json(folder / "ingest.json") | {"folder": folder})


def read_part(path: Path, table: str, columns: Sequence[str] | None) -> pa.Table:
    """One file of a table by customer; text stays coded as it lies there."""
    text = [column.name for column in TABLES[table].columns if column.type == "VARCHAR"]
    coded = [name for name in text if columns is None or name in columns]
    return pq.read_table(path, columns=columns, read_dictionary=coded, partitioning=None)


def _correct(rows: pa.Table, notes: pa.Table | None) -> pa.Table:
    """The rows of a part with the days on which later versions were known; of two notes the later counts."""
    place = rows.schema.get_field_index("superseded_on")
    if notes is None or place < 0:
        return rows
    days = rows.column(place).combine_chunks().to_numpy(zero_copy_only=False).copy()
    days[notes["row"].to_numpy()] = notes["superseded_on"].to_numpy()
    return rows.set_column(place, rows.schema.field(place), pa.array(days, pa.date32()))
