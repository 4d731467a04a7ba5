from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import DataError
from configs.settings import Training
from models.bundle import Bundle
from models.explain import (
    LEAD_FROM,
    Contributions,
    Grouping,
    Reasons,
    by_group,
    contributions,
    score_change,
    top_reasons,
)
from models.hazard import fit
from models.matrix import Matrix

COLUMNS = ("outflow_4w", "outflow_13w", "login_4w", "tenure")
GROUPS = {"outflow_4w": "outflow", "outflow_13w": "outflow", "login_4w": "login", "tenure": "tenure"}
NAMES = ("login", "outflow", "tenure")


def make_grouping(columns, groups, names, leads=()) -> Grouping:
    """The grouping by name."""
    return Grouping(
        tuple(names),
        tuple(list(names).index(groups[name]) for name in columns),
        tuple(name in leads for name in names),
    )


BY_NAME = make_grouping(COLUMNS, GROUPS, NAMES)


def top(values: np.ndarray, grouping: Grouping, k: int, has_fact=None, is_event=None) -> Reasons:
    """The reasons where something can be told of every group, all of which happened."""
    every = np.ones((len(values), len(grouping.names)), np.bool_)
    return top_reasons(
        values, grouping, k, every if has_fact is None else has_fact, every if is_event is None else is_event
    )


def one_each(columns: tuple[str, ...]) -> Grouping:
    return make_grouping(columns, {name: name for name in columns}, sorted(columns))


def test_contributions_and_bias_make_the_raw_score(bundle, judge):
    why = contributions(bundle.model, judge.features)
    assert why.values.shape == judge.features.shape
    raw = bundle.model.raw(judge.features)
    assert np.array_equal(why.raw, raw)
    assert np.abs(why.values.sum(axis=1) + why.bias - raw.mean(axis=1)).max() <= 1e-9
    # The period is part of the bias, and what it adds differs by customer: it was planted so.
    assert np.ptp(why.bias) > 0.01
    # Noise moves the score least, the strongest planted column most.
    assert np.abs(why.values).mean(axis=0).argmax() == 0


def test_paths_explain_as_lightgbm_does_period_by_period(bundle, judge):
    model, rows = bundle.model, judge.features[:200].copy()
    rows[::3, 1] = np.nan
    rows[:, -1][::4] = 0.0
    each = [model.trees.booster.predict(one, pred_contrib=True) for one in model.by_period(rows)]
    why = contributions(model, rows)
    assert why.values == pytest.approx(np.mean(each, axis=0)[:, :-2], abs=1e-12)
    assert why.bias == pytest.approx(np.mean(each, axis=0)[:, -2:].sum(axis=1) + model.log_kept, abs=1e-12)


def test_one_period_needs_no_trees_of_its_own(train, tune, judge, training):
    def one_period(rows: Matrix) -> Matrix:
        return replace(rows, time_to_attrition=np.where(rows.time_to_attrition > 0, 30, 0).astype(np.int16))

    model = fit(one_period(train), one_period(tune), (30,), training).model
    why = contributions(model, judge.features)
    assert np.ptp(why.bias) < 1e-12
    assert why.values.sum(axis=1) + why.bias == pytest.approx(model.raw(judge.features)[:, 0], abs=1e-9)


def test_chunks_change_nothing(bundle, judge, monkeypatch):
    whole = contributions(bundle.model, judge.features)
    monkeypatch.setattr("models.matrix.CHUNK", 5)
    monkeypatch.setattr("models.explain.ROWS", 7)
    parts = contributions(bundle.model, judge.features[:100])
    assert np.array_equal(parts.values, whole.values[:100])
    assert np.array_equal(parts.bias, whole.bias[:100])


def test_a_model_whose_contributions_do_not_add_up_is_refused(bundle, judge):
    class Bent(type(bundle.model)):  # type: ignore[misc]
        def raw(self, features: np.ndarray) -> np.ndarray:
            return np.asarray(super().raw(features) + 1e-6)

    bent = Bent(bundle.model.trees, bundle.model.horizons, bundle.model.log_kept)
    with pytest.raises(DataError, match="miss the raw score by 1e-06"):
        contributions(bent, judge.features)


