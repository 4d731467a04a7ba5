"""The contacts in which customers were reached, as known before a Monday."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from configs.list_settings import Lists
from features.engine.cut import seen
from features.engine.entities import EPOCH, Rows, day_number, make_rows
from features.engine.reached import was_reached
from pipeline.tables import Ingested

COLUMNS = ["customer_id", "manager_id", "contacted_at", "channel", "outcome", "known_on", "superseded_on"]


def reached(tables: Ingested, lists: Lists, monday: date, since: date) -> dict[str, date]:
    """The last day from ``since`` on on which each customer was reached, as known before ``monday``."""
    last: dict[str, date] = {}
    for bucket in range(tables.buckets):
        rows = tables.read("contacts", bucket, COLUMNS, since=since.year)
        if rows is not None:
            customers = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            made = reached_rows(rows, customers, lists, (monday, since))
            days = (EPOCH + timedelta(days=day) for day in made.day.tolist())
            last |= dict(zip(customers[made.customer], days, strict=True))  # ascending by day: the last stays
    return last


def reached_within(
    tables: Ingested, lists: Lists, monday: date, windows: Mapping[date, tuple[date, date]]
) -> dict[date, set[str]]:
    """By the Monday of each window, first day and the day after the last, the customers reached within it, as
    known before ``monday``."""
    names: dict[date, set[str]] = {day: set() for day in windows}
    since = min((first for first, _ in windows.values()), default=monday)
    for bucket in range(tables.buckets if windows else 0):
        rows = tables.read("contacts", bucket, COLUMNS, since=since.year)
        if rows is not None:
            customers = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            made = reached_rows(rows, customers, lists, (monday, since))
            for day, window in windows.items():
                first, end = map(day_number, window)
                within = (made.day >= first) & (made.day < end)
                names[day].update(customers[np.unique(made.customer[within])])
    return names


def contact_days(tables: Ingested, lists: Lists, monday: date) -> Counter[str]:
    """On how many days of the last ``lists.contact_weeks`` each customer was contacted, as known before
    ``monday``: by whomever, whether reached or not. Nobody where there is no cap.
    """
    since, days = monday - timedelta(weeks=lists.contact_weeks), Counter[str]()
    for bucket in range(tables.buckets if lists.most_contacts else 0):
        rows = tables.read("contacts", bucket, COLUMNS, since=since.year)
        if rows is not None:
            customers = np.array(sorted(rows["customer_id"].unique().to_pylist()), dtype=object)
            made = make_rows("contacts", rows, customers)
            known = seen(made, day_number(monday)) & (made.day >= day_number(since))
            pairs = np.unique(np.stack([made.customer[known], made.day[known]]), axis=1)
            days.update(customers[pairs[0]].tolist())
    return days


def reached_rows(
    rows: pa.Table, customers: NDArray[np.object_], lists: Lists, days: tuple[date, date]
) -> Rows:
    """The contacts of ``customers`` (sorted) in which they were reached, by customer and day.

    ``days`` are the Monday before which they were known, and the first day; ``lists.talked`` says in which
    contacts a customer was reached.
    """
    monday, since = days
    made = make_rows("contacts", rows, customers)
    met = was_reached(made, lists.talked)
    return made.take(met & seen(made, day_number(monday)) & (made.day >= day_number(since)))
