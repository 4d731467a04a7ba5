"""Channels and places: by hand, against every possible choice, and blind to a customer's own assignment."""

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from configs.call_lists import Assignment, Portfolio, Week
from configs.list_settings import Channel
from configs.published import Manager
from configs.response import Estimate, Response
from pipeline.lists.decisions import decide
from pipeline.lists.places import ChannelOption, gains_of, in_order, selected
from tests.serve.conftest import a_score

MONDAY = date(2026, 11, 16)
PHONE = Channel(name="phone", response=1.0, places=1.0)
MESSAGE = Channel(name="message", response=0.25, places=0.1)
VISIT = Channel(name="visit", response=1.5, places=3.0, made_by="branch_head")
CHANNELS = (PHONE, MESSAGE, VISIT)


@pytest.fixture
def lists(settings):
    return settings.lists.model_copy(update={"channels": CHANNELS})


def week(lists, **known):
    return Week(MONDAY, 14, Response(0.5, channels=lists.responses), **known)


def decided(scores, lists, week, room):
    """By customer, of whom there is a channel: decision, channel, rank, expected value."""
    portfolio = Portfolio("B1", Manager("M1", "", "B1", room), tuple(scores))
    return {one.customer_id: one for one in decide(portfolio, lists, week)}


def shown(decisions):
    return {
        name: (one.decision, one.channel, one.rank, one.expected_value_minor)
        for name, one in decisions.items()
    }


def test_who_has_most_to_lose_is_called_and_the_others_are_written_to(make_score, lists):
    """A call keeps a quarter of the money at risk, a message a quarter of that at a tenth of the place.

    Messages to a and b come first, 5 and 2.5 for a percent of a place, then the call to a in place of its
    message, 150 for 90 percent. With one place that does not fit beside the message to b, which keeps 25 and
    is given up. With two places the message to c, 12 for 10 percent, fits as well; then the call to b, 75 for
    90 percent, does not, and that message is given up.
    """
    scores = [make_score(name, money, risk_90d=0.5) for name, money in (("a", 800), ("b", 400), ("c", 200))]
    expected = {1: ["phone", None, None], 2: ["phone", "phone", None], 9: ["visit", "visit", "visit"]}
    for room, channels in expected.items():
        found = decided(scores, lists, week(lists), room)
        assert [found[name].channel for name in "abc"] == channels
    found = shown(decided(scores[1:], lists, week(lists), 1))
    assert found == {"b": ("listed", "phone", 1, 100), "c": ("beyond_capacity", None, None, 75)}


def test_a_channel_must_pay_and_goes_only_where_it_may(make_score, lists):
    """A visit keeps 300 for each of both; it costs 250 and is for b alone, who is of the tier. A message pays
    for nobody; a call, which is for everybody, does not pay for c.
    """
    own = lists.model_copy(
        update={"channels": (PHONE, MESSAGE, VISIT.model_copy(update={"tiers": ("top",)}))}
    )
    costs = {"phone": 40, "message": 60, "visit": 250}
    scores = [
        make_score("a", 800, risk_90d=0.5),
        make_score("b", 800, risk_90d=0.5, tier="top"),
        make_score("c", 150, risk_90d=0.5),
    ]
    found = shown(decided(scores, own, week(own, costs_minor=costs), 9))
    assert found == {
        "a": ("listed", "phone", 1, 200),
        "b": ("listed", "phone", 2, 200),
        "c": ("not_paying", None, None, 38),
    }
    found = shown(decided(scores, own, week(own, costs_minor=costs | {"visit": 100}), 9))
    assert found["b"] == ("listed", "visit", 1, 300)
    assert found["a"][1] == "phone"


