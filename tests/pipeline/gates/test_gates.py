"""Four planted weeks before the gates of a small made-up bank, a good one, and people who let one through."""

import json
from datetime import date, timedelta
from types import MappingProxyType

import pytest

from benchmarks.gates import GoodWeeks
from benchmarks.planted_weeks import RawWeek, plants
from configs.bank_folder import load_settings
from configs.errors import ConfigError, GateError
from configs.published import Run
from pipeline.context import Context
from pipeline.gates.gates import NO_WAIVER, Waiver, pass_gates
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
def bank(tmp_path_factory):
    """A bank of 40 weeks; the last two come in files of their own. Cohorts of 20 Mondays stand."""
    work = tmp_path_factory.mktemp("gates")
    bank = GoodWeeks(work, 300, 5, 1, lived=40)
    bank.make()
    context = Context(load_settings("demo", SETTINGS), bank.data)
    raw = bank.raw(LAST - timedelta(weeks=1), work / "raw")
    tables = ingest(context.settings, raw, context.home, lambda _: None)
    mondays = [LAST - timedelta(weeks=ago) for ago in range(20, 0, -1)]
    build_snapshots(context.settings, context.home, tables, mondays, lambda *_: None)
    return bank, context


@pytest.fixture
def attempt(bank, tmp_path):
    """Put a week before the gates: what it publishes, or the error."""
    good, context = bank

    def attempted(plant=lambda _: None, waiver=NO_WAIVER):
        raw = good.raw(LAST, tmp_path / "raw")
        plant(RawWeek(raw, LAST - timedelta(days=1)))
        tables = ingest(context.settings, raw, context.home, lambda _: None)
        build_snapshots(context.settings, context.home, tables, [LAST], lambda *_: None)
        manifest = MappingProxyType({"tables": tables.fingerprint})
        run = Run(tables.fingerprint, "demo", LAST, "model", "CNY", 90, 0, MappingProxyType({}), manifest)
        return pass_gates(context, tables, (Publication(run, (), (), ()), ()), None, waiver)

    return attempted


def written(context):
    return json.loads((context.home.gates / f"{LAST}.json").read_text("utf-8"))


def test_a_good_week_passes_and_changes_nothing_of_the_run(bank, attempt):
    publication, content = attempt()
    assert dict(publication.run.manifest) == {"tables": publication.run.run_id}
    assert {gate["verdict"] for gate in content["gates"]} == {"passed"}
    assert content == written(bank[1])
    learnt = [gate["gate"] for gate in content["gates"] if gate["learnt_from"]]
    assert {"lag:transactions", "rows:transactions", "aum", "left", "unexplained"} < set(learnt)


@pytest.mark.parametrize(
    ("name", "gate"),
    [
        ("balances in cents", "aum"),
        ("nothing from Thursday on", "lag:transactions"),
        ("everybody opted out", "opted_out"),
        ("data ends a week earlier", "lag:transactions"),
    ],
)
def test_a_planted_week_is_refused_and_written_down(bank, attempt, tmp_path, name, gate):
    _, context = bank
    with pytest.raises(GateError, match=r"refused by \d+ of its gates; nothing was published\. \(1\) "):
        attempt(plants(tmp_path)[name])
    assert gate in written(context)["refused"]
    sentence = next(each["why"] for each in written(context)["gates"] if each["gate"] == gate)
    assert " is usual (learnt from " in sentence or " is the limit" in sentence
    with Store(context.home.store) as store, store.read() as connection:
        last = entries(connection, ["run refused"])[-1]
    assert (last.subject, gate in last.details["gates"]) == (written(context)["run_id"], True)


def test_a_second_person_lets_a_refused_run_through(bank, attempt, tmp_path, monkeypatch):
    _, context = bank
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
    with Store(context.home.store) as store, store.read() as connection:
        last = entries(connection, ["run overridden"])[-1]
    assert (last.actor, last.details["entered_by"], last.details["why"]) == (
        "Li Na",
        "Wang Wei",
        "a court order",
    )
    assert attempt(plant, waiver)[0] == publication  # a rerun has the same name
    with pytest.raises(GateError):  # an override holds for its run alone
        attempt(plants(tmp_path)["balances in cents"], waiver)


def test_a_late_source_is_declared_and_its_day_is_said(attempt, tmp_path):
    plant = plants(tmp_path)["events missing for a week"]
    with pytest.raises(GateError, match="the newest day of events"):
        attempt(plant)
    publication, content = attempt(plant, Waiver(late={"events": "the system moves"}))
    assert publication.run.data_through == {"events": LAST - timedelta(days=8)}
    assert content["late"] == {"events": "the system moves"}
    with pytest.raises(ConfigError, match="Did you mean 'events'"):
        attempt(plant, Waiver(late={"evnts": "the system moves"}))


def test_hard_limits_count_without_history(bank, attempt, tmp_path, monkeypatch):
    _, context = bank
    limits = load_settings("demo", SETTINGS | {"gates": {"least_weeks": 104}}).gates
    monkeypatch.setattr(context.settings.__class__, "gates", limits, raising=False)
    with pytest.raises(GateError, match=r"the AUM of all customers is [\d,]+; [\d,]+ to [\d,]+ is the limit"):
        attempt(plants(tmp_path)["balances in cents"])
