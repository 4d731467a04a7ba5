"""Everybody in exactly one portfolio, by hand."""

from configs.call_lists import portfolios
from configs.published import Manager
from pipeline.lists.portfolios import with_stand_ins


def test_a_manager_without_customers_has_an_empty_portfolio_and_orphans_one_per_branch(make_score):
    scores = [
        make_score("a"),
        make_score("b", manager_id=None),
        make_score("c", manager_id=None, branch_id="B2"),
    ]
    managers = [Manager("M2", "", "B1", 5), Manager("M1", "", "B1", 5)]
    found = [
        (one.branch_id, one.manager, [who.customer_id for who in one.customers])
        for one in portfolios(scores, managers)
    ]
    assert found == [
        ("B1", managers[1], ["a"]),
        ("B1", managers[0], []),
        ("B1", None, ["b"]),
        ("B2", None, ["c"]),
    ]


def test_customers_of_no_branch_come_last(make_score):
    parts = portfolios(
        [make_score("a", branch_id=None, manager_id=None), make_score("b", manager_id=None)], []
    )
    assert [one.branch_id for one in parts] == ["B1", None]


def test_a_manager_the_bank_did_not_deliver_stands_in_at_the_branch_of_most_of_the_customers(make_score):
    own = [make_score(f"c{k}", manager_id="M9", branch_id="B2" if k else "B1") for k in range(3)]
    assert with_stand_ins(own, [], 7) == [Manager("M9", "", "B2", 7)]
