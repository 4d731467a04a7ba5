"""Refused rows go out as files to correct, and come back as files of the same source.

``txn_2.csv`` gives ``txn_2_corrected.csv``: the name is the reference. When that file is delivered beside the
first, the refused rows of ``txn_2.csv`` stay in the quarantine (the file still holds them), but as many as
were loaded from ``txn_2_corrected.csv`` no longer count as open. Nothing else tells that a row has been
corrected: its key may be what was wrong with it.
"""

import csv
import gzip
import io
import re
import tempfile
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.settings import Settings, Source
from pipeline.artefacts import Home
from pipeline.ingest.csv_files import codec, is_gzip, opened_bytes, opened_text
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.quarantine import no_formula, raw_rows
from pipeline.ingest.relations import CORRECTED
from pipeline.ingest.sources import FETCHED, files_of


@dataclass(frozen=True)
class Exported:
    """The refused rows of one delivered file: their number, where they lie now, what is left to do."""

    file: str
    rows: int
    target: Path | None
    advice: str


def note_corrected(con: duckdb.DuckDBPyConnection, table: str, counts: Sequence[FileCount]) -> int:
    """The number of a table's refused rows that are no longer open; makes ``corrected``."""
    by_file = {count.file: count for count in counts}
    closed, whole = 0, []
    for count in (count for count in counts if count.quarantined):
        brought = [file for file in _brought_by(count.file, by_file) if by_file[file].loaded]
        back = sum(by_file[file].loaded for file in brought)
        closed += min(back, count.quarantined)
        if back >= count.quarantined:
            whole.append((table, count.file, brought[-1]))
    CORRECTED.insert(con, whole)
    return closed


def _brought_by(file: str, files: Collection[str]) -> list[str]:
    """Those of the files that bring rows of ``file`` corrected, or rows of such a file; sorted."""
    direct = [name for name in _names(file) if name in files]
    return sorted({*direct, *(later for name in direct for later in _brought_by(name, files))})


def export_refused(settings: Settings, raw: Path, home: Home, out: Path) -> list[Exported]:
    """Write the refused rows that are still open, one file per delivered file, as it was delivered.

    Same header or schema, encoding, delimiter and zipping; named so that its source reads it too when it is
    put beside the delivered file. Raises DataError when a file is there already, or when the delivered files
    are not those that the last ingest read.
    """
    if out.resolve().is_relative_to(raw.resolve()):
        raise DataError(
            f"{out} lies in the raw folder. Name another folder with OUT=<folder>, then mend there."
        )
    sources = {label: name for name in settings.sources for label in files_of(settings, raw, {}, name)}
    return [
        _export_file(settings, raw, out, file, sources.get(file), lines)
        for file, lines in _open_rows(home).items()
    ]


def _open_rows(home: Home) -> dict[str, dict[int, str]]:
    """The lines of each delivered file that are refused and not yet corrected, with their raw text."""
    path = home.root / "quarantine.csv"
    if not path.is_file():
        raise DataError(f"{path} does not exist. Run `make ingest` first.")
    texts: dict[str, dict[int, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["corrected_in"]:
                texts.setdefault(row["file"], {})[int(row["line"])] = row["raw"]
    return dict(sorted(texts.items()))


def _export_file(
    settings: Settings, raw: Path, out: Path, file: str, name: str | None, lines: dict[int, str]
) -> Exported:
    if file.startswith(FETCHED):
        return Exported(file, len(lines), None, "rows of a database are corrected there")
    if name is None:
        raise DataError(f"{file} of quarantine.csv is not in {raw} any more. Run `make ingest` again first.")
    spec, path = settings.sources[name], raw / file
    rows = raw_rows(path, name, spec, lines)
    texts = {line: text for line, text in rows if no_formula(text) == lines[line]}
    if len(texts) < len(lines):
        changed = min(set(lines) - set(texts))
        raise DataError(
            f"{path} has changed since the last ingest: line {changed} is not what quarantine.csv holds. "
            "Run `make ingest` again first."
        )
    target, advice = _target(settings, raw, name, file)
    if (out / target).exists():
        raise DataError(
            f"{out / target} is there already. Put it into {raw}, or remove it, then export again."
        )
    (out / target).parent.mkdir(parents=True, exist_ok=True)
    if spec.format == "parquet":
        _write_parquet(path, out / target, lines)
    else:
        _write_csv(path, out / target, name, spec, texts)
    return Exported(file, len(lines), out / target, advice)


def _target(settings: Settings, raw: Path, name: str, file: str) -> tuple[str, str]:
    """A free name below the raw folder that the source reads; else a free one, and what to set."""
    free = [target for target in _names(file) if not (raw / target).exists()]
    for target in free:
        if _is_read(settings, name, target):
            return target, ""
    pattern = settings.sources[name].files
    where = f"[sources.{name}] of configs/banks/{settings.bank}/bank.toml"
    return free[0], f'the source reads only "{pattern}": set files = "{_marked(pattern, "*")}" in {where}'


def _is_read(settings: Settings, name: str, file: str) -> bool:
    """True where the source would read a file of this name; the code that looks for its files says so."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        try:
            return path in find_raw(settings, Path(folder), name)
        except DataError:
            return False


def _names(file: str) -> Iterator[str]:
    """Names for the corrected rows of a file, the best first: marked before the suffix or the name."""
    folder, slash, name = file.rpartition("/")
    for number in ("", *range(2, 100)):
        yield _marked(file, f"_corrected{number}")
        yield f"{folder}{slash}corrected{number}_{name}"


def _marked(file: str, mark: str) -> str:
    """The name with a mark before its suffix, which may be double: ``.csv.gz``."""
    folder, slash, name = file.rpartition("/")
    return folder + slash + re.sub(r"(?=(\.\w+)?(\.gz)?$)", lambda _: mark, name, count=1)


def _write_csv(path: Path, target: Path, name: str, spec: Source, texts: dict[int, str]) -> None:
    with opened_text(path, name, spec) as file:
        header = next(file)
    end = header[len(header.rstrip("\r\n")) :] or "\n"
    with opened_bytes(path) as head:
        marked = head.read(3) == BOM_UTF8
    encoding = codec(spec) if marked or codec(spec) != "utf-8-sig" else "utf-8"
    with target.open("wb") as file:
        packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if is_gzip(path) else file
        with packed, io.TextIOWrapper(packed, encoding=encoding, newline="") as out:
            out.write(header.rstrip("\r\n") + end)
            out.writelines(texts[line] + end for line in sorted(texts))


def _write_parquet(path: Path, target: Path, lines: Collection[int]) -> None:
    with pq.ParquetFile(path) as source, pq.ParquetWriter(target, source.schema_arrow) as writer:
        first = 1
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number)
            wanted = [line - first for line in sorted(lines) if first <= line < first + len(rows)]
            writer.write_table(rows.take(pa.array(wanted, pa.int64())))
            first += len(rows)
