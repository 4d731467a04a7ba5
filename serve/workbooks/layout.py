"""The look of the workbooks: cell styles, column widths, row heights and the printed page."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

# Of each font at 10 points of type: the width of a letter in digits, as columns count, and points of a line.
FONTS = {"Calibri": (0.88, 13.0), "Microsoft YaHei": (1.0, 14.5)}
PADDING = 7  # points kept free above and below the text of a row
FROZEN = 2  # columns that stay in sight
_BLOCKS = "▁▂▃▄▅▆▇█"

_INK, _GREY, _LINE, _NAVY, _PAPER = "#1F2933", "#6B7785", "#D5DBE1", "#1F3A5F", "#FFFBEA"
_BANDS = {
    "high": {"bg_color": "#F9D5D3", "font_color": "#9B1C1C"},
    "medium": {"bg_color": "#FDEBC8", "font_color": "#8A5A00"},
    "low": {"bg_color": "#E1EFE4", "font_color": "#2F6B3C"},
}
_CELL = {"valign": "vcenter", "bottom": 1, "bottom_color": _LINE}
_STYLES: dict[str, dict[str, Any]] = {
    "title": {"font_size": 16, "bold": True, "font_color": _NAVY, "valign": "vcenter"},
    "facts": {"font_size": 11, "valign": "vcenter"},
    "small": {"font_size": 9, "font_color": _GREY, "valign": "vcenter"},
    "head": {"bold": True, "font_color": "#FFFFFF", "bg_color": _NAVY, "text_wrap": True, "valign": "vcenter",
             "indent": 1},
    "text": _CELL | {"indent": 1},
    "id": _CELL | {"indent": 1, "shrink": True},  # a number cut off would be read as another one
    "wrapped": _CELL | {"text_wrap": True, "indent": 1},
    "count": _CELL | {"num_format": "#,##0", "align": "center"},
    "money": _CELL | {"align": "right", "indent": 1},
    "ratio": _CELL | {"num_format": "0.00", "align": "center"},
    "share": _CELL | {"num_format": "0.0%", "align": "center"},
    "input": _CELL | {"bg_color": _PAPER, "text_wrap": True, "left": 1, "left_color": _LINE},
    "input_day": _CELL | {"bg_color": _PAPER, "num_format": "yyyy-mm-dd", "align": "center", "left": 1,
                          "left_color": _LINE},
    # The blocks of some fonts are wider than those of others.
    "bars": _CELL | {"font_size": 11, "font_color": _NAVY, "align": "center", "shrink": True},
    "hidden": {},
}  # fmt: skip
_STYLES |= {f"share_{band}": _STYLES["share"] | {"bold": True} | colours for band, colours in _BANDS.items()}
_STYLES["money_bold"] = _STYLES["money"] | {"bold": True}
_STYLES["head_centre"] = _STYLES["head"] | {"align": "center", "indent": 0}
_STYLES["head_money"] = _STYLES["head"] | {"align": "right"}
# The branch's own customers stand out in the summary, its total is set off by a line.
_STYLES |= {f"own_{name}": _STYLES[name] | _BANDS["medium"] for name in ("text", "count", "money", "share")}
_STYLES |= {
    f"total_{name}": _STYLES[name] | {"bold": True, "top": 2, "top_color": _NAVY}
    for name in ("text", "count", "money", "share")
}

# The style and height of the rows above the headings.
_HEAD_ROWS = (("title", 30), ("facts", 20), ("small", 22))
# A heading stands over its column's values: left, right, or else in the middle.
_HEADS = {
    "text": "head",
    "id": "head",
    "wrapped": "head",
    "input": "head",
    "money": "head_money",
    "money_bold": "head_money",
}

Styles = dict[str, Format]


@dataclass(frozen=True)
class Column:
    """One column: its name for programs, heading, style, width in characters, and the cell of a row."""

    name: str
    heading: str
    style: str
    width: float
    cell: Callable[[Any], str | float]


def styles(workbook: Workbook, font: str, money_format: str) -> Styles:
    """The formats by name; ``money_format`` shows an amount as the language does, of a cell that is exact."""
    common = {"font_name": font, "font_size": 10, "font_color": _INK}
    formats = {
        name: style | {"num_format": money_format} if "money" in name and "head" not in name else style
        for name, style in _STYLES.items()
    }
    return {name: workbook.add_format(common | style) for name, style in formats.items()}


def text_width(text: str, letter: float = 1) -> float:
    """Width in characters; a Chinese one is as wide as two, a letter as one digit or a little less.

    >>> text_width("AUM 资产")
    8
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else letter for char in text)


