"""What decides between challenger and champion: four customers by hand, and the laws of the comparison."""

import re
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from configs.bank_folder import load_settings
from models.bundle import Predicted
from models.capacity import Teams, at_capacity, listed
from models.matrix import Matrix
from models.splits import Split
from pipeline.training.comparison import callers, differences, fair_mondays, own_objections, rival_objections
from tests.matrices import made_matrix

SETTINGS = load_settings("demo")
LIMITS = SETTINGS.promotion


def matrix(customers: int, mondays: int, leavers: int) -> Matrix:
    """``leavers`` of the customers go, on every Monday; AUM is 1, 2, 3, … and all of it leaves."""
    gone = np.tile(np.arange(customers) < leavers, mondays)
    aum = np.tile(np.arange(1.0, customers + 1), mondays)
    return made_matrix(np.where(gone, 90, 0), mondays, share=gone.astype(np.float64), aum=aum)


def one_team(rows: Matrix, capacity: int) -> Teams:
    return Teams(np.zeros(len(rows), dtype=int), np.full(len(rows), capacity), np.ones(len(rows), dtype=bool))


def predicted(risk) -> Predicted:
    risk = np.asarray(risk, dtype=np.float64)
    return Predicted(np.stack([risk / 2, risk], axis=1), risk)


def test_only_mondays_after_all_that_the_champion_was_fitted_on_are_fair():
    mondays = (date(2026, 6, 15), date(2026, 6, 22), date(2026, 6, 29))
    challenger = SimpleNamespace(snapshots=Split((), (), mondays))
    champion = SimpleNamespace(snapshots=Split((), (date(2026, 3, 9), date(2026, 3, 16))))
    # Lead 7 and horizon 90: the outcome of 16 March closes on 21 June.
    assert fair_mondays(SETTINGS, challenger, champion) == (date(2026, 6, 22), date(2026, 6, 29))


def test_the_same_scores_differ_by_nothing_and_better_ones_by_more_than_noise():
    rows = matrix(customers=400, mondays=3, leavers=60)
    random = np.random.default_rng(5)
    noise = random.random(len(rows))
    truth = rows.attrited * 0.5
    same = differences(rows, one_team(rows, 100), (predicted(noise), predicted(noise)), 7)
    assert same == {"recall": [0, 0, 0], "aum_caught": [0, 0, 0]}
    better = differences(rows, one_team(rows, 100), (predicted(noise + truth), predicted(noise)), 7)
    worse = differences(rows, one_team(rows, 100), (predicted(noise), predicted(noise + truth)), 7)
    for name, (low, middle, high) in better.items():
        assert 0 < low < middle < high
        assert worse[name] == pytest.approx([-high, -middle, -low])


def test_what_both_find_is_no_noise():
    """Paired: the champion's list and ours differ by one customer, and the interval is that narrow."""
    rows = matrix(customers=400, mondays=1, leavers=100)
    old = np.linspace(1, 0, 400)
    new = old.copy()
    new[[99, 399]] = old[[399, 99]]
    ends = differences(rows, one_team(rows, 100), (predicted(new), predicted(old)), 7)["recall"]
    assert ends[1] == pytest.approx(-0.01)
    assert ends[0] >= -0.05
    assert ends[2] <= 0.01


def figures(**differences):
    return {"differences": {"aum_caught": [-0.01, 0.0, 0.01], "recall": [-0.01, 0.0, 0.01]} | differences}


@pytest.mark.parametrize(
    ("differences", "age", "says"),
    [
        (
            {},
            0,
            "not better than the champion by more than noise: AUM caught +0.000 [-0.010, +0.010]; recall",
        ),
        ({"recall": [0.001, 0.02, 0.04]}, 0, ""),
        ({"aum_caught": [0.001, 0.02, 0.04]}, 0, ""),
        ({"recall": [0.0, 0.02, 0.04]}, 0, "not better"),
        ({"recall": [0.1, 0.2, 0.3], "aum_caught": [-0.2, -0.1, -0.001]}, 99, "worse .* AUM caught -0.100"),
        ({}, LIMITS.too_old_weeks, ""),
        ({}, LIMITS.too_old_weeks - 1, "not better"),
        ({"recall": [-0.051, -0.01, 0.02]}, LIMITS.too_old_weeks, "not better"),
    ],
)
def test_better_by_more_than_noise_or_no_worse_than_an_old_one(differences, age, says):
    found = rival_objections(LIMITS, figures(**differences), age)
    assert len(found) == (1 if says else 0)
    if says:
        assert re.search(says.replace("[", r"\[").replace("+", r"\+"), found[0])


def own(**changes):
    good = {"ece": 0.01, "calibration_slope": 1.0, "recall": 0.6, "aum_caught": 0.6}
    rules = {
        "largest_drop": {"recall": 0.3, "aum_caught": 0.5},
        "silence": {"recall": 0.4, "aum_caught": 0.2},
    }
    figures = good | changes
    slope = figures["calibration_slope"]
    return {"challenger_figures": figures, "rules": rules, "slope_interval": [slope - 0.05, slope + 0.05]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, []),
        ({"ece": 0.021}, ["its ECE is 0.0210, above 0.02"]),
        ({"calibration_slope": 0.6}, ["its calibration slope is 0.60 [0.55, 0.65], outside 0.7 to 1.4"]),
        ({"calibration_slope": 1.5}, ["its calibration slope is 1.50 [1.45, 1.55], outside 0.7 to 1.4"]),
        ({"calibration_slope": 1.44}, []),
        ({"calibration_slope": 0.66}, []),
        ({"recall": 0.4}, ["its recall is 0.400, not above the 0.400 of the rule silence"]),
        ({"aum_caught": 0.1}, ["its AUM caught is 0.100, not above the 0.500 of the rule largest_drop"]),
    ],
)
def test_calibration_and_rules(changes, says):
    assert own_objections(LIMITS, own(**changes)) == says


def test_lists_are_the_teams_own_unless_they_would_hold_nearly_everybody(monkeypatch):
    """Two teams of 100 that call 10 each make 10% of a cohort; that call 60 each, 60%: more than the 25%
    allowed."""
    rows, bank = matrix(customers=200, mondays=2, leavers=9), SimpleNamespace(settings=SETTINGS, home=None)
    for capacity, called in ((10, 20), (60, 50)):
        own = Teams(np.tile(np.arange(200) % 2, 2), np.full(400, capacity), np.ones(400, dtype=bool))
        monkeypatch.setattr("pipeline.training.comparison.segments", lambda *_, own=own: (own, {}))
        teams = callers(bank, None, rows)
        assert (teams is own) == (capacity == 10)
        assert at_capacity(rows, listed(rows, teams, rows.aum))["listed"] == called


def test_who_must_not_be_called_is_on_no_compared_list(monkeypatch):
    rows, bank = matrix(customers=200, mondays=2, leavers=9), SimpleNamespace(settings=SETTINGS, home=None)
    own = Teams(np.zeros(400, dtype=int), np.full(400, 150), np.tile(np.arange(200) < 100, 2))
    monkeypatch.setattr("pipeline.training.comparison.segments", lambda *_: (own, {}))
    called = listed(rows, callers(bank, None, rows), rows.aum)
    assert called.sum() == 100
    assert not (called & ~own.callable).any()
