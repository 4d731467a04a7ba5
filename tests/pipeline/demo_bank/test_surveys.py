"""What is planted in the answers: drivers in order, a reversed item, a bad branch, and who answers."""

from datetime import date

import numpy as np
import pytest

from models.importance import importance
from models.questionnaires import against
from pipeline.demo_bank import Bank, hazards
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.surveys import ITEM_CODES, OVERALL, WAITING, answer_levels, satisfaction_truth


def test_the_planted_truth_stands_in_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "SURVEY_RATE", 1.0)
    bank = Bank(8_000, 1, 7, date(2026, 11, 16))
    customers = bank.customers
    rows = bank.advance().tables["surveys"].to_pydict()
    place = {number: k for k, number in enumerate(customers.customer_ids)}
    answers = np.full((customers.count, len(ITEM_CODES)), np.nan)
    for number, code, score in zip(rows["CUST_NO"], rows["ITEM_CD"], rows["SCORE"], strict=True):
        if score not in ("NaN", "11"):
            answers[place[number], ITEM_CODES.index(code)] = float(score)
    assert len(set(rows["RESP_NO"])) > 0.99 * len(rows["RESP_NO"])  # but for the spoiled copies
    asked = answers[:, :OVERALL]
    assert np.flatnonzero(against(asked)).tolist() == [WAITING]
    asked[:, WAITING] = 11 - asked[:, WAITING]
    factors = (asked[:, :WAITING] + asked[:, WAITING:]) / 2
    whole = ~np.isnan(np.column_stack([factors, answers[:, OVERALL]])).any(axis=1)
    assert 1_000 < whole.sum() < 0.8 * customers.answers_surveys.sum()
    drivers = importance(factors[whole], answers[whole, OVERALL], np.ones(whole.sum()), seed=1)
    assert np.argsort(-drivers.shares).tolist() == np.argsort(-np.array(p.OVERALL_WEIGHTS)).tolist()
    bad = customers.branch == p.BAD_SERVICE_BRANCH
    service = factors[:, 0]
    assert np.nanmean(service[bad]) < np.nanmean(service[~bad]) - 0.8
    assert abs(np.nanmean(factors[bad, 4]) - np.nanmean(factors[~bad, 4])) < 0.15
    multiplier = hazards.multiplier(customers, bank.ledger, customers.everyone)
    assert multiplier[bad].mean() > 1.4 * multiplier[~bad].mean()
    # Who answers is older and wealthier, and the old give more: the plain mean is too high.
    old = customers.birth_year < p.OLD_BORN_BEFORE
    assert customers.answers_surveys[old].mean() > 1.5 * customers.answers_surveys[~old].mean()
    levels = answer_levels(customers)[4]
    truth = satisfaction_truth(customers)
    assert truth["mean_levels"]["manager"] == round(float(levels.mean()), 4)
    assert levels[customers.answers_surveys].mean() > levels.mean() + 0.05
    assert truth["bad_service_branch"] == "B003"
