"""The movement expected of the next quarter, and that expected a quarter ago beside what was observed.

The model is fitted on the last quarters, each from one Monday to the one 13 weeks later. The last of them
ends on the Monday that is predicted from, so that every outcome had closed by then. Features are those that
the structure of a Monday holds, seen before that Monday.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise, product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from configs.branch_figures.contents import WHOLE_BANK
from configs.branch_figures.expected import ComparedQuarter, Counts, Expected, ExpectedMatrix, ObservedMatrix
from configs.branch_figures.movement import Movement as MovementContent
from configs.branch_rows import BranchFigures
from configs.dates import WEEK
from configs.settings import Settings
from features.engine.balances import MINOR
from features.structure import bridge_column
from models.movement import (
    Codes,
    Floats,
    Movement,
    Quarter,
    expected_cells,
    fit_movement,
)
from pipeline.artefacts import Home
from pipeline.structure import cells
from pipeline.structure.cells import cells_of
from pipeline.structure.facts import read_structure
from serve.store import tables
from serve.store.store import Store

QUARTER = 13 * WEEK
QUARTERS = 4  # fitted on, at most: a year
DIMENSIONS = ("tier", "stage")  # whose cells are known before anybody is in them
# What markets did in a quarter is left out: it says which quarter a row is of, and the next one is another.
_SPANS = (4, 13)  # weeks, of the changes of AUM
_FLOWS = [bridge_column(part, 13) for part in ("inflow", "outflow")]
_AMOUNTS = ["aum_minor", *(bridge_column("opening", span) for span in _SPANS), *_FLOWS]
_STATES = [cells.DIMENSIONS[name] for name in DIMENSIONS]
COLUMNS = ["customer_id", "present", "branch_id", "manager_id", "products", *_STATES, *_AMOUNTS]


@dataclass(frozen=True)
class ExpectedMovement:
    """What one branch, or the bank, can expect. Either is None where there is too little history for it."""

    expected: Expected | None = None
    compared: ComparedQuarter | None = None


@dataclass(frozen=True)
class Present:
    """One row per customer present on a Monday: the state by dimension, and its words; AUM in minor units."""

    customers: pa.Table
    states: Mapping[str, Codes]
    aum_minor: Codes

    def ends(self, later: "Present", dimension: str, left: int) -> Codes:
        """The state of each on a later Monday, ``left`` for who is no longer present."""
        place = pc.index_in(self.customers["customer_id"], later.customers["customer_id"].combine_chunks())
        at = pc.fill_null(place, -1).to_numpy()
        return np.where(at < 0, left, later.states[dimension][at])


def present_on(settings: Settings, home: Home, day: date) -> Present:
    """The customers present on a Monday whose structure stands."""
    table = read_structure(home, [day], COLUMNS)
    table = table.filter(table["present"])
    codes = cells_of(settings, ()).codes(table)
    states = {dimension: codes[dimension].to_numpy() for dimension in DIMENSIONS}
    return Present(table, states, table["aum_minor"].to_numpy())


def with_expected(
    figures: Iterable[BranchFigures], settings: Settings, home: Home, mondays: Sequence[date]
) -> Iterator[BranchFigures]:
    """The figures, those of movement with what is expected from the last of these Mondays on."""
    movements = expected_movements(settings, home, mondays, published_expected(home, mondays[-1] - QUARTER))
    for each in figures:
        added = movements.get(each.branch_id)
        if added and isinstance(each.content, MovementContent):
            content = replace(each.content, expected=added.expected, compared=added.compared)
            each = replace(each, content=content)
        yield each


def expected_movements(
    settings: Settings, home: Home, mondays: Sequence[date], published: Mapping[str, Mapping[str, Any]]
) -> dict[str, ExpectedMovement]:
    """By branch, and for the bank as "", what is expected from the last of these Mondays on.

    ``mondays`` ascend and are those whose structure stands; ``published`` is by branch the ``Expected`` of a
    quarter ago as the store has it, empty without one. Nothing where no quarter lies behind the Monday.
    """
    days = [mondays[-1] - k * QUARTER for k in range(QUARTERS, -1, -1)]
    present = [present_on(settings, home, day) for day in days if day in mondays]
    if len(present) < 2:
        return {}
    named = (pc.unique(each.customers["branch_id"]).to_pylist() for each in present)
    branches = tuple(sorted({branch for names in named for branch in names} - {None, ""}))
    words = cells_of(settings, ()).words
    expected: dict[str, list[ExpectedMatrix]] = {scope: [] for scope in (WHOLE_BANK, *branches)}
    for dimension in DIMENSIONS:
        ends = len(words[dimension])
        quarters = [quarter_between(settings, pair, dimension, branches, ends) for pair in pairwise(present)]
        model = fit_movement(quarters, ends, settings.training.seed)
        for scope, matrix in _expected(settings, model, present[-1], dimension, branches):
            expected[scope].append(matrix)
    until = str(mondays[-1] + QUARTER)
    compared = _compared(settings, present[-2:], branches, published)
    return {
        scope: ExpectedMovement(
            Expected(str(mondays[-1]), until, len(present) - 1, tuple(matrices)), compared.get(scope)
        )
        for scope, matrices in expected.items()
    }


def published_expected(home: Home, day: date) -> dict[str, Any]:
    """By branch the ``Expected`` of the newest run of a Monday, as it was published; empty without one."""
    figures = tables.branch_figures
    with Store(home.store) as store:
        run = next((run for run in store.history() if run.snapshot_date == day), None)
        if run is None:
            return {}
        with store.at_run(run.run_id) as session:
            query = session.of(figures).where(figures.c.name == "movement").order_by(figures.c.branch_id)
            contents = {row.branch_id: json.loads(row.content) for row in session.connection.execute(query)}
    return {branch: content["expected"] for branch, content in contents.items() if content.get("expected")}


def features_of(settings: Settings, present: Present) -> Floats:
    """Rows × columns: tier, stage, AUM, its distances to the tier's bounds, its changes and flows, products.

    AUM and its changes are logarithms, flows shares of AUM.
    """
    table, tier = present.customers, present.states["tier"]
    lower = sorted(each.min_aum for each in settings.tiers)
    bounds = np.log(np.maximum([*lower, np.nan, np.nan], 1.0))
    amounts = {name: table[name].to_numpy() / MINOR for name in _AMOUNTS}
    aum = np.maximum(amounts["aum_minor"], 1.0)
    columns = [
        tier,
        present.states["stage"],
        np.log(aum),
        np.log(aum) - bounds[np.where(tier == len(lower), len(lower) + 1, tier)],
        bounds[tier + 1] - np.log(aum),
        *(np.log(aum / np.maximum(amounts[bridge_column("opening", span)], 1.0)) for span in _SPANS),
        *(amounts[name] / aum for name in _FLOWS),
        table["products"].to_numpy(),
        table["manager_id"].is_valid().to_numpy(),
    ]
    return np.column_stack(columns).astype(np.float64)


def quarter_between(
    settings: Settings, pair: tuple[Present, Present], dimension: str, branches: Sequence[str], left: int
) -> Quarter:
    """What moved between two Mondays; whoever is no longer present has the end ``left``."""
    start, end = pair
    return Quarter(
        features_of(settings, start),
        start.states[dimension],
        start.ends(end, dimension, left),
        _branch_codes(start, branches),
    )


def _branch_codes(present: Present, branches: Sequence[str]) -> Codes:
    """The place of each customer's branch; behind the last one for who has none."""
    place = pc.index_in(present.customers["branch_id"], pa.array(branches, pa.string()))
    return pc.fill_null(place, len(branches)).to_numpy().astype(np.int64)


