"""The real path on a small bank: published runs, labels of closed windows, counts by group, the verdict."""

import re
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType, SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.call_lists import Week
from configs.published import Reason, Run, RunExtras, Score
from configs.response import Response
from models.bundle import settings_of, write
from pipeline.__main__ import app
from pipeline.artefacts import read_json
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.lists.decisions import choose
from pipeline.monitoring.calibration import calibration
from pipeline.monitoring.matured import (
    EVERYBODY,
    _due,
    count_matured,
    keep_again,
    keep_matured,
    read_matured,
)
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_eligible, read_partition
from pipeline.weekly import run_ingest
from serve.store.predictions import predictions
from serve.store.store import Store
from tests.bundles import tiny_bundle

AS_OF = date(2026, 11, 16)
OLD, LATER, TUNED, EVALUATED = (AS_OF - timedelta(weeks=weeks) for weeks in (15, 14, 41, 40))
TRAINED = AS_OF - timedelta(weeks=16)
RISKS = {"risk_30d": 0.1, "risk_60d": 0.15, "risk_90d": 0.2}


def nothing(*_):
    return None


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Context:
    """400 customers; runs of two Mondays, everybody with the same risks, by a model that nobody fitted."""
    folder = tmp_path_factory.mktemp("matured")
    write_demo_bank(folder / "raw", 400, 62, 11, AS_OF)
    context = Context(load_settings("demo"), folder / "data")
    tables = run_ingest(context, folder / "raw")
    days = {"train": [], "tune": [str(TUNED)], "judge": [str(EVALUATED)]}
    metrics = {"trained_as_of": str(TRAINED), "snapshots": days}
    bundle = tiny_bundle(metrics, settings_of(context.settings))
    write(bundle, context.home.models, context.bundle_key)
    build_snapshots(context.settings, context.home, tables, [OLD, LATER], nothing)
    for monday in (OLD, LATER):
        publish(context, monday, bundle.model_id)
    return context


SALARY = tuple(Reason(group, "", None, 0.0, "", "") for group in ("salary", "outflow"))


def publish(context: Context, monday: date, model_id: str, run_id: str = "") -> None:
    """Everybody with the same risks; who has most money on OLD has least on LATER, so others are listed."""
    cohort = read_eligible(context.home, [monday]).astype(object)
    cohort = cohort.where(cohort.notna(), None).to_dict("records")
    money = range(100, 100 + len(cohort)) if monday == OLD else range(100 + len(cohort), 100, -1)
    scores = tuple(
        Score(row["customer_id"], row["branch_id"], row["manager_id"], row["tier"], "mature", False,
              100_000, amount, "low" if amount % 4 else "high", () if amount % 3 else SALARY, **RISKS)
        for amount, row in zip(money, cohort, strict=True)
    )  # fmt: skip
    excluded = MappingProxyType(dict[str, int]())
    made_of = MappingProxyType({"tables": "a"})
    run_id = run_id or f"run-{monday}"
    run = Run(run_id, "demo", monday, model_id, "CNY", 90, len(scores), excluded, made_of)
    week = Week(monday, 14, Response(0.3))
    few = {"lists": {"default_capacity": 3, "control_group_share": 0.2}}
    lists = choose(scores, [], load_settings("demo", few).lists, week)
    with Store(context.home.store) as store:
        store.publish(run, scores, (), lists)


@pytest.fixture(scope="module")
def kept(bank) -> list:
    """Two Mondays at three horizons: read before they are kept, they are what is read afterwards."""
    counted = count_matured(bank, bank.tables, AS_OF, nothing)
    before = read_matured(bank.home, bank.settings.label, AS_OF, counted)
    assert len(before) == 6
    assert not (bank.home.root / "matured").exists()
    keep_matured(counted)
    after = read_matured(bank.home, bank.settings.label, AS_OF)
    assert after == before
    return after


def keep(context: Context, tables) -> int:
    """The number of files written of what had matured."""
    counted = count_matured(context, tables, AS_OF, nothing)
    keep_matured(counted)
    return len(counted)


def labels_of(bank: Context, monday: date) -> pd.DataFrame:
    """The label of the longest horizon of everybody scored."""
    build_outcomes(bank.settings, bank.home, bank.tables, [monday], AS_OF, nothing)
    labels = read_partition(bank.home, "labels", [monday]).set_index("customer_id")
    return labels.reindex(read_eligible(bank.home, [monday])["customer_id"])


def test_predicted_and_observed_are_those_of_the_customers_scored(bank, kept):
    """Everybody has a risk of 20%; who left is counted from the label, which test_label.py works out."""
    longest = next(each for each in kept if (each.snapshot_date, each.days) == (OLD, 90))
    labels, counts = labels_of(bank, OLD), longest.groups[EVERYBODY]
    assert counts["customers"] == len(labels) > 100
    assert counts["predicted"] == pytest.approx(0.2 * len(labels))
    assert counts["observed"] == labels["attrited"].sum() > 5
    assert longest.trained_as_of == TRAINED


