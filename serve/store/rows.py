"""Published objects as rows of the store, and rows written many at once.

Rows are tuples in the order of a table's columns; counts are JSON; a profile is compressed JSON.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate, groupby, islice
from operator import attrgetter, itemgetter, sub
from types import MappingProxyType
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import Connection, Date, Row, Table, insert, text

from configs.branch_figures.contents import as_object
from configs.branch_figures.products import ProductGap
from configs.branch_rows import BranchFigures
from configs.errors import DataError
from configs.published import (
    Booking,
    Change,
    Maturity,
    PastContact,
    Profile,
    Reason,
    Run,
    Score,
)
from serve.store import tables

BATCH = 10_000  # rows handed to SQLite's driver at once; bounds memory
Values = tuple[Any, ...]


def names_of(table: Table, but: tuple[str, ...] = ("run_version",)) -> list[str]:
    """The names of a table's columns, in their order."""
    return [column.name for column in table.columns if column.name not in but]


SCORE = names_of(tables.scores)
REASON = names_of(tables.reasons, ("run_version", "customer_id", "place"))
REASONS = slice(len(SCORE), len(SCORE) + len(REASON))  # of a row with a score and one of its reasons
REASON_COLUMNS = tuple(tables.reasons.c[name] for name in REASON)


def run_row(run_version: int, run: Run) -> dict[str, Any]:
    return run.__dict__ | {
        "run_version": run_version,
        "excluded": dump(dict(run.excluded)),
        "manifest": dump(dict(run.manifest)),
    }


def score_rows(run_version: int, scores: Iterable[Score]) -> Iterator[Values]:
    """One row per score; the changes as JSON."""
    values, changes = attrgetter(*SCORE), SCORE.index("changes")
    for score in scores:
        row = [run_version, *values(score)]
        row[1 + changes] = dump([change.__dict__ for change in score.changes])
        yield tuple(row)


def reason_rows(run_version: int, scores: Iterable[Score]) -> Iterator[Values]:
    """One row per reason, the weightiest in place 1."""
    values = attrgetter("group", *REASON[1:])
    for score in scores:
        for place, reason in enumerate(score.reasons, start=1):
            yield run_version, score.customer_id, place, *values(reason)


def figure_rows(run_version: int, figures: Iterable[BranchFigures]) -> Iterator[Values]:
    """One row per branch and content. Raises DataError for what JSON cannot hold, such as a NumPy number."""
    for item in figures:
        yield run_version, item.branch_id, item.name, dump(as_object(item.content), separators=(",", ":"))


def object_rows(run_version: int, table: Table, objects: Iterable[object]) -> Iterator[Values]:
    """One row per object, whose attributes are named as the columns of the table."""
    values = attrgetter(*names_of(table))
    return ((run_version, *values(item)) for item in objects)


def run_from(row: Row[Any]) -> Run:
    values = values_of(row)
    for name in ("excluded", "manifest"):
        values[name] = MappingProxyType(json.loads(values[name]))
    return Run(**values)


def scores_from(rows: Iterable[Row[Any]]) -> Iterator[Score]:
    """One Score per customer, from rows of SCORE and REASON; the reason is empty where there is none."""
    for _, group in groupby(rows, key=itemgetter(SCORE.index("customer_id"))):
        customer_rows = list(group)
        reasons = (row[REASONS] for row in customer_rows if row[len(SCORE)] is not None)
        yield score_of(customer_rows[0], tuple(Reason(*reason) for reason in reasons))


def score_of(values: Sequence[Any], reasons: tuple[Reason, ...] = ()) -> Score:
    """From the columns of SCORE, and others that follow them."""
    fields = dict(zip(SCORE, values, strict=False))
    changes = tuple(Change(**change) for change in json.loads(fields.pop("changes")))
    return Score(**fields, reasons=reasons, changes=changes)


def values_of(row: Row[Any]) -> dict[str, Any]:
    """The columns of a row by name, without the run's."""
    values = row._asdict()
    del values["run_version"]
    return values


