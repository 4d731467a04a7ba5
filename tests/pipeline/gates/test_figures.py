"""Rows by source of a table that several feed, counted from run to run."""

from datetime import date, timedelta

import pytest

from configs.bank_folder import load_settings
from pipeline.gates.figures import EarlierRun, file_figures
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
