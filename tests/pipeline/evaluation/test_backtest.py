"""Rolling origins on a small made-up bank; above all, that no origin learns what was known only later."""

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from models.baselines import RULES
from models.metrics import ranking
from pipeline.artefacts import read_json
from pipeline.commands.summaries import backtest_in_words
from pipeline.context import Context
from pipeline.evaluation import backtest, research
from pipeline.evaluation import figures as figures_module
from pipeline.evaluation.backtest import backtest_page, origins, run_backtest
from pipeline.evaluation.demo_truth import truth_of
from pipeline.evaluation.research import build_history
from tests.pipeline.conftest import LAST_MONDAY, made_up_bank, quick_evaluation

SMALL = {
    "label": {"horizon_days": 30, "settle_days": 7},
    "training": {
        "first_after_weeks": 26,
        "judged_snapshots": 3,
        "tuned_snapshots": 4,
        "rounds": 15,
        "patience": 15,
        "negatives_kept": 1.0,
        "lightgbm": {"min_data_in_leaf": 40},
    },
}


def test_the_worked_example_of_origins():
    label = load_settings("demo").label
    assert origins(label, LAST_MONDAY, 2, 13) == (date(2026, 2, 16), date(2026, 5, 18))
    assert label.timeline(date(2026, 5, 18) + timedelta(weeks=12)).matured(LAST_MONDAY)
    assert not label.timeline(date(2026, 5, 18) + timedelta(weeks=13)).matured(LAST_MONDAY)


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """Intervals are tested in tests/models/test_metrics.py; here they only have to be there."""
    with quick_evaluation(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures_module, "DRAWS", 20)
        yield


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Context:
    return made_up_bank(tmp_path_factory.mktemp("data"), 1000, 68, **SMALL)


@pytest.fixture(scope="module")
def result(bank):
    return run_backtest(bank, bank.tables, LAST_MONDAY, count=3, weeks_apart=5, truth=truth_of(bank))


def test_each_origin_has_what_was_predicted_and_observed(bank, result):
    assert read_json(bank.home.root / "backtest.json") == result
    first, second = result["origins"]
    assert (first["origin"], second["origin"]) == ("2026-08-03", "2026-09-07")
    assert list(result["refused"]) == ["2026-06-29"]
    assert "too few matured snapshots" in result["refused"]["2026-06-29"]
    for origin in (first, second):
        days = origin["snapshots"]
        later = [str(date.fromisoformat(origin["origin"]) + timedelta(weeks=k)) for k in range(5)]
        assert days["later"] == later
        assert days["judge"][-1] < origin["origin"]
        low, high = origin["predicted"]["intervals"]["model.auroc"]
        assert low < origin["predicted"]["model"]["auroc"] < high
        observed, intervals = origin["observed"], origin["observed"]["intervals"]
        ways = {*RULES, "logistic", "truth"}
        assert set(observed["others"]) == ways | ({"previous champion"} if origin is second else set())
        assert set(observed["capacity"]) == {"money_at_risk", "risk", *observed["others"]}
        assert observed["capacity"]["truth"]["recall"] > observed["capacity"]["longest_silence"]["recall"]
        low, high = intervals["capacity.money_at_risk.recall"]
        assert low < observed["capacity"]["money_at_risk"]["recall"] < high
        realised = sum(branch["realised"] for branch in observed["money"]["branches"])
        assert realised == pytest.approx(observed["money"]["realised"])
        assert observed["others"]["truth"]["auroc"] > observed["others"]["longest_silence"]["auroc"]
        for way, metrics in (("model", observed["model"]), *observed["others"].items()):
            low, high = intervals[f"{way}.auroc"]
            assert low < metrics["auroc"] < high
        assert (
            intervals["model.money_ratio"][0] < observed["money"]["ratio"] < intervals["model.money_ratio"][1]
        )


def test_all_origins_are_also_evaluated_as_one(result):
    """The money adds up, the ways that every origin has are there, and the truth is nearer than what was
    observed."""
    observed, whole = [origin["observed"] for origin in result["origins"]], result["together"]
    assert whole["model"]["rows"] == sum(figures["model"]["rows"] for figures in observed)
    for name in ("predicted", "realised"):
        total = pytest.approx(sum(figures["money"][name] for figures in observed), rel=1e-9)
        assert whole["money"][name] == total
    assert set(whole["others"]) == set(observed[0]["others"])
    aurocs = sorted(figures["others"]["truth"]["auroc"] for figures in observed)
    assert aurocs[0] - 0.05 < whole["others"]["truth"]["auroc"] < aurocs[1] + 0.05
    assert 0 < whole["gap_to_truth"] < 0.05
    low, high = whole["intervals"]["left.tenth_10"]
    assert low < whole["money"]["deciles"][9]["realised"] < high


def test_the_previous_champion_is_the_model_of_the_origin_before(bank, result):
    """What it ranks by on the second origin's Mondays is what that model says, and nothing newer."""
    first, second = result["origins"]
    assert "previous champion" not in first["observed"]["others"]
    split = backtest.plan(bank.settings, bank.tables, day := date.fromisoformat(first["origin"]))
    days = (*split.train, *split.tune, *split.evaluation)
    build_history(bank, bank.tables, days, day)
    old, *_ = backtest.fit_mondays(bank.settings, bank.home, split, day, lambda *_: None)
    later = tuple(date.fromisoformat(one) for one in second["snapshots"]["later"])
    build_history(bank, bank.tables, later, LAST_MONDAY)
    rows = backtest.load_matrix(bank.home, later, old.learnt)
    expected = ranking(rows, old.predict(rows).risks[:, -1])
    assert old.model_id == first["model_id"]
    assert second["observed"]["others"]["previous champion"] == expected


