"""What would abort or mislead this process is tried in another one."""

from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import DataError
from models.bundle import Bundle, write
from models.matrix import Matrix
from models.reference_rows import golden
from models.smoke_test import try_out

KEY = bytes(range(1, 64, 2))
SECONDS, MEMORY_MB = 600, 4_096


@pytest.fixture(scope="module")
def whole(bundle: Bundle, judge: Matrix) -> Bundle:
    return replace(bundle, golden=golden(bundle, judge, 7))


def with_text(bundle: Bundle, old: str, new: str) -> Bundle:
    """The bundle, correctly signed when written, with another model text."""
    trees = bundle.model.trees
    assert old in trees.text
    return replace(
        bundle, model=replace(bundle.model, trees=replace(trees, text=trees.text.replace(old, new, 1)))
    )


def test_a_good_bundle_passes(whole: Bundle, models: Path) -> None:
    try_out(write(whole, models, KEY), KEY, SECONDS, MEMORY_MB)


def test_a_model_text_that_aborts_lightgbm_ends_the_child_only(whole: Bundle, models: Path) -> None:
    folder = write(with_text(whole, "num_leaves=", "num_leaves=9"), models, KEY)
    with pytest.raises(
        DataError, match=r"refused: the process that loaded it (was ended by SIG|left with code)"
    ):
        try_out(folder, KEY, SECONDS, MEMORY_MB)


def test_other_numbers_than_recorded_are_refused(whole: Bundle, models: Path) -> None:
    other = replace(whole, model=replace(whole.model, log_kept=whole.model.log_kept + 0.1))
    with pytest.raises(DataError, match=r"tried and is refused: .* otherwise than when it was trained"):
        try_out(write(other, models, KEY), KEY, SECONDS, MEMORY_MB)


def test_a_changed_bundle_and_another_key_are_refused_by_the_child_too(whole: Bundle, models: Path) -> None:
    folder = write(whole, models, KEY)
    with pytest.raises(DataError, match=r"refused: bundle .* another key signed it"):
        try_out(folder, bytes(range(32)), SECONDS, MEMORY_MB)


def test_neither_time_nor_memory_is_without_limit(whole: Bundle, models: Path) -> None:
    folder = write(whole, models, KEY)
    with pytest.raises(DataError, match=r"no answer in 0\.05 s"):
        try_out(folder, KEY, 0.05, MEMORY_MB)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="the process that loaded it"):
        try_out(folder, KEY, SECONDS, 300)
