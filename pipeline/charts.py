"""Charts of the pages a run writes: SVG text, drawn in this process, without browser or network."""

from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

FLAT = 60  # letters that fit side by side below a chart
WIDTH, HEIGHT = 460, 240  # pixels; two stand side by side on a page of 1280
COLOURS = ["#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#7f7f7f"]  # told apart in grey print too


def lines(table: pd.DataFrame, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One line per value of ``by`` (without it one line), a dot per row; ``x`` may be numbers, days or texts."""
    return _drawn(_chart(table, title).mark_line(point=True), table, x, y, by)


def bars(table: pd.DataFrame, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One bar per row; where ``by`` is given, bars of one ``x`` stand side by side."""
    return _drawn(_chart(table, title).mark_bar(), table, x, y, by, beside=True)


def against(
    table: pd.DataFrame, predicted: str, realised: str, by: str | None = None, title: str = ""
) -> Markup:
    """A dot per row where predicted (x) and realised (y) meet, and the diagonal on which they agree."""
    import altair as alt

    top = float(table[[predicted, realised]].to_numpy().max())
    diagonal = pd.DataFrame({predicted: [0.0, top], realised: [0.0, top]})
    dots = _encoded(_chart(table, title).mark_point(filled=True, size=60), table, predicted, realised, by)
    return _svg(
        alt.layer(_encoded(alt.Chart(diagonal).mark_line(color="#999"), diagonal, predicted, realised), dots)
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

    texts = [text for text in table[x].unique() if isinstance(text, str)]
    across = alt.X(x, type=_kind(table[x]), title=x, sort=None)
    if texts:  # one without a value keeps its place
        across = across.scale(domain=texts)
    if 0 < sum(map(len, texts)) <= FLAT:
        across = across.axis(labelAngle=0)
    made = chart.encode(x=across, y=alt.Y(y, type="quantitative", title=y))
    if by is None:
        return made
    names = table[by].drop_duplicates().tolist()
    return made.encode(color=alt.Color(by, type="nominal", sort=names, scale=alt.Scale(range=COLOURS)))


def _kind(column: "pd.Series[Any]") -> Literal["temporal", "quantitative", "ordinal"]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "temporal"
    return "quantitative" if pd.api.types.is_numeric_dtype(column) else "ordinal"


def _svg(chart: Any) -> Markup:
    import vl_convert

    drawn = chart.properties(width=WIDTH, height=HEIGHT).configure_axis(labelFontSize=11, titleFontSize=11)
    drawn = drawn.configure_legend(orient="bottom", title=None)
    return Markup(vl_convert.vegalite_to_svg(drawn.to_json()))
