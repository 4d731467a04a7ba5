"""Spark runs the same function over the same buckets: the same bytes, the same errors, in a sentence."""

import shutil
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from features.build import build
from features.engine.entities import make_entities
from pipeline.artefacts import Home, write_parquet
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.ingest import ingest
from pipeline.snapshots import spark
from pipeline.snapshots.build import build_snapshots
from pipeline.structure.facts import KINDS as STRUCTURE_KINDS
from pipeline.structure.facts import StructureTask
from tests.folders import bytes_below
from tests.pipeline.conftest import LAST_MONDAY, made_up_bank
from tests.servers import needed

CUSTOMERS, WEEKS, BUCKETS = 600, 40, 4
SNAPSHOTS = [LAST_MONDAY - timedelta(weeks=weeks) for weeks in (2, 1, 0)]
MISSING = [
    name for name, there in (("pyspark", find_spec("pyspark")), ("java", shutil.which("java"))) if not there
]


@pytest.fixture(autouse=True)
def _installed():
    """Without Spark these tests are skipped, but not where the project is checked for all."""
    needed(not MISSING, f"no {' and no '.join(MISSING)} (extra 'spark', a JRE 17)")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return made_up_bank(
        tmp_path_factory.mktemp("spark"), CUSTOMERS, WEEKS, customers_per_bucket=CUSTOMERS // BUCKETS
    )


@pytest.fixture(scope="module")
def context():
    with spark.session("local[2]") as context:
        yield context


def refuse(first: int, bucket: int) -> int:
    """Fail from the first given bucket on."""
    if bucket >= first:
        raise DataError(f"bucket {bucket} is not what its contract says. Run the ingest again.")
    return bucket


def read_away(bucket: int) -> bytes:
    return (Path("/nowhere") / f"{bucket}.parquet").read_bytes()


def stumble(bucket: int) -> int:
    return 1 // (bucket - bucket)


def test_a_wrong_master_is_the_users_error():  # before the module's session stands
    with pytest.raises(ConfigError) as raised, spark.session("local[two"):
        pass
    assert str(raised.value) == (
        "Spark does not start on master 'local[two': Could not parse Master URL: 'local[two'. "
        "Correct spark_master in [engine], for example local[2] or yarn."
    )


def test_the_setting_changes_the_engine_and_no_byte(small, tmp_path):
    """Spark with the tables on mounted folders, and with tables and drafts behind an address of Arrow's."""
    written = {}
    engines = {"local": "", "spark": "", "far": f"file://{tmp_path}/store"}
    for kind, storage in engines.items():  # before the module's session stands: the setting starts its own
        changed = {"kind": "local" if kind == "local" else "spark", "storage": storage}
        engine = small.settings.engine.model_copy(update=changed)
        settings = small.settings.model_copy(update={"engine": engine})
        home = Home(tmp_path / kind)
        assert build_snapshots(settings, home, small.tables, SNAPSHOTS, lambda *_: None) == len(SNAPSHOTS)
        written[kind] = bytes_below(home.root, "*.parquet")
    assert written["spark"] == written["local"] == written["far"]
    assert len(written["local"]) == 2 * len(SNAPSHOTS) * small.tables.buckets == 24


def test_a_missing_java_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    missing = f"Java 17 or newer, and there is none in JAVA_HOME={tmp_path}"
    with pytest.raises(ConfigError, match=missing), spark.session("local[2]"):
        pass


def test_the_structure_on_spark_has_every_byte_of_a_local_one(small, context, tmp_path):
    here = StructureTask(
        small.tables, tuple(SNAPSHOTS[-2:]), tmp_path / "here", small.settings, STRUCTURE_KINDS, None
    )
    for bucket in range(small.tables.buckets):
        here(bucket)
    away = replace(here, drafts=tmp_path / "spark")
    spark.over_buckets(context, away, small.tables.buckets, lambda *_: None)
    assert bytes_below(away.drafts, "*.parquet") == bytes_below(here.drafts, "*.parquet")
    assert len(bytes_below(away.drafts, "*.parquet")) == 2 * 2 * small.tables.buckets


def test_results_come_in_the_order_of_the_buckets(context):
    assert spark.over_buckets(context, partial(pow, 2), 5, lambda *_: None) == [1, 2, 4, 8, 16]
    assert spark.over_buckets(context, partial(pow, 2), 0, lambda *_: None) == []


def test_progress_grows_to_the_number_of_buckets(context):
    seen: list[tuple[int, int]] = []
    spark.over_buckets(context, abs, 3, lambda done, of: seen.append((done, of)))
    assert seen == sorted(seen)
    assert seen[-1] == (3, 3)


