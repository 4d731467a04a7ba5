"""The page of a replay."""

from typing import Any

from configs.settings import Settings
from models.baselines import RULES
from pipeline.evaluation.page import Figures, lines, page
from pipeline.replay.ways import CHANCE, LISTS, PUBLISHED, WAYS

# Ways in the words of the page.
NAMES = {
    LISTS: "the lists",
    "largest_drop": "rule: largest drop",
    "longest_silence": "rule: longest silence",
    "unusual_silence": "rule: unusual silence",
    CHANCE: "chance",
    PUBLISHED: "the lists, nobody called",
}

ONE_MONDAY = [PUBLISHED, *RULES, CHANCE]  # the ways of one Monday by itself


def replay_page(settings: Settings, result: Figures) -> str:
    """The whole page as HTML; ``result`` as ``run_replay`` writes it."""
    ways = [name for name in WAYS if name != PUBLISHED and name in result["ways"]]
    by_itself = [name for name in ONE_MONDAY if name in result["ways"]]
    return page(
        "replay.html",
        settings,
        result=result,
        names=NAMES,
        ways=ways,
        has_money=result["counts"] == "money",
        by_itself=by_itself,
        way_names=[NAMES[name] for name in ways],
        charts={"parts": _by_part(result, ways), "mondays": _by_monday(result, by_itself)},
    )


def _by_monday(result: Figures, ways: list[str]) -> Any:
    rows = [
        {"Monday": row["monday"], "%": 100 * row["ways"][way] / row["left"], "way": NAMES[way]}
        for way in ways
        for row in result["mondays"]
        if row["ways"] and row["left"]
    ]
    return lines(rows, "Monday", "%", "way", "Of who left after a Monday, on its lists, %") if rows else ""


def _by_part(result: Figures, ways: list[str]) -> Any:
    rows = [
        {"calls": part["ways"][way]["calls"], "%": 100 * part["ways"][way]["share"], "way": NAMES[way]}
        for way in ways
        for part in result["parts"]
    ]
    before = "the money began to move" if result["counts"] == "money" else "they had left"
    return lines(rows, "calls", "%", "way", f"Leavers on a list before {before}, %, by calls")
