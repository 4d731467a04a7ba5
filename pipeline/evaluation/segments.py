"""Who is in charge of the customers of a matrix, and to which groups they belong: for judging, never a feature."""

from collections.abc import Iterable
from dataclasses import dataclass
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
UNKNOWN = "unknown"
Groups = dict[str, NDArray[np.str_]]


@dataclass(frozen=True)
class Segments:
    """Per row of a matrix the team in charge; and by name of a grouping the group that the row belongs to."""

    teams: Teams
    groups: Groups


def segments(settings: Settings, home: Home, tables: Ingested, rows: Matrix) -> Segments:
    """The segments as of each row's Monday, from its ``cohort`` partition and the customers table.

    The managers' weekly capacity is today's: the bank delivers no history of it.
    """
    cohort = _cohort(home, rows)
    person = _persons(tables, rows)
    texts: dict[str, Iterable[object]] = {
        "tier": [settings.tier_of(aum).name for aum in rows.aum],
        "branch": cohort["branch_id"],
        "manager": cohort["manager_id"].fillna("nobody"),
        "lifecycle stage": cohort["lifecycle_stage"],
        "gender": person["gender"],
        "age band": _age_band(person["birth_year"], rows.snapshot_date),
    }
    groups = {name: _known(values) for name, values in texts.items()}
    return Segments(_teams(settings, tables, cohort), groups)


def _cohort(home: Home, rows: Matrix) -> pd.DataFrame:
    """The cohort's entry of each row, in the order of the rows."""
    cohort = read_partition(home, "cohort", _mondays(rows))
    return cohort.set_index(list(KEY)).loc[_keys(rows)].reset_index()


def _teams(settings: Settings, tables: Ingested, cohort: pd.DataFrame) -> Teams:
    """A team is a manager, or a branch for its customers without one, as the weekly lists have it."""
    managed = cohort["manager_id"].notna() & (cohort["manager_id"] != "")
    named = np.where(managed, "manager " + cohort["manager_id"].astype("string").fillna(""),
                     "branch " + cohort["branch_id"].astype("string").fillna(""))  # fmt: skip
    names, team = np.unique(named.astype(str), return_inverse=True)
    own = {f"manager {one.manager_id}": one.weekly_capacity for one in read_managers(tables)}
    capacity = np.array([own.get(str(name), settings.lists.default_capacity) for name in names])
    return Teams(team.astype(np.int64), capacity[team], ~cohort["marketing_opt_out"].to_numpy(bool))


def _persons(tables: Ingested, rows: Matrix) -> pd.DataFrame:
    """``gender`` and ``birth_year`` of each row's customer, as the bank's systems knew them before its Monday."""
    columns = ["customer_id", "opened_on", "known_on", "superseded_on", "gender", "birth_year"]
    parts = [tables.read("customers", bucket, columns) for bucket in range(tables.buckets)]
    there = pa.concat_tables([one for one in parts if one is not None]).unify_dictionaries()
    frame = there.to_pandas()
    ids = np.array(sorted(there["customer_id"].unique().to_pylist()), dtype=object)
    placed = there.append_column("place", pa.array(np.arange(len(there))))
    made = make_rows("customers", placed, ids)
    seen_on = {
        day: frame.iloc[made.columns["place"][seen(made, day_number(day))]].set_index("customer_id")
        for day in _mondays(rows)
    }
    known = pd.concat({day: one[["gender", "birth_year"]] for day, one in seen_on.items()})
    return known.loc[[(day, customer) for customer, day in _keys(rows)]].reset_index(drop=True)


def _age_band(birth_year: "pd.Series[float]", day: NDArray[np.datetime64]) -> list[str]:
    """The age reached in the year of the snapshot, in bands of ten years."""
    year = day.astype("datetime64[Y]").astype(int) + 1970
    names = [f"{low}–{high - 1}" for low, high in zip((0, *AGES), AGES, strict=False)] + [f"{AGES[-1]}+"]
    age = year - birth_year.to_numpy(np.float64)
    return [UNKNOWN if np.isnan(one) else names[int(np.searchsorted(AGES, one, side="right"))] for one in age]


def _known(values: Iterable[object]) -> NDArray[np.str_]:
    """Texts, with a word where there is none."""
    return np.array([one if isinstance(one, str) and one else UNKNOWN for one in values], dtype=str)


def _mondays(rows: Matrix) -> list[date]:
    return [one.astype(object) for one in np.unique(rows.snapshot_date)]


def _keys(rows: Matrix) -> list[tuple[str, date]]:
    return list(zip(rows.customer_id.tolist(), rows.snapshot_date.astype(object), strict=True))
