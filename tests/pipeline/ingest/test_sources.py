"""Raw files become rows with the line they began on; a damaged line costs itself and nothing else."""

import gzip
import io
import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.bank_folder import find_raw, load_settings
from configs.errors import DataError
from configs.source import Source
from pipeline.ingest import csv_files
from pipeline.ingest.csv_files import LINES_PER_ROW, rows
from pipeline.ingest.sources import Reject, open_source

Rows = list[tuple[str | int | None, ...]]
UNCLOSED = "a quote is opened and never closed"


def read(raw: Path, **source: str) -> tuple[Rows, list[Reject]]:
    """The rows and rejects of one source named ``txn``."""
    spec = Source(**({"files": "*.csv"} | source))
    settings = load_settings("demo").model_copy(update={"sources": {"txn": spec}})
    with duckdb.connect() as con:
        rejects = open_source(con, "txn", spec, raw, find_raw(settings, raw, "txn"))
        return con.execute("SELECT * FROM txn ORDER BY _file, _line").fetchall(), rejects


def write(raw: Path, text: str, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    (raw / name).write_bytes(text.encode(encoding))
    return raw


def test_clean_files_are_rows_with_file_and_line(tmp_path):
    write(tmp_path, "id,x\n1,a\n2,\n")
    write(tmp_path, "id,x\n3,c", "b.csv")
    assert read(tmp_path) == ([("1", "a", "a.csv", 2), ("2", None, "a.csv", 3), ("3", "c", "b.csv", 2)], [])


def test_two_files_of_one_name_are_told_apart_by_their_folder(tmp_path):
    write(tmp_path, "id,x\n1,a\n", "2024/t.csv")
    write(tmp_path, "id,x\n2,b\n", "2025/t.csv")
    rows, _ = read(tmp_path, files="*/t.csv")
    assert rows == [("1", "a", "2024/t.csv", 2), ("2", "b", "2025/t.csv", 2)]


def test_lines_are_right_in_files_before_and_behind_a_broken_one(tmp_path):
    """The second file is read twice, and what was read of it at first leaves no gap. Two columns have names
    that DuckDB or the stored rows use themselves."""
    write(tmp_path, "rowid,c0\n1,a\n2,b\n")
    write(tmp_path, 'rowid,c0\n3,"c\n4,d\n5\n\n6,f\n', "b.csv")
    write(tmp_path, "rowid,c0\n7,g\n8,h\n", "c.csv")
    rows, rejects = read(tmp_path)
    assert [(row[0], *row[2:]) for row in rows] == [
        ("1", "a.csv", 2), ("2", "a.csv", 3), ("4", "b.csv", 3), ("6", "b.csv", 6), ("7", "c.csv", 2),
        ("8", "c.csv", 3),
    ]  # fmt: skip
    assert [(reject.file, reject.line) for reject in rejects] == [("b.csv", 2), ("b.csv", 4)]


def test_lines_are_right_where_several_threads_read_a_file(tmp_path):
    write(tmp_path, "id,x\n" + "".join(f"{line},{'x' * 90}\n" for line in range(2, 300_002)))
    with duckdb.connect() as con:
        con.execute("SET threads = 4")
        open_source(con, "txn", Source(files="*.csv"), tmp_path, [tmp_path / "a.csv"])
        query = "SELECT count(*), count(*) FILTER (id::BIGINT = _line) FROM txn"
        assert con.execute(query).fetchall() == [(300_000, 300_000)]


# Line 3 is damaged; the row below it stays on line 4, and no other row is lost.
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2", "too few fields: 1, the header has 2"),
        ("2,b,c", "too many fields: 3, the header has 2"),
        ('2,"b', UNCLOSED),
        ('"2,b', UNCLOSED),
        ('2,"b"c', "a quoted field is broken: ',' expected after '\"'"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_damaged_line_is_refused_alone(tmp_path, line, reason, end, encoding):
    write(tmp_path, end.join(["id,x", "1,活", line, "3,c", "4,d", ""]), encoding=encoding)
    rows, rejects = read(tmp_path, encoding=encoding.removesuffix("-sig"))
    assert rows == [("1", "活", "a.csv", 2), ("3", "c", "a.csv", 4), ("4", "d", "a.csv", 5)]
    assert rejects == [Reject("a.csv", 3, reason)]


def test_an_open_quote_in_the_last_line(tmp_path):
    rows, rejects = read(write(tmp_path, 'id,x\n1,a\n2,"b'))
    assert (rows, rejects) == ([("1", "a", "a.csv", 2)], [Reject("a.csv", 3, UNCLOSED)])


def test_an_open_quote_before_a_quoted_field_far_below(tmp_path):
    """Read naively, the quote of line 2 would be closed by that of line 4 and two rows would vanish."""
    rows, rejects = read(write(tmp_path, 'id,x\n1,"a\n2,b\n"3",c\n'))
    assert rows == [("2", "b", "a.csv", 3), ("3", "c", "a.csv", 4)]
    assert [reject.line for reject in rejects] == [2]


def test_lines_are_right_behind_line_breaks_in_fields_and_blank_lines(tmp_path):
    #                                  2-3        4  5   6        7-9         10
    rows, rejects = read(write(tmp_path, 'id,x\n1,"a\na"\n\n2\n3,"c""c"\n4,"\n,\n"\n5,e\n'))
    assert rows == [
        ("1", "a\na", "a.csv", 2),
        ("3", 'c"c', "a.csv", 6),
        ("4", "\n,\n", "a.csv", 7),
        ("5", "e", "a.csv", 10),
    ]
    assert [reject.line for reject in rejects] == [5]


def test_as_many_line_breaks_as_blank_lines_do_not_hide_each_other(tmp_path):
    rows, _ = read(write(tmp_path, 'id,x\r\n1,"a\rb"\r\n2,b\r\n'))
    assert [row[3] for row in rows] == [2, 4]


def test_a_field_does_not_go_on_forever(tmp_path):
    long = '"' + "\n" * (LINES_PER_ROW - 1) + '"'
    rows, rejects = read(write(tmp_path, f"id,x\n1,{long}\n2,b\n"))
    assert ([row[3] for row in rows], rejects) == ([2, 2 + LINES_PER_ROW], [])
    _, rejects = read(write(tmp_path, f"id,x\n1,{long[:-1]}\n{long[-1]}\n2,b\n"))
    assert [reject.line for reject in rejects] == [2, 2 + LINES_PER_ROW]


def test_two_open_quotes_do_not_make_a_pair(tmp_path):
    rows, rejects = read(write(tmp_path, 'a,b,c,d\n1,2,3,"\n4,5,6,"\n7,8,9,0\n'))
    assert (rows, [reject.line for reject in rejects]) == ([("7", "8", "9", "0", "a.csv", 4)], [2, 3])


# A blank line sends the file down the exact path; both must read every line alike.
@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("1,a,", ("1", "a")),
        ('1,a,,""', ("1", "a")),
        ('"1","a"', ("1", "a")),
        ('1," a"', ("1", " a")),
        ('1,a"b', ("1", 'a"b')),
        ('1,"a""b"', ("1", 'a"b')),
        (" 1 ,a ", (" 1 ", "a ")),
        ('1, "a"', ("1", ' "a"')),
        ("1,NULL", ("1", "NULL")),
        ('"",', (None, None)),
        ('1,"a" ', None),
        ("1,a, ", None),
    ],
)
def test_a_line_is_read_alike_whatever_else_is_in_its_file(tmp_path, line, row):
    for number, rest in enumerate(("2,b\n", "2,b\n\n", '2,"b"\n', "2,b,c\n")):
        rows, rejects = read(write(tmp_path, f"id,x\n{line}\n{rest}", f"{number}.csv"), files=f"{number}.csv")
        assert [one[:2] for one in rows if one[3] == 2] == ([row] if row else [])
        assert [reject.line for reject in rejects if reject.line == 2] == ([] if row else [2])