def test_whom_a_contact_harms_is_left_alone_unless_a_call_was_promised(make_score, lists):
    """Evidence on the cell says that calls drive them away; once it has aged, the setting says otherwise."""
    scores = [make_score("a", 900), make_score("b", 900, risk_band="low"), make_score("c", 900)]
    cell = ("outflow", "high")
    harm = Response(0.5, {cell: Estimate(-0.4, 0.1, "risk")}, lists.responses)
    known = replace(week(lists), response=harm, follow_up={"c": MONDAY})
    found = decided(scores, lists, known, 9)
    assert [(each.decision, each.why, each.channel, each.rests_on) for each in found.values()] == [
        ("do_not_disturb", "harms", None, "risk"),
        ("listed", "most_to_keep", "visit", "setting"),
        ("listed", "follow_up", "phone", "risk"),
    ]
    assert found["a"].expected_value_minor == 0
    known = replace(known, outcomes={(): 900, ("outflow",): 214, ("outflow", "low"): 9})
    counted = decided(scores, lists, known, 9)
    assert [each.rests_on for each in counted.values()] == ["reason 214", "setting", "reason 214"]
    aged = replace(known, response=replace(harm, cells={cell: Estimate(-0.1, 0.4, "risk")}))
    assert decided(scores, lists, aged, 9)["a"].decision == "not_paying"
    assert decided(scores, lists, week(lists), 9)["a"].decision == "listed"


def best_of_all(scores, options, room):
    """The most money, less cost, that any choice of at most one contact for each customer keeps."""
    choices = product(*([None, *options[score.customer_id]] for score in scores))
    fits = ([each for each in choice if each] for choice in choices)
    return max(
        sum(each.net_minor for each in choice)
        for choice in fits
        if sum(each.percent_of_place for each in choice) <= room
    )


def test_the_rule_is_near_the_best_of_all_choices():
    """It misses less than the first gain that does not fit; where all take one place it misses nothing.

    Lists of two to five customers whose sizes and worth are drawn without sense are the hardest: 96% of the
    best on average. On longer ones what is missed is a part of one contact.
    """
    draw, reached, exact = random.Random(3), [], 0
    for number in range(150):
        scores = [a_score(str(name)) for name in range(draw.randint(2, 5))]
        sizes = [100] if number % 3 == 0 else [10, 100, 300]
        options = {
            score.customer_id: [
                ChannelOption(str(size), size, 0, draw.randint(0, 100) * (size // 10 + 5)) for size in sizes
            ]
            for score in scores
        }
        room = 100 * draw.randint(1, 6)
        gains = [gain for score in scores for gain in gains_of(score, options[score.customer_id])]
        gains = in_order(gains, dict.fromkeys(options, 0.5))
        chosen = selected(gains, room)
        assert sum(each.percent_of_place for each in chosen.values()) <= room
        found = sum(each.net_minor for each in chosen.values())
        best, filled, missed = best_of_all(scores, options, room), 0, 0
        for gain in gains:
            filled += gain.percent_of_place
            if filled > room:
                missed = gain.net_minor
                break
        assert best - missed <= found <= best
        exact += number % 3 == 0 and found == best
        reached += [found / best] if best else []
    assert exact == 50
    assert sum(reached) / len(reached) > 0.96


def test_neither_place_nor_channel_depends_on_the_own_assignment(lists):
    """Everybody in turn is in the control group and not, while the others are assigned as they are."""
    held = MONDAY - timedelta(weeks=9), MONDAY + timedelta(weeks=3)
    channels, moved = set(), 0
    for seed in range(25):
        draw = random.Random(seed)
        scores = [a_score(str(name), draw.randint(50, 900) ** 2, risk_90d=0.5) for name in range(8)]
        control = {score.customer_id: draw.random() < 0.4 for score in scores}
        known = {"selected": frozenset(draw.sample(list(control), 3)), "costs_minor": {"visit": 20}}
        room = draw.randint(1, 9)

        def found(name, is_control, scores=scores, control=control, known=known, room=room):
            drawn = {other: Assignment(*held, held_out) for other, held_out in control.items()}
            drawn[name] = Assignment(*held, is_control)
            one = decided(scores, lists, week(lists, assignments=drawn, **known), room)
            places = {"phone": 1, "message": 0.1, "visit": 3}
            listed = [places[each.channel] for each in one.values() if each.decision == "listed"]
            assert sum(listed) <= room + 1e-9
            moved = [each.channel for other, each in one.items() if other != name]
            return one[name], moved

        for name in control:
            (as_control, others), (as_listed, now) = found(name, True), found(name, False)
            assert as_control.channel == as_listed.channel
            assert (as_control.decision == "held_out") == (as_listed.decision == "listed")
            channels.add(as_listed.channel)
            moved += others != now
    assert channels == {None, "phone", "message", "visit"}
    assert moved > 20  # the place of whoever is in the control group goes to others
