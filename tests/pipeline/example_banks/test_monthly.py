"""Month-ends in wide columns, without managers and branches, from raw files to one list and its readers."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from pydantic import SecretStr

from configs.bank_folder import load_settings
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.demo import run_made_up
from pipeline.example_banks import SNAPSHOT_DATE
from pipeline.snapshots.build import read_partition
from pipeline.training.promotion import champion
from serve.app import create_app
from serve.auth.tokens import issue
from serve.store.store import Store
from serve.texts.wording import Wording
from tests.pipeline.conftest import quick_evaluation
from tests.serve.conftest import demo_service

ABSENT = re.compile(r"\bNone\b|\bnan\b|[Bb]ranch|not known|[Nn]obody in charge|No manager")


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with quick_evaluation():
        yield


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Context:
    """A Monday of the bank, by a model of few trees."""
    few_trees = {"rounds": 60, "patience": 20, "lightgbm": {"learning_rate": 0.1}}
    context = Context(load_settings("monthly", {"training": few_trees}), tmp_path_factory.mktemp("data"))
    said.append(run_made_up(context, Wording("en")))
    return context


def test_the_balances_of_the_wide_files_are_the_ones_loaded(bank: Context) -> None:
    raw = bank.home.root / "raw"
    delivered, filled = Decimal(0), 0
    for path in raw.glob("balances_*.csv"):
        with path.open() as file:
            cells = [cell for row in csv.DictReader(file) for name, cell in row.items() if "BAL_" in name]
        delivered += sum(map(Decimal, cells))
        filled += len(cells)
    tables = bank.tables
    parts = [tables.read("holdings", bucket, ["balance", "valued_on"]) for bucket in range(tables.buckets)]
    rows = [row for part in parts if part is not None for row in part.to_pylist()]
    assert (sum(row["balance"] for row in rows), len(rows)) == (delivered, filled)
    assert {(row["valued_on"] + timedelta(days=1)).day for row in rows} == {1}
    counts = {count.table: (count.quarantined, count.duplicates) for count in tables.counts}
    assert set(counts.values()) == {(0, 0)}


def test_one_list_holds_a_share_of_the_cohort_and_names_no_branch(bank: Context, said: list[str]) -> None:
    with Store(bank.home.store) as store, store.at_run() as read_session:
        listed, cohort = read_session.common_list(), read_session.run.cohort
        assert read_session.lists() == ((None, None),)
        assert read_session.managers() == ()
        decisions = read_session.decisions().values()
    paying = sum(decision.decision in ("listed", "beyond_capacity") for decision in decisions)
    assert bank.settings.lists.capacity_of(cohort) == -(-cohort // 20)
    assert len(listed) == min(paying, -(-cohort // 20)) > 0
    assert "top of the common list" in said[0]
    assert not ABSENT.search(said[0])


def test_the_workbook_is_the_list_and_who_left(bank: Context) -> None:
    (path,) = (bank.home.lists / str(SNAPSHOT_DATE)).iterdir()
    sheets = load_workbook(path).worksheets
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    texts = [str(cell.value) for cell in cells if cell.value is not None]
    assert len(sheets) == 2
    assert path.name == "list.xlsx"
    assert [text for text in texts if ABSENT.search(text)] == []


def test_features_of_windows_without_a_month_end_are_left_out_or_empty(bank: Context) -> None:
    frame = read_partition(bank.home, "features", [SNAPSHOT_DATE])
    short = [name for name in frame if "_4w" in name]
    assert {"demand_difference_4w", "inflow_zscore_4w_per_52w"} <= set(short)
    assert "aum_change_4w" not in frame
    assert [name for name in short if frame[name].notna().any()] == []
    assert frame["aum_slope_13w"].notna().all()


def test_the_model_is_better_than_the_rules_and_its_report_has_no_branches(bank: Context) -> None:
    bundle = champion(bank)
    rules = bundle.metrics["rules"].values()
    assert all(bundle.metrics["model"]["average_precision"] > rule["average_precision"] for rule in rules)
    (report,) = bank.home.root.glob("models-reports/*.html")
    assert ">branch</th>" not in report.read_text("utf-8")
    assert ">manager</th>" not in report.read_text("utf-8")


@pytest.fixture(scope="module")
def answer(bank: Context) -> Any:
    settings = demo_service(bank.home.store).model_copy(update={"audit_key": SecretStr(bank.audit_key.hex())})

    def headers(role: str) -> dict[str, str]:
        token = issue(settings, {"sub": f"the {role}", "role": role}, seconds=3600)
        return {"Authorization": f"Bearer {token}", "Cookie": f"attrition-session={token}"}

    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield lambda role, path: client.get(path, headers=headers(role))


def test_the_pages_lead_to_the_list_and_name_nothing_that_is_not_there(answer: Callable[..., Any]) -> None:
    assert answer("crm", "/branches").headers["location"] == "/list"
    first = answer("crm", "/v1/list").json()["customers"][0]["customer_id"]
    for path in ("/list", f"/customers/{first}", "/effect", "/model"):
        page = answer("admin", path)
        text = re.sub(r"<nav.*?</nav>|<[^>]*>", " ", page.text, flags=re.DOTALL)
        assert page.status_code == 200, path
        assert ABSENT.findall(text) == [], path


def test_a_gate_learns_the_rhythm_of_months(bank: Context) -> None:
    """Half a month after the last rows nothing is late; the lag of a table may reach two of its silences."""
    (kept,) = (bank.home.root / "gates").glob("*.json")
    gates = read_json(kept)
    lags = {name: value for name, value in gates["figures"].items() if name.startswith("lag:")}
    assert lags["lag:holdings"] == lags["lag:transactions"] == 16
