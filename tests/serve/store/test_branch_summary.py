"""A branch by who is in charge, against sums worked out here."""

import pytest

from configs.published import Exclusion, Manager
from serve.store.branch_summary import BranchRow, branch_rows
from serve.store.scope import Reach, Scope

pytestmark = pytest.mark.either_store


def test_a_branch_by_manager_with_those_of_nobody_last(published):
    """M1 has c1 to c4, of whom c4 and c1 are listed and c3 is no high risk; c5 is on the branch's own
    list.
    """
    with published.at_run() as read_session:
        assert branch_rows(read_session, "B1") == (
            BranchRow("M1", "张伟", 4, 3, 1_800_00, 4 * 1_843_200_50, listed=2),
            BranchRow(None, "", 1, 1, 700_00, 1_843_200_50, listed=1),
        )
        assert branch_rows(read_session, "B9") == ()
    with published.at_run(scope=Scope(Reach.BRANCH, "B2")) as read_session:
        assert branch_rows(read_session, "B1") == ()


def test_a_manager_without_customers_stands_there_too(store, make_run, make_score, make_lists):
    managers = [Manager("M1", "张伟", "B1", 2), Manager("M2", "李娜", "B1", 2)]
    scores = [make_score("c1", manager_id="M1")]
    store.publish(make_run(cohort=1), scores, (Exclusion("c6", "too_new"),), make_lists(scores, managers))
    with store.at_run() as read_session:
        counted = [(one.manager_id, one.customers) for one in branch_rows(read_session, "B1")]
        assert counted == [("M1", 1), ("M2", 0)]
