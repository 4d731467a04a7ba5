"""How published objects lie in the store: tuples in the order of a table's columns, counts as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, Table

from configs.errors import DataError
from configs.published import Change, Reason, Run, Score
from serve.store import tables

Values = tuple[Any, ...]


def names_of(table: Table, but: tuple[str, ...] = ("run_version",)) -> list[str]:
    """The names of a table's columns, in their order."""
    return [column.name for column in table.columns if column.name not in but]


SCORE = names_of(tables.scores)
REASON = names_of(tables.reasons, ("run_version", "customer_id", "place"))
REASONS = slice(len(SCORE), len(SCORE) + len(REASON))  # of a row with a score and one of its reasons
REASON_COLUMNS = tuple(tables.reasons.c[name] for name in REASON)


def run_row(run_version: int, run: Run) -> dict[str, Any]:
    counts = {"excluded": dump(dict(run.excluded)), "manifest": dump(dict(run.manifest))}
    return run.__dict__ | counts | {"run_version": run_version}


def score_rows(run_version: int, scores: Iterable[Score]) -> Iterator[Values]:
    """One row per score; the changes, the last column, as JSON."""
    values = attrgetter(*SCORE[:-1])
    for score in scores:
        yield run_version, *values(score), dump([change.__dict__ for change in score.changes])


def reason_rows(run_version: int, scores: Iterable[Score]) -> Iterator[Values]:
    """One row per reason, the weightiest in place 1."""
    values = attrgetter("group", *REASON[1:])
    for score in scores:
        for place, reason in enumerate(score.reasons, start=1):
            yield run_version, score.customer_id, place, *values(reason)


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
        yield score_from(list(group))


def score_from(rows: Sequence[Row[Any]]) -> Score:
    """From the rows of one customer."""
    values = dict(zip(SCORE, rows[0], strict=False))
    reasons = (row[REASONS] for row in rows if row[len(SCORE)] is not None)
    changes = (Change(**change) for change in json.loads(values.pop("changes")))
    return Score(**values, reasons=tuple(Reason(*reason) for reason in reasons), changes=tuple(changes))


def values_of(row: Row[Any]) -> dict[str, Any]:
    """The columns of a row by name, without the run's."""
    values = row._asdict()
    del values["run_version"]
    return values


def dump(value: object) -> str:
    """JSON with Chinese kept as it is. Raises DataError for NaN and for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a change, a count, the manifest or a model card cannot be stored: {error}. Hand over plain "
            "Python "
            "values."
        ) from None
