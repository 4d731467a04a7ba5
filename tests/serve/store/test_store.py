"""Publication is whole or not at all, and no reader ever sees two runs at once."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy import event, select

from configs.branch_rows import Coverage, Departure
from configs.errors import DataError
from configs.published import Change, Exclusion, Manager, RunExtras
from serve.api.prepared import prepared_answers
from serve.store import read_session as read_session
from serve.store import tables
from tests.serve.conftest import of_branches, whole

pytestmark = pytest.mark.either_store

ROOT = Path(__file__).parents[3]


def customer(store, customer_id):
    """The served run and the score or exclusion of one customer."""
    with store.at_run() as read_session:
        found = read_session.customer(customer_id)
        return found and (read_session.run, found)


def manager_list(store, manager_id):
    """The served run, one manager and the listed customers by rank."""
    with store.at_run() as read_session:
        return read_session.run, read_session.manager(manager_id), read_session.manager_list(manager_id)


def test_published_and_read_back_are_equal(published, make_run, scores, exclusions, lists):
    decisions = {decision.customer_id: decision for part in lists for decision in part.decisions}
    with published.at_run() as run:
        assert (run.run, run.page()) == (make_run(), scores)
        assert run.customers(["c6"]) == {"c6": exclusions[0]}
        assert run.managers() == (lists[0].manager,)
        assert (run.decisions(), run.branch_list("B1")) == (decisions, lists[1].listed)


def test_changes_are_kept_with_their_score(store, make_run, make_score, make_lists):
    moved = make_score("c1", risk_change=-0.03, changes=(Change("salary", -0.4, "eased", "缓解"),))
    compared = MappingProxyType({"compared_with": "2026-11-09"})
    run = make_run(cohort=1, excluded=MappingProxyType({}), manifest=compared)
    store.publish(run, [moved], [], make_lists([moved]))
    assert customer(store, "c1") == (run, moved)


def test_one_customer_is_scored_excluded_or_unknown(published, make_run, scores):
    assert customer(published, "c3") == (make_run(), scores[2])
    assert customer(published, "c6") == (make_run(), Exclusion("c6", "too_new"))
    assert customer(published, "c7") is None


def test_a_managers_list_comes_in_its_order(published, make_run, scores):
    manager = Manager("M1", "张伟", "B1", 2)
    assert manager_list(published, "M1") == (make_run(), manager, (scores[3], scores[0]))
    assert manager_list(published, "M2") == (make_run(), None, ())


def test_a_managers_address_is_kept(store, make_run, scores, exclusions, lists):
    first, *others = lists
    manager = replace(first.manager, email="zhang.wei@bank.example")
    store.publish(make_run(), scores, exclusions, [replace(first, manager=manager), *others])
    assert manager_list(store, "M1")[1] == manager


def test_a_rerun_replaces_and_never_appends(published, make_run, scores, exclusions, lists):
    changed = (replace(scores[0], risk_90d=0.5), *scores[1:])
    assert published.publish(make_run(), changed, exclusions, lists)
    assert tuple(published.scores()) == changed
    assert len(published.history()) == 1


def test_history_is_kept_and_the_pointer_can_go_back(published, publish_run, make_run):
    second = make_run("run-2", date(2026, 11, 23))
    assert publish_run("run-2", date(2026, 11, 23))
    assert published.latest_run() == second
    assert published.history() == (second, make_run())
    assert published.rollback() == published.latest_run() == make_run()
    with pytest.raises(DataError, match="Did you mean 'run-2'"), published.at_run("run2"):
        pass


def test_rollback_goes_one_run_back_at_a_time_and_gives_the_old_answers(
    published, publish_run, make_run, scores, exclusions, lists
):
    """Two runs of one Monday, then the next Monday: back from it are the second, then the first."""
    before = whole(published)
    changed = (replace(scores[0], risk_90d=0.5), *scores[1:])
    published.publish(make_run("run-1b"), changed, exclusions, lists)
    publish_run("run-0", date(2026, 11, 9))
    publish_run("run-2", date(2026, 11, 23))
    assert published.rollback() == make_run("run-1b")
    assert tuple(published.scores()) == changed
    assert published.rollback() == make_run()
    assert whole(published) == before
    assert published.rollback().run_id == "run-0"
    with pytest.raises(DataError, match="no run before run-0"):
        published.rollback()
    assert published.latest_run().run_id == "run-0"


def test_old_runs_are_pruned_with_all_their_rows_but_not_the_one_served(
    published, publish_run, make_run, scores, lists, profiles
):
    for number in range(2, 5):
        run = f"run-{number}", date(2026, 11, 16) + timedelta(weeks=number - 1)
        coverage, left = Coverage("B1", "M1", 4, 1, 100, 2, 4), Departure("B1", "M0", 1, 1, 5)
        answers = prepared_answers(make_run(*run), scores, lists)
        extras = RunExtras(
            profiles, [coverage], [left], {"most": []}, prepared_answers=answers, **of_branches()
        )
        publish_run(*run, extras=extras)
    assert published.prune(4, 4, 130) == 0
    assert published.prune(2, 2, 130) == 2
    assert [run.run_id for run in published.history()] == ["run-4", "run-3"]
    published.rollback()
    assert published.prune(1, 1, 130) == 0
    with published.engine.connect() as connection:
        for table in tables.OF_A_RUN:
            found = set(connection.scalars(select(table.c.run_version)))
            assert found == {3, 4}, table.name


def test_a_store_holds_one_bank(published, make_run, scores, exclusions, lists):
    with pytest.raises(DataError, match="holds runs of bank 'demo', not of 'berka'"):
        published.publish(make_run("run-2", bank="berka"), scores, exclusions, lists)
    assert published.history() == (make_run(),)


def test_all_scores_come_by_id_in_pages_whatever_the_language_of_the_database(
    store, make_run, make_score, make_lists, exclusions, monkeypatch
):
    """In English B comes after a; by code point before it, which is what pages and deltas rest on."""
    names = ["a", "B", "ä", "Z", "10", "9", "张", "b"]
    given = [
        make_score(name, reasons=make_score(name).reasons * (number % 3)) for number, name in enumerate(names)
    ]
    store.publish(make_run(cohort=8), given, exclusions, make_lists(given))
    monkeypatch.setattr(read_session.ReadSession.page, "__defaults__", ("", 3))
    assert [one.customer_id for one in store.scores()] == sorted(names)
    assert list(store.scores("run-1")) == sorted(given, key=lambda one: one.customer_id)
    with store.at_run() as run:
        assert [one.customer_id for one in run.page("a", 2)] == ["b", "ä"]


@pytest.mark.parametrize("fate", ["published anew", "no run"])
def test_a_run_that_goes_while_it_is_read_is_read_to_its_end(
    published, publish_run, scores, monkeypatch, fate
):
    monkeypatch.setattr(read_session.ReadSession.page, "__defaults__", ("", 2))
    with published.at_run() as opened:
        asked = {"run_id": "run-1", "run_version": opened.run_version}
    found, late = published.scores(**asked), published.scores(**asked)
    first = next(found)
    if fate == "no run":
        publish_run("run-2", date(2026, 11, 23))
        published.prune(1, 1, 130)
    else:
        publish_run()
    assert (first, *found) == scores
    assert published.engine.pool.checkedout() == 0
    with pytest.raises(read_session.GoneError, match=fate):
        next(late)


def test_one_customer_takes_two_statements(published):
    said = []
    published.latest_run()  # looks at the version
    event.listen(published.engine, "before_cursor_execute", lambda _, __, words, *_rest: said.append(words))
    for customer_id in ("c3", "c6", "unknown"):
        customer(published, customer_id)
        assert len([words for words in said if words.startswith("SELECT")]) == 2
        said.clear()


def test_a_past_week_filled_in_is_kept_but_not_served(published, publish_run, make_run, scores):
    assert not publish_run("run-0", date(2026, 11, 9))
    assert published.latest_run() == make_run()
    assert tuple(published.scores("run-0")) == scores


def test_a_publication_that_fails_at_any_statement_leaves_the_old_run(published, publish_run, make_run):
    before = whole(published)
    for statements in range(100):
        countdown = iter(range(statements))

        def fail(*_, left=countdown):
            if next(left, None) is None:
                raise RuntimeError("planted")

        event.listen(published.engine, "before_cursor_execute", fail)
        try:
            publish_run("run-2", date(2026, 11, 23))
        except RuntimeError:
            event.remove(published.engine, "before_cursor_execute", fail)
            assert whole(published) == before
        else:
            break
    event.remove(published.engine, "before_cursor_execute", fail)
    assert statements > 10
    assert published.latest_run() == make_run("run-2", date(2026, 11, 23))


def test_a_decision_about_a_customer_without_a_score_is_refused_by_the_store(
    published, make_run, scores, exclusions, lists, monkeypatch
):
    monkeypatch.setattr("serve.store.store.check", lambda *_: None)
    stranger = replace(lists[1].decisions[0], customer_id="c9")
    strange, before = [lists[0], replace(lists[1], decisions=(stranger,))], whole(published)
    with pytest.raises(DataError, match=r"(?i)foreign key"):
        published.publish(make_run(), scores, exclusions, strange)
    assert whole(published) == before


KILLED = """
import os, signal, sys
from dataclasses import replace
from sqlalchemy import event
from serve.store.store import Store

