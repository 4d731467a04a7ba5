"""The places of everything that a bank's runs write, and the formats in which it is written."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.errors import DataError
from configs.files import draft_of, whole_file

SHARED = (
    "cohort",
    "features",
)  # partitions that say nothing of later than their Monday: any run may use them


@dataclass(frozen=True)
class Home:
    """The folder of one bank's artefacts, by default ``data/<bank>``, and the address of its store.

    A replay's folder holds neither cohort nor features: they are those of the bank's, ``shared``. ``part`` is
    the place of the first bucket that is read and the number of buckets to the next: all, or an executor's.
    """

    root: Path
    store_elsewhere: str = ""
    shared: Path | None = None
    part: tuple[int, int] = (0, 1)

    @property
    def tables(self) -> Path:
        """The folder of the current tables. Raises DataError before the first ingest."""
        pointer = self.root / "tables" / "current"
        if not pointer.is_file():
            raise DataError(f"{self.root} holds no tables yet. Run `make ingest` (or `make weekly`) first.")
        return self.root / "tables" / pointer.read_text("utf-8").strip()

    def partition(self, kind: str, snapshot_date: date) -> Path:
        """The folder of one snapshot's ``cohort``, ``features`` or ``labels``."""
        root = self.shared if self.shared and kind in SHARED else self.root
        return root / kind / f"snapshot_date={snapshot_date}"

    def files(self, kind: str, snapshot_date: date) -> list[Path]:
        """The files of a partition, one per bucket, in the order of their names."""
        first, step = self.part
        return sorted(self.partition(kind, snapshot_date).glob("*.parquet"))[first::step]

    @property
    def drafts(self) -> Path:
        """A folder of this process for what it makes bucket by bucket."""
        return draft_of(self.root / "buckets")

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Pages and figures about models, beside the bundles, which nothing may be added to."""
        return self.root / "models-reports"

    @property
    def gates(self) -> Path:
        """The verdicts of the gates on each Monday's last attempt."""
        return self.root / "gates"

    @property
    def lists(self) -> Path:
        return self.root / "lists"

    @property
    def campaigns(self) -> Path:
        return self.root / "campaigns"

    @property
    def store(self) -> str:
        return self.store_elsewhere or f"sqlite:///{self.root / 'store.db'}"


def keep_only(parent: Path, names: Collection[str]) -> None:
    """Remove all other folders in ``parent``: older ones, and drafts of runs that were killed."""
    for path in parent.iterdir():
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path)


@contextmanager
def whole_text(target: Path) -> Iterator[TextIO]:
    """A text file to write; it becomes ``target`` when the block ends well."""
    with whole_file(target) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        yield file


def write_text(target: Path, text: str) -> None:
    """Write a small file whole."""
    with whole_text(target) as file:
        file.write(text)


def write_json(target: Path, value: Any) -> None:
    """Sorted keys, so that the same value has the same bytes; a dataclass is an object of its fields."""
    text = json.dumps(
        value, indent=1, sort_keys=True, ensure_ascii=False,
        default=lambda value: vars(value) if is_dataclass(value) else str(value),
    )  # fmt: skip
    write_text(target, text + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


# Columns that name single rows: no value comes twice, so a dictionary of them would only cost time.
NAMES_OF_ROWS = ("transaction_id", "contact_id", "response_id")
# A float column with more values than this holds (512) is written plain: hashing money costs time.
FLOAT_DICTIONARY = 4096  # bytes
# With more columns than this a file is thousands of small pages; zstd takes longer to begin each than to
# unpack it.
WIDE = 100


def write_parquet(table: pa.Table, path: Path) -> None:
    """One file, one layout: the same rows have the same bytes.

    Text and floats that repeat go into dictionaries; dates, money and whole numbers as differences. Wide
    tables are packed with LZ4: a tenth larger, read in a third of the time. Their floats lie plain, for to
    try a dictionary in each of hundreds of short columns takes longer than all else, and have no statistics.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    text = [field.name for field in table.schema if is_text(field.type) and field.name not in NAMES_OF_ROWS]
    whole = [field.name for field in table.schema if _is_whole(field.type)]
    wide = len(table.schema) > WIDE
    pq.write_table(
        table,
        path,
        compression="lz4" if wide else "zstd",
        compression_level=None if wide else 1,
        use_dictionary=text if wide else [*floats, *text],
        write_statistics=not wide,
        dictionary_pagesize_limit=FLOAT_DICTIONARY if floats else 1 << 20,
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        store_schema=False,  # text is text to a reader, however it was coded here
    )


def is_text(kind: pa.DataType) -> bool:
    """True for a column of text, plain or dictionary-coded."""
    return pa.types.is_string(kind) or pa.types.is_dictionary(kind)


def _is_whole(kind: pa.DataType) -> bool:
    if pa.types.is_decimal(kind):
        return kind.precision <= 18  # as wider ones, such as sums, are stored as bytes
    return pa.types.is_integer(kind) or pa.types.is_temporal(kind)


def to_disk(folder: Path, parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """All rows of the parts in their order, read only, 8 bytes a number, in a nameless file below ``folder``.

    Reading the array reads the file, and the system may drop again what was read: the array can be larger
    than the memory. The file is gone with the array, however the run ends.
    """
    rows = columns = 0
    with tempfile.TemporaryFile(dir=folder) as file:
        for part in parts:
            np.ascontiguousarray(part).tofile(file)
            rows, columns = rows + part.shape[0], part.shape[1]
        file.flush()
        shape = (rows, columns)
        return np.memmap(file, np.float64, "r", shape=shape) if all(shape) else np.empty(shape)


def fingerprint(*parts: str | bytes | Path) -> str:
    """16 hex digits over texts and the bytes of files, in the order given."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:
            digest.update(hashlib.sha256(part if isinstance(part, bytes) else part.encode()).digest())
    return digest.hexdigest()[:16]
