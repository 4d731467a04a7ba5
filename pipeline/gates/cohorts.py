"""Cohorts of consecutive Mondays beside each other: who came, who left, and where the money went.

Partitions of earlier Mondays are read as they stand: those that trained a model, and those that were
published.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.dates import WEEK
from features.build import first_monday
from features.engine.entities import Ints, day_number, days_of, unscaled
from pipeline.artefacts import Home
from pipeline.ingest.renumbered import newest_numbers
from pipeline.tables import Ingested

LOOK_BACK = 52  # weeks
NEAR = 4  # weeks between two Mondays of which one follows the other
COLUMNS = ["customer_id", "exclusion", "aum", "manager_id", "marketing_opt_out"]
_BOOKED = ["customer_id", "booked_at", "amount_base", "kind", "counterparty", "known_on"]
_INSIDE = ("buy", "redeem", "loan")  # money that moves between a customer's own balances, or is owed
UNKNOWN = "not_yet_customer"


@dataclass(frozen=True)
class Cohort:
    """The cohort of one Monday: ``customers`` are the eligible, ``aum_minor`` that of all whom it knows."""

    monday: date
    customers: int
    aum_minor: int
    without_manager: float  # shares of the eligible
    largest_manager: float
    opted_out: float
    managers: int


@dataclass(frozen=True)
class CustomersKnown:
    """The customers whom one Monday knows, by place in a list of all of them; AUM in minor units."""

    monday: date
    known: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    aum_minor: Ints
    codes: NDArray[np.object_]


@dataclass(frozen=True)
class Flow:
    """From the cohort of one Monday to that of the next: before + entered − left = after.

    ``entered`` by the code that excluded them before, ``left`` by the code that does now.
    ``unexplained_minor`` is by how much the AUM of those who were in changed beyond their bookings,
    ``moved_minor`` the same added up without signs; ``aum_minor`` is their AUM before, ``largest_minor``
    that of the largest of them.
    """

    before: date
    after: date
    entered: Counter[str]
    left: Counter[str]
    customers: int
    aum_minor: int
    largest_minor: int
    unexplained_minor: int
    moved_minor: int


def read_cohorts(home: Home, tables: Ingested, monday: date) -> tuple[list[Cohort], list[Flow]]:
    """The cohorts that stand, of ``monday`` and the year before it, the oldest first; and the flow of each
    pair of which the later follows within ``NEAR`` weeks.

    The customers of two Mondays are held at once: those of a year would take gigabytes of a large bank.
    """
    days, newest = standing(home, tables, monday), newest_numbers(tables).newest
    ids = pa.array([], pa.string())
    for day in days:
        ids = pc.unique(pa.concat_arrays([ids, _ids(home, day, newest)]))
    places = pd.Index(ids.sort().to_pylist(), dtype=object)
    cohorts, flows, earlier = list[Cohort](), list[Flow](), list[CustomersKnown]()
    for day, booked in zip(days, _booked(tables, days, places), strict=True):
        frame = pq.read_table(home.partition("cohort", day), columns=COLUMNS).to_pandas()
        at = places.get_indexer(pd.Index(_ids(home, day, newest).to_pylist(), dtype=object))
        present = _known(day, frame, at, len(places))
        cohorts.append(_cohort(present, frame[frame["exclusion"] == ""]))
        flows += [_flow(before, present, booked) for before in earlier if day - before.monday <= NEAR * WEEK]
        earlier = [present]
    return cohorts, flows


def _ids(home: Home, day: date, newest: Mapping[str, str]) -> pa.Array:
    """The customers of a Monday, row by row, by their newest numbers."""
    table = pq.read_table(home.partition("cohort", day), columns=["customer_id"])
    ids = pc.cast(table["customer_id"], pa.string()).combine_chunks()
    if not newest:
        return ids
    place = pc.index_in(ids, pa.array([*newest], pa.string()))
    return pc.coalesce(pa.array([*newest.values()], pa.string()).take(place), ids)


def standing(home: Home, tables: Ingested, monday: date) -> list[date]:
    """The Mondays whose cohorts stand, of ``monday`` and the year before it, the oldest first."""
    start = max(first_monday(tables.first_day), monday - LOOK_BACK * WEEK)
    days = (start + k * WEEK for k in range((monday - start).days // 7 + 1))
    return [day for day in days if (home.partition("cohort", day) / "_made_by.json").is_file()]


def _known(day: date, frame: pd.DataFrame, places: NDArray[np.intp], customers: int) -> CustomersKnown:
    known, eligible = np.zeros(customers, bool), np.zeros(customers, bool)
    aum, codes = np.zeros(customers, np.int64), np.full(customers, UNKNOWN, object)
    known[places] = True
    eligible[places] = (frame["exclusion"] == "").to_numpy()
    codes[places] = frame["exclusion"].to_numpy()
    aum[places] = np.rint(frame["aum"].fillna(0).to_numpy() * 100).astype(np.int64)
    return CustomersKnown(day, known, eligible, aum, codes)


def _cohort(present: CustomersKnown, eligible: pd.DataFrame) -> Cohort:
    managers = eligible["manager_id"].value_counts(normalize=True, dropna=False)
    named = managers[managers.index.notna()]
    return Cohort(
        present.monday,
        int(present.eligible.sum()),
        int(present.aum_minor.sum()),
        float(eligible["manager_id"].isna().mean()) if len(eligible) else 0.0,
        float(named.max()) if len(named) else 0.0,
        float(eligible["marketing_opt_out"].mean()) if len(eligible) else 0.0,
        len(named),
    )


def _flow(before: CustomersKnown, after: CustomersKnown, booked: Ints) -> Flow:
    entered, left = after.eligible & ~before.eligible, before.eligible & ~after.eligible
    still = before.eligible & after.known
    change = (after.aum_minor - before.aum_minor - booked)[still]
    return Flow(
        before.monday, after.monday,
        Counter(before.codes[entered].tolist()), Counter(after.codes[left].tolist()),
        int(before.eligible.sum()), int(before.aum_minor[before.eligible].sum()),
        int(before.aum_minor[before.eligible].max(initial=0)),
        int(change.sum()), int(np.abs(change).sum()),
    )  # fmt: skip


def _booked(tables: Ingested, mondays: Sequence[date], place: pd.Index) -> Ints:
    """(Monday × customer) array: bookings in and out of AUM first seen since the Monday before, minor
    units."""
    starts = np.array([day_number(day) for day in mondays])
    total = np.zeros((len(mondays), len(place)), np.int64)
    for bucket in range(tables.buckets):
        rows = tables.read("transactions", bucket, _BOOKED, mondays[0].year - 1)
        if rows is None:
            continue
        seen = np.maximum(days_of(rows["known_on"]), days_of(rows["booked_at"]))
        monday = np.searchsorted(starts, seen, side="right")  # a row seen on a Monday is the next one's
        coded = pc.dictionary_encode(rows["customer_id"]).combine_chunks()
        who = place.get_indexer(pd.Index(coded.dictionary.to_pylist(), dtype=object))[
            coded.indices.to_numpy()
        ]
        kind, other = (pc.cast(rows[name], pa.string()) for name in ("kind", "counterparty"))
        inside = pc.or_(pc.is_in(kind, pa.array(_INSIDE)), pc.equal(other, "own"))
        counted = (monday > 0) & (monday < len(mondays)) & (who >= 0) & ~inside.to_numpy()
        np.add.at(total, (monday[counted], who[counted]), unscaled(rows["amount_base"])[counted])
    return total
