from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import ranking
from models.logistic import fit_logistic
from models.matrix import Matrix


def test_it_finds_what_was_planted(train: Matrix, judge: Matrix) -> None:
    made = fit_logistic(train)
    planted = 1.2 * judge.features[:, 0] + 0.5 * judge.features[:, 1] - 0.6 * judge.features[:, 2]
    best = ranking(judge, planted)["auroc"]
    assert ranking(judge, made.scores(judge.features))["auroc"] > best - 0.01
    # Shrunk by the penalty, but in proportion to the planted 1.2, 0.5 and −0.6.
    assert made.weight[:3] / made.weight[0] == pytest.approx([1, 0.42, -0.5], abs=0.1)


def test_an_unknown_value_counts_as_the_median_and_a_far_one_is_cut(train: Matrix) -> None:
    odd = train.features.copy()
    odd[:, 4] = np.nan  # never known: says nothing
    made = fit_logistic(replace(train, features=odd))
    assert made.weight[4] == 0
    row = np.full((1, 5), np.nan)
    assert made.standardised(row)[0, :4] == pytest.approx((made.middle[:4] - made.mean[:4]) / made.spread[:4])
    assert made.standardised(np.full((1, 5), 1e9))[0, 0] == 5
