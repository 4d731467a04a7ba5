"""The extracts on disk: large tables as Parquet, small ones as CSV, a file per table and thirteen weeks."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.demo_bank.bank import Bank, Week
from pipeline.demo_bank.hazards import REASONS
from pipeline.demo_bank.market import SHELF
from pipeline.demo_bank.raw_tables import words
from pipeline.demo_bank.truth import Truth

LARGE = ("transactions", "holdings", "events")
RAW_NAMES = {
    "customers": "cust_info", "assignments": "cust_rm", "transactions": "txn", "holdings": "hold",
    "contacts": "contact", "events": "event", "surveys": "survey", "rates": "fx_rate",
}  # fmt: skip


class Extracts:
    """Collects weeks and writes each table's as one file, named after the last Sunday in it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._waiting: dict[str, list[pa.Table]] = {}
        self._through: date | None = None

    def add(self, week: Week) -> None:
        for name, table in week.tables.items():
            self._waiting.setdefault(name, []).append(_as_text(name, table))
        self._through = week.monday + timedelta(days=6)

    def write(self) -> None:
        """Write what waits; nothing waits afterwards."""
        for name, parts in self._waiting.items():
            table = pa.concat_tables(parts)
            stem = f"{RAW_NAMES[name]}_{self._through:%Y%m%d}"
            if name in LARGE:
                write_parquet(table, self._out / f"{stem}.parquet")
            else:
                write_csv(table, self._out / f"{stem}.csv")
        self._waiting.clear()


def _as_text(name: str, table: pa.Table) -> pa.Table:
    """CSV columns as text, so that weeks with and without spoiled cells fit together."""
    if name in LARGE:
        return table
    return pa.table({column: table[column].cast(pa.string()) for column in table.column_names})


def write_parquet(table: pa.Table, path: Path) -> None:
    dictionaries = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    plain = table.schema.with_metadata(None)
    pq.write_table(
        table.cast(plain),
        path,
        compression="zstd",
        use_dictionary=dictionaries,
        dictionary_pagesize_limit=32 << 20,
        row_group_size=1 << 20,
        store_schema=False,
        store_decimal_as_integer=True,
        write_statistics=True,
    )


def write_csv(table: pa.Table, path: Path) -> None:
    pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="needed"))


def write_products(out: Path) -> None:
    """One row per product on the shelf."""
    table = {
        "PROD_CD": [product.product_id for product in SHELF],
        "PROD_TYP": [product.class_code for product in SHELF],
        "PROD_NAME": [product.name for product in SHELF],
        "CCY_CD": [product.currency_code for product in SHELF],
    }
    write_csv(pa.table(table), out / "prod_info.csv")


class TruthFile:
    """One row per Monday and customer in the AUM band, sorted by both; written Monday by Monday."""

    _SCHEMA = pa.schema(
        {
            "customer_id": pa.string(),
            "snapshot_date": pa.date32(),
            "probability": pa.float32(),
            "reason": pa.string(),
            "call_effect": pa.float32(),
        }
    )

    def __init__(self, out: Path, bank: Bank) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._ids = pa.array(bank.customers.customer_ids)
        self._rank = np.argsort(np.argsort(np.array(bank.customers.customer_ids)))
        self._writer = pq.ParquetWriter(out / "weekly.parquet", self._SCHEMA, compression="zstd")

    def add(self, monday: date, truth: Truth | None) -> None:
        """One more Monday; nothing while there is no truth yet."""
        if truth is None:
            return
        order = np.argsort(self._rank[truth.customer])
        columns = [
            self._ids.take(pa.array(truth.customer[order])),
            pa.array([monday] * len(order), pa.date32()),
            pa.array(truth.probability[order].astype(np.float32)),
            words(truth.reason[order], REASONS),
            pa.array(truth.call_effect[order].astype(np.float32)),
        ]
        self._writer.write_table(pa.table(columns, schema=self._SCHEMA))

    def close(self) -> None:
        self._writer.close()