def fitted(texts: Sequence[str], least: float, most: float) -> float:
    """The width that shows the longest of ``texts`` with room around it, within bounds."""
    return min(max([least, *(text_width(text) + 2.5 for text in texts)]), most)


def lines(text: str, width: float, letter: float = 1) -> int:
    """Number of lines that ``text`` takes in a column: breaks between words, and anywhere in Chinese.

    >>> lines("money went to other banks", 12)
    3
    """
    count = 0
    for paragraph in text.split("\n"):
        count, used = count + 1, 0.0
        for word in _words(paragraph):
            if used and used + text_width(word.rstrip(), letter) > width:
                count, used = count + 1, 0
            used += text_width(word, letter)
    return count


def bars(values: Sequence[int]) -> str:
    """One block per value, from zero up: half the height is half of the largest.

    Text, so that it is sorted with its row and printed by every program; not all draw Excel's own lines.

    >>> bars([8, 7, 4, 0])
    '█▇▄▁'
    """
    most = max(values, default=0)
    return "".join(_BLOCKS[max(8 * value // most - 1, 0) if most > 0 else 0] for value in values)


def row_height(texts: Sequence[tuple[str, float]], font: str) -> float:
    """Points that show each text whole in its width, and leave room to write by hand beside short ones.

    Some of a width is the cell's indent and margin. Rows without a height of their own are one line high in
    LibreOffice, so that wrapped texts overprint each other; XlsxWriter fits widths alone.
    """
    letter, line = FONTS[font]
    return line * max([2, *(lines(text, width - 1.5, letter) for text, width in texts)]) + PADDING


def head(sheet: Worksheet, columns: Sequence[Column], style: Styles, texts: Sequence[str]) -> int:
    """Title, facts, source, a hidden row of the columns' names, and the headings, whose row is returned."""
    for row, (text, (name, height)) in enumerate(zip(texts, _HEAD_ROWS, strict=True)):
        sheet.set_row(row, height)
        sheet.write_string(row, 0, text, style[name])
    names, start = len(texts), len(texts) + 1
    sheet.set_row(names, None, None, {"hidden": True})
    sheet.set_row(start, 34)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, column.width, None, {"hidden": column.style == "hidden"})
        sheet.write_string(names, number, column.name)
        sheet.write_string(start, number, column.heading, style[_HEADS.get(column.style, "head_centre")])
    return start


def page(sheet: Worksheet, head_row: int, footer: Sequence[str]) -> None:
    """Landscape A4, one page wide, headings on every page; ``footer`` stands left and right."""
    sheet.hide_gridlines(2)
    sheet.freeze_panes(head_row + 1, FROZEN)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=0.3, right=0.3, top=0.4, bottom=0.55)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head_row)
    left, right = footer
    sheet.set_footer(f"&L&8{left.replace('&', '&&')}&R&8{right}")


def _words(text: str) -> list[str]:
    """Pieces that are not broken: a word with the blanks after it, or one Chinese character."""
    pieces: list[str] = []
    for char in text:
        joins = pieces and text_width(char) == 1 and text_width(pieces[-1][-1]) == 1
        if joins and (char == " " or not pieces[-1].endswith(" ")):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces
