"""A bank without balances from raw files to lists, pages, answers and workbooks: none shows an amount."""

import json
import logging
import re
from typing import Any

import jupytext
import pytest
from fastapi.testclient import TestClient
from nbclient import NotebookClient
from openpyxl import load_workbook
from pydantic import SecretStr

import pipeline
from configs.bank_folder import load_settings
from configs.dates import WEEK
from configs.errors import DataError
from pipeline.context import Context
from pipeline.demo import run_made_up
from pipeline.evaluation.definitions import compare_definitions
from pipeline.example_banks import SNAPSHOT_DATE
from pipeline.progress import log
from pipeline.replay.replay import run_replay
from pipeline.training.promotion import champion
from serve.app import create_app
from serve.auth.tokens import issue
from serve.store.store import Store
from serve.texts.wording import Wording
from tests.serve.conftest import demo_service
from tests.servers import PATIENCE, ROOT

# What only a balance tells, in the words of pages, workbooks and reports.
OF_BALANCES = re.compile(
    r"\bAUM\b|money at risk|at risk on this list|\btiers?\b|maturi|matures|"
    "资产|预计流失资金|层级|天内无?到期|到期与",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Context:
    """A Monday of the wallet, by a model of few trees."""
    few_trees = {"rounds": 25, "patience": 25, "lightgbm": {"learning_rate": 0.1}}
    context = Context(load_settings("wallet", {"training": few_trees}), tmp_path_factory.mktemp("data"))
    stages, handler = [], logging.Handler()
    handler.emit = lambda record: stages.append(record.getMessage())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    text = run_made_up(context, Wording("en"))
    log.removeHandler(handler)
    numbered = [int(line.split(" of 8 ")[0]) for line in stages if " of 8 " in line]
    assert numbered == [1, 2, 3, 4, 5, 6, 7, 8]
    assert not any("as it was" in line for line in stages)
    assert "by risk:" in text
    assert "run make serve BANK=wallet, open http://127.0.0.1:8000/ and" in text
    assert text.endswith("paste what make token ROLE=admin prints")
    assert not OF_BALANCES.search(text)
    return context


@pytest.fixture(scope="module")
def service(bank) -> Any:
    settings = demo_service(bank.home.store).model_copy(update={"audit_key": SecretStr(bank.audit_key.hex())})

    def headers(role: str) -> dict[str, str]:
        token = issue(settings, {"sub": f"the {role}", "role": role}, seconds=3600)
        return {"Authorization": f"Bearer {token}", "Cookie": f"attrition-session={token}"}

    with TestClient(create_app(settings)) as client:
        yield lambda role, path, **more: client.get(path, headers=headers(role) | more)


@pytest.fixture(scope="module")
def listed(bank) -> list[str]:
    """The customers on the wallet's one list, in its order."""
    with Store(bank.home.store) as store, store.at_run() as read_session:
        assert not read_session.run.has_money
        return [score.customer_id for score in read_session.common_list()]


def test_the_list_holds_the_highest_risks_in_their_order(bank, listed):
    with Store(bank.home.store) as store, store.at_run() as read_session:
        scores = {name: read_session.customer(name) for name in listed}
        decisions = read_session.decisions()
        called = read_session.profiles(listed).values()
    assert sum(bool(profile.name and profile.phone) for profile in called) > len(listed) / 2
    risks = [scores[name].risk for name in listed]
    assert len(listed) == bank.settings.lists.default_capacity
    assert risks == sorted(risks, reverse=True)
    beyond = [name for name, decision in decisions.items() if decision.decision == "beyond_capacity"]
    with Store(bank.home.store) as store, store.at_run() as read_session:
        assert max(read_session.customer(name).risk for name in beyond) <= risks[-1]
    assert {(score.aum_minor, score.money_at_risk_minor) for score in scores.values()} == {(0, 0)}
    assert all(score.risks(60) == {60: score.risk} for score in scores.values())


def test_the_model_is_better_than_rules_of_silence_and_what_it_writes_speaks_of_no_balance(bank):
    bundle = champion(bank)
    rules = bundle.metrics["rules"]
    assert list(rules) == ["longest_silence", "unusual_silence"]
    assert all(bundle.metrics["model"]["auroc"] > rule["auroc"] for rule in rules.values())
    assert not any("aum" in name or "money" in name for name in bundle.metrics["model"])
    assert not any("aum" in name for name in bundle.model.columns)
    for path in bank.home.reports.glob(f"{bundle.model_id}.*"):
        if path.suffix in (".html", ".md"):
            assert not OF_BALANCES.search(text_of(path.read_text("utf-8"))), path


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("admin", "/list"),
        ("admin", "/branches"),
        ("admin", "/model"),
        ("admin", "/effect"),
        ("admin", "/status"),
        ("admin", "/customers/{customer}"),
    ],
)
def test_pages_show_no_balance(service, listed, role, path, language):
    page = service(role, path.format(customer=listed[0]), **{"Accept-Language": language})
    assert page.status_code == 200
    text = text_of(page.text)
    assert not OF_BALANCES.search(text), OF_BALANCES.search(text)
    if path == "/list":
        assert ("the customers with the highest risk" if language == "en" else "按流失风险由高到低") in text


