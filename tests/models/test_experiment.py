"""The listed against the control group: worked examples, a published one, and coverage where truth is
known."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.experiment import (
    Arm,
    Experiment,
    assignments_needed,
    by_group,
    difference_in_customers,
    difference_in_money,
    least_visible,
    newcombe,
    weeks_to_go,
    wilson,
)


def experiment(control, attrited, base=None, lost=None, risk=0.1, **groups):
    count = len(control)
    base = np.full(count, 100.0) if base is None else np.array(base, float)
    lost = base * np.array(attrited) if lost is None else np.array(lost, float)
    names = {kind: np.array(groups.get(kind, [""] * count), str) for kind in ("manager", "reason")}
    risks = np.zeros(count) + risk
    return Experiment(np.array(control, bool), np.array(attrited, bool), base, lost, risks, **names)


def test_newcombes_own_example():
    """56 of 70 against 48 of 80, Newcombe (1998), table II (a), method 10: 0.2 [0.0524, 0.3339]."""
    low, high = newcombe(listed=Arm(80, 0.6, 80), control=Arm(70, 0.8, 70))
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_nobody_left_on_either_side_still_has_a_width():
    """Table II (h): 0 of 10 against 0 of 10 gives ±0.2775."""
    low, high = newcombe(Arm(10, 0.0, 10), Arm(10, 0.0, 10))
    assert (low, high) == (pytest.approx(-0.2775, abs=5e-5), pytest.approx(0.2775, abs=5e-5))


def test_customers_kept_by_hand():
    """One of four listed left, one of two of the control group: a quarter less, one customer of the four
    listed."""
    found = difference_in_customers(experiment([0, 0, 0, 0, 1, 1], [1, 0, 0, 0, 1, 0]))
    assert found["listed"] == {"assignments": 4, "left": 0.25}
    assert found["control_group"] == {"assignments": 2, "left": 0.5}
    difference, low, high = found["difference"]
    assert (difference, found["kept"][0]) == (0.25, 1.0)
    assert low < 0 < high


def test_money_kept_by_hand():
    """Listed: 90 of 400 left; control group: 150 of 200. So 0.75 − 0.225 = 0.525 of the 400 listed: 210.

    Weights 300, 100 tell as much as 400² / (300² + 100²) = 1.6 assignments, 50, 150 as much as 1.6 too.
    """
    found = difference_in_money(
        experiment([0, 0, 1, 1], [0, 1, 0, 1], base=[300, 100, 50, 150], lost=[0, 90, 0, 150])
    )
    assert (found["listed"]["left"], found["control_group"]["left"]) == (
        pytest.approx(0.225),
        pytest.approx(0.75),
    )
    assert found["kept"][0] == pytest.approx(210)
    assert found["difference"][1:] == pytest.approx(newcombe(Arm(2, 0.225, 1.6), Arm(2, 0.75, 1.6)))


def test_customers_of_equal_aum_who_lose_everything_count_like_customers():
    rows = experiment([0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 1, 0])
    customers = difference_in_customers(rows)["kept"]
    assert difference_in_money(rows)["kept"] == pytest.approx([100 * one for one in customers])


def test_a_customer_without_money_counts_for_nothing():
    found = difference_in_money(experiment([0, 0, 1], [1, 0, 0], base=[0, 100, 100]))
    assert found["listed"]["left"] == 0.0
    assert found["kept"] == pytest.approx([100 * share for share in found["difference"]])


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_wilson_holds_the_share_and_lies_within_0_and_1(share, count):
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_the_interval_holds_the_truth_in_95_of_100_experiments():
    """1,000 experiments as small as real ones: of 100 controls 8 in 100 leave, of 1,900 listed 6 in 100."""
    random = np.random.default_rng(11)
    left = random.binomial((1_900, 100), (0.06, 0.08), size=(1_000, 2))
    bounds = [newcombe(Arm(1_900, a / 1_900, 1_900), Arm(100, b / 100, 100)) for a, b in left]
    covered = sum(low <= 0.02 <= high for low, high in bounds)
    # A standard deviation of such a count is 7.
    assert covered >= 929


def test_money_of_a_lognormal_bank_is_covered_too():
    """AUM of sigma 0.55 as in the made-up bank; who leaves takes 72 to 97% along. The truth is 0.02 ×
    0.845."""
    random = np.random.default_rng(12)
    control = np.arange(2_000) < 150
    covered = 0
    for _ in range(300):
        base = np.exp(0.55 * random.standard_normal(2_000))
        attrited = random.random(2_000) < np.where(control, 0.08, 0.06)
        lost = base * attrited * random.uniform(0.72, 0.97, 2_000)
        _, low, high = difference_in_money(experiment(control, attrited, base, lost))["difference"]
        covered += low <= 0.02 * 0.845 <= high
    assert covered >= 0.93 * 300


def test_what_can_be_seen_is_what_the_assignments_needed_show():
    """Where 5% of assignments are controls and 8% leave, as many as show 2 points show just these 2
    points."""
    needed = assignments_needed(0.08, 0.02, 0.05)
    # (1.96 + 0.8416)² · (0.0736 / 0.05 + 0.0564 / 0.95) / 0.0004
    assert needed == pytest.approx(7.849 * (1.472 + 0.05937) / 0.0004, rel=1e-3)
    assert least_visible(0.08, round(0.95 * needed), round(0.05 * needed)) == pytest.approx(0.02, rel=1e-3)


def test_least_visible_is_about_what_it_says():
    """Of experiments with exactly that effect about 8 in 10 have an interval above 0."""
    listed, control, left = 4_000, 1_000, 0.2
    difference = least_visible(left, listed, control)
    random = np.random.default_rng(13)
    counts = random.binomial((listed, control), (left - difference, left), size=(1_000, 2))
    seen = sum(
        newcombe(Arm(listed, a / listed, listed), Arm(control, b / control, control))[0] > 0
        for a, b in counts
    )
    assert abs(seen / 1_000 - 0.8) < 4 * sqrt(0.16 / 1_000) + 0.02


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