def test_who_is_gone_after_30_days_is_counted_with_those_who_come_back(bank, kept):
    """More are gone after 30 days than stay away until 90; the risk is theirs, so it is raised."""
    first = next(each for each in kept if (each.snapshot_date, each.days) == (OLD, 30))
    stay_away = (labels_of(bank, OLD)["time_to_attrition"] <= 30).sum()
    counts = first.groups[EVERYBODY]
    assert counts["observed"] >= stay_away
    share = read_json(bank.home.root / "matured" / f"{OLD}_30d.json")["standing_share"]
    gone = stayed = 1
    for monday in (TUNED, EVALUATED):
        scored = read_eligible(bank.home, [monday])["customer_id"]
        at_horizon = read_partition(bank.home, "labels_30d", [monday]).set_index("customer_id")
        in_the_end = read_partition(bank.home, "labels", [monday]).set_index("customer_id")
        gone += at_horizon["attrited"].reindex(scored).sum()
        stayed += (in_the_end["time_to_attrition"].reindex(scored) <= 30).sum()
    assert share == pytest.approx(stayed / gone, abs=1e-6)
    assert 0 < share < 1
    assert counts["predicted"] == pytest.approx(0.1 * counts["customers"] / share, abs=1e-4)


def test_groups_add_up_to_everybody(kept):
    for each in kept:
        whole = each.groups[EVERYBODY]
        for kind in ("branch", "tier", "band"):
            parts = [counts for (of, _), counts in each.groups.items() if of == kind]
            assert len(parts) > 1
            for column, total in whole.items():
                assert sum(part[column] for part in parts) == pytest.approx(total, abs=1e-4)


def test_who_was_listed_is_no_evidence_that_too_much_was_predicted(bank, kept):
    """Without a call are those neither listed nor assigned to a list; who was listed a week later counts with
    the risk then, whatever became of them."""
    longest = next(each for each in kept if (each.snapshot_date, each.days) == (OLD, 90))
    listed = {}
    for monday in (OLD, LATER):
        with Store(bank.home.store) as store, store.at_run(f"run-{monday}") as read_session:
            decisions = read_session.decisions()
        listed[monday] = {name for name, each in decisions.items() if each.decision == "listed"}
        assert "held_out" in {each.decision for each in decisions.values()}
    labels, counts = labels_of(bank, OLD), longest.groups[EVERYBODY]
    unlisted = [name for name in labels.index if name not in listed[OLD]]
    assert 0 < len(unlisted) < len(labels)
    assert counts["unlisted_predicted"] == pytest.approx(0.2 * len(unlisted), abs=1e-4)
    later = set(unlisted) & listed[LATER]
    assert len(later) > 5
    at_most = labels["attrited"].reindex([name for name in unlisted if name not in later]).sum()
    assert counts["unlisted_at_most"] == pytest.approx(at_most + 0.2 * len(later), abs=1e-4)


@pytest.mark.usefixtures("kept")
def test_a_cell_counts_those_whom_nobody_called_by_their_first_reason(bank, kept):
    """Of 30 days too: what was predicted is the sum of the risks, whoever stays away."""
    labels = labels_of(bank, OLD)
    with Store(bank.home.store) as store, store.at_run(f"run-{OLD}") as session:
        rows = predictions(session.connection, session.run_version, 90)
    uncalled = [row for row in rows if row.unlisted]
    assert 0 < len(rows) - len(uncalled) < 30
    for days, risk in ((90, 0.2), (30, RISKS["risk_30d"])):
        each = kept_of(kept, days)
        assert {cell for cell, *_ in each.cells} == {
            (reason, band, "mature") for reason in ("", "salary") for band in ("high", "low")
        }
        assert sum(cell.expected for cell in each.cells) == pytest.approx(risk * len(uncalled), abs=1e-3)
    salary = next(cell for cell in kept_of(kept, 90).cells if cell.cell == ("salary", "low", "mature"))
    members = [row.customer_id for row in uncalled if row[3:6] == ("low", "salary", "mature")]
    assert salary.expected == pytest.approx(0.2 * len(members))
    assert salary.observed == labels["attrited"].reindex(members).sum()


def kept_of(kept, days):
    return next(one for one in kept if (one.snapshot_date, one.days) == (OLD, days))


