"""The weekly run killed at any moment, with any call of the system failing, and beside other commands.

Readers see the Monday before or the new one, whole; a rerun ends with the bytes of an undisturbed run.
"""

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from configs.bank_folder import BANKS
from pipeline.demo_bank import write_demo_bank
from serve.store.store import Store
from tests.folders import bytes_below
from tests.serve.conftest import whole

ROOT = Path(__file__).parents[1]
AS_OF = date(2026, 11, 16)
BEFORE = AS_OF - timedelta(weeks=1)
SMALL = """
[label]
horizon_days = 30
settle_days = 7
[training]
first_after_weeks = 26
judged_snapshots = 4
tuned_snapshots = 4
rounds = 20
patience = 20
[training.lightgbm]
min_data_in_leaf = 50
"""
COMMAND = """
import sys
from pathlib import Path
import configs.bank_folder
configs.bank_folder.BANKS = Path(sys.argv.pop(1))
from pipeline.__main__ import main
main()
"""
SENTENCE = re.compile(r"(DataError|ConfigError|MachineError): .+\.")


@dataclass(frozen=True)
class Work:
    """A folder with a bank's settings, its extracts and its artefacts; the weekly run runs in it."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "data" / "small"

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(self.folder / "banks"), *command, "--bank", "small"],
            env=os.environ | {"ATTRITION_USER": "li", "PYTHONPATH": str(ROOT)} | environment,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def weekly(self, **environment: str) -> subprocess.Popen[str]:
        return self.start("weekly", "--raw", "raw", "--as-of", str(AS_OF), **environment)

    def served(self) -> date:
        """The Monday that readers see, after everything of it was read."""
        with Store(f"sqlite:///{self.home}/store.db") as store:
            assert len(whole(store)["scores"]) == store.latest_run().cohort
            return store.latest_run().snapshot_date

    def result(self) -> dict[str, str]:
        """The digest of what the run leaves for readers, of every file; and of the store's content."""
        kinds = ("cohort", "features", "labels", "tables", "models", f"lists/{AS_OF}")
        files = {
            f"{kind}/{name}": hashlib.sha256(content).hexdigest()
            for kind in kinds
            for name, content in bytes_below(self.home / kind).items()
        }
        with Store(f"sqlite:///{self.home}/store.db") as store:
            content = repr(whole(store))
        return files | {"store": hashlib.sha256(content.encode()).hexdigest()}

    def left_over(self) -> list[str]:
        return [str(path) for name in (".draft-*", ".old-*") for path in self.home.rglob(name)]


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and the last line of the error output."""
    _, errors = process.communicate()
    return process.returncode, errors


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Work:
    """A bank that published the Monday before, with the files of the next week delivered."""
    work = Work(tmp_path_factory.mktemp("faults"))
    shutil.copytree(BANKS / "demo", work.folder / "banks" / "small")
    with (work.folder / "banks" / "small" / "bank.toml").open("a") as settings:
        settings.write(SMALL)
    write_demo_bank(work.folder / "raw", 400, 62, 11, AS_OF, weekly=2)
    last = sorted((work.folder / "raw").glob("*_20261115.*"))
    for path in last:
        path.rename(work.folder / path.name)
    code, errors = finish(work.start("weekly", "--raw", "raw", "--as-of", str(BEFORE)))
    assert code == 0, errors
    for path in last:
        (work.folder / path.name).rename(path)
    return work


@pytest.fixture
def work(published, tmp_path) -> Iterator[Work]:
    shutil.copytree(published.folder, tmp_path / "work")
    yield Work(tmp_path / "work")
    shutil.rmtree(tmp_path / "work")


@pytest.fixture(scope="module")
def undisturbed(published, tmp_path_factory) -> tuple[dict[str, str], float]:
    """What a run leaves that nothing disturbed, and how many seconds it takes."""
    work = Work(tmp_path_factory.mktemp("undisturbed") / "work")
    shutil.copytree(published.folder, work.folder)
    began = time.monotonic()
    code, errors = finish(work.weekly())
    assert code == 0, errors
    return work.result(), time.monotonic() - began


@pytest.fixture(scope="module")
def failing_calls(tmp_path_factory) -> Path:
    """The library that lets calls fail. Skipped where there is no C compiler, but never in CI."""
    compiler, library = shutil.which("cc"), tmp_path_factory.mktemp("failing") / "failing_calls.so"
    if compiler is None and "CI" not in os.environ:
        pytest.skip("there is no C compiler (cc) to build tests/failing_calls.c")
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run([compiler or "cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def check_rerun(work: Work, result: dict[str, str]) -> None:
    """A run after whatever happened ends well and leaves what an undisturbed one leaves, no more."""
    code, errors = finish(work.weekly())
    assert code == 0, errors
    assert work.result() == result
    assert work.left_over() == []


def check_readers(work: Work) -> None:
    """One whole Monday is served, the new one only with its workbooks."""
    assert work.served() in (BEFORE, AS_OF)


def moments(count: int) -> list[float]:
    chance = random.Random(count)
    return [chance.random() for _ in range(count)]


@pytest.mark.parametrize("moment", [0.95, *(pytest.param(at, marks=pytest.mark.long) for at in moments(200))])
def test_a_killed_run_shows_nothing_half_and_is_made_good_by_the_next(work, undisturbed, moment):
    result, seconds = undisturbed
    process = work.weekly()
    time.sleep(0.8 + moment * (seconds - 0.8))
    process.kill()
    process.communicate()
    check_readers(work)
    check_rerun(work, result)


FULL_DISK, BAD_WRITE = {"FAIL_ERRNO": "28", "FAIL_STICKY": "1"}, {"FAIL_ERRNO": "5"}


def check_fault(work: Work, result: dict[str, str], **environment: str) -> int:
    """A run with failing calls leaves the served week and says why in one sentence; its exit code."""
    code, errors = finish(work.weekly(**environment))
    check_readers(work)
    if code:
        assert code in (2, 5), errors
        assert SENTENCE.fullmatch(errors.strip().splitlines()[-1]), errors
        assert "Traceback" not in errors, errors
    check_rerun(work, result)
    return code


def test_a_disk_that_is_full_when_the_workbooks_are_written_leaves_the_week_before(
    work, undisturbed, failing_calls
):
    preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home / "lists")}
    assert check_fault(work, undisturbed[0], **preload, **FULL_DISK, FAIL_AT="9") == 5


@pytest.mark.long
@pytest.mark.parametrize("place", [k / 60 for k in range(60)])
@pytest.mark.parametrize("fault", [FULL_DISK, BAD_WRITE])
def test_a_call_that_fails_is_one_sentence_and_leaves_the_week_before(
    work, undisturbed, failing_calls, counted_calls, place, fault
):
    number = 1 + int(place * (counted_calls - 1))
    preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home)}
    check_fault(work, undisturbed[0], **preload, **fault, FAIL_AT=str(number))


@pytest.fixture(scope="module")
def counted_calls(published, failing_calls, tmp_path_factory) -> int:
    """How many calls of an undisturbed run change something among the bank's artefacts."""
    work = Work(tmp_path_factory.mktemp("counted") / "work")
    shutil.copytree(published.folder, work.folder)
    count = work.folder / "count"
    preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home), "FAIL_COUNT": str(count)}
    code, errors = finish(work.weekly(**preload))
    assert code == 0, errors
    return int(count.read_text())


