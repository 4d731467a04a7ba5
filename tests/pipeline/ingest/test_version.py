"""The tables of an ingest change with its version, and not without it."""

import hashlib
import json
from typing import Any

import pyarrow.parquet as pq

from configs.files import MANIFEST
from pipeline.artefacts import read_json
from pipeline.tables import INGEST_VERSION
from tests.pipeline.conftest import TXN_HEADER

# Loaded, in dollars, refused, of too few fields, a duplicate, of an unknown customer; a correction a delivery
# later.
FIRST = [
    "N1,C1,A1,2024-03-02 10:00:00,-7.25,CNY,card,2024-03-03,",
    "N2,C2,A1,2023-12-30 10:00:00,10.00,USD,salary,2024-03-08,",
    "N3,C3,A1,2024-03-02 10:00:00,2.00,USD,other,2024-03-02,",
    "N4,C3,A1,2024-02-30,2.00,CNY,other,2024-03-02,",
    "N5,C3,A1",
    "N1,C1,A1,2024-03-02 10:00:00,-7.25,CNY,card,2024-03-03,",
    "N6,C7,A1,2024-03-02 10:00:00,2.00,CNY,other,2024-03-02,",
]
SECOND = ["N1,C1,A1,2024-03-02 10:00:00,-8.25,CNY,card,2024-03-09,"]
RECORDED = (10, "a9b251c4665d561c3ec81e95f9aa6b4f260f148c0e23c78946631b3c0fb1eb63")


def test_what_an_ingest_makes_changes_with_its_version(tiny: Any) -> None:
    digest = hashlib.sha256()
    for number, lines in enumerate((FIRST, SECOND), start=2):
        tiny.write(f"txn_{number}.csv", TXN_HEADER + "\n".join([*lines, ""]))
        digest.update(contents(tiny.ingest().folder).encode())
    assert (INGEST_VERSION, digest.hexdigest()) == RECORDED, (
        "An ingest of the same files no longer makes the same tables. Raise INGEST_VERSION in "
        "pipeline/tables.py, so that banks make theirs anew, and record the version and the digest "
        "here."
    )


def contents(folder: Any) -> str:
    """Every file of a delivery: rows and types of Parquet; notes without names of deliveries."""
    found: dict[str, Any] = {}
    for path in sorted(set(folder.rglob("*.*")) - {folder / MANIFEST}):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            rows = [{k: v for k, v in row.items() if k != "part"} for row in table.to_pylist()]
            found[name] = [str(table.schema.remove_metadata()), rows]
        elif name == "ingest.json":
            changing = ("made_by", "read_by", "builds_on", "history", "raw")
            found[name] = {key: value for key, value in read_json(path).items() if key not in changing}
        else:
            found[name] = path.read_text("utf-8")
    return json.dumps(found, sort_keys=True, default=str)
