"""Pages of the head office at a million customers, on SQLite or PostgreSQL: how long the server takes.

    python -m benchmarks.bank_page --customers 1000000 --branches 400 --managers 5000 --work data/bench/bank

One run is written straight into the store, with scores, decisions, coverage and the figures of the bank and
of each branch. Every page is asked once of a service that has answered nothing before, then again. ``--url``
names an empty store elsewhere. Writes ``bank_page.json``.
"""

import json
import os
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from benchmarks.pages import AGAIN, measure
from benchmarks.processes import parser
from benchmarks.serve_scores import FIRST_MONDAY, Bank, customer_id, run, scores
from configs.branch_figures.movement import Bridge, Movement, MovementPeriod
from configs.branch_figures.structure import Structure, StructureCell, StructureDimension, StructurePoint
from configs.branch_rows import BranchFigures, Coverage
from configs.published import Decision, Manager
from serve.store import rows, schema, tables
from serve.store.database import connect, write
from serve.store.rows import analyze, bulk_insert

AUM = 2_000_000_000_000_00


def structure(cells: dict[str, list[str]], customers: int) -> Structure:
    dimensions = tuple(
        StructureDimension(
            name,
            tuple(
                StructureCell(cell, customers // len(names), 9, AUM // len(names), 1 / len(names))
                for cell in names
            ),
        )
        for name, names in cells.items()
    )
    days = [str(FIRST_MONDAY - timedelta(weeks=back)) for back in range(52, -1, -1)]
    trend = tuple(StructurePoint(day, customers - 1_000 + place, 9, AUM) for place, day in enumerate(days))
    return Structure(days[-1], customers, customers, AUM, customers // 5, 0.7, dimensions, trend)


def movement(cells: dict[str, list[str]]) -> Movement:
    names = [("", ""), *((name, cell) for name, of_name in cells.items() for cell in of_name)]
    bridges = tuple(Bridge(*cell, *range(100_000, 100_006), *range(AUM, AUM + 14)) for cell in names)
    return Movement(
        str(FIRST_MONDAY),
        tuple(
            MovementPeriod(weeks, str(FIRST_MONDAY - timedelta(weeks=weeks)), bridges, ())
            for weeks in (1, 4, 13, 52)
        ),
    )


def publish(url: str, customers: int, branches: int, managers: int) -> None:
    engine, bank = connect(url), Bank(customers, max(1, customers // managers))
    named = [f"B{number:03d}" for number in range(branches)]
    people = [(f"RM{number:05d}", named[number % branches]) for number in range(managers)]
    fixed = {"tier": ["affluent", "wealth", "private"], "stage": ["new", "growing", "mature", "declining"]}
    of_bank = fixed | {"branch": named}
    figures = [("", structure(of_bank, customers), movement(of_bank))]
    figures += [(name, structure(fixed, customers // branches), movement(fixed)) for name in named]
    with write(engine) as connection:
        schema.prepare(connection)
    with write(engine) as connection:
        connection.execute(insert(tables.runs), rows.run_row(1, run(1, customers)))
        bulk_insert(connection, tables.scores, (
            (*row[:2], people[number % managers][1], people[number % managers][0], *row[4:])
            for number, row in enumerate(rows.score_rows(1, scores(1, bank)))
        ))  # fmt: skip
        for table, objects in (
            (tables.managers, (Manager(*person[:1], "张伟", person[1], 20) for person in people)),
            (tables.decisions, (
                Decision(customer_id(number), people[number % managers][1], people[number % managers][0],
                         "beyond_capacity", "less_to_keep", 0)
                for number in range(customers)
            )),
            (tables.coverage, (
                Coverage(branch, number, 200, 9, 100_000_000, 80, 90) for number, branch in people
            )),
        ):  # fmt: skip
            bulk_insert(connection, table, rows.object_rows(1, table, objects))
        contents = (
            BranchFigures(branch, name, content)
            for branch, *both in figures
            for name, content in zip(("structure", "movement"), both, strict=True)
        )
        bulk_insert(connection, tables.branch_figures, rows.figure_rows(1, contents))  # type: ignore[arg-type]
        connection.execute(insert(tables.current_run).values(slot=1, run_version=1))
        analyze(connection, tables.OF_A_RUN)
    engine.dispose()


def addresses(branches: int) -> dict[str, list[str]]:
    """By page its address, as often as it is asked for."""
    branch = f"/branches/B{branches // 2:03d}"
    pages = {
        "bank": "/bank",
        "bank_structure": "/bank/structure",
        "bank_movement": "/bank/movement",
        "branch_structure": f"{branch}/figures/structure",
        "portfolio": f"{branch}/portfolio?stage=mature",
    }
    return {name: [path] * (AGAIN + 1) for name, path in pages.items()}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--branches", type=int, default=400)
    options.add_argument("--managers", type=int, default=5_000)
    options.add_argument("--url", default="", help="an empty store elsewhere, such as PostgreSQL")
    options.add_argument("--work", type=Path, default=Path("data/bench/bank"))
    given = options.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    path = given.work / f"store-{given.customers}-{given.branches}-{given.managers}.db"
    url = given.url or f"sqlite:///{path}"
    if given.url or not path.is_file():
        publish(url, given.customers, given.branches, given.managers)
    pages = measure(url, addresses(given.branches))
    result = {
        "customers": given.customers,
        "database": url.partition(":")[0],
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "pages": pages,
        "page_ms": pages["bank"]["first_ms"],
    }
    text = json.dumps(result, indent=1)
    (given.work.parent / "bank_page.json").write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
