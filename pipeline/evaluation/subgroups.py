"""The teams in charge of a matrix's customers and the groups they belong to: never a feature."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from configs.settings import Settings
from features.engine.cut import seen
from features.engine.entities import day_number, make_rows
from models.capacity import Teams
from models.matrix import KEY, Matrix
from pipeline.artefacts import Home
from pipeline.scoring.score import read_managers
from pipeline.snapshots.build import read_partition
from pipeline.tables import Ingested

AGES = (30, 40, 50, 60)  # each begins a band
BANDS = ("0–29", "30–39", "40–49", "50–59", "60+")
UNKNOWN = "unknown"
OF_COHORT = ["tier", "branch_id", "manager_id", "lifecycle_stage", "marketing_opt_out"]
OF_PERSON = ["gender", "birth_year"]
Groups = dict[str, NDArray[np.str_]]


def subgroups(settings: Settings, home: Home, tables: Ingested, rows: Matrix) -> tuple[Teams, Groups]:
    """Per row the team in charge; and by name of a grouping the group that each row belongs to.

    Both as of the row's Monday, from its ``cohort`` partition and the customers table. The managers' weekly
    capacity is today's: the bank delivers no history of it.
    """
    mondays = [snapshot_date.astype(object) for snapshot_date in np.unique(rows.snapshot_date)]
    parts = []
    for day, person in zip(mondays, _persons(tables, mondays), strict=True):
        ids = rows.customer_id[rows.snapshot_date == np.datetime64(day)]
        cohort = read_partition(home, "cohort", [day], [*KEY, *OF_COHORT]).set_index("customer_id")
        parts.append(cohort.loc[ids].assign(**{name: person[name].loc[ids] for name in OF_PERSON}))
    known = pd.concat(parts, ignore_index=True)
    texts = {
        "tier": known["tier"],
        "branch": known["branch_id"],
        "manager": known["manager_id"].fillna("nobody"),
        "lifecycle stage": known["lifecycle_stage"],
        "gender": known["gender"],
        "age band": pd.Series(_age_band(known["birth_year"], rows.snapshot_date)),
    }
    groups = {name: _named(column) for name, column in texts.items()}
    for name in ("branch", "manager"):  # a bank may have none
        if known[f"{name}_id"].isna().all():
            del groups[name]
    return _teams(settings, tables, known), groups


def _named(column: "pd.Series[Any]") -> NDArray[np.str_]:
    """The texts; what is none, or empty, is unknown."""
    code, texts = pd.factorize(column)
    return np.array([*(str(text) or UNKNOWN for text in texts), UNKNOWN])[code]


def _teams(settings: Settings, tables: Ingested, cohort: pd.DataFrame) -> Teams:
    """A team is a manager, or a branch for its customers without one, as the weekly lists have it."""
    (manager, managers), (branch, branches) = (
        pd.factorize(cohort[name].astype(object).fillna(""), sort=True)
        for name in ("manager_id", "branch_id")
    )
    has_manager = np.append(managers != "", False)[manager]
    team = np.where(has_manager, len(branches) + manager, branch)
    capacities = {row.manager_id: row.weekly_capacity for row in read_managers(tables)}
    of_manager = np.array([capacities.get(each, -1) for each in managers])[manager]
    # A list without a capacity of its own is chosen from the team's customers of that Monday.
    day = pd.factorize(cohort["snapshot_date"])[0]
    _, of_list, sizes = np.unique(team * (day.max() + 1) + day, return_inverse=True, return_counts=True)
    by_size = np.array([settings.lists.capacity_of(size) for size in sizes.tolist()])[of_list]
    capacity = np.where(has_manager & (of_manager >= 0), of_manager, by_size)
    return Teams(team.astype(np.int64), capacity, ~cohort["marketing_opt_out"].to_numpy(bool))


def _persons(tables: Ingested, mondays: list[date]) -> Iterator[pd.DataFrame]:
    """For each Monday a row per customer: ``gender`` and ``birth_year`` as the bank knew them before it."""
    columns = ["customer_id", "opened_on", "known_on", "superseded_on", *OF_PERSON]
    parts = [tables.read("customers", bucket, columns) for bucket in range(tables.buckets)]
    table = pa.concat_tables([part for part in parts if part is not None]).unify_dictionaries()
    frame = table.to_pandas().set_index("customer_id")[OF_PERSON]
    ids = np.array(sorted(table["customer_id"].unique().to_pylist()), dtype=object)
    rows = make_rows("customers", table.append_column("place", pa.array(np.arange(len(table)))), ids)
    for snapshot_date in mondays:
        yield frame.iloc[rows.columns["place"][seen(rows, day_number(snapshot_date))]]


def _age_band(birth_year: "pd.Series[float]", snapshot_date: NDArray[np.datetime64]) -> list[str]:
    ages = snapshot_date.astype("datetime64[Y]").astype(int) + 1970 - birth_year.to_numpy(np.float64)
    bands = np.array(BANDS)[np.searchsorted(AGES, ages, side="right")]
    return np.where(np.isnan(ages), UNKNOWN, bands).tolist()
