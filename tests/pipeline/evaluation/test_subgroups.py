"""Teams and groups as of each Monday, from a cohort and a customers table written by hand."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artefacts import Home
from pipeline.evaluation.subgroups import _teams, subgroups
from tests.matrices import made_matrix

FIRST, SECOND = date(2024, 3, 4), date(2024, 3, 11)
COHORT = {
    # customer: manager, branch, stage, opted out, tier; excluded customers stand in the cohort too.
    "C1": ("M1", "B1", "mature", False, "mass"),
    "C2": ("M2", "B1", "new", True, "affluent"),
    "C3": (None, "B2", "growing", False, "wealth"),
    "C4": (None, None, "mature", False, "wealth"),
}
CUSTOMERS = [
    {"customer_id": "C1", "opened_on": date(2020, 1, 1), "gender": "F", "birth_year": 1994},
    # Corrected: until the Monday in between the bank's systems had another year and no gender.
    {"customer_id": "C2", "opened_on": date(2020, 1, 1), "birth_year": 1960,
     "superseded_on": date(2024, 3, 5)},
    {"customer_id": "C2", "opened_on": date(2020, 1, 1), "gender": "M", "birth_year": 1985,
     "known_on": date(2024, 3, 5)},
    {"customer_id": "C3", "opened_on": date(2020, 1, 1), "gender": "M", "birth_year": 1995},
    {"customer_id": "C4", "opened_on": date(2020, 1, 1)},
]  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """As much of the ingested tables as subgroups look at."""

    customers: pa.Table
    managers: Path
    buckets: int = 2

    def read(self, table: str, bucket: int, columns: list[str]) -> pa.Table | None:
        return self.customers.select(columns) if (table, bucket) == ("customers", 1) else None

    def whole(self, table: str) -> Path:
        assert table == "managers"
        return self.managers


@pytest.fixture
def made(tables_of, tmp_path, bank_settings):
    home = Home(tmp_path)
    for day in (FIRST, SECOND):
        folder = home.partition("cohort", day)
        folder.mkdir(parents=True)
        rows = [
            {"customer_id": name, "snapshot_date": day, "manager_id": one[0], "branch_id": one[1],
             "lifecycle_stage": one[2], "marketing_opt_out": one[3], "tier": one[4]}
            for name, one in COHORT.items()
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows[::-1]), folder / "bucket=00.parquet")
    managers = tmp_path / "managers.parquet"
    row = {"manager_id": "M1", "name": "", "branch_id": "B1", "weekly_capacity": 7, "email": None}
    pq.write_table(pa.Table.from_pylist([row]), managers)
    tables = Tables(tables_of({"customers": CUSTOMERS})["customers"], managers)
    rows = made_matrix([0] * 8, (FIRST, SECOND), aum=[400_000.0, 600_000, 2e6, 2e6] * 2, names=list(COHORT))
    return subgroups(bank_settings, home, tables, rows)


def test_a_team_is_a_manager_or_the_branch_where_there_is_none(made, bank_settings):
    teams, _ = made
    team = teams.team
    assert len(set(team[:4])) == 4
    assert np.array_equal(team[:4], team[4:])
    usual = bank_settings.lists.default_capacity
    assert teams.capacity.tolist() == [7, usual, usual, usual] * 2
    assert teams.callable.tolist() == [True, False, True, True] * 2


def test_a_list_without_a_capacity_of_its_own_holds_a_share_of_its_monday(bank_settings):
    lists = bank_settings.lists.model_copy(update={"capacity_share": 0.5})
    days = pd.to_datetime(["2024-03-04"] * 3 + ["2024-03-11"])
    cohort = pd.DataFrame({"manager_id": None, "branch_id": None, "snapshot_date": days})
    cohort["marketing_opt_out"] = False
    nobody = Tables(None, Path("none"))
    teams = _teams(bank_settings.model_copy(update={"lists": lists}), nobody, cohort)
    assert teams.capacity.tolist() == [2, 2, 2, 1]


def test_a_bank_without_managers_and_branches_has_no_groups_of_them(bank_settings, monkeypatch):
    rows = made_matrix([0] * 4, (FIRST,), aum=[2e6] * 4, names=list(COHORT))
    cohort = pd.DataFrame({"customer_id": list(COHORT), "snapshot_date": [FIRST] * 4})
    nobody = {"branch_id": None, "manager_id": None, "lifecycle_stage": "new", "tier": "mass"}
    cohort = cohort.assign(**nobody, marketing_opt_out=False)
    monkeypatch.setattr("pipeline.evaluation.subgroups.read_partition", lambda *_: cohort)
    person = cohort.set_index("customer_id").assign(gender="F", birth_year=1990)
    monkeypatch.setattr("pipeline.evaluation.subgroups._persons", lambda *_: [person])
    _, groups = subgroups(bank_settings, Home(Path("none")), Tables(None, Path("none")), rows)
    assert sorted(groups) == ["age band", "gender", "lifecycle stage", "tier"]


def test_groups_of_the_cohort(made):
    _, groups = made
    assert groups["tier"].tolist() == ["mass", "affluent", "wealth", "wealth"] * 2
    assert groups["branch"].tolist() == ["B1", "B1", "B2", "unknown"] * 2
    assert groups["manager"].tolist() == ["M1", "M2", "nobody", "nobody"] * 2
    assert groups["lifecycle stage"].tolist() == ["mature", "new", "growing", "mature"] * 2


def test_gender_and_age_are_those_known_before_each_monday(made):
    _, groups = made
    assert groups["gender"].tolist() == ["F", "unknown", "M", "unknown", "F", "M", "M", "unknown"]
    # In 2024: born 1994 is 30, 1960 is 64, 1985 is 39, 1995 is 29.
    ages = ["30–39", "60+", "0–29", "unknown", "30–39", "30–39", "0–29", "unknown"]
    assert groups["age band"].tolist() == ages