def test_a_defect_of_the_code_keeps_its_traceback(context):
    with pytest.raises(Exception, match="ZeroDivisionError") as raised:
        spark.over_buckets(context, stumble, 1, lambda *_: None)
    assert "in stumble" in str(raised.value)


def test_a_file_that_a_worker_does_not_see_says_so(context):
    with pytest.raises(DataError, match=r"/nowhere/\d.parquet.*storage that all of them mount"):
        spark.over_buckets(context, read_away, 2, lambda *_: None)


def test_a_buckets_own_error_surfaces_and_the_session_goes_on(context):
    with pytest.raises(DataError) as raised:
        spark.over_buckets(context, partial(refuse, 3), 4, lambda *_: None)
    assert str(raised.value) == "bucket 3 is not what its contract says. Run the ingest again."
    assert spark.over_buckets(context, abs, 2, lambda *_: None) == [0, 1]


@pytest.mark.long
def test_an_ingest_on_spark_writes_every_byte_of_a_local_one(context, tmp_path, monkeypatch):
    """A bank with its dirt in several files; then one of another encoding: the error and the old tables."""
    monkeypatch.setattr("pipeline.ingest.distributed.session", lambda _: nullcontext(context))
    raw, homes = tmp_path / "raw", {kind: Home(tmp_path / kind) for kind in ("local", "spark")}
    write_demo_bank(raw, CUSTOMERS // 2, WEEKS, 7, LAST_MONDAY)
    first, *_, last = sorted(raw.glob("txn_*.parquet"))
    bookings = pq.read_table(first).slice(0, 2).to_pydict()
    bookings["CUST_NO"].reverse()  # two customers' keys once more, under each other
    more = pa.concat_tables([pq.read_table(last), pa.table(bookings, pq.read_schema(last))])
    pq.write_table(more, last)

    def run(kind: str) -> None:
        changed = {"customers_per_bucket": CUSTOMERS // 2 // BUCKETS, "engine": {"kind": kind}}
        ingest(load_settings("demo", changed), raw, homes[kind], lambda _: None)

    for kind in homes:
        run(kind)
    made = {kind: bytes_below(home.root) for kind, home in homes.items()}
    assert made["spark"] == made["local"]
    assert made["local"]["quarantine.csv"].count(b"stands with another content") == 2

    survey = sorted(raw.glob("survey_*.csv"))[-1]
    survey.write_bytes(survey.read_bytes() + 500 * "问卷,C1\n".encode("gb18030"))
    said = []
    for kind in homes:
        with pytest.raises(DataError, match="cannot be read as utf-8") as raised:
            run(kind)
        said.append(str(raised.value))
        assert bytes_below(homes[kind].root / "tables") == bytes_below(homes["local"].root / "tables")
    assert said[0] == said[1]


@dataclass(frozen=True)
class Worlds:
    """Random banks in ``folder``/<number>; the work on one writes cohort and features to ``out``."""

    settings: Settings
    folder: Path
    out: Path
    mondays: tuple[tuple[date, ...], ...]
    begins: tuple[date, ...]

    def __call__(self, number: int) -> None:
        tables = {path.stem: pq.read_table(path) for path in (self.folder / str(number)).iterdir()}
        mondays, begins = self.mondays[number], self.begins[number]
        for day, cohort, features in build(make_entities(tables), mondays, begins, self.settings):
            for kind, rows in (("cohort", cohort), ("features", features)):
                write_parquet(rows, self.out / str(number) / f"{kind}-{day}.parquet")


@pytest.mark.parametrize("banks", [3, pytest.param(30, marks=pytest.mark.long)])
def test_random_worlds(context, banks, draw_bank, tables_of, bank_settings, tmp_path):
    drawn = [draw_bank(seed) for seed in range(banks)]
    for number, one in enumerate(drawn):
        for name, rows in tables_of(one.bank).items():
            write_parquet(rows, tmp_path / "banks" / str(number) / f"{name}.parquet")
    mondays, begins = tuple(one.snapshots for one in drawn), tuple(one.history_from for one in drawn)
    here = Worlds(bank_settings, tmp_path / "banks", tmp_path / "here", mondays, begins)
    for number in range(banks):
        here(number)
    spark.over_buckets(context, replace(here, out=tmp_path / "spark"), banks, lambda *_: None)
    assert bytes_below(tmp_path / "spark", "*.parquet") == bytes_below(tmp_path / "here", "*.parquet")
    assert len(bytes_below(tmp_path / "spark", "*.parquet")) == 2 * sum(map(len, mondays))
