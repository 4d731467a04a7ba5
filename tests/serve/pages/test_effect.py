"""The page that says whether calling helps."""

import re

import pytest
from sqlalchemy import delete

from serve.pages.figures import verdict
from serve.store import assignments as trial
from serve.store import tables
from serve.store.store import Store
from tests.serve.pages import published_bank


def kept(store_url, effect):
    with Store(store_url) as store, store.write() as connection:
        connection.execute(delete(tables.experiment_results))
        if effect:
            trial.write_result(connection, published_bank.MONDAY, effect)


def test_too_early_says_for_how_long(signed_in):
    """The interval of customers kept reaches from −0.1 to 7.4 points, and 31 weeks are to go."""
    page = signed_in("analyst").get("/effect").text
    assert "Still collecting outcomes" in page
    assert "About 31 more weeks of data are needed to tell whether calling helps." in page
    assert "Expected effect: 1.2 points." in page
    row = re.search(r'<th scope="row">All</th>.*?</tr>', page, re.DOTALL)[0]
    assert re.findall(r">([^<>\n]+)<", row)[1:] == ["4,200", "4.0%", "7.0%", "+3.0", "−0.1 to +7.4"]
    assert "+120" in page  # 3 points of 4,000 listed
    assert "moving money to other banks" in page


def test_as_listed_and_on_the_called_stand_side_by_side_and_who_was_reached_against_the_plan(
    signed_in, store_url
):
    page = signed_in("analyst").get("/effect").text
    rows = re.search(r'id="called">.*?</table>', page, re.DOTALL)[0]
    shown = [re.sub(r"<[^>]+>", "", row) for row in re.findall(r"<tr><th.*?</tr>", rows)]
    assert shown[1:] == [
        "All listed+3.0 −0.1 to +7.4+2.9 +0.2 to +7.0",
        "Reached because they were listed+5.0 −0.2 to +12.3+4.8 +0.3 to +11.7",
    ]
    assert (
        "20 of 200 customers of the control group were reached all the same. Please do not call them" in page
    )
    assert "1,200 of 4,000 listed customers were never reached." in page
    assert "What is the control group for?" in page
    unknown = {"customers": published_bank.EFFECT["customers"] | {"called": None}, "contamination": None}
    kept(store_url, published_bank.EFFECT | unknown | {"money": None})
    page = signed_in("analyst").get("/effect").text
    assert "Who was reached is not known" in page
    assert "Not as planned" not in page
    old = {key: value for key, value in published_bank.EFFECT["customers"].items() if key != "called"}
    kept(
        store_url,
        {k: v for k, v in published_bank.EFFECT.items() if k != "contamination"} | {"customers": old},
    )
    assert "What calling does" not in signed_in("analyst").get("/effect").text


def test_what_nobody_can_know_yet_has_no_figure(signed_in, store_url):
    power = published_bank.EFFECT["power"] | {"weeks_to_go": 1992}
    customers = published_bank.EFFECT["customers"] | {"called": [0.0, -1.0, 1.0]}
    kept(store_url, published_bank.EFFECT | {"customers": customers, "power": power})
    for role, explained in (("manager", False), ("analyst", True)):
        page = re.sub(r"<[^>]+>", "", signed_in(role, manager_id="M1").get("/effect").text)
        assert "Reached because they were listednot known yet+4.8 +0.3 to +11.7" in page
        assert "takes more than ten years to tell" in page
        assert "1992" not in page
        assert ("lists.control_group_share" in page) is explained


@pytest.mark.parametrize(
    ("difference", "weeks", "reading"),
    [
        ([0.03, 0.001, 0.07], 5, "helps"),
        ([-0.03, -0.07, -0.001], 5, "harms"),
        ([0.01, -0.01, 0.03], 0, "inconclusive"),
        ([0.01, -0.01, 0.03], 5, "collecting"),
        ([0.01, -0.01, 0.03], None, "collecting"),
        (None, 5, "collecting"),
    ],
)
def test_what_can_be_said(difference, weeks, reading):
    customers = difference and {"difference": difference}
    assert verdict({"customers": customers, "power": {"weeks_to_go": weeks}}) == reading


def test_before_the_first_estimate_and_before_either_arm_has_an_outcome(signed_in, store_url):
    kept(store_url, None)
    assert "No estimate yet" in signed_in("analyst").get("/effect").text
    power = published_bank.EFFECT["power"] | {"visible": None, "weeks_to_go": None}
    none = {"customers": None, "money": None, "by_reason": {}, "by_manager": {}, "power": power}
    kept(store_url, published_bank.EFFECT | none)
    page = signed_in("analyst").get("/effect").text
    assert "There is no control group" not in page
    assert "Who left" not in page
    # A store that was migrated has the result of the release before until its next run.
    before = {name: value for name, value in published_bank.EFFECT.items() if name != "response"}
    kept(store_url, before | none | {"response_rate": {"overall": 0.3, "by_reason": {}}})
    assert signed_in("analyst").get("/effect").status_code == 200


def test_managers_are_compared_for_those_alone_who_may(signed_in):
    assert ">M1<" in signed_in("admin").get("/effect").text
    for role in ("manager", "branch_head", "analyst", "crm"):
        page = signed_in(role, manager_id="M1", branch_id="B1").get("/effect").text
        assert ">M1<" not in page, role


def test_after_the_first_run_the_control_group_is_counted_and_the_first_day_of_outcomes_named(
    signed_in, store_url
):
    power = published_bank.EFFECT["power"] | {"visible": None, "weeks_to_go": 46}
    none = {"customers": None, "money": None, "by_reason": {}, "by_manager": {}, "power": power}
    first = {"known": 0, "waiting": 401, "control": 23, "next_outcome": "2027-02-21"}
    kept(store_url, published_bank.EFFECT | none | first)
    page = signed_in("analyst").get("/effect").text
    assert "401 customers were assigned at random so far, 23 of them to the control group" in page
    assert "known after 21 Feb 2027" in page
    assert "About 46 more weeks of data" in page
    assert "There is no control group" not in page
    kept(store_url, published_bank.EFFECT | none | first | {"control": 0})
    for role, told in (("manager", False), ("analyst", True)):
        page = signed_in(role, manager_id="M1").get("/effect").text
        assert "There is no control group" in page
        assert ("lists.control_group_share" in page) is told
