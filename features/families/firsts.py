"""Family: how long ago each thing was done for the first time, and what came before what."""

import numpy as np
from numpy.typing import NDArray

from configs.tables import PRODUCT_CLASSES
from features.catalogue.grammar import Name
from features.catalogue.measures import MEASURES
from features.engine.activity import counted
from features.engine.entities import Ints, Rows
from features.engine.tiles import Calendar, Columns, SnapshotArray
from features.families.shared import Bucket

HELD = ("term", "fund", "wealth")
DONE = ("login", "outflow_elsewhere", "salary")
# A first older than this is as good as "always": else it would tell how long ago the data begin.
LONGEST = 728
GAPS = (("term", "wealth"), ("wealth", "fund"), ("salary", "outflow_elsewhere"))


def features(bucket: Bucket) -> Columns:
    """Days since each first, LONGEST at most, NaN where there was none; days from one first to another."""
    entities, calendar = bucket.entities, bucket.calendar
    since: dict[str, SnapshotArray] = {}
    holdings = entities.tables["holdings"]
    for name in HELD:
        code = PRODUCT_CLASSES.index(name)
        kind = holdings.columns["product_class"] == code
        since[name] = _since(holdings, kind & (holdings.columns["balance_base"] > 0), calendar, len(entities))
    for measure in MEASURES:
        if measure.name in DONE:
            rows = entities.tables[measure.table]
            since[measure.name] = _since(rows, counted(rows, measure), calendar, len(entities))
    for name in (*HELD, *DONE):
        yield Name(name, "days_since_first"), since[name]
    for earlier, later in GAPS:
        yield Name(later, f"days_after_{earlier}"), since[earlier] - since[later]


def _since(rows: Rows, chosen: NDArray[np.bool_], calendar: Calendar, customers: int) -> SnapshotArray:
    never = np.iinfo(np.int64).max
    first: Ints = np.full(customers, never, np.int64)
    np.minimum.at(first, rows.customer[chosen], rows.day[chosen])
    snapshots = calendar.snapshots[:, None]
    return np.where(first < snapshots, np.minimum(snapshots - first, LONGEST), np.nan)
