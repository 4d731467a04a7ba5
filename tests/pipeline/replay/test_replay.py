"""The replay beside weekly runs published live, killed in the middle, and beside the bank's own artefacts."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from configs.bank_folder import load_settings
from configs.dates import latest_monday, mondays
from configs.errors import DataError, LeaseError
from configs.files import whole_folder
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.lease import held
from pipeline.replay.mondays import digest_of, note_of, remove_old, replay_of
from pipeline.replay.replay import run_replay
from pipeline.weekly import run_ingest, run_weekly
from serve.store.store import Store
from tests.folders import bytes_below
from tests.pipeline.conftest import quick_evaluation

AS_OF = date(2026, 11, 16)
WEEK = timedelta(weeks=1)
SMALL = {
    "quarantine_limit": 0.2,  # of a week of a small bank
    "label": {"horizon_days": 30, "settle_days": 7},
    "profit": {"call_cost": 1.0},  # so that contacts pay, whatever the first fourteen outcomes seem to say
    "gates": {"least_listed": 0},  # a weak model finds nobody worth a call on some Mondays
    "training": {
        "first_after_weeks": 26,
        "judged_snapshots": 4,
        "tuned_snapshots": 4,
        "rounds": 20,
        "patience": 20,
        "retrain_weeks": 4,
        "lightgbm": {"min_data_in_leaf": 50},
    },
}


def deliver(later: Path, raw: Path, until: date) -> None:
    """Hand over the files of the weeks before a Monday."""
    for path in sorted(later.iterdir()):
        if path.stem.rsplit("_", 1)[-1] < f"{until:%Y%m%d}":
            path.rename(raw / path.name)


def live(bank: Context, folder: Path, weeks: Sequence[date], customers: int, history: int) -> None:
    """A bank whose files come week by week, and its weekly runs."""
    raw, later = folder / "raw", folder / "later"
    later.mkdir(parents=True)
    write_demo_bank(raw, customers, history, 11, weeks[-1] + 6 * WEEK, weekly=len(weeks) + 6)
    for path in raw.glob("*_20*.*"):
        if path.stem.rsplit("_", 1)[-1] >= f"{weeks[0]:%Y%m%d}":
            path.rename(later / path.name)
    for monday in weeks:
        deliver(later, raw, monday)
        run_weekly(bank, raw, monday)
    deliver(later, raw, date.max)
    run_ingest(bank, raw)


def check_like_live(bank: Context, replay, weeks: Sequence[date]) -> None:
    """Models, scores with reasons and changes, decisions: those of the runs published live."""
    with Store(bank.home.store) as store:
        runs = {run.snapshot_date: run for run in store.history()}
        for monday in weeks:
            note, run = note_of(replay, monday), runs[monday]
            assert note["model_id"] == run.model_id
            assert digest_of(list(store.scores(run.run_id))) == note["scores"]
            with store.at_run(run.run_id) as read_session:
                assert digest_of(list(read_session.decisions().values())) == note["decisions"]
    models = sorted(path.name for path in replay.context.home.models.iterdir())
    assert models == sorted(path.name for path in bank.home.models.iterdir())
    for model in models:
        files = [bytes_below(home.models / model) for home in (replay.context.home, bank.home)]
        for each in files:
            del each["signature"]
        assert files[0] == files[1]


@pytest.fixture(scope="module")
def weeks() -> list[date]:
    return mondays(AS_OF - 8 * WEEK, AS_OF - 7 * WEEK)


@pytest.fixture(scope="module")
def bank(tmp_path_factory, weeks) -> Iterator[Context]:
    """A small bank that has published these weeks. Its models are too weak for the rules of promotion, and
    charts and intervals take longest, so there are none."""
    folder = tmp_path_factory.mktemp("live")
    context = Context(load_settings("demo", SMALL), folder / "data")
    with quick_evaluation(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.training.comparison.own_objections", lambda *_: [])
        live(context, folder, weeks, customers=800, history=62)
        yield context


def artefacts(bank: Context) -> dict[str, bytes]:
    """The bank's files but for the lease; of a replay there is none among them."""
    files = bytes_below(bank.data).items()
    return {name: content for name, content in files if "/replay/" not in name and "lease" not in name}


@dataclass(frozen=True)
class Replayed:
    """The bank's artefacts before its replay, and what the replay left."""

    before: dict[str, bytes]
    figures: dict[str, Any]
    page: Path


