"""The weekly run from raw files to an HTTP answer, on a small made-up bank."""

import hashlib
import math
import shutil
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.baselines import RULES
from models.bundle import load
from pipeline.__main__ import app
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.evaluation.model_card import missing_in_card, model_card
from pipeline.evaluation.model_report import comparison_file, evaluation_of, report_in_full
from pipeline.monitoring.outcomes import evaluate_published
from pipeline.scoring import score as scoring
from pipeline.scoring.reasons import Models, last_published
from pipeline.snapshots.build import read_eligible, read_partition
from pipeline.training.comparison import compare
from pipeline.training.promotion import champion
from pipeline.weekly import run_weekly
from serve.app import create_app
from serve.auth.tokens import issue
from serve.store.store import Store
from serve.texts.wording import Wording
from tests.folders import bytes_below
from tests.pipeline.conftest import quick_evaluation
from tests.serve.conftest import demo_service, whole
from tests.test_no_pickle import pickled

AS_OF = date(2026, 11, 16)
# Small and short: everything that makes the run longer is cut, nothing is left out.
SMALL = {
    "customers_per_bucket": 300,
    "label": {"horizon_days": 30, "settle_days": 7},
    "training": {
        "first_after_weeks": 26,
        "judged_snapshots": 4,
        "tuned_snapshots": 4,
        "rounds": 30,
        "patience": 30,
        "lightgbm": {"min_data_in_leaf": 50},
    },
}


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    with quick_evaluation():
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_demo_bank(folder, 1200, 62, 11, AS_OF)
    return folder


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Context:
    return Context(load_settings("demo", SMALL), tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def week(bank, raw):
    return run_weekly(bank, raw, AS_OF)


def test_every_customer_is_scored_once_or_excluded_with_a_code(bank, week):
    publication, _ = week
    files = bank.tables.parts("customers")
    known = {row for file in files for row in pq.read_table(file)["customer_id"].to_pylist()}
    named = [one.customer_id for one in (*publication.scores, *publication.exclusions)]
    assert sorted(named) == sorted(known)
    assert publication.run.cohort == len(publication.scores) > 100


def test_money_at_risk_is_never_more_than_is_there(week):
    assert all(0 <= one.money_at_risk_minor <= one.aum_minor for one in week[0].scores)


def test_a_profile_ends_with_the_aum_of_the_score(bank, week):
    """Two ways to one figure: the AUM line, and the feature that the score was told."""
    scores = week[0].scores
    with Store(bank.home.store) as store, store.at_run(week[0].run.run_id) as read_session:
        found = read_session.profiles([one.customer_id for one in scores])
    assert [found[one.customer_id].aum_by_week[-1] for one in scores] == [one.aum_minor for one in scores]
    assert sum(bool(found[one.customer_id].bookings) for one in scores) > 0.9 * len(scores)
    assert any(one.gaps for one in found.values())
    assert any(one.maturities for one in found.values())
    assert any(one.contacts for one in found.values())


def test_who_left_by_depth_is_of_the_newest_monday_whose_outcome_is_known(bank, week):
    """Whatever was trained or counted before: a fresh home and an old one publish the same."""
    with Store(bank.home.store) as store, store.at_run(week[0].run.run_id) as read_session:
        content = read_session.branch_figures("", "products")
    label = bank.settings.label
    mondays = (AS_OF - timedelta(weeks=weeks) for weeks in range(52))
    newest = next(day for day in mondays if label.timeline(day).matured(AS_OF))
    assert content["depth_on"] == str(newest)
    assert (bank.home.partition("labels", newest) / "_made_by.json").is_file()


def test_reasons_carry_figures_in_both_languages(week):
    reasons = [reason for one in week[0].scores for reason in one.reasons]
    assert len(reasons) > len(week[0].scores) / 2
    assert all(reason.text_en and reason.text_zh and "{" not in reason.text_en for reason in reasons)
    assert max(len(one.reasons) for one in week[0].scores) <= 3


def test_the_service_answers_from_what_was_published(bank, week):
    publication, lists = week
    one = next(each for each in lists if each.manager and each.listed)
    # The service adds the heads of its access log to the bank's audit log, so it shares the key of that log.
    key = SecretStr(bank.audit_key.hex())
    settings = demo_service(bank.home.store).model_copy(update={"audit_key": key})
    token = issue(settings, {"sub": "the CRM", "role": "crm"}, seconds=3600)
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {token}"}) as client:
        listed = client.get(f"/v1/managers/{one.manager.manager_id}/list").json()
        shown = [row["customer_id"] for row in listed["customers"]]
        assert shown == [score.customer_id for score in one.listed]
        top = client.get(f"/v1/customers/{shown[0]}/risk").json()
        assert top["risk_30d"] == one.listed[0].risk_30d
        assert (top["run_id"], top["risk_90d"]) == (publication.run.run_id, None)
        card = client.get("/v1/runs/latest/model-card").json()["parts"]
        assert {"purpose", "results", "owner", "approver"} < set(card)
        assert all(card.values())


def test_the_new_model_has_its_page_and_a_complete_card(bank, week):
    model_id = week[0].run.model_id
    page = (bank.home.reports / f"{model_id}.html").read_text("utf-8")
    words = Wording(bank.settings.language)
    keys = ("report.capacity", "report.groups", "report.name.lifecycle_stage", "report.name.age_band")
    assert [key for key in keys if words(key) not in page] == []
    assert words("report.few", group="nobody").removeprefix("nobody") in page
    assert "<script" not in page
    bundle = load(bank.home.models / model_id, bank.bundle_key)
    assert missing_in_card(model_card(bank.settings, bundle, evaluation_of(bank.home, model_id))) == []


def test_a_comparison_after_training_is_that_of_rows_read_again(bank, week):
    bundle = load(bank.home.models / week[0].run.model_id, bank.bundle_key)
    kept = read_json(comparison_file(bank.home, bundle.model_id))
    assert kept["rows"] > 100
    assert kept == compare(bank, bank.tables, bundle, None)


@pytest.mark.usefixtures("week")
def test_a_rerun_and_a_run_from_nothing_end_with_the_same_bytes(bank, raw, tmp_path_factory):
    before = fingerprints(bank)
    pages = {path.name: path.read_bytes() for path in bank.home.reports.iterdir()}
    run_weekly(bank, raw, AS_OF)
    assert fingerprints(bank) == before
    other = Context(bank.settings, tmp_path_factory.mktemp("other"))
    run_weekly(other, raw, AS_OF)
    assert fingerprints(other) == before
    assert {path.name: path.read_bytes() for path in other.home.reports.iterdir()} == pages


@pytest.mark.usefixtures("week")
def test_a_copy_elsewhere_goes_on_when_the_first_folder_is_gone(bank, raw, tmp_path_factory):
    copy = Context(bank.settings, tmp_path_factory.mktemp("copies") / "data")
    shutil.copytree(bank.data, copy.data)
    before, gone = fingerprints(bank), bank.data.rename(bank.data.with_name("gone"))
    try:
        run_weekly(copy, raw, AS_OF)
        assert not bank.data.exists()
    finally:
        gone.rename(bank.data)
    assert fingerprints(copy) == before
    # Of MLflow's file tests/pipeline/training/test_registry.py says the same.
    files = {name: content for name, content in bytes_below(copy.data).items() if name != "mlflow.db"}
    assert [name for name, content in files.items() if str(bank.data).encode() in content] == []


def test_the_report_in_full_keeps_the_promise_and_is_the_same_twice(bank, week):
    bundle = load(bank.home.models / week[0].run.model_id, bank.bundle_key)
    first = report_in_full(bank, bank.tables, bundle, None).read_bytes()
    found = evaluation_of(bank.home, bundle.model_id)["figures"]
    # Judged again on the same Mondays, the signed figures come out.
    assert found["model"] == pytest.approx(bundle.metrics["model"], abs=1e-12)
    assert found["money"]["realised"] == bundle.metrics["money"]["realised"]
    assert set(found["others"]) == {*RULES, "logistic"}
    assert "logistic.auroc" in found["intervals"]
    again = report_in_full(bank, bank.tables, bundle, None).read_bytes()
    assert again == first


@pytest.mark.usefixtures("week")
def test_nothing_that_the_run_leaves_is_a_pickle(bank):
    """The bundle's folder, MLflow's copy of it, and the decisions."""
    patterns = ("*/models/*/*", "*/decisions/*", "mlflow.db", "mlflow/**/*")
    paths = [path for pattern in patterns for path in bank.data.glob(pattern) if path.is_file()]
    assert {path.name for path in paths} >= {"model.txt", "signature", "mlflow.db"}
    assert [reason for path in paths if (reason := pickled(path))] == []


@pytest.mark.usefixtures("week")
def test_a_failed_delivery_leaves_the_served_week_as_it_was(bank, tmp_path):
    before = fingerprints(bank)
    with pytest.raises(DataError, match="has no file"):
        run_weekly(bank, tmp_path, AS_OF)
    assert fingerprints(bank) == before
    assert not list(bank.data.rglob(".draft-*"))


def test_a_past_monday_is_not_scored_by_a_model_that_saw_its_future(bank, raw, week):
    served = week[0].run
    publication, _ = run_weekly(bank, raw, AS_OF - timedelta(weeks=2))
    assert publication.run.model_id != served.model_id
    # The model that stood as champion was judged beside it.
    beside = evaluation_of(bank.home, publication.run.model_id)["figures"]["others"]
    assert f"champion {served.model_id} (saw some of these Mondays)" in beside
    with Store(bank.home.store) as store:
        assert store.latest_run().run_id == served.run_id
        assert {run.run_id for run in store.history()} == {served.run_id, publication.run.run_id}


def test_changes_are_counted_from_the_run_before_and_a_new_model_is_said(bank, raw, week, monkeypatch):
    """Two weeks earlier another model scored: see the test above, whose run this one needs."""
    before = AS_OF - timedelta(weeks=2)
    earlier, _ = run_weekly(bank, raw, before)
    again, _ = run_weekly(bank, raw, AS_OF)
    assert again.run.compared_with == before
    assert again.run.manifest["before"] == earlier.run.run_id
    assert [one.reasons for one in again.scores] == [one.reasons for one in week[0].scores]
    raw_now, raw_then = (
        raw_scores(bank, one.run.model_id, one.run.snapshot_date) for one in (again, earlier)
    )
    risk_then = {one.customer_id: one.risk for one in earlier.scores}
    moved = [one for one in again.scores if one.risk_change is not None]
    assert {one.customer_id for one in moved} == set(raw_now) & set(raw_then)
    for one in moved:
        total = math.fsum(part.contribution for part in one.changes)
        assert total == pytest.approx(raw_now[one.customer_id] - raw_then[one.customer_id], abs=1e-9)
        assert one.risk_change == pytest.approx(one.risk - risk_then[one.customer_id], abs=1e-12)
        assert "model" in [part.group for part in one.changes]
    assert len(bank.home.files("features", AS_OF)) == 4  # buckets, one of which is scored at a time
    monkeypatch.setattr(scoring, "ROWS", 1)
    assert run_weekly(bank, raw, AS_OF)[0] == again
    for kind in ("features", "cohort"):  # as in a bank that has been divided into more buckets since
        first, *others = bank.home.files(kind, before)
        pq.write_table(pa.concat_tables(pq.read_table(path) for path in (first, *others)), first)
        for path in others:
            path.unlink()
    bundle = load(bank.home.models / again.run.model_id, bank.bundle_key)
    models = Models(bundle, last_published(bank, bundle, AS_OF))
    scored = scoring.score(bank.settings, bank.home, bank.tables, models, AS_OF).scores
    assert [(score.risk_change, score.changes) for score in scored] == [
        (score.risk_change, score.changes) for score in again.scores
    ]


def test_a_feature_may_be_unknown_in_a_bucket_but_not_in_all(bank, week, monkeypatch):
    def without_aum(parts: set[int]):
        def read(home, kind, days, columns=None):
            frame = read_partition(home, kind, days, columns)
            return frame.assign(aum_last=math.nan) if columns is None and home.part[0] in parts else frame

        monkeypatch.setattr(scoring, "read_partition", read)
        return scoring.score(bank.settings, bank.home, bank.tables, Models(champion(bank)), AS_OF)

    monkeypatch.setattr(scoring, "ROWS", 1)
    assert len(without_aum({1}).scores) == len(week[0].scores)
    with pytest.raises(DataError, match="feature 'aum_last' is unknown for all"):
        without_aum({0, 1, 2, 3})


def raw_scores(bank: Context, model_id: str, day: date) -> dict[str, float]:
    """The mean raw score over the periods of each customer of a Monday."""
    bundle = load(bank.home.models / model_id, bank.bundle_key)
    frame = read_partition(bank.home, "features", [day])
    extended = bundle.learnt.extended(frame, read_eligible(bank.home, [day]))
    raw = bundle.score(extended).contributions.raw.mean(axis=1)
    return dict(zip(frame["customer_id"], raw.tolist(), strict=True))


@pytest.mark.usefixtures("week")
def test_outcomes_are_refused_while_the_window_is_open(bank):
    with pytest.raises(DataError, match=r"outcome of 2026-11-16 is not known before 2026-12-23"):
        evaluate_published(bank, bank.tables, AS_OF, lambda *_: None)


def comparison(bank: Context) -> dict:
    """The weekly comparison that is kept with the served run."""
    with Store(bank.home.store) as store, store.at_run() as read_session:
        [(_, figures)] = read_session.figures("calibration", 1)
    assert figures is not None
    return figures


@pytest.mark.usefixtures("week")
def test_the_first_run_says_that_nothing_has_matured(bank):
    assert (comparison(bank)["verdict"], comparison(bank)["groups"]) == ("waiting", [])


@pytest.mark.long
def test_what_an_earlier_week_predicted_is_compared_with_what_came(raw, tmp_path):
    """Eight weeks later 37 days have passed; the figures are kept with the run."""
    bank, before = Context(load_settings("demo", SMALL), tmp_path), AS_OF - timedelta(weeks=8)
    earlier, _ = run_weekly(bank, raw, before)
    assert comparison(bank)["verdict"] == "waiting"
    run_weekly(bank, raw, AS_OF)
    figures = comparison(bank)
    everybody = figures["groups"][0]
    [horizon] = everybody["horizons"]
    labels = read_partition(bank.home, "labels", [before]).set_index("customer_id")["attrited"]
    scored = [score.customer_id for score in earlier.scores]
    assert (horizon["days"], horizon["snapshot_date"]) == (30, str(before))
    assert horizon["customers"] == earlier.run.cohort
    assert horizon["predicted"] == round(math.fsum(score.risk for score in earlier.scores), 1)
    assert horizon["observed"] == labels.reindex(scored).sum() > 0
    assert {group["kind"] for group in figures["groups"]} == {"all", "branch", "tier", "band"}
    run_weekly(bank, raw, AS_OF)
    assert comparison(bank) == figures


def test_a_users_mistake_is_one_sentence(raw, tmp_path):
    arguments = ["weekly", "--raw", str(raw), "--as-of", "2026-11-17", "--data", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert str(result.exception) == (
        "2026-11-17 is a Tuesday, but a snapshot is a Monday. Use 2026-11-16, or the one after."
    )


def fingerprints(bank: Context) -> dict[str, str]:
    paths = [*bank.home.models.rglob("*.*"), *(bank.home.lists / str(AS_OF)).glob("*")]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}
    with Store(bank.home.store) as store:
        found["store"] = hashlib.sha256(repr(whole(store)).encode()).hexdigest()
    return found