COMMANDS = {
    "weekly": ("--raw", "raw", "--as-of", str(AS_OF)),
    "ingest": ("--raw", "raw"),
    "train": ("--as-of", str(BEFORE)),
    "backfill": ("--from", "2026-08-03", "--to", "2026-08-17"),
    "rollback-run": (),
    "rollback": ("--by", "Wang"),
    "effect": (),
    "report": (),
}
PAIRS = [(first, second) for first in COMMANDS for second in COMMANDS]


@pytest.mark.long
@pytest.mark.parametrize("apart", [5 * moment for moment in moments(3)])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_commands_at_once_one_leaves(work, undisturbed, first, second, apart):
    processes = [work.start(first, *COMMANDS[first])]
    time.sleep(apart)
    processes.append(work.start(second, *COMMANDS[second]))
    ended = [finish(process) for process in processes]
    assert {code for code, _ in ended} <= {0, 2, 4}, ended
    assert [code for code, _ in ended] != [4, 4], ended
    for code, errors in ended:
        if code == 4:
            assert re.search("LeaseError: bank 'small' is being written by `[a-z-]+` of li, process", errors)
    check_readers(work)
    code, errors = finish(work.weekly())
    assert code == 0, errors
    # A backfill or a training adds Mondays, from which gates learn, and writes down what labels rest on.
    noted = ("store", "_made_by.json", ".manifest.json")
    lasting = {name: digest for name, digest in undisturbed[0].items() if not name.endswith(noted)}
    result = work.result()
    assert {name: result.get(name) for name in lasting} == lasting
    assert work.left_over() == []
