"""What a Monday's lists rest on, read back from a store with a past; and the lots it keeps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from configs.call_lists import Draw
from configs.published import Helpfulness, Manager
from pipeline.lists.choice import choose
from serve.store import assignments as trial
from serve.store import tables
from serve.store.contacts import Author, Contact, opt_out, record

MONDAY = date(2026, 11, 16)
NEXT = MONDAY + timedelta(weeks=1)
LI = Author("li", None)
# Fourteen weeks, which is past the end of the quarter.
UNTIL = date(2027, 2, 22)


@pytest.fixture
def store_url(either_url):
    return either_url


def week_of(store, monday, **reached):
    with store.write() as connection:
        return trial.week(connection, monday, 14, Helpfulness(0.3), reached)


def called(store, customer_id, outcome, at):
    contact = Contact(f"{customer_id}{at}", customer_id, "M1", "run-1", outcome, "", at.replace(tzinfo=UTC))
    with store.write() as connection:
        record(connection, contact, LI)


def lots(store):
    with store.read() as connection:
        chosen = select(tables.trial.c.customer_id, tables.trial.c.drawn_on, tables.trial.c.held_out)
        return sorted(map(tuple, connection.execute(chosen)))


def test_before_the_first_run_nothing_is_known(store):
    week = week_of(store, MONDAY)
    assert (week.opted_out, week.reached, week.in_question, week.draws) == (frozenset(), {}, frozenset(), {})


def test_the_next_monday_knows_who_was_listed_and_which_lots_hold(published):
    week = week_of(published, NEXT)
    assert week.in_question == {"c1", "c4", "c5"}
    assert week.draws == dict.fromkeys(["c1", "c4", "c5"], Draw(MONDAY, UNTIL, False))
    assert week_of(published, UNTIL - timedelta(weeks=1)).draws == week.draws
    assert week_of(published, UNTIL).draws == {}


def test_a_rerun_of_a_monday_finds_what_the_first_run_found(published):
    assert week_of(published, MONDAY) == replace(
        week_of(published, MONDAY), in_question=frozenset(), draws={}
    )


def test_an_old_list_keeps_nobody_on(published):
    assert week_of(published, MONDAY + timedelta(weeks=4)).in_question
    assert not week_of(published, MONDAY + timedelta(weeks=5)).in_question


def test_who_was_reached_by_either_record_and_before_the_monday_only(published):
    called(published, "c1", "will_stay", datetime(2026, 11, 18, 9))
    called(published, "c4", "no_answer", datetime(2026, 11, 18, 9))
    called(published, "c5", "undecided", datetime(2026, 11, 23, 0))
    week = week_of(published, NEXT, c1=date(2026, 11, 17), c3=date(2026, 11, 19), c4=date(2026, 11, 17))
    assert week.reached == {"c1": date(2026, 11, 18), "c3": date(2026, 11, 19), "c4": date(2026, 11, 17)}


def test_an_opt_out_counts_from_the_next_run_on(published, scores, settings):
    """P4: c1, who was listed, tells the manager to stop; c3 takes the place."""
    with published.write() as connection:
        opt_out(connection, "c1", datetime(2026, 11, 23, 8, tzinfo=UTC), LI)
    week = week_of(published, NEXT)
    (managed, _) = choose(scores, [Manager("M1", "张伟", "B1", 2)], settings.lists, week)
    assert [score.customer_id for score in managed.listed] == ["c4", "c3"]
    assert (managed.decisions[0].decision, managed.decisions[0].why) == ("opted_out", "by_contact")


def test_a_lot_is_kept_once_and_a_monday_published_again_replaces_its_own(
    published, make_run, scores, exclusions, settings
):
    lists = settings.lists.model_copy(update={"held_out": 0.999999})
    managers = [Manager("M1", "张伟", "B1", 2)]
    again = choose(scores, managers, lists, week_of(published, MONDAY))
    published.publish(make_run("run-1b"), scores, exclusions, again)
    everybody = [(name, MONDAY, True) for name in ("c1", "c3", "c4", "c5")]
    assert lots(published) == everybody
    later = choose(scores, managers, lists, week_of(published, NEXT))
    published.publish(make_run("run-2", NEXT), scores, exclusions, later)
    assert lots(published) == everybody
    assert {one.drawn_on for part in later for one in part.decisions} == {MONDAY, None}


def test_a_past_monday_filled_in_draws_no_lot(published, make_run, scores, exclusions, lists):
    before = lots(published)
    earlier = MONDAY - timedelta(weeks=1)
    old = [replace(one, decisions=tuple(replace(d, drawn_on=earlier) if d.rank else d for d in one.decisions))
           for one in lists]  # fmt: skip
    published.publish(make_run("run-0", earlier), scores, exclusions, old)
    assert lots(published) == before


def test_lots_outlive_their_run_and_go_when_no_figure_reads_them(
    published, make_run, scores, exclusions, lists
):
    """Three lots of the first Monday; two weeks later its run is pruned, its lots only as the third number says."""
    published.publish(make_run("run-2", MONDAY + timedelta(weeks=2)), scores, exclusions, lists)
    drawn = lots(published)
    assert {day for _, day, _ in drawn} == {MONDAY}
    assert published.prune(2, 2, 3) == 1
    assert lots(published) == drawn
    assert published.prune(2, 2, 2) == 0
    assert lots(published) == []
