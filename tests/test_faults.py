"""The weekly run killed at any moment, with any call of the system failing, on a full disk, under a clock
that jumps, beside other commands and the service; with the store in SQLite and in PostgreSQL.

Readers see the Monday before or the new one, whole; a rerun ends with the bytes of an undisturbed run.
"""

import hashlib
import itertools
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from configs.bank_folder import BANKS
from pipeline.demo_bank import write_demo_bank
from serve.auth import tokens
from serve.store.backup import back_up
from serve.store.store import Store
from tests.databases import Server
from tests.folders import bytes_below
from tests.serve.conftest import demo_service, whole
from tests.servers import asked, needed, two_workers

ROOT = Path(__file__).parents[1]
AS_OF = date(2026, 11, 16)
BEFORE = AS_OF - timedelta(weeks=1)
SMALL = """
[label]
horizon_days = 30
settle_days = 7
[training]
first_after_weeks = 26
judged_snapshots = 12
tuned_snapshots = 8
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
import pipeline.evaluation.figures
pipeline.evaluation.figures.DRAWS = 5  # before anybody takes it from there
from pipeline.__main__ import main
main()
"""
SENTENCE = re.compile(r"(DataError|ConfigError|MachineError): .+\.")


@dataclass(frozen=True)
class Work:
    """A folder with a bank's settings, its extracts and its artefacts; the weekly run runs in it.

    The store is a file among the artefacts, or the database of this name on the ``server``.
    """

    folder: Path
    server: Server | None = None
    database: str = ""

    @property
    def home(self) -> Path:
        return self.folder / "data" / "small"

    @property
    def store(self) -> str:
        return self.server.store(self.database) if self.server else f"sqlite:///{self.home}/store.db"

    def copied(self, folder: Path, database: str) -> "Work":
        shutil.copytree(self.folder, folder)
        if self.server:
            self.server.sql(f"CREATE DATABASE {database} TEMPLATE {self.database}")
        return Work(folder, self.server, database)

    def remove(self) -> None:
        shutil.rmtree(self.folder)
        if self.server:
            self.server.sql(f"DROP DATABASE {self.database} WITH (FORCE)")

    @property
    def environment(self) -> dict[str, str]:
        elsewhere = {"ATTRITION_STORE": self.store} if self.server else {}
        return {"ATTRITION_USER": "li", "PYTHONPATH": str(ROOT)} | elsewhere

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(self.folder / "banks"), *command, "--bank", "small"],
            env=os.environ | self.environment | environment,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def weekly(self, **environment: str) -> subprocess.Popen[str]:
        return self.start("weekly", "--raw", "raw", "--as-of", str(AS_OF), **environment)

    def served(self) -> date:
        """The Monday that readers see, after everything of it was read."""
        with Store(self.store) as store:
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
        with Store(self.store) as store:
            content = repr(whole(store))
        return files | {"store": hashlib.sha256(content.encode()).hexdigest()}

    def left_over(self) -> list[str]:
        return [str(path) for name in (".draft-*", ".old-*") for path in self.home.rglob(name)]


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and the last line of the error output."""
    _, errors = process.communicate()
    return process.returncode, errors


@dataclass(frozen=True)
class Bank:
    """A bank that published the Monday before, with the files of the next week delivered; and what a run
    leaves that nothing disturbs, in how many CPU seconds, with how many lines of progress."""

    published: Work
    result: dict[str, str]
    seconds: float
    lines: int


@pytest.fixture(scope="module")
def delivered(tmp_path_factory) -> Path:
    """The settings and extracts of a bank; the files of the last week lie beside them."""
    folder = tmp_path_factory.mktemp("delivered")
    shutil.copytree(BANKS / "demo", folder / "banks" / "small")
    settings = folder / "banks" / "small" / "bank.toml"
    text = settings.read_text("utf-8").replace("[promotion]", "[promotion]\nmax_ece = 0.1")
    settings.write_text(text + SMALL, "utf-8")
    write_demo_bank(folder / "raw", 400, 70, 11, AS_OF, weekly=2)
    for path in sorted((folder / "raw").glob("*_20261115.*")):
        path.rename(folder / path.name)
    return folder


@pytest.fixture(scope="module")
def banks(delivered, tmp_path_factory, request) -> Iterator[Callable[[str], Bank]]:
    """The bank with its store in a database, made once for each."""
    with ExitStack() as stack:

        @cache
        def bank_of(database: str) -> Bank:
            server = request.getfixturevalue("postgres") if database == "postgresql" else None
            return stack.enter_context(published(delivered, tmp_path_factory.mktemp("faults"), server))

        yield bank_of


@contextmanager
def published(delivered: Path, folder: Path, server: Server | None) -> Iterator[Bank]:
    work = Work(folder / "published", server, "published")
    shutil.copytree(delivered, work.folder)
    if server:
        server.sql("CREATE DATABASE published")
    check_ends_well(work.start("weekly", "--raw", "raw", "--as-of", str(BEFORE)))
    if not server:
        back_up(work.store, work.folder / "backup.db")
    for path in sorted(work.folder.glob("*_20261115.*")):
        path.rename(work.folder / "raw" / path.name)
    undisturbed = work.copied(folder / "undisturbed", "undisturbed")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    errors = check_ends_well(undisturbed.weekly())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    yield Bank(work, undisturbed.result(), seconds, errors.count("seconds="))
    undisturbed.remove()
    work.remove()


@pytest.fixture
def bank(request, banks) -> Bank:
    return banks(request.param)


@pytest.fixture
def work(bank, tmp_path) -> Iterator[Work]:
    work = bank.published.copied(tmp_path / "work", "work")
    yield work
    work.remove()


@pytest.fixture(scope="module")
def failing_calls(tmp_path_factory) -> Path:
    """The library that lets calls fail. Skipped where there is no C compiler, but never in CI."""
    compiler, library = shutil.which("cc"), tmp_path_factory.mktemp("failing") / "failing_calls.so"
    if compiler is None and "CI" not in os.environ:
        pytest.skip("there is no C compiler (cc) to build tests/failing_calls.c")
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run([compiler or "cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def check_ends_well(process: subprocess.Popen[str]) -> str:
    """The error output."""
    code, errors = finish(process)
    assert code == 0, errors
    return errors


def check_rerun(work: Work, bank: Bank) -> None:
    """A run after whatever happened ends well and leaves what an undisturbed one leaves, no more."""
    check_ends_well(work.weekly())
    assert work.result() == bank.result
    assert work.left_over() == []


def check_readers(work: Work) -> None:
    """One whole Monday is served, the new one only with its workbooks."""
    assert work.served() in (BEFORE, AS_OF)


def moments(count: int) -> list[float]:
    chance = random.Random(count)
    return [chance.random() for _ in range(count)]


def on_both(cases: Iterable[Any], every: int) -> list[Any]:
    """Long tests of all cases, each with its store in one database: every n-th in PostgreSQL."""
    return [
        pytest.param("sqlite" if k % every else "postgresql", case, marks=pytest.mark.long)
        for k, case in enumerate(cases)
    ]


ON_SQLITE = pytest.mark.parametrize("bank", ["sqlite"], indirect=True)


def over(name: str, quick: Any, cases: Iterable[Any], every: int) -> pytest.MarkDecorator:
    """A test over cases: one quick one with SQLite, if there is one, and the long ones with both."""
    first = [] if quick is None else [("sqlite", quick)]
    return pytest.mark.parametrize(("bank", name), first + on_both(cases, every), indirect=["bank"])


@over("moment", 0.95, moments(200), every=4)
def test_a_killed_run_shows_nothing_half_and_is_made_good_by_the_next(work, bank, moment):
    """At moments by the run's own clock: the seconds that it computed."""
    process = work.weekly()
    while process.poll() is None and used_seconds(process.pid) < 0.3 + moment * (bank.seconds - 0.3):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    check_readers(work)
    check_rerun(work, bank)


