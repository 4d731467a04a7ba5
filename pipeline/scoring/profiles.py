"""The profile beside a score: the customer's AUM week by week, what falls due, bookings, contacts, name."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from configs.branch_figures.products import ProductGap
from configs.published import AHEAD_DAYS, Booking, Maturity, PastContact, Profile
from configs.tables import PRODUCT_CLASSES
from features.engine.balances import LOAN, BalanceChanges, make_balance_changes
from features.engine.cut import seen
from features.engine.entities import (
    FOREVER,
    Entities,
    Ints,
    Rows,
    day_number,
    days_of,
    make_entities,
    read_columns,
)
from pipeline.tables import Ingested

WEEKS = 52  # of AUM
BEHIND = timedelta(weeks=13)  # within which a booking was made
BOOKINGS, CONTACTS = 10, 10  # at most so many of a customer
OWN_KINDS = ("fee", "interest", "loan")  # booked by the bank itself
READ = ("customers", "holdings", "transactions", "contacts", "events")
PERSON = ("name", "phone")  # of the customers, read here alone
TRADES = ("buy", "redeem")  # count although the money stays with the customer here

Item = TypeVar("Item")
Person = tuple[str, str]  # name and telephone, empty where not delivered


def profiles(
    tables: Ingested,
    as_of: date,
    cohort: Collection[str],
    gaps: Mapping[str, tuple[ProductGap, ...]] = MappingProxyType({}),
) -> Iterator[Profile]:
    """One row per customer of ``cohort``, by bucket and customer_id, from what was seen before ``as_of``.

    ``gaps`` are those of the customers who have any.

    One bucket is held in memory at a time.
    """
    names, chosen = _product_names(tables), frozenset(cohort)
    for bucket in range(tables.buckets):
        entities = _entities(tables, bucket, as_of, READ)
        for profile in profiles_of(entities, as_of, chosen, names, _people(tables, bucket, as_of)):
            of_customer = gaps.get(profile.customer_id)
            yield replace(profile, gaps=of_customer) if of_customer else profile


def maturities(tables: Ingested, as_of: date, customers: Collection[str]) -> dict[str, tuple[Maturity, ...]]:
    """Per customer what falls due, as in the profile; customers of whom nothing does are left out."""
    names, chosen = _product_names(tables), frozenset(customers)
    maturities: dict[str, tuple[Maturity, ...]] = {}
    for bucket in range(tables.buckets):
        entities = _entities(tables, bucket, as_of, ("customers", "holdings"))
        changes = make_balance_changes(_seen(entities.tables["holdings"], _inside(entities, chosen), as_of))
        maturities |= {
            entities.customers[k]: tuple(due) for k, due in _maturities(changes, as_of, names).items()
        }
    return maturities


def profiles_of(
    entities: Entities,
    as_of: date,
    cohort: Collection[str],
    names: Mapping[str, str],
    people: Mapping[str, Person] = MappingProxyType({}),
) -> Iterator[Profile]:
    """One profile per customer of one bucket; ``names`` are those of the products by product_id, ``people``
    who the customers are.
    """
    inside = _inside(entities, cohort)
    holdings, transactions, contacts, events = (
        _seen(entities.tables[name], inside, as_of) for name in READ[1:]
    )
    changes = make_balance_changes(holdings)
    aum = _aum_by_week(changes, as_of, len(entities))
    due = _maturities(changes, as_of, names)
    bookings, past = _bookings(transactions, as_of), _contacts(contacts)
    complaints = _complaints(events, as_of)
    for k in np.flatnonzero(inside).tolist():
        held = {name: tuple(aum[k, c].tolist()) for c, name in enumerate(PRODUCT_CLASSES) if aum[k, c].any()}
        yield Profile(
            entities.customers[k],
            MappingProxyType(held),
            tuple(due.get(k, ())),
            tuple(bookings.get(k, ())),
            tuple(past.get(k, ())),
            tuple(complaints.get(k, ())),
            *people.get(entities.customers[k], ()),
        )


def _entities(tables: Ingested, bucket: int, as_of: date, named: Sequence[str]) -> Entities:
    """Some tables of one bucket; of bookings and events only the years that a profile looks at."""
    since = {"transactions": (as_of - BEHIND).year, "events": (as_of - timedelta(weeks=WEEKS)).year}
    read = {name: tables.read(name, bucket, read_columns(name), since.get(name, 0)) for name in named}
    delivered = {name: rows for name, rows in read.items() if rows is not None}
    return make_entities(delivered | tables.products())


def _people(tables: Ingested, bucket: int, as_of: date) -> dict[str, Person]:
    """By customer what was the newest version before the Monday; who has neither is left out."""
    days = ("opened_on", "known_on", "superseded_on")
    customers = tables.read("customers", bucket, ["customer_id", *days, *PERSON])
    if customers is None:
        return {}
    opened, known, until = (days_of(customers[name]) for name in days)
    monday = day_number(as_of)
    visible = (opened < monday) & (known < monday) & ((until < 0) | (until >= monday))
    rows = customers.select(["customer_id", *PERSON]).filter(pa.array(visible)).to_pylist()
    people = {row["customer_id"]: (row["name"] or "", row["phone"] or "") for row in rows}
    return {customer_id: person for customer_id, person in people.items() if any(person)}


def _product_names(tables: Ingested) -> dict[str, str]:
    return {
        row["product_id"]: row["name"] for table in tables.products().values() for row in table.to_pylist()
    }


def _inside(entities: Entities, customers: Collection[str]) -> NDArray[np.bool_]:
    return np.array([customer in customers for customer in entities.customers], bool)


def _seen(rows: Rows, inside: NDArray[np.bool_], as_of: date) -> Rows:
    return rows.take(seen(rows, day_number(as_of)) & inside[rows.customer])


def _aum_by_week(changes: BalanceChanges, as_of: date, customers: int) -> Ints:
    """Customer × product class × week, minor units: what was held when each of the last WEEKS weeks ended."""
    rows = changes.rows
    ago = (day_number(as_of) - rows.day + 6) // 7  # 1: in the week that ends right before the Monday
    held = np.zeros((customers, len(PRODUCT_CLASSES), WEEKS), np.int64)
    week = WEEKS - np.minimum(ago, WEEKS)
    np.add.at(held, (rows.customer, rows.columns["product_class"], week), changes.change)
    return held.cumsum(axis=2)


def _maturities(
    changes: BalanceChanges, as_of: date, names: Mapping[str, str]
) -> Mapping[int, list[Maturity]]:
    """By customer, the soonest first: holdings that stand and fall due from the Monday on, loans apart."""
    rows, monday = changes.rows, day_number(as_of)
    due, balance, product, classes = (
        rows.columns[name] for name in ("matures_on", "balance_base", "product_id", "product_class")
    )
    ahead = (due >= monday) & (due < monday + AHEAD_DAYS) & (classes != LOAN)
    order = _ordered(rows, ahead & (balance > 0) & (changes.ends == FOREVER), (due, -balance, product))
    held = (names[product_id] for product_id in _words(rows, "product_id", order))
    of_class = (PRODUCT_CLASSES[k] for k in classes[order].tolist())
    made = map(Maturity, held, of_class, _days(due[order]), balance[order].tolist())
    return _by_customer(rows, order, made)


def _bookings(rows: Rows, as_of: date) -> Mapping[int, list[Booking]]:
    """By customer, the largest first: money that came or went, bought or was redeemed, in the last weeks."""
    amount = rows.columns["amount_base"]
    kind, other, channel = (rows.columns[name] for name in ("kind", "counterparty", "channel"))
    trade, own = np.isin(kind, rows.code("kind", *TRADES)), rows.code("counterparty", "own")
    moved = trade | ~(np.isin(other, own) | np.isin(kind, rows.code("kind", *OWN_KINDS)))
    recent = rows.day >= day_number(as_of - BEHIND)
    # The last keys only make two equal amounts of one day come in the same order each time.
    order = _ordered(rows, moved & recent, (-np.abs(amount), -rows.day, amount, kind, other, channel))
    places = _first(rows, order, BOOKINGS)
    words = (_words(rows, name, places) for name in ("kind", "counterparty", "channel"))
    made = map(Booking, _days(rows.day[places]), amount[places].tolist(), *words)
    return _by_customer(rows, places, made)


def _contacts(rows: Rows) -> Mapping[int, list[PastContact]]:
    words = ("manager_id", "channel", "purpose", "outcome")
    newest = (-rows.day, -rows.columns["time_of_day"], *(rows.columns[name] for name in words))
    places = _first(rows, _ordered(rows, np.ones(len(rows), bool), newest), CONTACTS)
    *by, outcome = (_words(rows, name, places) for name in words)
    made = map(PastContact, _days(rows.day[places]), *by, (word or None for word in outcome))
    return _by_customer(rows, places, made)


def _complaints(rows: Rows, as_of: date) -> Mapping[int, list[date]]:
    """By customer, the oldest first: the days of complaints in the weeks of AUM."""
    complaint = np.isin(rows.columns["kind"], rows.code("kind", "complaint"))
    recent = rows.day >= day_number(as_of) - 7 * WEEKS
    order = _ordered(rows, complaint & recent, (rows.day,))
    return _by_customer(rows, order, _days(rows.day[order]))


def _ordered(rows: Rows, chosen: NDArray[np.bool_], keys: Sequence[Ints]) -> Ints:
    """The places of the chosen rows by customer, then by ``keys``, the first of which counts most."""
    places = np.flatnonzero(chosen)
    return places[np.lexsort([key[places] for key in (*keys[::-1], rows.customer)])]


def _first(rows: Rows, order: Ints, most: int) -> Ints:
    """Of places that go by customer, the first ``most`` of each one."""
    customer = rows.customer[order]
    return order[np.arange(len(order)) - np.searchsorted(customer, customer) < most]


def _by_customer(rows: Rows, places: Ints, items: Iterable[Item]) -> Mapping[int, list[Item]]:
    """The items, one for each of the places, by the position of the customer."""
    by_customer: defaultdict[int, list[Item]] = defaultdict(list)
    for customer, item in zip(rows.customer[places].tolist(), items, strict=True):
        by_customer[customer].append(item)
    return by_customer


def _words(rows: Rows, column: str, places: Ints) -> list[str]:
    """The words of a column of text; empty where there is none."""
    words: list[str] = np.array([*rows.labels[column], ""], object)[rows.columns[column][places]].tolist()
    return words


def _days(numbers: Ints) -> list[date]:
    days: list[date] = numbers.astype("datetime64[D]").tolist()
    return days