def kill_at_the_second(_, first=iter([True])):
    if not next(first, False):
        os.kill(os.getpid(), signal.SIGKILL)

store = Store(sys.argv[1])
event.listen(store.engine, "commit", kill_at_the_second)  # the first is that of the tables' version
store.publish(replace(store.latest_run(), run_id="run-2", cohort=0, excluded={}), [], [], [])
"""


def test_killed_right_before_the_commit_readers_see_the_old_run(published, store_url, make_run):
    before = whole(published)
    done = subprocess.run([sys.executable, "-c", KILLED, store_url], cwd=ROOT, env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert whole(published) == before
    assert published.history() == (make_run(),)


def test_readers_during_publications_see_one_run_each(published, make_run, scores, exclusions, lists):
    """Run k gives every customer the risk k/100, so a mixture would show in an answer or between pages."""
    published.publish(make_run("run-0"), _with_risk(scores, 0), exclusions, _listed(lists, 0))
    done = threading.Event()

    def read():
        rounds, errors = 0, []
        while not (done.is_set() and rounds > 5):
            run, _, listed = manager_list(published, "M1")
            answered, one = customer(published, "c3")
            with published.at_run() as first:
                pinned, everyone, pages = first.run, first.page(), [first.page("", 2)]
            while pages[-1]:
                with published.at_run(pinned.run_id) as following:
                    pages.append(following.page(pages[-1][-1].customer_id, 2))
            seen = [(pinned, everyone), (run, listed), (answered, [one]), (pinned, sum(pages, ()))]
            errors += [run for run, found in seen if {one.risk_90d for one in found} != {_risk_of(run)}]
            errors += [run for run, found in seen[::3] if len(found) != 5]
            rounds += 1
            done.wait(0.2)
        return errors

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        for number in range(1, 51):
            run = make_run(f"run-{number}", date(2026, 11, 16) + timedelta(weeks=number))
            published.publish(run, _with_risk(scores, number), exclusions, _listed(lists, number))
            published.prune(45, 45, 130)  # a slow reader's run stays
        done.set()
        assert [reader.result() for reader in readers] == [[]] * 8
    assert published.latest_run().run_id == "run-50"


def _with_risk(scores, number):
    return tuple(replace(score, risk_90d=number / 100) for score in scores)


def _listed(lists, number):
    return [replace(one, listed=_with_risk(one.listed, number)) for one in lists]


def _risk_of(run):
    return int(run.run_id.removeprefix("run-")) / 100


def test_ids_that_look_like_sql_stay_ids(store, make_run, make_score, make_lists, exclusions):
    evil = "'; DROP TABLE scores; --"
    store.publish(make_run(cohort=1), [make_score(evil)], exclusions, make_lists([make_score(evil)]))
    assert customer(store, evil)[1].customer_id == evil
    assert customer(store, "' OR 1=1 --") is None
