"""Planted weeks before the gates of a small made-up bank, a good one, and people who let one through."""

import json
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest

from benchmarks.gates import GoodWeeks, copy_state
from benchmarks.planted_weeks import RawWeek, plants
from configs.bank_folder import load_settings
from configs.errors import ConfigError, GateError
from configs.published import Run
from pipeline.context import Context
from pipeline.gates.gates import NO_WAIVER, Waiver, evaluate_delivery, evaluate_run
from pipeline.ingest.ingest import ingest
from pipeline.scoring.score import Publication
from pipeline.snapshots.build import build_snapshots
from serve.store.audit import entries
from serve.store.store import Store

LAST = date(2026, 11, 16)
SETTINGS = {
    "cohort": {"min_aum": 50_000, "min_tenure_weeks": 4},
    "label": {"base_weeks": 4},
    "features": {"windows": [4]},
}


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A bank of 40 weeks; the last two come in files of their own. Cohorts of 20 Mondays stand."""
    work = tmp_path_factory.mktemp("gates")
    bank = GoodWeeks(work, 200, 5, 1, lived=40)
    bank.make()
    context = Context(load_settings("demo", SETTINGS), bank.data)
    raw = bank.raw(LAST - timedelta(weeks=1), work / "raw")
    tables = ingest(context.settings, raw, context.home, lambda _: None)
    mondays = [LAST - timedelta(weeks=ago) for ago in range(20, 0, -1)]
    build_snapshots(context.settings, context.home, tables, mondays, lambda *_: None)
    return bank


@pytest.fixture
def attempt(state, tmp_path):
    """Put a week before the gates, on a copy of the state: what it publishes, or the error."""
    copy_state(state.data, tmp_path / "data")
    context = Context(load_settings("demo", SETTINGS), tmp_path / "data")

    def attempted(plant=lambda _: None, waiver=NO_WAIVER, settings=context.settings, rows_gone=""):
        raw = state.raw(LAST, tmp_path / "raw")
        plant(RawWeek(raw, LAST - timedelta(days=1)))
        tables = ingest(settings, raw, context.home, lambda _: None, rows_gone)
        build_snapshots(settings, context.home, tables, [LAST], lambda *_: None)
        of = replace(context, settings=settings)
        evaluated = evaluate_delivery(of, tables, LAST, {"groups": []}, waiver)
        manifest = MappingProxyType({"tables": tables.fingerprint})
        run = Run(tables.fingerprint, "demo", LAST, "model", "CNY", 90, 0, MappingProxyType({}), manifest)
        return evaluate_run(of, tables, evaluated, (Publication(run, (), (), (), {}, {}, {}), ()), None)

    attempted.context = context
    return attempted


def written(context):
    return json.loads((context.home.gates / f"{LAST}.json").read_text("utf-8"))


def last_entry(context, action):
    with Store(context.home.store) as store, store.read() as connection:
        return entries(connection, [action])[-1]


def test_a_good_week_passes_and_changes_nothing_of_the_run(attempt):
    publication, content = attempt()
    assert dict(publication.run.manifest) == {"tables": publication.run.run_id}
    assert {gate["verdict"] for gate in content["gates"]} == {"passed"}
    assert content == written(attempt.context)
    learnt = [gate["gate"] for gate in content["gates"] if gate["learnt_from"]]
    assert {"lag:transactions", "rows:transactions", "aum", "left", "unexplained"} < set(learnt)


@pytest.mark.parametrize(
    ("name", "gate"),
    [
        ("nothing from Thursday on", "lag:transactions"),
        ("data ends a week earlier", "lag:transactions"),
    ],
)
def test_a_planted_week_is_refused_and_written_down(attempt, tmp_path, name, gate):
    context = attempt.context
    with pytest.raises(GateError, match=r"by \d+ of its gates; nothing was learnt or published\. \(1\) "):
        attempt(plants(tmp_path)[name])
    assert gate in written(context)["refused"]
    sentence = next(each["why"] for each in written(context)["gates"] if each["gate"] == gate)
    assert " is usual (learnt from " in sentence or " is the limit" in sentence
    last = last_entry(context, "run refused")
    assert (last.subject, gate in last.details["gates"]) == (written(context)["delivery"], True)


def test_a_second_person_lets_a_refused_run_through(attempt, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRITION_USER", "Wang Wei")
    plant = plants(tmp_path)["everybody opted out"]
    waiver = Waiver(override_by="Li Na", override_why="a court order")
    with pytest.raises(GateError):  # nobody has seen what is refused yet
        attempt(plant, Waiver(override_by="Li Na", override_why="whatever it is"))
    with pytest.raises(ConfigError, match="WANG Wei runs this week and cannot override"):
        attempt(plant, Waiver(override_by="ＷＡＮＧ  Wei", override_why="a court order"))
    with pytest.raises(ConfigError, match="needs who and why"):
        attempt(plant, Waiver(override_by="Li Na"))
    publication, content = attempt(plant, waiver)
    assert "opted_out" in publication.run.gate_overrides
    assert content["overridden"] == list(publication.run.gate_overrides)
    assert publication.run.run_id.startswith(f"{LAST}-")  # another name than without the override
    last = last_entry(attempt.context, "run overridden")
    assert (last.actor, last.details["entered_by"], last.details["why"]) == (
        "Li Na",
        "Wang Wei",
        "a court order",
    )
    assert attempt(plant, waiver)[0] == publication  # a rerun has the same name
    with pytest.raises(GateError):  # an override holds for its run alone
        attempt(plants(tmp_path)["balances in cents"], waiver, rows_gone="delivered again")


def test_a_late_source_is_declared_and_its_day_is_said(attempt, tmp_path):
    plant = plants(tmp_path)["events missing for a week"]
    with pytest.raises(GateError, match="the newest day of events"):
        attempt(plant)
    publication, content = attempt(plant, Waiver(late={"events": "the system moves"}))
    assert publication.run.data_through == {"events": LAST - timedelta(days=8)}
    assert content["late"] == {"events": "the system moves"}
    with pytest.raises(ConfigError, match="Did you mean 'events'"):
        attempt(plant, Waiver(late={"evnts": "the system moves"}))
    with pytest.raises(ConfigError, match=r"'events' and ' '\. Give the reason\."):
        attempt(plant, Waiver(late={"events": " "}))


def test_hard_limits_count_without_history(attempt, tmp_path):
    without = load_settings("demo", SETTINGS | {"gates": {"least_weeks": 104}})
    with pytest.raises(GateError, match=r"the AUM of all customers is [\d,]+; [\d,]+ to [\d,]+ is the limit"):
        attempt(plants(tmp_path)["balances in cents"], settings=without)


def test_nobody_lets_an_empty_cohort_through(attempt):
    nobody = load_settings("demo", SETTINGS | {"cohort": {"min_aum": 10**12, "max_aum": 2 * 10**12}})
    for waiver in (NO_WAIVER, Waiver(override_by="Li Na", override_why="a small bank")):
        with pytest.raises(GateError, match="so nobody can let this run through: correct the delivery, or"):
            attempt(waiver=waiver, settings=nobody)
