"""The status as an operator sees it, also where something is missing or damaged."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from configs.alarms import Alarm
from pipeline.__main__ import app
from pipeline.alarms.acknowledgement import ACKNOWLEDGED
from pipeline.alarms.alarms import open_alarms, raise_alarm
from pipeline.alarms.freshness import newest_days
from pipeline.alarms.status import status, status_in_words
from pipeline.alarms.watch import watched
from pipeline.artefacts import write_json
from pipeline.context import Context
from pipeline.lease import held
from pipeline.progress import step
from serve.store.audit import entries
from serve.store.store import Store
from tests.pipeline.alarms.conftest import MONDAY
from tests.pipeline.alarms.test_textfile import GATES

LATE = Alarm("gate", "gates", "events are late.", "Deliver them.", MONDAY)


def said(context: Context, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--data", str(context.data)])
    if result.exception:
        raise result.exception
    return result.stdout


def test_a_bank_with_everything(bank, clock):
    with held(bank.home.root, "weekly"), watched(bank, "weekly", MONDAY):
        with step("ingest"):
            pass
        clock.later(minutes=7)
    raise_alarm(bank, LATE)
    write_json(
        bank.home.gates / f"{MONDAY}.json", GATES | {"overridden": ["aum"], "late": {"events": "moved"}}
    )
    (alarm,) = open_alarms(bank)
    with held(bank.home.root, "train"):
        text = status_in_words(status(bank))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "bank demo"
    assert lines[1].startswith("served       cannot be read: ")
    assert lines[2].startswith("lease        `train` of ")
    assert lines[3:8] == [
        "alarms       1 open",
        f"{alarm.alarm_id}  gate, step gates, Monday 2026-11-16, raised 2026-11-16 06:07 UTC",
        "events are late.",
        "Deliver them.",
        "last sent never, acknowledged by nobody",
    ]
    assert lines[8:12] == [
        "gates        Monday 2026-11-16: 1 of 2 passed, 1 refused",
        "late",
        "overridden: aum",
        "events was declared late: moved",
    ]
    assert lines[12].startswith("newest days  cannot be read: ")
    assert lines[13:] == [
        "commands     weekly 2026-11-16, begun 2026-11-16 06:00 UTC, 420 s, exit code 0",
        "seconds: ingest 0.0",
    ]


def test_json_holds_the_same_and_scripts_can_read_it(bank):
    raise_alarm(bank, LATE)
    parts = json.loads(said(bank, "status", "--json"))
    assert parts["bank"] == "demo"
    assert [(alarm["kind"], alarm["monday"]) for alarm in parts["alarms"]] == [("gate", "2026-11-16")]
    assert parts["lease"] is None


def test_without_anything_it_says_so_and_makes_nothing(bank):
    text = said(bank, "status")
    assert text.count("cannot be read: ") == 4
    assert "there is no score store" in text
    assert "holds no tables yet. Run `make ingest`" in text
    assert not bank.home.root.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_damaged_parts_are_named_and_the_others_shown(bank, content):
    raise_alarm(bank, LATE)
    tables = bank.home.root / "tables"
    (tables / "d1").mkdir(parents=True)
    (tables / "current").write_text("d1")
    for path in (tables / "d1" / "ingest.json", bank.home.root / "lease", bank.home.gates / f"{MONDAY}.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    text = status_in_words(status(bank))
    assert "newest days  cannot be read: " in text
    assert "events are late." in text


def test_a_damaged_store_is_named(bank):
    bank.home.root.mkdir(parents=True)
    (bank.home.root / "store.db").write_bytes(b"not a database" * 100)
    assert said(bank, "status").count("file is not a database") == 3


def test_the_newest_day_of_each_table_is_that_of_its_newest_file(tiny):
    days = newest_days(tiny.ingest())
    assert days["transactions"] == date(2024, 3, 10)
    assert days["rates"] == date(2024, 3, 8)
    assert days["customers"] == date(2020, 1, 6)
    assert "surveys" not in days


def test_an_alarm_is_acknowledged_by_a_command(bank):
    raise_alarm(bank, LATE)
    (alarm,) = open_alarms(bank)
    by = ("--by", "Li Na", "--why", "asked the source")
    assert (
        said(bank, "acknowledge", "--alarm", alarm.alarm_id, *by)
        == f"{alarm.alarm_id} acknowledged by Li Na\n"
    )
    with Store(bank.home.store) as store, store.read() as connection:
        assert [entry.actor for entry in entries(connection, [ACKNOWLEDGED])] == ["Li Na"]
    assert "acknowledged by Li Na: asked the source" in said(bank, "status")
