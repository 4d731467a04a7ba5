"""The Mondays whose outcome is known: by their dates, and by the labels that a bank delivers."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from configs.settings import Label, Settings
from features.delivered import known_labels, monday_of
from features.engine.entities import EPOCH, day_number, make_rows, read_columns
from pipeline.tables import Ingested


def with_outcome(
    settings: Settings, tables: Ingested, mondays: Iterable[date], data_through: date
) -> list[date]:
    """Those whose outcome window has closed by ``data_through``, in the order given.

    Where the bank delivers the labels, only those of which it had delivered one before that day.
    """
    label = settings.label
    closed = [day for day in mondays if label.timeline(day).matured(data_through)]
    if label.definition != "delivered":
        return closed
    known = labelled_mondays(tables, label, data_through)
    return [day for day in closed if day in known]


@lru_cache(maxsize=8)
def labelled_mondays(tables: Ingested, label: Label, data_through: date) -> frozenset[date]:
    """The Mondays of which the bank had delivered a label before ``data_through``."""
    days = set[int]()
    for bucket in range(tables.buckets):
        rows = tables.read("labels", bucket, read_columns("labels"))
        if rows is not None:
            ids = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            known = known_labels(make_rows("labels", rows, ids), label, day_number(data_through))
            days |= set(np.unique(monday_of(known.day)).tolist())
    return frozenset(EPOCH + timedelta(days=day) for day in days)