def test_four_rows_by_hand():
    values = np.array(
        [
            [0.2, 0.3, 0.4, -1.0],  # outflow 0.5 (13w represents it), login 0.4; tenure lowers
            [0.75, -0.5, 0.5, 0.25],  # login 0.5, outflow 0.25 ties with tenure 0.25: by name
            [-0.1, -0.2, -0.3, 0.0],  # nothing raises the score
            [0.1, 0.1, 0.3, 0.0],  # login 0.3, outflow 0.2 with equal columns: the first represents it
        ]
    )
    found = top(values, BY_NAME, 2)
    names = [[NAMES[one] if one >= 0 else "" for one in row] for row in found.group]
    assert names == [["outflow", "login"], ["login", "outflow"], ["", ""], ["login", "outflow"]]
    assert found.contribution.ravel() == pytest.approx([0.5, 0.4, 0.5, 0.25, 0, 0, 0.3, 0.2])


@given(
    values=st.lists(st.lists(st.integers(-5, 5), min_size=4, max_size=4), min_size=1, max_size=12),
    k=st.integers(1, 5),
    data=st.data(),
)
def test_law_a_row_has_the_same_reasons_wherever_it_stands(values, k, data):
    matrix = np.array(values) / 7
    order = data.draw(st.permutations(range(len(matrix))))
    found, moved = (top(one, BY_NAME, k) for one in (matrix, matrix[order]))
    for name in ("group", "contribution"):
        assert np.array_equal(getattr(found, name)[order], getattr(moved, name))
    weighty = np.where(found.contribution >= LEAD_FROM, found.contribution, 0)
    assert (np.diff(weighty, axis=1) <= 0).all()
    assert ((found.contribution > 0) == (found.group >= 0)).all()


def test_equal_groups_rank_by_name():
    columns = tuple(f"feature_{number}" for number in range(40))
    values = np.tile(1.0 + np.arange(40) % 2, (3, 1))
    found = top(values, one_each(columns), 40)
    assert [sorted(columns)[one] for one in found.group[1]] == sorted(columns[1::2]) + sorted(columns[::2])


def test_more_reasons_than_groups_are_not_invented():
    found = top(np.ones((1, 4)), BY_NAME, 9)
    assert found.group.shape == (1, 3)


def test_a_group_without_a_fact_is_no_reason():
    values = np.array([[4.0, 2.0], [4.0, 2.0]])
    has_fact = np.array([[True, True], [False, True]])
    found = top(values, one_each(("a", "b")), 2, has_fact)
    assert found.group.tolist() == [[0, 1], [1, -1]]
    assert found.contribution.tolist() == [[4.0, 2.0], [2.0, 0.0]]


def test_what_happened_comes_before_how_things_stand_if_it_adds_enough():
    columns = ("state", "occasion", "event", "trifle")
    grouping = make_grouping(columns, {name: name for name in columns}, columns, leads=("occasion",))
    is_event = np.array([[False, True, True, True], [False, False, True, True]])
    values = np.array([[0.9, 0.2, 0.3, 0.05], [0.9, 1.2, 0.1, 0.09]])
    found = top(values, grouping, 4, is_event=is_event)
    names = [[columns[one] for one in row] for row in found.group]
    assert names == [["occasion", "event", "state", "trifle"], ["event", "occasion", "state", "trifle"]]


def test_a_bundle_explains_what_it_scores(bundle, judge):
    columns = bundle.model.columns
    why = contributions(bundle.model, judge.features)
    found = top(why.values, make_grouping(columns, dict.fromkeys(columns, "all"), ["all"]), 1)
    higher = why.raw.mean(axis=1) > why.bias + 1e-9
    assert (found.group[higher, 0] == 0).all()


def test_the_strongest_occasion_comes_first_if_it_adds_enough():
    columns = ("sign", "occasion", "other")
    grouping = make_grouping(columns, {name: name for name in columns}, columns, leads=("occasion", "other"))
    values = np.array(
        [
            [0.9, 0.2, 0.3],  # other is the stronger occasion; then by weight
            [0.9, 0.05, 0.02],  # neither adds a tenth
            [0.9, 0.1, -0.5],  # just enough
            [-1.0, -0.1, -0.2],
        ]
    )
    found = top(values, grouping, 3)
    names = [[columns[one] if one >= 0 else "" for one in row] for row in found.group]
    assert names == [
        ["other", "sign", "occasion"],
        ["sign", "occasion", "other"],
        ["occasion", "sign", ""],
        ["", "", ""],
    ]
    assert found.contribution[0].tolist() == [0.3, 0.9, 0.2]


