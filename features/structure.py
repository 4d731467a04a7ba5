"""The customers on a Monday: who they are, what they hold, and what moved their AUM in the weeks before it.

AUM before + inflow − outflow + bank + market + exchange + waiting + unexplained = AUM now, to the minor unit,
for every customer and window. Inflow and outflow are the bookings of the measures of those names, ``bank``
its own: interest, fees, loans paid out and back. Money between products here is on both sides of the sum.

A balance says what is there when it is valued, so bookings are set against the customer's next valuation.
What that shows beyond them is ``unexplained``, on its day. Until then they are ``waiting``, for at most
VALUED_WITHIN days: what no balance has shown by then is unexplained.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from configs.published import STAGES
from configs.settings import Settings
from configs.tables import PRODUCT_CLASSES, STATUSES
from features.build import calendar_of, coded_words, key_columns
from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import BANK_BOOKING, MEASURES, OWN_BOOKING, Measure
from features.cohort import CODES, exclusion
from features.engine.activity import counted, make_activity
from features.engine.balances import BalanceChanges, make_balances
from features.engine.cut import Arrays, recompute_late_arrivals, value_as_of
from features.engine.entities import EPOCH, FOREVER, Entities, Ints, Rows
from features.engine.tiles import Calendar, add, sum_up
from features.families.lifecycle import stage, tenure
from features.families.relationship import assigned, household
from features.tier_rule import tier_places
from features.weight import base_aum, rows_before

Part = tuple[Ints, Ints, Ints]  # days, positions of customers, and minor units
# Of the rows of a Monday: raised whenever one byte of them changes for the same tables and settings.
STRUCTURE_VERSION = 4
BRIDGE_WEEKS = (1, 4, 13, 52)  # weeks before a Monday
PARTS = ("inflow", "outflow", "bank", "market", "exchange", "waiting", "unexplained")
TABLES_READ = ("customers", "assignments", "households", "transactions", "holdings", "labels")
VALUED_WITHIN = 92  # days within which a booking must have moved a balance: a quarter, for who values by it
BASE_RATE = 10**8  # the rate of the base currency, in the unit of ``to_base``
ROUNDED = 2  # minor units by which a revalued row may differ from its price times its units
STEP = 10**6  # unit price, as tables hold it, at which the smallest part of a unit is worth a minor unit

_INFLOW, _OUTFLOW = (
    next(measure for measure in MEASURES if measure.name == name) for name in ("inflow", "outflow")
)
_SETTLED = "settled"  # the running sum behind ``waiting``
_UNKNOWN = CODES.index("not_yet_customer")


def build_structure_of(
    entities: Entities, snapshots: Sequence[date], history_from: date, settings: Settings
) -> Iterator[tuple[date, pa.Table, pa.Table]]:
    """Each Monday, its structure (one row per customer known by then), and what was unexplained before it.

    Money is in minor units of base currency; the columns of a window are as seen on that Monday, so that the
    AUM before may differ from what an earlier Monday saw. Of the second table there is one row per customer
    and day of the week before with an unexplained amount. ``born`` of ``customers``, where it is read, is the
    year of birth, ``in_currency`` of ``transactions`` the amount as booked.
    """
    calendar = calendar_of(snapshots, history_from, settings)
    arrays = recompute_late_arrivals(entities, calendar, partial(_compute, settings=settings))
    for s in range(len(snapshots)):
        yield _one_monday(entities, arrays, s, calendar, settings)


def _compute(entities: Entities, calendar: Calendar, settings: Settings) -> Arrays:
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    base = base_aum(entities, balances, settings)
    code = exclusion(entities, balances, base, rows_before(entities, calendar), settings)
    activity = make_activity(entities, calendar, (OWN_BOOKING,))
    held = {Name(name, "minor"): balances.by_class[k] for k, name in enumerate(PRODUCT_CLASSES)}
    at = {name: running[calendar.at] for name, running in held.items()} | {
        Name("aum", "minor"): balances.aum[calendar.at],
        Name("products", ""): balances.products[calendar.at],
        Name("exclusion", ""): code,
        Name("tier", ""): tier_places(balances, base, settings),
        Name("lifecycle_stage", ""): stage(activity, balances.aum, tenure(entities, calendar)),
    }
    moves, days = _moves(entities, calendar, balances.changes)
    return at | _bridges(moves, balances.aum, calendar) | days


def _bridges(moves: dict[str, Ints], aum: Ints, calendar: Calendar) -> Arrays:
    """By part and window what came together before each snapshot; windows begin where the history does."""
    parts: Arrays = {}
    for window in BRIDGE_WEEKS:
        before = np.maximum(calendar.at - window, 0)
        parts[Name("opening", weeks(window))] = aum[before]
        for name, running in moves.items():
            parts[Name(name, weeks(window))] = running[calendar.at] - running[before]
        flows = [parts[Name(name, weeks(window))] for name in (*PARTS[:3], _SETTLED)]
        parts[Name("waiting", weeks(window))] = flows[3] - (flows[0] - flows[1] + flows[2])
        del parts[Name(_SETTLED, weeks(window))]
    return parts


def _moves(entities: Entities, calendar: Calendar, changes: BalanceChanges) -> tuple[dict[str, Ints], Arrays]:
    """Running sums by part (position × customer); and the unexplained of each day of the week before."""
    bookings, places = entities.tables["transactions"], changes.by_day
    rows = changes.rows.take(places)
    change, market, exchange = (part[places] for part in (changes.change, changes.market, changes.exchange))
    amount = bookings.columns["amount_base"]
    chosen = {each.name: counted(bookings, each) for each in (_INFLOW, _OUTFLOW, BANK_BOOKING)}
    flow = np.flatnonzero(np.any([*chosen.values()], axis=0))
    flows = bookings.take(flow)
    settled = _settled_on(flows, rows)
    by_rate, in_other = _rate_moves(flows, settled, rows)
    when = np.concatenate([bookings.customer[flow] * FOREVER + settled, rows.customer * FOREVER + rows.day])
    units, price = rows.columns["units"], rows.columns["unit_price"]
    revalued = (units > 0) | (rows.columns["to_base"] != BASE_RATE) | (market != 0)
    slack = ROUNDED * revalued + np.where(units > 0, -(-price // STEP), 0)
    day, (left, most) = _sums(
        when, np.append(-amount[flow] - by_rate, change - market), np.append(ROUNDED * in_other, slack)
    )
    # Prices, rates, units and bookings in another currency are each rounded: no money is missing there.
    rounding = np.where(np.abs(left) <= most, left, 0)
    customer, day = np.divmod(day, FOREVER)

    def booked(measure: Measure, values: Ints) -> Part:
        rows = chosen[measure.name]
        return bookings.day[rows], bookings.customer[rows], values[rows]

    unexplained = (day, customer, left - rounding)
    parts: dict[str, Part] = {
        "inflow": booked(_INFLOW, amount),
        "outflow": booked(_OUTFLOW, -amount),
        "bank": booked(BANK_BOOKING, amount),
        "market": (
            np.append(rows.day, day),
            np.append(rows.customer, customer),
            np.append(market - exchange, rounding),
        ),
        "exchange": (
            np.append(rows.day, settled),
            np.append(rows.customer, flows.customer),
            np.append(exchange, by_rate),
        ),
        "unexplained": unexplained,
        _SETTLED: (settled, flows.customer, amount[flow]),
    }
    running = _running([*parts.values()], calendar, len(entities))
    return dict(zip(parts, running, strict=True)), _days(unexplained, calendar, len(entities))


def _settled_on(flows: Rows, valued: Rows) -> Ints:
    """Per booking the day of the customer's next valuation, at most VALUED_WITHIN days later."""
    moments = valued.customer * FOREVER + valued.day
    place = np.searchsorted(moments, flows.customer * FOREVER + flows.day)
    following = np.append(moments, 0)[place]
    valued_later = (place < len(moments)) & (following // FOREVER == flows.customer)
    return np.minimum(np.where(valued_later, following % FOREVER, FOREVER), flows.day + VALUED_WITHIN)


def _rate_moves(flows: Rows, settled: Ints, valued: Rows) -> tuple[Ints, NDArray[np.bool_]]:
    """Per booking what the rate moved its value by until it was valued, 0 in base currency; and whether it is
    in another currency.

    Of several rates on that day the nearest to the booking's own is meant.
    """
    amount = flows.columns["amount_base"]
    in_currency = flows.columns.get("in_currency", amount)
    other = valued.take(valued.columns["to_base"] != BASE_RATE)
    moments, when = other.customer * FOREVER + other.day, flows.customer * FOREVER + settled
    first, last = (np.searchsorted(moments, when, side=side) for side in ("left", "right"))
    rates = np.append(other.columns["to_base"], BASE_RATE) / BASE_RATE
    moved, far = np.zeros_like(amount), np.full(len(amount), np.inf)
    for place in range(int((last - first).max(initial=0))):
        move = np.rint(in_currency * rates[np.minimum(first + place, len(other))]).astype(np.int64) - amount
        nearer = (first + place < last) & (in_currency != amount) & (np.abs(move) < far)
        moved, far = np.where(nearer, move, moved), np.where(nearer, np.abs(move), far)
    return moved, in_currency != amount


def _sums(keys: Ints, *values: NDArray[np.int64]) -> tuple[Ints, list[Ints]]:
    """The distinct keys, ascending, and per column of values their sums by key."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    return keys[first], [np.add.reduceat(column[order], first) if len(first) else column for column in values]


def _running(parts: Sequence[Part], calendar: Calendar, customers: int) -> Ints:
    """Running sums at every position (part × position × customer) of days, customers and values."""
    tiles = np.zeros((len(parts), calendar.positions, customers), np.int64)
    day, customer, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    part = np.repeat(np.arange(len(parts)), [len(days) for days, *_ in parts])
    add(calendar.position(day), customer, np.arange(len(day) + 1), part, value, tiles)
    sum_up(tiles)
    return tiles


def _days(part: Part, calendar: Calendar, customers: int) -> Arrays:
    """The values by how many days before each snapshot they lie, 1 to 7."""
    day, customer, value = part
    amounts = np.zeros((7, len(calendar.snapshots), customers), np.int64)
    snapshot = np.searchsorted(calendar.snapshots, day, side="right")
    before = np.append(calendar.snapshots, FOREVER)[snapshot] - day
    inside = before <= 7
    np.add.at(amounts, (before[inside] - 1, snapshot[inside], customer[inside]), value[inside])
    return {Name("unexplained", f"{back + 1}d"): amounts[back] for back in range(7)}


def _one_monday(
    entities: Entities, arrays: Arrays, s: int, calendar: Calendar, settings: Settings
) -> tuple[date, pa.Table, pa.Table]:
    customer = np.flatnonzero(arrays[Name("exclusion", "")][s] != _UNKNOWN)
    only, day = calendar.only(s), EPOCH + timedelta(days=int(calendar.snapshots[s]))
    of_day = {name: array[s, customer] for name, array in arrays.items()}
    records, homes = entities.tables["customers"], entities.tables["households"]
    labels = entities.tables["assignments"].labels

    def record(column: str) -> Ints:
        values = records.columns.get(column, np.full(len(records), -1))
        return value_as_of(records, only.snapshots, len(entities), values, -1)[0, customer]

    gone = [STATUSES.index("closed"), STATUSES.index("deceased")]
    tiers, bounds = [tier.name for tier in settings.tiers], settings.figures.age_bands
    age = day.year - record("born")
    band = np.where(age > day.year, -1, np.searchsorted(bounds, age, side="right"))
    columns = {
        "present": pa.array(~np.isin(record("status"), gone)),
        "exclusion": coded_words(of_day[Name("exclusion", "")], CODES, ""),
        "tier": coded_words(of_day[Name("tier", "")], tiers, None),
        "lifecycle_stage": coded_words(of_day[Name("lifecycle_stage", "")].astype(np.int64), STAGES, ""),
        "age_band": coded_words(band, age_bands(bounds), None),
        "household_id": coded_words(
            household(homes, only.snapshots, len(entities))[0, customer], homes.labels["household_id"], None
        ),
    }
    for name in ("branch_id", "manager_id"):
        columns[name] = coded_words(assigned(entities, only, name)[0][0, customer], labels[name], None)
    for name in ("aum", *PRODUCT_CLASSES):
        columns[f"{name}_minor"] = pa.array(of_day[Name(name, "minor")])
    columns["products"] = pa.array(of_day[Name("products", "")])
    for window in BRIDGE_WEEKS:
        for part in ("opening", *PARTS):
            columns[bridge_column(part, window)] = pa.array(of_day[Name(part, weeks(window))])
    unexplained = np.stack([of_day[Name("unexplained", f"{back}d")] for back in range(7, 0, -1)], axis=1)
    who, place = np.nonzero(unexplained)
    days = pa.array((calendar.snapshots[s] - 7 + place).astype(np.int32)).cast(pa.date32())
    of_days = {"day": days, "amount_minor": pa.array(unexplained[who, place])}
    return (
        day,
        pa.table(key_columns(entities, customer, day) | columns),
        pa.table(key_columns(entities, customer[who], day) | of_days),
    )


def bridge_column(part: str, window: int) -> str:
    """The column of a part of the bridge; without a window in its name that since the Monday before.

    >>> bridge_column("inflow", 1), bridge_column("inflow", 13)
    ('inflow_minor', 'inflow_13w_minor')
    """
    return f"{part}_minor" if window == 1 else f"{part}_{weeks(window)}_minor"


def age_bands(bounds: Sequence[int]) -> tuple[str, ...]:
    """The bands between ages, each in words.

    >>> age_bands((30, 50))
    ('0–29', '30–49', '50+')
    """
    return (*(f"{low}–{high - 1}" for low, high in pairwise((0, *bounds))), f"{bounds[-1]}+")
