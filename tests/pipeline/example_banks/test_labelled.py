"""The bank with a label of its own, from raw files to lists; and with too few labels for a model."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.call_lists import Week
from configs.dates import WEEK
from configs.errors import DataError
from configs.response import Response
from models.bundle import load
from models.splits import TooFewMondaysError
from pipeline.context import Context
from pipeline.evaluation.definitions import compare_definitions
from pipeline.example_banks import SNAPSHOT_DATE, labelled
from pipeline.ingest.findings import read_findings
from pipeline.ingest.ingest import ingest
from pipeline.lists.decisions import choose
from pipeline.monitoring.matured import count_matured
from pipeline.monitoring.outcomes import evaluate_published
from pipeline.replay.leavers import OUTCOMES, left_on, matured_mondays
from pipeline.replay.mondays import replay_of
from pipeline.scoring.reasons import Models
from pipeline.scoring.score import score
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_eligible, read_partition
from pipeline.weekly import run_train, run_weekly
from serve.store.store import Store
from tests.pipeline.conftest import quick_evaluation

MONTH_END, MONDAY = "2026-03-31", date(2026, 3, 30)
FEW: Any = {
    "training": {
        "rounds": 30,
        "patience": 5,
        "first_after_weeks": 52,
        "judged_snapshots": 3,
        "tuned_snapshots": 3,
    }
}


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with quick_evaluation():
        yield


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    labelled.write_raw(folder, SNAPSHOT_DATE)
    return folder


@pytest.fixture(scope="module")
def small_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of the bank, where no model is trained."""
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelled, "CUSTOMERS", 240)
        labelled.write_raw(folder, SNAPSHOT_DATE)
    return folder


@pytest.fixture(scope="module")
def published(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    context = Context(load_settings("labelled", FEW), tmp_path_factory.mktemp("data"))
    return context, *run_weekly(context, raw, SNAPSHOT_DATE)


def test_the_lists_hold_risks_within_the_horizon_of_the_label(published: tuple[Any, ...]) -> None:
    context, publication, lists = published
    assert publication.run.horizon_days == 180
    assert sum(len(call_list.listed) for call_list in lists) > 40
    for one in publication.scores:
        assert one.risks(180) == {180: one.risk_own}
        assert (one.risk_30d, one.risk_60d, one.risk_90d) == (None, None, None)
    with Store(context.home.store) as store:
        assert {one.customer_id: one.risk for one in store.scores()} == {
            one.customer_id: one.risk_own for one in publication.scores
        }


def test_only_month_ends_that_were_known_train_and_evaluate(published: tuple[Any, ...], raw: Path) -> None:
    context, publication, _ = published
    bundle = load(context.home.models / publication.run.model_id, context.bundle_key)
    ends = {str(day) for day in pd.read_csv(raw / "churn.csv")["month_end"]}
    for day in bundle.snapshots.mondays:
        week = {str(day.date()) for day in pd.date_range(day, periods=7)}
        assert week & ends
    model = bundle.metrics["model"]
    assert model["auroc"] > 0.85
    assert model["auroc"] > max(rule["auroc"] for rule in bundle.metrics["rules"].values())


def test_the_bank_may_compare_its_label_with_other_definitions(published: tuple[Any, ...]) -> None:
    context, _, _ = published
    result = compare_definitions(context, context.tables, SNAPSHOT_DATE, [0.5], nothing)
    found = result["candidates"]["delivered 180d"]
    assert result["chosen"] == "delivered 180d"
    assert found["eligible"] < result["candidates"]["closure 90d"]["eligible"]  # some have no label
    assert 0.05 < found["rate"] < 0.1
    page = (context.home.root / "definitions.html").read_text("utf-8")
    assert "all that have labels" in page
    assert "delivered: gone is whom the bank's own label calls so." in page


def test_published_mondays_are_compared_where_they_have_labels(published: tuple[Any, ...], raw: Path) -> None:
    context, publication, _ = published
    tables, bundle = context.tables, load(context.home.models / publication.run.model_id, context.bundle_key)
    later = MONDAY + WEEK
    build_snapshots(context.settings, context.home, tables, [MONDAY, later], nothing)
    with Store(context.home.store) as store:
        for monday in (MONDAY, later):
            past = score(context.settings, context.home, tables, Models(bundle, None), monday)
            week = Week(monday, 27, Response(0.3))
            lists = choose(past.scores, past.managers, context.settings.lists, week)
            store.publish(past.run, past.scores, past.exclusions, lists)
    counted = count_matured(context, tables, SNAPSHOT_DATE, nothing)
    assert [path.name for path in counted] == [f"{MONDAY}_180d.json"]
    everybody = next(iter(counted.values()))["groups"][0]
    labels = pd.read_csv(raw / "churn.csv").query("month_end == @MONTH_END").set_index("client")["left_180"]
    scored = read_eligible(context.home, [MONDAY])["customer_id"]
    known = labels.reindex(scored).dropna()
    assert everybody["customers"] == len(known) < len(scored)
    assert everybody["observed"] == known.sum()
    _, _, figures = evaluate_published(context, tables, MONDAY, nothing)
    assert (figures["customers"], figures["attrited"]) == (len(known), known.sum())
    with pytest.raises(DataError, match=f"{later} is not known: the bank has delivered no label"):
        evaluate_published(context, tables, later, nothing)


def test_a_replay_looks_at_customers_with_labels_only(published: tuple[Any, ...]) -> None:
    context, _, _ = published
    replay = replay_of(context, context.tables, [MONDAY, MONDAY + WEEK])
    assert matured_mondays(replay) == [MONDAY]
    build_snapshots(context.settings, context.home, context.tables, [MONDAY], nothing)
    build_outcomes(
        context.settings, replay.context.home, context.tables, [MONDAY], SNAPSHOT_DATE, nothing, OUTCOMES
    )
    rows, eligible = left_on(replay, MONDAY), read_eligible(context.home, [MONDAY])
    labels = read_partition(replay.context.home, OUTCOMES, [MONDAY]).set_index("customer_id")["attrited"]
    known = labels.reindex(eligible["customer_id"]).dropna()
    assert list(rows["customer_id"]) == list(known.index)
    assert len(known) < len(eligible)
    assert (rows["attrited"].to_numpy() == (known == 1).to_numpy()).all()


def nothing(*_: object) -> None:
    return None


def with_labels(raw: Path, folder: Path, labels: pd.DataFrame) -> Path:
    folder.mkdir()
    for path in raw.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "churn.csv").unlink()
    labels.to_csv(folder / "churn.csv", index=False, float_format="%.2f")
    return folder


