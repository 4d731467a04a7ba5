"""A household gets one call a week, on whichever list, one cool-down and one random assignment."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from configs.call_lists import Assignment
from configs.published import Manager
from pipeline.lists.decisions import choose
from pipeline.lists.households import with_households
from tests.serve.conftest import a_score

MONDAY = date(2026, 11, 16)
BEFORE = MONDAY - timedelta(weeks=2)


@pytest.fixture
def lists(settings):
    return settings.lists.model_copy(update={"least_value": 0, "stay_places": 0})


def member(name, keep, household=None, manager="M1", **changes):
    return a_score(name, keep * 100, household_id=household, manager_id=manager, **changes)


def decided(scores, lists, week, **rooms):
    """Decision and why by customer; ``week`` with the facts of the scores' households."""
    households = {score.customer_id: score.household_id for score in scores if score.household_id}
    week = with_households(week, households, lists)
    managers = [Manager(name, "", "B1", room) for name, room in (rooms or {"M1": 2, "M2": 2}).items()]
    return {
        decision.customer_id: (decision.decision, decision.why)
        for call_list in choose(scores, managers, lists, week)
        for decision in call_list.decisions
    }


FIRST, NEXT = ("listed", "most_to_keep"), ("beyond_capacity", "less_to_keep")
OTHER = ("household", "one_call")


def test_the_member_with_most_to_keep_is_listed_and_the_place_goes_to_the_next(make_week, lists):
    scores = [member("a", 900, "H"), member("b", 800, "H"), member("c", 100), member("d", 50)]
    assert decided(scores, lists, make_week()) == {"a": FIRST, "b": OTHER, "c": FIRST, "d": NEXT}


def test_across_managers_it_is_the_list_of_the_member_with_most_to_keep(make_week, lists):
    scores = [
        member("a", 300, "H"),
        member("b", 400, "H", "M2"),
        member("c", 200),
        member("d", 100, None, "M2"),
    ]
    expected = {"a": OTHER, "b": FIRST, "c": FIRST, "d": NEXT}
    assert decided(scores, lists, make_week(), M1=1, M2=1) == expected
    # Without room for b, a is called: b's manager has no place for anybody.
    assert decided(scores, lists, make_week(), M1=1, M2=0) == expected | {"a": FIRST, "b": OTHER, "c": NEXT}
    # Without a place for either both wait for one.
    assert decided(scores, lists, make_week(), M1=0, M2=0) == dict.fromkeys("abcd", NEXT)


def test_a_promised_call_is_made_and_nobody_else_of_the_household_is_called(make_week, lists):
    scores = [member("a", 900, "H"), member("b", 10, "H", "M2"), member("c", 20, "H", "M2")]
    week = make_week(follow_up={"b": MONDAY, "c": MONDAY})
    promised = ("listed", "follow_up")
    assert decided(scores, lists, week) == {"a": OTHER, "b": promised, "c": promised}


def test_a_contact_with_one_member_counts_for_all_and_an_opt_out_for_one(make_week, lists):
    scores = [member("a", 900, "H"), member("b", 800, "H"), member("c", 700, "H", marketing_opt_out=True)]
    quiet = {"a": ("cooled_down", "contacted"), "b": ("cooled_down", "household_contacted")}
    opted_out = {"c": ("opted_out", "by_bank")}
    week = make_week(reached={"a": BEFORE})
    assert decided(scores, lists, week) == quiet | opted_out
    alone = lists.model_copy(update={"household_cool_down": False})
    assert decided(scores, alone, week) == quiet | {"b": FIRST} | opted_out
    # What came up with b since ends b's quiet alone; a call of one who is not scored gives it too.
    since = replace(week, last_occasion={"b": BEFORE + timedelta(days=1)})
    assert decided(scores, lists, since) == quiet | {"b": FIRST} | opted_out
    assert decided(scores, lists, make_week(opted_out=frozenset("a")))["b"] == FIRST
    unscored = with_households(make_week(reached={"x": BEFORE}), {"x": "H", "b": "H"}, lists)
    assert unscored.households.reached == {"H": BEFORE}


def test_a_household_is_listed_or_in_the_control_group_as_one(make_week, lists):
    """Also while that of a member holds who is not the one to call any more; the oldest one holds."""
    scores = [member("a", 900, "H"), member("b", 800, "H", "M2")]
    all_out = lists.model_copy(update={"control_group_share": 0.999999})
    assert decided(scores, all_out, make_week()) == {
        "a": ("held_out", "drawn"),
        "b": ("household", "held_out"),
    }
    until = MONDAY + timedelta(weeks=5)
    held = {
        "b": Assignment(BEFORE, until, control_group=False),
        "a": Assignment(BEFORE + timedelta(weeks=1), until, control_group=True),
    }
    week = make_week(assignments=held)
    assert decided(scores, all_out, week) == {"a": FIRST, "b": OTHER}
    (first, *_) = choose(
        scores, [Manager("M1", "", "B1", 2)], all_out, with_households(week, {"a": "H", "b": "H"}, all_out)
    )
    assert [decision.assigned_on for decision in first.decisions] == [BEFORE]  # so no second one is recorded


def test_the_draw_is_the_households_whoever_is_to_be_called(make_week, lists):
    half = lists.model_copy(update={"control_group_share": 0.5})
    drawn = {}
    for first in "ab":
        keep = {name: 200 if name == first else 100 for name in "ab"}
        scores = [member(f"{name}{k}", keep[name], f"H{k}") for name in "ab" for k in range(30)]
        found = decided(scores, half, make_week(), M1=60)
        drawn[first] = [found[f"{first}{k}"][0] for k in range(30)]
    assert drawn["a"] == drawn["b"]
    assert set(drawn["a"]) == {"listed", "held_out"}


def test_law_the_member_who_is_called_does_not_depend_on_the_households_assignment(make_week, lists):
    """Which makes the arms alike: households, of which one member at most is called, never in both arms."""
    called_of_couples = 0
    for seed in range(40):
        rng = random.Random(seed)
        managers = {f"M{k}": rng.randrange(4) for k in range(4)}
        scores = [
            member(
                f"c{n}",
                rng.randrange(1, 60),
                rng.choice((None, "H1", "H2", "H3", "H4")),
                rng.choice([*managers]),
            )
            for n in range(20)
        ]
        households = {score.customer_id: score.household_id for score in scores if score.household_id}
        stays = lists.model_copy(update={"stay_places": 3})
        span = BEFORE, MONDAY + timedelta(weeks=5)
        arms = {name: rng.random() < 0.5 for name in (*households.values(), *(s.customer_id for s in scores))}
        week = make_week(selected=frozenset(rng.sample([s.customer_id for s in scores], 5)))
        for household in sorted(set(households.values())):
            chosen = []
            for arm in (True, False):
                drawn = arms | {household: arm}
                held = {
                    score.customer_id: Assignment(*span, drawn[score.household_id or score.customer_id])
                    for score in scores
                }
                found = decided(scores, stays, replace(week, assignments=held), **managers)
                members = [name for name, home in households.items() if home == household]
                verdicts = {name: found[name][0] for name in members}
                chosen.append(
                    {name for name, verdict in verdicts.items() if verdict in ("listed", "held_out")}
                )
                assert len(chosen[-1]) <= 1
                assert {verdicts[name] for name in chosen[-1]} <= {"held_out" if arm else "listed"}
                rest = set(members) - chosen[-1]
                assert {verdicts[name] for name in rest} <= {"household" if chosen[-1] else "beyond_capacity"}
            assert chosen[0] == chosen[1]
            called_of_couples += len(chosen[0]) and len(members) > 1
    assert called_of_couples > 50