# A field whose later lines hold a row's delimiters is taken for two open quotes, and refused.
FIELD = st.text('ab"\n,活 ', max_size=4).filter(lambda text: not re.search(r"\n.*,,,|\n,.*,.*,", text))


@given(st.lists(st.tuples(FIELD, FIELD), max_size=12), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=40)
def test_law_what_is_quoted_comes_back(tmp_path_factory, fields, end):
    """Any fields, each in quotes, are read back, each row on its line; nothing is refused."""
    expected, text, line = [], f"id,x{end}", 2
    for pair in fields:
        row = ",".join('"' + field.replace('"', '""') + '"' for field in pair) + end
        expected.append((pair[0] or None, pair[1] or None, "a.csv", line))
        text, line = text + row, line + row.count("\n")
    assert read(write(tmp_path_factory.mktemp("raw"), text)) == (expected, [])


def test_parquet_rows_are_numbered_from_one_in_each_file(tmp_path):
    for name in ("2024/h.parquet", "2025/h.parquet"):
        (tmp_path / name).parent.mkdir()
        pq.write_table(pa.table({"id": [1, 2], "x": ["a", "b"]}), tmp_path / name)
    rows, rejects = read(tmp_path, files="*/h.parquet", format="parquet")
    assert [row[2:] for row in rows] == [
        ("2024/h.parquet", 1), ("2024/h.parquet", 2), ("2025/h.parquet", 1), ("2025/h.parquet", 2),
    ]  # fmt: skip
    assert rejects == []


