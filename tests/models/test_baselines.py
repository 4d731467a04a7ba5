from dataclasses import replace

import numpy as np
import pytest

from models import baselines
from models.baselines import fit_logistic, logistic_scores
from models.metrics import ranking


def test_it_finds_what_was_planted(train, judge):
    line = fit_logistic(train)
    planted = 1.2 * judge.features[:, 0] + 0.5 * judge.features[:, 1] - 0.6 * judge.features[:, 2]
    best = ranking(judge, planted)["auroc"]
    assert ranking(judge, logistic_scores(line, judge.features))["auroc"] > best - 0.01
    # Shrunk by the penalty, but in proportion to the planted 1.2, 0.5 and −0.6.
    weight = line[-1].coef_[0]
    assert weight[:3] / weight[0] == pytest.approx([1, 0.42, -0.5], abs=0.1)


def test_an_unknown_value_counts_as_the_median_and_a_far_one_is_cut(train):
    odd = train.features.copy()
    odd[:, 4] = np.nan  # never known: says nothing
    line = fit_logistic(replace(train, features=odd))
    assert line[-1].coef_[0, 4] == 0
    middle, mean, spread = (f(odd[:, :4], axis=0) for f in (np.nanmedian, np.nanmean, np.nanstd))
    known = ~np.isnan(odd[:, :4]).any(axis=0)
    standardised = line[:-1].transform(np.full((1, 5), np.nan))[0, :4]
    assert standardised[known] == pytest.approx(((middle - mean) / spread)[known])
    assert line[:-1].transform(np.full((1, 5), 1e9))[0, 0] == 5


def test_of_too_many_rows_an_even_share_is_fitted_on(train, monkeypatch):
    half = train.where(np.arange(len(train)) % 2 == 0)
    monkeypatch.setattr(baselines, "MOST", len(train) // 2)
    weight_of_half = fit_logistic(half)[-1].coef_
    assert np.array_equal(fit_logistic(train)[-1].coef_, weight_of_half)
    monkeypatch.setattr(baselines, "MOST", len(train))
    assert not np.array_equal(fit_logistic(train)[-1].coef_, weight_of_half)


def test_rows_are_scored_a_few_at_a_time(train, judge, monkeypatch):
    line = fit_logistic(train)
    whole = logistic_scores(line, judge.features)
    monkeypatch.setattr("models.matrix.CHUNK", 7)
    assert logistic_scores(line, judge.features) == pytest.approx(whole, abs=1e-12)
    assert len(logistic_scores(line, judge.features[:0])) == 0
