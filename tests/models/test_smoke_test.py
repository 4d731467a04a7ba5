"""What would abort or mislead this process is tried in another one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from configs.errors import DataError
from models.bundle import Bundle, write
from models.matrix import Matrix
from models.smoke_test import ROWS, check_reference_rows, reference_rows, smoke_test

KEY = bytes(range(1, 64, 2))
SECONDS, MEMORY_MB = 600, 4_096


@pytest.fixture(scope="module")
def whole(bundle: Bundle, judge: Matrix) -> Bundle:
    """The bundle with its reference rows, as JSON gives them back."""
    return replace(bundle, reference_rows=json.loads(json.dumps(reference_rows(bundle, judge, 7))))


def with_text(bundle: Bundle, old: str, new: str) -> Bundle:
    """The bundle, correctly signed when written, with another model text."""
    trees = bundle.model.trees
    assert old in trees.text
    trees = replace(trees, text=trees.text.replace(old, new, 1))
    return replace(bundle, model=replace(bundle.model, trees=trees))


def test_a_good_bundle_passes(whole: Bundle, models: Path) -> None:
    smoke_test(write(whole, models, KEY), KEY, SECONDS, MEMORY_MB)


def test_a_model_text_that_aborts_lightgbm_ends_the_child_only(whole: Bundle, models: Path) -> None:
    folder = write(with_text(whole, "num_leaves=", "num_leaves=9"), models, KEY)
    sentence = r"refused: the process that loaded it (was ended by SIG|left with code)"
    with pytest.raises(DataError, match=sentence):
        smoke_test(folder, KEY, SECONDS, MEMORY_MB)


def test_other_numbers_than_recorded_are_refused(whole: Bundle, models: Path) -> None:
    other = replace(whole, model=replace(whole.model, log_kept=whole.model.log_kept + 0.1))
    with pytest.raises(DataError, match=r"tried and is refused: .* otherwise than when it was trained"):
        smoke_test(write(other, models, KEY), KEY, SECONDS, MEMORY_MB)


def test_a_changed_bundle_and_another_key_are_refused_by_the_child_too(whole: Bundle, models: Path) -> None:
    folder = write(whole, models, KEY)
    with pytest.raises(DataError, match=r"refused: bundle .* another key signed it"):
        smoke_test(folder, bytes(range(32)), SECONDS, MEMORY_MB)


def test_neither_time_nor_memory_is_without_limit(whole: Bundle, models: Path) -> None:
    folder = write(whole, models, KEY)
    with pytest.raises(DataError, match=r"no answer in 0\.05 s"):
        smoke_test(folder, KEY, 0.05, MEMORY_MB)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="the process that loaded it"):
        smoke_test(folder, KEY, SECONDS, 300)


def test_the_rows_are_scored_as_recorded(whole: Bundle) -> None:
    check_reference_rows(whole)
    assert np.shape(whole.reference_rows["rows"]) == (ROWS, 5)
    assert np.shape(whole.reference_rows["risks"]) == (ROWS, 3)
    assert len({tuple(risks) for risks in whole.reference_rows["risks"]}) > ROWS / 2


def test_they_are_nobodys(whole: Bundle, judge: Matrix) -> None:
    """No row of the bank is among them, nor the ends of a column; only what may be unknown is ever left
    out."""
    rows = np.array(whole.reference_rows["rows"], dtype=float)
    assert not set(map(tuple, rows)) & set(map(tuple, judge.features))
    assert (np.nanmax(rows, axis=0) < np.nanmax(judge.features, axis=0)).all()
    assert (np.nanmin(rows, axis=0) > np.nanmin(judge.features, axis=0)).all()
    unknown = np.isnan(rows).any(axis=0)
    assert dict(zip(judge.columns, unknown, strict=True))["noise_a"]
    assert unknown.sum() == 1


@pytest.mark.parametrize("name", ["risks", "share"])
def test_other_numbers_are_refused(whole: Bundle, name: str) -> None:
    recorded = np.array(whole.reference_rows[name])
    recorded.flat[5] += 1e-8
    other = replace(whole, reference_rows={**whole.reference_rows, name: recorded.tolist()})
    with pytest.raises(DataError, match=r"otherwise than when it was trained, by up to 1e-08"):
        check_reference_rows(other)


def test_a_bundle_without_reference_rows_is_refused(bundle: Bundle) -> None:
    with pytest.raises(DataError, match="no reference rows"):
        check_reference_rows(bundle)


def test_the_same_seed_gives_the_same_rows(bundle: Bundle, judge: Matrix) -> None:
    assert (
        reference_rows(bundle, judge, 7)
        == reference_rows(bundle, judge, 7)
        != reference_rows(bundle, judge, 8)
    )
