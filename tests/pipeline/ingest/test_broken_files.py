"""Files that are broken, change or cannot be named: each is refused in a sentence, or not read yet."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.errors import DataError
from pipeline.ingest.ingest import ingest
from pipeline.tables import Ingested
from tests.pipeline.conftest import TXN_HEADER, booking


def dangle(raw: Path) -> None:
    (raw / "txn_2.csv").symlink_to(raw / "nowhere.csv")


def pipe(raw: Path) -> None:
    os.mkfifo(raw / "txn_2.csv")


def misname(raw: Path) -> None:
    Path(os.fsdecode(os.fsencode(raw) + b"/txn_\xff.csv")).write_text(TXN_HEADER)


def spoil_page(raw: Path) -> None:
    data = (raw / "hold_1.parquet").read_bytes()
    (raw / "hold_2.parquet").write_bytes(data[:60] + bytes(byte ^ 0xFF for byte in data[60:90]) + data[90:])


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (dangle, r"raw/txn_2\.csv is no file: it is a link that leads nowhere, or a pipe"),
        (pipe, r"raw/txn_2\.csv is no file"),
        (misname, r"raw has a name that is not UTF-8, b'txn_\\xff\.csv'\. Rename it"),
        (spoil_page, r"raw/hold_2\.parquet is broken Parquet: .+\. Deliver it again"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tiny: Any, spoil: Callable[[Path], None], fault: str) -> None:
    spoil(tiny.raw)
    with pytest.raises(DataError, match=fault):
        tiny.ingest()


def test_gzip_that_is_padded_with_zeros_is_read(tiny: Any) -> None:
    packed = gzip.compress((TXN_HEADER + booking(NO="N1")).encode())
    (tiny.raw / "txn_2.csv").write_bytes(packed + bytes(512))
    assert tiny.count("transactions").loaded == 11


def test_a_balance_that_is_true_or_false_is_none(tiny: Any) -> None:
    tiny.write_holdings("hold_1.parquet", BAL=[True] * 6)
    with pytest.raises(DataError, match=r"balance comes as BOOLEAN, and true or false would count as 1 or 0"):
        tiny.ingest()


def ingest_while(tiny: Any, disturb: Callable[[], None]) -> Ingested:
    """An ingest that is disturbed once, as it comes to the transactions."""

    def progress(step: str) -> None:
        if step == "transactions":
            disturb()

    return ingest(tiny.settings(), tiny.raw, tiny.home, progress)


def test_a_file_that_changes_while_it_is_read_stops_the_ingest(tiny: Any) -> None:
    whole = TXN_HEADER + booking(NO="N1") + booking(NO="N2")
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N1"))
    with pytest.raises(DataError, match=r"txn_2\.csv changed while it was read\. Run this again when"):
        ingest_while(tiny, lambda: tiny.write("txn_2.csv", whole))
    assert tiny.count("transactions").loaded == 12


def test_a_file_that_goes_while_it_is_read_stops_the_ingest(tiny: Any) -> None:
    tiny.write_holdings("hold_2.parquet", DAY=["2024-03-04"] * 6)
    with pytest.raises(DataError, match=r"hold_2\.parquet went away while it was read"):
        ingest_while(tiny, (tiny.raw / "hold_2.parquet").unlink)


def test_a_file_that_arrives_meanwhile_waits_for_the_next_ingest(tiny: Any) -> None:
    tables = ingest_while(tiny, lambda: tiny.write_holdings("hold_2.parquet", DAY=["2024-03-04"] * 6))
    assert next(count for count in tables.counts if count.table == "holdings").loaded == 6
    assert tiny.count("holdings").loaded == 12
