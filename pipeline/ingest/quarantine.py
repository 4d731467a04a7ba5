"""Rows that are not loaded: what is wrong with them, and how they go out to be corrected and come back.

Each file with refused rows is read once more for their raw text, and no other.

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
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.bank_folder import find_raw
from configs.errors import DataError
from configs.settings import Settings
from configs.source import Source
from configs.tables import TABLES, Table
from pipeline.artefacts import Home, whole_text, write_parquet
from pipeline.ingest import relations
from pipeline.ingest.csv_files import KEPT, codec, is_gzip, opened_bytes, opened_text, raw_rows, readable
from pipeline.ingest.deliveries import FileCount
from pipeline.ingest.history import find_standing
from pipeline.ingest.load import Ingestion
from pipeline.ingest.relations import contract_columns
from pipeline.ingest.sources import FETCHED, Reject, files_of
from pipeline.ingest.versions import key_hash, repeats

HEADER = ("table", "file", "line", "column", "reason", "corrected_in", "raw")
BATCH_ROWS = 10_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
RAW_ROWS = "raw_rows.parquet"  # what a delivery keeps of the rows refused so far, for the next


@dataclass(frozen=True)
class RefusedLines:
    """The lines of one delivered file whose raw text is still to be kept."""

    file: str
    source: str
    path: Path
    lines: frozenset[int]

    def texts(self, settings: Settings) -> Iterator[tuple[str, int, str]]:
        """File, line and raw text of each."""
        rows = raw_rows(self.path, self.source, settings.sources[self.source], self.lines)
        return ((self.file, line, readable(text)) for line, text in rows)


def refuse(
    con: duckdb.DuckDBPyConnection, table: Table, rejects: list[Reject], computed: Collection[str] = ()
) -> None:
    """Put the rows that break the contract into the quarantine; the others are ``good``.

    Of a ``computed`` column the reason says that the SELECT made its value.
    """
    relations.QUARANTINE.insert(
        con, ((table.name, reject.file, reject.line, "", reject.reason) for reject in rejects)
    )
    # A reason of the contract begins with its column: "amount: 'abc' is not …".
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, split_part(_reason, ': ', 1), "
        "_reason[strpos(_reason, ': ') + 2:] || CASE WHEN list_contains(?, split_part(_reason, ': ', 1)) "
        "THEN ? ELSE '' END FROM checked WHERE _reason IS NOT NULL ORDER BY _file, _line",
        [table.name, sorted(computed) or [""], f" (computed by {table.name}.sql)"],
    )
    relations.GOOD.create_from(
        con, "SELECT rowid AS _row, * FROM checked WHERE _reason IS NULL", contract_columns(table)
    )


def find_repeats(state: Ingestion, table: Table) -> None:
    """Make ``repeated``, the rows whose key comes more than once.

    Conflicts and recycled numbers go into the quarantine.
    """
    con = state.con
    keys = f"SELECT {key_hash(table)} AS hash FROM"
    relations.REPEATED_KEYS.create_from(
        con, f"SELECT hash FROM ({keys} good UNION ALL {keys} earlier) GROUP BY hash HAVING count(*) > 1"
    )
    find_standing(state, table)
    relations.REPEATED.create_from(con, repeats(table))
    con.execute(
        "INSERT INTO quarantine SELECT ?, _file, _line, ?, '''' || key_values || ''' ' || CASE verdict "
        "WHEN 'conflict' THEN 'stands with another content in ' || kept_at || ', which is kept' "
        "ELSE 'is the number of the row of ' || kept_at || ', of another customer or day. Make it unique "
        "in ' || ? || ', for example with the day before it, or take that row back first (deleted)' END "
        "FROM repeated WHERE verdict IN ('conflict', 'recycled') ORDER BY _file, _line",
        [table.name, ", ".join(table.key), f"{table.name}.sql"],
    )


def write_quarantine(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Write what was refused so far as CSV: one line per refused row, with its raw text.

    It holds personal data: it stays where the bank's tables lie. People open it in a spreadsheet, which would
    take a text that begins with = + - @ for a formula and run it; such a cell gets an apostrophe in front.
    To correct rows, take ``quarantine-export``, which changes no byte.
    """
    reader = con.sql(
        "SELECT table_name, file, line, column_name, reason, coalesce(corrected_in, '') AS corrected_in, "
        "coalesce(raw, '') AS raw FROM quarantine LEFT JOIN raw_rows USING (file, line) "
        "LEFT JOIN corrected USING (table_name, file) ORDER BY ALL"
    ).to_arrow_reader(BATCH_ROWS)
    rows = (row.values() for batch in reader for row in batch.to_pylist())
    write_csv(target, chain([HEADER], rows))


def write_csv(target: Path, rows: Iterable[Iterable[str | int]]) -> None:
    """Write a page that people open in a spreadsheet."""
    with whole_text(target) as file:
        csv.writer(file, lineterminator="\n").writerows(map(no_formula, row) for row in rows)


