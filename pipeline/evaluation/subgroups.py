"""The teams in charge of a matrix's customers and the groups they belong to: never a feature."""

from collections.abc import Iterable
from datetime import date

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
Groups = dict[str, NDArray[np.str_]]


def subgroups(settings: Settings, home: Home, tables: Ingested, rows: Matrix) -> tuple[Teams, Groups]:
    """Per row the team in charge; and by name of a grouping the group that each row belongs to.

    Both as of the row's Monday, from its ``cohort`` partition and the customers table. The managers' weekly
    capacity is today's: the bank delivers no history of it.
    """
    mondays = [snapshot_date.astype(object) for snapshot_date in np.unique(rows.snapshot_date)]
    keys = list(zip(rows.customer_id.tolist(), rows.snapshot_date.astype(object), strict=True))
    cohort = read_partition(home, "cohort", mondays).set_index(list(KEY)).loc[keys].reset_index()
    person = _persons(tables, mondays).loc[keys]
    texts: dict[str, Iterable[object]] = {
        "tier": cohort["tier"],
        "branch": cohort["branch_id"],
        "manager": cohort["manager_id"].fillna("nobody"),
        "lifecycle stage": cohort["lifecycle_stage"],
        "gender": person["gender"],
        "age band": _age_band(person["birth_year"], rows.snapshot_date),
    }
    groups = {
        name: np.array([text if isinstance(text, str) and text else UNKNOWN for text in column], dtype=str)
        for name, column in texts.items()
    }
    for name in ("branch", "manager"):  # a bank may have none
        if cohort[f"{name}_id"].isna().all():
            del groups[name]
    return _teams(settings, tables, cohort), groups


def _teams(settings: Settings, tables: Ingested, cohort: pd.DataFrame) -> Teams:
    """A team is a manager, or a branch for its customers without one, as the weekly lists have it."""
    manager, branch = (cohort[name].astype("string").fillna("") for name in ("manager_id", "branch_id"))
    named = np.where(manager != "", "manager " + manager, "branch " + branch)
    names, team = np.unique(named.astype(str), return_inverse=True)
    capacities = {f"manager {row.manager_id}": row.weekly_capacity for row in read_managers(tables)}
    # A list without a capacity of its own is chosen from the team's customers of that Monday.
    sizes = cohort.assign(team=team).groupby(["team", "snapshot_date"])["team"].transform("size")
    capacity = [
        capacities.get(str(names[k]), settings.lists.capacity_of(size))
        for k, size in zip(team.tolist(), sizes.tolist(), strict=True)
    ]
    return Teams(team.astype(np.int64), np.array(capacity), ~cohort["marketing_opt_out"].to_numpy(bool))


def _persons(tables: Ingested, mondays: list[date]) -> pd.DataFrame:
    """One row per customer and Monday: ``gender`` and ``birth_year`` as the bank knew them before it."""
    columns = ["customer_id", "opened_on", "known_on", "superseded_on", "gender", "birth_year"]
    parts = [tables.read("customers", bucket, columns) for bucket in range(tables.buckets)]
    table = pa.concat_tables([part for part in parts if part is not None]).unify_dictionaries()
    frame = table.to_pandas().set_index("customer_id")[["gender", "birth_year"]]
    ids = np.array(sorted(table["customer_id"].unique().to_pylist()), dtype=object)
    rows = make_rows("customers", table.append_column("place", pa.array(np.arange(len(table)))), ids)
    versions = {
        snapshot_date: frame.iloc[rows.columns["place"][seen(rows, day_number(snapshot_date))]]
        for snapshot_date in mondays
    }
    return pd.concat(versions, names=["snapshot_date"]).swaplevel()


def _age_band(birth_year: "pd.Series[float]", snapshot_date: NDArray[np.datetime64]) -> list[str]:
    ages = snapshot_date.astype("datetime64[Y]").astype(int) + 1970 - birth_year.to_numpy(np.float64)
    bands = np.array(BANDS)[np.searchsorted(AGES, ages, side="right")]
    return np.where(np.isnan(ages), UNKNOWN, bands).tolist()
