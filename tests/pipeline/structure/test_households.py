"""Households by hand: members added up, in the tier of the sum, of a branch its own members alone."""

import pyarrow as pa

from configs.bank_folder import load_settings
from configs.branch_figures.structure import Households, HouseholdTier
from pipeline.structure.households import households_by_branch

ROWS = [
    # H1: 300,000 and 250,000 make it affluent, one manager. H2 lives in two branches, with two managers.
    ("H1", "B1", "M1", 300_000_00), ("H1", "B1", "M1", 250_000_00),
    ("H2", "B1", "M1", 900_000_01), ("H2", "B2", "M2", 100_000_00),
    ("H3", "B2", None, -5_00), (None, "B1", "M1", 7_000_000_00),
]  # fmt: skip
NAMES = ["household_id", "branch_id", "manager_id", "aum_minor"]


def test_households_and_their_tiers() -> None:
    present = pa.table(dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True)))
    found = households_by_branch(load_settings("demo"), present)
    affluent = HouseholdTier("affluent", 1, 2, 550_000_00)
    assert found[""] == Households(
        3, 5, 1, (HouseholdTier("mass", 1, 1, -5_00), affluent, HouseholdTier("wealth", 1, 2, 1_000_000_01))
    )
    assert found["B1"] == Households(2, 3, 0, (HouseholdTier("affluent", 2, 3, 1_450_000_01),))
    assert found["B2"].tiers == (HouseholdTier("mass", 2, 2, 99_995_00),)
    assert households_by_branch(load_settings("demo"), present.slice(5)) == {}
