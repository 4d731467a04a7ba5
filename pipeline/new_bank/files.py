"""The sources of a raw folder: format, encoding, delimiter and header of its files."""

import codecs
import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from configs.errors import DataError
from configs.source import Source, Unpivot
from pipeline.ingest.csv_files import header, opened_bytes
from pipeline.ingest.unpivot import fixed_columns
from pipeline.ingest.workbooks import visible_sheets
from pipeline.new_bank.drafts import reserved
from pipeline.new_bank.wide import wide_months

SAMPLE = 65_536  # bytes of a file in which its delimiter is looked for
CHUNK = 1 << 20
DELIMITERS = (",", ";", "\t", "|")
MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Letters of Western Europe in whose place Central Europe has ě č ř ů ď ň ť.
_CZECH_LETTERS = "ìèøùïòØÈ"


@dataclass(frozen=True)
class File:
    """One file of the raw folder that holds a table, or one sheet of a workbook."""

    path: Path
    form: str  # csv, xlsx or parquet
    columns: tuple[str, ...]
    delimiter: str = ","
    encoding: str = ""  # empty where all is ASCII
    skip: int = 0  # lines above the header
    sheet: str = ""  # of a workbook with several
    unpivot: Unpivot | None = None

    @property
    def spec(self) -> Source:
        names = ("delimiter", "skip", "sheet", "unpivot")
        spec = {"files": "*", "format": self.form, "encoding": self.encoding or "utf-8"}
        return Source.model_validate(spec | {name: getattr(self, name) for name in names})

    @property
    def layout(self) -> tuple[object, ...]:
        """What the files of a source have in common; months may differ."""
        fixed = fixed_columns(self.spec, self.columns)
        value = self.unpivot.value if self.unpivot else ""
        return self.form, self.delimiter, self.skip, self.sheet, value, fixed


@dataclass(frozen=True)
class FileGroup:
    """Files of one layout whose names differ by numbers and dates: one source of bank.toml."""

    spec: Source
    paths: tuple[Path, ...]
    uncertain_encoding: bool


def file_groups(raw: Path) -> tuple[dict[str, FileGroup], dict[str, str]]:
    """The groups of files of the folder by their source; why each other file is none, by its path.

    Hidden files and checksums are passed over, as ingest does. Raises DataError where there is no folder, or
    no table in it.
    """
    if not raw.is_dir():
        raise DataError(f"there is no raw folder {raw}. Name the bank's extracts with RAW=<folder>.")
    paths = [path for path in raw.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(raw))]
    groups: dict[tuple[str, tuple[object, ...]], list[File]] = defaultdict(list)
    passed_over: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: path.relative_to(raw).as_posix()):
        label = path.relative_to(raw).as_posix()
        for file in _tables(path):
            if isinstance(file, str):
                passed_over[label] = file
                continue
            table = replace(file, unpivot=wide_months(file.columns))
            groups[re.sub(r"\d+", "*", label), table.layout].append(table)
    if not groups:
        reasons = "; ".join(f"{label}: {why}" for label, why in list(passed_over.items())[:5])
        raise DataError(
            f"{raw} holds no table as CSV or Parquet{f' ({reasons})' if reasons else ''}. Name the folder "
            "with the bank's extracts with RAW=<folder>."
        )
    _merge(raw, groups)
    named: dict[str, FileGroup] = {}
    for (pattern, _), files in groups.items():
        name = _name(pattern, files[0], named)
        named[name] = group = _family(raw, pattern, files)
        for path in {file.path for file in files}.difference(group.paths):
            label = path.relative_to(raw).as_posix()
            passed_over[label] = f"no pattern of names reaches it with {group.spec.files} and no other file"
    return named, dict(sorted(passed_over.items()))


def _merge(raw: Path, groups: dict[tuple[str, tuple[object, ...]], list[File]]) -> None:
    """Make one group of those with one layout of three columns or more, whose names begin with one word."""
    by_beginning: dict[tuple[str, tuple[object, ...]], list[str]] = defaultdict(list)
    for pattern, layout in groups:
        begin = re.match(r"(.*/)?[^\W\d_]+(?=[\W\d_])", pattern)
        if begin and "." in pattern:
            by_beginning[f"{begin[0]}*.{pattern.partition('.')[2]}", layout].append(pattern)
    for (merged, layout), patterns in by_beginning.items():
        files = [file for pattern in patterns for file in groups[pattern, layout]]
        paths = sorted(file.path for file in files)
        if len(patterns) > 1 and len(files[0].columns) > 2 and sorted(raw.glob(merged)) == paths:
            for pattern in patterns:
                del groups[pattern, layout]
            groups[merged, layout] = files


def _is_hidden(path: Path) -> bool:
    return path.suffix == ".crc" or any(part[0] in "_." for part in path.parts)


def _family(raw: Path, pattern: str, files: Sequence[File]) -> FileGroup:
    """The pattern reaches these files and no others; of one file it is the name, but for a date."""
    paths = [file.path for file in files]
    dated = re.search(r"\d{6}", paths[0].name)
    names = [path.relative_to(raw).as_posix() for path in paths]
    tries = [pattern, pattern.replace("*", "[0-9]*"), _by_place(names)] if dated or len(files) > 1 else []
    reached = (text for text in tries if sorted(raw.glob(text)) == sorted(paths))
    glob = next(reached, names[0])
    if glob == names[0]:
        paths = paths[:1]
    encodings = {file.encoding for file in files} - {""}
    encoding = min(encodings - {"utf-8"} or encodings, default="utf-8")
    unpivot = files[0].unpivot
    if unpivot:
        patterns = {pattern for file in files if file.unpivot for pattern in file.unpivot.columns}
        unpivot = unpivot.model_copy(update={"columns": tuple(sorted(patterns))})
    spec = files[0].spec.model_copy(update={"files": glob, "encoding": encoding, "unpivot": unpivot})
    return FileGroup(spec, tuple(paths), encoding not in ("utf-8", "utf-16"))