def no_formula(cell: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def most_common(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The reason met most often, with its first line; what is about a person stays in the quarantine."""
    reasons = con.execute(
        "SELECT if(column_name = '', split_part(reason, ':', 1), column_name) AS subject, "
        "arg_min(if(column_name = '', '', column_name || ': ') || reason, (file, line)), "
        "arg_min(file, (file, line)), arg_min(line, (file, line)) FROM quarantine WHERE table_name = ? "
        "GROUP BY subject ORDER BY count(*) DESC, subject LIMIT 1",
        [table],
    ).fetchall()
    personal = {column.name for column in TABLES[table].columns if column.sensitivity == "personal"}
    return "".join(
        f"; most often, first in {file} line {line}: "
        + (re.sub("'.*'", "'…'", reason) if personal & set(subject.split(", ")) else reason)
        for subject, reason, file, line in reasons
    )


def first_moved(con: duckdb.DuckDBPyConnection) -> str:
    """The places of the first version that moved, and of the row whose number it has."""
    places = con.execute(
        "SELECT _file || ' line ' || _line, kept_at FROM repeated WHERE moved AND NOT _earlier "
        "ORDER BY _file, _line LIMIT 1"
    ).fetchall()
    return "".join(f"; first in {place}, the number of the row of {before}" for place, before in places)


def keep_raw(state: Ingestion, table: str) -> None:
    """Put the raw text of one table's refused rows into ``raw_rows``, in memory a batch at a time."""
    for refused in refused_lines(state, table):
        relations.RAW_TEXT.insert(state.con, refused.texts(state.settings))


def refused_lines(state: Ingestion, table: str) -> list[RefusedLines]:
    """By delivered file, the refused rows of a table that ``raw_rows`` lacks."""
    files = state.con.execute(
        "SELECT file, list(DISTINCT line) FROM quarantine ANTI JOIN raw_rows USING (file, line) "
        "WHERE table_name = ? GROUP BY file ORDER BY file",
        [table],
    ).fetchall()
    delivered = {
        label: (name, path.resolve())
        for name in sorted(state.settings.sources, reverse=True)  # of two sources of a file the first one
        for label, path in files_of(state.settings, state.raw, state.fetched, name).items()
    }
    return [
        RefusedLines(file, *delivered[file], frozenset(lines)) for file, lines in files if file in delivered
    ]


def write_raw(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Keep the raw text of what is refused still, so that the next delivery need not read the files again."""
    refused = con.sql(
        "SELECT file, line, raw FROM raw_rows SEMI JOIN quarantine USING (file, line) ORDER BY file, line"
    )
    write_parquet(refused.to_arrow_table(), target)


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
    relations.CORRECTED.insert(con, whole)
    return closed


def _brought_by(file: str, files: Collection[str]) -> list[str]:
    """Those of the files that bring rows of ``file`` corrected, or rows of such a file; sorted."""
    direct = [name for name in _corrected_names(file) if name in files]
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
    if name and settings.sources[name].format == "xlsx":
        return Exported(
            file, len(lines), None, "rows of a workbook are corrected in a copy without the others"
        )
    if name is None:
        raise DataError(f"{file} of quarantine.csv is not in {raw} any more. Run `make ingest` again first.")
    spec, path = settings.sources[name], raw / file
    rows = raw_rows(path, name, spec, lines)
    texts = {line: text for line, text in rows if no_formula(readable(text)) == lines[line]}
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
        _export_parquet(path, out / target, lines)
    else:
        _export_csv(path, out / target, name, spec, texts)
    return Exported(file, len(lines), out / target, advice)


def _target(settings: Settings, raw: Path, name: str, file: str) -> tuple[str, str]:
    """A free name below the raw folder that the source reads; else a free one, and what to set."""
    free = [target for target in _corrected_names(file) if not (raw / target).exists()]
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


def _corrected_names(file: str) -> Iterator[str]:
    """Names for the corrected rows of a file, the best first: marked before the suffix or the name."""
    folder, slash, name = file.rpartition("/")
    for counter in ("", *range(2, 100)):
        yield _marked(file, f"_corrected{counter}")
        yield f"{folder}{slash}corrected{counter}_{name}"


def _marked(file: str, mark: str) -> str:
    """The name with a mark before its suffix, which may be double: ``.csv.gz``."""
    folder, slash, name = file.rpartition("/")
    return folder + slash + re.sub(r"(?=(\.\w+)?(\.gz)?$)", lambda _: mark, name, count=1)


def _export_csv(path: Path, target: Path, name: str, spec: Source, texts: dict[int, str]) -> None:
    with opened_text(path, name, spec) as file:
        above = [next(file, "") for _ in range(spec.skip + (0 if spec.columns else 1))]
        header = above[-1] if above else next(file, "")
    end = header[len(header.rstrip("\r\n")) :] or "\n"
    with opened_bytes(path) as head:
        marked = head.read(3) == BOM_UTF8
    encoding = codec(spec) if marked or codec(spec) != "utf-8-sig" else "utf-8"
    with target.open("wb") as file:
        packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if is_gzip(path) else file
        with packed, io.TextIOWrapper(packed, encoding=encoding, errors=KEPT, newline="") as out:
            out.writelines(line.rstrip("\r\n") + end for line in above)
            out.writelines(texts[line] + end for line in sorted(texts))
            if spec.footer:
                out.write(spec.footer + end)


def _export_parquet(path: Path, target: Path, lines: Collection[int]) -> None:
    with pq.ParquetFile(path) as source, pq.ParquetWriter(target, source.schema_arrow) as writer:
        first = 1
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group)
            wanted = [line - first for line in sorted(lines) if first <= line < first + len(rows)]
            writer.write_table(rows.take(pa.array(wanted, pa.int64())))
            first += len(rows)
