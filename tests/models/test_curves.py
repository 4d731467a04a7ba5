"""The curves of a ranking: four rows by hand, ties, and what their ends must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.curves import POINTS, curves
from models.metrics import areas
from tests.matrices import rows


def test_four_rows_by_hand():
    """Called from the top: hit, miss and hit in a tie, miss."""
    found = curves(rows([1, 0, 1, 0]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert found["precision_recall"] == [
        {"recall": 0.5, "precision": 1.0},
        {"recall": 1.0, "precision": pytest.approx(2 / 3)},
        {"recall": 1.0, "precision": 0.5},
    ]
    assert [point["share of others called"] for point in found["roc"]] == [0.0, 0.5, 1.0]
    assert [(point["share called"], point["lift"]) for point in found["lift"]] == [
        (0.25, 2.0), (0.75, pytest.approx(4 / 3)), (1.0, 1.0),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=300))
def test_law_the_area_below_the_curve_is_the_auroc_and_its_end_everybody(pairs):
    attrited = np.array([gone for gone, _ in pairs], dtype=np.int64)
    if not 0 < attrited.sum() < len(attrited):
        return
    scores = np.array([float(score) for _, score in pairs])
    found = curves(rows(attrited.tolist()), scores)
    assert len(found["roc"]) <= POINTS
    assert found["lift"][-1] == {"share called": 1.0, "lift": 1.0}
    x, y = ([0.0, *(point[name] for point in found["roc"])] for name in ("share of others called", "recall"))
    assert np.trapezoid(y, x) == pytest.approx(areas(attrited, scores)["auroc"])