@pytest.fixture(scope="module")
def replayed(bank, weeks) -> Replayed:
    return Replayed(artefacts(bank), *run_replay(bank, bank.tables, weeks))


def test_every_monday_is_as_it_was_published_live(bank, replayed, weeks):
    check_like_live(bank, replay_of(bank, bank.tables, weeks), weeks)
    published = replayed.figures["published_live"]
    assert [row["monday"] for row in published] == [str(day) for day in weeks]
    assert all(row["model"] and row["scores"] and row["decisions"] for row in published)


def test_nothing_of_the_bank_is_changed(bank, replayed):
    assert artefacts(bank) == replayed.before


def test_the_page_names_no_customer_and_says_what_is_not_known(bank, replayed, weeks):
    text = replayed.page.read_text("utf-8")
    assert "Nobody was called, so nobody was kept." in text
    assert len(replayed.figures["stories"]) > 2
    tables = list((bank.home.root / "replay").rglob("customers.parquet"))
    assert len(tables) == len(weeks)
    for path in tables:
        names = pq.read_table(path, columns=["customer_id"], partitioning=None)["customer_id"].to_pylist()
        assert not [name for name in names if name in text]


def test_a_replay_goes_on_behind_what_is_kept_runs_once_and_begins_anew_for_other_settings(
    bank, replayed, weeks, caplog
):
    assert run_replay(bank, bank.tables, weeks)[1].read_bytes() == replayed.page.read_bytes()
    other = Context(load_settings("demo", SMALL | {"bands": {"high": 0.3}}), bank.data)
    kept = replay_of(bank, bank.tables, weeks).kept(weeks[0])
    assert kept.is_dir()
    with held(replayed.page.parent / str(weeks[0]) / "demo", "replay"):
        with pytest.raises(LeaseError, match="is being written by `replay`"):
            run_replay(bank, bank.tables, weeks)
        with caplog.at_level("INFO", "attrition"):
            remove_old(replay_of(other, bank.tables, weeks))
    assert "begun anew" in caplog.text
    assert [path.name for path in (replayed.page.parent / str(weeks[0])).rglob("*")] == ["demo", "lease"]


def test_a_period_without_a_known_outcome_is_refused(bank):
    tables = bank.tables
    latest = latest_monday(tables.last_day + timedelta(days=1))
    with pytest.raises(
        DataError, match=f"no outcome from {latest} on is known: .* Begin on {latest - 6 * WEEK}"
    ):
        run_replay(bank, tables, [latest])
    with pytest.raises(DataError, match=f"cannot be run. Begin on .* end on {latest} or before"):
        run_replay(bank, tables, [latest, latest + WEEK])
    with pytest.raises(DataError, match=r"cannot be run\. Begin on"):
        run_replay(bank, tables, [latest_monday(tables.first_day)])
    with pytest.raises(DataError, match="no Monday lies between"):
        run_replay(bank, tables, [])


@pytest.mark.long
def test_half_a_year_is_as_it_was_published_live_and_a_killed_replay_ends_with_the_same_bytes(tmp_path):
    """Models that are trained and refused, cool-downs, control group, response rates: 26 weeks of them."""
    weeks = mondays(AS_OF - 31 * WEEK, AS_OF - 6 * WEEK)
    bank = Context(load_settings("demo", SMALL), tmp_path / "data")
    live(bank, tmp_path, weeks, customers=1200, history=88)
    _, page = run_replay(bank, bank.tables, weeks)
    check_like_live(bank, replay_of(bank, bank.tables, weeks), weeks)
    assert len(list(bank.home.models.iterdir())) > 1  # trained, and refused beside the champion
    kept = replay_of(bank, bank.tables, weeks)
    before = {**bytes_below(kept.folder), "page": page.read_bytes()}
    for path in kept.context.data.iterdir():
        if path.name != "mlflow.db":  # this process keeps it open
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.replay.mondays.whole_folder", _ends_at(11))
        with pytest.raises(KeyboardInterrupt):
            run_replay(bank, bank.tables, weeks)
    _, page = run_replay(bank, bank.tables, weeks)
    assert {**bytes_below(kept.folder), "page": page.read_bytes()} == before


def _ends_at(count: int) -> Any:
    """Killed before so many Mondays are kept, when the last of them has been published in its store."""
    calls = iter(range(1, count + 1))

    def ends(target: Path) -> Any:
        if next(calls) == count:
            raise KeyboardInterrupt
        return whole_folder(target)

    return ends