def _by_place(names: Sequence[str]) -> str:
    """A pattern of names of one length, with the characters that stand at each place."""
    places = [sorted(set(chars)) for chars in zip(*names, strict=False)]
    return "".join(chars[0] if len(chars) == 1 else f"[{''.join(chars)}]" for chars in places)


def _name(pattern: str, file: File, taken: dict[str, FileGroup]) -> str:
    """A name for SQL: the file's without numbers, of parts of a folder the folder's, of a sheet its own."""
    path = Path(file.sheet or pattern)
    stem = re.sub(r"\W+|_+", "_", path.name.split(".")[0].replace("*", "_")).strip("_").lower()
    if stem in ("", "part", "data") and len(path.parts) > 1:
        stem = re.sub(r"\W+", "_", path.parts[-2].replace("*", "")).strip("_").lower()
    stem = stem or "source"
    name = f"{stem}_rows" if stem in reserved() or stem[0].isdigit() else stem
    number = 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


def _tables(path: Path) -> Iterator[File | str]:
    """The table of a file, or those of a workbook's sheets; or why there is none."""
    if not path.stat().st_size:
        yield "empty"
        return
    with opened_bytes(path) as stream:
        head = stream.read(SAMPLE)
    if head[:4] == b"PAR1":
        yield File(path, "parquet", _parquet_header(path))
    elif head[:4] == b"PK\x03\x04":
        sheets = visible_sheets(path)
        for sheet in sheets:
            file = _with_header(File(path, "xlsx", (), sheet=sheet if len(sheets) > 1 else ""))
            yield f"sheet {sheet!r}: {file}" if isinstance(file, str) and len(sheets) > 1 else file
        if not sheets:
            yield _with_header(File(path, "xlsx", ()))
    else:
        yield _text_table(path, head)


def _text_table(path: Path, head: bytes) -> File | str:
    encoding = _encoding(path, head)
    if encoding is None:
        return "no text and no Parquet"
    text = head.decode(encoding or "utf-8", errors="ignore")
    lines = text.lstrip("\ufeff").splitlines()
    lines = lines[:200] if len(lines) > 200 else lines[: max(1, len(lines) - (len(head) == SAMPLE))]
    if text.lstrip("\ufeff \r\n")[:1] in ("{", "["):
        return "JSON, which no source reads"
    delimiter, skip = _layout(lines)
    if not delimiter:
        return "no table: no delimiter divides its lines into the same number of fields"
    return _with_header(File(path, "csv", (), delimiter, encoding, skip))


def _with_header(file: File) -> File | str:
    """The file with its columns, or why its header names none."""
    try:
        columns = header(file.path, file.path.stem, file.spec)
    except DataError as error:
        return str(error).removeprefix(f"{file.path} ").split(". ")[0]
    if any(re.fullmatch(r"[-+]?[\d.,:/ -]+", column) for column in columns) and not wide_months(columns):
        return "no header: its first line holds numbers"
    return replace(file, columns=columns)


def _parquet_header(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(sorted(pq.read_schema(path).names))
    except (OSError, pa.ArrowException):
        raise DataError(f"{path} is cut off, or no Parquet at all. Deliver it again.") from None


def _encoding(path: Path, head: bytes) -> str | None:
    """The encoding of a text; empty for pure ASCII, None for what is no text.

    UTF-8 proves itself over the whole file. Of the others GB18030 is taken where bytes beyond ASCII come in
    pairs, as Chinese has them and European words hardly; else a code page of Europe by its letters.
    """
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return None
    kind = _decodes(path, "utf-8")
    if kind is not None:
        return "utf-8" if kind else ""
    if _decodes(path, "gb18030") and _in_pairs(path):
        return "gb18030"
    western = _decodes(path, "cp1252") or ""
    central = sum(char in _CZECH_LETTERS for char in western)
    return "cp1250" if central > 0.2 * len(western) or not western else "cp1252"


def _in_pairs(path: Path) -> bool:
    """True where most bytes beyond ASCII stand beside another such byte."""
    paired = alone = 0
    with opened_bytes(path) as stream:
        while paired + alone < 10_000 and (chunk := stream.read(CHUNK)):
            runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", chunk)]
            alone += runs.count(1)
            paired += sum(run for run in runs if run > 1)
    return paired > 4 * alone


def _decodes(path: Path, encoding: str) -> str | None:
    """The first characters of the whole file that are not ASCII; None where it is not in this encoding."""
    decoder, foreign = codecs.getincrementaldecoder(encoding)(), ""
    with opened_bytes(path) as stream:
        try:
            while chunk := stream.read(CHUNK):
                text = decoder.decode(chunk)
                if len(foreign) < 10_000 and not text.isascii():
                    foreign += "".join(char for char in text.lstrip("\ufeff") if not char.isascii())
            decoder.decode(b"", final=True)
        except UnicodeError:
            return None
    return foreign


def _layout(lines: Sequence[str]) -> tuple[str, int]:
    """The delimiter that gives most lines the same number of fields, and how many lines stand above them.

    The delimiter is empty where none gives two fields.
    """
    best = (0.0, 0, "", 0)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        width = max(set(widths) - {0}, key=lambda width: (widths.count(width), width), default=0)
        skip = widths.index(width) if width else 0
        below = [count for count in widths[skip:] if count]
        same_width = below.count(width) / len(below) if below else 0.0
        if width > 1 and same_width >= 0.9:
            best = max(best, (round(same_width, 1), width, delimiter, skip))
    return best[2], best[3]
