"""Publication is whole or not at all, and no reader ever sees two runs at once."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy import event, text

from configs.errors import ConfigError, DataError
from configs.published import Change, Exclusion, Manager
from serve.lists import choose
from serve.store import Store

ROOT = Path(__file__).parents[2]


def test_published_and_read_back_are_equal(published, make_run, scores, exclusions, lists):
    everything = published.published()
    assert everything.run == make_run()
    assert everything.scores == scores
    assert everything.exclusions == exclusions
    assert everything.lists == lists


def test_changes_are_kept_with_their_score(store, make_run, make_score, settings):
    moved = make_score("c1", risk_change=-0.03, changes=(Change("salary", -0.4, "eased", "缓解"),))
    run = make_run(
        cohort=1, excluded=MappingProxyType({}), manifest=MappingProxyType({"compared_with": "2026-11-09"})
    )
    store.publish(run, [moved], [], choose([moved], [], settings.lists))
    assert store.customer("c1") == (run, moved)


def test_one_customer_is_scored_excluded_or_unknown(published, make_run, scores):
    assert published.customer("c3") == (make_run(), scores[2])
    assert published.customer("c6") == (make_run(), Exclusion("c6", "too_new"))
    assert published.customer("c7") is None


def test_a_managers_list_comes_in_its_order(published, make_run, scores):
    manager = Manager("M1", "张伟", "B1", 2)
    assert published.manager_list("M1") == (make_run(), manager, (scores[3], scores[0]))
    assert published.manager_list("M2") is None


def test_a_rerun_replaces_and_never_appends(published, make_run, scores, exclusions, lists):
    changed = (replace(scores[0], risk_90d=0.5), *scores[1:])
    assert published.publish(make_run(), changed, exclusions, lists)
    assert published.published().scores == changed
    assert len(published.history()) == 1


def test_history_is_kept_and_the_pointer_can_go_back(published, make_run, scores, exclusions, lists):
    second = make_run("run-2", date(2026, 11, 23))
    assert published.publish(second, scores, exclusions, lists)
    assert published.latest_run() == second
    assert published.history() == (second, make_run())
    published.serve_run("run-1")
    assert published.latest_run() == make_run()
    with pytest.raises(DataError, match="Did you mean 'run-2'"):
        published.serve_run("run2")


def test_a_past_week_filled_in_is_kept_but_not_served(published, make_run, scores, exclusions, lists):
    past = make_run("run-0", date(2026, 11, 9))
    assert not published.publish(past, scores, exclusions, lists)
    assert published.latest_run() == make_run()
    assert published.published("run-0").scores == scores


def test_a_missing_store_is_not_created_by_reading(tmp_path):
    with Store(f"sqlite:///{tmp_path}/none.db") as store, pytest.raises(DataError, match="make weekly"):
        store.latest_run()
    assert not list(tmp_path.iterdir())


def test_a_store_without_a_run_or_of_another_kind_says_so(store, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "store.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match="not a database"):
        store.latest_run()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "nosuch://user:secret@host/x"])
def test_an_address_that_cannot_be_used_is_a_config_error_without_the_password(url):
    with pytest.raises(ConfigError, match="score store") as refused:
        Store(url)
    assert "secret" not in str(refused.value)


def test_sqlite_is_set_up_to_survive_a_power_cut(published):
    with published._engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(text(f"PRAGMA {one}")).scalar() for one in pragmas]
    assert found == ["wal", 2, 1]


def test_a_publication_that_fails_at_any_statement_leaves_the_old_run(
    published, make_run, scores, exclusions, lists
):
    second, before = make_run("run-2", date(2026, 11, 23)), published.published()
    for statements in range(100):
        countdown = iter(range(statements))

        def fail(*_, left=countdown):
            if next(left, None) is None:
                raise RuntimeError("planted")

        event.listen(published._engine, "before_cursor_execute", fail)
        try:
            published.publish(second, scores, exclusions, lists)
        except RuntimeError:
            event.remove(published._engine, "before_cursor_execute", fail)
            assert published.published() == before
        else:
            break
    event.remove(published._engine, "before_cursor_execute", fail)
    assert statements > 10
    assert published.latest_run() == second


def test_a_full_disk_is_a_data_error_and_the_old_run_stays(published, make_run, scores, lists):
    before = published.published()

    @event.listens_for(published._engine, "begin")
    def no_more_pages(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite caps it at the present size

    many = tuple(Exclusion(f"x{k}", "too_new") for k in range(5_000))
    run = make_run("run-2", excluded={"too_new": 5_000})
    with pytest.raises(DataError, match="full"):
        published.publish(run, scores, many, lists)
    assert published.published() == before


def test_a_listed_customer_without_a_score_is_refused_by_the_store(
    published, make_run, make_score, scores, exclusions, lists
):
    stranger = replace(lists[1], listed=(make_score("c9"),))
    with pytest.raises(DataError, match="FOREIGN KEY"):
        published.publish(make_run(), scores, exclusions, [lists[0], stranger])
    assert published.published().lists == lists


KILLED = """
import os, pickle, signal, sys
from sqlalchemy import event
from serve.store import Store
store = Store(sys.argv[1])
whole = store.published()
from dataclasses import replace
event.listen(store._engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
store.publish(replace(whole.run, run_id="run-2"), whole.scores, whole.exclusions, whole.lists)
"""


def test_killed_right_before_the_commit_readers_see_the_old_run(published, store_url, make_run):
    before = published.published()
    done = subprocess.run([sys.executable, "-c", KILLED, store_url], cwd=ROOT, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert published.published() == before
    assert published.history() == (make_run(),)


def test_readers_during_publications_see_one_run_each(published, make_run, scores, exclusions, lists):
    """Run k gives every customer the risk k/100, so a mixture would show."""
    published.publish(make_run("run-0"), _with_risk(scores, 0), exclusions, _listed(lists, 0))

    def read(_):
        everything = published.published()
        run, _, listed = published.manager_list("M1")
        risks = {score.risk_90d for score in everything.scores}
        return risks == {_risk_of(everything.run)} and {one.risk_90d for one in listed} == {_risk_of(run)}

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(read, range(200))
        for number in range(1, 25):
            run = make_run(f"run-{number}")
            published.publish(run, _with_risk(scores, number), exclusions, _listed(lists, number))
        assert all(answers)


def _with_risk(scores, number):
    return tuple(replace(score, risk_90d=number / 100) for score in scores)


def _listed(lists, number):
    return [replace(one, listed=_with_risk(one.listed, number)) for one in lists]


def _risk_of(run):
    return int(run.run_id.removeprefix("run-")) / 100


def test_ids_that_look_like_sql_stay_ids(store, make_run, make_score, exclusions):
    evil = "'; DROP TABLE scores; --"
    store.publish(make_run(cohort=1), [make_score(evil)], exclusions, [])
    assert store.customer(evil)[1].customer_id == evil
    assert store.customer("' OR 1=1 --") is None


def test_a_reason_that_json_cannot_hold_is_refused(store, make_run, make_score, exclusions):
    score = make_score("a")
    broken = replace(score, reasons=(replace(score.reasons[0], value=float("nan")),))
    with pytest.raises(DataError, match="None where a feature is not known"):
        store.publish(make_run(cohort=1), [broken], exclusions, [])
    with pytest.raises(DataError, match="cannot be read"):
        store.latest_run()
