"""Reliability and factors: by hand, and on 2,800 real questionnaires whose right values are known."""

import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.questionnaires import (
    adequacy,
    against,
    correlation,
    factors_suggested,
    groups_of,
    loadings,
    most_factors,
    reliability,
)
from tests.servers import needed

SCALES = {"A": (0.704, 2709), "C": (0.729, 2707), "E": (0.761, 2713), "N": (0.813, 2694), "O": (0.603, 2726)}
ITEMS = [f"{scale}{number}" for scale in SCALES for number in range(1, 6)]
REVERSED = ("A1", "C4", "C5", "E1", "E2", "O2", "O5")
SIX = 6  # answers run from 1 to 6


@pytest.fixture(scope="module")
def asked() -> NDArray[np.float64]:
    """The questionnaires as they were answered: $BFI, else ../shared/data/bfi beside the project."""
    folder = Path(os.environ.get("BFI") or Path(__file__).parents[3] / "shared" / "data" / "bfi")
    path = folder / "bfi.csv"
    needed(path.is_file(), f"no questionnaires in {folder}; name their folder in the variable BFI")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[row[item] for item in ITEMS] for row in csv.DictReader(file)]
    return np.array([[np.nan if cell == "NA" else float(cell) for cell in row] for row in rows])


@pytest.fixture(scope="module")
def turned(asked: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isin(ITEMS, REVERSED), SIX + 1 - asked, asked)


def of_scale(answers: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    return answers[:, [item[0] == scale for item in ITEMS]]


def test_real_questionnaires_have_their_known_figures(asked, turned):
    fit = adequacy(asked)
    assert (fit.respondents, fit.degrees) == (2436, 300)
    assert (round(fit.kmo, 4), round(fit.kmo_of_pairs, 4)) == (0.8486, 0.8459)
    assert round(fit.chi2, 2) == 18_146.07
    assert fit.p == 0
    for scale, known in SCALES.items():
        measured = reliability(of_scale(turned, scale))
        assert (round(measured.cronbach_alpha, 3), measured.respondents) == known
    measured = reliability(of_scale(turned, "N"))
    assert (round(measured.low, 3), round(measured.high, 3)) == (0.802, 0.824)


def test_factors_of_real_questionnaires_are_its_five_scales(asked, turned):
    assert factors_suggested(turned, seed=7) == len(SCALES)
    groups = groups_of(loadings(turned, len(SCALES)))
    together = {tuple(np.array(ITEMS)[groups == group]) for group in range(len(SCALES))}
    assert together == {tuple(item for item in ITEMS if item[0] == scale) for scale in SCALES}
    # Which way an item is asked moves no item to another factor.
    assert len(set(map(tuple, groups_of(loadings(asked, 5)).reshape(5, 5)))) == len(SCALES)


def test_an_item_that_nobody_turned_lowers_alpha_and_is_named(asked, turned):
    for scale in "ACEO":
        as_asked = of_scale(asked, scale)
        assert (
            reliability(as_asked).cronbach_alpha < reliability(of_scale(turned, scale)).cronbach_alpha - 0.2
        )
        named = [ITEMS[5 * "ACENO".index(scale) + place] for place in np.flatnonzero(against(as_asked))]
        assert named == [item for item in REVERSED if item[0] == scale]
    assert not any(against(of_scale(turned, scale)).any() for scale in SCALES)
    one = of_scale(turned, "N").copy()
    one[:, 2] = SIX + 1 - one[:, 2]
    planted = reliability(one)
    assert planted.item_total[2] < 0 < planted.without[2] - planted.cronbach_alpha
    assert against(one).tolist() == [False, False, True, False, False]


def test_alpha_by_hand():
    # Variances 1 and 4, covariance 2, so the sum has 9: α = 2 × (1 − 5 / 9); the items go together fully.
    answers = np.array([[1.0, 2], [2, 4], [3, 6], [np.nan, 9]])
    measured = reliability(answers)
    assert measured.respondents == 3
    assert measured.cronbach_alpha == pytest.approx(8 / 9)
    assert measured.item_total == pytest.approx([1, 1])
    assert np.isnan(measured.without).all()
    assert np.isnan(reliability(answers[:2]).cronbach_alpha)
    assert np.isnan(reliability(np.ones((9, 3))).cronbach_alpha)


def test_correlations_of_pairs_use_the_rows_that_have_both():
    rng = np.random.default_rng(3)
    answers = rng.normal(size=(60, 3)) + rng.normal(size=(60, 1))
    answers[:20, 0] = np.nan
    answers[15:30, 2] = np.nan
    matrix = correlation(answers)
    for first, second in pairwise(range(3)):
        both = ~np.isnan(answers[:, [first, second]]).any(axis=1)
        expected = np.corrcoef(answers[both][:, [first, second]], rowvar=False)[0, 1]
        assert matrix[first, second] == pytest.approx(expected)


def test_no_factor_is_found_in_answers_without_one():
    rng = np.random.default_rng(11)
    nothing, general = rng.normal(size=(500, 8)), rng.normal(size=(500, 1))
    assert factors_suggested(nothing, seed=1) == 0
    assert factors_suggested(nothing + general, seed=1) == 1
    assert [most_factors(items) for items in (2, 3, 5, 10)] == [0, 1, 2, 6]
