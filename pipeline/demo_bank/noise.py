"""A few rows that no bank admits to: each is an extra row, so that the books still agree without it."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank import raw_tables as rows
from pipeline.demo_bank.draws import Ints
from pipeline.demo_bank.raw_tables import Desk

_FAR = 73 * 365  # days by which a mistyped year leads into the future
_SPOILED = 10**17  # serial numbers of spoiled copies lie beyond those of real rows


def spoil(name: str, table: pa.Table, desk: Desk) -> pa.Table:
    """The table with some copies of its own rows added, spoiled in one way each; other tables unchanged."""
    ways = _WAYS.get(name)
    if ways is None or not len(table):
        return table
    keys = _keys(name, table)
    share = max(p.DIRT_SHARE, _LEAST.get(name, 0.0)) / len(ways)
    parts = [table]
    for number, way in enumerate(ways):
        chosen = np.flatnonzero(desk.draws.chance(f"dirt {name} {number}", keys, share))
        if len(chosen):
            parts.append(way(table.take(pa.array(chosen)), desk))
    return pa.concat_tables(parts)


# Small tables get a larger share, so that some dirt is there at all.
_LEAST = {"contacts": 0.001, "surveys": 0.002, "customers": 0.004}


_KEY = {"contacts": "CONT_NO", "surveys": "RESP_NO", "customers": "CUST_NO", "transactions": "SERIAL_NO"}


def _keys(name: str, table: pa.Table) -> Ints:
    """A whole number per row that belongs to its customer, so that no row decides over another's copy."""
    who: Ints
    if name in _KEY:
        who = table[_KEY[name]].cast(pa.int64()).to_numpy()
        return who
    who = table["CUST_NO"].combine_chunks().indices.to_numpy().astype(np.int64)
    if name == "holdings":
        product: Ints = table["PROD_CD"].combine_chunks().indices.to_numpy().astype(np.int64)
        return who + (product << 32)
    second: Ints = table["EVT_TM"].cast(pa.int64()).to_numpy()
    return who + (second << 20)


def _replace(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _same_again(table: pa.Table, _desk: Desk) -> pa.Table:
    """Delivered twice."""
    return table


def _fresh(table: pa.Table, way: int) -> pa.Table:
    """With serial numbers of their own."""
    old = table["SERIAL_NO"].cast(pa.int64()).to_numpy()
    return _replace(table, "SERIAL_NO", pa.array(old + way * _SPOILED).cast(pa.string()))


def _unknown_kind(table: pa.Table, _desk: Desk) -> pa.Table:
    unknown = np.full(len(table), rows.UNKNOWN_KIND, dtype=np.int64)
    return _replace(_fresh(table, 1), "TXN_CD", rows.codes(unknown, rows.KIND_CODES))


def _orphan(table: pa.Table, desk: Desk) -> pa.Table:
    nobody = np.full(len(table), desk.cast.count, dtype=np.int64)
    return _replace(_fresh(table, 2), "CUST_NO", desk.cast.customer(nobody))


def _no_amount(table: pa.Table, _desk: Desk) -> pa.Table:
    nothing = np.zeros(len(table), dtype=np.int64)
    return _replace(_fresh(table, 3), "TXN_AMT", rows.decimals(nothing, 2, nothing > 0))


def _far_future(table: pa.Table, desk: Desk) -> pa.Table:
    moment = np.full(len(table), (desk.monday + _FAR) * 86_400, dtype=np.int64)
    return _replace(_fresh(table, 4), "TXN_TM", rows.moments(moment))


def _text(name: str, value: str) -> Callable[[pa.Table, Desk], pa.Table]:
    """A way to spoil a text column of a CSV table: every copied row gets ``value``."""

    def way(table: pa.Table, _desk: Desk) -> pa.Table:
        return _replace(table, name, pa.array([value] * len(table)))

    return way


def _orphan_holding(table: pa.Table, desk: Desk) -> pa.Table:
    nobody: Ints = np.full(len(table), desk.cast.count, dtype=np.int64)
    return _replace(table, "CUST_NO", desk.cast.customer(nobody))


_WAYS: dict[str, tuple[Callable[[pa.Table, Desk], pa.Table], ...]] = {
    "transactions": (_same_again, _unknown_kind, _orphan, _no_amount, _far_future),
    "holdings": (_same_again, _orphan_holding),
    "events": (_same_again,),
    "contacts": (_same_again, _text("CUST_NO", "6999000000000000001")),
    "surveys": (_text("SCORE", "NaN"), _text("SCORE", "11")),
    "customers": (_text("OPEN_DT", "2024-02-30"), _same_again),
}
