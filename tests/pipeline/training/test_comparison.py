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
from models.resample import Mondays
from models.splits import Split
from pipeline.evaluation.figures import Evaluated
from pipeline.training import comparison
from pipeline.training.comparison import (
    Order,
    callers,
    differences,
    fair_mondays,
    filled,
    is_enough,
    order_of,
    own_objections,
    rival_objections,
)
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


def order(risk) -> Order:
    risk = np.asarray(risk, dtype=np.float64)
    return order_of(Predicted(np.stack([risk / 2, risk], axis=1), risk))


def gaps(rows: Matrix, capacity: int, new: Order, old: Order) -> dict[str, list[float]]:
    mondays, teams = Mondays(rows), one_team(rows, capacity)
    ours, other = (filled(rows, mondays, teams, each) for each in (new, old))
    return differences(rows, mondays, ours, {"other": other}, 7)["other"]


def test_only_mondays_after_all_that_the_champion_was_fitted_on_are_fair():
    mondays = (date(2026, 6, 15), date(2026, 6, 22), date(2026, 6, 29))
    challenger = SimpleNamespace(snapshots=Split((), (), mondays))
    champion = SimpleNamespace(snapshots=Split((), (date(2026, 3, 9), date(2026, 3, 16))))
    # Lead 7 and horizon 90: the outcome of 16 March closes on 21 June.
    assert fair_mondays(SETTINGS, challenger, champion) == (date(2026, 6, 22), date(2026, 6, 29))


def test_what_training_predicted_is_compared_on_the_fair_mondays_alone(monkeypatch):
    """The first 40 of 400 customers leave, and 40 are called: by the challenger the first ones, by the
    champion on the first Monday too, but on the second, which alone is fair, the last ones."""
    rows = matrix(customers=400, mondays=2, leavers=40)
    falls = np.linspace(0.9, 0.1, 400)
    ours, other = (
        Predicted(np.stack([risk / 2, risk], axis=1), risk)
        for risk in (np.tile(falls, 2), np.append(falls, falls[::-1]))
    )
    evaluated = Evaluated(rows, ours, one_team(rows, 40), {}, {}, {"old": other})
    days = tuple(np.unique(rows.snapshot_date).astype(object))
    new, old = (
        SimpleNamespace(model_id=name, trained_as_of=date(2026, 6, 1), snapshots=Split((), (), days))
        for name in ("new", "old")
    )
    monkeypatch.setattr(comparison, "contract_breaks", lambda *_: [])
    monkeypatch.setattr(comparison, "fair_mondays", lambda *_: days[1:])
    found = comparison.compare(SimpleNamespace(settings=SETTINGS, home=None), None, new, old, evaluated)
    assert (found["rows"], found["mondays"]) == (400, [str(days[1])])
    assert (found["challenger_figures"]["recall"], found["champion_figures"]["recall"]) == (1.0, 0.0)


def test_the_same_scores_differ_by_nothing_and_better_ones_by_more_than_noise():
    rows = matrix(customers=400, mondays=3, leavers=60)
    random = np.random.default_rng(5)
    noise = random.random(len(rows))
    truth = rows.attrited * 0.5
    same = gaps(rows, 100, order(noise), order(noise))
    assert same == {"recall": [0, 0, 0], "aum_caught": [0, 0, 0]}
    better = gaps(rows, 100, order(noise + truth), order(noise))
    worse = gaps(rows, 100, order(noise), order(noise + truth))
    for name, (low, middle, high) in better.items():
        assert 0 < low < middle < high
        assert worse[name] == pytest.approx([-high, -middle, -low])


def test_what_both_find_is_no_noise():
    """Paired: the champion's list and ours differ by one customer, and the interval is that narrow."""
    rows = matrix(customers=400, mondays=1, leavers=100)
    old = np.linspace(1, 0, 400)
    new = old.copy()
    new[[99, 399]] = old[[399, 99]]
    ends = gaps(rows, 100, order(new), order(old))["recall"]
    assert ends[1] == pytest.approx(-0.01)
    assert ends[0] >= -0.05
    assert ends[2] <= 0.01


def test_each_figure_is_taken_of_lists_filled_for_it_on_both_sides():
    """Eight customers, two places; the first four leave, three with 1 each, one with 100. By risk the model
    lists two of them and silence one; by money each lists the large one beside somebody who stays. Filled by
    money alone the model would find no more leavers than silence."""
    gone = np.array([90, 90, 90, 90, 0, 0, 0, 0])
    rows = made_matrix(gone, 1, share=1.0, aum=[1.0, 1, 1, 100, 200, 50, 50, 50])
    risk = np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1, 0.1, 0.1])
    silent = np.array([90.0, 80, 70, 40, 1, 85, 30, 30])
    model, rule = Order(risk, risk * rows.aum), Order(silent, silent * rows.aum)
    found = gaps(rows, 2, model, rule)
    assert (found["recall"][1], found["aum_caught"][1]) == (0.25, 0.0)
    by_money, by_silence = (listed(rows, one_team(rows, 2), score) for score in (model.money, silent))
    assert at_capacity(rows, by_money)["recall"] == at_capacity(rows, by_silence)["recall"] == 0.25


