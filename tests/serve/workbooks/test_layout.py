"""Widths and heights worked out by hand."""

import pytest

from serve.workbooks.layout import FONTS, PADDING, bars, fitted, lines, row_height, text_width


@pytest.mark.parametrize(("text", "width"), [("", 0), ("AUM", 3), ("资产", 4), ("4 周，转出", 10)])
def test_a_chinese_character_is_as_wide_as_two(text, width):
    assert text_width(text) == width


@pytest.mark.parametrize(
    ("text", "width", "count"),
    [
        ("short", 10, 1),
        ("moved to other banks", 11, 2),
        ("moved to other banks", 10, 3),
        ("资金已转往他行", 14, 1),
        ("资金已转往他行", 12, 2),
        ("持有 5 种产品", 7, 2),
    ],
)
def test_lines_break_between_words_and_anywhere_in_chinese(text, width, count):
    assert lines(text, width) == count


def test_a_row_is_as_high_as_its_longest_text():
    """Of 16 characters 14.5 hold text: seven Chinese ones a line, 21 in three lines."""
    (_, calibri), (_, yahei) = FONTS["Calibri"], FONTS["Microsoft YaHei"]
    assert row_height([("a", 3), ("资金已转往他行" * 3, 16)], "Microsoft YaHei") == 3 * yahei + PADDING
    assert row_height([("一\n二\n三\n四", 16), ("a", 3)], "Calibri") == 4 * calibri + PADDING
    assert row_height([], "Calibri") == 2 * calibri + PADDING


def test_letters_of_a_narrow_font_take_fewer_lines():
    """Three words of 6: 18 digits and two blanks do not fit into 18, at 0.88 a letter they take 17.6."""
    assert (lines("abcdef abcdef abcdef", 18), lines("abcdef abcdef abcdef", 18, 0.88)) == (2, 1)


def test_a_column_fits_its_longest_text_within_bounds():
    assert fitted(["a", "资产资产资产"], 5, 40) == 14.5
    assert fitted(["a"], 5, 40) == 5
    assert fitted(["a" * 99], 5, 40) == 40


@pytest.mark.parametrize(
    ("values", "drawn"), [((), ""), ((0, 0), "▁▁"), ((5, 5), "██"), ((-3, 16, 2, 3, 4, 15), "▁█▁▁▂▇")]
)
def test_bars_stand_on_zero(values, drawn):
    assert bars(values) == drawn
