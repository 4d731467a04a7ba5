"""Made-up figures of a branch and of a bank, which add up as published ones do."""

from datetime import date, timedelta

from configs.branch_figures.movement import Bridge, Movement, MovementMatrix, MovementPeriod
from configs.branch_figures.structure import Structure, StructureCell, StructureDimension, StructurePoint
from configs.branch_rows import BranchFigures

CELLS = {"tier": ("mass", "affluent", "wealth"), "stage": ("new", "growing", "mature", "declining")}


def structure(monday: date, aum_minor: int, named: dict[str, tuple[str, ...]]) -> Structure:
    """Of 12 customers for each cell of ``named`` (branches, or managers); AUM grows by 1/1000 a week."""

    def cells(names):
        share = aum_minor // len(names)
        rest = aum_minor - share * (len(names) - 1)
        parts = (share,) * (len(names) - 1) + (rest,)
        return tuple(
            StructureCell(name, 12, 10, part, part / aum_minor)
            for name, part in zip(names, parts, strict=True)
        )

    days = [monday - timedelta(weeks=back) for back in range(52, -1, -1)]
    trend = (
        StructurePoint(str(day), 40 + week // 4, 36, aum_minor * (1000 - 52 + week) // 1000)
        for week, day in enumerate(days)
    )
    dimensions = (StructureDimension(name, cells(names)) for name, names in {**CELLS, **named}.items())
    return Structure(str(monday), 53, 36, aum_minor, 11, 0.58, tuple(dimensions), tuple(trend))


def movement(monday: date, aum_minor: int, named: dict[str, tuple[str, ...]]) -> Movement:
    """Each bridge adds up: 2% came in, 3% went out, prices and rates moved 1%."""

    def bridge(dimension, cell, part):
        moved = {
            "new_minor": part // 100,
            "inflow_minor": part // 50,
            "outflow_minor": part // 33,
            "market_minor": part // 100,
            "exchange_minor": -part // 500,
            "left_minor": part // 200,
        }
        zero = dict.fromkeys(
            ("known_later_minor", "arrived_minor", "bank_minor", "waiting_minor", "unexplained_minor",
             "gone_minor"), 0)  # fmt: skip
        less = ("outflow_minor", "left_minor")
        closing = part + sum(-value if name in less else value for name, value in moved.items())
        counts = (40, 3, 0, 2, 0, 41)
        return Bridge(dimension, cell, *counts, opening_minor=part, closing_minor=closing, **moved, **zero)

    bridges = [bridge("", "", aum_minor)]
    for dimension, names in {**CELLS, **named}.items():
        bridges += [bridge(dimension, name, aum_minor // len(names)) for name in names]
    size = len(CELLS["tier"]) + 2
    rows = tuple(tuple(10 if row == column else 1 for column in range(size)) for row in range(size))
    money = tuple(tuple(value * 1_000_000_00 for value in row) for row in rows)
    matrix = MovementMatrix("tier", CELLS["tier"], rows, money, money)
    periods = (
        MovementPeriod(
            weeks, str(monday - timedelta(weeks=weeks)), tuple(bridges), (matrix,) if weeks > 1 else ()
        )
        for weeks in (1, 4, 13, 52)
    )
    return Movement(str(monday), tuple(periods))


def branch_figures(monday: date, branches: dict[str, tuple[str, ...]]) -> list[BranchFigures]:
    """Structure and movement of the bank and of each of ``branches``, with its managers."""
    named = {"": {"branch": tuple(branches)}} | {
        branch: {"manager": managers} for branch, managers in branches.items()
    }
    return [
        BranchFigures(branch, name, made(monday, 100_000_000_00 + len(branch), cells))
        for branch, cells in named.items()
        for name, made in (("structure", structure), ("movement", movement))
    ]
