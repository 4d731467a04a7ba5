"""Pages that a run writes: one self-contained HTML file each, the same bytes for the same content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)


@dataclass(frozen=True)
class Table:
    """A table as it is shown: every cell a text; ``numbers`` names the columns that are set right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]
    numbers: frozenset[str]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """One heading and, below it, sentences, charts (SVG) and tables, in that order."""

    title: str
    texts: Sequence[str] = ()
    charts: Sequence[Markup] = ()
    tables: Sequence[Table] = ()


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None, caption: str = "") -> Table:
    """The rows of ``frame`` as texts; ``formats`` has a format per column, for example ``{"risk": ".1%"}``.

    Numbers without a format have at most four decimals; an unknown value is an empty cell.
    """
    formats = formats or {}
    numbers = [str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    rows = tuple(
        tuple((str(name), _cell(value, formats.get(str(name)))) for name, value in row.items())
        for row in frame.to_dict("records")
    )
    return Table(tuple(map(str, frame.columns)), rows, frozenset(numbers), caption)


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole page as HTML text; nothing in it is fetched from anywhere, and it has no script."""
    return _TEMPLATES.get_template("page.html").render(title=title, lead=lead, sections=sections)


def _cell(value: object, how: str | None) -> str:
    if value is None or value != value:  # NaN
        return ""
    if how:
        return format(value, how)
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
