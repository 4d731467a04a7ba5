"""Widths and heights worked out by hand."""

import pytest

from serve.layout import LINE_HEIGHT, PADDING, fitted, lines, row_height, text_width


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
    assert row_height(["a", "资金已转往他行" * 3], 16) == 3 * LINE_HEIGHT + PADDING


def test_a_column_fits_its_longest_text_within_bounds():
    assert fitted(["a", "资产资产资产"], 5, 40) == 14.5
    assert fitted(["a"], 5, 40) == 5
    assert fitted(["a" * 99], 5, 40) == 40
