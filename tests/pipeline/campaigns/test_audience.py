"""Who of an audience is contacted, kept back or left out: by hand, and as laws over random audiences."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from configs.bank_folder import load_settings
from configs.call_lists import Assignment
from configs.campaigns import Campaign, Plan
from pipeline.campaigns.audience import AudienceFacts, members_of
from pipeline.lists.control_group import assigned_as, in_control_group
from serve.store.audience import AudienceRow

MONDAY = date(2026, 11, 16)
LISTS = load_settings("demo", {"lists": {"control_group_share": 0.0, "salt": "grain"}}).lists
FACTS = AudienceFacts(MONDAY, MONDAY + timedelta(weeks=14), frozenset(), {})


def a_campaign(size=3, control_share=0.0, campaign_id="c-1"):
    plan = Plan(title="t", size=size, channel="phone", starts_on=MONDAY,
                ends_on=MONDAY + timedelta(weeks=4), control_share=control_share)  # fmt: skip
    return Campaign(campaign_id, plan, "Wang Fang", datetime(2026, 11, 16))


def row(name, home=None, why=None):
    return AudienceRow(name, home, "B1", "M1", "wealth", "mature", "high", 100_00, "salary", 0.3, 50_00, why)


def arms(members):
    return {each["customer_id"]: each["why"] or each["arm"] for each in members}


def test_the_first_of_each_household_up_to_the_size_are_contacted_and_the_others_are_left_out_with_why():
    rows = [row("a", "H1"), row("b", why="opted_out"), row("c", "H1"), row("d"), row("e"), row("f", "H2"),
            row("g", "H2"), row("h")]  # fmt: skip
    members, counts = members_of(a_campaign(3), rows, LISTS, replace(FACTS, often=frozenset("d")))
    assert arms(members) == {"a": "contact", "b": "opted_out", "c": "household", "d": "too_often",
                             "e": "contact", "f": "contact", "g": "household"}  # fmt: skip
    left_out = {"beyond_size": 1, "household": 2, "opted_out": 1, "too_often": 1}
    assert counts == {"fits": 8, "contact": 3, "left_out": left_out}
    assert [each["rank"] for each in members if each["rank"]] == [1, 2, 3]
    assert {each["until"] for each in members} == {FACTS.until}


def test_the_lasting_control_group_is_in_no_other_arm_and_takes_no_place():
    held = {
        "a": Assignment(MONDAY, FACTS.until, True),
        "household\0H1": Assignment(MONDAY, FACTS.until, True),
    }
    rows = [row("a"), row("b", "H1"), row("c"), row("d")]
    members, counts = members_of(a_campaign(1), rows, LISTS, replace(FACTS, assignments=held))
    assert arms(members) == {"a": "lasting_control", "b": "lasting_control", "c": "contact"}
    assert (counts["lasting_control"], counts["left_out"]) == (2, {"beyond_size": 1})
    # Without an assignment that holds, the draw of the period decides, the one that lists go by.
    drawn = LISTS.model_copy(update={"control_group_share": 0.5})
    rows = [row(str(number), f"H{number}" if number % 2 else None) for number in range(200)]
    members, _ = members_of(a_campaign(1_000, 0.5), rows, drawn, FACTS)
    lasting = {name for name, arm in arms(members).items() if arm == "lasting_control"}
    assert lasting == {
        each.customer_id for each in rows if in_control_group(assigned_as(each), MONDAY, drawn)
    }


def test_each_campaign_draws_its_own_control_group_by_the_bank_s_salt_and_household():
    rows = [row(str(number)) for number in range(2_000)]

    def drawn(campaign_id, lists=LISTS):
        members, _ = members_of(a_campaign(10_000, 0.25, campaign_id), rows, lists, FACTS)
        return {name for name, arm in arms(members).items() if arm == "control"}

    first, second = drawn("c-1"), drawn("c-2")
    assert drawn("c-1") == first
    assert 420 <= len(first) <= 580
    assert 420 <= len(second) <= 580
    assert 60 <= len(first & second) <= 190  # as two draws without regard to each other: 125
    assert drawn("c-1", LISTS.model_copy(update={"salt": "other"})) != first


@pytest.mark.parametrize("size", [1, 7, 40, 500])
def test_law_nobody_s_own_arm_has_a_say_in_whether_he_is_chosen(size):
    """Whoever is turned into the other arm is chosen all the same, and nobody before him is moved."""
    rows = [row(f"{number:03}") for number in range(200)]
    members, counts = members_of(a_campaign(size, 0.4), rows, LISTS, FACTS)
    assert counts["contact"] <= size
    assert counts["contact"] == size or len(members) == len(rows)
    last = members[-1]["customer_id"]
    for turned in (members[0], members[len(members) // 2], members[-1]):
        name = turned["customer_id"]
        other = Assignment(MONDAY, FACTS.until, turned["arm"] != "lasting_control")
        again, _ = members_of(a_campaign(size, 0.4), rows, LISTS, replace(FACTS, assignments={name: other}))
        chosen = arms(again)
        assert name in chosen
        assert all(
            chosen[each["customer_id"]] == each["arm"] for each in members if each["customer_id"] < name
        )
        assert max(chosen) >= min(last, name)


def test_nobody_is_contacted_twice_and_everybody_who_fits_is_counted_once():
    rows = [row(f"{number:03}", f"H{number % 50}" if number % 3 else None) for number in range(150)]
    members, counts = members_of(a_campaign(30, 0.2), rows, LISTS, FACTS)
    homes = Counter(each["household_id"] for each in members if not each["why"] and each["household_id"])
    assert max(homes.values()) == 1
    of_arms = counts["contact"] + counts.get("control", 0) + counts.get("lasting_control", 0)
    assert of_arms + sum(counts["left_out"].values()) == counts["fits"] == 150
