"""The listed against the control group: worked examples. Bounds: test_confidence_sequence.py."""

from dataclasses import replace
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.confidence_sequence import Arms, Scores
from models.experiment import (
    Experiment,
    assignments_needed,
    by_group,
    contamination,
    difference_in_customers,
    difference_in_money,
    least_visible,
    state_of,
    weeks_to_go,
    wilson,
)


def experiment(control, attrited, base=None, lost=None, risk=0.1, reached=np.nan, **groups):
    count = len(control)
    base = np.full(count, 100.0) if base is None else np.array(base, float)
    lost = base * np.array(attrited) if lost is None else np.array(lost, float)
    names = {kind: np.array(groups.get(kind, [""] * count), str) for kind in ("manager", "reason")}
    risks = np.zeros(count) + risk
    met = np.zeros(count) + np.array(reached, float)
    return Experiment(
        np.array(control, bool), np.array(attrited, bool), base, lost, risks, reached=met, **names
    )


SHARE = 0.05  # of assignments meant to be controls


def test_customers_kept_by_hand():
    """One of four listed left, one of two of the control group: a quarter less, one customer of the four
    listed."""
    found = difference_in_customers(experiment([0, 0, 0, 0, 1, 1], [1, 0, 0, 0, 1, 0]), SHARE)
    assert found["listed"] == {"assignments": 4, "left": 0.25}
    assert found["control_group"] == {"assignments": 2, "left": 0.5}
    difference, low, high = found["difference"]
    assert (difference, found["kept"][0]) == (0.25, 1.0)
    assert low < 0 < high


def test_money_kept_by_hand():
    """Listed: 90 of 400 left; control group: 150 of 200. So 0.75 − 0.225 = 0.525 of the 400 listed: 210."""
    rows = experiment([0, 0, 1, 1], [0, 1, 0, 1], base=[300, 100, 50, 150], lost=[0, 90, 0, 150])
    found = difference_in_money(rows, SHARE)
    assert (found["listed"]["left"], found["control_group"]["left"]) == pytest.approx((0.225, 0.75))
    assert found["kept"][0] == pytest.approx(210)


def test_the_effect_on_the_called_by_hand():
    """A quarter of the listed and half of the controls left; three quarters were reached, and a quarter: so
    0.25 / 0.5. Of money, 0.525 less of 0.75 / (300 + 100 reached) − 50 / 200."""
    rows = experiment([0] * 4 + [1] * 4, [1, 0, 0, 0, 1, 1, 0, 0], reached=[0, 1, 1, 1, 0, 0, 0, 1])
    found = difference_in_customers(rows, SHARE)["called"]
    assert found[0] == pytest.approx(0.5)
    assert found[1] < 0 < found[2]
    money = experiment(
        [0, 0, 1, 1], [0, 1, 0, 1], base=[300, 100, 50, 150], lost=[0, 90, 0, 150], reached=[1, 1, 1, 0]
    )
    assert difference_in_money(money, SHARE)["called"][0] == pytest.approx(0.525 / 0.75)
    assert contamination(rows) == {"controls": 4, "controls_reached": 1, "listed": 4, "listed_not_reached": 1}


def test_what_is_not_known_of_who_was_reached_is_left_out():
    """Of the first two nothing is known; where nobody was reached at all the bank delivers no contacts."""
    rows = experiment([0, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 1], reached=[np.nan, np.nan, 1, 1, 0, 0])
    assert difference_in_customers(rows, SHARE)["called"][0] == pytest.approx(0.5)
    assert contamination(rows)["controls"] == 2
    for nobody in (np.nan, 0.0, [1, np.nan, 1, 1, np.nan, np.nan]):
        blind = replace(rows, reached=np.zeros(6) + nobody)
        assert difference_in_customers(blind, SHARE)["called"] is None
    assert contamination(replace(rows, reached=np.zeros(6))) is None


def test_controls_reached_more_than_the_listed_say_nothing_of_the_called():
    rows = experiment([0, 0, 1, 1], [0, 1, 0, 1], reached=[0, 0, 1, 1])
    assert difference_in_customers(rows, SHARE)["called"] == [0.0, -1.0, 1.0]


