"""The one entry: a bucket's tables and some Mondays in; cohort, features and labels out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from configs.errors import DataError
from configs.published import STAGES
from configs.settings import Settings
from features.catalogue.entries import Entry, entry
from features.catalogue.grammar import Name, is_below
from features.cohort import CODES, ELIGIBLE, exclusion, opted_out
from features.engine.activity import Bucket, make_bucket
from features.engine.booking_days import make_booking_days
from features.engine.compact_history import lookback_days
from features.engine.cut import Arrays, recompute_late_arrivals
from features.engine.entities import EPOCH, Entities, Ints, day_number, make_entities
from features.engine.tiles import Calendar, Columns, SnapshotArray
from features.families.attributes import attributes
from features.families.balances import balances, classes, months, tiers
from features.families.bank_code import bank_code
from features.families.flows import flows, large, rhythm
from features.families.holdings import holdings, rollover
from features.families.lifecycle import firsts, lifecycle, past, season
from features.families.offers import offers
from features.families.relationship import assigned, relationship, surveys
from features.label import is_known, label_of, make_outcome_window
from features.tier_rule import tier_columns
from features.weight import base_aum, present_aum, rows_before

Family = Callable[[Bucket], Columns]
# Of cohort, features and labels: raised whenever one value of them changes for the same tables and settings.
FEATURES_VERSION = 4
# The families in the order of the columns; each is the function of its name.
FAMILIES = (
    balances, classes, months, tiers, flows, large, rhythm, holdings, rollover, offers, firsts, lifecycle,
    past, relationship, surveys, season, attributes, bank_code,
)  # fmt: skip
OF_BALANCES = (balances, classes, months, tiers, holdings, rollover, offers, past)
CHUNK = 14  # snapshots computed at once, a quarter; bounds the memory of one task


def build(
    entities: Entities, snapshots: Sequence[date], history_from: date, settings: Settings
) -> Iterator[tuple[date, pa.Table, pa.Table]]:
    """Each Monday, its cohort (one row per customer by then) and its features (one per eligible customer).

    Nothing that happened or became known on or after the Monday is seen: whoever opened or became known then
    is in neither table, for their number is the future's. Feature columns are float64 (NaN = unknown), money
    in base currency; the order is the catalogue's. What looks back on fewer weeks than the shortest window
    of the settings is unknown: the bank's rows may lie further apart.

    Raises DataError for a snapshot that is no Monday of the history.
    """
    for start in range(0, len(snapshots), CHUNK):
        chunk = snapshots[start : start + CHUNK]
        calendar = calendar_of(chunk, history_from, settings)
        arrays = recompute_late_arrivals(entities, calendar, partial(_compute, settings=settings))
        features = {str(name): array for name, array in arrays.items() if not name.measure.startswith("_")}
        for s in range(len(chunk)):
            yield _one_snapshot(entities, arrays, features, s, calendar, settings)


def build_labels(
    entities: Entities, snapshots: Sequence[date], history_from: date, data_through: date, settings: Settings
) -> Iterator[tuple[date, pa.Table]]:
    """One row per customer with AUM before the snapshot: whether and when the customer left, and how much.

    By delivered labels there is a row only where one is known. ``attrited`` is 0 or 1; ``time_to_attrition``
    one of the label's horizons in days, null for those who stayed;
    ``outflow_share`` a share of ``aum_base`` (base currency). Snapshots must have matured by
    ``data_through``.
    """
    calendar = calendar_of(snapshots, history_from, settings)
    window = make_outcome_window(entities, calendar, settings, day_number(data_through))
    outflow_share, time_to_attrition = label_of(window, settings)
    known = is_known(window, settings.label)
    for s, day in enumerate(snapshots):
        customer = np.flatnonzero((window.base[s] > 0) & known[s])
        days = time_to_attrition[s, customer]
        columns = {
            "attrited": pa.array((days > 0).astype(np.int8)),
            "time_to_attrition": pa.array(days.astype(np.int16), mask=days == 0),
            "outflow_share": pa.array(outflow_share[s, customer]),
            "aum_base": pa.array(window.base[s, customer]),
        }
        yield day, pa.table(key_columns(entities, customer, day) | columns)


def catalogue(settings: Settings) -> dict[str, Entry]:
    """Every feature by name, in the order of the columns; an empty bank has the same ones as a full one."""
    calendar = Calendar(np.array([7 * 60 + 4]), 4, settings.features.windows)
    nobody = make_bucket(make_entities({}), calendar, settings)
    entries = {
        name: entry(name, settings, family.__name__)
        for family in families(settings)
        for name, _ in family(nobody)
    }
    return {str(name): row for name, row in entries.items()}


def families(settings: Settings) -> tuple[Family, ...]:
    """The families of a bank, in the order of the columns; those of balances only where it counts money."""
    return tuple(family for family in FAMILIES if settings.counts == "money" or family not in OF_BALANCES)


def first_monday(first_day: date) -> date:
    """The first full week of history starts here."""
    return first_day + timedelta(days=-first_day.weekday() % 7)


def calendar_of(snapshots: Sequence[date], history_from: date, settings: Settings) -> Calendar:
    """The Mondays as a Calendar; a day before the history or between its Mondays would read a wrong tile."""
    off = [day for day in snapshots if day < history_from or (day - history_from).days % 7]
    if off:
        raise DataError(
            f"{off[0]} is no snapshot of this history, which begins on {history_from}, a {history_from:%A}. "
            "Snapshots are whole weeks after it: choose such a Monday, or deliver older bookings."
        )
    days = np.array([day_number(day) for day in snapshots], np.int64)
    # Weeks before the longest look back need no tile of their own, so a Monday costs the same however long
    # the history is.
    start = max(day_number(history_from), int(days.min()) - lookback_days(settings))
    return Calendar(days, start, settings.features.windows)


def _compute(entities: Entities, calendar: Calendar, settings: Settings) -> Arrays:
    """Every feature as a (snapshot × customer) array; names that begin with "_" belong to the cohort."""
    bucket = make_bucket(entities, calendar, settings)
    base, aum = (of(entities, bucket.balances, settings) for of in (base_aum, present_aum))
    code = exclusion(entities, bucket.balances, base, rows_before(entities, calendar), settings)
    tiers = {Name(f"_{name}", ""): of for name, of in tier_columns(bucket.balances, base, settings).items()}
    features = {
        name: np.full(array.shape, np.nan) if is_below(name, calendar.windows[0]) else array
        for family in families(settings)
        for name, array in family(bucket)
    }
    days = make_booking_days(entities, calendar)
    booked = dict(zip(_BOOKED, (days.number, days.since_first, days.since_last), strict=True))
    return {_EXCLUSION: code, _BASE: base, _NOW: aum} | tiers | booked | features


_EXCLUSION, _TIER, _BASE, _NOW = (Name(f"_{name}", "") for name in ("exclusion", "tier", "aum_base", "aum"))
# Of the tier by monthly averages alone; features/tier_rule.py.
_WATCH = ("months_below", "month_average_minor", "needed_minor", "saved_by_minor")
_FALLS_TO = Name("_falls_to", "")
# The cohort's columns behind the probability of silence, which is learnt from everybody, eligible or not.
_BOOKED = tuple(Name(f"_{name}", "") for name in ("booking_days", "days_since_first", "days_since_last"))
_UNKNOWN = CODES.index("not_yet_customer")
_STAGE = Name("lifecycle_stage", "code")


def _one_snapshot(
    entities: Entities,
    arrays: Mapping[Name, SnapshotArray],
    features: Mapping[str, SnapshotArray],
    s: int,
    calendar: Calendar,
    settings: Settings,
) -> tuple[date, pa.Table, pa.Table]:
    code = arrays[_EXCLUSION][s]
    customer, eligible = np.flatnonzero(code != _UNKNOWN), np.flatnonzero(code == ELIGIBLE)
    only, day = calendar.only(s), EPOCH + timedelta(days=int(calendar.snapshots[s]))
    base, labels = arrays[_BASE][s, customer], entities.tables["assignments"].labels
    names = [tier.name for tier in settings.tiers]
    cohort = {
        "exclusion": coded_words(code[customer], CODES, ""),
        "aum_base": pa.array(base),
        "aum": pa.array(arrays[_NOW][s, customer]),
        "tier": coded_words(arrays[_TIER][s, customer], names, None),
        "lifecycle_stage": coded_words(arrays[_STAGE][s, customer].astype(np.int64), STAGES, ""),
        "marketing_opt_out": pa.array(opted_out(entities, only)[0, customer]),
    } | {str(name)[1:]: pa.array(arrays[name][s, customer]) for name in _BOOKED}
    for column in ("manager_id", "branch_id"):
        assignment, _ = assigned(entities, only, column)
        cohort[column] = coded_words(assignment[0, customer], labels[column], None)
    if _FALLS_TO in arrays:
        cohort["falls_to"] = coded_words(arrays[_FALLS_TO][s, customer], names, None)
        cohort |= {name: pa.array(arrays[Name(f"_{name}", "")][s, customer]) for name in _WATCH}
    columns = {name: pa.array(array[s][eligible]) for name, array in features.items()}
    cohort_table = pa.table(key_columns(entities, customer, day) | cohort)
    return day, cohort_table, pa.table(key_columns(entities, eligible, day) | columns)


def key_columns(entities: Entities, customer: Ints, day: date) -> dict[str, pa.Array]:
    """The two columns of the key of rows of one Monday; ``customer`` are positions."""
    return {
        "customer_id": pa.array(entities.customers[customer], pa.string()),
        "snapshot_date": pa.array(np.full(len(customer), day_number(day), np.int32)).cast(pa.date32()),
    }


def coded_words(code: Ints, words: Sequence[str], missing: str | None) -> pa.Array:
    """Codes as words, ``missing`` for -1."""
    return pa.array([*words, missing], pa.string()).take(pa.array(np.where(code < 0, len(words), code)))
