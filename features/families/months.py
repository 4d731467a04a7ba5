"""Family: balances at the last month-ends, what each month changed, and the change since the quarter-end."""

from collections.abc import Mapping

import numpy as np

from features.catalogue.grammar import Name, month
from features.engine.balances import CLASSES, MINOR, BalanceChanges, Balances
from features.engine.entities import Ints
from features.engine.tiles import Calendar, Columns, SnapshotArray, add
from features.families.balances import ratio
from features.families.classes import GROUPED, MAIN

BACK = 6  # month-ends shown
COMPARED = 3  # of which compared with the one before


def months(changes: BalanceChanges, balances: Balances) -> Columns:
    """Money in base currency at the end of a month's last day (1m = the last month-end), and ratios."""
    starts, last = _starts(balances.calendar)
    ends = _balances(changes, starts, balances.aum.shape[1])
    for name in ("aum", *MAIN):
        for k in range(1, BACK + 1):
            yield Name(name, "closing", month(k)), _at(ends[name], last + 1 - k)
    for name in ("aum", "deposits", "investment"):
        for k in range(1, COMPARED + 1):
            now, before = _at(ends[name], last + 1 - k), _at(ends[name], last - k)
            yield Name(name, "step", month(k)), now - before
            yield Name(name, "growth", month(k)), ratio(now, before)
    quarter = last - month_number(balances.calendar.snapshots) % 3
    for name in GROUPED:
        now = balances.now(sum(balances.by_class[CLASSES.index(one)] for one in GROUPED[name]))
        before = _at(ends[name], quarter)
        yield Name(name, "change", "quarter"), ratio(now - before, before)


def month_number(days: Ints) -> Ints:
    """Months since January 1970 of day numbers."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _starts(calendar: Calendar) -> tuple[Ints, Ints]:
    """First days of the months in the history; per snapshot the index of the last one up to it (-1: none)."""
    first, last = month_number(np.array([calendar.history_from, calendar.snapshots.max()]))
    starts = np.arange(first, last + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    starts = starts[starts >= calendar.history_from]
    return starts, np.searchsorted(starts, calendar.snapshots, side="right") - 1


def _balances(changes: BalanceChanges, starts: Ints, customers: int) -> Mapping[str, Ints]:
    """Of AUM, each class and group: the balance the evening before each of ``starts`` (month × customer)."""
    rows, n = changes.rows, len(changes.rows)
    tiles = np.zeros((len(CLASSES) + 1, len(starts) + 1, customers), np.int64)
    column = rows.columns["product_class"] if n else rows.day
    add(
        np.searchsorted(starts, rows.day, side="right").astype(np.int64),
        rows.customer, np.arange(n + 1), column, changes.change, tiles,
    )  # fmt: skip
    np.cumsum(tiles, axis=1, out=tiles)
    single = {name: tiles[k] for k, name in enumerate(CLASSES)}
    groups = {"aum": CLASSES, **GROUPED}
    return single | {
        group: np.sum([single[name] for name in members], axis=0) for group, members in groups.items()
    }


def _at(ends: Ints, month: Ints) -> SnapshotArray:
    """The balance before each snapshot's month (base currency); NaN where the history begins later."""
    value = ends[np.maximum(month, 0)] / MINOR
    value[month < 0] = np.nan
    return value
