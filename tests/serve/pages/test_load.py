"""What a branch head and head office read of coverage and load."""

import json
from dataclasses import replace

import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.load import (
    BranchLoad,
    CallOutcomes,
    CallsPerManager,
    Care,
    Leaver,
    Load,
    ManagerLoad,
)
from serve.store.read_session import ReadSession

CARE = Care("", 240, 7_000_000_00, 60_000_00, asked=200, overdue=50, longest_days=77, calls=31.5)
FIRST = ManagerLoad(replace(CARE, name="M1"), 23.5, 20, 3.5, CallOutcomes(40, 8, 10.0, 0.91, 0.52, 1.37))
SECOND = ManagerLoad(replace(CARE, name="M2", asked=40, overdue=0, longest_days=364), 8.0, None, 0.0, None)
SPREAD = CallsPerManager(2, 15.75, 1.49, 0.25)
ALIKE = CARE, replace(CARE, customers=17), (replace(CARE, name="steady"),), (replace(CARE, name="affluent"),)
LEFT = Leaver("M0", 12, 5, 900_00), Leaver("M00", 3, 0, 100_00)
BRANCH = Load(*ALIKE, (FIRST, SECOND), (), 1, SPREAD, LEFT)
BANK = Load(*ALIKE, (), (BranchLoad(replace(CARE, name="B1"), 17, 1, SPREAD),), 1, SPREAD, ())


@pytest.fixture
def stored(monkeypatch):
    def content(_self, branch_id, _name):
        return json.loads(json.dumps(as_object(BRANCH if branch_id else BANK)))

    monkeypatch.setattr(ReadSession, "branch_figures", content)


def text_of(caller, path, language="en"):
    answer = caller.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return " ".join(answer.text.split())


@pytest.mark.usefixtures("stored")
def test_the_load_of_a_branch_and_of_the_bank(signed_in):
    head = signed_in("branch_head", branch_id="B1")
    text = text_of(head, "/branches/B1/figures/load")
    for words in (
        "1 of 2 managers are asked for more calls than they can make",
        "Of the 200 customers to whom a contact is due, 75% were contacted in time; 50 are waiting.",
        "15.8 calls a week on average, the busiest for 1.5 times as many.",
        "23.5 / 20", "by 3.5 calls", "0.91 (0.52–1.37) of 40", "8.0 / –", "a year or more", ">17<",
        'class="fill over"', "/lists/M1/customers?run=", "/branches/B1/portfolio?segment=steady",
        '<a href="/branches/B1/handovers?run=',
    ):  # fmt: skip
        assert words in text, words
    assert text.count("/branches/B1/handovers?run=") == 1  # who left nobody behind hands nobody over
    chinese = text_of(head, "/branches/B1/figures/load", "zh")
    for words in (
        "2名客户经理中，1名的应联系量超出工作量上限",
        "超出3.5次",
        "0.91（0.52–1.37），共40人",
        "一年以上",
    ):
        assert words in chinese, words
    text = text_of(signed_in("head_office"), "/bank/load")
    for words in ("1 of 2 managers", "/branches/B1/figures/load?run=", "1 / 2", "0.25"):
        assert words in text, words
    assert "/portfolio" not in text  # head office sees no customer


def test_a_bank_without_load_has_a_page_all_the_same(signed_in, monkeypatch):
    quiet = replace(BRANCH, managers=(), spread=None, overloaded=0, departures=())
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: json.loads(json.dumps(as_object(quiet))))
    text = text_of(signed_in("branch_head", branch_id="B1"), "/branches/B1/figures/load")
    assert "No manager is asked for more calls than can be made" in text


def test_a_bank_without_managers_and_branches_says_so(signed_in, monkeypatch):
    whole = replace(BANK, unassigned=CARE, branches=(BranchLoad(CARE, 240, 0, None),), spread=None)
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: json.loads(json.dumps(as_object(whole))))
    text = text_of(signed_in("head_office"), "/bank/load")
    assert "No customer has a manager" in text
    assert 'id="load-branches"' not in text


def test_a_bank_that_knows_of_no_contact_shows_no_zero_of_overdue_ones(signed_in, monkeypatch):
    nothing = replace(CARE, asked=0, overdue=0, longest_days=0, calls=0.0)
    whole = replace(
        BANK, total=nothing, segments=(replace(nothing, name="steady"),), branches=(), overloaded=0
    )
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: json.loads(json.dumps(as_object(whole))))
    text = text_of(signed_in("head_office"), "/bank/load")
    assert "no contact with anybody is known yet" in text
    assert ">0<" not in text
    assert ">0.0<" not in text
