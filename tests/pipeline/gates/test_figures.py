"""Rows by source of a table that several feed, and outcomes beside predictions, from run to run."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from pipeline.gates.figures import EarlierRun, calibration_figures, file_figures, run_figures
from pipeline.gates.sources import loaded_rows
from pipeline.gates.verdicts import evaluate
from tests.pipeline.conftest import TXN_HEADER, booking

MONDAY = date(2026, 11, 16)


def runs(rows_a_week, weeks=20):
    """Runs of the weeks before, each with so many more rows of the cards' source."""
    days = [MONDAY - timedelta(weeks=ago) for ago in range(weeks, 0, -1)]
    return [EarlierRun(day, "m", {}, {"transactions/cards": rows_a_week * k}) for k, day in enumerate(days)]


@pytest.mark.parametrize(("new_rows", "outcome"), [(1_020, "passed"), (480, "refused"), (0, "refused")])
def test_a_source_that_is_missing_beside_another_is_refused(new_rows, outcome):
    figures = [*file_figures({"transactions/cards": 19_000 + new_rows}, MONDAY, runs(1_000))]
    gates = load_settings("demo").gates
    [verdict] = evaluate(gates, figures, {})
    assert (verdict.figure.name, verdict.outcome) == ("files:transactions/cards", outcome)
    assert evaluate(gates, figures, {"transactions": "late"})[0].outcome in ("passed", "late")


def test_weeks_between_two_runs_share_their_rows():
    [figure] = file_figures({"transactions/cards": 22_000}, MONDAY + timedelta(weeks=2), runs(1_000))
    assert figure.value == 1_000


def test_without_a_run_of_the_last_weeks_there_is_nothing_to_compare_with():
    assert [*file_figures({"transactions/cards": 5}, MONDAY, [])] == []
    assert [*file_figures({"transactions/cards": 5}, MONDAY + timedelta(weeks=9), runs(1_000))] == []


def test_only_tables_of_several_sources_are_counted(tiny):
    tiny.declare("[sources]", '[sources]\ncard = { files = "card_*.csv" }')
    tiny.write("card_1.csv", TXN_HEADER + booking(NO="card"))
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", f"{select} UNION ALL {select.replace('FROM txn', 'FROM card')}")
    assert loaded_rows(tiny.ingest()) == {"transactions/txn": 10, "transactions/card": 1}


def outcomes(observed, predicted, since=None, side="within_noise"):
    horizon = {"days": 30, "snapshot_date": "2026-10-05", "observed": observed, "predicted": predicted}
    groups = [{"kind": "all", "name": "", "since": since, "horizons": [horizon]}]
    return {"verdict": side, "groups": groups}


def evaluated(calibration, before=1.0):
    gates, earlier = load_settings("demo").gates, [EarlierRun(MONDAY, "m", {"calibration": before}, {})]
    [verdict] = evaluate(gates, [*calibration_figures(gates, calibration, earlier)], {})
    return verdict


def test_an_alarm_on_predictions_is_raised_and_blocks_no_monday():
    """Three times as many left as predicted, for months: the remedy is a new model, not another delivery."""
    verdict = evaluated(outcomes(60, 20.0, "2026-09-07", "more"))
    assert verdict.outcome == "alarm"
    assert verdict.why.startswith(
        "2.9 left for each customer predicted to leave (60 observed, 20.0 predicted "
    )
    assert "more left than predicted, beyond noise, since 2026-09-07 (all); look at the page" in verdict.why


@pytest.mark.parametrize(
    ("observed", "predicted", "before", "outcome"),
    [
        (61, 20.0, 1.0, "passed"),
        (130, 20.0, 1.0, "refused"),  # rows that are missing make customers look gone
        (130, 20.0, 6.0, "passed"),  # overridden on the Monday before: it blocks no second one
        (20, 20.0, 6.0, "passed"),  # and back again
        (0, 40.0, 1.0, "refused"),  # everybody looks as if they stayed
        (0, 10.0, 1.0, "passed"),  # too few to say
    ],
)
def test_what_no_level_does_within_a_week_is_refused(observed, predicted, before, outcome):
    assert evaluated(outcomes(observed, predicted), before).outcome == outcome


def test_before_anything_has_matured_there_is_nothing_to_judge():
    assert [*calibration_figures(load_settings("demo").gates, {"groups": []}, [])] == []


@pytest.mark.parametrize(
    ("risks", "outcome"),
    [([0.02] * 50, "refused"), ([0.01, 0.03] * 25, "passed"), ([0.02] * 9, "passed"), ([0.02], "passed")],
)
def test_one_risk_for_all_is_refused_on_a_models_first_monday(risks, outcome):
    """No list has an order then. A few customers may be alike."""
    scores = [SimpleNamespace(risk=risk, risk_band="low") for risk in risks]
    scored = SimpleNamespace(scores=scores, run=SimpleNamespace(model_id="new", snapshot_date=MONDAY))
    gates = load_settings("demo").gates
    verdicts = evaluate(gates, [*run_figures(gates, scored, [], None, [])], {})
    assert {verdict.figure.name: verdict.outcome for verdict in verdicts}["risk_spread"] == outcome
