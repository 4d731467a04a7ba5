"""The expected movement as a branch head reads it."""

import json
from typing import Any

import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.expected import ComparedQuarter, Expected, ExpectedMatrix, ObservedMatrix
from configs.branch_figures.movement import Movement
from serve.store.read_session import ReadSession

MATRIX = ExpectedMatrix(
    "tier", ("mass", "affluent", ""), ((40.2, 3.4, 0.0, 1.4), (2.6, 77.0, 0.0, 0.4), (0.0,) * 4),
    ((36, 0, 0, 0), (0, 73, 0, 0), (0,) * 4), ((44, 8, 0, 4), (6, 80, 0, 2), (0,) * 4),
    ((4_000_00, 900_00, 0, 100_00), (1_000_00, 70_000_00, 0, 200_00), (0,) * 4),
    ((0,) * 4,) * 3, ((0,) * 4,) * 3,
)  # fmt: skip
OBSERVED = ObservedMatrix("tier", ((41, 12, 0, 1), (3, 76, 0, 1), (0,) * 4), ((5_000_00,) * 4,) * 3, 5, 6)
AHEAD = Expected("2026-10-26", "2027-01-25", 4, (MATRIX,))
BEHIND = Expected("2026-07-27", "2026-10-26", 1, (MATRIX,))


@pytest.fixture
def page(signed_in, monkeypatch):
    """The page of a branch's movement, with these parts, in a language."""

    def show(language: str = "en", **parts: Any) -> str:
        content = json.loads(json.dumps(as_object(Movement("2026-10-26", (), **parts))))
        monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: content)
        client = signed_in("branch_head", branch_id="B1")
        answer = client.get("/branches/B1/figures/movement", headers={"Accept-Language": language})
        assert answer.status_code == 200
        return " ".join(answer.text.split())

    return show


def test_the_quarter_ahead_and_the_one_that_came(page):
    text = page(expected=AHEAD, compared=ComparedQuarter(BEHIND, (OBSERVED,)))
    for words in (
        "Expected over the next 13 weeks", "from 26 Oct 2026 to 25 Jan 2027", "77 <small>73–80</small>",
        "from 26 Oct", "5 of 6 cells lie inside their range", "<b>12 *</b> <small>0–8</small>",
    ):  # fmt: skip
        assert words in text, words
    assert "too narrow" not in text
    chinese = page("zh", expected=BEHIND)
    for words in ("未来13周预期迁移", "只有一个季度", "暂无可比数据"):
        assert words in chinese, words


def test_a_bank_that_counts_customers_expects_no_aum(page, monkeypatch):
    monkeypatch.setattr("configs.published.Run.has_money", False)
    text = page(expected=AHEAD, compared=ComparedQuarter(BEHIND, (OBSERVED,)))
    assert "77 <small>73–80</small>" in text
    assert "AUM" not in text


def test_no_expectation_says_so(page):
    text = page()
    assert "Nothing can be expected yet" in text
    assert "nothing to compare yet" in text