def test_a_monday_sees_only_what_had_matured_and_a_rerun_writes_nothing(bank):
    """15 weeks after the Monday all three horizons are known, 7 weeks after it the first alone."""
    label = bank.settings.label
    early = read_matured(bank.home, label, OLD + timedelta(weeks=7))
    assert [(each.snapshot_date, each.days) for each in early] == [(OLD, 30), (LATER, 30)]
    assert [each.days for each in read_matured(bank.home, label, OLD + timedelta(weeks=6))] == [30]
    assert read_matured(bank.home, label, OLD + timedelta(weeks=5)) == []
    before = {path.name: path.read_bytes() for path in (bank.home.root / "matured").iterdir()}
    assert keep(bank, bank.tables) == 0
    assert keep_again(bank, bank.tables, OLD, nothing) == [30, 60, 90]
    assert {path.name: path.read_bytes() for path in (bank.home.root / "matured").iterdir()} == before


@pytest.mark.usefixtures("kept")
def test_a_window_is_counted_again_for_four_weeks_where_the_tables_change(bank):
    """14 weeks after LATER its longest window has closed for a day; that of OLD for eight; those of 60 days
    closed four weeks earlier, those of 30 days eight."""
    changed = SimpleNamespace(last_day=bank.tables.last_day, fingerprint="another")
    names = sorted(path.name for path in (bank.home.root / "matured").iterdir())
    assert len(names) == 6
    runs = {monday: SimpleNamespace(snapshot_date=monday, run_id=f"run-{monday}") for monday in (OLD, LATER)}
    closed = [(monday, days) for monday in runs for days in (30, 60, 90)]
    due = [(monday, days) for monday, days in closed if _due(bank, changed, runs[monday], days, AS_OF)]
    assert due == [(OLD, 90), (LATER, 90)]
    assert not any(_due(bank, bank.tables, runs[monday], days, AS_OF) for monday, days in closed)


@pytest.mark.usefixtures("kept")
def test_the_verdict_is_kept_with_the_run(bank):
    """Everybody's risk is far from right for nobody: at this size what came lies within noise, or not; the
    figures say which, and are those that the page reads."""
    figures = calibration(bank.settings, read_matured(bank.home, bank.settings.label, AS_OF), AS_OF)
    everybody = figures["groups"][0]
    assert (everybody["kind"], everybody["name"]) == EVERYBODY
    assert [horizon["days"] for horizon in everybody["horizons"]] == [30, 60, 90]
    assert {horizon["snapshot_date"] for horizon in everybody["horizons"]} == {str(LATER)}
    with Store(bank.home.store) as store:
        served = store.latest_run()
        scores = tuple(store.scores())
        lists = choose(scores, [], bank.settings.lists, Week(LATER, 14, Response(0.3)))
        store.publish(served, scores, (), lists, RunExtras(calibration=figures))
        with store.at_run() as read_session:
            [(_, found)] = read_session.figures("calibration", 1)
    assert found == figures


@pytest.mark.usefixtures("kept")
def test_a_run_published_anew_is_counted_anew_and_a_lost_model_is_left_out(bank, caplog):
    publish(bank, LATER, "lost", run_id="run-again")
    with caplog.at_level("WARNING", "attrition"):
        assert keep(bank, bank.tables) == 0
    assert "runs of model lost are not compared" in caplog.text
    publish(bank, LATER, read_json(bank.home.root / "matured" / f"{OLD}_30d.json")["model_id"], "run-third")
    assert keep(bank, bank.tables) == 3


@pytest.mark.usefixtures("kept")
def test_the_command_prints_each_horizon_and_the_verdict(bank):
    arguments = ["outcomes", "--as-of", str(OLD), "--data", str(bank.data)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"within {days} days" for days in (30, 60, 90)]
    assert re.fullmatch(
        r"within 90 days: \d+ customers, predicted [\d.]+, observed \d+; without a call: predicted [\d.]+, "
        r"at most [\d.]+",
        lines[2],
    )
    assert lines[3].startswith(f"all Mondays matured before {AS_OF}: ")
    assert any(line.startswith("attrition: predicted 20.00%, observed ") for line in lines)


@pytest.mark.usefixtures("kept")
def test_another_label_is_another_prediction(bank, caplog):
    """The bank changes its definition: runs of before are not counted by it, and other horizons not read."""
    other = replace(bank, settings=load_settings("demo", {"label": {"min_drop": 0.7}}))
    before = {path.name: path.read_bytes() for path in (bank.home.root / "matured").iterdir()}
    with caplog.at_level("INFO", "attrition"):
        keep_again(other, bank.tables, OLD, nothing)
    assert "it predicts another label" in caplog.text
    assert {path.name: path.read_bytes() for path in (bank.home.root / "matured").iterdir()} == before
    short = load_settings("demo", {"label": {"horizon_days": 30}}).label
    assert {each.days for each in read_matured(bank.home, short, AS_OF)} == {30}


def test_before_the_first_publication_nothing_is_counted(tmp_path, bank):
    empty = Context(bank.settings, tmp_path)
    assert keep(empty, bank.tables) == 0
