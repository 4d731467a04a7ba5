"""Who lives with whom on a Monday, as known before it."""

from datetime import date

import numpy as np

from features.engine.entities import day_number, make_rows, read_columns
from features.families.relationship import household
from pipeline.tables import Ingested


def household_of(tables: Ingested, monday: date) -> dict[str, str]:
    """The household of each customer who is in one on the day before; empty where the bank has none."""
    households: dict[str, str] = {}
    for bucket in range(tables.buckets):
        table = tables.read("households", bucket, read_columns("households"))
        if table is None:
            continue
        customers = np.array(sorted(table["customer_id"].unique().to_pylist()), dtype=object)
        rows = make_rows("households", table, customers)
        (codes,) = household(rows, np.array([day_number(monday)]), len(customers)).tolist()
        labels = rows.labels["household_id"]
        households |= {name: labels[code] for name, code in zip(customers, codes, strict=True) if code >= 0}
    return households
