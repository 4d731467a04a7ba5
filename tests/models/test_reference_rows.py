import json
from dataclasses import replace

import numpy as np
import pytest

from configs.errors import DataError
from models.bundle import Bundle
from models.matrix import Matrix
from models.reference_rows import ROWS, check_golden, golden


@pytest.fixture(scope="module")
def whole(bundle: Bundle, judge: Matrix) -> Bundle:
    """The bundle with its golden rows, as JSON gives them back."""
    return replace(bundle, golden=json.loads(json.dumps(golden(bundle, judge, 7))))


def test_the_rows_are_scored_as_recorded(whole: Bundle) -> None:
    check_golden(whole)
    assert np.shape(whole.golden["rows"]) == (ROWS, 5)
    assert np.shape(whole.golden["risks"]) == (ROWS, 3)
    assert len({tuple(risks) for risks in whole.golden["risks"]}) > ROWS / 2


def test_they_are_nobodys(whole: Bundle, judge: Matrix) -> None:
    """No row of the bank is among them, nor the ends of a column; only what may be unknown is ever left out."""
    rows = np.array(whole.golden["rows"], dtype=float)
    assert not set(map(tuple, rows)) & set(map(tuple, judge.features))
    assert (np.nanmax(rows, axis=0) < np.nanmax(judge.features, axis=0)).all()
    assert (np.nanmin(rows, axis=0) > np.nanmin(judge.features, axis=0)).all()
    unknown = np.isnan(rows).any(axis=0)
    assert dict(zip(judge.columns, unknown, strict=True))["noise_a"]
    assert unknown.sum() == 1


@pytest.mark.parametrize("name", ["risks", "share"])
def test_other_numbers_are_refused(whole: Bundle, name: str) -> None:
    recorded = np.array(whole.golden[name])
    recorded.flat[5] += 1e-8
    other = replace(whole, golden={**whole.golden, name: recorded.tolist()})
    with pytest.raises(DataError, match=r"otherwise than when it was trained, by up to 1e-08"):
        check_golden(other)


def test_a_bundle_without_golden_rows_is_refused(bundle: Bundle) -> None:
    with pytest.raises(DataError, match="no golden rows"):
        check_golden(bundle)


def test_the_same_seed_gives_the_same_rows(bundle: Bundle, judge: Matrix) -> None:
    assert golden(bundle, judge, 7) == golden(bundle, judge, 7) != golden(bundle, judge, 8)
