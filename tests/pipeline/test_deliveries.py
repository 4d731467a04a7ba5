"""Week by week or all at once: the same counts, the same features, and after merging the same parts."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from configs.settings import Settings, load_settings
from pipeline import ingest as ingest_module
from pipeline.artefacts import Home, read_json
from pipeline.demo_bank import files
from pipeline.demo_bank.bank import Bank
from pipeline.ingest import ingest
from pipeline.snapshots import build_snapshots
from pipeline.tables import Ingested

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
    bank = Bank(customers, HISTORY + weeks, 7, LAST_MONDAY)
    mondays = []
    first = files.Extracts(folder / "0")
    (folder / "0").mkdir(parents=True)
    first.add(bank.opening_week())
    for _ in range(HISTORY):
        first.add(bank.advance())
    first.write()
    files.write_products(folder / "0")
    files.write_managers(folder / "0", bank)
    for week in range(1, weeks + 1):
        out = folder / str(week)
        out.mkdir()
        extracts = files.Extracts(out)
        extracts.add(bank.advance())
        extracts.write()
        files.write_managers(out, bank)
        mondays.append(bank.monday)
    settings = load_settings("demo", {"customers_per_bucket": customers // 3, "cohort": {"min_aum": 20_000}})
    return Weekly(settings, folder, mondays)


def nothing(done: int, of: int) -> None:
    """Progress that nobody watches."""


def parquet(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def live(weekly: Weekly, raw: Path, home: Home) -> list[Ingested]:
    """Each week's files as they come, and the partition of the Monday after them."""
    weekly.deliver(0, raw)
    done = [ingest(weekly.settings, raw, home, lambda _: None)]
    for week, monday in enumerate(weekly.mondays, start=1):
        weekly.deliver(week, raw)
        done.append(ingest(weekly.settings, raw, home, lambda _: None))
        build_snapshots(weekly.settings, home, done[-1], [monday], nothing)
    return done


def counts(tables: Ingested) -> list[dict[str, object]]:
    return read_json(tables.folder / "ingest.json")["files"]


def same_as_from_nothing(weekly: Weekly, tmp_path: Path) -> list[Ingested]:
    """Live week by week against one ingest of everything and one backfill; what was ingested live."""
    raw, live_home, home = tmp_path / "raw", Home(tmp_path / "live"), Home(tmp_path / "backfill")
    done = live(weekly, raw, live_home)
    tables = ingest(weekly.settings, raw, home, lambda _: None)
    assert counts(done[-1]) == counts(tables)
    assert (done[-1].counts, done[-1].last_day) == (tables.counts, tables.last_day)
    build_snapshots(weekly.settings, home, tables, weekly.mondays, nothing)
    for kind in ("cohort", "features"):
        found = parquet(live_home.root / kind)
        assert len(found) == len(weekly.mondays) * tables.buckets
        assert found == parquet(home.root / kind)
    return done


@pytest.fixture(scope="module")
def four_weeks(tmp_path_factory: pytest.TempPathFactory) -> Weekly:
    return write_weekly(tmp_path_factory.mktemp("weekly"), 300, 4)


def test_four_weeks_live_are_what_a_backfill_gives(four_weeks: Weekly, tmp_path: Path) -> None:
    done = same_as_from_nothing(four_weeks, tmp_path)
    assert [len(tables.builds_on) for tables in done] == [0, 1, 2, 3, 4]


def test_merged_deliveries_are_the_bytes_of_one_ingest(
    four_weeks: Weekly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "MOST_DELIVERIES", 2)
    done = same_as_from_nothing(four_weeks, tmp_path)
    assert [len(tables.builds_on) for tables in done] == [0, 1, 2, 0, 1]