def test_parquet_labels_below_a_relative_folder(tmp_path, monkeypatch):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "h.parquet")
    monkeypatch.chdir(tmp_path)
    rows, _ = read(Path(), files="*.parquet", format="parquet")
    assert rows == [(1, "h.parquet", 1)]


@pytest.mark.parametrize(
    ("encoding", "before", "wrong", "byte"),
    [
        ("utf-8", b"", "2,张\n".encode("gb18030"), "d5"),
        ("utf-16", b"\xfe\xff", b"\x00a\xdc\x00\x00\n", "dc"),  # big-endian, which only the first bytes say
        ("utf-16-le", b"", b"a\x00\x00\xdc\n\x00", "00"),
        ("gb18030", b"", b"a\x81\xff\n", "81"),
        ("cp1252", b"", b"a\x81\n", "81"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_wrong_bytes_cost_their_own_row(tmp_path, encoding, before, wrong, byte, packed):
    good = "id,x\n" + "1,a\n" * 9_000
    good = good.encode("utf-16-be" if before else encoding)
    content = before + good + wrong + good[len("id,x\n".encode("utf-16-be" if before else encoding)) :]
    (tmp_path / "a.csv").write_bytes(gzip.compress(content) if packed else content)
    rows, rejects = read(tmp_path, encoding=encoding)
    assert (len(rows), rows[-1][3]) == (18_000, 18_002)
    assert [
        (reject.line, f"{encoding}: \\x{byte} is no character" in reject.reason) for reject in rejects
    ] == [(9_002, True)]


def test_utf16_without_a_byte_order_mark(tmp_path):
    with pytest.raises(
        DataError, match=r"a\.csv is UTF-16 without a byte order mark.*encoding = \"utf-16-le\""
    ):
        read(write(tmp_path, "id,x\n1,a\n", encoding="utf-16-le"), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv is not utf-16: line 1 cannot be read"):
        read(write(tmp_path, "id,x\n1,a\n", encoding="utf-16-le"), encoding="utf-16")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_may_be_mixed(tmp_path, end):
    rows, rejects = read(write(tmp_path, f'id,x\r\n1,a\n2,b{end}3\n4,"d\r\nd"{end}5,e\n'))
    assert [(row[0], row[3]) for row in rows] == [("1", 2), ("2", 3), ("4", 5), ("5", 7)]
    assert [reject.line for reject in rejects] == [4]


@pytest.mark.parametrize("header", ["id,x", "ID,X", "\ufeffid,x", '"id","x"'])
@pytest.mark.parametrize("rest", ["", "\n"])
def test_a_header_below_the_first_line_is_found(tmp_path, header, rest):
    with pytest.raises(DataError, match=r"a\.csv repeats its header in line 3"):
        read(write(tmp_path, f"id,x\n1,a\n{header}\n2,b\n{rest}"))


def test_a_column_named_twice_is_found_whatever_its_case(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv names the column ID, id twice in its header \(ID, x, id\)"):
        read(write(tmp_path, "ID,x,id\n1,2,3\n"))


def test_a_column_without_a_name(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv has a column without a name in its header \(id, \)"):
        read(write(tmp_path, "id,\n1,2\n"))
    with pytest.raises(DataError, match="has a column without a name"):
        read(write(tmp_path, "id, \n1,2\n"))


def test_names_and_files_may_hold_quotes(tmp_path):
    rows, _ = read(write(tmp_path, "id,it's\n1,a\n", "o'clock.csv"))
    assert rows == [("1", "a", "o'clock.csv", 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_gzip_is_known_by_its_first_bytes_and_lines_are_those_of_the_text(tmp_path, encoding, name):
    text = "id,x\n1,活\n2\n3,c\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode(encoding)))
    rows, rejects = read(tmp_path, files="a.*", encoding=encoding.removesuffix("-sig"))
    assert rows == [("1", "活", name, 2), ("3", "c", name, 4)]
    assert rejects == [Reject(name, 3, "too few fields: 1, the header has 2")]


def test_a_clean_gzip_file_of_several_members(tmp_path):
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"id,x\n1,a\n") + gzip.compress(b"2,b\n"))
    assert read(tmp_path) == ([("1", "a", "a.csv", 2), ("2", "b", "a.csv", 3)], [])


@pytest.mark.parametrize("rows", [3, 70_000])
def test_broken_gzip_is_told(tmp_path, rows):
    good = gzip.compress(("id,x\n" + "".join(f"{n},{n * n}\n" for n in range(rows))).encode())
    (tmp_path / "a.csv.gz").write_bytes(good[: len(good) - 12])
    with pytest.raises(DataError, match=r"a\.csv\.gz is gzip that is cut off: its end is missing"):
        read(tmp_path, files="*.gz")
    (tmp_path / "a.csv.gz").write_bytes(good[:-8] + b"\0\0\0\0" + good[-4:])
    sentence = r"a\.csv\.gz is broken gzip: it cannot be unzipped\. Deliver it again"
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, files="*.gz")


def test_a_folder_as_spark_writes_it(tmp_path):
    for day in ("01", "02"):
        write(tmp_path, f"id,x\n{day},a\n", f"txn/day=2024-03-{day}/part-00000.c000.csv")
        write(tmp_path, "crc", f"txn/day=2024-03-{day}/.part-00000.c000.csv.crc")
    write(tmp_path, "", "txn/_SUCCESS")
    rows, _ = read(tmp_path, files="txn")
    assert rows == [
        ("01", "a", "txn/day=2024-03-01/part-00000.c000.csv", 2),
        ("02", "a", "txn/day=2024-03-02/part-00000.c000.csv", 2),
    ]
    assert read(tmp_path, files="txn/**")[0] == rows


@pytest.mark.parametrize("column", ["_file", "_LINE"])
def test_a_column_with_a_name_that_ingest_needs(tmp_path, column):
    sentence = (
        rf"a\.csv has a column '{column}', a name that ingest needs for itself.*Deliver it under another"
    )
    with pytest.raises(DataError, match=sentence):
        read(write(tmp_path, f"id,{column}\n1,2\n"))
    pq.write_table(pa.table({"id": [1], column: [2]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=re.escape(f"a.parquet has a column '{column}'")):
        read(tmp_path, files="*.parquet", format="parquet")


@given(st.text(alphabet='ab," \r\n', max_size=40))
def test_law_a_row_read_alone_is_that_of_the_whole_file(text: str) -> None:
    def lines() -> io.StringIO:
        return io.StringIO("h,i\n" + text, newline="")

    for row in rows(lines(), 2, Source(files="x")):
        assert list(rows(lines(), 2, Source(files="x"), [row[0]])) == [row]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (",".join(f"c{place}" for place in range(5_000)), r"has 5,000 columns in its header; at most 2,000"),
        ("a" * 200_000, r"has no end of its header within 100,000 characters"),
        ('"' + "a\n" * 100_000, r"has no end of its header within 100,000 characters"),
    ],
    ids=["columns", "one line", "an open quote"],
)
def test_a_header_without_end_is_refused_in_a_sentence(tmp_path, content, fault):
    path = tmp_path / "txn.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=fault) as refused:
        csv_files.header(path, "transactions", Source(files="txn*.csv"))
    assert len(str(refused.value)) < 500


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "LONGEST_LINE", 1_000)
    path = tmp_path / "txn.csv"
    path.write_bytes(b"a\n1\n" + b"x" * ((1 << 24) + 5_000))
    with pytest.raises(DataError, match="has a line of more than 1,000 bytes"):
        csv_files.count_lines(path)
    path.write_bytes(b"a\n1\n" + b"x" * 999)
    assert csv_files.count_lines(path) == 3


LINES = st.sampled_from(["1,a\n", '2,"a\n', 'b",3\r\n', "\n", "1,2,3\n", '"x",y\n', "END,2\n"])


@given(st.lists(LINES, max_size=25), st.data())
def test_rows_of_some_lines_are_those_of_all(lines: list[str], data: st.DataObject) -> None:
    source = Source(files="*.csv", footer="END")
    every = list(rows(iter(["id,x\n", *lines]), 2, source))
    wanted = data.draw(st.sets(st.sampled_from([line for line, *_ in every]))) if every else set()
    some = list(rows(iter(["id,x\n", *lines]), 2, source, wanted))
    assert some == [row for row in every if row[0] in wanted]
