"""Movement between two Mondays: bridges of AUM and matrices of tiers and stages, of branches and the bank.

Customers who moved alike, from the same cells to the same cells, are added up once; every bridge and every
matrix is a sum over these. Sums are of whole minor units, so that nothing is lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.branch_figures.movement import (
    Bridge,
    Movement,
    MovementMatrix,
    MovementPeriod,
    UnexplainedDay,
)
from configs.dates import WEEK
from features.structure import BRIDGE_WEEKS, PARTS, bridge_column
from pipeline.artefacts import Home
from pipeline.structure.cells import ABSENT, OF_BANK, OF_BRANCH, Cells, Ints, Segments, customers_on
from pipeline.structure.facts import read_structure

Flags = NDArray[np.bool_]
MOVED = ("tier", "stage")  # the dimensions of a matrix
MATRIX_WEEKS = 4  # from which on there are matrices: a week moves too few
SUMS = [field.name for field in fields(Bridge) if field.name.endswith(("_customers", "_minor"))]


@dataclass(frozen=True)
class Ways:
    """One row per customer, or per way from cells to cells that some went, between two Mondays.

    ``codes_then`` and ``codes_now`` are by dimension, ABSENT for who was not present. ``sums``: number of
    ``customers``, AUM ``then`` as seen then, the same as seen now (``opening``), the parts of the bridge, and
    AUM ``now``, in minor units.
    """

    codes_then: pd.DataFrame
    codes_now: pd.DataFrame
    sums: pd.DataFrame

    @property
    def was_present(self) -> Flags:
        return (self.codes_then.iloc[:, 0] != ABSENT).to_numpy()

    @property
    def is_present(self) -> Flags:
        return (self.codes_now.iloc[:, 0] != ABSENT).to_numpy()

    def added_up(self) -> "Ways":
        """One row per way."""
        sides = [
            side.groupby([*side], sort=False).ngroup().to_numpy()
            for side in (self.codes_then, self.codes_now)
        ]
        way = sides[0] * (int(sides[1].max(initial=0)) + 1) + sides[1]
        _, first, place = np.unique(way, return_index=True, return_inverse=True)
        sums = {}
        for name, column in self.sums.items():
            sums[name] = np.zeros(len(first), np.int64)
            np.add.at(sums[name], place, column.to_numpy())
        return Ways(_chosen(self.codes_then, first), _chosen(self.codes_now, first), pd.DataFrame(sums))


def _chosen(frame: pd.DataFrame, places: Ints) -> pd.DataFrame:
    return frame.iloc[places].reset_index(drop=True)


def movements(home: Home, cells: Cells, segments: Segments, mondays: Sequence[date]) -> dict[str, Movement]:
    """The movement of places branch by its id up to the last of ``mondays``, and of the bank as ""."""
    snapshot_date = mondays[-1]
    periods: dict[str, list[MovementPeriod]] = {branch: [] for branch in ("", *cells.branches)}
    for weeks in BRIDGE_WEEKS:
        since = snapshot_date - weeks * WEEK
        if since in mondays:
            for branch, period in _periods(home, cells, segments, snapshot_date, weeks):
                periods[branch].append(period)
    return {branch: Movement(str(snapshot_date), tuple(parts)) for branch, parts in periods.items()}


def ways_between(earlier: pa.Table, later: pa.Table, cells: Cells, weeks: int) -> tuple[Ways, pa.Array]:
    """One row per customer present on either Monday, and their ids.

    Whoever is in no row of ``now``, because the bank took the record back, has left.
    """
    earlier = earlier.filter(earlier["present"])
    place = pc.index_in(earlier["customer_id"], later["customer_id"].combine_chunks())
    lost = place.is_null().to_numpy()
    at = pc.fill_null(place, 0).to_numpy().astype(np.int64)
    at[lost] = len(later) + np.arange(lost.sum())
    size = len(later) + int(lost.sum())

    def placed(values: Ints, where: Ints, missing: int) -> Ints:
        column = np.full(size, missing, np.int64)
        column[where] = values
        return column

    places = np.arange(len(later))
    sides = [
        pd.DataFrame({name: placed(codes[name].to_numpy(), where, ABSENT) for name in codes})
        for codes, where in ((cells.codes(earlier), at), (cells.codes(later), places))
    ]
    was_present, is_present = (side.iloc[:, 0].to_numpy() != ABSENT for side in sides)
    parts = {part: later[bridge_column(part, weeks)].to_numpy() for part in ("opening", *PARTS)}
    sums = {"customers": np.ones(size, np.int64), "then": placed(earlier["aum_minor"].to_numpy(), at, 0)}
    sums |= {part: placed(values, places, 0) for part, values in parts.items()}
    sums["now"] = np.where(is_present, placed(later["aum_minor"].to_numpy(), places, 0), 0)
    kept = np.flatnonzero(was_present | is_present)
    lost_ids = earlier["customer_id"].filter(place.is_null()).combine_chunks()
    ids = pa.concat_arrays([later["customer_id"].combine_chunks(), lost_ids])
    then_codes, now_codes, amounts = (_chosen(frame, kept) for frame in (*sides, pd.DataFrame(sums)))
    return Ways(then_codes, now_codes, amounts), ids.take(pa.array(kept))


def bridge_sums(ways: Ways, by: Sequence[str]) -> pd.DataFrame:
    """One row per cell of these dimensions together: the customers and the money of its bridge."""
    was_present, is_present, sums = ways.was_present, ways.is_present, ways.sums
    stayed = was_present & is_present
    switched = stayed & (ways.codes_then[[*by]].to_numpy() != ways.codes_now[[*by]].to_numpy()).any(axis=1)

    def of(rows: Flags, column: str) -> Ints:
        return np.where(rows, sums[column].to_numpy(), 0)

    earlier = {
        "opening_customers": of(was_present, "customers"),
        "left_customers": of(~is_present, "customers"),
        "gone_customers": of(switched, "customers"),
        "opening_minor": of(was_present, "then"),
        "known_later_minor": of(was_present, "opening") - of(was_present, "then"),
        "left_minor": of(~is_present, "opening"),
        "gone_minor": of(switched, "opening"),
    }
    later = {
        "new_customers": of(~was_present, "customers"),
        "arrived_customers": of(switched, "customers"),
        "closing_customers": of(is_present, "customers"),
        "new_minor": of(~was_present, "now"),
        "arrived_minor": of(switched, "opening"),
        **{f"{part}_minor": of(stayed, part) for part in PARTS},
        "closing_minor": of(is_present, "now"),
    }
    halves = [
        _by_cell(pd.DataFrame(columns)[rows], side[rows], by)
        for columns, side, rows in (
            (earlier, ways.codes_then, was_present),
            (later, ways.codes_now, is_present),
        )
    ]
    cells = halves[0].index.union(halves[1].index)
    whole = pd.concat([half.reindex(cells, fill_value=0) for half in halves], axis=1)
    return whole[SUMS]


def _by_cell(columns: pd.DataFrame, codes: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    keys = [codes[name] for name in by] or [pd.Series(0, codes.index)]
    return columns.groupby(keys).sum()


def matrix_sums(ways: Ways, dimension: str, size: int, branches: int) -> dict[str, Ints]:
    """(branch × row × column) arrays of customers, AUM then and AUM now; of the bank alone without branches.

    Behind the ``size`` cells: rows of customers who arrived and who are new, columns of who went and left.
    """
    was_present, is_present = ways.was_present, ways.is_present
    row, column = ways.codes_then[dimension].to_numpy(), ways.codes_now[dimension].to_numpy()
    whole, left = np.zeros(len(row), np.int64), np.where(is_present, column, size + 1)
    scopes, chosen = [(whole, np.where(was_present, row, size + 1), left)], [was_present | is_present]
    if branches:
        before, after = ways.codes_then["branch"].to_numpy(), ways.codes_now["branch"].to_numpy()
        same = before == after
        scopes = [
            (before, row, np.where(same, column, np.where(is_present, size, size + 1))),
            (after, np.where(was_present, size, size + 1), column),
        ]
        chosen = [was_present & (before < branches), is_present & ~same & (after < branches)]
    arrays = {}
    for name in ("customers", "then", "now"):
        arrays[name] = np.zeros((branches or 1, size + 2, size + 2), np.int64)
        for places, rows in zip(scopes, chosen, strict=True):
            np.add.at(arrays[name], tuple(place[rows] for place in places), ways.sums[name].to_numpy()[rows])
    return arrays


def _periods(
    home: Home, cells: Cells, segments: Segments, snapshot_date: date, weeks: int
) -> Iterator[tuple[str, MovementPeriod]]:
    """Of the bank as "", and of places branch."""
    since = snapshot_date - weeks * WEEK
    if since not in segments:
        cells = cells.without("segment")
    parts = [bridge_column(part, weeks) for part in ("opening", *PARTS)]
    later, earlier = customers_on(home, snapshot_date, segments, parts), customers_on(home, since, segments)
    each, ids = ways_between(earlier, later, cells, weeks)
    ways, days = each.added_up(), _unexplained(home, snapshot_date, each, ids) if weeks == 1 else None
    of_branches = [(["branch"], cells.branches, OF_BRANCH)] if cells.branches else []
    for scope, scopes, names in (([], ("",), OF_BANK), *of_branches):
        bridges: list[list[Bridge]] = [[] for _ in scopes]
        for dimension in ("", *(name for name in names if name in cells.words)):
            for place, bridge in _bridges(ways, days, cells, scope, dimension):
                if place < len(scopes):  # whoever has no branch is in the bank's figures alone
                    bridges[place].append(bridge)
        matrices = [
            _matrices(ways, cells, dimension, len(scopes) if scope else 0)
            for dimension in (MOVED if weeks >= MATRIX_WEEKS else ())
        ]
        for place, branch in enumerate(scopes):
            of_scope = tuple(matrix[place] for matrix in matrices)
            yield branch, MovementPeriod(weeks, str(since), tuple(bridges[place]), of_scope)


def _bridges(
    ways: Ways, days: pd.DataFrame | None, cells: Cells, scope: Sequence[str], dimension: str
) -> Iterator[tuple[int, Bridge]]:
    """The place of the branch, 0 for the bank, and the bridge of each cell."""
    by = [*scope, dimension] if dimension else [*scope]
    of_days: dict[tuple[int, ...], list[UnexplainedDay]] = {}
    if days is not None:
        sums = days.groupby([*by, "day"])[["amount", "customers"]].sum()
        for key, amount, customers in sums.itertuples():
            *cell, day = key if by else (key,)
            of_days.setdefault(tuple(cell), []).append(UnexplainedDay(str(day), int(amount), int(customers)))
    for key, *values in bridge_sums(ways, by).itertuples():
        cell = tuple(key) if isinstance(key, tuple) else (key,)
        word = cells.words[dimension][cell[-1]] if dimension else ""
        listed = tuple(of_days.get(cell if by else (), ()))
        numbers = dict(zip(SUMS, map(int, values), strict=True))
        yield cell[0] if scope else 0, Bridge(dimension, word, **numbers, unexplained_days=listed)


def _unexplained(home: Home, snapshot_date: date, ways: Ways, ids: pa.Array) -> pd.DataFrame:
    """One row per customer who stayed and day with an unexplained amount: the cells later, day and amount."""
    rows = read_structure(home, [snapshot_date], ["customer_id", "day", "amount_minor"], "unexplained")
    place = pc.index_in(rows["customer_id"], ids)
    named = place.is_valid().to_numpy()
    at = place.drop_null().to_numpy()
    days = _chosen(ways.codes_now, at)
    days["day"] = rows["day"].to_pandas()[named].to_numpy()
    days["amount"] = rows["amount_minor"].to_numpy()[named]
    days["customers"] = 1
    return days[(ways.was_present & ways.is_present)[at]]


def _matrices(ways: Ways, cells: Cells, dimension: str, branches: int) -> list[MovementMatrix]:
    """Of each branch, or of the bank alone."""
    words = cells.words[dimension]
    arrays = matrix_sums(ways, dimension, len(words), branches)

    def rows(name: str, place: int) -> tuple[tuple[int, ...], ...]:
        return tuple(map(tuple, arrays[name][place].tolist()))

    return [
        MovementMatrix(dimension, words, rows("customers", place), rows("then", place), rows("now", place))
        for place in range(max(branches, 1))
    ]
