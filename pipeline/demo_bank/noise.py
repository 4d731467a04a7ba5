"""A few rows that no bank admits to: each is an extra row, so that the books still agree without it."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Ints
from pipeline.demo_bank.ledger import KIND, KIND_CODES
from pipeline.demo_bank.raw_tables import DAY, RawWeek, codes, decimals, moments

# One way to spoil rows: by column, the cells that so many rows get.
Way = dict[str, Callable[[int, RawWeek], pa.Array]]
_FAR = 73 * 365  # days by which a mistyped year leads into the future
_SPOILED = 10**17  # serial numbers of spoiled copies lie beyond those of real rows
# Small tables get a larger share, so that some bad rows are there at all.
_LEAST = {"contacts": 0.001, "surveys": 0.002, "customers": 0.004}
_KEY = {"contacts": "CONT_NO", "surveys": "RESP_NO", "customers": "CUST_NO", "transactions": "SERIAL_NO"}


def spoil(name: str, table: pa.Table, raw: RawWeek) -> pa.Table:
    """The table with some copies of its own rows added, spoiled in one way each; other tables unchanged."""
    ways = _WAYS.get(name)
    if ways is None:
        return table
    keys, parts = _keys(name, table), [table]
    share = max(p.NOISE_SHARE, _LEAST.get(name, 0.0)) / len(ways)
    for number, way in enumerate(ways):
        chosen = np.flatnonzero(raw.draws.chance(f"dirt {name} {number}", keys, share))
        if len(chosen):
            rows = table.take(pa.array(chosen))
            if name == "transactions":
                serials = rows["SERIAL_NO"].cast(pa.int64()).to_numpy() + number * _SPOILED
                rows = _replace(rows, "SERIAL_NO", pa.array(serials).cast(pa.string()))
            for column, cells in way.items():
                rows = _replace(rows, column, cells(len(rows), raw))
            parts.append(rows)
    return pa.concat_tables(parts)


def _keys(name: str, table: pa.Table) -> Ints:
    """A whole number per row that belongs to its customer, so that no row decides over another's copy."""
    if name in _KEY:
        return table[_KEY[name]].cast(pa.int64()).to_numpy()
    who = _places(table, "CUST_NO")
    if name == "holdings":
        return who + (_places(table, "PROD_CD") << 32)
    return who + (table["EVT_TM"].cast(pa.int64()).to_numpy() << 20)


def _places(table: pa.Table, name: str) -> Ints:
    """Position of each row's text in the column's dictionary."""
    return table[name].combine_chunks().indices.to_numpy().astype(np.int64)


def _replace(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _unknown_kinds(count: int, _raw: RawWeek) -> pa.Array:
    return codes(np.full(count, KIND["unknown"]), list(KIND_CODES.values()))


def _nobody(count: int, raw: RawWeek) -> pa.Array:
    return raw.numbers.customer(np.full(count, raw.numbers.count))


def _no_amounts(count: int, _raw: RawWeek) -> pa.Array:
    return decimals(np.zeros(count, dtype=np.int64), 2, np.zeros(count, dtype=np.bool_))


def _far_future(count: int, raw: RawWeek) -> pa.Array:
    return moments(np.full(count, (raw.monday + _FAR) * DAY))


def _text(value: str) -> Callable[[int, RawWeek], pa.Array]:
    return lambda count, _raw: pa.array([value] * count)


_DELIVERED_TWICE: Way = {}
# The place of a way counts: transactions spoiled in the first one keep their serial numbers.
_WAYS: dict[str, tuple[Way, ...]] = {
    "transactions": (
        _DELIVERED_TWICE,
        {"TXN_CD": _unknown_kinds},
        {"CUST_NO": _nobody},
        {"TXN_AMT": _no_amounts},
        {"TXN_TM": _far_future},
    ),
    "holdings": (_DELIVERED_TWICE, {"CUST_NO": _nobody}),
    "events": (_DELIVERED_TWICE,),
    "contacts": (_DELIVERED_TWICE, {"CUST_NO": _text("6999000000000000001")}),
    "surveys": ({"SCORE": _text("NaN")}, {"SCORE": _text("11")}),
    "customers": ({"OPEN_DT": _text("2024-02-30")}, _DELIVERED_TWICE),
}
