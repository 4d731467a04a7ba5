"""The facts of a Monday's lists, read back from a store with a past; and the assignments it keeps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from configs.call_lists import Assignment
from configs.published import Manager
from configs.response import Response
from pipeline.ingest.renumbered import Numbers
from pipeline.lists import call_lists
from pipeline.lists.decisions import choose
from serve.store import tables
from serve.store.contacts import Author, Contact, opt_out, record

pytestmark = pytest.mark.either_store

MONDAY = date(2026, 11, 16)
NEXT = MONDAY + timedelta(weeks=1)
LI = Author("li", None)
# Fourteen weeks, which is past the end of the quarter.
UNTIL = date(2027, 2, 22)


def week_of(store, monday, **reached):
    with store.write() as connection:
        return call_lists.week_of(connection, monday, 14, Response(0.3), reached)


def called(store, customer_id, outcome, at, **more):
    contact = Contact(
        f"{customer_id}{at}{more}", customer_id, "M1", "run-1", outcome, "", at.replace(tzinfo=UTC), **more
    )
    with store.write() as connection:
        return record(connection, contact, LI).contact_id


def assigned(store):
    with store.read() as connection:
        columns = tables.assignments.c
        chosen = select(columns.customer_id, columns.assigned_on, columns.control_group)
        return sorted(map(tuple, connection.execute(chosen)))


def test_before_the_first_run_nothing_is_known(store):
    week = week_of(store, MONDAY)
    assert week.opted_out == week.selected == frozenset()
    assert week.reached == week.assignments == {}


def test_the_next_monday_knows_who_was_listed_and_which_assignments_hold(published):
    week = week_of(published, NEXT)
    assert week.selected == {"c1", "c4", "c5"}
    assert week.assignments == dict.fromkeys(["c1", "c4", "c5"], Assignment(MONDAY, UNTIL, False))
    assert week_of(published, UNTIL - timedelta(weeks=1)).assignments == week.assignments
    assert week_of(published, UNTIL).assignments == {}


def test_assignments_follow_a_customer_with_a_new_number(published):
    """c1 became c9 and stays where it was; c4 became c5, who was assigned as well."""
    numbers = Numbers({"c1": "c9", "c4": "c5"})
    week = call_lists.under_newest_numbers(week_of(published, NEXT), numbers)
    assert week.selected == week.assignments.keys() == {"c9", "c5"}


def test_a_rerun_of_a_monday_finds_what_the_first_run_found(published):
    week = week_of(published, MONDAY)
    assert (week.selected, week.assignments) == (frozenset(), {})


def test_an_old_list_keeps_nobody_on(published):
    assert week_of(published, MONDAY + timedelta(weeks=4)).selected
    assert not week_of(published, MONDAY + timedelta(weeks=5)).selected


def test_who_was_reached_by_either_record_and_before_the_monday_only(published):
    called(published, "c1", "will_stay", datetime(2026, 11, 18, 9))
    called(published, "c4", "no_answer", datetime(2026, 11, 18, 9))
    called(published, "c5", "undecided", datetime(2026, 11, 23, 0))
    week = week_of(published, NEXT, c1=date(2026, 11, 17), c3=date(2026, 11, 19), c4=date(2026, 11, 17))
    assert week.reached == {"c1": date(2026, 11, 18), "c3": date(2026, 11, 19), "c4": date(2026, 11, 17)}


def test_a_follow_up_is_back_two_mondays_later_and_stays_until_somebody_calls(published, scores, settings):
    """c3, of low risk and first reached on Tuesday, is to be called on 2 December."""
    week, day = timedelta(weeks=1), date(2026, 12, 2)
    agreed = called(published, "c3", "undecided", datetime(2026, 11, 17, 9), follow_up_on=day)

    def decided(monday):
        facts = week_of(published, monday)
        lists = choose(scores, [Manager("M1", "张伟", "B1", 2)], settings.lists, facts)
        managed = lists[0]
        return [score.customer_id for score in managed.listed], managed.decisions[2]

    for monday in (NEXT, MONDAY + 7 * week):
        listed, decision = decided(monday)
        assert "c3" not in listed
        assert decision.why != "follow_up"
    for monday in (MONDAY + number * week for number in range(2, 7)):
        listed, decision = decided(monday)
        assert listed == ["c3", "c4"], monday
        assert (decision.why, decision.rank, decision.until) == ("follow_up", 1, None)
        assert decision.assigned_on is None
    # The correction of 1 December takes the day away from then on, and leaves 30 November as it was.
    called(published, "c3", "undecided", datetime(2026, 12, 1, 9), corrects=agreed)
    assert [decided(MONDAY + number * week)[1].why == "follow_up" for number in (2, 3)] == [True, False]


def test_a_follow_up_ends_with_a_later_contact_and_is_in_the_run_id(published):
    due = date(2026, 11, 25)
    for name in ("c1", "c2", "c3", "c4"):
        called(published, name, "undecided", datetime(2026, 11, 17, 9), follow_up_on=due)
    called(published, "c1", "no_answer", datetime(2026, 11, 19, 9))
    assert week_of(published, NEXT).follow_up == dict.fromkeys(("c2", "c3", "c4"), due)
    # Of the bank's own contacts one on that day is the call; one before it is another.
    later = week_of(published, NEXT + timedelta(weeks=1), c3=due, c4=due - timedelta(days=1))
    assert later.follow_up == dict.fromkeys(("c2", "c4"), due)
    told = week_of(published, NEXT)
    run = published.latest_run()
    without = replace(told, follow_up={})
    assert call_lists._with_lists(run, told, "learnt") != call_lists._with_lists(run, without, "learnt")


def test_an_opt_out_counts_from_the_next_run_on(published, scores, settings):
    """P4: c1, who was listed, tells the manager to stop; c3 takes the place."""
    with published.write() as connection:
        opt_out(connection, "c1", datetime(2026, 11, 23, 8, tzinfo=UTC), LI)
    week = week_of(published, NEXT)
    (managed, _) = choose(scores, [Manager("M1", "张伟", "B1", 2)], settings.lists, week)
    assert [score.customer_id for score in managed.listed] == ["c4", "c3"]
    assert (managed.decisions[0].decision, managed.decisions[0].why) == ("opted_out", "by_contact")


def test_an_assignment_is_written_once_and_a_monday_published_again_replaces_its_own(
    published, make_run, scores, exclusions, settings
):
    lists = settings.lists.model_copy(update={"control_group_share": 0.999999})
    managers = [Manager("M1", "张伟", "B1", 2)]
    again = choose(scores, managers, lists, week_of(published, MONDAY))
    published.publish(make_run("run-1b"), scores, exclusions, again)
    everybody = [(name, MONDAY, True) for name in ("c1", "c3", "c4", "c5")]
    assert assigned(published) == everybody
    later = choose(scores, managers, lists, week_of(published, NEXT))
    published.publish(make_run("run-2", NEXT), scores, exclusions, later)
    assert assigned(published) == everybody
    assert {one.assigned_on for part in later for one in part.decisions} == {MONDAY, None}


def test_a_past_monday_filled_in_assigns_nobody(published, make_run, scores, exclusions, lists):
    before = assigned(published)
    earlier = MONDAY - timedelta(weeks=1)
    old = [replace(one, decisions=tuple(replace(d,
           assigned_on=earlier) if d.rank else d for d in one.decisions))
           for one in lists]  # fmt: skip
    published.publish(make_run("run-0", earlier), scores, exclusions, old)
    assert assigned(published) == before


def test_assignments_outlive_their_run_and_go_when_no_figure_reads_them(published, publish_run):
    """Three assignments of the first Monday; two weeks later its run is pruned, they only as the
    third number says.
    """
    publish_run("run-2", MONDAY + timedelta(weeks=2))
    drawn = assigned(published)
    assert {day for _, day, _ in drawn} == {MONDAY}
    assert published.prune(2, 2, 3) == 1
    assert assigned(published) == drawn
    assert published.prune(2, 2, 2) == 0
    assert assigned(published) == []