def test_one_date_gives_a_data_set_and_says_why_there_is_no_model(small_raw: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_raw / "churn.csv")
    labels = labels[labels["month_end"] == MONTH_END]
    context = Context(load_settings("labelled"), tmp_path / "data")
    tables = ingest(
        context.settings, with_labels(small_raw, tmp_path / "raw", labels), context.home, lambda _: None
    )
    with pytest.raises(TooFewMondaysError) as refused:
        run_train(context, tables, SNAPSHOT_DATE)
    folder = context.home.root / "datasets"
    said = str(refused.value)
    assert "the bank's labels are known for 1 Monday (2026-03-30), and a model needs at least 16: it" in said
    assert f"Features and label of each lie in {folder}, one file per Monday." in said
    assert "\n" not in said
    rows = pd.read_parquet(folder / f"{MONDAY}.parquet").set_index("customer_id")
    expected = labels.set_index("client")["left_180"].reindex(rows.index)
    assert rows["attrited"].isna().sum() == expected.isna().sum() > 0
    assert (rows["attrited"].dropna() == expected.dropna()).all()
    assert {"aum_last", "outflow_share", "time_to_attrition"} <= {*rows.columns}
    result = compare_definitions(context, tables, SNAPSHOT_DATE, [0.5], nothing)
    assert result["snapshots"] == [str(MONDAY)]
    assert result["candidates"][result["chosen"]]["attrited"] == (rows["attrited"] == 1).sum()


def test_labels_that_count_for_nothing_are_named_by_their_number(small_raw: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_raw / "churn.csv")
    labels = labels[labels["month_end"] == MONTH_END].head(100).copy()
    labels["computed_on"] = "2026-09-26"  # a day before 03-31 and 180 days
    again = labels.head(7).assign(month_end="2026-04-01", computed_on="2026-09-28")
    context = Context(load_settings("labelled"), tmp_path / "data")
    files = with_labels(small_raw, tmp_path / "raw", pd.concat([labels, again]))
    tables = ingest(context.settings, files, context.home, lambda _: None)
    said = " ".join(one.text for one in read_findings(context.settings, tables) if one.warning)
    stayed = int((labels["left_180"] == 0).sum())
    assert re.search(rf"labels: {stayed} of 107 rows, gone = 0, were known before their 180 days", said)
    assert "labels: 7 of 107 rows are of a week in which their customer has an earlier day" in said
    with pytest.raises(TooFewMondaysError, match="for 1 Monday "):
        run_train(context, tables, SNAPSHOT_DATE)
