"""The columns of an export, and its rows as lines of JSON, CSV or Parquet, some thousand at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Literal

from serve.http.responses import MoneyForm, exact, written_amount

Format = Literal["ndjson", "csv", "parquet"]
MEDIA_TYPES: Mapping[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
REASONS = 3
# The columns in order, and of which kind each is; money is in minor units until it is written.
COLUMNS: dict[str, str] = {
    "snapshot_date": "text",
    "run_id": "text",
    "model_id": "text",
    "kind": "text",
    "customer_id": "text",
    "branch_id": "text",
    "manager_id": "text",
    "tier": "text",
    "lifecycle_stage": "text",
    "marketing_opt_out": "flag",
    "currency": "text",
    "aum": "money",
    "money_at_risk": "money",
    "risk_30d": "number",
    "risk_60d": "number",
    "risk_90d": "number",
    "risk_band": "text",
    "risk_change": "number",
    "change": "text",
} | {f"reason_{place}{part}": "text" for place in range(1, REASONS + 1) for part in ("_group", "")}
# What came later stands last, where no reader counts: the risk at the longest horizon, and the decision.
COLUMNS |= {"risk": "number", "horizon_days": "whole"}
COLUMNS |= {
    "decision": "text",
    "decision_why": "text",
    "decision_text": "text",
    "decision_until": "text",
    "rank": "whole",
    "part": "text",
    "money_to_keep": "money",
    "next_step": "text",
    "segment": "text",
    "contact_due_on": "text",
    "channel": "text",
    "rests_on": "text",
    "rests_on_text": "text",
}
BATCH = 500  # rows of a piece
ROW_GROUP = 20_000  # rows of one of Parquet
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute (OWASP, CSV injection)
Row = list[Any]


def written(rows: Iterator[Row], form: Format, money: MoneyForm = "number") -> Iterator[bytes]:
    """The rows as bytes, a piece at a time, so that no export is held whole.

    ``money`` as a number is exact in CSV and Parquet, which have no floats of it.
    """
    return {"ndjson": _lines, "csv": _csv, "parquet": _parquet}[form](rows, money)


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _lines(rows: Iterator[Row], money: MoneyForm) -> Iterator[bytes]:
    for batch in _batches(_converted(rows, money=lambda minor: written_amount(minor, money)), BATCH):
        objects = (dict(zip(COLUMNS, row, strict=True)) for row in batch)
        yield "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in objects).encode()


def _csv(rows: Iterator[Row], money: MoneyForm) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, with a header; a text that a spreadsheet would compute begins with an apostrophe."""
    lines = _converted(
        rows,
        money=str if money == "minor" else exact,
        text=uncomputed,
        flag=lambda flag: str(flag).lower(),
    )
    for batch in _batches(chain([list(COLUMNS)], lines), BATCH):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(batch)
        yield text.getvalue().encode()


def uncomputed(text: str) -> str:
    """
    >>> uncomputed("=1+1"), uncomputed("c1")
    ("'=1+1", 'c1')
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def _parquet(rows: Iterator[Row], money: MoneyForm) -> Iterator[bytes]:
    """Money is DECIMAL(18,2), text or INT64. pyarrow is loaded by the first such export, and only then."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        "text": pa.string(),
        "flag": pa.bool_(),
        "money": {"number": pa.decimal128(18, 2), "text": pa.string(), "minor": pa.int64()}[money],
        "number": pa.float64(),
        "whole": pa.int32(),
    }
    amount = exact if money == "number" else lambda minor: written_amount(minor, money)
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    pipe = Pipe()
    with pq.ParquetWriter(pipe, schema, compression="zstd") as writer:
        for batch in _batches(_converted(rows, money=amount), ROW_GROUP):
            columns = zip(*batch, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield pipe.taken()
    yield pipe.taken()


class Pipe(io.BytesIO):
    """A file that is only written to, and emptied meanwhile."""

    _gone = 0

    def tell(self) -> int:
        return self._gone + super().tell()

    def taken(self) -> bytes:
        """Everything written since it was last taken."""
        taken = self.getvalue()
        self._gone += len(taken)
        self.seek(0)
        self.truncate()
        return taken


def _converted(rows: Iterator[Row], **of_kind: Callable[[Any], Any]) -> Iterator[Row]:
    cells = [(place, of_kind[kind]) for place, kind in enumerate(COLUMNS.values()) if kind in of_kind]
    for row in rows:
        new = list(row)
        for place, cell in cells:
            new[place] = None if row[place] is None else cell(row[place])
        yield new
