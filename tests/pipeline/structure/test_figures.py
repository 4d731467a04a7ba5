"""Structure and movement of made-up Mondays: by hand, and as sums that must agree in random worlds."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.movement import Bridge, Movement, MovementPeriod
from configs.branch_figures.structure import Structure
from configs.dates import WEEK
from features.engine.entities import make_entities
from features.structure import PARTS, bridge_column, build_structure_of
from pipeline.artefacts import Home, write_parquet
from pipeline.structure.figures import structure_figures
from tests.conftest import Row

MONDAY = date(2026, 11, 16)
PARTS_OF_MONEY = (
    "known_later",
    "new",
    "arrived",
    "inflow",
    "bank",
    "market",
    "exchange",
    "waiting",
    "unexplained",
)


def write(home: Home, day: date, structure: pa.Table, unexplained: pa.Table) -> None:
    """Two buckets, as ingest would divide them."""
    for kind, table in (("structure", structure), ("unexplained", unexplained)):
        half = len(table) // 2
        for bucket, rows in enumerate((table.slice(0, half), table.slice(half))):
            write_parquet(rows, home.partition(kind, day) / f"bucket={bucket:02d}.parquet")


def person(name: str, aum: int, **more: Any) -> Row:
    """A customer of branch B1 in a tier and stage, with nothing moved in any window."""
    row: Row = {
        "customer_id": name, "present": True, "exclusion": "", "tier": "affluent", "branch_id": "B1",
        "lifecycle_stage": "mature", "manager_id": "M1", "aum_minor": aum, "household_id": None,
    }  # fmt: skip
    for weeks in (1, 4, 13, 52):
        row |= {bridge_column("opening", weeks): aum} | {bridge_column(part, weeks): 0 for part in PARTS}
    return row | more


@pytest.fixture
def figures_of(tmp_path, bank_settings):
    """Structure and movement by branch, from rows by Monday and unexplained amounts of the last week."""
    home = Home(tmp_path)
    schema = pa.schema({"customer_id": pa.string(), "day": pa.date32(), "amount_minor": pa.int64()})

    def figures(days: list[Row], *mondays: list[Row]) -> tuple[dict[str, Structure], dict[str, Movement]]:
        dates = [MONDAY - back * WEEK for back in reversed(range(len(mondays)))]
        for day, rows in zip(dates, mondays, strict=True):
            write(home, day, pa.Table.from_pylist(rows), pa.Table.from_pylist(days, schema))
        found: dict[str, dict[str, Any]] = {"structure": {}, "movement": {}}
        for one in structure_figures(bank_settings, home, dates, {}):
            as_object(one.content)  # money is whole
            found[one.name][one.branch_id] = one.content
        return found["structure"], found["movement"]

    return figures


def bridge(movement: Movement, dimension: str = "", cell: str = "", period: int = 0) -> dict[str, Any]:
    """What of a bridge is not 0."""
    chosen = [b for b in movement.periods[period].bridges if (b.dimension, b.cell) == (dimension, cell)]
    return {
        name: value
        for name, value in asdict(chosen[0]).items()
        if value and name not in ("dimension", "cell")
    }


def test_a_week_by_hand(figures_of):
    """A stays, B rises and goes to B2, C leaves, D is new, E was known otherwise then; Z is gone long ago."""
    long_gone = person("Z", 7, present=False)
    then = [person("A", 100), person("B", 200), person("C", 50), person("E", 10), long_gone]
    now = [
        person("A", 130, opening_minor=100, inflow_minor=40, outflow_minor=15, unexplained_minor=5),
        person("B", 260, opening_minor=200, inflow_minor=60, tier="wealth", branch_id="B2", manager_id=None),
        person("C", 0, present=False, opening_minor=50, outflow_minor=50),
        person("D", 70, opening_minor=0, inflow_minor=70, exclusion="too_new"),
        person("E", 12, opening_minor=12),
        long_gone,
    ]
    found = {"customer_id": "A", "day": MONDAY - WEEK, "amount_minor": 5}
    gone = {"customer_id": "C", "day": MONDAY - WEEK, "amount_minor": 9}
    structure, movement = figures_of([found, gone], then, now)
    assert bridge(movement[""]) == {
        "opening_customers": 4, "new_customers": 1, "left_customers": 1, "closing_customers": 4,
        "opening_minor": 360, "known_later_minor": 2, "new_minor": 70, "inflow_minor": 100,
        "outflow_minor": 15,
        "unexplained_minor": 5, "left_minor": 50, "closing_minor": 472,
        "unexplained_days": ({"day": str(MONDAY - WEEK), "amount_minor": 5, "customers": 1},),
    }  # fmt: skip
    assert bridge(movement[""], "tier", "affluent") == bridge(movement[""]) | {
        "gone_customers": 1, "gone_minor": 200, "inflow_minor": 40, "closing_minor": 212,
        "closing_customers": 3,
    }  # fmt: skip
    moved_in = {"arrived_customers": 1, "closing_customers": 1, "arrived_minor": 200, "inflow_minor": 60,
                "closing_minor": 260}  # fmt: skip
    assert bridge(movement[""], "tier", "wealth") == moved_in == bridge(movement["B2"], "manager", "")
    assert bridge(movement["B2"]) == bridge(movement[""], "branch", "B2") == moved_in
    assert bridge(movement["B1"]) == bridge(movement[""], "tier", "affluent")
    whole = structure[""]
    assert (whole.customers, whole.cohort, whole.aum_minor, whole.top_customers) == (4, 3, 472, 1)
    assert whole.top_share is None  # four customers are too few
    assert [(p.snapshot_date, p.customers, p.aum_minor) for p in structure["B1"].trend] == [
        (str(MONDAY - WEEK), 4, 360), (str(MONDAY), 3, 212),
    ]  # fmt: skip
    tiers, *_ = structure["B1"].dimensions
    assert [(c.cell, c.customers, c.aum_minor, c.share) for c in tiers.cells] == [("affluent", 3, 212, 1.0)]


def test_a_customer_whose_record_was_taken_back_is_known_otherwise_and_left(figures_of):
    _, movement = figures_of([], [person("A", 100), person("B", 30)], [person("A", 100)])
    assert bridge(movement[""]) == {
        "opening_customers": 2, "left_customers": 1, "closing_customers": 1,
        "opening_minor": 130, "known_later_minor": -30, "closing_minor": 100,
    }  # fmt: skip


def test_a_bank_without_branches_has_its_own_figures(figures_of):
    nowhere = [person("A", 100, branch_id=None, manager_id=None)]
    structure, movement = figures_of([], nowhere, nowhere)
    assert [*structure] == [*movement] == [""]
    assert bridge(movement[""])["closing_minor"] == 100
    assert [one.dimension for one in structure[""].dimensions] == ["tier", "stage"]


def test_a_matrix_by_hand(figures_of):
    """Four weeks: B moves up and to B2, C leaves, D is new."""
    then = [person("A", 100), person("B", 200), person("C", 50)]
    now = [
        person("A", 90),
        person("B", 260, tier="wealth", branch_id="B2"),
        person("C", 9, present=False),
        person("D", 70),
    ]
    _, movement = figures_of([], then, then, then, then, now)
    period = movement[""].periods[1]
    tiers, stages = period.movements
    # Rows: mass, affluent, wealth, private, unknown, arrived, new; columns: …, went, left.
    row, new = tiers.customers[1], tiers.customers[6]
    assert (tiers.cells[1:3], row, new) == (
        ("affluent", "wealth"),
        (0, 1, 1, 0, 0, 0, 1),
        (0, 1, 0, 0, 0, 0, 0),
    )
    assert tiers.opening_minor[1] == (0, 100, 200, 0, 0, 0, 50)
    assert tiers.closing_minor[1] == (0, 90, 260, 0, 0, 0, 0)
    assert stages.dimension == "stage"
    first, second = (movement[branch].periods[1].movements[0] for branch in ("B1", "B2"))
    assert first.customers[1] == (0, 1, 0, 0, 0, 1, 1)  # one went to the other branch
    assert second.customers[5] == (0, 0, 1, 0, 0, 0, 0)
    assert second.closing_minor[5] == (0, 0, 260, 0, 0, 0, 0)


def reconciled(
    structures: dict[str, Structure], movement: dict[str, Movement], mondays: dict[str, dict[str, Structure]]
) -> Iterator[int]:
    """What bridges and matrices lack to the structures they lead from and to, cell by cell."""
    for branch, figures in movement.items():
        for period in figures.periods:
            then, now = (held(each[branch]) for each in (mondays[period.since], structures))
            for one in period.bridges:
                key = one.dimension, one.cell
                yield abs(one.opening_minor - then.pop(key, (0, 0))[1])
                parts = sum(getattr(one, f"{part}_minor") for part in PARTS_OF_MONEY)
                out = one.outflow_minor + one.left_minor + one.gone_minor
                yield abs(one.opening_minor + parts - out - one.closing_minor)
                yield abs(one.closing_minor - now.pop(key, (0, 0))[1])
                moved = one.new_customers + one.arrived_customers - one.left_customers - one.gone_customers
                yield abs(one.opening_customers + moved - one.closing_customers)
            yield sum(abs(number) for side in (then, now) for pair in side.values() for number in pair)
            yield from margins(period, held(mondays[period.since][branch]), held(structures[branch]))


def margins(period: MovementPeriod, then: dict[Any, Any], now: dict[Any, Any]) -> Iterator[int]:
    for matrix in period.movements:
        for place, cell in enumerate(matrix.cells):
            key = matrix.dimension, cell
            rows = sum(matrix.customers[place]), sum(matrix.opening_minor[place])
            columns = (sum(row[place] for row in part) for part in (matrix.customers, matrix.closing_minor))
            for margin, structure in ((rows, then), (tuple(columns), now)):
                yield sum(abs(a - b) for a, b in zip(margin, structure.get(key, (0, 0)), strict=True))


def held(structure: Structure) -> dict[tuple[str, str], tuple[int, int]]:
    """Customers and AUM of every cell."""
    cells = {
        (dimension.dimension, one.cell): (one.customers, one.aum_minor)
        for dimension in structure.dimensions
        for one in dimension.cells
    }
    return cells | {("", ""): (structure.customers, structure.aum_minor)}


def test_random_worlds_reconcile_to_the_minor_unit(draw_bank, tables_of, bank_settings, tmp_path):
    """Late rows, corrections, closed accounts, other currencies, changes of branch: nothing is lost."""
    checked = 0
    for seed in range(1):
        drawn, home = draw_bank(seed, customers=25), Home(tmp_path / str(seed))
        mondays = [drawn.data_through - weeks * WEEK for weeks in (65, 56, 52, 17, 13, 5, 4, 1, 0)]
        entities = make_entities(tables_of(drawn.bank))
        for day, *made in build_structure_of(entities, mondays, drawn.history_from, bank_settings):
            write(home, day, *made)
        by_day: dict[str, dict[str, Structure]] = {}
        for back in (0, 1, 4, 13, 52):
            until = [day for day in mondays if day <= mondays[-1] - back * WEEK]
            for one in structure_figures(bank_settings, home, until, {}) if until else ():
                if one.name == "structure":
                    by_day.setdefault(str(until[-1]), {})[one.branch_id] = one.content
                elif back == 0:
                    by_day.setdefault("movement", {})[one.branch_id] = one.content
        movement = by_day.pop("movement")
        # A branch that had nobody then has no structure of that day.
        nothing = Structure("", 0, 0, 0, 0, None, (), ())
        complete = {
            day: {branch: each.get(branch, nothing) for branch in movement} for day, each in by_day.items()
        }
        off = list(reconciled(complete[str(mondays[-1])], movement, complete))
        assert max(off) == 0
        checked += len(off)
    assert checked > 250


def test_money_in_a_content_is_of_the_bridge():
    """Every amount of a bridge is a part of its sum: nothing is shown that does not count."""
    named = {field.name for field in fields(Bridge) if field.name.endswith("_minor")}
    assert named == {
        f"{part}_minor" for part in (*PARTS_OF_MONEY, "opening", "closing", "outflow", "left", "gone")
    }
