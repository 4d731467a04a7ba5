"""A few rows that no bank admits to: each is an extra row, so that the books still agree without it."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Ints
from pipeline.demo_bank.ledger import KIND, KIND_CODES
from pipeline.demo_bank.raw_tables import DAY, RawWeek, codes, decimals, moments

Spoiling = Callable[[pa.Table, RawWeek], pa.Table]
_FAR = 73 * 365  # days by which a mistyped year leads into the future
_SPOILED = 10**17  # serial numbers of spoiled copies lie beyond those of real rows
# Small tables get a larger share, so that some bad rows are there at all.
_LEAST = {"contacts": 0.001, "surveys": 0.002, "customers": 0.004}
_KEY = {"contacts": "CONT_NO", "surveys": "RESP_NO", "customers": "CUST_NO", "transactions": "SERIAL_NO"}


def spoil(name: str, table: pa.Table, raw: RawWeek) -> pa.Table:
    """The table with some copies of its own rows added, spoiled in one way each; other tables unchanged."""
    ways = _WAYS.get(name)
    if ways is None or not len(table):
        return table
    keys = _keys(name, table)
    share = max(p.NOISE_SHARE, _LEAST.get(name, 0.0)) / len(ways)
    parts = [table]
    for number, way in enumerate(ways):
        chosen = np.flatnonzero(raw.draws.chance(f"dirt {name} {number}", keys, share))
        if len(chosen):
            parts.append(way(table.take(pa.array(chosen)), raw))
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


def _same_again(table: pa.Table, _raw: RawWeek) -> pa.Table:
    """Delivered twice."""
    return table


def _fresh(table: pa.Table, way: int) -> pa.Table:
    """With serial numbers of their own."""
    old = table["SERIAL_NO"].cast(pa.int64()).to_numpy()
    return _replace(table, "SERIAL_NO", pa.array(old + way * _SPOILED).cast(pa.string()))


def _unknown_kind(table: pa.Table, _raw: RawWeek) -> pa.Table:
    unknown = np.full(len(table), KIND["unknown"])
    return _replace(_fresh(table, 1), "TXN_CD", codes(unknown, list(KIND_CODES.values())))


def _orphan(table: pa.Table, raw: RawWeek) -> pa.Table:
    """Of a customer whom nobody knows."""
    return _replace(table, "CUST_NO", raw.numbers.customer(np.full(len(table), raw.numbers.count)))


def _orphan_booking(table: pa.Table, raw: RawWeek) -> pa.Table:
    return _orphan(_fresh(table, 2), raw)


def _no_amount(table: pa.Table, _raw: RawWeek) -> pa.Table:
    nothing = np.zeros(len(table), dtype=np.int64)
    return _replace(_fresh(table, 3), "TXN_AMT", decimals(nothing, 2, nothing > 0))


def _far_future(table: pa.Table, raw: RawWeek) -> pa.Table:
    return _replace(_fresh(table, 4), "TXN_TM", moments(np.full(len(table), (raw.monday + _FAR) * DAY)))


def _text(name: str, value: str) -> Spoiling:
    """A way to spoil a text column of a CSV table: every copied row gets ``value``."""
    return lambda table, _raw: _replace(table, name, pa.array([value] * len(table)))


_WAYS: dict[str, tuple[Spoiling, ...]] = {
    "transactions": (_same_again, _unknown_kind, _orphan_booking, _no_amount, _far_future),
    "holdings": (_same_again, _orphan),
    "events": (_same_again,),
    "contacts": (_same_again, _text("CUST_NO", "6999000000000000001")),
    "surveys": (_text("SCORE", "NaN"), _text("SCORE", "11")),
    "customers": (_text("OPEN_DT", "2024-02-30"), _same_again),
}
