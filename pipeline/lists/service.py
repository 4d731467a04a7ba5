"""The day on which each scored customer is due a contact by the bank's service standards."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.published import Score
from configs.segments import LONGEST_OVERDUE, Person, ServiceStandard, standard_of
from configs.settings import Settings
from features.engine.cut import seen
from features.engine.entities import EPOCH, Ints, Rows, day_number, make_rows
from pipeline.lists.reached import COLUMNS, reached_rows
from pipeline.tables import Ingested

LOOK_BACK = timedelta(days=LONGEST_OVERDUE)
OPENED = ["customer_id", "opened_on", "known_on", "superseded_on"]
SEEN = ["contacted_at", "known_on"]
NOBODY = -2  # no code of a manager
Heads = Mapping[str, Collection[str]]  # the branch heads on record, by branch_id


def with_contact_due(
    settings: Settings,
    tables: Ingested,
    scores: Iterable[Score],
    as_of: date,
    opted_out: Collection[str] = frozenset(),
) -> tuple[Score, ...]:
    """The scores with the day on which a contact is due by each customer's standard.

    It lies the interval after the last contact that counts, or else after the first day as a customer, from
    the first contact on that the bank knows of anybody: of before it nobody can say whether there was one.
    Nothing is due where no contact is known, and to who wants no calls. A contact counts in which the
    customer was reached, through a channel of the standard and by its person: the manager now in charge, a
    head of the branch, or anybody. Where nobody is in charge, or the branch has no head on record, anybody's
    counts. One bucket is held in memory at a time.
    """
    whole, heads, first = tuple(scores), branch_heads(tables), _first_contact(tables, as_of)
    asked = {
        score.customer_id: score
        for score in whole
        if first and not (score.marketing_opt_out or score.customer_id in opted_out)
    }
    due: dict[str, date] = {}
    for bucket in range(tables.buckets):
        people = tables.read("customers", bucket, OPENED)
        names = sorted(asked.keys() & {*people["customer_id"].unique().to_pylist()}) if people else []
        if names:
            customers = [asked[name] for name in names]
            since = as_of - LOOK_BACK - timedelta(days=max(each.days for each in settings.service_standards))
            contacts = tables.read("contacts", bucket, COLUMNS, since=since.year)
            begins = max(since, first or since)
            days = _due_days(settings, customers, (people, contacts), heads, (as_of, begins))
            due |= {name: EPOCH + timedelta(days=day) for name, day in zip(names, days, strict=True)}
    return tuple(replace(score, contact_due_on=due.get(score.customer_id)) for score in whole)


def _first_contact(tables: Ingested, as_of: date) -> date | None:
    """The first day of a contact with anybody, as known before a Monday; None where none is known."""
    for year in sorted({int(path.stem) for path in tables.parts("contacts")}):
        of_year = (tables.read("contacts", bucket, SEEN, year, year + 1) for bucket in range(tables.buckets))
        known = [rows.filter(pc.field("known_on") < as_of) for rows in of_year if rows is not None]
        days = [pc.min(rows["contacted_at"]).as_py() for rows in known if len(rows)]
        if days and min(days).date() < as_of:
            return min(days).date()
    return None


def branch_heads(tables: Ingested) -> dict[str, frozenset[str]]:
    """The branch heads whom the bank delivered, by branch; none in tables of before it could."""
    path, heads = tables.whole("managers"), defaultdict[str, set[str]](set)
    for row in pq.read_table(path).to_pylist() if path.is_file() else ():
        if row.get("is_branch_head"):
            heads[row["branch_id"] or ""].add(row["manager_id"])
    return {branch_id: frozenset(managers) for branch_id, managers in heads.items()}


def _due_days(
    settings: Settings,
    customers: Sequence[Score],
    tables: tuple[pa.Table, pa.Table | None],
    heads: Heads,
    days: tuple[date, date],
) -> list[int]:
    """Per customer of a bucket, sorted by customer_id, the day number on which a contact is due.

    ``tables`` are the bucket's customers and contacts, ``days`` the Monday and the first day that counts.
    """
    (people, contacts), (as_of, since) = tables, days
    standards = settings.service_standards
    names = np.array([score.customer_id for score in customers], dtype=object)
    opened = make_rows("customers", _of(people, names), names)
    visible = opened.take(seen(opened, day_number(as_of)))
    last = np.full(len(names), day_number(since))
    np.maximum.at(last, visible.customer, visible.day)
    place = np.array([standard_of(standards, score.segment, score.tier) for score in customers], np.int64)
    interval = np.array([standards[k].days for k in place])
    if contacts is not None:
        made = reached_rows(_of(contacts, names), names, settings.lists, (as_of, since))
        counts = _right_channel(made, standards, place)
        counts &= _right_person(made, [standards[k].who for k in place], customers, heads)
        np.maximum.at(last, made.customer[counts], made.day[counts])
    due: list[int] = np.maximum(last + interval, day_number(as_of - LOOK_BACK)).tolist()
    return due


def _of(rows: pa.Table, names: NDArray[np.object_]) -> pa.Table:
    """The rows of some customers alone."""
    chosen = {*names}
    return rows.filter(pa.array([name in chosen for name in rows["customer_id"].to_pylist()], pa.bool_()))


def _right_channel(made: Rows, standards: Sequence[ServiceStandard], place: Ints) -> NDArray[np.bool_]:
    fits = [
        [not each.channels or name in each.channels for name in made.labels["channel"]] for each in standards
    ]
    table = np.array(fits, bool).reshape(len(standards), -1)
    return table[place[made.customer], made.columns["channel"]]


def _right_person(
    made: Rows, persons: Sequence[Person], customers: Sequence[Score], heads: Heads
) -> NDArray[np.bool_]:
    """One flag per contact; ``persons`` has whose contact each customer is due."""
    names, of, by = made.labels["manager_id"], made.customer, made.columns["manager_id"]
    codes = {name: code for code, name in enumerate(names)}
    who = np.array(persons, dtype=object)
    managers = [score.manager_id for score in customers]
    branches = [score.branch_id or "" for score in customers]
    in_charge = np.array([codes.get(name or "", NOBODY) for name in managers])
    managed = np.array([bool(name) for name in managers], bool)
    headed = np.array([branch in heads for branch in branches], bool)
    pairs = zip(of.tolist(), by.tolist(), strict=True)
    by_head = np.array([names[code] in heads.get(branches[k], ()) for k, code in pairs], bool)
    manager, head = who == "manager", who == "branch_head"
    anybody = (who == "anybody") | (manager & ~managed) | (head & ~headed)
    right: NDArray[np.bool_] = anybody[of] | (manager[of] & (by == in_charge[of])) | (head[of] & by_head)
    return right
