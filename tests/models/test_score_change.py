"""A change is split exactly: by the groups of the newer model, its bias, and what it says otherwise than the older."""

from dataclasses import replace

import numpy as np
import pytest

from configs.errors import DataError
from configs.settings import Training
from models.bundle import Bundle
from models.explain import Contributions, contributions, make_grouping
from models.hazard import fit
from models.matrix import Matrix
from models.score_change import parts_of

NAMES = ("login", "noise", "outflow")


def grouped(bundle: Bundle) -> dict[str, str]:
    return {name: name.split("_")[0] for name in bundle.model.columns}


def two_mondays(judge: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """The same number of rows with other values on every column."""
    half = len(judge) // 2
    return judge.features[:half], judge.features[half : 2 * half]


def test_by_hand() -> None:
    grouping = make_grouping(("a", "b", "c"), {"a": "x", "b": "x", "c": "y"}, ("x", "y"))
    before = Contributions(np.array([[0.1, 0.2, 0.3]]), np.array([-2.0]), np.array([[-1.5, -1.3]]))
    now = Contributions(np.array([[0.5, 0.2, 0.1]]), np.array([-1.9]), np.array([[-1.2, -1.0]]))
    # The older model had said −1.6 and −1.6 of the old figures: 0.2 of the change is the new model's.
    parts = parts_of(now, before, np.array([[-1.6, -1.6]]), grouping)
    assert parts.total == pytest.approx([0.5])
    assert parts.groups == pytest.approx(np.array([[0.4, -0.2]]))
    assert parts.bias == pytest.approx([0.1])
    assert parts.model == pytest.approx([0.2])


def test_one_model_adds_up_and_has_no_part_of_its_own(bundle: Bundle, judge: Matrix) -> None:
    old, new = two_mondays(judge)
    then, now = contributions(bundle.model, old), contributions(bundle.model, new)
    parts = parts_of(now, then, then.raw, make_grouping(bundle.model.columns, grouped(bundle), NAMES))
    total = bundle.model.raw(new).mean(axis=1) - bundle.model.raw(old).mean(axis=1)
    assert np.abs(parts.groups.sum(axis=1) + parts.bias - total).max() <= 1e-9
    assert (parts.model == 0).all()
    assert np.abs(parts.groups[:, 2]).mean() > np.abs(parts.groups[:, 1]).mean()


def test_a_new_model_is_a_part_of_its_own(
    bundle: Bundle, train: Matrix, tune: Matrix, judge: Matrix, training: Training
) -> None:
    other = fit(train, tune, bundle.model.horizons, replace_seed(training)).model
    old, new = two_mondays(judge)
    then, now, published = contributions(bundle.model, old), contributions(bundle.model, new), other.raw(old)
    parts = parts_of(now, then, published, make_grouping(bundle.model.columns, grouped(bundle), NAMES))
    assert np.abs(parts.groups.sum(axis=1) + parts.bias + parts.model - parts.total).max() <= 1e-9
    assert parts.total == pytest.approx(now.raw.mean(axis=1) - published.mean(axis=1))
    assert np.abs(parts.model).max() > 0.01


def test_mondays_explained_by_two_models_are_refused(bundle: Bundle, judge: Matrix) -> None:
    old, new = two_mondays(judge)
    then, now = contributions(bundle.model, old), contributions(bundle.model, new)
    bent = replace(then, values=then.values + 1e-6)
    grouping = make_grouping(bundle.model.columns, grouped(bundle), NAMES)
    with pytest.raises(DataError, match="the parts of a change miss it by 5e-06"):
        parts_of(now, bent, then.raw, grouping)


def replace_seed(training: Training) -> Training:
    return training.model_copy(update={"seed": training.seed + 1})
