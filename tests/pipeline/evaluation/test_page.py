import pandas as pd
import pytest

from pipeline.evaluation.charts import against, bars, lines, ranked, timeline
from pipeline.evaluation.page import Section, page, table

FRAME = pd.DataFrame({"tier": ["affluent", "<b>"], "risk": [0.1234, None], "money": [1234567.0, 2.5]})


def test_a_cell_is_formatted_escaped_and_empty_where_unknown():
    made = table(FRAME, {"risk": ".1%"})
    assert made.rows[0] == (("tier", "affluent"), ("risk", "12.3%"), ("money", "1,234,567"))
    assert made.rows[1][1:] == (("risk", ""), ("money", "2.5"))
    assert made.numbers == {"risk", "money"}
    html = page("Tiers", "Two rows.", [Section("By tier", tables=[made])])
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_a_page_fetches_nothing_and_has_no_script():
    html = page("T", "L", [Section("S", ["text"], [lines(FRAME.head(1), "tier", "money")])])
    assert "<script" not in html
    assert 'src="' not in html
    assert "<svg" in html


@pytest.mark.parametrize("draw", [lines, bars, against], ids=lambda one: one.__name__)
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
    few = pd.DataFrame({"branch": ["B1", "B2"], "n": [1, 2]})
    many = pd.DataFrame({"branch": [f"branch {k:03d}" for k in range(40)], "n": 1})
    assert "rotate(-90)" not in bars(few, "branch", "n").replace(
        "rotate(-90)", "", 1
    )  # the axis title stands
    assert bars(many, "branch", "n").count("rotate(") > 20
