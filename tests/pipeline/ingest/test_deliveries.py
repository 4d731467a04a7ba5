"""Week by week or all at once: the same counts, the same features, and after merging the same parts."""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from configs.bank_folder import load_settings
from configs.settings import Settings
from pipeline.artefacts import Home, read_json
from pipeline.demo_bank import files
from pipeline.demo_bank.bank import Bank, Week
from pipeline.ingest import deliveries
from pipeline.ingest.ingest import ingest
from pipeline.snapshots.build import build_snapshots, read_partition
from pipeline.tables import Ingested, read_ingested
from tests.folders import bytes_below

LAST_MONDAY = date(2026, 11, 16)
HISTORY = 30  # weeks before the first delivery that comes alone


@dataclass(frozen=True)
class Weekly:
    """A made-up bank's extracts: one folder with what there is before, one for each later week."""

    settings: Settings
    folder: Path
    mondays: list[date]

    def deliver(self, week: int, raw: Path) -> None:
        """Put the files of a week (0: all that came before the first) into the raw folder."""
        shutil.copytree(self.folder / str(week), raw, dirs_exist_ok=True)


def write_weekly(folder: Path, customers: int, weeks: int) -> Weekly:
    """Late rows come in the week in which they are known; every fortieth booking is corrected a week on."""
    bank = Bank(customers, HISTORY + weeks, 7, LAST_MONDAY)
    arrivals, mondays = Arrivals(), []
    before = [bank.opening_week(), *(bank.advance() for _ in range(HISTORY))]
    write_week(folder / "0", [arrivals.of(week) for week in before], bank)
    for week in range(1, weeks + 1):
        write_week(folder / str(week), [arrivals.of(bank.advance())], bank)
        mondays.append(bank.monday)
    settings = load_settings("demo", {"customers_per_bucket": customers // 5, "cohort": {"min_aum": 20_000}})
    return Weekly(settings, folder, mondays)


def write_week(out: Path, weeks: list[Week], bank: Bank) -> None:
    out.mkdir(parents=True)
    files.write_extracts(out, weeks)
    files.write_products(out)
    files.write_csv(bank.managers.table(), out / "rm_info.csv")


class Arrivals:
    """The rows that the bank's systems hand out by the end of each week; the rest waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, pa.Table] = {}
        self._booked: pa.Table | None = None

    def of(self, week: Week) -> Week:
        sunday, tables = pa.scalar(week.monday + timedelta(days=6), pa.date32()), dict(week.tables)
        for name in files.LARGE:
            if name in tables:
                rows = pa.concat_tables([one for one in (self._waiting.get(name), tables[name]) if one])
                known = pc.less_equal(rows["LOAD_DT"], sunday)
                tables[name], self._waiting[name] = rows.filter(known), rows.filter(pc.invert(known))
        if "transactions" in tables:
            booked, before = tables["transactions"], self._booked
            if before is not None:
                tables["transactions"] = pa.concat_tables([booked, corrected(before, week.monday)])
            self._booked = booked
        return Week(week.monday, tables)


def corrected(booked: pa.Table, monday: date) -> pa.Table:
    """Every fortieth booking of the week before again, ten times as large, known on Thursday."""
    rows = booked.take(pa.array(range(0, len(booked), 40)))
    amount = pc.multiply(rows["TXN_AMT"], pa.scalar(10, pa.int32())).cast(rows["TXN_AMT"].type)
    thursday = pa.array([monday + timedelta(days=3)] * len(rows), pa.date32())
    rows = rows.set_column(rows.schema.get_field_index("TXN_AMT"), "TXN_AMT", amount)
    return rows.set_column(rows.schema.get_field_index("LOAD_DT"), "LOAD_DT", thursday)


def live(weekly: Weekly, raw: Path, home: Home) -> list[Ingested]:
    """Each week's files as they come, and the partition of the Monday after them."""
    weekly.deliver(0, raw)
    done = [ingest(weekly.settings, raw, home, lambda _: None)]
    for week, monday in enumerate(weekly.mondays, start=1):
        weekly.deliver(week, raw)
        done.append(ingest(weekly.settings, raw, home, lambda _: None))
        build_snapshots(weekly.settings, home, done[-1], [monday], lambda *_: None)
    return done


def counts(tables: Ingested) -> list[dict[str, object]]:
    return read_json(tables.folder / "ingest.json")["files"]


def backfill(weekly: Weekly, folder: Path) -> Home:
    """One ingest of everything there ever was, and all Mondays at once."""
    raw, home = folder / "raw", Home(folder / "backfill")
    for week in range(len(weekly.mondays) + 1):
        weekly.deliver(week, raw)
    tables = ingest(weekly.settings, raw, home, lambda _: None)
    build_snapshots(weekly.settings, home, tables, weekly.mondays, lambda *_: None)
    return home


def assert_same(weekly: Weekly, home: Home, tables: Ingested, once: Home) -> None:
    """The counts of every file, and the bytes of every cohort and every feature."""
    all_at_once = read_ingested(once)
    assert counts(tables) == counts(all_at_once)
    assert (tables.counts, tables.last_day) == (all_at_once.counts, all_at_once.last_day)
    for kind in ("cohort", "features"):
        found = bytes_below(home.root / kind, "*.parquet")
        assert len(found) == len(weekly.mondays) * tables.buckets
        assert found == bytes_below(once.root / kind, "*.parquet")
    assert len(read_partition(home, "features", weekly.mondays)) > 50 * len(weekly.mondays)


@pytest.fixture(scope="module")
def four_weeks(tmp_path_factory):
    return write_weekly(tmp_path_factory.mktemp("weekly"), 300, 4)


@pytest.fixture(scope="module")
def once(four_weeks, tmp_path_factory):
    return backfill(four_weeks, tmp_path_factory.mktemp("once"))


@pytest.fixture(scope="module")
def lived(four_weeks, tmp_path_factory):
    """The home of a bank whose files came week by week, and its tables after each."""
    folder = tmp_path_factory.mktemp("lived")
    home = Home(folder / "live")
    return home, live(four_weeks, folder / "raw", home)


def test_four_weeks_live_are_what_a_backfill_gives(four_weeks, once, lived):
    home, done = lived
    assert [len(tables.builds_on) for tables in done] == [0, 1, 2, 3, 4]
    assert_same(four_weeks, home, done[-1], once)


def test_merged_deliveries_are_the_bytes_of_one_ingest(four_weeks, once, tmp_path, monkeypatch):
    monkeypatch.setattr(deliveries, "MOST_DELIVERIES", 3)
    home = Home(tmp_path / "live")
    done = live(four_weeks, tmp_path / "raw", home)
    assert [len(tables.builds_on) for tables in done] == [0, 1, 2, 3, 0]
    assert [len(tables.history) for tables in done] == [1, 2, 3, 4, 5]
    assert_same(four_weeks, home, done[-1], once)
    assert len(bytes_below(once.tables, "*.parquet")) > 30
    assert bytes_below(done[-1].folder, "*.parquet") == bytes_below(once.tables, "*.parquet")
    assert (done[-1].folder / "quarantine.csv").read_bytes() == (once.tables / "quarantine.csv").read_bytes()
    assert build_snapshots(four_weeks.settings, home, done[-1], four_weeks.mondays, lambda *_: None) == 0


def test_corrections_that_are_not_applied_are_noticed(four_weeks, once, lived, tmp_path, monkeypatch):
    """Planted: rows that a later delivery superseded stay as they were."""
    monkeypatch.setattr(Ingested, "_superseded", lambda *_: {})
    monkeypatch.delenv("CI", raising=False)  # with it pytest takes a minute to write the whole difference
    home, tables = Home(tmp_path / "planted"), lived[1][-1]
    build_snapshots(four_weeks.settings, home, tables, four_weeks.mondays, lambda *_: None)
    with pytest.raises(AssertionError, match="Differing items"):
        assert_same(four_weeks, home, tables, once)


@pytest.mark.long
def test_half_a_year_live_is_what_a_backfill_gives(tmp_path):
    weekly = write_weekly(tmp_path / "weekly", 300, 26)
    once = backfill(weekly, tmp_path / "once")
    home = Home(tmp_path / "live")
    done = live(weekly, tmp_path / "raw", home)
    assert [len(tables.builds_on) for tables in done] == [k % 9 for k in range(27)]
    assert_same(weekly, home, done[-1], once)
