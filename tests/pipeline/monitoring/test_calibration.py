"""The verdicts: alarms on simulated banks, their shares over 200 bank-years, and what follows an alarm."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from configs.bank_folder import load_settings
from pipeline.monitoring.calibration import asks_for_training, calibration
from pipeline.monitoring.matured import Matured
from tests.pipeline.monitoring.simulated_bank import FIRST, SimulatedBank, matured_mondays

SETTINGS = load_settings("demo")
LAST = FIRST + timedelta(weeks=300)
SHIFT = 1.3


def figures_of(bank: SimulatedBank, seed: int, **settings) -> dict:
    """The verdicts after all Mondays of a simulated bank."""
    matured = matured_mondays(bank, np.random.default_rng(seed))
    return calibration(load_settings("demo", settings) if settings else SETTINGS, matured, LAST)


def matured_weeks_until(bank: SimulatedBank, seed: int) -> tuple[float, str]:
    """Mondays with the shift that had matured when everybody had the alarm, from 1; infinite without one."""
    everybody = figures_of(bank, seed)["groups"][0]
    if everybody["since"] is None:
        return np.inf, "within_noise"
    weeks = (date.fromisoformat(everybody["since"]) - FIRST).days // 7
    return weeks - 6 - bank.shifted_from + 1, everybody["verdict"]


def false_alarms(bank: SimulatedBank, banks: int, seed: int) -> int:
    return sum(figures_of(bank, seed + number)["alarms"] > 0 for number in range(banks))


@pytest.mark.parametrize(("shift", "verdict"), [(SHIFT, "more"), (1 / SHIFT, "fewer")])
def test_a_shift_of_the_level_is_found_within_six_matured_weeks(shift, verdict):
    """50,000 scored customers, after a stable year; the long test has the shares."""
    bank = SimulatedBank(weeks=62, shift=shift, shifted_from=52)
    found = [matured_weeks_until(bank, seed) for seed in range(5)]
    assert np.median([weeks for weeks, _ in found]) <= 6
    assert {said for weeks, said in found if 0 < weeks < np.inf} == {verdict}


def test_what_lies_within_noise_is_called_so():
    """Two banks over two years, one with lists that keep customers."""
    for bank in (SimulatedBank(), SimulatedBank(listed=0.5)):
        figures = figures_of(bank, 3)
        assert (figures["verdict"], figures["alarms"], figures["retrain_since"]) == ("within_noise", 0, None)
        assert {group["verdict"] for group in figures["groups"]} == {"within_noise"}


def test_calls_that_keep_customers_raise_no_alarm():
    """All of the warned are listed, and calls keep nine in ten: far fewer leave than predicted."""
    bank = SimulatedBank(listed=1.0, kept=0.9)
    figures = figures_of(bank, 5)
    counts = figures["groups"][0]["horizons"][0]
    assert counts["observed"] < 0.5 * counts["predicted"]
    assert figures["alarms"] == 0
    naive = [with_everybody_unlisted(each) for each in matured_mondays(bank, np.random.default_rng(5))]
    assert calibration(SETTINGS, naive, LAST)["verdict"] == "fewer"  # without the distinction it would


def with_everybody_unlisted(matured: Matured) -> Matured:
    groups = {
        group: counts | {"unlisted_predicted": counts["predicted"], "unlisted_at_most": counts["observed"]}
        for group, counts in matured.groups.items()
    }
    return replace(matured, groups=groups)


def test_an_alarm_of_one_branch_is_its_own():
    """In one of 20 branches three times as many leave as predicted."""
    matured = matured_mondays(SimulatedBank(weeks=40), np.random.default_rng(1))
    for each in matured:
        each.groups["branch", "B007"]["predicted"] /= 3
    groups = calibration(SETTINGS, matured, LAST)["groups"]
    assert [group["name"] for group in groups if group["verdict"] == "more"] == ["B007"]


def monday(week: int, observed: float, trained_as_of: date = FIRST, predicted: float = 1000.0) -> Matured:
    counts = {"customers": 50_000, "predicted": predicted, "observed": observed,
              "unlisted_predicted": predicted, "unlisted_at_most": observed}  # fmt: skip
    return Matured(FIRST + timedelta(weeks=week), 30, trained_as_of, {("all", ""): counts})


def test_an_alarm_stands_until_a_new_model_has_outcomes():
    """Week 0 and 1 as predicted, from week 2 on half as many again; the alarm comes 6 weeks after week 2."""
    alarm = FIRST + timedelta(weeks=8)
    old = [monday(week, 1000.0 if week < 2 else 1500.0) for week in range(10)]
    figures = calibration(SETTINGS, old, LAST)
    assert (figures["verdict"], figures["groups"][0]["since"]) == ("more", str(alarm))
    assert calibration(SETTINGS, old, alarm - timedelta(days=1))["verdict"] == "within_noise"
    # Mondays of the old model that mature later change nothing; the first one of a new model ends the alarm.
    calm_again = [*old, monday(10, 1000.0), monday(11, 1000.0, trained_as_of=alarm)]
    assert calibration(SETTINGS, calm_again[:-1], LAST)["verdict"] == "more"
    figures = calibration(SETTINGS, calm_again, LAST)
    assert (figures["verdict"], figures["groups"][0]["since"]) == ("within_noise", None)
    # A new model that is as wrong has an alarm of its own.
    wrong = [*old, *(monday(week, 1500.0, trained_as_of=alarm) for week in range(10, 20))]
    assert calibration(SETTINGS, wrong, LAST)["groups"][0]["since"] > str(alarm)


def test_a_new_model_is_asked_for_once_and_once_a_quarter():
    """The alarm of week 8 asks; the next model is wrong too, within the quarter, and waits for its turn."""
    alarm = FIRST + timedelta(weeks=8)
    old = [monday(week, 1500.0 if week > 1 else 1000.0) for week in range(10)]
    again = [monday(week, 1500.0, trained_as_of=alarm) for week in range(10, 13)]
    figures = calibration(SETTINGS, [*old, *again], LAST)
    assert figures["groups"][0]["since"] == str(FIRST + timedelta(weeks=16))
    assert figures["retrain_since"] == str(alarm)
    assert asks_for_training(figures, latest=alarm - timedelta(weeks=1))
    assert not asks_for_training(figures, latest=alarm)
    later = [monday(week, 1500.0, trained_as_of=alarm) for week in range(16, 20)]
    figures = calibration(SETTINGS, [*old, *later], LAST)
    assert figures["retrain_since"] == figures["groups"][0]["since"] == str(FIRST + timedelta(weeks=22))


def test_what_an_alarm_needs_adds_up_to_the_false_alarms():
    """Half of 5% for everybody over 3 horizons and 2 sides: 2 · 6 / 0.05; a sixth of it for each kind: each
    of 20 branches 20 · 6 · 6 / 0.05, each of 2 tiers a tenth of that. Bands are not simulated.
    """
    groups = figures_of(SimulatedBank(weeks=20), 1)["groups"]
    needed = {(group["kind"], group["name"]): group["needed"] for group in groups}
    assert (needed["all", ""], needed["branch", "B003"], needed["tier", "T1"]) == (240, 14_400, 1_440)
    assert sum(6 / each for each in needed.values()) == pytest.approx(0.05 * (1 / 2 + 2 / 6))


def test_nothing_matured_is_said_so():
    figures = calibration(SETTINGS, [], LAST)
    assert (figures["verdict"], figures["groups"]) == ("waiting", [])
    assert not asks_for_training(figures, FIRST)


@pytest.mark.long
@pytest.mark.parametrize(
    "bank",
    [
        SimulatedBank(),
        SimulatedBank(listed=0.5),
        SimulatedBank(customers=250),
        SimulatedBank(customers=250, branches=60, shock=0.0),
    ],
    ids=["50,000", "50,000 with lists", "5,000", "15,000 in 60 branches"],
)
def test_false_alarms_over_200_bank_years(bank):
    """100 banks, two years of weekly looks each, all groups, horizons and sides together: at most five."""
    assert false_alarms(bank, 100, seed=1000) <= 5


@pytest.mark.long
@pytest.mark.parametrize("shift", [SHIFT, 1 / SHIFT])
def test_weeks_until_a_shift_is_found_over_100_banks(shift):
    """50,000 scored customers, about 520 predicted to leave within 30 days; after a stable year."""
    bank = SimulatedBank(weeks=75, shift=shift, shifted_from=52)
    weeks = [matured_weeks_until(bank, 2000 + number)[0] for number in range(100)]
    assert np.percentile(weeks, 90, method="higher") <= 6
    assert np.median(weeks) <= 4
