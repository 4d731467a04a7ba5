"""Pages that a run writes: one self-contained HTML file each, the same bytes for the same content.

Their charts are SVG text, drawn in this process, without browser or network. Importing this takes half a
second, so it is imported where something is drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from markupsafe import Markup

from configs.published import Language
from configs.settings import Settings
from pipeline.evaluation.figures import DRAWS
from pipeline.evaluation.page_templates import TEMPLATES, named
from serve.texts.wording import Wording

Figures = Mapping[str, Any]
SHOWN = 20  # branches on a page; a chart has room for no more
Rows = Sequence[Mapping[str, Any]] | pd.DataFrame
WIDTH, HEIGHT = 440, 240  # pixels; two stand side by side on a page of 1280
COLOURS = ["#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#7f7f7f"]  # told apart in grey print too


def page(template: str, settings: Settings, language: Language = "en", **context: Any) -> str:
    """The whole page as HTML text; nothing in it is fetched from anywhere, and it has no script."""
    w = Wording(language, lambda: settings.list_terms.tiers)
    return TEMPLATES.get_template(template).render(
        settings=settings, language=language, w=w, titles=[], **context
    )


def money_parts(figures: Figures, w: Wording) -> list[tuple[list[Figures], Markup]]:
    """By tenth, tier and branch: a row of money predicted and realised per group, and their chart.

    What was realised of a tenth may lie between two sums by chance.
    """
    money = figures["money"]
    tenths: list[Figures] = []
    for k, sums in enumerate(money["deciles"], start=1):
        low, high = figures["intervals"].get(f"left.tenth_{k}", (None, None))
        tenths.append({"tenth": str(k), **sums, "low": low, "high": high})
    tiers: list[Figures] = [{**row, "tier": w.term("tier", row["tier"])} for row in money["tiers"]]
    branches = _largest(money["branches"], w)
    parts = {"tenth": tenths, "tier": tiers, "branch": branches}
    order = ("predicted", "realised", "ratio", "low", "high")
    tables: dict[str, list[Figures]] = {
        name: [{key: row[key] for key in (name, *order) if key in row} for row in rows]
        for name, rows in parts.items()
        if rows
    }
    return [(rows, _side_by_side(rows, name, w)) for name, rows in tables.items()]


def _side_by_side(rows: Sequence[Figures], name: str, w: Wording) -> Markup:
    group, millions = named(w, name), named(w, "millions")
    pairs = [
        {group: row[name], millions: row[kind] / 1e6, "kind": named(w, kind)}
        for row in rows
        for kind in ("predicted", "realised")
    ]
    return bars(pairs, group, millions, "kind", w("report.money.by", group=group))


def _largest(branches: Sequence[Figures], w: Wording) -> list[Figures]:
    """The ``SHOWN`` branches of the most predicted money in their order, and all others as one."""
    largest = sorted(branches, key=lambda row: -row["predicted"])[:SHOWN]
    kept, others = ([row for row in branches if (row in largest) == shown] for shown in (True, False))
    if not others:
        return kept
    predicted, realised = (sum(row[kind] for row in others) for kind in ("predicted", "realised"))
    ratio = predicted / realised if realised else None
    name = w("report.others", count=len(others))
    return [*kept, {"branch": name, "predicted": predicted, "realised": realised, "ratio": ratio}]


def lines(rows: Rows, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One line per value of ``by`` (without it one line), with dots if few; ``x`` may be numbers or texts."""
    return _svg(_encoded(_chart(rows, title).mark_line(point=len(rows) < 50), x, y, by))


def bars(rows: Rows, x: str, y: str, by: str | None = None, title: str = "") -> Markup:
    """One bar per row; where ``by`` is given, bars of one ``x`` stand side by side."""
    chart = _encoded(_chart(rows, title).mark_bar(), x, y, by)
    return _svg(chart.encode(xOffset=alt.XOffset(by, type="nominal", sort=None)) if by else chart)