def test_answers_have_no_amount_and_say_why(service, listed):
    risk = service("crm", f"/v1/customers/{listed[0]}/risk?include=history&include=maturities").json()
    assert [risk[name] for name in ("tier", "aum", "money_at_risk")] == [None, None, None]
    assert risk["maturities"] == []
    assert 0 < risk["risk_60d"] < 1
    assert service("crm", f"/v1/customers/{listed[0]}/risk").json()["money_at_risk"] is None
    assert service("crm", "/v1/runs/latest").json()["counts"] == "customers"
    page = service("crm", "/v1/list").json()
    assert [row["customer_id"] for row in page["customers"]] == listed
    assert {(row["money_to_keep"], row["aum"]) for row in page["customers"]} == {(None, None)}
    first = service("crm", "/v1/exports/scores?format=csv").text.splitlines()[1].split(",")
    head = service("crm", "/v1/exports/scores?format=csv").text.splitlines()[0].split(",")
    assert {first[head.index(name)] for name in ("tier", "aum", "money_at_risk")} == {""}


def test_workbooks_show_no_balance(bank, listed):
    (path,) = (bank.home.lists / str(SNAPSHOT_DATE)).glob("*.xlsx")
    sheets = load_workbook(path).worksheets
    cells = [str(cell.value) for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.value]
    assert not OF_BALANCES.search("\n".join(cells))
    assert "Ordered by risk, highest first." in cells
    assert set(listed) <= set(cells)


def test_the_definitions_page_knows_silence_alone(bank):
    result = compare_definitions(bank, bank.tables, SNAPSHOT_DATE, [0.5], lambda *_: None)
    assert list(result["candidates"]) == ["silence 60d", "silence 30d", "silence 90d"]
    assert all(row["attrited"] > 0 for row in result["candidates"].values())
    page = text_of((bank.home.root / "definitions.html").read_text("utf-8"))
    assert not OF_BALANCES.search(page), OF_BALANCES.search(page)


@pytest.mark.long
def test_a_replay_counts_customers(bank):
    result, page = run_replay(bank, bank.tables, [SNAPSHOT_DATE - 12 * WEEK, SNAPSHOT_DATE - 11 * WEEK])
    assert not re.findall(r'"[a-z_.]*(?:money|aum|lost|tier)[a-z_]*":', json.dumps(result))
    assert result["ways"]["lists"]["share"] > result["ways"]["chance"]["share"]
    assert "largest_drop" not in result["ways"]
    text = text_of(page.read_text("utf-8"))
    assert not OF_BALANCES.search(text), OF_BALANCES.search(text)
    assert "nan" not in text.split()


def text_of(html: str) -> str:
    """The text of a page, without its markup."""
    return re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)


def test_a_notebook_gets_the_champion_its_predictions_and_reasons(bank):
    model = pipeline.load_model("wallet", data=bank.data)
    assert model.model_id == champion(bank).model_id
    features = pipeline.dataset("wallet", [SNAPSHOT_DATE - WEEK, SNAPSHOT_DATE], bank.data)
    some = features.sample(frac=0.5, random_state=1)  # in another order
    predicted = model.predict(some)
    assert list(predicted.index) == list(some.index)
    assert "money_at_risk" not in predicted
    with Store(bank.home.store) as store, store.at_run() as read_session:
        published = {score.customer_id: score for score in read_session.common_list()}
    served = predicted[predicted["snapshot_date"] == SNAPSHOT_DATE].set_index("customer_id")
    both = sorted(set(served.index) & set(published))
    assert len(both) > 5
    risk = served.filter(like="risk_").iloc[:, -1]
    assert [risk[customer] for customer in both] == pytest.approx(
        [published[customer].risk for customer in both]
    )
    reasons = model.reasons(some[some["customer_id"].isin(both) & (some["snapshot_date"] == SNAPSHOT_DATE)])
    assert {row.customer_id: row.text_zh for row in reasons[reasons["rank"] == 1].itertuples()} == {
        customer: published[customer].reasons[0].text_zh for customer in both if published[customer].reasons
    }


def test_a_notebook_is_told_what_it_cannot_have(bank):
    model = pipeline.load_model("wallet", champion(bank).model_id, bank.data)
    features = pipeline.dataset("wallet", [SNAPSHOT_DATE], bank.data)
    with pytest.raises(DataError, match=f"lacks {model.columns[3]}, of 1 columns"):
        model.predict(features.drop(columns=model.columns[3]))
    with pytest.raises(
        DataError, match="1 customers were not in the cohort of 2026-11-16, for example 'nobody'"
    ):
        model.predict(features.head(1).assign(customer_id="nobody"))
    with pytest.raises(DataError, match="the frame has no rows"):
        model.predict(features.head(0))
    with pytest.raises(DataError, match=f"no model '0' in .* {model.model_id}"):
        pipeline.load_model("wallet", "0", bank.data)


@pytest.mark.long
def test_the_notebook_of_the_documents_runs(bank, monkeypatch):
    source = ROOT / "docs/notebooks/model.py"
    monkeypatch.setenv("BANK", "wallet")
    monkeypatch.setenv("DATA", str(bank.data))
    notebook = jupytext.read(source)
    NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": ROOT}}).execute()
    outputs = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    assert len(outputs) == 6
    assert all(outputs[1:])
    assert "AUROC" in str(outputs)
    assert "as it is" in str(outputs)
