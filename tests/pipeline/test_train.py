"""Training refuses, before it fits anything, what no model could learn from."""

from datetime import date

import numpy as np
import pytest

from configs.errors import DataError
from configs.folder import load_settings
from models.matrix import Matrix
from models.splits import Split
from pipeline.train import fit_bundle

DAYS = (date(2024, 1, 1), date(2024, 6, 3), date(2024, 11, 4))


def rows_of(gone_within: list[int]) -> Matrix:
    """Two customers on each of three Mondays."""
    return Matrix(
        np.zeros((6, 1)),
        ("aum_last",),
        np.array(["C1", "C2"] * 3),
        np.repeat(np.array(DAYS, "datetime64[D]"), 2),
        np.array(gone_within, np.int16),
        np.full(6, 0.9),
        np.full(6, 600_000.0),
    )


@pytest.mark.parametrize(
    ("gone_within", "said"),
    [
        ([0, 0, 30, 0, 30, 0], "0 of 2 rows attrited within 90 days on the 1 Mondays that train"),
        ([30, 0, 0, 0, 30, 0], "0 of 2 rows .* that tune"),
        ([30, 0, 30, 0, 60, 30], "2 of 2 rows .* that judge"),
    ],
)
def test_a_definition_that_finds_nobody_or_everybody_is_named(gone_within: list[int], said: str) -> None:
    settings = load_settings("demo", {"label": {"definition": "closure"}})
    chosen = Split(*((day,) for day in DAYS))
    with pytest.raises(DataError, match=f"definition 'closure' {said}.*make definitions BANK=demo"):
        fit_bundle(settings, rows_of(gone_within), chosen, DAYS[-1], lambda *_: None)
