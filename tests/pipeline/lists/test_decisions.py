"""Each verdict by hand, and the control group: stable for its time, and about as large as asked for."""

from datetime import date, timedelta

import pytest

from configs.call_lists import Assignment, Portfolio
from configs.published import Manager
from pipeline.lists.control_group import in_control_group, period_of
from pipeline.lists.decisions import decide

MONDAY = date(2026, 11, 16)


@pytest.fixture
def lists(settings):
    return settings.lists


def verdicts(scores, lists, week, room=1):
    portfolio = Portfolio("B1", Manager("M1", "", "B1", room), tuple(scores))
    return {
        one.customer_id: (one.decision, one.why, one.rank, one.until)
        for one in decide(portfolio, lists, week)
    }


@pytest.mark.parametrize(
    ("reached", "cool"),
    [
        (date(2026, 10, 18), False),
        (date(2026, 10, 19), False),
        (date(2026, 10, 20), True),
        (date(2026, 11, 15), True),
    ],
)
def test_four_weeks_of_quiet_after_a_contact(make_score, make_week, lists, reached, cool):
    """A call of Tuesday, 20 October counts until the Monday after 17 November, one of the 19th until
    the 16th.
    """
    found = verdicts([make_score("a")], lists, make_week(reached={"a": reached}))
    again = {date(2026, 10, 20): date(2026, 11, 23), date(2026, 11, 15): date(2026, 12, 14)}.get(reached)
    until = date(2027, 2, 22)
    assert found["a"] == (
        ("cooled_down", "contacted", None, again) if cool else ("listed", "most_to_keep", 1, until)
    )


def test_the_control_group_takes_no_place(make_score, make_week, lists):
    """Room for one: a is in the control group, b takes the place, c comes too late either way."""
    scores = [make_score("a", 300), make_score("b", 200), make_score("c", 100)]
    until = MONDAY + timedelta(weeks=3)
    assignments = {name: Assignment(MONDAY - timedelta(weeks=9), until, True) for name in "ac"}
    assert verdicts(scores, lists, make_week(assignments=assignments)) == {
        "a": ("held_out", "drawn", None, until),
        "b": ("listed", "most_to_keep", 1, date(2027, 2, 22)),
        "c": ("beyond_capacity", "less_to_keep", None, None),
    }


def test_a_selection_does_not_depend_on_the_own_assignment(make_score, make_week, lists):
    scores = [make_score(name, money) for money, name in enumerate("edcba", start=1)]
    span = MONDAY - timedelta(weeks=9), MONDAY + timedelta(weeks=3)
    others = {name: Assignment(*span, name in "ad") for name in "abcde"}
    for name in "abcde":
        selected = set()
        for control_group in (True, False):
            own = others | {name: Assignment(*span, control_group)}
            found = verdicts(scores, lists, make_week(assignments=own), room=2)
            selected.add(found[name][0] in ("listed", "held_out"))
        assert len(selected) == 1


def test_an_assignment_holds_whatever_the_period_says(make_score, make_week, lists):
    none_out = lists.model_copy(update={"control_group_share": 0.0})
    held = Assignment(MONDAY - timedelta(weeks=13), MONDAY + timedelta(weeks=1), True)
    assert verdicts([make_score("a")], none_out, make_week(assignments={"a": held}))["a"][0] == "held_out"


@pytest.mark.parametrize(
    ("monday", "weeks", "until"),
    [
        (date(2026, 11, 16), 14, date(2027, 2, 22)),  # until the outcome is known
        (date(2026, 10, 5), 6, date(2027, 1, 4)),  # a short outcome: through the period
        (date(2026, 3, 30), 6, date(2026, 7, 6)),
        (date(2026, 6, 22), 6, date(2026, 8, 3)),
    ],
)
def test_how_long_an_assignment_holds(make_score, make_week, lists, monday, weeks, until):
    week = make_week(monday)
    week = type(week)(monday, weeks, week.response)
    assert verdicts([make_score("a")], lists, week)["a"][3] == until


@pytest.mark.parametrize(
    ("period", "first", "next_one"),
    [
        ("quarter", date(2026, 10, 5), date(2027, 1, 4)),
        ("half_year", date(2026, 7, 6), date(2027, 1, 4)),
        ("half_year", date(2027, 1, 4), date(2027, 7, 5)),
        ("year", date(2026, 1, 5), date(2027, 1, 4)),
    ],
)
def test_the_control_group_lasts_through_the_period_and_is_another_in_the_next(
    lists, period, first, next_one
):
    half = lists.model_copy(update={"control_group_share": 0.5, "control_group_period": period})
    names = [str(number) for number in range(400)]
    mondays = [first + timedelta(weeks=week) for week in range((next_one - first).days // 7)]
    drawn = [[in_control_group(name, monday, half) for name in names] for monday in mondays]
    assert all(one == drawn[0] for one in drawn)
    assert {period_of(monday, half)[1] for monday in mondays} == {next_one}
    for other in (next_one, first - timedelta(weeks=1)):
        there = [in_control_group(name, other, half) for name in names]
        # Two independent assignments agree for half of 400, give or take three standard deviations of 10.
        assert 170 < sum(a == b for a, b in zip(drawn[0], there, strict=True)) < 230


def test_about_the_share_asked_for_is_in_the_control_group_and_another_salt_takes_others(lists):
    names = [str(number) for number in range(20_000)]
    sets = []
    for salt in ("", "ours"):
        own = lists.model_copy(update={"control_group_share": 0.05, "salt": salt})
        sets.append({name for name in names if in_control_group(name, MONDAY, own)})
        # 1,000 are expected, with a standard deviation of 31.
        assert 900 < len(sets[-1]) < 1_100
    assert len(sets[0] & sets[1]) < 100


def test_branch_lists_are_the_branchs_own(make_score, make_week, lists):
    own = Portfolio("B1", None, (make_score("a", manager_id=None),))
    (one,) = decide(own, lists, make_week())
    assert (one.branch_id, one.manager_id, one.assigned_on) == ("B1", None, MONDAY)
