"""The figures of a replay: what each way to fill the lists found, with intervals; by Monday and by branch."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.dates import WEEK
from models.matrix import Matrix
from models.metrics import Metrics, rows_by_group
from models.resample import Times, intervals
from pipeline.evaluation.figures import DRAWS
from pipeline.replay.ways import LISTS, Counts, Way

Floats = NDArray[np.float64]


def counted(leavers: pd.DataFrame, first: date, last: date) -> pd.Series:
    """True for leavers whose money began to move after the first list, and a week after the last at most."""
    starts = leavers["outflow_start"]
    return (starts > first) & (starts <= last + WEEK)


def figures_of_ways(counts: Counts, leavers: pd.DataFrame, horizon_days: int, seed: int) -> dict[str, Any]:
    """Per way the figures, and 95% intervals of whole customers drawn again; ``ahead`` is by how much the
    lists find more than the way.

    ``found`` leavers stood on a list in time; ``money`` is what left with them, in base currency; ``weeks``
    the mean from the first such list to the outflow start. Of chance all are means over its draws.
    """
    money = leavers["lost_minor"].to_numpy(np.float64) / 100
    rows = _one_row_each(counts, money, horizon_days)
    columns = {name: _by_customer(counts, way, money) for name, way in counts.ways.items()}

    def of_draw(times: Times) -> Metrics:
        sample = {name: _figures(of_way, times) for name, of_way in columns.items()}
        flat = {f"{name}.{key}": value for name, figures in sample.items() for key, value in figures.items()}
        return flat | _ahead(sample)

    once = np.ones(len(rows), np.int16)
    whole = {name: _figures(of_way, once) for name, of_way in columns.items()}
    ends = intervals(rows, of_draw, DRAWS, seed) if 0 < len(leavers) < len(rows) else {}
    return {
        "ways": {
            name: figures
            | {"found": _found(counts.ways[name]), "calls": round(float(columns[name]["calls"].sum())),
               "money": round(float(columns[name]["money_found"].sum()), 2),
               "called_customers": float((counts.ways[name].calls > 0).sum(axis=1).mean())}
            for name, figures in whole.items()
        },
        "ahead": _ahead(whole),
        "intervals": {name: list(pair) for name, pair in ends.items()},
    }  # fmt: skip


def _found(way: Way) -> float:
    return float((way.weeks > 0).sum(axis=1).mean())


def _one_row_each(counts: Counts, money: Floats, horizon_days: int) -> Matrix:
    """One row per customer of any cohort, so that whole customers are drawn for the intervals."""
    count = len(counts.customers)
    days, lost = np.zeros(count, np.int16), np.zeros(count)
    days[counts.leavers.place], lost[counts.leavers.place] = horizon_days, money
    return Matrix(
        np.empty((count, 0)),
        (),
        counts.customers,
        np.full(count, np.datetime64("1970-01-05", "D")),
        days,
        (days > 0).astype(np.float64),
        lost,
    )


def _by_customer(counts: Counts, way: Way, money: Floats) -> dict[str, Floats]:
    """One entry per customer and figure, means over draws; 0 for who did not leave."""
    place, in_time = counts.leavers.place, way.weeks > 0

    def spread(values: Floats) -> Floats:
        column = np.zeros(len(counts.customers))
        column[place] = values
        return column

    return {
        "left": spread(np.ones(len(place))),
        "found": spread(in_time.mean(axis=0)),
        "money_left": spread(money),
        "money_found": spread(in_time.mean(axis=0) * money),
        "weeks": spread(way.weeks.mean(axis=0)),
        "calls": way.calls.mean(axis=0).astype(np.float64),
    }


def _figures(columns: Mapping[str, Floats], times: Times) -> Metrics:
    total = {name: float((column * times).sum()) for name, column in columns.items()}
    return {
        "share": _ratio(total["found"], total["left"]),
        "money_share": _ratio(total["money_found"], total["money_left"]),
        "weeks": _ratio(total["weeks"], total["found"]),
        "calls_each": _ratio(total["calls"], total["found"]),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _ahead(ways: Mapping[str, Metrics]) -> Metrics:
    return {
        f"ahead.{name}.{key}": ways[LISTS][key] - ways[name][key]
        for name in ways
        for key in ("share", "money_share")
        if name != LISTS
    }


def by_monday(
    mondays: Sequence[dict[str, Any]], counts: Counts, left: Mapping[date, int]
) -> list[dict[str, Any]]:
    """One row per Monday: model, cohort, places on the published lists, how many left within the outcome
    window (None: not known yet), and how many of them each way's list of that Monday holds."""
    rows = list[dict[str, Any]]()
    for note in mondays:
        day = note["monday"]
        row = {name: note[name] for name in ("model_id", "reason", "cohort")}
        row |= {"monday": str(day), "published": note["listed"], "left": left.get(day), "ways": {}}
        if day in left:
            row["ways"] = {name: round(held, 2) for name, held in counts.mondays.get(day, {}).items()}
        rows.append(row)
    return rows


def by_branch(counts: Counts, leavers: pd.DataFrame, branch_of: Sequence[str]) -> list[dict[str, Any]]:
    """One row per branch: its leavers and their money, and per way those found, their money, and the calls.

    ``branch_of`` has the branch of each customer of any cohort; a leaver's is that of its first Monday.
    """
    branches = leavers["branch_id"].fillna("").to_numpy(str)
    homes = np.asarray(branch_of, dtype=str)
    money = leavers["lost_minor"].to_numpy(np.float64) / 100
    leavers_of, customers_of = dict(rows_by_group(branches)), dict(rows_by_group(homes))
    rows, nobody = list[dict[str, Any]](), np.empty(0, np.intp)
    for branch in sorted({*leavers_of, *customers_of}):
        mine, here = leavers_of.get(branch, nobody), customers_of.get(branch, nobody)
        row: dict[str, Any] = {
            "branch": branch,
            "left": len(mine),
            "money_left": round(float(money[mine].sum()), 2),
        }
        for name, way in counts.ways.items():
            in_time = (way.weeks[:, mine] > 0).mean(axis=0)
            row[name] = {
                "found": round(float(in_time.sum()), 2),
                "money": round(float((in_time * money[mine]).sum()), 2),
                "calls": round(float(way.calls[:, here].sum(axis=1).mean()), 2),
            }
        rows.append(row)
    return rows
