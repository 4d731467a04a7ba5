"""A file that is not what its name says is called what it is."""

import bz2
import gzip
import io
import lzma
import sqlite3
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from configs.errors import DataError
from tests.pipeline.ingest.test_sources import read

TEXT = "id,x\n1,a\n"


def workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.add_worksheet().write_row(0, 0, ["id", "x"])
    return content.getvalue()


def parquet() -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [1]}), content)
    return content.getvalue()


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.csv", TEXT)
    return content.getvalue()


KINDS = [
    (workbook(), "csv", 'is an Excel workbook, not csv. Set format = "xlsx" in [sources.txn] of bank.toml.'),
    (workbook(), "parquet", 'is an Excel workbook, not parquet. Set format = "xlsx"'),
    (parquet(), "csv", 'is Parquet, not csv. Set format = "parquet"'),
    (parquet(), "xlsx", 'is Parquet, not xlsx. Set format = "parquet"'),
    (gzip.compress(parquet()), "csv", 'is Parquet, not csv. Set format = "parquet"'),
    (TEXT.encode("utf-16"), "csv", 'is UTF-16, not csv. Set encoding = "utf-16"'),
    (b"\xfe\xff" + TEXT.encode("utf-16-be"), "csv", 'is UTF-16, not csv. Set encoding = "utf-16"'),
    (TEXT.encode("utf-16-be"), "csv", 'Set encoding = "utf-16-be"'),
    (TEXT.encode("utf-32"), "csv", 'is UTF-32, not csv. Set encoding = "utf-32"'),
    (archive(), "csv", "is a zip archive, not csv. Deliver it unpacked, or packed with gzip."),
    (bz2.compress(TEXT.encode()), "csv", "is packed with bzip2, not csv"),
    (lzma.compress(TEXT.encode()), "csv", "is packed with xz, not csv"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "xlsx", "is an old Excel file (.xls), or one with a password, not xlsx"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "csv", "is an old Excel file (.xls), or one with a password, not csv"),
    (b"\r\n<html><table>", "csv", "is a page of HTML or XML, not csv"),
    (b"%PDF-1.7", "parquet", "is a PDF, not parquet"),
]


@pytest.mark.parametrize(("content", "form", "sentence"), KINDS)
def test_a_file_is_called_what_it_is(tmp_path: Path, content: bytes, form: str, sentence: str) -> None:
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(DataError) as refused:
        read(tmp_path, files="a.dat", format=form)
    assert sentence in str(refused.value)


def test_a_database_for_a_file(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.csv") as con:
        con.execute("CREATE TABLE t (a)")
    con.close()
    with pytest.raises(DataError, match="is an SQLite database, not csv"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-32"])
def test_a_file_that_is_what_it_should_be(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.encode(encoding))
    assert read(tmp_path, encoding=encoding.removesuffix("-sig"))[0] == [("1", "a", "a.csv", 2)]