def test_it_is_said_in_words(result):
    words = backtest_in_words(result)
    assert words.count("predicted  ") == 2
    assert words.count("actual  ") == 3
    assert f"{result['together']['money']['deciles'][9]['ratio']:.2f}" in words.split("together: ")[1]
    assert f"together {result['together']['gap_to_truth']:.4f}" in words
    assert f"{result['origins'][1]['observed']['model']['auroc']:.3f} [" in words
    assert "2026-06-29  refused: too few matured snapshots" in words


def test_the_page_shows_what_was_predicted_and_observed_and_what_was_refused(bank, result, html_tables):
    html = (bank.home.root / "backtest.html").read_text("utf-8")
    kept, together = html_tables(html)[:2]
    assert [(row["origin"], row[""]) for row in kept] == [
        ("2026-08-03", "predicted"), ("", "actual"), ("2026-09-07", "predicted"), ("", "actual"),
    ]  # fmt: skip
    first = result["origins"][0]
    for row, name in zip(kept, ("predicted", "observed"), strict=False):
        (low, high), metrics = first[name]["intervals"]["model.auroc"], first[name]["model"]
        assert row["AUROC"] == f"{metrics['auroc']:.3f} [{low:.3f}, {high:.3f}]"
        assert row["calibration slope"].startswith(f"{metrics['calibration_slope']:.3f} [")
    ways = [way.replace("_", " ") for way in result["together"]["others"]]
    assert [row["ranked by"] for row in together] == ["model", *ways]
    assert f"off by {result['together']['gap_to_truth']:.4f} in the mean" in html
    for title in ("Together: money", "2026-09-07: money", "2026-09-07: at the lists&#39; capacity"):
        assert f"<h2>{title}" in html
    assert html_tables(html)[-1][0]["origin"] == "2026-06-29"
    assert "nothing could be trained" not in backtest_page(bank.settings, result | {"refused": {}})


def test_the_same_again_on_a_rerun(bank, result):
    again = run_backtest(bank, bank.tables, LAST_MONDAY, count=1, weeks_apart=5)
    assert again["origins"][0]["predicted"] == result["origins"][1]["predicted"]
    assert again["origins"][0]["observed"]["model"] == result["origins"][1]["observed"]["model"]


def test_no_origin_at_all_is_an_error(bank):
    with pytest.raises(DataError, match=r"on any of 2025-12-01\. 2025-12-01: too few matured snapshots"):
        run_backtest(bank, bank.tables, date(2026, 2, 9), count=1, weeks_apart=5)


def cut(bank: Context, day: date) -> Context:
    """The bank as its systems knew it before ``day``: later rows are gone, later corrections undone."""
    known = Context(bank.settings, bank.data / f"cut-{day}")
    tables = bank.tables
    for path in sorted(tables.folder.rglob("*")):
        target = known.home.root / "tables" / path.relative_to(tables.folder)
        if path.suffix != ".parquet" or path.name in ("refused.parquet", "raw_rows.parquet"):
            continue
        rows = pq.ParquetFile(path).read()
        if "known_on" in rows.column_names:
            rows = rows.filter(pc.less(rows["known_on"], pa.scalar(day)))
        if "superseded_on" in rows.column_names:
            place = rows.column_names.index("superseded_on")
            early = pc.less(rows["superseded_on"], pa.scalar(day))
            rows = rows.set_column(
                place, "superseded_on", pc.if_else(early, rows["superseded_on"], pa.scalar(None, pa.date32()))
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, target)
    return known


def model_trained(bank: Context, tables, day: date) -> str:
    """The model that the backtest trains on ``day``: its id is a hash of every byte of it."""
    split = backtest.plan(bank.settings, tables, day)
    build_history(bank, tables, (*split.train, *split.tune, *split.evaluation), day)
    return backtest.fit_mondays(bank.settings, bank.home, split, day, lambda *_: None)[0].model_id


def test_an_origin_knows_nothing_that_became_known_on_or_after_it(bank, result, monkeypatch):
    """On the tables as they were on that day it trains the same bytes; with a planted error it does not."""
    day = date.fromisoformat(result["origins"][0]["origin"])
    known, now = cut(bank, day), bank.tables
    then = replace(now, folder=known.home.root / "tables", last_day=day)
    assert model_trained(known, then, day) == result["origins"][0]["model_id"]

    # Planted: Mondays whose outcome was open on the origin, evaluated by what is known today.
    honest_plan, honest_outcomes = backtest.plan, research.build_outcomes
    monkeypatch.setattr(backtest, "plan", lambda *args: honest_plan(*args[:2], day + timedelta(weeks=3)))
    monkeypatch.setattr(
        research, "build_outcomes", lambda *args: honest_outcomes(*args[:4], LAST_MONDAY, args[5])
    )
    assert model_trained(known, then, day) != model_trained(bank, now, day)
