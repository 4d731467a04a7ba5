"""The line that trees begin with, and trees that have nothing left to find."""

import math
from dataclasses import replace

import numpy as np
import pytest

from configs.settings import SILENCE
from models.explain import contributions
from models.hazard import fit
from models.matrix import Matrix
from models.metrics import areas
from models.start import Known, fit_start
from tests.matrices import made_matrix


def rows_of(slope: float, count: int, seed: int, offsets: tuple[float, float] = (-1.0, -2.0)) -> Known:
    random = np.random.default_rng(seed)
    log_odds, period = random.normal(0.5, 1.5, count), random.integers(0, 2, count)
    risk = 1 / (1 + np.exp(-(slope * (log_odds - 0.5) + np.array(offsets)[period])))
    gone = (random.random(count) < risk).astype(np.int8)
    return Known(1 / (1 + np.exp(-log_odds)), period, gone)


def test_the_line_is_found_and_an_unknown_probability_counts_as_the_mean():
    start = fit_start(rows_of(0.8, 40_000, 1), rows_of(0.8, 20_000, 2), 2, 0.0, 7)
    assert start is not None
    assert start.slope == pytest.approx(0.8, abs=0.05)
    assert start.mean == pytest.approx(0.5, abs=0.05)
    assert start.offsets == pytest.approx((-1.0, -2.0), abs=0.05)
    unknown = Known(np.array([np.nan, np.nan]), np.array([0, 1]), np.zeros(2, np.int8))
    assert start.log_odds(unknown).tolist() == list(start.offsets)


@pytest.mark.parametrize(("slope", "later"), [(-0.8, -0.8), (0.8, -0.8), (0.0, 0.3)])
def test_no_line_where_silence_meant_less_risk_or_does_later(slope, later):
    """Of a slope of nothing chance makes a little one, half of the time below 0."""
    train = rows_of(slope, 20_000, 3)
    start = fit_start(train, rows_of(later, 20_000, 4), 2, 0.0, 7)
    assert start is None or (slope == 0 and start.slope < 0.05)


def test_no_line_where_nothing_is_known():
    train = replace(rows_of(0.8, 100, 5), silence=np.full(100, np.nan))
    assert fit_start(train, train, 2, 0.0, 7) is None


def test_a_certain_silence_and_a_period_in_which_nobody_goes_stay_finite():
    train = Known(
        np.array([0.0, 1.0, 0.2, 0.7] * 50), np.array([0, 0, 1, 1] * 50), np.array([0, 1, 0, 0] * 50)
    )
    start = fit_start(train, train, 2, math.log(0.3), 7)
    assert start is not None
    assert np.isfinite(start.log_odds(train)).all()


def with_silence(seed: int) -> Matrix:
    """Outcomes that follow the probability of silence and nothing else, beside 40 columns of noise."""
    random = np.random.default_rng(seed)
    silence = random.beta(1.0, 4.0, 4_000)
    gone = np.where(random.random(len(silence)) < silence, 30, 0)
    features = np.column_stack([random.normal(size=(len(silence), 40)), silence])
    return made_matrix(
        gone, 1, features=features, columns=(*(f"noise_{number}" for number in range(40)), SILENCE)
    )


def test_trees_that_have_nothing_left_to_find_rank_as_silence_does(training):
    train, tune, judge = map(with_silence, (1, 2, 3))
    hidden = (*judge.columns[:-1], "hidden")
    begun = fit(train, tune, (30, 60, 90), training)
    plain = fit(replace(train, columns=hidden), replace(tune, columns=hidden), (30, 60, 90), training)
    assert begun.losses[0] < min(plain.losses)  # the tuning rows begin with the line too
    raw, left = begun.model.raw(judge.features), judge.attrited == 1
    best, with_start, without = (
        areas(left, scores)["auroc"]
        for scores in (judge.column(SILENCE), raw[:, 0], plain.model.raw(judge.features)[:, 0])
    )
    assert with_start > best - 0.001
    assert without < best - 0.005
    explained = contributions(begun.model, judge.features)
    assert explained.values.sum(axis=1) + explained.bias == pytest.approx(raw.mean(axis=1))
    assert np.corrcoef(explained.values[:, -1], judge.column(SILENCE))[0, 1] > 0.8
