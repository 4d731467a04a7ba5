import pandas as pd
import pytest

from configs.bank_folder import load_settings
from pipeline.evaluation.page import (
    bars,
    calibration,
    lines,
    money_parts,
    page,
    ranked,
    timeline,
)
from pipeline.evaluation.page_templates import number, percent
from serve.texts.wording import Wording


def test_a_number_has_its_form_or_four_decimals_and_an_unknown_one_is_empty():
    assert (number(0.1234, ".1%"), number(1234567.0), number(2.5), number(7), number("B1")) == (
        "12.3%", "1,234,567", "2.5", "7", "B1",
    )  # fmt: skip
    assert (number(None, ".1%"), number(float("nan")), percent(None), percent(0.125)) == ("", "", "", "12.5")


@pytest.fixture
def backtest_html(figures) -> str:
    chart = lines([{"tier": "a", "money": 1.0}], "tier", "money")
    return page(
        "backtest.html", load_settings("demo"), charts=[chart], origins=[], every_weeks=13,
        as_of="2026-11-16", refused={"2026-02-16": "<b>none</b>"}, together=figures,
    )  # fmt: skip


def test_a_page_fetches_nothing_has_no_script_and_escapes_what_is_not_its_own(backtest_html):
    for hole in ("<script", 'src="', "<b>"):
        assert hole not in backtest_html
    assert "&lt;b&gt;none" in backtest_html
    assert backtest_html.count("<svg") == 4


def test_the_sections_are_named_above_with_links_to_them(backtest_html):
    assert '<li><a href="#s2">After all origins together</a></li>' in backtest_html
    assert '<section id="s2">\n<h2>After all origins together</h2>' in backtest_html


def test_many_branches_are_shown_as_the_largest_and_the_others_together(figures):
    branches = [
        {"branch": f"B{k:02d}", "predicted": 1e6 * k, "realised": 5e5, "ratio": 2.0 * k} for k in range(1, 24)
    ]
    figures["money"] = figures["money"] | {"branches": branches}
    rows, _ = money_parts(figures, Wording("en"))[2]
    assert [row["branch"] for row in rows] == [*(f"B{k:02d}" for k in range(4, 24)), "3 others"]
    assert (rows[-1]["predicted"], rows[-1]["realised"], rows[-1]["ratio"]) == (6e6, 1.5e6, 4)


@pytest.mark.parametrize("draw", [lines, bars, calibration], ids=lambda draw: draw.__name__)
def test_a_chart_names_its_axes_and_is_drawn_the_same_twice(draw):
    frame = pd.DataFrame({"predicted": [1.0, 2.0, 3.0], "realised": [1.0, 3.0, 2.0], "tier": ["a", "b", "b"]})
    svg = draw(frame, "predicted", "realised", "tier", title="Money")
    assert draw(frame, "predicted", "realised", "tier", title="Money") == svg
    for text in ("predicted", "realised", "Money", ">a<"):
        assert text in svg


def test_bars_from_the_left_and_a_line_of_days_keep_the_order_of_the_rows():
    gains = pd.DataFrame({"feature": ["z_long_name", "a_long_name"], "gain": [0.7, 0.3]})
    svg = ranked(gains, "feature", "gain", "Features")
    assert svg.index("z_long_name") < svg.index("a_long_name")
    days = pd.DataFrame(
        {"Monday": pd.to_datetime(["2024-03-04", "2024-03-11"]), "used": ["fitted", "calibrated"]}
    )
    svg = timeline(days, "Monday", "used")
    assert svg.index("fitted") < svg.index("calibrated")


def test_short_texts_lie_flat_below_their_bars_and_many_do_not():
    two = pd.DataFrame({"branch": ["B1", "B2"], "n": [1, 2]})
    many = pd.DataFrame({"branch": [f"branch {k:03d}" for k in range(40)], "n": 1})
    assert bars(two, "branch", "n").count("rotate(-90)") == 1  # the title of the axis stands
    assert bars(many, "branch", "n").count("rotate(") > 20
