from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from configs.errors import DataError
from configs.settings import Training
from models.hazard import fit
from models.matrix import Matrix
from models.metrics import chance_auroc, ranking, single_aurocs
from pipeline.training.train import refuse_leaks
from tests.matrices import made_matrix
from tests.models.conftest import FIRST, matrix

HORIZONS = (30, 60, 90)


def planted(judge: Matrix, name: str, values: np.ndarray) -> Matrix:
    """The judged rows with one more feature."""
    features = np.concatenate([judge.features, values[:, None]], axis=1)
    return replace(judge, features=features, columns=(*judge.columns, name))


def test_the_aurocs_by_hand(judge: Matrix) -> None:
    three = judge.where(np.arange(len(judge)) < 3).only([])
    rows = Matrix(
        np.array([[1.0, 5.0, np.nan], [2.0, 5.0, 0.0], [3.0, 5.0, 0.0]]), ("falls", "flat", "unknown"),
        three.customer_id, three.snapshot_date, np.array([30, 0, 0], np.int16), three.outflow_share,
        three.aum,
    )  # fmt: skip
    # The one who leaves has the lowest value, the same as all, and the only unknown one.
    assert single_aurocs(rows) == {"falls": 1.0, "flat": 0.5, "unknown": 1.0}


def test_the_aurocs_are_those_of_mann_and_whitney(judge: Matrix) -> None:
    coarse = planted(judge, "coarse", np.round(judge.features[:, 0]))  # with many ties
    gone = coarse.attrited == 1
    for name, found in single_aurocs(coarse).items():
        values = np.nan_to_num(coarse.column(name), nan=-np.inf)
        right = mannwhitneyu(values[gone], values[~gone]).statistic / (gone.sum() * (~gone).sum())
        assert found == max(right, 1 - right)


@pytest.mark.parametrize(
    "leak",
    [
        lambda rows: rows.attrited.astype(float),
        lambda rows: -np.where(rows.attrited == 1, rows.outflow_share, 0.0),
        lambda rows: np.where(rows.attrited == 1, np.nan, 7.0),
        lambda rows: np.where(np.arange(len(rows)) % 20 == 0, 0.0, rows.time_to_attrition.astype(float)),
    ],
    ids=["copy", "share, negative", "unknown for leavers", "copy with holes"],
)
def test_a_planted_copy_of_the_label_is_refused_by_name(judge: Matrix, leak: Any) -> None:
    with pytest.raises(DataError, match=r"1 of 6 features alone .*: next_quarter \((1\.000|0\.9\d\d)\)"):
        refuse_leaks(planted(judge, "next_quarter", leak(judge)), 0.95)


def test_honest_features_pass(judge: Matrix) -> None:
    refuse_leaks(judge, 0.95)
    assert 0.7 < max(single_aurocs(judge).values()) < 0.8
    with pytest.raises(DataError, match="outflow_sum_4w"):
        refuse_leaks(judge, 0.7)


def test_shuffled_labels_predict_nothing_out_of_time(training: Training) -> None:
    """Eight banks of chance, 3,200 judged rows each: the standard error of the mean AUROC is 0.005."""
    found = [_by_chance(seed, training) for seed in range(8)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)
    assert np.ptp(found) > 0


def _by_chance(seed: int, training: Training) -> float:
    random = np.random.default_rng(seed)
    days = (FIRST, date(2023, 6, 5), date(2023, 10, 2))
    drawn = [matrix(weeks, day, seed=3 * seed) for weeks, day in zip((6, 4, 8), days, strict=True)]
    train, tune, judged = (
        replace(one, time_to_attrition=random.permutation(one.time_to_attrition)) for one in drawn
    )
    model = fit(train, tune, HORIZONS, training).model
    return ranking(judged, model.raw(judged.features).mean(axis=1))["auroc"]


def few(leavers: int, features: int) -> Matrix:
    """1,000 customers on one Monday, the first ``leavers`` of whom leave; features of noise alone."""
    values = np.random.default_rng(3).normal(size=(1000, features))
    names = tuple(f"noise_{number}" for number in range(features))
    return made_matrix(np.where(np.arange(1000) < leavers, 30, 0), features=values, columns=names)


def test_what_chance_tells_of_two_leavers_is_no_leak(caplog: pytest.LogCaptureFixture) -> None:
    rows = few(2, 456)
    assert sum(auroc > 0.95 for auroc in single_aurocs(rows).values()) == 2
    refuse_leaks(rows, 0.95)
    assert "not looked for: only 2 customers left" in caplog.text


@pytest.mark.parametrize("leavers", [20, 200])
def test_a_copy_of_the_label_is_found_with_enough_leavers(leavers: int) -> None:
    rows = few(leavers, 455)
    leaking = planted(rows, "next_quarter", rows.attrited.astype(float))
    with pytest.raises(DataError, match=f"where {leavers} customers left: next_quarter"):
        refuse_leaks(leaking, 0.95)


def test_chance_by_hand_and_with_growing_evidence() -> None:
    """With one of each, one feature and the limit 0.9: the honest AUROC is 0.7, its variance 0.21."""
    assert chance_auroc(1, 1, 1, 0.9) == pytest.approx(0.7 + 1.6449 * 0.21**0.5, abs=1e-4)
    reached = [chance_auroc(left, 10_000, 456, 0.95) for left in (2, 10, 20, 100, 1000)]
    assert reached == sorted(reached, reverse=True)
    assert reached[1] > 1 > reached[2] > 0.95 > reached[3] > 0.725