def dump(value: object, **options: Any) -> str:
    """JSON with Chinese kept as it is. Raises DataError for NaN and for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, **options)
    except (TypeError, ValueError) as error:
        raise _not_stored(error) from None


def _not_stored(error: Exception) -> DataError:
    return DataError(
        "a change, a count, the manifest, a profile, a branch's figures or a model card cannot be stored"
        f": {error}. Hand over plain Python values."
    )


def profile_rows(run_version: int, profiles: Iterable[Profile]) -> Iterator[Values]:
    """One row per profile. Raises DataError for what JSON cannot hold, such as a NumPy number."""
    return ((run_version, profile.customer_id, packed(profile)) for profile in profiles)


def packed(profile: Profile) -> bytes:
    """The profile as bytes; AUM as the first value and each week's change, which is mostly none and short."""
    gaps = [_fields(gap) for gap in profile.gaps]
    whole = (
        {name: [*weeks[:1], *map(sub, weeks[1:], weeks)] for name, weeks in profile.aum_by_class.items()},
        *(
            [_fields(item) for item in items]
            for items in (profile.maturities, profile.bookings, profile.contacts)
        ),
        profile.complaints,
        *([[profile.name, profile.phone, gaps]] if profile.name or profile.phone or gaps else []),
    )
    try:
        return zlib.compress(to_json(whole), 9)
    except PydanticSerializationError as error:
        raise _not_stored(error) from None


def _fields(item: object) -> list[Any]:
    """The fields of an item in their order; dataclasses.astuple takes fourteen times as long, for copies."""
    return [*vars(item).values()]


def unpacked(customer_id: str, content: bytes) -> Profile:
    """The profile that was packed, by this release or one that kept less."""
    day = date.fromisoformat
    aum, maturities, bookings, contacts, *later = json.loads(zlib.decompress(content))
    return Profile(
        customer_id,
        MappingProxyType({name: tuple(accumulate(changes)) for name, changes in aum.items()}),
        tuple(Maturity(name, kind, day(due), balance) for name, kind, due, balance in maturities),
        tuple(Booking(day(booked), *rest) for booked, *rest in bookings),
        tuple(PastContact(day(contacted), *rest) for contacted, *rest in contacts),
        tuple(map(day, later[0])) if later else (),
        *(_later(*later[1]) if len(later) > 1 else ()),
    )


def _later(name: str, phone: str, gaps: Sequence[Sequence[Any]] = ()) -> tuple[Any, ...]:
    """The fields added to profiles later; an older release kept no gaps."""
    return name, phone, tuple(ProductGap(*gap) for gap in gaps)


def bulk_insert(connection: Connection, table: Table, rows: Iterable[Values]) -> None:
    """Writes rows of plain values (text, int, float, bool, bytes, date, None), in the order of the columns.

    COPY on PostgreSQL. On SQLite one prepared statement in batches, past SQLAlchemy's handling of each value,
    which takes longer than SQLite does.
    """
    if connection.dialect.name == "postgresql":
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        return
    statement = str(insert(table).compile(dialect=connection.dialect))
    days = [place for place, column in enumerate(table.columns) if isinstance(column.type, Date)]
    pending = _with_days_as_text(rows, days) if days else iter(rows)
    while batch := list(islice(pending, BATCH)):
        connection.exec_driver_sql(statement, batch)


def _with_days_as_text(rows: Iterable[Values], places: Sequence[int]) -> Iterator[Values]:
    for row in rows:
        values = list(row)
        for place in places:
            if values[place] is not None:
                values[place] = str(values[place])
        yield tuple(values)


def analyze(connection: Connection, tables: Iterable[Table]) -> None:
    """Tells the database's planner of new rows, in a third of a second for a million.

    Until PostgreSQL knows of them each page sorts all that follow it; until SQLite does it takes any column
    to choose one row in ten, and reads a whole run for the customers of a branch.
    """
    for table in tables:
        connection.execute(text(f'ANALYZE "{table.name}"'))
