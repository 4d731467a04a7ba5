"""What a contact does, learnt from both arms: against a plain regression, and where the truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from configs.bank_folder import load_settings
from configs.response import Estimate, Response, movable_early, movable_share
from models import response
from models.response import NOBODY, Logged, Observed, early_ratio, learn
from tests.serve.conftest import a_score

SETTING = (0.3, 20)
PHONE = {"phone": 1.0}
TIMING = (0.2, 1.0, 0.5)
REASONS = ("rollover", "salary", "outflow", "complaint", "contact")
STAGES = ("mature", "declining", "growing", "new")


@pytest.fixture(scope="module")
def settings():
    return load_settings("demo").response


def logged(listed, left, risk, **changes):
    """Assignments of one cell, a week old, of whom nothing is known early."""
    count = len(listed)
    risk, unknown = np.zeros(count) + risk, np.full(count, np.nan)
    values = {
        "movable": risk * (1 - risk), "left_early": unknown, "risk_early": unknown, "movable_early": unknown,
        "reason": ["salary"] * count, "risk_band": ["high"] * count, "stage": ["mature"] * count,
        "channel": ["phone"] * count, "age_weeks": np.zeros(count),
    } | changes  # fmt: skip
    arrays = {name: np.array(value) for name, value in values.items()}
    return Logged(np.array(listed, bool), np.array(left, float), risk=risk, **arrays)


def drawn(seed, count, share=lambda *_: 0.3, error=lambda risk: 0.0 * risk, weeks=13, control=0.05):
    """Assignments of a bank in which ``share`` (reason, band, stage) is kept; the risk has an ``error``."""
    random = np.random.default_rng(seed)
    early, later = random.beta(0.5, 12, count), random.beta(1, 9, count)
    risk = early + (1 - early) * later
    reason = random.choice(REASONS, count, p=[0.35, 0.1, 0.3, 0.1, 0.15])
    stage = random.choice(STAGES, count, p=[0.6, 0.12, 0.2, 0.08])
    band = np.select([risk >= 0.2, risk >= 0.08], ["high", "medium"], "low")
    movable = risk * np.array(
        [movable_share({30: a, 90: b}, TIMING, 0.0) for a, b in zip(early, risk, strict=True)]
    )
    in_month = np.minimum(TIMING[0] * early * (1 - early), movable)
    listed = random.random(count) >= control
    kept = listed * np.array([share(*cell) for cell in zip(reason, band, stage, strict=True)])
    place = random.random(count)
    left = place < np.clip(risk + error(risk) - kept * movable, 0, 1)
    left_early = place < np.clip(early - kept * in_month, 0, 1)
    return Logged(
        listed, left * 1.0, (left & left_early) * 1.0, risk, early, movable, in_month, reason, band, stage,
        np.full(count, "phone"), random.uniform(0, weeks, count),
    )  # fmt: skip


def as_predicted(rows):
    """Many more whom nobody called, of whom as many leave as was predicted."""
    cells = sorted({*zip(rows.reason, rows.risk_band, rows.stage, strict=True)})
    leavers = np.full(len(cells), 50.0)
    return Observed(cells, np.zeros(len(cells), bool), leavers, leavers)


def test_the_posterior_is_that_of_a_regression_of_every_assignment(settings, monkeypatch):
    """With one spread, against ridge regression on indicators of all groups, written out row by row."""
    monkeypatch.setattr(response, "FACTORS", (1.0,))
    rows, spread = drawn(1, 900), settings.group_spread
    risk = np.clip(rows.risk, 0.002, 0.998)
    rows = replace(
        rows, risk=risk, movable=0.6 * risk
    )  # so that the mean of a cell says all about both errors
    found = learn(rows, SETTING, settings, PHONE).response
    parts = (rows.reason, rows.risk_band, rows.stage)
    groups, spreads = [np.ones(len(rows), bool)], [np.sqrt(0.3 * 0.7 / 21)]
    for part in parts:
        groups += [part == each for each in np.unique(part)]
        spreads += [spread] * (len(groups) - len(spreads))
    pairs = [(a, b) for a in np.unique(rows.reason) for b in np.unique(rows.risk_band)]
    groups += [(rows.reason == a) & (rows.risk_band == b) for a, b in pairs]
    groups += [
        (rows.reason == a) & (rows.risk_band == b) & (rows.stage == c)
        for a, b in pairs
        for c in np.unique(rows.stage)
    ]
    spreads += [spread / 2] * (len(groups) - len(spreads))
    error = [0.15] + [s / spread * 0.15 for s in spreads[1:]]
    member = np.column_stack(groups)
    design = np.hstack([member * (rows.listed * rows.movable)[:, None], member * -rows.risk[:, None]])
    weight = 0.5 ** (rows.age_weeks / settings.half_life_weeks) / (rows.risk * (1 - rows.risk))
    kept = rows.risk - rows.left - 0.3 * rows.listed * rows.movable
    precision = (design * weight[:, None]).T @ design + np.diag(np.array([*spreads, *error]) ** -2.0)
    mean, variance = np.linalg.solve(precision, design.T @ (weight * kept)), np.linalg.inv(precision)
    cell = ("outflow", "medium", "mature")
    of_cell = np.append(
        member[(rows.reason == cell[0]) & (rows.risk_band == cell[1]) & (rows.stage == cell[2])][0],
        np.zeros(len(groups)),
    )
    assert found.cells[cell].share == pytest.approx(0.3 + of_cell @ mean, abs=2e-6)
    assert found.cells[cell].observed_to_expected == pytest.approx(
        1 + of_cell[: len(groups)] @ mean[len(groups) :], abs=2e-6
    )
    assert found.cells[cell].spread == pytest.approx(np.sqrt(of_cell @ variance @ of_cell), abs=2e-6)
    assert found.overall.share == pytest.approx(0.3 + mean[0], abs=2e-6)


def test_little_evidence_moves_little_and_is_said_to_rest_on_the_setting(settings):
    assert learn(logged([], [], []), SETTING, settings, PHONE).response.cells == {}
    few = learn(logged([True] * 4, [0] * 4, 0.3), SETTING, settings, PHONE).response
    assert few.overall == Estimate(pytest.approx(0.3, abs=0.01), pytest.approx(0.1, abs=0.005), "setting",
                                   pytest.approx(1, abs=0.03))  # fmt: skip
    assert max(abs(one.share - 0.3) for one in few.cells.values()) < 0.15


def test_a_group_of_whom_more_leave_than_predicted_is_not_taken_for_harmed(settings):
    """Of a group twice as many leave as the risk says, those whom nobody called too; and calls keep some."""
    rows = logged([True] * 100, [1] * 35 + [0] * 65, 0.2)
    cell = ("salary", "high", "mature")
    others = [("salary", "high", "mature"), ("outflow", "low", "growing")]
    observed = Observed(others, np.zeros(2, bool), np.array([40.0, 30.0]), np.array([80.0, 30.0]))
    alone, beside = (
        learn(rows, SETTING, settings, PHONE, unlisted).response.estimate(cell)
        for unlisted in (NOBODY, observed)
    )
    assert alone.share < 0.05 < 0.15 < beside.share
    assert beside.observed_to_expected == pytest.approx(1.7, abs=0.2)
    score = replace(a_score("c1", 1, manager_id=None), risk_90d=0.5)
    known = Response(0.3, {(): Estimate(0.3, 0.1, "setting", 1.7)})
    assert known.share_kept(score) == pytest.approx(0.3 * 0.5 * 1.7)


def test_the_error_of_30_days_says_nothing_of_that_of_the_longest_horizon(settings):
    """Twice as many leave within 30 days; of the longest horizon half as many again, beside it or alone."""
    cell = ("salary", "high", "mature")
    both = Observed([cell, cell], np.array([True, False]), np.array([40.0, 5.0]), np.array([80.0, 7.5]))
    parts = both.early, both.expected, both.observed
    each = [Observed([cell], *(part[k : k + 1] for part in parts)) for k in (0, 1)]
    early, late, beside = (
        learn(logged([], [], []), SETTING, settings, PHONE, observed).response.estimate(cell)
        for observed in (*each, both)
    )
    assert early.observed_to_expected == 1
    assert beside.observed_to_expected == pytest.approx(late.observed_to_expected, abs=1e-6)
    assert late.observed_to_expected > 1.05


def test_a_risk_that_is_too_high_is_not_taken_for_calls_that_keep(settings):
    """Of 2,000 in either arm half as many left as was predicted: calls did nothing."""
    arm = [1] * 200 + [0] * 1_800
    rows = logged([True] * 2_000 + [False] * 2_000, arm * 2, 0.2)
    found = learn(rows, SETTING, settings, PHONE).response.estimate(("salary", "high", "mature"))
    assert abs(found.share) < 0.12
    alone = learn(logged([True] * 2_000, arm, 0.2), SETTING, settings, PHONE).response
    assert alone.estimate(("salary", "high", "mature")).share > 0.4


def test_a_wrong_risk_costs_no_truth_where_both_arms_are_large(settings):
    """The risk is wrong in a way of its own, not a multiple of what is movable; half are in the control
    group."""
    wrong = drawn(3, 60_000, error=lambda risk: 0.5 * risk**2 - 0.02 * (risk > 0.1), control=0.5)
    assert learn(wrong, SETTING, settings, PHONE).response.overall.share == pytest.approx(0.3, abs=0.1)


def test_what_is_believed_holds_the_truth_and_nothing_is_claimed_from_noise(settings):
    within, claims = list[bool](), 0
    for seed in range(5):
        random = np.random.default_rng(1_000 + seed)
        overall = random.normal(0.3, 0.1)
        of_group = {name: random.normal(0, 0.15) for name in (*REASONS, *STAGES)}

        def truth(reason, _, stage, overall=overall, of_group=of_group):
            return overall + of_group[reason] + of_group[stage]

        rows = drawn(seed, 2_000, truth)
        found = learn(rows, SETTING, settings, PHONE).response
        for cell in set(zip(rows.reason, rows.risk_band, rows.stage, strict=True)):
            known = found.estimate(cell)
            within.append(abs(truth(*cell) - known.share) < 1.96 * known.spread)
        nothing = learn(drawn(seed, 2_000, lambda *_: 0.0), SETTING, settings, PHONE).response
        claims += sum(one.share + 1.28 * one.spread < 0 for one in nothing.cells.values())
    assert np.mean(within) >= 0.9
    assert claims == 0


def test_harm_to_one_stage_is_found_and_the_others_go_on_being_called(settings):
    rows = drawn(5, 20_000, lambda _reason, _band, stage: -1.5 if stage == "declining" else 0.3)
    found = learn(rows, SETTING, settings, PHONE, as_predicted(rows)).response
    score = a_score("c1", 1, manager_id=None)
    harmed = replace(score, lifecycle_stage="declining", risk_band="medium")
    assert found.harms(harmed)
    assert found.share_kept(harmed) < 0
    assert found.rests_on(harmed) == "stage"
    assert not found.harms(replace(harmed, lifecycle_stage="mature"))


def test_an_effect_that_fades_is_noticed(settings):
    """For a year calls kept half, since then nothing."""
    before, since = drawn(6, 4_000, lambda *_: 0.6), drawn(7, 4_000, lambda *_: 0.0)
    joined = {name: np.concatenate([getattr(before, name), getattr(since, name)]) for name in vars(before)}
    rows = Logged(**joined | {"age_weeks": np.repeat([104.0, 13.0], 4_000)})
    forgetting = settings.model_copy(update={"half_life_weeks": 13})
    shares = [learn(rows, SETTING, terms, PHONE).response.overall.share for terms in (settings, forgetting)]
    assert shares[1] < shares[0] < 0.3


def test_early_outcomes_stand_in_until_the_others_are_known(settings):
    whole = drawn(8, 20_000, lambda *_: 1.0)
    early = replace(whole, left=np.full(len(whole), np.nan))
    learnt = learn(early, SETTING, settings, PHONE)
    assert (learnt.matured, learnt.early, learnt.early_ratio) == (0, 20_000, 1.0)
    assert 0.3 < learnt.response.overall.share < learn(whole, SETTING, settings, PHONE).response.overall.share


def test_how_much_shows_early_by_hand():
    """Of 100 at 0.2 within 30 days 12 left, so 8 were kept; 0.3 · 0.16 = 0.048 of each was to be.

    (4 + 0.048 · 8 / 0.16) / (4 + 100 · 0.048² / 0.16), where 4 is one over the variance of the prior.
    """
    rows = logged(
        [True] * 100, [1] * 30 + [0] * 70, 0.4, left_early=np.array([1.0] * 12 + [0.0] * 88),
        risk_early=np.full(100, 0.2), movable_early=np.full(100, 0.16),
    )  # fmt: skip
    assert early_ratio(rows, SETTING) == pytest.approx((4 + 2.4) / (4 + 1.44))


def test_another_channel_is_learnt_relative_to_a_call(settings):
    calls, visits = drawn(9, 8_000, lambda *_: 0.3), drawn(10, 8_000, lambda *_: 0.9)
    joined = {name: np.concatenate([getattr(calls, name), getattr(visits, name)]) for name in vars(calls)}
    rows = Logged(**joined | {"channel": np.repeat(["phone", "visit"], 8_000)})
    found = learn(rows, SETTING, settings, {"phone": 1.0, "visit": 1.5, "message": 0.2}).response.channels
    assert (found["phone"], found["message"]) == (1.0, 0.2)
    assert 1.6 < found["visit"] < 3.5


def test_what_a_contact_can_still_change():
    """Of 0.2, 0.36 and 0.5: 0.2 · 0.2 · 0.8 + 0.16 · 0.8 + 0.5 · 0.14 · (1 − 0.14 / 0.64)."""
    moved = 0.2 * 0.2 * 0.8 + 0.16 * 0.8 + 0.5 * 0.14 * (1 - 0.14 / 0.64)
    assert movable_share({30: 0.2, 60: 0.36, 90: 0.5}, TIMING, 0.0) == pytest.approx(moved / 0.5)
    assert movable_share({30: 0.2, 60: 0.36, 90: 0.5}, TIMING, 0.25) == pytest.approx(0.75 * moved / 0.5)
    assert movable_share({90: 0.5}, TIMING, 0.0) == movable_share({45: 0.5}, TIMING, 0.0) == 0.5
    assert movable_share({30: 1.0, 90: 1.0}, TIMING, 0.0) == movable_share({30: 0.0}, TIMING, 0.0) == 0.0
    assert movable_early(0.2, 0.5, TIMING) == pytest.approx(0.2 * 0.2 * 0.8)
    assert movable_early(0.2, 0.01, TIMING) == 0.01


def test_the_money_that_a_contact_keeps():
    score = replace(a_score("c1", 1, manager_id=None), risk_90d=0.5)
    known = Response(0.3)
    assert known.share_kept(score) == pytest.approx(0.3 * 0.5)
    assert known.share_kept(replace(score, movable=0.1)) == pytest.approx(0.03)
    assert known.share_kept(score, "message") == 0.0
    assert (known.rests_on(score), known.harms(score)) == ("setting", False)
