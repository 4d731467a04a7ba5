"""The extracts on disk: large tables as Parquet, small ones as CSV, a file per table and thirteen weeks."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.artefacts import write_json
from pipeline.demo_bank.bank import Bank, Week
from pipeline.demo_bank.hazards import REASONS
from pipeline.demo_bank.market import MONTHS, SHELF
from pipeline.demo_bank.raw_tables import codes
from pipeline.demo_bank.returning import RETURNS
from pipeline.demo_bank.surveys import satisfaction_truth

WEEKS_PER_FILE = 13
LARGE = ("transactions", "holdings", "events")
RAW_NAMES = {
    "customers": "cust_info", "assignments": "cust_rm", "households": "cust_fam", "transactions": "txn",
    "holdings": "hold", "contacts": "contact", "events": "event", "surveys": "survey", "rates": "fx_rate",
    "offers": "offer",
}  # fmt: skip
TRUTH = pa.schema(
    {
        "customer_id": pa.string(),
        "snapshot_date": pa.date32(),
        "probability": pa.float32(),
        "reason": pa.string(),
        "call_effect": pa.float32(),
    }
)


def write_demo_bank(
    out: Path,
    customers: int,
    weeks: int,
    seed: int,
    last_monday: date = date(2026, 11, 16),
    progress: Callable[[int, int], None] | None = None,
    weekly: int = 0,
) -> None:
    """Write the bank's raw extracts into ``out`` and the truth into ``out``/truth. Same seed, same bytes.

    The data covers ``weeks`` weeks that end right before ``last_monday``. ``progress`` gets the weeks done
    and the weeks in all. The last ``weekly`` weeks come in files of their own.
    """
    bank = Bank(customers, weeks, seed, last_monday)
    waiting = [bank.opening_week()]
    (out / "truth").mkdir(parents=True, exist_ok=True)
    with (
        pq.ParquetWriter(out / "truth" / "weekly.parquet", TRUTH, compression="zstd") as truths,
        pq.ParquetWriter(out / "truth" / "returns.parquet", RETURNS, compression="zstd") as returns,
    ):
        for week in range(1, weeks + 1):
            write_truth(bank, truths)
            returns.write_table(bank.returns_truth())
            waiting.append(bank.advance())
            if week % WEEKS_PER_FILE == 0 or week >= weeks - weekly:
                write_extracts(out, waiting)
                waiting.clear()
            if progress:
                progress(week, weeks)
        write_truth(bank, truths)
        returns.write_table(bank.returns_truth())
    write_json(out / "truth" / "satisfaction.json", satisfaction_truth(bank.customers))
    write_csv(bank.managers.table(), out / "rm_info.csv")
    write_products(out)


def write_extracts(out: Path, weeks: Sequence[Week]) -> None:
    """One file per table with the rows of all ``weeks``, named after the last Sunday in them."""
    through = weeks[-1].monday + timedelta(days=6)
    for name in {name for week in weeks for name in week.tables}:
        parts = [week.tables[name] for week in weeks if name in week.tables]
        path = out / f"{RAW_NAMES[name]}_{through:%Y%m%d}"
        if name in LARGE:
            write_parquet(pa.concat_tables(parts), path.with_suffix(".parquet"))
        else:
            # As text, so that weeks with and without spoiled cells fit together.
            text = pa.schema([(column, pa.string()) for column in parts[0].column_names])
            write_csv(pa.concat_tables(part.cast(text) for part in parts), path.with_suffix(".csv"))


def write_parquet(table: pa.Table, path: Path) -> None:
    dictionaries = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(
        table.replace_schema_metadata(None),
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
        "TERM_M": [months or None for months in MONTHS.tolist()],
        "RISK_GRD": [product.risk_grade for product in SHELF],
    }
    write_csv(pa.table(table), out / "prod_info.csv")


def write_truth(bank: Bank, writer: pq.ParquetWriter) -> None:
    """One row per customer in the AUM band on the bank's Monday, sorted; nothing without a truth yet."""
    truth = bank.truth()
    if truth is None:
        return
    names = np.array(bank.customers.customer_ids)[truth.customer]
    order = np.argsort(names)
    columns = [
        pa.array(names[order]),
        pa.array([bank.monday] * len(order), pa.date32()),
        pa.array(truth.probability[order].astype(np.float32)),
        codes(truth.reason[order], REASONS).dictionary_decode(),
        pa.array(truth.call_effect[order].astype(np.float32)),
    ]
    writer.write_table(pa.table(columns, schema=writer.schema))
