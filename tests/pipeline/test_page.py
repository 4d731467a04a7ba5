import pandas as pd
import pytest

from pipeline.charts import against, bars, lines
from pipeline.page import Section, page, table

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