def _scopes(present: Present, branches: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Codes, bool]]:
    """The bank, then all branches: names, each customer's place in these, True for branches."""
    yield (WHOLE_BANK,), np.zeros(len(present.customers), np.int64), False
    yield tuple(branches), _branch_codes(present, branches), True


def _expected(
    settings: Settings, model: Movement, present: Present, dimension: str, branches: Sequence[str]
) -> Iterator[tuple[str, ExpectedMatrix]]:
    words, start = cells_of(settings, ()).words[dimension], present.states[dimension]
    probabilities = model.probabilities(features_of(settings, present), start)
    for scopes, place, of_branches in _scopes(present, branches):
        spread = model.group_spread if of_branches else model.spread
        row, rows = place * len(words) + start, (len(scopes) + 1) * len(words)
        counts = expected_cells(probabilities, row, rows)
        money = expected_cells(probabilities, row, rows, present.aum_minor.astype(np.float64))
        low, high = counts.interval(spread, model.quarters)
        most = np.minimum(np.ceil(high), counts.mean.sum(axis=1, keepdims=True).round())
        least = np.floor(low)
        money_low, money_high = money.interval(spread, model.quarters)
        for k, scope in enumerate(scopes):
            of = slice(k * len(words), (k + 1) * len(words))
            yield (
                scope,
                ExpectedMatrix(
                    dimension,
                    words,
                    tuple(map(tuple, counts.mean[of].round(1).tolist())),
                    *(_whole(array[of]) for array in (least, most, money.mean, money_low, money_high)),
                ),
            )


def _compared(
    settings: Settings,
    pair: Sequence[Present],
    branches: Sequence[str],
    published: Mapping[str, Mapping[str, Any]],
) -> dict[str, ComparedQuarter]:
    """Of the bank and of branches of which a quarter ago the same cells were expected."""
    start, end = pair
    expected = {scope: TypeAdapter(Expected).validate_python(each) for scope, each in published.items()}
    observed: dict[str, list[ObservedMatrix]] = defaultdict(list)
    for (scopes, place, _), (dimension, words) in product(
        _scopes(start, branches), cells_of(settings, ()).words.items()
    ):
        at = place, start.states[dimension], start.ends(end, dimension, len(words))
        counts, money = np.zeros((2, len(scopes) + 1, len(words), len(words) + 1), np.int64)
        np.add.at(counts, at, 1)
        np.add.at(money, at, start.aum_minor)
        for k, scope in enumerate(scopes):
            for matrix in expected[scope].movements if scope in expected else ():
                if (matrix.dimension, matrix.cells) == (dimension, words):
                    observed[scope].append(_observed(matrix, counts[k], money[k]))
    return {scope: ComparedQuarter(expected[scope], tuple(matrices)) for scope, matrices in observed.items()}


def _observed(expected: ExpectedMatrix, counts: Codes, money: Codes) -> ObservedMatrix:
    low, high = np.array(expected.customers_low), np.array(expected.customers_high)
    possible = (high > 0) | (counts > 0)
    inside = possible & (low <= counts) & (counts <= high)
    return ObservedMatrix(
        expected.dimension, _whole(counts), _whole(money), int(inside.sum()), int(possible.sum())
    )


def _whole(array: Floats | Codes) -> Counts:
    return tuple(tuple(map(round, row)) for row in array.tolist())