def used_seconds(process: int) -> float:
    """The CPU seconds of a running process; none of one that has just ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        values = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@over("steps", None, [steps for steps in range(1, 15) for _ in range(2)], every=2)
def test_a_run_killed_as_a_step_ends_is_made_good_by_the_next(work, bank, steps):
    assert bank.lines <= 14
    process = work.weekly()
    ended = (line for line in process.stderr if "seconds=" in line)
    assert next(itertools.islice(ended, steps - 1, None), None) or steps > bank.lines
    process.kill()
    process.communicate()
    check_readers(work)
    check_rerun(work, bank)


FULL_DISK, BAD_WRITE = {"FAIL_ERRNO": "28", "FAIL_STICKY": "1"}, {"FAIL_ERRNO": "5"}


def check_fault(work: Work, **environment: str) -> int:
    """A run that cannot write leaves the served week and says why in one sentence; its exit code."""
    code, errors = finish(work.weekly(**environment))
    check_readers(work)
    if code:
        assert code in (2, 5), errors
        assert SENTENCE.fullmatch(errors.strip().splitlines()[-1]), errors
        assert "Traceback" not in errors, errors
    return code


@pytest.mark.long
@ON_SQLITE
def test_a_disk_that_is_full_when_the_workbooks_are_written_leaves_the_week_before(work, bank, failing_calls):
    preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home / "lists")}
    assert check_fault(work, **preload, **FULL_DISK, FAIL_AT="9") == 5
    check_rerun(work, bank)


@over("fault", None, [(fault, k / 60) for fault in (FULL_DISK, BAD_WRITE) for k in range(60)], every=6)
def test_a_call_that_fails_is_one_sentence_and_leaves_the_week_before(
    work, bank, failing_calls, counted_calls, fault
):
    kind, place = fault
    number = 1 + int(place * (counted_calls("postgresql" if work.server else "sqlite") - 1))
    preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home)}
    check_fault(work, **preload, **kind, FAIL_AT=str(number))
    check_rerun(work, bank)


@pytest.fixture(scope="module")
def counted_calls(banks, failing_calls, tmp_path_factory) -> Callable[[str], int]:
    """The number of calls of an undisturbed run that change the bank's artefacts, by database."""

    @cache
    def count_of(database: str) -> int:
        folder = tmp_path_factory.mktemp("counted")
        work, count = banks(database).published.copied(folder / "work", "counted"), folder / "count"
        preload = {"LD_PRELOAD": str(failing_calls), "FAIL_BELOW": str(work.home), "FAIL_COUNT": str(count)}
        check_ends_well(work.weekly(**preload))
        work.remove()
        return int(count.read_text())

    return count_of


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A file system of its own in memory; skipped where nobody may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(folder)]
    allowed = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    needed(allowed, "a full disk needs a file system of its own: run this as root where mount is allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def resized(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


@pytest.mark.long
@ON_SQLITE
@pytest.mark.parametrize("room", [1 << (12 + k // 2) | (k % 2) << (11 + k // 2) for k in range(24)])
def test_a_disk_that_is_really_full_leaves_the_week_before(bank, tmp_path, room):
    """``room`` bytes are left when the run begins."""
    with mounted(tmp_path / "disk"):
        work = bank.published.copied(tmp_path / "disk" / "work", "")
        resized(tmp_path / "disk", shutil.disk_usage(tmp_path / "disk").used + room)
        check_fault(work)
        resized(tmp_path / "disk", 2 << 30)
        check_rerun(work, bank)


@over("jump", None, [(s, n) for s in (-3600, 3600) for n in (0, 1, 9, 90, 300, 900, 3000)], every=2)
def test_a_clock_that_jumps_changes_nothing(work, bank, failing_calls, jump):
    """By an hour, once the clock was asked n times."""
    seconds, asked = jump
    jumps = {"JUMP_SECONDS": str(seconds), "JUMP_AT": str(asked)}
    check_ends_well(work.weekly(LD_PRELOAD=str(failing_calls), **jumps))
    assert work.result() == bank.result
    check_rerun(work, bank)


COMMANDS = {
    "weekly": ("--raw", "raw", "--as-of", str(AS_OF)),
    "ingest": ("--raw", "raw"),
    "train": ("--as-of", str(BEFORE)),
    "backfill": ("--from", "2026-08-03", "--to", "2026-08-17"),
    "rollback-run": (),
    "rollback": ("--by", "Wang"),
    "promote": ("--bundle", "champion", "--by", "Wang"),
    "effect": (),
    "report": (),
    "outcomes": ("--as-of", "2026-08-03"),
    "tune": ("--as-of", str(BEFORE), "--trials", "1"),
    "backtest": ("--as-of", str(BEFORE), "--origins", "1"),
    "definitions": ("--as-of", str(BEFORE)),
    "ablation": ("--as-of", str(BEFORE)),
    "learning-curve": ("--as-of", str(BEFORE)),
    "quarantine-export": ("--raw", "raw", "--out", "refused"),
    "read-outcomes": ("--file", "worked.xlsx"),
    "new-access-log": ("--by", "Wang", "--why", "archived"),
    "mail": ("--as-of", str(BEFORE)),
    "migrate": (),
    "restore": ("--from", "backup.db"),
}
PAIRS = [
    (first, second, 5 * moment)
    for (first, second), moment in zip(
        itertools.combinations_with_replacement(random.Random(5).sample(sorted(COMMANDS), len(COMMANDS)), 2),
        moments(300),
        strict=False,
    )
]


def arguments(work: Work, command: str) -> tuple[str, ...]:
    """With the name of the model that there is."""
    (champion,) = (path.name for path in (work.home / "models").iterdir())
    return tuple(champion if word == "champion" else word for word in COMMANDS[command])


@over("pair", None, PAIRS, every=3)
def test_of_two_commands_at_once_one_leaves(work, bank, pair):
    first, second, apart = pair
    worked = next((work.home / "lists" / str(BEFORE)).glob("*.xlsx"))
    shutil.copy(worked, work.folder / "worked.xlsx")
    smtp = {"ATTRITION_SMTP_HOST": "127.0.0.1", "ATTRITION_SMTP_PORT": "9"}
    commands = [(name, *arguments(work, name)) for name in (first, second)]
    processes = [work.start(*commands[0], **smtp)]
    time.sleep(apart)
    processes.append(work.start(*commands[1], **smtp))
    ended = [finish(process) for process in processes]
    assert {code for code, _ in ended} <= {0, 2, 4, 5}, ended
    assert [code for code, _ in ended] != [4, 4], ended
    assert not any("Traceback" in errors for _, errors in ended), ended
    for code, errors in ended:
        if code == 4:
            assert re.search("LeaseError: bank 'small' is being written by `[a-z-]+` of li, process", errors)
    check_readers(work)
    check_ends_well(work.weekly())
    # A backfill or a training adds Mondays, from which gates learn, and writes down what labels rest on.
    noted = ("store", "_made_by.json", ".manifest.json")
    lasting = {name: digest for name, digest in bank.result.items() if not name.endswith(noted)}
    result = work.result()
    assert {name: result.get(name) for name in lasting} == lasting
    assert work.left_over() == []


@over("commands", None, [("weekly", "train"), ("train", "weekly"), ("weekly", "promote")] * 2, every=2)
def test_readers_see_whole_mondays_while_commands_write(work, bank, tmp_path, commands):
    """Two workers answer without a fault while two commands begin at once, are killed, and a run is made."""
    settings = demo_service(work.store)
    claims = {"sub": "crm", "role": "crm"}
    headers = {"Authorization": f"Bearer {tokens.issue(settings, claims, 3600)}"}
    answers = list[tuple[int, bytes]]()
    with two_workers(settings, tmp_path / "log") as (_, port, _), ThreadPoolExecutor(4) as readers:
        ended = Event()

        def read() -> None:
            while not ended.is_set():
                answers.append(asked(port, "/v1/runs/latest", headers))

        reading = [readers.submit(read) for _ in range(4)]
        try:
            running = [work.start(name, *arguments(work, name)) for name in commands]
            while running[0].poll() is None and used_seconds(running[0].pid) < bank.seconds / 2:
                time.sleep(0.05)
            for process in running:
                process.kill()
                process.communicate()
            check_ends_well(work.weekly())
        finally:
            ended.set()
        for done in reading:
            done.result()
    assert {status for status, _ in answers} == {200}
    assert {json.loads(body)["snapshot_date"] for _, body in answers} == {str(BEFORE), str(AS_OF)}
    assert len(answers) > 1000
