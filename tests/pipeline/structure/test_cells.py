"""The rows of each branch."""

import pandas as pd

from pipeline.structure.cells import by_branch


def test_each_branch_has_its_rows_and_the_bank_all() -> None:
    rows_of = by_branch(pd.DataFrame({"aum": [1, 2, 3, 4]}), ["B2", None, "B1", "B2"])
    assert [rows_of(branch)["aum"].tolist() for branch in ("B1", "B2", "B3")] == [[3], [1, 4], []]
    assert rows_of("")["aum"].tolist() == [1, 2, 3, 4]  # who has no branch is the bank's
    assert by_branch(pd.DataFrame(), ())("B1").empty