def test_customers_of_equal_aum_who_lose_everything_count_like_customers():
    rows = experiment([0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 1, 0], reached=[1, 1, 0, 0, 0, 1])
    customers, money = difference_in_customers(rows, SHARE), difference_in_money(rows, SHARE)
    assert money["kept"] == pytest.approx([100 * one for one in customers["kept"]])
    assert money["called"] == pytest.approx(customers["called"])


def test_a_customer_without_money_counts_for_nothing():
    found = difference_in_money(experiment([0, 0, 1], [1, 0, 0], base=[0, 100, 100]), SHARE)
    assert found["listed"]["left"] == 0.0
    assert found["kept"] == pytest.approx([100 * share for share in found["difference"]])


@pytest.mark.parametrize(
    ("difference", "weeks", "state"),
    [
        ([0.03, 0.001, 0.07], 5, "shown"),
        ([-0.03, -0.07, -0.001], None, "shown"),
        ([0.01, -0.01, 0.03], 0, "inconclusive"),
        ([0.01, -0.01, 0.03], 5, "collecting"),
        ([0.01, -0.01, 0.03], None, "collecting"),
        (None, 0, "inconclusive"),
    ],
)
def test_what_can_be_said(difference, weeks, state):
    assert state_of(difference, weeks) == state


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_wilson_holds_the_share_and_lies_within_0_and_1(share, count):
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_what_can_be_seen_is_what_the_assignments_needed_show():
    """Where 5% of assignments are controls and 8% leave, as many as show 2 points show just these 2
    points."""
    needed = assignments_needed(0.08, 0.02, 0.05)
    # (3.2 + 0.8416)² · (0.0736 / 0.05 + 0.0564 / 0.95) / 0.0004
    assert needed == pytest.approx(16.335 * (1.472 + 0.05937) / 0.0004, rel=1e-3)
    assert least_visible(0.08, round(0.95 * needed), round(0.05 * needed)) == pytest.approx(0.02, rel=1e-3)


def test_least_visible_is_about_what_it_says():
    """Of experiments with exactly that effect about 8 in 10 have bounds above 0."""
    count, share, left = 5_000, 0.2, 0.2
    difference = least_visible(left, 4_000, 1_000)
    random, seen = np.random.default_rng(13), 0
    for _ in range(100):
        control = random.random(count) < share
        left_at_all = random.random(count) < np.where(control, left, left - difference)
        scores = Scores(Arms(control, left_at_all * 1.0, ~control * 1.0, np.ones(count), share))
        seen += scores.evidence(0.0, 1)[-1] >= log(40)
    # A standard deviation of such a count is 4.
    assert 66 < seen < 94


def test_nothing_is_visible_with_an_empty_arm_or_no_effect():
    assert least_visible(0.1, 0, 10) == least_visible(0.1, 10, 0) == inf
    assert assignments_needed(0.1, 0.0, 0.05) == assignments_needed(0.1, 0.02, 0.0) == inf


@pytest.mark.parametrize(
    ("needed", "weeks"), [(100, 0), (101, 14), (150, 14), (151, 15), (190, 18), (inf, None)]
)
def test_weeks_to_go_by_hand(needed, weeks):
    """100 known, 50 waiting up to 14 weeks for their outcome, 10 new ones a week that wait 14 weeks each."""
    assert weeks_to_go(needed, known=100, waiting=50, a_week=10, wait=14) == weeks
    assert weeks_to_go(200, known=100, waiting=50, a_week=0, wait=14) is None


def test_groups_are_told_from_a_least_size_on_and_need_both_arms():
    rows = experiment([0, 1, 0, 0, 0, 0, 1], [0] * 7, reason=list("aabbbcc"))
    assert [(name, len(members)) for name, members in by_group(rows, rows.reason, 2)] == [("a", 2), ("c", 2)]
    assert [name for name, _ in by_group(rows, rows.reason, 3)] == []
