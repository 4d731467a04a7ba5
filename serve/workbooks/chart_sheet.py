"""A sheet of tables, one below the other, each with its chart beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter import Workbook

from configs.published import Run
from serve.texts.wording import Wording
from serve.workbooks.layout import styles

LONGEST_TITLE = 31  # characters of a sheet's name, by Excel
CHART_ROWS = 17  # that a chart covers beside its table
COLUMNS, FIRST, OTHERS = 20, 26, 14  # how many have a width; that of the first, and of the others
LABELS = 18  # that an axis has room for
NAVY, AMBER, UP, DOWN, RAIL = "#1F3A5F", "#C98A1B", "#2F6B3C", "#B4232A", "#D5DBE1"
NO_FILL = ""


@dataclass(frozen=True)
class Table:
    """The place of a table: the first and the last row of its values, and the style of each column's cells.

    Column 0 holds the names.
    """

    first: int
    last: int
    kinds: tuple[str, ...]


class ChartSheet:
    """Writes one sheet from the top down; money is given in minor units, ``names`` by dimension and cell."""

    def __init__(
        self,
        workbook: Workbook,
        words: Wording,
        run: Run,
        titles: tuple[str, str],
        names: Mapping[tuple[str, str], str],
    ) -> None:
        self.workbook, self.words, self.run = workbook, words, run
        self.style = styles(workbook, words("font"), words("excel.money"))
        self.less = styles(workbook, words("font"), words("excel.money.less"))["money"]
        self.names = names
        self.title = titles[0][:LONGEST_TITLE]
        self.sheet = workbook.add_worksheet(self.title)
        self.sheet.hide_gridlines(2)
        self.sheet.set_landscape()
        self.sheet.set_paper(9)  # A4
        self.sheet.fit_to_pages(1, 0)
        self.sheet.set_column(0, 0, FIRST)
        self.sheet.set_column(1, COLUMNS, OTHERS)
        facts = [words("monday", day=words.day(run.snapshot_date))]
        facts += [words.currency(run.base_currency)] if run.has_money else []
        self.sheet.write_string(0, 0, f"{titles[1]} · {titles[0]}", self.style["title"])
        self.sheet.write_string(1, 0, " · ".join(facts), self.style["facts"])
        self.sheet.write_string(
            2, 0, words("run_of_page", run=run.run_id, model=run.model_id), self.style["small"]
        )
        self.free = 4

    def term(self, dimension: str, cell: str) -> str:
        """A cell of a dimension in words: as the bank names its managers and segments, or by the texts."""
        if not cell:
            return self.words("branch.nobody" if dimension == "manager" else "not_known")
        return self.names.get((dimension, cell)) or self.words.term(dimension, cell)

    def columns(self, kinds: Mapping[str, str]) -> list[tuple[str, str]]:
        """The columns of a table by the keys of their headings, with the style of their cells."""
        return [(self.words(key), kind) for key, kind in kinds.items()]

    def note(self, text: str) -> None:
        """A line below what stands there."""
        self.sheet.write_string(self.free, 0, text, self.style["small"])
        self.free += 2

    def table(
        self, heading: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], note: str = ""
    ) -> Table:
        """A table under a heading, below what stands there; None leaves a cell empty.

        A column is its heading and the style of its cells.
        """
        top = self.free
        self.sheet.write_string(top, 0, heading, self.style["facts"])
        if note:
            top += 1
            self.sheet.write_string(top, 0, note, self.style["small"])
        top += 1
        self.sheet.set_row(top, 28)
        for place, (name, kind) in enumerate(columns):
            self.sheet.write_string(top, place, name, self.style["head" if kind == "text" else "head_centre"])
        for number, row in enumerate(rows, start=top + 1):
            for place, (value, (_, kind)) in enumerate(zip(row, columns, strict=True)):
                self._write(number, place, value, kind)
        table = Table(top + 1, top + len(rows), tuple(kind for _, kind in columns))
        self.free = table.last + 3
        return table

    def chart(
        self,
        kind: str,
        table: Table,
        title: str,
        series: Mapping[int, str],
        subtype: str | None = None,
        floor: float = 0,
    ) -> None:
        """A chart beside a table: a series for each column, in a colour, or without a fill (NO_FILL).

        The upright axis begins at ``floor``, in whole currency of money.
        """
        chart: Any = self.workbook.add_chart({"type": kind} | ({"subtype": subtype} if subtype else {}))
        for column, colour in series.items():
            fill = {"color": colour} if colour else {"none": True}
            chart.add_series(
                {
                    "name": [self.title, table.first - 1, column],
                    "categories": [self.title, table.first, 0, table.last, 0],
                    "values": [self.title, table.first, column, table.last, column],
                    "line" if kind == "line" else "fill": fill,
                    "gap": 60,
                }
            )
        font = {"name": self.words("font"), "size": 9}
        chart.set_title({"name": title, "name_font": font | {"size": 11}})
        names = table.last - table.first + 1
        chart.set_x_axis({"num_font": font, "label_position": "low", "interval_unit": -(-names // LABELS)})
        lines = {"major_gridlines": {"visible": True, "line": {"color": RAIL}}}
        chart.set_y_axis({"num_font": font, "min": floor, "num_format": self._form(table, series)} | lines)
        left_out = [place for place, colour in enumerate(series.values()) if not colour]
        several = len(series) - len(left_out) > 1
        legend = {"position": "bottom", "font": font, "delete_series": left_out}
        chart.set_legend(legend if several else {"none": True})
        chart.set_size({"width": 620, "height": 320})
        top = table.first - 2
        self.sheet.insert_chart(top, len(table.kinds) + 1, chart, {"description": title})
        self.free = max(self.free, top + CHART_ROWS + 1)

    def _form(self, table: Table, series: Mapping[int, str]) -> str:
        """The format of an axis, which is that of the cells it measures."""
        kind = table.kinds[next(iter(series))]
        return {"money": self.words("excel.money"), "share": "0%"}.get(kind, "#,##0")

    def _write(self, row: int, column: int, value: Any, kind: str) -> None:
        if value is None:
            self.sheet.write_blank(row, column, None, self.style[kind])
        elif kind == "text":
            self.sheet.write_string(row, column, value, self.style[kind])
        else:
            form = self.less if kind == "money" and value < 0 else self.style[kind]
            self.sheet.write_number(row, column, value / 100 if kind == "money" else value, form)
