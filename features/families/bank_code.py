"""The family of a bank's own Python: a function that gets the rows of one Monday alone, and returns columns.

The function never meets a row that happened or became known on or after the Monday, nor a customer's number:
the column ``customer`` is a place that means nothing.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.tables import EVENT_TABLES, TABLES
from features.catalogue.bank_code import BankCode, code_error
from features.catalogue.bank_code import bank_code as code_of
from features.catalogue.grammar import Name
from features.engine.activity import Bucket
from features.engine.balances import MINOR
from features.engine.compact_history import lookback_days
from features.engine.cut import seen
from features.engine.entities import EPOCH, Rows
from features.engine.tiles import Columns

SCALES = {"amount_base": MINOR, "balance_base": MINOR, "units": 10_000, "unit_price": 10_000}
HIDDEN = ("time_of_day", "to_base")


def bank_code(bucket: Bucket) -> Columns:
    """The declared columns; NaN where the function says nothing of a customer."""
    code = code_of(bucket.settings)
    if code is None:
        return
    snapshots, entities = bucket.calendar.snapshots, bucket.entities
    columns = {name: np.full((len(snapshots), len(entities)), np.nan) for name in code.declared}
    frames = {name: frame_of(name, entities.tables[name]) for name in EVENT_TABLES} if len(entities) else {}
    for s, snapshot in enumerate(snapshots.tolist()):
        if not frames:
            break
        oldest = snapshot - lookback_days(bucket.settings) + 7
        cut = {}
        for name, (frame, rows) in frames.items():
            cut[name] = frame[seen(rows, snapshot) & (rows.day >= oldest)].reset_index(drop=True)
        monday = EPOCH + timedelta(days=snapshot)
        for name, values in returned(code, cut, len(entities), monday).items():
            columns[name][s] = values
    for name, array in columns.items():
        yield Name(name, ""), array


def frame_of(table: str, rows: Rows) -> tuple[pd.DataFrame, Rows]:
    """One row per row of the table in an order that no delivery decides, and the same rows as they were."""
    happened = TABLES[table].happened
    at = rows.day * 86_400_000_000 + rows.columns["time_of_day"]
    columns: dict[str, NDArray[Any]] = {"customer": rows.customer, happened: at.astype("datetime64[us]")}
    dates = {column.name for column in TABLES[table].columns if column.type == "DATE"}
    for name, values in rows.columns.items():
        if name in HIDDEN:
            continue
        if name in rows.labels:
            columns[name] = np.array([*rows.labels[name], None], object)[values]
        elif name in dates:
            columns[name] = np.where(values < 0, np.datetime64("NaT", "D"), values.astype("datetime64[D]"))
        elif name in ("amount_base", "balance_base"):
            columns[name] = values / MINOR
        else:
            columns[name] = np.where(values < 0, np.nan, values / SCALES.get(name, 1))
    frame = pd.DataFrame(columns)
    place = frame.sort_values(list(frame.columns), kind="stable").index.to_numpy()
    return frame.iloc[place].reset_index(drop=True), rows.take(place)


def returned(
    code: BankCode, tables: Mapping[str, pd.DataFrame], customers: int, monday: date
) -> dict[str, NDArray[np.float64]]:
    """A number per customer and declared feature. Raises DataError, by file and line, for anything else."""
    places = pd.RangeIndex(customers, name="customer")
    try:
        columns = dict(code.function(dict(tables), places, monday))
        arrays = {
            name: np.asarray(pd.Series(values).astype(np.float64).reindex(places), np.float64)
            for name, values in columns.items()
        }
    except Exception as error:
        raise DataError(code_error(code.path, error)) from None
    if set(arrays) != set(code.declared):
        raise DataError(
            f"{code.path}: features returned {', '.join(sorted(arrays)) or 'nothing'} and FEATURES declares "
            f"{', '.join(sorted(code.declared))}. Let both name the same."
        )
    for name, array in arrays.items():
        if np.isinf(array).any():
            raise DataError(f"{code.path}: feature {name!r} is infinite. Leave such values empty.")
    return arrays
