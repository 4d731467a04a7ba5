"""What a contact does, learnt from both arms: worked examples, and recovery where the truth is known."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Profit
from models.response import learn
from tests.models.test_experiment import experiment

TERMS = Profit(call_cost=150, success_rate=0.3, success_evidence=20, margin=0.01)


def assigned(control, attrited, risk, reason):
    return experiment(control, attrited, risk=risk, reason=reason)


def listed(expected, left, reason, count=100):
    """So many listed, of whom ``expected`` are predicted to leave and ``left`` did."""
    return [0] * count, [1] * left + [0] * (count - left), [expected / count] * count, [reason] * count


def joined(*parts):
    return assigned(*(list(chain.from_iterable(columns)) for columns in zip(*parts, strict=True)))


def test_before_there_are_enough_the_setting_stands():
    learnt = learn(joined(listed(20, 0, "salary", 99)), TERMS, 100)
    assert (learnt.overall.share, learnt.cells) == (0.3, {})


def test_learnt_by_hand():
    """Of 30 expected leavers 15 left; Σ p (1 − p) is 16 with roll-over, 9 with outflow.

    Overall: (20 · 0.3 + 15) / (20 + 25) = 7 / 15. Roll-over: 20 expected, 5 left: (20 · 7 / 15 + 15) / 36.
    Outflow, 10 and 10: (20 · 7 / 15 + 0) / 29.
    """
    learnt = learn(
        joined(listed(20, 5, "rollover"), listed(10, 10, "outflow"), listed(0, 0, "few", 5)), TERMS, 100
    )
    assert learnt.overall.share == pytest.approx(7 / 15)
    by_hand = {"outflow": 20 * 7 / 15 / 29, "rollover": (20 * 7 / 15 + 15) / 36}
    assert learnt.figures()["by_reason"] == pytest.approx(by_hand)


def test_predictions_too_high_are_not_taken_for_calls_that_help():
    """The control group leaves half as often as predicted: 40 predicted, 10 left: (20 + 10) / (20 + 40) =
    0.5.

    So of the 20 predicted among the listed 10 would have left, at 0.1 each, and 10 did: (20 · 0.3 + 0) / (20
    + 9).
    """
    control = ([1] * 100, [1] * 10 + [0] * 90, [0.4] * 100, ["salary"] * 100)
    learnt = learn(joined(listed(20, 10, "salary"), control), TERMS, 100)
    assert learnt.overall.share == pytest.approx(6 / 29)


def test_calls_that_harm_keep_nobody():
    assert learn(joined(listed(5, 60, "salary")), TERMS, 100).overall.share == 0.0


@given(st.lists(st.booleans(), min_size=100, max_size=130), st.integers(0, 99))
def test_one_more_kept_never_lowers_it(left, place):
    count = len(left)
    rows = assigned([0] * count, left, [0.3] * count, ["salary"] * count)
    kept = np.array(left)
    kept[place] = False
    before, after = learn(rows, TERMS, 100), learn(replace(rows, attrited=kept), TERMS, 100)
    assert after.overall.share >= before.overall.share
    assert after.cells["salary",].share >= before.cells["salary",].share


def test_a_long_experiment_comes_near_the_truth():
    """Calls keep 6 of 10 where a deposit matures and nobody whose salary has moved; 30,000 listed, 1,500
    controls."""
    random = np.random.default_rng(5)
    count = 31_500
    risk, reason = random.beta(1, 9, count), random.choice(["rollover", "salary"], count)
    control = np.arange(count) < 1_500
    keeps = np.where((reason == "rollover") & ~control, 0.6, 0.0)
    attrited = random.random(count) < risk * (1 - keeps * (1 - risk))
    learnt = learn(assigned(control, attrited, risk, reason), TERMS, 100)
    assert learnt.cells["rollover",].share == pytest.approx(0.6, abs=0.06)
    assert learnt.cells["salary",].share == pytest.approx(0.0, abs=0.06)
