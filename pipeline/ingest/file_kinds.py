"""The kind of a file by its first bytes, whatever its name says."""

import zipfile
from pathlib import Path

from configs.errors import DataError
from configs.source import Source

_AGAIN = "Deliver it unpacked, or packed with gzip"
# The first bytes of a file, what it then is, and what to do.
_KINDS = (
    (b"PAR1", "Parquet", 'Set format = "parquet" in {where}'),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls), or one with a password",
     "Save it as .xlsx without a password, or as CSV"),
    (b"\xff\xfe\x00\x00", "UTF-32", 'Set encoding = "utf-32" in {where}'),
    (b"\xff\xfe", "UTF-16", 'Set encoding = "utf-16" in {where}'),
    (b"\xfe\xff", "UTF-16", 'Set encoding = "utf-16" in {where}'),
    (b"BZh", "packed with bzip2", _AGAIN),
    (b"\xfd7zXZ", "packed with xz", _AGAIN),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _AGAIN),
    (b"7z\xbc\xaf", "packed with 7-Zip", _AGAIN),
    (b"%PDF", "a PDF", "Have the data delivered as CSV"),
    (b"SQLite format 3", "an SQLite database", "Have its tables delivered as CSV"),
    (b"<", "a page of HTML or XML", "Have the data delivered as CSV"),
)  # fmt: skip


def refuse_other_kind(path: Path, head: bytes, name: str, spec: Source) -> None:
    """Raises DataError where the first bytes of a file, unzipped if it is gzip, say another format.

    An encoding that was set by hand is believed.
    """
    what, remedy = _kind_of(path, head)
    utf = what.startswith("UTF-") and not spec.encoding.lower().replace("_", "-").startswith("utf-8")
    if what and not utf and what != {"parquet": "Parquet", "xlsx": "an Excel workbook"}.get(spec.format):
        where = f"[sources.{name}] of bank.toml"
        raise DataError(f"{path} is {what}, not {spec.format}. {remedy.format(where=where)}.")


def _kind_of(path: Path, head: bytes) -> tuple[str, str]:
    """The kind of a file and the remedy; both empty where it may be text."""
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or _holds(path, "xl/workbook.xml"):
            return "an Excel workbook", 'Set format = "xlsx" in {where}'
        return "a zip archive", _AGAIN
    for start, what, remedy in _KINDS:
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(start):
            return what, remedy
    for first, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[first::2].count(0)
        if len(head) >= 8 and zeros > 0.4 * len(head) / 2 and not head[1 - first :: 2].count(0):
            return "UTF-16 without a byte order mark", f'Set encoding = "{codec}" in {{where}}'
    return "", ""


def _holds(path: Path, member: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return member in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
