"""Where the points of a chart lie."""

from datetime import date

import pytest

from serve.pages import charts


@pytest.mark.parametrize(
    ("highest", "values"),
    [
        (0.68, [0, 0.2, 0.4, 0.6, 0.8]),
        (0.043, [0, 0.02, 0.04, 0.06]),
        (3_810_000_00, [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000]),
        (1, [0, 0.25, 0.5, 0.75, 1]),
        (0, [0, 1]),
    ],
)
def test_axes_end_on_a_round_number_at_or_above_the_highest(highest, values):
    plot = charts.plot(highest)
    assert [round(value, 6) for _, value in plot.ticks] == values
    assert plot.ticks[0][0] == 220 - 26  # 0 lies on the ground
    assert plot.ticks[-1][0] == 12  # the highest mark under the upper edge


def test_classes_lie_one_upon_another():
    """Two weeks; 1 then 3 below, 1 and 1 above, of at most 4: the second begins where the first ends."""
    axes = charts.plot(4, width=186, height=138)  # 100 points high and, from 78, 100 wide
    assert charts.stacked({"demand": [1, 3], "term": [1, 1]}, axes) == {
        "demand": "M78 87L178 37L178 112L78 112Z",
        "term": "M78 62L178 12L178 37L78 87Z",
    }


def test_a_line_of_one_value_or_of_nothing_but_zeros_can_be_drawn():
    assert charts.line([5], 100, 20)[0] == "M1.5 1.5"
    assert charts.line([0, 0], 100, 20)[0] == "M1.5 18.5L98.5 18.5"


def test_mondays_keep_their_distance():
    """A week is left out: the third point lies at three quarters."""
    days = [date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 23), date(2026, 11, 30)]
    assert charts.days_apart(days) == [0, 0.25, 0.75, 1]
    assert charts.days_apart(days[:1]) == [0]


def test_words_beside_dots_stand_clear_of_other_dots_and_words():
    """Three dots close together above the level, one below it: the second of them moves two lines up."""
    heights = charts.heights_of_words([(100, 50), (140, 50), (150, 60), (400, 90)], 65)
    assert heights == [40, 24, 8, 110]
