"""What a branch head reads of a bridge, by hand."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from configs.branch_figures.contents import as_object
from configs.branch_figures.movement import (
    PARTS,
    Bridge,
    Movement,
    MovementMatrix,
    MovementPeriod,
    UnexplainedDay,
)
from configs.branch_figures.structure import Structure, StructureCell, StructureDimension, StructurePoint
from serve.pages.movement import STEPS, Step, moved_most, step_amount, steps
from serve.store.read_session import ReadSession

ALL = {f"{part}_minor" for part in PARTS}


def bridge(**moved: int) -> dict[str, Any]:
    parts = dict.fromkeys(ALL, 0) | {f"{name}_minor": amount for name, amount in moved.items()}
    closing = parts.get("opening_minor", 0) + sum(step_amount(parts, name) for name in STEPS)
    return parts | {"opening_minor": parts.get("opening_minor", 0), "closing_minor": closing}


def test_the_steps_lead_from_opening_to_closing_between_floor_and_top():
    """From 1000 over 1200 and 1100 down to 1000, and up to 1010; 15% of 200 lie below the lowest."""
    shown = steps(bridge(opening=1000, inflow=200, outflow=100, left=100, waiting=4, unexplained=6))
    assert [(step.name, step.amount) for step in shown] == [
        ("opening", 1000), ("inflow", 200), ("outflow", -100),
        ("left", -100), ("other", 10), ("closing", 1010),
    ]  # fmt: skip
    floor, top = 1000 - 0.15 * 200, 1200
    assert shown[1] == Step("inflow", 200, (1000 - floor) / (top - floor), 1.0)
    assert [step.end for step in shown[1:-1]][-1] == shown[-1].end
    assert all(0 <= place <= 1 for step in shown for place in (step.start, step.end))


def test_nothing_moved():
    assert [(step.name, step.start) for step in steps(bridge(opening=5))] == [
        ("opening", 0.0),
        ("closing", 0.0),
    ]


def test_what_moved_most_counts_in_and_out_together():
    assert moved_most(bridge(inflow=900, outflow=950, new=40)) == ("flows", -50)
    assert moved_most(bridge(inflow=900, outflow=950, left=60)) == ("left", -60)
    assert moved_most(bridge(market=-30, exchange=-40, bank=69)) == ("prices", -70)


WHOLE = Bridge(
    "", "", 100, 4, 2, 3, 1, 102, 90_000_00, 0, 4_000_00, 500_00, 20_000_00, 31_000_00, 100_00, 300_00,
    -50_00, 0, 1_234_00, 3_000_00, 200_00, 81_884_00, (UnexplainedDay("2026-10-20", 1_234_00, 1),),
)  # fmt: skip
TIER = replace(WHOLE, dimension="tier", cell="affluent", unexplained_days=())
MATRIX = MovementMatrix(
    "tier", ("mass", "affluent", ""), ((0,) * 5, (7, 80, 0, 1, 2), (0,) * 5, (0,) * 5, (0, 4, 0, 0, 0)),
    ((0,) * 5, (700_00, 80_000_00, 0, 200_00, 3_000_00), (0,) * 5, (0,) * 5, (0,) * 5), ((0,) * 5,) * 5,
)  # fmt: skip
MOVEMENT = Movement(
    "2026-10-26",
    (
        MovementPeriod(1, "2026-10-19", (WHOLE, TIER), ()),
        MovementPeriod(4, "2026-09-28", (replace(WHOLE, unexplained_days=()), TIER), (MATRIX,)),
    ),
)
CELLS = (StructureCell("affluent", 90, 60, 80_000_00, 0.98), StructureCell("", 12, 0, 1_884_00, 0.02))
POINTS = (StructurePoint("2026-10-19", 100, 59, 90_000_00), StructurePoint("2026-10-26", 102, 60, 81_884_00))
STRUCTURE = Structure(
    "2026-10-26", 102, 60, 81_884_00, 21, 0.61, (StructureDimension("tier", CELLS),), POINTS
)


@pytest.fixture
def page(signed_in, monkeypatch):
    """The text of a page of figures, by content, reader and language."""
    contents = {"structure": STRUCTURE, "movement": MOVEMENT}

    def stored(_: Any, __: str, name: str) -> dict[str, Any]:
        return json.loads(json.dumps(as_object(contents[name])))

    monkeypatch.setattr(ReadSession, "branch_figures", stored)

    def show(path: str, role: str = "branch_head", language: str = "en", **claims: str) -> str:
        answer = signed_in(role, **claims).get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return " ".join(answer.text.split())

    return show


def test_the_structure_of_a_branch(page):
    text = page("/branches/B1/figures/structure", branch_id="B1")
    for words in ("Share of AUM, top fifth", "61%", "wealthiest 21 of 102 customers", "By tier", "Affluent",
                  "not known", "98%", "80,000", "19 Oct 2026"):  # fmt: skip
        assert words in text, words
    assert 'href="/branches/B1/portfolio?tier=affluent' in text
    opens = "opens their list"
    assert (opens in text, opens in page("/bank/structure", role="head_office")) == (True, False)


def test_a_segment_with_the_code_of_a_stage_has_its_own_name(page, monkeypatch):
    cells = (StructureCell("growing", 90, 60, 80_000_00, 0.98), StructureCell("", 12, 0, 1_884_00, 0.02))
    both = replace(
        STRUCTURE, dimensions=tuple(StructureDimension(kind, cells) for kind in ("stage", "segment"))
    )
    stored = json.loads(json.dumps(as_object(both)))
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: stored)
    terms = SimpleNamespace(segments={"growing": ("New or growing", "新客或成长")}, min_drop=0.5)
    monkeypatch.setattr(ReadSession, "list_terms", lambda _: terms)
    text = page("/branches/B1/figures/structure", branch_id="B1")
    names = re.findall(r'<th scope="row">(.*?)</th>', text)
    assert names == ["Growing", "not known", "New or growing", "Without a risk score"]
    assert ">60</a>" in text  # the customers whom the link opens, not the 90


def test_the_movement_of_a_branch(page):
    text = page("/branches/B1/figures/movement", branch_id="B1")
    for words in (
        "4 weeks, since 28 Sep 2026", "AUM fell by 8,116 CNY (9.0%) to 81,884 CNY.",
        "Largest movement: customers took out 11,000 CNY more than they paid in.",
        "From 100 to 102 customers: 4 new, 3 left.", "Money in", "+20,000", "−31,000",
        "+1,234 on 20 Oct 2026 (customers: 1)", "From tier to tier", "To other branches",
        "80 <small>89%</small>",
    ):  # fmt: skip
        assert words in text, words
    chinese = page("/branches/B1/figures/movement", language="zh", branch_id="B1")
    for words in ("AUM减少8,116元", "转出比转入多1.1万元", "层级迁移", "资金转入"):
        assert words in chinese, words


def test_what_has_not_changed_neither_rose_nor_fell(page, monkeypatch):
    same = replace(WHOLE, opening_minor=WHOLE.closing_minor)
    content = as_object(Movement("2026-10-26", (MovementPeriod(1, "2026-10-19", (same,), ()),)))
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: json.loads(json.dumps(content)))
    text = page("/branches/B1/figures/movement", branch_id="B1")
    assert "AUM has not changed: 81,884 CNY." in text


def test_a_bank_that_counts_customers_reads_of_no_aum(page, monkeypatch):
    monkeypatch.setattr("configs.published.Run.has_money", False)
    for content in ("structure", "movement"):
        assert "AUM" not in page(f"/branches/B1/figures/{content}", branch_id="B1")


def test_a_small_change_is_not_called_none_where_amounts_are_rounded(page, monkeypatch):
    """Both ends of the bridge round to the same amount."""
    level = {"opening_minor": 80_000_00, "closing_minor": 80_000_00}
    periods = tuple(replace(each, bridges=(replace(WHOLE, **level),)) for each in MOVEMENT.periods)
    flat = json.loads(json.dumps(as_object(replace(MOVEMENT, periods=periods))))
    monkeypatch.setattr(ReadSession, "branch_figures", lambda *_: flat)
    rounded, whole = (page("/bank/movement", role=role) for role in ("head_office", "admin"))
    assert "it changed by less than rounding shows" in rounded
    assert "AUM has not changed" in whole


def test_head_office_sees_no_way_to_customers(page):
    text = page("/bank/movement", role="head_office")
    assert "Affluent" in text
    assert "portfolio" not in text
