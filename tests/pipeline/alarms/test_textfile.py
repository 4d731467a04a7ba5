"""The textfile as Prometheus reads it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from configs.alarms import KINDS, Alarm
from configs.errors import DataError
from pipeline.alarms.acknowledgement import acknowledge
from pipeline.alarms.alarms import open_alarms, raise_alarm
from pipeline.alarms.textfile import write_textfile
from pipeline.alarms.watch import watched
from pipeline.artefacts import write_json
from pipeline.lease import held
from pipeline.progress import step
from tests.pipeline.alarms.conftest import MONDAY

GATES = {
    "gates": [
        {"gate": "lag:events", "figure": 9.0, "verdict": "refused", "why": "late"},
        {"gate": "aum", "figure": 2.5e8, "verdict": "passed", "why": ""},
    ],
    "overridden": [],
    "late": {},
}


@pytest.fixture(autouse=True)
def umask():
    """That of the scheduled run."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def samples(bank):
    text = Path(bank.settings.alarms.textfile).read_text("utf-8")
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {sample.labels.pop("bank") for sample in found} <= {"demo"}
    keys = [(sample.name.removeprefix("attrition_"), *sample.labels.values()) for sample in found]
    return dict(zip(keys, [sample.value for sample in found], strict=True))


def test_a_run_that_ended_well_and_one_that_failed(bank, clock):
    with held(bank.home.root, "weekly"), watched(bank, "weekly", MONDAY):
        for name in ("ingest", "labels", "labels"):
            with step(name):
                pass
        clock.later(seconds=90)
    first = samples(bank)
    assert first["weekly_last_success_timestamp_seconds",] == clock.now.timestamp()
    assert first["weekly_exit_code",] == 0
    assert {key[1] for key in first if key[0] == "weekly_step_seconds"} == {"ingest", "labels"}
    assert [first["open_alarms", kind] for kind in KINDS] == [0] * len(KINDS)
    clock.later(hours=1)
    with pytest.raises(DataError), watched(bank, "weekly", MONDAY), step("ingest"):
        raise DataError("there is no file. Deliver it.")
    second = samples(bank)
    assert second["weekly_exit_code",] == 2
    assert second["weekly_last_success_timestamp_seconds",] == first["weekly_last_success_timestamp_seconds",]
    assert second["weekly_last_end_timestamp_seconds",] == clock.now.timestamp()
    assert second["open_alarms", "data"] == 1
    assert not [key for key in (*first, *second) if key[0] == "lease_held"]


def test_who_else_holds_the_lease(bank):
    """Not the command itself: its file is read when it has ended."""
    code = f"""
import sys
from pathlib import Path
from pipeline.lease import held
with held(Path({str(bank.home.root)!r}), "train"):
    print("held", flush=True)
    sys.stdin.read()
"""
    holding = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holding:
        assert holding.stdout.readline() == b"held\n"
        write_textfile(bank)
        holding.stdin.close()
    (key,) = [key for key in samples(bank) if key[0] == "lease_held"]
    assert (key[1], key[3]) == ("train", str(holding.pid))


def test_figures_of_the_gates_and_acknowledged_alarms(bank):
    write_json(bank.home.gates / "2026-11-09.json", {"gates": []})
    write_json(bank.home.gates / f"{MONDAY}.json", GATES)
    for kind in ("drift", "gate"):
        raise_alarm(bank, Alarm(kind, "gates", "late.", "Wait.", MONDAY))
    acknowledge(bank, open_alarms(bank)[0].alarm_id, "Li Na", "waiting")
    write_textfile(bank)
    found = samples(bank)
    assert (found["gate_figure", "lag:events"], found["gate_refused", "lag:events"]) == (9, 1)
    assert (found["gate_figure", "aum"], found["gate_refused", "aum"]) == (2.5e8, 0)
    assert sum(value for key, value in found.items() if key[0] == "open_alarms") == 1


def test_what_cannot_be_read_is_missing_and_what_cannot_be_written_is_said(bank, tmp_path, caplog):
    (bank.home.gates).mkdir(parents=True)
    (bank.home.gates / f"{MONDAY}.json").write_text("{")
    write_textfile(bank)
    assert samples(bank) == {}
    assert Path(bank.settings.alarms.textfile).stat().st_mode & 0o777 == 0o644
    settings = bank.settings.alarms.model_copy(
        update={"textfile": str(tmp_path / "missing" / "attrition.prom")}
    )
    write_textfile(replace(bank, settings=bank.settings.model_copy(update={"alarms": settings})))
    assert "attrition.prom cannot be written" in caplog.text


def test_without_a_name_there_is_no_file(bank):
    settings = bank.settings.alarms.model_copy(update={"textfile": ""})
    write_textfile(replace(bank, settings=bank.settings.model_copy(update={"alarms": settings})))
    assert not Path(bank.settings.alarms.textfile).exists()
