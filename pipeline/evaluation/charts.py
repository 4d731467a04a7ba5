"""Charts of the pages a run writes: SVG text, drawn in this process, without browser or network."""

from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

WIDTH, HEIGHT = 440, 240  # pixels; two stand side by side on a page of 1280
COLOURS = ["#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#7f7f7f"]  # told apart in grey print too


def lines(table: pd.DataFrame, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One line per value of ``by`` (without it one line), a dot per row; ``x`` may be numbers, days or texts."""
    return _drawn(_chart(table, title).mark_line(point=True), table, x, y, by)


def bars(table: pd.DataFrame, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One bar per row; where ``by`` is given, bars of one ``x`` stand side by side."""
    return _drawn(_chart(table, title).mark_bar(), table, x, y, by, beside=True)


def ranked(table: pd.DataFrame, name: str, value: str, title: str = "") -> Markup:
    """One bar per row from the left, in the order of the rows: for names too long to stand below a bar."""
    import altair as alt

    down = alt.Y(name, type="nominal", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    across = alt.X(value, type="quantitative", title=value)
    made = _chart(table, title).mark_bar(color=COLOURS[0]).encode(x=across, y=down)
    return _svg(made, WIDTH // 2 + 50)


def timeline(table: pd.DataFrame, day: str, what: str, title: str = "") -> Markup:
    """One mark per row on a line of days, a line per value of ``what``."""
    import altair as alt

    made = _chart(table, title).mark_tick(thickness=2, size=16)
    across = alt.X(day, type="temporal", title=None, axis=alt.Axis(format="%b %Y", tickCount="month"))
    down = alt.Y(what, type="nominal", title=None, sort=None)
    colour = alt.Color(what, type="nominal", sort=None, scale=alt.Scale(range=COLOURS), legend=None)
    return _svg(made.encode(x=across, y=down, color=colour), 2 * WIDTH, 90)


def against(
    table: pd.DataFrame, predicted: str, realised: str, by: str | None = None, title: str = ""
) -> Markup:
    """A dot per row where predicted (x) and realised (y) meet, and the diagonal on which they agree.

    Neither may be negative: both axes are square roots, since most customers crowd near 0.
    """
    import altair as alt

    top = float(table[[predicted, realised]].to_numpy().max())
    diagonal = pd.DataFrame({predicted: [0.0, top], realised: [0.0, top]})
    line = alt.Chart(diagonal).mark_line(color="#999")
    dots = _chart(table, title).mark_point(filled=True, size=60)
    root = alt.Scale(type="sqrt", domain=[0.0, top])
    return _svg(
        alt.layer(
            *(
                _encoded(chart, rows, predicted, realised, group).encode(
                    x=alt.X(predicted, type="quantitative", scale=root),
                    y=alt.Y(realised, type="quantitative", scale=root),
                )
                for chart, rows, group in ((line, diagonal, None), (dots, table, by))
            )
        )
    )


def _chart(table: pd.DataFrame, title: str) -> Any:
    import altair as alt  # takes half a second, and only reports need it

    return alt.Chart(table, title=title)


def _drawn(chart: Any, table: pd.DataFrame, x: str, y: str, by: str | None, beside: bool = False) -> Markup:
    import altair as alt

    encoded = _encoded(chart, table, x, y, by)
    return _svg(
        encoded.encode(xOffset=alt.XOffset(by, type="nominal", sort=None)) if beside and by else encoded
    )


def _encoded(chart: Any, table: pd.DataFrame, x: str, y: str, by: str | None = None) -> Any:
    """The axes, each with its column's name; texts keep the order of the rows."""
    import altair as alt

    across = alt.X(x, type=_kind(table[x]), title=x, sort=None, axis=alt.Axis(**_angle(table[x])))
    texts = [text for text in table[x].unique() if isinstance(text, str)]
    if texts:  # one without a value keeps its place
        across = across.scale(domain=texts)
    made = chart.encode(x=across, y=alt.Y(y, type="quantitative", title=y))
    if by is None:
        return made
    names = table[by].drop_duplicates().tolist()
    return made.encode(color=alt.Color(by, type="nominal", sort=names, scale=alt.Scale(range=COLOURS)))


def _kind(column: "pd.Series[Any]") -> Literal["temporal", "quantitative", "ordinal"]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "temporal"
    return "quantitative" if pd.api.types.is_numeric_dtype(column) else "ordinal"


def _angle(column: "pd.Series[Any]") -> dict[str, Any]:
    """Texts lie flat below the axis as long as they have room there; numbers and days always do."""
    texts = column.drop_duplicates().astype(str)
    return {"labelAngle": 0} if _kind(column) == "ordinal" and 8 * texts.str.len().sum() < WIDTH else {}


def _svg(chart: Any, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    import vl_convert

    drawn = chart.properties(width=width, height=height).configure_axis(labelFontSize=11, titleFontSize=11)
    drawn = drawn.configure_legend(orient="bottom", title=None)
    return Markup(vl_convert.vegalite_to_svg(drawn.to_json()))