def test_what_the_order_of_addition_makes_is_a_tie():
    columns = ("a", "b", "c", "d")
    grouping = make_grouping(columns, dict.fromkeys("abc", "late") | {"d": "early"}, ["early", "late"])
    values = np.array([[0.1, 0.2, 0.3, 0.6]])
    assert 0.1 + 0.2 + 0.3 > 0.6
    assert top(values, grouping, 1).group.tolist() == [[0]]


def test_groups_add_up_to_their_columns():
    values = np.array([[0.2, 0.3, 0.4, -1.0], [0.0, 0.0, 0.0, 2.0]])
    assert by_group(values, BY_NAME) == pytest.approx(np.array([[0.4, 0.5, -1.0], [0.0, 0.0, 2.0]]))


MADE_UP = ("login", "noise", "outflow")


def grouped(bundle: Bundle) -> dict[str, str]:
    return {name: name.split("_")[0] for name in bundle.model.columns}


def two_mondays(judge: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """The same number of rows with other values on every column."""
    half = len(judge) // 2
    return judge.features[:half], judge.features[half : 2 * half]


def test_a_change_by_hand():
    grouping = make_grouping(("a", "b", "c"), {"a": "x", "b": "x", "c": "y"}, ("x", "y"))
    before = Contributions(np.array([[0.1, 0.2, 0.3]]), np.array([-2.0]), np.array([[-1.5, -1.3]]))
    now = Contributions(np.array([[0.5, 0.2, 0.1]]), np.array([-1.9]), np.array([[-1.2, -1.0]]))
    # The older model had said −1.6 and −1.6 of the old figures: 0.2 of the change is the new model's.
    parts = score_change(now, before, np.array([[-1.6, -1.6]]), grouping)
    assert parts.total == pytest.approx([0.5])
    assert parts.groups == pytest.approx(np.array([[0.4, -0.2]]))
    assert parts.bias == pytest.approx([0.1])
    assert parts.model == pytest.approx([0.2])


def test_one_model_adds_up_and_has_no_part_of_its_own(bundle, judge):
    old, new = two_mondays(judge)
    then, now = contributions(bundle.model, old), contributions(bundle.model, new)
    parts = score_change(now, then, then.raw, make_grouping(bundle.model.columns, grouped(bundle), MADE_UP))
    total = bundle.model.raw(new).mean(axis=1) - bundle.model.raw(old).mean(axis=1)
    assert np.abs(parts.groups.sum(axis=1) + parts.bias - total).max() <= 1e-9
    assert (parts.model == 0).all()
    assert np.abs(parts.groups[:, 2]).mean() > np.abs(parts.groups[:, 1]).mean()


def test_a_new_model_is_a_part_of_its_own(bundle, train, tune, judge, training):
    other = fit(train, tune, bundle.model.horizons, replace_seed(training)).model
    old, new = two_mondays(judge)
    then, now, published = contributions(bundle.model, old), contributions(bundle.model, new), other.raw(old)
    parts = score_change(now, then, published, make_grouping(bundle.model.columns, grouped(bundle), MADE_UP))
    assert np.abs(parts.groups.sum(axis=1) + parts.bias + parts.model - parts.total).max() <= 1e-9
    assert parts.total == pytest.approx(now.raw.mean(axis=1) - published.mean(axis=1))
    assert np.abs(parts.model).max() > 0.01


def test_mondays_explained_by_two_models_are_refused(bundle, judge):
    old, new = two_mondays(judge)
    then, now = contributions(bundle.model, old), contributions(bundle.model, new)
    bent = replace(then, values=then.values + 1e-6)
    grouping = make_grouping(bundle.model.columns, grouped(bundle), MADE_UP)
    with pytest.raises(DataError, match="the parts of a change miss it by 5e-06"):
        score_change(now, bent, then.raw, grouping)


def replace_seed(training: Training) -> Training:
    return training.model_copy(update={"seed": training.seed + 1})
