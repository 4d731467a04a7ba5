"""Content ``structure`` of branches and the bank: customers, cohort and AUM by cells, and the year behind."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from configs.branch_figures.structure import Structure, StructureCell, StructureDimension, StructurePoint
from configs.settings import Settings
from pipeline.artefacts import Home
from pipeline.structure.cells import OF_BANK, OF_BRANCH, Cells, Ints
from pipeline.structure.facts import read_structure
from pipeline.structure.households import households_by_branch

TOP = 5  # one in so many customers is in the top: a fifth
SUMS = ["customers", "cohort", "aum"]


def structures(
    settings: Settings, home: Home, customers: pa.Table, cells: Cells, mondays: Sequence[date]
) -> dict[str, Structure]:
    """The structure of every branch by its id on the last of ``mondays``, and of the bank as "".

    ``customers`` are those of that Monday.
    """
    present = customers.filter(customers["present"])
    codes = cells.codes(present)
    counted = codes.assign(
        customers=1,
        cohort=pc.equal(present["exclusion"], "").to_numpy().astype(np.int64),
        aum=present["aum_minor"].to_numpy(),
    )
    households = households_by_branch(settings, present)
    trend = _trend(home, mondays, cells.branches)
    by_money = settings.counts == "money"

    def structure(branch: str, rows: pd.DataFrame, names: Sequence[str]) -> Structure:
        top, top_share = _top(rows["aum"].to_numpy(), settings)
        dimensions = (_dimension(name, rows, cells, by_money) for name in names if name in cells.words)
        return Structure(
            snapshot_date=str(mondays[-1]),
            customers=len(rows),
            cohort=int(rows["cohort"].sum()),
            aum_minor=int(rows["aum"].sum()),
            top_customers=top,
            top_share=top_share,
            dimensions=tuple(dimensions),
            trend=tuple(trend[branch]),
            households=households.get(branch),
        )

    whole = {"": structure("", counted, OF_BANK)}
    if not cells.branches:
        return whole
    by_branch = dict(list(counted.groupby("branch")))
    nobody = counted.iloc[:0]
    return whole | {
        branch: structure(branch, by_branch.get(code, nobody), OF_BRANCH)
        for code, branch in enumerate(cells.branches)
    }


def _dimension(name: str, rows: pd.DataFrame, cells: Cells, by_money: bool) -> StructureDimension:
    sums = rows.groupby(name)[SUMS].sum()
    whole = sums["aum" if by_money else "customers"].sum()
    return StructureDimension(
        name,
        tuple(
            StructureCell(
                cells.words[name][code], customers, cohort, aum, _share(aum if by_money else customers, whole)
            )
            for code, customers, cohort, aum in sums.itertuples()
        ),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _top(aum: Ints, settings: Settings) -> tuple[int, float | None]:
    """The number of the customers with the largest AUM, and their share of all AUM."""
    number, whole = -(-len(aum) // TOP), int(aum.sum())
    if settings.counts != "money" or len(aum) < settings.figures.least_customers or whole <= 0:
        return number, None
    return number, int(np.partition(aum, len(aum) - number)[len(aum) - number :].sum()) / whole


def _trend(home: Home, mondays: Sequence[date], branches: Sequence[str]) -> dict[str, list[StructurePoint]]:
    """By branch, and of the bank as "", a point for each Monday."""
    trend: dict[str, list[StructurePoint]] = {branch: [] for branch in ("", *branches)}
    for day in mondays:
        rows = read_structure(home, [day], ["present", "exclusion", "branch_id", "aum_minor"])
        rows = rows.filter(rows["present"])
        cohort = pc.equal(rows["exclusion"], "").cast(pa.int64())
        sums = (
            rows.append_column("cohort", cohort)
            .group_by("branch_id")
            .aggregate([("present", "count"), ("cohort", "sum"), ("aum_minor", "sum")])
        )
        columns = [sums[name].to_pylist() for name in ("present_count", "cohort_sum", "aum_minor_sum")]
        names = [name or "" for name in sums["branch_id"].to_pylist()]
        points = dict(zip(names, zip(*columns, strict=True), strict=True))
        whole = [sum(column) for column in zip(*points.values(), strict=True)] or [0, 0, 0]
        for branch in branches:
            trend[branch].append(StructurePoint(str(day), *points.get(branch, (0, 0, 0))))
        trend[""].append(StructurePoint(str(day), *whole))
    return trend
