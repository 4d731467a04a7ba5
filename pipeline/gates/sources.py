"""The rhythm of the sources: how old each table's newest day was on every Monday, and how many rows came.

All of it is told from the tables as they stand, because each row says when it was known: so there is a
history from the first run on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.dates import WEEK
from configs.tables import EVENT_TABLES, TABLES
from features.build import first_monday
from features.engine.entities import EPOCH, Ints, day_number, days_of, unscaled
from pipeline.artefacts import read_json
from pipeline.tables import Ingested

LOOK_BACK = 104  # Mondays: two years, so that the same season of the year before is among them
PAST_WEEKS = 8  # the median week is the median of those before
YEAR = 52
LEAST_ROWS = 30  # a branch with fewer rows, or questionnaires, in a median week may well have none in another
UNSCORED = ("labels", "households")  # no score rests on them, and a bank may begin to deliver them
SILENT = 0.1  # share of the median rows below which a branch counts as missing


@dataclass(frozen=True)
class Rhythm:
    """One table on each of ``mondays``, the oldest first, this Monday last: (Monday) arrays.

    ``lags`` are the days from the newest day that was seen to the Monday; ``rows`` those that were first seen
    in the week before it.
    """

    table: str
    mondays: tuple[date, ...]
    lags: Ints
    rows: Ints

    @property
    def through(self) -> date:
        """The newest day that this Monday sees."""
        return self.mondays[-1] - timedelta(days=int(self.lags[-1]))


@dataclass(frozen=True)
class Sources:
    """The rhythms of the tables by name, and (table, branch) pairs of which nearly every row is missing."""

    rhythms: Mapping[str, Rhythm]
    silent: tuple[tuple[str, str], ...]
    rate_changes: tuple[float, ...]  # by Monday as in the rhythm of rates: the largest step, as a log ratio
    unchanged: Mapping[date, tuple[float, int]]  # by Monday: share of unchanged balances, and of how many


@dataclass(frozen=True)
class _Days:
    """Rows of one table: the day each happened, the day it could first be seen, the branch of its customer.

    Of a questionnaire one answer alone counts for the branch; the others have -1, like rows without one.
    """

    happened: Ints
    seen: Ints
    branch: Ints


def read_sources(tables: Ingested, monday: date, branch_of: Mapping[str, str]) -> Sources:
    """The sources as ``monday`` and those before it saw them; ``branch_of`` are branches by customer_id."""
    start = max(first_monday(tables.first_day) + WEEK, monday - LOOK_BACK * WEEK)
    mondays = tuple(start + k * WEEK for k in range((monday - start).days // 7 + 1))
    branches = sorted(set(branch_of.values()))
    codes = {name: branches.index(branch) for name, branch in branch_of.items()}
    rhythms, silent = dict[str, Rhythm](), list[tuple[str, str]]()
    for name, contract in TABLES.items():
        if contract.by_customer and name not in UNSCORED and tables.parts(name):
            days = _read_days(tables, name, mondays[0].year - 1, codes)
            rhythms[name] = _rhythm(name, days, mondays)
            silent += [(name, branches[k]) for k in _silent(days, monday, len(branches))]
    changes: tuple[float, ...] = ()
    if tables.whole("rates").is_file():
        rates = pq.read_table(tables.whole("rates"))
        valued = days_of(rates["valued_on"])
        rhythms["rates"] = _rhythm("rates", _Days(valued, valued, np.zeros_like(valued)), mondays)
        changes = _largest_steps(rates, valued, mondays)
    present = {name: rhythm for name, rhythm in rhythms.items() if rhythm.rows.any()}
    return Sources(present, tuple(silent), changes, _unchanged_balances(tables, mondays[-YEAR:]))


def loaded_rows(tables: Ingested) -> dict[str, int]:
    """All rows loaded so far by ``table/source``, of the tables that several sources feed."""
    noted = read_json(tables.folder / "ingest.json")
    source_of = {file: source for source, files in noted["raw"].items() for file in files}
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count in (count for count in noted["files"] if count["file"] in source_of):
        rows[count["table"]][source_of[count["file"]]] += count["loaded"]
    several = {table: sources for table, sources in rows.items() if len(sources) > 1}
    return {f"{table}/{source}": n for table, sources in several.items() for source, n in sources.items()}


def data_through(tables: Ingested, monday: date) -> date:
    """The day after the last booking that happened and was known before ``monday``; that Monday at most.

    What is dated later cannot make an outcome known earlier. Without such a booking, the history's beginning.
    """
    days = _read_days(tables, "transactions", 0, {})
    happened = days.happened[days.seen < day_number(monday)]
    return EPOCH + timedelta(days=int(happened.max()) + 1) if len(happened) else tables.first_day


def _read_days(tables: Ingested, table: str, since: int, codes: Mapping[str, int]) -> _Days:
    """All rows of a table that happened from the year ``since`` on; ``codes`` number the branches."""
    contract = TABLES[table]
    columns = list(dict.fromkeys([*(["customer_id"] if codes else []), contract.happened, "known_on"]))
    read = (tables.read(table, bucket, columns, since) for bucket in range(tables.buckets))
    parts = [_days_of(rows, table, codes) for rows in read if rows is not None]
    return _Days(*(np.concatenate([*(getattr(part, name) for part in parts), np.empty(0, np.int64)])
                   for name in ("happened", "seen", "branch")))  # fmt: skip


def _days_of(rows: pa.Table, table: str, codes: Mapping[str, int]) -> _Days:
    known, happened = days_of(rows["known_on"]), days_of(rows[TABLES[table].happened])
    seen = np.maximum(known, happened)
    branch = np.full(len(rows), -1)
    if codes:
        coded = pc.dictionary_encode(rows["customer_id"]).combine_chunks()
        branch = np.array([codes.get(name, -1) for name in coded.dictionary.to_pylist()] or [-1], np.int64)[
            coded.indices.to_numpy()
        ]
        if table == "surveys":  # the answers of one questionnaire come together, or not at all
            pairs = np.stack([coded.indices.to_numpy(), happened])
            again = np.ones(len(rows), bool)
            again[np.unique(pairs, axis=1, return_index=True)[1]] = False
            branch[again] = -1
    # Of what is looked up (a customer, a period in somebody's charge) the newest version counts.
    return _Days(happened if table in EVENT_TABLES else seen, seen, branch)


def _rhythm(table: str, days: _Days, mondays: tuple[date, ...]) -> Rhythm:
    first = day_number(mondays[0]) - 7
    week = (days.seen - first) // 7  # 0 is the week before the first Monday; earlier ones are below 0
    visible = week < len(mondays)
    rows = np.bincount(week[visible & (week >= 0)], minlength=len(mondays))
    newest = np.full(len(mondays), first, np.int64)
    np.maximum.at(newest, np.maximum(week[visible], 0), days.happened[visible])
    at = np.array([day_number(day) for day in mondays])
    return Rhythm(table, mondays, at - np.maximum.accumulate(newest), rows)


def _silent(days: _Days, monday: date, branches: int) -> Iterator[int]:
    """The branches whose customers usually have rows, and nearly none in the week before the Monday."""
    week = (days.seen - day_number(monday)) // 7 + PAST_WEEKS + 1
    counted = (days.branch >= 0) & (week >= 0) & (week <= PAST_WEEKS)
    cells = np.bincount(
        days.branch[counted] * (PAST_WEEKS + 1) + week[counted], minlength=branches * (PAST_WEEKS + 1)
    )
    by_week = cells.reshape(branches, PAST_WEEKS + 1)
    median = np.median(by_week[:, :-1], axis=1) if branches else np.empty(0)
    yield from np.flatnonzero((median >= LEAST_ROWS) & (by_week[:, -1] < SILENT * median)).tolist()


def _largest_steps(rates: pa.Table, valued: Ints, mondays: Sequence[date]) -> tuple[float, ...]:
    """By Monday the largest step of a currency in the week before it, as a log ratio; 0 without two rates."""
    days, steps = np.array([day_number(day) for day in mondays]), np.zeros(len(mondays))
    currency, values = np.array(rates["currency"].to_pylist()), np.array(rates["to_base"].to_pylist(), float)
    for name in np.unique(currency):
        order = np.flatnonzero(currency == name)
        order = order[np.argsort(valued[order], kind="stable")]
        latest, earlier = (np.searchsorted(valued[order], days - back) - 1 for back in (0, 7))
        step = np.abs(np.log(values[order[latest]] / values[order[earlier]]))
        steps = np.maximum(steps, np.where(earlier >= 0, step, 0.0))
    return tuple(steps.tolist())


def _unchanged_balances(tables: Ingested, mondays: Sequence[date]) -> dict[date, tuple[float, int]]:
    """By Monday the share of the holdings valued anew in the week before whose balance is the one before, and
    their number; weeks with fewer than ``LEAST_ROWS`` are left out."""
    first, total = day_number(mondays[0]) - 7, np.zeros((2, len(mondays)), np.int64)
    columns = ["customer_id", "product_id", "account_id", "valued_on", "known_on", "balance"]
    for bucket in range(tables.buckets):
        rows = tables.read("holdings", bucket, columns, mondays[0].year - 1)
        if rows is None:
            continue
        who, product, account = (
            pc.dictionary_encode(rows[name]).combine_chunks().indices.to_numpy() for name in columns[:3]
        )
        day, balance = days_of(rows["valued_on"]), unscaled(rows["balance"])
        seen = np.maximum(days_of(rows["known_on"]), day)
        order = np.lexsort((seen, day, account, product, who))
        who, product, account, seen, balance = (
            values[order] for values in (who, product, account, seen, balance)
        )
        again = np.all([key[1:] == key[:-1] for key in (who, product, account)], axis=0)
        week = (seen[1:] - first) // 7
        counted = again & (week >= 0) & (week < len(mondays))
        for row, rows_of in enumerate((counted, counted & (balance[1:] == balance[:-1]))):
            total[row] += np.bincount(week[rows_of], minlength=len(mondays))
    return {
        day: (same / valued, valued)
        for day, valued, same in zip(mondays, *total.tolist(), strict=True)
        if valued >= LEAST_ROWS
    }
