"""A file is there whole or not at all, and the same thing has the same bytes."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artefacts import (
    WIDE,
    Home,
    fingerprint,
    keep_only,
    read_json,
    to_disk,
    write_json,
    write_parquet,
    write_text,
)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_keep_only_removes_other_folders_and_no_file(tmp_path):
    for name in ("one", "two", ".draft-three"):
        (tmp_path / name).mkdir()
    (tmp_path / "current").write_text("one")
    keep_only(tmp_path, {"one"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "one"]


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    write_text(tmp_path / "new" / "file", "活期\n\r\n")
    assert (tmp_path / "new" / "file").read_bytes() == "活期\n\r\n".encode()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, step):
    write_text(tmp_path / "file", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", full) if step == "fsync" else (Path, "replace", full)))
        with pytest.raises(OSError, match="No space left"):
            write_text(tmp_path / "file", "new")
    assert contents(tmp_path) == {"file": "old"}


def test_the_same_value_has_the_same_json(tmp_path):
    write_json(tmp_path / "a", {"b": 1, "a": date(2024, 3, 4), "c": "活"})
    write_json(tmp_path / "b", {"c": "活", "a": date(2024, 3, 4), "b": 1})
    assert (tmp_path / "a").read_text("utf-8") == '{\n "a": "2024-03-04",\n "b": 1,\n "c": "活"\n}\n'
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a") == {"a": "2024-03-04", "b": 1, "c": "活"}


def test_the_same_rows_have_the_same_bytes_however_they_were_cut(tmp_path):
    whole = pa.table({"n": list(range(1000)), "t": [str(n) for n in range(1000)]})
    write_parquet(whole, tmp_path / "a")
    write_parquet(pa.concat_tables([whole.slice(0, 400), whole.slice(400)]).combine_chunks(), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_wide_table_is_packed_to_be_read_fast(tmp_path):
    for width, codec in ((WIDE, "ZSTD"), (WIDE + 1, "LZ4")):
        table = pa.table({f"f{k}": [0.5 * k, None] for k in range(width)})
        write_parquet(table, tmp_path / "one.parquet")
        file = pq.ParquetFile(tmp_path / "one.parquet")
        column = file.metadata.row_group(0).column(0)
        assert column.compression == codec
        assert column.has_dictionary_page == column.is_stats_set == (codec == "ZSTD")
        assert file.read().equals(table)


def test_a_fingerprint_is_stable_and_tells_parts_apart(tmp_path):
    (tmp_path / "file").write_bytes(b"ab")
    # sha256 over the sha256 of each part, its first 16 digits: worked out with hashlib and sha256sum.
    assert fingerprint("ab") == fingerprint(b"ab") == fingerprint(tmp_path / "file") == "a1ff8f1856b5e24e"
    assert len({fingerprint("ab"), fingerprint("a", "b"), fingerprint("b", "a"), fingerprint("ab", "")}) == 4


def test_where_things_lie():
    home = Home(Path("data/demo"))
    assert home.partition("features", date(2024, 3, 4)) == Path("data/demo/features/snapshot_date=2024-03-04")
    assert home.store == "sqlite:///data/demo/store.db"
    assert Home(home.root, "postgresql+psycopg://host/scores").store == "postgresql+psycopg://host/scores"


def test_parts_come_back_in_their_order_from_a_file_that_nobody_sees(tmp_path: Path) -> None:
    parts = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.empty((0, 2)), np.array([[5.0, 6.0]])]
    found = to_disk(tmp_path, parts)
    assert found.tobytes() == np.concatenate(parts).tobytes()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 2.0


def test_columns_of_another_layout_are_rows_all_the_same(tmp_path: Path) -> None:
    rows = to_disk(tmp_path, [np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])])
    assert rows.tolist() == [[1, 2], [3, 4]]


def test_no_row_at_all(tmp_path: Path) -> None:
    assert to_disk(tmp_path, [np.empty((0, 3))]).shape == (0, 3)