def ranked(rows: Rows, name: str, value: str, title: str = "") -> Markup:
    """One bar per row from the left, in the order of the rows: for names too long to stand below a bar."""
    down = alt.Y(name, type="nominal", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    across = alt.X(value, type="quantitative", title=value)
    return _svg(
        _chart(rows, title).mark_bar(color=COLOURS[0]).encode(x=across, y=down), width=WIDTH // 2 + 50
    )


def points(rows: Rows, name: str, value: str, shade: str) -> Markup:
    """A dot per row, a line of dots per value of ``name``; ``shade`` from 0 (blue) to 1 (red), unknown grey.

    Dots lie a little off their line, by the golden ratio, so that equal ones are seen.
    """
    frame = pd.DataFrame(rows)
    frame["off"] = [place * 0.618034 % 1 for place in range(len(frame))]
    colour = alt.Color(
        shade, type="quantitative", scale=alt.Scale(range=["#2c7bb6", "#d7191c"], domain=[0, 1]), legend=None
    )
    grey = alt.condition(alt.datum[shade] == None, alt.value("#aaa"), colour)  # noqa: E711
    down = alt.Y(name, type="nominal", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    chart = alt.Chart(frame).mark_circle(size=14, opacity=0.7)
    chart = chart.encode(x=alt.X(value, type="quantitative"), y=down, yOffset="off:Q", color=grey)
    return _svg(chart, width=2 * WIDTH - 160, height=26 * frame[name].nunique())


def timeline(rows: Rows, day: str, kind: str) -> Markup:
    """One mark per row on a line of days, a line per value of ``kind``."""
    across = alt.X(day, type="temporal", title=None, axis=alt.Axis(format="%Y-%m", tickCount="month"))
    down = alt.Y(kind, type="nominal", title=None, sort=None)
    colour = alt.Color(kind, type="nominal", sort=None, scale=alt.Scale(range=COLOURS), legend=None)
    chart = _chart(rows).mark_tick(thickness=2, size=16).encode(x=across, y=down, color=colour)
    return _svg(chart, width=2 * WIDTH, height=90)


def calibration(rows: Rows, predicted: str, observed: str, by: str | None = None, title: str = "") -> Markup:
    """A dot per row where predicted (x) and observed (y) meet, and the diagonal on which they agree.

    Neither may be negative: both axes are square roots, since most customers crowd near 0.
    """
    dots = _chart(rows, title).mark_point(filled=True, size=60)
    top = float(dots.data[[predicted, observed]].to_numpy().max())
    diagonal = _chart([{predicted: end, observed: end} for end in (0.0, top)]).mark_line(color="#999")
    root = alt.Scale(type="sqrt", domain=[0.0, top])
    across = alt.X(predicted, type="quantitative", scale=root)
    up = alt.Y(observed, type="quantitative", scale=root)
    colour = {"color": _colour(dots, by)} if by else {}
    return _svg(alt.layer(diagonal.encode(x=across, y=up), dots.encode(x=across, y=up, **colour)))


def _chart(rows: Rows, title: str = "") -> alt.Chart:
    return alt.Chart(pd.DataFrame(rows), title=title)


def _encoded(chart: alt.Chart, x: str, y: str, by: str | None) -> alt.Chart:
    """The axes, each with its column's name; texts keep the order of the rows."""
    column = chart.data[x]
    if pd.api.types.is_numeric_dtype(column):
        across = alt.X(x, type="quantitative", title=x, sort=None)
    else:
        texts = column.drop_duplicates().dropna()
        # Texts lie flat below the axis as long as they have room there.
        angle: dict[str, Any] = {"labelAngle": 0} if 8 * texts.str.len().sum() < WIDTH else {}
        across = alt.X(x, type="ordinal", title=x, sort=None, axis=alt.Axis(**angle))
        across = across.scale(domain=texts.tolist())  # one without a value keeps its place
    chart = chart.encode(x=across, y=alt.Y(y, type="quantitative", title=y))
    return chart.encode(color=_colour(chart, by)) if by else chart


def _colour(chart: alt.Chart, by: str) -> alt.Color:
    names = chart.data[by].drop_duplicates().tolist()
    return alt.Color(by, type="nominal", sort=names, scale=alt.Scale(range=COLOURS))


def _svg(chart: Any, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    # A reader's font may be wider than the one that the chart was laid out with.
    room = {"left": 20, "right": 5, "top": 5, "bottom": 5}
    sized = chart.properties(width=width, height=height, padding=room)
    sized = sized.configure_axis(labelFontSize=11, titleFontSize=11)
    return Markup(vl_convert.vegalite_to_svg(sized.configure_legend(orient="bottom", title=None).to_json()))


TEMPLATES.globals |= {"draws": DRAWS, "money_parts": money_parts}