def figures(**differences):
    both = {"aum_caught": 0.5, "recall": 0.6}
    nothing = {"aum_caught": [-0.01, 0.0, 0.01], "recall": [-0.01, 0.0, 0.01]}
    return {"differences": nothing | differences, "challenger_figures": both, "champion_figures": both}


@pytest.mark.parametrize(
    ("differences", "age", "says"),
    [
        (
            {},
            0,
            "not better than the champion by more than noise: AUM caught 0.500 beside 0.500 on lists "
            "filled by money, +0.000 [-0.010, +0.010]; recall 0.600 beside 0.600 on lists filled by risk",
        ),
        ({"recall": [0.001, 0.02, 0.04]}, 0, ""),
        ({"aum_caught": [0.001, 0.02, 0.04]}, 0, ""),
        ({"recall": [0.0, 0.02, 0.04]}, 0, "not better"),
        ({"recall": [0.1, 0.2, 0.3], "aum_caught": [-0.2, -0.1, -0.001]}, 99, "worse .* money, -0.100"),
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
    """A good model by hand, and two rules; the differences from these are exact to 0.05 either way."""
    good = {"ece": 0.01, "calibration_slope": 1.0, "recall": 0.6, "aum_caught": 0.6}
    rules = {"drop": {"recall": 0.3, "aum_caught": 0.5}, "silence": {"recall": 0.4, "aum_caught": 0.2}}
    figures = good | {name: value for name, value in changes.items() if name in good}
    slope = figures["calibration_slope"]
    gaps = {
        rule: {
            name: [gap - 0.05, gap, gap + 0.05]
            for name, value in of_rule.items()
            for gap in [figures[name] - value]
        }
        for rule, of_rule in rules.items()
    }
    return {
        "challenger_figures": figures,
        "customers_attrited": changes.get("customers_attrited", 10),
        "rules": rules,
        "differences_from_rules": gaps,
        "slope_interval": [slope - 0.05, slope + 0.05],
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, []),
        ({"ece": 0.021}, ["its ECE is 0.0210, above 0.02"]),
        ({"calibration_slope": 0.6}, ["its calibration slope is 0.60 [0.55, 0.65], outside 0.7 to 1.4"]),
        ({"calibration_slope": 1.5}, ["its calibration slope is 1.50 [1.45, 1.55], outside 0.7 to 1.4"]),
        ({"calibration_slope": 1.44}, []),
        ({"calibration_slope": 0.66}, []),
        ({"recall": 0.1}, []),
        (
            {"customers_attrited": 9},
            [
                "only 9 customers left on the Mondays compared: below 10 no figure says anything. Widen "
                "[cohort], raise training.judged_snapshots, or wait"
            ],
        ),
        (
            {"aum_caught": 0.453},
            [
                "it is not better than the rule drop: AUM caught 0.453 beside 0.500 on lists filled by "
                'money, -0.047 [-0.097, +0.003]; [promotion] against_rules = "not worse" or decides = '
                '"recall" would accept that'
            ],
        ),
        (
            {"aum_caught": 0.4, "recall": 0.3},
            ["it is not better than the rule drop: AUM caught 0.400 beside 0.500 on lists filled by "
             "money, -0.100 [-0.150, -0.050]"],
        ),
    ],
)  # fmt: skip
def test_calibration_and_rules(changes, says):
    assert own_objections(LIMITS, own(**changes)) == says


@pytest.mark.parametrize(
    ("decides", "level", "refused"),
    [
        ("aum_caught", "better", ["drop"]),
        ("aum_caught", "not worse", []),
        ("aum_caught", "clearly better", ["drop"]),
        ("recall", "better", []),
        ("recall", "clearly better", ["silence"]),
    ],
)
def test_a_bank_says_which_figure_must_beat_the_rules_and_how_clearly(decides, level, refused):
    """AUM caught 0.47 beside 0.5 and 0.2; recall 0.43 beside 0.3 and 0.4; all to 0.05 either way."""
    limits = LIMITS.model_copy(update={"decides": decides, "against_rules": level})
    found = own_objections(limits, own(aum_caught=0.47, recall=0.43))
    assert [re.search(r"rule (\w+):", objection)[1] for objection in found] == refused


def test_the_same_lists_are_not_worse_and_not_better():
    assert [is_enough(level, [0.0, 0.0, 0.0]) for level in ("not worse", "better", "clearly better")] == [
        True, False, False,
    ]  # fmt: skip


def test_lists_are_the_teams_own_unless_they_would_hold_nearly_everybody():
    """Two teams of 100 that call 10 each make 10% of a cohort; that call 60 each, 60%: more than the 25%
    allowed."""
    rows = matrix(customers=200, mondays=2, leavers=9)
    for capacity, called in ((10, 20), (60, 50)):
        own = Teams(np.tile(np.arange(200) % 2, 2), np.full(400, capacity), np.ones(400, dtype=bool))
        teams = callers(SETTINGS, rows, own)
        assert (teams is own) == (capacity == 10)
        assert at_capacity(rows, listed(rows, teams, rows.aum))["listed"] == called


def test_who_must_not_be_called_is_on_no_compared_list():
    rows = matrix(customers=200, mondays=2, leavers=9)
    own = Teams(np.zeros(400, dtype=int), np.full(400, 150), np.tile(np.arange(200) < 100, 2))
    called = listed(rows, callers(SETTINGS, rows, own), rows.aum)
    assert called.sum() == 100
    assert not (called & ~own.callable).any()
